"""Planes of YUV, eight bits each, to BGRX as GStreamer converts them, which the reference client's video goes through.

Whole chroma and chroma halved both ways are equal for each of the 2^24 triples, both ranges and every matrix; chroma
halved in width only, which no server's encoder makes, is repeated here and interpolated there.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from . import _yuv

Bgrx = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.uint8]


class Matrix(NamedTuple):
    """The weights of red and blue in luma."""

    red: float
    blue: float


BT601 = Matrix(0.299, 0.114)
BT709 = Matrix(0.2126, 0.0722)
FCC = Matrix(0.30, 0.11)
SMPTE240M = Matrix(0.212, 0.087)
BT2020 = Matrix(0.2627, 0.0593)


@cache
def factors(matrix: Matrix, full_range: bool) -> tuple[int, int, int, int, int]:
    """In 1/256: luma to all, V to red, U to blue, U to green, V to green."""
    green = 1 - matrix.red - matrix.blue
    luma, chroma = (256.0, 256.0) if full_range else (256 * 255 / 219, 256 * 255 / 224)
    to_red, to_blue = 2 * (1 - matrix.red) * chroma, 2 * (1 - matrix.blue) * chroma
    exact = (luma, to_red, to_blue, -to_blue * matrix.blue / green, -to_red * matrix.red / green)
    return tuple(round(factor) for factor in exact)  # type: ignore[return-value]


def to_bgrx(planes: tuple[Samples, Samples, Samples], matrix: Matrix, full_range: bool) -> Bgrx:
    """Y, U and V, each (rows, columns) with contiguous columns; chroma whole, or halved (rounded up) either way.

    Pixels (H, W, 4), the fourth byte 255.
    """
    luma, u, v = planes
    height, width = luma.shape
    halved = (u.shape[1] != width, u.shape[0] != height)
    expected = (-(-height // 2) if halved[1] else height, -(-width // 2) if halved[0] else width)
    if u.shape != expected or v.shape != expected:
        raise ValueError(f"chroma of {u.shape} and {v.shape} for luma of {luma.shape}")
    if not _yuv.COMPILED:
        return _with_numpy(planes, halved, factors(matrix, full_range))
    out = np.empty((height, width, 4), np.uint8)
    _yuv.to_bgrx(
        (_bytes(luma), _bytes(u), _bytes(v)),
        (luma.strides[0], u.strides[0], v.strides[0]),
        out.data.cast("B"),
        memoryview(bytearray(5 * width)),
        width,
        height,
        halved,
        factors(matrix, full_range),
    )
    return out


def _bytes(plane: Samples) -> memoryview:
    """From the first sample to the last, the padding of the rows included."""
    rows, columns = plane.shape
    if plane.strides[1] != 1 or plane.strides[0] < columns:
        raise ValueError("the samples of a row are not side by side")
    return as_strided(plane, ((rows - 1) * plane.strides[0] + columns,), (1,)).data


def _with_numpy(
    planes: tuple[Samples, Samples, Samples], halved: tuple[bool, bool], by: tuple[int, int, int, int, int]
) -> Bgrx:
    luma, u, v = planes
    height, width = luma.shape
    samples = np.arange(256)
    spread = (samples - 128) * 256 + (samples ^ 128)
    y, v_red, u_blue, u_green, v_green = (((spread * factor) >> 16).astype(np.int16) for factor in by)
    if halved[1]:
        u, v = (plane.repeat(2, axis=0)[:height] for plane in (u, v))
    if halved[0]:
        u, v = (plane.repeat(2, axis=1)[:, :width] for plane in (u, v))
    bright = y[luma]
    out = np.empty((height, width, 4), np.uint8)
    for channel, chroma in ((0, u_blue[u]), (1, u_green[u] + v_green[v]), (2, v_red[v])):
        chroma += bright
        out[:, :, channel] = np.clip(chroma, -128, 127, out=chroma) + 128
    out[:, :, 3] = 255
    return out
