"""A file of this machine that is read in threads, and closed however its transfer ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..errors import AgentError

Result = TypeVar("Result")


class NotPlain(AgentError):
    """A folder, a pipe, a device."""


class Source:
    """Whoever waits for a thread may be cancelled: the file is closed by whichever of the two is the last."""

    def __init__(self, path: Path, digest: hashlib._Hash | None = None) -> None:
        self.path = path
        self._digest = digest
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()  # held by the thread that uses the file
        self._unwanted = False

    async def open(self) -> os.stat_result:
        """Raises OSError, NotPlain."""
        return await asyncio.to_thread(self._use, self._open)

    async def read(self, size: int) -> tuple[bytes, os.stat_result]:
        """The next bytes, none at the end, and what the file is now. Raises OSError."""
        return await asyncio.to_thread(self._use, lambda: self._read(size))

    def close(self) -> None:
        self._unwanted = True
        if self._lock.acquire(blocking=False):
            try:
                if self._file is not None:
                    self._file.close()
            finally:
                self._lock.release()

    def _use(self, work: Callable[[], Result]) -> Result:
        try:
            with self._lock:
                return work()
        finally:
            if self._unwanted:
                self.close()

    def _open(self) -> os.stat_result:
        # A pipe without a writer would block for ever.
        number = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            os.close(number)
            raise NotPlain(f"{self.path.name}: no plain file")
        self._file = os.fdopen(number, "rb", 0)
        return status

    def _read(self, size: int) -> tuple[bytes, os.stat_result]:
        assert self._file is not None
        data = self._file.read(size)
        if self._digest is not None:
            self._digest.update(data)
        return data, os.fstat(self._file.fileno())
