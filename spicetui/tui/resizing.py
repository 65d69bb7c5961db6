"""The scale "monitor size": the guest is asked for a picture with as many pixels as the terminal has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import SpiceError
from ..geometry import Size
from ..interfaces import Monitor
from ..term.scale import Scale
from .service import Service

if TYPE_CHECKING:
    from .app import SpiceApp

REST_SECONDS = 0.4  # for which a terminal must keep its size; dragging its edge makes many
ANSWER_SECONDS = 4.0  # after which a guest that has not changed its picture is taken to refuse
SMALLEST = Size(320, 200)
ROUNDING = 16  # by how many pixels a guest may differ: graphics cards want multiples of 8


class Resizing(Service):
    """Asks once for each size of the terminal, never because of what the guest does with it: that cannot loop."""

    def __init__(self, app: SpiceApp) -> None:
        super().__init__(app)
        self._asked: tuple[int, Size] | None = None  # display and size
        self._rest: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        self._able = False

    # what may change the size that is wanted

    def agent_ready(self, caps: frozenset[int]) -> None:
        self._able = True
        self._asked = None  # this one has not been asked
        self.consider()

    def agent_changed(self, connected: bool) -> None:
        if not connected:
            self._able = False
            self._stop()

    def disconnected(self) -> None:
        self._able = False
        self._asked = None
        self._stop()
        super().disconnected()

    def chosen(self) -> None:
        """The user has chosen a scale."""
        self._asked = None
        if self._wanted_at_all and not self._able:
            self.app.say("The machine keeps its size: it has no agent that could change it")
        self.consider()

    def consider(self) -> None:
        """The terminal, its font or the display that is shown may be another."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._wanted_at_all and self._able:
            self._rest = self.later(REST_SECONDS, self._ask)

    # asking

    @property
    def _wanted_at_all(self) -> bool:
        return self.app.view.scale_mode is Scale.NATIVE and not self.app.guest.view_only

    def _size(self) -> Size:
        """The pixels that the picture could have; a panel beside it takes none away."""
        cell = self.app.view.cell_px
        width, height = self.app.size.width * cell.width, self.app.view.size.height * cell.height
        return Size(max(width, SMALLEST.width), max(height, SMALLEST.height))

    def _ask(self) -> None:
        self._rest = None
        link, client, size = self.app.link, self.client, self._size()
        if client is None or link.over or link.size is None or self._asked == (link.display, size):
            return
        self._asked = (link.display, size)
        if self._fits(size):
            return
        monitors: list[Monitor] = []
        for number, head in enumerate(link.heads):
            width, height = size if number == link.display else (head.area.width, head.area.height)
            x = max((monitor.x + monitor.width for monitor in monitors), default=0)
            monitors.append(Monitor(width, height, x if width else 0))
        try:
            client.main.set_monitors(monitors)
        except SpiceError as error:
            self.app.say(f"The machine keeps its size: {error}")
            return
        self._stop()
        self._answer = self.later(ANSWER_SECONDS, self._look)

    def _fits(self, size: Size) -> bool:
        shown = self.app.link.size
        return (
            shown is not None
            and abs(shown.width - size.width) < ROUNDING
            and abs(shown.height - size.height) < ROUNDING
        )

    def _look(self) -> None:
        """Says what became of it."""
        self._answer = None
        shown, asked = self.app.link.size, self._asked
        if asked is None or shown is None or asked[0] != self.app.link.display or self._fits(asked[1]):
            return
        self.app.say(
            f"The machine shows {shown.width}x{shown.height} pixels; "
            f"{asked[1].width}x{asked[1].height} was asked for, the size of this terminal"
        )

    def _stop(self) -> None:
        for timer in (self._rest, self._answer):
            if timer is not None:
                timer.cancel()
        self._rest = self._answer = None
