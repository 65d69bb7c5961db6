"""A byte stream over any asyncio transport: TCP, TLS, unix socket."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from typing import cast

RECEIVE_SIZE = 256 * 1024  #: bytes taken from the kernel before the reader must catch up
WRITE_HIGH = 256 * 1024  #: queued bytes above which drain() waits
WRITE_LIMIT = 64 * 1024 * 1024  #: queued bytes above which the peer counts as dead
CLOSE_SECONDS = 0.5  #: how long aclose() waits for the peer to take what is queued


class SocketStream(asyncio.BufferedProtocol):
    """A :class:`~spicetui.interfaces.ByteStream`; the kernel writes straight into its one buffer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(RECEIVE_SIZE))
        self._start = self._end = 0  # what is received and not yet read
        self._paused = False  # reading: the buffer is full
        self._eof = False
        self._closing = False  # by this side: what still comes is thrown away
        self._error: OSError | None = None
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None  # set while the write queue is too long
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.transport: asyncio.Transport | None = None

    # --- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._closing:
            return self._buffer
        if self._start and RECEIVE_SIZE - self._end < RECEIVE_SIZE // 4:
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        return self._buffer[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._closing:
            return
        self._end += nbytes
        if self._end == RECEIVE_SIZE and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake_reader()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._eof = True
        if exc is not None:
            self._error = as_os_error(exc)
        self._wake_reader()
        self.resume_writing()
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    def _wake_reader(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)

    # --- the user's side

    async def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most *max_bytes*; empty when the peer has closed. Raises OSError."""
        while self._start == self._end:
            if self._closing:
                return b""
            if self._error is not None:
                raise type(self._error)(*self._error.args)
            if self._eof:
                return b""
            self._readable = self._loop.create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        stop = min(self._end, self._start + max_bytes)
        data = bytes(self._buffer[self._start : stop])
        self._start = stop
        if self._start == self._end:
            self._start = self._end = 0
        if self._paused and (not self._end or self._start > RECEIVE_SIZE // 2):
            self._paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()
        return data

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queues *data*; does nothing on a stream that is lost, read() and drain() tell why."""
        if self.transport is None or self._closing or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > WRITE_LIMIT:
            self._error = TimeoutError("the server takes no more data")
            self.transport.abort()
            return
        self.transport.write(data)

    async def drain(self) -> None:
        """Waits until the queue is short enough to write more. Raises OSError."""
        if self._writable is not None:
            await asyncio.shield(self._writable)
        if self._error is not None:
            raise type(self._error)(*self._error.args)
        if self._closing or self._lost.done():
            raise ConnectionResetError("the connection is closed")

    async def aclose(self) -> None:
        """Sends what is queued, as far as the peer takes it at once, and closes.

        Only the sending half is closed first, until the peer has closed too: then it has taken everything, and it
        never writes to a closed socket, which spice-server 0.15 does not always survive while it opens a channel.
        """
        if self.transport is None:
            return
        self._closing = True
        self._start = self._end = 0
        self._wake_reader()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            if self._paused:
                self._paused = False
                self.transport.resume_reading()
            self.transport.write_eof()
        else:
            self.transport.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(self._lost)
        except TimeoutError:
            pass
        finally:
            if not self._lost.done():
                self.transport.abort()
                # abort() reports the loss in the next round of the loop; without it the socket would leak
                await asyncio.shield(self._lost)

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS session, None on a plain stream."""
        return self.transport.get_extra_info("ssl_object") if self.transport is not None else None

    def round_trip(self) -> float | None:
        """Seconds to the peer and back, smoothed by the kernel; None where it does not tell."""
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        return tcp_round_trip(sock) if sock is not None else None


def tcp_round_trip(sock: socket.socket) -> float | None:
    """The kernel's smoothed round trip of a TCP connection in seconds; None for other sockets and systems."""
    if not sys.platform.startswith("linux") or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    except OSError:
        return None
    if len(info) < 72:
        return None
    (microseconds,) = struct.unpack_from("=I", info, 68)  # tcpi_rtt of struct tcp_info in linux/tcp.h
    return float(microseconds) / 1e6


def as_os_error(error: BaseException) -> OSError:
    """The same failure as an OSError whose text a person can read."""
    if isinstance(error, ssl.SSLError):
        return ConnectionResetError(f"TLS failed: {readable_reason(error)}")
    if isinstance(error, OSError):
        return error
    return OSError(str(error) or type(error).__name__)


def readable_reason(error: ssl.SSLError) -> str:
    """OpenSSL's reason in small letters: ``unknown ca`` for TLSV1_ALERT_UNKNOWN_CA."""
    reason = (error.reason or "").lower().replace("_", " ")
    for prefix in ("tlsv1 alert ", "sslv3 alert ", "tlsv13 alert "):
        reason = reason.removeprefix(prefix)
    return reason or str(error.strerror or error)
