"""The app in real terminals: kitty, xterm with sixel, and tmux in either, photographed and compared."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from peer import demo_script
from PIL import Image

from spicetui.geometry import Rect, Size
from spicetui.term.scale import Mapping

from .cli import Cli, target
from .picture import Picture, difference
from .process import DEADLINE
from .test_demo_server import Hosted
from .windows import Window, XServer, kitty, tmux, xterm

PICTURES = os.environ.get("SPICETUI_TEST_PICTURES")  # a folder for what the terminals showed


@pytest.fixture
def hosted(private: Path) -> Iterator[Hosted]:
    with Hosted(private / "demo.sock") as server:
        yield server


@pytest.fixture
def screen(private: Path) -> Iterator[XServer]:
    with XServer(private) as server:
        yield server


def app(hosted: Hosted, *options: str) -> list[str]:
    return [sys.executable, "-m", "spicetui", "view", target(hosted.address), *options]


def corner(window: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Where on the screen the picture lies 1:1, in the middle of all rows but the last."""
    columns, rows, across, down = window.size()
    return (columns - -(-size[0] // across)) // 2 * across, (rows - 1 - -(-size[1] // down)) // 2 * down


def seen(window: Window, photo: Picture, size: tuple[int, int]) -> Picture:
    left, top = corner(window, size)
    return photo[top : top + size[1], left : left + size[0]]


def off(window: Window, truth: Picture) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    found = seen(window, window.photo(), (truth.shape[1], truth.shape[0]))
    assert found.shape == truth.shape, "the terminal is too small"
    result: np.ndarray[tuple[int, int], np.dtype[np.int64]] = np.abs(found.astype(np.int64) - truth).max(axis=2)
    return result


def wait(window: Window, right: Callable[[], bool], told: Callable[[], str], name: str) -> None:
    until = time.monotonic() + DEADLINE
    while not right():
        if time.monotonic() > until or not window.process.running:
            window.keep(Path(f"/tmp/spicetui-{name}.png"))
            raise AssertionError(f"{name}: {told()}; {window.process.log()}")
        time.sleep(0.1)
    if PICTURES:
        window.keep(Path(PICTURES) / f"{name}.png")


def until_shows(window: Window, hosted: Hosted, name: str, worst: int, mean: float) -> None:
    last: list[float] = []

    def right() -> bool:
        truth = hosted.truth()
        if truth.std() < 10:
            return False  # the desktop is black until somebody looks
        wrong = off(window, truth)
        x, y = hosted.do(lambda: hosted.server.desktop.pointer)
        pointer = wrong[max(0, y - 8) : y + 32, max(0, x - 8) : x + 32]  # the app draws it, the server does not
        there = bool((pointer > worst).any())
        pointer[:] = 0
        last[:] = [float(wrong.max()), float(wrong.mean()), float((wrong > worst).sum())]
        return bool(there and wrong.max() <= worst and wrong.mean() <= mean)

    wait(window, right, lambda: f"off by (worst, mean, pixels) {last}", name)


pixel_terminals = pytest.mark.parametrize(
    ("name", "worst", "mean"), [("kitty", 0, 0.0), ("xterm", 90, 3.0)], ids=["kitty", "xterm with sixel"]
)


def outer(name: str, folder: Path) -> list[str]:
    return kitty(folder) if name == "kitty" else xterm(folder)


@pixel_terminals
def test_pixels(name: str, worst: int, mean: float, hosted: Hosted, screen: XServer, private: Path, cli: Cli) -> None:
    """1:1, what is typed in the terminal appears on the desktop, and the picture follows."""
    with Window(private, screen, outer(name, private), app(hosted, "--scale", "native")) as window:
        until_shows(window, hosted, f"{name}-start", worst, mean)
        window.type("echo Hello")
        window.key("Return")
        until_typed(window, hosted)
        until_shows(window, hosted, f"{name}-typed", worst, mean)
        shot, _ = cli.screenshot(hosted.address)
        assert not difference(shot, hosted.truth())
        window.key("ctrl+bracketright", "q")
        assert window.process.wait() == 0


@pixel_terminals
def test_what_lies_over_the_picture(
    name: str, worst: int, mean: float, hosted: Hosted, screen: XServer, private: Path
) -> None:
    """The menu, the help and a moving window under them; afterwards no pixel is wrong."""
    with Window(private, screen, outer(name, private), app(hosted, "--scale", "native")) as window:
        until_shows(window, hosted, f"{name}-over-start", worst, mean)
        plain = window.photo()
        window.key("ctrl+bracketright")
        wait(
            window, lambda: bool((window.photo() != plain).any(axis=2).sum() > 10_000), lambda: "", f"{name}-over-menu"
        )
        hosted.do(lambda: demo_script.press_keys(hosted.server.desktop, "echo under the menu\n"))
        menu = window.photo()
        window.key("question")
        wait(window, lambda: bool((window.photo() != menu).any(axis=2).sum() > 10_000), lambda: "", f"{name}-over-help")
        hosted.do(lambda: demo_script.press_keys(hosted.server.desktop, "echo under the help\n"))
        window.key("Escape")
        until_shows(window, hosted, f"{name}-over-closed", worst, mean)
        drag_window(window, hosted, "paint", -190, 25)
        until_shows(window, hosted, f"{name}-over-end", worst, mean)
        window.key("ctrl+bracketright", "q")
        assert window.process.wait() == 0


def drag_window(window: Window, hosted: Hosted, name: str, dx: int, dy: int) -> None:
    """With the mouse, through the terminal, which tells its place in pixels."""
    size = hosted.truth().shape[1::-1]
    left, top = corner(window, (size[0], size[1]))
    rect = hosted.do(lambda: demo_script.window_rect(hosted.server.desktop, name))
    x, y = left + rect.x + rect.width // 2, top + rect.y + 12
    window.xdotool("mousemove", str(x), str(y), "mousedown", "1")
    for part in (1, 2, 3):
        window.xdotool("mousemove", str(x + dx * part // 3), str(y + dy * part // 3))
    window.xdotool("mouseup", "1")
    wanted = rect.translate(dx, dy)

    def now() -> Rect:
        return hosted.do(lambda: demo_script.window_rect(hosted.server.desktop, name))

    wait(window, lambda: now() == wanted, lambda: f"{now()} instead of {wanted}", "dragged")


@pytest.mark.parametrize("name", ["kitty", "xterm"])
def test_the_terminal_is_left_as_it_was(name: str, hosted: Hosted, screen: XServer, private: Path) -> None:
    """The shell from which the app was started shows its screen again, and no image."""
    script = "printf 'before\\n'; " + shlex.join(app(hosted)) + '; touch "$HOME/left"; exec sleep 60'
    with Window(private, screen, outer(name, private), ["sh", "-c", "read -r line; " + script]) as window:
        window.size()
        window.key("Return")
        _, _, across, down = window.size()
        wait(window, lambda: window.photo().std() > 20, lambda: "no picture", f"{name}-left-picture")
        window.key("ctrl+bracketright", "q")
        wait(window, (private / "left").exists, lambda: "", f"{name}-left-ended")

        def clean() -> bool:
            """The word in the second row, the cursor below it, and nothing that a key's release left."""
            photo = window.photo()
            word = photo[down : 2 * down].any()
            return bool(word and not photo[2 * down :, across:].any() and not photo[3 * down :].any())

        wait(window, clean, lambda: "something is left", f"{name}-left-behind")


def cells_off(window: Window, truth: Picture) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """By how much the mean colour of each cell is off."""
    columns, rows, across, down = window.size()
    lies = Mapping(
        Size(truth.shape[1], truth.shape[0]), Size(columns, rows - 1), Size(2, 2), cell_px=Size(across, down)
    )
    cells = lies.cells
    photo = window.photo()[cells.y * down : cells.bottom * down, cells.x * across : cells.right * across]
    found = photo.reshape(cells.height, down, cells.width, across, 3).mean(axis=(1, 3))
    whole = Image.fromarray(truth).resize((cells.width, cells.height), Image.Resampling.BOX)
    result: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.abs(found - np.asarray(whole)).max(axis=2)
    return result


@pytest.mark.parametrize("terminal", ["kitty", "xterm", "tmux in kitty", "tmux in xterm"])
@pytest.mark.parametrize("graphics", ["quadrant", "half"])
def test_cells(terminal: str, graphics: str, hosted: Hosted, screen: XServer, private: Path) -> None:
    outer = kitty(private) if "kitty" in terminal else xterm(private, sixel=False)
    between = tmux(private) if "tmux" in terminal else []
    command = app(hosted, "--graphics", graphics)
    name = f"{terminal.replace(' ', '-')}-{graphics}"
    with Window(private, screen, [*outer, *between], command) as window:
        last: list[float] = []

        def right() -> bool:
            truth = hosted.truth()
            if truth.std() < 10:
                return False
            wrong = cells_off(window, truth)
            last[:] = [float(wrong.mean()), float(np.quantile(wrong, 0.95)), float(wrong.max())]
            return wrong.mean() < 6 and float(np.quantile(wrong, 0.95)) < 25

        wait(window, right, lambda: f"off by (mean, most, worst) {last}", name + "-start")
        window.type("echo Hello")
        window.key("Return")
        until_typed(window, hosted)
        wait(window, right, lambda: f"off by (mean, most, worst) {last}", name)
        print(name, last)
        window.key("ctrl+bracketright", "q")
        assert window.process.wait() == 0


def test_tmux_in_an_old_kitty_gets_cells_unasked(hosted: Hosted, screen: XServer, private: Path) -> None:
    """kitty 0.26 has no placeholders, and nothing else goes through tmux."""
    with Window(private, screen, [*kitty(private), *tmux(private)], app(hosted)) as window:

        def right() -> bool:
            truth = hosted.truth()
            return truth.std() > 10 and bool(cells_off(window, truth).mean() < 6)

        wait(window, right, lambda: "", "tmux-unasked")
        window.key("ctrl+bracketright", "q")
        assert window.process.wait() == 0


def until_typed(window: Window, hosted: Hosted) -> None:
    def right() -> bool:
        return "demo:~$ echo Hello\nHello\n" in hosted.do(lambda: hosted.server.desktop.terminal.text)

    wait(window, right, lambda: hosted.do(lambda: hosted.server.desktop.terminal.text), "typed")
