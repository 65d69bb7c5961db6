"""Every backend in the app, on terminals that decode what they get: what is seen is the guest's framebuffer.

The picture on the terminal is compared with one that is made here from the desktop's pixels and the mapping alone.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import termios
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from terminal.kitty import Rules
from terminal.link import Link
from terminal.personality import (
    ALACRITTY,
    FOOT,
    GHOSTTY,
    GHOSTTY_12,
    GNOME_TERMINAL,
    ITERM2,
    KITTY,
    KITTY_026,
    KONSOLE,
    LINUX,
    TMUX,
    TMUX_IN_KITTY,
    WEZTERM,
    WINDOWS_TERMINAL,
    XTERM,
    XTERM_SIXEL,
    Personality,
)
from terminal.terminal import TIMEOUT, Terminal

from spicetui.canvas.cursor import Cursor
from spicetui.geometry import Point, Rect
from spicetui.term.plane import Update
from spicetui.term.scale import Scale

from .fake_client import Desktop
from .running import Running, running
from .test_chaos import Chaos

Picture = npt.NDArray[np.uint8]
SIZE = 60, 19  # cells; the last row is the status line's
CELL = 8, 16


@dataclass(frozen=True)
class Case:
    """*worst* and *mean*: by how much of 255 a colour may be off."""

    name: str
    personality: Personality
    graphics: str = "auto"
    chosen: str = ""
    worst: int = 0
    mean: float = 0.0
    learns: bool = False  # some of what is sent fails, before that is known

    def __str__(self) -> str:
        return self.name


def remote(personality: Personality) -> Personality:
    """The terminal as it is when it runs on another machine."""
    assert personality.graphics is not None
    return replace(personality, graphics=replace(personality.graphics, media="d"))


CASES = (
    Case("kitty 0.26", KITTY_026, chosen="kitty"),
    Case("kitty 0.26, remote", remote(KITTY_026), chosen="kitty"),
    Case("kitty 0.42", KITTY, chosen="kitty"),
    Case("kitty 0.42, remote", remote(KITTY), chosen="kitty"),
    Case("kitty 0.49, remote", replace(KITTY, graphics=Rules(media="d", chunks="bare")), chosen="kitty"),
    Case("Ghostty, remote", remote(GHOSTTY), chosen="kitty"),
    Case("Ghostty 1.2", GHOSTTY_12, chosen="kitty"),
    Case("tmux in kitty", TMUX_IN_KITTY, chosen="kitty"),
    Case("xterm", XTERM_SIXEL, chosen="sixel", worst=70, mean=4),
    Case("foot", FOOT, chosen="sixel", worst=70, mean=4),
    Case("iTerm2", ITERM2, chosen="iterm2"),
    Case("WezTerm, remote", remote(WEZTERM), chosen="kitty", learns=True),
    Case("Konsole", KONSOLE, chosen="kitty"),
    Case("Windows Terminal", WINDOWS_TERMINAL, chosen="sixel", worst=70, mean=4),
)


def some(*names: str) -> pytest.MarkDecorator:
    found = [case for case in CASES if case.name in names]
    assert len(found) == len(names)
    return pytest.mark.parametrize("case", found, ids=str)


every_case = pytest.mark.parametrize("case", CASES, ids=str)
each_kind = some("kitty 0.26", "kitty 0.42, remote", "tmux in kitty", "xterm", "iTerm2")
encoded_apart = some("kitty 0.26, remote", "kitty 0.42, remote", "xterm", "iTerm2")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets what a terminal sets, and nothing of the one that the tests run in."""

    def enter(personality: Personality) -> None:
        for name in ("TMUX", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "VTE_VERSION", "NO_COLOR", "SSH_TTY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
        for name, value in personality.environment.items():
            monkeypatch.setenv(name, value)
        if personality.outer is not None:
            tmux = tmp_path / "tmux"
            outer = personality.outer
            tmux.write_text(f"#!/bin/sh\necho '{outer.environment['TERM']}|on|{outer.version}'\n")
            tmux.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return enter


def faults(run: Running) -> list[str]:
    """What the terminal could not take, but for what it was asked whether it could."""
    asked = tuple(f"'i': '{0x5DC0FFE0 + number}'" for number in (1, 2, 3))
    return [error for error in run.terminal.errors if not any(image in error for image in asked)]


def expected(run: Running) -> Picture:
    """The view's pixels (RGB): of the framebuffer, each the mean of the pixels that it stands for; else backdrop."""
    view = run.app.view
    mapping = view.mapping
    assert mapping is not None
    columns, rows = view.plane.size
    backdrop = view.plane.backdrop
    result = np.empty((rows * CELL[1], columns * CELL[0], 3), np.uint8)
    result[:] = (backdrop >> 16 & 255, backdrop >> 8 & 255, backdrop & 255)
    source = run.client.desktop.surface.pixels[..., 2::-1].astype(np.int64)
    sums = np.zeros((source.shape[0] + 1, source.shape[1] + 1, 3), np.int64)
    sums[1:, 1:] = source.cumsum(0).cumsum(1)
    (left, right), (top, bottom) = mapping.xs.astype(int), mapping.ys.astype(int)
    across, down = np.flatnonzero(right > left), np.flatnonzero(bottom > top)
    x0, x1, y0, y1 = left[across], right[across], top[down][:, None], bottom[down][:, None]
    total = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    count = ((y1 - y0) * (x1 - x0))[..., None]
    result[np.ix_(down, across)] = (total + count // 2) // count
    return result


def shown(run: Running) -> Picture:
    left, top = run.app.view.origin
    columns, rows = run.app.view.plane.size
    pixels = run.terminal.pixels()
    return pixels[top * CELL[1] : (top + rows) * CELL[1], left * CELL[0] : (left + columns) * CELL[0]]


def difference(run: Running) -> npt.NDArray[np.int64]:
    """By how much each pixel of the view is off."""
    found, wanted = shown(run), expected(run)
    if found.shape != wanted.shape:
        return np.full(wanted.shape[:2], 255)
    off: npt.NDArray[np.int64] = np.abs(found.astype(np.int64) - wanted).max(axis=2)
    return off


def close(off: npt.NDArray[np.int64], case: Case) -> bool:
    # A mean of an area may be rounded either way.
    return bool(not off.size or (off.max() <= max(case.worst, 1) and off.mean() <= max(case.mean, 0.5)))


def idle(run: Running) -> bool:
    """Nothing is on its way, and all of the picture is the view's."""
    app, plane = run.app, run.app.view.plane
    return (
        bool(app.screen_stack)
        and app.screen is app.session_screen
        and not app.link.damage
        and not app.view.presenter.encodes
        and bool(plane.size.width)
        and tuple(plane.size) == tuple(app.view.size)
        and bool(plane.owned.all())
    )


async def until_shown(run: Running, case: Case) -> None:
    last: list[Any] = []

    def right() -> bool:
        if not idle(run):
            return False
        off = difference(run)
        last[:] = [int(off.max()), float(off.mean()), int((off > max(case.worst, 1)).sum())]
        return close(off, case)

    try:
        await run.until(right, case.name)
    except AssertionError:
        plane = run.app.view.plane
        raise AssertionError(
            f"{case}: idle {idle(run)}, off (worst, mean, pixels) {last}, owned {plane.owned.mean():.2f}, "
            f"faults {faults(run)[-3:]}"
        ) from None


@asynccontextmanager
async def app_on(case: Case, environment: Any, **options: Any) -> AsyncIterator[Running]:
    environment(case.personality)
    columns, rows = options.pop("size", SIZE)
    desktop = options.pop("desktop", None) or Desktop(480, 288)
    settings = options.pop("settings", {"scale": "native"})
    terminal = Terminal(columns, rows, personality=case.personality, cell=CELL, **options)
    async with running(terminal=terminal, desktop=desktop, graphics=case.graphics, **settings) as run:
        await run.until(lambda: run.app.terminal_driver and not run.app.terminal_driver.undecided(), "answers")
        await until_shown(run, case)
        yield run


@every_case
async def test_the_framebuffer_is_shown(case: Case, environment: Any) -> None:
    """Chosen unasked, drawn exactly, and again after damage, other scales, sizes of the guest and of the terminal."""
    async with app_on(case, environment) as run:
        assert run.app.backend.name == case.chosen
        desktop = run.client.desktop
        for number in range(6):
            color = (40 * number, 250 - 30 * number, 90)
            run.client.refresh(desktop.fill(Rect(31 * number, 20 * number, 90, 70), color), desktop.type_character())
        await until_shown(run, case)
        run.app.view.set_scale(Scale.FIT)
        await until_shown(run, case)
        run.client.desktop = Desktop(400, 300)
        run.client.driver.display_init(run.client.desktop.surface)
        await until_shown(run, case)
        run.terminal.resize(50, 15)
        os.kill(os.getpid(), signal.SIGWINCH)
        await run.until(lambda: run.app.view.plane.size == (50, 14))
        await until_shown(run, case)
        assert case.learns or faults(run) == []


def restored(terminal: Terminal) -> bool:
    left_behind = (1049, 1000, 1003, 1006, 1016, 1004, 2004, 2026, 2048)
    return (
        not any(terminal.modes.get(mode) for mode in left_behind)
        and terminal.modes[7]
        and terminal.modes[25]
        and terminal.keyboard == []
        and terminal.images == []
        and not terminal.pixels().any()
        and termios.tcgetattr(terminal.slave) == terminal.settings
    )


def shared_files(run: Running) -> set[Path]:
    """Those that the terminal was told to read pictures from."""
    named = re.findall(rb"\x1b_G[^;]*,t=f[^;]*;([A-Za-z0-9+/=]+)\x1b", bytes(run.terminal.received))
    return {Path(os.fsdecode(base64.b64decode(name))) for name in named}


@each_kind
@pytest.mark.parametrize("how", ["quit", "terminated"])
async def test_nothing_stays_behind(case: Case, how: str, environment: Any) -> None:
    async with app_on(case, environment) as run:
        run.client.refresh(run.client.desktop.type_character())
        await until_shown(run, case)
        if how == "quit":
            run.type(b"\x1dq")
            assert await run.task == 0
        else:
            os.kill(os.getpid(), signal.SIGTERM)
            assert await run.task == 143
        await run.until(lambda: restored(run.terminal), "restored")
        files = shared_files(run)
        assert len(files) > 1 or case.name != "kitty 0.26"
        assert not any(path.exists() for path in files)
        assert faults(run) == []


@each_kind
async def test_overlays_and_damage_at_random(case: Case, environment: Any) -> None:
    """Toasts, the menu, dialogs, the palette and boxes come, move and go while the guest paints and sizes change."""
    async with app_on(case, environment, desktop=Desktop(640, 480)) as run:
        chaos = Chaos(run, sum(map(ord, case.name)))
        for step in range(24):
            chaos.step()
            if step % 6 == 5:
                color = (chaos.random.randrange(256), 9 * step, 100)
                run.client.refresh(run.client.desktop.fill(Rect(0, 0, 640, 480), color))
                await run.until(lambda: not run.app.link.damage, "drawn")
        await chaos.clear()
        if run.app.backend.name != case.chosen:
            run.app.use_backend(case.graphics)
        run.client.refresh(Rect(0, 0, 640, 480))
        await until_shown(run, case)
        assert faults(run) == []


@each_kind
async def test_the_picture_goes_on_beside_the_menu(case: Case, environment: Any) -> None:
    """What is covered stays covered, what is not is the guest's, pixel by pixel, while both are there."""
    async with app_on(case, environment, size=(80, 24), desktop=Desktop(640, 368)) as run:
        run.type(b"\x1d")
        await run.until(lambda: "Ctrl+Alt+Delete" in run.terminal.text)
        view = run.app.view
        await run.until(lambda: view.plane.owned[0].all() and not view.plane.owned.all())
        for number in range(4):
            color = (60 * number, 90, 200 - 40 * number)
            run.client.refresh(run.client.desktop.fill(Rect(0, 0, 640, 368), color))

            def right() -> bool:
                free = np.repeat(np.repeat(view.plane.owned != 0, CELL[1], 0), CELL[0], 1)
                return not run.app.link.damage and close(difference(run)[free], case)

            await run.until(right, "beside the menu")
            assert "Ctrl+Alt+Delete" in run.terminal.text
            covered = np.argwhere(view.plane.owned == 0)
            off = difference(run)
            wrong = [
                (x, y)
                for y, x in covered.tolist()
                if off[y * CELL[1] : (y + 1) * CELL[1], x * CELL[0] : (x + 1) * CELL[0]].max() <= 1
            ]
            assert not wrong  # no cell of the menu shows the guest
        run.type(b"\x1b")
        await until_shown(run, case)


@each_kind
async def test_late_acknowledgements(case: Case, environment: Any) -> None:
    async with app_on(case, environment) as run:
        run.terminal.acknowledges = False
        desktop = run.client.desktop
        for number in range(12):
            run.client.refresh(desktop.fill(Rect(20 * number, 10 * number, 60, 60), (20 * number, 99, 0)))
            await run.until(lambda: not run.app.link.damage or run.terminal.withheld)
        run.terminal.acknowledges = True
        run.terminal.release()
        await until_shown(run, case)
        assert faults(run) == []


@pytest.mark.parametrize(("name", "graphics"), [("kitty 0.26, remote", "kitty"), ("xterm", "sixel")])
async def test_a_terminal_that_answers_nothing(name: str, graphics: str, environment: Any) -> None:
    """Such as one behind a program that swallows replies; the backend was asked for."""
    case = replace(next(case for case in CASES if case.name == name), graphics=graphics)
    async with app_on(case, environment, answers=False) as run:
        desktop = run.client.desktop
        for number in range(4):
            run.client.refresh(desktop.fill(Rect(20 * number, 10 * number, 60, 60), (20 * number, 99, 0)))
            await run.until(lambda: not run.app.link.damage)
        await until_shown(run, case)
        assert faults(run) == []


@encoded_apart
async def test_a_slow_line(case: Case, environment: Any) -> None:
    """Frames are left out and coarse on a slow line; once it is quiet the picture is right."""
    link = Link(rate=1_000_000, delay=0.02)
    async with app_on(case, environment, link=link) as run:
        desktop = run.client.desktop
        noise = np.random.default_rng(3)
        for _ in range(8):
            desktop.surface.pixels[40:240, 40:400, :3] = noise.integers(0, 256, (200, 360, 3), np.uint8)
            run.client.refresh(Rect(40, 40, 360, 200))
            shown_before = run.app.view.presenter.frames_shown
            await run.until(lambda count=shown_before: run.app.view.presenter.frames_shown > count)  # type: ignore[misc]
        run.client.refresh(desktop.fill(Rect(40, 40, 360, 200), (12, 34, 56)))
        await until_shown(run, case)
        assert faults(run) == []


@each_kind
async def test_pieces_of_any_size(case: Case, environment: Any) -> None:
    async with app_on(case, environment, link=Link(piece=997)) as run:
        run.client.refresh(run.client.desktop.fill(Rect(11, 13, 201, 99), (250, 200, 150)))
        await until_shown(run, case)
        assert faults(run) == []


@encoded_apart
async def test_a_frame_that_comes_too_late_is_dropped(case: Case, environment: Any) -> None:
    """While it is encoded something comes to lie over the picture; it is made again for what is free then."""
    async with app_on(case, environment) as run:
        view = run.app.view
        dropped: list[Update] = []
        drop = view.plane.dropped

        def note(update: Update) -> None:
            dropped.append(update)
            drop(update)

        view.plane.dropped = note  # type: ignore[method-assign]
        make, free = view.plane.update, threading.Event()
        slow: list[Update] = []

        def update(origin: Point) -> Update | None:
            made: Any = make(origin)
            if made is not None and made.heavy and not slow:
                encode = made.encode
                made.encode = lambda: (free.wait(TIMEOUT), encode())[1]
                slow.append(made)
            return made  # type: ignore[no-any-return]

        view.plane.update = update  # type: ignore[method-assign]
        noise = np.random.default_rng(5)
        run.client.desktop.surface.pixels[..., :3] = noise.integers(0, 256, (288, 480, 3), np.uint8)
        run.client.refresh(Rect(0, 0, 480, 288))
        await run.until(lambda: slow, "being encoded")
        layouts = view.layouts
        with run.app._context():
            run.app.say("a word over the picture")
        await run.until(lambda: view.layouts > layouts, "a new layout")
        free.set()
        await run.until(lambda: dropped, "dropped")
        run.app.clear_notifications()
        run.client.refresh(run.client.desktop.fill(Rect(0, 0, 480, 200), (77, 88, 99)))
        run.client.refresh(run.client.desktop.fill(Rect(0, 200, 480, 88), (7, 8, 9)))
        await until_shown(run, case)
        assert faults(run) == []


@each_kind
async def test_the_terminal_is_lent_to_the_shell_and_back(case: Case, environment: Any) -> None:
    """Suspended, nothing of the app is left on the terminal; afterwards everything is there again."""
    async with app_on(case, environment) as run:
        driver = run.app.terminal_driver
        assert driver is not None
        driver.suspend_application_mode()
        await run.until(lambda: restored(run.terminal), "restored")
        os.write(run.terminal.slave, b"\x1b[2J\x1b[Hshell\x1b[2J")
        driver.resume_application_mode()
        run.client.refresh(run.client.desktop.fill(Rect(50, 60, 70, 80), (250, 150, 50)))
        await until_shown(run, case)
        assert faults(run) == []


@some("tmux in kitty")
async def test_what_tmux_loses_around_a_resize_is_sent_again(case: Case, environment: Any) -> None:
    async with app_on(case, environment) as run:
        frames = run.app.view.presenter.frames_shown
        run.terminal.passes = False
        run.terminal.resize(50, 15)
        os.kill(os.getpid(), signal.SIGWINCH)
        await run.until(lambda: run.app.view.plane.size == (50, 14) and run.app.view.presenter.frames_shown > frames)
        await run.until(lambda: not run.app.view.plane.dirty.any())  # type: ignore[attr-defined]
        run.terminal.passes = True
        await until_shown(run, case)


async def test_the_pointer_is_where_it_was_sent(environment: Any) -> None:
    """In client mode no server tells its place (spice-server passes no moves on); a new shape does not move it."""
    case = CASES[0]
    async with app_on(case, environment) as run:
        square = np.full((6, 6, 4), (10, 200, 250, 255), np.uint8)
        run.client.driver.cursor_changed(0, Cursor(square, 0, 0, None, square), 400, 200)

        def drawn() -> tuple[int, int, int, int]:
            ys, xs = np.nonzero(difference(run) > 1)
            return (int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())) if len(xs) else (0, 0, 0, 0)

        await run.until(lambda: idle(run) and drawn() == (400, 200, 405, 205), "as the server says")
        run.type(b"\x1b[<35;%d;%dM" % (100 + 1, 50 + 1))  # in pixels
        await run.until(lambda: run.inputs.calls == [("move", 100, 50)])
        await run.until(lambda: idle(run) and drawn() == (100, 50, 105, 55), "as it was sent")
        run.client.driver.cursor_changed(0, Cursor(square, 2, 0, None, square), 400, 200)
        await run.until(lambda: idle(run) and drawn() == (98, 50, 103, 55), "with a new shape")
        run.client.driver.mouse_mode_changed(False)
        run.client.driver.cursor_changed(0, Cursor(square, 0, 0, None, square), 300, 100)
        await run.until(lambda: idle(run) and drawn() == (300, 100, 305, 105), "in server mode")


@pytest.mark.parametrize("kind", ["half", "quadrant", "sextant", "octant"])
async def test_cells_have_the_mean_of_what_they_show(kind: str, environment: Any) -> None:
    """Cells cannot show each pixel, but as a whole each has the colour of its part of the guest."""
    case = Case(kind, XTERM, kind)
    environment(case.personality)
    terminal = Terminal(*SIZE, personality=case.personality, cell=CELL)
    async with running(terminal=terminal, desktop=Desktop(480, 288), graphics=kind, scale="native") as run:

        def means(picture: Picture) -> npt.NDArray[np.float64]:
            rows, columns = picture.shape[0] // CELL[1], picture.shape[1] // CELL[0]
            result: npt.NDArray[np.float64] = picture.reshape(rows, CELL[1], columns, CELL[0], 3).mean(axis=(1, 3))
            return result

        def whole() -> Picture:
            source = run.client.desktop.surface.pixels[..., 2::-1]
            return np.ascontiguousarray(source)

        def right() -> bool:
            if not idle(run):
                return False
            found, wanted = means(shown(run)), means(whole())
            if found.shape != wanted.shape:
                return False
            return bool(np.abs(found - wanted).max() <= 12 and np.abs(found - wanted).mean() <= 2)

        await run.until(right, kind)
        for number in range(4):
            run.client.refresh(run.client.desktop.fill(Rect(9 + 50 * number, 21, 77, 111), (9, 60 * number, 200)))
        await run.until(right, kind)
        run.client.refresh(run.client.desktop.type_character())
        await run.until(right, kind)


@pytest.mark.parametrize(
    ("personality", "chosen"),
    [
        *((GNOME_TERMINAL, "octant"), (ALACRITTY, "quadrant"), (XTERM, "quadrant"), (TMUX, "quadrant")),
        *(
            (LINUX, "half"),
            (replace(KITTY, graphics=None), "octant"),
            (replace(FOOT, sixel=False, da1="62;22"), "octant"),
        ),
    ],
    ids=str,
)
async def test_the_best_cells_are_chosen_where_there_are_no_pixels(
    personality: Personality, chosen: str, environment: Any
) -> None:
    environment(personality)
    async with running(terminal=Terminal(*SIZE, personality=personality, cell=CELL)) as run:
        await run.until(lambda: run.app.terminal_driver and not run.app.terminal_driver.undecided(), "answers")
        await run.until(lambda: idle(run))
        assert run.app.backend.name == chosen
        await run.until_settled()
        assert faults(run) == []
