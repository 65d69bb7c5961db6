"""Desktop effects that cost bandwidth: the guest is asked to do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire import agent as wire
from ..wire.enums import AgentCap, AgentMessage, DisplayConfigFlags
from .feature import Feature

if TYPE_CHECKING:
    from .hub import Agent

DEPTHS = (0, 16, 32)

_FLAGS = {
    "wallpaper": DisplayConfigFlags.DISABLE_WALLPAPER,
    "font_smooth": DisplayConfigFlags.DISABLE_FONT_SMOOTH,
    "animation": DisplayConfigFlags.DISABLE_ANIMATION,
}


class DisplayEffects(Feature):
    """Keeps what was asked for, and asks a new agent for it again."""

    CAPS = frozenset((AgentCap.DISPLAY_CONFIG,))
    REPLIES = frozenset((AgentMessage.DISPLAY_CONFIG,))

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.wanted: wire.DisplayConfig | None = None

    def set(self, *, wallpaper: bool = True, font_smooth: bool = True, animation: bool = True, depth: int = 0) -> None:
        """What the guest's desktop may show. *depth*: 16 or 32 bits, 0 as it is.

        Raises AgentError, FeatureMissing, and ValueError for another depth.
        """
        if depth not in DEPTHS:
            raise ValueError(f"a depth of {depth} bits; there is {', '.join(map(str, DEPTHS))}")
        self.agent.require("desktop effects", AgentCap.DISPLAY_CONFIG)
        flags = DisplayConfigFlags.SET_COLOR_DEPTH if depth else DisplayConfigFlags(0)
        for name, shown in (("wallpaper", wallpaper), ("font_smooth", font_smooth), ("animation", animation)):
            if not shown:
                flags |= _FLAGS[name]
        self.wanted = wire.DisplayConfig(flags, depth)
        if self.agent.announced:
            self.send(self.wanted)

    def ready(self) -> None:
        if self.wanted is not None and AgentCap.DISPLAY_CONFIG in self.agent.caps:
            self.send(self.wanted)

    def replied(self, number: int, success: bool) -> None:
        if not success:
            self.agent.link.notice("the guest refuses to change its desktop's effects")
