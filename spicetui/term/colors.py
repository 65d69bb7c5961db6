"""How many colours a terminal is sent, and what becomes of the others; which characters stand for which tones."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from . import blocks
from ._encoder import DEFAULT, INDEXED
from ._mosaics import TONES

Words = npt.NDArray[np.uint32]


class Colors(Enum):
    """What the terminal is sent."""

    TRUE = "true"
    PALETTE = "256"  #: the fixed part of the 256-colour palette
    ANSI16 = "16"  #: the standard colours, in front; the eight dark ones behind, as the Linux console has them
    GRAY = "gray"
    MONO = "mono"  #: no colours at all, light on dark


# As on the Linux console and on a VGA; every terminal has others, but all have these names.
_STANDARD = (
    *(0x000000, 0xAA0000, 0x00AA00, 0xAA5500, 0x0000AA, 0xAA00AA, 0x00AAAA, 0xAAAAAA),
    *(0x555555, 0xFF5555, 0x55FF55, 0xFFFF55, 0x5555FF, 0xFF55FF, 0x55FFFF, 0xFFFFFF),
)


def depth(words: Words, wanted: Colors) -> Words:
    """Colour words as the terminal is sent them."""
    if wanted in (Colors.PALETTE, Colors.ANSI16):
        numbers = palette() if wanted is Colors.PALETTE else standard()
        indexed: Words = numbers[words >> 9 & 0x7C00 | words >> 6 & 0x3E0 | words >> 3 & 0x1F] | np.uint32(INDEXED)
        return indexed
    if wanted is Colors.GRAY:
        return (luma(words) * 0x010101).astype(np.uint32)
    if wanted is Colors.MONO:
        return np.full_like(words, DEFAULT)
    return words


def luma(words: Words) -> Words:
    result: Words = (54 * (words >> 16 & 255) + 183 * (words >> 8 & 255) + 19 * (words & 255)) >> 8
    return result


def two_tones(cells: Words) -> None:
    """Makes cells, (…, 3) of character, foreground and background, light and dark: what is front shows light."""
    front, back = luma(cells[..., 1]) >= 128, luma(cells[..., 2]) >= 128
    codes = cells[..., 0]
    turned = _turned(codes)
    codes[:] = np.where(
        front & back, blocks.FULL, np.where(front, codes, np.where(back, turned, blocks.SPACE))
    )  # fmt: skip
    cells[..., 1:] = DEFAULT


def bright_in_front(cells: Words) -> None:
    """Makes cells of standard colours have dark backgrounds."""
    codes, front, back = cells[..., 0], cells[..., 1], cells[..., 2]
    bright = back & 8 != 0
    turned = _turned(codes)
    turn = bright & ((front & 8 == 0) | (codes == blocks.SPACE)) & (turned != blocks.SPACE)
    codes[turn] = turned[turn]
    front[turn], back[turn] = back[turn], front[turn]
    back &= np.uint32(~8 & 0xFFFFFFFF)


def _turned(codes: Words) -> Words:
    at = np.minimum(codes, len(_complements()) - 1)
    return np.where(codes == blocks.SPACE, np.uint32(blocks.FULL), _complements()[at])


@lru_cache(1)
def _complements() -> Words:
    """By character; space for those whose complement is a small part of the cell that not every font has."""
    table = np.full(max(blocks.complements()) + 1, blocks.SPACE, np.uint32)
    for code, other in blocks.complements().items():
        table[code] = other
    return table


@lru_cache(1)
def palette() -> npt.NDArray[np.uint16]:
    """By 15-bit colour: the nearest of the palette's numbers 16 … 255, a 6x6x6 cube and 24 grays."""
    colors = _fifteen_bits()
    levels = np.array((0, 95, 135, 175, 215, 255))
    steps = np.abs(colors[..., np.newaxis] - levels).argmin(axis=2)
    gray, distance = _nearest((8 + 10 * np.arange(24))[:, np.newaxis].repeat(3, axis=1))
    closer = distance < ((colors - levels[steps]) ** 2 * _WEIGHTS).sum(axis=1)
    cube: npt.NDArray[np.int_] = steps @ (36, 6, 1)
    return np.where(closer, 232 + gray, 16 + cube).astype(np.uint16)


@lru_cache(1)
def standard() -> npt.NDArray[np.uint16]:
    """By 15-bit colour: the nearest of the 16 standard ones."""
    known = np.array([(word >> 16, word >> 8 & 255, word & 255) for word in _STANDARD])
    return _nearest(known)[0].astype(np.uint16)


_WEIGHTS = np.array((2, 4, 3))


def _fifteen_bits() -> npt.NDArray[np.int_]:
    number = np.arange(1 << 15)
    five = np.stack((number >> 10, number >> 5 & 31, number & 31), axis=-1)
    return five << 3 | five >> 2


def _nearest(known: npt.NDArray[np.int_]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """By 15-bit colour: which of some is the nearest, and its distance."""
    colors = _fifteen_bits()
    best = np.zeros(len(colors), np.int_)
    least = np.full(len(colors), 1 << 30)
    for index, other in enumerate(known):
        distance = ((colors - other) ** 2 * _WEIGHTS).sum(axis=1)
        best[distance < least] = index
        least = np.minimum(least, distance)
    return best, least


@lru_cache(1)
def characters() -> tuple[memoryview, memoryview]:
    """The printable character for each brightness of a cell, and for each 2x3 of TONES tones.

    Whole numbers only, so that every machine chooses the same.
    """
    covered = np.minimum(
        np.frombuffer(blocks.COVERAGE, np.uint8).reshape(-1, 6).astype(np.int32) * 255 // blocks.COVERED, 255
    )
    known = np.frombuffer(blocks.EVEN, np.uint8)
    weights = covered.sum(axis=1)[known - blocks.FIRST_GLYPH]
    levels = np.arange(256)[:, np.newaxis] * weights.max() // 255
    even = known[np.abs(levels - weights).argmin(axis=1)]
    number = np.arange(TONES**6)
    tones = [number // TONES**part % TONES * 255 // (TONES - 1) for part in range(6)]
    best = np.zeros(len(number), np.uint8)
    least = np.full(len(number), 1 << 30)
    for index, parts in enumerate(covered.tolist()):
        distance = sum((tone - part) ** 2 for tone, part in zip(tones, parts, strict=True))
        best[distance < least] = index
        least = np.minimum(least, distance)
    return even.data, (best + np.uint8(blocks.FIRST_GLYPH)).data
