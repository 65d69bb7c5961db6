"""usbredir's packets in a stream of bytes: hellos, capabilities, framing; both roles, free of I/O."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..errors import ProtocolError, WireError
from ..wire import usbredir as wire
from ..wire.core import Buffer
from ..wire.usbredir import Cap

#: Bulk streams are not announced: no library for Python has them.
CAPS = frozenset(Cap) - {Cap.BULK_STREAMS}

#: Packets are put together to pieces of about this size, bytes.
PIECE = 64 << 10


class PacketStream:
    """One side: :meth:`feed` bytes and take packets, :meth:`send` packets and take bytes."""

    def __init__(self, *, host: bool, caps: wire.Caps = CAPS, version: str = "") -> None:
        self.host = host
        self.caps = wire.NO_CAPS  #: what both sides can, once the peer's hello has come
        self.peer: wire.Hello | None = None
        self.queued_bytes = 0  #: not yet taken
        self.queued_streamed = 0  #: packets not yet taken that a stream has sent
        self._own_caps = caps
        self._in = bytearray()
        self._header: tuple[int, int, int] | None = None
        self._out: deque[tuple[bytes, bool]] = deque()
        self._queue(wire.write(wire.Hello(version.encode(), caps), 0, wire.NO_CAPS), False)

    # --- out

    def send(self, packet: Any, id: int = 0, *, streamed: bool = False) -> None:
        """Queues a packet. Nothing but the hello may go out before the peer's hello has come."""
        if self.peer is None:
            raise ValueError("nothing can be sent before the peer's hello")
        self._queue(wire.write(packet, id, self.caps), streamed)

    def _queue(self, data: bytes, streamed: bool) -> None:
        self._out.append((data, streamed))
        self.queued_bytes += len(data)
        self.queued_streamed += streamed

    def data_to_send(self) -> bytes:
        """The next piece, whole packets; empty when nothing is queued."""
        parts: list[bytes] = []
        size = 0
        while self._out and (not parts or size + len(self._out[0][0]) <= PIECE):
            data, streamed = self._out.popleft()
            parts.append(data)
            size += len(data)
            self.queued_streamed -= streamed
        self.queued_bytes -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # --- in

    def feed(self, data: Buffer) -> None:
        self._in += data

    def next_packet(self) -> tuple[int, Any] | None:
        """The id and body of the next packet that is complete. Raises ProtocolError: the stream is of no use then."""
        try:
            return self._next_packet()
        except WireError as error:
            raise ProtocolError(str(error)) from None

    def _next_packet(self) -> tuple[int, Any] | None:
        size = wire.header_size(self.caps)
        if self._header is None:
            if len(self._in) < size:
                return None
            self._header = wire.read_header(self._in[:size], self.caps, from_host=not self.host)
            if (self._header[0] == 0) != (self.peer is None):
                raise ProtocolError("usbredir: the first packet, and no other, is the hello")
        kind, length, id = self._header
        if len(self._in) < size + length:
            return None
        body = bytes(memoryview(self._in)[size : size + length])
        del self._in[: size + length]
        self._header = None
        packet = wire.read(kind, body, self.caps, from_host=not self.host)
        if isinstance(packet, wire.Hello):
            self.peer = packet
            self.caps = self._own_caps & packet.caps
        return id, packet
