"""DRAW_STROKE: lines of one pixel's width along a path, solid or dashed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.display import DrawStroke, LineAttr
from ..wire.enums import LineFlags
from . import paint
from .lines import Dashes, dashed, thin
from .path import Point, polylines, to_pixel
from .region import Box, Region, region
from .rop import BRUSH_INPUT, Rop, rop_of
from .source import Sources
from .surface import Surface

Counts = npt.NDArray[np.uint32]

#: Pixels that all lines of one operation may have inside the surface.
MAX_PIXELS = 1 << 26

# Those that invert something when the source's bit is 0, or when it is 1.
_CAREFUL = frozenset(rop for rop in Rop if rop & 0b0011 == 0b0001 or rop & 0b1100 == 0b0100)


def stroke(surface: Surface, message: DrawStroke, sources: Sources) -> Region:
    """The back mode is not looked at: between dashes nothing is drawn."""
    part = region(surface.width, surface.height, message.base.box, message.base.clip.rects)
    if not part.boxes:
        return part
    rop = rop_of(message.fore_mode, BRUSH_INPUT)
    brush = sources.brush(message.brush, surface)
    lines = list(polylines(message.path))
    box = _around(lines, part.box)
    if box is None:
        return part.within((0, 0, 0, 0))
    style = _style(message.attr)
    counts = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint32)
    if style is None:
        _solid(counts, lines, box)
    else:
        for line in lines:
            _dashed(counts, line, Dashes(*style), box, rop in _CAREFUL)
    part = part.within(box)
    # What is drawn twice is inverted back by some operations; what is drawn thrice is as if it were once.
    once, twice = counts > 0, (counts > 0) & (counts & 1 == 0)
    drawn = part.masked(once, box[0], box[1])
    paint.brush(surface, drawn, brush, rop)
    if rop in _CAREFUL and twice.any():
        paint.brush(surface, part.masked(twice, box[0], box[1]), brush, rop)
    return drawn


def _around(lines: Iterable[list[Point]], bounds: Box) -> Box | None:
    """The part of *bounds* where the lines may be; a dashed one may leave its corners by a pixel or two."""
    points = [point for line in lines for point in line]
    if not points:
        return None
    xs, ys = zip(*points, strict=True)
    x1, y1 = max(min(xs) - 8, bounds[0]), max(min(ys) - 8, bounds[1])
    x2, y2 = min(max(xs) + 9, bounds[2]), min(max(ys) + 9, bounds[3])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _style(attr: LineAttr) -> tuple[list[int], int] | None:
    """Lengths of dashes and gaps and the offset; lengths have eight bits. None for a solid line."""
    if not attr.flags & LineFlags.STYLED or not attr.style:
        return None
    lengths = [to_pixel(length) & 255 for length in attr.style]
    if not attr.flags & LineFlags.START_WITH_GAP:
        return lengths, 0
    lengths = [*lengths[1:], lengths[0]]
    return lengths, lengths[0]


def _solid(counts: Counts, lines: Iterable[list[Point]], box: Box) -> None:
    total = 0
    for line in lines:
        for start, end in pairwise(line):
            pixels = thin(start, end, box)
            if pixels is not None:
                columns, rows = pixels
                total += len(columns)
                if total > MAX_PIXELS:
                    raise CodecError(f"lines of more than {MAX_PIXELS} pixels")
                counts[rows - box[1], columns - box[0]] += 1


def _dashed(counts: Counts, line: list[Point], dashes: Dashes, box: Box, careful: bool) -> None:
    if len(line) < 2:
        return
    own = np.zeros_like(counts)
    left, top, right, bottom = box
    for y, x1, x2 in dashed(line, dashes, careful):
        if top <= y < bottom and x1 < right and x2 > left:
            own[y - top, max(x1 - left, 0) : x2 - left] = 1
    counts += own
