"""Scenes that the reference cannot draw, with what they must look like computed here.

The reference's canvas aborts on ROP3 codes that leave an operand out, on pictures of 1 and 4 bits in little-endian
order and on copies from a surface of 16 bits to one of 32; it reads 8-bit glyphs from behind their end, and a ROP3
pattern that starts right of or below the box from before its start. The server renders with the same code, so it must
not be asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicetui.geometry import Point, Rect

from ..picture import Picture
from ..scene_server import bitmaps
from ..scene_server.bitmaps import Format
from ..scene_server.qxl import (
    Brush,
    Copy,
    Glyph,
    Image,
    Op,
    Pattern,
    QxlCommand,
    Rop3,
    Solid,
    SurfaceFormat,
    Text,
)
from . import Cell, Drawing, Scene, filled_surface, in_format
from .rop3 import uses_all
from .texts import glyph

CELL = (64, 48)
WIDTH, HEIGHT = CELL[0] - 4, CELL[1] - 4
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
Expected = Callable[[Picture], Picture]
"""From what was in the box to what must be there."""


@dataclass(frozen=True)
class Computed(Scene):
    expected: Expected = lambda before: before


def _one(op: Callable[[Cell], Op]) -> Drawing:
    return lambda cell: [cell.draw(op(cell))]


def _mix(code: int, pattern: Picture, source: Picture, before: Picture) -> Picture:
    """The ternary operation bit by bit: bit 4 P + 2 S + D of the code."""
    result = np.zeros_like(before)
    for number in range(8):
        if code >> number & 1:
            term = np.full_like(before, 255)
            for operand, bit in ((pattern, 4), (source, 2), (before, 1)):
                term &= operand if number & bit else ~operand
            result |= term
    return result


def rop3(code: int, origin: Point | None) -> Computed:
    """With a solid brush, or with a pattern of 13 x 7 whose corner is that far from the box's."""
    source = bitmaps.photo(WIDTH, HEIGHT, 31)
    tile = bitmaps.photo(13, 7, 32)
    colour = 0xA53C96

    def expected(before: Picture) -> Picture:
        if origin is None:
            pattern = np.empty_like(before)
            pattern[:] = (colour >> 16, colour >> 8 & 255, colour & 255)
        else:
            rows, columns = (np.arange(HEIGHT) - origin.y) % 7, (np.arange(WIDTH) - origin.x) % 13
            pattern = tile[rows][:, columns]
        return _mix(code, pattern, source, before)

    def op(cell: Cell) -> Op:
        brush: Brush = Solid(colour)
        if origin is not None:
            brush = Pattern(Image(bitmaps.true_colour(tile)), cell.at(*origin))
        return Rop3(Image(bitmaps.true_colour(source)), WHOLE, brush, code)

    title = "solid" if origin is None else f"pattern at {origin.x},{origin.y}"
    return Computed(f"rop3 {code:02x} {title}", _one(op), expected=expected)


def _times(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of two values of 0 to 255 for 0 to 1, rounded as pixman does."""
    product = one * other + 128
    return product + (product >> 8) >> 8


def text(name: str, places: Sequence[Point], width: int, height: int) -> Computed:
    """Glyphs of 8 bits, their last row first."""
    colour = 0x2040C0
    letters = [(place, glyph(8, width, height, number, place, Point(0, 0))) for number, place in enumerate(places)]

    def expected(before: Picture) -> Picture:
        mask = np.zeros((HEIGHT + 200, WIDTH + 200), np.uint8)
        for place, letter in letters:
            rows = np.frombuffer(letter.data, np.uint8).reshape(height, width)[::-1]
            at = mask[place.y + 100 : place.y + 100 + height, place.x + 100 : place.x + 100 + width]
            np.maximum(at, rows, out=at)
        covered = mask[100 : 100 + HEIGHT, 100 : 100 + WIDTH, None].astype(np.int64)
        channels = np.array((colour >> 16, colour >> 8 & 255, colour & 255), np.int64)
        below = _times(before.astype(np.int64), 255 - covered)
        after: Picture = np.minimum(_times(channels, covered) + below, 255).astype(np.uint8)
        return after

    def op(cell: Cell) -> Op:
        moved = [Glyph(cell.at(*place), Point(0, 0), width, height, letter.data) for place, letter in letters]
        return Text(moved, 8, Solid(colour), top_down=False)

    return Computed(f"text A8 {name}", _one(op), expected=expected)


def little_endian(format: Format, width: int, *, top_down: bool) -> Computed:
    colours = 2 if format is Format.BIT1_LE else 16
    picture = in_format(format, width, HEIGHT, 5, top_down=top_down)
    table = np.array([(c >> 16, c >> 8 & 255, c & 255) for c in bitmaps.palette(colours, 5)], np.uint8)

    def expected(before: Picture) -> Picture:
        after = before.copy()
        after[:, :width] = table[bitmaps.indices(width, HEIGHT, colours, 5)]
        return after

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        yield cell.draw(Copy(Image(picture), Rect(0, 0, width, HEIGHT)), cell.rect(0, 0, width, HEIGHT))

    return Computed(f"copy {format.name} {width} wide{'' if top_down else ' bottom up'}", draw, expected=expected)


def from_sixteen_bits() -> Computed:
    pixels = bitmaps.photo(WIDTH, HEIGHT, 33)

    def expected(before: Picture) -> Picture:
        after: Picture = ((pixels & 0xF8) | (pixels >> 5)).astype(np.uint8)
        return after

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        image = Image(bitmaps.true_colour(pixels, Format.RGB16))
        source, commands = filled_surface(cell, image, WIDTH, HEIGHT, SurfaceFormat.RGB555)
        yield from commands
        yield cell.draw(Copy(source, WHOLE))

    return Computed("copy from a surface of 555", draw, expected=expected)


def _scenes() -> Iterator[Computed]:
    for code in (code for code in range(256) if not uses_all(code)):
        yield rop3(code, None)
        yield rop3(code, Point(-4, -2))
    for code in (0x1B, 0xB8, 0x96):
        for origin in (Point(5, 3), Point(90, 60), Point(0, 1), Point(1, 0)):
            yield rop3(code, origin)
    yield text("one", [Point(20, 12)], 17, 21)
    yield text("a line", [Point(3 + 10 * i, 20) for i in range(5)], 9, 14)
    yield text("overlapping", [Point(3 + 5 * i, 10 + 2 * i) for i in range(7)], 15, 13)
    yield text("beyond the box", [Point(-5, -3), Point(50, 36), Point(20, -9)], 16, 16)
    yield text("one pixel", [Point(9, 9)], 1, 1)
    for format in (Format.BIT1_LE, Format.BIT4_LE):
        for width in (WIDTH, 33, 7, 1):
            for top_down in (True, False):
                yield little_endian(format, width, top_down=top_down)
    yield from_sixteen_bits()


SCENES = list(_scenes())
