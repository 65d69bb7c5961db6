"""STROKE: lines in every direction, paths, curves, dashes, brushes, raster operations, clips."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..scene_server.qxl import QxlCommand, Ropd, Segment, Stroke
from . import Cell, Scene
from .variations import BRUSHES, CLIPS, BrushMaker, Clip, descriptors

Points = Sequence[tuple[float, float]]
Path = Sequence[tuple[int, Points]]
"""Segments; points in pixels from the box's corner."""

WHOLE = Segment.BEGIN | Segment.END
STAR: Points = [(30 + 20 * math.cos(i * 2.513), 22 + 20 * math.sin(i * 2.513)) for i in range(5)]
ZIGZAG: Points = [(2 + 8 * i, 4 if i % 2 else 38) for i in range(8)]
WAVE: Points = [(2, 20), (12, -10), (20, 50), (30, 20), (40, -10), (50, 60), (57, 10)]

PATHS: dict[str, Path] = {
    "horizontal": [(WHOLE, [(3, 10), (50, 10)])],
    "horizontal back": [(WHOLE, [(50, 10), (3, 10)])],
    "vertical": [(WHOLE, [(10, 3), (10, 40)])],
    "vertical up": [(WHOLE, [(10, 40), (10, 3)])],
    "point": [(WHOLE, [(10, 10), (10, 10)])],
    "single point": [(WHOLE, [(10, 10)])],
    "one pixel": [(WHOLE, [(10, 10), (11, 10)])],
    "zigzag": [(WHOLE, ZIGZAG)],
    "star": [(WHOLE | Segment.CLOSE, STAR)],
    "rectangle": [(WHOLE | Segment.CLOSE, [(5, 5), (50, 5), (50, 35), (5, 35)])],
    "rectangle back": [(WHOLE | Segment.CLOSE, [(5, 35), (50, 35), (50, 5), (5, 5)])],
    "wave": [(WHOLE | Segment.BEZIER, WAVE)],
    "closed wave": [(WHOLE | Segment.BEZIER | Segment.CLOSE, WAVE)],
    "flat curve": [(WHOLE | Segment.BEZIER, [(2, 20), (20, 20.5), (40, 20.3), (55, 20)])],
    "mixed": [
        (Segment.BEGIN, [(3, 3), (20, 5)]),
        (Segment.BEZIER, [(30, 40), (40, -10), (50, 30)]),
        (Segment.END, [(30, 40), (5, 30)]),
    ],
    "two figures": [(WHOLE, [(3, 3), (20, 30)]), (WHOLE | Segment.CLOSE, [(30, 5), (55, 20), (35, 38)])],
    "fractions": [(WHOLE, [(3.5, 3.25), (20.75, 30.5), (44.4375, 7.5625), (50.5, 40.5)])],
    "beyond the box": [(WHOLE, [(-20, -10), (80, 60), (30, -30), (-10, 50), (70, 20)])],
    "far beyond": [(WHOLE, [(-900, 10), (900, 30), (20, -700), (40, 900)])],
    "same way twice": [(WHOLE, [(5, 20), (50, 22), (5, 20)])],
    "stairs": [(WHOLE, [(2 + 4 * (i // 2), 2 + 4 * ((i + 1) // 2)) for i in range(16)])],
}
DASHES: dict[str, tuple[Sequence[float], bool]] = {
    "dot": ((1, 1), False),
    "dash": ((6, 3), False),
    "dash dot": ((9, 3, 2, 3), False),
    "gap first": ((6, 3), True),
    "gap first, four": ((9, 3, 2, 4), True),
    "long": ((100, 40), False),
    "fractions": ((2.5, 1.75), False),
}


def stroke(
    name: str,
    path: Path,
    brush: BrushMaker = BRUSHES["solid"],
    fore: int = Ropd.PUT,
    dashes: tuple[Sequence[float], bool] = ((), False),
    clip: Clip | None = None,
) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        x, y = cell.box.x, cell.box.y
        fixed = [
            (int(flags), [(round((x + px) * 16), round((y + py) * 16)) for px, py in points]) for flags, points in path
        ]
        styles = [round(16 * dash) for dash in dashes[0]]
        op = Stroke(fixed, brush(cell), fore, fore, styles, dashes[1])
        yield cell.draw(op, clip=clip(cell) if clip else None)

    return Scene(f"stroke {name}", draw)


def _scenes() -> Iterator[Scene]:
    for index in range(32):
        angle = math.pi * index / 16
        end = (round(30 + 25 * math.cos(angle)), round(22 + 18 * math.sin(angle)))
        yield stroke(f"line {index}/32 outwards", [(WHOLE, [(30, 22), end])])
        yield stroke(f"line {index}/32 inwards, dashed", [(WHOLE, [end, (30, 22)])], dashes=DASHES["dash"])
    for name, path in PATHS.items():
        for brush_name, brush in BRUSHES.items():
            yield stroke(f"{name}, {brush_name}", path, brush)
        yield stroke(f"{name}, XOR", path, fore=Ropd.XOR)
        yield stroke(f"{name}, pattern, XOR", path, BRUSHES["pattern"], Ropd.XOR)
        for dash_name, dashes in DASHES.items():
            yield stroke(f"{name}, {dash_name}", path, dashes=dashes)
        for clip_name, clip in CLIPS.items():
            yield stroke(f"{name}, clip {clip_name}", path, clip=clip)
            yield stroke(f"{name}, dash dot, clip {clip_name}", path, dashes=DASHES["dash dot"], clip=clip)
    for rop_name, rop in descriptors(Ropd.INVERS_BRUSH, Ropd.INVERS_DEST):
        yield stroke(f"star, {rop_name}", PATHS["star"], fore=rop)
        yield stroke(f"zigzag, pattern, {rop_name}", PATHS["zigzag"], BRUSHES["pattern"], rop)


SCENES = list(_scenes())
