"""Full-motion video over a slow line: pictures a second and their age, with the quality ladder and without.

    python tests/bench/bench_link.py [--rate 1000000] [--trip 0.02] [--seconds 8]

The app shows a client whose whole desktop changes 30 times a second, on a pty whose other end is a line of that rate
(bytes a second) and round trip, with as much buffer in between as ssh and TCP have: the program never has to wait for
it.  *age*: from taking the picture from the framebuffer to the last byte of it leaving the line.  Goals at 1 MB/s and
20 ms: at least 10 pictures a second, at most 150 ms old.  Also how long a key takes to reach the client meanwhile.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import statistics
import struct
import sys
import termios
import threading
import time
from collections import deque
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from tui.fake_client import Desktop, FakeClient

from spicetui.geometry import Rect
from spicetui.term.pacing import Pacing
from spicetui.tui.app import SpiceApp
from spicetui.tui.link import Link
from spicetui.tui.settings import Settings
from spicetui.tui.start import run_app

COLUMNS, ROWS = 200, 57
CELL = 8, 16
WIDTH, HEIGHT = 1920, 1080

KITTY = (
    b"\x1b[?0u\x1b[?2026;2$y\x1bP>|kitty(0.26.5)\x1b\\\x1b[6;16;8t\x1b_Gi=1572929505;OK\x1b\\"
    b"\x1b_Gi=1572929506;EBADF\x1b\\\x1b_Gi=1572929507,r=1;OK\x1b\\\x1b[?62;c"
)
SIXEL = b"\x1b[?2026;2$y\x1b[?1;0;256S\x1b[6;16;8t\x1b[?62;4c"
CELLS = b"\x1b[?0u\x1b[?2026;2$y\x1b[6;16;8t\x1b[?62;c"


class Line:
    """A terminal that shows nothing, behind a line; it answers what it is asked at the start, and status reports."""

    def __init__(self, rate: float, trip: float, answers: bytes) -> None:
        self.rate, self.trip, self.first = rate, trip, answers
        self.master, self.slave = pty.openpty()
        ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, COLUMNS * CELL[0], ROWS * CELL[1]))
        self.shown: list[float] = []  # when each frame was read to its end
        self.bytes = 0
        self._queue: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._open = True
        self._answers: deque[tuple[float, bytes]] = deque()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._buffer, self._carry, self._reply)]
        for thread in self._threads:
            thread.start()

    def _buffer(self) -> None:
        with suppress(OSError):
            while data := os.read(self.master, 1 << 16):
                with self._ready:
                    self._queue.append(data)
                    self._ready.notify_all()

    def _carry(self) -> None:
        tail = b""
        free = time.monotonic()
        while True:
            with self._ready:
                while not self._queue and self._open:
                    self._ready.wait()
                if not self._open:
                    return
                data = self._queue.popleft()
            free = max(free, time.monotonic()) + len(data) / self.rate
            time.sleep(max(0.0, free - time.monotonic()))
            self.bytes += len(data)
            seen = tail + data
            now = time.monotonic()
            if b"\x1b[c" in seen:
                self._answer(now, self.first)
            for _ in range(seen.count(b"\x1b[5n")):
                self.shown.append(now)
                self._answer(now, b"\x1b[0n")
            tail = seen[-3:]  # shorter than what is looked for

    def _answer(self, now: float, data: bytes) -> None:
        with self._ready:
            self._answers.append((now + self.trip, data))
            self._ready.notify_all()

    def _reply(self) -> None:
        while True:
            with self._ready:
                while not self._answers and self._open:
                    self._ready.wait()
                if not self._open:
                    return
                due, data = self._answers.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            with suppress(OSError):
                os.write(self.master, data)

    def close(self) -> None:
        with self._ready:
            self._open = False
            self._ready.notify_all()
        os.close(self.slave)
        os.close(self.master)


class Video(Desktop):
    """A moving gradient under noise: the worst that a camera's picture can be."""

    def __init__(self) -> None:
        super().__init__(WIDTH, HEIGHT)
        random = np.random.default_rng(1)
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        base = np.stack(((x + y) / 12 % 256, x / 8 % 256, y / 5 % 256, x * 0), axis=2)
        noise = [random.normal(0, 4, (HEIGHT, WIDTH, 1)) for _ in range(3)]
        self.pictures = [
            np.clip(np.roll(base, 40 * n, axis=1) + noise[n % 3], 0, 255).astype(np.uint8) for n in range(12)
        ]

    def step(self) -> Rect:
        self.count += 1
        self.surface.pixels[:] = self.pictures[self.count % len(self.pictures)]
        return Rect(0, 0, WIDTH, HEIGHT)


async def measure(name: str, answers: bytes, graphics: str, ladder: bool, options: argparse.Namespace) -> list[str]:
    os.environ["SSH_CONNECTION"] = "bench"
    line = Line(options.rate, options.trip, answers)
    desktop = Video()
    clients: list[FakeClient] = []

    async def connect(driver: Any, password: str | None) -> Any:
        client = FakeClient(driver, desktop)
        clients.append(client)
        client.open()
        return client

    taken: list[float] = []
    link = Link(0)
    app = SpiceApp(
        link,
        connect,
        asyncio.ensure_future(connect(link, None)),
        Settings("bench", graphics=graphics),
        terminal=(line.slave, line.slave),
    )
    presenter: Any = app.view.presenter
    _count_frames(presenter, taken, ladder)
    running = asyncio.create_task(run_app(app))
    loop = asyncio.get_running_loop()
    started = loop.time()
    keys: list[float] = []
    sent = [0.0]

    def key_arrived() -> None:
        if sent[0]:
            keys.append(time.monotonic() - sent[0])
            sent[0] = 0.0

    begun, next_key = 0, started + options.seconds / 2
    while loop.time() - started < options.seconds:
        if clients:
            clients[-1].inputs.notify = key_arrived
            clients[-1].refresh(desktop.step())
        if loop.time() - started > options.seconds / 2:  # by now the quality has found its place
            begun = begun or len(line.shown)
            if loop.time() > next_key and not sent[0]:
                next_key = loop.time() + 0.2
                sent[0] = time.monotonic()
                os.write(line.master, b"a")
        await asyncio.sleep(1 / 30)
    counted = len(line.shown)
    ages = [shown - drawn for drawn, shown in zip(taken[begun:counted], line.shown[begun:counted], strict=False)]
    step = presenter.pacing.step
    plane = type(app.view.plane).__name__
    app.leave()
    try:
        await asyncio.wait_for(running, 20)
    finally:
        line.close()
    rate = (counted - begun) / (options.seconds / 2)
    age = statistics.median(ages) * 1000 if ages else float("nan")
    worst = max(ages) * 1000 if ages else float("nan")
    key = statistics.median(keys) * 1000 if keys else float("nan")
    size = line.bytes / max(len(line.shown), 1) / 1000
    return [name, plane, f"{rate:.1f}", f"{age:.0f}", f"{worst:.0f}", f"{size:.0f}", str(step), f"{key:.1f}"]


def _count_frames(presenter: Any, taken: list[float], ladder: bool) -> None:
    """Has *taken* filled with when the picture of each frame was taken."""
    view = presenter.view
    draw, send, change = view.draw, presenter._send, presenter.change
    drawn = [0.0]

    def drawing() -> None:
        drawn[0] = time.monotonic()
        draw()

    def sending(*arguments: Any) -> None:
        taken.append(drawn[0])
        send(*arguments)

    def changing(old: Any) -> None:
        change(old)
        if not ladder:
            presenter.pacing = Pacing(1)

    view.draw, presenter._send, presenter.change = drawing, sending, changing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1e6)
    parser.add_argument("--trip", type=float, default=0.02)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    rows = [["backend", "plane", "fps", "age ms", "worst", "KB/frame", "quality", "key ms"]]
    for name, answers, graphics in (
        ("quadrants", CELLS, "quadrant"),
        ("half blocks", CELLS, "half"),
        ("kitty, remote", KITTY, "kitty"),
        ("sixel", SIXEL, "sixel"),
    ):
        for ladder in (True, False):
            title = name if ladder else f"{name}, no ladder"
            rows.append(asyncio.run(measure(title, answers, graphics, ladder, options)))
    print(
        f"{options.rate / 1e6:g} MB/s, {options.trip * 1000:g} ms round trip, "
        f"{WIDTH}x{HEIGHT} video on {COLUMNS}x{ROWS}"
    )
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        print("  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
