"""Sound into a pipe: of a program that plays it (pacat, pw-cat, aplay, any command), or a named one."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import re
import select
import shlex
import shutil
import stat
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence

from .audio_buffer import JitterBuffer
from .audio_output import DeviceError, Stream

#: Bytes that a pipe holds, where that can be set: 21 ms of stereo at 48 kHz, so that nothing waits there for long.
PIPE_BYTES = 4096

#: Seconds in which a program that cannot play ends.
BIRTH = 0.3

#: Seconds that a program has to play what it got.
DEATH = 0.5

#: Milliseconds between a player's taking sound and its being heard, beyond what it was given ahead of time.
OWN_MS = 30

#: Seconds between two looks whether the pipe is to be closed.
LOOK = 0.1

F_SETPIPE_SZ = 1031

#: What sound servers and cards say, in the words that other ways have for it.
KNOWN = {
    "Connection refused": "no sound server answers",
    "Host is down": "no sound server answers",
    "No such entity": "the sound server has no device for it",
    "Entity killed": "the device was taken away",
    "Device or resource busy": "the device is busy",
}


class PipeStream:
    """Writes what the buffer has into a pipe; whoever reads it keeps the time."""

    def __init__(self, buffer: JitterBuffer, fd: int, name: str, own_ms: int) -> None:
        self.name = name
        self._lost: str | None = None
        self._buffer = buffer
        self._own_ms = own_ms
        self._fd = fd
        self._closing = False
        self._block = buffer.frame * max(1, buffer.rate // 100)
        os.set_blocking(fd, False)
        try:
            fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # another system, or no pipe
        self._thread = threading.Thread(target=self._run, name="spice sound pipe", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str | None:
        return self._lost

    @property
    def delay_ms(self) -> float:
        return self._buffer.ahead_ms + self._own_ms

    def _run(self) -> None:
        try:
            while not self._closing:
                self._write(self._buffer.take(self._block, LOOK))
        except OSError as error:
            self._lost = self._why(error)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._closing:
            _, writable, _ = select.select((), (self._fd,), (), LOOK)
            if writable:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:
                    pass  # less room than a page

    def _why(self, error: OSError) -> str:
        return "nobody reads it any more" if error.errno == errno.EPIPE else (error.strerror or str(error)).lower()

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        os.close(self._fd)


class Words:
    """What a program says on its standard error, read all the time so that it never waits for us."""

    LATENCY = re.compile(rb"Latency: (\d+) usec")

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._said = b""
        self.latency_ms: float | None = None  #: as ``pacat --verbose`` tells it
        self._thread = threading.Thread(target=self._read, name="spice sound words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as stream:
            while data := os.read(stream.fileno(), 4096):
                self._said = (self._said + data)[-4096:]
                if found := self.LATENCY.findall(data):
                    self.latency_ms = int(found[-1]) / 1000

    def last(self) -> str:
        """Why the program has ended."""
        try:
            status = self._child.wait(DEATH)
        except subprocess.TimeoutExpired:
            return "it has closed its input"
        self._thread.join(DEATH)
        lines = self._said.decode(errors="replace").replace("\r", "\n").strip().splitlines()
        if not lines:
            return f"it has ended with status {status}"
        return next((plain for words, plain in KNOWN.items() if words in lines[-1]), lines[-1][:200])

    def close(self) -> None:
        """Once the program has ended; one that it has left behind may hold the pipe still."""
        self._thread.join(DEATH)


class ProgramStream(PipeStream):
    def __init__(
        self, buffer: JitterBuffer, child: subprocess.Popen[bytes], words: Words, name: str, own_ms: int
    ) -> None:
        self._child = child
        self._words = words
        assert child.stdin is not None
        super().__init__(buffer, os.dup(child.stdin.fileno()), name, own_ms)
        child.stdin.close()

    @property
    def lost(self) -> str | None:
        if self._lost is None and self._child.poll() is not None:
            self._lost = self._words.last()
        return self._lost

    @property
    def delay_ms(self) -> float:
        told = self._words.latency_ms
        if told is None:
            return super().delay_ms
        return told + self._in_pipe() * 1000 / (self._buffer.rate * self._buffer.frame)

    def _in_pipe(self) -> int:
        waiting = array.array("i", [0])
        try:
            fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
        except OSError:
            return 0
        return waiting[0]

    def _why(self, error: OSError) -> str:
        return self._words.last()

    def close(self) -> None:
        super().close()
        try:
            self._child.wait(DEATH)
        except subprocess.TimeoutExpired:
            end(self._child)
        self._words.close()


def end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(DEATH)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class ProgramBackend:
    """A program that plays raw samples from its standard input; *own_ms*: how much later than it could, as measured."""

    def __init__(
        self, name: str, words: Sequence[str], *, own_ms: int = 0, environment: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self.words = tuple(words)
        self.own_ms = own_ms
        self.environment = environment

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        words = filled(self.words, rate, channels, latency_ms)
        if shutil.which(words[0]) is None:
            raise DeviceError(f"{words[0]} is not installed")
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=None if self.environment is None else os.environ | self.environment,
            )
        except OSError as error:
            raise DeviceError((error.strerror or str(error)).lower()) from None
        said = Words(child)
        try:
            child.wait(BIRTH)
        except subprocess.TimeoutExpired:
            return ProgramStream(buffer, child, said, self.name, self.own_ms)
        assert child.stdin is not None
        child.stdin.close()
        raise DeviceError(said.last())


def filled(words: Sequence[str], rate: int, channels: int, latency_ms: int) -> list[str]:
    values = {
        "{rate}": str(rate),
        "{channels}": str(channels),
        "{latency}": str(latency_ms),
        "{latency_us}": str(latency_ms * 1000),
    }
    done = []
    for word in words:
        for name, value in values.items():
            word = word.replace(name, value)
        done.append(word)
    return done


#: Programs that come with sound servers and cards.
PLAYERS = {
    "pacat": (
        *("pacat", "--playback", "--raw", "--format=s16le", "--rate={rate}", "--channels={channels}"),
        *("--latency-msec={latency}", "--client-name=spicetui", "--stream-name=guest", "--verbose"),
    ),
    "pw-cat": (
        *("pw-cat", "--playback", "--format=s16", "--rate={rate}", "--channels={channels}"),
        *("--latency={latency}ms", "-"),
    ),
    "aplay": (
        *("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", "{rate}", "-c", "{channels}"),
        *("--buffer-time={latency_us}", "-"),
    ),
}

HEARERS = {
    "parec": (
        *("parec", "--raw", "--format=s16le", "--rate={rate}", "--channels={channels}", "--latency-msec=10"),
        "--client-name=spicetui",
    ),
    "pw-cat": ("pw-cat", "--record", "--format=s16", "--rate={rate}", "--channels={channels}", "--latency=10ms", "-"),
    "arecord": ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "{rate}", "-c", "{channels}", "-"),
}


def player(name: str) -> ProgramBackend:
    return ProgramBackend(name, PLAYERS[name], own_ms=OWN_MS)


def command(text: str) -> ProgramBackend:
    """Any command line, split as a shell does; {rate}, {channels} and {latency} stand for the numbers."""
    return ProgramBackend(f"cmd:{text}", shlex.split(text) or [""])


def simpleaudio() -> ProgramBackend:
    """In a process of its own: its playing thread ends the process under Python 3.12 and 3.13 without this malloc."""
    words = (sys.executable, "-m", "spicetui.devices.audio_simpleaudio", "{rate}", "{channels}")
    return ProgramBackend("simpleaudio", words, own_ms=500, environment={"PYTHONMALLOC": "malloc"})


class FifoBackend:
    """A named pipe that somebody reads, such as ``ssh host cat FIFO | pacat --raw``; made where there is none."""

    def __init__(self, path: str) -> None:
        self.name = f"fifo:{path}"
        self.path = path

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        try:
            if not os.path.lexists(self.path):
                os.mkfifo(self.path, 0o600)
            if not stat.S_ISFIFO(os.stat(self.path).st_mode):  # noqa: PTH116
                raise DeviceError(f"{self.path} is no named pipe")
            fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            reason = "nobody reads it" if error.errno == errno.ENXIO else (error.strerror or str(error)).lower()
            raise DeviceError(reason) from None
        return PipeStream(buffer, fd, self.name, 0)
