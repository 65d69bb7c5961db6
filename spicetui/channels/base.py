"""What every channel shares: connecting, linking, and the only read loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from ..diagnostics import hexdump, logger
from ..errors import AuthError, ChannelClosed, CodecError, ConnectError, LinkError, ProtocolError, SpiceError, WireError
from ..interfaces import ByteStream, ChannelKey, SecurableConnector
from ..protocol.channel import ChannelMachine
from ..protocol.framer import RawMessage
from ..protocol.link import ClientLink, Linked
from ..wire import common
from ..wire.core import Messages, handler_name
from ..wire.enums import ChannelType, CommonCap, LinkErr, NotifySeverity
from ..wire.link import LinkMessage

if TYPE_CHECKING:
    from ..session import Session

COMMON_CAPS = frozenset((CommonCap.AUTH_SELECTION, CommonCap.AUTH_SPICE, CommonCap.MINI_HEADER))

READ_SIZE = 256 << 10

#: Seconds of handling after which the loop gets its turn, so that a flood of messages never delays a key.
TURN = 0.004


class Channel:
    """One channel of a session. Subclasses declare TYPE, MESSAGES, CAPS and have an ``on_…`` for each message."""

    TYPE: ClassVar[ChannelType]
    MESSAGES: ClassVar[Messages]
    CAPS: ClassVar[frozenset[int]] = frozenset()
    #: Whether servers begin with a message of their own.
    GREETED: ClassVar[bool] = True
    #: Messages that need no handler, and why.
    IGNORED: ClassVar[dict[type, str]] = {}

    def __init__(self, session: Session, id: int = 0) -> None:
        self.session = session
        self.key = ChannelKey(self.TYPE, id)
        self.log = logger(f"channels.{self.key.type.name.lower()}{id or ''}")
        self.linked = Linked(frozenset(), frozenset(), False)
        self.bytes_in = 0
        self.bytes_out = 0
        self.messages_in = 0
        self.first_message = asyncio.Event()
        self.closed = False
        self.closed_by_server = False  # between two messages, and without a word about it
        self.machine: ChannelMachine
        self.stream: ByteStream
        self._first = b""
        self._disconnecting = False
        self._handlers = self._find_handlers()

    def _find_handlers(self) -> dict[int, Any]:
        found = {}
        for number, kind in self.MESSAGES.from_server.items():
            handler = getattr(self, handler_name(kind), None)
            if handler is not None:
                found[number] = handler
        return found

    @property
    def channel_caps(self) -> frozenset[int]:
        """What the server said that it can do on this channel."""
        return self.linked.channel_caps

    def announced(self) -> frozenset[int]:
        """What this side announces."""
        return self.CAPS

    # --- opening

    async def open(self) -> None:
        """Connects and links. Raises ConnectError, TlsError, LinkError or AuthError."""
        try:
            await self._open_once()
        except LinkError as error:
            connector = self.session.connector
            if error.code != LinkErr.NEED_SECURED or not isinstance(connector, SecurableConnector):
                raise
            if not connector.secure(self.key):
                raise
            self.log.info("the server wants TLS, connecting again")
            await self._open_once()

    async def _open_once(self) -> None:
        self.stream = await self.session.connector.spice_connect(self.key, False)
        try:
            await self._link()
        except BaseException:
            await self.stream.aclose()
            raise

    async def _link(self) -> None:
        message = LinkMessage(self.session.id, self.key.type, self.key.id, COMMON_CAPS, self.announced())
        link = ClientLink(message, self.session.password or "")
        while link.result is None:
            if data := link.data_to_send():
                self._write(data)
            try:
                received = await self.stream.read(4096)
            except OSError as error:
                raise ConnectError(f"connection lost during the link: {error.strerror or error}") from error
            if not received:
                raise ConnectError(
                    "the server closed the connection during the link (is this its TLS port, or another service?)"
                )
            self.bytes_in += len(received)
            try:
                link.receive(received)
            except WireError as error:
                raise LinkError(f"the server's link reply is broken: {error}") from error
        self.linked = link.result
        self._first = link.rest
        self.machine = ChannelMachine(self.MESSAGES, link.result.mini_header)
        self.log.info("linked, capabilities %s", sorted(self.channel_caps))
        self.on_linked()

    def on_linked(self) -> None:
        """The first messages of this side go here."""

    # --- sending

    def send(self, message: Any) -> None:
        """Queues a message; nothing happens on a closed channel."""
        if self.closed:
            return
        if self.log.isEnabledFor(10):
            self.log.debug("> %s", self.describe(message))
        self.machine.send(message)
        self._flush()

    def describe(self, message: Any) -> str:
        """A message for the log; channels with secrets say less."""
        return str(message)

    async def drain(self) -> None:
        """Waits until the socket takes more. Raises ChannelClosed."""
        try:
            await self.stream.drain()
        except OSError as error:
            raise ChannelClosed(f"{self.key}: {error.strerror or error}") from error

    def _flush(self) -> None:
        if data := self.machine.data_to_send():
            self._write(data)

    def _write(self, data: bytes) -> None:
        self.bytes_out += len(data)
        try:
            self.stream.write(data)
        except OSError as error:
            self.log.info("write failed: %s", error)

    def hold(self) -> None:
        """Lets the server pause once its window is full; a server gives up after some seconds of that."""
        if hasattr(self, "machine"):
            self.machine.hold()

    def release(self) -> None:
        """Lets the server go on."""
        if hasattr(self, "machine") and not self.closed:
            self.machine.release()
            self._flush()

    # --- receiving

    async def run(self) -> None:
        """Handles messages until the stream ends; returns when the server closed in order, raises otherwise."""
        clock = asyncio.get_running_loop().time
        data = self._first
        self._first = b""
        try:
            while True:
                if data:
                    self.bytes_in += len(data)
                    turn_ends = clock() + TURN
                    for raw in self.machine.receive(data):
                        pending = self._handle(raw)
                        if pending is not None:
                            await pending
                        self.machine.handled(raw)
                        self._flush()
                        self.session.progress.notify(self.key, self.machine.handled_serial)
                        if clock() > turn_ends:
                            self.turn_over()
                            await asyncio.sleep(0)
                            turn_ends = clock() + TURN
                    self.turn_over()
                    await asyncio.sleep(0)
                try:
                    data = await self.stream.read(READ_SIZE)
                except OSError as error:
                    raise ChannelClosed(f"{self.key}: connection lost: {error.strerror or error}") from error
                if not data:
                    if not self.machine.at_boundary:
                        raise ChannelClosed(f"{self.key}: the server closed the connection in the middle of a message")
                    self.closed_by_server = not self._disconnecting
                    raise ChannelClosed(f"{self.key}: the server closed the connection")
        finally:
            self.closed = True
            self.session.progress.forget(self.key)
            await self.stream.aclose()

    def turn_over(self) -> None:
        """All that was received so far is handled; what is shown may be updated."""

    def _handle(self, raw: RawMessage) -> Coroutine[Any, Any, None] | None:
        self.messages_in += 1
        self.first_message.set()
        try:
            received = self.machine.read(raw)
            if self.log.isEnabledFor(10):
                self.log.debug("< %s", received.message or f"message {raw.number} {hexdump(raw.body)}")
            handler = self._handlers.get(raw.number)
            if handler is None:
                if received.message is None:
                    self.gap(f"unknown message {raw.number}")
                elif type(received.message) not in self.IGNORED and type(received.message) not in IGNORED:
                    self.gap(f"{handler_name(type(received.message))[3:]}")
                return None
            pending = handler(received.message)
        except Exception as error:
            self._failed(raw, error)
            return None
        return self._guard(raw, pending) if pending is not None else None

    async def _guard(self, raw: RawMessage, pending: Coroutine[Any, Any, None]) -> None:
        try:
            await pending
        except Exception as error:
            self._failed(raw, error)

    def _failed(self, raw: RawMessage, error: Exception) -> None:
        """A bad message is dropped, counted and shown once; what must end the channel goes on."""
        kind = self.MESSAGES.from_server.get(raw.number)
        name = handler_name(kind)[3:] if kind else str(raw.number)
        if isinstance(error, (WireError, CodecError)):
            self.gap(f"bad {name}", str(error))
        elif isinstance(error, (ProtocolError, ChannelClosed, AuthError, ConnectError)):
            raise error
        elif isinstance(error, SpiceError):
            self.gap(name, str(error))
        else:
            self.log.error("message %s failed", name, exc_info=error)
            self.gap(f"failed {name}", f"internal error: {type(error).__name__}: {error}")

    def gap(self, what: str, detail: str = "") -> None:
        """Counts something that could not be shown or done, and says so the first time."""
        self.session.gap(f"{self.key.type.name.lower()}:{what}", detail)

    async def farewell(self) -> None:
        """What this side has to say before the session is closed, and the time that it takes."""

    async def aclose(self) -> None:
        self.closed = True
        if hasattr(self, "stream"):
            await self.stream.aclose()

    # --- messages of every channel

    def on_wait_for_channels(self, message: common.WaitForChannels) -> Coroutine[Any, Any, None]:
        return self.session.progress.wait(message.wait_list)

    def on_notify(self, message: common.Notify) -> None:
        text = bytes(message.message).rstrip(b"\0").decode("utf-8", "replace")
        self.log.info("server notice (severity %d): %s", message.severity, text)
        if message.severity == NotifySeverity.ERROR:  # a warning is "keyboard channel is insecure" at each start
            self.session.notice(text)

    def on_disconnecting(self, message: common.Disconnecting) -> None:
        self._disconnecting = True
        self.log.info("the server is disconnecting, reason %d", message.reason)


IGNORED: dict[type, str] = {
    common.Migrate: "only follows a migration that this side has agreed to",
    common.MigrateData: "only follows a migration that this side has agreed to",
    common.SetAck: "answered by the channel machine",
    common.Ping: "answered by the channel machine",
    common.SubMessageList: "its sub-messages were handled on their own",
}
