"""What a cell shows under a text cursor that lies over its lower rows.

A VGA's cursor is rows of the foreground; what was there is lost.  Linux's framebuffer console and edk2 turn the
pixels of those rows into the other colour, or xor them with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..geometry import Size
from . import glyph_table
from .glyph_table import SPACE, UNDER_CURSOR, WHOLE, bitmap_hash

Words = npt.NDArray[np.uint32]


def find_cursor(cell: Words) -> tuple[int, int, int] | None:
    """Character, foreground and background of a cell of pixels 0x00RRGGBB with a cursor in it; None without one."""
    height, width = cell.shape
    size = Size(width, height)
    rows = [frozenset(row) for row in cell.tolist()]
    if len(frozenset().union(*rows[: height // 2 - 1])) > 2:
        return None
    for first, end in _bands(height):
        colors = sorted(frozenset().union(*rows[:first], *rows[end:]))
        if len(colors) > 2:
            continue
        band = cell[first:end]
        if len(colors) == 1:
            over = frozenset().union(*rows[first:end])
            if len(over) == 1 and over.isdisjoint(colors):
                return SPACE, min(over), colors[0]
            continue
        for front, back in (colors[::-1], colors):
            found = _under(cell == front, band, first, end, front, back, size)
            if found:
                return found, front, back
    return None


def _under(bits: npt.NDArray[np.bool_], band: Words, first: int, end: int, front: int, back: int, size: Size) -> int:
    """The character whose glyph, with these colours, shows *bits* outside the rows of the cursor."""
    solid = bool((band == front).all())
    turned = bits.copy()
    if not solid:
        if np.isin(band, (front, back)).all():
            turned[first:end] = band == back
        else:  # xor with the foreground
            shown = band ^ np.uint32(front)
            if not np.isin(shown, (front, back)).all():
                return 0
            turned[first:end] = shown == front
        return _known(turned, size, WHOLE)
    turned[first:end] = False
    return _known(turned, size, WHOLE) or _known(turned, size, UNDER_CURSOR)


def _known(bits: npt.NDArray[np.bool_], size: Size, kind: int) -> int:
    try:
        table = glyph_table.table(size, kind)
    except KeyError:
        return 0
    return table.find(bitmap_hash(bits)) & 0xFFFFFF


def _bands(height: int) -> Iterator[tuple[int, int]]:
    """Rows that a cursor may have, the usual ones first."""
    for thick in range(1, height // 2 + 1):
        for below in range(4):
            if thick + below <= height // 2 + 1:
                yield height - below - thick, height - below
