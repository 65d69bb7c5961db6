"""Which character a glyph is: tables of hashes, one for each size of a cell (glyphs.bin, made by make_glyphs.py).

A glyph's hash is the sum of two random words for each pixel that is set: 64 bits, and linear.  So a glyph drawn
inverse, without some of its rows, or in a wider cell, has a hash that follows by addition.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import Size

FILE = Path(__file__).with_name("glyphs.bin")
MAGIC = b"glyphs 1"
WIDEST = HIGHEST = 32  #: pixels of a glyph
SPACE = 0x20
WHOLE, UNDER_CURSOR = 0, 1

_SECTION = struct.Struct("<BBHI")
_LOW = 0xFFFFFFFF

Words = npt.NDArray[np.uint32]


class GlyphTable(NamedTuple):
    """Open addressing: the two words of a hash and ``character | rank << 24``, which is 0 in a free slot."""

    slots: Words  #: (2**n, 3); the first word says where to begin
    totals: tuple[int, int]  #: the hash of a cell whose pixels are all set

    def find(self, key: int) -> int:
        """``character | rank << 24`` of a hash, 0 for none."""
        mask = len(self.slots) - 1
        at = key & mask
        while (entry := int(self.slots[at, 2])) and (int(self.slots[at, 0]) | int(self.slots[at, 1]) << 32) != key:
            at = (at + 1) & mask
        return entry

    def inverse(self, key: int) -> int:
        """The hash of a glyph with its set pixels and the others exchanged."""
        return (self.totals[0] - key & _LOW) | (self.totals[1] - (key >> 32) & _LOW) << 32


@cache
def weights() -> Words:
    """(2, HIGHEST, WIDEST): the words of each pixel, by Steele, Lea and Flood's SplitMix64."""
    state = np.arange(1, HIGHEST * WIDEST + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    halves = np.stack((state & np.uint64(_LOW), state >> np.uint64(32))).astype(np.uint32)
    return halves.reshape(2, HIGHEST, WIDEST)


def bitmap_hash(bits: npt.NDArray[np.bool_]) -> int:
    """Of (height, width) pixels."""
    height, width = bits.shape
    sums = weights()[:, :height, :width][:, bits].sum(axis=1, dtype=np.uint64)
    return (int(sums[0]) & _LOW) | (int(sums[1]) & _LOW) << 32


def rank(code: int) -> int:
    """The smaller one is what a glyph stands for: ASCII, box drawing, Latin, the rest; last what is drawn inverse."""
    if code in (0x25D8, 0x25D9):
        return 8
    for number, (first, last) in enumerate(
        ((0x21, 0x7E), (0x2500, 0x257F), (0xA1, 0xFF), (0x2580, 0x259F), (0x100, 0x24F), (0x370, 0x52F))
    ):
        if first <= code <= last:
            return number
    return 7


Hashes = Mapping[tuple[int, int], Mapping[int, int]]


def pack(whole: Hashes, under_cursor: Hashes) -> bytes:
    """The file: sections of sorted hashes, their characters and the characters' ranks."""
    parts = [MAGIC]
    for kind, tables in ((WHOLE, whole), (UNDER_CURSOR, under_cursor)):
        for (width, height), table in sorted(tables.items()):
            keys = sorted(table)
            parts.append(_SECTION.pack(width, height, kind, len(keys)))
            parts.append(np.array(keys, "<u8").tobytes())
            parts.append(np.array([table[key] for key in keys], "<u2").tobytes())
            parts.append(bytes(rank(table[key]) for key in keys))
    return b"".join(parts)


@cache
def _sections() -> dict[tuple[int, int, int], tuple[int, int]]:
    """Where in the file a size's hashes begin, and how many there are."""
    data = _data()
    if not data.startswith(MAGIC):
        raise ValueError(f"{FILE.name} is not a table of glyphs")
    found = {}
    place = len(MAGIC)
    while place < len(data):
        width, height, kind, count = _SECTION.unpack_from(data, place)
        place += _SECTION.size
        found[width, height, kind] = (place, count)
        place += 11 * count
    return found


@cache
def _data() -> bytes:
    return FILE.read_bytes()


@cache
def sizes() -> frozenset[Size]:
    """Of the cells that there are glyphs for."""
    return frozenset(Size(width, height) for width, height, kind in _sections() if kind == WHOLE)


def _entries(width: int, height: int, kind: int) -> Words:
    """(n, 3): what a table's slots hold.  Nine columns have all glyphs of eight, and those whose edge is repeated."""
    place, count = _sections()[width, height, kind]
    keys = np.frombuffer(_data(), "<u8", count, place)
    codes = np.frombuffer(_data(), "<u2", count, place + 8 * count).astype(np.uint32)
    ranks = np.frombuffer(_data(), "u1", count, place + 10 * count).astype(np.uint32)
    entries = np.stack((keys & np.uint64(_LOW), keys >> np.uint64(32), codes | ranks << 24), axis=1).astype(np.uint32)
    return np.concatenate((_entries(8, height, kind), entries)) if width == 9 else entries


@cache
def table(cell: Size, kind: int = WHOLE) -> GlyphTable:
    """Raises KeyError where there are no glyphs of that size."""
    return build(cell, _entries(cell.width, cell.height, kind))


def build(cell: Size, entries: Words) -> GlyphTable:
    """Of entries (n, 3) as the slots hold them."""
    count = len(entries)
    slots = np.zeros((1 << (2 * count).bit_length(), 3), np.uint32)
    mask = np.uint32(len(slots) - 1)
    waiting = np.arange(count)
    step = np.uint32(0)
    while len(waiting):
        places = (entries[waiting, 0] + step) & mask
        free = np.flatnonzero(slots[places, 2] == 0)
        _, first = np.unique(places[free], return_index=True)
        put = free[first]
        slots[places[put]] = entries[waiting[put]]
        waiting = np.delete(waiting, put)
        step += np.uint32(1)
    sums = weights()[:, : cell.height, : cell.width].sum(axis=(1, 2), dtype=np.uint64)
    return GlyphTable(slots, (int(sums[0]) & _LOW, int(sums[1]) & _LOW))
