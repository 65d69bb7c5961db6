"""Raster operations against their definition bit by bit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from spicetui.canvas.draw_rop3 import ternary
from spicetui.canvas.rop import BRUSH_INPUT, DEST_INPUT, SRC_INPUT, Rop, apply, rop_of
from spicetui.wire.enums import Ropd

S, D = 0b1100, 0b1010  # all pairs of bits


def by_definition(descriptor: int, source: Ropd, dest: Ropd) -> int:
    s = S ^ (0xF if descriptor & source else 0)
    d = D ^ (0xF if descriptor & dest else 0)
    if descriptor & Ropd.OP_PUT:
        result = s
    elif descriptor & Ropd.OP_OR:
        result = s | d
    elif descriptor & Ropd.OP_AND:
        result = s & d
    elif descriptor & Ropd.OP_XOR:
        result = s ^ d
    elif descriptor & Ropd.OP_BLACKNESS:
        return 0
    elif descriptor & Ropd.OP_WHITENESS:
        return 0xF
    elif descriptor & Ropd.OP_INVERS:
        return D ^ 0xF
    else:
        return S
    return result ^ (0xF if descriptor & Ropd.INVERS_RES else 0)


@pytest.mark.parametrize(
    ("source", "dest"), [(SRC_INPUT, DEST_INPUT), (BRUSH_INPUT, DEST_INPUT), (BRUSH_INPUT, SRC_INPUT)]
)
def test_descriptors(source: Ropd, dest: Ropd) -> None:
    for descriptor in range(2048):
        assert rop_of(descriptor, source, dest) == by_definition(descriptor, source, dest), hex(descriptor)


@pytest.mark.parametrize("rop", list(Rop))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_operations(rop: Rop, dtype: type[np.unsignedinteger]) -> None:
    rng = np.random.default_rng(rop)
    high = np.iinfo(dtype).max
    s, d = (rng.integers(0, high, (7, 9), dtype, endpoint=True) for _ in range(2))
    expected = np.zeros_like(d)
    for (a, b), bit in zip(product((0, 1), (0, 1)), range(4), strict=True):
        if rop >> bit & 1:
            expected |= (s if a else ~s) & (d if b else ~d)
    view = np.zeros((9, 12), dtype)[1:8, 2:11]
    view[...] = d
    apply(rop, view, s)
    assert np.array_equal(view, expected)
    view[...] = d
    apply(rop, view, s[3, 4])
    expected = np.zeros_like(d)
    for (a, b), bit in zip(product((0, 1), (0, 1)), range(4), strict=True):
        if rop >> bit & 1:
            expected |= (s[3, 4] if a else ~s[3, 4]) & (d if b else ~d)
    assert np.array_equal(view, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_all_ternary_operations(dtype: type[np.unsignedinteger]) -> None:
    rng = np.random.default_rng(3)
    high = np.iinfo(dtype).max
    p, s, d = (rng.integers(0, high, (5, 8), dtype, endpoint=True) for _ in range(3))
    for code in range(256):
        for pattern in (p, p[2, 2]):
            expected = np.zeros_like(d)
            for bit in range(8):
                if code >> bit & 1:
                    expected |= (pattern if bit & 4 else ~pattern) & (s if bit & 2 else ~s) & (d if bit & 1 else ~d)
            assert np.array_equal(ternary(code, np.asarray(pattern), s, d), expected), hex(code)
