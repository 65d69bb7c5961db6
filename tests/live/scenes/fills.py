"""FILL, BLACKNESS, WHITENESS and INVERS: brushes, raster operations, clips and masks."""

from __future__ import annotations

from collections.abc import Iterator

from ..scene_server.bitmaps import Format
from ..scene_server.qxl import Blackness, Effect, Fill, Image, Invers, Pattern, QxlCommand, Ropd, Solid, Whiteness
from . import Cell, Scene, filled_surface, image, in_format, needs_of
from .variations import (
    BRUSHES,
    CLIPS,
    COLOURS,
    MASKS,
    PATTERN_FORMATS,
    BrushMaker,
    Clip,
    MaskMaker,
    descriptors,
    pattern,
)

ORIGINS = ((0, 0), (-3, -5), (-64, -64))


def fill(
    name: str, brush: BrushMaker, rop: int = Ropd.PUT, clip: Clip | None = None, mask: MaskMaker | None = None
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        yield cell.draw(Fill(brush(cell), rop, mask() if mask else None), clip=clip(cell) if clip else None)

    return Scene(f"fill {name}", draw)


def plain(op: type[Blackness], name: str, clip: Clip | None = None, mask: MaskMaker | None = None) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        yield cell.draw(op(mask() if mask else None), clip=clip(cell) if clip else None)

    return Scene(f"{op.__name__.lower()}, {name}", draw)


def pattern_of(format: Format, x: int, y: int) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        yield cell.draw(Fill(Pattern(Image(in_format(format, 16, 12, 4)), cell.at(x, y))))

    return Scene(f"fill pattern {format.name} at {x},{y}", draw, needs_of(format))


def sized_pattern(width: int, height: int, rop: Ropd) -> Scene:
    return fill(f"pattern {width}x{height}, {rop.name}", lambda cell: pattern(cell, -2, -1, width, height), rop)


def surface_pattern(rop: int) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        source, commands = filled_surface(cell, image(24, 10, 6), 24, 10)
        yield from commands
        yield cell.draw(Fill(Pattern(source, cell.at(-3, -2)), rop))

    return Scene(f"fill pattern from a surface, {Ropd(rop).name}", draw)


def _scenes() -> Iterator[Scene]:
    for colour in COLOURS:
        yield fill(f"solid {colour:#08x}", lambda cell, colour=colour: Solid(colour))  # type: ignore[misc]
    for name, brush in BRUSHES.items():
        for rop_name, rop in descriptors(Ropd.INVERS_BRUSH, Ropd.INVERS_DEST):
            yield fill(f"{name}, {rop_name}", brush, rop)
    for format in PATTERN_FORMATS:
        for x, y in ORIGINS:
            yield pattern_of(format, x, y)
    for width, height in ((1, 1), (1, 9), (9, 1), (2, 3), (33, 5), (60, 44), (100, 90)):
        for put in (Ropd.PUT, Ropd.XOR):
            yield sized_pattern(width, height, put)
    for rop in (Ropd.PUT, Ropd.XOR, Ropd.AND | Ropd.INVERS_BRUSH, Ropd.OR | Ropd.INVERS_DEST):
        yield surface_pattern(rop)
    for name, clip in CLIPS.items():
        for brush_name, brush in BRUSHES.items():
            for put in (Ropd.PUT, Ropd.XOR):
                yield fill(f"{brush_name}, {put.name}, clip {name}", brush, put, clip)
        for op in (Blackness, Whiteness, Invers):
            yield plain(op, f"clip {name}", clip)
    for name, mask in MASKS.items():
        for brush_name in ("solid", "pattern"):
            brush = BRUSHES[brush_name]
            yield fill(f"{brush_name}, mask {name}", brush, Ropd.PUT, None, mask)
            yield fill(f"{brush_name}, XOR, mask {name}, clip staircase", brush, Ropd.XOR, CLIPS["staircase"], mask)
        for op in (Blackness, Whiteness, Invers):
            yield plain(op, f"mask {name}", None, mask)
    yield Scene("fill, opaque effect", lambda cell: [cell.draw(Fill(Solid(0x123456)), effect=Effect.OPAQUE)])


SCENES = list(_scenes())
