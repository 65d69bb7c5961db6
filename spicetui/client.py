"""The façade: connect, and the objects that a program works with."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, cast

from .channels.base import Channel
from .channels.inputs import Inputs
from .channels.main import Main
from .diagnostics import ROOT
from .errors import ConnectError, FeatureMissing, SpiceError
from .interfaces import BaseDriver, ChannelKey, Connector, Driver, Head
from .session import Options, Session, as_spice_error
from .wire.enums import ChannelType, MouseMode

if TYPE_CHECKING:
    from .agent.files import FileTransfer
    from .canvas.surface import Surface
    from .channels.cursor import CursorChannel
    from .channels.display import DisplayChannel
    from .channels.playback import PlaybackChannel
    from .channels.port import PortChannel
    from .channels.record import RecordChannel
    from .channels.smartcard import SmartcardChannel
    from .channels.usb_manager import Usb
    from .devices.folder import SharedFolder
    from .interfaces import FolderLink

#: How long what ends the session may come after what ended one of its channels.
LAST_WORD_SECONDS = 0.2


async def connect(
    connector: Connector,
    driver: Driver | None = None,
    *,
    password: str | None = None,
    options: Options | None = None,
    timeout: float = 10.0,
) -> Client:
    """Opens a session; every channel is linked on return, the first frame comes later.

    *timeout* in seconds is for all of it. Raises ConnectError, LinkError, TlsError, AuthError or FeatureMissing.
    """
    session = Session(connector, driver or BaseDriver(), password, options or Options())
    try:
        async with asyncio.timeout(timeout):
            await session.start()
    except TimeoutError:
        await session.aclose()
        raise ConnectError(f"no answer within {timeout:g} seconds") from None
    except BaseExceptionGroup as group:
        await session.aclose()
        raise as_spice_error(group) from None
    except BaseException:
        await session.aclose()
        raise
    return Client(session, driver)


class Client:
    """An open session. Use it as an async context manager, or call :meth:`aclose`."""

    def __init__(self, session: Session, driver: Driver | None = None) -> None:
        self.session = session
        self.driver = driver
        self._shared_folder: SharedFolder | None = None
        self._held: asyncio.TimerHandle | None = None

    # --- parts

    @property
    def main(self) -> Main:
        return self.session.main

    @property
    def inputs(self) -> Inputs | None:
        """Keyboard and pointer; None when the server offers none."""
        channel = self.channels.get(ChannelKey(ChannelType.INPUTS))
        return channel if isinstance(channel, Inputs) else None

    @property
    def channels(self) -> Mapping[ChannelKey, Channel]:
        return self.session.channels

    @property
    def displays(self) -> Mapping[int, DisplayChannel]:
        """By display channel number."""
        found = {key.id: c for key, c in self.channels.items() if key.type is ChannelType.DISPLAY}
        return cast("dict[int, DisplayChannel]", found)

    @property
    def cursors(self) -> Mapping[int, CursorChannel]:
        """By the number of the display that the pointer belongs to."""
        found = {key.id: c for key, c in self.channels.items() if key.type is ChannelType.CURSOR}
        return cast("dict[int, CursorChannel]", found)

    @property
    def playback(self) -> PlaybackChannel | None:
        """The guest's sound; None when the server offers none."""
        return cast("PlaybackChannel | None", self.channels.get(ChannelKey(ChannelType.PLAYBACK)))

    @property
    def audio_recorder(self) -> RecordChannel | None:
        """The guest's microphone; None when the server offers none."""
        return cast("RecordChannel | None", self.channels.get(ChannelKey(ChannelType.RECORD)))

    @property
    def ports(self) -> Mapping[str, PortChannel]:
        """The guest's character devices such as serial consoles, by name."""
        channels = (c for key, c in self.channels.items() if key.type is ChannelType.PORT)
        return {port.name: port for port in cast("Iterable[PortChannel]", channels) if port.name}

    @property
    def smartcard(self) -> SmartcardChannel | None:
        """The guest's card readers; None when the server offers none."""
        return cast("SmartcardChannel | None", self.channels.get(ChannelKey(ChannelType.SMARTCARD)))

    @property
    def usb(self) -> Usb | None:
        """The guest's slots for USB devices; None when the server offers none."""
        from .channels.usb_manager import find

        return find(self.session)

    @property
    def shared_folder(self) -> SharedFolder | None:
        """Folders of this side for the guest; None when the server offers no WebDAV port, or this side cannot share."""
        key = ChannelKey(ChannelType.WEBDAV)
        channel = self.channels.get(key)
        if channel is None or key in self.session.lost:
            return None
        if self._shared_folder is None:
            from .devices.folder import SharedFolder

            self._shared_folder = SharedFolder(cast("FolderLink", channel))
        return self._shared_folder

    @property
    def file_transfer(self) -> FileTransfer | None:
        """Files to the guest; None as long as there is no guest agent that takes them."""
        files = self.main.agent.files
        return files if files.available else None

    # --- facts

    @property
    def name(self) -> str:
        """The machine's name, empty when the server tells none."""
        return self.main.name

    @property
    def uuid(self) -> uuid.UUID | None:
        return self.main.uuid

    @property
    def session_id(self) -> int:
        return self.session.id

    @property
    def mouse_mode_client(self) -> bool:
        """True: the pointer is placed; False: it is moved by differences."""
        return self.main.mouse_mode is MouseMode.CLIENT

    @property
    def agent_connected(self) -> bool:
        return self.main.agent_connected

    @property
    def unsupported(self) -> Counter[str]:
        """What could not be shown or done so far, counted under stable keys."""
        return self.session.gaps.counts

    @property
    def round_trip(self) -> float | None:
        """Seconds to the server and back as the kernel sees it; None where it does not tell."""
        measure = getattr(self.main.stream, "round_trip", None)
        return measure() if measure is not None else None

    @property
    def bytes_in(self) -> int:
        return sum(channel.bytes_in for channel in self.channels.values())

    @property
    def bytes_out(self) -> int:
        return sum(channel.bytes_out for channel in self.channels.values())

    @property
    def debug(self) -> logging.Logger:
        """The protocol's log."""
        return logging.getLogger(ROOT)

    @debug.setter
    def debug(self, target: logging.Logger) -> None:
        """Sends the protocol's log to *target*'s handlers too, from its level up."""
        root = logging.getLogger(ROOT)
        root.setLevel(target.getEffectiveLevel())
        root.addHandler(_Forward(target))

    # --- picture

    @property
    def heads(self) -> list[Head]:
        """The machine's monitors; their places in this list are their numbers, as ``--display`` counts."""
        return self.session.heads

    def _head(self, display: int) -> Head:
        heads = self.heads
        if not 0 <= display < len(heads):
            have = ", ".join(map(str, range(len(heads)))) or "none"
            raise FeatureMissing(f"the server has no display {display} (it has: {have})")
        return heads[display]

    async def wait_frame(self, display: int = 0) -> Surface:
        """Waits until the display shows something. Raises what ended the session when it never does.

        Raises FeatureMissing when the server has no such display, ChannelClosed when its channel was lost before.
        """
        if not self.displays:
            raise FeatureMissing("the server has no display")
        over = asyncio.ensure_future(self.wait_closed())
        frames = [asyncio.ensure_future(channel.frame.wait()) for channel in self.displays.values()]
        try:
            while True:
                waiting = [frame for frame in frames if not frame.done()]
                if self._is_shown(display) or not waiting:
                    return self.screenshot(display)
                if (lost := self._lost_before_shown(display)) is not None:
                    await asyncio.wait((over,), timeout=LAST_WORD_SECONDS)
                    if not over.done():
                        raise lost
                else:
                    running = self.session.running(ChannelType.DISPLAY)
                    await asyncio.wait((*waiting, over, *running), return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    over.result()
                    raise SpiceError("the session ended before a picture came")
        finally:
            for task in (*frames, over):
                task.cancel()
            await asyncio.gather(*frames, over, return_exceptions=True)

    def _is_shown(self, display: int) -> bool:
        heads = self.heads
        if not 0 <= display < len(heads):
            return False
        # Numbers count over the channels in order: they hold once every channel before shows something.
        channel = heads[display].display
        return all(c.shown is not None for number, c in self.displays.items() if number <= channel)

    def _lost_before_shown(self, display: int) -> SpiceError | None:
        """Why the display will never be shown, if it will not."""
        heads = self.heads
        channel = heads[display].display if 0 <= display < len(heads) else max(self.displays, default=0)
        lost = self.session.lost
        return next(
            (lost[c.key] for n, c in self.displays.items() if n <= channel and not c.shown and c.key in lost), None
        )

    def screenshot(self, display: int = 0) -> Surface:
        """A copy of what the display shows now, without the pointer. Raises FeatureMissing."""
        head = self._head(display)
        surface = self.displays[head.display].shown
        if surface is None:
            raise FeatureMissing(f"display {display} shows nothing yet")
        return surface.copy(head.area)

    def hold_displays(self, seconds: float, late_ms: int = 0) -> None:
        """Whoever shows the picture cannot keep up: the server's displays pause until :meth:`release_displays`.

        They go on by themselves after *seconds*, since a server closes a display that pauses for long.  *late_ms*:
        by how much what is shown is behind; a server that asks for reports on its videos sends less then.
        """
        self.session.shown_late_ms = late_ms
        if self._held is None:
            for display in self.displays.values():
                display.hold()
            self._held = asyncio.get_running_loop().call_later(seconds, self.release_displays)

    def release_displays(self) -> None:
        """The picture has been shown."""
        held, self._held = self._held, None
        self.session.shown_late_ms = 0
        if held is not None:
            held.cancel()
            for display in self.displays.values():
                display.release()

    # --- life

    async def wait_closed(self) -> None:
        """Until the session is over. Raises the error that ended it, if one did."""
        await self.session.wait_closed()

    async def aclose(self) -> None:
        self.release_displays()
        if self._shared_folder is not None:
            await self._shared_folder.stop()
        await self.session.aclose()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Forward(logging.Handler):
    def __init__(self, target: logging.Logger) -> None:
        super().__init__()
        self.target = target

    def emit(self, record: logging.LogRecord) -> None:
        self.target.handle(record)
