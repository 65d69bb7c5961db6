"""The demo's terminal: echoes what is typed and knows a few commands."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from ..geometry import Point, Rect
from . import draw
from .screen import Colours
from .windows import Window

if TYPE_CHECKING:
    from .desktop import Desktop

CELL_WIDTH, CELL_HEIGHT = 12, 22  # Pillow's bitmap face of 6x11 pixels, doubled
COLUMNS, ROWS = 40, 12
MARGIN = 10
MAX_LINE = 400
BLINK_SECONDS = 0.6

COLOURS = Colours(0x7E01, ((14, 17, 26), (206, 214, 232), draw.GREEN, draw.ACCENT))
PLAIN, PROMPT, NOTE = 1, 2, 3
PROMPT_TEXT = "demo:~$ "

Line = list[tuple[str, int]]  # characters with their colours


class Terminal(Window):
    name = "terminal"
    title = "Terminal - type here"
    size = (COLUMNS * CELL_WIDTH + 2 * MARGIN, ROWS * CELL_HEIGHT + 2 * MARGIN)
    place = (44, 378)

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        self.lines: list[Line] = []
        self.input = ""
        self._row_of_input = 0
        self._caret_on = False
        self._stale = False
        self._blinked = 0.0
        self._shown: list[Line] = [[] for _ in range(ROWS)]
        self.write("Keys typed in the client land here.\n", NOTE)
        self.write("Try: help\n", NOTE)
        self._prompt()

    # --- text

    @property
    def text(self) -> str:
        """What the screen shows, lines without trailing spaces."""
        return "\n".join("".join(character for character, _ in line) for line in self.lines)

    def write(self, text: str, colour: int = PLAIN) -> None:
        for part in text.splitlines(keepends=True):
            if not self.lines:
                self.lines.append([])
            for character in part.rstrip("\n"):
                if len(self.lines[-1]) == COLUMNS:
                    self.lines.append([])
                self.lines[-1].append((character if " " <= character <= "~" else "?", colour))
            if part.endswith("\n"):
                self.lines.append([])
        del self.lines[:-ROWS]

    def _prompt(self) -> None:
        self.write(PROMPT_TEXT, PROMPT)

    def typed(self, text: str) -> None:
        for character in text:
            if character == "\n":
                self.lines.append([])
                command, self.input = self.input, ""
                self._run(command.split())
                self._prompt()
            elif character == "\b":
                if self.input:
                    self.input = self.input[:-1]
                    self._rub_out()
            elif character == "\t":
                self.typed(" ")
            elif len(self.input) < MAX_LINE:
                self.input += character
                self.write(character)
        self._stale = True

    def _rub_out(self) -> None:
        if not self.lines[-1] and len(self.lines) > 1:
            self.lines.pop()
        self.lines[-1].pop()

    def _run(self, words: list[str]) -> None:
        match words:
            case []:
                return
            case ["help"]:
                self.write("help echo date whoami uname clear\ntheme tidy bounce\n")
            case ["echo", *rest]:
                self.write(" ".join(rest) + "\n")
            case ["date"]:
                self.write(time.strftime("%Y-%m-%d %H:%M:%S\n", self.desktop.wall_clock))
            case ["whoami"]:
                self.write("a guest of this demo\n")
            case ["uname", *_]:
                self.write("no machine at all, just Python\n")
            case ["clear"]:
                self.lines = []
            case ["theme"]:
                self.desktop.next_theme()
            case ["tidy"]:
                self.desktop.tidy()
            case ["bounce"]:
                self.desktop.bounce()
            case [name, *_]:
                self.write(f"{name}: no such command, try help\n")

    # --- picture

    def paint(self) -> None:
        self.image.paste(COLOURS.entries[0], (0, draw.TITLE_HEIGHT, *self.image.size))
        self._caret_on = False
        self._shown = [line.copy() for line in self._padded()]
        for row, line in enumerate(self._shown):
            self._paint_row(row, line, onto_screen=False)

    def _padded(self) -> list[Line]:
        return self.lines + [[] for _ in range(ROWS - len(self.lines))]

    def update(self) -> None:
        """Scrolls when that saves rows, then paints the rows that differ."""
        if not self._stale:
            return
        self._stale = False
        self._caret(False)
        wanted = self._padded()
        by = self._scrolled_by(wanted)
        if by:
            self.scroll(self._rows(0, ROWS), 0, -by * CELL_HEIGHT)
            self._shown = self._shown[by:] + self._shown[-by:]
        for row, line in enumerate(wanted):
            if line != self._shown[row]:
                self._shown[row] = line.copy()
                self._paint_row(row, line, onto_screen=True)
        self._caret(True)

    def _scrolled_by(self, wanted: list[Line]) -> int:
        """The rows to move up by that leave the fewest to paint; 0 to move none."""

        def right(by: int) -> int:
            return sum(old == new and bool(new) for old, new in zip(self._shown[by:], wanted, strict=False))

        best = max(range(ROWS), key=right)
        return best if right(best) > right(0) else 0

    def _rows(self, first: int, count: int) -> Rect:
        top = draw.TITLE_HEIGHT + MARGIN + first * CELL_HEIGHT
        return Rect(MARGIN, top, COLUMNS * CELL_WIDTH, count * CELL_HEIGHT)

    def _paint_row(self, row: int, line: Line, *, onto_screen: bool) -> None:
        rect = self._rows(row, 1)
        cells = Image.new("L", (rect.width, rect.height))
        for column, (character, colour) in enumerate(line):
            cells.paste(_cell(character, colour), (column * CELL_WIDTH, 0))
        pixels = cells.tobytes()
        if onto_screen:
            self.indexed(rect, pixels, COLOURS)
        else:
            part = Image.frombytes("P", (rect.width, rect.height), pixels)
            part.putpalette([sample for colour in COLOURS.entries for sample in colour])
            self.image.paste(part.convert("RGB"), (rect.x, rect.y))

    def _caret(self, on: bool) -> None:
        if on == self._caret_on:
            return
        self._caret_on = on
        column, row = len(self.lines[-1]), len(self.lines) - 1
        if column == COLUMNS:
            column = COLUMNS - 1
        rect = self._rows(row, 1)
        if on:
            self._caret_rect = Rect(rect.x + column * CELL_WIDTH, rect.y, CELL_WIDTH, CELL_HEIGHT)
        self.invert(self._caret_rect)

    def tick(self, now: float) -> None:
        if now - self._blinked >= BLINK_SECONDS:
            self._blinked = now
            self._caret(not self._caret_on)

    def shape_at(self, at: Point) -> str:
        return "text"


@cache
def _cell(character: str, colour: int) -> Image.Image:
    """A character as indices into COLOURS; not to be changed."""
    small = Image.new("L", (CELL_WIDTH // 2, CELL_HEIGHT // 2))
    pen = ImageDraw.Draw(small)
    pen.fontmode = "1"
    pen.text((0, 0), character, colour, _face())
    return small.resize((CELL_WIDTH, CELL_HEIGHT), Image.Resampling.NEAREST)


@cache
def _face() -> ImageFont.ImageFont:
    return ImageFont.load_default_imagefont()
