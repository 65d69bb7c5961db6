"""Words 0x00RRGGBB into the bytes that image formats want: RGB, RGBA, and numbers of a palette.

What the compiled loops of :mod:`._packing` do, numpy does here for installations without a C compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry import Rect
from . import _packing

UNKNOWN = _packing.UNKNOWN
Words = npt.NDArray[np.uint32]
Area = tuple[int, int, int, int]


class Fallback:
    """As the functions of :mod:`._packing`."""

    @staticmethod
    def rgba(words: memoryview, stride: int, rect: Area, out: memoryview) -> None:
        part = _part(words, stride, rect)
        target = np.frombuffer(out, np.uint32).reshape(part.shape)
        np.bitwise_and(part, 0xFF, out=target)
        target <<= 16
        target |= part & 0xFF00
        target |= part >> 16 & 0xFF
        target |= 0xFF000000

    @staticmethod
    def rgb(words: memoryview, stride: int, rect: Area, out: memoryview) -> None:
        part = _part(words, stride, rect)
        target = np.frombuffer(out, np.uint8).reshape(*part.shape, 3)
        for channel, shift in enumerate((16, 8, 0)):
            target[..., channel] = part >> shift & 0xFF

    @staticmethod
    def index(
        words: memoryview, stride: int, rect: Area, palette: memoryview, colors: int, table: memoryview, out: memoryview
    ) -> None:
        part = _part(words, stride, rect)
        known = np.frombuffer(table, np.uint16)
        codes = codes15(part)
        used = np.unique(codes)
        missing = used[known[used] == UNKNOWN]
        if missing.size:
            known[missing] = _nearest(missing, np.frombuffer(palette, np.uint32)[:colors])
        np.frombuffer(out, np.uint8).reshape(part.shape)[:] = known[codes]


def _part(words: memoryview, stride: int, rect: Area) -> Words:
    x0, y0, x1, y1 = rect
    return np.frombuffer(words, np.uint32).reshape(-1, stride)[y0:y1, x0:x1]


def _nearest(codes: Words, palette: Words) -> npt.NDArray[np.uint16]:
    five = np.stack((codes >> 10 & 31, codes >> 5 & 31, codes & 31), axis=-1).astype(np.int32)
    wanted = five << 3 | five >> 2
    known = np.stack((palette >> 16 & 255, palette >> 8 & 255, palette & 255), axis=-1).astype(np.int32)
    result = np.empty(len(codes), np.uint16)
    for start in range(0, len(codes), 4096):
        apart = wanted[start : start + 4096, np.newaxis] - known[np.newaxis]
        result[start : start + 4096] = np.argmin((apart * apart * np.array((2, 4, 3))).sum(axis=2), axis=1)
    return result


_loops: Any = _packing if _packing.COMPILED else Fallback


def codes15(words: Words) -> Words:
    """The 15-bit colours of *words*."""
    return (words >> 9 & 0x7C00 | words >> 6 & 0x3E0 | words >> 3 & 0x1F).astype(np.uint32, copy=False)


def pack_rgba(words: Words, rect: Rect, out: memoryview) -> None:
    """Into *out*, red, green, blue, 255 for each pixel of *words* (h, w) inside *rect*."""
    _check(words, rect, out, 4)
    _loops.rgba(words.data, words.shape[1], (rect.x, rect.y, rect.right, rect.bottom), out)


def pack_rgb(words: Words) -> bytearray:
    """Red, green, blue for each of *words* (h, w)."""
    out = bytearray(words.size * 3)
    if words.size:
        _loops.rgb(words.data, words.shape[1], (0, 0, *words.shape[::-1]), memoryview(out))
    return out


def pack_indexes(words: Words, palette: Words, table: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """For each of *words* (h, w) the number of the nearest of *palette*; *table* as in :func:`._packing.index`."""
    out = np.empty(words.shape, np.uint8)
    if words.size:
        area = (0, 0, *words.shape[::-1])
        _loops.index(words.data, words.shape[1], area, palette.data, len(palette), table.data, out.data.cast("B"))
    return out


def halved(words: Words) -> Words:
    """Half as many pixels each way, the averages of four; an odd last row or column counts twice."""
    height, width = words.shape
    if height % 2 or width % 2:
        words = np.pad(words, ((0, height % 2), (0, width % 2)), mode="edge")
    rows = _mean(words[0::2], words[1::2])
    return np.ascontiguousarray(_mean(rows[:, 0::2], rows[:, 1::2]))


def _mean(one: Words, other: Words) -> Words:
    """Byte by byte, rounded down."""
    return ((one & other) + ((one ^ other) >> 1 & 0x7F7F7F)).astype(np.uint32, copy=False)


def five_bits(words: Words) -> Words:
    """The nearest colours below that need five bits a channel, stretched to eight."""
    return (words & 0xF8F8F8 | words >> 5 & 0x070707).astype(np.uint32, copy=False)


def _check(words: Words, rect: Rect, out: memoryview, size: int) -> None:
    height, width = words.shape
    if rect.empty or not Rect(0, 0, width, height).contains(rect) or not words.flags.c_contiguous:
        raise ValueError("no part of the picture")
    if out.nbytes != rect.area * size or not out.c_contiguous:
        raise ValueError("the buffer is of another size")
