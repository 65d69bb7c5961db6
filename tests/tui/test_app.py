"""The app from the outside: what the terminal shows and what reaches the guest."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from functools import partial

import pytest
from terminal.personality import XTERM
from terminal.terminal import Terminal

from spicetui.devices.audio_null import NullBackend
from spicetui.devices.audio_output import Output
from spicetui.errors import AuthError, ConnectError, TlsError
from spicetui.geometry import Rect
from spicetui.interfaces import Driver
from spicetui.keymap.keys import Button, Key, parse_combo
from spicetui.tui.special_keys import SpecialKeys
from spicetui.tui.start import report
from spicetui.wire.enums import KeyboardModifierFlags

from .fake_client import Desktop, FakeClient
from .running import Running, running


def status(terminal: Terminal) -> str:
    with terminal.lock:
        return str(terminal.screen.display[-1])


async def test_the_picture_is_shown_exactly() -> None:
    async with running() as run:
        await run.until_settled()
        await run.until(lambda: "Fake machine" in status(run.terminal) and "640x480" in status(run.terminal))
        assert "Ctrl+]  menu" in status(run.terminal)
        assert run.terminal.title == "Fake machine - spicetui"
        for _ in range(30):
            run.client.refresh(run.client.desktop.type_character())
        await run.until_settled()


async def test_a_new_size_of_the_guest_and_of_the_terminal() -> None:
    async with running() as run:
        await run.until_settled()
        run.client.desktop = Desktop(1024, 600)
        run.client.driver.display_init(run.client.desktop.surface)
        await run.until_settled()
        await run.until(lambda: "1024x600" in status(run.terminal))
        run.terminal.resize(120, 40)
        os.kill(os.getpid(), signal.SIGWINCH)
        await run.until(lambda: run.app.view.plane.size == (120, 39))
        await run.until_settled()
        run.terminal.resize(40, 12)
        os.kill(os.getpid(), signal.SIGWINCH)
        await run.until(lambda: run.app.view.plane.size == (40, 11))
        await run.until_settled()


async def test_keys_reach_the_guest_with_press_and_release() -> None:
    async with running() as run:
        await run.until_settled()
        await run.until(lambda: run.app.guest.translator.releases)
        # Ctrl+C, Ctrl+Q and Tab are the guest's.
        run.type(b"\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[113;5u\x1b[113;5:3u\x1b[57442;1:3u\x1b[9u\x1b[9;1:3u")
        expected = [
            ("down", Key.LEFT_CTRL),
            *(("down", Key.C), ("up", Key.C)),
            *(("down", Key.Q), ("up", Key.Q)),
            ("up", Key.LEFT_CTRL),
            *(("down", Key.TAB), ("up", Key.TAB)),
        ]
        await run.until(lambda: len(run.inputs.calls) >= len(expected))
        assert run.inputs.calls == expected
        assert not run.task.done()


async def test_a_plain_terminal_types() -> None:
    async with running(terminal=Terminal(kitty=False)) as run:
        await run.until_settled()
        run.type(b"A\x1b")
        expected = [("down", Key.LEFT_SHIFT), ("down", Key.A), ("up", Key.A), ("up", Key.LEFT_SHIFT)]
        expected += [("down", Key.ESC), ("up", Key.ESC)]
        await run.until(lambda: len(run.inputs.calls) >= len(expected))
        assert run.inputs.calls == expected


async def test_losing_the_focus_releases_keys() -> None:
    async with running() as run:
        await run.until(lambda: run.clients and run.app.guest.translator.releases)
        await run.until_settled()
        run.type(b"\x1b[97u\x1b[57442;5u")
        await run.until(lambda: len(run.inputs.calls) == 2)
        run.type(b"\x1b[O")
        await run.until(lambda: len(run.inputs.calls) == 4)
        assert run.inputs.calls[2:] == [("up", Key.LEFT_CTRL), ("up", Key.A)]
        run.type(b"\x1b[97;1:3u\x1b[98u")
        await run.until(lambda: len(run.inputs.calls) == 5)
        assert run.inputs.calls[4] == ("down", Key.B)


async def test_locks_follow_the_terminal() -> None:
    async with running() as run:
        await run.until(lambda: run.clients and run.app.guest.translator.releases)
        await run.until_settled()
        run.type(b"\x1b[97;129u")  # Num Lock is on here, not in the guest
        await run.until(lambda: len(run.inputs.calls) == 2)
        assert run.inputs.calls[0] == ("locks", KeyboardModifierFlags.NUM_LOCK)
        run.client.driver.leds_changed(False, True, True)
        await run.until(lambda: "Caps Num" in status(run.terminal))


async def test_the_mouse_in_client_mode() -> None:
    async with running() as run:
        await run.until_settled()
        mapping = run.app.view.mapping
        assert mapping is not None
        x, y = mapping.cells.x + 10, mapping.cells.y + 5
        run.type(b"\x1b[<35;%d;%dM\x1b[<0;%d;%dM" % (x + 1, y + 1, x + 1, y + 1))
        run.type(b"\x1b[<32;%d;%dM\x1b[<0;%d;%dm\x1b[<64;5;5M" % (x + 2, y + 1, 1000, y + 1))
        await run.until(lambda: ("release", Button.LEFT) in run.inputs.calls)
        place = mapping.to_pixel(x + 0.5, y + 0.5)
        beside = mapping.to_pixel(x + 1.5, y + 0.5)
        edge = mapping.to_pixel(1000, y + 0.5)
        assert edge.x == 639
        assert run.inputs.calls == [
            ("move", *place),
            ("move", *place),
            ("press", Button.LEFT),
            ("move", *beside),
            ("move", *edge),  # a drag goes on beside the picture
            ("release", Button.LEFT),
        ]
        run.inputs.calls.clear()
        run.type(b"\x1b[<65;%d;%dM\x1b[<35;1;24M" % (x + 1, y + 1))  # the status line's place is not the guest's
        await run.until(lambda: run.inputs.calls and run.inputs.calls[-1][0] == "scroll")
        assert run.inputs.calls == [("move", *place), ("scroll", 0, 1)]


async def test_the_mouse_in_server_mode_is_captured_and_released() -> None:
    async with running(client_mouse=False) as run:
        await run.until_settled()
        await run.until(lambda: "click for mouse" in status(run.terminal))
        run.type(b"\x1b[<35;40;10M\x1b[<0;40;10M\x1b[<0;40;10m\x1b[<35;44;12M")
        await run.until(lambda: run.inputs.calls)
        mapping = run.app.view.mapping
        assert mapping is not None
        start, end = mapping.to_pixel(39.5, 9.5), mapping.to_pixel(43.5, 11.5)
        assert run.inputs.calls == [("motion", end.x - start.x, end.y - start.y)]
        await run.until(lambda: "mouse captured" in status(run.terminal))
        run.type(b"\x1b[<0;44;12M\x1b[<0;44;12m")
        await run.until(lambda: ("release", Button.LEFT) in run.inputs.calls)
        run.type(b"\x1d")
        await run.until(lambda: run.app.menu.is_open)
        run.type(b"r")
        await run.until(lambda: "click for mouse" in status(run.terminal))


async def test_the_prefix_opens_the_menu_and_twice_is_sent() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1b[57442;5u\x1b[93;5u\x1b[93;5:3u\x1b[57442;1:3u")
        await run.until(lambda: "Ctrl+Alt+Delete" in run.terminal.text, "menu")
        assert run.inputs.calls == [("down", Key.LEFT_CTRL), ("up", Key.LEFT_CTRL)]
        run.inputs.calls.clear()
        run.type(b"\x1b[57442;5u\x1b[93;5u\x1b[93;5:3u\x1b[57442;1:3u")
        await run.until(lambda: len(run.inputs.calls) == 4)
        chord = [("down", Key.LEFT_CTRL), ("down", Key.RIGHT_BRACKET), ("up", Key.RIGHT_BRACKET), ("up", Key.LEFT_CTRL)]
        assert run.inputs.calls == chord
        await run.until_settled()
        assert "Ctrl+Alt+Delete" not in run.terminal.text


async def test_the_menu_sends_what_the_terminal_would_keep() -> None:
    async with running(prefix="f12") as run:
        await run.until_settled()
        await run.until(lambda: "F12  menu" in status(run.terminal))
        for key, last in ((b"d", Key.DELETE), (b"\x1b[12~", Key.F2)):
            run.inputs.calls.clear()
            run.type(b"\x1b[24~")
            await run.until(lambda: run.app.menu.is_open)
            run.type(key)
            await run.until(lambda: len(run.inputs.calls) == 6)
            assert [k for kind, k in run.inputs.calls if kind == "down"] == [Key.LEFT_CTRL, Key.LEFT_ALT, last]
            assert not run.app.menu.is_open
        run.type(b"\x1b[24~")
        await run.until(lambda: run.app.menu.is_open)
        run.type(b"\x1b")
        await run.until(lambda: not run.app.menu.is_open)
        run.type(b"a")
        await run.until(lambda: ("down", Key.A) in run.inputs.calls)


async def test_the_picture_goes_on_behind_the_menu() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1d")
        await run.until(lambda: "Ctrl+Alt+Delete" in run.terminal.text)
        await run.until(lambda: run.app.view.plane.owned[0].all())
        assert not run.app.view.plane.owned.all()
        run.client.refresh(run.client.desktop.fill(Rect(0, 0, 640, 480), (200, 30, 30)))
        view = run.app.view
        await run.until(lambda: run.terminal.cell_at(40, 0)[2] == "c81e1e")
        await run.until(lambda: "Ctrl+Alt+Delete" in run.terminal.text)
        await run.until(lambda: not any(view.plane.owned[y, x] for x, y in run.differences()), "the whole picture")


async def test_scale_cells_and_panning() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1dc")
        await run.until(lambda: run.app.backend.name == "half")
        await run.until_settled()
        for key, word in ((b"i", "integer"), (b"n", "native"), (b"1", "1:1 100%")):
            run.type(b"\x1d" + key)
            await run.until(partial(lambda word: word in status(run.terminal), word), word)
            await run.until_settled()
        mapping = run.app.view.mapping
        assert mapping is not None
        assert mapping.shown.x == 0
        run.type(b"\x1d\x1b[C\x1b[C\x1b[B")
        await run.until(lambda: (now := run.app.view.mapping) and now.shown.x == 16 and now.shown.y > 0)
        run.type(b"\x1b")
        await run.until_settled()
        run.type(b"\x1df")
        await run.until(lambda: "fit" in status(run.terminal))
        await run.until_settled()


async def test_view_only_keeps_everything_from_the_guest() -> None:
    async with running(view_only=True) as run:
        await run.until_settled()
        await run.until(lambda: "view only" in status(run.terminal))
        run.type(b"a\x1b[<0;40;10M\x1b[200~text\x1b[201~\x1dd\x1dv")
        await run.until(lambda: "view only" not in status(run.terminal))
        assert run.inputs.calls == []
        run.type(b"b")
        await run.until(lambda: ("down", Key.B) in run.inputs.calls)


def pressed(run: Running) -> list[Key]:
    return [key for kind, key, *_ in run.inputs.calls if kind == "down"]


async def test_a_short_paste_is_typed_at_once() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1b[200~ab\x1b[201~cd")  # keys wait until it is typed
        await run.until(lambda: ("up", Key.D) in run.inputs.calls)
        assert pressed(run) == [Key.A, Key.B, Key.C, Key.D]


async def test_what_cannot_be_typed_is_named_before_anything_is_sent() -> None:
    async with running() as run:
        await run.until_settled()
        run.type("\x1b[200~aé\n\x1b[201~".encode())
        await run.until(lambda: "é U+00E9" in run.terminal.text)
        assert "us layout" in run.terminal.text
        assert run.inputs.calls == []
        run.type(b"\r")
        await run.until(lambda: ("up", Key.ENTER) in run.inputs.calls)
        assert pressed(run) == [Key.A, Key.ENTER]


async def test_a_long_paste_is_asked_about_and_can_be_stopped() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1b[200~%s\x1b[201~" % (b"x" * 2000))
        await run.until(lambda: "2000 characters, about 24 s" in run.terminal.text)
        run.type(b"\x1b")
        await run.until_settled()
        run.type(b"\x1b[200~one\ntwo\n\x1b[201~")
        await run.until(lambda: "8 characters in 2 lines" in run.terminal.text)
        assert run.inputs.calls == []
        run.type(b"\x1b")
        await run.until_settled()
        run.type(b"\x1b[200~%s\x1b[201~" % (b"x" * 2000))
        await run.until(lambda: "Type the pasted text?" in run.terminal.text)
        run.type(b"\r")
        await run.until(lambda: "left, Esc stops" in status(run.terminal))
        run.type(b"\x1b[O")  # another window: the typing goes on
        count = len(run.inputs.calls)
        await run.until(lambda: len(run.inputs.calls) > count + 10)
        run.type(b"\x1b")
        await run.until(lambda: "characters are not typed" in run.terminal.text)
        assert not run.inputs.down
        assert len(run.inputs.calls) < 4000
        run.inputs.calls.clear()
        run.type(b"y")
        await run.until(lambda: run.inputs.calls)
        assert pressed(run) == [Key.Y]


async def test_special_keys_are_chosen_from_a_list() -> None:
    macro = SpecialKeys("my editor", (parse_combo("super+r"), parse_combo("e")))
    async with running(macros=(macro,)) as run:
        await run.until_settled()
        run.type(b"\x1do")
        await run.until(lambda: "my editor" in run.terminal.text)
        run.type(b"\r")
        await run.until(lambda: ("up", Key.E) in run.inputs.calls)
        assert pressed(run) == [Key.LEFT_SUPER, Key.R, Key.E]
        run.inputs.calls.clear()
        run.type(b"\x1do")
        await run.until(lambda: "my editor" in run.terminal.text)
        run.type(b"sysrq s")
        await run.until(lambda: 0 < run.terminal.text.find("SysRq s: write") < run.terminal.text.find("SysRq h"))
        run.type(b"\r")
        await run.until(lambda: ("up", Key.LEFT_ALT) in run.inputs.calls)
        assert pressed(run) == [Key.LEFT_ALT, Key.PRINT, Key.S]


@pytest.mark.parametrize("how", ["menu", "dialog", "view only", "hidden terminal"])
async def test_nothing_stays_down(how: str) -> None:
    """Whatever takes the keys away in the middle of a chord."""
    async with running() as run:
        await run.until(lambda: run.clients and run.app.guest.translator.releases)
        await run.until_settled()
        mapping = run.app.view.mapping
        assert mapping is not None
        x, y = mapping.cells.x + 5, mapping.cells.y + 5
        run.type(b"\x1b[57442u\x1b[57441;5u\x1b[97;6u\x1b[<0;%d;%dM" % (x, y))
        await run.until(lambda: ("press", Button.LEFT) in run.inputs.calls)
        assert run.inputs.down == [Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.A]
        if how == "menu":
            run.type(b"\x1b[93;5u")
        elif how == "dialog":
            run.app.show_help()
        elif how == "view only":
            run.app.toggle_view_only()
        else:
            run.type(b"\x1b[O")
        await run.until(lambda: not run.inputs.down)
        count = len(run.inputs.calls)
        run.type(b"\x1b[97;6:3u\x1b[57441;6:3u\x1b[57442;5:3u\x1b[<0;%d;%dm" % (x, y))
        await run.until(lambda: run.app.guest.translator.idle)
        assert not [call for call in run.inputs.calls[count:] if call[0] in ("down", "press")]


async def test_a_button_whose_release_was_lost() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1b[<0;40;10M\x1b[<35;41;10M")
        await run.until(lambda: ("release", Button.LEFT) in run.inputs.calls)


async def test_holding_the_prefix_does_not_send_it() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1b[57442u\x1b[93;5u" + b"\x1b[93;5:2u" * 5)
        await run.until(lambda: run.app.menu.is_open)
        run.type(b"\x1b[93;5:3u\x1b[57442;5:3u\x1b[100u\x1b[100;1:3u")
        await run.until(lambda: ("down", Key.DELETE) in run.inputs.calls)
        assert ("down", Key.RIGHT_BRACKET) not in run.inputs.calls


async def test_locks_that_do_not_follow_are_asked_once() -> None:
    async with running() as run:
        await run.until(lambda: run.clients and run.app.guest.translator.releases)
        await run.until_settled()
        run.type(b"\x1b[97;65;65u\x1b[97;65:3u" * 5)
        await run.until(lambda: run.inputs.calls.count(("up", Key.A)) == 5)
        asked = [call for call in run.inputs.calls if call[0] == "locks"]
        assert asked == [("locks", KeyboardModifierFlags.CAPS_LOCK)]
        run.client.driver.leds_changed(False, False, True)
        run.type(b"\x1b[97;;97u\x1b[97;1:3u")  # off here now
        await run.until(lambda: run.inputs.calls.count(("up", Key.A)) == 6)
        assert run.inputs.calls[-3] == ("locks", KeyboardModifierFlags(0))


async def test_xterm_s_modified_keys_are_asked_for_and_taken_back() -> None:
    async with running(terminal=Terminal(personality=XTERM)) as run:
        await run.until_settled()
        await run.until(lambda: b"\x1b[>4;2m" in run.terminal.received)
        run.type(b"\x1b[27;6;65~")
        await run.until(lambda: ("up", Key.LEFT_CTRL) in run.inputs.calls)
        assert pressed(run) == [Key.LEFT_SHIFT, Key.LEFT_CTRL, Key.A]
        run.type(b"\x1b[27;5;93~")
        await run.until(lambda: run.app.menu.is_open)
        assert await run.leave() == 0
        await run.until(lambda: b"\x1b[>4m" in run.terminal.received)
    async with running() as run:
        await run.until_settled()
        assert await run.leave() == 0
        assert b"\x1b[>4" not in run.terminal.received


@pytest.mark.parametrize("shift_wheel", [False, True])
async def test_the_horizontal_wheel(shift_wheel: bool) -> None:
    async with running(shift_wheel=shift_wheel) as run:
        await run.until_settled()
        run.type(b"\x1b[<66;40;10M\x1b[<67;40;10M\x1b[<128;40;10M\x1b[<128;40;10m")
        await run.until(lambda: ("release", Button.SIDE) in run.inputs.calls)
        found = [call for call in run.inputs.calls if call[0] in ("down", "up", "scroll")]
        shift = Key.LEFT_SHIFT
        turns = [[("down", shift), ("scroll", 0, turn), ("up", shift)] for turn in (-1, 1)]
        assert found == ([*turns[0], *turns[1]] if shift_wheel else [])


async def test_a_screenshot_is_written(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    from PIL import Image

    monkeypatch.chdir(str(tmp_path))
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1ds")
        await run.until(lambda: "Saved" in run.terminal.text)
        (name,) = os.listdir(str(tmp_path))
        with Image.open(os.path.join(str(tmp_path), name)) as image:
            pixels = np.asarray(image)
        assert name.startswith("spicetui-Fake-machine-")
        assert np.array_equal(pixels, run.client.desktop.surface.pixels[:, :, 2::-1])


async def test_help_lists_every_command() -> None:
    async with running(terminal=Terminal(80, 64)) as run:
        await run.until_settled()
        run.type(b"\x1d?")
        await run.until(lambda: "Every key goes to the machine" in run.terminal.text)
        await run.until(lambda: "suspend to shell" in run.terminal.text)
        run.type(b"\x1b")
        await run.until_settled()


async def test_what_the_server_says_is_made_harmless() -> None:
    def opener(driver: Driver, password: str | None) -> FakeClient:
        return FakeClient(driver, Desktop(640, 480), name="evil\x1b]0;x\x07\x1b[31m[bold]name")

    async with running(opener) as run:
        await run.until_settled()
        await run.until(lambda: "[bold]name" in status(run.terminal))
        run.client.driver.notice("notice \x1b[2J\x9b [red]text")
        await run.until(lambda: "[red]text" in run.terminal.text)
        await run.until(lambda: run.terminal.title.endswith("spicetui"))
        assert b"\x1b]0;x" not in run.terminal.received
        assert b"\x1b[2J" not in run.terminal.received


async def test_connecting_is_shown_and_can_be_given_up() -> None:
    async with running(gate=False) as run:
        await run.until(lambda: "opening the connection" in run.terminal.text)
        run.type(b"\x1b")
        assert await run.task == 0
        assert run.clients == []


async def test_connecting_ends_with_the_picture() -> None:
    async with running(gate=False) as run:
        await run.until(lambda: "opening the connection" in run.terminal.text)
        run.gate.set()
        await run.until_settled()
        assert "opening" not in run.terminal.text


async def test_the_password_is_asked_for_and_not_shown() -> None:
    def opener(driver: Driver, password: str | None) -> FakeClient:
        if password != "secret":
            raise AuthError("the server refused the password")
        return FakeClient(driver, Desktop(640, 480))

    async with running(opener) as run:
        await run.until(lambda: "Password" in run.terminal.text)
        assert "refused" not in run.terminal.text
        run.type(b"wrong\r")
        await run.until(lambda: "the server refused the password" in run.terminal.text)
        run.type(b"secret\r")
        await run.until_settled()
        assert run.passwords == [None, "wrong", "secret"]
        assert b"secret" not in run.terminal.received
        assert b"wrong" not in run.terminal.received


async def test_without_asking_a_refused_password_ends_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    def opener(driver: Driver, password: str | None) -> FakeClient:
        raise AuthError("the server refused the password")

    async with running(opener, ask_password=False) as run:
        assert await run.task == 4
    assert "the server refused the password" in capsys.readouterr().err


async def test_giving_up_on_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    def opener(driver: Driver, password: str | None) -> FakeClient:
        raise AuthError("the server refused the password")

    async with running(opener) as run:
        await run.until(lambda: "Password" in run.terminal.text)
        run.type(b"\x1b")
        assert await run.task == 4
    assert capsys.readouterr().err.count("\n") == 1


async def test_a_refused_connection_can_be_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    tries = []

    def opener(driver: Driver, password: str | None) -> FakeClient:
        tries.append(password)
        if len(tries) < 3:
            raise ConnectError(f"refused at attempt {len(tries)}")
        return FakeClient(driver, Desktop(640, 480))

    async with running(opener) as run:
        await run.until(lambda: "refused at attempt 1" in run.terminal.text)
        await run.until(lambda: "Cannot connect" in run.terminal.text)
        run.type(b"r")
        await run.until(lambda: "refused at attempt 2" in run.terminal.text)
        run.type(b"r")
        await run.until_settled()
        assert await run.leave() == 0
    assert capsys.readouterr().err == ""


async def test_quitting_from_a_failure_tells_why(capsys: pytest.CaptureFixture[str]) -> None:
    def opener(driver: Driver, password: str | None) -> FakeClient:
        raise TlsError("the certificate is for another host")

    async with running(opener) as run:
        await run.until(lambda: "another host" in run.terminal.text)
        run.type(b"q")
        assert await run.task == 5
    assert capsys.readouterr().err == "spicetui: the certificate is for another host\n"


async def test_a_lost_connection_is_told_and_opened_again(capsys: pytest.CaptureFixture[str]) -> None:
    async with running() as run:
        await run.until_settled()
        run.client.driver.closed(ConnectError("the server closed channel main:0"))
        await run.until(lambda: "Connection lost" in run.terminal.text)
        await run.until(lambda: "the server closed channel main:0" in run.terminal.text)
        run.type(b"r")
        await run.until(lambda: len(run.clients) == 2)
        await run.until_settled()
        assert run.clients[0].closed
        run.type(b"x")
        await run.until(lambda: ("down", Key.X) in run.inputs.calls)
        run.client.driver.closed(None)
        await run.until(lambda: "Connection lost" in run.terminal.text)
        run.type(b"q")
        assert await run.task == 3
    assert "closed the connection" in capsys.readouterr().err


LEFT_BEHIND = (1049, 1000, 1003, 1006, 1016, 1004, 2004)


def restored(terminal: Terminal) -> bool:
    return (
        not any(terminal.modes.get(mode) for mode in LEFT_BEHIND)
        and terminal.modes[7]
        and terminal.modes[25]
        and terminal.keyboard == []
        and termios.tcgetattr(terminal.slave) == terminal.settings
    )


async def test_the_terminal_is_left_as_it_was() -> None:
    terminal = Terminal()
    async with running(terminal=terminal) as run:
        await run.until_settled()
        assert all(terminal.modes[mode] for mode in LEFT_BEHIND if mode != 1016)
        assert terminal.keyboard == [31]
        assert termios.tcgetattr(terminal.slave) != terminal.settings
        run.type(b"\x1dq")
        assert await run.task == 0
        await run.until(lambda: restored(terminal))
        assert run.client.closed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_signals_restore_the_terminal(number: signal.Signals) -> None:
    terminal = Terminal()
    async with running(terminal=terminal) as run:
        await run.until_settled()
        os.kill(os.getpid(), number)
        assert await run.task == 128 + number
        await run.until(lambda: restored(terminal))


async def test_a_signal_while_connecting() -> None:
    terminal = Terminal()
    async with running(terminal=terminal, gate=False) as run:
        await run.until(lambda: "opening the connection" in terminal.text)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await run.task == 143
        await run.until(lambda: restored(terminal))


async def test_an_error_of_ours_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    async with running(terminal=terminal) as run:
        await run.until_settled()

        def fail() -> None:
            raise ZeroDivisionError("for the test")

        run.app.call_later(fail)
        assert await run.task == 1
        await run.until(lambda: restored(terminal))
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "ZeroDivisionError: for the test" in error


async def test_the_terminal_goes_away() -> None:
    terminal = Terminal()
    async with running(terminal=terminal) as run:
        await run.until_settled()
        terminal.hang_up()
        assert await asyncio.wait_for(run.task, 10) == 129
        assert run.client.closed


@pytest.mark.parametrize(
    ("error", "status"),
    [(AuthError("x"), 4), (TlsError("x"), 5), (ConnectError("x"), 3), (OSError("x"), 1)],
)
def test_exit_statuses(error: Exception, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(error) == status
    assert capsys.readouterr().err == "spicetui: x\n"


async def test_the_status_line_does_not_cost_the_picture_anything() -> None:
    async with running() as run:
        await run.until_settled()
        await run.until(lambda: "640x480" in status(run.terminal))
        counts = []
        for on in (True, False, True, False):  # the first may come with what starting still has to paint
            del run.terminal.received[:]
            run.client.driver.leds_changed(False, on, False)
            await run.until(partial(lambda on: ("Num" in status(run.terminal)) is on, on))
            await run.until_settled()
            counts.append(len(run.terminal.received))
        assert min(counts) < 2000


async def test_zooming_and_back() -> None:
    async with running() as run:
        await run.until_settled()
        whole = run.app.view.mapping
        assert whole is not None
        run.type(b"\x1d++\x1b")
        await run.until(lambda: run.app.view.zoom > 2)
        await run.until_settled()
        part = run.app.view.mapping
        assert part is not None
        assert part.shown.height < whole.shown.height / 2
        run.type(b"\x1d---\x1b")
        await run.until(lambda: run.app.view.zoom == 1)
        await run.until_settled()


async def test_a_region_is_chosen_with_the_mouse() -> None:
    async with running() as run:
        await run.until_settled()
        mapping = run.app.view.mapping
        assert mapping is not None
        run.type(b"\x1dx")
        await run.until(lambda: "Drag over" in run.terminal.text)
        start, end = (20, 5), (40, 12)
        run.type(b"\x1b[<0;%d;%dM" % start + b"\x1b[<32;%d;%dM" % end)
        wanted = mapping.to_pixel(start[0] - 0.5, start[1] - 0.5), mapping.to_pixel(end[0] - 0.5, end[1] - 0.5)
        await run.until(lambda: f"{wanted[1].x - wanted[0].x + 1}x" in run.terminal.text)
        run.type(b"\x1b[<0;%d;%dm" % end)
        await run.until(lambda: run.app.view.zoom > 1)
        await run.until_settled()
        part = run.app.view.mapping
        assert part is not None
        shown = part.shown
        assert shown.x <= wanted[0].x + 1
        assert shown.right >= wanted[1].x - 1
        assert shown.width < mapping.shown.width * 0.6
        assert not [call for call in run.inputs.calls if call[0] in ("press", "move")]


async def test_a_key_ends_choosing_a_region() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1dx")
        await run.until(lambda: "Drag over" in run.terminal.text)
        run.type(b"q")
        await run.until(lambda: "Drag over" not in run.terminal.text)
        assert run.inputs.calls == []


async def test_a_pointer_at_the_edge_pans() -> None:
    async with running(scale="1:1") as run:
        await run.until_settled()
        before = run.app.view.mapping
        assert before is not None
        assert before.shown.x == 0
        run.type(b"\x1b[<35;80;10M")
        await run.until(lambda: (now := run.app.view.mapping) and now.shown.right == 640)
        moves = [call for call in run.inputs.calls if call[0] == "move"]
        assert moves[-1][1] == 639
        run.type(b"\x1b[<35;1;10M")
        await run.until(lambda: (now := run.app.view.mapping) and now.shown.x == 0)
        await run.until_settled()


async def test_sound_is_muted_and_back() -> None:
    async with running() as run:
        await run.until_settled()
        sound = Output([NullBackend()])
        run.client.session.options.audio = sound
        run.type(b"\x1dm")
        await run.until(lambda: "muted" in status(run.terminal))
        assert sound.mute
        run.type(b"\x1dm")
        await run.until(lambda: "muted" not in status(run.terminal))
        assert not sound.mute
