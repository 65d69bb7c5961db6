"""A server as a child process: its log, its end by its own process id, and waits that end by an event."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE = 30.0
"""Seconds after which a server that said nothing counts as broken; no test measures by it."""

DIES_WITH_US = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
"""A test run that is killed leaves no server behind; the prefix becomes the command, under the same process id."""


class ServerError(Exception):
    """The server did not start, did not answer, or ended; carries the end of its log."""


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago; whoever takes it has to be ready to lose the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One child process that writes its output to a file; ends with its context, by process id only."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.command = list(command)
        self.log_path = log
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                [*DIES_WITH_US, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def exit_status(self) -> int | None:
        return self._child.poll()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")[-4000:]

    def wait(self, seconds: float = DEADLINE) -> int:
        return self._child.wait(seconds)

    def kill(self) -> None:
        """Ends it without a chance to say good-bye."""
        self._child.kill()
        self._child.wait()

    def stop(self, grace: float = 5.0) -> None:
        """TERM, and KILL for what does not end by it."""
        if not self.running:
            return
        self._child.terminate()
        try:
            self._child.wait(grace)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def broken(self, what: str) -> ServerError:
        state = "runs" if self.running else f"ended with {self._child.returncode}"
        return ServerError(f"{what}; {Path(self.command[0]).name} {state}; its last words: {self.log()!r}")


class Callback:
    """A unix socket that a server connects to once it is up: being called is the event that says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)

    def accept(self, server: Process) -> Line:
        """The server's end of the line; ServerError when the process ends before it calls."""
        self._listener.settimeout(0.1)
        until = time.monotonic() + DEADLINE
        while True:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                if not server.running or time.monotonic() > until:
                    raise server.broken(f"no call on {self.path.name}") from None
                continue
            return Line(connection, server)

    def close(self) -> None:
        self._listener.close()
        self.path.unlink(missing_ok=True)


class Line:
    """A byte stream to a server, read all the time (a server must never stall on it), with a deadline for each wait."""

    def __init__(self, connection: socket.socket, server: Process) -> None:
        self._connection = connection
        self._server = server
        self._held = bytearray()
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="line", daemon=True)
        connection.settimeout(None)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = self._connection.recv(65536)
            except OSError:
                data = b""
            with self._changed:
                self._held += data
                self._ended = not data
                self._changed.notify_all()
            if not data:
                return

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def wait_for(self, enough: Callable[[bytearray], int], what: str, seconds: float = DEADLINE) -> bytes:
        """Takes as many bytes as `enough` says of those that came; it answers 0 until they suffice."""
        count = 0

        def decided() -> bool:
            nonlocal count
            count = enough(self._held)
            return count > 0 or self._ended

        with self._changed:
            self._changed.wait_for(decided, seconds)
            if not count:
                end = "the line was closed" if self._ended else f"nothing more in {seconds:.0f} s"
                raise self._server.broken(f"waited for {what}, {end}, got {bytes(self._held[-200:])!r}")
            taken = bytes(self._held[:count])
            del self._held[:count]
            return taken

    def read_through(self, end: bytes, seconds: float = DEADLINE) -> bytes:
        """Everything up to and with `end`."""
        return self.wait_for(lambda held: held.find(end) + len(end) if end in held else 0, repr(end), seconds)

    def read_exactly(self, count: int, seconds: float = DEADLINE) -> bytes:
        return self.wait_for(lambda held: count if len(held) >= count else 0, f"{count} bytes", seconds)

    def read_pending(self) -> bytes:
        """What has come so far, without waiting."""
        with self._changed:
            taken = bytes(self._held)
            self._held.clear()
        return taken

    def close(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was quicker
        self._reader.join()
        self._connection.close()
