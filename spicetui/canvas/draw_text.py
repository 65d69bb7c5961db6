"""DRAW_TEXT: a string of raster glyphs as a mask for a brush, over a background if there is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import PixelFormat, view
from ..errors import CodecError
from ..wire.display import Brush, DrawText, Pattern, RasterGlyph, String
from ..wire.enums import Ropd
from . import _kernels, paint
from .blend import Operator, compose
from .convert import Words, to_argb
from .region import Box, Region, region
from .rop import Rop
from .source import Sources, Tile
from .surface import Surface

Coverage = npt.NDArray[np.uint8]


def text(surface: Surface, message: DrawText, sources: Sources) -> Region:
    """OVER is the only operation for text; the modes are not looked at further."""
    part = region(surface.width, surface.height, message.base.box, message.base.clip.rects)
    if not part.boxes:
        return part
    area = message.back_area
    back = None
    if not area.empty:
        if message.fore_mode != Ropd.OP_PUT:
            raise CodecError(f"text on a background with operation {message.fore_mode:#x}")
        back = sources.brush(message.back_brush, surface)
    fore, fmt = _fore(surface, message.fore_brush, sources)
    if back is not None:
        paint.brush(surface, part.within((area.x, area.y, area.right, area.bottom)), back, Rop.COPY)
    bounds = _bounds(message.str)
    if fore is None or bounds is None:
        return part
    inside = part.within(bounds)
    if inside.boxes:
        _over(surface, inside, fore, fmt, message.str, bounds)
    return part


def _fore(surface: Surface, brush: Brush, sources: Sources) -> tuple[int | Tile | None, PixelFormat]:
    """An opaque colour as ARGB, or a tile and its format; None for no brush, which draws no text."""
    fill = brush.fill
    if fill is None:
        return None, surface.pixel_format
    if isinstance(fill, Pattern):
        picture = sources.picture(fill.image)
        pixels, fmt = sources.as_native(picture, surface), surface.pixel_format
        if fmt in (PixelFormat.XRGB, PixelFormat.ARGB):
            fmt = PixelFormat.ARGB if sources.has_alpha(picture, surface) else PixelFormat.XRGB
        return Tile(pixels, fill.pos.x, fill.pos.y), fmt
    if surface.data.dtype.itemsize != 2:
        return 0xFF000000 | fill & 0xFFFFFF, PixelFormat.ARGB
    # Three times five bits, for 565 too.
    blue, green, red = ((fill >> shift & 31) * 0xFFFF // 31 >> 8 for shift in (0, 5, 10))
    return 0xFF000000 | red << 16 | green << 8 | blue, PixelFormat.ARGB


def _over(surface: Surface, part: Region, fore: int | Tile, fmt: PixelFormat, string: String, bounds: Box) -> None:
    """The tile's place is counted from the string's bounds, as the reference does."""
    if isinstance(fore, Tile):
        fore = Tile(fore.pixels.copy(), fore.x + bounds[0], fore.y + bounds[1])
    target = surface.pixel_format
    cover = coverage(string, part.box)
    left, top = part.box[:2]
    for box, where in part:
        x1, y1, x2, y2 = box
        mask: Words = cover[y1 - top : y2 - top, x1 - left : x2 - left].astype(np.uint32) << np.uint32(24)
        source: Words
        if isinstance(fore, Tile):
            source = to_argb(paint.tiled(fore.pixels, box, fore.x, fore.y), fmt)
        else:
            source = np.full((1, 1), fore, np.uint32)
        compose(surface, box, where, Operator.OVER, source, mask, target)


def _place(glyph: RasterGlyph) -> tuple[int, int]:
    return glyph.render_pos.x + glyph.glyph_origin.x, glyph.render_pos.y + glyph.glyph_origin.y


def _bounds(string: String) -> Box | None:
    if not string.glyphs:
        return None
    places = [(*_place(glyph), glyph.width, glyph.height) for glyph in string.glyphs]
    return (
        min(x for x, _, _, _ in places),
        min(y for _, y, _, _ in places),
        max(x + w for x, _, w, _ in places),
        max(y + h for _, y, _, h in places),
    )


def coverage(string: String, box: Box) -> Coverage:
    """How much of each pixel of *box* the glyphs cover, 0 to 255; the greatest where they overlap."""
    left, top, right, bottom = box
    out = np.zeros((bottom - top, right - left), np.uint8)
    bits = string.bits
    for glyph in string.glyphs:
        x, y = _place(glyph)
        x1, y1 = max(x, left), max(y, top)
        x2, y2 = min(x + glyph.width, right), min(y + glyph.height, bottom)
        if x1 >= x2 or y1 >= y2:
            continue
        row = (glyph.width * bits + 7) // 8
        if _kernels.COMPILED:
            at = (y1 - top) * (right - left) + x1 - left
            part = (x1 - x, y1 - y, x2 - x1, y2 - y1)
            _kernels.glyph(view(out), at, right - left, memoryview(glyph.data), row, bits, *part, glyph.height)
            continue
        rows = np.frombuffer(glyph.data, np.uint8).reshape(glyph.height, row)[::-1][y1 - y : y2 - y]
        target = out[y1 - top : y2 - top, x1 - left : x2 - left]
        if bits == 1:
            pixels = np.unpackbits(np.ascontiguousarray(rows), axis=1, count=glyph.width) * np.uint8(255)
        elif bits == 8:
            pixels = rows
        else:
            _nibbles(target, rows, x1 - x, x2 - x)
            continue
        np.maximum(target, pixels[:, x1 - x : x2 - x], out=target)
    return out


def _nibbles(target: Coverage, rows: Coverage, start: int, stop: int) -> None:
    """Four bits as the high ones of eight.

    The reference compares the right one of a pair with its neighbour's bits still above it, so it wins over what
    was there before unless that neighbour is 0.
    """
    high = rows & 0xF0
    low = rows << 4
    pixels = np.empty((rows.shape[0], rows.shape[1] * 2), np.uint8)
    pixels[:, 0::2], pixels[:, 1::2] = high, low
    wins = np.zeros(pixels.shape, np.bool_)
    wins[:, 1::2] = high != 0
    part, wins = pixels[:, start:stop], wins[:, start:stop]
    np.copyto(target, part, where=wins | (part > target))
