"""Porter-Duff operators on premultiplied ARGB with eight bits, rounded as pixman rounds."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import PixelFormat, view, whole_rows
from . import _kernels
from .convert import Words, stored, to_argb
from .paint import put
from .region import Box, Mask
from .rop import Rop
from .surface import Surface

Channels = npt.NDArray[np.uint16]  # shape (H, W, 4)


class Operator(IntEnum):
    """pixman's numbers."""

    CLEAR = 0
    SRC = 1
    DST = 2
    OVER = 3
    OVER_REVERSE = 4
    IN = 5
    IN_REVERSE = 6
    OUT = 7
    OUT_REVERSE = 8
    ATOP = 9
    ATOP_REVERSE = 10
    XOR = 11
    ADD = 12


class Factor(IntEnum):
    """What one operand is multiplied with: nothing, all, or the other one's alpha or its complement."""

    ZERO = 0
    ONE = 1
    ALPHA = 2
    REST = 3


#: The factors of the source (of the destination's alpha) and of the destination (of the source's).
FACTORS: dict[Operator, tuple[Factor, Factor]] = {
    Operator.CLEAR: (Factor.ZERO, Factor.ZERO),
    Operator.SRC: (Factor.ONE, Factor.ZERO),
    Operator.DST: (Factor.ZERO, Factor.ONE),
    Operator.OVER: (Factor.ONE, Factor.REST),
    Operator.OVER_REVERSE: (Factor.REST, Factor.ONE),
    Operator.IN: (Factor.ALPHA, Factor.ZERO),
    Operator.IN_REVERSE: (Factor.ZERO, Factor.ALPHA),
    Operator.OUT: (Factor.REST, Factor.ZERO),
    Operator.OUT_REVERSE: (Factor.ZERO, Factor.REST),
    Operator.ATOP: (Factor.ALPHA, Factor.REST),
    Operator.ATOP_REVERSE: (Factor.REST, Factor.ALPHA),
    Operator.XOR: (Factor.REST, Factor.REST),
    Operator.ADD: (Factor.ONE, Factor.ONE),
}


def combine(op: Operator, source: Words, mask: Words | None, dest: Words, component: bool = False) -> Words:
    """The new pixels of *dest*.

    *mask* scales the source by its alpha, or with *component* each channel by its own; it may be broadcast.
    """
    s, d = channels(source), channels(dest)
    alpha = s[:, :, 3:]
    if mask is not None:
        m = channels(np.broadcast_to(mask, source.shape))
        if component:
            alpha = times(m, alpha)
        else:
            m = m[:, :, 3:]
            alpha = times(alpha, m)
        s = times(s, m)
    of_source, of_dest = FACTORS[op]
    left, right = _scaled(s, of_source, d[:, :, 3:]), _scaled(d, of_dest, alpha)
    if left is None or right is None:
        total = left if left is not None else right
        return words(total) if total is not None else np.zeros(dest.shape, np.uint32)
    return words(np.minimum(left + right, 255))


def compose(
    surface: Surface,
    box: Box,
    where: Mask | None,
    op: Operator,
    source: Words,
    mask: Words | None,
    target: PixelFormat,
    component: bool = False,
) -> None:
    """Combines into *box* of a surface that is taken for *target*.

    *source* and *mask* have the size of the box, or one pixel that stands for all; they are not the surface's own.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    if _kernels.COMPILED and where is None and (target is PixelFormat.XRGB or target is PixelFormat.ARGB):
        of_source, of_dest = FACTORS[op]
        _kernels.combine(
            view(surface.data),
            y1 * surface.width + x1,
            surface.width,
            *plane(source),
            *(plane(mask) if mask is not None else _NO_PLANE),
            (width, height),
            (of_source, of_dest),
            component,
            target is PixelFormat.XRGB,
        )
        return
    dest = to_argb(surface.data[y1:y2, x1:x2], target)
    result = stored(combine(op, np.broadcast_to(source, (height, width)), mask, dest, component), target)
    put(surface, box, where, result, Rop.COPY)


_NO_PLANE: tuple[memoryview | None, int, int] = (None, 0, 0)


def plane(pixels: Words) -> tuple[memoryview, int, int]:
    """For a kernel: the pixels, and how many lie between rows and columns; one pixel stands for all."""
    single = pixels.size == 1
    pixels = whole_rows(pixels)
    return (view(pixels), 0, 0) if single else (view(pixels), pixels.strides[0] // 4, 1)


def _scaled(value: Channels, factor: Factor, alpha: Channels) -> Channels | None:
    if factor is Factor.ZERO:
        return None
    if factor is Factor.ONE:
        return value
    return times(value, alpha if factor is Factor.ALPHA else 255 - alpha)


def times(a: Channels, b: Channels) -> Channels:
    """a * b / 255, rounded to nearest."""
    product = a * b
    product += 128
    product += product >> 8
    product >>= 8
    return product


def channels(pixels: Words) -> Channels:
    """Blue, green, red and alpha of words (H, W)."""
    pixels = np.ascontiguousarray(pixels)
    return pixels.view(np.uint8).reshape(*pixels.shape, 4).astype(np.uint16)


def words(value: Channels) -> Words:
    packed = value.astype(np.uint8).view(np.uint32)
    result: Words = packed[:, :, 0]
    return result
