"""Kitty graphics: CPU time and bytes a frame, beside timg and one shared-memory object per tile; kitty's own time.

    python tests/bench/bench_kitty.py [--columns 200] [--rows 52] [--no-kitty]

"sent" is what it takes from the picture in the view's pixels to bytes written; scaling to it comes first and is the
same for all, but is part of timg's time, and so is reading raw video.  The objects are what a terminal deletes after
reading them: one for each tile of 128 pixels that has changed, packed by the same loop as ours.  Kitty's time is until
it answers a status report; it runs under Xvfb and draws in software.  What is not installed is left out (Debian: timg,
kitty, xvfb).  Read ratios, not milliseconds.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import mmap
import os
import shutil
import statistics
import sys
import tempfile
import time
import zlib
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from clips import CLIPS, HEIGHT, LONG, SHORT, WIDTH, y4m
from peers import Sink, peer
from term.kitty_window import KittyWindow

from spicetui.geometry import Point, Rect, Size
from spicetui.term import _packing, packing, payloads
from spicetui.term.kitty import KittyPlane
from spicetui.term.pixels import PixelPlane
from spicetui.term.scale import Mapping

CELL = Size(8, 16)
FRAMES = LONG - SHORT
WAYS: dict[str, tuple[dict[str, bool], int]] = {
    "files": ({"shared_files": True}, 0),
    "line": ({}, 0),
    "line, 5 bits": ({}, payloads.FIVE_BITS),
    "line, palette": ({}, payloads.PALETTE),
    "line, half": ({}, payloads.HALF),
    "line, whole images": ({"edits": False}, 0),
}


def frames(name: str, plane: PixelPlane, size: Size, cell: Size = CELL) -> Iterator[int]:
    """Draws a clip into a plane of which every cell is ours; gives the frames' numbers."""
    plane.resize(size, cell)
    plane.place(Mapping(Size(WIDTH, HEIGHT), size, plane.sub, cell_px=cell))
    plane.owned[:] = 1
    for index, (pixels, damage) in enumerate(CLIPS[name](LONG)):
        plane.draw(pixels.copy(), damage)
        yield index


def ours(name: str, way: str, size: Size, sink: Sink) -> tuple[float, float]:
    """Milliseconds of CPU (median) and bytes a frame."""
    options, quality = WAYS[way]
    plane = KittyPlane(**options)
    spent: list[float] = []
    written = 0
    for index in frames(name, plane, size):
        plane.quality = quality
        start = time.thread_time()
        update = plane.update(Point(0, 0))
        data = b"".join(update.encode()) if update is not None else b""
        os.write(sink.slave, data)
        if index >= SHORT:
            spent.append(time.thread_time() - start)
            written += len(data)
        if update is not None:
            plane.acknowledged(update)
    plane.close()
    return statistics.median(spent) * 1000, written / FRAMES


class Objects(PixelPlane):
    """A shared-memory object for each tile of 128 pixels that has changed."""

    erased_by_text = False

    def update(self, origin: Point) -> None:
        return None

    def send(self, number: int) -> tuple[bytes, list[str]]:
        across, down = self.cell_px
        columns, rows = 128 // across, 128 // down
        written, names = [], []
        for y in range(0, self.size.height, rows):
            for x in range(0, self.size.width, columns):
                marks = self.dirty[y : y + rows, x : x + columns]
                if not marks.any():
                    continue
                area = Rect(x * across, y * down, marks.shape[1] * across, marks.shape[0] * down)
                name = f"/spicetui-bench-{os.getpid()}-{number}-{x}-{y}"
                handle = os.open("/dev/shm" + name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                os.ftruncate(handle, 4 * area.area)
                with mmap.mmap(handle, 4 * area.area) as room, memoryview(room) as view:
                    packing.pack_rgba(self.wanted, area, view)
                os.close(handle)
                names.append("/dev/shm" + name)
                path = b2a_base64(name.encode(), newline=False)
                keys = b"a=T,i=%d,p=1,t=s,f=32,s=%d,v=%d,C=1,q=2" % (y * 1000 + x + 1, area.width, area.height)
                written.append(self.place_cursor(Point(0, 0), x, y) + b"\x1b_G%b;%b\x1b\\" % (keys, path))
        self.dirty.fill(0)
        return b"".join(written), names


def objects(name: str, size: Size, sink: Sink) -> tuple[float, float]:
    plane = Objects()
    spent: list[float] = []
    written = 0
    for index in frames(name, plane, size):
        start = time.thread_time()
        data, names = plane.send(index)
        os.write(sink.slave, data)
        if index >= SHORT:
            spent.append(time.thread_time() - start)
            written += len(data)
        for path in names:
            os.unlink(path)
    return statistics.median(spent) * 1000, written / FRAMES


def timg(name: str, size: Size, sink: Sink, folder: Path) -> tuple[float, float]:
    runs = []
    for count in (LONG, SHORT):
        y4m(folder / "clip.y4m", CLIPS[name](count))
        command = ["timg", "-pk", f"-g{size.width}x{size.height}", "--loops=1", "-E", str(folder / "clip.y4m")]
        runs.append(peer(command, sink))
    return (runs[0][0] - runs[1][0]) * 1000 / FRAMES, (runs[0][1] - runs[1][1]) / FRAMES


def compression(name: str, size: Size) -> tuple[float, float]:
    """Milliseconds for a frame's whole picture: ours, and with the standard library."""
    plane = Objects()
    for _ in frames(name, plane, size):
        pass
    data = packing.pack_rgb(plane.wanted)

    def milliseconds(task: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            start = time.thread_time()
            task()
            times.append(time.thread_time() - start)
        return statistics.median(times) * 1000

    own = milliseconds(lambda: payloads.base64(payloads.deflate(data)))
    return own, milliseconds(lambda: b2a_base64(zlib.compress(data, 1), newline=False))


def in_kitty(names: tuple[str, ...]) -> None:
    print("\nkitty's time from a frame's bytes to its report, median ms (whole frame / first: everything is new)")
    for way in ("files", "line", "line, palette"):
        with tempfile.TemporaryDirectory() as folder, KittyWindow(Path(folder), 170, 48) as relay:
            for name in names:
                options, quality = WAYS[way]
                plane = KittyPlane(**options)
                times = []
                for _ in frames(name, plane, relay.size, relay.cell_px):
                    plane.quality = quality
                    update = plane.update(Point(0, 0))
                    frame = update.encode() if update is not None else (b"", b"")
                    start = time.perf_counter()
                    relay.write(frame[0] + b"\x1b[?2026h" + frame[1] + b"\x1b[?2026l")
                    answers = relay.finish()
                    times.append((time.perf_counter() - start) * 1000)
                    assert not answers, answers
                    if update is not None:
                        plane.acknowledged(update)
                relay.write(plane.leave())
                relay.finish()
                plane.close()
                print(f"{name:8} {way:20} {statistics.median(times[1:]):8.2f} {times[0]:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--rows", type=int, default=52)
    parser.add_argument("--no-kitty", action="store_true")
    arguments = parser.parse_args()
    size = Size(arguments.columns, arguments.rows)
    sink = Sink(*size)
    kernels = "compiled" if _packing.COMPILED else "interpreted"
    fast = ", ".join(payloads.fast_parts()) or "neither isal nor pybase64"
    print(f"{WIDTH}x{HEIGHT} on {size.width * CELL.width}x{size.height * CELL.height} pixels; {kernels}; {fast}")
    print(f"{'clip':8} {'program':22} {'sent ms':>8} {'KB':>9}   ours / its: CPU  bytes")
    for name in CLIPS:
        mine = {way: ours(name, way, size, sink) for way in WAYS}
        for way, (spent, count) in mine.items():
            print(f"{name:8} {'ours, ' + way:26} {spent:8.2f} {count / 1000:9.3f}")
        others = [("an object per tile", objects(name, size, sink), "files")]
        if shutil.which("timg"):
            with tempfile.TemporaryDirectory() as folder:
                others.append(("timg -pk", timg(name, size, sink, Path(folder)), "line"))
        for label, (spent, count), way in others:
            own = mine[way]
            print(
                f"{name:8} {label:26} {spent:8.2f} {count / 1000:9.3f}   {way}: "
                f"{own[0] / max(spent, 1e-6):.3f} {own[1] / max(count, 1):.5f}"
            )
        own_ms, plain_ms = compression(name, size)
        print(
            f"{name:8} deflate and base64 {own_ms:.1f} ms, zlib -1 and binascii {plain_ms:.1f}: {own_ms / plain_ms:.3f}"
        )
    if not arguments.no_kitty:
        if shutil.which("kitty") and shutil.which("Xvfb"):
            in_kitty(tuple(CLIPS))
        else:
            print("kitty or Xvfb is not installed")


if __name__ == "__main__":
    main()
