"""Programs in a guest that use the shared folder, through the mux of its WebDAV daemon, spoken by a fake server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import h11
from channels.support import opened
from peer.driver import RecordingDriver
from peer.fake_server import DEADLINE, MAIN, WEBDAV, FakeChannel, Gone

from spicetui.client import Client
from spicetui.devices.folder import SharedFolder
from spicetui.protocol import webdav
from spicetui.wire import port as wire
from spicetui.wire import vmc

NAME = b"org.spice-space.webdav.0"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Program:
    """One connection of the guest, by its number."""

    def __init__(self, guest: Guest, number: int) -> None:
        self.number = number
        self.guest = guest
        self.informed: list[int] = []  #: 1xx answers
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._http = h11.Connection(h11.CLIENT)

    def send(self, data: bytes) -> None:
        for piece in webdav.pieces(self.number, data):
            self.guest.channel.send(vmc.Data(piece))

    def close(self) -> None:
        self.guest.channel.send(vmc.Data(webdav.end(self.number)))

    async def more(self) -> bytes:
        """What comes next; empty when this side has closed the connection."""
        async with asyncio.timeout(DEADLINE):
            return await self._came.get()

    async def until_closed(self) -> bytes:
        found = b""
        while data := await self.more():
            found += data
        return found

    async def settled(self) -> None:
        """Until this side has taken everything that was sent."""
        await self.guest.channel.settled()

    def begin(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Sends the head; of the body only its size."""
        told = {"Host": "localhost:9843", **(headers or {})}
        if body and "Transfer-Encoding" not in told:
            told.setdefault("Content-Length", str(len(body)))
        request = h11.Request(method=method, target=target, headers=list(told.items()))
        self.send(self._http.send(request) or b"")

    def send_body(self, body: bytes) -> None:
        data = self._http.send(h11.Data(data=body)) if body else b""
        self.send((data or b"") + (self._http.send(h11.EndOfMessage()) or b""))

    async def answer(self) -> Answer:
        """The next final answer. Raises EOFError when the connection ends before."""
        head: Any = None
        body = b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self.more()
                self._http.receive_data(data)
                if not data:
                    raise EOFError(f"closed after {len(body)} bytes")
            elif isinstance(event, h11.InformationalResponse):
                self.informed.append(event.status_code)
                return Answer(event.status_code, {}, b"")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise EOFError(repr(event))
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, headers, body)

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        self.begin(method, target, headers, body)
        self.send_body(body)
        return await self.answer()


class Guest:
    def __init__(self, client: Client, driver: RecordingDriver, channel: FakeChannel) -> None:
        self.client = client
        self.driver = driver
        self.channel = channel
        self._mux = webdav.Mux()
        self._programs: dict[int, Program] = {}
        self._last = 0x5500_1000

    @property
    def folder(self) -> SharedFolder:
        assert self.client.shared_folder is not None
        return self.client.shared_folder

    def program(self, number: int | None = None) -> Program:
        self._last += 0x40
        made = Program(self, self._last if number is None else number)
        self._programs[made.number] = made
        return made

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One request on a connection of its own."""
        program = self.program()
        answer = await program.ask(method, target, headers, body)
        program.close()
        return answer

    async def run(self) -> None:
        """Brings what comes to the programs."""
        while True:
            try:
                message = await self.channel._messages.get()
            except Gone:
                return
            if message is None:
                return
            if isinstance(message, vmc.Data):
                for number, data in self._mux.receive(message.data):
                    if number in self._programs:
                        self._programs[number]._came.put_nowait(data)

    def restart(self) -> None:
        """The guest's daemon ends, and is started again."""
        self.channel.send(wire.Event(wire.PortEvent.CLOSED), wire.Event(wire.PortEvent.OPENED))


@asynccontextmanager
async def guest(**options: Any) -> AsyncIterator[Guest]:
    async with opened(WEBDAV, (MAIN, WEBDAV), **options) as session:
        session.channel.send(wire.Init(NAME, 1))
        await session.channel.settled()
        made = Guest(session.client, session.driver, session.channel)
        task = asyncio.ensure_future(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(holds: Any) -> None:
    """Polls a condition that threads make true."""
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0.002)
