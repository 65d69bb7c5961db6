"""The app in real terminals: kitty, xterm with sixel, and tmux in either, photographed and compared."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from .cli import target
from .picture import Picture
from .process import DEADLINE
from .test_demo_server import Hosted
from .windows import Window, XServer, kitty, xterm

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


def seen(window: Window, photo: Picture, size: tuple[int, int]) -> Picture:
    """The part of the screen where the picture lies 1:1, in the middle of all rows but the last."""
    columns, rows, across, down = window.size()
    left = (columns - -(-size[0] // across)) // 2 * across
    top = (rows - 1 - -(-size[1] // down)) // 2 * down
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
        pointer = wrong[max(0, y - 8) : y + 32, max(0, x - 8) : x + 32]
        if not pointer.any():
            return False
        pointer[:] = 0  # the app draws it, the server does not
        last[:] = [float(wrong.max()), float(wrong.mean()), float((wrong > worst).sum())]
        return bool(wrong.max() <= worst and wrong.mean() <= mean)

    wait(window, right, lambda: f"off by (worst, mean, pixels) {last}", name)


@pytest.mark.parametrize(
    ("name", "worst", "mean"), [("kitty", 0, 0.0), ("xterm", 60, 3.0)], ids=["kitty", "xterm with sixel"]
)
def test_pixels(name: str, worst: int, mean: float, hosted: Hosted, screen: XServer, private: Path) -> None:
    """1:1, what is typed in the terminal appears on the desktop, and the picture follows."""
    terminal = kitty(private) if name == "kitty" else xterm(private)
    with Window(private, screen, terminal, app(hosted, "--scale", "native")) as window:
        until_shows(window, hosted, f"{name}-start", worst, mean)
        window.type("echo Hello")
        window.key("Return")
        until_typed(window, hosted)
        until_shows(window, hosted, f"{name}-typed", worst, mean)
        window.key("ctrl+bracketright", "q")
        assert window.process.wait() == 0


def until_typed(window: Window, hosted: Hosted) -> None:
    def right() -> bool:
        return "demo:~$ echo Hello\nHello\n" in hosted.do(lambda: hosted.server.desktop.terminal.text)

    wait(window, right, lambda: hosted.do(lambda: hosted.server.desktop.terminal.text), "typed")
