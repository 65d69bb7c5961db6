"""The real app on a real pty, in this process, with a client that has no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from terminal.cells import mismatches
from terminal.terminal import Terminal

from spicetui.interfaces import Driver
from spicetui.term.cells import CellPlane
from spicetui.tui.app import SpiceApp
from spicetui.tui.link import Link
from spicetui.tui.settings import Settings
from spicetui.tui.start import run_app

from .fake_client import Desktop, FakeClient, FakeInputs

Opener = Callable[[Driver, "str | None"], FakeClient]


class Running:
    """One app on one terminal."""

    def __init__(self, terminal: Terminal, opener: Opener, settings: Settings) -> None:
        self.terminal = terminal
        self.clients: list[FakeClient] = []
        self.passwords: list[str | None] = []
        self._opener = opener
        self.gate = asyncio.Event()
        self.gate.set()
        link = Link(settings.display)
        first = asyncio.ensure_future(self.connect(link, None))
        self.app = SpiceApp(link, self.connect, first, settings, terminal=(terminal.slave, terminal.slave))
        self.task = asyncio.create_task(run_app(self.app))

    async def connect(self, driver: Driver, password: str | None) -> Any:
        await self.gate.wait()
        self.passwords.append(password)
        client = self._opener(driver, password)
        client.inputs.notify = self.terminal.changed
        self.clients.append(client)
        client.open()
        return client

    @property
    def client(self) -> FakeClient:
        return self.clients[-1]

    @property
    def inputs(self) -> FakeInputs:
        return self.client.inputs

    def differences(self) -> list[tuple[int, int]]:
        view = self.app.view
        assert isinstance(view.plane, CellPlane)
        return mismatches(self.terminal, view.plane, *view.origin)

    def settled(self) -> bool:
        """Everything is drawn, everything is the picture's, and the terminal shows it."""
        plane = self.app.view.plane
        return (
            bool(self.app.screen_stack)
            and not self.app.link.damage
            and self.app.screen is self.app.session_screen
            and tuple(plane.size) == tuple(self.app.view.size)
            and bool(plane.size.width)
            and bool(plane.owned.all())
            and not self.differences()
        )

    async def until_settled(self) -> None:
        await self.terminal.until(self.settled, "settled")

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        await self.terminal.until(condition, what)

    def type(self, data: bytes) -> None:
        self.terminal.type(data)

    async def leave(self) -> int:
        """The exit status."""
        if not self.task.done():
            self.app.leave()
        return await self.task


@asynccontextmanager
async def running(
    opener: Opener | None = None,
    *,
    terminal: Terminal | None = None,
    desktop: Desktop | None = None,
    gate: bool = True,
    **settings: Any,
) -> AsyncIterator[Running]:
    terminal = terminal or Terminal()
    desktop = desktop or Desktop(640, 480)
    client_mouse = settings.pop("client_mouse", True)

    def plain(driver: Driver, password: str | None) -> FakeClient:
        return FakeClient(driver, desktop, client_mouse=client_mouse)

    app = Running(terminal, opener or plain, Settings(**({"title": "localhost:5900"} | settings)))
    if not gate:
        app.gate.clear()
    try:
        yield app
    finally:
        try:
            await asyncio.wait_for(app.leave(), 10)
        finally:
            app.task.cancel()
            terminal.close()
