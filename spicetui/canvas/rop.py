"""Raster operations: from a descriptor with its inversions to one of the sixteen functions of two operands."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np

from ..codecs.pixmap import Array
from ..wire.enums import Ropd


class Rop(IntEnum):
    """A truth table: bit 0 is the result for s=0 d=0, bit 1 for s=0 d=1, bit 2 for s=1 d=0, bit 3 for s=1 d=1."""

    CLEAR = 0b0000
    NOR = 0b0001
    AND_INVERTED = 0b0010
    COPY_INVERTED = 0b0011
    AND_REVERSE = 0b0100
    INVERT = 0b0101
    XOR = 0b0110
    NAND = 0b0111
    AND = 0b1000
    EQUIV = 0b1001
    NOOP = 0b1010
    OR_INVERTED = 0b1011
    COPY = 0b1100
    OR_REVERSE = 0b1101
    OR = 0b1110
    SET = 0b1111


SRC_INPUT, BRUSH_INPUT, DEST_INPUT = Ropd.INVERS_SRC, Ropd.INVERS_BRUSH, Ropd.INVERS_DEST


@lru_cache(1024)
def rop_of(descriptor: int, source: Ropd = SRC_INPUT, dest: Ropd = DEST_INPUT) -> Rop:
    """The operation that a descriptor names; *source* and *dest* say which of its operands are meant.

    Of several operation bits the first counts, in the order PUT, OR, AND, XOR, BLACKNESS, WHITENESS, INVERS; without
    any it is a copy that nothing inverts.
    """
    bit, table = next(((bit, table) for bit, table in _TABLES if descriptor & bit), (0, 0b1100))
    if not bit:
        return Rop.COPY
    if bit >= Ropd.OP_BLACKNESS:
        return Rop(table)
    if descriptor & source:
        table = (table & 0b0011) << 2 | table >> 2
    if descriptor & dest and bit != Ropd.OP_PUT:
        table = (table & 0b0101) << 1 | (table & 0b1010) >> 1
    if descriptor & Ropd.INVERS_RES:
        table ^= 0b1111
    return Rop(table)


_TABLES = (
    (int(Ropd.OP_PUT), 0b1100),
    (int(Ropd.OP_OR), 0b1110),
    (int(Ropd.OP_AND), 0b1000),
    (int(Ropd.OP_XOR), 0b0110),
    (int(Ropd.OP_BLACKNESS), 0b0000),
    (int(Ropd.OP_WHITENESS), 0b1111),
    (int(Ropd.OP_INVERS), 0b0101),
)


def apply(rop: Rop, dest: Array, source: Any) -> None:
    """Combines *source* (an array, or a scalar of the same dtype) into *dest*, a view of a surface."""
    _FUNCTIONS[rop](dest, source)


def _fill(value: int) -> Callable[[Array, Any], None]:
    def fill(d: Array, s: Any) -> None:
        d[...] = d.dtype.type(0) if not value else ~d.dtype.type(0)

    return fill


def _copy(d: Array, s: Any) -> None:
    d[...] = s


def _noop(d: Array, s: Any) -> None:
    pass


_FUNCTIONS: dict[Rop, Callable[[Any, Any], Any]] = {
    Rop.CLEAR: _fill(0),
    Rop.NOR: lambda d, s: np.invert(np.bitwise_or(d, s, out=d), out=d),
    Rop.AND_INVERTED: lambda d, s: np.bitwise_and(d, ~s, out=d),
    Rop.COPY_INVERTED: lambda d, s: np.copyto(d, ~s),
    Rop.AND_REVERSE: lambda d, s: np.bitwise_and(np.invert(d, out=d), s, out=d),
    Rop.INVERT: lambda d, s: np.invert(d, out=d),
    Rop.XOR: lambda d, s: np.bitwise_xor(d, s, out=d),
    Rop.NAND: lambda d, s: np.invert(np.bitwise_and(d, s, out=d), out=d),
    Rop.AND: lambda d, s: np.bitwise_and(d, s, out=d),
    Rop.EQUIV: lambda d, s: np.invert(np.bitwise_xor(d, s, out=d), out=d),
    Rop.NOOP: _noop,
    Rop.OR_INVERTED: lambda d, s: np.bitwise_or(d, ~s, out=d),
    Rop.COPY: _copy,
    Rop.OR_REVERSE: lambda d, s: np.bitwise_or(np.invert(d, out=d), s, out=d),
    Rop.OR: lambda d, s: np.bitwise_or(d, s, out=d),
    Rop.SET: _fill(1),
}
