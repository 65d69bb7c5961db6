"""DRAW_COMPOSITE: a picture through a mask onto the surface, each with its transformation, by any operator."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..codecs.pixmap import Array, PixelFormat
from ..errors import CodecError
from ..geometry import Rect
from ..wire.display import DrawComposite, Transform
from ..wire.enums import CompositeFlags
from . import operators
from .blend import Operator, compose
from .convert import OPAQUE, to_argb
from .errors import Unsupported
from .region import Region, region
from .sampler import Filter, Repeat, fetch, widened
from .source import Picture, Sources
from .surface import Surface

_32 = (PixelFormat.XRGB, PixelFormat.ARGB)
_WITHOUT_COLOUR = (PixelFormat.A8, PixelFormat.A1)


def composite(surface: Surface, message: DrawComposite, sources: Sources) -> Region:
    """That the source is opaque is believed of surfaces only, and that the destination is never, as the reference."""
    data, box = message.data, message.base.box
    part = region(surface.width, surface.height, box, message.base.clip.rects)
    if not part.boxes:
        return part
    flags = data.flags
    operator = flags & 0xFF
    if not operators.known(operator):
        raise Unsupported(f"display:draw_composite:operator_{operator:#04x}")
    x1, y1, x2, y2 = part.box
    inside = Rect(x1 - box.x, y1 - box.y, x2 - x1, y2 - y1)
    pixels, fmt = _pixels(sources.picture(data.src_bitmap), surface, sources)
    if flags & CompositeFlags.SOURCE_OPAQUE and sources.picture(data.src_bitmap).surface is not None:
        if fmt in _WITHOUT_COLOUR:
            pixels, fmt = np.zeros(pixels.shape, np.uint32), PixelFormat.XRGB
        elif fmt is PixelFormat.ARGB:
            fmt = PixelFormat.XRGB
    fetches = [_Fetch(pixels, fmt, data.src_origin, data.src_transform, flags >> 8 & 7, flags >> 14 & 3)]
    if data.mask_bitmap is not None:
        pixels, fmt = _pixels(sources.picture(data.mask_bitmap), surface, sources)
        fetches.append(_Fetch(pixels, fmt, data.mask_origin, data.mask_transform, flags >> 11 & 7, flags >> 16 & 3))
    component = bool(flags & CompositeFlags.COMPONENT_ALPHA) and len(fetches) == 2
    if operator == operators.SATURATE and not component and all(fetch.opaque(inside) for fetch in fetches):
        operator = Operator.OVER_REVERSE  # the same but for the rounding
    wide = operators.wide(operator)
    source: Any
    mask: Any
    source, mask = (*(fetch.pixels_of(inside, wide) for fetch in fetches), None)[:2]
    target = surface.pixel_format
    if wide:
        moved = data.src_transform is not None
        wide_dest = widened(to_argb(surface.data[y1:y2, x1:x2], target), target)
        source, mask = operators.composite_wide(operator, source, mask, wide_dest, component, moved), None
        operator = Operator.SRC
    elif operator not in operators.PLAIN:
        dest = to_argb(surface.data[y1:y2, x1:x2], target)
        source, mask = operators.blended(operator, source, mask, dest, component), None
        operator = Operator.SRC
    for box_, where in part:
        left, top, right, bottom = box_
        cut = (slice(top - y1, bottom - y1), slice(left - x1, right - x1))
        through = None if mask is None else mask[cut]
        compose(surface, box_, where, operators.PLAIN[operator], source[cut], through, target, component)
    return part


def _pixels(picture: Picture, surface: Surface, sources: Sources) -> tuple[Array, PixelFormat]:
    """Surfaces as they are; images in the format of the surface, with alpha only if it has some."""
    if picture.surface is not None:
        pixels = picture.pixels.copy() if picture.surface is surface else picture.pixels
        return pixels, picture.format
    fmt = surface.pixel_format
    if fmt in _32:
        fmt = PixelFormat.ARGB if sources.has_alpha(picture, surface) else PixelFormat.XRGB
    return sources.as_native(picture, surface), fmt


class _Fetch(NamedTuple):
    """What there is to know about the source or the mask."""

    pixels: Array
    fmt: PixelFormat
    origin: tuple[int, int]
    transform: Transform | None
    filter: int
    repeat: int

    def pixels_of(self, inside: Rect, wide: bool) -> Any:
        if self.filter > Filter.BILINEAR:
            raise CodecError(f"composition with filter {self.filter}, whose parameters cannot be sent")
        place = (self.origin[0] + inside.x, self.origin[1] + inside.y)
        size = (inside.width, inside.height)
        kinds = Filter(self.filter), Repeat(self.repeat)
        return fetch(self.pixels, self.fmt, size, place, self.transform, *kinds, wide)

    def opaque(self, inside: Rect) -> bool:
        if self.fmt in (PixelFormat.ARGB, *_WITHOUT_COLOUR):
            return False
        return self.repeat != Repeat.NONE or bool((self.pixels_of(inside, False) >= OPAQUE).all())
