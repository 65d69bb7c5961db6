"""Clips, masks, raster operations and brushes that every operation is tried with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from spicetui.geometry import Point, Rect

from ..scene_server import bitmaps
from ..scene_server.bitmaps import Format
from ..scene_server.qxl import Brush, Image, Mask, Pattern, Ropd, Solid
from . import Cell, in_format

COLOURS = (0x0000FF, 0x80C020, 0xFFFFFF, 0x000000, 0xFF7F3F1F)

OPERATIONS = (Ropd.PUT, Ropd.OR, Ropd.AND, Ropd.XOR, Ropd.BLACKNESS, Ropd.WHITENESS, Ropd.INVERS)


def descriptors(first: Ropd, second: Ropd) -> Iterator[tuple[str, int]]:
    """Every operation with every inversion of its two operands and the result."""
    for operation, one, two, result in product(OPERATIONS, (0, first), (0, second), (0, Ropd.INVERS_RES)):
        inverted = Ropd(one | two | result)
        yield operation.name + (f" {inverted.name}" if inverted else ""), int(operation | inverted)  # type: ignore[operator]


Clip = Callable[[Cell], list[Rect]]
MaskMaker = Callable[[], Mask]
BrushMaker = Callable[[Cell], Brush]


def _staircase(cell: Cell) -> list[Rect]:
    return [cell.rect(7 * i, 4 * i, 9, 5) for i in range(7)]


def _overlapping(cell: Cell) -> list[Rect]:
    return [cell.rect(5, 5, 30, 20), cell.rect(20, 10, 30, 30), cell.rect(0, 30, 12, 8), cell.rect(20, 10, 30, 30)]


CLIPS: dict[str, Clip] = {
    "one": lambda cell: [cell.rect(10, 8, 31, 17)],
    "staircase": _staircase,
    "overlapping": _overlapping,
    "wider than the box": lambda cell: [cell.rect(-1, 12, 62, 9), cell.rect(30, -1, 5, 46)],
    "lines": lambda cell: [cell.rect(0, y, cell.box.width, 1) for y in range(0, cell.box.height, 3)],
    "points": lambda cell: [cell.rect(x, (7 * x) % 40, 1, 1) for x in range(0, 58, 2)],
}


def shape(width: int, height: int, format: Format = Format.BIT1_BE, *, top_down: bool = True) -> bitmaps.Bitmap:
    """A mask: a disc, stripes and single points."""
    y, x = np.mgrid[0:height, 0:width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
    stripes = (x + y) % 11 < 3
    points = np.random.default_rng(5).random((height, width)) < 0.05
    return bitmaps.indexed((disc ^ stripes ^ points).astype(np.uint8), format, None, top_down=top_down)


def _mask(
    width: int = 60, height: int = 44, x: int = 0, y: int = 0, inverted: bool = False, *, top_down: bool = True
) -> MaskMaker:
    return lambda: Mask(Image(shape(width, height, top_down=top_down)), Point(x, y), inverted)


MASKS: dict[str, MaskMaker] = {
    "plain": _mask(),
    "inverted": _mask(inverted=True),
    "bottom up": _mask(top_down=False),
    "offset": _mask(100, 80, 37, 21),
    "offset inverted": _mask(100, 80, 33, 5, True),
    "smaller": _mask(41, 23),
    "smaller inverted": _mask(41, 23, inverted=True),
    "smaller offset": _mask(41, 23, 9, 4),
    "before its corner": _mask(60, 44, -8, -5),
    "before its corner inverted": _mask(60, 44, -8, -5, True),
    "one row": _mask(64, 1),
}

PATTERN_FORMATS = (Format.BIT1_BE, Format.BIT4_BE, Format.BIT8, Format.RGB16, Format.RGB24, Format.RGB32, Format.RGBA)


def pattern(cell: Cell, x: int = 0, y: int = 0, width: int = 8, height: int = 8, seed: int = 3) -> Pattern:
    return Pattern(Image(in_format(Format.RGB32, width, height, seed)), cell.at(x, y))


BRUSHES: dict[str, BrushMaker] = {
    "solid": lambda cell: Solid(0x80C020),
    "pattern": lambda cell: pattern(cell),
    "pattern 13x7 before": lambda cell: pattern(cell, -5, -3, 13, 7),
    "none": lambda cell: None,
}
