"""Few rectangles that cover the cells which are to be sent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..geometry import Rect

Cells = npt.NDArray[np.bool_]

_GAP = 4  # unmarked cells between two marked ones of a row, which are worth less than another rectangle
_SPARE = 16  # unmarked cells that a rectangle may have, ...
_SHARE = 8  # or one of so many of its cells
_MOST_PAIRS = 64  # rectangles up to which every two of them are tried


def cover(marked: Cells, allowed: Cells) -> list[Rect]:
    """Covers all cells that are *marked* with rectangles of *allowed* cells; both are (rows, columns).

    Marked cells are allowed ones.  Rectangles do not overlap; a few unmarked cells are taken where that saves
    rectangles.
    """
    rows = np.flatnonzero(marked.any(axis=1))
    if not rows.size:
        return []
    columns = np.flatnonzero(marked.any(axis=0))
    box = Rect.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    inside, free = marked[box.slices()], allowed[box.slices()]
    if box.area - int(np.count_nonzero(inside)) <= _waste(box) and free.all():
        return [box]
    rects = _stacked(inside | _gaps(inside) & free)
    if len(rects) <= _MOST_PAIRS:
        rects = _joined(rects, free)
    return [Rect(rect.x + box.x, rect.y + box.y, rect.width, rect.height) for rect in rects]


def _waste(rect: Rect) -> int:
    return max(_SPARE, rect.area // _SHARE)


def _gaps(marked: Cells) -> Cells:
    """Unmarked cells with marked ones near on both sides of their row."""
    before, after = np.zeros_like(marked), np.zeros_like(marked)
    for step in range(1, _GAP + 1):
        before[:, step:] |= marked[:, :-step]
        after[:, :-step] |= marked[:, step:]
    result: Cells = before & after & ~marked
    return result


def _stacked(marked: Cells) -> list[Rect]:
    """The runs of each row, those of the same columns in one."""
    rows, columns = marked.shape
    framed = np.zeros((rows, columns + 2), np.int8)
    framed[:, 1:-1] = marked
    edges = np.diff(framed, axis=1)
    ys, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    done: list[Rect] = []
    growing: dict[tuple[int, int], Rect] = {}
    for y, x0, x1 in zip(ys.tolist(), starts.tolist(), ends.tolist(), strict=True):
        rect = growing.get((x0, x1))
        if rect is not None and rect.bottom == y:
            growing[x0, x1] = Rect(x0, rect.y, x1 - x0, rect.height + 1)
        else:
            if rect is not None:
                done.append(rect)
            growing[x0, x1] = Rect(x0, y, x1 - x0, 1)
    return [*done, *growing.values()]


def _joined(rects: list[Rect], free: Cells) -> list[Rect]:
    """Joins what lies close together."""
    index = 0
    while index < len(rects):
        rect = rects[index]
        for other in rects[index + 1 :]:
            both = Rect.from_edges(
                min(rect.x, other.x),
                min(rect.y, other.y),
                max(rect.right, other.right),
                max(rect.bottom, other.bottom),
            )
            within = [one for one in rects if not one.intersect(both).empty]
            if any(not both.contains(one) for one in within):
                continue  # it would overlap a third
            if both.area - sum(one.area for one in within) <= _waste(both) and free[both.slices()].all():
                rects = [both, *(one for one in rects if one not in within)]
                index = -1
                break
        index += 1
    return rects
