"""Pictures under a transformation, as pixman fetches them for compositing."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import Array, PixelFormat, view, whole_rows
from ..errors import CodecError
from ..wire.display import Transform
from . import _kernels
from .convert import Words, to_argb

Indices = npt.NDArray[np.int64]

_ONE = 1 << 16
_HALF = 1 << 15
_RANGE = np.uint32(128)  # of the weights
_SHIFT = np.uint32(14)
_ROWS = 1 << 17  # pixels fetched at a time


class Filter(IntEnum):
    FAST = 0
    GOOD = 1
    BEST = 2
    NEAREST = 3
    BILINEAR = 4


class Repeat(IntEnum):
    NONE = 0
    NORMAL = 1
    PAD = 2
    REFLECT = 3


Floats = npt.NDArray[np.float32]

_IDENTITY = Transform(_ONE, 0, 0, 0, _ONE, 0)
_WORDS = (PixelFormat.XRGB, PixelFormat.ARGB)
_NEAREST = (Filter.FAST, Filter.NEAREST)


def fetch(
    pixels: Array,
    fmt: PixelFormat,
    size: tuple[int, int],
    origin: tuple[int, int],
    transform: Transform | None,
    filter: Filter,
    repeat: Repeat,
    wide: bool = False,
) -> Words | Floats:
    """ARGB of *size* (width, height), the picture's place *origin* coming first; transparent where it has no pixels.

    *wide*: floats of shape (height, width, 4) from 0 to 1, blue first, divided by what the format holds of each.
    May be a view of the picture. Raises CodecError beyond what 16.16 fixed point holds, where pixman draws nothing.
    """
    width, height = size
    if transform is None and not wide:
        x1, y1 = origin
        if x1 >= 0 and y1 >= 0 and x1 + width <= pixels.shape[1] and y1 + height <= pixels.shape[0]:
            return to_argb(pixels[y1 : y1 + height, x1 : x1 + width], fmt)
    matrix = transform or _IDENTITY
    nearest = filter in _NEAREST or transform is None
    if _kernels.COMPILED and not wide and (fmt in _WORDS or pixels.size <= width * height):
        return _transformed(pixels, fmt, size, origin, matrix, nearest, repeat)
    x = np.arange(origin[0], origin[0] + width, dtype=np.int64)
    out = np.empty((height, width, 4), np.float32) if wide else np.empty((height, width), np.uint32)
    rows = max(1, _ROWS // width)
    for at in range(0, height, rows):
        y = np.arange(origin[1] + at, origin[1] + min(at + rows, height), dtype=np.int64)
        horizontal, vertical = _centres(matrix, x, y)
        if max(pixels.shape) >= 0x7FFF or any(abs(v).max() >= (1 << 31) - 2 * _ONE for v in (horizontal, vertical)):
            raise CodecError("picture transformed beyond what 16.16 fixed point holds")
        if nearest:
            words = _pick(pixels, fmt, (horizontal - 1) >> 16, (vertical - 1) >> 16, repeat)
            out[at : at + rows] = widened(words, fmt) if wide else words
        else:
            interpolate = _interpolate_wide if wide else _interpolate
            out[at : at + rows] = interpolate(pixels, fmt, horizontal - _HALF, vertical - _HALF, repeat)
    return out


def _transformed(
    pixels: Array,
    fmt: PixelFormat,
    size: tuple[int, int],
    origin: tuple[int, int],
    m: Transform,
    nearest: bool,
    repeat: Repeat,
) -> Words:
    (width, height), (x, y) = size, origin
    edges_x, edges_y = ((start, start + length - 1) for start, length in zip(origin, size, strict=True))
    corners = [_centre(m, column, row) for column in edges_x for row in edges_y]
    if max(pixels.shape) >= 0x7FFF or any(abs(v) >= (1 << 31) - 2 * _ONE for corner in corners for v in corner):
        raise CodecError("picture transformed beyond what 16.16 fixed point holds")
    words = whole_rows(pixels if fmt is PixelFormat.XRGB else to_argb(pixels, fmt))
    out = np.empty((height, width), np.uint32)
    less = 1 if nearest else _HALF
    first_x, first_y = _centre(m, x, y)
    _kernels.transformed(
        view(out),
        size,
        view(words),
        words.strides[0] // 4,
        (words.shape[1], words.shape[0]),
        (first_x - less, first_y - less),
        (m.t00, m.t10),
        (m.t01, m.t11),
        repeat,
        not nearest,
        fmt is PixelFormat.XRGB,
    )
    return out


def _centre(m: Transform, x: int, y: int) -> tuple[int, int]:
    return (
        m.t00 * x + m.t01 * y + m.t02 + ((m.t00 + m.t01 + 1) >> 1),
        m.t10 * x + m.t11 * y + m.t12 + ((m.t10 + m.t11 + 1) >> 1),
    )


def _centres(m: Transform, x: Indices, y: Indices) -> tuple[Indices, Indices]:
    """Where the centres of the pixels come from, in 16.16; of shapes that broadcast to (rows, columns)."""
    horizontal = m.t00 * x[None, :] + (m.t02 + ((m.t00 + m.t01 + 1) >> 1))
    vertical = m.t11 * y[:, None] + (m.t12 + ((m.t10 + m.t11 + 1) >> 1))
    if m.t01:
        horizontal = horizontal + m.t01 * y[:, None]
    if m.t10:
        vertical = vertical + m.t10 * x[None, :]
    return horizontal, vertical


def _repeated(index: Indices, size: int, repeat: Repeat) -> tuple[Indices, npt.NDArray[np.bool_] | None]:
    """Inside of the picture, and what is not when nothing is repeated."""
    if repeat is Repeat.NORMAL:
        return index % size, None
    if repeat is Repeat.REFLECT:
        index = index % (2 * size)
        return np.where(index < size, index, 2 * size - 1 - index), None
    outside = (index < 0) | (index >= size) if repeat is Repeat.NONE else None
    return np.clip(index, 0, size - 1), outside


def _pick(pixels: Array, fmt: PixelFormat, columns: Indices, rows: Indices, repeat: Repeat) -> Words:
    columns, no_column = _repeated(columns, pixels.shape[1], repeat)
    rows, no_row = _repeated(rows, pixels.shape[0], repeat)
    if columns.shape[0] == 1 and rows.shape[1] == 1:
        found = pixels.take(rows[:, 0], axis=0).take(columns[0], axis=1)
    else:
        found = pixels[rows, columns]
    words = to_argb(found, fmt)
    if no_column is not None and no_row is not None:
        nothing = no_column | no_row
        if nothing.any():
            words = np.where(nothing, np.uint32(0), words)
    return words


def _interpolate(pixels: Array, fmt: PixelFormat, x: Indices, y: Indices, repeat: Repeat) -> Words:
    left, top = x >> 16, y >> 16
    across = ((x >> 9) & 127)[:, :, None].astype(np.uint32)
    down = ((y >> 9) & 127)[:, :, None].astype(np.uint32)
    sides = []
    for columns in (left, left + 1):
        upper, lower = (_channels(_pick(pixels, fmt, columns, rows, repeat)) for rows in (top, top + 1))
        sides.append(upper * (_RANGE - down) + lower * down)
    packed = ((sides[0] * (_RANGE - across) + sides[1] * across) >> _SHIFT).astype(np.uint8).view(np.uint32)
    result: Words = packed[:, :, 0]
    return result


def _interpolate_wide(pixels: Array, fmt: PixelFormat, x: Indices, y: Indices, repeat: Repeat) -> Floats:
    left, top = x >> 16, y >> 16
    across = ((x & 0xFFFF)[:, :, None]).astype(np.float32) / np.float32(65536)
    down = ((y & 0xFFFF)[:, :, None]).astype(np.float32) / np.float32(65536)
    corners = (
        (left, top, (1 - across) * (1 - down)),
        (left + 1, top, across * (1 - down)),
        (left, top + 1, down * (1 - across)),
        (left + 1, top + 1, across * down),
    )
    parts = [widened(_pick(pixels, fmt, columns, rows, repeat), fmt) * weight for columns, rows, weight in corners]
    total: Floats = ((parts[0] + parts[1]) + parts[2]) + parts[3]
    return total


_BITS = {PixelFormat.RGB555: (5, 5, 5), PixelFormat.RGB565: (5, 6, 5)}


def widened(words: Words, fmt: PixelFormat) -> Floats:
    """Floats from 0 to 1; colours that came from five or six bits are divided by what these hold."""
    values = _channels(words).astype(np.uint8)
    out = values.astype(np.float32) * np.float32(1 / 255)
    for channel, bits in enumerate(_BITS.get(fmt, ())):
        out[:, :, channel] = (values[:, :, channel] >> (8 - bits)) * np.float32(1 / ((1 << bits) - 1))
    return out


def _channels(words: Words) -> npt.NDArray[np.uint32]:
    words = np.ascontiguousarray(words)
    return words.view(np.uint8).reshape(*words.shape, 4).astype(np.uint32)
