"""What the guest is asked for: monitors and desktop effects."""

from __future__ import annotations

import pytest
from peer.fake_agent import LINUX, FakeAgent, with_agent

from spicetui.errors import FeatureMissing
from spicetui.interfaces import Monitor
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap, AgentMessage, AgentReply, DisplayConfigFlags, MonitorsFlags

TWO = [Monitor(1024, 768), Monitor(800, 600, 1024, -10)]


async def test_two_monitors_with_places() -> None:
    async with with_agent() as (client, _, _, fake):
        client.main.set_monitors(TWO)
        asked = await fake.expect(agent.MonitorsConfig)
        assert asked.flags == MonitorsFlags.USE_POS
        assert asked.monitors == [agent.MonConfig(768, 1024, 32, 0, 0), agent.MonConfig(600, 800, 32, 1024, -10)]


async def test_physical_sizes() -> None:
    async with with_agent() as (client, _, _, fake):
        client.main.set_monitors([Monitor(640, 480, 0, 0, 300, 200), Monitor(640, 480)])
        asked = await fake.expect(agent.MonitorsConfig)
        assert asked.flags == MonitorsFlags.PHYSICAL_SIZE  # without places the guest puts them side by side
        assert asked.physical_sizes == [agent.MonitorMM(200, 300), agent.MonitorMM(0, 0)]


@pytest.mark.parametrize("sparse", [True, False])
async def test_a_monitor_that_is_off(sparse: bool) -> None:
    caps = LINUX if sparse else LINUX - {AgentCap.SPARSE_MONITORS_CONFIG}
    async with with_agent(caps) as (client, _, _, fake):
        client.main.set_monitors([Monitor(0, 0), Monitor(800, 600)])
        asked = await fake.expect(agent.MonitorsConfig)
        assert [(one.width, one.depth) for one in asked.monitors] == ([(0, 0)] if sparse else []) + [(800, 32)]


async def test_a_new_agent_is_asked_again() -> None:
    async with with_agent() as (client, _, channel, fake):
        client.main.set_monitors(TWO[:1])
        client.main.set_monitors(TWO)
        first = [await fake.expect(agent.MonitorsConfig) for _ in range(2)]
        channel.send(main.AgentDisconnected(0), main.AgentConnectedTokens(10))
        other = FakeAgent(channel)
        await other.greet()
        assert await other.expect(agent.MonitorsConfig) == first[1]


async def test_what_is_asked_before_the_agent_is_ready_comes_then() -> None:
    async with with_agent(greet=False) as (client, _, _, fake):
        client.main.set_monitors(TWO)
        client.main.set_display_effects(wallpaper=False)
        await fake.greet()
        assert len((await fake.expect(agent.MonitorsConfig)).monitors) == 2
        assert await fake.silent()  # it has not the capability for the effects


async def test_a_refusal_is_said() -> None:
    async with with_agent() as (client, driver, channel, fake):
        client.main.set_monitors(TWO)
        fake.say(agent.Reply(AgentMessage.MONITORS_CONFIG, AgentReply.SUCCESS))
        await channel.settled()
        assert driver.notices == []
        fake.say(agent.Reply(AgentMessage.MONITORS_CONFIG, AgentReply.ERROR), agent.Reply(99, AgentReply.ERROR))
        await channel.settled()
        assert driver.notices == ["the guest refuses the size that was asked for"]


@pytest.mark.parametrize(
    "monitors",
    [[], [Monitor(0, 0)], [Monitor(800, 0)], [Monitor(-1, 600)], [Monitor(40000, 600)], [Monitor(1, 1)] * 257],
)
async def test_sizes_that_make_no_sense(monitors: list[Monitor]) -> None:
    async with with_agent() as (client, _, _, fake):
        with pytest.raises(ValueError, match="monitor"):
            client.main.set_monitors(monitors)
        assert await fake.silent()


async def test_an_agent_that_cannot_resize() -> None:
    async with with_agent(LINUX - {AgentCap.MONITORS_CONFIG}) as (client, _, _, _):
        with pytest.raises(FeatureMissing, match="lacks monitors_config"):
            client.main.set_monitors(TWO)


async def test_desktop_effects() -> None:
    async with with_agent(LINUX | {AgentCap.DISPLAY_CONFIG}) as (client, driver, channel, fake):
        client.main.set_display_effects(wallpaper=False, animation=False, depth=16)
        flags = DisplayConfigFlags
        expected = flags.DISABLE_WALLPAPER | flags.DISABLE_ANIMATION | flags.SET_COLOR_DEPTH
        assert await fake.expect(agent.DisplayConfig) == agent.DisplayConfig(expected, 16)
        fake.say(agent.Reply(AgentMessage.DISPLAY_CONFIG, AgentReply.ERROR))
        await channel.settled()
        assert driver.notices == ["the guest refuses to change its desktop's effects"]
        client.main.set_display_effects()
        assert await fake.expect(agent.DisplayConfig) == agent.DisplayConfig(0, 0)
        with pytest.raises(ValueError, match="depth of 8"):
            client.main.set_display_effects(depth=8)


async def test_an_agent_without_effects() -> None:
    async with with_agent() as (client, _, _, _):
        with pytest.raises(FeatureMissing, match="display_config"):
            client.main.set_display_effects(wallpaper=False)
