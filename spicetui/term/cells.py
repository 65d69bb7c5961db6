"""The cell backend: pictures made of block characters.

Two colours and a block character make a cell.  The terminal's cells are compared with the wanted ones, so damage,
resize, pan, and frames that were left out are all the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from . import _kernels, _scaling, fallback
from .plane import Frame, Plane, Pointer, Update
from .scale import Mapping

_loops: Any = _kernels if _kernels.COMPILED else fallback
_scale: Any = _scaling if _scaling.COMPILED else fallback

SPACE = 0x20
INDEXED = _kernels.INDEXED  # marks a colour that is a number of the 256-colour palette
UNKNOWN = 0xFFFFFFFF  # a cell of which it is not known what the terminal shows


class CellKind(Enum):
    """How a cell is divided; the value is what users call it."""

    HALF = "half"
    QUADRANT = "quadrant"

    @property
    def sub(self) -> Size:
        return Size(1, 2) if self is CellKind.HALF else Size(2, 2)


class Colors(Enum):
    """What the terminal is sent."""

    TRUE = "true"
    PALETTE = "256"  #: the fixed part of the 256-colour palette
    GRAY = "gray"


class _Difference(Update):
    heavy: ClassVar[bool] = False

    def __init__(self, data: bytes) -> None:
        self._frame = Frame(b"", data)

    def encode(self) -> Frame:
        return self._frame


class CellPlane(Plane):
    """A picture made of characters."""

    def __init__(self, kind: CellKind = CellKind.QUADRANT, colors: Colors = Colors.TRUE, backdrop: int = 0) -> None:
        super().__init__(backdrop)
        self.kind = kind
        self.colors = colors
        self._allocate(Size(0, 0))

    @property
    def sub(self) -> Size:
        return self.kind.sub

    def _allocate(self, size: Size) -> None:
        columns, rows = self.size = size
        sub = self.kind.sub
        self._sub = np.empty((rows * sub.height, columns * sub.width), np.uint32)
        #: (rows, columns, 3): character, foreground, background
        self.wanted = np.empty((rows, columns, 3), np.uint32)
        self.held = np.full((rows, columns, 3), UNKNOWN, np.uint32)
        #: cells that the compositor let us paint last
        self.owned = np.zeros((rows, columns), np.uint8)
        self._out = bytearray(rows * columns * _kernels.CELL_BYTES + 64)
        self.mapping: Mapping | None = None
        self.clear()

    def resize(self, size: Size, cell_px: Size = Size(8, 16)) -> None:
        if size != self.size:
            self._allocate(size)

    def disown(self) -> None:
        self.owned.fill(0)
        self.held.fill(UNKNOWN)

    def forget(self) -> None:
        self.disown()

    def clear(self) -> None:
        self.mapping = None
        self._blank()

    def _blank(self) -> None:
        color = self._depth(np.array([self.backdrop], np.uint32))[0]
        self.wanted[:] = (SPACE, color, color)

    def place(self, mapping: Mapping) -> None:
        if mapping.view != self.size or mapping.sub != self.kind.sub:
            raise ValueError("the mapping is of another view")
        self.mapping = mapping
        self._blank()

    def draw(self, pixels: npt.NDArray[np.uint8], damage: Iterable[Rect], pointer: Pointer | None = None) -> None:
        mapping = self.mapping
        if mapping is None or not self.wanted.size:
            return
        if pixels.shape[:2] != (mapping.picture.height, mapping.picture.width):
            raise ValueError("the mapping is of another picture")
        frame = np.ascontiguousarray(pixels)
        if not frame.size:
            return
        width, height = self.kind.sub
        for rect in damage:
            cells = mapping.damaged_cells(rect)
            if cells.empty:
                continue
            area = (cells.x * width, cells.y * height, cells.right * width, cells.bottom * height)
            _scale.box(
                frame.data, frame.shape[1], _view(mapping.xs), _view(mapping.ys), *self._sub.shape[::-1], area,
                _view(self._sub),
            )  # fmt: skip
            self._fit(cells)
        if pointer is not None:
            self._draw_pointer(frame, mapping, pointer)

    def _draw_pointer(self, frame: npt.NDArray[np.uint8], mapping: Mapping, pointer: Pointer) -> None:
        cells = mapping.damaged_cells(pointer.rect)
        if cells.empty:
            return
        width, height = self.kind.sub
        columns = slice(cells.x * width, cells.right * width)
        rows = slice(cells.y * height, cells.bottom * height)
        xs = np.ascontiguousarray(mapping.xs[:, columns])
        ys = np.ascontiguousarray(mapping.ys[:, rows])
        left, top = int(xs[0, 0]), int(ys[0, 0])
        patch = frame[top : int(ys[1, -1]), left : int(xs[1, -1])].copy()
        pointer.shape.paint(patch, pointer.x - left, pointer.y - top)
        xs -= np.uint32(left)
        ys -= np.uint32(top)
        sub = np.empty((ys.shape[1], xs.shape[1]), np.uint32)
        area = (0, 0, sub.shape[1], sub.shape[0])
        _scale.box(patch.data, patch.shape[1], _view(xs), _view(ys), sub.shape[1], sub.shape[0], area, _view(sub))
        self._sub[rows, columns] = sub
        self._fit(cells)

    def _fit(self, cells: Rect) -> None:
        area = (cells.x, cells.y, cells.right, cells.bottom)
        fit = _loops.quadrants if self.kind is CellKind.QUADRANT else _loops.halves
        fit(_view(self._sub), _view(self.wanted), self.size.width, area)
        if self.colors is not Colors.TRUE:
            part = self.wanted[cells.slices()]
            part[..., 1:] = self._depth(part[..., 1:])
            part[..., 0][part[..., 1] == part[..., 2]] = SPACE

    def _depth(self, colors: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        result = colors
        if self.colors is Colors.PALETTE:
            result = _palette()[colors >> 9 & 0x7C00 | colors >> 6 & 0x3E0 | colors >> 3 & 0x1F]
        elif self.colors is Colors.GRAY:
            luma = (54 * (colors >> 16 & 255) + 183 * (colors >> 8 & 255) + 19 * (colors & 255)) >> 8
            result = (luma * 0x010101).astype(np.uint32)
        return result

    def cells(self, y: int, x0: int, x1: int) -> npt.NDArray[np.uint32]:
        return self.wanted[y, x0:x1]

    def update(self, origin: Point) -> Update | None:
        data = self.difference(origin)
        return _Difference(data) if data else None

    def difference(self, origin: Point) -> bytes:
        """Bytes that bring the owned cells up to date; *origin* is the view's place on the terminal, in cells from 0."""
        return self._encode((0, 0, *self.size), origin, False)

    def span(self, y: int, x0: int, x1: int) -> str:
        if x0 >= x1:
            return ""
        text = self._encode((x0, y, x1, y + 1), Point(0, 0), True).decode()
        self.owned[y, x0:x1] = 1
        return text

    def _encode(self, rect: tuple[int, int, int, int], origin: Point, whole: bool) -> bytes:
        if not self.owned.size:
            return b""
        size = _loops.encode(
            *(_view(self.wanted), _view(self.held), self.owned.data.cast("B")),
            *(self.size.width, rect, tuple(origin), whole, memoryview(self._out)),
        )
        return bytes(memoryview(self._out)[:size])


def _view(array: npt.NDArray[np.uint32]) -> memoryview:
    return array.data


@lru_cache(1)
def _palette() -> npt.NDArray[np.uint32]:
    """By 15-bit colour: the nearest of the palette's numbers 16 … 255 (a 6x6x6 cube and 24 grays), marked INDEXED."""
    levels = np.array((0, 95, 135, 175, 215, 255))
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    grays = (8 + 10 * np.arange(24))[:, np.newaxis].repeat(3, axis=1)
    known = np.concatenate((cube, grays))
    number = np.arange(1 << 15)
    five = np.stack((number >> 10, number >> 5 & 31, number & 31), axis=-1)
    wanted = five << 3 | five >> 2
    weights = np.array((2, 4, 3))
    best = np.empty(1 << 15, np.uint32)
    for start in range(0, 1 << 15, 4096):
        part = wanted[start : start + 4096, np.newaxis] - known[np.newaxis]
        best[start : start + 4096] = np.argmin((part * part * weights).sum(axis=2), axis=1)
    return best + np.uint32(16 | INDEXED)
