"""The line between a program and its terminal: how fast, how far, and in pieces of which size."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    rate: float = 0.0  #: bytes a second to the terminal; 0 for any
    delay: float = 0.0  #: seconds from a question to its answer (the round trip)
    piece: int = 1 << 16  #: bytes that arrive at once

    @property
    def most(self) -> int:
        """Bytes of one read: what the line carries in 5 ms, so that the pty's buffer stands for the line's."""
        return max(1, min(self.piece, int(self.rate / 200))) if self.rate else self.piece

    def carry(self, count: int) -> None:
        if self.rate:
            time.sleep(min(count / self.rate, 1.0))


class Answers:
    """Sends answers in order, each *delay* seconds after it was given."""

    def __init__(self, delay: float, send: Callable[[bytes], None]) -> None:
        self._delay = delay
        self._send = send
        self._queue: deque[tuple[float, bytes]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def give(self, data: bytes) -> None:
        with self._wake:
            self._queue.append((time.monotonic() + self._delay, data))
            self._wake.notify()

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._closed and (not self._queue or self._queue[0][0] > time.monotonic()):
                    self._wake.wait(max(self._queue[0][0] - time.monotonic(), 0) if self._queue else None)
                if self._closed:
                    return
                _, data = self._queue.popleft()
            self._send(data)
