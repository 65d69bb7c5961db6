"""The demo desktop on a server: when it is drawn anew, and when nobody is left to see it."""

from __future__ import annotations

import asyncio
import time

from ..interfaces import ChannelKey
from ..wire.enums import ChannelType
from .channels import GuestServer, MainServer
from .desktop import Desktop
from .server import ServerSession

FRAME_SECONDS = 1 / 20  #: between two pictures of something that moves by itself
INPUT_FRAME_SECONDS = 1 / 50  #: between two pictures of what the user moves
#: A client first gets a picture at rest, which is what one that takes a screenshot waits for.
REST_SECONDS = 1.0
PING_SECONDS = 5.0


class DemoServer(GuestServer):
    """*animate*: whether anything happens by itself; without it only events change the picture."""

    def __init__(self, *, password: str = "", animate: bool = True) -> None:
        self.desktop = Desktop()
        super().__init__(self.desktop, password=password)
        self.animate = animate
        self.desktop.wake = self._wake
        self.desktop.poke = self.poke
        self.desktop.traffic = lambda: self._bytes_gone + sum(s.bytes_out for s in self.sessions.values())
        self._bytes_gone = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._stepped = 0.0  # when the last picture was made
        self._moves_from = 0.0  # when things begin to move
        self._pinged = 0.0
        self._someone = asyncio.Event()  # there is a client
        self._nobody = asyncio.Event()

    # --- clients

    def session_opened(self, session: ServerSession) -> None:
        self._nobody.clear()
        self._someone.set()

    def session_closed(self, session: ServerSession) -> None:
        self._bytes_gone += session.bytes_out
        if not self.sessions:
            self._someone.clear()
            self._nobody.set()

    async def deserted(self, linger: float | None, first: float) -> None:
        """Until there has been no client for *linger* seconds (never for None), or none at all within *first*."""
        if linger is None:
            await asyncio.Event().wait()
            return
        seconds = first
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._someone.wait()
            except TimeoutError:
                return
            await self._nobody.wait()
            seconds = linger

    # --- pictures

    def display_opening(self) -> None:
        self._moves_from = self._loop.time() + REST_SECONDS
        self._step(moving=False)

    def _wake(self) -> None:
        self._schedule(self._stepped + INPUT_FRAME_SECONDS if self.animate else 0.0)

    def _schedule(self, at: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._frame)

    def _frame(self) -> None:
        self._timer = None
        if self.desktop.screen.sinks:  # nothing moves where nobody looks
            self._step(moving=self._loop.time() >= self._moves_from)

    def _step(self, *, moving: bool) -> None:
        now = self._loop.time()
        wall = time.time()
        self._stepped = now
        self.desktop.step(now, time.localtime(wall), animate=moving and self.animate)
        if not self.animate:
            return
        if now - self._pinged >= PING_SECONDS:
            self._pinged = now
            self._ping()
        next_second = now + 1 - wall % 1
        self._schedule(min(next_second, max(self._moves_from, now + self._pause())))

    def _pause(self) -> float:
        """Seconds until something moves."""
        return FRAME_SECONDS if self.desktop.moving else 0.3

    def _ping(self) -> None:
        trips = []
        for session in self.sessions.values():
            main = session.channels.get(ChannelKey(ChannelType.MAIN))
            if isinstance(main, MainServer):
                main.ping()
                if main.round_trip is not None:
                    trips.append(main.round_trip)
        self.desktop.round_trip = max(trips, default=None)

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await super().aclose()
