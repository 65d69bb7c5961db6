"""Cells by what they look like: four quarters with a colour each."""

from __future__ import annotations

from spicetui.term._kernels import BLOCKS
from spicetui.term.cells import CellPlane

from .terminal import Terminal

Look = tuple[str, str, str, str]
_MASKS = {block: mask for mask, block in enumerate(BLOCKS)}


def look(code: int, front: str, back: str) -> Look:
    mask = _MASKS[code]
    quarters = [front if mask & bit else back for bit in (1, 2, 4, 8)]
    return quarters[0], quarters[1], quarters[2], quarters[3]


def wanted(plane: CellPlane, x: int, y: int) -> Look:
    code, front, back = plane.wanted[y, x].tolist()
    return look(code, f"{front:06x}", f"{back:06x}")


def shown(terminal: Terminal, x: int, y: int) -> Look | None:
    """None: something else than a block character."""
    character, front, back = terminal.cell_at(x, y)
    return look(ord(character), front, back) if ord(character) in _MASKS else None


def mismatches(terminal: Terminal, plane: CellPlane, left: int = 0, top: int = 0) -> list[tuple[int, int]]:
    """The cells of the plane that the terminal shows otherwise."""
    columns, rows = plane.size
    return [
        (x, y) for y in range(rows) for x in range(columns) if wanted(plane, x, y) != shown(terminal, left + x, top + y)
    ]
