"""Asking a terminal what it can do: one write, and its answers until the last one or until the time is up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from ..geometry import Size
from .caps import PROBE_SECONDS, Caps
from .tokenizer import Reply, Tokenizer

_SHARED = "/dev/shm"  # the one place under /dev that terminals read images from


class ProbeFile:
    """A file of one pixel: whether the terminal reads it tells that it is on this machine."""

    def __init__(self) -> None:
        self.path = ""
        with contextlib.suppress(OSError):
            fd, self.path = tempfile.mkstemp(
                prefix="spicetui-probe-", dir=_SHARED if os.access(_SHARED, os.W_OK) else None
            )
            try:
                os.write(fd, bytes(3))
            finally:
                os.close(fd)

    def remove(self) -> None:
        path, self.path = self.path, ""
        if path:
            with contextlib.suppress(OSError):
                Path(path).unlink()


def probe(source: int, output: int, caps: Caps, seconds: float = PROBE_SECONDS) -> tuple[Caps, float | None]:
    """What the terminal behind two file descriptors answers, and after how long; None when it did not in *seconds*.

    Raises OSError or termios.error when they are no terminal's.
    """
    tokenizer = Tokenizer()
    file = ProbeFile()
    try:
        with _raw(source):
            started = time.monotonic()
            os.write(output, caps.queries(file.path))
            while (left := started + seconds - time.monotonic()) > 0:
                if not select.select([source], [], [], left)[0]:
                    break
                for event in tokenizer.feed(os.read(source, 1 << 14)):
                    if isinstance(event, Reply):
                        caps = caps.learn(event)
                if caps.answered:
                    return caps, time.monotonic() - started
    finally:
        file.remove()
    return caps, None


def cell_px(terminal: int, size: Size, caps: Caps) -> Size | None:
    """A cell in pixels, on a terminal of *size* cells: the kernel knows it of most, others tell when asked."""
    with contextlib.suppress(OSError):
        reply = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("4H", reply)
        if columns and rows and width >= columns and height >= rows:
            return Size(width // columns, height // rows)
    if caps.cell_px is not None:
        return caps.cell_px
    if caps.text_px is not None and size.width and size.height:
        return Size(max(1, caps.text_px.width // size.width), max(1, caps.text_px.height // size.height))
    return None


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    before = termios.tcgetattr(fd)
    raw = termios.tcgetattr(fd)
    raw[3] &= ~(termios.ECHO | termios.ICANON)
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, raw)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)  # what comes too late is not typed into the shell
