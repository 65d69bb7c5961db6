"""Other programs on a terminal that counts what it is sent."""

from __future__ import annotations

import os
import pty
import resource
import select
import struct
import subprocess
import termios
import threading
from fcntl import ioctl


class Sink:
    """A terminal that only counts what it is sent."""

    def __init__(self, columns: int, rows: int) -> None:
        self.master, self.slave = pty.openpty()
        settings = termios.tcgetattr(self.slave)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(self.slave, termios.TCSANOW, settings)
        ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, columns * 8, rows * 16))
        self.bytes = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            self.bytes += len(data)


def settle(sink: Sink) -> int:
    """The count once everything has been read."""
    before = -1
    while before != sink.bytes:
        before = sink.bytes
        select.select([], [], [], 0.05)
    return before


def peer(command: list[str], sink: Sink) -> tuple[float, int]:
    """Seconds of CPU and bytes of a run."""
    before = settle(sink)
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=sink.slave, stderr=subprocess.DEVNULL, check=True,
        env=os.environ | {"COLORTERM": "truecolor", "TERM": "xterm-256color"},
    )  # fmt: skip
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    return spent, settle(sink) - before
