"""Cells by what they look like: two columns of twelve parts with a colour each, or a character."""

from __future__ import annotations

from functools import lru_cache

from pyte import graphics

from spicetui.term import blocks
from spicetui.term.cells import DEFAULT, INDEXED, CellPlane

from .terminal import Terminal

Look = tuple[str, ...]
_PARTS = {
    code: [mask >> (row * down // 12 * 2 + column) & 1 for row in range(12) for column in range(2)]
    for table, down in ((blocks.OCTANTS, 4), (blocks.SEXTANTS, 3), (blocks.QUADRANTS, 2))
    for mask, code in enumerate(table)
    if code
}


@lru_cache(1 << 14)
def look(code: int, front: str, back: str) -> Look:
    parts = _PARTS.get(code)
    if parts is None:
        return chr(code), front, back
    return tuple(front if part else back for part in parts)


def color_name(word: int) -> str:
    """A colour as the terminal has it."""
    if word & DEFAULT:
        return "default"
    if word & INDEXED:
        number = word & 255
        if number < 16:
            names = graphics.FG_ANSI if number < 8 else graphics.FG_AIXTERM
            return names[30 + number if number < 8 else 82 + number]
        name: str = graphics.FG_BG_256[number]
        return name
    return f"{word:06x}"


def mismatches(terminal: Terminal, plane: CellPlane, left: int = 0, top: int = 0) -> list[tuple[int, int]]:
    """The cells of the plane that the terminal shows otherwise."""
    wrong = []
    with terminal.lock:
        for y, row in enumerate(plane.wanted.tolist()):
            line = terminal.screen.buffer[top + y]
            for x, (code, front, back) in enumerate(row):
                cell = line[left + x]
                number = ord(cell.data) if len(cell.data) == 1 else -1  # half of a wide character
                shown = look(number, cell.fg, cell.bg.replace("bfight", "bright")) if number >= 0 else ()  # sic
                if look(code, color_name(front), color_name(back)) != shown:
                    wrong.append((x, y))
    return wrong
