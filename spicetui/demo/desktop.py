"""The demo desktop: windows over a wallpaper, a bar with a clock, a dock; free of I/O, time is passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4

from PIL import Image

from ..geometry import Point, Rect
from ..keymap.keys import Key
from ..wire.enums import KeyboardModifierFlags
from . import draw
from .apps import Keys, Monitor, Motion, Paint, Welcome
from .channels import PointerShape
from .scancodes import text_of
from .screen import Picture, Screen, box, join
from .terminal import Terminal
from .windows import Window

WIDTH, HEIGHT = 1024, 768
BAR_HEIGHT = 30
TILE = 256  # pixels, the wallpaper's pieces in the clients' caches
WORTH_A_TILE = 128 * 128  #: pixels of bare wallpaper from which on they are taken from the clients' caches
ICON = 44
DOCK_GAP = 12

LEFT, WHEEL_UP, WHEEL_DOWN = 1, 4, 5
SHIFTS = frozenset((Key.LEFT_SHIFT, Key.RIGHT_SHIFT))
LOCKS = {
    Key.CAPS_LOCK: KeyboardModifierFlags.CAPS_LOCK,
    Key.NUM_LOCK: KeyboardModifierFlags.NUM_LOCK,
    Key.SCROLL_LOCK: KeyboardModifierFlags.SCROLL_LOCK,
}


class Desktop:
    """A guest for the demo server. Events change windows at once; `step` brings the changes to the screen."""

    name = "spicetui demo"

    def __init__(self) -> None:
        self.uuid: UUID = uuid4()
        self.screen = Screen(WIDTH, HEIGHT)
        self.locks = KeyboardModifierFlags.NUM_LOCK
        self.pointer = Point(WIDTH // 2, HEIGHT // 2)
        self.wall_clock = time.localtime(0)
        self.round_trip: float | None = None  # seconds to the slowest client and back
        self.traffic: Callable[[], int] = lambda: 0  # bytes sent so far
        #: Called when an event needs a step soon, and when locks, pointer or its shape have changed.
        self.wake: Callable[[], None] = lambda: None
        self.poke: Callable[[], None] = lambda: None
        self._shapes = draw.pointer_shapes()
        self.shape: PointerShape = self._shapes["arrow"]
        self._theme = 0
        self._keys_down: set[int] = set()
        self._damage: list[Rect] = [self.screen.rect]
        self._hovered: Window | None = None
        self._held: Window | None = None  # the window that gets the pointer while the left button is down
        self._grip: Point | None = None  # where the title bar is held
        self._drop: Point | None = None  # where the held window shall be
        self._next_picture_id = 0x1000
        self._set_wallpaper()
        self.terminal, self.keys, self.motion = Terminal(self), Keys(self), Motion(self)
        self.windows: list[Window] = [
            Monitor(self),
            self.motion,
            Paint(self),
            self.keys,
            Welcome(self),
            self.terminal,
        ]  # the last is on top
        self.dock = Dock([w.name for w in self.windows])
        self._bar = Image.new("RGB", (WIDTH, BAR_HEIGHT))
        self._bar_rect = Rect(0, 0, WIDTH, BAR_HEIGHT)
        self._bar_text: tuple[str, str] | None = None
        for window in self.windows:
            window.active = window is self.windows[-1]
            window.paint_all()

    # --- events

    def key(self, key: int, down: bool) -> None:
        if not down:
            self._keys_down.discard(key)
            return
        repeated = key in self._keys_down
        self._keys_down.add(key)
        if key in LOCKS and not repeated:
            self.set_locks(self.locks ^ LOCKS[Key(key)])
        self.keys.key(key)
        shift = not SHIFTS.isdisjoint(self._keys_down)
        if text := text_of(key, shift, self.locks):
            self.terminal.typed(text)
        self.wake()

    def set_locks(self, locks: KeyboardModifierFlags) -> None:
        if locks != self.locks:
            self.locks = locks
            self.keys.locks_changed()
            self.poke()
            self.wake()

    def pointer_by(self, dx: int, dy: int) -> None:
        self.pointer_to(self.pointer.x + dx, self.pointer.y + dy)

    def pointer_to(self, x: int, y: int) -> None:
        at = Point(min(max(x, 0), WIDTH - 1), min(max(y, 0), HEIGHT - 1))
        if at == self.pointer:
            return
        self.pointer = at
        self._follow()
        self.keys.pointer_moved()
        self.poke()
        self.wake()

    def button(self, button: int, down: bool) -> None:
        if button in (WHEEL_UP, WHEEL_DOWN):
            if down and self._hovered is not None:
                self._hovered.scrolled(-1 if button == WHEEL_UP else 1)
        elif button == LEFT and down:
            self._press()
        elif button == LEFT:
            self._release()
        self.poke()
        self.wake()

    def _press(self) -> None:
        self._follow()
        icon = self.dock.icon_at(self.pointer)
        if icon is not None:
            self._open(icon)
            return
        window = self._window_at(self.pointer)
        if window is None:
            return
        self.raise_window(window)
        at = self._inside(window)
        if window.close_at(at):
            self._close(window)
        elif at.y < draw.TITLE_HEIGHT:
            self._held, self._grip = window, at
        else:
            self._held = window
            window.press(at)

    def _release(self) -> None:
        window, self._held = self._held, None
        if self._grip is not None:
            self._grip = None
        elif window is not None:
            window.release()
        self._follow()

    def _follow(self) -> None:
        """The pointer is somewhere else, or what lies under it is."""
        if self._held is not None:
            if self._grip is not None:
                self._drop = Point(self.pointer.x - self._grip.x, self.pointer.y - self._grip.y)
            else:
                at = self._inside(self._held)
                self._held.dragged(at)
                self._held.hover(at)
            return
        icon = self.dock.icon_at(self.pointer)
        self.dock.hover(icon, self.screen)
        window = self._window_at(self.pointer) if icon is None else None
        if window is not self._hovered and self._hovered is not None:
            self._hovered.hover(None)
        self._hovered = window
        name = "hand" if icon is not None else "arrow"
        if window is not None:
            name = window.hover(self._inside(window))
        self.shape = self._shapes[name]

    def _inside(self, window: Window) -> Point:
        return Point(self.pointer.x - window.rect.x, self.pointer.y - window.rect.y)

    def _window_at(self, at: Point) -> Window | None:
        spot = Rect(at.x, at.y, 1, 1)
        if self.dock.rect.contains(spot) or at.y < BAR_HEIGHT:
            return None
        return next((w for w in reversed(self.windows) if w.open and w.rect.contains(spot)), None)

    # --- windows

    def raise_window(self, window: Window) -> None:
        if window is not self.windows[-1]:
            self.windows[-1].activate(False)
            self.windows.remove(window)
            self.windows.append(window)
            self.damage(window.outer)
        window.activate(True)

    def _open(self, name: str) -> None:
        window = next(w for w in self.windows if w.name == name)
        if not window.open:
            window.open = True
            self.damage(window.outer)
        self.raise_window(window)

    def _close(self, window: Window) -> None:
        window.open = False
        self.damage(window.outer)
        self.windows.remove(window)
        self.windows.insert(0, window)
        self.windows[-1].activate(True)

    def tidy(self) -> None:
        """Every window where it was at first."""
        for window in self.windows:
            self.damage(window.outer)
            window.open = True
            window.rect = Rect(*window.place, window.rect.width, window.rect.height)
            self.damage(window.outer)

    def bounce(self) -> None:
        self.motion.kick()

    def next_theme(self) -> None:
        self._theme = (self._theme + 1) % len(draw.THEMES)
        self._set_wallpaper()
        self.damage(self.screen.rect)

    def _set_wallpaper(self) -> None:
        self._wallpaper = draw.wallpaper(WIDTH, HEIGHT, draw.THEMES[self._theme])
        self._tiles: dict[tuple[int, int], Picture] = {}

    # --- picture

    def damage(self, rect: Rect) -> None:
        """*rect* of the screen is not what it should be."""
        rect = rect.intersect(self.screen.rect)
        if not rect.empty:
            self._damage.append(rect)

    def is_current(self, rect: Rect) -> bool:
        """Whether the screen shows in *rect* what it should."""
        return all(rect.intersect(damaged).empty for damaged in self._damage)

    def clear_above(self, window: Window, rect: Rect) -> bool:
        """Whether nothing lies above *window* in *rect* of the screen."""
        if rect.y < BAR_HEIGHT or not rect.intersect(self.dock.rect).empty:
            return False
        above = self.windows[self.windows.index(window) + 1 :]
        return all(not other.open or other.outer.intersect(rect).empty for other in above)

    def step(self, now: float, wall_clock: time.struct_time, *, animate: bool = True) -> None:
        """Brings the screen up to date. *now* in seconds, *wall_clock* for the clock."""
        self.wall_clock = wall_clock
        if self._drop is not None:
            self._move_held()
        for window in self.windows:
            window.update()
            if animate and window.open:
                window.tick(now)
        self._update_bar()
        self._flush()

    @property
    def moving(self) -> bool:
        """Whether something changes with every tick."""
        return self.motion.open and self.motion.moving

    def _move_held(self) -> None:
        window, drop, self._drop = self.windows[-1], self._drop, None
        assert drop is not None
        x = min(max(drop.x, 60 - window.rect.width), WIDTH - 60)
        y = min(max(drop.y, BAR_HEIGHT), HEIGHT - draw.TITLE_HEIGHT)
        dx, dy = x - window.rect.x, y - window.rect.y
        if not dx and not dy:
            return
        self._flush()
        before, old = window.outer, window.rect
        window.rect = old.translate(dx, dy)
        moved = Rect(0, 0, 0, 0)
        if self.clear_above(window, old) and self.clear_above(window, window.rect):
            moved = self.screen.move(old, dx, dy)
        edge = draw.RADIUS if moved.height > 2 * draw.RADIUS else 0
        # The rounded corners have brought along what was behind them.
        inner = Rect(moved.x, moved.y + edge, moved.width, moved.height - 2 * edge)
        for rect in (before, window.outer):
            for part in _without(rect, inner):
                self.damage(part)

    def _update_bar(self) -> None:
        clock = time.strftime("%a %d %b  %H:%M:%S", self.wall_clock)
        trip = f"round trip {self.round_trip * 1000:.1f} ms" if self.round_trip is not None else ""
        before, self._bar_text = self._bar_text, (clock, trip)
        if self._bar_text == before:
            return
        self._bar.paste(draw.BAR, (0, 0, *self._bar.size))
        draw.text(self._bar, (16, BAR_HEIGHT / 2), "spicetui demo", 16, draw.ACCENT, "lm")
        draw.text(self._bar, (WIDTH / 2, BAR_HEIGHT / 2), trip, 14, draw.FAINT, "mm")
        draw.text(self._bar, (WIDTH - 16, BAR_HEIGHT / 2), clock, 16, draw.INK, "rm")
        if before is None or before[1] != trip:
            self.damage(self._bar_rect)
        else:
            self.damage(Rect(WIDTH - 240, 0, 240, BAR_HEIGHT))

    def _flush(self) -> None:
        damaged, self._damage = join(self._damage), []
        layers = [self._bar_rect, self.dock.rect, *(window.outer for window in self.windows if window.open)]
        for rect in damaged:
            bare, covered = [rect], []
            for layer in layers:
                part = layer.intersect(rect)
                if not part.empty:
                    covered.append(part)
                    bare = [rest for one in bare for rest in _without(one, part)]
            if sum(one.area for one in bare) < WORTH_A_TILE:
                bare, covered = [], [rect]
            for one in bare:
                self._show_wallpaper(one)
            for one in join(covered):
                self.screen.put(one, self.compose(one))

    def _show_wallpaper(self, rect: Rect) -> None:
        for top in range(rect.y // TILE * TILE, rect.bottom, TILE):
            for left in range(rect.x // TILE * TILE, rect.right, TILE):
                part = rect.intersect(Rect(left, top, TILE, TILE))
                self.screen.show(part, self._tile(left, top), Point(part.x - left, part.y - top))

    def _tile(self, left: int, top: int) -> Picture:
        tile = self._tiles.get((left, top))
        if tile is None:
            image = self._wallpaper.crop((left, top, min(left + TILE, WIDTH), min(top + TILE, HEIGHT)))
            tile = self._tiles[left, top] = Picture(self._next_picture_id, image)
            self._next_picture_id += 1
        return tile

    def compose(self, rect: Rect) -> Image.Image:
        """What *rect* of the screen should show, from the wallpaper up."""
        image = self._wallpaper.crop(box(rect))
        for window in self.windows:
            if window.open and not window.outer.intersect(rect).empty:
                left, top = window.rect.x - rect.x, window.rect.y - rect.y
                image.paste((0, 0, 0), (left - draw.SHADOW, top - draw.SHADOW + draw.SHADOW_DROP), window.shadow)
                image.paste(window.image, (left, top), window.mask)
        if rect.y < BAR_HEIGHT:
            image.paste(self._bar, (-rect.x, -rect.y))
        if not self.dock.rect.intersect(rect).empty:
            image.paste(self.dock.image, (self.dock.rect.x - rect.x, self.dock.rect.y - rect.y), self.dock.mask)
        return image


class Dock:
    """Icons at the bottom; always on top."""

    ORDER = ("welcome", "terminal", "paint", "monitor", "motion", "keys")

    def __init__(self, names: list[str]) -> None:
        self._names = [name for name in self.ORDER if name in names]
        width = len(self._names) * (ICON + DOCK_GAP) + DOCK_GAP
        self.rect = Rect((WIDTH - width) // 2, HEIGHT - ICON - 2 * DOCK_GAP - 4, width, ICON + 2 * DOCK_GAP)
        self.mask = draw.rounded(self.rect.width, self.rect.height, 16)
        self.image = Image.new("RGB", (self.rect.width, self.rect.height), draw.BAR)
        self._pictures = {
            (name, hovered): Picture(0x100 + 2 * i + hovered, draw.icon(name, hovered, ICON))
            for i, name in enumerate(self._names)
            for hovered in (False, True)
        }
        self._hovered: str | None = None
        for name in self._names:
            place = self._place(name)
            self.image.paste(self._pictures[name, False].image, (place.x, place.y))

    def _place(self, name: str) -> Rect:
        return Rect(DOCK_GAP + self._names.index(name) * (ICON + DOCK_GAP), DOCK_GAP, ICON, ICON)

    def icon_at(self, at: Point) -> str | None:
        spot = Rect(at.x - self.rect.x, at.y - self.rect.y, 1, 1)
        return next((name for name in self._names if self._place(name).contains(spot)), None)

    def hover(self, name: str | None, screen: Screen) -> None:
        """The pointer is over that icon."""
        if name == self._hovered:
            return
        for changed, hovered in ((self._hovered, False), (name, True)):
            if changed is not None:
                place = self._place(changed)
                picture = self._pictures[changed, hovered]
                self.image.paste(picture.image, (place.x, place.y))
                screen.show(place.translate(self.rect.x, self.rect.y), picture)
        self._hovered = name


def _without(rect: Rect, hole: Rect) -> list[Rect]:
    """*rect* less *hole*, as up to four rectangles."""
    hole = hole.intersect(rect)
    if hole.empty:
        return [rect]
    parts = (
        Rect.from_edges(rect.x, rect.y, rect.right, hole.y),
        Rect.from_edges(rect.x, hole.y, hole.x, hole.bottom),
        Rect.from_edges(hole.right, hole.y, rect.right, hole.bottom),
        Rect.from_edges(rect.x, hole.bottom, rect.right, rect.bottom),
    )
    return [part for part in parts if not part.empty]
