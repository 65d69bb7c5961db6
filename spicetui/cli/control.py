"""``--control``: a command that runs on does what lines of standard input say."""

from __future__ import annotations

import asyncio
import os
import sys
from abc import ABC, abstractmethod

from .exits import UsageError


class ControlLines(ABC):
    """Takes lines while its context is open, of *max_line* bytes at most; none unless they are *wanted*."""

    def __init__(self, wanted: bool, max_line: int) -> None:
        self._wanted = wanted
        self._max_line = max_line
        self._line = b""

    @abstractmethod
    def take(self, line: bytes) -> None:
        """One line, without its end."""

    def __enter__(self) -> None:
        if self._wanted:
            try:
                asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._readable)
            except (OSError, ValueError):
                raise UsageError("--control needs a pipe or a terminal as standard input") from None

    def __exit__(self, *_: object) -> None:
        if self._wanted:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    def _readable(self) -> None:
        data = os.read(sys.stdin.fileno(), self._max_line)
        if not data:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[: self._max_line]
        for line in lines:
            self.take(line)
