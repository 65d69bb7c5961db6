"""The sixel plane: what its updates show on a decoded canvas is what is wanted, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui.geometry import Point, Rect, Size
from spicetui.term import sixel
from spicetui.term.plane import Update
from spicetui.term.rectangles import cover
from spicetui.term.scale import Mapping, Scale
from spicetui.term.sixel import SixelPlane

from .sixel_canvas import Canvas, paint, pictures, rounded

ORIGIN = Point(2, 1)
COVERED = (1, 2, 3)  # what lies over the view
ERASED = (4, 5, 6)
# One of each 15-bit colour, so that few of them are exact.
_CODES = np.random.default_rng(1).permutation(1 << 15)[:200].astype(np.uint32)
COLORS = (_CODES >> 10) << 19 | (_CODES >> 5 & 31) << 11 | (_CODES & 31) << 3


class Guest:
    """A plane with a picture, one pixel for one, on a screen."""

    def __init__(self, view: Size, cell: Size, seed: int, *, registers: int = 256, max_px: Size | None = None) -> None:
        self.random = np.random.default_rng(seed)
        self.plane = SixelPlane(0x102030, registers=registers, max_px=max_px)
        self.registers, self.largest = registers, max_px or Size(4096, 4096)
        self.cell = cell
        self.plane.resize(view, cell)
        size = Size(view.width * cell.width, view.height * cell.height)
        self.pixels = np.zeros((size.height, size.width, 4), np.uint8)
        screen = (view.height + ORIGIN.y + 1) * cell.height, (view.width + ORIGIN.x + 1) * cell.width
        self.canvas: Canvas = np.zeros((*screen, 3), np.uint8)
        self.plane.place(Mapping(size, view, self.plane.sub, Scale.PIXEL, cell_px=cell))

    def area(self, cells: Rect) -> tuple[slice, slice]:
        """Of the canvas."""
        width, height = self.cell
        moved = cells.translate(ORIGIN.x, ORIGIN.y)
        return Rect(moved.x * width, moved.y * height, moved.width * width, moved.height * height).slices()

    @property
    def view(self) -> Canvas:
        return self.canvas[self.area(Rect(0, 0, *self.plane.size))]

    def change(self, rect: Rect, *, colors: int = 6, noise: bool = False) -> None:
        if noise:
            self.pixels[rect.slices()] = self.random.integers(0, 256, (rect.height, rect.width, 4))
        else:
            some = self.random.choice(COLORS, colors)
            words = some[self.random.integers(0, colors, (rect.height, rect.width))]
            self.pixels[rect.slices()] = words[..., np.newaxis] >> np.array((0, 8, 16, 24)) & 255
        self.plane.draw(self.pixels, [rect])

    def some_rect(self) -> Rect:
        height, width = self.pixels.shape[:2]
        x, y = int(self.random.integers(0, width)), int(self.random.integers(0, height))
        return Rect(x, y, int(self.random.integers(1, width - x + 1)), int(self.random.integers(1, height - y + 1)))

    def layout(self, box: Rect) -> None:
        """The compositor paints all, with something over *box*."""
        plane = self.plane
        plane.disown()
        width, height = plane.size
        for y in range(height):
            over = (box.x, box.right) if box.y <= y < box.bottom else (width, width)
            for x0, x1 in ((0, over[0]), (over[1], width)):
                if x0 < x1:
                    assert plane.span(y, x0, x1) == " " * (x1 - x0)
                    self.canvas[self.area(Rect(x0, y, x1 - x0, 1))] = ERASED
            self.canvas[self.area(Rect(over[0], y, over[1] - over[0], 1))] = COVERED

    def show(self, update: Update) -> None:
        data = update.encode().show
        owned = np.kron(self.plane.owned, np.ones(self.cell[::-1], np.uint8)).astype(np.bool_)
        touched = paint(self.canvas, data, self.cell, self.registers, self.largest)
        allowed = np.zeros_like(touched)
        allowed[self.area(Rect(0, 0, *self.plane.size))] = owned
        assert not (touched & ~allowed).any()

    def settle(self) -> None:
        """Updates and refinement until there is nothing left to do."""
        self.plane.quality = 0
        for _ in range(3):
            update = self.plane.update(ORIGIN)
            if update is not None:
                self.show(update)
                self.plane.acknowledged(update)
            self.plane.refine()
        assert self.plane.update(ORIGIN) is None

    def check(self, box: Rect) -> None:
        """Exact where the picture is to be seen."""
        wanted = rounded(self.plane.wanted)
        for y in range(self.plane.size.height):
            for x in range(self.plane.size.width):
                cell = Rect(x, y, 1, 1)
                shown = self.canvas[self.area(cell)]
                if not cell.intersect(box).empty:
                    assert (shown == COVERED).all()
                else:
                    width, height = self.cell
                    part = wanted[y * height : (y + 1) * height, x * width : (x + 1) * width]
                    assert np.array_equal(shown, part), (x, y)


@settings(max_examples=30, deadline=None)
@given(
    view=st.builds(Size, st.integers(1, 14), st.integers(1, 9)),
    cell=st.builds(Size, st.integers(1, 11), st.integers(1, 20)),
    max_px=st.sampled_from((None, Size(50, 40), Size(5, 5))),
    seed=st.integers(0, 10_000),
)
def test_random_damage(view: Size, cell: Size, max_px: Size | None, seed: int) -> None:
    if max_px is not None:
        max_px = Size(max(max_px.width, cell.width), max(max_px.height, -(-cell.height // 6) * 6))
    guest = Guest(view, cell, seed, max_px=max_px)
    box = Rect(0, 0, 0, 0)
    guest.layout(box)
    guest.change(Rect(0, 0, *guest.pixels.shape[1::-1]))
    dropped: list[Update] = []
    for _ in range(12):
        what = guest.random.random()
        if what < 0.5:
            guest.change(guest.some_rect())
        elif what < 0.6:
            corner = Point(int(guest.random.integers(0, view.width)), int(guest.random.integers(0, view.height)))
            box = Rect(*corner, 2, 2).intersect(Rect(0, 0, *view))
            guest.layout(box)
        elif what < 0.7:
            guest.plane.quality = int(guest.random.integers(0, 3))
        else:
            update = guest.plane.update(ORIGIN)
            if update is not None and guest.random.random() < 0.3:
                dropped.append(update)
                guest.plane.dropped(update)
            elif update is not None:
                guest.show(update)
                guest.plane.acknowledged(update)
    guest.settle()
    guest.check(box)


def test_the_canvas_is_the_palette_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more colours than a palette has, and calmed."""
    guest = Guest(Size(30, 20), Size(8, 15), 1)
    guest.layout(Rect(0, 0, 0, 0))
    expected = guest.view.copy()
    encode = sixel.encode
    shown: list[np.ndarray] = []

    def record(indexes: np.ndarray, colors: np.ndarray) -> bytes:
        shown.append(colors[indexes])
        return encode(indexes, colors)

    monkeypatch.setattr(sixel, "encode", record)
    y, x = np.mgrid[0:300, 0:240]
    for step in range(6):
        if step % 2:
            guest.change(guest.some_rect(), noise=True)
        else:
            guest.pixels[..., :3] = np.stack((x + step * 9, y, x + y), axis=-1) % 256
            guest.plane.draw(guest.pixels, [Rect(0, 0, 240, 300)])
        guest.plane.quality = step % 3
        update = guest.plane.update(ORIGIN)
        assert update is not None
        shown.clear()
        data = update.encode().show
        assert paint(guest.canvas, data, guest.cell).any()
        for (place, pixels), words in zip(pictures(data), shown, strict=True):
            assert pixels.shape[:2] == words.shape
            top, left = (place.y - ORIGIN.y) * 15, (place.x - ORIGIN.x) * 8
            expected[top : top + words.shape[0], left : left + words.shape[1]] = rounded(words)
        assert np.array_equal(guest.view, expected)


def test_one_character_is_few_bytes() -> None:
    guest = Guest(Size(80, 24), Size(8, 16), 2)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 640, 384), colors=20)
    guest.settle()
    guest.change(Rect(80, 160, 8, 16), colors=2)
    update = guest.plane.update(ORIGIN)
    assert update is not None
    data = update.encode().show
    assert data.count(b"\x1bP") == 1
    assert len(data) < 250


def test_pictures_are_as_large_as_the_terminal_takes() -> None:
    """Bands that reach over the end count, used or not."""
    guest = Guest(Size(40, 20), Size(8, 17), 3, max_px=Size(100, 130))
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 320, 340))
    update = guest.plane.update(ORIGIN)
    assert update is not None
    sizes = {pixels.shape[:2] for _, pixels in pictures(update.encode().show)}
    assert sizes == {(7 * 17, 96), (6 * 17, 96), (7 * 17, 32), (6 * 17, 32)}
    assert 7 * 17 <= 126  # 21 bands


@pytest.mark.parametrize("registers", [1, 2, 16, 200])
def test_registers(registers: int) -> None:
    guest = Guest(Size(10, 5), Size(8, 16), 4, registers=registers)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 80, 80), noise=True)
    update = guest.plane.update(ORIGIN)
    assert update is not None
    paint(guest.canvas, update.encode().show, guest.cell, registers=registers)
    assert len(np.unique(guest.view.reshape(-1, 3), axis=0)) == registers


def test_the_last_row_is_left_out() -> None:
    guest = Guest(Size(10, 5), Size(8, 16), 5)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 80, 80))
    guest.plane.screen_rows = ORIGIN.y + 5
    update = guest.plane.update(ORIGIN)
    assert update is not None
    guest.show(update)
    assert (guest.view[64:] == ERASED).all()
    assert not (guest.view[:64] == ERASED).all(axis=2).any()
    assert guest.plane.update(ORIGIN) is None
    guest.plane.screen_rows = ORIGIN.y + 6
    guest.settle()
    guest.check(Rect(0, 0, 0, 0))


def test_less_quality_is_made_up_for() -> None:
    guest = Guest(Size(30, 20), Size(8, 16), 6)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 240, 320), colors=100)
    guest.plane.quality = 2
    update = guest.plane.update(ORIGIN)
    assert update is not None
    guest.show(update)
    assert len(np.unique(guest.view.reshape(-1, 3), axis=0)) == 16
    assert guest.plane.coarse.all()
    guest.plane.quality = 0
    assert guest.plane.refine()
    guest.settle()
    guest.check(Rect(0, 0, 0, 0))
    assert not guest.plane.refine()


def test_motion_of_many_colours_is_made_up_for() -> None:
    guest = Guest(Size(50, 20), Size(8, 16), 7)
    guest.layout(Rect(0, 0, 0, 0))
    errors = []
    y, x = np.mgrid[0:320, 0:400]
    slopes = np.stack((x / 2 + y / 4, y / 3, x / 3 + 40), axis=-1) + guest.random.normal(0, 4, (320, 400, 3))
    guest.pixels[..., :3] = slopes.clip(0, 255)
    guest.plane.draw(guest.pixels, [Rect(0, 0, 400, 320)])
    for _ in range(2):
        update = guest.plane.update(ORIGIN)
        assert update is not None
        guest.show(update)
        errors.append(np.square(guest.view.astype(int) - rounded(guest.plane.wanted)).mean())
        guest.plane.acknowledged(update)
        guest.plane.refine()
    assert errors[1] < errors[0]
    assert guest.plane.update(ORIGIN) is None


def test_an_update_keeps_its_picture() -> None:
    guest = Guest(Size(10, 5), Size(8, 16), 8)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 80, 80))
    wanted = rounded(guest.plane.wanted)
    update = guest.plane.update(ORIGIN)
    assert update is not None
    guest.change(Rect(0, 0, 80, 80))
    guest.show(update)
    assert np.array_equal(guest.view, wanted)


def test_a_dropped_update_of_another_size_is_nothing() -> None:
    guest = Guest(Size(10, 5), Size(8, 16), 9)
    guest.layout(Rect(0, 0, 0, 0))
    guest.change(Rect(0, 0, 80, 80))
    update = guest.plane.update(ORIGIN)
    assert update is not None
    update.encode()
    guest.plane.resize(Size(4, 4), Size(8, 16))
    guest.plane.dropped(update)
    guest.plane.acknowledged(update)
    assert guest.plane.update(ORIGIN) is None


def test_entering_asks_for_registers_of_its_own() -> None:
    assert SixelPlane().enter() == b"\x1b[?1070h"
    assert SixelPlane().update(ORIGIN) is None


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 20), columns=st.integers(1, 30), seed=st.integers(0, 10_000))
def test_rectangles_cover_what_is_marked_and_allowed(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    allowed = random.random((rows, columns)) < random.choice((0.5, 0.95, 1.0))
    marked = (random.random((rows, columns)) < random.choice((0.02, 0.3, 0.9))) & allowed
    covered = np.zeros_like(marked)
    for rect in cover(marked, allowed):
        assert not rect.empty
        assert Rect(0, 0, columns, rows).contains(rect)
        covered[rect.slices()] = True
    assert not (marked & ~covered).any()
    assert not (covered & ~allowed).any()


def test_rectangles_are_few() -> None:
    allowed = np.ones((50, 200), np.bool_)
    marked = np.random.default_rng(1).random((50, 200)) < 0.6
    assert cover(marked, allowed) == [Rect(0, 0, 200, 50)]
    marked = np.zeros_like(allowed)
    marked[3, 10:50] = marked[5, 10:50] = marked[40:44, 150:160] = True
    assert cover(marked, allowed) == [Rect(10, 3, 40, 3), Rect(150, 40, 10, 4)]
