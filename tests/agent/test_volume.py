"""One volume on both sides, by the guest agent."""

from __future__ import annotations

import pytest
from peer.driver import RecordingDriver
from peer.fake_agent import LINUX, FakeAgent, with_agent

from spicetui.errors import AgentError, FeatureMissing
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap


class Driver(RecordingDriver):
    def volume_changed(self, microphone: bool, volumes: object, muted: bool) -> None:
        self.calls.append(("volume_changed", microphone, volumes, muted))


async def test_the_guests_mixer_is_set() -> None:
    async with with_agent() as (client, _, _, fake):
        client.main.set_guest_volume([100, 65535], muted=True)
        assert await fake.expect(agent.AudioVolumeSync) == agent.AudioVolumeSync(1, 1, [100, 65535])
        client.main.set_guest_volume([7], microphone=True)
        assert await fake.expect(agent.AudioVolumeSync) == agent.AudioVolumeSync(0, 0, [7])


async def test_what_is_set_before_the_agent_is_ready_comes_then_and_once() -> None:
    async with with_agent(greet=False) as (client, _, channel, fake):
        client.main.set_guest_volume([1])
        client.main.set_guest_volume([2])
        client.main.set_guest_volume([3], microphone=True)
        await fake.greet()
        assert (await fake.expect(agent.AudioVolumeSync)).volume == [2]
        assert (await fake.expect(agent.AudioVolumeSync)).volume == [3]
        channel.send(main.AgentDisconnected(0), main.AgentConnectedTokens(10))
        other = FakeAgent(channel)
        await other.greet()
        assert await other.silent()  # the guest's user may have set it otherwise


async def test_an_agent_tells_the_guests_volume() -> None:
    driver = Driver()
    async with with_agent(driver=driver) as (_, _, channel, fake):
        fake.say(agent.AudioVolumeSync(1, 0, [5, 6]), agent.AudioVolumeSync(0, 1, [7]))
        await channel.settled()
        assert driver.named("volume_changed") == [(False, (5, 6), False), (True, (7,), True)]


@pytest.mark.parametrize("volumes", [[], [1] * 9])
async def test_an_agent_that_tells_nonsense(volumes: list[int]) -> None:
    driver = Driver()
    async with with_agent(driver=driver) as (_, _, channel, fake):
        fake.say(agent.AudioVolumeSync(1, 0, volumes))
        await channel.settled()
        assert driver.named("volume_changed") == []
        assert driver.notices == [f"main:bad agent audio_volume_sync: the volume of {len(volumes)} channels"]


@pytest.mark.parametrize("volumes", [[], [65536], [-1], [1] * 9])
async def test_volumes_that_make_no_sense(volumes: list[int]) -> None:
    async with with_agent() as (client, _, _, fake):
        with pytest.raises(ValueError, match="volumes"):
            client.main.set_guest_volume(volumes)
        assert await fake.silent()


async def test_agents_that_cannot() -> None:
    async with with_agent(LINUX - {AgentCap.AUDIO_VOLUME_SYNC}) as (client, _, channel, _):
        assert not client.main.agent.volume.available
        with pytest.raises(FeatureMissing, match="lacks audio_volume_sync"):
            client.main.set_guest_volume([1])
        channel.send(main.AgentDisconnected(0))
        await channel.settled()
        with pytest.raises(AgentError, match="runs no SPICE agent"):
            client.main.set_guest_volume([1])
    async with with_agent(read_only=True) as (client, _, _, fake):
        with pytest.raises(FeatureMissing, match="read-only"):
            client.main.set_guest_volume([1])
        assert await fake.silent()
