"""DRAW_FILL, BLACKNESS, WHITENESS and INVERS: brushes and constants, no picture."""

from __future__ import annotations

from ..wire.display import DrawBlackness, DrawFill, DrawInvers, DrawWhiteness
from . import paint
from .region import Region, region
from .rop import BRUSH_INPUT, Rop, rop_of
from .source import Sources
from .surface import Surface


def _masked(message: DrawFill | DrawBlackness | DrawWhiteness | DrawInvers, surface: Surface, from_: Sources) -> Region:
    base = message.base
    part = region(surface.width, surface.height, base.box, base.clip.rects)
    return from_.masked(part, message.mask, base.box.x, base.box.y)


def fill(surface: Surface, message: DrawFill, sources: Sources) -> Region:
    part = _masked(message, surface, sources)
    if part:
        rop = rop_of(message.rop_descriptor, BRUSH_INPUT)
        paint.brush(surface, part, sources.brush(message.brush, surface), rop)
    return part


def blackness(surface: Surface, message: DrawBlackness, sources: Sources) -> Region:
    part = _masked(message, surface, sources)
    paint.solid(surface, part, 0)
    return part


def whiteness(surface: Surface, message: DrawWhiteness, sources: Sources) -> Region:
    part = _masked(message, surface, sources)
    paint.solid(surface, part, 0xFFFFFFFF)
    return part


def invers(surface: Surface, message: DrawInvers, sources: Sources) -> Region:
    part = _masked(message, surface, sources)
    paint.solid(surface, part, 0, Rop.INVERT)
    return part
