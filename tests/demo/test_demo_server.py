"""When the demo desktop is drawn anew, and when it is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from peer import demo_script
from peer.fake_server import MAIN
from peer.raw_client import RawChannel, open_session

import spicetui
from spicetui.demo import demo_server
from spicetui.demo.demo_server import DemoServer
from spicetui.wire import common

DEADLINE = 20


@pytest.fixture
async def server() -> AsyncIterator[DemoServer]:
    server = DemoServer()
    yield server
    await server.aclose()


async def test_things_move_by_themselves(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "REST_SECONDS", 0.0)
    monkeypatch.setattr(demo_server, "FRAME_SECONDS", 0.001)
    async with await spicetui.connect(server) as client:
        await client.wait_frame()
        start = server.desktop.motion._place()
        async with asyncio.timeout(DEADLINE):
            while client.displays[0].changes < 5 or server.desktop.motion._place() == start:
                await asyncio.sleep(0)


async def test_a_client_first_gets_a_picture_at_rest(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "REST_SECONDS", 1000.0)
    async with await spicetui.connect(server) as client:
        await client.wait_frame()
        start = server.desktop.motion._place()
        for _ in range(50):
            server._frame()
        assert server.desktop.motion._place() == start


async def test_input_is_shown_soon_though_nothing_moves(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "REST_SECONDS", 1000.0)
    async with await spicetui.connect(server) as client:
        await client.wait_frame()
        before = client.displays[0].changes
        demo_script.press_keys(server.desktop, "x")
        assert server._timer is not None
        assert server._timer.when() - asyncio.get_running_loop().time() <= demo_server.INPUT_FRAME_SECONDS
        async with asyncio.timeout(DEADLINE):
            while client.displays[0].changes == before:
                await asyncio.sleep(0)


async def test_nothing_is_done_where_nobody_looks(server: DemoServer) -> None:
    async with await spicetui.connect(server) as client:
        await client.wait_frame()
    async with asyncio.timeout(DEADLINE):
        while server.desktop.screen.sinks or server._timer is not None:
            await asyncio.sleep(0)
    stepped = server._stepped
    channel, _ = await open_session(server)  # a session without a display is nobody to look
    demo_script.press_keys(server.desktop, "x")
    assert server._timer is not None
    while server._timer is not None:
        await asyncio.sleep(0)
    assert server._stepped == stepped
    await channel.close()


async def test_the_picture_is_up_to_date_for_who_comes_later(server: DemoServer) -> None:
    demo_script.press_keys(server.desktop, "echo before anyone came\n")
    async with await spicetui.connect(server) as client:
        frame = await client.wait_frame()
        wanted = server.desktop.compose(server.desktop.screen.rect)
        terminal = server.desktop.terminal.rect
        rows, columns = terminal.slices()
        part = wanted.crop((terminal.x, terminal.y, terminal.right, terminal.bottom))
        assert frame.pixels[rows, columns, :3].tobytes() == part.tobytes("raw", "BGR")


async def test_the_slowest_client_s_round_trip_is_shown(server: DemoServer) -> None:
    channel, session_id = await open_session(server)
    ping = await channel.expect(common.Ping)
    channel.send(common.Pong(ping.id, 0))
    host = server.sessions[session_id].channels[MAIN]
    async with asyncio.timeout(DEADLINE):
        while getattr(host, "round_trip", None) is None:
            await asyncio.sleep(0)
    server._ping()
    assert server.desktop.round_trip == host.round_trip  # type: ignore[attr-defined]


async def test_deserted_after_the_last_client(server: DemoServer) -> None:
    waiting = asyncio.create_task(server.deserted(0.0, 1000.0))
    one = await RawChannel.open(server)
    other = await RawChannel.open(server)
    await one.close()
    while len(server.sessions) == 2:
        await asyncio.sleep(0)
    assert not waiting.done()
    await other.close()
    async with asyncio.timeout(DEADLINE):
        await waiting


async def test_deserted_never(server: DemoServer) -> None:
    waiting = asyncio.create_task(server.deserted(None, 0.0))
    channel = await RawChannel.open(server)
    await channel.close()
    while server.sessions:
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
