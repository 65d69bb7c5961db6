"""Cells that show a part of an image of the kitty protocol: U+10EEEE with the image's number as its colour.

Combining characters say which part: row, column, and the number's highest byte.  A cell without them goes on from
the one at its left.  The terminal's text then carries the picture, whatever moves or covers it.
"""

from __future__ import annotations

from functools import lru_cache

PLACEHOLDER = "\U0010eeee"

# By number, the combining characters that stand for it: the protocol's table, as hexadecimal code points; "-" joins
# the first and the last of a range.
_TABLE = """
305 30D-30E 310 312 33D-33F 346 34A-34C 350-352 357 35B 363-36F 483-487 592-595 597-599 59C-5A1 5A8-5A9 5AB-5AC 5AF
5C4 610-617 657-65B 65D-65E 6D6-6DC 6DF-6E2 6E4 6E7-6E8 6EB-6EC 730 732-733 735-736 73A 73D 73F-741 743 745 747
749-74A 7EB-7F1 7F3 816-819 81B-823 825-827 829-82D 951 953-954 F82-F83 F86-F87 135D-135F 17DD 193A 1A17 1A75-1A7C
1B6B 1B6D-1B73 1CD0-1CD2 1CDA-1CDB 1CE0 1DC0-1DC1 1DC3-1DC9 1DCB-1DCC 1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC
20E1 20E7 20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C-A67D A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF AAC1
FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD 1D242-1D244
"""


def _read(table: str) -> tuple[str, ...]:
    result: list[str] = []
    for entry in table.split():
        first, _, last = entry.partition("-")
        result += map(chr, range(int(first, 16), int(last or first, 16) + 1))
    return tuple(result)


DIACRITICS = _read(_TABLE)
MAX_CELLS = 256  #: an image's rows and columns; there are a few more diacritics than bytes


@lru_cache(4096)
def placeholders(image: int, row: int, column: int, count: int) -> str:
    """*count* cells of an image's *row*, from *column* on; the pen is plain before and after.

    *image* is the whole 32-bit number.  Raises IndexError for a place that has no diacritic.
    """
    if count <= 0:
        return ""
    mark = DIACRITICS[row] + DIACRITICS[column] + (DIACRITICS[image >> 24] if image >> 24 else "")
    color = f"\x1b[38;2;{image >> 16 & 255};{image >> 8 & 255};{image & 255}m"
    return f"{color}{PLACEHOLDER}{mark}{PLACEHOLDER * (count - 1)}\x1b[m"
