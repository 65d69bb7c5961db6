"""The agent's coming and going, capabilities, tokens, and messages that make no sense."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from peer.driver import RecordingDriver
from peer.fake_agent import LINUX, FakeAgent, with_agent
from peer.fake_server import MAIN, FakeServer

import spicetui
from spicetui.agent.feature import Feature
from spicetui.agent.hub import OWN_CAPS, Agent
from spicetui.errors import AgentError, FeatureMissing
from spicetui.interfaces import ClipboardFormat, ClipboardSelection, Monitor
from spicetui.protocol.agent import HEADER, RENEW, WINDOW
from spicetui.wire import agent, main
from spicetui.wire.core import handler_name
from spicetui.wire.enums import AgentCap, FileXferResult

CLIPBOARD = ClipboardSelection.CLIPBOARD


async def test_what_is_announced_is_the_union_of_the_features() -> None:
    async with with_agent(greet=False) as (client, _, channel, fake):
        start = await channel.expect(main.AgentStart)
        assert start.num_tokens == WINDOW
        hello = await fake.expect(agent.AnnounceCapabilities)
        features = client.main.agent.features
        assert agent.caps_of(hello.caps) == OWN_CAPS.union(*(feature.CAPS for feature in features))
        assert agent.caps_of(hello.caps) == {0, 1, 2, 4, 5, 6, 11, 12, 14, 16, 17}
        assert hello.request == 1


def test_every_message_of_the_agent_has_a_handler() -> None:
    async def make() -> tuple[Feature, ...]:
        return Agent(None).features  # type: ignore[arg-type]

    features = asyncio.run(make())
    owners = {kind: feature for feature in features for kind in feature.MESSAGES}
    for kind in agent.MESSAGES.from_server.values():
        assert hasattr(owners.get(kind, Agent), handler_name(kind)), kind


async def test_the_agents_capabilities() -> None:
    async with with_agent() as (client, driver, _, _):
        assert client.agent_connected
        assert client.main.agent_caps == LINUX
        assert driver.named("agent_ready") == [(LINUX,)]
        await client.main.wait_agent(1)


async def test_an_agent_that_asks_is_answered() -> None:
    async with with_agent() as (_, driver, _, fake):
        fake.announce(request=True)
        assert (await fake.expect(agent.AnnounceCapabilities)).request == 0
        await fake.expect(agent.MaxClipboard)
        assert len(driver.named("agent_ready")) == 2


async def test_without_an_agent() -> None:
    async with FakeServer((MAIN,)) as server:
        client = await spicetui.connect(server)
        try:
            assert client.file_transfer is None
            with pytest.raises(FeatureMissing, match="runs no SPICE agent"):
                await client.main.wait_agent(0.01)
            with pytest.raises(AgentError, match="runs no SPICE agent"):
                client.main.grab_clipboard(CLIPBOARD, [ClipboardFormat.TEXT])
            with pytest.raises(AgentError):
                await client.main.request_clipboard(CLIPBOARD, ClipboardFormat.TEXT)
            with pytest.raises(AgentError):
                client.main.set_monitors([Monitor(800, 600)])
            client.main.release_clipboard(CLIPBOARD)
            (await server.channel(MAIN)).send(main.AgentData(b"what?"))
            await (await server.channel(MAIN)).settled()
            assert client.unsupported["main:data without an agent"] == 1
        finally:
            await client.aclose()


async def test_an_agent_that_says_nothing() -> None:
    async with with_agent(greet=False) as (client, _, _, _):
        assert client.file_transfer is None
        with pytest.raises(AgentError, match="has not answered"):
            await client.main.wait_agent(0.01)


async def test_waiting_ends_with_the_session() -> None:
    async with with_agent(greet=False) as (client, _, channel, _):
        waiting = asyncio.ensure_future(client.main.wait_agent(20))
        await channel.close()
        with pytest.raises(AgentError, match="session has ended"):
            await waiting


async def test_a_read_only_session_changes_nothing() -> None:
    async with with_agent(read_only=True) as (client, _, _, fake):
        assert client.file_transfer is None
        with pytest.raises(FeatureMissing, match="read-only"):
            client.main.grab_clipboard(CLIPBOARD, [ClipboardFormat.TEXT])
        with pytest.raises(FeatureMissing, match="read-only"):
            client.main.set_monitors([Monitor(800, 600)])
        assert await fake.silent()


async def test_messages_wait_for_tokens() -> None:
    async with with_agent(tokens=0, greet=False) as (client, _, channel, fake):
        await channel.expect(main.AgentStart)
        assert await fake.silent()
        channel.send(main.AgentToken(1))
        await fake.expect(agent.AnnounceCapabilities)
        assert client.main.agent.machine.queued == 0


async def test_chunks_are_small_and_tokens_are_given_back() -> None:
    async with with_agent() as (client, driver, channel, fake):
        client.main.grab_clipboard(CLIPBOARD, [ClipboardFormat.TEXT])
        await fake.expect(agent.ClipboardGrab)
        text = bytes(range(32, 127)) * 1000

        async def fetch(selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
            return text

        client.main.session.driver.clipboard_fetch = fetch  # type: ignore[method-assign]
        fake.say(agent.ClipboardRequest(CLIPBOARD, ClipboardFormat.TEXT))
        got = await fake.expect(agent.Clipboard)
        assert bytes(got.data) == text
        assert max(fake.chunks) == 2048

        asked = asyncio.ensure_future(client.main.request_clipboard(CLIPBOARD, ClipboardFormat.TEXT))
        await fake.expect(agent.ClipboardRequest)
        fake.say(agent.Clipboard(CLIPBOARD, ClipboardFormat.TEXT, bytes(2048 * RENEW)))
        assert len(await asked) == 2048 * RENEW
        assert (await channel.expect(main.AgentToken)).num_tokens == RENEW
        assert driver.notices == []


async def test_a_new_agent_in_the_middle_of_messages() -> None:
    async with with_agent() as (client, driver, channel, fake):
        client.main.grab_clipboard(CLIPBOARD, [ClipboardFormat.PNG])
        await fake.expect(agent.ClipboardGrab)
        asked = asyncio.ensure_future(client.main.request_clipboard(CLIPBOARD, ClipboardFormat.TEXT))
        await fake.expect(agent.ClipboardRequest)
        fake.say_raw(HEADER.pack(1, 4, 0, 50000) + bytes(1000))
        channel.send(main.AgentDisconnected(0))
        with pytest.raises(AgentError, match="agent has gone"):
            await asked
        assert not client.agent_connected
        assert client.main.agent_caps == set()

        channel.send(main.AgentConnectedTokens(3))
        other = FakeAgent(channel)
        await channel.expect(main.AgentStart)
        await other.expect(agent.AnnounceCapabilities)
        other.announce()
        await other.expect(agent.MaxClipboard)
        assert (await other.expect(agent.ClipboardGrab)).serial == 0  # offered again, with a new count
        await client.main.wait_agent(1)
        assert driver.named("agent_changed") == [(True,), (False,), (True,)]


@pytest.mark.parametrize("told", [True, False])
async def test_what_has_begun_is_finished_before_the_next_agent(tmp_path: Path, told: bool) -> None:
    """The reference server would take the next message for the rest of it."""
    (tmp_path / "x").write_bytes(bytes(200_000))
    async with with_agent(tokens=20) as (client, _, channel, fake):
        assert client.file_transfer is not None
        transfer = client.file_transfer.send_file(tmp_path / "x")
        start = await fake.expect(agent.FileXferStart)
        fake.say(agent.FileXferStatus(start.id, FileXferResult.CAN_SEND_DATA, b""))
        for _ in range(5):
            await channel.expect(main.AgentData)
        await channel.settled()
        channel.skipped.clear()
        channel.send(*[main.AgentDisconnected(0)] * told, main.AgentConnectedTokens(10))
        with pytest.raises(AgentError):
            await transfer.wait()
        await channel.expect(main.AgentStart)
        rest = sum(len(one.data) for one in channel.skipped if isinstance(one, main.AgentData))
        channel.skipped.clear()
        assert 0 < rest < 65568  # of the one message that has begun, header included
        assert (65568 - rest) % 2048 == 0
        await FakeAgent(channel).expect(agent.AnnounceCapabilities)


async def test_an_agent_that_is_replaced_without_a_word() -> None:
    async with with_agent() as (client, driver, channel, fake):
        asked = asyncio.ensure_future(client.main.request_clipboard(CLIPBOARD, ClipboardFormat.TEXT))
        await fake.expect(agent.ClipboardRequest)
        channel.send(main.AgentConnectedTokens(10))
        with pytest.raises(AgentError, match="restarted"):
            await asked
        await FakeAgent(channel).greet()
        assert client.agent_connected
        assert driver.named("agent_changed") == [(True,)]


async def test_what_makes_no_sense_is_counted_and_dropped() -> None:
    async with with_agent() as (client, _, channel, fake):
        fake.say_body(77, b"what?")
        fake.say_body(5, bytes(8))  # a message that only the client sends
        fake.say_body(7, b"abc")
        fake.say_body(8, agent.write(agent.ClipboardRequest(9, 1), fake.caps))
        fake.say_body(11, b"\0")
        fake.say_raw(HEADER.pack(3, 7, 0, 4) + b"odd!" + HEADER.pack(1, 7, 0, 1 << 30))
        await channel.settled()
        assert set(client.unsupported) == {
            "main:agent message 77",
            "main:agent display_config",
            "main:bad agent clipboard_grab",
            "main:bad agent clipboard_request",
            "main:bad agent file_xfer_status",
            "main:agent clipboard_grab refused",
        }
        assert client.agent_connected


async def test_a_driver_that_fails_stops_nothing() -> None:
    class Broken(RecordingDriver):
        def clipboard_grabbed(self, selection: ClipboardSelection, types: object) -> None:
            raise RuntimeError("oops")

    async with with_agent(driver=Broken()) as (client, _, channel, fake):
        fake.say(agent.ClipboardGrab(CLIPBOARD, 0, [1]), agent.ClipboardGrab(CLIPBOARD, 1, [1]))
        await channel.settled()
        assert client.unsupported["main:failed agent clipboard_grab"] == 2


async def test_a_long_list_of_capabilities() -> None:
    async with with_agent() as (client, _, channel, fake):
        fake.say(agent.AnnounceCapabilities(0, [0xFFFF_FFFF] * 10_000))
        await channel.settled()
        assert len(client.main.agent_caps) == 1024
        assert AgentCap.FILE_XFER_DISABLED in client.main.agent_caps
        assert client.file_transfer is None
