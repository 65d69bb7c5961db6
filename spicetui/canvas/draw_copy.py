"""DRAW_COPY, BLEND and OPAQUE: a picture, scaled if need be, with a raster operation; COPY_BITS inside a surface."""

from __future__ import annotations

from ..codecs.pixmap import PixelFormat
from ..geometry import Rect
from ..wire.display import CopyBits, DrawBlend, DrawCopy, DrawOpaque
from ..wire.image import Image
from . import paint
from .region import Region, region
from .rop import BRUSH_INPUT, SRC_INPUT, Rop, rop_of
from .scale import scaled
from .source import Sources
from .surface import Surface


def copy(surface: Surface, message: DrawCopy | DrawBlend, sources: Sources) -> Region:
    """BLEND differs by its name only."""
    base = message.base
    part = region(surface.width, surface.height, base.box, base.clip.rects)
    if message.mask.bitmap is not None:
        part = sources.masked(part, message.mask, base.box.x, base.box.y)
    if part.boxes and part:
        rop = rop_of(message.rop_descriptor)
        picture(surface, part, message.src_bitmap, message.src_area, base.box, message.scale_mode, rop, sources)
    return part


def opaque(surface: Surface, message: DrawOpaque, sources: Sources) -> Region:
    """The picture as it is, then the brush, whose operation sees the picture as its destination."""
    base = message.base
    part = region(surface.width, surface.height, base.box, base.clip.rects)
    part = sources.masked(part, message.mask, base.box.x, base.box.y)
    if part:
        rop = rop_of(message.rop_descriptor, BRUSH_INPUT, SRC_INPUT)
        pattern = sources.brush(message.brush, surface)
        picture(surface, part, message.src_bitmap, message.src_area, base.box, message.scale_mode, Rop.COPY, sources)
        paint.brush(surface, part, pattern, rop)
    return part


def picture(
    surface: Surface, part: Region, image: Image | None, area: Rect, box: Rect, mode: int, rop: Rop, sources: Sources
) -> None:
    """*area* of the image over *box*, as far as *part* reaches."""
    source = sources.picture(image)
    pixels = sources.as_native(source, surface)
    if area.width == box.width and area.height == box.height:
        paint.blit(surface, part, pixels, box.x - area.x, box.y - area.y, rop)
        return
    fmt = surface.pixel_format
    if fmt is PixelFormat.XRGB:
        fmt = PixelFormat.ARGB  # whatever the top byte is
    elif fmt is PixelFormat.ARGB and rop is Rop.COPY and not sources.has_alpha(source, surface):
        fmt = PixelFormat.XRGB  # opaque
    x1, y1 = part.box[:2]
    paint.blit(surface, part, scaled(pixels, fmt, area, box, part.box, mode), x1, y1, rop)


def copy_bits(surface: Surface, message: CopyBits, sources: Sources) -> Region:
    """What lies at *src_pos* as it was before; what would come from outside of the surface is not drawn."""
    box = message.base.box
    dx, dy = box.x - message.src_pos.x, box.y - message.src_pos.y
    part = region(surface.width, surface.height, box, message.base.clip.rects)
    part = part.within((dx, dy, dx + surface.width, dy + surface.height))
    if part.boxes and (dx or dy):
        paint.blit(surface, part, surface.data, dx, dy)
    return part
