"""WebSocket: the stream's bytes in binary frames, as spice-server itself and websockify speak it."""

from __future__ import annotations

import asyncio

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ..diagnostics import printable
from ..errors import ConnectError
from ..interfaces import ChannelKey
from .spiceuri import PASSWORD_WARNING
from .stream import SocketStream
from .targets import Target, TargetSettings
from .tcp import TIMEOUT_SECONDS, authority, open_tcp, timeout_error
from .tls import TlsPolicy, open_tls

#: A server puts up to one whole SPICE message into a frame; raw 4K pictures are 33 MB.
MAX_FRAME_SIZE = 64 * 1024 * 1024


class WebSocketConnector:
    """Every channel over its own WebSocket to *url*, ``ws://`` or ``wss://``."""

    def __init__(self, url: str, *, tls: TlsPolicy | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        try:
            self.uri = parse_uri(url)
        except (InvalidURI, ValueError) as error:
            raise ConnectError(f"{printable(url)} is no WebSocket address; write ws://HOST:PORT/") from error
        self.url = url
        self.tls = tls or TlsPolicy()
        self.timeout = timeout

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> WebSocketStream:
        host, port = self.uri.host, self.uri.port
        if self.uri.secure:
            stream = await open_tls(host, port, self.tls, self.timeout)
        else:
            stream = await open_tcp(host, port, self.timeout)
        where = authority(host, port)
        try:
            async with asyncio.timeout(self.timeout):
                return await _handshake(stream, self.uri, where)
        except TimeoutError as error:
            await stream.aclose()
            raise timeout_error(f"{where} by WebSocket", self.timeout) from error
        except BaseException:
            await stream.aclose()
            raise

    def __repr__(self) -> str:
        return f"WebSocketConnector({authority(self.uri.host, self.uri.port)})"


async def _handshake(stream: SocketStream, uri: WebSocketURI, where: str) -> WebSocketStream:
    protocol = ClientProtocol(uri, subprotocols=[Subprotocol("binary")], max_size=MAX_FRAME_SIZE)
    # One write: spice-server takes the request for complete after its second read.
    protocol.send_request(protocol.connect())
    stream.write(b"".join(protocol.data_to_send()))
    what = f"cannot open a WebSocket to {where}"
    try:
        while protocol.state is CONNECTING and protocol.handshake_exc is None:
            data = await stream.read(65536)
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
    except InvalidStatus as error:
        status = error.response.status_code
        raise ConnectError(f"{what}: the server answered HTTP {status}; check the path of the address") from error
    except (InvalidMessage, EOFError) as error:
        raise ConnectError(f"{what}: the server does not speak HTTP there; connect without ws://") from error
    except InvalidHandshake as error:
        raise ConnectError(f"{what}: {printable(str(error))}; check that the address is a WebSocket") from error
    except WebSocketException as error:
        raise ConnectError(f"{what}: {printable(str(error))}") from error
    except OSError as error:
        raise ConnectError(f"{what}: the server closed the connection; check the address") from error
    return WebSocketStream(stream, protocol)


class WebSocketStream:
    """The payloads of one WebSocket as a stream; frame borders mean nothing."""

    def __init__(self, stream: SocketStream, protocol: ClientProtocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._payload = memoryview(b"")
        self._waiting: list[bytes] = []
        self._take_events()  # frames, pings too, may have come with the server's answer
        self._flush()

    async def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most *max_bytes*; empty when the peer has closed. Raises OSError."""
        while not self._payload:
            if self._waiting:
                self._payload = memoryview(self._waiting.pop(0))
                continue
            if self._protocol.state is not OPEN:
                if self._protocol.parser_exc is not None and not isinstance(self._protocol.parser_exc, EOFError):
                    raise ConnectionResetError(f"WebSocket failed: {printable(str(self._protocol.parser_exc))}")
                return b""
            data = await self._stream.read(65536)
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._take_events()
            self._flush()  # pongs and the answer to a close frame
        data = bytes(self._payload[:max_bytes])
        self._payload = self._payload[max_bytes:]
        return data

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
                self._waiting.append(bytes(event.data))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._protocol.state is OPEN:
            self._protocol.send_binary(data)
            self._flush()

    def _flush(self) -> None:
        for piece in self._protocol.data_to_send():
            if piece:  # an empty piece asks for the end of the stream, which aclose() brings
                self._stream.write(piece)

    async def drain(self) -> None:
        """Waits until the queue is short enough to write more. Raises OSError."""
        await self._stream.drain()

    async def aclose(self) -> None:
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            self._flush()
        await self._stream.aclose()

    def round_trip(self) -> float | None:
        """Seconds to the peer and back; see :meth:`SocketStream.round_trip`."""
        return self._stream.round_trip()


def parse(text: str, settings: TargetSettings) -> Target:
    connector = WebSocketConnector(text, tls=settings.tls, timeout=settings.timeout)
    scheme = "wss" if connector.uri.secure else "ws"
    title = f"{scheme}://{authority(connector.uri.host, connector.uri.port)}{connector.uri.path}"
    return Target(connector, title, warnings=(PASSWORD_WARNING,) if connector.uri.password else ())
