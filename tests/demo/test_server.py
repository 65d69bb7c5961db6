"""The server role: sessions, passwords, windows, slow and rude clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peer import demo_script
from peer.fake_server import CURSOR, DISPLAY, INPUTS, MAIN
from peer.raw_client import Closed, RawChannel, acknowledge, open_session

import spicetui
from spicetui import Button, ChannelKey, ChannelType, Key, TcpConnector, UnixConnector
from spicetui.connectors.memory import memory_pair
from spicetui.demo import server as server_module
from spicetui.demo.channels import CursorServer, DisplayServer, InputsServer, MainServer
from spicetui.demo.demo_server import DemoServer
from spicetui.demo.serving import listen_tcp, listen_unix
from spicetui.errors import AuthError, LinkError
from spicetui.interfaces import ByteStream
from spicetui.protocol.link import ClientLink
from spicetui.wire import common, cursor, display, inputs, main
from spicetui.wire.enums import DisplayCap, ImageCompression, ImageType, LinkErr, MainCap, MouseMode
from spicetui.wire.link import LinkMessage

LZ4 = frozenset((DisplayCap.LZ4_COMPRESSION, DisplayCap.MONITORS_CONFIG))


@pytest.fixture
async def server() -> AsyncIterator[DemoServer]:
    server = DemoServer(animate=False)
    yield server
    await server.aclose()


async def open_display(server: DemoServer, session_id: int, **arguments: Any) -> RawChannel:
    """A display channel that has seen the first picture."""
    channel = await RawChannel.open(server, DISPLAY, session_id, **({"caps": LZ4} | arguments))
    channel.send(display.DisplayInit(1, 1 << 20, 1, 1 << 20))
    await channel.expect(display.Mark)
    return channel


def shown(server: DemoServer) -> Any:
    return np.asarray(server.desktop.screen.image)[:, :, ::-1]


# --- with our own client


async def test_the_picture_is_the_desktop_s(server: DemoServer) -> None:
    async with await spicetui.connect(server) as client:
        frame = await client.wait_frame()
        assert (frame.pixels[:, :, :3] == shown(server)).all()
        assert client.name == "spicetui demo"
        assert client.uuid == server.desktop.uuid
        assert client.mouse_mode_client


@pytest.mark.parametrize("compression", [None, "off", "lz4"])
async def test_every_step_of_the_script_looks_the_same(server: DemoServer, compression: str | None) -> None:
    options = spicetui.Options(compression=compression)
    async with await spicetui.connect(server, options=options) as client:
        await client.wait_frame()
        channel = next(iter(server.sessions.values())).channels[DISPLAY]
        assert isinstance(channel, DisplayServer)
        for name in demo_script.run(server.desktop):
            await demo_script.settle(channel)
            assert (client.screenshot().pixels[:, :, :3] == shown(server)).all(), name
        assert not client.unsupported


async def test_keys_and_pointer_arrive(server: DemoServer) -> None:
    async with await spicetui.connect(server) as client:
        assert client.inputs is not None
        for key in (Key.H, Key.I):
            client.inputs.key_press(key)
        client.inputs.mouse_move(700, 400)
        client.inputs.mouse_click(Button.LEFT)
        client.inputs.key_down(Key.LEFT_CTRL)
        await client.inputs.drain()
        async with asyncio.timeout(10):
            while server.desktop.windows[-1].name != "paint" or not server.desktop._keys_down:
                await asyncio.sleep(0)
        assert server.desktop.pointer == (700, 400)
        assert server.desktop.terminal.text.endswith("$ hi")
    async with asyncio.timeout(10):
        while server.desktop._keys_down:  # what a client holds down is let go when it leaves
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_sockets(server: DemoServer, tmp_path: Path, kind: str) -> None:
    connector: TcpConnector | UnixConnector
    if kind == "tcp":
        listener = listen_tcp("127.0.0.1", 0)
        connector = TcpConnector("127.0.0.1", listener.getsockname()[1])
    else:
        listener = listen_unix(str(tmp_path / "s"))
        connector = UnixConnector(tmp_path / "s")
    await server.listen_on(listener)
    async with await spicetui.connect(connector) as client:
        assert ((await client.wait_frame()).pixels[:, :, :3] == shown(server)).all()


async def test_password() -> None:
    server = DemoServer(password="secret", animate=False)
    try:
        with pytest.raises(AuthError):
            await spicetui.connect(server, password="wrong")
        async with await spicetui.connect(server, password="secret") as client:
            await client.wait_frame()
    finally:
        await server.aclose()


async def test_several_clients_share_the_desktop(server: DemoServer) -> None:
    async with await spicetui.connect(server) as one, await spicetui.connect(server) as other:
        await one.wait_frame()
        await other.wait_frame()
        assert one.session_id != other.session_id
        assert one.inputs is not None
        one.inputs.key_press(Key.CAPS_LOCK)
        assert other.inputs is not None
        async with asyncio.timeout(10):
            while not other.inputs.leds:
                await asyncio.sleep(0)
            while not (other.screenshot().pixels[:, :, :3] == shown(server)).all():
                await asyncio.sleep(0)


# --- main


async def test_main_says_what_a_client_needs(server: DemoServer) -> None:
    channel = await RawChannel.open(server, caps=frozenset((MainCap.NAME_AND_UUID,)))
    init = await channel.expect(main.Init)
    assert init.supported_mouse_modes == MouseMode.CLIENT | MouseMode.SERVER
    assert bytes((await channel.expect(main.Name)).name) == b"spicetui demo\0"
    await channel.expect(main.Uuid)
    channel.send(main.AttachChannels())
    listed = (await channel.expect(main.ChannelsList)).channels
    assert {(one.type, one.id) for one in listed} == {DISPLAY, INPUTS, CURSOR}


async def test_name_and_uuid_only_for_those_who_know_them(server: DemoServer) -> None:
    channel = await RawChannel.open(server)
    got: list[Any] = []
    channel.send(main.AttachChannels())
    while not got or not isinstance(got[-1], main.ChannelsList):
        got.append(await channel.next())
    assert not [message for message in got if isinstance(message, (main.Name, main.Uuid))]


async def test_the_mouse_mode_is_the_client_s_choice(server: DemoServer) -> None:
    channel, session_id = await open_session(server)
    pointer = await RawChannel.open(server, CURSOR, session_id)
    keys = await RawChannel.open(server, INPUTS, session_id)
    await pointer.expect(cursor.CursorInit)
    channel.send(main.MouseModeRequest(MouseMode.SERVER))
    assert (await channel.expect(main.MouseMode)).current_mode == MouseMode.SERVER
    start = server.desktop.pointer
    keys.send(inputs.MouseMotion(10, -20, 0))
    assert (await pointer.expect(cursor.CursorMove)).position == (start.x + 10, start.y - 20)
    keys.send(inputs.MousePosition(1, 1, 0, 0))  # not in this mode
    keys.send(inputs.MouseMotion(1, 0, 0))
    assert (await pointer.expect(cursor.CursorMove)).position == (start.x + 11, start.y - 20)


async def test_round_trips_are_measured(server: DemoServer) -> None:
    channel, session_id = await open_session(server)
    ping = await channel.expect(common.Ping)
    host = server.sessions[session_id].channels[MAIN]
    assert isinstance(host, MainServer)
    host.ping()  # the first is still under way
    channel.send(common.Pong(ping.id + 7, 0))
    while host.round_trip is None:
        await asyncio.sleep(0)
    assert 0 <= host.round_trip < 60


# --- inputs


async def test_every_fourth_motion_is_acknowledged(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, INPUTS, session_id)
    for x in range(9):
        channel.send(inputs.MousePosition(x, 0, 0, 0))
    channel.send(inputs.KeyModifiers(0))  # its answer comes behind the others
    got: list[Any] = []
    while not got or not isinstance(got[-1], inputs.LedModifiers):
        got.append(await channel.next())
    assert sum(isinstance(message, inputs.MouseMotionAck) for message in got) == 2


async def test_scancodes_in_one_message(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, INPUTS, session_id)
    channel.send(inputs.KeyScancode(b"\x1e\x9e\xe0"), inputs.KeyScancode(b"\x48\xe0\xc8\x3a\xba"))
    await channel.expect(inputs.LedModifiers)
    assert server.desktop.terminal.text.endswith("$ a")
    assert not server.desktop._keys_down


# --- the pointer


async def test_shapes_are_sent_once(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, CURSOR, session_id)
    first = (await channel.expect(cursor.CursorInit)).cursor
    desktop = server.desktop
    for at in (demo_script.icon(desktop, "keys"), (5, 100), demo_script.icon(desktop, "paint")):
        desktop.pointer_to(*at)
    got = [(await channel.expect(cursor.CursorSet)).cursor for _ in range(3)]
    assert [len(one.data) > 0 for one in (first, *got)] == [True, True, False, False]
    assert got[1].header == first.header
    assert got[2].header == got[0].header


# --- the display


async def test_the_first_message_of_the_picture_holds_all_of_it(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, DISPLAY, session_id, caps=LZ4)
    channel.send(display.DisplayInit(1, 1 << 20, 1, 1 << 20))
    create = await channel.expect(display.SurfaceCreate)
    await channel.expect(display.MonitorsConfig)
    draw = await channel.expect(display.DrawCopy)
    assert (draw.base.box.width, draw.base.box.height) == (create.width, create.height)
    assert draw.src_bitmap is not None
    assert draw.src_bitmap.descriptor.type == ImageType.LZ4


async def test_nothing_is_drawn_before_the_client_has_said_what_it_keeps(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, DISPLAY, session_id)
    demo_script.press_keys(server.desktop, "x")
    channel.send(display.DisplayInit(1, 0, 1, 0))
    assert isinstance(await channel.next(), common.SetAck)
    assert isinstance(await channel.next(), display.SurfaceCreate)


@pytest.mark.parametrize(("caps", "wish"), [(frozenset(), None), (LZ4, ImageCompression.OFF)])
async def test_images_stay_raw_where_lz4_is_not_wanted(
    server: DemoServer, caps: frozenset[int], wish: ImageCompression | None
) -> None:
    _, session_id = await open_session(server)
    channel = await open_display(server, session_id, caps=caps)
    if wish is not None:
        channel.send(display.PreferredCompression(wish))
        await channel_is_heard(server, session_id, channel)
    demo_script.drag_window(server.desktop, "keys", (5, 5))
    draw = await channel.expect(display.DrawCopy)
    assert draw.src_bitmap is not None
    assert draw.src_bitmap.descriptor.type == ImageType.BITMAP


async def channel_is_heard(server: DemoServer, session_id: int, channel: RawChannel) -> None:
    """Until the server has read what the client sent."""
    host = server.sessions[session_id].channels[channel.key]
    heard = asyncio.Event()
    host.on_disconnecting = lambda _: heard.set()  # type: ignore[attr-defined]
    channel.send(common.Disconnecting(0, 0))
    await heard.wait()


async def test_a_client_that_acknowledges_nothing_gets_two_windows(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    await open_display(server, session_id, mute=True)
    host = server.sessions[session_id].channels[DISPLAY]
    for i in range(200):
        server.desktop.pointer_to(i, 300)
        await asyncio.sleep(0)
    assert host.outstanding == 2 * DisplayServer.ACK_WINDOW
    assert not host.has_room


async def test_a_slow_client_gets_the_newest_picture_not_a_backlog(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await open_display(server, session_id, mute=True)
    host = server.sessions[session_id].channels[DISPLAY]
    assert isinstance(host, DisplayServer)
    await asyncio.sleep(0)
    assert host.has_room
    while host.has_room:
        server.desktop.pointer_to(server.desktop.pointer.x ^ 1, 300)
        await asyncio.sleep(0)
    for i in range(200):
        server.desktop.pointer_to(i * 5, 300 + i % 7)
        await asyncio.sleep(0)
    assert len(host._stale) <= 6
    before = host.outstanding
    acknowledge(channel)
    await channel_is_heard(server, session_id, channel)
    assert not host._stale
    assert host.outstanding <= before - DisplayServer.ACK_WINDOW + 6


async def test_what_a_slow_client_gets_is_the_whole_truth(server: DemoServer) -> None:
    """After a long pause one acknowledgement brings everything up to date, moves and caches included."""
    async with await spicetui.connect(server) as client:
        await client.wait_frame()
        host = next(iter(server.sessions.values())).channels[DISPLAY]
        assert isinstance(host, DisplayServer)
        host.outstanding = 1000  # as if the client had gone silent
        for _ in demo_script.run(server.desktop):
            pass
        assert host._stale
        host.outstanding = DisplayServer.ACK_WINDOW
        host.on_ack(common.Ack())
        host.made_room()
        async with asyncio.timeout(20):
            while not (client.screenshot().pixels[:, :, :3] == shown(server)).all():
                await asyncio.sleep(0)


async def test_a_client_that_does_not_read_costs_little(server: DemoServer) -> None:
    """The stream's own limit and one burst are what waits for it."""
    _, session_id = await open_session(server)
    near, far = memory_pair(limit=100_000)
    server.accept(far)
    link = ClientLink(LinkMessage(session_id, *DISPLAY, server_module.COMMON_CAPS, frozenset()))
    while link.result is None:
        near.write(link.data_to_send())
        link.receive(await near.read(100))
    near.write(_framed(display.DisplayInit(1, 0, 1, 0)))
    host = await _channel_of(server, session_id, DISPLAY)
    while not server.desktop.screen.sinks:
        await asyncio.sleep(0)
    for _ in demo_script.run(server.desktop):
        await asyncio.sleep(0)
    raw_picture = 4 * 1024 * 768
    assert len(near._received) < raw_picture + 200_000
    assert not host.has_room
    await near.aclose()


def _framed(message: Any) -> bytes:
    from spicetui.protocol.channel import ChannelMachine

    machine = ChannelMachine(display.MESSAGES, True)
    machine.send(message)
    return machine.data_to_send()


async def _channel_of(server: DemoServer, session_id: int, key: ChannelKey) -> Any:
    while key not in server.sessions[session_id].channels:
        await asyncio.sleep(0)
    return server.sessions[session_id].channels[key]


async def test_a_slow_pointer_channel_gets_the_newest_shape(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, CURSOR, session_id, mute=True)
    await channel.expect(cursor.CursorInit)
    host = server.sessions[session_id].channels[CURSOR]
    for i in range(200):
        server.desktop.pointer_to(*(demo_script.icon(server.desktop, "keys") if i % 2 else (5, 100)))
    assert host.outstanding == 2 * CursorServer.ACK_WINDOW
    server.desktop.pointer_to(server.desktop.terminal.rect.x + 50, server.desktop.terminal.rect.y + 50)
    acknowledge(channel)
    wanted = server.desktop._shapes["text"].id
    while (header := (await channel.expect(cursor.CursorSet)).cursor.header) is None or header.unique != wanted:
        pass


# --- sessions


async def test_channels_need_a_session(server: DemoServer) -> None:
    for number in (0, 12345):
        with pytest.raises(LinkError) as caught:
            await RawChannel.open(server, DISPLAY, number)
        assert caught.value.code == LinkErr.BAD_CONNECTION_ID


async def test_a_main_channel_cannot_join_a_session(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    with pytest.raises(LinkError) as caught:
        await RawChannel.open(server, MAIN, session_id)
    assert caught.value.code == LinkErr.BAD_CONNECTION_ID


@pytest.mark.parametrize("key", [ChannelKey(ChannelType.DISPLAY, 1), ChannelKey(ChannelType.PLAYBACK)])
async def test_channels_that_are_not_offered(server: DemoServer, key: ChannelKey) -> None:
    _, session_id = await open_session(server)
    with pytest.raises(LinkError) as caught:
        await RawChannel.open(server, key, session_id)
    assert caught.value.code == LinkErr.CHANNEL_NOT_AVAILABLE


async def test_a_channel_is_held_by_one_connection(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    first = await RawChannel.open(server, INPUTS, session_id)
    await first.expect(inputs.InputsInit)
    with pytest.raises(LinkError) as caught:
        await RawChannel.open(server, INPUTS, session_id)
    assert caught.value.code == LinkErr.CHANNEL_NOT_AVAILABLE
    await first.close()
    while INPUTS in server.sessions[session_id].channels:
        await asyncio.sleep(0)
    again = await RawChannel.open(server, INPUTS, session_id)
    await again.expect(inputs.InputsInit)


async def test_too_many_sessions_are_refused(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_SESSIONS", 2)
    held = [await open_session(server) for _ in range(2)]
    with pytest.raises(LinkError) as caught:
        await RawChannel.open(server)
    assert caught.value.code == LinkErr.CHANNEL_NOT_AVAILABLE
    await held[0][0].close()
    while len(server.sessions) == 2:
        await asyncio.sleep(0)
    await open_session(server)


async def test_main_lost_ends_the_session_s_channels(server: DemoServer) -> None:
    channel, session_id = await open_session(server)
    others = [await RawChannel.open(server, key, session_id) for key in (DISPLAY, INPUTS, CURSOR)]
    await channel.close()
    for other in others:
        await other.closed()
    while server._connections:
        await asyncio.sleep(0)
    assert not server.sessions
    assert not server.desktop.screen.sinks


async def test_ending_the_server_ends_every_connection(server: DemoServer) -> None:
    channel, session_id = await open_session(server)
    other = await RawChannel.open(server, INPUTS, session_id)
    await server.aclose()
    await channel.closed()
    await other.closed()


# --- rude clients


@pytest.mark.parametrize("greeting", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"REDQ" + b"\xff" * 60, b"\0" * 500])
async def test_other_protocols_are_closed(server: DemoServer, greeting: bytes) -> None:
    stream = await server.spice_connect(MAIN, False)
    stream.write(greeting)
    while await stream.read(1000):
        pass
    async with await spicetui.connect(server) as client:
        await client.wait_frame()


async def test_a_link_that_is_never_finished_is_closed(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LINK_SECONDS", 0.01)
    stream = await server.spice_connect(MAIN, False)
    stream.write(b"REDQ")
    assert await stream.read(1000) == b""


async def test_too_many_connections_are_closed(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    held = [await server.spice_connect(MAIN, False) for _ in range(3)]
    refused = await server.spice_connect(MAIN, False)
    assert await refused.read(1000) == b""
    await held[0].aclose()


@pytest.mark.parametrize(
    "data",
    [b"\x65\x00\xff\xff\xff\xff", b"\x65\x00\x02\x00\x00\x00hi", b"\x67\x00\x01\x00\x00\x00x"],
    ids=["huge", "short key", "short locks"],
)
async def test_broken_messages_end_their_channel_alone(server: DemoServer, data: bytes) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, INPUTS, session_id)
    channel.stream.write(data)
    await channel.closed()
    again = await RawChannel.open(server, INPUTS, session_id)
    await again.expect(inputs.InputsInit)


async def test_unknown_messages_are_passed_over(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, INPUTS, session_id)
    channel.stream.write(b"\xe7\x03\x02\x00\x00\x00hi")
    channel.send(inputs.KeyModifiers(0))
    await channel.expect(inputs.LedModifiers)


async def test_strange_values_do_no_harm(server: DemoServer) -> None:
    _, session_id = await open_session(server)
    channel = await RawChannel.open(server, INPUTS, session_id)
    channel.send(
        inputs.KeyDown(0),
        inputs.KeyDown(0xFFFFFFFF),
        inputs.KeyUp(0x12345678),
        inputs.KeyScancode(bytes(range(256)) * 4),
        inputs.MousePosition(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFF, 255),
        inputs.MouseMotion(-(1 << 31), (1 << 31) - 1, 0),
        inputs.MousePress(0, 0),
        inputs.MousePress(255, 0),
        inputs.MouseRelease(1, 0),
    )
    host = await _channel_of(server, session_id, INPUTS)
    assert isinstance(host, InputsServer)
    await channel_is_heard(server, session_id, channel)
    display_channel = await open_display(server, session_id)
    display_channel.send(display.DisplayInit(1, -5, 1, -5), common.Ack(), common.Pong(9, 9))
    await channel_is_heard(server, session_id, display_channel)
    with pytest.raises(Closed):
        await RawChannel.open(_Once(memory_pair()[0]), MAIN)


class _Once:
    """A connector whose stream ends at once."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
        await self.stream.aclose()
        return self.stream


async def test_a_client_that_does_not_take_answers_is_not_listened_to(server: DemoServer) -> None:
    """Otherwise its answers would pile up."""
    _, session_id = await open_session(server)
    near, far = memory_pair(limit=2000)
    server.accept(far)
    link = ClientLink(LinkMessage(session_id, *INPUTS, server_module.COMMON_CAPS, frozenset()))
    while link.result is None:
        near.write(link.data_to_send())
        link.receive(await near.read(100))
    message = b"\x70\x00\x0b\x00\x00\x00" + bytes(11)
    for _ in range(200):
        near.write(message * 400)
        for _ in range(3):
            await asyncio.sleep(0)
    assert len(near._received) < 2000 + 6 * 65536 // len(message)
    await near.aclose()


async def test_a_listening_socket_that_is_handed_over(server: DemoServer) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    await server.listen_on(listener)
    host, port = listener.getsockname()
    channel, _ = await open_session(TcpConnector(host, port))
    await channel.close()
