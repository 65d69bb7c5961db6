"""type and key: what arrives at the server, message by message."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spicetui.cli import type_text
from spicetui.keymap.keys import Key
from spicetui.wire import inputs
from spicetui.wire.enums import ChannelType, KeyboardModifierFlags

from .conftest import Run
from .server import Connection, Server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_text, "EVENT_SECONDS", 0)


def keys(server: Server) -> list[str]:
    """What the keyboard did, in words: ``+A`` is a press and ``-A`` a release."""
    found = []
    for message in server.messages(ChannelType.INPUTS):
        if isinstance(message, inputs.KeyDown):
            found.append("+" + Key(message.code).name)
        elif isinstance(message, inputs.KeyUp):
            scancodes = message.code.to_bytes(4, "little").rstrip(b"\0")
            found.append("-" + next(key.name for key in Key if key.release == scancodes))
    return found


def test_keys_go_down_in_order_and_up_in_reverse(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("key", server.target, "ctrl+alt+delete", "pause", "f2", "--hold", "1")
    assert result == (0, "", "")
    assert keys(server) == [
        "+LEFT_CTRL",
        "+LEFT_ALT",
        "+DELETE",
        "-DELETE",
        "-LEFT_ALT",
        "-LEFT_CTRL",
        "+PAUSE",
        "-PAUSE",
        "+F2",
        "-F2",
    ]


def test_only_the_channels_that_are_needed_are_opened(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("key", server.target, "a").status == 0
        assert server.opened() == ["inputs:0", "main:0"]


def test_text_is_typed_with_its_modifiers(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "aB\n").status == 0
    assert keys(server) == ["+A", "-A", "+LEFT_SHIFT", "+B", "-B", "-LEFT_SHIFT", "+ENTER", "-ENTER"]


def test_text_comes_from_standard_input(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ok\r\n")))
    with Server(tmp_path) as server:
        assert run("type", server.target, "-").status == 0
    assert keys(server) == ["+O", "-O", "+K", "-K", "+ENTER", "-ENTER"]


def test_a_text_that_begins_with_a_dash(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "--", "-l").status == 0
    assert keys(server) == ["+MINUS", "-MINUS", "+L", "-L"]


def test_the_guests_caps_lock_is_looked_at(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, leds=KeyboardModifierFlags.CAPS_LOCK) as server:
        assert run("type", server.target, "aB1").status == 0
    assert keys(server) == ["+LEFT_SHIFT", "+A", "-A", "-LEFT_SHIFT", "+B", "-B", "+DIGIT_1", "-DIGIT_1"]


def test_text_for_another_layout(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "zé@", "--layout", "DE").status == 0
    assert keys(server) == [
        *("+Y", "-Y", "+EQUAL", "-EQUAL", "+E", "-E"),
        *("+RIGHT_ALT", "+Q", "-Q", "-RIGHT_ALT"),
    ]


def test_text_in_two_alphabets(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "я x", "--layout", "ru,us", "--switch", "super+space").status == 0
    there_and_back = ["+LEFT_SUPER", "+SPACE", "-SPACE", "-LEFT_SUPER"]
    assert keys(server) == ["+Z", "-Z", "+SPACE", "-SPACE", *there_and_back, "+X", "-X", *there_and_back]


def test_other_unicode_by_its_number(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "é", "--unicode", "ctrl-shift-u").status == 0
    assert keys(server) == [
        *("+LEFT_CTRL", "+LEFT_SHIFT", "+U", "-U", "-LEFT_SHIFT", "-LEFT_CTRL"),
        *("+E", "-E", "+DIGIT_9", "-DIGIT_9", "+SPACE", "-SPACE"),
    ]


ALT_CODE = [
    *("+LEFT_ALT", "+KP_0", "-KP_0", "+KP_2", "-KP_2", "+KP_3", "-KP_3", "+KP_3", "-KP_3", "-LEFT_ALT"),
]


def test_alt_codes_turn_num_lock_on_for_themselves(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("type", server.target, "é", "--unicode", "alt-code").status == 0
    assert keys(server) == ["+NUM_LOCK", "-NUM_LOCK", *ALT_CODE, "+NUM_LOCK", "-NUM_LOCK"]
    (tmp_path / "spice").unlink()
    with Server(tmp_path, leds=KeyboardModifierFlags.NUM_LOCK) as server:
        assert run("type", server.target, "é", "--unicode", "alt-code").status == 0
    assert keys(server) == ALT_CODE


def test_ctrl_c_lets_go_of_every_key_and_puts_locks_back(run: Run, tmp_path: Path) -> None:
    ends: list[Callable[[], Any]] = []

    def interrupt(connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        ends.append(lambda: asyncio.run_coroutine_threadsafe(connection.ended.wait(), loop).result(20))
        pressed = 0

        def look(message: Any) -> None:
            nonlocal pressed
            Connection.answer(connection, message)
            if isinstance(message, inputs.KeyDown):
                pressed += 1
                if pressed == 6:  # Num Lock, a, b, Alt, two digits
                    os.kill(os.getpid(), signal.SIGINT)

        connection.answer = look  # type: ignore[method-assign]

    with Server(tmp_path, greetings={ChannelType.INPUTS: interrupt}) as server:
        result = run("type", server.target, "ab" + 2000 * "é", "--unicode", "alt-code")
        for ended in ends:
            ended()  # all that was sent has been read
    assert result.status == 130
    assert re.fullmatch(r"stopped after \d+ of 2002 characters", result.error)
    seen = keys(server)
    assert seen[:6] == ["+NUM_LOCK", "-NUM_LOCK", "+A", "-A", "+B", "-B"]
    assert seen[-2:] == ["+NUM_LOCK", "-NUM_LOCK"]
    assert sorted(one[1:] for one in seen if one[0] == "+") == sorted(one[1:] for one in seen if one[0] == "-")


def test_a_long_text_shows_how_far_it_is_on_a_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_text, "PROGRESS_SECONDS", 0)
    with Server(tmp_path) as server:
        assert run("type", server.target, "abc").err == ""
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.setattr(type_text, "REFRESH_SECONDS", 0)
        shown = run("type", server.target, "äb", "--layout", "de").err
    assert shown == (
        "\rtyping: 1 of 2 characters, 50 %; ctrl+c stops\rtyping: 2 of 2 characters, 100 %; ctrl+c stops\r\033[K"
    )


def test_combinations_by_what_they_mean(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert run("key", server.target, "ctrl+z", "--hold", "1").status == 0
        assert run("key", server.target, "ctrl+z", "ctrl+alt+f2", "--layout", "de", "--hold", "1").status == 0
        assert run("key", server.target, "ctrl+ж", "--layout", "de").status == 1
    assert [one for one in keys(server) if one[0] == "+"] == [
        *("+LEFT_CTRL", "+Z"),
        *("+LEFT_CTRL", "+Y"),
        *("+LEFT_CTRL", "+LEFT_ALT", "+F2"),
    ]


def test_layouts_are_listed_and_near_ones_named(run: Run) -> None:
    listed = run("type", "--list-layouts")
    assert listed.status == 0
    assert re.search(r"^de +German$", listed.out, re.MULTILINE)
    assert run("key", "--list-layouts").out == listed.out
    unknown = run("type", "demo", "a", "--layout", "de-nodeadkey")
    assert unknown.status == 2
    assert "'de-nodeadkey'; near it are de-nodeadkeys" in unknown.error
    assert run("key", "demo", "a", "--layout", "xyzzy").status == 2
    assert run("type", "demo", "a", "--switch", "hyper").status == 2


def test_what_cannot_be_typed_is_refused_before_anything_connects(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("type", server.target, "5 € für ☃")
        assert server.accepted == 0
    assert result.status == 1
    assert "cannot type '€' (U+20AC), 'ü' (U+00FC), '☃' (U+2603); nothing was sent" in result.error


def test_bad_input_is_wrong_usage(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("type", "demo", "a", "--layout", "xx").status == 2
    assert run("key", "demo", "hyper+a").status == 2
    assert "--read-only" in run("key", "demo", "a", "--read-only").error
    assert "--read-only" in run("type", "demo", "a", "--read-only").error
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ab\xff")))
    result = run("type", "demo", "-")
    assert (result.status, result.error) == (2, "standard input is not UTF-8 text (byte 2)")


def test_a_server_that_goes_away_in_the_middle(run: Run, tmp_path: Path) -> None:
    def leave(connection: Connection) -> None:
        def look(message: Any) -> None:
            if isinstance(message, inputs.KeyDown):
                for one in connection.owner.connections:
                    one.stream.transport.abort()  # type: ignore[attr-defined]

        connection.answer = look  # type: ignore[method-assign]

    with Server(tmp_path, greetings={ChannelType.INPUTS: leave}) as server:
        result = run("type", server.target, "x" * 200)
    assert result.status == 1
    assert "inputs:0" in result.error


def test_a_server_without_keyboard(run: Run, tmp_path: Path) -> None:
    from peer.fake_server import DISPLAY, MAIN

    with Server(tmp_path, channels=(MAIN, DISPLAY)) as server:
        result = run("key", server.target, "a")
    assert (result.status, result.error) == (6, "the server offers no keyboard and mouse (no inputs channel)")


def test_the_rate_is_kept(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    monkeypatch.setattr("spicetui.cli.type_text.asyncio.sleep", sleep)
    with Server(tmp_path) as server:
        assert run("type", server.target, "abc", "--rate", "2").status == 0
    assert sum(0.4 < one <= 0.5 for one in slept) == 3


class Counting:
    """An inputs channel whose server takes nothing before it is told."""

    def __init__(self) -> None:
        self.closed = False
        self.acks = 0
        self.marks = 0

    def mark(self) -> int:
        self.marks += 1
        return self.marks

    async def drain(self) -> None: ...


async def test_no_more_is_under_way_than_a_keyboard_queues() -> None:
    channel = Counting()
    channel.acks = 1
    pace = type_text.Pace(channel)  # type: ignore[arg-type]
    steps = 0

    async def steps_on() -> None:
        nonlocal steps
        while True:
            await pace.step()
            steps += 1

    task = asyncio.create_task(steps_on())
    for acks in (1, 2, 3, 9):
        channel.acks = acks
        for _ in range(1000):  # turns of the event loop
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            while steps < 4 * acks + 7:
                await asyncio.sleep(0)
        assert steps == 4 * acks + 7
    channel.closed = True  # ends the waiting
    async with asyncio.timeout(20):
        while steps == 43:
            await asyncio.sleep(0)
    task.cancel()


def test_a_server_without_acknowledgements_is_typed_to(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_text, "ACK_SECONDS", 0)
    with Server(tmp_path, acknowledges=False) as server:
        assert run("type", server.target, 20 * "a").status == 0
    assert keys(server) == 20 * ["+A", "-A"]


def test_events_are_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert type_text.EVENT_SECONDS >= 0.002  # what QEMU's queue of 16 bytes was measured to need
