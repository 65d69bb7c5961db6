"""A server in memory that says exactly what a test wants, on the machines that the client is built on.

:class:`FakeServer` is a connector. What a session needs to open is answered by itself (switch it off with *silent*);
everything else the test sends and expects channel by channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import cache
from struct import pack
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from spicetui.connectors.memory import memory_pair
from spicetui.errors import SpiceError
from spicetui.interfaces import ByteStream, ChannelKey
from spicetui.protocol.channel import ChannelMachine
from spicetui.protocol.link import ServerLink, new_key
from spicetui.wire import common, core, cursor, display, inputs, main, playback, port, record, smartcard, vmc
from spicetui.wire.core import Messages
from spicetui.wire.enums import ChannelType, CommonCap, DisplayCap, LinkErr, MainCap, MouseMode
from spicetui.wire.link import LinkMessage

T = TypeVar("T")

MAIN = ChannelKey(ChannelType.MAIN)
DISPLAY = ChannelKey(ChannelType.DISPLAY)
INPUTS = ChannelKey(ChannelType.INPUTS)
CURSOR = ChannelKey(ChannelType.CURSOR)
PLAYBACK = ChannelKey(ChannelType.PLAYBACK)
RECORD = ChannelKey(ChannelType.RECORD)
SMARTCARD = ChannelKey(ChannelType.SMARTCARD)
PORT = ChannelKey(ChannelType.PORT)
WEBDAV = ChannelKey(ChannelType.WEBDAV)
USBREDIR = ChannelKey(ChannelType.USBREDIR)
STANDARD = (MAIN, DISPLAY, INPUTS, CURSOR)

FULL_HEADERS = frozenset((CommonCap.AUTH_SELECTION, CommonCap.AUTH_SPICE))
MINI_HEADERS = FULL_HEADERS | {CommonCap.MINI_HEADER}

MESSAGES: dict[ChannelType, Messages] = {
    ChannelType.MAIN: main.MESSAGES,
    ChannelType.DISPLAY: display.MESSAGES,
    ChannelType.INPUTS: inputs.MESSAGES,
    ChannelType.CURSOR: cursor.MESSAGES,
    ChannelType.PLAYBACK: playback.MESSAGES,
    ChannelType.RECORD: record.MESSAGES,
    ChannelType.SMARTCARD: smartcard.MESSAGES,
    ChannelType.PORT: port.MESSAGES,
    ChannelType.WEBDAV: port.MESSAGES,
    ChannelType.USBREDIR: vmc.MESSAGES,
}
CAPS: dict[ChannelType, frozenset[int]] = {
    ChannelType.MAIN: frozenset((MainCap.NAME_AND_UUID,)),
    ChannelType.DISPLAY: frozenset((DisplayCap.MONITORS_CONFIG, DisplayCap.PREF_COMPRESSION)),
}

SESSION_ID = 0x5E551
ACK_WINDOW = 40
DEADLINE = 20.0  #: seconds after which something that never comes fails the test


def session_init(**changes: int) -> main.Init:
    """What the server says first on the main channel."""
    fields = {
        "session_id": SESSION_ID,
        "display_channels_hint": 1,
        "supported_mouse_modes": MouseMode.CLIENT | MouseMode.SERVER,
        "current_mouse_mode": MouseMode.CLIENT,
        "agent_connected": 0,
        "agent_tokens": 0,
        "multi_media_time": 1000,
        "ram_hint": 0,
    }
    return main.Init(**(fields | changes))


@cache
def key() -> RSAPrivateKey:
    return new_key()


class Gone(Exception):
    """The client closed the channel while the test expected a message."""


class FakeChannel:
    """One connection of the client, from its first byte on."""

    def __init__(self, server: FakeServer, asked: ChannelKey, stream: ByteStream) -> None:
        self.server = server
        self.asked = asked
        self.stream = stream
        self.linked = asyncio.Event()
        self.ended = asyncio.Event()  # the client has closed, or the test has
        self.link_message: LinkMessage
        self.machine: ChannelMachine
        self.skipped: list[Any] = []  #: messages that `expect` passed over
        self.bytes_received = 0
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._pings = 0

    # --- sending

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.machine.send(message)
        self.stream.write(self.machine.data_to_send())

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are, behind what was sent so far."""
        self.stream.write(data)

    def send_body(self, number: int, body: bytes) -> None:
        """A message with any number and body."""
        self.send_raw(self.machine._framer.frame(number, body))

    def send_list(self, *messages: Any) -> None:
        """One message that is a list of sub-messages."""
        self.send(common.SubMessageList(self.sub_messages(messages)))

    def sub_messages(self, messages: Iterable[Any], start: int = 0) -> bytes:
        """A sub-message list as it lies in a body from byte *start* on."""
        numbers = MESSAGES[self.asked.type].server_number
        parts = []
        for message in messages:
            body = core.write(message)
            parts.append(pack("<HI", numbers[type(message)], len(body)) + body)
        head = 2 + 4 * len(parts)
        offsets = [start + head + sum(map(len, parts[:i])) for i in range(len(parts))]
        return pack(f"<H{len(parts)}I", len(parts), *offsets) + b"".join(parts)

    # --- receiving

    async def next(self) -> Any:
        """The next message of the client. Raises Gone."""
        async with asyncio.timeout(DEADLINE):
            message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
            raise Gone(f"{self.asked} was closed")
        return message

    async def expect(self, kind: type[T]) -> T:
        """The next message of that kind; others before it go to `skipped`."""
        while True:
            message = await self.next()
            if isinstance(message, kind):
                return message
            self.skipped.append(message)

    async def settled(self) -> None:
        """Until the client has handled everything that was sent on this channel."""
        self._pings += 1
        self.send(common.Ping(0x1000 + self._pings, 0, b""))
        while (await self.expect(common.Pong)).id != 0x1000 + self._pings:
            pass

    async def gone(self) -> None:
        """Until the channel is closed."""
        async with asyncio.timeout(DEADLINE):
            await self.ended.wait()

    async def close(self) -> None:
        await self.stream.aclose()

    # --- life

    async def run(self) -> None:
        try:
            await self._run()
        except (SpiceError, OSError) as error:
            self.server.errors.append(error)
        finally:
            self.ended.set()
            self._messages.put_nowait(None)
            await self.stream.aclose()

    async def _run(self) -> None:
        server = self.server
        link = ServerLink(key(), server.common_caps, self._caps, server.password)
        while link.result is None:
            try:
                data = await self.stream.read(65536)
                if not data:
                    return
                link.receive(data)
            finally:
                self.stream.write(link.data_to_send())
        self.link_message = link.message
        self.machine = ChannelMachine(MESSAGES[self.asked.type], link.result.mini_header, client=False)
        self.greet()
        self.linked.set()
        data = link.rest
        while True:
            for raw in self.machine.receive(data):
                message = self.machine.read(raw).message
                self.answer(message)
                self._messages.put_nowait(message)
            data = await self.stream.read(65536)
            self.bytes_received += len(data)
            if not data:
                return

    def _caps(self, message: LinkMessage) -> frozenset[int] | LinkErr:
        assert (message.channel_type, message.channel_id) == self.asked
        self.server.link_messages.append(message)
        refused = self.server.refuse.get(self.asked)
        if refused is not None:
            return refused
        return self.server.channel_caps.get(self.asked.type, frozenset())

    def greet(self) -> None:
        if self.server.silent:
            return
        self.send(common.SetAck(1, ACK_WINDOW))
        if self.asked.type is ChannelType.MAIN:
            self.send(self.server.init)
        elif self.asked.type is ChannelType.INPUTS:
            self.send(inputs.InputsInit(0))

    def answer(self, message: Any) -> None:
        if isinstance(message, main.AttachChannels) and not self.server.silent:
            others = [main.ChannelId(one.type, one.id) for one in self.server.channels if one != MAIN]
            self.send(main.ChannelsList(others))


class FakeServer:
    """*refuse*: link errors by channel; *silent*: not even the greetings are sent; *limit*: bytes on their way."""

    def __init__(
        self,
        channels: Iterable[ChannelKey] = STANDARD,
        *,
        password: str = "",
        common_caps: frozenset[int] = MINI_HEADERS,
        channel_caps: Mapping[ChannelType, frozenset[int]] = CAPS,
        refuse: Mapping[ChannelKey, LinkErr] | None = None,
        init: main.Init | None = None,
        silent: bool = False,
        limit: int = 1 << 20,
    ) -> None:
        self.channels = tuple(channels)
        self.password = password
        self.common_caps = common_caps
        self.channel_caps = dict(channel_caps)
        self.refuse = dict(refuse or {})
        self.init = init or session_init()
        self.silent = silent
        self.limit = limit
        self.connections: list[FakeChannel] = []
        self.link_messages: list[LinkMessage] = []
        self.errors: list[Exception] = []  #: what ended connections
        self._connected = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
        near, far = memory_pair(self.limit)
        fake = FakeChannel(self, channel, far)
        async with self._connected:
            self.connections.append(fake)
            self._connected.notify_all()
        self._tasks.append(asyncio.create_task(fake.run()))
        return near

    async def channel(self, wanted: ChannelKey, nth: int = 0) -> FakeChannel:
        """The *nth* connection for that channel, once it is linked."""

        def found() -> list[FakeChannel]:
            return [fake for fake in self.connections if fake.asked == wanted]

        async with asyncio.timeout(DEADLINE), self._connected:
            await self._connected.wait_for(lambda: len(found()) > nth)
        fake = found()[nth]
        async with asyncio.timeout(DEADLINE):
            await fake.linked.wait()
        return fake

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
