"""Asking the guest for monitors: how many, how large, where, and their physical size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import AgentError
from ..interfaces import Monitor
from ..wire import agent as wire
from ..wire.enums import AgentCap, AgentMessage, MonitorsFlags
from .feature import Feature

if TYPE_CHECKING:
    from .hub import Agent

#: What the reference client asks for at most; agents refuse more.
MAX_MONITORS = 256

#: Pixels; larger ones no graphics card of a guest has.
MAX_SIZE = 32767

DEPTH = 32


class Monitors(Feature):
    """Keeps what was asked for last, and asks a new agent for it again."""

    CAPS = frozenset((AgentCap.MONITORS_CONFIG, AgentCap.MONITORS_CONFIG_POSITION))
    REPLIES = frozenset((AgentMessage.MONITORS_CONFIG,))

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.wanted: tuple[Monitor, ...] = ()

    def set(self, monitors: Sequence[Monitor]) -> None:
        """Raises AgentError, FeatureMissing, and ValueError for a size that makes no sense."""
        if not 0 < len(monitors) <= MAX_MONITORS or not any(monitor.enabled for monitor in monitors):
            raise ValueError(f"{len(monitors)} monitors: between 1 and {MAX_MONITORS}, and one that is on")
        for monitor in monitors:
            sizes = (monitor.width, monitor.height, abs(monitor.x), abs(monitor.y))
            if not all(0 <= size <= MAX_SIZE for size in sizes) or (monitor.width == 0) != (monitor.height == 0):
                raise ValueError(f"a monitor of {monitor.width}x{monitor.height} at {monitor.x},{monitor.y}")
        self.agent.require("resizing", AgentCap.MONITORS_CONFIG)
        self.wanted = tuple(monitors)
        if self.agent.announced:
            self._send()

    def ready(self) -> None:
        if self.wanted and AgentCap.MONITORS_CONFIG in self.agent.caps:
            self._send()

    def _send(self) -> None:
        monitors = self.wanted
        if AgentCap.SPARSE_MONITORS_CONFIG not in self.agent.caps:
            monitors = tuple(monitor for monitor in monitors if monitor.enabled)
        flags = MonitorsFlags(0)
        if len(monitors) == 1 or any(monitor.x or monitor.y for monitor in monitors):
            flags |= MonitorsFlags.USE_POS
        if any(monitor.width_mm and monitor.height_mm for monitor in monitors):
            flags |= MonitorsFlags.PHYSICAL_SIZE
        self.send(
            wire.MonitorsConfig(
                flags,
                [wire.MonConfig(one.height, one.width, DEPTH if one.enabled else 0, one.x, one.y) for one in monitors],
                [wire.MonitorMM(min(one.height_mm, 0xFFFF), min(one.width_mm, 0xFFFF)) for one in monitors],
            )
        )

    def replied(self, number: int, success: bool) -> None:
        if not success:
            self.agent.link.notice("the guest refuses the size that was asked for")

    def gone(self, error: AgentError) -> None:
        pass  # a new agent is asked again
