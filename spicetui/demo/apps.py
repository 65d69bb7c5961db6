"""The other windows of the demo desktop: welcome, load and traffic, a bouncing ball, a paint pad, keys."""

from __future__ import annotations

import math
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from ..geometry import Point, Rect
from ..keymap.keys import Key
from ..wire.enums import KeyboardModifierFlags
from . import draw
from .screen import Colour, Picture, box
from .windows import Window

if TYPE_CHECKING:
    from .desktop import Desktop

TOP = draw.TITLE_HEIGHT


class Welcome(Window):
    name = "welcome"
    title = "Welcome"
    size = (480, 268)
    place = (36, 52)

    LINES = (
        "This desktop is no machine: it is a small SPICE server,",
        "and all that you see of it came over that protocol.",
        "",
        "-  Type: the text appears in the terminal below.",
        "-  Drag a window by its title, draw in the paint pad.",
        "-  The dock at the bottom brings windows back.",
        "-  Press the prefix key for the menu; there you also leave.",
    )

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        row = TOP + 216
        self.add_button(Rect(24, row, 136, 36), "Other colours", desktop.next_theme)
        self.add_button(Rect(172, row, 136, 36), "Bounce", desktop.bounce)
        self.add_button(Rect(320, row, 136, 36), "Tidy up", desktop.tidy)

    def paint(self) -> None:
        self.image.paste(draw.PANE, (0, TOP, *self.image.size))
        draw.text(self.image, (24, TOP + 14), "Hello!", 32, draw.ACCENT)
        for i, line in enumerate(self.LINES):
            colour = draw.INK if line.startswith("-") else draw.FAINT
            draw.text(self.image, (24, TOP + 62 + 20 * i), line, 16, colour)


class Monitor(Window):
    """Load of the computer and bytes sent to clients, a bar for each second."""

    name = "monitor"
    title = "Load and traffic"
    size = (222, 184)
    place = (540, 52)

    STEP = 6

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        self._graphs = (Rect(12, TOP + 28, 198, 58), Rect(12, TOP + 114, 198, 58))
        self._measured: float | None = None
        self._times = (0.0, 0.0)
        self._sent = 0

    def paint(self) -> None:
        self.image.paste(draw.PANE, (0, TOP, *self.image.size))
        for graph, label in zip(self._graphs, ("processor", "sent"), strict=True):
            self.image.paste(draw.BAR, box(graph))
            draw.text(self.image, (graph.x, graph.y - 20), label, 14, draw.FAINT)

    def tick(self, now: float) -> None:
        before = self._measured
        if before is not None and now - before < 1:
            return
        busy, total = _processor_times()
        load = (busy - self._times[0]) / max(1e-6, total - self._times[1])
        sent = self.desktop.traffic()
        rate = (sent - self._sent) / (now - before) if before is not None else 0.0
        self._measured, self._times, self._sent = now, (busy, total), sent
        if before is None:
            return
        self._bar(0, load, f"{load:.0%}", draw.GREEN)
        # A logarithmic scale up to 16 MB/s: a ticking clock and a moving window can both be seen.
        self._bar(1, math.log2(rate + 1) / 24, f"{rate / 1000:.1f} kB/s", draw.BLUE)

    def _bar(self, i: int, part: float, label: str, colour: Colour) -> None:
        graph = self._graphs[i]
        self.scroll(graph, -self.STEP, 0)
        column = Rect(graph.right - self.STEP, graph.y, self.STEP, graph.height)
        tall = max(1, round(min(1.0, max(0.0, part)) * (graph.height - 4)))
        self.fill(column, draw.BAR)
        self.fill(Rect(column.x, graph.bottom - tall, self.STEP - 2, tall), colour)
        place = Rect(graph.right - 100, graph.y - 22, 100, 20)
        self.image.paste(draw.PANE, box(place))
        draw.text(self.image, (graph.right, graph.y - 20), label, 14, draw.INK, "ra")
        self.changed(place)


def _processor_times() -> tuple[float, float]:
    """Work and time so far, of all processors where the system tells, else of this process; any unit."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        numbers = [int(word) for word in first.split()[1:9]]
    except (OSError, ValueError):
        return time.process_time(), time.monotonic()
    return float(sum(numbers) - numbers[3] - numbers[4]), float(sum(numbers))


class Motion(Window):
    """A ball that falls, bounces and rests for a while."""

    name = "motion"
    title = "Motion"
    size = (216, 184)
    place = (784, 52)

    DIAMETER = 46
    GRAVITY = 520.0  # pixels/s²
    REST_SECONDS = 3.0

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        jpeg = draw.sky_photo(self.size[0] - 4, self.size[1] - 12)
        with Image.open(BytesIO(jpeg)) as photo:
            self._photo = Picture(0x501, photo.convert("RGB"), jpeg)
        self._area = Rect(2, TOP, *self._photo.image.size)
        self._ball, self._mask = draw.ball(self.DIAMETER)
        self._x, self._y = 20.0, 30.0
        self._vx, self._vy = 110.0, 0.0
        self._last: float | None = None
        self._resting_since: float | None = None

    @property
    def moving(self) -> bool:
        return self._resting_since is None

    def paint(self) -> None:
        self.image.paste(draw.PANE, (0, TOP, *self.image.size))
        self.image.paste(self._photo.image, (self._area.x, self._area.y))
        self.image.paste(self._ball, self._place(), self._mask)

    def _place(self) -> tuple[int, int]:
        return self._area.x + round(self._x), self._area.y + round(self._y)

    def kick(self) -> None:
        self._vy = -380.0
        self._vx = 130.0 if self._vx >= 0 else -130.0
        self._resting_since = None

    def pressed(self, at: Point) -> None:
        self.kick()

    def shape_at(self, at: Point) -> str:
        return "hand"

    def tick(self, now: float) -> None:
        passed = min(0.1, now - self._last) if self._last is not None else 0.0
        self._last = now
        if self._resting_since is not None:
            if now - self._resting_since > self.REST_SECONDS:
                self.kick()
            return
        before = self._place()
        self._fall(passed, now)
        if self._place() != before:
            self._redraw(before)

    def _fall(self, seconds: float, now: float) -> None:
        right, floor = self._area.width - self.DIAMETER, self._area.height - self.DIAMETER
        self._vy += self.GRAVITY * seconds
        self._x += self._vx * seconds
        self._y += self._vy * seconds
        if not 0 <= self._x <= right:
            self._x = min(max(self._x, 0.0), float(right))
            self._vx = -self._vx
        if self._y < 0:
            self._y, self._vy = 0.0, abs(self._vy)
        if self._y >= floor:
            self._y = float(floor)
            self._vx *= 0.9
            self._vy = -0.78 * self._vy
            if abs(self._vy) < 40:
                self._resting_since = now

    def _redraw(self, before: tuple[int, int]) -> None:
        size = self.DIAMETER
        old, new = Rect(*before, size, size), Rect(*self._place(), size, size)
        self.show(old, self._photo, Point(old.x - self._area.x, old.y - self._area.y))
        self.image.paste(self._ball, (new.x, new.y), self._mask)
        self.changed(new)


class Paint(Window):
    name = "paint"
    title = "Paint pad - drag to draw"
    size = (440, 234)
    place = (560, 292)

    PAPER: Colour = (244, 240, 228)
    INKS: tuple[Colour, ...] = (
        (40, 44, 60),
        (224, 72, 84),
        (240, 160, 48),
        (64, 168, 96),
        (56, 124, 224),
        (150, 84, 208),
    )
    THICK = 7

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        self._canvas = Rect(64, TOP + 10, self.size[0] - 74, self.size[1] - 20)
        self._paper = Image.new("RGB", (self._canvas.width, self._canvas.height), self.PAPER)
        self._ink = 1
        self._last: Point | None = None
        self.add_button(Rect(8, TOP + self.size[1] - 42, 48, 30), "Clear", self.clear)
        self._doodle()

    def _doodle(self) -> None:
        """Something is there from the start, so that it looks like what it is."""
        wave = [(24 + 4 * i, 118 + 46 * math.sin(i / 9) * math.exp(-i / 60)) for i in range(78)]
        ImageDraw.Draw(self._paper).line(wave, self.INKS[4], self.THICK, "curve")
        draw.text(self._paper, (26, 20), "draw here", 24, self.INKS[1])

    def paint(self) -> None:
        self.image.paste(draw.PANE, (0, TOP, *self.image.size))
        self.image.paste(self._paper, (self._canvas.x, self._canvas.y))
        for i in range(len(self.INKS)):
            self._paint_swatch(i)

    def _swatch(self, i: int) -> Rect:
        return Rect(16, TOP + 10 + 29 * i, 32, 26)

    def _paint_swatch(self, i: int) -> None:
        rect = self._swatch(i)
        self.image.paste(draw.INK if i == self._ink else draw.PANE, box(rect))
        self.image.paste(self.INKS[i], (rect.x + 3, rect.y + 3, rect.right - 3, rect.bottom - 3))

    def clear(self) -> None:
        self._paper.paste(self.PAPER, (0, 0, *self._paper.size))
        self.fill(self._canvas, self.PAPER)

    def shape_at(self, at: Point) -> str:
        return "cross" if self._on_paper(at) else "hand" if self._swatch_at(at) is not None else "arrow"

    def _on_paper(self, at: Point) -> bool:
        return self._canvas.contains(Rect(at.x, at.y, 1, 1))

    def _swatch_at(self, at: Point) -> int | None:
        return next((i for i in range(len(self.INKS)) if self._swatch(i).contains(Rect(at.x, at.y, 1, 1))), None)

    def pressed(self, at: Point) -> None:
        if self._on_paper(at):
            self._last = at
            self.dragged(at)
            return
        chosen = self._swatch_at(at)
        if chosen is not None:
            before, self._ink = self._ink, chosen
            for i in (before, chosen):
                self._paint_swatch(i)
                self.changed(self._swatch(i))

    def dragged(self, at: Point) -> None:
        if self._last is None:
            return
        canvas, reach = self._canvas, self.THICK // 2 + 1
        a, b = (Point(p.x - canvas.x, p.y - canvas.y) for p in (self._last, at))
        pen = ImageDraw.Draw(self._paper)
        colour = self.INKS[self._ink]
        pen.line((*a, *b), colour, self.THICK)
        for x, y in (a, b):
            pen.ellipse((x - self.THICK / 2, y - self.THICK / 2, x + self.THICK / 2, y + self.THICK / 2), colour)
        self._last = at
        touched = Rect.from_edges(
            min(a.x, b.x) - reach, min(a.y, b.y) - reach, max(a.x, b.x) + reach + 1, max(a.y, b.y) + reach + 1
        ).intersect(Rect(0, 0, canvas.width, canvas.height))
        if not touched.empty:
            where = touched.translate(canvas.x, canvas.y)
            self.image.paste(self._paper.crop(box(touched)), (where.x, where.y))
            self.changed(where)

    def released(self) -> None:
        self._last = None


class Keys(Window):
    """The last keys, the lock keys, the pointer."""

    name = "keys"
    title = "What arrives"
    size = (440, 84)
    place = (560, 570)

    KEEP = 8
    LOCKS = (
        (KeyboardModifierFlags.NUM_LOCK, "Num"),
        (KeyboardModifierFlags.CAPS_LOCK, "Caps"),
        (KeyboardModifierFlags.SCROLL_LOCK, "Scroll"),
    )

    KEYS_PART = Rect(4, TOP + 4, 432, 40)
    LOCKS_PART = Rect(10, TOP + 46, 250, 26)
    POINTER_PART = Rect(280, TOP + 46, 150, 26)

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        self._keys: list[str] = []
        self._painters = {
            self.KEYS_PART: self._paint_keys,
            self.LOCKS_PART: self._paint_locks,
            self.POINTER_PART: self._paint_pointer,
        }
        self._stale: set[Rect] = set()

    def key(self, key: int) -> None:
        self._keys = [*self._keys, _key_name(key)][-self.KEEP :]
        self._stale.add(self.KEYS_PART)

    def locks_changed(self) -> None:
        self._stale.add(self.LOCKS_PART)

    def pointer_moved(self) -> None:
        self._stale.add(self.POINTER_PART)

    def update(self) -> None:
        for part in sorted(self._stale):
            self.image.paste(draw.PANE, box(part))
            self._painters[part]()
            self.changed(part)
        self._stale.clear()

    def paint(self) -> None:
        self.image.paste(draw.PANE, (0, TOP, *self.image.size))
        for paint in self._painters.values():
            paint()

    def _paint_keys(self) -> None:
        x, middle = 14, TOP + 25
        if not self._keys:
            draw.text(self.image, (x, middle), "no key yet", 15, draw.FAINT, "lm")
        for name in self._fitting():
            width = max(26, draw.text_width(name, 14) + 14)
            self.image.paste(draw.TITLE_ACTIVE, (x, middle - 13), draw.rounded(width, 26, 6))
            draw.text(self.image, (x + width / 2, middle), name, 14, draw.INK, "mm")
            x += width + 6

    def _paint_locks(self) -> None:
        x, middle = 14, TOP + 58
        for flag, name in self.LOCKS:
            lit = flag in self.desktop.locks
            self.image.paste(draw.GREEN if lit else draw.EDGE, (x, middle - 6), draw.disc(12))
            draw.text(self.image, (x + 18, middle), name, 14, draw.INK if lit else draw.FAINT, "lm")
            x += 34 + draw.text_width(name, 14)

    def _paint_pointer(self) -> None:
        at = self.desktop.pointer
        draw.text(self.image, (self.size[0] - 14, TOP + 58), f"pointer {at.x}, {at.y}", 14, draw.FAINT, "rm")

    def _fitting(self) -> list[str]:
        names: list[str] = []
        room = self.size[0] - 28
        for name in reversed(self._keys):
            room -= max(26, draw.text_width(name, 14) + 14) + 6
            if room < 0:
                break
            names.insert(0, name)
        return names


def _key_name(key: int) -> str:
    try:
        name = Key(key).name
    except ValueError:
        return f"{key:#x}"
    return name.removeprefix("DIGIT_").replace("_", " ").title()
