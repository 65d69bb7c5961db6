"""A PulseAudio server of the test's own with a sink that nobody hears, and what is heard there."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from bisect import bisect_right
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from . import needs
from .process import DEADLINE, Process
from .tones import Sound

RATE = 48_000
SINK = "null0"


class Pulse:
    """Runs in `directory`, which has to be short enough for sockets; `environment` leads clients there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "pulse"
        self.directory.mkdir(mode=0o700)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "XDG_", "SPICETUI_", "SSH_"))}
        self.environment = {**kept, "XDG_RUNTIME_DIR": str(self.directory), "HOME": str(self.directory)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        words = [
            needs.program("pulseaudio"), "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
            "--high-priority=yes", "--realtime=yes",  # as on a desktop, where it may
            "-L", f"module-null-sink sink_name={SINK} rate={RATE}",
            "-L", f"module-native-protocol-unix socket={self.directory}/native",
        ]  # fmt: skip
        self.environment["PULSE_SERVER"] = f"unix:{self.directory}/native"
        self.process = Process(words, self.directory / "log", self.environment)
        until = time.monotonic() + DEADLINE
        while self.control("info", check=False):
            if not self.process.running or time.monotonic() > until:
                raise self.process.broken("PulseAudio did not start")

    def control(self, *words: str, check: bool = True) -> int:
        """Runs pactl; its exit status."""
        done = subprocess.run(
            [needs.program("pactl"), *words], env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.returncode

    def stop(self) -> None:
        self.process.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Monitor:
    """Everything that the sink plays, and when."""

    def __init__(self, pulse: Pulse) -> None:
        self._child = subprocess.Popen(
            [
                needs.program("parec"), "-d", f"{SINK}.monitor", "--raw", "--format=s16le", f"--rate={RATE}",
                "--channels=2", "--latency-msec=5",
            ],
            env=pulse.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._data = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        while data := os.read(self._child.stdout.fileno(), 65536):
            now = time.monotonic()
            with self._changed:
                self._data += data
                self._ends.append(len(self._data) // 4)
                self._times.append(now)
                self._changed.notify_all()

    def wait(self, frames: int) -> None:
        """Until so many were heard, silence included."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._data) >= 4 * frames, DEADLINE), "the monitor is silent"

    @property
    def frames(self) -> Sound:
        with self._changed:
            data = bytes(self._data[: len(self._data) // 4 * 4])
        return np.frombuffer(data, "<i2").reshape(-1, 2)

    def time_of(self, frame: int) -> float:
        """When it was heard, by the monotonic clock."""
        at = bisect_right(self._ends, frame)
        return self._times[at] - (self._ends[at] - frame) / RATE

    def __enter__(self) -> Self:
        self.wait(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.terminate()
        self._child.wait()
        self._thread.join()
        assert self._child.stdout is not None
        self._child.stdout.close()
