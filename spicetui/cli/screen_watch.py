"""One display as it changes: for commands that wait for something to be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import SpiceError
from ..geometry import Rect, Size, bounding
from ..interfaces import BaseDriver
from ..term.screentext import SPACE, Recognizer, TextScreen

if TYPE_CHECKING:
    from ..canvas.surface import Surface
    from ..client import Client

LOOK_SECONDS = 0.02  #: between two looks at a screen that changes all the time
MOST_RECTS = 256

Pixels = npt.NDArray[np.uint8]


class ScreenWatch(BaseDriver):
    """The driver of the session; :meth:`attach` it to the client, then :meth:`until` something holds."""

    def __init__(self, display: int) -> None:
        self._display = display
        self._news = asyncio.Event()
        self._damage: dict[int, list[Rect]] = {}  # by display channel
        self._recognizer = Recognizer(frames=1)
        self._area: tuple[int, Rect] | None = None
        self.pixels: Pixels | None = None  #: of the display as it was looked at last, (h, w, 4) BGRX
        self.changed_at = asyncio.get_running_loop().time()  #: when it was first seen as it is, its text cursor aside
        self.changes = 0  #: how often it was seen to have changed

    def display_init(self, surface: Surface) -> None:
        self.display_refresh(surface, (Rect(0, 0, surface.width, surface.height),))

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        known = self._damage.setdefault(surface.display, [])
        known += damage
        if len(known) > MOST_RECTS:
            known[:] = [bounding(known)]
        self._news.set()

    @property
    def screen(self) -> TextScreen | None:
        """Its text, where it is a text console."""
        return self._recognizer.screen

    @property
    def size(self) -> Size:
        """Of the display in pixels; nothing before it shows something."""
        return Size(self.pixels.shape[1], self.pixels.shape[0]) if self.pixels is not None else Size(0, 0)

    def color(self, x: int, y: int) -> int | None:
        """0xRRGGBB of a pixel; None outside the display."""
        if self.pixels is None or x >= self.size.width or y >= self.size.height:
            return None
        blue, green, red = self.pixels[y, x, :3].tolist()
        return int(red << 16 | green << 8 | blue)

    async def shown(self, client: Client, deadline: float, timeout: float) -> None:
        """Waits for the first frame.  Raises SpiceError when *deadline* comes first, which is *timeout* for people."""
        try:
            async with asyncio.timeout_at(deadline):
                await client.wait_frame(self._display)
        except TimeoutError:
            raise SpiceError(
                f"display {self._display} shows nothing within {timeout:g} s; check that the machine runs"
            ) from None
        self._look(client, asyncio.get_running_loop().time())

    async def until(self, client: Client, holds: Callable[[], float | None], deadline: float) -> bool:
        """Waits until *holds* returns 0 or less; False when *deadline* comes first.

        It is asked whenever the screen has changed, and after as many seconds as it returned; None: after a change.
        Raises what ended the session.
        """
        now = asyncio.get_running_loop().time
        over = asyncio.ensure_future(client.wait_closed())
        try:
            while True:
                self._news.clear()
                self._look(client, now())
                wait = holds()
                if wait is not None and wait <= 0:
                    return True
                end = deadline if wait is None else min(deadline, now() + wait)
                if now() >= deadline:
                    return False
                await self._next(over, end)
                if over.done():
                    over.result()
                    raise SpiceError("the session ended before")
                if self._news.is_set():
                    await asyncio.sleep(min(LOOK_SECONDS, max(deadline - now(), 0)))
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)

    async def _next(self, over: asyncio.Future[None], end: float) -> None:
        news = asyncio.ensure_future(self._news.wait())
        try:
            seconds = max(end - asyncio.get_running_loop().time(), 0)
            await asyncio.wait((news, over), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _look(self, client: Client, now: float) -> None:
        damage, self._damage = self._damage, {}
        heads = client.heads
        head = heads[self._display] if self._display < len(heads) else None
        surface = client.displays[head.display].shown if head is not None else None
        if head is None or surface is None:
            self._area = self.pixels = None
            return
        place = (head.display, head.area)
        rects = [
            part.translate(-head.area.x, -head.area.y)
            for rect in damage.get(head.display, ())
            if not (part := rect.intersect(head.area)).empty
        ]
        if place != self._area:
            self._area = place
            self._recognizer.reset()
            rects = [Rect(0, 0, head.area.width, head.area.height)]
        elif not rects:
            return
        before = self.screen.cells.copy() if self.screen is not None else None
        pixels = surface.pixels[head.area.slices()]
        self._recognizer.feed(pixels, rects)
        after = self.screen
        if before is None or after is None:
            same = before is None and after is None and self.pixels is not None and np.array_equal(self.pixels, pixels)
        else:
            same = _alike(before, after.cells)
        self.pixels = pixels.copy()
        if not same:
            self.changed_at = now
            self.changes += 1


def _alike(old: npt.NDArray[np.uint32], new: npt.NDArray[np.uint32]) -> bool:
    """Whether two screens show the same text; the foreground of a blank is nothing but a cursor's colour."""
    if old.shape != new.shape:
        return False
    differ = old != new
    blank = (old[..., 0] == SPACE) & (new[..., 0] == SPACE)
    return not (differ[..., 0] | differ[..., 2] | (differ[..., 1] & ~blank)).any()
