"""iTerm2's inline images: the files that are sent, decoded and pasted together, are the picture."""

from __future__ import annotations

import base64
import io
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spicetui.geometry import Point, Rect, Size
from spicetui.term import iterm2
from spicetui.term.iterm2 import MOST_PIXELS, ITerm2Plane, ITerm2Update
from spicetui.term.plane import Pointer
from spicetui.term.scale import Mapping, Scale

CELL = Size(7, 13)
_IMAGE = re.compile(rb"\x1b\[(\d+);(\d+)H\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07")


class Wall:
    """What a terminal shows: pixels, pasted cell by cell.  It knows nothing but complete sequences."""

    def __init__(self, size: Size, cell: Size = CELL) -> None:
        self.cell = cell
        self.pixels = np.zeros((size.height * cell.height, size.width * cell.width, 3), np.uint8)
        self.files: list[tuple[Rect, str, int]] = []  #: place in cells, format, length

    def take(self, data: bytes) -> None:
        position = 0
        for match in _IMAGE.finditer(data):
            assert match.start() == position, data[position : position + 40]
            position = match.end()
            options = dict(pair.split("=") for pair in match[3].decode().split(";"))
            file = base64.b64decode(match[4], validate=True)
            assert int(options.pop("size")) == len(file)
            assert len(match[4]) < 1 << 20
            rect = Rect(int(match[2]) - 1, int(match[1]) - 1, int(options.pop("width")), int(options.pop("height")))
            assert options == {"inline": "1", "preserveAspectRatio": "0", "doNotMoveCursor": "1"}
            with Image.open(io.BytesIO(file)) as image:
                assert image.size == (rect.width * self.cell.width, rect.height * self.cell.height)
                form = image.format or ""
                pixels = np.asarray(image.convert("RGB"))
            self.files.append((rect, form, len(file)))
            self.area(rect)[:] = pixels
        assert position == len(data), data[position:]

    def area(self, rect: Rect) -> np.ndarray:
        across, down = self.cell
        return self.pixels[rect.y * down : rect.bottom * down, rect.x * across : rect.right * across]


def rgb(words: np.ndarray) -> np.ndarray:
    return np.stack((words >> 16 & 255, words >> 8 & 255, words & 255), axis=-1).astype(np.uint8)


def picture(seed: int, size: Size) -> np.ndarray:
    """A gradient with noise and flat boxes, BGRX."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size.height, 0 : size.width]
    pixels = np.stack((x + y, 2 * x, 255 - y, x), axis=2) + random.integers(0, 9, (size.height, size.width, 4))
    pixels[: size.height // 3, : size.width // 3] = random.integers(0, 256, 4)
    return pixels.astype(np.uint8)


def plane_of(view: Size, size: Size, scale: Scale = Scale.FIT, cell: Size = CELL) -> ITerm2Plane:
    plane = ITerm2Plane(0x101418)
    plane.resize(view, cell)
    plane.place(Mapping(size, view, cell, scale, cell_px=cell))
    plane.owned[:] = 1
    return plane


def sent(plane: ITerm2Plane, origin: Point = Point(0, 0)) -> bytes:
    update = plane.update(origin)
    if update is None:
        return b""
    frame = update.encode()
    assert frame.upload == b""
    return frame.show


@settings(max_examples=40, deadline=None)
@given(
    size=st.builds(Size, st.integers(1, 200), st.integers(1, 200)),
    scale=st.sampled_from(list(Scale)),
    seed=st.integers(0, 1000),
    covered=st.builds(Rect, st.integers(0, 20), st.integers(0, 9), st.integers(0, 8), st.integers(0, 5)),
)
def test_the_files_are_the_picture(size: Size, scale: Scale, seed: int, covered: Rect) -> None:
    view, origin = Size(20, 9), Point(3, 2)
    plane = plane_of(view, size, scale)
    plane.owned[covered.slices()] = 0
    wall = Wall(Size(25, 12))
    random = np.random.default_rng(seed)
    pixels = picture(seed, size)
    plane.draw(pixels, [Rect(0, 0, *size)])
    wall.take(sent(plane, origin))
    for step in range(4):
        damage = Rect(*(int(random.integers(0, n)) for n in size), *random.integers(1, 60, 2).tolist())
        damage = damage.intersect(Rect(0, 0, *size))
        pixels[damage.slices()] = picture(seed + step, size)[damage.slices()]
        plane.draw(pixels, [damage])
        wall.take(sent(plane, origin))
    free = np.zeros(plane.owned.shape, np.bool_)
    shown = plane.picture_cells.slices()
    free[shown] = plane.owned[shown] != 0
    visible = free.repeat(CELL.height, axis=0).repeat(CELL.width, axis=1)
    part = wall.area(Rect(origin.x, origin.y, *view))
    assert np.array_equal(part[visible], rgb(plane.wanted)[visible])
    assert not part[~visible].any()  # what is covered, or beside the picture, is left alone
    assert plane.update(origin) is None


@pytest.mark.parametrize("without", [(), ("simplejpeg",)])
def test_qualities(without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG, JPEG, a worse JPEG; then what was lossy comes again, exactly."""
    for name in without:
        monkeypatch.setitem(sys.modules, name, None)
    iterm2._simplejpeg.cache_clear()
    view, size = Size(60, 24), Size(60 * CELL.width, 24 * CELL.height)
    lengths, errors = [], []
    for quality, form in enumerate(("PNG", "JPEG", "JPEG")):
        plane, wall = plane_of(view, size), Wall(view)
        plane.quality = quality
        plane.draw(picture(1, size), [Rect(0, 0, *size)])
        wall.take(sent(plane))
        assert {kind for _, kind, _ in wall.files} == {form}
        lengths.append(sum(length for _, _, length in wall.files))
        errors.append(float(np.abs(wall.pixels.astype(int) - rgb(plane.wanted)).mean()))
        assert plane.coarse.all() if quality else not plane.coarse.any()
        assert plane.refine() is bool(quality)
        plane.quality = 0
        wall.take(sent(plane))
        assert np.array_equal(wall.pixels, rgb(plane.wanted))
        assert not plane.refine()
    iterm2._simplejpeg.cache_clear()
    assert lengths[0] > 2 * lengths[1] > 2 * lengths[2]
    assert errors[0] == 0 < errors[1] < errors[2] < 9


def test_few_pixels_are_exact_whatever_the_quality() -> None:
    plane = plane_of(Size(60, 24), Size(420, 312))
    pixels = picture(1, Size(420, 312))
    plane.draw(pixels, [Rect(0, 0, 420, 312)])
    wall = Wall(Size(60, 24))
    wall.take(sent(plane))
    plane.quality = 2
    pixels[100:110, 50:58] = 200
    plane.draw(pixels, [Rect(50, 100, 8, 10)])
    update = plane.update(Point(0, 0))
    assert update is not None
    assert not update.heavy
    data = update.encode().show
    wall.take(data)
    assert len(data) < 700
    assert np.array_equal(wall.pixels, rgb(plane.wanted))
    assert not plane.refine()


def test_large_rectangles_are_sent_in_pieces() -> None:
    """So that no sequence is longer than a terminal takes, even of noise."""
    cell, view = Size(10, 20), Size(120, 40)
    size = Size(1200, 800)
    plane, wall = plane_of(view, size, cell=cell), Wall(view, cell)
    noise = np.random.default_rng(1).integers(0, 256, (800, 1200, 4), dtype=np.uint8)
    plane.draw(noise, [Rect(0, 0, *size)])
    update = plane.update(Point(0, 0))
    assert update is not None
    assert update.heavy
    wall.take(update.encode().show)
    assert len(wall.files) > 4
    assert all(rect.area * 200 <= MOST_PIXELS for rect, _, _ in wall.files)
    assert np.array_equal(wall.pixels, rgb(plane.wanted))


def test_an_update_keeps_what_it_needs() -> None:
    plane, wall = plane_of(Size(20, 9), Size(140, 117)), Wall(Size(20, 9))
    pixels = picture(3, Size(140, 117))
    plane.draw(pixels, [Rect(0, 0, 140, 117)])
    before = rgb(plane.wanted)
    update = plane.update(Point(0, 0))
    assert update is not None
    plane.draw(255 - pixels, [Rect(0, 0, 140, 117)])
    plane.resize(Size(5, 5), CELL)
    wall.take(update.encode().show)
    assert np.array_equal(wall.pixels, before)


def test_a_dropped_update_comes_again() -> None:
    plane, wall = plane_of(Size(20, 9), Size(140, 117)), Wall(Size(20, 9))
    plane.draw(picture(3, Size(140, 117)), [Rect(0, 0, 140, 117)])
    update = plane.update(Point(0, 0))
    assert isinstance(update, ITerm2Update)
    assert plane.update(Point(0, 0)) is None
    plane.dropped(update)
    wall.take(sent(plane))
    assert np.array_equal(wall.pixels, rgb(plane.wanted))
    plane.resize(Size(8, 8), CELL)
    plane.dropped(update)  # of another view
    assert plane.update(Point(0, 0)) is None


def test_what_the_compositor_paints_takes_the_picture_away() -> None:
    plane, wall = plane_of(Size(20, 9), Size(140, 117)), Wall(Size(20, 9))
    plane.draw(picture(3, Size(140, 117)), [Rect(0, 0, 140, 117)])
    wall.take(sent(plane))
    assert plane.span(4, 5, 9) == "    "
    wall.files.clear()
    wall.take(sent(plane))
    assert [rect for rect, _, _ in wall.files] == [Rect(5, 4, 4, 1)]
    plane.disown()
    assert plane.update(Point(0, 0)) is None
    plane.span(2, 0, 20)
    wall.files.clear()
    wall.take(sent(plane))
    assert [rect for rect, _, _ in wall.files] == [Rect(0, 2, 20, 1)]


class Square:
    """A white pointer of 8x8 with its hot spot in the middle."""

    hot_x = hot_y = 4
    width = height = 8

    def paint(self, pixels: np.ndarray, x: int, y: int) -> None:
        top, left = y - 4, x - 4
        pixels[max(top, 0) : max(top + 8, 0), max(left, 0) : max(left + 8, 0), :3] = 255


def test_the_pointer_moves_by_a_few_cells() -> None:
    size = Size(700, 520)
    plane, wall = plane_of(Size(100, 40), size), Wall(Size(100, 40))
    pixels = picture(2, size)
    places = [Pointer(Square(), 100, 80), Pointer(Square(), 130, 85)]
    plane.draw(pixels, [Rect(0, 0, *size)], places[0])
    wall.take(sent(plane))
    wall.files.clear()
    plane.draw(pixels, [places[0].rect], places[1])
    wall.take(sent(plane))
    assert sum(rect.area for rect, _, _ in wall.files) <= 16
    assert np.array_equal(wall.pixels, rgb(plane.wanted))
    white = (wall.pixels == 255).all(axis=2)
    assert white[81:89, 126:134].all()
    assert not white[76:84, 96:104].all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 100))
@settings(deadline=None)
def test_png_is_exact(width: int, height: int, seed: int) -> None:
    words = np.random.default_rng(seed).integers(0, 1 << 24, (height, width)).astype(np.uint32)
    with Image.open(io.BytesIO(iterm2.png(words))) as image:
        image.load()
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), rgb(words))
