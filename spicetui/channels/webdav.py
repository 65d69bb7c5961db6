"""The webdav channel: the port over which the guest's WebDAV daemon brings the HTTP connections of its programs."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any

from ..errors import ChannelClosed
from ..interfaces import FolderHost
from ..protocol import webdav
from ..wire.core import Buffer
from ..wire.enums import ChannelType
from .port import PortChannel

#: What every request gets as long as there is nothing to be shared.
NOTHING_SHARED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 26\r\nConnection: close\r\n\r\nNo folder is shared now.\r\n"
)

#: Connections that this side has closed and the guest has not yet, which are remembered.
MAX_ENDED = 1024

_REQUEST = re.compile(rb"[A-Z]{3,16} \S")


class WebdavChannel(PortChannel):
    """Hands the guest's connections to a :class:`FolderHost` and its answers back."""

    TYPE = ChannelType.WEBDAV

    def __init__(self, session: Any, id: int = 0) -> None:
        super().__init__(session, id)
        self._mux = webdav.Mux()
        self._mux.reset()
        self._host: FolderHost | None = None
        self._ended: OrderedDict[int, None] = OrderedDict()

    # --- for the host

    def attach(self, host: FolderHost | None) -> None:
        """*host* gets the connections from now on; None: each is told that there is nothing."""
        if self._host is not None and self._host is not host:
            self._host.reset()
        self._host = host

    @property
    def read_only(self) -> bool:
        """Whether nothing may be done to the guest."""
        return self.session.options.read_only

    async def send_to(self, connection: int, data: Buffer) -> None:
        """Waits until the way to the guest takes more. Raises ChannelClosed."""
        for piece in webdav.pieces(connection, data):
            if self.closed or not self.opened:
                raise ChannelClosed("the guest's WebDAV daemon has gone")
            self.send_data(piece)
            await self.drain()

    def end(self, connection: int) -> None:
        """Closes a connection from this side. What the guest still sends on it is passed over."""
        self._remember(connection)
        if self.opened:
            self.send_data(webdav.end(connection))

    def _remember(self, connection: int) -> None:
        self._ended[connection] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)

    # --- what the guest sends

    def opened_changed(self) -> None:
        self._mux.reset()
        self._ended.clear()
        if self._host is not None:
            self._host.reset()

    def received(self, data: Buffer) -> Coroutine[Any, Any, None] | None:
        if not self.opened:
            self._set_opened(True)
        return self._deliver(data)

    async def _deliver(self, data: Buffer) -> None:
        for connection, part in self._mux.receive(data):
            if connection in self._ended and not self._begins_anew(connection, part):
                continue
            if self._host is not None:
                await self._host.received(connection, part)
            elif part:
                self.send_data(b"".join(webdav.pieces(connection, NOTHING_SHARED)))
                self.end(connection)

    def _begins_anew(self, connection: int, part: bytes) -> bool:
        """Whether a number belongs to a new connection.

        spice-webdavd does not tell the end of a connection that was reset, and gives numbers again.
        """
        if part and _REQUEST.match(part) is None:
            return False
        del self._ended[connection]
        return bool(part)
