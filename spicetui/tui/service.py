"""What goes on in the app beside the picture, whether its panel is open or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..interfaces import BaseDriver

if TYPE_CHECKING:
    from ..client import Client
    from .app import SpiceApp


class Service(BaseDriver):
    """The clipboard, the files, the sound …: one object for the app's life, over all of its sessions.

    It gets the driver's events that the :class:`~.link.Link` passes on, those that came before it existed first.
    What a panel shows is read from its service; whoever changes it calls :meth:`changed`.
    """

    def __init__(self, app: SpiceApp) -> None:
        self.app = app
        self.client: Client | None = None
        self._watchers: list[Callable[[], object]] = []

    def connected(self, client: Client) -> None:
        """A session has begun; comes after the events of its opening."""
        self.client = client
        self.changed()

    def disconnected(self) -> None:
        """The session is over; another one may follow."""
        self.client = None
        self.changed()

    @property
    def words(self) -> str:
        """For the status line: what the user should see although the panel is closed, in few words; often none."""
        return ""

    @property
    def unfinished(self) -> str:
        """A sentence for whoever is about to leave: what would be cut off; empty when nothing would."""
        return ""

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """*watcher* is called at each change, until what is returned is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def changed(self) -> None:
        """Something that a panel or the status line shows is new."""
        for watcher in tuple(self._watchers):
            watcher()
        self.app.update_status()

    def later(self, seconds: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Textual's timers cannot be made while the session tells something: that is not a task of its own."""
        return asyncio.get_running_loop().call_later(seconds, callback)

    async def aclose(self) -> None:
        """The app ends."""
