"""Sound between the network, which brings it in bursts, and a device, which takes it by its own clock.

A few tens of milliseconds are kept back, so that what comes late still comes in time.  When nothing is left, silence is
played until as much is there again.  When much more has piled up, as while a device starts, the oldest is dropped.  The
server's clock and the device's are never quite the same: a single frame is left out or played twice now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

#: Above so many times the target the oldest sound is dropped.
TRIM = 3

#: What was dropped and what follows melt into one another for so many milliseconds.
FADE_MS = 5

#: Mean fill, in parts of the target, beyond which a frame is left out or doubled in every packet.
HIGH, LOW = 1.2, 0.25

#: Of how many packets that mean is.
PACKETS = 200

#: What was never needed in so many seconds is dropped, if it is more than so many times the target.
SURPLUS_SECONDS = 1.0
SURPLUS = 1.3

#: A pause of so many seconds before sound goes on is a pause of the guest's, not sound that came late.
PAUSE = 0.5


class JitterBuffer:
    """Frames of 16 bits in, blocks of any size out, from different threads. *now*: seconds, of a clock that goes on."""

    def __init__(self, target_ms: int = 60, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Condition()
        self._data = bytearray()
        self._least_ms = target_ms
        self._filling = True
        self._ending = False
        self._mean = 0.0
        self._least = 0  # bytes that were never needed since
        self._least_since = 0.0
        self._empty_since: float | None = None
        self._sent_until = 0.0
        self.pulled_at = 0.0  #: when the device took something last
        self.underruns = 0  #: times that sound came too late
        self.silent_frames = 0  #: played for want of sound
        self.dropped_frames = 0  #: because too much was there
        self.adjusted_frames = 0  #: left out or doubled to keep the clocks together
        self.configure(48_000, 2)

    def configure(self, rate: int, channels: int) -> None:
        """Begins anew with another format."""
        with self._lock:
            self.rate = rate
            self.channels = channels
            self.frame = 2 * channels
            self._data.clear()
            self._filling = True
            self._ending = False
            self._sent_until = 0.0
            self._empty_since = None
            self._set_target(self._least_ms)

    # --- how much

    @property
    def target_ms(self) -> int:
        return self._target * 1000 // (self.rate * self.frame)

    def set_target(self, ms: int) -> None:
        """How much is kept back; more of it is waited for at once."""
        with self._lock:
            before = self._target
            self._least_ms = ms
            self._set_target(ms)
            if self._target > before * 1.2 and len(self._data) < self._target:
                self._filling = True

    def _set_target(self, ms: int) -> None:
        self._target = self.rate * ms // 1000 * self.frame
        self._settle()

    def _settle(self) -> None:
        """What was seen of the fill so far says nothing any more."""
        self._mean = self._target * (HIGH + LOW) / 2
        self._least = 1 << 62
        self._least_since = self._now()

    def _ms(self, size: float) -> float:
        return size * 1000 / (self.rate * self.frame)

    @property
    def queued_ms(self) -> float:
        return self._ms(len(self._data))

    @property
    def delay_ms(self) -> float:
        """Until what is pushed now leaves the buffer."""
        with self._lock:
            return self._ms(max(len(self._data), self._target) if self._filling else len(self._data))

    # --- the network's side

    def push(self, pcm: bytes) -> None:
        with self._lock:
            now = self._now()
            pcm = pcm[-self.rate * self.frame :]  # no honest packet is longer than a second
            if self._empty_since is not None:
                self.underruns += now - self._empty_since < PAUSE
                self._empty_since = None
            self._ending = False
            surplus = self._has_surplus(now)
            if not self._filling:
                pcm = self._adjusted(pcm)
            self._data += pcm
            if surplus or len(self._data) > TRIM * max(self._target, len(pcm)):
                self._trim()
            self._lock.notify_all()

    def _has_surplus(self, now: float) -> bool:
        self._least = min(self._least, len(self._data))
        if now < self._least_since + SURPLUS_SECONDS:
            return False
        least, self._least, self._least_since = self._least, 1 << 62, now
        return not self._filling and least > SURPLUS * self._target

    def _adjusted(self, pcm: bytes) -> bytes:
        frame = self.frame
        self._mean += (len(self._data) - self._mean) / PACKETS
        if len(pcm) <= 8 * frame or LOW * self._target <= self._mean <= HIGH * self._target:
            return pcm
        at = self._smoothest(pcm) * frame
        self.adjusted_frames += 1
        if self._mean > HIGH * self._target:
            return pcm[:at] + pcm[at + frame :]
        return pcm[: at + frame] + pcm[at:]

    def _smoothest(self, pcm: bytes) -> int:
        """The frame that differs least from the next."""
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self.channels).astype(np.int32)
        return int(np.abs(np.diff(samples, axis=0)).sum(axis=1).argmin())

    def _trim(self) -> None:
        """Drops the oldest down to the target."""
        cut = len(self._data) - max(self._target, self.frame)
        fade = min(self.rate * FADE_MS // 1000 * self.frame, cut, len(self._data) - cut)
        old = np.frombuffer(bytes(self._data[:fade]), "<i2").reshape(-1, self.channels)
        new = np.frombuffer(bytes(self._data[cut : cut + fade]), "<i2").reshape(-1, self.channels)
        weight = np.linspace(0, 1, len(new))[:, None]
        mixed = np.round(old * (1 - weight) + new * weight).astype("<i2").tobytes()
        self._data[: cut + fade] = mixed
        self.dropped_frames += cut // self.frame
        self._settle()

    def end(self) -> None:
        """The guest plays no more: what is left is played without waiting for more."""
        with self._lock:
            self._ending = True
            self._empty_since = None
            self._lock.notify_all()

    # --- the device's side

    def pull(self, size: int) -> bytes:
        """Exactly *size* bytes, silence where there is no sound. Short enough for the callback of a device."""
        with self._lock:
            self.pulled_at = self._now()
            if size > self._target:
                self._target = size  # a device that takes large blocks needs them
                self._settle()
            if self._filling and not self._ready():
                self.silent_frames += size // self.frame
                return bytes(size)
            got = bytes(self._data[:size])
            del self._data[:size]
            if len(got) < size:
                self._ran_dry()
                self.silent_frames += (size - len(got)) // self.frame
                got += bytes(size - len(got))
            return got

    def _ready(self) -> bool:
        """Enough is there to begin."""
        if len(self._data) >= self._target or (self._ending and self._data):
            self._filling = False
            self._settle()
            return True
        return False

    def _ran_dry(self) -> None:
        self._filling = True
        if not self._ending:
            self._empty_since = self._now()

    def take(self, size: int, timeout: float) -> bytes:
        """At most *size* bytes of sound for a device that keeps time by itself; none when none comes in *timeout* s.

        A device that has surely played all that it got is made to wait until the target is there again.
        """
        with self._lock:
            if not self._takeable():
                self._lock.wait(timeout)
                if not self._takeable():
                    return b""
            got = bytes(self._data[:size])
            del self._data[:size]
            now = self.pulled_at = self._now()
            self._sent_until = max(self._sent_until, now) + self._ms(len(got)) / 1000
            return got

    def _takeable(self) -> bool:
        if not self._data:
            if not self._filling and self._now() > self._sent_until:
                self._ran_dry()
            return False
        return not self._filling or self._ready()

    @property
    def ahead_ms(self) -> float:
        """What a device that keeps time by itself has got and not played yet."""
        return max(0.0, (self._sent_until - self._now()) * 1000)

    def clear(self) -> None:
        with self._lock:
            self._data.clear()
            self._filling = True
            self._sent_until = 0.0
            self._empty_since = None
