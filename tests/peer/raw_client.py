"""A client that does nothing by itself: a test sends, reads and withholds what it likes."""

from __future__ import annotations

import asyncio
from typing import Any, Self, TypeVar

from spicetui.interfaces import ByteStream, ChannelKey, Connector
from spicetui.protocol.channel import ChannelMachine
from spicetui.protocol.link import ClientLink, Linked
from spicetui.wire import common, main
from spicetui.wire.enums import CommonCap
from spicetui.wire.link import LinkMessage

from .fake_server import DEADLINE, MAIN, MESSAGES, MINI_HEADERS

T = TypeVar("T")


class Closed(Exception):
    """The server closed the channel."""


class RawChannel:
    """One connection to a server. Pings and windows are answered unless *mute*."""

    def __init__(self, stream: ByteStream, key: ChannelKey, linked: Linked, first: bytes, mute: bool) -> None:
        self.stream = stream
        self.key = key
        self.linked = linked
        self.machine = ChannelMachine(MESSAGES[key.type], linked.mini_header)
        self.mute = mute
        self.bytes_in = 0
        self._first = first
        self._ready: list[Any] = []

    @classmethod
    async def open(
        cls,
        connector: Connector,
        key: ChannelKey = MAIN,
        session_id: int = 0,
        *,
        password: str = "",
        caps: frozenset[int] = frozenset(),
        common_caps: frozenset[int] = MINI_HEADERS | {CommonCap.AUTH_SPICE},
        mute: bool = False,
    ) -> Self:
        """Links. Raises what the handshake raises, or Closed."""
        stream = await connector.spice_connect(key, False)
        link = ClientLink(LinkMessage(session_id, key.type, key.id, common_caps, caps), password)
        while link.result is None:
            stream.write(link.data_to_send())
            async with asyncio.timeout(DEADLINE):
                data = await stream.read(65536)
            if not data:
                raise Closed
            link.receive(data)
        return cls(stream, key, link.result, link.rest, mute)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.machine.send(message)
        self.stream.write(self.machine.data_to_send())

    async def read(self) -> list[Any]:
        """The messages of one read of the stream. Raises Closed."""
        data, self._first = self._first, b""
        if not data:
            async with asyncio.timeout(DEADLINE):
                data = await self.stream.read(65536)
            if not data:
                raise Closed
        self.bytes_in += len(data)
        messages = []
        for raw in self.machine.receive(data):
            messages.append(self.machine.read(raw).message)
            self.machine.handled(raw)
        answers = self.machine.data_to_send()
        if not self.mute:
            self.stream.write(answers)
        return messages

    async def next(self) -> Any:
        while not self._ready:
            self._ready = await self.read()
        return self._ready.pop(0)

    async def expect(self, kind: type[T]) -> T:
        """The next message of that kind; others are thrown away."""
        while True:
            message = await self.next()
            if isinstance(message, kind):
                return message

    async def closed(self) -> None:
        """Until the server has closed."""
        try:
            while True:
                await self.read()
        except Closed:
            pass

    async def close(self) -> None:
        await self.stream.aclose()


async def open_session(connector: Connector, **arguments: Any) -> tuple[RawChannel, int]:
    """A main channel and the session's id."""
    channel = await RawChannel.open(connector, **arguments)
    init = await channel.expect(main.Init)
    return channel, init.session_id


def acknowledge(channel: RawChannel, times: int = 1) -> None:
    channel.send(*[common.Ack()] * times)
