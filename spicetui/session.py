"""A session: opens the channels, owns what they share, and decides when it is over."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TypeVar

from .channels.base import Channel
from .channels.cursor import CursorChannel
from .channels.display import DisplayChannel
from .channels.inputs import Inputs
from .channels.main import Main, openable
from .channels.progress import Progress
from .codecs.caches import PixmapCache
from .codecs.glz import Window
from .diagnostics import Gaps, logger, printable
from .errors import AuthError, ChannelClosed, ConnectError, LinkError, SpiceError
from .interfaces import ChannelKey, Connector, Driver
from .wire.enums import ChannelType, LinkErr, MouseMode
from .wire.main import AttachChannels

T = TypeVar("T")

#: A channel type is opened by its row here.
CHANNELS: dict[ChannelType, type[Channel]] = {
    ChannelType.DISPLAY: DisplayChannel,
    ChannelType.INPUTS: Inputs,
    ChannelType.CURSOR: CursorChannel,
}

#: No honest server has more; each costs a connection.
MAX_CHANNELS = 64


@dataclass(slots=True)
class Options:
    """What a session asks for. *compression*: an ImageCompression name in lower case; *video_codecs*: VideoCodecType
    names in lower case, the preferred first; *disable_channels*: type names in lower case; *read_only*: nothing is
    sent to keyboard and pointer."""

    compression: str | None = None
    video_codecs: tuple[str, ...] = ()
    disable_channels: frozenset[str] = frozenset()
    read_only: bool = False


class MultimediaClock:
    """The server's clock in milliseconds, by which frames and sound are played; wraps at 32 bits."""

    def __init__(self) -> None:
        self._offset = 0

    def set(self, server_ms: int) -> None:
        self._offset = server_ms - self._local()

    def now(self) -> int:
        return (self._local() + self._offset) & 0xFFFFFFFF

    @staticmethod
    def _local() -> int:
        return time.monotonic_ns() // 1_000_000


class Session:
    """Everything that the channels of one connection share."""

    def __init__(self, connector: Connector, driver: Driver, password: str | None, options: Options) -> None:
        self.connector = connector
        self.driver = driver
        self.password = password
        self.options = options
        self.log = logger("session")
        self.id = 0
        self.clock = MultimediaClock()
        self.audio_delay_ms: int | None = None  # sound that waits to be heard, None while none is played
        self.progress = Progress()
        self.pixmaps = PixmapCache()
        self.glz = Window()
        self.gaps = Gaps()
        self.wanted_mouse_mode = MouseMode.CLIENT
        self.channels: dict[ChannelKey, Channel] = {}
        self.server_channels: list[ChannelKey] = []
        self.images_arrived = asyncio.Event()
        self.error: Exception | None = None
        self._tasks: dict[ChannelKey, asyncio.Task[None]] = {}
        self._closing = False
        self._ending: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- what the channels see

    @property
    def main(self) -> Main:
        main = self.channels[ChannelKey(ChannelType.MAIN)]
        assert isinstance(main, Main)
        return main

    @property
    def mouse_mode(self) -> MouseMode:
        return self.main.mouse_mode

    @property
    def display_count(self) -> int:
        return sum(isinstance(channel, DisplayChannel) for channel in self.channels.values())

    def image_arrived(self) -> None:
        """Wakes the display channels that wait for an image of another one."""
        if self.display_count > 1:
            self.images_arrived.set()
            self.images_arrived = asyncio.Event()

    def gap(self, key: str, detail: str = "") -> None:
        if self.gaps.once(key):
            text = f"not supported: {key}" if not detail else f"{key}: {detail}"
            self.log.warning("%s", text)
            self.notice(text)

    def notice(self, text: str) -> None:
        self.driver.notice(printable(text))

    # --- life

    async def start(self) -> None:
        """Opens the main channel and then the others side by side. Raises what made it fail."""
        main = Main(self)
        self.channels[main.key] = main
        await main.open()
        self._run(main)
        init = await self._first(main.init)
        self.id = init.session_id
        self.driver.set_main_target(main)
        main.send(AttachChannels())
        self.server_channels = await self._first(main.channel_list)
        await self._open_channels()

    async def _first(self, answer: asyncio.Future[T]) -> T:
        """An answer of the main channel, or the error that ended it first."""
        await asyncio.wait((answer, self._over), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectError(str(self.error or "the server closed the connection"))
        return answer.result()

    async def _open_channels(self) -> None:
        wanted = [
            key
            for key in openable(self.server_channels, tuple(CHANNELS))
            if key.type.name.lower() not in self.options.disable_channels
        ][:MAX_CHANNELS]
        channels = [CHANNELS[key.type](self, key.id) for key in wanted]
        for channel in channels:
            self.channels[channel.key] = channel
            self.progress.add(channel.key)
        async with asyncio.TaskGroup() as group:
            for channel in channels:
                group.create_task(self._open_channel(channel))

    async def _open_channel(self, channel: Channel) -> None:
        try:
            await channel.open()
        except LinkError as error:
            if error.code != LinkErr.CHANNEL_NOT_AVAILABLE:
                raise
            del self.channels[channel.key]
            self.gap(f"{channel.key} not available", str(error))
        else:
            self._run(channel)

    def _run(self, channel: Channel) -> None:
        task = asyncio.create_task(channel.run(), name=f"spice {channel.key}")
        self._tasks[channel.key] = task
        task.add_done_callback(lambda done: self._channel_ended(channel, done))

    def _channel_ended(self, channel: Channel, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._closing:
            return
        if isinstance(error, Exception) and not isinstance(error, SpiceError):
            self.log.error("channel %s failed", channel.key, exc_info=error)
            error = ChannelClosed(f"{channel.key}: internal error: {type(error).__name__}: {error}")
        self.log.info("channel %s ended: %s", channel.key, error)
        if isinstance(channel, Main):
            self._end(error if isinstance(error, Exception) else None)
        elif not self._over.done():
            self.gap(f"{channel.key} lost", str(error or ""))

    def _end(self, error: Exception | None) -> None:
        if not self._over.done():
            self.error = error
            self._over.set_result(None)
            self._ending = asyncio.ensure_future(self.aclose())
            self.driver.closed(error)

    async def wait_closed(self) -> None:
        """Until the session is over. Raises the error that ended it, if one did."""
        await asyncio.shield(self._over)
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        """Closes every channel, main last; can be called again."""
        self._closing = True
        main_key = ChannelKey(ChannelType.MAIN)
        for key in sorted(self._tasks, key=lambda k: k == main_key):
            task = self._tasks[key]
            if not task.done():
                task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for channel in list(self.channels.values()):
            await channel.aclose()
        if not self._over.done():
            self._over.set_result(None)
            self.driver.closed(None)


def as_spice_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to show of several channels that failed to open together: the most telling first."""
    flat: list[BaseException] = []

    def collect(error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                collect(one)
        else:
            flat.append(error)

    collect(group)
    order = (AuthError, ConnectError, SpiceError)
    return min(flat, key=lambda e: next((i for i, kind in enumerate(order) if isinstance(e, kind)), len(order)))
