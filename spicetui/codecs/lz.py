"""LZ, the dictionary coder of SPICE for one image: literals and copies in units of pixels, alpha apart from colour.

Images with a palette are coded in units of packed bytes.  All but RGB are decoded to a plane of bytes first, which a
second pass expands to words of 0xAARRGGBB.
"""

from __future__ import annotations

import struct
import sys
from array import array
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
    from spicetui._cython import copy_bytes, copy_words, pointer, pointer32, unpack24

COMPILED: bool = cython.compiled
MAGIC = 0x20205A4C
VERSION = 0x00010001
PLT1_LE, PLT1_BE, PLT4_LE, PLT4_BE, PLT8, RGB16, RGB24, RGB32, RGBA, XXXA, A8 = range(1, 12)
_HEADER = struct.Struct(">7I")
_PIXELS_A_BYTE = {PLT1_LE: 8, PLT1_BE: 8, PLT4_LE: 2, PLT4_BE: 2, PLT8: 1}
_BYTES_A_PIXEL = {RGB16: 2, RGB24: 3, RGB32: 4, RGBA: 4, XXXA: 4, A8: 1}


class Header(NamedTuple):
    """What a stream says about itself; `top_down` tells the order of its rows, not of the decoded ones."""

    type: int
    width: int
    height: int
    stride: int
    top_down: bool


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def colours(
    data: cython.p_uchar,
    at: cython.Py_ssize_t,
    size: cython.Py_ssize_t,
    pixels: cython.p_uint,
    count: cython.Py_ssize_t,
    deep: cython.bint,
) -> cython.Py_ssize_t:
    """Decode `count` pixels, of three bytes each (`deep`) or of two; returns the place behind them, or -1."""
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
            if length > count - done or length * (3 if deep else 2) > size - at:
                return -1
            if deep:
                unpack24(pixels, done, data, at, length)
                at += length * 3
            else:
                for index in range(done, done + length):
                    word = data[at] << 8 | data[at + 1]
                    word = (word & 31) | (word << 3 & 0x1F00) | (word << 6 & 0x1F0000)
                    pixels[index] = word << 3 | (word >> 2 & 0x070707)
                    at += 2
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
            if not deep:
                length += 1
            if distance > done or length > count - done:
                return -1
            copy_words(pixels, done, done - distance, length)
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
            copy_bytes(out, done, done - distance, length)
        done += length
    return at


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def merge_alpha(
    pixels: cython.p_uint,
    alpha: cython.p_uchar,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    keep: cython.uint,
    top_down: cython.bint,
) -> cython.void:
    """Set each pixel's fourth byte and keep of the others what the mask says."""
    word: cython.uint
    y: cython.Py_ssize_t
    x: cython.Py_ssize_t
    to: cython.Py_ssize_t
    start: cython.Py_ssize_t
    for y in range(height):
        to = y * width
        start = to if top_down else (height - 1 - y) * width
        for x in range(width):
            word = alpha[start + x]
            pixels[to + x] = (pixels[to + x] & keep) | word << 24


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
    stride: cython.Py_ssize_t,
    top_down: cython.bint,
) -> cython.void:
    """Expand packed palette indices; columns beyond `width` are padding."""
    y: cython.Py_ssize_t
    x: cython.Py_ssize_t
    to: cython.Py_ssize_t
    start: cython.Py_ssize_t
    flip: cython.uint = 7 if kind == 2 else 0  # PLT1_BE: the most significant bit is the left pixel
    nibble: cython.uint = 4 if kind == 4 else 0  # PLT4_BE
    for y in range(height):
        to = y * width
        start = y * stride if top_down else (height - 1 - y) * stride
        if kind == 5:
            for x in range(width):
                pixels[to + x] = table[indices[start + x]]
        elif kind >= 3:
            for x in range(width):
                pixels[to + x] = table[indices[start + (x >> 1)] >> (((x & 1) << 2) ^ nibble) & 15]
        else:
            for x in range(width):
                pixels[to + x] = table[indices[start + (x >> 3)] >> ((x & 7) ^ flip) & 1]


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


def peek(data: Buffer) -> Header:
    """The header, without decoding."""
    try:
        magic, version, kind, width, height, stride, top_down = _HEADER.unpack_from(data)
    except struct.error:
        raise CodecError("LZ image shorter than its header") from None
    if magic != MAGIC or version != VERSION:
        raise CodecError(f"not an LZ image: magic {magic:#x}, version {version:#x}")
    if kind in _BYTES_A_PIXEL:
        expected = width * _BYTES_A_PIXEL[kind]
    elif kind in _PIXELS_A_BYTE:
        expected = -(-width // _PIXELS_A_BYTE[kind])
    else:
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
    kind, width, height, stride, top_down = peek(data)
    check_size("LZ", width, height, size, max_pixels)
    table = _table(kind, palette) if kind <= PLT8 else None
    image = np.empty((height, width, 4), np.uint8)
    if RGB16 <= kind <= RGBA:
        _decode_colours(data, kind, width, height, top_down, image.data)
    else:
        _decode_plane(data, kind, width, height, stride, top_down, image.data, table)
    if sys.byteorder == "big":
        image.view(np.uint32).byteswap(inplace=True)
    return image


def decode_alpha(data: Buffer, pixels: npt.NDArray[np.uint8]) -> None:
    """Decode an XXXA image into the fourth byte of `pixels` (height, width, 4), top row first, contiguous, writable.

    The colours stay as they are.  Raises CodecError for bad data and for another type or size; alpha is then undefined.
    """
    kind, width, height, _, top_down = peek(data)
    if kind != XXXA:
        raise CodecError(f"LZ image of type {kind} where alpha (XXXA) was announced")
    check_size("LZ", width, height, (pixels.shape[1], pixels.shape[0]), pixels.size // 4)
    if pixels.shape[2] != 4 or pixels.dtype != np.uint8 or not pixels.flags.c_contiguous or not pixels.flags.writeable:
        raise ValueError("alpha needs contiguous writable pixels of four bytes")
    alpha = np.empty((height, width), np.uint8)
    view = _contiguous(data)
    length: cython.Py_ssize_t = view.nbytes
    count: cython.Py_ssize_t = height * width
    source: cython.p_uchar = pointer(view)
    out: cython.p_uchar = pointer(alpha.data)
    end: cython.Py_ssize_t
    with cython.nogil:
        end = plane(source, 28, length, out, count)
    _check_end(end, length)
    pixels[..., 3] = alpha if top_down else alpha[::-1]


def _contiguous(data: Buffer) -> memoryview:
    view = memoryview(data)
    return view if view.c_contiguous else memoryview(view.tobytes())


def _check_end(end: int, length: int) -> None:
    if end < 0:
        raise CodecError("LZ image is corrupt or truncated")
    if end != length:
        raise CodecError(f"LZ image with {length - end} bytes behind its end")


def _table(kind: int, palette: Sequence[int] | None) -> array[int]:
    """What each palette index stands for, for every index that the type can have."""
    if palette is None or not len(palette):
        raise CodecError(f"LZ image of type {kind} without a palette")
    entries = [colour & 0xFFFFFF for colour in palette[:256]]
    if kind in (PLT4_LE, PLT4_BE):
        entries = [entries[index % len(entries)] for index in range(16)]
    return array("I", entries + [0] * (256 - len(entries)))


def _decode_colours(data: Buffer, kind: int, width: int, height: int, top_down: bool, image: memoryview) -> None:
    view = _contiguous(data)
    alpha = np.empty(width * height if kind == RGBA else 0, np.uint8)
    room = alpha.data
    source: cython.p_uchar = pointer(view)
    pixels: cython.p_uint = pointer32(image)
    plane_room: cython.p_uchar = pointer(room)
    length: cython.Py_ssize_t = view.nbytes
    columns: cython.Py_ssize_t = width
    rows: cython.Py_ssize_t = height
    deep: cython.bint = kind != RGB16
    has_alpha: cython.bint = kind == RGBA
    down: cython.bint = top_down
    end: cython.Py_ssize_t
    with cython.nogil:
        end = colours(source, 28, length, pixels, columns * rows, deep)
        if has_alpha and end >= 0:
            end = plane(source, end, length, plane_room, columns * rows)
            if end >= 0:
                merge_alpha(pixels, plane_room, columns, rows, 0xFFFFFF, True)
        if not down and end >= 0:
            turn_over(pixels, columns, rows)
    _check_end(end, length)


def _decode_plane(
    data: Buffer,
    kind: int,
    width: int,
    height: int,
    stride: int,
    top_down: bool,
    image: memoryview,
    table: array[int] | None,
) -> None:
    view = _contiguous(data)
    indices = np.empty(height * (width if table is None else stride), np.uint8)
    room = indices.data
    colour_view = memoryview(table if table is not None else b"")
    source: cython.p_uchar = pointer(view)
    pixels: cython.p_uint = pointer32(image)
    plane_room: cython.p_uchar = pointer(room)
    colour_table: cython.p_uint = pointer32(colour_view)
    length: cython.Py_ssize_t = view.nbytes
    count: cython.Py_ssize_t = room.nbytes
    columns: cython.Py_ssize_t = width
    rows: cython.Py_ssize_t = height
    pitch: cython.Py_ssize_t = stride
    down: cython.bint = top_down
    c_kind: cython.int = kind
    end: cython.Py_ssize_t
    with cython.nogil:
        end = plane(source, 28, length, plane_room, count)
        if end >= 0:
            if c_kind > 5:
                merge_alpha(pixels, plane_room, columns, rows, 0, down)
            else:
                look_up(pixels, plane_room, colour_table, c_kind, columns, rows, pitch, down)
    _check_end(end, length)
