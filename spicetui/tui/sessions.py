"""One session after the other: connecting, the password, what is said when one is lost, and trying again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import AuthError, ConnectError, SpiceError, TlsError
from .screens.connecting import ConnectingScreen
from .screens.failure import FailureScreen
from .screens.password import PasswordScreen

if TYPE_CHECKING:
    from ..client import Client
    from ..interfaces import Driver
    from .app import SpiceApp

Connect = Callable[["Driver", "str | None"], Awaitable["Client"]]
CLOSE_SECONDS = 2.0


class Sessions:
    """:attr:`client` is the session that the app shows; *first* is being opened already."""

    def __init__(self, app: SpiceApp, connect: Connect, first: asyncio.Future[Client]) -> None:
        self.app = app
        self.client: Client | None = None
        self._connect = connect
        self._first: asyncio.Future[Client] | None = first
        self._ended = asyncio.Event()
        self._connecting: ConnectingScreen | None = None

    @property
    def waiting(self) -> bool:
        """Whether the user is shown that there is no picture yet."""
        return self._connecting is not None

    async def begin(self) -> None:
        """Shows that a connection is being made, unless it is there already."""
        if not (self._first is not None and self._first.done() and not self._first.exception()):
            await self._show_connecting()

    async def run(self) -> None:
        """Until the user has enough."""
        app = self.app
        password = app.settings.password
        problem = ""
        while True:
            try:
                connecting, self._first = self._first, None
                if connecting is None:
                    app.link.reset()
                    self._ended.clear()
                    await self._show_connecting()
                    connecting = asyncio.ensure_future(self._connect(app.link, password))
                self.client = await connecting
            except AuthError as error:
                await self._hide_connecting()
                if not app.settings.ask_password:
                    app.leave(error)
                    return
                problem = printable(str(error)) if password is not None else ""
                password = await app.push_screen_wait(PasswordScreen(app.settings.title, problem))
                if password is None:
                    app.leave(error)
                    return
                continue
            except SpiceError as error:
                await self._hide_connecting()
                if not await self._ask_again("Cannot connect", error):
                    return
                continue
            self._connected(self.client)
            await self._ended.wait()
            reason = app.link.error or ConnectError("the server closed the connection")
            app.session_ended()
            await self._hide_connecting()
            await self._close_client()
            app.clear_notifications()  # what each channel had to say about it
            if not await self._ask_again("Connection lost", reason):
                return

    async def _ask_again(self, heading: str, error: Exception) -> bool:
        reason = printable(str(error), 500)
        if await self.app.push_screen_wait(FailureScreen(heading, reason, advice(error))):
            return True
        self.app.leave(error)
        return False

    def _connected(self, client: Client) -> None:
        if self.app.link.size is not None:
            self.picture_shown()
        elif self._connecting is not None:
            self._connecting.tell()
        self.app.session_began(client)
        if self.app.link.over:
            self._ended.set()

    async def _show_connecting(self) -> None:
        if self._connecting is None:
            self._connecting = ConnectingScreen(self.app.settings.title)
            await self.app.push_screen(self._connecting)

    async def _hide_connecting(self) -> None:
        screen, self._connecting = self._connecting, None
        if screen is not None and screen in self.app.screen_stack:
            await screen.dismiss(None)

    def picture_shown(self) -> None:
        """There is a picture, or something else that is worth to be looked at without one."""
        if self._connecting is not None:
            self.app.run_worker(self._hide_connecting(), name="shown")

    def ended(self) -> None:
        self._ended.set()

    async def _close_client(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(SpiceError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.aclose()

    async def aclose(self) -> None:
        """Closes what is open; after the terminal has been given back."""
        if self._first is not None:
            self._first.cancel()
            with contextlib.suppress(asyncio.CancelledError, SpiceError):
                self.client = await self._first
        await self._close_client()


def advice(error: Exception) -> str:
    """What the user can do about it, where the error does not say so itself."""
    if ";" in str(error):
        return ""
    if isinstance(error, TlsError):
        return "Check the certificate authority and the name that is expected, or ask who runs the server."
    if isinstance(error, AuthError):
        return "Check the password; the server may also want another way to sign in."
    if isinstance(error, ConnectError):
        return "Check that the machine is running and that the address and port are right."
    return ""
