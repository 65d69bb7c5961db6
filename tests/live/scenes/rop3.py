"""ROP3: every code with a solid brush and with a pattern, then scaled, clipped, masked, from surfaces."""

from __future__ import annotations

from collections.abc import Iterator

from spicetui.geometry import Rect

from ..scene_server.bitmaps import Format
from ..scene_server.qxl import Image, QxlCommand, Rop3, Scale
from . import Cell, Scene, filled_surface, image, in_format, needs_of
from .variations import BRUSHES, CLIPS, MASKS, BrushMaker, Clip, MaskMaker, pattern

CELL = (32, 24)
SOURCE = (44, 33)
SAME = Rect(5, 3, 0, 0)


def uses_all(code: int) -> bool:
    """Whether the result depends on pattern, source and destination; the reference aborts on all other codes."""
    bits = [code >> n & 1 for n in range(8)]
    return all(any(bits[n] != bits[n ^ step] for n in range(8)) for step in (1, 2, 4))


CODES = tuple(filter(uses_all, range(256)))


def rop3(
    name: str,
    code: int,
    brush: BrushMaker,
    format: Format = Format.RGB32,
    area: Rect = SAME,
    scale: Scale = Scale.NEAREST,
    clip: Clip | None = None,
    mask: MaskMaker | None = None,
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        taken = area if area.width else Rect(area.x, area.y, cell.box.width, cell.box.height)
        source = Image(in_format(format, *SOURCE, 7))
        op = Rop3(source, taken, brush(cell), code, scale, mask() if mask else None)
        yield cell.draw(op, clip=clip(cell) if clip else None)

    return Scene(f"rop3 {code:02x} {name}", draw, needs_of(format))


def from_surfaces(code: int) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        source, commands = filled_surface(cell, image(*SOURCE, 7), *SOURCE)
        yield from commands
        yield cell.draw(Rop3(source, Rect(4, 4, cell.box.width, cell.box.height), pattern(cell, -1, -2), code))

    return Scene(f"rop3 {code:02x} from a surface", draw)


def _scenes() -> Iterator[Scene]:
    for code in CODES:
        yield rop3("solid", code, BRUSHES["solid"])
        yield rop3("pattern", code, BRUSHES["pattern 13x7 before"])
    for code in (0x1B, 0xB8, 0xCA, 0xE2, 0x96, 0x69):
        for name in ("solid", "pattern"):  # the reference reads a colour that a brush of no kind does not have
            brush = BRUSHES[name]
            for scale in Scale:
                for area in (Rect(0, 0, 10, 9), Rect(2, 1, 41, 30)):
                    title = f"{name}, {area.width}x{area.height}, {scale.name}"
                    yield rop3(title, code, brush, Format.RGB32, area, scale)
        for format in Format:
            if format not in (Format.BIT1_LE, Format.BIT4_LE):
                yield rop3(format.name, code, BRUSHES["pattern"], format)
        for name, clip in CLIPS.items():
            yield rop3(f"clip {name}", code, BRUSHES["solid"], clip=clip)
        for name, mask in MASKS.items():
            yield rop3(f"mask {name}", code, BRUSHES["pattern"], mask=mask)
        yield from_surfaces(code)


SCENES = list(_scenes())
