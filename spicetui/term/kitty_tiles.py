"""The tiles of a picture: where each lies, which image of the terminal it is, and what of it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size, bounding
from .payloads import Encoder
from .placeholders import MAX_CELLS
from .shared_files import SharedFile, SharedFiles

TILE = Size(400, 420)  # pixels, about: small enough for cheap edits, large enough for few commands
_FILES = 2  # of a tile: one that the terminal may read, one that is written
_MOST_PARTS = 4  # of a tile, sent apart: the terminal composes the whole tile for each


class Tile:
    """*cells* of the view; *image* is its number on the terminal, *sent* whether that has it."""

    def __init__(self, cells: Rect, cell_px: Size, image: int) -> None:
        self.cells = cells
        self.size = Size(cells.width * cell_px.width, cells.height * cell_px.height)  # pixels
        self.image = image
        self.sent = False
        self.halvings = 0  # of the image's resolution
        self.edited = False  # the image was changed since it was made
        self.placed: list[tuple[Point, Rect]] = []  # by number: the view's origin, and cells of the tile
        self._files: list[SharedFile] = []
        self._busy: dict[SharedFile, int] = {}  # by which update

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder()

    @property
    def whole(self) -> Rect:
        return Rect(0, 0, self.cells.width, self.cells.height)

    @property
    def image_size(self) -> Size:
        size = 1 << self.halvings
        return Size(-(-self.size.width // size), -(-self.size.height // size))

    def take_file(self, files: SharedFiles, update: int) -> SharedFile | None:
        """One that is free, for that update; None when all are in use."""
        file = next((file for file in self._files if file not in self._busy), None)
        if file is None and len(self._files) < _FILES:
            file = files.make(self.size.width * self.size.height * 4)
            self._files.append(file)
        if file is not None:
            self._busy[file] = update
        return file

    def release_files(self, first: int, last: int) -> None:
        """The terminal has read, or will never read, what these updates named."""
        if self._busy:
            self._busy = {file: update for file, update in self._busy.items() if not first <= update <= last}

    def drop_busy_files(self) -> None:
        """Nobody will tell when they are free."""
        for file in self._busy:
            self._files.remove(file)
            file.close()
        self._busy.clear()

    def close_files(self) -> None:
        for file in self._files:
            file.close()
        self._files.clear()
        self._busy.clear()


def grid(cells: Rect, cell_px: Size) -> Iterator[Rect]:
    """Divides the picture's cells into tiles of about the same size."""
    columns = _edges(cells.width, TILE.width / cell_px.width)
    rows = _edges(cells.height, TILE.height / cell_px.height)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield Rect.from_edges(cells.x + left, cells.y + top, cells.x + right, cells.y + bottom)


def _edges(count: int, size: float) -> list[int]:
    if count <= 0:
        return []
    parts = min(count, max(1, round(count / max(size, 1)), -(-count // MAX_CELLS)))
    return [count * index // parts for index in range(parts + 1)]


def changed_parts(marks: npt.NDArray[np.uint8]) -> list[Rect]:
    """Rectangles around the cells that are marked in (rows, columns), of which there is one at least.

    Cells apart from each other get rectangles of their own where that leaves out much, and they are few.
    """
    if marks.all():
        return [Rect(0, 0, marks.shape[1], marks.shape[0])]
    parts = [
        Rect.from_edges(left, top, right, bottom)
        for top, bottom in runs(np.any(marks, axis=1))
        for left, right in runs(np.any(marks[top:bottom], axis=0))
    ]
    around = bounding(parts)
    if len(parts) > _MOST_PARTS or 2 * sum(part.area for part in parts) > around.area:
        return [around]
    return parts


def exact_parts(marks: npt.NDArray[np.uint8]) -> list[Rect]:
    """Rectangles that cover just the cells that are marked in (rows, columns)."""
    if marks.all():
        return [Rect(0, 0, marks.shape[1], marks.shape[0])]
    parts: list[Rect] = []
    before: list[tuple[int, int]] = []
    for y, row in enumerate(marks != 0):
        now = runs(row)
        if now and now == before:
            parts[-len(now) :] = [Rect(*part[:3], part.height + 1) for part in parts[-len(now) :]]
        else:
            parts += [Rect(left, y, right - left, 1) for left, right in now]
        before = now
    return parts


def runs(marks: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where those that are marked begin and end."""
    bounded = np.zeros(len(marks) + 2, np.bool_)
    bounded[1:-1] = marks
    edges = np.flatnonzero(bounded[1:] != bounded[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
