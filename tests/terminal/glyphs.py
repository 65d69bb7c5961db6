"""Characters as pixels: block elements, sextants and octants as Unicode draws them, any other as a mark of its own.

Sources: the code charts U+2580 (Block Elements), U+1FB00 (Symbols for Legacy Computing) and U+1CC00 (its Supplement,
Unicode 16).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Coverage = npt.NDArray[np.uint8]

_QUADRANTS = {
    "▘": "1", "▝": "2", "▖": "3", "▗": "4", "▀": "12", "▄": "34", "▌": "13", "▐": "24",
    "▞": "23", "▚": "14", "▛": "123", "▜": "124", "▙": "134", "▟": "234", "█": "1234",
}  # fmt: skip
_SHADES = {"░": 64, "▒": 128, "▓": 191}
# Octants that had characters before: parts are numbered 1 2 / 3 4 / 5 6 / 7 8 from the top.
_OLD_OCTANTS = {
    "12": "\U0001fb82", "78": "▂", "123456": "\U0001fb85", "345678": "▆", "35": "\U0001fbe6", "46": "\U0001fbe7",
    "1": "\U0001cea8", "2": "\U0001ceab", "7": "\U0001cea3", "8": "\U0001cea0",
}  # fmt: skip


def _octants() -> dict[str, str]:
    """The parts of each of the 230 octants: in binary order, without those that other blocks show."""
    quadrant = {"1": "13", "2": "24", "3": "57", "4": "68"}
    taken = {"", *_OLD_OCTANTS} | {
        "".join(sorted("".join(quadrant[q] for q in parts))) for parts in _QUADRANTS.values()
    }
    every = ("".join(str(bit + 1) for bit in range(8) if pattern >> bit & 1) for pattern in range(256))
    new = [parts for parts in every if parts not in taken]
    assert len(new) == 230
    return {chr(0x1CD00 + number): parts for number, parts in enumerate(new)}


OCTANTS = _octants() | {character: parts for parts, character in _OLD_OCTANTS.items()}


def _parts(columns: int, rows: int, parts: str, width: int, height: int) -> Coverage:
    """The numbered parts of a cell, edges rounded to pixels."""
    result = np.zeros((height, width), np.uint8)
    xs = [round(width * i / columns) for i in range(columns + 1)]
    ys = [round(height * i / rows) for i in range(rows + 1)]
    for part in parts:
        row, column = divmod(int(part) - 1, columns)
        result[ys[row] : ys[row + 1], xs[column] : xs[column + 1]] = 255
    return result


@lru_cache(1 << 12)
def coverage(character: str, width: int, height: int) -> Coverage | None:
    """How much of each pixel the foreground takes; None for a blank."""
    first = character[:1]
    if first in ("", " ", "\xa0", "\u2800", "\U0010eeee"):
        return None
    if first in _QUADRANTS:
        return _parts(2, 2, _QUADRANTS[first], width, height)
    if first in _SHADES:
        return np.full((height, width), _SHADES[first], np.uint8)
    if first in OCTANTS:
        return _parts(2, 4, OCTANTS[first], width, height)
    code = ord(first)
    if 0x1FB00 <= code <= 0x1FB3B:
        return _parts(2, 3, unicodedata.name(first).rpartition("-")[2], width, height)
    if 0x2581 <= code <= 0x2587:
        return _parts(1, 8, "87654321"[: code - 0x2580], width, height)
    if 0x2589 <= code <= 0x258F:
        return _parts(8, 1, "12345678"[: 0x2590 - code], width, height)
    if first in "▔▕":
        return _parts(1, 8, "1", width, height) if first == "▔" else _parts(8, 1, "8", width, height)
    return _mark(character, width, height)


def _mark(character: str, width: int, height: int) -> Coverage:
    """No glyph, but something that differs from character to character."""
    result = np.zeros((height, width), np.uint8)
    inner = result[height // 4 : height - height // 4, width // 8 : width - width // 8]
    inner[:] = 160
    bits = sum(ord(part) * 31**place for place, part in enumerate(character))
    for number in range(12):
        if bits >> number & 1:
            row, column = divmod(number, 3)
            inner[row * 2 : row * 2 + 2, column * 2 : column * 2 + 2] = 255
    return result
