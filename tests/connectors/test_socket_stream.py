"""The socket stream over TCP and unix sockets: order, flow control, ends and errors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import sys
from pathlib import Path

import pytest

from spicetui.connectors import stream as stream_module
from spicetui.connectors.stream import RECEIVE_SIZE, SocketStream
from spicetui.connectors.tcp import KEEPALIVE_IDLE_SECONDS, TcpConnector
from spicetui.connectors.unix import UnixConnector
from spicetui.errors import ConnectError
from spicetui.interfaces import ChannelKey
from spicetui.wire.enums import ChannelType

from .servers import serving

MAIN = ChannelKey(ChannelType.MAIN)


async def connect(port: int) -> SocketStream:
    return await TcpConnector("127.0.0.1", port).spice_connect(MAIN, True)


async def read_exactly(stream: SocketStream, count: int, step: int = 65536) -> bytes:
    data = b""
    while len(data) < count:
        piece = await stream.read(min(step, count - len(data)))
        assert 0 < len(piece) <= step
        data += piece
    return data


async def test_bytes_arrive_in_order_with_any_read_size() -> None:
    dice = random.Random(7)
    sent = dice.randbytes(3 * RECEIVE_SIZE + 12345)

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with serving(give) as port:
        stream = await connect(port)
        got = bytearray()
        while piece := await stream.read(dice.choice((1, 2, 6, 18, 4096, 100_000, 1 << 20))):
            got += piece
        assert bytes(got) == sent
        assert await stream.read(10) == b""
        await stream.aclose()


async def test_a_slow_reader_stops_the_sender() -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(OSError):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536

    async with serving(pour) as port:
        stream = await connect(port)
        assert stream.transport is not None
        while stream.transport.is_reading():  # until the one buffer is full
            await asyncio.sleep(0)
        assert len(await read_exactly(stream, 3 * RECEIVE_SIZE)) == 3 * RECEIVE_SIZE
        assert sent < 64 << 20
        await stream.aclose()


async def test_a_slow_peer_makes_drain_wait() -> None:
    may_read = asyncio.Event()
    received = 0

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await may_read.wait()
        while data := await reader.read(65536):
            received += len(data)

    async with serving(late) as port:
        stream = await connect(port)
        written = 0
        while True:
            stream.write(bytes(65536))
            written += 65536
            drain = asyncio.ensure_future(stream.drain())
            await asyncio.sleep(0)
            if not drain.done():
                break
        may_read.set()
        await drain
        await stream.aclose()
        while received < written:
            await asyncio.sleep(0)
        assert received == written


async def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "WRITE_LIMIT", 1 << 20)
    never = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()

    async with serving(deaf) as port:
        stream = await connect(port)
        for _ in range(200):
            stream.write(bytes(1 << 16))
        with pytest.raises(OSError, match="takes no more data"):
            await stream.drain()
        with pytest.raises(OSError, match="takes no more data"):
            await stream.read(1)
        await stream.aclose()


async def test_a_written_buffer_may_be_reused() -> None:
    async with serving() as port:
        stream = await connect(port)
        buffer = bytearray(b"first")
        stream.write(buffer)
        buffer[:] = b"later"
        stream.write(memoryview(buffer))
        assert await read_exactly(stream, 10) == b"firstlater"
        await stream.aclose()


async def test_a_reset_is_an_oserror_each_time() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with serving(reset) as port:
        stream = await connect(port)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await stream.read(1)
        with pytest.raises(ConnectionResetError):
            await stream.drain()
        stream.write(b"into the void")
        await stream.aclose()


async def test_closing_sends_what_is_queued() -> None:
    received = asyncio.get_running_loop().create_future()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(len(await reader.read(-1)))

    async with serving(collect) as port:
        stream = await connect(port)
        stream.write(bytes(5_000_000))
        await stream.aclose()
        assert await received == 5_000_000
        assert await stream.read(1) == b""
        with pytest.raises(ConnectionResetError):
            await stream.drain()
        await stream.aclose()


async def test_closing_does_not_wait_for_a_peer_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "CLOSE_SECONDS", 0.02)
    never = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()

    async with serving(deaf) as port:
        stream = await connect(port)
        stream.write(bytes(20_000_000))
        await stream.aclose()
        assert stream.transport is not None
        assert stream.transport.is_closing()


async def test_closing_wakes_a_reader() -> None:
    async with serving() as port:
        stream = await connect(port)
        reader = asyncio.ensure_future(stream.read(1))
        await asyncio.sleep(0)
        await stream.aclose()
        assert await reader == b""


async def test_tcp_options_and_round_trip() -> None:
    async with serving() as port:
        stream = await connect(port)
        assert stream.transport is not None
        sock = stream.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_IDLE_SECONDS
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 15
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
        stream.write(b"x")
        await stream.read(1)
        round_trip = stream.round_trip()
        if sys.platform.startswith("linux"):
            assert round_trip is not None
            assert 0 < round_trip < 1
        else:
            assert round_trip is None
        await stream.aclose()
        stream.round_trip()  # of a closed stream: no exception


async def test_every_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as port:
        loop = asyncio.get_running_loop()
        dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unused_port()))
        alive = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))

        async def resolve(*_: object, **__: object) -> list[object]:
            return [dead, dead, alive]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        stream = await TcpConnector("several.example", port).spice_connect(MAIN, True)
        stream.write(b"ok")
        assert await read_exactly(stream, 2) == b"ok"
        await stream.aclose()


async def test_a_silent_address_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as port:
        loop = asyncio.get_running_loop()
        real_connect = loop.sock_connect
        cancelled = asyncio.Event()

        async def slow_connect(sock: socket.socket, address: tuple[str, int]) -> None:
            if address[0] == "silent":
                try:
                    await asyncio.Event().wait()
                finally:
                    cancelled.set()
            await real_connect(sock, address)

        async def resolve(*_: object, **__: object) -> list[object]:
            kinds = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kinds, ("silent", port)), (*kinds, ("127.0.0.1", port))]

        monkeypatch.setattr(loop, "sock_connect", slow_connect)
        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        monkeypatch.setattr("spicetui.connectors.tcp.NEXT_ADDRESS_SECONDS", 0.01)
        stream = await TcpConnector("several.example", port).spice_connect(MAIN, True)
        assert cancelled.is_set()
        await stream.aclose()


async def test_refused_unknown_and_silent_hosts_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    port = unused_port()
    with pytest.raises(ConnectError, match=rf"cannot connect to 127.0.0.1:{port}: connection refused; check that"):
        await TcpConnector("127.0.0.1", port).spice_connect(MAIN, True)

    async def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"cannot connect to nowhere\.invalid:5900: unknown host; check the name"):
        await TcpConnector("nowhere.invalid", 5900).spice_connect(MAIN, True)

    async def silent(*_: object, **__: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(loop, "getaddrinfo", silent)
    with pytest.raises(ConnectError, match=r"cannot connect to \[::1\]:5900: no answer within 0.01 s; check"):
        await TcpConnector("::1", 5900, timeout=0.01).spice_connect(MAIN, True)


async def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ConnectError, match="not a host name"):
        await TcpConnector("a" * 300 + ".example", 5900).spice_connect(MAIN, True)


async def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "spice.sock"

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    server = await asyncio.start_unix_server(echo, path)
    stream = await UnixConnector(path).spice_connect(MAIN, True)
    stream.write(b"REDQ")
    assert await read_exactly(stream, 4) == b"REDQ"
    assert stream.round_trip() is None
    await stream.aclose()
    server.close()
    await server.wait_closed()


async def test_unix_errors_name_the_path(tmp_path: Path) -> None:
    missing = tmp_path / "none.sock"
    with pytest.raises(ConnectError, match=rf"cannot connect to {missing}: no such socket; check the path"):
        await UnixConnector(missing).spice_connect(MAIN, True)
    plain = tmp_path / "file"
    plain.write_text("")
    with pytest.raises(ConnectError, match="connection refused"):
        await UnixConnector(plain).spice_connect(MAIN, True)
    with pytest.raises(ConnectError, match="too long"):
        await UnixConnector(str(tmp_path / ("x" * 200))).spice_connect(MAIN, True)
    assert os.path.exists(plain)


def unused_port() -> int:
    """A port of the loopback on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
