"""Sessions against the fake server: opening, what is shared, what ends them, and each failure's own error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from peer import drawing
from peer.driver import RecordingDriver
from peer.fake_server import (
    CURSOR,
    DISPLAY,
    FULL_HEADERS,
    INPUTS,
    MAIN,
    MINI_HEADERS,
    SESSION_ID,
    STANDARD,
    FakeServer,
    session_init,
)

import spicetui
from spicetui import ChannelKey, ChannelType, Options
from spicetui import session as session_module
from spicetui.channels import progress
from spicetui.client import Client
from spicetui.errors import AuthError, ChannelClosed, ConnectError, FeatureMissing, LinkError, SpiceError
from spicetui.geometry import Rect
from spicetui.interfaces import ByteStream
from spicetui.protocol.link import MAX_PASSWORD
from spicetui.session import CHANNELS
from spicetui.wire import common, display, main
from spicetui.wire.enums import LinkErr, MouseMode, NotifySeverity

SECOND_DISPLAY = ChannelKey(ChannelType.DISPLAY, 1)


@asynccontextmanager
async def session(
    server: FakeServer, driver: RecordingDriver | None = None, **arguments: object
) -> AsyncIterator[Client]:
    """A session that is closed in the end, and so is the server."""
    async with server:
        client = await spicetui.connect(server, driver, **arguments)  # type: ignore[arg-type]
        try:
            yield client
        finally:
            await client.aclose()


# --- opening


@pytest.mark.parametrize("caps", [MINI_HEADERS, FULL_HEADERS], ids=["mini", "full"])
async def test_every_channel_of_the_list_is_open(caps: frozenset[int]) -> None:
    async with session(FakeServer(common_caps=caps)) as client:
        assert set(client.channels) == set(STANDARD)
        assert client.session_id == SESSION_ID
        for key in STANDARD:
            channel = await client.session.connector.channel(key)  # type: ignore[attr-defined]
            await channel.settled()


async def test_only_the_main_channel_opens_the_session() -> None:
    server = FakeServer()
    async with session(server):
        ids = {(m.channel_type, m.channel_id): m.connection_id for m in server.link_messages}
    assert ids == {key: 0 if key == MAIN else SESSION_ID for key in STANDARD}


async def test_channels_are_opened_side_by_side() -> None:
    """Each channel's link goes on only when all of them have begun."""
    begun = 0
    all_begun = asyncio.Event()

    class Gathering(FakeServer):
        async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
            nonlocal begun
            stream = await super().spice_connect(channel, compress)
            if channel != MAIN:
                begun += 1
                if begun == len(STANDARD) - 1:
                    all_begun.set()
                await all_begun.wait()
            return stream

    async with session(Gathering()) as client:
        assert len(client.channels) == len(STANDARD)


async def test_a_channel_twice_in_the_list_is_opened_once() -> None:
    server = FakeServer((*STANDARD, DISPLAY, INPUTS))
    async with session(server):
        assert len(server.connections) == len(STANDARD)


async def test_channel_types_without_a_handler_stay_closed() -> None:
    server = FakeServer((*STANDARD, ChannelKey(ChannelType.TUNNEL), ChannelKey(ChannelType.SMARTCARD)))
    async with session(server) as client:
        assert set(client.channels) <= set(STANDARD) | set(map(ChannelKey, CHANNELS))


async def test_unknown_channel_types_are_passed_over() -> None:
    async with FakeServer(silent=True) as server:
        connecting = asyncio.create_task(spicetui.connect(server))
        channel = await server.channel(MAIN)
        channel.send(server.init)
        await channel.expect(main.AttachChannels)
        channel.send(main.ChannelsList([main.ChannelId(200, 0), main.ChannelId(ChannelType.CURSOR, 0)]))
        client = await connecting
        assert set(client.channels) == {MAIN, CURSOR}
        await client.aclose()


async def test_disabled_channels_stay_closed() -> None:
    server = FakeServer()
    async with session(server, options=Options(disable_channels=frozenset(("inputs", "cursor")))) as client:
        assert set(client.channels) == {MAIN, DISPLAY}
        assert client.inputs is None


async def test_a_channel_that_is_not_available_is_left_out() -> None:
    driver = RecordingDriver()
    server = FakeServer(refuse={CURSOR: LinkErr.CHANNEL_NOT_AVAILABLE})
    async with session(server, driver) as client:
        assert CURSOR not in client.channels
        assert client.unsupported["cursor:0 not available"] == 1
        assert any("cursor" in notice for notice in driver.notices)


async def test_the_password_goes_to_every_channel() -> None:
    async with session(FakeServer(password="secret"), password="secret") as client:
        assert len(client.channels) == len(STANDARD)


async def test_name_and_uuid() -> None:
    driver = RecordingDriver()
    uuid = UUID("01234567-89ab-cdef-0123-456789abcdef")
    server = FakeServer()
    async with session(server, driver) as client:
        assert client.name == ""
        assert client.uuid is None
        channel = await server.channel(MAIN)
        channel.send(main.Name("Maschine ü\0junk".encode()), main.Uuid(uuid.bytes))
        await channel.settled()
        assert client.name == "Maschine ü"
        assert client.uuid == uuid
        assert driver.named("name_changed") == [("Maschine ü",)]


# --- failures


async def test_wrong_password() -> None:
    async with FakeServer(password="secret") as server:
        with pytest.raises(AuthError, match="refused the password"):
            await spicetui.connect(server, password="wrong")
        await server.connections[0].gone()


async def test_missing_password() -> None:
    async with FakeServer(password="secret") as server:
        with pytest.raises(AuthError, match="wants a password"):
            await spicetui.connect(server)


async def test_a_password_that_cannot_be_sent() -> None:
    async with FakeServer() as server:
        with pytest.raises(AuthError, match=str(MAX_PASSWORD)):
            await spicetui.connect(server, password="x" * 200)


@pytest.mark.parametrize("error", [LinkErr.NEED_SECURED, LinkErr.VERSION_MISMATCH, LinkErr.CHANNEL_NOT_AVAILABLE])
async def test_the_main_channel_is_refused(error: LinkErr) -> None:
    async with FakeServer(refuse={MAIN: error}) as server:
        with pytest.raises(LinkError) as caught:
            await spicetui.connect(server)
        assert caught.value.code == error


class Securable(FakeServer):
    """Wants TLS for some channels; *offered*: whether the connector knows a TLS port."""

    def __init__(self, wanted: set[ChannelKey], *, offered: bool = True) -> None:
        super().__init__(refuse=dict.fromkeys(wanted, LinkErr.NEED_SECURED))
        self.offered = offered
        self.asked: list[ChannelKey] = []

    def secure(self, channel: ChannelKey) -> bool:
        self.asked.append(channel)
        if self.offered:
            del self.refuse[channel]
        return self.offered


@pytest.mark.parametrize("wanted", [{MAIN}, {DISPLAY, INPUTS}, set(STANDARD)], ids=["main", "some", "all"])
async def test_channels_that_need_tls_are_connected_again(wanted: set[ChannelKey]) -> None:
    server = Securable(wanted)
    async with session(server) as client:
        assert set(client.channels) == set(STANDARD)
        assert set(server.asked) == wanted
        assert len(server.connections) == len(STANDARD) + len(wanted)
        for channel in server.connections:
            if not channel.linked.is_set():
                await channel.gone()  # the first attempt is not left open


async def test_tls_is_needed_and_not_to_be_had() -> None:
    async with Securable({MAIN}, offered=False) as server:
        with pytest.raises(LinkError, match="TLS") as caught:
            await spicetui.connect(server)
        assert caught.value.code == LinkErr.NEED_SECURED
        assert server.asked == [MAIN]


async def test_a_server_that_wants_tls_again_and_again() -> None:
    class Insatiable(Securable):
        def secure(self, channel: ChannelKey) -> bool:
            self.asked.append(channel)
            return True

    async with Insatiable({MAIN}) as server:
        with pytest.raises(LinkError):
            await spicetui.connect(server)
        assert len(server.connections) == 2


async def test_another_channel_is_refused() -> None:
    """One error comes out, not a group of them, and everything is closed."""
    async with FakeServer(refuse={DISPLAY: LinkErr.BAD_CONNECTION_ID}) as server:
        with pytest.raises(LinkError) as caught:
            await spicetui.connect(server)
        assert caught.value.code == LinkErr.BAD_CONNECTION_ID
        for channel in server.connections:
            await channel.gone()


async def test_of_several_errors_the_password_s_is_shown() -> None:
    class Expiring(FakeServer):
        """The password holds for the main channel only."""

        async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
            if channel == DISPLAY:
                self.password = "another"
            return await super().spice_connect(channel, compress)

    async with Expiring(password="secret", refuse={CURSOR: LinkErr.ERROR}) as server:
        with pytest.raises((AuthError, LinkError)) as caught:
            await spicetui.connect(server, password="secret")
        assert isinstance(caught.value, AuthError) or server.link_messages[-1].channel_type == ChannelType.CURSOR


async def test_nothing_answers_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is for all of it, closing included."""
    monkeypatch.setattr(session_module, "FIRST_MESSAGE_SECONDS", 1000.0)
    async with FakeServer(silent=True) as server:
        with pytest.raises(ConnectError, match="no answer within"):
            await spicetui.connect(server, timeout=0.05)
        await server.connections[0].gone()


async def test_a_server_that_closes_at_once() -> None:
    class Closing(FakeServer):
        async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
            stream = await super().spice_connect(channel, compress)
            await self.connections[-1].close()
            return stream

    async with Closing() as server:
        with pytest.raises(ConnectError, match="closed the connection"):
            await spicetui.connect(server)


async def test_a_server_that_closes_behind_the_link() -> None:
    async with FakeServer(silent=True) as server:
        connecting = asyncio.create_task(spicetui.connect(server))
        await (await server.channel(MAIN)).close()
        with pytest.raises(ConnectError, match="closed"):
            await connecting


async def test_a_server_that_closes_in_the_middle_of_a_message() -> None:
    async with FakeServer(silent=True) as server:
        connecting = asyncio.create_task(spicetui.connect(server))
        channel = await server.channel(MAIN)
        channel.send_raw(b"\x67\x00\x20\x00\x00\x00half")
        await channel.close()
        with pytest.raises(ConnectError, match="middle of a message"):
            await connecting


async def test_main_lost_while_the_others_are_opened() -> None:
    """A connection that never comes does not hold up the news."""
    given_up = asyncio.Event()

    class Stuck(FakeServer):
        async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
            if channel == DISPLAY:
                await (await self.channel(MAIN)).close()
                try:
                    await asyncio.Event().wait()
                finally:
                    given_up.set()
            return await super().spice_connect(channel, compress)

    async with Stuck() as server:
        with pytest.raises(ConnectError, match="main:0"):
            await spicetui.connect(server, timeout=60)
        assert given_up.is_set()


async def test_messages_too_large_end_the_channel() -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver) as client:
        channel = await server.channel(MAIN)
        channel.send_raw(b"\x67\x00\xff\xff\xff\xff")
        with pytest.raises(SpiceError, match="claims 4294967295 bytes"):
            await client.wait_closed()
        assert len(driver.named("closed")) == 1


# --- the end


async def test_main_lost_ends_the_session() -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver) as client:
        await (await server.channel(MAIN)).close()
        with pytest.raises(ChannelClosed):
            await client.wait_closed()
        for key in STANDARD:
            await (await server.channel(key)).gone()
    ((error,),) = driver.named("closed")
    assert isinstance(error, ChannelClosed)


@pytest.mark.parametrize("lost", [DISPLAY, CURSOR, INPUTS], ids=str)
async def test_another_channel_lost_does_not(lost: ChannelKey) -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver) as client:
        await (await server.channel(lost)).close()
        await asyncio.wait([client.session._tasks[lost]])
        await (await server.channel(MAIN)).settled()
        assert client.unsupported[f"{lost} lost"] == 1
        assert driver.named("closed") == []
    assert driver.named("closed") == [(None,)]


async def test_closing_ends_every_channel_and_can_be_repeated() -> None:
    driver = RecordingDriver()
    async with FakeServer() as server:
        client = await spicetui.connect(server, driver)
        await client.aclose()
        await client.aclose()
        for key in STANDARD:
            await (await server.channel(key)).gone()
        await client.wait_closed()
        assert driver.named("closed") == [(None,)]


async def test_nothing_is_sent_on_a_closed_channel() -> None:
    async with FakeServer() as server:
        client = await spicetui.connect(server)
        inputs = client.inputs
        assert inputs is not None
        await client.aclose()
        inputs.key_press(0x1E)


# --- main


async def test_mouse_mode_client_is_asked_for() -> None:
    driver = RecordingDriver()
    server = FakeServer(init=session_init(current_mouse_mode=MouseMode.SERVER))
    async with session(server, driver) as client:
        channel = await server.channel(MAIN)
        assert (await channel.expect(main.MouseModeRequest)).mode == MouseMode.CLIENT
        assert not client.mouse_mode_client
        channel.send(main.MouseMode(3, MouseMode.CLIENT))
        await channel.settled()
        assert client.mouse_mode_client
        assert driver.named("mouse_mode_changed") == [(False,), (True,)]


async def test_mouse_mode_that_is_not_offered() -> None:
    server = FakeServer(init=session_init(supported_mouse_modes=1, current_mouse_mode=1))
    async with session(server) as client:
        channel = await server.channel(MAIN)
        await channel.settled()
        assert not any(isinstance(message, main.MouseModeRequest) for message in channel.skipped)
        with pytest.raises(FeatureMissing):
            client.main.set_mouse_mode(MouseMode.CLIENT)


async def test_agent_comes_and_goes() -> None:
    driver = RecordingDriver()
    server = FakeServer(init=session_init(agent_connected=1))
    async with session(server, driver) as client:
        assert client.agent_connected
        channel = await server.channel(MAIN)
        for message in (main.AgentDisconnected(0), main.AgentConnected(), main.AgentConnectedTokens(5)):
            channel.send(message)
        await channel.settled()
    assert driver.named("agent_changed") == [(True,), (False,), (True,)]


async def test_the_multimedia_clock() -> None:
    server = FakeServer(init=session_init(multi_media_time=0xFFFF_FFF0))
    async with session(server) as client:
        assert (client.session.clock.now() - 0xFFFF_FFF0) % (1 << 32) < 60_000
        channel = await server.channel(MAIN)
        channel.send(main.MultiMediaTime(5000))
        await channel.settled()
        assert 5000 <= client.session.clock.now() < 65_000


async def test_a_migration_is_declined() -> None:
    server = FakeServer()
    async with session(server):
        channel = await server.channel(MAIN)
        channel.send(main.MigrateBegin(main.DstInfo(5900, 0, b"elsewhere", b"")))
        await channel.expect(main.MigrateConnectError)


@pytest.mark.parametrize(
    ("severity", "shown"), [(NotifySeverity.INFO, False), (NotifySeverity.WARN, False), (NotifySeverity.ERROR, True)]
)
async def test_notices_of_the_server(severity: int, shown: bool) -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver):
        channel = await server.channel(MAIN)
        channel.send(common.Notify(0, severity, 0, 0, b"disk \x1b[31mfull\0"))
        await channel.settled()
    assert bool(driver.notices) is shown
    assert all("\x1b" not in notice for notice in driver.notices)


# --- what does not break a session


async def test_unknown_messages_are_counted() -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver) as client:
        channel = await server.channel(MAIN)
        channel.send_body(9999, b"from the future")
        channel.send_body(9999, b"again")
        await channel.settled()
        assert client.unsupported["main:unknown message 9999"] == 2
        assert len(driver.notices) == 1


async def test_bad_bodies_are_dropped_and_counted() -> None:
    driver = RecordingDriver()
    server = FakeServer()
    async with session(server, driver) as client:
        channel = await server.channel(DISPLAY)
        channel.send_body(display.MESSAGES.server_number[display.DrawCopy], b"\x00" * 10)
        channel.send(drawing.primary(), display.Mark())
        await channel.settled()
        assert client.unsupported["display:bad draw_copy"] == 1
        assert client.screenshot().width == 8
        assert "truncated" in driver.notices[0]


async def test_a_driver_that_fails_is_counted() -> None:
    class Failing(RecordingDriver):
        def name_changed(self, name: str) -> None:
            raise RuntimeError("no")

    driver = Failing()
    server = FakeServer()
    async with session(server, driver) as client:
        channel = await server.channel(MAIN)
        channel.send(main.Name(b"x\0"))
        await channel.settled()
        assert client.unsupported["main:failed name"] == 1


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_one_byte_at_a_time(size: int) -> None:
    """Chunks of the stream mean nothing."""
    server = FakeServer()
    async with session(server) as client:
        channel = await server.channel(DISPLAY)
        for message in (drawing.primary(), drawing.fill(Rect(0, 0, 8, 4), 0x123456), display.Mark()):
            channel.machine.send(message)
        data = channel.machine.data_to_send()
        for at in range(0, len(data), size):
            channel.send_raw(data[at : at + size])
            await asyncio.sleep(0)
        await channel.settled()
        assert tuple(client.screenshot().pixels[0, 0, :3]) == (0x56, 0x34, 0x12)


# --- order between channels


async def test_a_channel_waits_for_another() -> None:
    server = FakeServer((MAIN, DISPLAY, SECOND_DISPLAY))
    async with session(server) as client:
        first, second = await server.channel(DISPLAY), await server.channel(SECOND_DISPLAY)
        second.send(
            common.WaitForChannels([common.WaitForChannel(ChannelType.DISPLAY, 0, 4)]),
            drawing.primary(),
            display.Mark(),
        )
        first.send(drawing.primary())
        await first.settled()  # three messages handled: the window, the picture and the ping
        assert client.displays[1].surface is None
        first.send(display.Mark())
        await second.settled()
        assert client.displays[1].surface is not None


async def test_a_wait_for_a_channel_that_is_not_open_is_none() -> None:
    server = FakeServer()
    async with session(server):
        channel = await server.channel(DISPLAY)
        channel.send(common.WaitForChannels([common.WaitForChannel(ChannelType.PLAYBACK, 0, 99)]))
        await channel.settled()


async def test_a_wait_ends_when_the_other_channel_is_lost() -> None:
    server = FakeServer((MAIN, DISPLAY, SECOND_DISPLAY))
    async with session(server):
        first, second = await server.channel(DISPLAY), await server.channel(SECOND_DISPLAY)
        second.send(common.WaitForChannels([common.WaitForChannel(ChannelType.DISPLAY, 0, 1 << 40)]))
        await first.close()
        await second.settled()


async def test_a_wait_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TIMEOUT", 0.01)
    server = FakeServer()
    async with session(server):
        channel = await server.channel(DISPLAY)
        channel.send(common.WaitForChannels([common.WaitForChannel(ChannelType.CURSOR, 0, 1 << 40)]))
        await channel.settled()


async def test_closing_does_not_wait_for_a_wait() -> None:
    server = FakeServer()
    async with session(server) as client:
        channel = await server.channel(DISPLAY)
        await channel.settled()
        channel.send(common.WaitForChannels([common.WaitForChannel(ChannelType.CURSOR, 0, 1 << 40)]))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await client.aclose()
