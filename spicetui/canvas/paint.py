"""Colours, tiles and pictures into a region of a surface, by any raster operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codecs.pixmap import Array, PixelFormat
from .region import Box, Mask, Region
from .rop import Rop, apply
from .source import Tile
from .surface import Surface


def put(surface: Surface, box: Box, mask: Mask | None, source: Any, rop: Rop) -> None:
    """Combines *source*, an array of the size of *box* or a scalar, of the surface's dtype, into the surface."""
    x1, y1, x2, y2 = box
    view = surface.data[y1:y2, x1:x2]
    if rop is Rop.COPY:
        if mask is None:
            view[...] = source
        else:
            np.copyto(view, source, where=mask)
        return
    result = view if mask is None else view.copy()
    apply(rop, result, source)
    if surface.pixel_format is PixelFormat.A1:
        result &= result.dtype.type(1)
    if mask is not None:
        np.copyto(view, result, where=mask)


def solid(surface: Surface, region: Region, color: int, rop: Rop = Rop.COPY) -> None:
    """A colour in the surface's own format, the excess bits ignored."""
    dtype = surface.data.dtype
    bits = 1 if surface.pixel_format is PixelFormat.A1 else (1 << dtype.itemsize * 8) - 1
    value = dtype.type(color & bits)
    for box, mask in region:
        put(surface, box, mask, value, rop)


def blit(surface: Surface, region: Region, source: Array, dx: int, dy: int, rop: Rop = Rop.COPY) -> None:
    """Pixels whose first one lies at (dx, dy) of the surface; where the source has none the surface stays.

    *source* may be the surface itself: what is read is what was there before.
    """
    height, width = source.shape
    part = region.within((dx, dy, dx + width, dy + height))
    if not part.boxes:
        return
    if np.may_share_memory(source, surface.data) and (
        rop is not Rop.COPY or part.mask is not None or len(part.boxes) > 1
    ):
        x1, y1, x2, y2 = part.box
        source = source[y1 - dy : y2 - dy, x1 - dx : x2 - dx].copy()
        dx, dy = x1, y1
    for box, mask in part:
        x1, y1, x2, y2 = box
        put(surface, box, mask, source[y1 - dy : y2 - dy, x1 - dx : x2 - dx], rop)


def tiled(tile: Array, box: Box, x: int, y: int) -> Array:
    """What *tile*, laid out without end so that a corner is at (x, y), shows in *box*."""
    x1, y1, x2, y2 = box
    height, width = tile.shape
    left, top = (x1 - x) % width, (y1 - y) % height
    right, bottom = left + x2 - x1, top + y2 - y1
    if right <= width and bottom <= height:
        part: Array = tile[top:bottom, left:right]
        return part
    rows = np.arange(top, min(bottom, top + height)) % height
    out: Array = tile.take(rows, axis=0).take(np.arange(left, right) % width, axis=1)
    if bottom - top > height:
        out = out.take(np.arange(bottom - top) % height, axis=0)
    return out


def tile(surface: Surface, region: Region, pattern: Tile, rop: Rop = Rop.COPY) -> None:
    pixels, x, y = pattern
    if np.may_share_memory(pixels, surface.data):
        pixels = pixels.copy()
    for box, mask in region:
        put(surface, box, mask, tiled(pixels, box, x, y), rop)


def brush(surface: Surface, region: Region, pattern: int | Tile, rop: Rop) -> None:
    """What :meth:`Sources.brush` made of a brush."""
    if isinstance(pattern, Tile):
        tile(surface, region, pattern, rop)
    else:
        solid(surface, region, pattern, rop)


def blit_keyed(surface: Surface, region: Region, source: Array, dx: int, dy: int, key: int, bits: int) -> None:
    """As :func:`blit`, but without the pixels that equal *key* in *bits*."""
    height, width = source.shape
    part = region.within((dx, dy, dx + width, dy + height))
    if part.boxes and np.may_share_memory(source, surface.data):
        source = source.copy()
    dtype = surface.data.dtype.type
    for box, mask in part:
        x1, y1, x2, y2 = box
        pixels = source[y1 - dy : y2 - dy, x1 - dx : x2 - dx]
        where = (pixels & dtype(bits)) != dtype(key)
        if mask is not None:
            where &= mask
        np.copyto(surface.data[y1:y2, x1:x2], pixels, where=where)
