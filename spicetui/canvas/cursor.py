"""The pointer's shape: decoding of all cursor types, their cache, painting onto a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.core import Buffer
from ..wire.cursor import CursorHeader, CursorShape
from ..wire.enums import CursorFlags, CursorType

#: What a server keeps; it says itself what it drops.
CACHE_ENTRIES = 256

#: Of one shape, and of those in the cache together. No server's pointer is larger than 512 x 512.
MAX_PIXELS = 1 << 20
CACHE_PIXELS = 1 << 22

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Cursor:
    """A pointer. *pixels* are uint8 (H, W, 4), BGRA, premultiplied; where *invert* is true the screen is inverted.

    *plain* are uint8 (H, W, 4), BGRA, not premultiplied: the same for those who cannot invert, who are shown a white
    shape with a dark edge or a translucent grey instead.
    """

    pixels: Bytes
    hot_x: int
    hot_y: int
    invert: Flags | None
    plain: Bytes
    unique: int = 0

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def paint(self, pixels: Bytes, x: int, y: int) -> None:
        """Draws onto *pixels*, uint8 (H, W, 4) BGRX, with the hot spot at (x, y)."""
        left, top = x - self.hot_x, y - self.hot_y
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + self.width, pixels.shape[1]), min(top + self.height, pixels.shape[0])
        if x1 >= x2 or y1 >= y2:
            return
        part = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
        view = pixels[y1:y2, x1:x2, :3]
        own = self.pixels[part].astype(np.uint16)
        under = view * (255 - own[:, :, 3:]) + np.uint16(128)
        view[...] = np.minimum(own[:, :, :3] + ((under + (under >> 8)) >> 8), 255)
        if self.invert is not None:
            view[self.invert[part]] ^= 255


class CursorCache:
    """Cursors by id, of one cursor channel."""

    def __init__(self) -> None:
        self._cursors: dict[int, Cursor] = {}
        self._pixels = 0

    def __len__(self) -> int:
        return len(self._cursors)

    def take(self, shape: CursorShape) -> Cursor:
        """The cursor that a message means, kept when it says so. Raises CodecError."""
        header = shape.header
        if header is None:
            raise CodecError("cursor without a shape")
        if shape.flags & CursorFlags.FROM_CACHE:
            cursor = self._cursors.get(header.unique)
            if cursor is None:
                raise CodecError(f"cursor {header.unique:#x} is not in the cache")
            return cursor
        cursor = decode_cursor(shape)
        if shape.flags & CursorFlags.CACHE_ME:
            self.invalidate(header.unique)
            self._cursors[header.unique] = cursor
            self._pixels += cursor.width * cursor.height
            while len(self._cursors) > CACHE_ENTRIES or self._pixels > CACHE_PIXELS:
                self.invalidate(next(iter(self._cursors)))
        return cursor

    def invalidate(self, id: int) -> None:
        cursor = self._cursors.pop(id, None)
        if cursor is not None:
            self._pixels -= cursor.width * cursor.height

    def clear(self) -> None:
        self._cursors.clear()
        self._pixels = 0


def decode_cursor(shape: CursorShape) -> Cursor:
    """A shape that brings its data. Raises CodecError."""
    header = shape.header
    if header is None:
        raise CodecError("cursor without a shape")
    width, height = header.width, header.height
    if width * height > MAX_PIXELS:
        raise CodecError(f"cursor of {width} x {height} pixels, at most {MAX_PIXELS} are taken")
    if header.type == CursorType.MONO:
        return _mono(header, shape.data)
    if header.type == CursorType.ALPHA:
        data = _bytes(shape.data, 0, width * height * 4)
        return _cursor(header, data.view(np.uint32).reshape(height, width), None)
    colours, mask, white = _coloured(header, shape.data)
    invert = mask & white
    colours = np.where(mask, colours, colours | np.uint32(0xFF000000))
    return _cursor(header, colours, invert)


def _bytes(data: Buffer, start: int, count: int) -> Bytes:
    if len(data) - start < count:
        raise CodecError(f"cursor of {len(data)} bytes where {start + count} are needed")
    return np.frombuffer(data, np.uint8, count, start) if count else np.zeros(0, np.uint8)


def _coloured(header: CursorHeader, data: Buffer) -> tuple[Words, Flags, Flags]:
    """Colours as 0xAARRGGBB, where the screen shows through, and where the colour would invert it."""
    width, height = header.width, header.height
    count = width * height
    white: Flags | None = None
    if header.type == CursorType.COLOR32:
        used = count * 4
        colours = _bytes(data, 0, used).view(np.uint32)
    elif header.type == CursorType.COLOR24:
        used = count * 3
        colours = np.zeros((count, 4), np.uint8)
        colours[:, :3] = _bytes(data, 0, used).reshape(count, 3)
        colours = colours.view(np.uint32)[:, 0]
    elif header.type == CursorType.COLOR16:
        used = count * 2
        v = _bytes(data, 0, used).view(np.uint16).astype(np.uint32)
        colours = ((v & 0x1F) << 3 | (v & 0x3E0) << 6 | (v & 0x7C00) << 9).astype(np.uint32)
        white = v == 0x7FFF
    elif header.type == CursorType.COLOR8:
        colours = _bytes(data, count, 1024).view(np.uint32)[_bytes(data, 0, count)]
        used = count + 1024
    elif header.type == CursorType.COLOR4:
        size = (width + 1) // 2 * height
        packed = _bytes(data, 0, size)
        index = np.stack((packed >> 4, packed & 15), axis=1).reshape(-1)[:count]
        colours = _bytes(data, size, 64).view(np.uint32)[index]
        used = size + 64
    else:
        raise CodecError(f"cursor of unknown type {header.type}")
    # The mask's bits follow each other without a gap between the rows, unless the length says otherwise.
    row = (width + 7) // 8
    if (count + 7) // 8 != row * height == len(data) - used:
        packed = _bytes(data, used, row * height).reshape(height, row)
        mask = np.unpackbits(packed, axis=1, count=width)
    else:
        mask = np.unpackbits(_bytes(data, used, (count + 7) // 8), count=count)
    if white is None:
        white = colours == 0xFFFFFF
    shape = (height, width)
    return colours.reshape(shape), mask.reshape(shape).astype(np.bool_), white.reshape(shape)


def _mono(header: CursorHeader, data: Buffer) -> Cursor:
    """Two bitmaps: AND, which keeps the screen, and XOR, which makes it white, or inverts it where AND keeps it."""
    width, height = header.width, header.height
    row = (width + 7) // 8
    both = _bytes(data, 0, row * height * 2).reshape(2, height, row)
    keep, white = np.unpackbits(both, axis=2, count=width).astype(np.bool_)
    colours = np.where(white, np.uint32(0xFFFFFFFF), np.uint32(0xFF000000))
    colours[keep] = 0
    plain = np.where(keep & white, np.uint32(0xFFFFFFFF), colours)
    if bool((both[0] == 0xFF).all()):  # nothing but inversion: it gets an edge
        edge = np.zeros_like(white)
        around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
        for dy, dx in around if width > 2 and height > 2 else ():
            edge[1:-1, 1:-1] |= white[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
        plain[edge & ~white] = 0xFF000000
    return _cursor(header, colours, keep & white, plain)


def _cursor(header: CursorHeader, straight: Words, invert: Flags | None, plain: Words | None = None) -> Cursor:
    inverts = invert is not None and bool(invert.any())
    if plain is None:
        plain = straight
        if inverts:
            assert invert is not None
            y, x = np.indices(straight.shape)
            plain = np.where(invert, np.where((x ^ y) & 1, np.uint32(0xC0303030), np.uint32(0x30505050)), straight)
    if inverts:
        straight = np.where(np.asarray(invert), np.uint32(0), straight)
    return Cursor(
        _premultiplied(_channels(straight)),
        min(header.hot_spot_x, header.width),
        min(header.hot_spot_y, header.height),
        invert if inverts else None,
        _channels(plain).copy(),
        header.unique,
    )


def _channels(words: Words) -> Bytes:
    return np.ascontiguousarray(words).view(np.uint8).reshape(*words.shape, 4)


def _premultiplied(pixels: Bytes) -> Bytes:
    """Guests send either kind of alpha and do not say which; colours above their alpha give the straight kind away."""
    alpha = pixels[:, :, 3:]
    if not (pixels[:, :, :3] > alpha).any():
        return pixels.copy()
    out = pixels.copy()
    product = pixels[:, :, :3].astype(np.uint16) * alpha + np.uint16(128)
    out[:, :, :3] = (product + (product >> 8)) >> 8
    return out
