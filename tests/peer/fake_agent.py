"""The guest's side of the agent protocol: says exactly what a test wants, over the fake server's main channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import spicetui
from spicetui.client import Client
from spicetui.protocol.agent import MAX_TOKENS, AgentBody, AgentMachine
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap

from .driver import RecordingDriver
from .fake_server import MAIN, FakeChannel, FakeServer, session_init

T = TypeVar("T")

#: What spice-vdagentd 0.22 announces.
LINUX = frozenset(
    (
        AgentCap.MOUSE_STATE,
        AgentCap.MONITORS_CONFIG,
        AgentCap.REPLY,
        AgentCap.CLIPBOARD_BY_DEMAND,
        AgentCap.CLIPBOARD_SELECTION,
        AgentCap.SPARSE_MONITORS_CONFIG,
        AgentCap.GUEST_LINEEND_LF,
        AgentCap.MAX_CLIPBOARD,
        AgentCap.AUDIO_VOLUME_SYNC,
        AgentCap.GRAPHICS_DEVICE_INFO,
        AgentCap.CLIPBOARD_NO_RELEASE_ON_REGRAB,
        AgentCap.CLIPBOARD_GRAB_SERIAL,
    )
)


class FakeAgent:
    """*caps*: what it announces, and so how its messages are laid out."""

    def __init__(self, channel: FakeChannel, caps: Iterable[AgentCap] = LINUX) -> None:
        self.channel = channel
        self.caps = frozenset(caps)
        self.announced: frozenset[int] = frozenset()  #: what the client can do
        self.chunks: list[int] = []  #: sizes of what the client has sent
        self._in = AgentMachine(dict.fromkeys(range(32), 1 << 28))
        self._out = AgentMachine()
        self._out.give(MAX_TOKENS)
        self._waiting: list[Any] = []

    # --- what it says

    def say(self, *messages: Any) -> None:
        for message in messages:
            self.say_body(agent.MESSAGES.server_number[type(message)], agent.write(message, self.caps))

    def say_body(self, number: int, body: bytes) -> None:
        self._out.send(number, body)
        self.channel.send(*map(main.AgentData, map(bytes, self._out.data_to_send())))

    def say_raw(self, data: bytes) -> None:
        self.channel.send(main.AgentData(data))

    def announce(self, *, request: bool = False) -> None:
        self.say(agent.AnnounceCapabilities(int(request), agent.cap_words(self.caps)))

    # --- what it hears

    async def next(self) -> Any:
        """The next message of the client to the agent; tokens are given for every chunk."""
        while not self._waiting:
            data = await self._data()
            self.chunks.append(len(data.data))
            self.channel.send(main.AgentToken(1))
            for event in self._in.receive(data.data):
                assert isinstance(event, AgentBody), event
                kind = agent.MESSAGES.from_client[event.number]
                self._waiting.append(agent.read(kind, event.body, self.caps))
        return self._waiting.pop(0)

    async def _data(self) -> main.AgentData:
        skipped = self.channel.skipped
        for at, message in enumerate(skipped):
            if isinstance(message, main.AgentData):
                del skipped[at]
                return message
        return await self.channel.expect(main.AgentData)

    async def expect(self, kind: type[T]) -> T:
        """The next message, which has to be of that kind."""
        message = await self.next()
        assert isinstance(message, kind), message
        return message

    async def silent(self) -> bool:
        """Whether the client has nothing to say to the agent, now that it has handled all that was sent."""
        await self.channel.settled()
        return not self._waiting and not any(isinstance(m, main.AgentData) for m in self.channel.skipped)

    async def greet(self) -> None:
        """Takes the client's capabilities and tells its own."""
        start = await self.channel.expect(main.AgentStart)
        assert start.num_tokens > 0
        hello = await self.expect(agent.AnnounceCapabilities)
        assert hello.request
        self.announced = agent.caps_of(hello.caps)
        self.announce()
        if AgentCap.MAX_CLIPBOARD in self.caps:
            await self.expect(agent.MaxClipboard)
        await self.channel.settled()


class WithAgent(NamedTuple):
    client: Client
    driver: RecordingDriver
    channel: FakeChannel
    agent: FakeAgent


@asynccontextmanager
async def with_agent(
    caps: Iterable[AgentCap] = LINUX,
    *,
    tokens: int = 10,
    greet: bool = True,
    driver: RecordingDriver | None = None,
    read_only: bool = False,
) -> AsyncIterator[WithAgent]:
    """A session whose guest has an agent from the start."""
    driver = driver or RecordingDriver()
    async with FakeServer((MAIN,), init=session_init(agent_connected=1, agent_tokens=tokens)) as server:
        client = await spicetui.connect(server, driver, options=spicetui.Options(read_only=read_only))
        try:
            channel = await server.channel(MAIN)
            fake = FakeAgent(channel, caps)
            if greet:
                await fake.greet()
            yield WithAgent(client, driver, channel, fake)
        finally:
            await client.aclose()
