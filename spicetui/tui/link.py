"""The app's Driver: keeps where the session stands, so that connecting need not wait for the app's modules.

Nothing heavy is imported here: it runs while the rest is being loaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import AgentError
from ..geometry import Point, Rect, Size, bounding
from ..interfaces import BaseDriver, ClipboardFormat, ClipboardSelection, Head

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..canvas.cursor import Cursor
    from ..canvas.surface import Surface
    from ..channels.inputs import Inputs
    from ..channels.main import Main

MAX_RECTS = 48  # of damage, before they are taken together
MAX_NOTICES = 32
MAX_PASSED = 64  # events that are kept for services which come later


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


class Follower(Protocol):
    """Looks at every display, not only at the one that is shown."""

    def displays_changed(self) -> None:
        """Displays have come, gone, or got another picture."""

    def display_damaged(self, channel: int, damage: Sequence[Rect]) -> None:
        """The picture of a display channel has changed there."""


class Link(BaseDriver):
    """State of one session after the other; :attr:`listener` is told what has changed, once there is one."""

    def __init__(self, display: int = 0) -> None:
        self.display = display  #: the number of the display that is shown, as in ``client.heads``
        self.listener: Listener | None = None
        self.follower: Follower | None = None
        self.clipboard: BaseDriver | None = None  #: who gives the guest what it pastes
        self._services: list[BaseDriver] = []
        self.reset()

    def reset(self) -> None:
        """For a new session; the last picture stays until the new one comes."""
        self.surfaces: dict[int, Surface] = {}  #: by display channel, as the next two
        self.channel_heads: dict[int, Sequence[Head]] = {}
        self.cursors: dict[int, tuple[Cursor | None, Point]] = {}
        self._pointed: set[int] = set()  # those where the pointer is where we have put it
        self.damage: list[Rect] = []  #: of the display that is shown, not drawn yet
        self.inputs: Inputs | None = None
        self.main: Main | None = None
        self.client_mouse = False
        self.agent = False
        self.scroll_lock = self.num_lock = self.caps_lock = False
        self.name = ""
        self.notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self.over = False
        self.error: Exception | None = None
        self._passed: list[tuple[str, tuple[object, ...]]] = []  # for services that are not there yet
        self._held: tuple[int, int] | None = None  # channel and monitor that are shown, wherever the numbers go
        self._displays_changed()

    # the display that is shown

    @property
    def heads(self) -> list[Head]:
        """The monitors, by number."""
        found: list[Head] = []
        for channel in range(max(self.surfaces, default=-1) + 1):  # one without a picture keeps its number
            surface = self.surfaces.get(channel)
            size = (surface.width, surface.height) if surface is not None else (0, 0)
            found += self.channel_heads.get(channel) or [Head(channel, 0, Rect(0, 0, *size))]
        return found

    @property
    def head(self) -> Head | None:
        heads = self.heads
        head = heads[self.display] if 0 <= self.display < len(heads) else None
        return head if head is None or self._held in (None, (head.display, head.id)) else None

    @property
    def area(self) -> Rect | None:
        """The part of the surface that is shown; None without a picture."""
        head = self.head
        return self.area_of(head) if head is not None else None

    def area_of(self, head: Head) -> Rect | None:
        """The part of its surface that a monitor shows; None without a picture."""
        surface = self.surfaces.get(head.display)
        if surface is None:
            return None
        area = head.area.intersect(Rect(0, 0, surface.width, surface.height))
        return None if area.empty else area

    @property
    def size(self) -> Size | None:
        """Of the picture, in pixels; None without one."""
        area = self.area
        return Size(area.width, area.height) if area is not None else None

    @property
    def pixels(self) -> npt.NDArray[np.uint8] | None:
        """The picture, (H, W, 4) BGRX; a view that is good until the next event."""
        head = self.head
        return self.pixels_of(head) if head is not None else None

    def pixels_of(self, head: Head) -> npt.NDArray[np.uint8] | None:
        """As :attr:`pixels`, of any monitor."""
        area = self.area_of(head)
        return self.surfaces[head.display].pixels[area.slices()] if area is not None else None

    @property
    def cursor(self) -> Cursor | None:
        head = self.head
        return self.cursors.get(head.display, (None, Point(0, 0)))[0] if head is not None else None

    @property
    def pointer(self) -> Point:
        """The pointer's place in the picture."""
        head = self.head
        if head is None:
            return Point(0, 0)
        x, y = self.cursors.get(head.display, (None, Point(0, 0)))[1]
        return Point(x - head.area.x, y - head.area.y)

    def show_display(self, display: int) -> None:
        self.display, self._held = display, None
        if (head := self.head) is not None:
            self._held = (head.display, head.id)
        self._replaced()

    def take_damage(self) -> list[Rect]:
        damage, self.damage = self.damage, []
        return damage

    def _replaced(self) -> None:
        self.damage = []
        if self.listener:
            self.listener.picture_replaced()

    def _renumber(self) -> None:
        """The monitor that is shown stays so when monitors before it come or go."""
        if self._held is not None:
            for number, head in enumerate(self.heads):
                if (head.display, head.id) == self._held:
                    self.display = number
                    return
            if self._held[0] not in self.surfaces:
                return  # its channel will have another picture soon
            self._held = None
        found = self.head
        # While a channel before has no picture yet it may still bring any number of monitors.
        if found is not None and all(channel in self.surfaces for channel in range(found.display + 1)):
            self._held = (found.display, found.id)

    def _displays_changed(self) -> None:
        if self.follower:
            self.follower.displays_changed()

    def _shows(self, channel: int) -> bool:
        head = self.head
        return head is not None and head.display == channel

    # Driver

    def heads_changed(self, display: int, heads: Sequence[Head]) -> None:
        before = (self.head, self.area)
        self.channel_heads[display] = tuple(heads)
        self._renumber()
        if (self.head, self.area) != before:
            self._replaced()
        self._displays_changed()

    def display_init(self, surface: Surface) -> None:
        before = self.head
        self.surfaces[surface.display] = surface
        self._renumber()
        if self._shows(surface.display) or self.head != before:
            self._replaced()
        self._displays_changed()

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        if self.follower:
            self.follower.display_damaged(surface.display, damage)
        area = self.area
        if area is None or not self._shows(surface.display):
            return
        parts = [rect.intersect(area).translate(-area.x, -area.y) for rect in damage]
        self.damage.extend(part for part in parts if not part.empty)
        if len(self.damage) > MAX_RECTS:
            self.damage = [bounding(self.damage)]
        if self.damage and self.listener:
            self.listener.picture_damaged()

    def display_closed(self, surface: Surface) -> None:
        before = self.head
        self.surfaces.pop(surface.display, None)
        self.channel_heads.pop(surface.display, None)
        self._renumber()
        if self.head != before or (before is not None and before.display == surface.display):
            self._replaced()
        self._displays_changed()

    def set_events_target(self, inputs: Inputs) -> None:
        self.inputs = inputs

    def set_main_target(self, main: Main) -> None:
        self.main = main

    def cursor_changed(self, display: int, cursor: Cursor | None, x: int, y: int) -> None:
        place = Point(x, y)
        if self.client_mouse and display in self._pointed:
            place = self.cursors[display][1]
        self.cursors[display] = (cursor, place)
        if self.listener and self._shows(display):
            self.listener.pointer_moved()

    def pointer_sent(self, place: Point) -> None:
        """The guest was told the pointer's place in the picture; it does not tell it back (client mode)."""
        head = self.head
        if head is None:
            return
        cursor = self.cursors.get(head.display, (None, place))[0]
        self.cursors[head.display] = (cursor, Point(place.x + head.area.x, place.y + head.area.y))
        self._pointed.add(head.display)
        if self.listener:
            self.listener.pointer_moved()

    def mouse_mode_changed(self, client_mode: bool) -> None:
        self.client_mouse = client_mode
        self._pointed.clear()
        self._status()

    def agent_changed(self, connected: bool) -> None:
        self.agent = connected
        self._pass("agent_changed", connected)
        self._status()

    # what is only passed on

    def pass_on(self, service: BaseDriver) -> None:
        """*service* gets the events below, those of the session so far at once."""
        self._services.append(service)
        for name, told in self._passed:
            getattr(service, name)(*told)

    def _pass(self, name: str, *told: object) -> None:
        if len(self._passed) < MAX_PASSED:
            self._passed.append((name, told))
        for service in self._services:
            getattr(service, name)(*told)

    def usb_changed(self) -> None:
        for service in self._services:  # which read the state: it need not be kept for others
            service.usb_changed()

    def port_opened(self, name: str, opened: bool) -> None:
        for service in self._services:
            service.port_opened(name, opened)

    def agent_ready(self, caps: frozenset[int]) -> None:
        self._pass("agent_ready", caps)

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        self._pass("clipboard_grabbed", selection, types)

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        self._pass("clipboard_release", selection)

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        if self.clipboard is None:
            raise AgentError("nothing is offered")
        return await self.clipboard.clipboard_fetch(selection, type)

    def microphone_wanted(self, wanted: bool) -> None:
        self._pass("microphone_wanted", wanted)

    def volume_changed(self, microphone: bool, volumes: Sequence[int], muted: bool) -> None:
        self._pass("volume_changed", microphone, volumes, muted)

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
