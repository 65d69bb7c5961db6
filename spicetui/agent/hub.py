"""The guest agent: its coming and going, its capabilities, and the way of each message to its feature."""

from __future__ import annotations

import asyncio
from typing import Any

from ..diagnostics import logger
from ..errors import AgentError, FeatureMissing, SpiceError
from ..protocol.agent import WINDOW, AgentBody, AgentMachine, Refused
from ..wire import agent as wire
from ..wire.core import Buffer, handler_name
from ..wire.enums import AgentCap, AgentMessage, AgentReply
from .clipboard import Clipboard
from .display_config import DisplayEffects
from .feature import AgentLink, Feature
from .files import FileTransfer
from .monitors import Monitors
from .volume import VolumeSync

#: Capabilities that are no feature's: the server makes the pointer's messages itself.
OWN_CAPS = frozenset((AgentCap.MOUSE_STATE, AgentCap.REPLY))

#: Bytes that may wait for tokens before a large sender pauses, so that a short message is never far behind.
ROOM = 128 << 10

ABSENT = "the guest runs no SPICE agent; install and start spice-vdagent there"


class Agent:
    """``client.main.agent``. *link* is the main channel."""

    def __init__(self, link: AgentLink) -> None:
        self.link = link
        self.log = logger("agent")
        self.connected = False
        self.announced = False  #: whether the agent has told its capabilities
        self.caps: frozenset[int] = frozenset()
        self.clipboard = Clipboard(self)
        self.monitors = Monitors(self)
        self.display_effects = DisplayEffects(self)
        self.files = FileTransfer(self)
        self.volume = VolumeSync(self)
        #: A feature is added by its file and its row here.
        self.features: tuple[Feature, ...] = (
            *(self.clipboard, self.monitors, self.display_effects, self.files, self.volume),
        )
        self.machine = AgentMachine({k: v for feature in self.features for k, v in feature.limits().items()})
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._owners = {kind: feature for feature in self.features for kind in feature.MESSAGES}
        self._number_owners = {wire.MESSAGES.server_number[kind]: one for kind, one in self._owners.items()}

    @property
    def own_caps(self) -> frozenset[int]:
        """What this side announces."""
        return OWN_CAPS.union(*(feature.CAPS for feature in self.features))

    # --- for programs

    @property
    def queued(self) -> int:
        """Bytes that wait until the guest takes more."""
        return self.machine.queued

    async def wait_ready(self, timeout: float) -> None:
        """Until the agent has told what it can do. Raises FeatureMissing without one, AgentError for a silent one."""
        try:
            async with asyncio.timeout(timeout):
                while not self.announced:
                    if self._closed:
                        raise AgentError("the session has ended")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            if self.connected:
                raise AgentError(f"the guest's agent has not answered within {timeout:g} seconds") from None
            raise FeatureMissing(ABSENT) from None

    # --- for features

    def require(self, what: str, *caps: AgentCap, changes: bool = True) -> None:
        """Raises AgentError without an agent, FeatureMissing for one that lacks a capability.

        *changes*: whether the guest is changed by it. Before the agent has told its capabilities it is taken to have
        them all.
        """
        if changes and self.link.read_only:
            raise FeatureMissing(f"the session is read-only: {what} is off")
        self.require_connected()
        if self.announced and (lacking := [cap for cap in caps if cap not in self.caps]):
            names = ", ".join(cap.name.lower() for cap in lacking)
            raise FeatureMissing(f"the guest's agent cannot do {what} (it lacks {names})")

    def require_connected(self) -> None:
        if not self.connected:
            raise AgentError(ABSENT)

    def send(self, message: Any) -> None:
        """Queues a message; it goes as the server gives tokens. Nothing happens without an agent."""
        if not self.connected:
            return
        number = wire.MESSAGES.client_number[type(message)]
        body = wire.write(message, self.caps)
        self.log.debug("> %s, %d bytes", type(message).__name__, len(body))
        self.machine.send(number, body)
        self._flush()

    async def room(self) -> None:
        """Waits until little is queued. Raises AgentError when the agent has gone."""
        while self.machine.queued > ROOM:
            self._room.clear()
            await self._room.wait()
        self.require_connected()

    def _flush(self) -> None:
        if chunks := list(self.machine.data_to_send()):
            self.link.send_agent_data(chunks)
        if self.machine.queued <= ROOM:
            self._room.set()

    # --- from the main channel

    def start(self, tokens: int | None = None) -> None:
        """The server has an agent now. *tokens*: chunks that it takes; None: those that are left."""
        if self.connected:
            self._lose(AgentError("the guest's agent was restarted"))
        if tokens is not None:
            self.machine.tokens = tokens
        self.connected = True
        self.link.start_agent(WINDOW)
        self._announce(request=True)
        self._changed.set()

    def stop(self) -> None:
        """The server's agent has gone."""
        if self.connected:
            self._lose(AgentError("the guest's agent has gone"))

    def close(self) -> None:
        self._closed = True
        if self.connected:
            self._lose(AgentError("the session has ended"))
        for feature in self.features:
            feature.closed()
        self._changed.set()

    def _lose(self, error: AgentError) -> None:
        self.connected = self.announced = False
        self.link.send_agent_data(self.machine.reset())
        for feature in self.features:
            feature.gone(error)
        self.caps = frozenset()
        self._room.set()
        self._changed.set()

    def give(self, tokens: int) -> None:
        self.machine.give(tokens)
        self._flush()

    def receive(self, data: Buffer) -> None:
        if not self.connected:
            self.link.gap("data without an agent")
            return
        for event in self.machine.receive(data):
            if isinstance(event, Refused):
                self._refuse(event)
            else:
                self._handle(event)
        if tokens := self.machine.used():
            self.link.give_agent_tokens(tokens)

    def _refuse(self, event: Refused) -> None:
        name = _name(event.number)
        self.link.gap(f"agent {name} refused", event.reason)
        if (owner := self._number_owners.get(event.number)) is not None:
            owner.refused(event.number, event.reason)

    def _handle(self, event: AgentBody) -> None:
        kind = wire.MESSAGES.from_server.get(event.number)
        if kind is None:
            self.link.gap(f"agent {_name(event.number)}", "not known")
            return
        try:
            message: Any = wire.read(kind, event.body, self.caps)
            self.log.debug("< %s, %d bytes", kind.__name__, len(event.body))
            getattr(self._owners.get(kind, self), handler_name(kind))(message)
        except SpiceError as error:
            self.link.gap(f"bad agent {_name(event.number)}", str(error))
        except Exception as error:
            self.log.error("agent message %s failed", kind.__name__, exc_info=error)
            self.link.gap(f"failed agent {_name(event.number)}", f"internal error: {type(error).__name__}: {error}")

    # --- the agent's own messages

    def _announce(self, *, request: bool) -> None:
        self.send(wire.AnnounceCapabilities(int(request), wire.cap_words(self.own_caps)))

    def on_announce_capabilities(self, message: wire.AnnounceCapabilities) -> None:
        self.caps = wire.caps_of(message.caps)
        self.log.info("agent capabilities %s", sorted(self.caps))
        if message.request:
            self._announce(request=False)
        self.announced = True
        for feature in self.features:
            feature.ready()
        self._changed.set()
        self.link.driver.agent_ready(self.caps)

    def on_reply(self, message: wire.Reply) -> None:
        success = message.error == AgentReply.SUCCESS
        for feature in self.features:
            if message.type in feature.REPLIES:
                feature.replied(message.type, success)


def _name(number: int) -> str:
    try:
        return AgentMessage(number).name.lower()
    except ValueError:
        return f"message {number}"
