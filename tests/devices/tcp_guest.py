"""A shared folder on a TCP port of this machine, for WebDAV clients that are programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from spicetui.errors import ChannelClosed
from spicetui.interfaces import FolderHost


class TcpLink:
    """What the webdav channel is elsewhere."""

    opened = True
    read_only = False

    def __init__(self) -> None:
        self._host: FolderHost | None = None
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._last = 0

    def attach(self, host: FolderHost | None) -> None:
        self._host = host

    async def send_to(self, connection: int, data: bytes | bytearray | memoryview) -> None:
        writer = self._writers.get(connection)
        if writer is None:
            raise ChannelClosed("gone")
        writer.write(data)
        await writer.drain()

    def end(self, connection: int) -> None:
        writer = self._writers.get(connection)
        if writer is not None:
            writer.close()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._last += 1
        number = self._last
        self._writers[number] = writer
        try:
            while self._host is not None:
                data = await reader.read(65535)
                await self._host.received(number, data)
                if not data:
                    break
        except OSError:
            if self._host is not None:
                await self._host.received(number, b"")
        finally:
            del self._writers[number]
            writer.close()


@asynccontextmanager
async def listening(link: TcpLink) -> AsyncIterator[int]:
    """The port that WebDAV clients find it at."""
    server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in list(link._writers.values()):
            writer.transport.abort()
        await server.wait_closed()
