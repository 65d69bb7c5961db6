"""Two streams joined in memory, for servers in the same process."""

from __future__ import annotations

import asyncio

LIMIT = 256 * 1024  #: bytes on their way in one direction above which drain() waits


class MemoryStream:
    """One end of a :func:`memory_pair`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._received = bytearray()
        self._closed = False  # this end
        self._changed = asyncio.Event()
        self._peer: MemoryStream = self

    async def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most *max_bytes*; empty when either end is closed."""
        while not self._received:
            if self._closed or self._peer._closed:
                return b""
            await self._wait()
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        self._peer._changed.set()
        return data

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not (self._closed or self._peer._closed):
            self._peer._received += data
            self._peer._changed.set()

    async def drain(self) -> None:
        """Waits until the other end has read enough. Raises OSError when either end is closed."""
        while True:
            if self._closed or self._peer._closed:
                raise BrokenPipeError("the connection is closed")
            if len(self._peer._received) <= self._limit:
                return
            await self._wait()

    async def aclose(self) -> None:
        self._closed = True
        self._changed.set()
        self._peer._changed.set()

    async def _wait(self) -> None:
        # A reader and a writer may both wait here: each looks again after any change.
        self._changed.clear()
        await self._changed.wait()


def memory_pair(limit: int = LIMIT) -> tuple[MemoryStream, MemoryStream]:
    """Two ends: what is written to one is read from the other; *limit* in bytes for each direction."""
    one, other = MemoryStream(limit), MemoryStream(limit)
    one._peer, other._peer = other, one
    return one, other
