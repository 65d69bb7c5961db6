"""A guest's agent that takes files into memory, as a background task; tests hold it, restart it, let it refuse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from spicetui.wire import agent, main
from spicetui.wire.enums import FileXferResult

from .fake_agent import FakeAgent, WithAgent
from .fake_server import Gone


class FileGuest:
    """Takes what is sent while it is :func:`taking`; ``hold()`` lets it hear nothing more until ``go()``."""

    def __init__(self, session: WithAgent) -> None:
        self.session = session
        self.agent: FakeAgent = session.agent
        self.order: list[str] = []  #: names as they were announced
        self.received: dict[str, bytes] = {}  #: what arrived whole
        self.partial: dict[int, bytearray] = {}
        self.cancelled: list[str] = []
        self.refuse: Callable[[str], tuple[FileXferResult, bytes] | None] = lambda name: None
        self._open: dict[int, tuple[str, int]] = {}
        self._gate = asyncio.Event()
        self._gate.set()
        self._changed = asyncio.Event()

    def hold(self) -> None:
        self._gate.clear()

    def go(self) -> None:
        self._gate.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def notify(self, *_: object) -> None:
        """Something that a test waits for may have changed."""
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._gate.wait()
            message = await self.agent.next()
            await self._gate.wait()
            self._handle(message)
            self.notify()

    def _handle(self, message: object) -> None:
        if isinstance(message, agent.FileXferStart):
            text = bytes(message.data).decode()
            name = text.split("name=")[1].split("\n")[0]
            size = int(text.split("size=")[1].split("\n")[0])
            self.order.append(name)
            refusal = self.refuse(name)
            if refusal is not None:
                self.agent.say(agent.FileXferStatus(message.id, *refusal))
                return
            self._open[message.id] = (name, size)
            self.partial[message.id] = bytearray()
            self.agent.say(agent.FileXferStatus(message.id, FileXferResult.CAN_SEND_DATA, b""))
        elif isinstance(message, agent.FileXferData) and message.id in self._open:
            name, size = self._open[message.id]
            self.partial[message.id] += message.data
            if len(self.partial[message.id]) >= size:
                self.received[name] = bytes(self.partial.pop(message.id))
                del self._open[message.id]
                self.agent.say(agent.FileXferStatus(message.id, FileXferResult.SUCCESS, b""))
        elif isinstance(message, agent.FileXferStatus) and message.id in self._open:
            name, _ = self._open.pop(message.id)
            self.partial.pop(message.id, None)
            self.cancelled.append(name)

    def lose(self) -> None:
        """The agent goes, and forgets what it had."""
        self._open.clear()
        self.partial.clear()
        self.session.channel.send(main.AgentDisconnected(0))

    async def restart(self) -> None:
        """The next agent comes, and greets; not while :meth:`run` runs."""
        channel = self.session.channel
        await channel.settled()
        # What was still on its way to the agent before.
        channel.skipped[:] = [message for message in channel.skipped if not isinstance(message, main.AgentData)]
        self.agent = FakeAgent(channel, self.agent.caps)
        channel.send(main.AgentConnectedTokens(10))
        await self.agent.greet()


@asynccontextmanager
async def taking(guest: FileGuest) -> AsyncIterator[FileGuest]:
    """The guest takes files as long as this lasts."""
    task = asyncio.create_task(guest.run())
    try:
        yield guest
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Gone):
            await task
