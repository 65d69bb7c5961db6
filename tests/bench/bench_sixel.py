"""Sixel: CPU time and bytes a frame beside mpv, libsixel and chafa, which play the same clips on as large a screen.

    python tests/bench/bench_sixel.py [--columns 200] [--rows 52]

What a frame costs is the difference of a long and a short run, so that starting does not count.  Scaling from
1920x1080 and writing is in it, in mpv's reading raw video too, in chafa's mapping raw image files, in libsixel's
(img2sixel) reading raw pictures.  "sized" is libsixel with pictures that have the right size already, compared with
our encoder without the scaling.  mpv without dither and with a palette of its own for each frame does what the others
do; by default it has a fixed palette and dithers.  A peer that is not installed is left out (Debian: mpv,
libsixel-bin, chafa).  Read ratios, not milliseconds.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from clips import CLIPS, HEIGHT, LONG, SHORT, WIDTH, xwd, y4m
from peers import Sink, peer

from spicetui.geometry import Point, Size
from spicetui.term import _sixel, sixel_fallback, sixel_palette
from spicetui.term.scale import Mapping
from spicetui.term.sixel import COLORS, SixelPlane

CELL = Size(8, 16)
FRAMES = LONG - SHORT


def ours(name: str, quality: int, size: Size, sink: Sink, loops: object) -> tuple[float, float, float]:
    """Milliseconds of CPU a frame with scaling and without, and bytes."""
    kept, sixel_palette.loops = sixel_palette.loops, loops
    plane = SixelPlane()
    plane.resize(size, CELL)
    plane.place(Mapping(Size(WIDTH, HEIGHT), size, plane.sub))
    plane.owned[:] = 1
    plane.quality = quality
    spent = alone = written = 0.0
    for index, (pixels, damage) in enumerate(CLIPS[name](LONG)):
        picture = pixels.copy()
        start = time.thread_time()
        plane.draw(picture, damage)
        scaled = time.thread_time()
        update = plane.update(Point(0, 0))
        data = update.encode().show if update is not None else b""
        os.write(sink.slave, data)
        if index >= SHORT:
            end = time.thread_time()
            spent += end - start
            alone += end - scaled
            written += len(data)
    sixel_palette.loops = kept
    return spent * 1000 / FRAMES, alone * 1000 / FRAMES, written / FRAMES


def compared(long: list[str], short: list[str], sink: Sink) -> tuple[float, float]:
    """Milliseconds of CPU and bytes a frame."""
    runs = [peer(command, sink) for command in (long, short)]
    return (runs[0][0] - runs[1][0]) * 1000 / FRAMES, (runs[0][1] - runs[1][1]) / FRAMES


def peers(name: str, size: Size, sink: Sink, folder: Path) -> Iterator[tuple[str, float, float]]:
    width, height = size.width * CELL.width, size.height * CELL.height
    if shutil.which("mpv"):
        for count in (LONG, SHORT):
            y4m(folder / f"{count}.y4m", CLIPS[name](count))
        base = ["mpv", "--no-config", "--no-audio", "--untimed", "--framedrop=no", "--really-quiet", "--hwdec=no"]
        screen = [f"--vo-sixel-{side}={px}" for side, px in (("width", width), ("height", height))]
        for options, label in (
            (["--vo=null"], "mpv vo=null"),
            (["--vo=sixel", *screen], "mpv"),
            (["--vo=sixel", *screen, "--vo-sixel-fixedpalette=no", "--vo-sixel-dither=none"], "mpv adaptive"),
        ):
            files = [str(folder / f"{count}.y4m") for count in (LONG, SHORT)]
            yield label, *compared([*base, *options, files[0]], [*base, *options, files[1]], sink)
    mapped: list[str] = []
    large: list[str] = []
    small: list[str] = []
    for index, (pixels, _) in enumerate(CLIPS[name](LONG)):
        mapped.append(str(folder / f"{index}.xwd"))
        xwd(Path(mapped[-1]), pixels)
        picture = Image.fromarray(pixels[:, :, 2::-1].copy())
        for files, kind in ((large, "large"), (small, "small")):
            files.append(str(folder / f"{kind}{index}.ppm"))
        picture.save(large[-1])
        picture.resize((width, height), Image.Resampling.BOX).save(small[-1])
    if shutil.which("img2sixel"):
        scale = ["-w", str(width), "-h", str(height), "-r", "nearest"]
        for options, files, label in (
            (scale, large, "libsixel"),
            ([*scale, "-d", "none", "-q", "low"], large, "libsixel, no dither"),
            (["-d", "none", "-q", "low"], small, "libsixel, sized"),
        ):
            base = ["img2sixel", *options]
            yield label, *compared([*base, *files], [*base, *files[:SHORT]], sink)
    if shutil.which("chafa"):
        base = ["chafa", "-f", "sixels", f"--size={size.width}x{size.height}", "--animate=off", "--duration=0"]
        yield "chafa", *compared([*base, *mapped], [*base, *mapped[:SHORT]], sink)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--rows", type=int, default=52)
    arguments = parser.parse_args()
    size = Size(arguments.columns, arguments.rows)
    sink = Sink(size.width, size.height + 1)
    kernels = "compiled" if _sixel.COMPILED else "interpreted"
    print(f"{WIDTH}x{HEIGHT} on {size.width * CELL.width}x{size.height * CELL.height} pixels; kernels {kernels}")
    print(f"{'clip':8} {'program':22} {'ms':>8} {'KB':>8}   ours / its: CPU  bytes")
    for name in CLIPS:
        for quality, colors in reversed(list(enumerate(COLORS))):
            spent, alone, count = ours(name, quality, size, sink, sixel_palette.loops)
            print(f"{name:8} {f'ours, {colors} colours':22} {spent:8.2f} {count / 1000:8.2f}")
        print(f"{name:8} {'ours, encoder alone':22} {alone:8.2f} {count / 1000:8.2f}")
        slow = ours(name, 0, size, sink, sixel_fallback)
        print(f"{name:8} {'ours, 256, numpy':22} {slow[0]:8.2f} {slow[2] / 1000:8.2f}")
        with tempfile.TemporaryDirectory() as folder:
            for label, its, bytes_ in peers(name, size, sink, Path(folder)):
                mine = alone if "sized" in label else spent
                ratio = f"{mine / its:12.3f} {count / bytes_:8.2f}" if bytes_ else ""
                print(f"{name:8} {label:22} {its:8.2f} {bytes_ / 1000:8.2f}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
