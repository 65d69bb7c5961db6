"""Sound for a device: keeps time whatever happens to it, opens it again when it was lost, and says what it does."""

from __future__ import annotations

import atexit
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..diagnostics import logger
from ..interfaces import AudioFormat
from .audio_buffer import JitterBuffer

log = logger("devices.audio")

FULL_VOLUME = 65535

#: How much of the delay is the device's own.
DEVICE_PART = 0.45

#: Seconds between two attempts to open a device.
RETRY = 3.0

#: Seconds that a device may take nothing before it counts as lost.
STALLED = 2.0

#: Seconds that a device has to take sound before it counts as found again.
PROVEN = 1.0

#: Seconds after the guest's last sound after which the device is given back.
LINGER = 5.0

#: Seconds between two looks at the device.
LOOK = 0.25

#: Seconds that a thread with sound waits for another one of Python's, at most.
SWITCH = 0.001

#: Seconds of sound that are thrown away at once where there is no device.
PACE = 0.02


class DeviceError(Exception):
    """A device does not open or was lost; one line that says why."""


class Stream(Protocol):
    """An open device that takes its sound from the buffer, in a thread of its own."""

    #: What plays, for people.
    name: str

    @property
    def delay_ms(self) -> float:
        """Between leaving the buffer and being heard."""
        ...

    @property
    def lost(self) -> str | None:
        """Why the device takes nothing any more, None while it does."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """A way to play sound."""

    name: str

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        """In a thread, may take its time. *latency_ms*: what the device should keep itself. Raises DeviceError."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """For a panel. *trouble*: one line about what does not work, empty when all does."""

    backend: str
    trouble: str
    playing: bool
    rate: int
    channels: int
    delay_ms: int
    buffered_ms: int  #: of the delay, what waits for the device
    underruns: int
    dropped_frames: int
    levels: tuple[float, ...]


class Output:
    """An AudioSink on the first of *backends* that opens.

    *reason* says why these were chosen; *hint* is told once, when there is something to hear. Of *latency_ms* the
    buffer keeps the larger part: a device takes all of its own at once, and what is late has to come in time still.
    """

    def __init__(self, backends: Sequence[Backend], latency_ms: int = 120, reason: str = "", hint: str = "") -> None:
        self.reason = reason
        self.hint = hint
        self.backends = tuple(backends)
        self.latency_ms = latency_ms
        self.min_delay_ms = 0
        self._device_ms = max(10, round(latency_ms * DEVICE_PART))
        self._buffer_ms = max(10, latency_ms - self._device_ms)
        self.buffer = JitterBuffer(self._buffer_ms)
        self.trouble = ""
        self._newest = b""
        self._notice: Callable[[str], None] = lambda text: None
        self._stream: Stream | None = None
        self._guest_volume: tuple[int, ...] = ()
        self._guest_mute = False
        self._volume = 1.0
        self._mute = False
        self._gains: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None = None
        self._wanted: tuple[int, int] | None = None  # rate and channels while the guest plays
        self._tone: tuple[int, int] | None = None  # of a test tone that waits for its device
        self._stopped_at = 0.0
        self._kept_at = 0.0
        self._opened_at = 0.0
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # --- what the session calls

    def attach(self, notice: Callable[[str], None]) -> None:
        self._notice = notice

    def start(self, rate: int, channels: int, format: AudioFormat) -> None:
        with self._changed:
            self._newest = b""
            if (rate, channels) != (self.buffer.rate, self.buffer.channels):
                self.buffer.configure(rate, channels)
            if self._tone is not None:
                self._tone = None
                self.buffer.clear()
            self._wanted = (rate, channels)
            self._set_gains()
            self._changed.notify_all()
        if self.hint:
            self._notice(self.hint)
            self.hint = ""
        self._begin()

    def _begin(self) -> None:
        if self._thread is None and not self._closed:
            atexit.register(self.close)  # a device's thread must not call what the interpreter has taken apart
            self._thread = threading.Thread(target=self._run, name="spice sound", daemon=True)
            self._thread.start()

    def push(self, pcm: bytes, mm_time: int) -> None:
        if self._gains is not None:
            samples = np.frombuffer(pcm, "<i2").reshape(-1, self.buffer.channels)
            pcm = np.round(samples * self._gains).astype("<i2").tobytes()
        self._newest = pcm
        self.buffer.push(pcm)

    def stop(self) -> None:
        self._newest = b""
        self.buffer.end()
        with self._changed:
            self._wanted = None
            self._stopped_at = time.monotonic()
            self._changed.notify_all()

    def set_volume(self, volumes: Sequence[int]) -> None:
        self._guest_volume = tuple(volumes)
        self._set_gains()

    def set_mute(self, muted: bool) -> None:
        self._guest_mute = muted
        self._set_gains()

    def set_min_delay(self, ms: int) -> None:
        self.min_delay_ms = ms
        stream = self._stream
        device = stream.delay_ms if stream is not None else self._device_ms
        self.buffer.set_target(max(self._buffer_ms, round(ms - device)))

    def delay_ms(self) -> int | None:
        stream = self._stream
        return round(self.buffer.delay_ms + (stream.delay_ms if stream is not None else 0))

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(STALLED)
            atexit.unregister(self.close)

    # --- what the user sets and sees

    @property
    def volume(self) -> float:
        """The user's own, 0 to 1; multiplies the guest's."""
        return self._volume

    @volume.setter
    def volume(self, value: float) -> None:
        self._volume = min(1.0, max(0.0, value))
        self._set_gains()

    @property
    def mute(self) -> bool:
        """The user's own."""
        return self._mute

    @mute.setter
    def mute(self, value: bool) -> None:
        self._mute = value
        self._set_gains()

    @property
    def levels(self) -> tuple[float, ...]:
        """The loudest sample of each channel in the newest packet, 0 to 1; empty while nothing is played."""
        samples = np.frombuffer(self._newest, "<i2").reshape(-1, self.buffer.channels).astype(np.int32)
        return tuple((np.abs(samples).max(axis=0) / 32768).tolist()) if len(samples) else ()

    def _set_gains(self) -> None:
        count = self.buffer.channels
        guest = [value / FULL_VOLUME for value in self._guest_volume[:count]]
        gains = [self._volume * gain for gain in guest + [guest[-1] if guest else 1.0] * (count - len(guest))]
        if self._mute or self._guest_mute:
            gains = [0.0] * count
        self._gains = None if all(gain == 1 for gain in gains) else np.array(gains, np.float32)

    def status(self) -> Status:
        stream = self._stream
        return Status(
            backend=stream.name if stream is not None else "",
            trouble=self.trouble,
            playing=self._wanted is not None,
            rate=self.buffer.rate,
            channels=self.buffer.channels,
            delay_ms=self.delay_ms() or 0,
            buffered_ms=round(self.buffer.queued_ms),
            underruns=self.buffer.underruns,
            dropped_frames=self.buffer.dropped_frames,
            levels=self.levels,
        )

    def play_tone(self, seconds: float = 0.5, pitch: float = 440.0) -> None:
        """A test of the device, while the guest plays nothing."""
        if self._wanted is not None:
            return
        times = np.arange(round(seconds * 48_000)) / 48_000
        wave = np.sin(2 * np.pi * pitch * times) * 8000 * np.minimum(1, np.minimum(times, seconds - times) * 50)
        block = np.repeat(np.round(wave).astype("<i2")[:, None], 2, axis=1)
        with self._changed:
            self.buffer.configure(48_000, 2)
            self.buffer.push(block.tobytes())
            self.buffer.end()
            self._tone = (48_000, 2)
            self._changed.notify_all()
        self._begin()

    # --- the thread that sees to the device

    def _run(self) -> None:
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH))
        opened: tuple[int, int] | None = None
        tried = -RETRY
        while not self._closed:
            playing, tone = self._wanted, self._tone
            wanted = playing or tone
            now = time.monotonic()
            if self._stream is not None and (why := self._why_lost(now)) is not None:
                self._lost(why)
                tried = now - RETRY + LOOK  # at once, and then now and then
            if self._stream is not None:
                self._recovered(now)
                if wanted is None and now > self._stopped_at + LINGER and self.buffer.queued_ms == 0:
                    self._close_stream()
                elif wanted is not None and wanted != opened:
                    self._close_stream()
                    tried = -RETRY
            if self._stream is None and wanted is not None and (tone is not None or now >= tried + RETRY):
                tried = now
                opened = wanted
                self._open(*wanted)
            if tone is not None:
                self._tone_begun()
            if self._stream is None:
                self._keep_time()
            with self._changed:
                if not self._closed and self._wanted == playing and self._tone is None:  # nothing new meanwhile
                    self._changed.wait(LOOK if self._stream is not None else PACE if self._wanted is not None else None)
        self._close_stream()

    def _tone_begun(self) -> None:
        """A test tone is being played, or is not to be played later."""
        with self._changed:
            if self._tone is not None:
                self._tone = None
                self._stopped_at = time.monotonic()
                if self._stream is None:
                    self.buffer.clear()

    def _keep_time(self) -> None:
        """Without a device sound is thrown away at its own pace, so that the clock of video goes on."""
        now = time.monotonic()
        while self._kept_at + PACE <= now and self._wanted is not None:
            self._kept_at = max(self._kept_at, now - 1) + PACE
            self.buffer.pull(round(PACE * self.buffer.rate) * self.buffer.frame)

    def _why_lost(self, now: float) -> str | None:
        assert self._stream is not None
        if (lost := self._stream.lost) is not None:
            return lost
        if self._wanted is not None and self.buffer.queued_ms > 0 and now > self.buffer.pulled_at + STALLED:
            return "the device takes no sound any more"
        return None

    def _open(self, rate: int, channels: int) -> None:
        reasons = []
        for backend in self.backends:
            try:
                self.buffer.pulled_at = time.monotonic()
                self._stream = backend.open(self.buffer, rate, channels, self._device_ms)
            except DeviceError as error:
                reasons.append(f"{backend.name}: {error}")
            except Exception as error:
                log.error("%s failed", backend.name, exc_info=error)
                reasons.append(f"{backend.name}: {type(error).__name__}: {error}")
            else:
                log.info("sound is played by %s", self._stream.name)
                self._opened_at = time.monotonic()
                self.set_min_delay(self.min_delay_ms)
                return
        self._say("no sound device: " + "; ".join(reasons))

    def _recovered(self, now: float) -> None:
        """A device that has taken sound for some time works again."""
        assert self._stream is not None
        taken = self.buffer.queued_ms == 0 or self.buffer.pulled_at > self._opened_at + PROVEN / 2
        if self.trouble and now > self._opened_at + PROVEN and taken:
            self.trouble = ""
            self._notice(f"sound: {self._stream.name} plays again")

    def _lost(self, why: str) -> None:
        assert self._stream is not None
        name = self._stream.name
        self._close_stream()
        self._say(f"the sound device was lost ({name}: {why})")

    def _say(self, trouble: str) -> None:
        first = not self.trouble
        self.trouble = trouble
        log.info("%s", trouble)
        if first:
            self._notice(f"{trouble}; the session goes on without sound")

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except Exception as error:
                log.error("%s did not close", stream.name, exc_info=error)
