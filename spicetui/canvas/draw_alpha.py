"""DRAW_ALPHA_BLEND and DRAW_TRANSPARENT: pictures of which only a part covers what is there."""

from __future__ import annotations

import numpy as np

from ..codecs.pixmap import Array, PixelFormat
from ..wire.display import DrawAlphaBlend, DrawTransparent
from ..wire.enums import AlphaFlags, ImageScaleMode
from . import paint
from .blend import Operator, compose
from .convert import to555, to565, to_argb
from .region import EMPTY, Region, region
from .scale import scaled
from .source import Sources
from .surface import Surface


def transparent(surface: Surface, message: DrawTransparent, sources: Sources) -> Region:
    """All but the pixels of one colour."""
    box, area = message.base.box, message.src_area
    part = region(surface.width, surface.height, box, message.base.clip.rects)
    if not part.boxes:
        return part
    pixels = sources.native(message.src_bitmap, surface)
    key, bits = _key(surface.pixel_format, message.true_color)
    x, y = box.x - area.x, box.y - area.y
    if (area.width, area.height) != (box.width, box.height):
        fmt = PixelFormat.ARGB if surface.pixel_format is PixelFormat.XRGB else surface.pixel_format
        pixels = scaled(pixels, fmt, area, box, part.box, ImageScaleMode.NEAREST)
        x, y = part.box[:2]
    paint.blit_keyed(surface, part, pixels, x, y, key, bits)
    return part


def _key(fmt: PixelFormat, color: int) -> tuple[int, int]:
    """The transparent colour in the surface's format, and the bits that are compared."""
    word = np.array([[color]], np.uint32)
    if fmt is PixelFormat.RGB555:
        return int(to555(word)[0, 0]), 0xFFFF
    if fmt is PixelFormat.RGB565:
        return int(to565(word)[0, 0]), 0xFFFF
    if fmt is PixelFormat.A8 or fmt is PixelFormat.A1:
        return 0, 0xFF
    return color & 0xFFFFFF, 0xFFFFFF


def alpha_blend(surface: Surface, message: DrawAlphaBlend, sources: Sources) -> Region:
    """OVER, with one alpha for all; the flags lend a meaning to the top byte of surfaces without alpha."""
    box, area = message.base.box, message.src_area
    part = region(surface.width, surface.height, box, message.base.clip.rects)
    if not part.boxes or not message.alpha:
        return EMPTY
    picture = sources.picture(message.src_bitmap)
    pixels, fmt = picture.pixels, picture.format
    if fmt is PixelFormat.XRGB and picture.surface and message.alpha_flags & AlphaFlags.SRC_SURFACE_HAS_ALPHA:
        fmt = PixelFormat.ARGB
    elif fmt is PixelFormat.INDEXED:
        fmt = surface.pixel_format
        pixels = sources.as_native(picture, surface)
    x, y = box.x - area.x, box.y - area.y
    if (area.width, area.height) != (box.width, box.height):
        fmt, pixels = PixelFormat.ARGB, to_argb(pixels, fmt)  # around the picture it is transparent
        pixels = scaled(pixels, fmt, area, box, part.box, ImageScaleMode.NEAREST)
        x, y = part.box[:2]
    target = surface.pixel_format
    with_alpha = target is PixelFormat.XRGB and bool(message.alpha_flags & AlphaFlags.DEST_HAS_ALPHA)
    blend(surface, part, pixels, fmt, x, y, message.alpha, PixelFormat.ARGB if with_alpha else target)
    return part


def blend(
    surface: Surface,
    part: Region,
    pixels: Array,
    fmt: PixelFormat,
    dx: int,
    dy: int,
    alpha: int,
    target: PixelFormat,
) -> None:
    """OVER of pixels whose first one lies at (dx, dy); *target* is what the surface is taken for."""
    height, width = pixels.shape
    part = part.within((dx, dy, dx + width, dy + height))
    mask = None if alpha == 255 else np.full((1, 1), alpha << 24, np.uint32)
    if not part.boxes:
        return
    if np.may_share_memory(pixels, surface.data):
        pixels = pixels.copy()
    for box, where in part:
        x1, y1, x2, y2 = box
        source = to_argb(pixels[y1 - dy : y2 - dy, x1 - dx : x2 - dx], fmt)
        compose(surface, box, where, Operator.OVER, source, mask, target)
