"""COMPOSITE: every operator, sources, masks, repeat modes, filters, transforms, alpha and opaque flags."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from spicetui.geometry import Point, Rect

from ..scene_server import bitmaps
from ..scene_server.bitmaps import Format
from ..scene_server.qxl import (
    Composite,
    CreateSurface,
    Fill,
    Filter,
    Image,
    QxlCommand,
    Repeat,
    Solid,
    Source,
    SurfaceFormat,
    SurfaceImage,
    Transform,
)
from . import Cell, Scene, filled_surface, in_format
from .variations import CLIPS, Clip

PORTER_DUFF = (
    "clear source destination over over-reverse in in-reverse out out-reverse atop atop-reverse xor add saturate"
)
BLEND_MODES = (
    "multiply screen overlay darken lighten color-dodge color-burn hard-light soft-light difference exclusion"
    " hue saturation color luminosity"
)
OPERATORS = {name: number for number, name in enumerate(PORTER_DUFF.split())}
OPERATORS |= {name: number for number, name in enumerate(BLEND_MODES.split(), 0x30)}
for _base, _kind in ((0x10, "disjoint"), (0x20, "conjoint")):
    OPERATORS |= {f"{_kind} {name}": number for number, name in enumerate(PORTER_DUFF.split()[:12], _base)}


def turned(degrees: float, scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> Transform:
    cosine, sine = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return (cosine, -sine, x, sine, cosine, y)


TRANSFORMS: dict[str, Transform] = {
    "identity": (1, 0, 0, 0, 1, 0),
    "shift": (1, 0, 5, 0, 1, 3),
    "half a pixel": (1, 0, 0.5, 0, 1, 0.5),
    "twice": (0.5, 0, 0, 0, 0.5, 0),
    "half": (2, 0, 0, 0, 2, 0),
    "thirds": (0.333, 0, 1.25, 0, 0.75, -2.5),
    "mirrored": (-1, 0, 30, 0, 1, 0),
    "upside down": (1, 0, 0, 0, -1, 22),
    "quarter turn": (0, -1, 24, 1, 0, 0),
    "half turn": (-1, 0, 30, 0, -1, 22),
    "turned": turned(30, 0.8, 4, -3),
    "sheared": (1, 0.3, -5, 0.1, 1, 0),
}


def translucent(width: int = 60, height: int = 44, seed: int = 3) -> Image:
    return Image(in_format(Format.RGBA, width, height, seed))


def soft(width: int = 60, height: int = 44) -> Image:
    return Image(in_format(Format.A8, width, height, 9))


def composite(name: str, operator: int, clip: Clip | None = None, **fields: Any) -> Scene:
    """`source` and `mask` may be images or functions that make them."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        made = {key: value() if callable(value) else value for key, value in fields.items()}
        source: Source = made.pop("source", None) or translucent()
        yield cell.draw(Composite(operator, source, **made), clip=clip(cell) if clip else None)

    return Scene(f"composite {name}", draw)


def alpha_surface(cell: Cell, width: int, height: int) -> tuple[SurfaceImage, list[QxlCommand]]:
    """A surface of alpha only, with a slope composed onto it."""
    number = cell.surface()
    whole = Rect(0, 0, width, height)
    source = translucent(width, height, 5)
    return SurfaceImage(number, width, height), [
        CreateSurface(number, SurfaceFormat.A8, width, height),
        cell.draw(Composite(1, source), whole, surface=number),
    ]


def with_surfaces(
    name: str, operator: int, source: SurfaceFormat | None, mask: SurfaceFormat | None, **fields: Any
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        made: list[Source | None] = []
        for format in (source, mask):
            if format is None:
                made.append(None)
            elif format is SurfaceFormat.A8:
                surface, commands = alpha_surface(cell, 60, 44)
                yield from commands
                made.append(surface)
            else:
                surface, commands = filled_surface(cell, translucent(), 60, 44, format)
                yield from commands
                made.append(surface)
        yield cell.draw(Composite(operator, made[0] or translucent(seed=4), mask=made[1], **fields))

    return Scene(f"composite {name}", draw)


def onto_alpha(name: str, operator: int) -> Scene:
    """Composed onto a surface of alpha, which then is the mask of a colour."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        surface, commands = alpha_surface(cell, 60, 44)
        yield from commands
        whole = Rect(0, 0, 60, 44)
        yield cell.draw(Composite(operator, translucent(seed=8)), whole, surface=surface.surface)
        red = Image(bitmaps.true_colour(bitmaps.photo(60, 44, 2)))
        yield cell.draw(Composite(3, red, mask=surface))

    return Scene(f"composite {name} onto alpha", draw)


def colour_surface() -> Scene:
    """One pixel repeated, as solid colours are drawn."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        number = cell.surface()
        yield CreateSurface(number, SurfaceFormat.ARGB, 1, 1)
        yield cell.draw(Fill(Solid(0x80402010)), Rect(0, 0, 1, 1), surface=number)
        source = SurfaceImage(number, 1, 1)
        mask, commands = alpha_surface(cell, 60, 44)
        yield from commands
        yield cell.draw(Composite(3, source, mask=mask, source_repeat=Repeat.NORMAL))

    return Scene("composite one pixel repeated through alpha", draw)


def _scenes() -> Iterator[Scene]:
    opaque = Image(in_format(Format.RGB32, 60, 44, 6))
    for name, number in OPERATORS.items():
        yield composite(name, number)
        yield composite(f"{name}, opaque source", number, source=opaque)
        yield composite(f"{name}, mask", number, mask=lambda: translucent(seed=7))
        yield composite(f"{name}, component alpha", number, mask=lambda: translucent(seed=7), component_alpha=True)
        yield composite(f"{name}, clip overlapping", number, CLIPS["overlapping"])
        if number < 0x10:
            yield with_surfaces(f"{name}, surface of alpha as mask", number, None, SurfaceFormat.A8)
            yield with_surfaces(f"{name}, surface", number, SurfaceFormat.ARGB, None)
            yield onto_alpha(name, number)
    for format in Format:
        if format in (Format.RGB16, Format.RGB24, Format.RGB32, Format.RGBA, Format.A8):
            for operator in (1, 3, 5, 12):
                picture = Image(in_format(format, 60, 44, 6))
                yield composite(f"operator {operator}, source {format.name}", operator, source=picture)
                yield composite(f"operator {operator}, mask {format.name}", operator, mask=picture)
                yield composite(
                    f"operator {operator}, component mask {format.name}", operator, mask=picture, component_alpha=True
                )
    small = translucent(30, 22)
    for repeat in Repeat:
        for name, transform in TRANSFORMS.items():
            for filter in Filter:
                title = f"{repeat.name}, {name}, {filter.name}"
                yield composite(
                    f"source {title}",
                    3,
                    source=small,
                    source_repeat=repeat,
                    source_transform=transform,
                    source_filter=filter,
                )
                yield composite(
                    f"mask {title}", 3, mask=small, mask_repeat=repeat, mask_transform=transform, mask_filter=filter
                )
        for origin in (Point(7, 5), Point(-7, -5), Point(40, 30)):
            yield composite(
                f"source {repeat.name} from {origin.x},{origin.y}",
                3,
                source=small,
                source_repeat=repeat,
                source_origin=origin,
            )
            yield composite(
                f"mask {repeat.name} from {origin.x},{origin.y}", 3, mask=small, mask_repeat=repeat, mask_origin=origin
            )
    for kind in (SurfaceFormat.XRGB, SurfaceFormat.ARGB):
        for operator in (1, 3, 5, 12):
            for flags in ({}, {"source_opaque": True}, {"dest_opaque": True}, {"mask_opaque": True}):
                title = f"operator {operator}, {kind.name} {' '.join(flags)}"
                yield with_surfaces(f"source surface {title}", operator, kind, None, **flags)
                yield with_surfaces(f"source and mask surfaces {title}", operator, kind, kind, **flags)
    for name, transform in list(TRANSFORMS.items())[3:]:
        yield with_surfaces(
            f"surfaces, {name}",
            3,
            SurfaceFormat.ARGB,
            SurfaceFormat.A8,
            source_transform=transform,
            mask_transform=transform,
        )
    yield colour_surface()


SCENES = list(_scenes())
