"""WebSocket streams against the websockets library's server, and against things that are no WebSocket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from spicetui.connectors import websocket as websocket_module
from spicetui.connectors.tls import TlsPolicy
from spicetui.connectors.websocket import WebSocketConnector, WebSocketStream
from spicetui.errors import ConnectError, TlsError
from spicetui.interfaces import ChannelKey
from spicetui.wire.enums import ChannelType

from .certs import Authority
from .servers import serving

MAIN = ChannelKey(ChannelType.MAIN)
BINARY = [Subprotocol("binary")]


def port_of(server: object) -> int:
    port: int = server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    return port


async def connect(server: object, path: str = "/") -> WebSocketStream:
    return await WebSocketConnector(f"ws://127.0.0.1:{port_of(server)}{path}").spice_connect(MAIN, True)


async def read_exactly(stream: WebSocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = await stream.read(count - len(data))
        assert piece
        data += piece
    return data


async def test_bytes_both_ways() -> None:
    seen: list[object] = []

    async def echo(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append((connection.subprotocol, connection.request.path))
        async for message in connection:
            seen.append(type(message))
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=BINARY) as server:
        stream = await connect(server, "/vm/7?token=x")
        stream.write(b"REDQ")
        assert await stream.read(2) == b"RE"
        assert await stream.read(100) == b"DQ"
        stream.write(memoryview(bytearray(300_000)))
        await stream.drain()
        assert await read_exactly(stream, 300_000) == bytes(300_000)
        assert stream.round_trip() is not None
        await stream.aclose()
    assert seen == [("binary", "/vm/7?token=x"), bytes, bytes]


async def test_frame_borders_and_pings_mean_nothing() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.send([b"ab", b"", b"cd"])  # one message in three frames
        pong = await connection.ping()
        await connection.send(b"")
        await connection.send(b"ef")
        await pong
        await connection.send(b"gh")

    async with serve(talk, "127.0.0.1", 0, subprotocols=BINARY) as server:
        stream = await connect(server)
        assert await read_exactly(stream, 8) == b"abcdefgh"
        assert await stream.read(1) == b""
        stream.write(b"nothing happens")
        await stream.aclose()


async def test_a_server_that_just_hangs_up_ends_the_stream() -> None:
    async def hang_up(connection: ServerConnection) -> None:
        await connection.send(b"bye")
        connection.transport.abort()

    async with serve(hang_up, "127.0.0.1", 0, subprotocols=BINARY) as server:
        stream = await connect(server)
        assert await read_exactly(stream, 3) == b"bye"
        assert await stream.read(1) == b""
        await stream.aclose()


async def test_a_frame_beyond_the_limit_is_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "MAX_FRAME_SIZE", 1000)

    async def flood(connection: ServerConnection) -> None:
        await connection.send(bytes(1001))
        await connection.wait_closed()

    async with serve(flood, "127.0.0.1", 0, subprotocols=BINARY) as server:
        stream = await connect(server)
        with pytest.raises(OSError, match="WebSocket failed"):
            await stream.read(1)
        await stream.aclose()


async def test_a_broken_frame_is_an_oserror() -> None:
    async def garble(connection: ServerConnection) -> None:
        connection.transport.write(b"\xff\xff\xff\xff")
        await connection.wait_closed()

    async with serve(garble, "127.0.0.1", 0, subprotocols=BINARY) as server:
        stream = await connect(server)
        with pytest.raises(OSError, match="WebSocket failed"):
            await stream.read(1)
        await stream.aclose()


async def test_wss_uses_the_same_trust(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.server(("CN", "x"), names=("127.0.0.1",))

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=BINARY, ssl=certificate.context) as server:
        url = f"wss://127.0.0.1:{port_of(server)}/"
        stream = await WebSocketConnector(url, tls=TlsPolicy(ca_file=str(authority.file))).spice_connect(MAIN, True)
        stream.write(b"hi")
        assert await read_exactly(stream, 2) == b"hi"
        await stream.aclose()
        with pytest.raises(TlsError, match="no trusted CA"):
            await WebSocketConnector(url).spice_connect(MAIN, True)


async def answering(answer: bytes) -> str:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with serving(handler) as port:
        with pytest.raises(ConnectError) as caught:
            await WebSocketConnector(f"ws://127.0.0.1:{port}/").spice_connect(MAIN, True)
        text = str(caught.value).replace(str(port), "PORT")
        assert text.startswith("cannot open a WebSocket to 127.0.0.1:PORT: ")
        assert text.isprintable()
        return text.partition(": ")[2]


async def test_what_is_no_websocket_says_so() -> None:
    assert "answered HTTP 404; check the path" in await answering(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    )
    assert "does not speak HTTP" in await answering(b"REDQ\2\0\0\0\2\0\0\0")
    assert "does not speak HTTP" in await answering(b"")
    assert "missing Connection header" in await answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    assert "\x1b" not in await answering(b"HTTP/1.1 101 X\r\nUpgrade: \x1b[31m\r\nConnection: Upgrade\r\n\r\n")


async def test_a_silent_server_times_out() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(silent) as port:
        with pytest.raises(ConnectError, match=r"by WebSocket: no answer within 0\.05 s"):
            await WebSocketConnector(f"ws://127.0.0.1:{port}/", timeout=0.05).spice_connect(MAIN, True)


@pytest.mark.parametrize("url", ["http://x", "ws://", "ws://host:port/", "nonsense"])
def test_bad_addresses(url: str) -> None:
    with pytest.raises(ConnectError, match="is no WebSocket address"):
        WebSocketConnector(url)
