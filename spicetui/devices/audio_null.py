"""A device that nobody hears: it takes its sound by the clock, as a real one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .audio_buffer import JitterBuffer
from .audio_output import Stream

#: Seconds between two blocks.
PERIOD = 0.01


class NullStream:
    name = "null"

    def __init__(self, buffer: JitterBuffer, heard: Callable[[bytes], None] | None) -> None:
        self.delay_ms = 0.0
        self.lost: str | None = None
        self._buffer = buffer
        self._heard = heard
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spice silent device", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        taken = 0
        while not self._closing.wait(PERIOD):
            frames = round((time.monotonic() - began) * self._buffer.rate) - taken
            taken += frames
            block = self._buffer.pull(frames * self._buffer.frame)
            if self._heard is not None:
                self._heard(block)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()


class NullBackend:
    """*heard* takes each block at the moment when a device would play it, in a thread."""

    name = "null"

    def __init__(self, heard: Callable[[bytes], None] | None = None) -> None:
        self.heard = heard

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        return NullStream(buffer, self.heard)
