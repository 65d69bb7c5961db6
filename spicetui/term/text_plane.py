"""The text backend: a text console's cells are the terminal's, one for one, with the guest's characters and colours.

What is read comes from a :class:`~.screentext.Recognizer`, which is fed by the view; cells that are no known glyph
are pictures of block characters, as in :class:`~.cells.CellPlane`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from . import colors as depths
from .cells import SPACE, CellKind, CellPlane, Colors
from .plane import Pointer
from .scale import Mapping, Scale, Span
from .screentext import UNKNOWN, Grid, Recognizer, TextScreen

UNDERLINE = 0x5F  #: what a cursor over a blank looks like

Words = npt.NDArray[np.uint32]


class GridMapping(Mapping):
    """A cell of the view shows a cell of the guest's grid.

    A grid that is smaller than the view lies in its middle; else *pan* is the pixel wished for at the top left.
    """

    def __init__(self, picture: Size, view: Size, grid: Grid, pan: Point = Point(0, 0)) -> None:
        self.picture = picture
        self.view = view
        self.sub = grid.cell
        self.scale = Scale.PIXEL
        self.grid = grid
        self.columns = _span(view.width, grid.columns, grid.cell.width, grid.origin.x, pan.x)
        self.rows = _span(view.height, grid.rows, grid.cell.height, grid.origin.y, pan.y)

    @property
    def guest(self) -> Rect:
        """The cells of the grid that are shown."""
        grid, (width, height) = self.grid, self.grid.cell
        x = (self.columns.first - grid.origin.x) // width
        y = (self.rows.first - grid.origin.y) // height
        return Rect(x, y, self.columns.cells, self.rows.cells)

    def mosaic(self, sub: Size) -> GridMapping:
        """The same, with cells divided into *sub* parts."""
        other = GridMapping.__new__(GridMapping)
        other.picture, other.view, other.scale, other.grid = self.picture, self.view, self.scale, self.grid
        other.columns, other.rows, other.sub = self.columns, self.rows, sub
        return other


def _span(view: int, count: int, step: int, origin: int, pan: int) -> Span:
    if count <= view:
        return Span((view - count) // 2, count, origin, count * step, float(step))
    first = min(max((pan - origin) // step, 0), count - view)
    return Span(0, view, origin + first * step, view * step, float(step))


class TextPlane(CellPlane):
    """Shows the recognizer's screen.  *kind* is for cells that are no known glyph.

    :attr:`cursor` is where the guest's text cursor is; :attr:`draws_cursor` says whether it is drawn as well, which
    it need not be where the view puts the terminal's own cursor there.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        kind: CellKind = CellKind.QUADRANT,
        colors: Colors = Colors.TRUE,
        backdrop: int = 0,
    ) -> None:
        self.recognizer = recognizer
        self.draws_cursor = True
        self._mosaic: GridMapping | None = None
        self._drawn_cursor: Point | None = None  # in cells of the grid
        super().__init__(kind, colors, backdrop)

    @property
    def grid(self) -> Grid | None:
        screen = self.recognizer.screen
        return screen.grid if screen is not None else None

    @property
    def sub(self) -> Size:
        """A cell of the grid, in pixels; the divided cell while there is no text."""
        grid = self.grid
        return grid.cell if grid is not None else self.kind.sub

    def map(self, picture: Size, scale: Scale, cell_px: Size, pan: Point, zoom: float) -> GridMapping:
        """How the console lies in the view, a cell on a cell.  Raises ValueError when the recognizer sees none."""
        grid = self.grid
        if grid is None:
            raise ValueError("the picture is no text console")
        return GridMapping(picture, self.size, grid, pan)

    def place(self, mapping: Mapping) -> None:
        if not isinstance(mapping, GridMapping) or mapping.view != self.size:
            raise ValueError("the mapping is of another view")
        self.mapping = mapping
        self._mosaic = mapping.mosaic(self.kind.sub)
        self._drawn_cursor = None
        self._blank()

    @property
    def cursor(self) -> Point | None:
        """The cell of the view with the text cursor; None where it is not seen."""
        screen, mapping = self._screen(), self.mapping
        if screen is None or screen.cursor is None or not isinstance(mapping, GridMapping):
            return None
        guest = mapping.guest
        if not guest.contains(Rect(*screen.cursor, 1, 1)):
            return None
        x, y = screen.cursor
        return Point(x - guest.x + mapping.columns.cell, y - guest.y + mapping.rows.cell)

    def draw(self, pixels: npt.NDArray[np.uint8], damage: Iterable[Rect], pointer: Pointer | None = None) -> None:
        """As the base says; the recognizer has been fed the same frame and damage before."""
        mapping, mosaic = self.mapping, self._mosaic
        if not isinstance(mapping, GridMapping) or mosaic is None or not self.wanted.size:
            return
        if pixels.shape[:2] != (mapping.picture.height, mapping.picture.width):
            raise ValueError("the mapping is of another picture")
        screen = self._screen()
        areas = [mapping.grid.touched(rect).intersect(mapping.guest) for rect in damage]
        if self.draws_cursor and screen is not None and screen.cursor != self._drawn_cursor:
            areas += [Rect(*place, 1, 1).intersect(mapping.guest) for place in (self._drawn_cursor,) if place]
            areas += [Rect(*place, 1, 1).intersect(mapping.guest) for place in (screen.cursor,) if place]
            self._drawn_cursor = screen.cursor
        try:
            self.mapping = mosaic
            for area in areas:
                if not area.empty:
                    self._draw_area(pixels, screen, area)
            if pointer is not None:
                super().draw(pixels, (), pointer)
        finally:
            self.mapping = mapping

    def _screen(self) -> TextScreen | None:
        """What is read, if it is read by the mapping's grid."""
        screen, mapping = self.recognizer.screen, self.mapping
        fits = screen is not None and isinstance(mapping, GridMapping) and screen.grid == mapping.grid
        return screen if fits else None

    def _draw_area(self, pixels: npt.NDArray[np.uint8], screen: TextScreen | None, area: Rect) -> None:
        """*area* in cells of the grid."""
        mapping = self.mapping
        assert isinstance(mapping, GridMapping)
        width, height = mapping.grid.cell
        origin = mapping.grid.origin
        if screen is None:
            block = Rect(area.x * width, area.y * height, area.width * width, area.height * height)
            super().draw(pixels, [block.translate(*origin)])
            return
        cells = screen.cells[area.slices()]
        unknown = cells[..., 0] == UNKNOWN
        guest = mapping.guest
        target = area.translate(mapping.columns.cell - guest.x, mapping.rows.cell - guest.y)
        if unknown.any():
            ys, xs = np.nonzero(unknown)
            part = Rect.from_edges(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
            part = part.translate(area.x, area.y)
            block = Rect(part.x * width, part.y * height, part.width * width, part.height * height)
            super().draw(pixels, [block.translate(*origin)])
        known = cells.copy()
        cursor = screen.cursor
        if self.draws_cursor and cursor is not None and area.contains(Rect(*cursor, 1, 1)):
            _put_cursor(known[cursor.y - area.y, cursor.x - area.x], screen.cursor_color)
        known[..., 1] = np.where(known[..., 0] == SPACE, known[..., 2], known[..., 1])
        self._reduce(known)
        self.wanted[target.slices()] = np.where(unknown[..., np.newaxis], self.wanted[target.slices()], known)

    def _reduce(self, cells: Words) -> None:
        """To the characters and colours that the terminal has."""
        if self.kind is CellKind.ASCII:
            codes = cells[..., 0]
            codes[:] = np.where(codes < 0x80, codes, _plain()[np.minimum(codes, 0x2600)])
        if self.colors is Colors.TRUE:
            return
        apart = (cells[..., 1] != cells[..., 2]) & (cells[..., 0] != SPACE)
        bright = depths.luma(cells[..., 2]) >= 128
        cells[..., 1:] = depths.depth(cells[..., 1:], self.colors)
        if self.colors is Colors.MONO:
            return
        lost = apart & (cells[..., 1] == cells[..., 2])  # two colours of the guest are one here
        if lost.any():
            black, white = depths.depth(np.array([0x000000, 0xFFFFFF], np.uint32), self.colors)
            cells[..., 1][lost] = np.where(bright[lost], black, white)


def _put_cursor(cell: Words, color: int) -> None:
    """Changes (character, foreground, background) to what is shown under a cursor."""
    code, front, back = cell.tolist()
    if code != SPACE:
        cell[1:] = back, front
    else:
        cell[:2] = UNDERLINE, color if color != back else 0xFFFFFF - back


@lru_cache(1)
def _plain() -> npt.NDArray[np.uint32]:
    """ASCII for the characters that consoles draw with, up to 0x2600; a question mark for the others."""
    table = np.full(0x2601, ord("?"), np.uint32)
    table[0x2500:0x2580] = ord("+")
    table[0x2580:0x25A0] = ord("#")
    for characters, plain in (
        ("─━═╌┄┈╴╶╸╺", "-"),
        ("│┃║╎┆┊╵╷╹╻", "|"),
        ("«◄←", "<"),
        ("»►→", ">"),
        ("▲↑", "^"),
        ("▼↓", "v"),
    ):
        for character in characters:
            table[ord(character)] = ord(plain)
    table[ord("·")] = ord(".")
    return table
