"""Scenes: drawings of one cell each, many on a page, so that one run compares hundreds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from spicetui.geometry import Point, Rect

from ..scene_server import bitmaps
from ..scene_server.bitmaps import Bitmap, Format
from ..scene_server.qxl import (
    Composite,
    Copy,
    CreateSurface,
    Draw,
    Effect,
    Image,
    Op,
    QxlCommand,
    SurfaceFormat,
    SurfaceImage,
    Whiteness,
)

SIZE = (1024, 768)
MARGIN = 2
MARK = (SIZE[0] - 1, SIZE[1] - 1)
PAGE_SURFACE = 1


@dataclass(frozen=True)
class Cell:
    """One scene's place. `box` is where it draws: a margin is left to show what goes astray."""

    area: Rect
    surfaces: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    format: SurfaceFormat = SurfaceFormat.XRGB

    @property
    def box(self) -> Rect:
        return Rect(
            self.area.x + MARGIN, self.area.y + MARGIN, self.area.width - 2 * MARGIN, self.area.height - 2 * MARGIN
        )

    def at(self, x: int, y: int) -> Point:
        """From the box's corner."""
        return Point(self.box.x + x, self.box.y + y)

    def rect(self, x: int, y: int, width: int, height: int) -> Rect:
        return Rect(self.box.x + x, self.box.y + y, width, height)

    def draw(self, op: Op, box: Rect | None = None, clip: Sequence[Rect] | None = None, **fields: Any) -> Draw:
        return replace(Draw(op, box or self.box, clip), **fields)

    def surface(self) -> int:
        """The number of a surface of the scene's own."""
        return next(self.surfaces)


class Need(Enum):
    """What a scene makes of its target that some targets do not stand in the reference; the values say why."""

    PALETTE = "palettes abort the reference's canvas of 565"
    DEPTH = "surfaces of another depth abort the reference's canvas of 16 bits"
    ITSELF = "reading a surface of 565 back aborts the server"


Drawing = Callable[[Cell], Iterable[QxlCommand]]


@dataclass(frozen=True)
class Scene:
    name: str
    draw: Drawing
    needs: frozenset[Need] = frozenset()


@dataclass(frozen=True)
class Target:
    """What a page is drawn on: the primary surface, or another one that is shown when all is drawn."""

    name: str
    format: SurfaceFormat
    primary: bool
    lacks: frozenset[Need] = frozenset()

    def takes(self, scene: Scene) -> bool:
        return not scene.needs & self.lacks

    alpha: bool = False

    def begin(self) -> Iterator[QxlCommand]:
        """Once, before all pages."""
        if not self.primary:
            yield CreateSurface(PAGE_SURFACE, self.format, *SIZE)

    def clear(self) -> Iterator[QxlCommand]:
        """Puts the background under a page."""
        whole = Rect(0, 0, *SIZE)
        surface = 0 if self.primary else PAGE_SURFACE
        yield Draw(Copy(Image(background()), whole), whole, surface=surface, effect=Effect.OPAQUE)

    def place(self, commands: Iterable[QxlCommand]) -> Iterator[QxlCommand]:
        """The scenes' commands, those for the shown surface moved to the page's."""
        for command in commands:
            if not self.primary and isinstance(command, Draw) and command.surface == 0:
                command = replace(command, surface=PAGE_SURFACE)
            yield command

    def show(self) -> Iterator[QxlCommand]:
        if self.primary:
            return
        whole = Rect(0, 0, *SIZE)
        source = SurfaceImage(PAGE_SURFACE, *SIZE)
        if self.alpha:
            yield Draw(Whiteness(), whole, effect=Effect.OPAQUE)
            yield Draw(Composite(8, source), whole)  # what is not covered stays
        elif self.format in (SurfaceFormat.XRGB, SurfaceFormat.ARGB):
            yield Draw(Copy(source, whole), whole)
        else:
            yield Draw(Composite(1, source), whole)  # copying between depths is not for every canvas


Colour = tuple[int, int, int]


def mark(width: int, height: int, number: int) -> tuple[Draw, Colour]:
    """A last pixel, to be seen when everything else is drawn, and its colour, which no surface has by itself.

    Two in a row differ.
    """
    colour = (255, 0, 255) if number % 2 else (0, 255, 0)
    pixel = Image(bitmaps.true_colour(np.array([[colour]], np.uint8)))
    return Draw(Copy(pixel, Rect(0, 0, 1, 1)), Rect(width - 1, height - 1, 1, 1)), colour


PRIMARY = Target("primary", SurfaceFormat.XRGB, True)
PRIMARY_555 = Target("primary 555", SurfaceFormat.RGB555, True, frozenset((Need.DEPTH,)))
OFF_SCREEN = Target("off-screen", SurfaceFormat.XRGB, False)
OFF_SCREEN_ARGB = Target("off-screen ARGB", SurfaceFormat.ARGB, False)
OFF_SCREEN_565 = Target("off-screen 565", SurfaceFormat.RGB565, False, frozenset(Need))
OFF_SCREEN_ALPHA = Target("off-screen ARGB, alpha", SurfaceFormat.ARGB, False, alpha=True)
TARGETS = (PRIMARY, PRIMARY_555, OFF_SCREEN, OFF_SCREEN_ARGB, OFF_SCREEN_ALPHA, OFF_SCREEN_565)


@dataclass(frozen=True)
class Page:
    """Scenes side by side; `cells` are in their order."""

    scenes: Sequence[Scene]
    width: int
    height: int

    @property
    def cells(self) -> list[Rect]:
        columns = SIZE[0] // self.width
        return [
            Rect(number % columns * self.width, number // columns * self.height, self.width, self.height)
            for number in range(len(self.scenes))
        ]

    def commands(self, target: Target) -> list[QxlCommand]:
        surfaces = itertools.count(PAGE_SURFACE + 1)
        drawn: list[QxlCommand] = []
        for scene, area in zip(self.scenes, self.cells, strict=True):
            drawn += target.place(scene.draw(Cell(area, surfaces, target.format)))
        return drawn


def pages(scenes: Sequence[Scene], target: Target, width: int = 64, height: int = 48) -> list[Page]:
    room = (SIZE[0] // width) * (SIZE[1] // height)
    taken = [scene for scene in scenes if target.takes(scene)]
    return [Page(taken[at : at + room], width, height) for at in range(0, len(taken), room)]


@cache
def background() -> Bitmap:
    """What the scenes are drawn on: every level of every colour and of alpha, nothing flat."""
    alpha = bitmaps.photo(*SIZE, 12)[:, :, :1]
    return bitmaps.true_colour(np.dstack((bitmaps.photo(*SIZE, 11), alpha)), Format.RGBA)


def in_format(
    format: Format, width: int, height: int, seed: int = 1, *, top_down: bool = True, palette_id: int = 0
) -> Bitmap:
    """The same sort of picture in each of the formats."""
    colours = {Format.BIT1_LE: 2, Format.BIT1_BE: 2, Format.BIT4_LE: 16, Format.BIT4_BE: 16, Format.BIT8: 256}
    if format in colours:
        return bitmaps.indexed(
            bitmaps.indices(width, height, colours[format], seed),
            format,
            bitmaps.palette(colours[format], seed),
            top_down=top_down,
            palette_id=palette_id,
        )
    if format is Format.A8:
        return bitmaps.alpha(bitmaps.translucent(width, height, seed)[:, :, 3], top_down=top_down)
    if format is Format.RGBA:
        return bitmaps.true_colour(bitmaps.translucent(width, height, seed), format, top_down=top_down)
    return bitmaps.true_colour(bitmaps.photo(width, height, seed), format, top_down=top_down)


def image(width: int, height: int, seed: int = 1) -> Image:
    return Image(in_format(Format.RGB32, width, height, seed))


def filled_surface(
    cell: Cell, source: Image, width: int, height: int, format: SurfaceFormat | None = None
) -> tuple[SurfaceImage, list[QxlCommand]]:
    """A surface of the scene's own with the picture on it, and the commands that make it."""
    number = cell.surface()
    whole = Rect(0, 0, width, height)
    create = CreateSurface(number, format or cell.format, width, height)
    return SurfaceImage(number, width, height), [create, cell.draw(Copy(source, whole), whole, surface=number)]


def needs_of(format: Format) -> frozenset[Need]:
    paletted = format in (Format.BIT1_LE, Format.BIT1_BE, Format.BIT4_LE, Format.BIT4_BE, Format.BIT8)
    return frozenset((Need.PALETTE,)) if paletted else frozenset()
