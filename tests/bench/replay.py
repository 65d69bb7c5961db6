"""A recorded display channel, and a server that says it again as fast as a client takes it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peer.fake_server import CAPS, DISPLAY, MAIN, MESSAGES, MINI_HEADERS, key, session_init
from peer.raw_client import Closed, RawChannel

from spicetui import TcpConnector
from spicetui.codecs.caches import GLZ_WINDOW_PIXELS, PIXMAP_CACHE_PIXELS
from spicetui.interfaces import ChannelKey
from spicetui.protocol.channel import ChannelMachine
from spicetui.protocol.framer import Framer
from spicetui.protocol.link import ServerLink
from spicetui.wire import common, display, main
from spicetui.wire.enums import ChannelType, DisplayCap, ImageCompression
from spicetui.wire.link import LinkMessage

TAKEN = frozenset(
    (
        DisplayCap.MONITORS_CONFIG,
        DisplayCap.COMPOSITE,
        DisplayCap.A8_SURFACE,
        DisplayCap.LZ4_COMPRESSION,
        DisplayCap.PREF_COMPRESSION,
    )
)
END = 0xE11D
PINGS = 4


@dataclass(frozen=True)
class Recorded:
    """What a server said on its display channel, with mini headers."""

    name: str
    data: bytes

    @cached_property
    def kinds(self) -> Counter[str]:
        numbers = display.MESSAGES.from_server
        kinds = [numbers.get(raw.number) for raw in Framer(True).receive(self.data)]
        return Counter(kind.__name__ for kind in kinds if kind is not None)

    @property
    def messages(self) -> int:
        return sum(self.kinds.values())


async def record(name: str, port: int, compression: ImageCompression, play: Callable[[], None]) -> Recorded:
    """Connects, lets *play* go on and keeps all that comes of the display."""
    connector = TcpConnector("127.0.0.1", port)
    first = await RawChannel.open(connector)
    session_id = 0
    while not session_id:
        session_id = next((m.session_id for m in await first.read() if isinstance(m, main.Init)), 0)
    first.send(main.AttachChannels())
    channel = await RawChannel.open(connector, DISPLAY, session_id, caps=TAKEN)
    channel.send(display.DisplayInit(1, PIXMAP_CACHE_PIXELS, 1, GLZ_WINDOW_PIXELS))
    channel.send(display.PreferredCompression(compression))
    kept = bytearray(channel._first)
    read = channel.stream.read

    async def keep(max_bytes: int) -> bytes:
        data = await read(max_bytes)
        kept.extend(data)
        return data

    channel.stream.read = keep  # type: ignore[method-assign]

    async def listen(one: RawChannel) -> None:
        while True:
            try:
                await one.read()
            except TimeoutError:
                continue
            except Closed:
                return

    tasks = [asyncio.create_task(listen(one)) for one in (first, channel)]
    await asyncio.to_thread(play)
    size = -1
    while size != len(kept):  # until it rests
        size = len(kept)
        await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    for one in (channel, first):
        await one.close()
    return Recorded(name, whole_messages(bytes(kept)))


def whole_messages(data: bytes) -> bytes:
    """Without pings, whose answers would only cost time."""
    framer, kept = Framer(True), bytearray()
    again = Framer(True)
    for raw in framer.receive(data):
        if raw.number != PINGS:
            kept += again.frame(raw.number, bytes(raw.body))
    return bytes(kept)


class ClientEnded(Exception):
    """The client closed the connection, or died."""


class ReplayServer:
    """Takes one client after another; `went` has the seconds from the first byte until the client had done all."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.ready = asyncio.Event()  # a client waits for the display
        self.go = asyncio.Event()
        self.went: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._speak(reader, writer)
        except ConnectionError:
            pass
        if self.ready.is_set() and not self.went.done():
            self.went.set_exception(ClientEnded("the client ended before it had done all"))

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: list[ChannelKey] = []

        def caps(message: LinkMessage) -> frozenset[int]:
            asked.append(ChannelKey(ChannelType(message.channel_type), message.channel_id))
            return CAPS.get(asked[0].type, frozenset())

        link = ServerLink(key(), MINI_HEADERS, caps)
        while link.result is None:
            data = await reader.read(65536)
            if not data:
                return
            link.receive(data)
            writer.write(link.data_to_send())
        machine = ChannelMachine(MESSAGES[asked[0].type], link.result.mini_header, client=False)
        if asked[0] == MAIN:
            machine.send(session_init())
            writer.write(machine.data_to_send())
        started = 0.0
        data = link.rest
        while True:
            for raw in machine.receive(data):
                message: Any = machine.read(raw).message
                if isinstance(message, main.AttachChannels):
                    machine.send(main.ChannelsList([main.ChannelId(DISPLAY.type, 0)]))
                elif isinstance(message, display.DisplayInit):
                    self.ready.set()
                    await self.go.wait()
                    started = time.perf_counter()
                    writer.write(self.recorded.data)
                    machine.send(common.Ping(END, 0, b""))
                elif isinstance(message, common.Pong) and message.id == END and not self.went.done():
                    self.went.set_result(time.perf_counter() - started)
            writer.write(machine.data_to_send())
            data = await reader.read(65536)
            if not data:
                return
