"""Rows of the picture as Textual's compositor handles them: bytes for the terminal, segments only on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.strip import Strip

from ..term.cells import DEFAULT, INDEXED
from ..term.plane import Plane


@lru_cache(8192)
def _style(foreground: int, background: int) -> Style:
    return Style(color=_rich_color(foreground), bgcolor=_rich_color(background))


@lru_cache(8192)
def _rich_color(word: int) -> Color:
    if word == DEFAULT:
        return Color.default()
    if word & INDEXED:
        return Color.from_ansi(word & 255)
    return Color.from_rgb(word >> 16 & 255, word >> 8 & 255, word & 255)


class CellStrip(Strip):
    """A part of a row of the plane.  It is bytes for the terminal, and segments only where somebody insists."""

    def __init__(self, plane: Plane, y: int, x0: int, x1: int) -> None:  # no super(): nothing is made before use
        self._plane = plane
        self._y = y
        self._x0 = x0
        self._x1 = max(x0, x1)
        self._cell_length: int = self._x1 - x0
        self._render_cache = None
        self._link_ids = None
        self._cell_count = self._cell_length

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_cache"):  # those of the methods that are not overridden
            cache: FIFOCache[Any, Any] = FIFOCache(4)
            setattr(self, name, cache)
            return cache
        raise AttributeError(name)

    @property
    def _segments(self) -> list[Segment]:  # type: ignore[override]
        plane, y = self._plane, self._y
        x1 = min(self._x1, plane.size.width)
        if y >= plane.size.height or self._x0 >= x1:
            return [Segment(" " * self.cell_length)]
        segments = []
        text = ""
        colors = (-1, -1)
        for code, front, back in plane.cells(y, self._x0, x1).tolist():
            if code == 0x20:
                front = back
            if (front, back) != colors and text:
                segments.append(Segment(text, _style(*colors)))
                text = ""
            colors = (front, back)
            text += chr(code)
        segments.append(Segment(text, _style(*colors)))
        if x1 < self._x1:
            segments.append(Segment(" " * (self._x1 - x1)))
        return segments

    @property
    def cell_length(self) -> int:
        return self._x1 - self._x0

    @property
    def cell_count(self) -> int:
        return self._x1 - self._x0

    def __bool__(self) -> bool:
        return self._x1 > self._x0

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    def __len__(self) -> int:
        return len(self._segments)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]

    def _part(self, start: int, end: int) -> CellStrip:
        return CellStrip(self._plane, self._y, self._x0 + start, self._x0 + end)

    def crop(self, start: int, end: int | None = None) -> Strip:
        length = self.cell_length
        start = min(max(0, start), length)
        end = length if end is None else min(end, length)
        return self if (start, end) == (0, length) else self._part(start, max(start, end))

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        parts = []
        start = 0
        for cut in cuts:
            if cut <= self.cell_length:
                parts.append(self._part(start, cut))
                start = cut
        return parts

    def adjust_cell_length(self, cell_length: int, style: Style | None = None) -> Strip:
        if cell_length <= self.cell_length:
            return self.crop(0, cell_length)
        return Strip([*self._segments, Segment(" " * (cell_length - self.cell_length), style)], cell_length)

    def render(self, console: Console) -> str:
        """The cells in full; they are the picture's from now on."""
        width, height = self._plane.size
        x1 = min(self._x1, width)
        if self._y >= height or self._x0 >= x1:
            return " " * self.cell_length
        return self._plane.span(self._y, self._x0, x1) + " " * (self._x1 - x1)
