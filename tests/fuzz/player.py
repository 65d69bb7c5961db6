"""Plays a case into the client's own channels and says what was wrong with what they did.

Wrong is: an error that is not one of the project's, a channel that ends otherwise than it should, a surface written
outside of its pixels, what the driver is told that does not fit the surface, more memory than the limits allow.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import resource
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spicetui.canvas.canvas import MAX_BYTES, MAX_SURFACES, Canvas
from spicetui.canvas.cursor import Cursor
from spicetui.canvas.surface import Surface
from spicetui.channels import display as display_module
from spicetui.channels import progress, streams
from spicetui.channels.base import Channel
from spicetui.channels.cursor import CursorChannel
from spicetui.channels.display import DisplayChannel
from spicetui.codecs.caches import GLZ_WINDOW_PIXELS, PIXMAP_CACHE_LIMIT
from spicetui.connectors.memory import memory_pair
from spicetui.errors import ChannelClosed, ProtocolError
from spicetui.geometry import Rect
from spicetui.interfaces import BaseDriver, ByteStream, ChannelKey, Head
from spicetui.protocol.channel import ChannelMachine
from spicetui.protocol.link import Linked
from spicetui.session import Options, Session
from spicetui.wire.enums import ChannelType

from .case import Case, Said

GUARD = 64  #: elements before and behind the pixels of a surface
PATTERN = 0xA5
MAX_GROWTH = 1 << 31  #: bytes of memory that one case may take: the surfaces' limit and what decoding needs for a while
CLOCK = 1000
GUARDED = "libasan" not in os.environ.get("LD_PRELOAD", "")
"""AddressSanitizer looks after the surfaces' ends itself, unless they lie inside of something larger."""


@dataclass
class Outcome:
    wrong: list[str] = field(default_factory=list)
    features: frozenset[str] = frozenset()  #: what happened, without its numbers
    messages: int = 0
    drawn: int = 0  #: updates that the driver was told of
    frames: int = 0  #: of streams
    cursors: int = 0


class FixedClock:
    """The server's clock, in the player's hand."""

    def __init__(self) -> None:
        self.time = CLOCK

    def now(self) -> int:
        return self.time

    def set(self, server_ms: int) -> None:
        pass


class GuardedCanvas(Canvas):
    """Its surfaces lie between bytes that nobody may write."""

    def __init__(self, display: int) -> None:
        super().__init__(display)
        self.given: list[tuple[Any, int]] = []
        self.wrong: list[str] = []

    def _create(self, id: int, width: int, height: int, format: int, primary: bool) -> None:
        before = self.surfaces.get(id)
        super()._create(id, width, height, format, primary)
        surface = self.surfaces.get(id)
        if not GUARDED or surface is None or surface is before or surface.data.size > 1 << 22:
            return
        whole = np.full((surface.data.size + 2 * GUARD) * surface.data.itemsize, PATTERN, np.uint8)
        inner = whole.view(surface.data.dtype)[GUARD:-GUARD].reshape(surface.data.shape)
        inner[...] = surface.data
        surface.data = inner
        self.given.append((whole, GUARD * inner.itemsize))

    def check(self) -> None:
        for whole, guard in self.given:
            if (whole[:guard] != PATTERN).any() or (whole[-guard:] != PATTERN).any():
                self.wrong.append("written outside of a surface's pixels")


class StrictDriver(BaseDriver):
    """Checks what it is told."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.updates = 0
        self.cursors = 0
        self.shown: dict[int, Surface] = {}

    def display_init(self, surface: Surface) -> None:
        self.updates += 1
        self.shown[surface.display] = surface
        if surface.pixels.shape != (surface.height, surface.width, 4):
            self.wrong.append(f"pixels {surface.pixels.shape} of {surface!r}")

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        self.updates += 1
        if self.shown.get(surface.display) is not surface:
            self.wrong.append("display_refresh of a surface that display_init did not bring")
        whole = Rect(0, 0, surface.width, surface.height)
        if not damage or any(rect.empty or not whole.contains(rect) for rect in damage):
            self.wrong.append(f"damage {list(damage)[:5]} of {surface!r}")

    def display_closed(self, surface: Surface) -> None:
        if self.shown.pop(surface.display, None) is not surface:
            self.wrong.append("display_closed of a surface that is not shown")

    def heads_changed(self, display: int, heads: Sequence[Head]) -> None:
        if not heads:
            self.wrong.append("no heads")

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        if cursor is not None:
            self.cursors += 1
            if cursor.pixels.shape != (cursor.height, cursor.width, 4) or cursor.plain.shape != cursor.pixels.shape:
                self.wrong.append(f"cursor pixels {cursor.pixels.shape}")
            cursor.paint(np.zeros((40, 40, 4), np.uint8), 20, 20)


class Errors(logging.Handler):
    """What is logged as an error is one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1]))
        self.seen.append(text)


def _plain(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|-?\d+", "#", text)[:100]


class Watched(Session):
    """Takes down every gap, with its detail."""

    def __init__(self, driver: BaseDriver) -> None:
        super().__init__(Nowhere(), driver, None, Options())
        self.found: set[str] = set()
        self.wrong: list[str] = []

    def gap(self, key: str, detail: str = "") -> None:
        self.found.add(f"{_plain(key)} {_plain(detail)}")
        if "internal error" in detail:
            self.wrong.append(f"{key}: {detail}")
        super().gap(key, detail)


class Nowhere:
    async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
        raise NotImplementedError


@contextmanager
def impatient() -> Iterator[None]:
    """Waits that a server may make a client do are short."""
    before = progress.TIMEOUT, display_module.REFERENCE_TIMEOUT, streams.LOOK
    progress.TIMEOUT, display_module.REFERENCE_TIMEOUT, streams.LOOK = 0.005, 0.02, 0.001
    try:
        yield
    finally:
        progress.TIMEOUT, display_module.REFERENCE_TIMEOUT, streams.LOOK = before


def open_channel(session: Session, said: Said) -> Channel:
    """A channel of the session as it is behind the link."""
    channel: Channel
    if said.key.type is ChannelType.DISPLAY:
        channel = display = DisplayChannel(session, said.key.id)
        display.canvas = GuardedCanvas(said.key.id)
    else:
        channel = CursorChannel(session, said.key.id)
    channel.stream, far = memory_pair()
    far.write(said.data)
    channel.linked = Linked(frozenset(range(20)), frozenset(), said.mini_header)
    channel.machine = ChannelMachine(channel.MESSAGES, said.mini_header)
    session.channels[channel.key] = channel
    session.progress.add(channel.key)
    return channel


async def _run(channel: Channel, wrong: list[str]) -> str:
    """To its end; how it ended."""
    stream: Any = channel.stream
    peer = stream._peer
    task = asyncio.ensure_future(channel.run())
    while stream._received and not task.done():  # until all has been read
        await asyncio.sleep(0)
    if isinstance(channel, DisplayChannel) and not task.done():
        await _see_frames(channel, task)
    await peer.aclose()
    try:
        await task
    except (ChannelClosed, ProtocolError) as error:
        return _plain(str(error))
    except Exception as error:
        wrong.append("".join(traceback.format_exception(error)))
        return "failed"
    wrong.append("the channel ended without a reason")
    return "ended"


async def _see_frames(channel: DisplayChannel, task: asyncio.Task[None]) -> None:
    """Frames that came are decoded and shown before the end."""
    clock: Any = channel.session.clock
    clock.time = CLOCK + 2000
    for _ in range(20000):
        active = list(channel.streams._active.values())
        if task.done() or not any(stream.working is not None for stream in active):
            return
        await asyncio.sleep(0.0005)


async def _play(case: Case) -> Outcome:
    driver = StrictDriver()
    session = Watched(driver)
    session.clock = FixedClock()  # type: ignore[assignment]
    outcome = Outcome()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: outcome.wrong.append(f"in the loop: {context}"))
    channels = [open_channel(session, said) for said in case.channels]
    ends = await asyncio.gather(*(_run(channel, outcome.wrong) for channel in channels))
    outcome.wrong += session.wrong + driver.wrong
    features = session.found | set(ends)
    for channel in channels:
        outcome.messages += channel.messages_in
        if isinstance(channel, DisplayChannel):
            outcome.wrong += _bounds(channel)
            played = channel.streams.played()
            outcome.frames += sum(one.shown for one in played.values())
            features |= {f"{codec} shown {bool(one.shown)}" for codec, one in played.items()}
            features |= {f"image {kind}" for kind in channel.decoder.seen}
    outcome.drawn, outcome.cursors = driver.updates, driver.cursors
    outcome.features = frozenset(features)
    return outcome


def _bounds(channel: DisplayChannel) -> list[str]:
    session, canvas = channel.session, channel.canvas
    assert isinstance(canvas, GuardedCanvas)
    canvas.check()
    wrong = list(canvas.wrong)
    held = sum(surface.data.nbytes for surface in canvas.surfaces.values())
    if canvas._bytes != held or held > MAX_BYTES or len(canvas.surfaces) > MAX_SURFACES:
        wrong.append(f"{len(canvas.surfaces)} surfaces of {held} bytes, counted as {canvas._bytes}")
    kept = sum(entry.pixmap.area for entry in session.pixmaps._entries.values())
    if kept != session.pixmaps.pixels or kept > PIXMAP_CACHE_LIMIT:
        wrong.append(f"{kept} pixels in the cache, counted as {session.pixmaps.pixels}")
    if session.glz.pixels > 2 * GLZ_WINDOW_PIXELS:
        wrong.append(f"{session.glz.pixels} pixels in the GLZ window")
    if len(channel.streams):
        wrong.append("streams go on after the end")
    return wrong


def peak() -> int:
    """Bytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def play(case: Case) -> Outcome:
    """Plays the case in a loop of its own."""
    errors = Errors()
    root = logging.getLogger("spicetui")
    root.addHandler(errors)
    before = peak()
    try:
        with impatient(), asyncio.Runner() as runner:
            outcome = runner.run(_play(case))
    finally:
        root.removeHandler(errors)
    outcome.wrong += errors.seen
    grown = peak() - before
    if grown > MAX_GROWTH:
        outcome.wrong.append(f"memory grew by {grown >> 20} MB")
    return outcome
