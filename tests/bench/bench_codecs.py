"""How fast our decoders are beside the reference C, in one interleaved run.

    python tests/bench/bench_codecs.py [--reference-source DIR] [--seconds S] [FILTER ...]

The ratio is the reference's time by ours: above 1 we are faster.  Times are of the processor, so that other load
matters little.  Both take memory for the pixels anew for each image.
Without --reference-source the source packages come from apt-get; where that fails, ours are printed alone.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scenes

sys.path.insert(0, str(Path(__file__).parents[1] / "codecs"))

from codec_corpus import streams
from reference import GlzReader, GlzWriter, Reference, Unavailable, build

from spicetui.codecs import glz, lz, quic

Run = Callable[[], object]


@dataclass
class Case:
    """One row: both decode the same data; `pixels` is what one call decodes."""

    name: str
    pixels: int
    ours: Run
    theirs: Run


def pictures() -> Iterator[tuple[str, scenes.Pixels]]:
    yield "desktop 1920x1080", scenes.desktop(1920, 1080)
    yield "desktop 640x480", scenes.desktop(640, 480)
    yield "photo 1920x1080", scenes.photo(1920, 1080)
    yield "photo 640x480", scenes.photo(640, 480)
    yield "noise 640x480", scenes.noise(640, 480)
    yield "solid 1920x1080", scenes.solid(1920, 1080)
    whole = scenes.desktop(1280, 800, seed=7)
    for size in (64, 32, 16):
        y, x = max(
            ((y, x) for y in range(0, 800 - size, size) for x in range(0, 1280 - size, size)),
            key=lambda at: len(np.unique(whole[at[0] : at[0] + size, at[1] : at[1] + size, 1])),
        )
        yield f"desktop {size}x{size}", np.ascontiguousarray(whole[y : y + size, x : x + size])
    yield "solid 16x16", scenes.solid(16, 16)


def still_cases(reference: Reference) -> Iterator[Case]:
    for codec, kinds in (
        ("quic", ("RGB32", "RGBA", "RGB16", "GRAY")),
        ("lz", ("RGB32", "RGBA", "RGB16", "PLT8", "A8")),
    ):
        for kind in kinds:
            for name, picture in pictures():
                height, width = picture.shape[:2]
                raw, stride = scenes.packed(scenes.with_alpha(picture), kind)
                if codec == "quic":
                    data = reference.quic_encode(kind, width, height, raw, stride)
                    decode = reference.library.ref_quic_decode
                    arguments: tuple[object, ...] = (ctypes.c_char_p(data), ctypes.c_int(len(data)), None)
                    ours: Run = partial(quic.decode, data)
                else:
                    data = reference.lz_encode(kind, width, height, raw, stride, True)
                    palette = tuple(range(0, 256 * 3, 3)) if kind == "PLT8" else ()
                    colours = (ctypes.c_uint32 * 256)(*palette)
                    decode = reference.library.ref_lz_decode
                    arguments = (
                        ctypes.c_char_p(data),
                        ctypes.c_int(len(data)),
                        None,
                        colours,
                        ctypes.c_int(len(palette)),
                    )
                    ours = partial(lz.decode, data, palette)
                yield Case(f"{codec} {kind} {name}", width * height, ours, partial(decode, *arguments))


def glz_cases(reference: Reference) -> Iterator[Case]:
    """Whole sequences, each decoded with a window of its own."""

    def scroll(width: int, height: int, count: int) -> list[scenes.Pixels]:
        tall = scenes.desktop(width, height + count * 8)
        return [np.ascontiguousarray(tall[step * 8 : step * 8 + height]) for step in range(count)]

    def tiles(low: int, high: int, count: int) -> list[scenes.Pixels]:
        rng = np.random.default_rng(5)
        whole = scenes.desktop(800, 600)
        out = []
        for _ in range(count):
            width, height = (int(size) for size in rng.integers(low, high + 1, 2))
            x, y = int(rng.integers(0, 800 - width)), int(rng.integers(0, 600 - height))
            out.append(np.ascontiguousarray(whole[y : y + height, x : x + width]))
        return out

    sequences = {
        "scroll 640x400 x10": scroll(640, 400, 10),
        "scroll 1920x1080 x4": scroll(1920, 1080, 4),
        "tiles 20-200 px x60": tiles(20, 200, 60),
        "tiles 10-18 px x300": tiles(10, 18, 300),
    }
    for kind in ("RGB32", "RGBA", "RGB16"):
        for name, images in sequences.items():
            writer = GlzWriter(reference, 1 << 24)
            stream = []
            for picture in images:
                raw, stride = scenes.packed(scenes.with_alpha(picture), kind)
                stream.append(writer.encode(kind, picture.shape[1], picture.shape[0], raw, stride))
            writer.close()
            arguments = [ctypes.c_char_p(data) for data in stream]

            def ours(stream: list[bytes] = stream) -> None:
                window = glz.Window(1 << 24)
                for data in stream:
                    window.decode(data)

            def theirs(arguments: list[ctypes.c_char_p] = arguments) -> None:
                reader = GlzReader(reference)
                decode, handle = reference.library.ref_glz_decode, reader.handle
                for argument in arguments:
                    decode(handle, argument, None)
                reader.close()

            pixels = sum(picture.shape[0] * picture.shape[1] for picture in images)
            yield Case(f"glz {kind} {name}", pixels, ours, theirs)


def measure(runs: list[Run], seconds: float) -> list[float]:
    """Median processor time of each, taken in turns until `seconds` have gone by for all."""
    repeat = []
    for run in runs:
        run()
        start = time.thread_time()
        run()
        repeat.append(max(1, int(0.002 / (time.thread_time() - start))))
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for run, count, taken in zip(runs, repeat, times, strict=True):
            start = time.thread_time()
            for _ in range(count):
                run()
            taken.append((time.thread_time() - start) / count)
    return [statistics.median(taken) for taken in times]


def show(cases: Iterator[Case], filters: list[str], seconds: float) -> None:
    ratios: dict[str, list[float]] = {}
    for case in cases:
        if not all(word in case.name for word in filters):
            continue
        if not ratios:
            print(f"{'image':44} {'ours':>10} {'MB/s':>7} {'reference':>10} {'MB/s':>7} {'ratio':>6}")
        ours, theirs = measure([case.ours, case.theirs], seconds)
        row = [f"{value * 1e6:7.1f} us {case.pixels * 4e-6 / value:7.0f}" for value in (ours, theirs)]
        print(f"{case.name:44} {row[0]} {row[1]} {theirs / ours:6.2f}")
        ratios.setdefault(case.name.split()[0], []).append(theirs / ours)
    for codec, values in ratios.items():
        print(
            f"{codec}: geometric mean {math.exp(statistics.fmean(map(math.log, values))):.2f}, least {min(values):.2f}"
        )


def show_ours(filters: list[str], seconds: float) -> None:
    """Without the reference there is no encoder either, so the recorded streams have to do."""
    runs = [(f"quic {one.name}", one, partial(quic.decode, one.data)) for one in streams("quic")]
    runs += [(f"lz {one.name}", one, partial(lz.decode, one.data, one.palette)) for one in streams("lz")]
    print(f"{'image':44} {'ours':>10} {'MB/s':>7}")
    for name, stream, run in runs:
        if stream.width >= 16 and all(word in name for word in filters):
            (taken,) = measure([run], seconds)
            print(f"{name:44} {taken * 1e6:7.1f} us {stream.width * stream.height * 4e-6 / taken:7.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference-source", type=Path, metavar="DIR", help="unpacked source of spice-gtk (and spice)")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row")
    parser.add_argument("filter", nargs="*", help="only rows that have all these words")
    options = parser.parse_args()
    print(f"compiled: quic {quic.COMPILED}, lz {lz.COMPILED}, glz {glz.COMPILED}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            reference = build(options.reference_source, Path(folder))
        except Unavailable as error:
            print(f"no reference to compare with ({error}); ours alone, on the streams of the tests")
            show_ours(options.filter, options.seconds)
            return
        show(still_cases(reference), options.filter, options.seconds)
        if reference.has_glz_encoder:
            show(glz_cases(reference), options.filter, options.seconds)
        else:
            print("GLZ: no encoder, which is in the source of the server (spice)")


if __name__ == "__main__":
    main()
