"""Surfaces of every kind: of alpha and of one bit, with pixels from the start, as masks; and edges of what is valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from spicetui.geometry import Point, Rect

from ..scene_server.bitmaps import Format
from ..scene_server.qxl import (
    AlphaBlend,
    Composite,
    Copy,
    CopyBits,
    CreateSurface,
    Fill,
    Image,
    Invers,
    Mask,
    Op,
    Opaque,
    Pattern,
    QxlCommand,
    Ropd,
    Solid,
    SurfaceFormat,
    SurfaceImage,
    Text,
    Whiteness,
)
from . import Cell, Scene, image, in_format
from .texts import glyph
from .variations import BRUSHES, shape

WIDTH, HEIGHT = 60, 44
WHOLE = Rect(0, 0, WIDTH, HEIGHT)
INNER = Rect(9, 5, 41, 30)


def through(name: str, steps: Callable[[Cell], Iterable[tuple[Op, Rect]]]) -> Scene:
    """Draws on a surface of alpha, then a picture through it."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        number = cell.surface()
        yield CreateSurface(number, SurfaceFormat.A8, WIDTH, HEIGHT)
        for op, box in steps(cell):
            yield cell.draw(op, box, surface=number)
        yield cell.draw(Composite(3, image(WIDTH, HEIGHT, 2), mask=SurfaceImage(number, WIDTH, HEIGHT)))

    return Scene(f"surface of alpha, {name}", draw)


def slope(format: Format = Format.A8) -> Image:
    return Image(in_format(format, WIDTH, HEIGHT, 6))


def _alpha() -> Iterator[Scene]:
    yield through("new", lambda cell: [])
    for level in (0x00, 0x80, 0xFF, 0xFF40):
        yield through(f"fill {level:#x}", lambda cell, level=level: [(Fill(Solid(level)), INNER)])  # type: ignore[misc]
    for rop in (Ropd.OR, Ropd.AND, Ropd.XOR, Ropd.INVERS, Ropd.WHITENESS, Ropd.PUT | Ropd.INVERS_BRUSH):
        yield through(
            f"fill {Ropd(rop).name}",
            lambda cell, rop=rop: [(Fill(Solid(0x5A)), WHOLE), (Fill(Solid(0x3C), rop), INNER)],  # type: ignore[misc]
        )
    yield through("white, inverted", lambda cell: [(Whiteness(), WHOLE), (Invers(), INNER)])
    yield through("copy", lambda cell: [(Copy(slope(), WHOLE), WHOLE)])
    yield through("copy XOR", lambda cell: [(Copy(slope(), WHOLE), WHOLE), (Copy(slope(), INNER, Ropd.XOR), INNER)])
    yield through("moved", lambda cell: [(Copy(slope(), WHOLE), WHOLE), (CopyBits(Point(3, 3)), INNER)])
    for operator in (1, 3, 8, 12):
        for format in (Format.RGBA, Format.A8, Format.RGB32):
            yield through(
                f"operator {operator} with {format.name}",
                lambda cell, operator=operator, format=format: [  # type: ignore[misc]
                    (Fill(Solid(0x60)), INNER),
                    (Composite(operator, slope(format)), WHOLE),
                ],
            )
    yield through("masked fill", lambda cell: [(Fill(Solid(0x90), Ropd.PUT, Mask(Image(shape(WIDTH, HEIGHT)))), WHOLE)])


def with_pixels(format: SurfaceFormat, operator: int) -> Scene:
    """A surface that the server has with its pixels before any client drew on it."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        number = cell.surface()
        made = CreateSurface(number, format, WIDTH, HEIGHT)
        pixels = np.random.default_rng(format.value).integers(0, 256, made.stride * HEIGHT, dtype=np.uint8)
        yield CreateSurface(number, format, WIDTH, HEIGHT, pixels.tobytes())
        yield cell.draw(Composite(operator, SurfaceImage(number, WIDTH, HEIGHT)))

    return Scene(f"surface {format.name} with pixels, operator {operator}", draw)


def bits_as_mask(name: str, rop: int, inverted: bool, position: Point = Point(0, 0)) -> Scene:
    """A surface of one bit as the mask."""

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        number = cell.surface()
        yield CreateSurface(number, SurfaceFormat.A1, WIDTH, HEIGHT)
        for x in range(0, WIDTH, 7):
            yield cell.draw(Fill(Solid(0xFFFFFFFF)), Rect(x, x // 2, 5, 9), surface=number)
        mask = Mask(SurfaceImage(number, WIDTH, HEIGHT), position, inverted)
        yield cell.draw(Fill(BRUSHES["pattern"](cell), rop, mask))

    return Scene(f"mask from a surface of bits, {name}", draw)


def cached_mask() -> Scene:
    """Plain and inverted from the cache."""
    mask = Image(shape(WIDTH, HEIGHT), cache=True)

    def draw(cell: Cell) -> Iterator[QxlCommand]:
        for number, colour in enumerate((0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF)):
            part = Mask(mask, Point(number * 15, 3), number % 2 == 1)
            yield cell.draw(Fill(Solid(colour), Ropd.PUT, part), cell.rect(number * 15, 0, 15, 40))

    return Scene("mask from the cache", draw)


def _edges() -> Iterator[Scene]:
    small = Image(in_format(Format.RGB32, 40, 30, 2))
    soft = Image(in_format(Format.RGBA, 40, 30, 2))
    beyond = Rect(5, 4, WIDTH, HEIGHT)
    yield Scene("opaque from beyond the picture", lambda cell: [cell.draw(Opaque(small, beyond, Solid(3), Ropd.OR))])
    yield Scene("alpha from beyond the picture", lambda cell: [cell.draw(AlphaBlend(soft, beyond))])
    yield Scene("clip of no rectangles", lambda cell: [cell.draw(Fill(Solid(255)), clip=[])])
    yield Scene("clip elsewhere", lambda cell: [cell.draw(Fill(Solid(255)), clip=[Rect(900, 700, 5, 5)])])
    yield Scene("clip of empty rectangles", lambda cell: [cell.draw(Fill(Solid(255)), clip=[cell.rect(5, 5, 0, 9)])])
    for format in (Format.BIT1_LE, Format.BIT1_BE):
        for inverted in (False, True):
            for size in ((60, 44), (33, 44), (61, 13)):
                mask = Mask(Image(shape(*size, format)), Point(2, 1), inverted)
                yield Scene(
                    f"mask {format.name} {size[0]}x{size[1]}{' inverted' if inverted else ''}",
                    lambda cell, mask=mask: [cell.draw(Fill(Solid(0x204060), Ropd.PUT, mask))],  # type: ignore[misc]
                )


def glyphs_on_a_surface(bits: int) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        number = cell.surface()
        yield CreateSurface(number, SurfaceFormat.ARGB, WIDTH, HEIGHT)
        letters = [glyph(bits, 11, 14, i, Point(4 + 12 * i, 25), Point(0, -14)) for i in range(4)]
        tile = Pattern(Image(in_format(Format.RGBA, 16, 12, 2)), Point(-3, -3))
        yield cell.draw(Text(letters, bits, Solid(0xFF8040C0)), WHOLE, surface=number)
        lower = [glyph(bits, 11, 14, i, Point(4 + 12 * i, 40), Point(0, -14)) for i in range(4)]
        yield cell.draw(Text(lower, bits, tile), WHOLE, surface=number)
        yield cell.draw(Composite(3, SurfaceImage(number, WIDTH, HEIGHT)))

    return Scene(f"text A{bits} on a surface with alpha", draw)


def _scenes() -> Iterator[Scene]:
    yield from _alpha()
    for format in (SurfaceFormat.XRGB, SurfaceFormat.ARGB, SurfaceFormat.RGB555, SurfaceFormat.A8):
        for operator in (1, 3):
            yield with_pixels(format, operator)
    yield bits_as_mask("plain", Ropd.PUT, False)
    yield bits_as_mask("inverted", Ropd.PUT, True)
    yield bits_as_mask("XOR, offset", Ropd.XOR, False, Point(9, 4))
    yield bits_as_mask("XOR, offset, inverted", Ropd.XOR, True, Point(9, 4))
    yield cached_mask()
    yield from _edges()
    for bits in (1, 4):
        yield glyphs_on_a_surface(bits)


SCENES = list(_scenes())
