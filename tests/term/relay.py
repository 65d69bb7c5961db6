"""A program that puts its terminal at the other end of a socket, wherever it is run."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import time
from pathlib import Path

from spicetui.geometry import Size

TIMEOUT = 20.0

_PROGRAM = """
import fcntl, os, select, socket, struct, sys, termios, tty
tty.setraw(0)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.sendall(fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
while True:
    for end in select.select([0, link], [], [])[0]:
        data = os.read(0, 1 << 16) if end == 0 else link.recv(1 << 16)
        if not data:
            sys.exit()
        if end == 0:
            link.sendall(data)
        while end != 0 and data:
            data = data[os.write(1, data):]
"""


class Relay:
    """*command* is to be run in the terminal; what it is then, :meth:`accept` learns."""

    def __init__(self, folder: Path, ends: contextlib.ExitStack) -> None:
        path = str(folder / "tty")
        self._ends = ends
        self._listener = ends.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.settimeout(TIMEOUT)
        self._listener.bind(path)
        self._listener.listen()
        self.command = [sys.executable, "-c", _PROGRAM, path]

    def accept(self) -> None:
        self._link = self._ends.enter_context(self._listener.accept()[0])
        self._link.settimeout(TIMEOUT)
        rows, columns, width, height = struct.unpack("4H", self._link.recv(8))
        self.size = Size(columns, rows)
        self.cell_px = Size(width // columns, height // rows)

    def write(self, data: bytes) -> None:
        self._link.sendall(data)

    def read(self, seconds: float = TIMEOUT) -> bytes:
        """What the terminal has to say next."""
        return self._link.recv(1 << 16) if select.select([self._link], [], [], seconds)[0] else b""

    def finish(self) -> bytes:
        """What the terminal answers until it has read everything."""
        self.write(b"\x1b[5n")
        end = time.monotonic() + TIMEOUT
        answers = b""
        while b"\x1b[0n" not in answers:
            answers += self.read(max(0.0, end - time.monotonic()))
            assert time.monotonic() < end, f"no report: {answers!r}"
        return answers.replace(b"\x1b[0n", b"")
