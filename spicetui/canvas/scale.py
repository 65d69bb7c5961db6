"""Scaling as pixman does it: 16.16 steps from pixel centres, weights of seven bits, nothing outside the picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import Array, PixelFormat, view, whole_rows
from ..errors import CodecError
from ..geometry import Rect
from ..wire.enums import ImageScaleMode
from . import _kernels
from .convert import OPAQUE, Words, from_argb, to_argb
from .region import Box

_ONE = 1 << 16
_LITTLE = sys.byteorder == "little"
_HALF = 1 << 15
_CHUNK = 1 << 17  # pixels interpolated at a time


@dataclass(slots=True, frozen=True)
class Axis:
    """Destination pixel i has its centre at ``first + i * step`` of the source, in 16.16 fixed point."""

    first: int
    step: int
    limit: int  # pixels of the source

    def centres(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Of the pixels *start* to *stop*. Raises CodecError beyond what 16.16 holds, where pixman draws nothing."""
        ends = (self.first + (start - 1) * self.step, self.first + stop * self.step)
        in_pixels = start > -0x8000 and stop < 0x7FFF and self.limit < 0x7FFF
        if not in_pixels or not -(1 << 31) < min(ends) - _ONE <= max(ends) + _ONE < 1 << 31:
            raise CodecError("picture scaled beyond what 16.16 fixed point holds")
        return np.arange(start, stop, dtype=np.int64) * self.step + self.first


def axis(source_start: int, source_length: int, length: int, limit: int) -> Axis:
    """Of *source_length* pixels shown over *length* of the destination."""
    step = abs(source_length) * _ONE // length
    if source_length < 0:
        step = -step
    return Axis(source_start * _ONE + ((step + 1) >> 1), step, limit)


def scaled(pixels: Array, fmt: PixelFormat, area: Rect, dest: Rect, part: Box, mode: int) -> Array:
    """What *part* of the destination shows when *area* of the picture is drawn over *dest*.

    *fmt* is the format of both; XRGB comes out opaque where the picture is, and 0 around it.
    """
    x = axis(area.x, area.width, dest.width, pixels.shape[1]).centres(part[0] - dest.x, part[2] - dest.x)
    y = axis(area.y, area.height, dest.height, pixels.shape[0]).centres(part[1] - dest.y, part[3] - dest.y)
    return sample(pixels, fmt, x, y, mode)


def sample(pixels: Array, fmt: PixelFormat, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], mode: int) -> Array:
    """The picture at the columns *x* and rows *y*, centres in 16.16."""
    if mode == ImageScaleMode.NEAREST:
        if fmt is PixelFormat.XRGB:
            return nearest(pixels | OPAQUE, x, y)
        out = nearest(pixels, x, y)
        return out & np.uint16(0x7FFF) if fmt is PixelFormat.RGB555 else out
    if mode != ImageScaleMode.INTERPOLATE:
        raise CodecError(f"unknown scale mode {mode}")
    return from_argb(bilinear(pixels, fmt, x, y), fmt)


def nearest(pixels: Array, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> Array:
    """The pixels that hold the centres; 0 outside."""
    return _gather(pixels, (x - 1) >> 16, (y - 1) >> 16)


def bilinear(pixels: Array, fmt: PixelFormat, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> Words:
    """The four pixels around each centre, weighted; those outside are transparent black."""
    out = np.empty((len(y), len(x)), np.uint32)
    if _kernels.COMPILED:
        opaque = fmt is PixelFormat.XRGB
        words = whole_rows(pixels if opaque else to_argb(pixels, fmt))
        across = (int(x[0]) - _HALF, int(x[1] - x[0]) if len(x) > 1 else 0)
        down = (int(y[0]) - _HALF, int(y[1] - y[0]) if len(y) > 1 else 0)
        height, width = words.shape
        source = (view(words), words.strides[0] // 4, width, height)
        _kernels.bilinear(view(out), *source, *across, *down, len(x), len(y), opaque)
        return out if _LITTLE else out.byteswap()
    rows = max(1, _CHUNK // len(x))
    for at in range(0, len(y), rows):
        _interpolate(pixels, fmt, x - _HALF, y[at : at + rows] - _HALF, out[at : at + rows])
    return out


def _interpolate(
    pixels: Array, fmt: PixelFormat, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], out: Words
) -> None:
    left, top = x >> 16, y >> 16
    down = ((y >> 9) & 127).astype(np.uint16)[:, None, None]
    across = ((x >> 9) & 127).astype(np.uint32)[:, None]
    sides = []
    for columns in (left, left + 1):
        side = _channels(pixels, fmt, columns, top) * (128 - down)
        side += _channels(pixels, fmt, columns, top + 1) * down
        sides.append(side)
    total = sides[0] * (128 - across)
    total += sides[1] * across
    total >>= 14
    out[...] = total.astype(np.uint8).view(np.uint32)[:, :, 0]


def _channels(
    pixels: Array, fmt: PixelFormat, columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint16]:
    """Shape (rows, columns, 4): blue, green, red, alpha; 0 outside of the picture."""
    words = to_argb(_gather(pixels, columns, rows), fmt)
    if fmt is not PixelFormat.ARGB:
        height, width = pixels.shape
        words[:, (columns < 0) | (columns >= width)] = 0
        words[(rows < 0) | (rows >= height)] = 0
    return words.view(np.uint8).reshape(*words.shape, 4).astype(np.uint16)


def _gather(pixels: Array, columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Array:
    height, width = pixels.shape
    out = pixels.take(rows, axis=0, mode="clip").take(columns, axis=1, mode="clip")
    outside = (columns < 0) | (columns >= width)
    if outside.any():
        out[:, outside] = 0
    outside = (rows < 0) | (rows >= height)
    if outside.any():
        out[outside] = 0
    return out
