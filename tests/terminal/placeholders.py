"""Unicode placeholders: which part of which image a cell asks for (kitty graphics protocol, "Unicode placeholders")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pyte.screens import Char

from .screen import Ink, Screen

PLACEHOLDER = "\U0010eeee"

# Of Unicode 6.0: class 230, no decomposition, and not one that normalisation may fuse with another character.
_RANGES = """
0305 030D-030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595 0597-0599
059C-05A1 05A8-05A9 05AB-05AC 05AF 05C4 0610-0617 0657-065B 065D-065E 06D6-06DC 06DF-06E2 06E4 06E7-06E8 06EB-06EC
0730 0732-0733 0735-0736 073A 073D 073F-0741 0743 0745 0747 0749-074A 07EB-07F1 07F3 0816-0819 081B-0823 0825-0827
0829-082D 0951 0953-0954 0F82-0F83 0F86-0F87 135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B 1B6D-1B73 1CD0-1CD2 1CDA-1CDB
1CE0 1DC0-1DC1 1DC3-1DC9 1DCB-1DCC 1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC 20E1 20E7 20E9 20F0 2CEF-2CF1
2DE0-2DFF A66F A67C-A67D A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF AAC1 FE20-FE26 10A0F 10A38
1D185-1D189 1D1AA-1D1AD 1D242-1D244
"""


def _numbers() -> Iterator[str]:
    for word in _RANGES.split():
        first, _, last = word.partition("-")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            yield chr(code)


DIACRITICS = {character: number for number, character in enumerate(_numbers())}


class Wanted(NamedTuple):
    x: int
    y: int
    image: int
    placement: int
    row: int
    column: int


def _low_id(color: str) -> int:
    if isinstance(color, Ink) and color.number is not None:
        return color.number
    try:
        return int(color, 16)
    except ValueError:
        return 0


def wanted(screen: Screen) -> Iterator[Wanted]:
    """Every placeholder of the screen, with what it inherits from the one on its left."""
    for y in range(screen.lines):
        line = screen.buffer[y]
        left: tuple[Wanted, tuple[str, int]] | None = None
        for x in sorted(line):
            cell: Char = line[x]
            if not cell.data.startswith(PLACEHOLDER) or x >= screen.columns:
                left = None
                continue
            marks = [DIACRITICS.get(mark) for mark in cell.data[1:4]]
            row, column, high = [*marks, None, None, None][:3]
            under = getattr(cell.fg, "under", 0)
            ink = (f"{_low_id(cell.fg):06x}", under)
            if left is not None and left[0].x == x - 1 and left[1] == ink:
                before = left[0]
                if row is None:
                    row = before.row
                if row == before.row and column is None:
                    column = before.column + 1
                if row == before.row and column == before.column + 1 and high is None:
                    high = before.image >> 24
            found = Wanted(x, y, _low_id(cell.fg) | (high or 0) << 24, under, row or 0, column or 0)
            left = (found, ink)
            yield found
