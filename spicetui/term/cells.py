"""The cell backend: pictures made of characters.

Two colours and a block character make a cell, or one colour and a printable character.  The terminal's cells are
compared with the wanted ones, so damage, resize, pan, and frames that were left out are all the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from . import _encoder, _kernels, _mosaics, _scaling, blocks, colors, fallback
from .colors import Colors as Colors
from .plane import Frame, Plane, Pointer, Update, patch_under
from .scale import Mapping

COMPILED = _kernels.COMPILED and _mosaics.COMPILED and _encoder.COMPILED
kernels: Any = SimpleNamespace(
    halves=_kernels.halves,
    quadrants=_kernels.quadrants,
    mosaic=_mosaics.mosaic,
    characters=_mosaics.characters,
    encode=_encoder.encode,
)
_loops: Any = kernels if COMPILED else fallback
_scale: Any = _scaling if _scaling.COMPILED else fallback

SPACE = blocks.SPACE
INDEXED = _encoder.INDEXED  #: marks a colour that is a number of the palette
DEFAULT = _encoder.DEFAULT  #: the colour that the terminal has by itself
UNKNOWN = 0xFFFFFFFF  # a cell of which it is not known what the terminal shows

#: By quality: how much a channel may change unsent, and how many of its bits are sent (0: a colour of the palette).
QUALITIES = ((0, 8), (8, 8), (8, 6), (8, 5), (8, 4), (12, 0))


class CellKind(Enum):
    """How a cell is divided; the value is what users call it."""

    OCTANT = "octant"
    SEXTANT = "sextant"
    QUADRANT = "quadrant"
    HALF = "half"
    ASCII = "ascii"  #: printable characters, by their shape

    @property
    def sub(self) -> Size:
        return _SUBS[self]


_SUBS = {
    CellKind.OCTANT: Size(2, 4),
    CellKind.SEXTANT: Size(2, 3),
    CellKind.QUADRANT: Size(2, 2),
    CellKind.HALF: Size(1, 2),
    CellKind.ASCII: Size(2, 3),
}


class _Difference(Update):
    heavy: ClassVar[bool] = False

    def __init__(self, data: bytes) -> None:
        self._frame = Frame(b"", data)

    def encode(self) -> Frame:
        return self._frame


class CellPlane(Plane):
    """A picture made of characters."""

    quality_steps: ClassVar[int] = len(QUALITIES)

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
        #: what was wanted of each cell when it was sent last
        self.held = np.full((rows, columns, 3), UNKNOWN, np.uint32)
        #: (rows, columns): COARSE for cells that do not show just that, AGAIN for those that now should
        self.marks = np.zeros((rows, columns), np.uint8)
        #: cells that the compositor let us paint last
        self.owned = np.zeros((rows, columns), np.uint8)
        self._out = bytearray(rows * columns * _encoder.CELL_BYTES + 64)
        self.mapping: Mapping | None = None
        self.clear()

    def resize(self, size: Size, cell_px: Size = Size(8, 16)) -> None:
        if size != self.size:
            self._allocate(size)

    def disown(self) -> None:
        self.owned.fill(0)
        self._unknown()

    def forget(self) -> None:
        self.disown()

    def _unknown(self) -> None:
        self.held.fill(UNKNOWN)
        self.marks.fill(0)

    def clear(self) -> None:
        self.mapping = None
        self._blank()

    def _blank(self) -> None:
        color = colors.depth(np.array([self.backdrop], np.uint32), self.colors)[0]
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
        patch = patch_under(frame, mapping, pointer)
        if patch is None:
            return
        xs = np.ascontiguousarray(mapping.xs[:, patch.columns] - np.uint32(patch.left))
        ys = np.ascontiguousarray(mapping.ys[:, patch.rows] - np.uint32(patch.top))
        sub = np.empty((ys.shape[1], xs.shape[1]), np.uint32)
        area = (0, 0, sub.shape[1], sub.shape[0])
        _scale.box(
            patch.pixels.data, patch.pixels.shape[1], _view(xs), _view(ys), *sub.shape[::-1], area, _view(sub)
        )  # fmt: skip
        self._sub[patch.rows, patch.columns] = sub
        self._fit(patch.cells)

    def _fit(self, cells: Rect) -> None:
        area = (cells.x, cells.y, cells.right, cells.bottom)
        sub, wanted, columns = _view(self._sub), _view(self.wanted), self.size.width
        if self.kind is CellKind.HALF:
            _loops.halves(sub, wanted, columns, area)
        elif self.kind is CellKind.QUADRANT:
            _loops.quadrants(sub, wanted, columns, area)
        elif self.kind is CellKind.ASCII:
            if self.colors in (Colors.GRAY, Colors.MONO):
                width, height = self.kind.sub
                part = self._sub[cells.y * height : cells.bottom * height, cells.x * width : cells.right * width]
                part[:] = colors.depth(part, Colors.GRAY)
            _loops.characters(sub, wanted, columns, area, *colors.characters())
        else:
            _loops.mosaic(sub, wanted, columns, self.kind.sub.height, area)
        if self.colors is not Colors.TRUE:
            part = self.wanted[cells.slices()]
            if self.colors is Colors.MONO and self.kind is not CellKind.ASCII:
                colors.two_tones(part)
            else:
                part[..., 1:] = colors.depth(part[..., 1:], self.colors)
                if self.colors is not Colors.MONO:
                    part[..., 0][part[..., 1] == part[..., 2]] = SPACE
                if self.colors is Colors.ANSI16:
                    colors.bright_in_front(part)

    def cells(self, y: int, x0: int, x1: int) -> npt.NDArray[np.uint32]:
        return self.wanted[y, x0:x1]

    def update(self, origin: Point) -> Update | None:
        data = self.difference(origin)
        return _Difference(data) if data else None

    def difference(self, origin: Point) -> bytes:
        """Bytes that bring the owned cells up to date; *origin* is the view's place, in cells from 0."""
        return self._encode((0, 0, *self.size), origin, QUALITIES[self.quality], False)

    def dropped(self, update: Update) -> None:
        self._unknown()

    def refine(self, most: int = 1 << 30) -> bool:
        places = np.flatnonzero(self.marks == _encoder.COARSE)[:most]
        self.marks.flat[places] = _encoder.AGAIN
        return bool(places.size)

    def span(self, y: int, x0: int, x1: int) -> str:
        if x0 >= x1:
            return ""
        text = self._encode((x0, y, x1, y + 1), Point(0, 0), QUALITIES[0], True).decode()
        self.owned[y, x0:x1] = 1
        return text

    def _encode(self, rect: tuple[int, int, int, int], origin: Point, quality: tuple[int, int], whole: bool) -> bytes:
        if not self.owned.size:
            return b""
        palette = colors.palette() if quality[1] == 0 else _NO_PALETTE
        size = _loops.encode(
            *(_view(self.wanted), _view(self.held), self.marks.data.cast("B"), self.owned.data.cast("B")),
            *(self.size.width, rect, tuple(origin), whole, quality, palette.data, memoryview(self._out)),
        )
        return bytes(memoryview(self._out)[:size])


_NO_PALETTE = np.zeros(1, np.uint16)


def _view(array: npt.NDArray[np.uint32]) -> memoryview:
    return array.data
