"""The sixel backend: the cells that changed are sent as pictures of their own, each with the colours that it uses.

What terminals make of them (tried: xterm 379, mlterm 3.9; read in their sources: foot, WezTerm):

* A picture begins at the text cursor.  DECSDM (mode 80) would put it into the upper left corner; it is off by
  default everywhere, and old versions of some have it the other way round, so it is not touched.
* One that reaches the last row scrolls the screen in xterm (with the band that begins there) and in mlterm (with the
  line feed behind it): the view leaves that row to a status line, or :attr:`SixelPlane.screen_rows` says where it is.
* Registers: xterm and foot give each picture its own unless mode 1070 is off; then xterm recolours earlier pictures
  when it has to draw its window again.  mlterm and WezTerm keep colours, not registers.
* xterm shows nothing of a picture that is larger than its maximum, and stops at the band that does not lie inside as
  a whole, whether its last lines are used or not: pictures have as many rows of cells as whole bands contain.
* Heights need not be multiples of six: the raster attributes tell them, and all take them from there.
* A later colour replaces an earlier one of the same picture, and a later picture an earlier one.
* xterm keeps 16 pictures.  When it has to draw its window again (which was covered), the others do not come back
  until they are asked for (:meth:`SixelPlane.forget_picture`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..geometry import Point, Rect, Size
from . import _sixel, sixel_palette
from .pixels import PixelPlane
from .plane import Frame, Update
from .rectangles import Cells, cover
from .sixel_palette import Indexes, Palettes, Words

COLORS = (256, 64, 16)  # by quality
# By quality, for noisy pictures in motion with more colours than that.  Measured on video with noise of four levels:
# with 256 colours it takes 62 % of the bytes away at 34.7 instead of 38.5 dB, with 64 38 % at 34.7 instead of 34.9 dB.
CALM = (600, 600, 0)
MOST_REGISTERS = 256
BAND = 6  # rows of pixels that a sixel covers
_CHUNK = 1 << 18

PRIVATE_REGISTERS = b"\x1b[?1070h"
_PERCENT = tuple((value * 100 + 127) // 255 for value in range(256))


class SixelUpdate(Update):
    """Pictures, by their place on the terminal in cells, and the cells of the view that they cover."""

    heavy: ClassVar[bool] = True

    def __init__(
        self, palettes: Palettes, colors: int, calm: int, fresh: bool, pictures: list[tuple[Point, Words]], cells: Cells
    ) -> None:
        self._palettes = palettes
        self._colors = colors
        self._calm = calm
        self._fresh = fresh
        self._pictures = pictures
        self.cells = cells
        self.approximate = False  #: once encoded: it could be better

    def encode(self) -> Frame:
        indexed = self._palettes.index([words for _, words in self._pictures], self._colors, self._calm, self._fresh)
        self.approximate = indexed.approximate
        parts = []
        for (place, _), indexes in zip(self._pictures, indexed.pictures, strict=True):
            parts.append(b"\x1b[%d;%dH" % (place.y + 1, place.x + 1))
            parts.append(encode(indexes, indexed.colors))
        self._pictures.clear()
        return Frame(b"", b"".join(parts))


class SixelPlane(PixelPlane):
    """A picture made of sixels.

    *registers* is how many colours a picture may have, *max_px* how large it may be; None: it does not matter.
    """

    quality_steps: ClassVar[int] = len(COLORS)

    def __init__(self, backdrop: int = 0, *, registers: int = MOST_REGISTERS, max_px: Size | None = None) -> None:
        self.registers = registers
        self.max_px = max_px
        self.screen_rows: int | None = None  #: the terminal's, to leave out its last one; None: the view does
        self._palettes = Palettes()
        self._fresh = False
        super().__init__(backdrop)

    def update(self, origin: Point) -> SixelUpdate | None:
        allowed: Cells = np.zeros(self.owned.shape, np.bool_)
        shown = self.picture_cells.slices()
        allowed[shown] = self.owned[shown] != 0
        if self.screen_rows is not None:
            allowed[max(0, self.screen_rows - 1 - origin.y) :] = False
        rects = cover((self.dirty != 0) & allowed, allowed)
        if not rects:
            return None
        across, down = self.cell_px
        cells: Cells = np.zeros(self.owned.shape, np.bool_)
        pictures = []
        for rect in rects:
            cells[rect.slices()] = True
            for part in self._parts(rect):
                words = self.wanted[
                    part.y * down : part.bottom * down, part.x * across : part.right * across
                ].copy()  # the update's own
                pictures.append((Point(origin.x + part.x, origin.y + part.y), words))
        quality = min(max(self.quality, 0), len(COLORS) - 1)
        colors = max(1, min(COLORS[quality], self.registers))
        self.dirty[cells] = 0
        self.coarse[cells] = quality > 0
        fresh, self._fresh = self._fresh, False
        return SixelUpdate(self._palettes, colors, CALM[quality], fresh, pictures, cells)

    def _parts(self, rect: Rect) -> list[Rect]:
        """Splits a rectangle of cells into those that the terminal takes; a cell at least."""
        if self.max_px is None:
            return [rect]
        columns = max(1, self.max_px.width // self.cell_px.width)
        rows = max(1, self.max_px.height // BAND * BAND // self.cell_px.height)
        return [
            Rect.from_edges(x, y, min(x + columns, rect.right), min(y + rows, rect.bottom))
            for y in range(rect.y, rect.bottom, rows)
            for x in range(rect.x, rect.right, columns)
        ]

    def dropped(self, update: Update) -> None:
        """What it would have shown is sent again."""
        if isinstance(update, SixelUpdate) and update.cells.shape == self.dirty.shape:
            self._mark(self.dirty, update.cells)

    def acknowledged(self, update: Update) -> None:
        if isinstance(update, SixelUpdate) and update.approximate and update.cells.shape == self.coarse.shape:
            self._mark(self.coarse, update.cells)

    def _mark(self, marks: np.ndarray[tuple[int, int], np.dtype[np.uint8]], cells: Cells) -> None:
        shown = self.picture_cells.slices()
        marks[shown] |= cells[shown]

    def refine(self, most: int = 1 << 30) -> bool:
        self._fresh = super().refine(most)
        return self._fresh

    def enter(self) -> bytes:
        return PRIVATE_REGISTERS


def encode(indexes: Indexes, colors: Words) -> bytes:
    """A picture of palette *indexes* (h, w), neither 0, as a sixel sequence; *colors* are words 0x00RRGGBB."""
    height, width = indexes.shape
    names = np.full(257, _sixel.UNKNOWN, np.uint16)
    names[256] = 0
    data = np.ascontiguousarray(indexes).data.cast("B")
    bands = -(-height // BAND)
    room = _sixel.band_room(width)
    out = memoryview(bytearray(room + min(_CHUNK, room * bands)))
    body = []
    band = 0
    while band < bands:
        size, band = sixel_palette.loops.encode(data, width, height, band, names.data, out)
        body.append(bytes(out[:size]))
    parts = [b'\x1bP7;1q"1;1;%d;%d' % (width, height)]
    used = np.flatnonzero(names[:256] != _sixel.UNKNOWN)
    for register, color in sorted(zip(names[used].tolist(), colors[used].tolist(), strict=True)):
        red, green, blue = _PERCENT[color >> 16 & 255], _PERCENT[color >> 8 & 255], _PERCENT[color & 255]
        parts.append(b"#%d;2;%d;%d;%d" % (register, red, green, blue))
    return b"".join((*parts, *body, b"\x1b\\"))
