"""What a QXL device's driver writes into its memory: images, brushes, drawables, cursors, surfaces.

The layouts are those of qxl_dev.h (packed, little endian); an address is an offset into the memory, 0 is none.
Coordinates are those of the surface drawn to.
"""

from __future__ import annotations

import itertools
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar

from spicetui.geometry import Point, Rect

from .bitmaps import Bitmap

CHUNK = struct.Struct("<IQQ")
ORIGIN = Point(0, 0)
NOWHERE = Rect(0, 0, 0, 0)
NOTIFY_RELEASE = 1 << 63
"""In a release number: the server program reports when the server has let go of the command."""


class Ropd(IntFlag):
    INVERS_SRC = 1
    INVERS_BRUSH = 2
    INVERS_DEST = 4
    PUT = 8
    OR = 16
    AND = 32
    XOR = 64
    BLACKNESS = 128
    WHITENESS = 256
    INVERS = 512
    INVERS_RES = 1024


class Scale(IntEnum):
    INTERPOLATE = 0
    NEAREST = 1


class SurfaceFormat(IntEnum):
    A1 = 1
    A8 = 8
    RGB555 = 16
    XRGB = 32
    RGB565 = 80
    ARGB = 96


class Effect(IntEnum):
    BLEND = 0
    OPAQUE = 1


class Command(IntEnum):
    """QXLCmdType."""

    DRAW = 1
    SURFACE = 5


class Memory:
    """A memory shared with the server program; what is put there stays until the server's end."""

    def __init__(self, size: int = 1 << 29) -> None:
        self.size = size
        self.fd = os.memfd_create("scenes")
        os.truncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)
        self._end = 4096

    def reserve(self, size: int) -> int:
        address = self._end
        self._end += -(-size // 16) * 16
        assert self._end <= self.size, "the scenes' memory is full"
        return address

    def put(self, data: bytes, room: int = 0) -> int:
        """The address of the bytes; at least `room` of them belong to it."""
        address = self.reserve(max(len(data), room))
        self.map[address : address + len(data)] = data
        return address

    def chunk(self, data: bytes) -> bytes:
        """A chunk that holds all the data behind its header."""
        return CHUNK.pack(len(data), 0, 0) + data

    def chunks(self, data: bytes, parts: int) -> int:
        """The address of a chain of chunks."""
        size = max(1, -(-len(data) // parts))
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        addresses = [self.reserve(CHUNK.size + len(piece)) for piece in pieces]
        for number, (address, piece) in enumerate(zip(addresses, pieces, strict=True)):
            before = addresses[number - 1] if number else 0
            after = addresses[number + 1] if number + 1 < len(addresses) else 0
            packed = CHUNK.pack(len(piece), before, after) + piece
            self.map[address : address + len(packed)] = packed
        return addresses[0]

    def close(self) -> None:
        self.map.close()
        os.close(self.fd)


_uniques = itertools.count(1)


@dataclass(frozen=True)
class Image:
    """A bitmap as the source of a drawing; the same `unique` with `cache` makes the server refer to its cache."""

    bitmap: Bitmap
    _: KW_ONLY
    cache: bool = False
    high_bits: bool = False
    parts: int = 1
    unstable: bool = False
    unique: int = field(default_factory=lambda: next(_uniques))

    def put(self, memory: Memory) -> int:
        bits = self.bitmap
        palette = 0
        if bits.palette is not None:
            words = struct.pack(f"<{len(bits.palette)}I", *bits.palette)
            palette = memory.put(struct.pack("<QH", bits.palette_id, len(bits.palette)) + words)
        data = memory.put(bits.data) if self.parts == 1 else memory.chunks(bits.data, self.parts)
        flags = (self.parts == 1) | self.unstable << 1 | bits.top_down << 2
        return memory.put(
            struct.pack("<IIBBII", 1, self.unique, 0, self.cache | self.high_bits << 1, bits.width, bits.height)
            + struct.pack("<BBIIIQQ", bits.format, flags, bits.width, bits.height, bits.stride, palette, data),
            room=64,
        )


@dataclass(frozen=True)
class SurfaceImage:
    """Another surface as the source."""

    surface: int
    width: int
    height: int

    def put(self, memory: Memory) -> int:
        head = struct.pack("<IIBBII", 1, next(_uniques), 104, 0, self.width, self.height)
        return memory.put(head + struct.pack("<I", self.surface), room=64)


Source = Image | SurfaceImage


@dataclass(frozen=True)
class Solid:
    colour: int

    def pack(self, memory: Memory) -> bytes:
        return struct.pack("<IIQI", 1, self.colour, 0, 0)


@dataclass(frozen=True)
class Pattern:
    image: Source
    origin: Point = ORIGIN

    def pack(self, memory: Memory) -> bytes:
        return struct.pack("<IQii", 2, self.image.put(memory), *self.origin)


Brush = Solid | Pattern | None


def pack_brush(brush: Brush, memory: Memory) -> bytes:
    return bytes(20) if brush is None else brush.pack(memory)


def brush_images(*brushes: Brush) -> Iterator[Source]:
    return (brush.image for brush in brushes if isinstance(brush, Pattern))


@dataclass(frozen=True)
class Mask:
    image: Source
    position: Point = ORIGIN
    inverted: bool = False


def pack_mask(mask: Mask | None, memory: Memory) -> bytes:
    if mask is None:
        return bytes(17)
    return struct.pack("<BiiQ", mask.inverted, *mask.position, mask.image.put(memory))


def pack_rect(rect: Rect) -> bytes:
    return struct.pack("<4i", rect.y, rect.x, rect.bottom, rect.right)


class Op:
    """One drawing operation: its number and its part of QXLDrawable."""

    number: ClassVar[int]

    def pack(self, memory: Memory) -> bytes:
        raise NotImplementedError

    def sources(self) -> Iterator[Source]:
        return iter(())


@dataclass(frozen=True)
class Fill(Op):
    number = 1
    brush: Brush
    rop: int = Ropd.PUT
    mask: Mask | None = None

    def pack(self, memory: Memory) -> bytes:
        return pack_brush(self.brush, memory) + struct.pack("<H", self.rop) + pack_mask(self.mask, memory)

    def sources(self) -> Iterator[Source]:
        return brush_images(self.brush)


@dataclass(frozen=True)
class Opaque(Op):
    number = 2
    source: Source
    area: Rect
    brush: Brush
    rop: int = Ropd.PUT
    scale: int = Scale.NEAREST
    mask: Mask | None = None

    def pack(self, memory: Memory) -> bytes:
        return (
            struct.pack("<Q", self.source.put(memory))
            + pack_rect(self.area)
            + pack_brush(self.brush, memory)
            + struct.pack("<HB", self.rop, self.scale)
            + pack_mask(self.mask, memory)
        )

    def sources(self) -> Iterator[Source]:
        yield self.source
        yield from brush_images(self.brush)


@dataclass(frozen=True)
class Copy(Op):
    number = 3
    source: Source
    area: Rect
    rop: int = Ropd.PUT
    scale: int = Scale.NEAREST
    mask: Mask | None = None

    def pack(self, memory: Memory) -> bytes:
        return (
            struct.pack("<Q", self.source.put(memory))
            + pack_rect(self.area)
            + struct.pack("<HB", self.rop, self.scale)
            + pack_mask(self.mask, memory)
        )

    def sources(self) -> Iterator[Source]:
        yield self.source


@dataclass(frozen=True)
class Blend(Copy):
    number = 5


@dataclass(frozen=True)
class CopyBits(Op):
    number = 4
    origin: Point

    def pack(self, memory: Memory) -> bytes:
        return struct.pack("<ii", *self.origin)


@dataclass(frozen=True)
class Blackness(Op):
    number = 6
    mask: Mask | None = None

    def pack(self, memory: Memory) -> bytes:
        return pack_mask(self.mask, memory)


@dataclass(frozen=True)
class Whiteness(Blackness):
    number = 7


@dataclass(frozen=True)
class Invers(Blackness):
    number = 8


@dataclass(frozen=True)
class Rop3(Op):
    number = 9
    source: Source
    area: Rect
    brush: Brush
    rop: int
    scale: int = Scale.NEAREST
    mask: Mask | None = None

    def pack(self, memory: Memory) -> bytes:
        return (
            struct.pack("<Q", self.source.put(memory))
            + pack_rect(self.area)
            + pack_brush(self.brush, memory)
            + struct.pack("<BB", self.rop, self.scale)
            + pack_mask(self.mask, memory)
        )

    def sources(self) -> Iterator[Source]:
        yield self.source
        yield from brush_images(self.brush)


class Segment(IntFlag):
    BEGIN = 1
    END = 2
    CLOSE = 8
    BEZIER = 16


@dataclass(frozen=True)
class Stroke(Op):
    """Paths of (flags, points in 1/16 pixel); `dashes` in 1/16 pixel."""

    number = 10
    path: Sequence[tuple[int, Sequence[tuple[int, int]]]]
    brush: Brush
    fore_mode: int = Ropd.PUT
    back_mode: int = Ropd.PUT
    dashes: Sequence[int] = ()
    start_with_gap: bool = False

    def pack(self, memory: Memory) -> bytes:
        segments = b"".join(
            struct.pack("<II", flags, len(points)) + b"".join(struct.pack("<ii", *point) for point in points)
            for flags, points in self.path
        )
        path = memory.put(struct.pack("<I", len(segments)) + memory.chunk(segments))
        style = memory.put(struct.pack(f"<{len(self.dashes)}i", *self.dashes)) if self.dashes else 0
        flags = 8 * bool(self.dashes) | 4 * self.start_with_gap
        attributes = struct.pack("<BBBBiiQ", flags, 0, 0, len(self.dashes), 16, 0, style)
        modes = struct.pack("<HH", self.fore_mode, self.back_mode)
        return struct.pack("<Q", path) + attributes + pack_brush(self.brush, memory) + modes

    def sources(self) -> Iterator[Source]:
        return brush_images(self.brush)


@dataclass(frozen=True)
class Glyph:
    """Rows of `data` are padded to bytes; the picture's corner is at render + origin."""

    render: Point
    origin: Point
    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Text(Op):
    """`bits` of each glyph's pixels: 1, 4 or 8."""

    number = 11
    glyphs: Sequence[Glyph]
    bits: int
    fore: Brush
    back: Brush = None
    back_area: Rect = NOWHERE
    fore_mode: int = Ropd.PUT
    back_mode: int = Ropd.PUT
    top_down: bool = True

    def pack(self, memory: Memory) -> bytes:
        data = b"".join(
            struct.pack("<iiiiHH", *glyph.render, *glyph.origin, glyph.width, glyph.height) + glyph.data
            for glyph in self.glyphs
        )
        flags = {1: 1, 4: 2, 8: 4}[self.bits] | 8 * self.top_down
        string = memory.put(struct.pack("<IHH", len(data), len(self.glyphs), flags) + memory.chunk(data))
        return (
            struct.pack("<Q", string)
            + pack_rect(self.back_area)
            + pack_brush(self.fore, memory)
            + pack_brush(self.back, memory)
            + struct.pack("<HH", self.fore_mode, self.back_mode)
        )

    def sources(self) -> Iterator[Source]:
        return brush_images(self.fore, self.back)


@dataclass(frozen=True)
class Transparent(Op):
    """Pixels of `true_colour` are left out; `source_colour` is the same in the image's own depth."""

    number = 12
    source: Source
    area: Rect
    true_colour: int
    source_colour: int

    def pack(self, memory: Memory) -> bytes:
        colours = struct.pack("<II", self.source_colour, self.true_colour)
        return struct.pack("<Q", self.source.put(memory)) + pack_rect(self.area) + colours

    def sources(self) -> Iterator[Source]:
        yield self.source


@dataclass(frozen=True)
class AlphaBlend(Op):
    number = 13
    source: Source
    area: Rect
    alpha: int = 255
    dest_has_alpha: bool = False
    surface_has_alpha: bool = False

    def pack(self, memory: Memory) -> bytes:
        flags = self.dest_has_alpha | self.surface_has_alpha << 1
        return struct.pack("<HBQ", flags, self.alpha, self.source.put(memory)) + pack_rect(self.area)

    def sources(self) -> Iterator[Source]:
        yield self.source


class Repeat(IntEnum):
    NONE = 0
    NORMAL = 1
    PAD = 2
    REFLECT = 3


class Filter(IntEnum):
    NEAREST = 0
    BILINEAR = 1


Transform = tuple[float, float, float, float, float, float]
"""From the destination to the source: x' = a x + b y + c, y' = d x + e y + f."""


@dataclass(frozen=True)
class Composite(Op):
    """`operator` is pixman's number."""

    number = 14
    operator: int
    source: Source
    _: KW_ONLY
    mask: Source | None = None
    source_origin: Point = ORIGIN
    mask_origin: Point = ORIGIN
    source_filter: int = Filter.NEAREST
    mask_filter: int = Filter.NEAREST
    source_repeat: int = Repeat.NONE
    mask_repeat: int = Repeat.NONE
    component_alpha: bool = False
    source_transform: Transform | None = None
    mask_transform: Transform | None = None
    source_opaque: bool = False
    mask_opaque: bool = False
    dest_opaque: bool = False

    def pack(self, memory: Memory) -> bytes:
        flags = (
            self.operator
            | self.source_filter << 8
            | self.mask_filter << 11
            | self.source_repeat << 14
            | self.mask_repeat << 16
            | self.component_alpha << 18
            | self.source_opaque << 22
            | self.mask_opaque << 23
            | self.dest_opaque << 24
        )

        def transform(matrix: Transform | None) -> int:
            if matrix is None:
                return 0
            return memory.put(struct.pack("<6i", *(round(cell * 65536) for cell in matrix)))

        return struct.pack(
            "<IQQQQhhhh",
            flags,
            self.source.put(memory),
            transform(self.source_transform),
            self.mask.put(memory) if self.mask is not None else 0,
            transform(self.mask_transform),
            *self.source_origin,
            *self.mask_origin,
        )

    def sources(self) -> Iterator[Source]:
        yield self.source
        if self.mask is not None:
            yield self.mask


@dataclass(frozen=True)
class Draw:
    """A QXLDrawable. `clip` None is no clip. `itself`: the area of the destination that it also reads."""

    op: Op
    box: Rect
    clip: Sequence[Rect] | None = None
    surface: int = 0
    effect: int = Effect.BLEND
    itself: Rect | None = None

    command: ClassVar[Command] = Command.DRAW

    def put(self, memory: Memory) -> int:
        clip = struct.pack("<IQ", 0, 0)
        if self.clip is not None:
            rects = b"".join(pack_rect(rect) for rect in self.clip)
            clip = struct.pack("<IQ", 1, memory.put(struct.pack("<I", len(self.clip)) + memory.chunk(rects)))
        surfaces = [-1, -1, -1]
        areas = [NOWHERE] * 3
        if isinstance(self.op, CopyBits):
            surfaces[0] = self.surface
            areas[0] = Rect(*self.op.origin, self.box.width, self.box.height)
        sources = [*self.op.sources()]
        mask = getattr(self.op, "mask", None)
        if isinstance(mask, Mask):
            sources.append(mask.image)
        read = [source for source in sources if isinstance(source, SurfaceImage)]
        for at, source in enumerate(read):
            surfaces[at], areas[at] = source.surface, Rect(0, 0, source.width, source.height)
        return memory.put(
            struct.pack("<QIBBB", 0, self.surface, self.effect, self.op.number, self.itself is not None)
            + pack_rect(self.itself or NOWHERE)
            + pack_rect(self.box)
            + clip
            + struct.pack("<I3i", 0, *surfaces)
            + b"".join(pack_rect(area) for area in areas)
            + self.op.pack(memory),
            room=512,
        )


@dataclass(frozen=True)
class CreateSurface:
    """With `pixels` (rows from the top, `stride` bytes each) the surface starts with them, else undefined or black."""

    surface: int
    format: SurfaceFormat
    width: int
    height: int
    pixels: bytes | None = None

    command: ClassVar[Command] = Command.SURFACE

    @property
    def stride(self) -> int:
        bits = {SurfaceFormat.A1: 1, SurfaceFormat.A8: 8, SurfaceFormat.RGB555: 16, SurfaceFormat.RGB565: 16}
        return (self.width * bits.get(self.format, 32) + 31) // 32 * 4

    def put(self, memory: Memory) -> int:
        data = memory.put(self.pixels or b"", room=self.stride * self.height)
        return memory.put(
            struct.pack("<QIBI", 0, self.surface, 0, self.pixels is not None)
            + struct.pack("<IIIiQ", self.format, self.width, self.height, self.stride, data),
            room=64,
        )


@dataclass(frozen=True)
class DestroySurface:
    """The server reports its release; only then may the number be used again."""

    surface: int

    command: ClassVar[Command] = Command.SURFACE

    def put(self, memory: Memory) -> int:
        return memory.put(struct.pack("<QIBI", NOTIFY_RELEASE | self.surface, self.surface, 1, 0), room=64)


QxlCommand = Draw | CreateSurface | DestroySurface


class CursorType(IntEnum):
    ALPHA = 0
    MONO = 1
    COLOR4 = 2
    COLOR8 = 3
    COLOR16 = 4
    COLOR24 = 5
    COLOR32 = 6


@dataclass(frozen=True)
class SetCursor:
    """The same `unique`, not 0, makes the server refer to its cache."""

    type: CursorType
    width: int
    height: int
    data: bytes
    hot: Point = ORIGIN
    position: Point = ORIGIN
    visible: bool = True
    unique: int = 0

    def put(self, memory: Memory) -> int:
        shape = memory.put(
            struct.pack("<QHHHHH", self.unique, self.type, self.width, self.height, *self.hot)
            + struct.pack("<I", len(self.data))
            + memory.chunk(self.data)
        )
        return memory.put(struct.pack("<QBhhBQ", 0, 0, *self.position, self.visible, shape), room=160)


@dataclass(frozen=True)
class MoveCursor:
    position: Point

    def put(self, memory: Memory) -> int:
        return memory.put(struct.pack("<QBhh", 0, 1, *self.position), room=160)


@dataclass(frozen=True)
class HideCursor:
    def put(self, memory: Memory) -> int:
        return memory.put(struct.pack("<QB", 0, 2), room=160)


@dataclass(frozen=True)
class TrailCursor:
    length: int
    frequency: int

    def put(self, memory: Memory) -> int:
        return memory.put(struct.pack("<QBHH", 0, 3, self.length, self.frequency), room=160)


CursorCommand = SetCursor | MoveCursor | HideCursor | TrailCursor


@dataclass(frozen=True)
class Head:
    number: int
    x: int
    y: int
    width: int
    height: int
    surface: int = 0


def put_heads(heads: Sequence[Head], memory: Memory) -> int:
    """A QXLMonitorsConfig."""
    packed = (struct.pack("<7I", h.number, h.surface, h.width, h.height, h.x, h.y, 0) for h in heads)
    return memory.put(struct.pack("<HH", len(heads), len(heads)) + b"".join(packed))
