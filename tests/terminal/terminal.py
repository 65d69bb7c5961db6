"""A terminal in a pty: shows what is written to it with pyte, answers what it is asked, and keeps count of modes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading
from collections.abc import Callable
from typing import Any

import pyte

TIMEOUT = 20.0

# What pyte does not know: private sequences other than modes, DECRQM, control strings.
_SEQUENCE = re.compile(
    rb"\x1b\[(?P<private>[<>=?])(?P<args>[\d;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b\[(?P<plain>[\d;]*)(?P<kind>[cntu])"
    rb"|\x1b(?P<string>[\]P_^X])(?P<body>[^\x07\x1b]*)(?:\x07|\x1b\\)"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]P_^X][^\x07\x1b]*(?:\x1b)?)?\Z")


class Terminal:
    """`kitty`: has the keyboard protocol.  `acknowledges`: answers status reports.  Use within a running loop."""

    def __init__(
        self,
        columns: int = 80,
        rows: int = 24,
        *,
        kitty: bool = True,
        acknowledges: bool = True,
        synchronized: bool = True,
        cell: tuple[int, int] = (8, 16),
    ) -> None:
        self.kitty = kitty
        self.acknowledges = acknowledges
        self.synchronized = synchronized
        self.cell = cell
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._rest = b""
        self.modes: dict[int, bool] = {}
        self.keyboard: list[int] = []
        self.title = ""
        self.received = bytearray()
        self.withheld = 0  # acknowledgements that were not given
        self._changed = asyncio.Event()
        self.lock = threading.RLock()
        self.resize(columns, rows)
        self.settings = termios.tcgetattr(self.slave)
        self._loop = asyncio.get_running_loop()
        self._stop, self._stopped = os.pipe()
        # Not on the loop: the app stops it for a moment when it leaves, and then still wants answers.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        width, height = self.cell
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, columns * width, rows * height))

    def _end_reading(self) -> None:
        if self._stopped >= 0:
            os.close(self._stopped)
            self._stopped = -1
            self._thread.join()
            os.close(self._stop)

    def close(self) -> None:
        self._end_reading()
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def stall(self) -> None:
        """Reads nothing any more, and takes nothing either."""
        self._end_reading()
        fd = os.open(os.ttyname(self.slave), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, bytes(1024))
        os.close(fd)

    def hang_up(self) -> None:
        self._end_reading()
        os.close(self.master)

    @property
    def text(self) -> str:
        with self.lock:
            return "\n".join(self.screen.display)

    def cell_at(self, x: int, y: int) -> tuple[str, str, str]:
        """Character, foreground and background (``rrggbb`` or a name)."""
        char = self.screen.buffer[y][x]
        return char.data, char.fg, char.bg

    def changed(self) -> None:
        """Somebody waiting should look again."""
        self._changed.set()

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Waits for output (or :meth:`changed`) until *condition* holds."""
        async with asyncio.timeout(TIMEOUT) as limit:
            try:
                while True:
                    self._changed.clear()
                    with self.lock:
                        if condition():
                            return
                    with contextlib.suppress(TimeoutError):  # what is waited for need not be output
                        await asyncio.wait_for(self._changed.wait(), 0.05)
            except asyncio.CancelledError:
                if limit.expired():
                    raise AssertionError(f"never: {what or condition}\n{self.text}") from None
                raise

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self.master, self._stop], [], [])
            if self._stop in ready:
                return
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                data = b""
            with self.lock:
                self.feed(data)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._changed.set)
            if not data:
                return

    def feed(self, data: bytes) -> None:
        self.received += data
        data = self._rest + data
        unfinished = _UNFINISHED.search(data)
        end = unfinished.start() if unfinished else len(data)
        self._rest = data[end:]
        position = 0
        for match in _SEQUENCE.finditer(data, 0, end):
            self._stream.feed(data[position : match.start()])
            position = match.end()
            if match["private"]:
                self._private(match)
            elif match["kind"]:
                self._plain(match["plain"], match["kind"])
            elif match["string"] == b"]" and match["body"].startswith(b"2;"):
                self.title = match["body"][2:].decode()
        self._stream.feed(data[position:end])

    def _private(self, match: re.Match[bytes]) -> None:
        mark, args, final = match["private"], match["args"], match["final"]
        if mark == b"?" and final in b"hl" and not match["between"]:
            for number in args.split(b";"):
                self.modes[int(number)] = final == b"h"
        elif mark == b"?" and final == b"p":
            known = int(args) in (2026,) and self.synchronized
            self.answer(b"\x1b[?%s;%d$y" % (args, 2 if known else 0))
        elif mark == b"?" and final == b"u" and self.kitty:
            self.answer(b"\x1b[?%du" % (self.keyboard[-1] if self.keyboard else 0))
        elif mark == b">" and final == b"u" and self.kitty:
            self.keyboard.append(int(args))
        elif mark == b"<" and final == b"u" and self.keyboard:
            self.keyboard.pop()
        elif mark == b">" and final == b"q":
            self.answer(b"\x1bP>|test terminal(1.0)\x1b\\")

    def _plain(self, args: bytes, kind: bytes) -> None:
        if kind == b"c":
            self.answer(b"\x1b[?62;22c")
        elif kind == b"n" and args == b"5":
            if self.acknowledges:
                self.answer(b"\x1b[0n")
            else:
                self.withheld += 1
        elif kind == b"t" and args == b"16":
            self.answer(b"\x1b[6;%d;%dt" % (self.cell[1], self.cell[0]))

    def answer(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self.master, data)
