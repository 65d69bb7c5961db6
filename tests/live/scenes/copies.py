"""COPY, BLEND, OPAQUE, TRANSPARENT and COPY_BITS: image formats, raster operations, scaling, clips, masks, surfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spicetui.geometry import Point, Rect

from ..scene_server import bitmaps
from ..scene_server.bitmaps import Format
from ..scene_server.qxl import (
    Blend,
    Copy,
    CopyBits,
    Effect,
    Image,
    Opaque,
    QxlCommand,
    Ropd,
    Scale,
    SurfaceFormat,
    SurfaceImage,
    Transparent,
)
from . import Cell, Need, Scene, filled_surface, image, in_format, needs_of
from .variations import BRUSHES, CLIPS, MASKS, BrushMaker, Clip, MaskMaker, descriptors

FORMATS = (*(f for f in Format if f not in (Format.BIT1_LE, Format.BIT4_LE)),)
"""The server itself aborts on pictures of 1 and 4 bits in little-endian order."""

SCALINGS = {
    "up": Rect(0, 0, 16, 12),
    "up from an area": Rect(3, 5, 21, 14),
    "down": Rect(0, 0, 128, 96),
    "down from an area": Rect(11, 7, 97, 71),
    "wider, lower": Rect(0, 0, 37, 66),
    "narrower, same height": Rect(2, 3, 90, 44),
    "from one pixel": Rect(5, 5, 1, 1),
    "from one row": Rect(1, 9, 60, 1),
    "by a hair": Rect(0, 0, 59, 45),
}
SOURCE = (128, 96)


def copy(
    name: str,
    source: Callable[[], Image],
    area: Rect,
    rop: int = Ropd.PUT,
    scale: Scale = Scale.NEAREST,
    *,
    clip: Clip | None = None,
    mask: MaskMaker | None = None,
    op: type[Copy] = Copy,
    box: Rect | None = None,
    needs: frozenset[Need] = frozenset(),
) -> Scene:
    """`area` 0x0 is as large as the box; `box` is from the cell's corner."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        place = cell.rect(*box) if box else cell.box
        taken = area if area.width else Rect(area.x, area.y, place.width, place.height)
        yield cell.draw(op(source(), taken, rop, scale, mask() if mask else None), place, clip(cell) if clip else None)

    return Scene(f"{op.__name__.lower()} {name}", draw, needs)


def picture(
    format: Format = Format.RGB32, width: int = 60, height: int = 44, *, top_down: bool = True
) -> Callable[[], Image]:
    return lambda: Image(in_format(format, width, height, 5, top_down=top_down))


SAME = Rect(0, 0, 0, 0)


def _formats() -> Iterator[Scene]:
    for format in FORMATS:
        needs = needs_of(format)
        yield copy(f"{format.name}", picture(format), SAME, needs=needs)
        yield copy(f"{format.name} bottom up", picture(format, top_down=False), SAME, needs=needs)
        yield copy(f"{format.name} from an area", picture(format, 71, 53), Rect(11, 9, 0, 0), needs=needs)
        yield copy(f"{format.name} 7x5", picture(format, 7, 5), SAME, box=Rect(3, 4, 7, 5), needs=needs)
        yield copy(f"{format.name} 1x1", picture(format, 1, 1), SAME, box=Rect(9, 9, 1, 1), needs=needs)
        yield copy(f"{format.name} XOR", picture(format), SAME, Ropd.XOR, needs=needs)
        for scale in Scale:
            yield copy(
                f"{format.name} {scale.name}", picture(format, *SOURCE), SCALINGS["up"], scale=scale, needs=needs
            )
    yield copy("in chunks", lambda: Image(in_format(Format.RGB32, 60, 44, 5), parts=5), SAME)
    yield copy("in chunks bottom up", lambda: Image(in_format(Format.RGB24, 60, 44, 5, top_down=False), parts=4), SAME)
    yield copy("unstable", lambda: Image(in_format(Format.RGB32, 60, 44, 5), unstable=True), SAME)
    yield copy("high bits", lambda: Image(in_format(Format.RGB32, 60, 44, 5), high_bits=True), SAME)
    for fill in (0x55, 0xFF):
        yield copy(
            f"fourth byte {fill:#x}",
            lambda fill=fill: Image(bitmaps.true_colour(bitmaps.photo(60, 44, 5), fourth=fill)),  # type: ignore[misc]
            SAME,
        )
    for colours in (2, 3, 16, 17, 255):
        yield copy(
            f"8 bits of {colours} colours",
            lambda n=colours: Image(  # type: ignore[misc]
                bitmaps.indexed(bitmaps.indices(60, 44, n), Format.BIT8, bitmaps.palette(n), palette_id=-1)
            ),
            SAME,
            needs=frozenset((Need.PALETTE,)),
        )


def _rops() -> Iterator[Scene]:
    for name, rop in descriptors(Ropd.INVERS_SRC, Ropd.INVERS_DEST):
        yield copy(name, picture(), SAME, rop)
        yield copy(f"scaled, {name}", picture(), Rect(3, 3, 31, 29), rop)
    for name, rop in list(descriptors(Ropd.INVERS_SRC, Ropd.INVERS_DEST))[:32:3]:
        yield copy(name, picture(), SAME, rop, op=Blend)
        yield copy(f"8 bits, {name}", picture(Format.BIT8), SAME, rop, needs=needs_of(Format.BIT8))
        yield copy(f"RGBA, {name}", picture(Format.RGBA), SAME, rop)


def _scalings() -> Iterator[Scene]:
    for name, area in SCALINGS.items():
        for scale in Scale:
            for format in (Format.RGB32, Format.RGBA, Format.RGB16):
                yield copy(f"{format.name} {name}, {scale.name}", picture(format, *SOURCE), area, scale=scale)
            yield copy(
                f"{name}, {scale.name}, clip overlapping",
                picture(Format.RGB32, *SOURCE),
                area,
                scale=scale,
                clip=CLIPS["overlapping"],
            )
            yield copy(f"{name}, {scale.name}, AND", picture(Format.RGB32, *SOURCE), area, Ropd.AND, scale)
            yield copy(
                f"{name}, {scale.name}, OR, mask plain",
                picture(Format.RGB32, *SOURCE),
                area,
                Ropd.OR,
                scale,
                mask=MASKS["plain"],
            )


def _clips_and_masks() -> Iterator[Scene]:
    for name, clip in CLIPS.items():
        for rop in (Ropd.PUT, Ropd.XOR):
            yield copy(f"{rop.name}, clip {name}", picture(), SAME, rop, clip=clip)
        yield copy(f"clip {name}", picture(), SAME, clip=clip, op=Blend)
    for name, mask in MASKS.items():
        for op in (Copy, Blend):
            yield copy(f"mask {name}", picture(), SAME, mask=mask, op=op)
            yield copy(f"XOR, mask {name}", picture(), SAME, Ropd.XOR, mask=mask, op=op)
        yield copy(f"mask {name}, clip staircase", picture(), SAME, clip=CLIPS["staircase"], mask=mask)


def opaque(
    name: str,
    brush: BrushMaker,
    rop: int = Ropd.PUT,
    area: Rect = SAME,
    scale: Scale = Scale.NEAREST,
    *,
    clip: Clip | None = None,
    mask: MaskMaker | None = None,
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        taken = area if area.width else Rect(0, 0, cell.box.width, cell.box.height)
        op = Opaque(image(*SOURCE, 6), taken, brush(cell), rop, scale, mask() if mask else None)
        yield cell.draw(op, clip=clip(cell) if clip else None)

    return Scene(f"opaque {name}", draw)


def _opaque() -> Iterator[Scene]:
    for name, brush in BRUSHES.items():
        for rop_name, rop in descriptors(Ropd.INVERS_BRUSH, Ropd.INVERS_SRC):
            if name in ("solid", "pattern 13x7 before"):
                yield opaque(f"{name}, {rop_name}", brush, rop)
        for scale in Scale:
            yield opaque(f"{name}, AND, {scale.name}", brush, Ropd.AND, Rect(3, 3, 40, 51), scale)
        yield opaque(f"{name}, XOR, clip overlapping", brush, Ropd.XOR, clip=CLIPS["overlapping"])
        yield opaque(f"{name}, OR, mask offset", brush, Ropd.OR, mask=MASKS["offset"])


def keyed(name: str, format: Format, area: Rect = SAME, clip: Clip | None = None, colour: int = 0x20E060) -> Scene:
    """A picture in which a third of the pixels has the colour, some with another fourth byte."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        pixels = bitmaps.photo(*SOURCE, 8).copy()
        holes = bitmaps.indices(*SOURCE, 3, 2) == 0
        pixels[holes] = (colour >> 16, colour >> 8 & 255, colour & 255)
        made = bitmaps.true_colour(pixels, format, fourth=0x7F)
        taken = area if area.width else Rect(area.x, area.y, cell.box.width, cell.box.height)
        yield cell.draw(Transparent(Image(made), taken, colour, colour), clip=clip(cell) if clip else None)

    return Scene(f"transparent {name}", draw)


def _transparent() -> Iterator[Scene]:
    for format in (Format.RGB32, Format.RGB24, Format.RGB16):
        yield keyed(f"{format.name}", format)
        yield keyed(f"{format.name} from an area", format, Rect(9, 13, 0, 0))
        yield keyed(f"{format.name} white", format, colour=0xFFFFFF)
        for name, area in SCALINGS.items():
            yield keyed(f"{format.name} {name}", format, area)
    for name, clip in CLIPS.items():
        yield keyed(f"clip {name}", Format.RGB32, clip=clip)
        yield keyed(f"up, clip {name}", Format.RGB32, SCALINGS["up"], clip)


def copy_bits(name: str, dx: int, dy: int, clip: Clip | None = None, effect: Effect = Effect.BLEND) -> Scene:
    """Moves part of the cell within it."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        box = cell.rect(10, 10, 36, 22)
        origin = Point(box.x - dx, box.y - dy)
        yield cell.draw(Copy(image(60, 44, 9), Rect(0, 0, 60, 44)))
        yield cell.draw(CopyBits(origin), box, clip(cell) if clip else None, effect=effect)

    return Scene(f"copy bits by {name}", draw)


def _copy_bits() -> Iterator[Scene]:
    moves = ((1, 0), (-1, 0), (0, 1), (0, -1), (5, 3), (-5, 3), (5, -3), (-5, -3), (0, 0), (9, 10), (-10, -9))
    for dx, dy in moves:
        yield copy_bits(f"{dx},{dy}", dx, dy)
        yield copy_bits(f"{dx},{dy}, opaque effect", dx, dy, effect=Effect.OPAQUE)
        for name in ("staircase", "overlapping"):
            yield copy_bits(f"{dx},{dy}, clip {name}", dx, dy, CLIPS[name])


def from_surface(
    name: str, area: Rect, rop: int, scale: Scale, format: SurfaceFormat | None, op: type[Copy] = Copy
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        source, commands = filled_surface(cell, image(*SOURCE, 4), *SOURCE, format)
        yield from commands
        taken = area if area.width else Rect(area.x, area.y, cell.box.width, cell.box.height)
        yield cell.draw(op(source, taken, rop, scale))

    needs = frozenset((Need.DEPTH,)) if format else frozenset()
    return Scene(f"{op.__name__.lower()} from a surface {name}", draw, needs)


def to_surface_and_back() -> Iterator[Scene]:
    """Surfaces that are drawn on, read, moved, destroyed and drawn again."""

    def chain(cell: Cell) -> Iterator[QxlCommand]:
        first, commands = filled_surface(cell, image(60, 44, 4), 60, 44)
        yield from commands
        second, commands = filled_surface(cell, image(60, 44, 5), 60, 44)
        yield from commands
        inner = Rect(5, 5, 30, 30)
        yield cell.draw(Copy(first, inner, Ropd.XOR), Rect(20, 8, 30, 30), surface=second.surface)
        yield cell.draw(CopyBits(Point(0, 0)), Rect(7, 4, 40, 30), surface=second.surface)
        yield cell.draw(Copy(second, Rect(0, 0, 60, 44)))

    yield Scene("surface to surface to target", chain)

    def itself(cell: Cell) -> Iterator[QxlCommand]:
        number, commands = filled_surface(cell, image(60, 44, 4), 60, 44)
        yield from commands
        read = Rect(0, 0, 60, 44)
        same = SurfaceImage(number.surface, 60, 44)
        op = Opaque(same, Rect(0, 0, 20, 20), BRUSHES["solid"](cell), Ropd.XOR)
        yield cell.draw(op, Rect(30, 10, 20, 20), surface=number.surface, itself=read)
        yield cell.draw(Copy(same, read))

    yield Scene("a surface drawn on itself", itself, frozenset((Need.ITSELF,)))


def _surfaces() -> Iterator[Scene]:
    for format in (None, SurfaceFormat.XRGB, SurfaceFormat.ARGB):
        kind = format.name if format else "alike"
        for rop in (Ropd.PUT, Ropd.XOR, Ropd.AND | Ropd.INVERS_SRC):
            yield from_surface(f"{kind}, {Ropd(rop).name}", Rect(7, 5, 0, 0), rop, Scale.NEAREST, format)
            for name, area in SCALINGS.items():
                for scale in Scale if rop == Ropd.PUT else (Scale.NEAREST,):
                    title = f"{kind}, {Ropd(rop).name}, {name}, {scale.name}"
                    yield from_surface(title, area, rop, scale, format)
        yield from_surface(f"{kind}", Rect(7, 5, 0, 0), Ropd.PUT, Scale.NEAREST, format, Blend)
    yield from to_surface_and_back()


SCENES = [
    *_formats(),
    *_rops(),
    *_scalings(),
    *_clips_and_masks(),
    *_opaque(),
    *_transparent(),
    *_copy_bits(),
    *_surfaces(),
]
