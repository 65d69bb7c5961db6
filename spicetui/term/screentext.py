"""Text consoles read as text: a picture made of a known font's glyphs becomes characters and their two colours.

The consoles of PCs' firmware, of Linux and of UEFI draw exact copies of a font's glyphs into a grid.  A cell is known
when its pixels have at most two colours and are a glyph, exactly.  A :class:`Recognizer` is fed every frame; it says
when the picture is such a console and keeps its text up to date where the picture changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size, bounding
from . import _glyphs, glyph_fallback, glyph_table
from .text_cursor import find_cursor

_loops: Any = _glyphs if _glyphs.COMPILED else glyph_fallback

SPACE = 0x20
UNKNOWN = 0  #: the character of a cell that is no known glyph
ENTER, LEAVE = 0.98, 0.90  #: of the cells must be known to become, and to remain, a text console
LEAST_GLYPHS = 4  #: fewer are chance, but in the sizes that only text modes have
MOST_CELLS = 1 << 17
CURSOR_TRIES = 12  #: cells that are looked at for a cursor at once
EDK2_MODES = ((80, 25), (100, 31), (80, 50), (128, 40))  #: besides the one that fills the screen

# A picture of this size is a VGA's text mode, drawn by QEMU: in cells of nine columns, or of eight.
_TEXT_MODES = {
    Size(720, 400): (Size(9, 16), Size(9, 8)),
    Size(720, 350): (Size(9, 14),),
    Size(720, 480): (Size(9, 16), Size(9, 8)),
    Size(360, 400): (Size(9, 16),),
    Size(640, 400): (Size(8, 16), Size(8, 8)),
    Size(640, 350): (Size(8, 14),),
    Size(320, 400): (Size(8, 16),),
    Size(1188, 400): (Size(9, 16),),
    Size(1056, 400): (Size(8, 16),),
}
_USUAL = (Size(8, 16), Size(8, 19), Size(16, 32), Size(8, 8), Size(8, 14))

Words = npt.NDArray[np.uint32]


class Grid(NamedTuple):
    """Where the cells lie in the picture: *origin* and *cell* are in pixels."""

    origin: Point
    cell: Size
    columns: int
    rows: int

    @property
    def area(self) -> Rect:
        """The pixels that belong to cells."""
        return Rect(*self.origin, self.columns * self.cell.width, self.rows * self.cell.height)

    def touched(self, damage: Rect) -> Rect:
        """The cells that have any of these pixels."""
        damage = damage.intersect(self.area).translate(-self.origin.x, -self.origin.y)
        if damage.empty:
            return Rect(0, 0, 0, 0)
        width, height = self.cell
        return Rect.from_edges(
            damage.x // width, damage.y // height, -(-damage.right // width), -(-damage.bottom // height)
        )

    def pixels(self, x: int, y: int) -> Rect:
        """Those of one cell."""
        width, height = self.cell
        return Rect(self.origin.x + x * width, self.origin.y + y * height, width, height)


class TextScreen:
    """A console's cells.  The recognizer that it belongs to changes it with every frame."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        #: (rows, columns, 3): character (UNKNOWN: no known glyph), foreground and background as 0x00RRGGBB
        self.cells: Words = np.zeros((grid.rows, grid.columns, 3), np.uint32)
        self.cursor: Point | None = None  #: the cell with the text cursor, where it is seen as one
        self.cursor_color = 0xAAAAAA  #: of the cursor over a blank, 0x00RRGGBB
        self.unknown = 0  #: how many cells are no known glyph
        self.glyphs = 0  #: how many are, and neither blank nor blocks

    @property
    def rows(self) -> int:
        return self.grid.rows

    @property
    def columns(self) -> int:
        return self.grid.columns

    @property
    def characters(self) -> Words:
        return self.cells[..., 0]

    @property
    def foreground(self) -> Words:
        return self.cells[..., 1]

    @property
    def background(self) -> Words:
        return self.cells[..., 2]

    @property
    def matched(self) -> float:
        """The part of the cells that is known, 0 … 1."""
        total = self.rows * self.columns
        return (total - self.unknown) / total

    def line(self, y: int, *, unknown: str = "�") -> str:
        """A row's characters, without blanks at the end."""
        return "".join(map(chr, self.characters[y].tolist())).replace("\0", unknown).rstrip(" ")

    def lines(self, *, unknown: str = "�") -> list[str]:
        return [self.line(y, unknown=unknown) for y in range(self.rows)]

    def text(self, *, unknown: str = "�") -> str:
        """All rows, each ended by a newline; blank ones at the end are left out."""
        lines = self.lines(unknown=unknown)
        while lines and not lines[-1]:
            lines.pop()
        return "".join(f"{line}\n" for line in lines)

    def count(self) -> None:
        self.unknown = int(np.count_nonzero(self.characters == UNKNOWN))
        self.glyphs = _count_glyphs(self.characters)


def _count_glyphs(codes: Words) -> int:
    """Those that speak for text: blocks may be any picture's."""
    return int(np.count_nonzero((codes > SPACE) & ((codes < 0x2580) | (codes > 0x259F))))


def grids(size: Size) -> list[Grid]:
    """Every grid that a console of this size may have, the likely ones first."""
    found = [_filling(size, cell) for cell in _TEXT_MODES.get(size, ())]
    known = glyph_table.sizes()
    cells = [cell for cell in _USUAL if cell in known]
    cells += sorted(cell for cell in known.difference(cells) if cell.width != 9)
    for cell in cells:
        if cell == Size(8, 19):
            found += _centred(size, cell)
        else:
            found.append(_filling(size, cell))
    return [
        grid
        for grid in dict.fromkeys(found)
        if grid.columns >= 20 and grid.rows >= 5 and grid.columns * grid.rows <= MOST_CELLS
    ]


def _filling(size: Size, cell: Size) -> Grid:
    """From the top left corner, as Linux's framebuffer console has it; what is left over stays unused."""
    return Grid(Point(0, 0), cell, size.width // cell.width, size.height // cell.height)


def _centred(size: Size, cell: Size) -> Iterator[Grid]:
    """As edk2 has it; a small grid may lie exactly inside a larger one, so it comes first."""
    for columns, rows in (*EDK2_MODES, (size.width // cell.width, size.height // cell.height)):
        x, y = size.width - columns * cell.width, size.height - rows * cell.height
        if x >= 0 and y >= 0:
            yield Grid(Point(x // 2, y // 2), cell, columns, rows)


class _Candidate:
    """A grid that may be the right one, and the row that spoke against it last."""

    def __init__(self, grid: Grid, *, certain: bool) -> None:
        self.grid = grid
        self.certain = certain  # the picture's size alone says that it is a text mode
        self.witness: int | None = None

    def rejected(self, reader: _Reader) -> bool:
        """A look at a few rows; most pictures need no more."""
        if reader.blank:
            return not self.certain
        rows = self.grid.rows
        sample = list(dict.fromkeys(rows * n // 14 for n in (13, 7, 1, 10, 4, 12, 2)))
        if self.witness is not None:
            sample.insert(0, self.witness)
        unknown, glyphs = self._look(reader, sample)
        if unknown or glyphs:
            return unknown > 8 + glyphs
        if self.certain:
            return False
        unknown, glyphs = self._look(reader, reader.busy_rows(self.grid, len(sample)))
        return not glyphs or unknown > 8 + glyphs

    def _look(self, reader: _Reader, rows: Sequence[int]) -> tuple[int, int]:
        """How many cells of some rows are unknown, and how many speak for text; stops when it is clear."""
        unknown = glyphs = 0
        for looked, y in enumerate(rows, 1):
            against, for_it = reader.row(self.grid, y)
            if against > for_it and against > 2:
                self.witness = y
            unknown += against
            glyphs += for_it
            if unknown > 8 + 2 * glyphs and (looked >= 3 or unknown > 24 + 8 * glyphs):
                break
        return unknown, glyphs


class _Reader:
    """A frame, read by grids."""

    def __init__(self, pixels: npt.NDArray[np.uint8]) -> None:
        self.frame = np.ascontiguousarray(pixels)
        self.words: Words = self.frame.view(np.uint32)[..., 0]
        self._line: Words = np.empty((0, 3), np.uint32)
        self._busy: npt.NDArray[np.intp] | None = None

    def read(self, grid: Grid, cells: Rect, out: Words, limit: int | None = None) -> int:
        """Into *out*, (rows, columns, 3); see the kernel."""
        table = glyph_table.table(grid.cell)
        area = (cells.x, cells.y, cells.right, cells.bottom)
        most = cells.area if limit is None else limit
        unknown: int = _loops.match(
            self.words.data, self.words.shape[1], tuple(grid.origin), tuple(grid.cell), grid.columns, area,
            glyph_table.weights().data, table.slots.data, table.totals, most, out.data,
        )  # fmt: skip
        return unknown

    def plain_around(self, grid: Grid, damage: Iterable[Rect] | None = None) -> bool:
        """Whether the pixels outside the grid have one colour, as far as they could be other cells; None: all."""
        height, width = self.words.shape
        area = grid.area
        if width - area.width < grid.cell.width and height - area.height < grid.cell.height:
            return True
        color = self.words[0, 0] & np.uint32(0xFFFFFF)
        for rect in damage if damage is not None else (Rect(0, 0, width, height),):
            for part in _outside(rect.intersect(Rect(0, 0, width, height)), area):
                if ((self.words[part.slices()] ^ color) & np.uint32(0xFFFFFF)).any():
                    return False
        return True

    @property
    def blank(self) -> bool:
        """Whether it is known to have nothing on it."""
        return self._busy is not None and not len(self._busy)

    def busy_rows(self, grid: Grid, most: int) -> list[int]:
        """Some of the rows of cells that have more than one colour."""
        if self._busy is None:  # the pixel rows amid such, from one look by any grid
            size = Size(self.words.shape[1], self.words.shape[0])
            screen = TextScreen(_filling(size, _USUAL[0]))
            self.read(screen.grid, Rect(0, 0, screen.columns, screen.rows), screen.cells)
            self._busy = np.flatnonzero((screen.characters != SPACE).any(axis=1)) * screen.grid.cell.height
        middle = self._busy + _USUAL[0].height // 2 - grid.origin.y
        rows = np.unique(middle // grid.cell.height)
        rows = rows[(rows >= 0) & (rows < grid.rows)]
        return [int(row) for row in rows[:: max(1, len(rows) // most)][:most]]

    def row(self, grid: Grid, y: int) -> tuple[int, int]:
        """How many cells of a row are unknown, and how many are glyphs that speak for text."""
        if len(self._line) < grid.columns:
            self._line = np.empty((grid.columns, 3), np.uint32)
        one = grid._replace(origin=Point(grid.origin.x, grid.origin.y + y * grid.cell.height), rows=1)
        line = self._line[: grid.columns]
        unknown = self.read(one, Rect(0, 0, grid.columns, 1), line)
        return unknown, _count_glyphs(line[:, 0])


class Recognizer:
    """Says whether a picture is a text console, and what it reads.

    *frames*: how many in a row must agree before it says so.  :attr:`screen` is what it reads then, else None.
    Feed it every frame with its damage; in a text console only damaged cells are read.
    """

    def __init__(self, frames: int = 2) -> None:
        self.frames = frames
        self.screen: TextScreen | None = None
        self._size = Size(0, 0)
        self._candidates: list[_Candidate] = []
        self._favourite: TextScreen | None = None
        self._agreed = 0

    @property
    def undecided(self) -> bool:
        """Another feed may say that it is a text console, though nothing changes: the next of the agreeing frames."""
        return self.screen is None and self._agreed > 0

    def reset(self) -> None:
        """The next frame has nothing to do with those before."""
        self.screen = self._favourite = None
        self._agreed = 0

    def feed(self, pixels: npt.NDArray[np.uint8], damage: Iterable[Rect]) -> None:
        """A frame, uint8 (h, w, 4) BGRX, and where it differs from the one before."""
        size = Size(pixels.shape[1], pixels.shape[0])
        if size != self._size:
            self.reset()
            self._size = size
            self._candidates = [
                _Candidate(grid, certain=size in _TEXT_MODES and number == 0)
                for number, grid in enumerate(grids(size))
            ]  # fmt: skip
        reader = _Reader(pixels)
        rects = list(damage)
        if self.screen is not None:
            self._follow(self.screen, reader, rects)
            if _is_text(self.screen, LEAVE) and reader.plain_around(self.screen.grid, rects):
                return
            self.reset()
        self._detect(reader, rects)

    def _detect(self, reader: _Reader, damage: Sequence[Rect]) -> None:
        found = self._favourite
        if found is not None:
            self._follow(found, reader, damage)
            if not _is_text(found, ENTER) or not reader.plain_around(found.grid, damage):
                found = None
        if found is None:
            self._agreed = 0
            found = self._search(reader)
        self._favourite = found
        if found is None:
            return
        self._agreed += 1
        if self._agreed >= self.frames:
            self.screen = found

    def _search(self, reader: _Reader) -> TextScreen | None:
        for place, candidate in enumerate(self._candidates):
            if candidate.rejected(reader):
                continue
            grid = candidate.grid
            screen = TextScreen(grid)
            limit = int(grid.columns * grid.rows * (1 - ENTER))
            if reader.read(grid, Rect(0, 0, grid.columns, grid.rows), screen.cells, limit) > limit:
                continue
            screen.count()
            if not _is_text(screen, ENTER) or (screen.glyphs < LEAST_GLYPHS and not candidate.certain):
                continue
            if not reader.plain_around(grid):
                continue
            self._place_cursor(screen, reader, [Rect(0, 0, grid.columns, grid.rows)])
            self._candidates.insert(0, self._candidates.pop(place))
            return screen
        return None

    def _follow(self, screen: TextScreen, reader: _Reader, damage: Sequence[Rect]) -> None:
        """Reads the damaged cells again."""
        areas = [cells for rect in damage if not (cells := screen.grid.touched(rect)).empty]
        if not areas:
            return
        whole = bounding(areas)
        before = screen.cells[whole.slices()].copy()
        for area in areas:
            reader.read(screen.grid, area, screen.cells)
        screen.count()
        if self._place_cursor(screen, reader, areas):
            return
        changed = np.argwhere((screen.cells[whole.slices()] != before).any(axis=2)).tolist()
        if len(changed) == 1:
            y, x = changed[0]
            if _exchanged(before[y, x].tolist(), screen.cells[y + whole.y, x + whole.x].tolist()):
                screen.cursor = Point(x + whole.x, y + whole.y)
        elif changed and screen.cursor is not None and whole.contains(Rect(*screen.cursor, 1, 1)):
            screen.cursor = None  # more than a cursor that blinks

    def _place_cursor(self, screen: TextScreen, reader: _Reader, areas: Sequence[Rect]) -> bool:
        """Reads what lies under a cursor among the unknown cells of *areas*; False where none has one."""
        if not screen.unknown:
            return False
        unknown = (
            (x + area.x, y + area.y)
            for area in areas
            for y, x in np.argwhere(screen.characters[area.slices()] == UNKNOWN).tolist()
        )
        for x, y in islice(unknown, CURSOR_TRIES):
            cell = reader.words[screen.grid.pixels(x, y).slices()] & np.uint32(0xFFFFFF)
            found = find_cursor(cell)
            if found is not None:
                screen.cells[y, x] = found
                screen.cursor = Point(x, y)
                screen.unknown -= 1
                if found[0] == SPACE:
                    screen.cursor_color = found[1]
                screen.glyphs += _count_glyphs(screen.cells[y, x, :1])
                return True
        return False


def _outside(rect: Rect, area: Rect) -> Iterator[Rect]:
    """The parts of *rect* that are not in *area*."""
    inside = rect.intersect(area)
    if inside.empty:
        inside = Rect(rect.x, rect.y, 0, 0)
    parts = (
        Rect.from_edges(rect.x, rect.y, rect.right, inside.y),
        Rect.from_edges(rect.x, inside.bottom, rect.right, rect.bottom),
        Rect.from_edges(rect.x, inside.y, inside.x, inside.bottom),
        Rect.from_edges(inside.right, inside.y, rect.right, inside.bottom),
    )
    return (part for part in parts if not part.empty)


def _exchanged(old: list[int], new: list[int]) -> bool:
    """Whether a cell's colours were exchanged, or its blank got another colour: a cursor like a block."""
    if old[0] != new[0] or old[0] == UNKNOWN:
        return False
    return old[2] != new[2] if old[0] == SPACE else old[1:] == new[:0:-1]


def _is_text(screen: TextScreen, part: float) -> bool:
    return screen.matched >= part and (screen.unknown <= screen.glyphs + 2 or screen.unknown <= 4)


def read_screen(pixels: npt.NDArray[np.uint8]) -> TextScreen | None:
    """The text of one picture, uint8 (h, w, 4) BGRX; None when it is no text console."""
    recognizer = Recognizer(frames=1)
    recognizer.feed(pixels, ())
    return recognizer.screen
