"""LZ, the dictionary coder of SPICE for one image: literals and copies in units of pixels, alpha apart from colour.

Images with a palette are coded in units of packed bytes.  All but RGB are decoded to a plane of bytes first, which a
second pass expands to words of 0xAARRGGBB.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from spicetui.codecs.limits import MAX_PIXELS, check_size
from spicetui.errors import CodecError

if TYPE_CHECKING:
    from spicetui.codecs.limits import Buffer

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import (
        Held,
        as_bytes,
        bytes_of,
        copy_bytes,
        copy_words,
        hold,
        length_of,
        load32,
        pointer32,
        release,
        unpack24,
        words_of,
    )

COMPILED: bool = cython.compiled
MAGIC = 0x20205A4C
VERSION = 0x00010001
PLT1_LE, PLT1_BE, PLT4_LE, PLT4_BE, PLT8, RGB16, RGB24, RGB32, RGBA, XXXA, A8 = range(1, 12)
_HEADER = struct.Struct(">7I")
_empty = np.empty
_BYTE = np.dtype(np.uint8)
_BIG_ENDIAN = sys.byteorder == "big"


class Header(NamedTuple):
    """What a stream says about itself; `top_down` tells the order of its rows, not of the decoded ones."""

    type: int
    width: int
    height: int
    stride: int
    top_down: bool


@cython.final
@cython.cclass
class Tables:
    """What a byte stands for, as words; taken from and given back to `_idle`."""

    palette: cython.p_uint
    alphas: cython.p_uint
    memory: bytearray
    taken: object  # the tuple that `palette` was made from: channels use one again and again
    taken_kind: cython.uint

    def __init__(self) -> None:
        index: cython.uint
        self.memory = bytearray(2 * 256 * 4)
        self.taken = None
        self.palette = pointer32(memoryview(self.memory)[:1024])
        self.alphas = pointer32(memoryview(self.memory)[1024:])
        for index in range(256):
            self.alphas[index] = index << 24

    @cython.cfunc
    def take(self, palette: Sequence[int] | None, kind: cython.uint) -> None:
        """What an index stands for, for all that the type can have."""
        index: cython.int
        count: cython.int
        colour: cython.uint
        if palette is not None and palette is self.taken and kind == self.taken_kind:
            return
        self.taken = None
        if palette is None or not len(palette):
            raise CodecError(f"LZ image of type {kind} without a palette")
        count = min(len(palette), 256)
        for index in range(count):
            colour = palette[index]
            self.palette[index] = colour & 0xFFFFFF
        for index in range(count, 256):
            self.palette[index] = self.palette[index % count] if kind == 3 or kind == 4 else 0
        if type(palette) is tuple:
            self.taken = palette
            self.taken_kind = kind


_idle: list[Tables] = []  # those that no thread is using


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def colours(
    data: cython.p_uchar,
    at: cython.Py_ssize_t,
    size: cython.Py_ssize_t,
    pixels: cython.p_uint,
    count: cython.Py_ssize_t,
    sample: cython.int,
    table: cython.p_uint,
) -> cython.Py_ssize_t:
    """Decode `count` pixels of `sample` bytes each; returns the place behind them, or -1.

    Three bytes are a colour, two are one of 15 bits, one is a place in the table.
    """
    done: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    distance: cython.Py_ssize_t
    index: cython.Py_ssize_t
    token: cython.uint
    word: cython.uint
    while done < count:
        if at >= size:
            return -1
        token = data[at]
        at += 1
        if token < 32:
            length = token + 1
            if length > count - done or length * sample > size - at:
                return -1
            if sample == 3:
                unpack24(pixels, done, data, at, length)
            elif sample == 2:
                for index in range(length):
                    word = data[at + index * 2] << 8 | data[at + index * 2 + 1]
                    word = (word & 31) | (word << 3 & 0x1F00) | (word << 6 & 0x1F0000)
                    pixels[done + index] = word << 3 | (word >> 2 & 0x070707)
            else:
                for index in range(length):
                    pixels[done + index] = table[data[at + index]]
            at += length * sample
        else:
            length = token >> 5
            if length == 7:
                while True:
                    if at >= size:
                        return -1
                    length += data[at]
                    at += 1
                    if data[at - 1] != 255:
                        break
            if at >= size:
                return -1
            distance = (token & 31) << 8 | data[at]
            at += 1
            if distance == 0x1FFF:
                if size - at < 2:
                    return -1
                distance += data[at] << 8 | data[at + 1]
                at += 2
            distance += 1
            length += 3 - sample
            if distance > done or length > count - done:
                return -1
            copy_words(pixels, done, done - distance, length, count - done)
        done += length
    return at


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def plane(
    data: cython.p_uchar, at: cython.Py_ssize_t, size: cython.Py_ssize_t, out: cython.p_uchar, count: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """As `colours`, for `count` bytes: alpha, or palette indices."""
    done: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    distance: cython.Py_ssize_t
    index: cython.Py_ssize_t
    token: cython.uint
    while done < count:
        if at >= size:
            return -1
        token = data[at]
        at += 1
        if token < 32:
            length = token + 1
            if length > count - done or length > size - at:
                return -1
            for index in range(length):
                out[done + index] = data[at + index]
            at += length
        else:
            length = (token >> 5) + 2
            if length == 9:
                while True:
                    if at >= size:
                        return -1
                    length += data[at]
                    at += 1
                    if data[at - 1] != 255:
                        break
            if at >= size:
                return -1
            distance = (token & 31) << 8 | data[at]
            at += 1
            if distance == 0x1FFF:
                if size - at < 2:
                    return -1
                distance += data[at] << 8 | data[at + 1]
                at += 2
            distance += 1
            if distance > done or length > count - done:
                return -1
            copy_bytes(out, done, done - distance, length, count - done)
        done += length
    return at


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def merge_alpha(pixels: cython.p_uint, alpha: cython.p_uchar, count: cython.Py_ssize_t) -> cython.void:
    """Set the fourth byte of each pixel."""
    word: cython.uint
    index: cython.Py_ssize_t
    for index in range(count):
        word = alpha[index]
        pixels[index] = (pixels[index] & 0xFFFFFF) | word << 24


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def look_up(
    pixels: cython.p_uint,
    indices: cython.p_uchar,
    table: cython.p_uint,
    kind: cython.int,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
) -> cython.void:
    """Expand indices of one or four bits; columns beyond `width` are padding."""
    x: cython.Py_ssize_t
    to: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t = 0
    flip: cython.uint = 7 if kind == 2 else 4 if kind == 4 else 0  # where the most significant bits are the left pixel
    for _ in range(height):
        if kind >= 3:
            for x in range(width):
                pixels[to + x] = table[indices[start + (x >> 1)] >> (((x & 1) << 2) ^ flip) & 15]
            start += (width + 1) >> 1
        else:
            for x in range(width):
                pixels[to + x] = table[indices[start + (x >> 3)] >> ((x & 7) ^ flip) & 1]
            start += (width + 7) >> 3
        to += width


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def turn_over(pixels: cython.p_uint, width: cython.Py_ssize_t, height: cython.Py_ssize_t) -> cython.void:
    """The bottom row first becomes the top row first, in place."""
    y: cython.Py_ssize_t
    x: cython.Py_ssize_t
    low: cython.Py_ssize_t
    high: cython.Py_ssize_t
    word: cython.uint
    for y in range(height >> 1):
        low = y * width
        high = (height - 1 - y) * width
        for x in range(width):
            word = pixels[low + x]
            pixels[low + x] = pixels[high + x]
            pixels[high + x] = word


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def stride_of(kind: cython.uint, width: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """The bytes of a row in the encoder's memory, which each stream says; -1 for an unknown type."""
    if kind == 0 or kind > 11:
        return -1
    if kind <= 2:
        return (width + 7) >> 3
    if kind <= 4:
        return (width + 1) >> 1
    if kind == 5 or kind == 11:
        return width
    return width * 2 if kind == 6 else width * 3 if kind == 7 else width * 4


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def run(
    data: cython.p_uchar,
    size: cython.Py_ssize_t,
    pixels: cython.p_uint,
    kind: cython.uint,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    tables: Tables,
    spare: cython.p_uchar,
) -> cython.Py_ssize_t:
    """Decode behind the header into `pixels`, with room for a plane in `spare`; returns the end, or -1."""
    count: cython.Py_ssize_t = width * height
    end: cython.Py_ssize_t
    if kind < 5:
        end = plane(data, 28, size, spare, stride_of(kind, width) * height)
        if end >= 0:
            look_up(pixels, spare, tables.palette, kind, width, height)
    elif kind == 5:
        end = colours(data, 28, size, pixels, count, 1, tables.palette)
    elif kind >= 10:
        end = colours(data, 28, size, pixels, count, 1, tables.alphas)
    else:
        end = colours(data, 28, size, pixels, count, 2 if kind == 6 else 3, tables.palette)
        if kind == 9 and end >= 0:
            end = plane(data, end, size, spare, count)
            if end >= 0:
                merge_alpha(pixels, spare, count)
    if end >= 0 and load32(data, 24) == 0:  # bottom row first
        turn_over(pixels, width, height)
    return end


def peek(data: Buffer) -> Header:
    """The header, without decoding."""
    try:
        magic, version, kind, width, height, stride, top_down = _HEADER.unpack_from(data)
    except struct.error:
        raise CodecError("LZ image shorter than its header") from None
    if magic != MAGIC or version != VERSION:
        raise CodecError(f"not an LZ image: magic {magic:#x}, version {version:#x}")
    expected = stride_of(kind, width)
    if expected < 0:
        raise CodecError(f"LZ image of unknown type {kind}")
    if stride != expected:
        raise CodecError(f"LZ image of type {kind} and width {width} has a stride of {stride} bytes")
    return Header(kind, width, height, stride, top_down != 0)


def decode(
    data: Buffer,
    palette: Sequence[int] | None = None,
    *,
    size: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> npt.NDArray[np.uint8]:
    """Pixels of shape (height, width, 4), BGRX or BGRA, top row first; X is 0.

    `palette` is 0x00RRGGBB for the PLT types; an index beyond it is black, but wraps around in four-bit images.
    XXXA and A8 have the colour 0.  `size`, where given, is the (width, height) that the stream must have.
    Raises CodecError for bad data.
    """
    held: Held
    if not cython.compiled:
        held = Held()
    source: cython.p_uchar = hold(held, data)
    try:
        return _decode(data, source, length_of(held), palette, size, max_pixels)
    finally:
        release(held)


@cython.cfunc
def _decode(
    data: Buffer,
    source: cython.p_uchar,
    length: cython.Py_ssize_t,
    palette: Sequence[int] | None,
    size: tuple[int, int] | None,
    most: cython.Py_ssize_t,
) -> npt.NDArray[np.uint8]:
    kind: cython.uint = 0
    width: cython.Py_ssize_t = 0
    height: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    good: cython.bint = length >= 28 and load32(source, 0) == 0x20205A4C and load32(source, 4) == 0x00010001
    if good:
        kind = load32(source, 8)
        width = load32(source, 12)
        height = load32(source, 16)
        good = 0 < width <= most and 0 < height <= most // width and load32(source, 20) == stride_of(kind, width)
    if not good or (size is not None and size != (width, height)):
        header = peek(data)
        check_size("LZ", header.width, header.height, size, most)
        raise CodecError("LZ image with a bad header")
    tables: Tables = _take_tables()
    if kind <= 5:
        tables.take(palette, kind)
    image = _empty((height, width, 4), _BYTE)
    pixels: cython.p_uint = words_of(image)
    spare: cython.p_uchar = as_bytes(pixels)
    if kind == 9 or kind < 5:
        scratch = _empty(height * width + 3, _BYTE)
        spare = bytes_of(scratch)
    if height * width < 4096:
        end = run(source, length, pixels, kind, width, height, tables, spare)
    else:
        with cython.nogil:
            end = run(source, length, pixels, kind, width, height, tables, spare)
    if len(_idle) < 4:
        _idle.append(tables)
    if end != length:
        _refuse(end, length)
    if _BIG_ENDIAN:
        image.view(np.uint32).byteswap(inplace=True)
    return image


def _take_tables() -> Tables:
    try:
        return _idle.pop()
    except IndexError:
        return Tables()


def decode_alpha(data: Buffer, pixels: npt.NDArray[np.uint8]) -> None:
    """Decode an XXXA image into the fourth byte of `pixels` (height, width, 4), top row first, contiguous, writable.

    The colours stay as they are.  Raises CodecError for bad data and for another type or size; alpha is then undefined.
    """
    kind, width, height, _, top_down = peek(data)
    if kind != XXXA:
        raise CodecError(f"LZ image of type {kind} where alpha (XXXA) was announced")
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise ValueError("alpha needs pixels of four bytes")
    check_size("LZ", width, height, (pixels.shape[1], pixels.shape[0]), MAX_PIXELS)
    alpha = _empty((height, width), _BYTE)
    out: cython.p_uchar = bytes_of(alpha)
    count: cython.Py_ssize_t = height * width
    end: cython.Py_ssize_t
    length: cython.Py_ssize_t
    held: Held
    if not cython.compiled:
        held = Held()
    source: cython.p_uchar = hold(held, data)
    length = length_of(held)
    with cython.nogil:
        end = plane(source, 28, length, out, count)
    release(held)
    if end != length:
        _refuse(end, length)
    pixels[..., 3] = alpha if top_down else alpha[::-1]


def _refuse(end: int, length: int) -> None:
    if end < 0:
        raise CodecError("LZ image is corrupt or truncated")
    raise CodecError(f"LZ image with {length - end} bytes behind its end")
