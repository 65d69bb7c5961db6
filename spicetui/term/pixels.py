"""What the graphics backends share: the picture at the terminal's own pixels, and which cells of it are to be sent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from . import _kernels, _scaling, fallback
from .plane import Plane, Pointer, patch_under
from .scale import Mapping, Span

_scale: Any = _scaling if _scaling.COMPILED else fallback
_loops: Any = _kernels if _kernels.COMPILED else fallback


class PixelPlane(Plane):
    """Base of the backends that send pixels.

    A subclass sends the cells that are owned and dirty, and clears their marks when it does.
    """

    graphics: ClassVar[bool] = True
    erased_by_text: ClassVar[bool] = True

    def __init__(self, backdrop: int = 0) -> None:
        super().__init__(backdrop)
        self.cell_px = Size(1, 1)
        self._end = Point(0, 0)  # of the picture, in pixels of the view
        self._allocate()

    def _allocate(self) -> None:
        columns, rows = self.size
        across, down = self.cell_px
        #: (rows * cell height, columns * cell width), words 0x00RRGGBB: what the view should show, in its pixels
        self.wanted = np.zeros((rows * down, columns * across), np.uint32)
        #: (rows, columns): cells of which the terminal shows something else
        self.dirty = np.zeros((rows, columns), np.uint8)
        #: (rows, columns): cells that were sent at less than full quality
        self.coarse = np.zeros((rows, columns), np.uint8)
        self.owned = np.zeros((rows, columns), np.uint8)
        self.mapping = None

    @property
    def sub(self) -> Size:
        return self.cell_px

    @property
    def picture_cells(self) -> Rect:
        """The cells that show the picture; the others are backdrop."""
        return self.mapping.cells if self.mapping is not None else Rect(0, 0, 0, 0)

    def resize(self, size: Size, cell_px: Size) -> None:
        if (size, cell_px) != (self.size, self.cell_px):
            self.size, self.cell_px = size, cell_px
            self._allocate()

    def place(self, mapping: Mapping) -> None:
        if mapping.view != self.size or mapping.sub != self.sub:
            raise ValueError("the mapping is of another view")
        self.mapping = mapping
        self.wanted.fill(self.backdrop)
        self._end = Point(_end(mapping.columns, self.cell_px.width), _end(mapping.rows, self.cell_px.height))
        self.forget_picture()

    def clear(self) -> None:
        self.mapping = None
        self.forget_picture()

    def draw(self, pixels: npt.NDArray[np.uint8], damage: Iterable[Rect], pointer: Pointer | None = None) -> None:
        mapping = self.mapping
        if mapping is None or not self.wanted.size:
            return
        if pixels.shape[:2] != (mapping.picture.height, mapping.picture.width):
            raise ValueError("the mapping is of another picture")
        frame = np.ascontiguousarray(pixels)
        if not frame.size:
            return
        for rect in damage:
            cells = mapping.damaged_cells(rect)
            if not cells.empty:
                self._scale(frame, cells, mapping.xs, mapping.ys)
        if pointer is not None:
            self._draw_pointer(frame, mapping, pointer)

    def _scale(
        self,
        frame: npt.NDArray[np.uint8],
        cells: Rect,
        xs: npt.NDArray[np.uint32],
        ys: npt.NDArray[np.uint32],
    ) -> None:
        height, width = self.wanted.shape
        area = (cells.x, cells.y, cells.right, cells.bottom)
        _scale.update(
            frame.data, frame.shape[1], xs.data, ys.data, width, height, area, tuple(self.cell_px),
            self.wanted.data, self.dirty.data.cast("B"),
        )  # fmt: skip
        # A cell at the picture's end may be filled in part only.
        if cells.right * self.cell_px.width > self._end.x:
            self.wanted[:, self._end.x : cells.right * self.cell_px.width] = self.backdrop
        if cells.bottom * self.cell_px.height > self._end.y:
            self.wanted[self._end.y : cells.bottom * self.cell_px.height] = self.backdrop

    def _draw_pointer(self, frame: npt.NDArray[np.uint8], mapping: Mapping, pointer: Pointer) -> None:
        patch = patch_under(frame, mapping, pointer)
        if patch is None:
            return
        xs, ys = np.zeros_like(mapping.xs), np.zeros_like(mapping.ys)
        xs[:, patch.columns] = mapping.xs[:, patch.columns] - np.uint32(patch.left)
        ys[:, patch.rows] = mapping.ys[:, patch.rows] - np.uint32(patch.top)
        self._scale(patch.pixels, patch.cells, xs, ys)

    def cells(self, y: int, x0: int, x1: int) -> npt.NDArray[np.uint32]:
        across, down = self.cell_px
        count = x1 - x0
        band = np.ascontiguousarray(self.wanted[y * down : (y + 1) * down, x0 * across : x1 * across])
        xs, ys = _halves(count, across), _halves(1, down)
        sub = np.empty((2, 2 * count), np.uint32)
        result = np.empty((count, 3), np.uint32)
        pixels = band.view(np.uint8)
        _scale.box(
            pixels.data, count * across, xs.data, ys.data, 2 * count, 2, (0, 0, 2 * count, 2), sub.data
        )  # fmt: skip
        _loops.quadrants(sub.data, result.data, count, (0, 0, count, 1))
        return result

    # what the terminal holds

    def disown(self) -> None:
        self.owned.fill(0)
        if self.erased_by_text:
            self.forget_picture()

    def forget(self) -> None:
        self.owned.fill(0)
        self.forget_picture()

    def forget_picture(self) -> None:
        """Every cell of the picture is to be sent again."""
        self.dirty.fill(0)
        self.coarse.fill(0)
        self.dirty[self.picture_cells.slices()] = 1

    def refine(self, most: int = 1 << 30) -> bool:
        places = np.flatnonzero(self.coarse)[:most]
        self.dirty.flat[places] = 1
        self.coarse.flat[places] = 0
        return bool(places.size)

    def span(self, y: int, x0: int, x1: int) -> str:
        """Backdrop beside the picture; :meth:`picture_span` where it is."""
        if x0 >= x1:
            return ""
        self.owned[y, x0:x1] = 1
        picture = self.picture_cells
        first, last = (max(x0, picture.x), min(x1, picture.right)) if picture.y <= y < picture.bottom else (x1, x1)
        if first >= last:
            return self._backdrop(x1 - x0)
        return self._backdrop(first - x0) + self.picture_span(y, first, last) + self._backdrop(x1 - last)

    def picture_span(self, y: int, x0: int, x1: int) -> str:
        """The text under the picture's cells; it may take the picture away, which is then sent again."""
        if self.erased_by_text:
            self.dirty[y, x0:x1] = 1
        return " " * (x1 - x0)

    def _backdrop(self, count: int) -> str:
        if count <= 0:
            return ""
        color = self.backdrop
        return f"\x1b[48;2;{color >> 16 & 255};{color >> 8 & 255};{color & 255}m{' ' * count}\x1b[m"

    def place_cursor(self, origin: Point, x: int, y: int) -> bytes:
        """Moves the text cursor to a cell of the view."""
        return b"\x1b[%d;%dH" % (origin.y + y + 1, origin.x + x + 1)


def _end(span: Span, px: int) -> int:
    """Where the picture ends on one axis, in pixels of the view."""
    return span.cell * px + min(span.cells * px, math.ceil(span.pixels * px / span.step - 1e-6))


def _halves(count: int, px: int) -> npt.NDArray[np.uint32]:
    """The edges of *count* cells' halves; those of one pixel share it."""
    starts = np.arange(2 * count) // 2 * px + np.arange(2 * count) % 2 * (px // 2)
    ends = np.where(np.arange(2 * count) % 2, (np.arange(2 * count) // 2 + 1) * px, starts + max(px // 2, 1))
    return np.stack((starts, ends)).astype(np.uint32)
