"""Few rectangles that cover the cells which are to be sent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..geometry import Rect, bounding

Cells = npt.NDArray[np.bool_]

_GAP = 8  # unmarked cells between two marked ones of a row, which are worth less than another rectangle
_SPARE = 16  # unmarked cells that a rectangle may have
_MOST_PAIRS = 24  # rectangles up to which any two of them are tried


def cover(marked: Cells, allowed: Cells) -> list[Rect]:
    """Covers all cells that are *marked* with rectangles of *allowed* cells; both are (rows, columns).

    Marked cells are allowed ones.  Unmarked cells are taken where that saves rectangles, up to as many as marked
    ones; rectangles may overlap.
    """
    rows = np.flatnonzero(marked.any(axis=1))
    if not rows.size:
        return []
    columns = np.flatnonzero(marked.any(axis=0))
    box = Rect.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    cells = _Cells(marked[box.slices()], allowed[box.slices()])
    whole = Rect(0, 0, box.width, box.height)
    rects = [whole] if cells.worth(whole) else _joined(_stacked(cells), cells)
    return [rect.translate(box.x, box.y) for rect in rects]


class _Cells:
    """Sums over rectangles at the cost of four look-ups."""

    def __init__(self, marked: Cells, allowed: Cells) -> None:
        self.marked = marked
        self.allowed = allowed
        self._marked = _sums(marked)
        self._allowed = _sums(allowed)

    def free(self, rect: Rect) -> bool:
        return _sum(self._allowed, rect) == rect.area

    def worth(self, rect: Rect) -> bool:
        """Whether it may be sent, and is better than several."""
        if not self.free(rect):
            return False
        used = _sum(self._marked, rect)
        return rect.area <= max(2 * used, used + _SPARE)


def _sums(cells: Cells) -> npt.NDArray[np.int32]:
    table = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.int32), axis=1, out=table[1:, 1:])
    return table


def _sum(table: npt.NDArray[np.int32], rect: Rect) -> int:
    item = table.item
    x0, y0, x1, y1 = rect.x, rect.y, rect.right, rect.bottom
    return int(item(y1, x1) - item(y0, x1) - item(y1, x0) + item(y0, x0))


def _runs(cells: _Cells) -> list[Rect]:
    """The marked cells of each row, over gaps that are small and allowed."""
    marked = cells.marked
    before, after = np.zeros_like(marked), np.zeros_like(marked)
    for step in range(1, min(_GAP, marked.shape[1] - 1) + 1):
        before[:, step:] |= marked[:, :-step]
        after[:, :-step] |= marked[:, step:]
    closed = marked | before & after & cells.allowed
    framed = np.zeros((closed.shape[0], closed.shape[1] + 2), np.int8)
    framed[:, 1:-1] = closed
    edges = np.diff(framed, axis=1)
    ys, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    return [Rect(x0, y, x1 - x0, 1) for y, x0, x1 in zip(ys.tolist(), starts.tolist(), ends.tolist(), strict=True)]


def _stacked(cells: _Cells) -> list[Rect]:
    """Runs joined with what grows above them."""
    done: list[Rect] = []
    growing: list[Rect] = []
    for run in _runs(cells):
        if any(rect.contains(run) for rect in growing):
            continue
        for index, rect in enumerate(growing):
            if rect.bottom < run.y:
                continue
            both = rect.union(run)
            if cells.worth(both):
                growing[index] = both
                break
        else:
            done += [rect for rect in growing if rect.bottom < run.y]
            growing = [rect for rect in growing if rect.bottom >= run.y]
            growing.append(run)
    return done + growing


def _joined(rects: list[Rect], cells: _Cells) -> list[Rect]:
    """Any two that are worth it in one, where there are not too many."""
    box = bounding(rects)
    if len(rects) > 1 and box.area <= 2 * sum(rect.area for rect in rects) and cells.free(box):
        return [box]
    if len(rects) > _MOST_PAIRS:
        return rects
    index = 0
    while index < len(rects):
        for other in range(index + 1, len(rects)):
            both = rects[index].union(rects[other])
            if cells.worth(both):
                rects = [both, *(rect for rect in rects if not both.contains(rect))]
                index = -1
                break
        index += 1
    return rects
