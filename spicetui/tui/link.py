"""The app's Driver: keeps where the session stands, so that connecting need not wait for the app's modules.

Nothing heavy is imported here: it runs while the rest is being loaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..geometry import Rect, bounding
from ..interfaces import BaseDriver

if TYPE_CHECKING:
    from ..canvas.cursor import Cursor
    from ..canvas.surface import Surface
    from ..channels.inputs import Inputs
    from ..channels.main import Main

MAX_RECTS = 48  # of damage, before they are taken together
MAX_NOTICES = 32


class Listener(Protocol):
    """What the link tells; each call is on the event loop."""

    def picture_replaced(self) -> None:
        """Another surface, or none."""

    def picture_damaged(self) -> None: ...

    def pointer_moved(self) -> None: ...

    def status_changed(self) -> None: ...

    def locks_changed(self) -> None: ...

    def notices_waiting(self) -> None: ...

    def ended(self) -> None: ...


class Link(BaseDriver):
    """State of one session after the other; :attr:`listener` is told what has changed, once there is one."""

    def __init__(self, display: int = 0) -> None:
        self.display = display  #: the display that is shown
        self.listener: Listener | None = None
        self.reset()

    def reset(self) -> None:
        """For a new session; the last picture stays until the new one comes."""
        self.surfaces: dict[int, Surface] = {}
        self.damage: list[Rect] = []  #: of the display that is shown, not drawn yet
        self.inputs: Inputs | None = None
        self.main: Main | None = None
        self.cursor: Cursor | None = None
        self.pointer = (0, 0)
        self.client_mouse = False
        self.agent = False
        self.scroll_lock = self.num_lock = self.caps_lock = False
        self.name = ""
        self.notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self.over = False
        self.error: Exception | None = None

    @property
    def surface(self) -> Surface | None:
        return self.surfaces.get(self.display)

    def show_display(self, display: int) -> None:
        self.display = display
        self.damage = []
        if self.listener:
            self.listener.picture_replaced()

    def take_damage(self) -> list[Rect]:
        damage, self.damage = self.damage, []
        return damage

    # Driver

    def display_init(self, surface: Surface) -> None:
        self.surfaces[surface.display] = surface
        if surface.display == self.display:
            self.damage = []
            if self.listener:
                self.listener.picture_replaced()

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        if surface.display != self.display:
            return
        self.damage.extend(damage)
        if len(self.damage) > MAX_RECTS:
            self.damage = [bounding(self.damage)]
        if self.listener:
            self.listener.picture_damaged()

    def display_closed(self, surface: Surface) -> None:
        self.surfaces.pop(surface.display, None)
        if surface.display == self.display:
            self.damage = []
            if self.listener:
                self.listener.picture_replaced()

    def set_events_target(self, inputs: Inputs) -> None:
        self.inputs = inputs

    def set_main_target(self, main: Main) -> None:
        self.main = main

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        self.cursor, self.pointer = cursor, (x, y)
        if self.listener:
            self.listener.pointer_moved()

    def mouse_mode_changed(self, client_mode: bool) -> None:
        self.client_mouse = client_mode
        self._status()

    def agent_changed(self, connected: bool) -> None:
        self.agent = connected
        self._status()

    def leds_changed(self, scroll_lock: bool, num_lock: bool, caps_lock: bool) -> None:
        self.scroll_lock, self.num_lock, self.caps_lock = scroll_lock, num_lock, caps_lock
        if self.listener:
            self.listener.locks_changed()

    def name_changed(self, name: str) -> None:
        self.name = name
        self._status()

    def notice(self, text: str) -> None:
        self.notices.append(text)
        if self.listener:
            self.listener.notices_waiting()

    def closed(self, error: Exception | None) -> None:
        self.over, self.error = True, error
        if self.listener:
            self.listener.ended()

    def _status(self) -> None:
        if self.listener:
            self.listener.status_changed()
