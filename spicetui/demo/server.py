"""A SPICE server on asyncio: connections, the link, sessions and what each channel has in common.

What the channels say is the business of :class:`ServerChannel`'s subclasses; the server is also a connector, so that
a client in the same process reaches it without a socket.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar

from ..connectors.memory import memory_pair
from ..connectors.stream import SocketStream
from ..diagnostics import logger
from ..errors import AuthError, LinkError, ProtocolError, WireError
from ..interfaces import ByteStream, ChannelKey
from ..protocol.channel import ChannelMachine
from ..protocol.framer import RawMessage
from ..protocol.link import Linked, ServerLink, new_key
from ..wire import common
from ..wire.core import Messages, handler_name
from ..wire.enums import ChannelType, CommonCap, LinkErr
from ..wire.link import LinkMessage

COMMON_CAPS = frozenset((CommonCap.AUTH_SELECTION, CommonCap.AUTH_SPICE, CommonCap.MINI_HEADER))

READ_SIZE = 64 << 10
LINK_SECONDS = 10.0  #: how long a client may take for the link
MAX_SESSIONS = 16
MAX_CONNECTIONS = 8 * MAX_SESSIONS
MAX_CLIENT_MESSAGE = 1 << 20  #: bytes; no honest message of a client to these channels is longer
BURST = 64 << 10  #: bytes written after which a channel looks whether the client still takes them


class ServerChannel:
    """One channel of one client. Subclasses have an ``on_…`` for each message that they handle."""

    TYPE: ClassVar[ChannelType]
    MESSAGES: ClassVar[Messages]
    CAPS: ClassVar[frozenset[int]] = frozenset()
    #: Messages between two acknowledgements; at most twice as many are under way (`has_room`).
    ACK_WINDOW: ClassVar[int] = 20

    def __init__(self, session: ServerSession, key: ChannelKey, linked: Linked, stream: ByteStream) -> None:
        self.session = session
        self.key = key
        self.linked = linked
        self.stream = stream
        self.machine = ChannelMachine(self.MESSAGES, linked.mini_header, client=False, max_body=MAX_CLIENT_MESSAGE)
        self.log = logger(f"demo.{key.type.name.lower()}")
        self.closed = False
        self.outstanding = 0  # messages that the client has not acknowledged
        self._unchecked = 0  # bytes written since the client was last seen to take them
        self._draining: asyncio.Task[None] | None = None

    # --- for subclasses

    def on_linked(self) -> None:
        """The first messages go here."""

    def made_room(self) -> None:
        """The client takes more again."""

    def ended(self) -> None:
        """The channel is closed."""

    # --- sending

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up; a channel that speaks of its own accord holds back while it does not."""
        return not self.closed and self._draining is None and self.outstanding < 2 * self.ACK_WINDOW

    def send(self, message: Any) -> None:
        if self.closed:
            return
        self.machine.send(message)
        self.outstanding += 1
        self._flush()

    def _flush(self) -> None:
        data = self.machine.data_to_send()
        self.session.bytes_out += len(data)
        self.stream.write(data)
        self._unchecked += len(data)
        if self._unchecked >= BURST and self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self.stream.drain()
        except OSError:
            return  # the read loop ends the channel
        self._unchecked = 0
        self._draining = None
        if self.has_room:
            self.made_room()

    # --- receiving

    async def run(self, first: bytes) -> None:
        """Until the client closes. Raises ProtocolError when it breaks the protocol, OSError when it is lost."""
        self.send(common.SetAck(1, self.ACK_WINDOW))
        self.outstanding = 0  # the set-up itself is not counted
        self.on_linked()
        data = first
        while True:
            for raw in self.machine.receive(data):
                self._handle(raw)
            await self.settle()
            data = await self.stream.read(READ_SIZE)
            if not data:
                return
            self.session.bytes_in += len(data)

    async def settle(self) -> None:
        """Before more is read: a client that does not take its answers is not listened to either."""
        await self.stream.drain()

    def _handle(self, raw: RawMessage) -> None:
        received = self.machine.read(raw)
        if received.message is None:
            self.log.info("message %d is unknown", raw.number)
            return
        handler = getattr(self, handler_name(type(received.message)), None)
        if handler is not None:
            handler(received.message)
        self.machine.handled(raw)

    def on_ack(self, message: common.Ack) -> None:
        had_room = self.has_room
        self.outstanding = max(0, self.outstanding - self.ACK_WINDOW)
        if self.has_room and not had_room:
            self.made_room()

    async def close(self) -> None:
        self.closed = True
        if self._draining is not None:
            self._draining.cancel()
        await self.stream.aclose()


class ServerSession:
    """One client: its main channel and those that named its session id."""

    def __init__(self, server: Server, id: int) -> None:
        self.server = server
        self.id = id
        self.channels: dict[ChannelKey, ServerChannel] = {}
        self.bytes_in = 0
        self.bytes_out = 0

    async def close(self) -> None:
        for channel in list(self.channels.values()):
            await channel.close()


class Server:
    """Takes clients from listening sockets, from :meth:`spice_connect` or from :meth:`serve`."""

    def __init__(
        self,
        channels: Mapping[ChannelKey, type[ServerChannel]],
        *,
        password: str = "",
        common_caps: frozenset[int] = COMMON_CAPS,
    ) -> None:
        self.kinds = channels
        self.password = password
        self.common_caps = common_caps
        self.sessions: dict[int, ServerSession] = {}
        self.log = logger("demo.server")
        self._key = new_key()
        self._connections: set[asyncio.Task[None]] = set()
        self._listeners: list[asyncio.Server] = []

    # --- for subclasses

    def session_opened(self, session: ServerSession) -> None:
        """A client has linked its main channel."""

    def session_closed(self, session: ServerSession) -> None:
        """A client's main channel has ended."""

    # --- where clients come from

    async def listen_on(self, listener: socket.socket) -> None:
        """Takes clients from a listening socket, TCP or unix; closes it in the end."""
        loop = asyncio.get_running_loop()
        make = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        self._listeners.append(await make(lambda: _Accepted(self), sock=listener))

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
        """A stream from within this process: the server is a connector to itself."""
        near, far = memory_pair()
        self.accept(far)
        return near

    def accept(self, stream: ByteStream) -> None:
        """Serves a connection in a task of its own."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self._spawn(stream.aclose())
        else:
            self._spawn(self.serve(stream))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    # --- a connection

    async def serve(self, stream: ByteStream) -> None:
        """One connection from its first byte to its end."""
        try:
            async with asyncio.timeout(LINK_SECONDS):
                channel, first = await self._link(stream)
        except (LinkError, AuthError, WireError, OSError, TimeoutError) as error:
            self.log.info("link failed: %s", error)
            await stream.aclose()
            return
        except BaseException:
            await stream.aclose()
            raise
        session = channel.session
        is_main = channel.key.type is ChannelType.MAIN
        if is_main:
            self.sessions[session.id] = session
            self.session_opened(session)
        try:
            await channel.run(first)
        except (ProtocolError, OSError) as error:
            channel.log.info("%s", error)
        finally:
            await channel.close()
            del session.channels[channel.key]
            channel.ended()
            if is_main:
                del self.sessions[session.id]
                self.session_closed(session)
                await session.close()

    async def _link(self, stream: ByteStream) -> tuple[ServerChannel, bytes]:
        link = ServerLink(self._key, self.common_caps, self._channel_caps, self.password)
        try:
            while link.result is None:
                data = await stream.read(READ_SIZE)
                if not data:
                    raise LinkError("the client closed the connection")
                link.receive(data)
                stream.write(link.data_to_send())
        except (LinkError, AuthError):
            stream.write(link.data_to_send())  # what says so to the client
            raise
        refused = self._channel_caps(link.message)  # again: much can happen during a link
        if isinstance(refused, LinkErr):
            raise LinkError("the session has changed during the link", refused)
        key = ChannelKey(ChannelType(link.message.channel_type), link.message.channel_id)
        if key.type is ChannelType.MAIN:
            session = ServerSession(self, 1 + secrets.randbelow(0xFFFF_FFFE))
        else:
            session = self.sessions[link.message.connection_id]
        channel = self.kinds[key](session, key, link.result, stream)
        session.channels[key] = channel
        return channel, link.rest

    def _channel_caps(self, message: LinkMessage) -> frozenset[int] | LinkErr:
        """What the channel asked for can do, or why the client does not get it."""
        key = ChannelKey(message.channel_type, message.channel_id)  # type: ignore[arg-type]
        kind = self.kinds.get(key)
        if kind is None:
            return LinkErr.CHANNEL_NOT_AVAILABLE
        if kind.TYPE is ChannelType.MAIN:
            if message.connection_id:
                return LinkErr.BAD_CONNECTION_ID
            return kind.CAPS if len(self.sessions) < MAX_SESSIONS else LinkErr.CHANNEL_NOT_AVAILABLE
        session = self.sessions.get(message.connection_id)
        if session is None:
            return LinkErr.BAD_CONNECTION_ID
        if key in session.channels:
            return LinkErr.CHANNEL_NOT_AVAILABLE
        return kind.CAPS

    async def aclose(self) -> None:
        """Stops listening and ends every connection."""
        for listener in self._listeners:
            listener.close()
        tasks = [task for task in self._connections if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Accepted(SocketStream):
    """A connection that a listening socket brought."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.server.accept(self)
