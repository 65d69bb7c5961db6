"""One volume on both sides: the guest's mixer is set as the user's loudspeaker and microphone are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import AgentError, CodecError
from ..wire import agent as wire
from ..wire.enums import AgentCap
from .feature import Feature

if TYPE_CHECKING:
    from .hub import Agent

MAX_CHANNELS = 8
FULL_VOLUME = 65535


class VolumeSync(Feature):
    """What is set before the agent has told its capabilities is sent then; the guest may change it afterwards, so a new
    agent is not told again by itself.

    Guests tell their volume by the sound channels; what an agent says of it is passed on in the same way.
    """

    CAPS = frozenset((AgentCap.AUDIO_VOLUME_SYNC,))
    MESSAGES = (wire.AudioVolumeSync,)

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._waiting: dict[bool, wire.AudioVolumeSync] = {}

    @property
    def available(self) -> bool:
        """Whether there is an agent that sets the guest's volume."""
        return self.agent.announced and AgentCap.AUDIO_VOLUME_SYNC in self.agent.caps

    def set(self, volumes: Sequence[int], *, muted: bool, microphone: bool) -> None:
        """*volumes*: one for each channel, 65535 is full. Raises AgentError, FeatureMissing, and ValueError."""
        if not 1 <= len(volumes) <= MAX_CHANNELS or not all(0 <= volume <= FULL_VOLUME for volume in volumes):
            raise ValueError(f"volumes {list(volumes)}: 1 to {MAX_CHANNELS} of them, each 0 to {FULL_VOLUME}")
        self.agent.require("setting its volume", AgentCap.AUDIO_VOLUME_SYNC)
        message = wire.AudioVolumeSync(int(not microphone), int(muted), list(volumes))
        if self.agent.announced:
            self.send(message)
        else:
            self._waiting[microphone] = message

    def ready(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if self.available:
            for message in waiting.values():
                self.send(message)

    def gone(self, error: AgentError) -> None:
        self._waiting.clear()

    def on_audio_volume_sync(self, message: wire.AudioVolumeSync) -> None:
        if not 1 <= len(message.volume) <= MAX_CHANNELS:
            raise CodecError(f"the volume of {len(message.volume)} channels")
        self.driver.volume_changed(not message.is_playback, tuple(message.volume), bool(message.mute))
