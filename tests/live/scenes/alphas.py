"""ALPHA_BLEND: levels, formats, areas, scaling, surfaces with and without alpha, clips."""

from __future__ import annotations

from collections.abc import Iterator

from spicetui.geometry import Rect

from ..scene_server.bitmaps import Format
from ..scene_server.qxl import AlphaBlend, Image, QxlCommand, SurfaceFormat
from . import Cell, Need, Scene, filled_surface, in_format, needs_of
from .copies import FORMATS, SAME, SCALINGS, SOURCE
from .variations import CLIPS, Clip

LEVELS = (0, 1, 2, 64, 127, 128, 200, 254, 255)


def blend(
    name: str,
    format: Format,
    alpha: int,
    area: Rect = SAME,
    *,
    dest_has_alpha: bool = False,
    clip: Clip | None = None,
    high_bits: bool = False,
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        taken = area if area.width else Rect(area.x, area.y, cell.box.width, cell.box.height)
        source = Image(in_format(format, *SOURCE, 3), high_bits=high_bits)
        yield cell.draw(AlphaBlend(source, taken, alpha, dest_has_alpha), clip=clip(cell) if clip else None)

    return Scene(f"alpha {alpha} {name}{', to alpha' if dest_has_alpha else ''}", draw, needs_of(format))


def from_surface(
    format: SurfaceFormat, alpha: int, area: Rect, *, surface_has_alpha: bool, dest_has_alpha: bool, title: str
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        source, commands = filled_surface(cell, Image(in_format(Format.RGBA, *SOURCE, 3)), *SOURCE, format)
        yield from commands
        taken = area if area.width else Rect(area.x, area.y, cell.box.width, cell.box.height)
        yield cell.draw(AlphaBlend(source, taken, alpha, dest_has_alpha, surface_has_alpha))

    flags = f"{', with alpha' if surface_has_alpha else ''}{', to alpha' if dest_has_alpha else ''}"
    return Scene(f"alpha {alpha} surface {format.name} {title}{flags}", draw, frozenset((Need.DEPTH,)))


def _scenes() -> Iterator[Scene]:
    for alpha in LEVELS:
        for format in FORMATS:
            yield blend(format.name, format, alpha)
        for dest_has_alpha in (False, True):
            yield blend("RGBA from an area", Format.RGBA, alpha, Rect(9, 5, 0, 0), dest_has_alpha=dest_has_alpha)
            yield blend("RGB32", Format.RGB32, alpha, dest_has_alpha=dest_has_alpha, high_bits=True)
            yield blend("RGBA up", Format.RGBA, alpha, SCALINGS["up"], dest_has_alpha=dest_has_alpha)
        for surface_has_alpha in (False, True):
            for dest_has_alpha in (False, True):
                for format_ in (SurfaceFormat.XRGB, SurfaceFormat.ARGB):
                    for title in ("same", "up"):
                        yield from_surface(
                            format_,
                            alpha,
                            SCALINGS["up"] if title == "up" else Rect(4, 3, 0, 0),
                            surface_has_alpha=surface_has_alpha,
                            dest_has_alpha=dest_has_alpha,
                            title=title,
                        )
    for name, area in SCALINGS.items():
        for format in (Format.RGBA, Format.RGB32, Format.RGB16, Format.BIT8):
            for alpha in (255, 100):
                yield blend(f"{format.name} {name}", format, alpha, area)
    for name, clip in CLIPS.items():
        for alpha in (255, 100):
            yield blend(f"RGBA clip {name}", Format.RGBA, alpha, clip=clip)
            yield blend(f"RGB32 down, clip {name}", Format.RGB32, alpha, SCALINGS["down"], clip=clip)


SCENES = list(_scenes())
