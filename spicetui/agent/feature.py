"""What every feature of the guest agent has, and what it sees of the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..errors import AgentError
from ..wire.core import Buffer
from ..wire.enums import AgentCap

if TYPE_CHECKING:
    from ..interfaces import Driver
    from .hub import Agent


class AgentLink(Protocol):
    """The way to the agent: the main channel."""

    @property
    def driver(self) -> Driver: ...

    @property
    def read_only(self) -> bool:
        """Whether nothing may be done to the guest."""
        ...

    def start_agent(self, tokens: int) -> None:
        """Tells the server that this side takes the agent's data, and how many chunks ahead."""
        ...

    def give_agent_tokens(self, tokens: int) -> None: ...

    def send_agent_data(self, chunks: Iterable[Buffer]) -> None: ...

    def gap(self, what: str, detail: str = "") -> None: ...

    def notice(self, text: str) -> None: ...


class Feature:
    """One thing that the agent can do. A subclass has an ``on_…`` for each of its MESSAGES.

    What the agent is told that this side can do is the union of all features' CAPS.
    """

    CAPS: ClassVar[frozenset[AgentCap]] = frozenset()
    MESSAGES: ClassVar[tuple[type, ...]] = ()
    #: Numbers of the messages whose :class:`~spicetui.wire.agent.Reply` goes to :meth:`replied`.
    REPLIES: ClassVar[frozenset[int]] = frozenset()

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def limits(self) -> dict[int, int]:
        """Bytes that the body of a message may have, where it is not the usual bound."""
        return {}

    def ready(self) -> None:
        """The agent has told what it can do, for the first time or anew."""

    def gone(self, error: AgentError) -> None:
        """The agent has gone; what waits for it is to fail with *error*."""

    def refused(self, number: int, reason: str) -> None:
        """One of the agent's messages was too large to be taken."""

    def replied(self, number: int, success: bool) -> None:
        """The agent has carried out one of REPLIES, or has not."""

    def closed(self) -> None:
        """The session is over, after :meth:`gone`."""

    # --- for subclasses

    @property
    def driver(self) -> Driver:
        return self.agent.link.driver

    def send(self, message: Any) -> None:
        self.agent.send(message)
