"""The sixel backend on the real thing: xterm as a VT340 under Xvfb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from spicetui.geometry import Point, Rect, Size
from spicetui.term.scale import Mapping, Scale
from spicetui.term.sixel import SixelPlane, encode

from .sixel_canvas import rounded
from .xterm_window import XtermWindow

pytestmark = pytest.mark.live

BOX = (200, 30, 40)
TOLERANCE = 2  # xterm's own way from percents to a channel of its display


@pytest.fixture
def window(tmp_path: Path) -> Iterator[XtermWindow]:
    with XtermWindow(tmp_path) as window:
        yield window


class Screen:
    """What the compositor and the guest do; the last row is a status line's."""

    def __init__(self, window: XtermWindow) -> None:
        self.window = window
        self.random = np.random.default_rng(3)
        self.plane = SixelPlane(registers=window.registers, max_px=window.largest)
        self.view = Size(window.relay.size.width, window.relay.size.height - 1)
        self.plane.resize(self.view, window.cell)
        size = Size(self.view.width * window.cell.width, self.view.height * window.cell.height)
        y, x = np.mgrid[0 : size.height, 0 : size.width]
        self.pixels = np.stack((x // 64 * 24, y // 64 * 24, (x // 64 + y // 64) % 8 * 32, x * 0), axis=2)
        self.pixels = self.pixels.astype(np.uint8)
        self.plane.place(Mapping(size, self.view, self.plane.sub, Scale.PIXEL, cell_px=window.cell))
        self.plane.draw(self.pixels, [Rect(0, 0, *size)])
        window.relay.write(self.plane.enter() + b"\x1b[%d;1Hstatus" % (self.view.height + 1))
        self.layout(Rect(0, 0, 0, 0))

    def layout(self, box: Rect) -> None:
        self.box = box
        self.plane.disown()
        for y in range(self.view.height):
            over = (box.x, box.right) if box.y <= y < box.bottom else (self.view.width, self.view.width)
            spans = self.plane.span(y, 0, over[0]), self.plane.span(y, over[1], self.view.width)
            paint = f"\x1b[48;2;{BOX[0]};{BOX[1]};{BOX[2]}m{' ' * (over[1] - over[0])}\x1b[m"
            self.window.relay.write(f"\x1b[{y + 1};1H{spans[0]}{paint}{spans[1]}".encode())

    def damage(self, width: int, height: int) -> None:
        y = int(self.random.integers(0, self.pixels.shape[0] - height))
        x = int(self.random.integers(0, self.pixels.shape[1] - width))
        colors = self.random.integers(0, 32, (4, 4), dtype=np.uint8) * 8  # one of each 15-bit colour
        self.pixels[y : y + height, x : x + width] = colors[self.random.integers(0, 4, (height, width))]
        self.plane.draw(self.pixels, [Rect(x, y, width, height)])

    def update(self) -> int:
        update = self.plane.update(Point(0, 0))
        data = update.encode().show if update is not None else b""
        self.window.relay.write(data)
        self.window.relay.finish()
        return data.count(b"\x1bP")

    def wanted(self) -> npt.NDArray[np.uint8]:
        wanted = rounded(self.plane.wanted)
        cell = self.window.cell
        box = self.box
        area = Rect(box.x * cell.width, box.y * cell.height, box.width * cell.width, box.height * cell.height)
        wanted[area.slices()] = BOX
        return wanted


def test_damage_and_overlays(window: XtermWindow) -> None:
    screen = Screen(window)
    status = window.shot()[-window.cell.height :]
    screen.update()
    window.until_shows(screen.wanted(), TOLERANCE)
    for step in range(30):
        screen.damage(*((8, 16), (120, 40), (300, 200))[step % 3])
        if step % 10 == 5:
            screen.layout(Rect(5 + step, 3 + step // 2, 30, 12))
        screen.update()
    window.until_shows(screen.wanted(), TOLERANCE)
    assert np.array_equal(window.shot()[-window.cell.height :], status)


def test_all_comes_back_after_a_redraw_when_asked_for(window: XtermWindow) -> None:
    """xterm keeps 16 pictures only: what a covered window loses is sent again."""
    screen = Screen(window)
    for _ in range(25):
        screen.update()
        screen.damage(40, 30)
    screen.update()
    window.until_shows(screen.wanted(), TOLERANCE)
    window.redraw()
    assert (np.abs(window.shot()[: screen.wanted().shape[0]].astype(int) - screen.wanted()) > TOLERANCE).any()
    screen.plane.forget_picture()
    screen.update()
    window.until_shows(screen.wanted(), TOLERANCE)


def test_pictures_have_registers_of_their_own(window: XtermWindow) -> None:
    cell = window.cell
    one = np.zeros((2 * cell.height, 4 * cell.width), np.uint8)
    wanted = np.zeros((2 * cell.height, 8 * cell.width, 3), np.uint8)
    wanted[:, : 4 * cell.width] = (255, 0, 0)
    wanted[:, 4 * cell.width :] = (0, 0, 255)
    for mode, kept in ((SixelPlane().enter(), True), (b"\x1b[?1070l", False)):
        window.relay.write(mode + b"\x1b[2J")
        for column, color in ((1, 0xFF0000), (5, 0x0000FF)):
            window.relay.write(b"\x1b[1;%dH" % column + encode(one, np.array([color], np.uint32)))
        window.relay.finish()
        window.until_shows(wanted, TOLERANCE)
        window.redraw()
        if not kept:
            wanted[:] = (0, 0, 255)
        window.until_shows(wanted, TOLERANCE)


def test_the_largest_picture_is_shown_whole(window: XtermWindow) -> None:
    screen = Screen(window)
    random = screen.random.integers(0, 256, (64, 3), dtype=np.uint8)
    y, x = np.indices(screen.pixels.shape[:2])
    screen.pixels[..., :3] = random[(x // 3 + y // 2) % 64]
    screen.plane.draw(screen.pixels, [Rect(0, 0, *screen.pixels.shape[1::-1])])
    screen.update()
    window.until_shows(screen.wanted(), 4)  # two of the colours may be one of 15 bits
