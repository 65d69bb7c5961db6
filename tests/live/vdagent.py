"""The guest agent of Linux guests, spice-vdagentd and spice-vdagent, on this machine beside an Xspice server.

Xspice has a unix socket where a guest has its virtio port, and a pipe in the place of uinput; the daemon runs without
the session integration that a container has not.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import spicetui
from spicetui.errors import AgentError

from . import needs
from .process import DEADLINE, Process
from .xspice import Xspice

POLL = threading.Event()

ANSWER_SECONDS = 5.0


#: A shell that mounts a file system of $1 bytes on the folder $2, seen by nobody else, and runs the rest there.
SMALL_DISK = 'mount -t tmpfs -o size="$1" small "$2" && shift 2 && exec "$@"'

#: A shell that lets nobody write a file of more than $1 KiB, and runs the rest.
SMALL_FILES = 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"'


def own_mounts(folder: Path) -> list[str]:
    """What lets a program mount a file system that only it sees; empty where that is not allowed."""
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        trial = [*words, "sh", "-c", SMALL_DISK, "sh", "65536", str(folder), "true"]
        if subprocess.run(trial, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return words
    return []


class VdAgent:
    """Both programs, from :meth:`start` on; files go to `folder`.

    *disk*: bytes of a disk of its own for them; where none can be mounted, no file may be larger than half of it.
    """

    def __init__(self, server: Xspice, *, disk: int = 0) -> None:
        self.server = server
        self.disk = disk
        self._folder = server.directory / "received"
        self._folder.mkdir()
        self.mounts = own_mounts(self._folder) if disk else []
        self.daemon: Process
        self.session: Process

    @property
    def folder(self) -> Path:
        """As it is seen from here."""
        if not self.mounts:
            return self._folder
        return Path(f"/proc/{self.session.pid}/root{self._folder}")

    def _on_disk(self) -> list[str]:
        if not self.disk:
            return []
        if self.mounts:
            return [*self.mounts, "sh", "-c", SMALL_DISK, "sh", str(self.disk), str(self._folder)]
        return ["bash", "-c", SMALL_FILES, "bash", str(self.disk >> 11)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.stop()
        self.daemon.stop()

    def start(self) -> None:
        directory, environment = self.server.directory, self.server.environment
        socket, port = directory / "vdagentd", str(directory / "virtio")
        socket.unlink(missing_ok=True)
        self.daemon = Process(
            [
                needs.program("spice-vdagentd"), "-x", "-X", "-f", "-S", str(socket), "-s", port,
                "-u", str(directory / "uinput"),
            ],
            directory / "vdagentd.log",
            environment,
        )  # fmt: skip
        until = time.monotonic() + DEADLINE
        while not socket.exists():
            if not self.daemon.running or time.monotonic() > until:
                raise self.daemon.broken("no socket")
            POLL.wait(0.01)
        self.session = Process(
            [
                *self._on_disk(), needs.program("spice-vdagent"), "-x", "-S", str(socket), "-s", port,
                "-f", str(self._folder), "-o", "0",
            ],
            directory / "vdagent.log",
            environment,
        )  # fmt: skip

    def kill(self) -> None:
        """Both end without a word, as when a guest is reset."""
        self.daemon.kill()
        self.session.kill()

    async def start_next(self, client: spicetui.Client) -> None:
        """Starts another one, until the client hears it.

        Xspice 0.1.5 at times reads nothing of an agent that follows one that was killed, whatever the client does; of
        the one after that it does.
        """
        for _ in range(4):
            self.start()
            try:
                await client.main.wait_agent(ANSWER_SECONDS)
            except AgentError:
                self.kill()
            else:
                return
        raise self.daemon.broken("no agent is heard")

    # --- the user of the guest

    def copy(self, data: bytes, *, selection: str = "clipboard", type: str = "UTF8_STRING") -> None:
        """Something is copied in the guest; the program that has it stays behind."""
        path = self.server.directory / "copied"
        path.write_bytes(data)
        words = [needs.program("xclip"), "-i", "-selection", selection, "-t", type, str(path)]
        subprocess.run(
            words, env=self.server.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )

    def owner(self, data: bytes) -> Process:
        """A program that has copied some text; when it ends, the clipboard is empty."""
        path = self.server.directory / "owned"
        path.write_bytes(data)
        return self.server.start(["xclip", "-i", "-quiet", "-selection", "clipboard", "-t", "UTF8_STRING", str(path)])

    def paste(self, *, selection: str = "clipboard", type: str = "UTF8_STRING") -> bytes | None:
        """What a program in the guest gets; None when there is nothing of that type."""
        words = [needs.program("xclip"), "-o", "-selection", selection, "-t", type]
        done = subprocess.run(words, env=self.server.environment, capture_output=True, timeout=DEADLINE, check=False)
        return done.stdout if done.returncode == 0 else None

    def offered(self, *, selection: str = "clipboard") -> set[str]:
        """The types in which a program in the guest could get it."""
        return set((self.paste(selection=selection, type="TARGETS") or b"").decode().split())
