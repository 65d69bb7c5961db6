"""What the guest's microphone hears: a device, a program's output, or a WAV file."""

from __future__ import annotations

import atexit
import shlex
import shutil
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ..diagnostics import logger
from ..errors import FeatureMissing
from ..features import package_version
from ..interfaces import AudioFormat
from .audio_output import DeviceError
from .audio_pipe import HEARERS, Words, end, filled

log = logger("devices.audio")

#: Milliseconds of sound that are delivered at once.
BLOCK_MS = 10

#: Seconds between two looks at the device, and between two attempts to open it.
LOOK = 0.25
RETRY = 3.0

#: Seconds that a device has to close.
CLOSING = 2.0

Deliver = Callable[[bytes], None]


class Hearing(Protocol):
    """An open device; *lost* says why it hears nothing any more."""

    name: str
    lost: str | None

    def close(self) -> None: ...


class Hearer(Protocol):
    name: str

    def open(self, rate: int, channels: int, deliver: Deliver) -> Hearing:
        """In a thread, may take its time. Raises DeviceError."""
        ...


class DeviceHearer:
    """miniaudio's devices; *device*: a part of the name."""

    name = "miniaudio"

    def __init__(self, device: str = "") -> None:
        self.device = device

    def open(self, rate: int, channels: int, deliver: Deliver) -> Hearing:
        from .audio_miniaudio import MiniaudioCapture

        return MiniaudioCapture(rate, channels, deliver, self.device)


class ProgramHearer:
    """A program that writes raw samples to its standard output."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        self.name = name
        self.words = tuple(words)

    def open(self, rate: int, channels: int, deliver: Deliver) -> Hearing:
        words = filled(self.words, rate, channels, BLOCK_MS)
        if shutil.which(words[0]) is None:
            raise DeviceError(f"{words[0]} is not installed")
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceError((error.strerror or str(error)).lower()) from None
        return _Program(self.name, child, rate, channels, deliver)


class _Program:
    def __init__(self, name: str, child: subprocess.Popen[bytes], rate: int, channels: int, deliver: Deliver) -> None:
        self.name = name
        self.lost: str | None = None
        self._child = child
        self._deliver = deliver
        self._block = rate * BLOCK_MS // 1000 * 2 * channels
        self._words = Words(child)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spice microphone", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        assert self._child.stdout is not None
        while len(block := self._child.stdout.read(self._block)) == self._block:
            self._deliver(block)
        if not self._closing:
            self.lost = self._words.last()

    def close(self) -> None:
        self._closing = True
        end(self._child)
        self._thread.join()
        self._words.close()
        if self._child.stdout is not None:
            self._child.stdout.close()


class FileHearer:
    """A WAV file with 16 bits, once and at its own pace; its rate and channels must be those asked for."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.path = path

    def open(self, rate: int, channels: int, deliver: Deliver) -> Hearing:
        try:
            file = wave.open(str(self.path))  # noqa: SIM115 - closed by its thread
        except (OSError, EOFError, wave.Error) as error:
            raise DeviceError(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (rate, channels, 2):
            file.close()
            raise DeviceError(f"{self.path}: {rate} Hz with {channels} channels of 16 bits are wanted")
        return _File(self.name, file, deliver)


class _File:
    def __init__(self, name: str, file: wave.Wave_read, deliver: Deliver) -> None:
        self.name = name
        self.lost: str | None = None
        self._file = file
        self._deliver = deliver
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spice microphone", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        frames = self._file.getframerate() * BLOCK_MS // 1000
        began = time.monotonic()
        blocks = 0
        while block := self._file.readframes(frames):
            blocks += 1
            if self._closing.wait(max(0.0, began + blocks * BLOCK_MS / 1000 - time.monotonic())):
                break
            self._deliver(block)
        self._file.close()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()


class Source:
    """An AudioSource on the first of *hearers* that opens; it is opened again when it was lost."""

    def __init__(self, hearers: Sequence[Hearer]) -> None:
        self.hearers = tuple(hearers)
        self.name = ""  #: what hears, empty while nothing does
        self.trouble = ""
        self._stopping: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def start(
        self, rate: int, channels: int, format: AudioFormat, deliver: Deliver, notice: Callable[[str], None]
    ) -> None:
        self.stop()
        stopping = self._stopping = threading.Event()
        arguments = (stopping, rate, channels, deliver, notice)
        atexit.unregister(self.close)
        atexit.register(self.close)  # a device's thread must not call what the interpreter has taken apart
        self._thread = threading.Thread(target=self._run, args=arguments, name="spice microphones", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._stopping is not None:
            self._stopping.set()  # nothing is delivered from now on; the device is closed in its own time
            self._stopping = None

    def close(self) -> None:
        """As :meth:`stop`; returns when the device is closed."""
        self.stop()
        if self._thread is not None:
            self._thread.join(CLOSING)
        atexit.unregister(self.close)

    def _run(
        self, stopping: threading.Event, rate: int, channels: int, deliver: Deliver, notice: Callable[[str], None]
    ) -> None:
        def pass_on(block: bytes) -> None:
            if not stopping.is_set():
                deliver(block)

        while not stopping.is_set():
            hearing = self._open(rate, channels, pass_on, notice)
            if hearing is not None:
                while not stopping.wait(LOOK) and hearing.lost is None:
                    pass
                if hearing.lost is not None:
                    self._say(f"the microphone was lost ({hearing.name}: {hearing.lost})", notice)
                hearing.close()
                self.name = ""
            stopping.wait(RETRY)

    def _open(self, rate: int, channels: int, deliver: Deliver, notice: Callable[[str], None]) -> Hearing | None:
        reasons = []
        for hearer in self.hearers:
            try:
                hearing = hearer.open(rate, channels, deliver)
            except DeviceError as error:
                reasons.append(f"{hearer.name}: {error}")
            except Exception as error:
                log.error("%s failed", hearer.name, exc_info=error)
                reasons.append(f"{hearer.name}: {type(error).__name__}: {error}")
            else:
                self.name = hearing.name
                self.trouble = ""
                return hearing
        self._say("no microphone: " + "; ".join(reasons), notice)
        return None

    def _say(self, trouble: str, notice: Callable[[str], None]) -> None:
        first = not self.trouble
        self.trouble = trouble
        if first:
            notice(trouble)


def source(spec: str) -> Source:
    """Raises FeatureMissing for a specification that means nothing."""
    kind, _, rest = spec.partition(":")
    hearers: list[Hearer] = []
    if spec == "auto":
        if package_version("miniaudio") is not None:
            hearers.append(DeviceHearer())
        hearers += [ProgramHearer(name, words) for name, words in HEARERS.items() if shutil.which(words[0])]
        hearers = hearers or [ProgramHearer(name, words) for name, words in HEARERS.items()]
    elif kind == "miniaudio":
        hearers = [DeviceHearer(rest)]
    elif spec in HEARERS:
        hearers = [ProgramHearer(spec, HEARERS[spec])]
    elif kind == "cmd" and rest:
        hearers = [ProgramHearer(spec, shlex.split(rest) or [""])]
    elif kind == "file" and rest:
        hearers = [FileHearer(Path(rest))]
    else:
        raise FeatureMissing(
            f"no microphone is called {spec!r}; there is auto, miniaudio[:DEVICE], {', '.join(HEARERS)}, "
            "cmd:COMMAND and file:PATH"
        )
    return Source(hearers)
