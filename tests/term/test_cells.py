"""The cell backend: kernels and their numpy twin agree; replayed, the bytes show what is wanted."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal.cells import mismatches
from terminal.terminal import Terminal

from spicetui.geometry import Point, Rect, Size
from spicetui.term import _kernels, cells, fallback
from spicetui.term.cells import CellKind, CellPlane, Colors
from spicetui.term.plane import Pointer
from spicetui.term.scale import Mapping, Scale


def interpreted() -> ModuleType:
    """The kernels' source, whether or not they are compiled."""
    path = Path(cells.__file__).with_name("_kernels.py")
    spec = importlib.util.spec_from_file_location("spicetui.term._interpreted_kernels", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


LOOPS = [_kernels, interpreted(), fallback]


def picture(seed: int, size: Size) -> np.ndarray:
    """Noise of few and of many colours, with flat areas."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (size.height, size.width, 4), dtype=np.uint8)
    if seed % 3 == 0:
        pixels = pixels // 128 * 255
    if seed % 2 == 0:
        pixels[: size.height // 2, : size.width // 2] = 7
    return pixels.astype(np.uint8)


def draw_all(
    loops: object, monkeypatch: pytest.MonkeyPatch, kind: CellKind, size: Size, view: Size, scale: Scale, seed: int
) -> tuple[np.ndarray, bytes, bytes, str]:
    """Wanted cells, then the bytes of a first frame, of a change, and of a span."""
    monkeypatch.setattr(cells, "_loops", loops)
    plane = CellPlane(kind, backdrop=0x010203)
    plane.resize(view)
    plane.place(Mapping(size, view, kind.sub, scale))
    pixels = picture(seed, size)
    plane.draw(pixels, [Rect(0, 0, *size)])
    plane.owned[:] = 1
    plane.owned[0, : view.width // 2] = 0
    first = plane.difference(Point(3, 120))
    again = picture(seed + 1, size)
    damage = Rect(size.width // 3, size.height // 3, max(1, size.width // 4), max(1, size.height // 5))
    pixels[damage.slices()] = again[damage.slices()]
    plane.draw(pixels, [damage])
    second = plane.difference(Point(0, 0))
    return plane.wanted.copy(), first, second, plane.span(view.height - 1, 0, view.width)


@settings(max_examples=60)
@given(
    kind=st.sampled_from(list(CellKind)),
    size=st.builds(Size, st.integers(1, 90), st.integers(1, 90)),
    view=st.builds(Size, st.integers(1, 24), st.integers(1, 12)),
    scale=st.sampled_from(list(Scale)),
    seed=st.integers(0, 1000),
)
def test_all_loops_give_the_same(kind: CellKind, size: Size, view: Size, scale: Scale, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        results = [draw_all(loops, patch, kind, size, view, scale, seed) for loops in LOOPS]
    for other in results[1:]:
        assert np.array_equal(results[0][0], other[0])
        assert results[0][1:] == other[1:]


@pytest.mark.parametrize("size", [Size(3, 700), Size(700, 3), Size(2000, 1)])
def test_many_pixels_in_a_sub_cell(size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than 16-bit sums take; areas beyond the exact reciprocals."""
    view = Size(1, 1)
    results = [draw_all(loops, monkeypatch, CellKind.HALF, size, view, Scale.FIT, 5) for loops in LOOPS]
    for other in results[1:]:
        assert np.array_equal(results[0][0], other[0])


@pytest.mark.parametrize("width", [1500, 6000])
def test_averages_are_exact(width: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (300, width, 4), dtype=np.uint8)
    pixels[150:] //= 2
    mapping = Mapping(Size(width, 300), Size(1, 1), CellKind.HALF.sub)
    plane = CellPlane(CellKind.HALF)
    plane.resize(Size(1, 1))
    plane.place(mapping)
    plane.draw(pixels, [Rect(0, 0, width, 300)])
    for index, rows in ((2, pixels[:150]), (1, pixels[150:])):
        sums = rows.reshape(-1, 4).astype(int).sum(axis=0)
        blue, green, red = ((int(n) + rows.shape[0] * width // 2) // (rows.shape[0] * width) for n in sums[:3])
        assert plane.wanted[0, 0, index] == red << 16 | green << 8 | blue


def test_quadrants_of_two_colours_are_exact() -> None:
    """Every one of the 16 shapes, in two colours, comes out as itself."""
    plane = CellPlane(CellKind.QUADRANT)
    plane.resize(Size(16, 1))
    pixels = np.zeros((2, 32, 4), np.uint8)
    for mask in range(16):
        for bit in range(4):
            color = (200, 100, 50) if mask >> bit & 1 else (10, 20, 30)
            pixels[bit // 2, 2 * mask + bit % 2, :3] = color[::-1]
    plane.place(Mapping(Size(32, 2), Size(16, 1), Size(2, 2), Scale.PIXEL))
    plane.draw(pixels, [Rect(0, 0, 32, 2)])
    for mask in range(16):
        code, front, back = plane.wanted[0, mask].tolist()
        shape = _kernels.BLOCKS.index(code)
        for bit in range(4):
            word = front if shape >> bit & 1 else back
            assert word == (0xC86432 if mask >> bit & 1 else 0x0A141E)


@pytest.mark.parametrize("kind", list(CellKind))
@pytest.mark.parametrize(("difference", "flat"), [(_kernels.FLAT, True), (_kernels.FLAT + 1, False)])
def test_what_hardly_differs_is_one_colour(kind: CellKind, difference: int, flat: bool) -> None:
    plane = CellPlane(kind)
    plane.resize(Size(1, 1))
    plane.place(Mapping(Size(2, 2), Size(1, 1), kind.sub, Scale.FIT))
    pixels = np.full((2, 2, 4), 100, np.uint8)
    pixels[1, :, 1] += difference
    plane.draw(pixels, [Rect(0, 0, 2, 2)])
    assert bool(plane.wanted[0, 0, 0] == cells.SPACE) is flat


def replay(plane: CellPlane, frames: list[bytes]) -> Terminal:
    async def run() -> Terminal:
        terminal = Terminal(plane.size.width + 5, plane.size.height + 3)
        for frame in frames:
            terminal.feed(frame)
        terminal.close()
        return terminal

    return asyncio.run(run())


@pytest.mark.parametrize("kind", list(CellKind))
def test_replayed_frames_show_what_is_wanted(kind: CellKind) -> None:
    random = np.random.default_rng(11)
    view = Size(60, 20)
    plane = CellPlane(kind, backdrop=0x202020)
    plane.resize(view)
    size = Size(200, 150)
    plane.place(Mapping(size, view, kind.sub))
    pixels = picture(2, size)
    plane.draw(pixels, [Rect(0, 0, *size)])
    plane.owned[:] = 1
    frames = [plane.difference(Point(3, 2))]
    for seed in range(12):
        damage = Rect(*random.integers(0, 150, 2).tolist(), *random.integers(1, 80, 2).tolist())
        damage = damage.intersect(Rect(0, 0, *size))
        if not damage.empty:
            pixels[damage.slices()] = picture(seed, size)[damage.slices()]
            plane.draw(pixels, [damage])
            frames.append(plane.difference(Point(3, 2)))
    assert plane.difference(Point(3, 2)) == b""
    assert mismatches(replay(plane, frames), plane, 3, 2) == []


def test_one_changed_glyph_is_few_bytes() -> None:
    plane = CellPlane(CellKind.QUADRANT)
    plane.resize(Size(200, 56))
    plane.place(Mapping(Size(1920, 1080), plane.size, plane.kind.sub))
    pixels = np.full((1080, 1920, 4), 40, np.uint8)
    plane.draw(pixels, [Rect(0, 0, 1920, 1080)])
    plane.owned[:] = 1
    plane.difference(Point(0, 0))
    glyph = Rect(600, 400, 12, 20)
    pixels[glyph.slices()][4:16, 3:9] = 230
    plane.draw(pixels, [glyph])
    assert 0 < len(plane.difference(Point(0, 0))) <= 300


def test_cells_that_are_not_owned_are_left_alone() -> None:
    plane = CellPlane(CellKind.HALF)
    plane.resize(Size(10, 4))
    plane.place(Mapping(Size(40, 32), plane.size, plane.kind.sub))
    plane.draw(picture(4, Size(40, 32)), [Rect(0, 0, 40, 32)])
    assert plane.difference(Point(0, 0)) == b""
    assert plane.span(1, 2, 5)
    assert plane.owned.sum() == 3
    assert plane.difference(Point(0, 0)) == b""  # just painted
    plane.disown()
    assert plane.owned.sum() == 0


@pytest.mark.parametrize(("colors", "count"), [(Colors.PALETTE, 240), (Colors.GRAY, 256)])
def test_fewer_colours(colors: Colors, count: int) -> None:
    plane = CellPlane(CellKind.QUADRANT, colors)
    plane.resize(Size(40, 20))
    plane.place(Mapping(Size(400, 300), plane.size, plane.kind.sub))
    plane.draw(picture(1, Size(400, 300)), [Rect(0, 0, 400, 300)])
    words = set(plane.wanted[..., 1:].ravel().tolist())
    assert len(words) <= count
    plane.owned[:] = 1
    frame = plane.difference(Point(0, 0))
    if colors is Colors.PALETTE:
        assert all(word & cells.INDEXED and 16 <= word & 0xFF <= 255 for word in words)
        assert b";2;" not in frame
        assert b"38;5;" in frame
    else:
        assert all(word >> 16 == word >> 8 & 255 == word & 255 for word in words)


def test_the_palette_has_the_nearest_colour() -> None:
    table = cells._palette()
    for rgb, number in (((0, 0, 0), 16), ((255, 255, 255), 231), ((255, 0, 0), 196), ((0, 95, 175), 25)):
        red, green, blue = (part >> 3 for part in rgb)
        assert table[red << 10 | green << 5 | blue] == number | cells.INDEXED


class Square:
    """A white pointer of 8x8 with its hot spot in the middle."""

    hot_x = hot_y = 4
    width = height = 8

    def paint(self, pixels: np.ndarray, x: int, y: int) -> None:
        top, left = y - 4, x - 4
        pixels[max(top, 0) : max(top + 8, 0), max(left, 0) : max(left + 8, 0), :3] = 255


@given(st.integers(-10, 90), st.integers(-10, 70), st.sampled_from(list(CellKind)), st.sampled_from(list(Scale)))
def test_the_pointer_is_laid_over_and_taken_away(x: int, y: int, kind: CellKind, scale: Scale) -> None:
    size = Size(80, 60)
    pixels = picture(2, size)
    before = pixels.copy()
    planes = []
    for _ in range(2):
        plane = CellPlane(kind)
        plane.resize(Size(30, 11))
        plane.place(Mapping(size, plane.size, kind.sub, scale))
        planes.append(plane)
    whole = Rect(0, 0, *size)
    pointer = Pointer(Square(), x, y)
    planes[0].draw(pixels, [whole], pointer)
    assert np.array_equal(pixels, before)  # only what is shown is painted
    painted = pixels.copy()
    Square().paint(painted, x, y)
    planes[1].draw(painted, [whole])
    assert np.array_equal(planes[0].wanted, planes[1].wanted)
    planes[0].draw(pixels, [pointer.rect])
    planes[1].draw(pixels, [whole])
    assert np.array_equal(planes[0].wanted, planes[1].wanted)


def test_wrong_mapping_is_refused() -> None:
    plane = CellPlane(CellKind.HALF)
    plane.resize(Size(10, 10))
    with pytest.raises(ValueError, match="another view"):
        plane.place(Mapping(Size(8, 8), Size(11, 10), plane.kind.sub))
    plane.place(Mapping(Size(8, 8), plane.size, plane.kind.sub))
    with pytest.raises(ValueError, match="another picture"):
        plane.draw(np.zeros((9, 8, 4), np.uint8), [])


def test_the_kernels_are_compiled_where_they_can_be() -> None:
    """Not a condition; but a build that silently did not compile shows here as a skipped test."""
    if not _kernels.COMPILED:
        pytest.skip("no compiled kernels in this installation")
    assert cells._loops is _kernels
