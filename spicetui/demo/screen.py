"""The picture that the demo server shows, and the operations by which it changes.

Each operation changes the server's own picture and then goes to every display channel, which sends it as it is, or,
when its client does not keep up, only remembers that the place has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from PIL import Image, ImageChops

from ..geometry import Point, Rect

Colour = tuple[int, int, int]


class Encoded:
    """An RGB image in the two forms in which it may go to a client, made when first asked for."""

    image: Image.Image

    @cached_property
    def pixels(self) -> bytes:
        """32 bits a pixel: blue, green, red, 0."""
        return self.image.tobytes("raw", "BGRX")

    @cached_property
    def lz4(self) -> bytes:
        """As an LZ4 image: rows top first, 32 bits a pixel, one block."""
        from lz4.block import compress

        block: bytes = compress(self.pixels, store_size=False)
        return b"\x01\x08" + len(block).to_bytes(4, "big") + block


@dataclass(frozen=True)
class Picture(Encoded):
    """A picture that is shown more than once; *id* is its key in the clients' caches. *jpeg*: the file, if any."""

    id: int
    image: Image.Image
    jpeg: bytes | None = None


@dataclass(frozen=True)
class Colours:
    """A palette; *id* is its key in the clients' caches."""

    id: int
    entries: tuple[Colour, ...]


@dataclass(frozen=True)
class Fill:
    rect: Rect
    colour: Colour


@dataclass(frozen=True)
class Invert:
    rect: Rect


@dataclass(frozen=True)
class Move:
    """Copies what is shown at *source* to *rect*; both lie on the screen and may overlap."""

    rect: Rect
    source: Point


@dataclass(frozen=True)
class Show:
    """A part of *picture*, from *source* on, appears in *rect*."""

    rect: Rect
    picture: Picture
    source: Point


@dataclass(frozen=True)
class Indexed:
    """*pixels*: one byte for each, row by row, an index into *colours*."""

    rect: Rect
    pixels: bytes
    colours: Colours


@dataclass(frozen=True)
class Copy(Encoded):
    """What the screen holds in *rect* by now; *image* is that part."""

    rect: Rect
    image: Image.Image


Operation = Fill | Invert | Move | Show | Indexed | Copy


class Sink(Protocol):
    """A display channel, or a test."""

    def draw(self, operation: Operation) -> None:
        """The screen has just changed by *operation*."""
        ...


class Screen:
    """The picture, RGB."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height))
        self.rect = Rect(0, 0, width, height)
        self.sinks: list[Sink] = []

    def fill(self, rect: Rect, colour: Colour) -> None:
        rect = rect.intersect(self.rect)
        if not rect.empty:
            self.image.paste(colour, box(rect))
            self._tell(Fill(rect, colour))

    def invert(self, rect: Rect) -> None:
        rect = rect.intersect(self.rect)
        if not rect.empty:
            self.image.paste(ImageChops.invert(self.image.crop(box(rect))), box(rect))
            self._tell(Invert(rect))

    def move(self, rect: Rect, dx: int, dy: int) -> Rect:
        """Moves what is in *rect*; the part that could be moved, where it is now. Parts beyond the edges are lost."""
        target = rect.intersect(self.rect).translate(dx, dy).intersect(self.rect)
        if not target.empty:
            self.image.paste(self.image.crop(box(target.translate(-dx, -dy))), box(target))
            self._tell(Move(target, Point(target.x - dx, target.y - dy)))
        return target

    def show(self, rect: Rect, picture: Picture, source: Point = Point(0, 0)) -> None:
        inside = rect.intersect(self.rect)
        if not inside.empty:
            source = Point(source.x + inside.x - rect.x, source.y + inside.y - rect.y)
            part = picture.image.crop(box(Rect(source.x, source.y, inside.width, inside.height)))
            self.image.paste(part, box(inside))
            self._tell(Show(inside, picture, source))

    def indexed(self, rect: Rect, pixels: bytes, colours: Colours) -> None:
        """*rect* must lie on the screen."""
        part = Image.frombytes("P", (rect.width, rect.height), pixels)
        part.putpalette([sample for colour in colours.entries for sample in colour])
        self.image.paste(part.convert("RGB"), box(rect))
        self._tell(Indexed(rect, pixels, colours))

    def put(self, rect: Rect, image: Image.Image) -> None:
        """*image*, RGB and as large as *rect*, appears there."""
        inside = rect.intersect(self.rect)
        if not inside.empty:
            part = image.crop(box(inside.translate(-rect.x, -rect.y)))
            self.image.paste(part, box(inside))
            self._tell(Copy(inside, part))

    def copy(self, rect: Rect) -> Copy:
        """An operation that brings *rect*, which must lie on the screen, up to date."""
        return Copy(rect, self.image.crop(box(rect)))

    def _tell(self, operation: Operation) -> None:
        for sink in self.sinks:
            sink.draw(operation)


def box(rect: Rect) -> tuple[int, int, int, int]:
    """A rectangle as Pillow takes it."""
    return rect.x, rect.y, rect.right, rect.bottom


def join(rects: Sequence[Rect], limit: int = 6) -> list[Rect]:
    """At most *limit* rectangles that cover all of *rects*; those that overlap or cost little together are joined."""
    joined: list[Rect] = []
    for rect in rects:
        while True:
            for i, other in enumerate(joined):
                union = rect.union(other)
                if union.area <= (rect.area + other.area) * 1.25:
                    rect = union
                    del joined[i]
                    break
            else:
                break
        joined.append(rect)
    while len(joined) > limit:
        joined.sort(key=lambda r: r.area)
        joined[:2] = [joined[0].union(joined[1])]
    return joined
