"""TEXT: glyphs of 1, 4 and 8 bits, brushes, backgrounds, overlaps, clips."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spicetui.geometry import Point, Rect

from ..scene_server.qxl import Glyph, QxlCommand, Ropd, Text
from . import Cell, Scene
from .variations import BRUSHES, CLIPS, BrushMaker, Clip


def glyph(bits: int, width: int, height: int, seed: int, render: Point, origin: Point) -> Glyph:
    """A blob with soft edges as far as the bits go; rows of whole bytes."""
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((x - width / 2 + 0.5) / width, (y - height / 2 + 0.5) / height)
    level = np.clip(
        (0.55 - away) * 900 + np.random.default_rng(seed).integers(-60, 60, (height, width)), 0, 255
    ).astype(np.uint8)
    if bits == 8:
        return Glyph(render, origin, width, height, level.tobytes())
    if bits == 1:
        return Glyph(render, origin, width, height, np.packbits(level > 127, axis=1).tobytes())
    high = np.pad(level >> 4, ((0, 0), (0, width % 2)))
    return Glyph(render, origin, width, height, (high[:, 0::2] << 4 | high[:, 1::2]).tobytes())


SIZES = {"7x9": (7, 9), "8x16": (8, 16), "13x11": (13, 11), "1x5": (1, 5), "9x1": (9, 1), "17x20": (17, 20)}


def text(
    name: str,
    bits: int,
    size: tuple[int, int],
    *,
    fore: BrushMaker = BRUSHES["solid"],
    back: BrushMaker | None = None,
    step: tuple[int, int] | None = None,
    clip: Clip | None = None,
    top_down: bool = False,
    back_mode: int = Ropd.PUT,
    start: tuple[int, int] = (3, 24),
) -> Scene:
    """A line of glyphs; the origin is where the glyph stands on its base line, as fonts have it."""
    width, height = size
    dx, dy = step or (width + 1, 0)

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        glyphs = [
            glyph(bits, width, height, i, cell.at(start[0] + i * dx, start[1] + i * dy), Point(i % 2, -height + i % 3))
            for i in range(max(1, min(6, 50 // max(1, dx))))
        ]
        area = cell.rect(2, 4, 52, 30) if back else Rect(0, 0, 0, 0)
        op = Text(glyphs, bits, fore(cell), back(cell) if back else None, area, Ropd.PUT, back_mode, top_down)
        yield cell.draw(op, clip=clip(cell) if clip else None)

    return Scene(f"text A{bits} {name}", draw)


def _scenes(depths: tuple[int, ...]) -> Iterator[Scene]:
    for bits in depths:
        for name, size in SIZES.items():
            for brush_name, brush in BRUSHES.items():
                yield text(f"{name}, {brush_name}", bits, size, fore=brush)
                yield text(f"{name}, {brush_name} on solid", bits, size, fore=brush, back=BRUSHES["solid"])
            yield text(f"{name}, overlapping", bits, size, step=(max(1, size[0] // 2), 1))
            yield text(f"{name}, downwards", bits, size, step=(2, size[1] // 2 + 1), start=(10, 10))
            yield text(f"{name}, backwards", bits, size, step=(-size[0], 2), start=(45, 25))
            yield text(f"{name}, beyond the box", bits, size, start=(-5, 4))
            yield text(f"{name}, top down flag", bits, size, top_down=True)
            for clip_name, clip in CLIPS.items():
                yield text(f"{name}, clip {clip_name}", bits, size, clip=clip)
                yield text(f"{name}, on pattern, clip {clip_name}", bits, size, back=BRUSHES["pattern"], clip=clip)
        yield text("on none", bits, SIZES["8x16"], back=BRUSHES["none"])
        for mode in (Ropd.OR, Ropd.XOR, Ropd.PUT | Ropd.INVERS_RES):
            yield text(f"back mode {Ropd(mode).name}", bits, SIZES["8x16"], back=BRUSHES["solid"], back_mode=mode)


SCENES = list(_scenes((1, 4)))
WIDE_SCENES = list(_scenes((8,)))
"""The reference reads 8-bit glyphs from behind their end."""
