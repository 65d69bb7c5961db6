"""DRAW_ROP3: any of the 256 functions of pattern, source and destination."""

from __future__ import annotations

from math import floor

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import Array, PixelFormat, view
from ..errors import CodecError
from ..geometry import Rect
from ..wire.display import DrawRop3
from . import _kernels, paint
from .blend import plane
from .region import Region, region
from .rop import Rop
from .scale import Axis, sample
from .source import Sources, Tile
from .surface import Surface


def rop3(surface: Surface, message: DrawRop3, sources: Sources) -> Region:
    """Raises CodecError when the source is smaller than what it is to be combined with."""
    box, area = message.base.box, message.src_area
    part = region(surface.width, surface.height, box, message.base.clip.rects)
    part = sources.masked(part, message.mask, box.x, box.y)
    if not part:
        return part
    pixels = sources.native(message.src_bitmap, surface)
    pattern = sources.brush(message.brush, surface)
    if isinstance(pattern, Tile):
        pattern = Tile(_own(pattern.pixels, surface), pattern.x, pattern.y)
    x, y = box.x - area.x, box.y - area.y
    if (area.width, area.height) != (box.width, box.height):
        pixels = _scaled(pixels, surface.pixel_format, area, box, part, message.scale_mode)
        x, y = part.box[:2]
    elif area.x < 0 or area.y < 0 or area.right > pixels.shape[1] or area.bottom > pixels.shape[0]:
        raise CodecError("source of a ternary raster operation that is smaller than its destination")
    pixels = _own(pixels, surface)
    for where, mask in part:
        x1, y1, x2, y2 = where
        source = pixels[y1 - y : y2 - y, x1 - x : x2 - x]
        dest = surface.data[y1:y2, x1:x2]
        brush = (
            paint.tiled(pattern.pixels, where, pattern.x, pattern.y)
            if isinstance(pattern, Tile)
            else np.asarray(pattern & (1 << dest.itemsize * 8) - 1, dest.dtype)
        )
        result = ternary(message.rop3, brush, source, dest)
        if surface.pixel_format is PixelFormat.A1:
            result &= dest.dtype.type(1)
        paint.put(surface, where, mask, result, Rop.COPY)
    return part


def _own(pixels: Array, surface: Surface) -> Array:
    return pixels.copy() if np.may_share_memory(pixels, surface.data) else pixels


def _scaled(pixels: Array, fmt: PixelFormat, area: Rect, box: Rect, part: Region, mode: int) -> Array:
    """Other than a copy, this operation rounds the place in the source to whole pixels of the destination."""
    across = _axis(area.x, area.width, box.width, pixels.shape[1])
    down = _axis(area.y, area.height, box.height, pixels.shape[0])
    x1, y1, x2, y2 = part.box
    x, y = across.centres(x1 - box.x, x2 - box.x), down.centres(y1 - box.y, y2 - box.y)
    return sample(pixels, PixelFormat.ARGB if fmt is PixelFormat.XRGB else fmt, x, y, mode)


def _axis(start: int, length: int, pixels: int, limit: int) -> Axis:
    scale = length / pixels
    if not scale:
        raise CodecError("empty source of a ternary raster operation")
    step = int(scale * 65536)
    return Axis(floor(start / scale + 0.5) * step + ((step + 1) >> 1), step, limit)


def ternary(code: int, pattern: Array, source: Array, dest: npt.NDArray[np.unsignedinteger]) -> Array:
    """The function by its number: bit 4p + 2s + d of *code* is the result for the bits p, s, d."""
    if _kernels.COMPILED and dest.dtype == np.uint32:
        out = np.empty(dest.shape, np.uint32)
        height, width = dest.shape
        below, row, _ = plane(dest)
        over, source_row, _ = plane(np.broadcast_to(source, dest.shape))
        brush = plane(np.asarray(pattern).reshape((1, 1)) if np.ndim(pattern) == 0 else pattern)
        _kernels.ternary(view(out), below, 0, row, over, 0, source_row, *brush, width, height, code)
        return out
    total: Array | None = None
    not_dest = ~dest
    # Of each pair of pattern and source bits the function is 0, d, not d or 1 (bits: d=0, d=1).
    for p in (0, 1):
        for s in (0, 1):
            pair = code >> (4 * p + 2 * s) & 3
            if not pair:
                continue
            term = (pattern if p else ~pattern) & (source if s else ~source)
            if pair != 3:
                term = term & (dest if pair == 2 else not_dest)
            total = term if total is None else total | term
    return np.zeros_like(dest) if total is None else total
