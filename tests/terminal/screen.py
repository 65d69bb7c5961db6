"""pyte's screen with what it lacks: the alternate screen, colours by number, underline colours, cells with pixels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyte
from pyte.screens import Char, StaticDefaultDict

Pixels = npt.NDArray[np.uint8]

# What xterm shows for the names that pyte gives the first 16 colours.
_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
_PLAIN = ("000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5")
_BRIGHT = ("7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff")
NAMED = dict(zip(_NAMES, _PLAIN, strict=True)) | {
    f"bright{name}": color for name, color in zip(_NAMES, _BRIGHT, strict=True)
}
NAMED["bfightmagenta"] = "ff00ff"  # pyte 0.8.2 spells it so


class Ink(str):
    """A foreground colour (``rrggbb``) that remembers its number in the palette, and the underline's colour."""

    number: int | None = None
    under: int = 0


class Pictured(Char):
    """A cell with pixels over its character: (cell height, cell width, 4) RGBA.  Whatever is written takes them off."""

    tile: Pixels
    opaque: bool


class Screen(pyte.Screen):
    """*scrolled* is called with how many lines the lines top … bottom (inclusive) have moved down; *cleared* after
    the whole screen was erased; *switched* with whether the alternate screen is shown now."""

    def __init__(self, columns: int, lines: int) -> None:
        self.scrolled: Callable[[int, int, int], None] = lambda amount, top, bottom: None
        self.cleared: Callable[[], None] = lambda: None
        self.switched: Callable[[bool], None] = lambda alternate: None
        self.other: Any = None
        self.under = 0
        super().__init__(columns, lines)

    # the alternate screen (xterm control sequences, mode 1049)

    def alternate(self, on: bool) -> None:
        if on == (self.other is not None):
            return
        if on:
            self.other = (self.buffer, copy.copy(self.cursor), self.lines, self.columns)
            self.buffer = copy.copy(self.buffer)
            self.buffer.clear()
        else:
            self.buffer, self.cursor, lines, columns = self.other
            self.other = None
            size, (self.lines, self.columns) = (self.lines, self.columns), (lines, columns)
            self.resize(*size)
            self.ensure_hbounds()
            self.ensure_vbounds()
        self.dirty.update(range(self.lines))
        self.switched(on)

    # scrolling and erasing

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        scrolls = self.cursor.y == bottom
        super().index()
        if scrolls:
            self.scrolled(-1, top, bottom)

    def reverse_index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        scrolls = self.cursor.y == top
        super().reverse_index()
        if scrolls:
            self.scrolled(1, top, bottom)

    def scroll(self, amount: int) -> None:
        """SU (positive) and SD, which pyte does not know."""
        x, y = self.cursor.x, self.cursor.y
        top, bottom = self.margins or (0, self.lines - 1)
        for _ in range(min(abs(amount), self.lines)):
            self.cursor.y = bottom if amount > 0 else top
            if amount > 0:
                self.index()
            else:
                self.reverse_index()
        self.cursor.x, self.cursor.y = x, y

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        super().erase_in_display(how, *args, **kwargs)
        if how in (2, 3):
            self.cleared()

    def reset(self) -> None:
        super().reset()
        self.under = 0
        self.cleared()

    def repeat(self, count: int) -> None:
        """REP: the last character again, as often as there is room."""
        line = self.buffer[self.cursor.y]
        for _ in range(min(count, self.columns * self.lines)):
            self.draw(line[self.cursor.x - 1].data)

    # colours

    def render(self, args: str) -> None:
        """SGR with sub-parameters (``38:2::r:g:b``), underline colours, and numbers of the palette."""
        numbers: list[int] = []
        for part in args.split(";"):
            fields = [int(field) if field else 0 for field in part.split(":")]
            if len(fields) == 1:
                numbers += fields
            elif fields[0] in (38, 48, 58):
                numbers += [*fields[:2], *(fields[-3:] if fields[1] == 2 else fields[2:3])]
            elif fields[0] == 4:
                numbers.append(4 if fields[1] else 24)
        plain: list[int] = []
        ink: int | None = None
        position = 0
        while position < len(numbers):
            number = numbers[position]
            if number in (38, 48, 58):
                size = 5 if numbers[position + 1 : position + 2] == [2] else 3
                color = numbers[position : position + size]
                position += size
                if number == 58:
                    self.under = int.from_bytes(bytes(value & 255 for value in color[2:]), "big")
                    continue
                if number == 38:
                    ink = color[2] if size == 3 and len(color) == 3 else None
                plain += color
                continue
            if number == 59:
                self.under = 0
            elif number == 0:
                self.under, ink = 0, None
                plain.append(0)
            else:
                plain.append(number)
            position += 1
        if plain or not numbers:
            self.select_graphic_rendition(*plain)
        attributes = self.cursor.attrs
        if ink is not None or self.under != getattr(attributes.fg, "under", 0):
            color_name = Ink(attributes.fg)
            color_name.number = ink if ink is not None else getattr(attributes.fg, "number", None)
            color_name.under = self.under
            self.cursor.attrs = attributes._replace(fg=color_name)

    # pixels in cells

    def attach(self, x: int, y: int, tile: Pixels) -> None:
        """Lays pixels over a cell, over those that are there already."""
        line: StaticDefaultDict[int, Char] = self.buffer[y]
        old = line[x]
        under = getattr(old, "tile", None)
        cell = Pictured(*old)
        cell.tile = tile if under is None or under.shape != tile.shape else over(under, tile)
        cell.opaque = bool((cell.tile[..., 3] == 255).all())
        line[x] = cell


def over(under: Pixels, top: Pixels) -> Pixels:
    """RGBA on RGBA (or RGB), unpremultiplied."""
    alpha = top[..., 3:].astype(np.uint32)
    if alpha.min(initial=255) == 255:
        return top[..., : under.shape[2]].copy()
    result = np.empty_like(under)
    if under.shape[2] == 3:
        result[:] = (top[..., :3] * alpha + under * (255 - alpha) + 127) // 255
        return result
    below = under[..., 3:].astype(np.uint32) * (255 - alpha)
    whole = alpha * 255 + below
    mixed = top[..., :3] * (alpha * 255) + under[..., :3] * below
    result[..., :3] = np.where(whole > 0, (mixed + whole // 2) // np.maximum(whole, 1), 0)
    result[..., 3:] = (whole + 127) // 255
    return result
