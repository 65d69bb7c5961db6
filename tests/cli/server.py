"""A SPICE server in a thread, on a real socket, for commands that run their own event loop."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peer.fake_server import MAIN, FakeChannel, FakeServer

from spicetui.connectors.stream import SocketStream
from spicetui.interfaces import ByteStream, ChannelKey
from spicetui.wire import inputs
from spicetui.wire.enums import ChannelType, LinkErr
from spicetui.wire.link import LinkMessage

Greeting = Callable[["Connection"], None]


class Connection(FakeChannel):
    """Learns from its link message which channel it is; keeps every message."""

    def __init__(self, owner: Server, fake: FakeServer, stream: ByteStream) -> None:
        super().__init__(fake, MAIN, stream)
        self.owner = owner
        self.messages: list[Any] = []
        self.motions = 0

    def _caps(self, message: LinkMessage) -> frozenset[int] | LinkErr:
        self.asked = ChannelKey(ChannelType(message.channel_type), message.channel_id)
        return super()._caps(message)

    def greet(self) -> None:
        if self.asked.type is ChannelType.INPUTS:
            self.send(inputs.InputsInit(self.owner.leds))
        else:
            super().greet()
        greeting = self.owner.greetings.get(self.asked.type)
        if greeting is not None:
            greeting(self)

    def answer(self, message: Any) -> None:
        self.messages.append(message)
        if isinstance(message, (inputs.MouseMotion, inputs.MousePosition)):
            self.motions += 1
            if self.motions % 4 == 0 and self.owner.acknowledges:
                self.send(inputs.MouseMotionAck())
        super().answer(message)

    def every(self, seconds: float, send: Callable[[], None]) -> None:
        """Sends again and again while the client is there."""

        def again() -> None:
            if not self.ended.is_set():
                send()
                asyncio.get_running_loop().call_later(seconds, again)

        again()


class Server:
    """A context: listens on a unix socket, or on the loopback with *tls*, until it is left.

    *greetings*: what a channel sends when it is linked; *raw*: instead of all that, what happens to a bare stream.
    """

    def __init__(
        self,
        folder: Path,
        *,
        greetings: Mapping[ChannelType, Greeting] | None = None,
        tls: ssl.SSLContext | None = None,
        tcp: bool = False,
        raw: Callable[[ByteStream], Any] | None = None,
        leds: int = 0,
        acknowledges: bool = True,
        **settings: Any,
    ) -> None:
        self.greetings = dict(greetings or {})
        self.connections: list[Connection] = []
        self.leds = leds
        self.acknowledges = acknowledges
        self.accepted = 0
        self.port = 0
        self._path = folder / "spice"
        self._tls = tls
        self._tcp = tcp or tls is not None
        self._raw = raw
        self._settings = settings
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    @property
    def target(self) -> str:
        if self._tcp:
            return f"spice+tls://127.0.0.1:{self.port}" if self._tls else f"127.0.0.1:{self.port}"
        return str(self._path)

    def messages(self, kind: ChannelType) -> list[Any]:
        """What all connections of that type have sent."""
        return [message for one in self.connections if one.asked.type is kind for message in one.messages]

    def opened(self) -> list[str]:
        return sorted(str(one.asked) for one in self.connections if one.linked.is_set())

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._fake = FakeServer(**self._settings)
        if self._tcp:
            server = await self._loop.create_server(lambda: _Accepted(self), "127.0.0.1", 0, ssl=self._tls)
            self.port = server.sockets[0].getsockname()[1]
        else:
            server = await self._loop.create_unix_server(lambda: _Accepted(self), self._path)
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, stream: SocketStream) -> None:
        self.accepted += 1
        if self._raw is not None:
            work = self._raw(stream)
        else:
            connection = Connection(self, self._fake, stream)
            self.connections.append(connection)
            work = connection.run()
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._loop.create_task(stream.aclose()))


class _Accepted(SocketStream):
    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.accept(self)
