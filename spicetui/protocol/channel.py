"""What every channel does behind the link, free of I/O: framing, acknowledgement, ping, serials; both roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..wire import common, core
from ..wire.core import Buffer, Messages, Reader, codec_of
from .framer import MAX_BODY, Framer, RawMessage


@dataclass(slots=True)
class Received:
    """One message: *message* is None when nobody has declared its number."""

    number: int
    serial: int | None
    message: Any
    size: int


class ChannelMachine:
    """One side of a channel.

    ``receive`` gives messages in order; each must be reported ``handled`` afterwards, in order, which is what the
    acknowledgements (and so the peer's flow control) follow.  Answers due gather in ``data_to_send``.
    """

    def __init__(self, messages: Messages, mini_header: bool, *, client: bool = True, max_body: int = MAX_BODY) -> None:
        self.messages = messages
        self.client = client
        self._framer = Framer(mini_header, max_body)
        self._incoming = messages.from_server if client else messages.from_client
        self._numbers = messages.client_number if client else messages.server_number
        self._readers: dict[int, tuple[Callable[[Reader], Any], str]] = {}  # of the numbers that came so far
        self._out = bytearray()
        self._window = 0  # messages between two acknowledgements that we owe, 0: none wanted
        self._unacknowledged = 0
        self._holding = False
        self._held = 0  # acknowledgements that are due but kept back
        self.handled_serial = 0  #: the last serial that was handled completely

    # --- sending

    def send(self, message: Any) -> None:
        kind = type(message)
        self._out += self._framer.frame(self._numbers[kind], core.write(message))

    def send_body(self, kind: type, body: Buffer) -> None:
        """As :meth:`send`, for a message that is nothing but bytes: many of them cost little."""
        self._out += self._framer.head(self._numbers[kind], len(body))
        self._out += body

    def data_to_send(self) -> bytes:
        if not self._out:
            return b""
        data = bytes(self._out)
        self._out.clear()
        return data

    # --- receiving

    @property
    def at_boundary(self) -> bool:
        return self._framer.at_boundary

    def receive(self, data: bytes) -> Iterator[RawMessage]:
        """The messages that *data* completes, not read yet. Raises ProtocolError when the framing is broken."""
        return self._framer.receive(data)

    def read(self, raw: RawMessage) -> Received:
        """Reads a message's body; answers pings and acknowledgement set-up. Raises WireError for a bad body."""
        known = self._readers.get(raw.number)
        message = None
        if known is None and (kind := self._incoming.get(raw.number)) is not None:
            known = self._readers[raw.number] = (codec_of(kind).read, f"{self.messages.name} {kind.__name__}")
        if known is not None:
            read, name = known
            message = read(Reader(raw.body, name))
            if self.client:
                self._answer(message)
        return Received(raw.number, raw.serial, message, len(raw.body))

    def _answer(self, message: Any) -> None:
        if isinstance(message, common.Ping):
            self.send(common.Pong(message.id, message.timestamp))
        elif isinstance(message, common.SetAck):
            self._window = message.window
            self._unacknowledged = -1  # the set-up itself is not counted
            self.send(common.AckSync(message.generation))

    def handled(self, raw: RawMessage) -> None:
        """The message has had its effect."""
        if raw.serial is None:
            return
        self.handled_serial = raw.serial
        if self._window:
            self._unacknowledged += 1
            if self._unacknowledged >= self._window:
                self._unacknowledged = 0
                if self._holding:
                    self._held += 1
                else:
                    self.send(common.Ack())

    def hold(self) -> None:
        """Keeps acknowledgements back: the peer pauses when its window is full."""
        self._holding = True

    def release(self) -> None:
        """Gives the acknowledgements that were kept back."""
        self._holding = False
        for _ in range(self._held):
            self.send(common.Ack())
        self._held = 0
