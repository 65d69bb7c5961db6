"""The one writer of the terminal: what must arrive, and frames that wait until the terminal has caught up."""

from __future__ import annotations

import contextlib
import os
import termios
import threading
import time
from collections import deque
from collections.abc import Callable

from ..term.caps import STATUS

CREDITS = 2  # frames that may be under way
ACK_SECONDS = 1.0  # after this long without an answer a terminal that has never answered is taken to give none
LOST_SECONDS = 30.0  # after this long even one that has: a frame on a slow line may take many seconds
_CHUNK = 1 << 16


class FrameWriter:
    """Writes in a thread, because a terminal may take its time.

    A frame is followed by a status report's request; its answer says that the terminal has read that far.  *on_room*
    is called, from any thread, when a frame that was refused could be sent.  *on_broken*: the terminal is gone.
    """

    def __init__(self, fd: int, on_room: Callable[[], None], on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_room = on_room
        self._on_broken = on_broken
        self._queue: deque[tuple[bytes, bool]] = deque()  # bytes, and whether they are a frame
        self._lock = threading.Condition()
        self._busy = False
        self._stopping = False
        self._abandoned = False
        self._refused = False
        self._sent: deque[float] = deque()  # when each frame that is not acknowledged was handed over
        self.acknowledges = True  #: until it turns out otherwise
        self.answers = False  #: the terminal is known to answer
        self.broken = False
        self.frames = 0
        self.bytes_out = 0
        self.ack_seconds = 0.0  #: a running mean from handing a frame over to its acknowledgement
        self._thread = threading.Thread(target=self._run, name="terminal-writer", daemon=True)

    @property
    def used(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def control(self, data: bytes) -> None:
        """Bytes that are never left out."""
        with self._lock:
            if not self._stopping and not self.broken:
                self._queue.append((data, False))
                self._lock.notify()

    @property
    def backlog(self) -> int:
        """Bytes that wait for the terminal."""
        with self._lock:
            return sum(len(data) for data, _ in self._queue)

    def ready(self) -> bool:
        """Whether a frame may be sent now; if not, *on_room* will tell."""
        with self._lock:
            now = time.monotonic()
            if (
                self._sent
                and self.acknowledges
                and now - self._sent[0] > self._limit
                and not (self._queue or self._busy)
            ):
                self.acknowledges = False
            if not self.acknowledges:
                self._sent.clear()
            free = len(self._sent) < CREDITS and not (self._queue or self._busy) and not self._stopping
            self._refused = not free
            return free

    def patience(self) -> float | None:
        """How long until :meth:`ready` should be asked again even though nothing was acknowledged; None: no need."""
        with self._lock:
            if not self._sent or self._queue or self._busy:
                return None
            return max(0.0, self._sent[0] + self._limit - time.monotonic()) + 0.01

    @property
    def _limit(self) -> float:
        return LOST_SECONDS if self.answers else ACK_SECONDS

    def frame(self, data: bytes) -> None:
        """One whole frame; only after :meth:`ready`."""
        with self._lock:
            self._queue.append((data + STATUS if self.acknowledges else data, True))
            self._sent.append(time.monotonic())
            self.frames += 1
            self._lock.notify()

    def acknowledged(self) -> float | None:
        """The terminal has read up to the oldest frame under way; how many seconds that took, None without one."""
        with self._lock:
            if not self._sent:
                return None
            self.answers = True
            taken = time.monotonic() - self._sent.popleft()
            self.ack_seconds += (taken - self.ack_seconds) * (0.2 if self.ack_seconds else 1.0)
            tell = self._take_refused()
        if tell:
            self._on_room()
        return taken

    @property
    def outstanding(self) -> int:
        """Acknowledgements that are still to come."""
        with self._lock:
            return len(self._sent) if self.acknowledges else 0

    def stop(self, timeout: float = 1.0) -> bool:
        """Writes what is queued, as far as the terminal takes it within *timeout* seconds; whether that was all.

        What a terminal that reads nothing any more has not taken is thrown away.
        """
        with self._lock:
            self._stopping = True
            self._lock.notify()
        if not self._thread.is_alive():
            return not self.broken
        self._thread.join(timeout)
        if not self._thread.is_alive():
            return not self.broken
        self._abandoned = True
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)  # the write under way returns
        self._thread.join(timeout)
        return False

    def _take_refused(self) -> bool:
        refused, self._refused = self._refused, False
        return refused

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._stopping:
                    self._lock.wait()
                if not self._queue:
                    return
                parts = [self._queue.popleft()]
                while self._queue and not parts[-1][1]:
                    parts.append(self._queue.popleft())
                self._busy = True
            data = b"".join(part for part, _ in parts)
            try:
                self._write(data)
            except OSError:
                with self._lock:
                    self.broken = True
                    self._busy = False
                    self._queue.clear()
                self._on_broken()
                return
            with self._lock:
                self._busy = False
                self.bytes_out += len(data)
                tell = not self._queue and len(self._sent) < CREDITS and self._take_refused()
                if not self.acknowledges and parts[-1][1] and self._sent:
                    self._sent.clear()
            if tell:
                self._on_room()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._abandoned:
            view = view[os.write(self._fd, view[:_CHUNK]) :]
