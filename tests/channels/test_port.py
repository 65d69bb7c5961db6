"""Ports by name: data both ways, a reader who is late, and who never comes."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from lz4.block import compress
from peer.fake_server import DEADLINE, MAIN, PORT

from spicetui import ChannelKey, ChannelType, Options
from spicetui.channels import port as module
from spicetui.channels.port import PortChannel
from spicetui.errors import ChannelClosed, FeatureMissing
from spicetui.wire import port as wire
from spicetui.wire import vmc
from spicetui.wire.enums import SpicevmcCap

from .support import Opened, opened

KEYS = (MAIN, PORT)
CONSOLE = "org.qemu.console.serial.0"
LZ4: dict[str, Any] = {"channel_caps": {ChannelType.PORT: frozenset((SpicevmcCap.DATA_COMPRESS_LZ4,))}}


async def console(session: Opened, open: bool = True) -> PortChannel:
    session.channel.send(wire.Init(CONSOLE.encode(), open))
    await session.channel.settled()
    return session.client.ports[CONSOLE]


async def test_a_port_is_known_by_its_name() -> None:
    second = ChannelKey(ChannelType.PORT, 1)
    async with opened(PORT, (*KEYS, second)) as session:
        assert session.client.ports == {}
        port = await console(session, open=False)
        other = await session.server.channel(second)
        other.send(wire.Init(b"org.qemu.monitor.qmp.0", 1))
        await other.settled()
        assert sorted(session.client.ports) == [CONSOLE, "org.qemu.monitor.qmp.0"]
        assert not port.opened
        waiting = asyncio.ensure_future(port.wait_opened())
        session.channel.send(wire.Event(wire.PortEvent.OPENED))
        async with asyncio.timeout(DEADLINE):
            await waiting
        session.channel.send(wire.Event(wire.PortEvent.CLOSED), wire.Event(wire.PortEvent.BREAK))
        await session.channel.settled()
        assert not port.opened
        told = session.driver.named("port_opened")
        assert told == [(CONSOLE, False), ("org.qemu.monitor.qmp.0", True), (CONSOLE, True), (CONSOLE, False)]


async def test_data_goes_both_ways() -> None:
    async with opened(PORT, KEYS) as session:
        port = await console(session)
        session.channel.send(vmc.Data(b"login: "), vmc.CompressedData(0, 3, b"abc"))
        assert await port.read(5) == b"login"
        assert await port.read() == b": abc"
        await port.write(b"root\n")
        assert bytes((await session.channel.expect(vmc.Data)).data) == b"root\n"
        port.send_event()
        assert (await session.channel.expect(wire.SendEvent)).event == wire.PortEvent.BREAK
        with pytest.raises(ValueError, match="server alone"):
            port.send_event(wire.PortEvent.CLOSED)


async def test_what_compresses_is_compressed_both_ways() -> None:
    async with opened(PORT, KEYS, **LZ4) as session:
        port = await console(session)
        text = b"all work and no play " * 10_000
        await port.write(text)
        parts: list[tuple[int, bytes]] = []
        while sum(size for size, _ in parts) < len(text):
            message = await session.channel.expect(vmc.CompressedData)
            parts.append((message.uncompressed_size, bytes(message.compressed_data)))
        assert sum(len(data) for _, data in parts) < len(text) // 20
        assert parts[0][1] == compress(text[: module.MESSAGE], store_size=False)
        session.channel.send(vmc.CompressedData(1, len(text), compress(text, store_size=False)))
        assert await port.read() == text
        await port.write(noise := Random(1).randbytes(5000))
        assert bytes((await session.channel.expect(vmc.Data)).data) == noise


@pytest.mark.parametrize(
    "message",
    [
        vmc.CompressedData(1, 1 << 31, b"\0"),
        vmc.CompressedData(1, 100, b"\xff" * 40),
        vmc.CompressedData(1, 100, compress(b"short", store_size=False)),
        vmc.CompressedData(7, 5, b"abcde"),
        vmc.CompressedData(1, 0, b""),
    ],
)
async def test_bad_compression_is_dropped_and_said(message: vmc.CompressedData) -> None:
    async with opened(PORT, KEYS) as session:
        port = await console(session)
        session.channel.send(message, vmc.Data(b"next"))
        assert await port.read() == b"next"
        assert session.client.unsupported["port:bad compressed_data"] == 1


async def test_only_the_latest_is_kept_for_a_reader_that_may_never_come() -> None:
    async with opened(PORT, KEYS) as session:
        port = await console(session)
        for number in range(40):
            session.channel.send(vmc.Data(bytes([number]) * 10_000))
        await session.channel.settled()
        assert port.dropped_bytes == 400_000 - module.UNREAD_BYTES
        data = await port.read()
        assert len(data) == module.UNREAD_BYTES
        assert data.endswith(bytes([38]) * 10_000 + bytes([39]) * 10_000)


async def test_the_guest_waits_for_a_reader() -> None:
    async with opened(PORT, KEYS) as session:
        port = await console(session)
        first = asyncio.ensure_future(port.read(1))
        await asyncio.sleep(0)
        session.channel.send(vmc.Data(b"a"))
        assert await first == b"a"
        count = 3 * module.WAITING_BYTES // 50_000
        for number in range(count):
            session.channel.send(vmc.Data(bytes([number]) * 50_000))
        while len(port._received) <= module.WAITING_BYTES:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(port._received) <= module.WAITING_BYTES + 50_000
        came = b""
        while len(came) < count * 50_000:
            came += await port.read(70_000)
        assert came == b"".join(bytes([number]) * 50_000 for number in range(count))
        assert port.dropped_bytes == 0
        port.stop_reading()
        session.channel.send(*(vmc.Data(bytes(60_000)) for _ in range(30)))
        await session.channel.settled()
        assert port.dropped_bytes > 0


async def test_nothing_is_written_to_nobody() -> None:
    async with opened(PORT, KEYS) as session:
        port = await console(session, open=False)
        with pytest.raises(FeatureMissing, match=CONSOLE):
            await port.write(b"x")
        reading, waiting = asyncio.ensure_future(port.read()), asyncio.ensure_future(port.wait_opened())
        await asyncio.sleep(0)
        await session.channel.close()
        async with asyncio.timeout(DEADLINE):
            assert await reading == b""
            with pytest.raises(ChannelClosed):
                await waiting
        with pytest.raises(ChannelClosed):
            await port.write(b"x")


async def test_a_read_only_session_writes_nothing() -> None:
    async with opened(PORT, KEYS, client={"options": Options(read_only=True)}) as session:
        port = await console(session)
        with pytest.raises(FeatureMissing, match="read-only"):
            await port.write(b"x")
        with pytest.raises(FeatureMissing, match="read-only"):
            port.send_event()
