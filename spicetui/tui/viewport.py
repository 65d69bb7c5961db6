"""The picture in the app, and the only file that hands graphics bytes to the terminal.

Textual's compositor decides which cells are the picture's: it asks :class:`CellStrip` to render exactly those that
nothing covers.  They are *owned* from then on, and frames are written to owned cells only, past the compositor.
A change of layout takes all ownership away until the compositor has painted again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..geometry import Point, Rect, Size
from ..term.cells import INDEXED, CellKind, CellPlane, Colors
from ..term.plane import Pointer
from ..term.scale import Mapping, Scale

if TYPE_CHECKING:
    from textual.screen import Screen

    from .app import SpiceApp
    from .link import Link

BACKDROP = 0x101418
COVERED_FPS = 1  # while another screen lies over the picture, the compositor draws it: 100 times the work
_SYNC_START, _SYNC_END = b"\x1b[?2026h", b"\x1b[?2026l"
_CELL_PX = Size(8, 16)  # where the terminal tells no cell size


class VMView(Widget):
    """Shows the link's picture.  No border, no padding: its cells are all picture."""

    ALLOW_SELECT = False
    can_focus = False
    app: SpiceApp

    def __init__(self, link: Link, *, kind: CellKind, scale: Scale, fps: int) -> None:
        super().__init__()
        self.link = link
        self.plane = CellPlane(kind, Colors.TRUE, BACKDROP)
        self.scale_mode = scale
        self.interval = 1 / max(1, fps)
        self.pan = Point(0, 0)
        self.origin = Point(0, 0)  # on the terminal, as the compositor painted last
        self.draws_pointer = True
        self._pointer: Pointer | None = None
        self._pending_damage: list[Rect] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._shown: deque[float] = deque(maxlen=240)
        self.frames_shown = 0

    # life

    def on_mount(self) -> None:
        self.screen.screen_layout_refresh_signal.subscribe(self, self._on_layout_painted, immediate=True)

    def on_unmount(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_layout_painted(self, screen: Screen[Any]) -> None:
        # It has just painted, perhaps something over us; what it lets us paint next is ours again.
        self.plane.disown()
        self.refresh()

    # what is shown

    @property
    def mapping(self) -> Mapping | None:
        return self.plane.mapping

    def shows(self, x: int, y: int) -> bool:
        """Whether nothing covers a cell.  While a layout is being painted that is not known, and assumed."""
        owned = self.plane.owned
        return bool(owned[y, x]) or not owned.any()

    def set_kind(self, kind: CellKind) -> None:
        old = self.plane
        self.plane = CellPlane(kind, old.colors, BACKDROP)
        self.plane.resize(old.size)
        self.remap()
        self.refresh()

    def set_colors(self, colors: Colors) -> None:
        if colors is not self.plane.colors:
            self.plane.colors = colors
            self.remap()

    def set_scale(self, scale: Scale) -> None:
        self.scale_mode = scale
        self.pan = Point(0, 0)
        self.remap()

    def pan_by(self, columns: int, rows: int) -> None:
        """Moves the part that is shown by cells."""
        mapping = self.mapping
        if mapping is None:
            return
        shown = mapping.shown
        self.pan = Point(shown.x + round(columns * mapping.columns.step), shown.y + round(rows * mapping.rows.step))
        self.remap()
        if self.mapping is not None:
            self.pan = Point(self.mapping.shown.x, self.mapping.shown.y)

    def remap(self) -> None:
        """The picture's size, the view's or how the one lies in the other has changed."""
        plane, size = self.plane, self.link.size
        if size is None or not plane.size.width or not plane.size.height:
            plane.clear()
        else:
            plane.place(
                Mapping(
                    size,
                    plane.size,
                    plane.kind.sub,
                    self.scale_mode,
                    cell_px=self.app.cell_px or _CELL_PX,
                    pan=self.pan,
                )
            )
            self.link.take_damage()
            self._pending_damage = [Rect(0, 0, *size)]
        self.schedule()

    def pointer_moved(self) -> None:
        pointer = self._wanted_pointer()
        if pointer != self._pointer:
            self.schedule()

    def _wanted_pointer(self) -> Pointer | None:
        cursor = self.link.cursor
        if cursor is None or not self.draws_pointer:
            return None
        return Pointer(cursor, *self.link.pointer)

    def _draw(self) -> None:
        """Brings the plane up to date with the surface."""
        pixels = self.link.pixels
        damage = self._pending_damage + self.link.take_damage()
        self._pending_damage = []
        pointer = self._wanted_pointer()
        if self._pointer is not None and (pointer != self._pointer or damage):
            damage.append(self._pointer.rect)
        elif pointer is None and not damage:
            return
        self._pointer = pointer
        if pixels is not None and self.mapping is not None:
            self.plane.draw(pixels, damage, pointer)

    # frames

    @property
    def fps(self) -> float:
        """Frames of the last second."""
        now = asyncio.get_running_loop().time()
        while self._shown and now - self._shown[0] > 1:
            self._shown.popleft()
        return float(len(self._shown))

    def schedule(self) -> None:
        """A frame as soon as the rate allows."""
        if self._timer is None and self.is_attached:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next, loop.time()), self._present)

    def _present(self) -> None:
        self._timer = None
        if not self.is_attached or not self.app.is_running:
            return
        loop = asyncio.get_running_loop()
        driver = self.app.terminal_driver
        if driver is not None and not driver.writer.ready():
            patience = driver.writer.patience()
            if patience is not None:
                self._timer = loop.call_later(patience, self._present)
            return  # or the writer tells when there is room
        if driver is None or self.app.screen is not self.screen:
            self._next = loop.time() + (1 / COVERED_FPS if driver is not None else self.interval)
            self._draw()
            self._note_frame(loop.time())
            self.refresh()
            return
        self._next = loop.time() + self.interval
        self._draw()
        data = self.plane.difference(self.origin)
        if data:
            x, y = self.app.cursor_position
            place = b"\x1b[%d;%dH" % (y + 1, x + 1)
            if driver.caps.synchronized:
                data = b"".join((_SYNC_START, data, place, _SYNC_END))
            else:
                data += place
            driver.writer.frame(data)
            self._note_frame(loop.time())

    def _note_frame(self, now: float) -> None:
        self._shown.append(now)
        self.frames_shown += 1
        self.app.frame_shown(now)

    def room(self) -> None:
        """The terminal has caught up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.schedule()

    # what the compositor asks

    def render_lines(self, crop: Region) -> list[Strip]:
        size = Size(*self.size)
        if size != self.plane.size:
            self.plane.resize(size)
            self.remap()
            self._draw()
        self.origin = Point(*self.region.offset)
        return [CellStrip(self.plane, y, crop.x, crop.right) for y in range(crop.y, crop.bottom)]


@lru_cache(8192)
def _style(foreground: int, background: int) -> Style:
    return Style(color=_rich_color(foreground), bgcolor=_rich_color(background))


@lru_cache(8192)
def _rich_color(word: int) -> Color:
    if word & INDEXED:
        return Color.from_ansi(word & 255)
    return Color.from_rgb(word >> 16 & 255, word >> 8 & 255, word & 255)


class CellStrip(Strip):
    """A part of a row of the plane.  It is bytes for the terminal, and segments only where somebody insists."""

    def __init__(self, plane: CellPlane, y: int, x0: int, x1: int) -> None:  # no super(): nothing is made before use
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
        for code, front, back in plane.wanted[y, self._x0 : x1].tolist():
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
