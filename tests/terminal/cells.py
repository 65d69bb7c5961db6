"""Cells by what they look like: four quarters with a colour each."""

from __future__ import annotations

from functools import lru_cache

from spicetui.term._kernels import BLOCKS
from spicetui.term.cells import CellPlane

from .terminal import Terminal

Look = tuple[str, str, str, str]
_MASKS = {block: mask for mask, block in enumerate(BLOCKS)}


@lru_cache(1 << 14)
def look(code: int, front: str, back: str) -> Look:
    mask = _MASKS[code]
    quarters = [front if mask & bit else back for bit in (1, 2, 4, 8)]
    return quarters[0], quarters[1], quarters[2], quarters[3]


def mismatches(terminal: Terminal, plane: CellPlane, left: int = 0, top: int = 0) -> list[tuple[int, int]]:
    """The cells of the plane that the terminal shows otherwise."""
    wrong = []
    with terminal.lock:
        for y, row in enumerate(plane.wanted.tolist()):
            line = terminal.screen.buffer[top + y]
            for x, (code, front, back) in enumerate(row):
                cell = line[left + x]
                number = ord(cell.data) if len(cell.data) == 1 else -1  # half of a wide character
                if number not in _MASKS or look(code, f"{front:06x}", f"{back:06x}") != look(number, cell.fg, cell.bg):
                    wrong.append((x, y))
    return wrong
