"""Cells: CPU time and bytes a frame beside timg and chafa, and how long a key takes to reach the guest.

    python tests/bench/bench_cells.py [--columns 200] [--rows 56]

The peers play the same clips on a terminal of the same size; what a frame costs is the difference of a long and a
short run, so that starting does not count.  timg's includes reading raw video frames, chafa's mapping raw image files.
A peer that is not installed is left out (Debian: timg, chafa).  Read ratios, not milliseconds.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import pty
import resource
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from tui.fake_client import Desktop

from spicetui.geometry import Point, Rect, Size
from spicetui.term import _kernels, cells, fallback
from spicetui.term.cells import CellKind, CellPlane
from spicetui.term.scale import Mapping

WIDTH, HEIGHT = 1920, 1080
LONG, SHORT = 24, 4
Frame = tuple[np.ndarray, list[Rect]]


def typing(count: int) -> Iterator[Frame]:
    """One character a frame."""
    desktop = Desktop(WIDTH, HEIGHT)
    yield desktop.surface.pixels, [Rect(0, 0, WIDTH, HEIGHT)]
    for _ in range(count - 1):
        yield desktop.surface.pixels, [desktop.type_character()]


def scroll(count: int) -> Iterator[Frame]:
    """A screen of code that moves up by a line a frame."""
    lines = Path(cells.__file__).read_text().splitlines() * 2
    page = Image.new("RGB", (WIDTH, HEIGHT + 20 * count), (30, 30, 36))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(17)
    for index in range(page.height // 20):
        color = ((200, 200, 190), (120, 200, 140), (130, 160, 230), (220, 160, 90))[index % 4]
        draw.text((20, 20 * index), lines[index % len(lines)], color, font=font)
    pixels = np.zeros((page.height, WIDTH, 4), np.uint8)
    pixels[:, :, :3] = np.asarray(page)[:, :, ::-1]
    for index in range(count):
        yield np.ascontiguousarray(pixels[20 * index : 20 * index + HEIGHT]), [Rect(0, 0, WIDTH, HEIGHT)]


def video(count: int) -> Iterator[Frame]:
    """Everything changes, with noise: the worst case."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    noise = random.normal(0, 4, (HEIGHT, WIDTH, 4)).astype(np.float32)
    for index in range(count):
        base = np.stack(
            [128 + 100 * np.sin((x + 37 * index) / (240 + 90 * c) + y / (200 + 70 * c)) for c in range(4)], axis=2
        )
        yield (base + np.roll(noise, 13 * index, axis=1)).clip(0, 255).astype(np.uint8), [Rect(0, 0, WIDTH, HEIGHT)]


CLIPS = {"typing": typing, "scroll": scroll, "video": video}


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


def ours(name: str, kind: CellKind, size: Size, sink: Sink, loops: object) -> tuple[float, float]:
    """Milliseconds of CPU and bytes a frame, drawing and writing included."""
    cells._loops = loops
    plane = CellPlane(kind)
    plane.resize(size)
    plane.place(Mapping(Size(WIDTH, HEIGHT), size, kind.sub))
    plane.owned[:] = 1
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
    cells._loops = _kernels if _kernels.COMPILED else fallback
    return spent * 1000 / (LONG - SHORT), written / (LONG - SHORT)


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


def y4m(path: Path, frames: Iterator[Frame]) -> None:
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F1000:1 Ip A1:1 C444\n" % (WIDTH, HEIGHT))
        for pixels, _ in frames:
            planes = np.asarray(Image.fromarray(pixels[:, :, 2::-1].copy()).convert("YCbCr"))
            file.write(b"FRAME\n" + planes.transpose(2, 0, 1).tobytes())


def xwd(path: Path, pixels: np.ndarray) -> None:
    head: tuple[int, ...] = (*(107, 7, 2, 24, WIDTH, HEIGHT, 0, 0, 32, 0, 32, 32, 4 * WIDTH, 4), 0xFF0000, 0xFF00, 0xFF)
    head = (*head, *(8, 0, 0, WIDTH, HEIGHT, 0, 0, 0))
    path.write_bytes(struct.pack(">25I", *head) + b"picture" + (pixels | np.array([0, 0, 0, 255], np.uint8)).tobytes())


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
        for symbols, label in (("vhalf", "chafa half"), ("quad", "chafa quad")):
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
    arguments = parser.parse_args()
    size = Size(arguments.columns, arguments.rows)
    sink = Sink(*size)
    kernels = "compiled" if _kernels.COMPILED else "interpreted"
    print(f"{WIDTH}x{HEIGHT} on {size.width}x{size.height} cells; kernels {kernels}")
    print(f"{'clip':8} {'program':22} {'ms':>8} {'KB':>8}   ours / its: CPU  bytes")
    for name in CLIPS:
        mine: dict[str, tuple[float, float]] = {}
        for kind in CellKind:
            mine[kind.value] = ours(name, kind, size, sink, _kernels if _kernels.COMPILED else fallback)
            print(f"{name:8} {'ours ' + kind.value:22} {mine[kind.value][0]:8.2f} {mine[kind.value][1] / 1000:8.2f}")
        spent, count = ours(name, CellKind.QUADRANT, size, sink, fallback)
        print(f"{name:8} {'ours quadrant, numpy':22} {spent:8.2f} {count / 1000:8.2f}")
        with tempfile.TemporaryDirectory() as folder:
            for label, spent, count in peers(name, size, sink, Path(folder)):
                own = mine["half" if "half" in label else "quadrant"]
                ratio = f"{own[0] / spent:12.3f} {own[1] / max(count, 1):8.2f}"
                print(f"{name:8} {label:22} {spent:8.2f} {count / 1000:8.2f}   {ratio}")
    print("\nkey to guest, median and 90th percentile (ms)")
    for app, load in (("ours", "idle"), ("ours", "video"), ("textual", "idle")):
        times = sorted(key_latency(app, load, size))
        if times:
            middle, late = statistics.median(times), times[int(0.9 * len(times))]
            print(f"{app:8} {load:8} {middle:8.2f} {late:8.2f}  ({len(times)} keys)")


if __name__ == "__main__":
    main()
