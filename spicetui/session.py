"""A session: opens the channels, owns what they share, and decides when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar, cast

from .channels.base import Channel
from .channels.main import Main, openable
from .channels.progress import Progress
from .diagnostics import Gaps, logger, printable
from .errors import AuthError, ChannelClosed, ConnectError, LinkError, SpiceError
from .features import sharing_missing
from .interfaces import AudioSink, ChannelKey, CompleteDriver, Connector, Driver, Head
from .wire.enums import ChannelType, LinkErr, MouseMode
from .wire.main import AttachChannels

if TYPE_CHECKING:
    from .channels.display import DisplayChannel
    from .codecs.caches import PixmapCache
    from .codecs.glz import Window

T = TypeVar("T")

#: A channel type is opened by its row here: the module in ``channels`` and the class. They are imported while the main
#: channel links, and only those that are wanted: typing needs no decoder and no numpy.
CHANNELS: dict[ChannelType, tuple[str, str]] = {
    ChannelType.DISPLAY: ("display", "DisplayChannel"),
    ChannelType.INPUTS: ("inputs", "Inputs"),
    ChannelType.CURSOR: ("cursor", "CursorChannel"),
    ChannelType.PLAYBACK: ("playback", "PlaybackChannel"),
    ChannelType.RECORD: ("record", "RecordChannel"),
    ChannelType.PORT: ("port", "PortChannel"),
    ChannelType.WEBDAV: ("webdav", "WebdavChannel"),
    ChannelType.SMARTCARD: ("smartcard", "SmartcardChannel"),
    ChannelType.USBREDIR: ("usbredir", "UsbredirChannel"),
}

#: How long a session that is closed early waits for the first message of each channel.
FIRST_MESSAGE_SECONDS = 1.0

#: No honest server has more; each costs a connection.
MAX_CHANNELS = 64


@dataclass(slots=True)
class Options:
    """What a session asks for. *compression*: an ImageCompression name in lower case; *video_codecs*: VideoCodecType
    names in lower case, the preferred first; *disable_channels*: type names in lower case; *read_only*: nothing is
    sent to keyboard, pointer and microphone; *audio*: what plays the guest's sound from its first frame on (more can be
    attached to ``client.playback``); *opus*: whether sound may be compressed."""

    compression: str | None = None
    video_codecs: tuple[str, ...] = ()
    disable_channels: frozenset[str] = frozenset()
    read_only: bool = False
    audio: AudioSink | None = None
    opus: bool = True


class MultimediaClock:
    """The server's clock in milliseconds, by which frames and sound are played; wraps at 32 bits."""

    #: A reading that is further off than this is taken as it is, milliseconds.
    JUMP = 80

    #: Of how many readings the clock is the mean, roughly.
    READINGS = 32

    def __init__(self) -> None:
        self._offset = 0.0

    def set(self, server_ms: int) -> None:
        self._offset = server_ms - self._local()

    def follow(self, server_ms: int) -> None:
        """One of many readings that scatter, such as those of a sound device, which takes its sound in blocks."""
        ahead = ((server_ms - self._local() - self._offset + 0x80000000) % 0x100000000) - 0x80000000
        self._offset += ahead if abs(ahead) > self.JUMP else ahead / self.READINGS

    def now(self) -> int:
        return int(self._local() + self._offset) & 0xFFFFFFFF

    @staticmethod
    def _local() -> float:
        return time.monotonic_ns() / 1_000_000


class Session:
    """Everything that the channels of one connection share."""

    def __init__(self, connector: Connector, driver: Driver, password: str | None, options: Options) -> None:
        self.connector = connector
        self.driver: Driver = CompleteDriver(driver)
        self.password = password
        self.options = options
        self.log = logger("session")
        self.id = 0
        self.clock = MultimediaClock()
        self.shown_late_ms = 0  # by which whoever shows the picture is behind; the servers' videos adapt to it
        self.audio_delay_ms: int | None = None  # sound that waits to be heard, None while none is played
        self.progress = Progress()
        self.gaps = Gaps()
        self.wanted_mouse_mode = MouseMode.CLIENT
        self.channels: dict[ChannelKey, Channel] = {}
        self.server_channels: list[ChannelKey] = []
        self.images_arrived = asyncio.Event()
        self.error: Exception | None = None
        self.lost: dict[ChannelKey, SpiceError] = {}  # channels that ended before the session, and why
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
        return sum(key.type is ChannelType.DISPLAY for key in self.channels)

    @property
    def heads(self) -> list[Head]:
        """The monitors of every display channel, in order; their places here are the numbers of the displays."""
        displays = sorted(key for key in self.channels if key.type is ChannelType.DISPLAY)
        return [head for key in displays for head in cast("DisplayChannel", self.channels[key]).heads]

    @cached_property
    def pixmaps(self) -> PixmapCache:
        from .codecs.caches import PixmapCache

        return PixmapCache()

    @cached_property
    def glz(self) -> Window:
        from .codecs.glz import Window

        return Window()

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
        loading = asyncio.ensure_future(asyncio.to_thread(_load, self._wanted_types()))
        try:
            await main.open()
        finally:
            await loading
        self._run(main)
        init = await self._first(main.init)
        self.id = init.session_id
        self.driver.set_main_target(main)
        main.send(AttachChannels())
        self.server_channels = await self._first(main.channel_list)
        await self._first(asyncio.ensure_future(self._open_channels()))

    def _wanted_types(self) -> tuple[ChannelType, ...]:
        disabled = self.options.disable_channels
        if sharing_missing():
            disabled |= {ChannelType.WEBDAV.name.lower()}
        return tuple(kind for kind in CHANNELS if kind.name.lower() not in disabled)

    async def _first(self, answer: asyncio.Future[T]) -> T:
        """What *answer* brings, or the error that ended the main channel first."""
        try:
            await asyncio.wait((answer, self._over), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectError(str(self.error or "the server closed the connection"))
            return answer.result()
        finally:
            if answer.cancel():
                await asyncio.wait((answer,))

    async def _open_channels(self) -> None:
        wanted = openable(self.server_channels, self._wanted_types())[:MAX_CHANNELS]
        channels = [_channel_class(key.type)(self, key.id) for key in wanted]
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
            self.lost[channel.key] = (
                error if isinstance(error, SpiceError) else ChannelClosed(f"{channel.key}: the channel has ended")
            )
            self.gap(f"{channel.key} lost", str(error or ""))

    def _end(self, error: Exception | None) -> None:
        if not self._over.done():
            self.error = error
            self._over.set_result(None)
            self._ending = asyncio.ensure_future(self.aclose())
            self.driver.closed(error)

    def running(self, kind: ChannelType) -> set[asyncio.Task[None]]:
        """The tasks of the channels of this type that are not lost; to be waited for, not cancelled."""
        return {task for key, task in self._tasks.items() if key.type is kind and key not in self.lost}

    async def wait_closed(self) -> None:
        """Until the session is over. Raises the error that ended it, if one did."""
        await asyncio.shield(self._over)
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        """Closes every channel, main last; can be called again.

        spice-server 0.15 crashes when a client is gone before its worker thread has taken up the display and cursor
        channels; their first message says that it has. When main ends it throws away what it has not read of the
        others, so they go first: their streams wait until the server has read all.
        """
        self._closing = True
        await self._first_messages()
        await asyncio.gather(*(self.channels[key].farewell() for key in self._tasks))
        main_key = ChannelKey(ChannelType.MAIN)
        await self._close([key for key in self.channels if key != main_key])
        await self._close([main_key])
        if not self._over.done():
            self._over.set_result(None)
            self.driver.closed(None)

    async def _first_messages(self) -> None:
        waiting = [
            self.channels[key].first_message.wait()
            for key, task in self._tasks.items()
            # (main's first message is what connecting waits for)
            if not task.done() and key.type is not ChannelType.MAIN and self.channels[key].GREETED
        ]
        if waiting and not self._over.done():
            try:
                async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                    await asyncio.gather(*waiting)
            except TimeoutError:
                pass
        else:
            for one in waiting:
                one.close()

    async def _close(self, keys: Iterable[ChannelKey]) -> None:
        found = [key for key in keys if key in self.channels]
        tasks = [self._tasks[key] for key in found if key in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *(self.channels[key].aclose() for key in found), return_exceptions=True)


def _channel_class(kind: ChannelType) -> type[Channel]:
    module, name = CHANNELS[kind]
    found: type[Channel] = getattr(import_module(f".channels.{module}", __package__), name)
    return found


def _load(kinds: Iterable[ChannelType]) -> None:
    """Imports the channels, in a worker thread."""
    for kind in kinds:
        _channel_class(kind)


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
