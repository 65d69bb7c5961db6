"""How fast messages are drawn, beside pixman doing the same, in one interleaved run.

    python tests/bench/bench_canvas.py [--seconds S] [FILTER ...]

Ours is the whole way of a message whose images are decoded: choosing the operation, clipping, painting, damage.
pixman (libpixman-1.so.0, a Debian package) is called for the painting alone.  The ratio is its time by ours: above 1
we are faster.  Times are of the processor, in microseconds, medians.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from spicetui.canvas import _kernels as kernels
from spicetui.canvas.canvas import Canvas
from spicetui.codecs.pixmap import PixelFormat, Pixmap
from spicetui.geometry import Point, Rect
from spicetui.wire import display as wire
from spicetui.wire.enums import CompositeFlags, ImageType, Ropd, SurfaceFmt
from spicetui.wire.image import Image, ImageDescriptor, SurfaceData

X8R8G8B8, A8R8G8B8, A8 = 0x20020888, 0x20028888, 0x08018000
SRC, OVER, ADD = 1, 3, 12
WIDTH, HEIGHT = 1920, 1080
NO_MASK = wire.QMask(0, Point(0, 0), None)
PUT = int(Ropd.OP_PUT)


class Case(NamedTuple):
    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None


def pixman() -> Any:
    name = ctypes.util.find_library("pixman-1")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.pixman_image_create_bits.restype = ctypes.c_void_p
    return library


class Picture(NamedTuple):
    """A pixman image over an array."""

    handle: ctypes.c_void_p
    pixels: np.ndarray[Any, Any]


def cases() -> Iterator[Case]:
    library = pixman()
    rng = np.random.default_rng(5)
    canvas = Canvas(0)
    canvas.surface_create(wire.SurfaceCreate(0, WIDTH, HEIGHT, SurfaceFmt.FMT_32_xRGB, 1))
    surface = canvas.surfaces[0]
    surface.data[...] = rng.integers(0, 1 << 24, surface.data.shape, np.uint32)
    theirs_of = surface.data.copy()

    def image_of(pixels: Any, fmt: int) -> Picture | None:
        if library is None:
            return None
        height, width = pixels.shape
        pointer = ctypes.c_void_p(pixels.ctypes.data)
        stride = pixels.strides[0]
        return Picture(ctypes.c_void_p(library.pixman_image_create_bits(fmt, width, height, pointer, stride)), pixels)

    target = image_of(theirs_of, X8R8G8B8)

    def composite(op: int, source: Any, mask: Any, x: int, y: int, w: int, h: int, sx: int = 0, sy: int = 0) -> Any:
        if target is None:
            return None
        call = library.pixman_image_composite32
        args = (op, source.handle, mask.handle if mask else None, target.handle, sx, sy, 0, 0, x, y, w, h)
        return lambda: call(*args)

    def message(kind: Any, box: Rect, *rest: Any, clip: Any = None) -> Any:
        return kind(wire.DisplayBase(0, box, wire.Clip(clip)), *rest)

    def draw(what: Any, pixmaps: dict[int, Pixmap] | None = None) -> Callable[[], object]:
        pixmaps = pixmaps or {}
        canvas.draw(what, pixmaps)
        return lambda: canvas.draw(what, pixmaps)

    def picture(width: int, height: int, fmt: PixelFormat = PixelFormat.XRGB) -> tuple[Image, Pixmap]:
        words = rng.integers(0, 1 << 32, (height, width), np.uint32)
        if fmt is PixelFormat.ARGB:
            alpha = words >> 24
            words = sum(((words >> s & 255) * alpha // 255) << s for s in (0, 8, 16)) | alpha << 24
        descriptor = ImageDescriptor(0, ImageType.LZ_RGB, 0, width, height)
        return Image(descriptor, None), Pixmap(fmt, words.astype(np.uint32))

    for w, h in ((16, 16), (64, 64), (640, 480), (1920, 1080)):
        box = Rect(0, 0, w, h)
        image, pixmap = picture(w, h)
        theirs = image_of(pixmap.pixels, X8R8G8B8)
        copy = message(wire.DrawCopy, box, image, box, PUT, 0, NO_MASK)
        yield Case(f"copy {w}x{h}", draw(copy, {id(image): pixmap}), composite(SRC, theirs, None, 0, 0, w, h))
        fill = message(wire.DrawFill, box, wire.Brush(0x336699), PUT, NO_MASK)
        solid = None
        if library is not None:
            data, size = ctypes.c_void_p(theirs_of.ctypes.data), WIDTH
            solid = lambda w=w, h=h, d=data, s=size: library.pixman_fill(d, s, 32, 0, 0, w, h, 0x336699)  # noqa: E731
        yield Case(f"fill {w}x{h}", draw(fill), solid)
        rop = message(wire.DrawCopy, box, image, box, int(Ropd.OP_XOR), 0, NO_MASK)
        yield Case(f"copy xor {w}x{h}", draw(rop, {id(image): pixmap}), None)
        image2, pixmap2 = picture(w, h, PixelFormat.ARGB)
        theirs2 = image_of(pixmap2.pixels, A8R8G8B8)
        blend = message(wire.DrawAlphaBlend, box, 0, 255, image2, box)
        yield Case(
            f"alpha blend {w}x{h}", draw(blend, {id(image2): pixmap2}), composite(OVER, theirs2, None, 0, 0, w, h)
        )
        key = message(wire.DrawTransparent, box, image, box, 0, 0x123456)
        yield Case(f"transparent {w}x{h}", draw(key, {id(image): pixmap}), None)
        rop3 = message(wire.DrawRop3, box, image, box, wire.Brush(0x336699), 0xB8, 0, NO_MASK)
        yield Case(f"rop3 {w}x{h}", draw(rop3, {id(image): pixmap}), None)
    image, pixmap = picture(400, 300)
    theirs = image_of(pixmap.pixels, X8R8G8B8)
    for name, mode, kind in (("nearest", 1, 3), ("interpolated", 0, 4)):
        for w, h in ((640, 480), (1920, 1080)):
            box, area = Rect(0, 0, w, h), Rect(0, 0, 400, 300)
            scale = message(wire.DrawCopy, box, image, area, PUT, mode, NO_MASK)
            call = None
            if theirs is not None:
                paint = composite(SRC, theirs, None, 0, 0, w, h)
                matrix = (ctypes.c_int32 * 9)(400 * 65536 // w, 0, 0, 0, 300 * 65536 // h, 0, 0, 0, 65536)

                def call(paint: Any = paint, matrix: Any = matrix, kind: int = kind, picture: Any = theirs) -> None:
                    library.pixman_image_set_transform(picture.handle, matrix)
                    library.pixman_image_set_filter(picture.handle, kind, None, 0)
                    paint()

            yield Case(f"scale {name} to {w}x{h}", draw(scale, {id(image): pixmap}), call)
    scroll = message(wire.CopyBits, Rect(0, 0, WIDTH, HEIGHT - 16), Point(0, 16))
    yield Case("scroll 1920x1064 by 16", draw(scroll), None)
    bands = [Rect(x, y, 30, 30) for y in range(0, 400, 40) for x in range(0, 400, 40)]
    image, pixmap = picture(400, 400)
    box = Rect(0, 0, 400, 400)
    clipped = message(wire.DrawCopy, box, image, box, PUT, 0, NO_MASK, clip=bands)
    yield Case("copy 400x400 in 100 rectangles", draw(clipped, {id(image): pixmap}), None)
    glyphs = [
        wire.RasterGlyph(Point(10 + 8 * i, 20), Point(0, -12), 8, 14, rng.integers(0, 256, 56, np.uint8).tobytes())
        for i in range(40)
    ]
    string = wire.String(2, glyphs)
    text = message(
        wire.DrawText, Rect(0, 0, 400, 40), string, Rect(0, 0, 0, 0), wire.Brush(0), wire.Brush(None), PUT, 0
    )
    yield Case("text, 40 glyphs of 8x14", draw(text), None)
    points = [(16 * int(x), 16 * int(y)) for x, y in rng.integers(0, 400, (20, 2))]
    path = wire.Path([wire.PathSegment(1, points)])
    for name, attr in (("solid", wire.LineAttr(0, ())), ("dashed", wire.LineAttr(8, (64, 64)))):
        stroke = message(wire.DrawStroke, Rect(0, 0, 400, 400), path, attr, wire.Brush(5), PUT, PUT)
        yield Case(f"stroke, 20 lines in 400x400, {name}", draw(stroke), None)
    canvas.surface_create(wire.SurfaceCreate(7, 24, 24, SurfaceFmt.FMT_8_A, 0))
    canvas.surfaces[7].data[...] = rng.integers(0, 256, (24, 24), np.uint8)
    mask_image = Image(ImageDescriptor(0, ImageType.SURFACE, 0, 24, 24), SurfaceData(7))
    for w in (24, 640):
        image, pixmap = picture(w, w, PixelFormat.ARGB)
        flags = OVER | (CompositeFlags.HAS_MASK if w == 24 else 0)
        composition = wire.Composite(
            int(flags), image, mask_image if w == 24 else None, None, None, Point(0, 0), Point(0, 0)
        )
        theirs_mask = image_of(canvas.surfaces[7].data, A8) if w == 24 else None
        theirs = image_of(pixmap.pixels, A8R8G8B8)
        name = f"composite over {w}x{w}" + (" with a mask" if w == 24 else "")
        yield Case(
            name,
            draw(message(wire.DrawComposite, Rect(5, 5, w, w), composition), {id(image): pixmap}),
            composite(OVER, theirs, theirs_mask, 5, 5, w, w),
        )


def measure(case: Case, seconds: float) -> tuple[float, float | None]:
    """Medians in microseconds, one call of each in turn."""
    times: tuple[list[int], list[int]] = ([], [])
    runs = [run for run in (case.ours, case.theirs) if run is not None]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for run, list_ in zip(runs, times, strict=False):
            started = time.process_time_ns()
            run()
            list_.append(time.process_time_ns() - started)
    ours, theirs = (statistics.median(values) / 1000 if values else None for values in times)
    assert ours is not None
    return ours, theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="for each case")
    parser.add_argument("filter", nargs="*", help="only cases whose name holds one of these")
    options = parser.parse_args()
    print(f"kernels: {'compiled' if kernels.COMPILED else 'numpy'}")
    print(f"{'':36}{'ours us':>10}{'pixman us':>11}{'ratio':>7}")
    for case in cases():
        if options.filter and not any(word in case.name for word in options.filter):
            continue
        ours, theirs = measure(case, options.seconds)
        row = f"{case.name:36}{ours:10.1f}"
        if theirs is not None:
            row += f"{theirs:11.1f}{theirs / ours:7.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
