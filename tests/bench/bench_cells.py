"""Cells: CPU time and bytes a frame beside timg and chafa, and how long a key takes to reach the guest.

    python tests/bench/bench_cells.py [--columns 200] [--rows 56] [--no-keys]

The peers play the same clips on a terminal of the same size; what a frame costs is the difference of a long and a
short run, so that starting does not count.  timg's includes reading raw video frames, chafa's mapping raw image files.
A peer that is not installed is left out (Debian: timg, chafa).  Read ratios, not milliseconds; the goals are at most
1/4 of timg's CPU time and 1/15 of chafa's where everything changes, and 300 bytes for one character.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import pty
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from clips import CLIPS, HEIGHT, LONG, SHORT, WIDTH, xwd, y4m
from peers import Sink, peer

from spicetui.geometry import Point, Size
from spicetui.term import cells, fallback
from spicetui.term.cells import CellKind, CellPlane
from spicetui.term.scale import Mapping

LOOPS = cells.kernels if cells.COMPILED else fallback
LIKE = {"half": CellKind.HALF, "quarter": CellKind.QUADRANT, "quad": CellKind.QUADRANT, "sextant": CellKind.SEXTANT}


def ours(
    name: str, kind: CellKind, size: Size, sink: Sink, loops: object = LOOPS, quality: int = 0
) -> tuple[float, float]:
    """Milliseconds of CPU and bytes a frame, drawing and writing included."""
    cells._loops = loops
    plane = CellPlane(kind)
    plane.resize(size)
    plane.place(Mapping(Size(WIDTH, HEIGHT), size, kind.sub))
    plane.owned[:] = 1
    plane.quality = quality
    frames = ((pixels.copy(), damage) for pixels, damage in CLIPS[name](LONG))
    spent = written = 0.0
    for index, (pixels, damage) in enumerate(frames):
        start = time.thread_time()
        plane.draw(pixels, damage)
        data = plane.difference(Point(0, 0))
        os.write(sink.slave, data)
        if index >= SHORT:
            spent += time.thread_time() - start
            written += len(data)
    cells._loops = LOOPS
    return spent * 1000 / (LONG - SHORT), written / (LONG - SHORT)


def peers(name: str, size: Size, sink: Sink, folder: Path) -> Iterator[tuple[str, float, float]]:
    geometry = f"{size.width}x{size.height}"
    if shutil.which("timg"):
        for count in (LONG, SHORT):
            y4m(folder / f"{count}.y4m", CLIPS[name](count))
        for flag, label in (("-ph", "timg half"), ("-pq", "timg quarter")):
            base = ["timg", flag, f"-g{geometry}", "--loops=1", "-E"]
            runs = [peer([*base, str(folder / f"{count}.y4m")], sink) for count in (LONG, SHORT)]
            frames = LONG - SHORT
            yield label, (runs[0][0] - runs[1][0]) * 1000 / frames, (runs[0][1] - runs[1][1]) / frames
    if shutil.which("chafa"):
        files = []
        for index, (pixels, _) in enumerate(CLIPS[name](LONG)):
            files.append(str(folder / f"{index}.xwd"))
            xwd(Path(files[-1]), pixels)
        for symbols, label in (("vhalf", "chafa half"), ("quad", "chafa quad"), ("sextant", "chafa sextant")):
            base = ["chafa", "--format=symbols", f"--symbols={symbols}", f"--size={geometry}", "--colors=full"]
            base += ["--animate=off", "--duration=0"]
            runs = [peer([*base, *files[:count]], sink) for count in (LONG, SHORT)]
            frames = LONG - SHORT
            yield label, (runs[0][0] - runs[1][0]) * 1000 / frames, (runs[0][1] - runs[1][1]) / frames


KEY_APPS = {
    "ours": """
import asyncio, os, sys
sys.path[:0] = sys.argv[1:3]
from tui.fake_client import Desktop, FakeClient
from spicetui.geometry import Rect
from spicetui.tui.start import run_async
tasks = []
async def connect(driver, password):
    desktop = Desktop(1920, 1080)
    client = FakeClient(driver, desktop)
    client.inputs.key_down = lambda key: os.write(1, b"\\x1b]9;K\\x07")
    client.open()
    if sys.argv[3] == "video":
        async def play():
            import numpy
            noise = numpy.random.default_rng(1).integers(0, 256, (1080, 3840, 4), dtype=numpy.uint8)
            number = 0
            while True:
                number += 1
                desktop.surface.pixels[:] = noise[:, 7 * number % 1900:][:, :1920]
                client.refresh(Rect(0, 0, 1920, 1080))
                await asyncio.sleep(1 / 30)
        tasks.append(asyncio.create_task(play()))
    return client
sys.exit(asyncio.run(run_async(connect, title="bench")))
""",
    "textual": """
import os
from textual.app import App
class Keys(App):
    def on_key(self, event):
        os.write(1, b"\\x1b]9;K\\x07")
Keys().run()
""",
}


def key_latency(app: str, load: str, size: Size, count: int = 60) -> list[float]:
    """Milliseconds from a key's bytes to the guest's inputs (or Textual's handler), there and back on a pty."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", size.height + 1, size.width, 0, 0))
    paths = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]
    process = subprocess.Popen(
        [sys.executable, "-c", KEY_APPS[app], *paths, load], stdin=slave, stdout=slave, stderr=slave,
        env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    times: list[float] = []
    try:
        answer(master, process, seconds=4.0)
        for _ in range(count):
            start = time.perf_counter()
            os.write(master, b"a")
            if not answer(master, process, seconds=2.0, mark=b"\x1b]9;K\x07"):
                break
            times.append((time.perf_counter() - start) * 1000)
            answer(master, process, seconds=0.04)
    finally:
        process.terminate()
        answer(master, process, seconds=5.0)
        process.wait()
        os.close(master)
        os.close(slave)
    return times


def answer(master: int, process: subprocess.Popen[bytes], seconds: float, mark: bytes | None = None) -> bool:
    """Reads for so long, or until *mark* comes or the process ends; answers status reports."""
    end = time.perf_counter() + seconds
    tail = b""
    while (rest := end - time.perf_counter()) > 0 and process.poll() is None:
        if not select.select([master], [], [], min(rest, 0.5))[0]:
            continue
        data = os.read(master, 1 << 16)
        for _ in range(data.count(b"\x1b[5n")):
            os.write(master, b"\x1b[0n")
        tail = tail[-16:] + data
        if mark is not None and mark in tail:
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--rows", type=int, default=56)
    parser.add_argument("--no-keys", action="store_true", help="without how long keys take")
    arguments = parser.parse_args()
    size = Size(arguments.columns, arguments.rows)
    sink = Sink(*size)
    kernels = "compiled" if cells.COMPILED else "interpreted"
    print(f"{WIDTH}x{HEIGHT} on {size.width}x{size.height} cells; kernels {kernels}")
    print(f"{'clip':8} {'program':22} {'ms':>8} {'KB':>8}   ours / its: CPU  bytes")
    for name in CLIPS:

        def row(label: str, spent: float, count: float, rest: str = "", clip: str = name) -> None:
            print(f"{clip:8} {label:22} {spent:8.2f} {count / 1000:8.2f}   {rest}")

        mine: dict[CellKind, tuple[float, float]] = {}
        for kind in CellKind:
            mine[kind] = ours(name, kind, size, sink)
            row(f"ours {kind.value}", *mine[kind])
        row("ours quadrant, numpy", *ours(name, CellKind.QUADRANT, size, sink, fallback))
        for quality in range(1, CellPlane.quality_steps):
            row(f"ours quadrant, step {quality}", *ours(name, CellKind.QUADRANT, size, sink, quality=quality))
        with tempfile.TemporaryDirectory() as folder:
            for label, spent, count in peers(name, size, sink, Path(folder)):
                own = mine[LIKE[label.split()[1]]]
                row(label, spent, count, f"{own[0] / spent:12.3f} {own[1] / max(count, 1):8.2f}")
    if arguments.no_keys:
        return
    print("\nkey to guest, median and 90th percentile (ms)")
    for app, load in (("ours", "idle"), ("ours", "video"), ("textual", "idle")):
        times = sorted(key_latency(app, load, size))
        if times:
            middle, late = statistics.median(times), times[int(0.9 * len(times))]
            print(f"{app:8} {load:8} {middle:8.2f} {late:8.2f}  ({len(times)} keys)")


if __name__ == "__main__":
    main()
