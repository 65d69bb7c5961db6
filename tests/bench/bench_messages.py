"""Every image type and every draw operation, end to end beside the reference client.

    python tests/bench/bench_messages.py [--seconds S] [FILTER ...]

A server says the same message again and again as fast as a client takes it; each row is one connection of our client
and one of the reference client. Times are of the processor, in microseconds a message, from the first byte until a
ping behind the last one is answered: reading, decoding, painting. The ratio is the reference's time by ours: above 1
we are faster. The pictures at the end are the same, or the row says so.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lz4.block
import numpy as np
import scenes
import simplejpeg  # type: ignore[import-untyped,unused-ignore]
from bench_replay import CLIENTS, Run, run
from replay import ClientEnded, Recorded

from spicetui.geometry import Point, Rect
from spicetui.protocol.framer import Framer
from spicetui.wire import core, display, image
from spicetui.wire.enums import BitmapFmt, CompositeFlags, ImageType, LineFlags, Ropd, SurfaceFmt

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "codecs"))

from codec_corpus import PALETTE, streams

WIDTH, HEIGHT = 400, 300  # of what is drawn
SCREEN = (640, 480)
BOX = Rect(20, 30, WIDTH, HEIGHT)
PICTURE, TILE, COVER = 1, 2, 3  # surfaces beside the screen
NO_CLIP = display.Clip(None)
NO_MASK = display.QMask(0, Point(0, 0), None)
PUT, XOR = int(Ropd.OP_PUT), int(Ropd.OP_XOR)
QUIC_GRAY = 1  # which no server sends, and the reference client gives up on
LEAST, MOST = 40, 5000
MAX_BYTES = 200 << 20


class Row(NamedTuple):
    name: str
    messages: Sequence[Any]  #: said in turn
    again: bool = True  #: as often as wanted; images that refer to one another come once
    known: str = ""  #: why the reference's picture is another


# --- images


def described(kind: ImageType, width: int, height: int, data: Any) -> image.Image:
    return image.Image(image.ImageDescriptor(0, kind, 0, width, height), data)


def copied(picture: image.Image) -> display.DrawCopy:
    width, height = picture.descriptor.width, picture.descriptor.height
    area = Rect(0, 0, width, height)
    return display.DrawCopy(base(Rect(20, 30, width, height)), picture, area, PUT, 0, NO_MASK)


def base(box: Rect = BOX, clip: display.Clip = NO_CLIP) -> display.DisplayBase:
    return display.DisplayBase(0, box, clip)


def bitmaps(pixels: scenes.Pixels) -> Iterator[Row]:
    palette = image.Palette(1, tuple(PALETTE))
    kinds = {
        BitmapFmt.FMT_1BIT_BE: "PLT1_BE", BitmapFmt.FMT_4BIT_BE: "PLT4_BE", BitmapFmt.FMT_8BIT: "PLT8",
        BitmapFmt.FMT_16BIT: "RGB16", BitmapFmt.FMT_24BIT: "RGB24", BitmapFmt.FMT_32BIT: "RGB32",
        BitmapFmt.FMT_RGBA: "RGBA",
    }  # fmt: skip
    for fmt, kind in kinds.items():
        raw, stride = scenes.packed(pixels, kind)
        padded = -stride % 4
        if padded:
            rows = np.frombuffer(raw, np.uint8).reshape(HEIGHT, stride)
            raw, stride = np.pad(rows, ((0, 0), (0, padded))).tobytes(), stride + padded
        colours = palette if fmt <= BitmapFmt.FMT_8BIT else None
        data = image.BitmapData(fmt, 4, WIDTH, HEIGHT, stride, colours, raw)
        yield Row(f"BITMAP {fmt.name[4:]}", [copied(described(ImageType.BITMAP, WIDTH, HEIGHT, data))])


def compressed(pixels: scenes.Pixels) -> Iterator[Row]:
    for stream in streams("quic"):
        if (stream.width, stream.height) == (WIDTH, HEIGHT) and stream.data[8] != QUIC_GRAY:
            picture = described(ImageType.QUIC, WIDTH, HEIGHT, image.BinaryData(stream.data))
            yield Row(f"QUIC {stream.name}", [copied(picture)])
    palette = image.Palette(1, tuple(PALETTE))
    for stream in streams("lz"):
        kind = int.from_bytes(stream.data[8:12], "big")
        if (stream.width, stream.height) != (WIDTH, HEIGHT) or kind >= 10:  # alpha alone is no picture
            continue
        if kind <= 5:
            data: Any = image.LzPltData(4, palette, stream.data)
            picture = described(ImageType.LZ_PLT, WIDTH, HEIGHT, data)
        else:
            picture = described(ImageType.LZ_RGB, WIDTH, HEIGHT, image.BinaryData(stream.data))
        yield Row(f"LZ {stream.name}", [copied(picture)])
    rgb = np.ascontiguousarray(pixels[:, :, 2::-1])
    coded = simplejpeg.encode_jpeg(rgb, 85, "RGB", "420")
    yield Row("JPEG", [copied(described(ImageType.JPEG, WIDTH, HEIGHT, image.BinaryData(coded)))])
    alpha = next(
        stream.data
        for stream in streams("lz")
        if (stream.width, stream.height) == (WIDTH, HEIGHT) and stream.data[11] == 10
    )
    both = image.JpegAlphaData(alpha[27], len(coded), coded + alpha)
    yield Row("JPEG_ALPHA", [copied(described(ImageType.JPEG_ALPHA, WIDTH, HEIGHT, both))])
    for number, layout in ((6, "RGB16"), (7, "RGB24"), (8, "RGB32"), (9, "RGBA")):
        raw, _ = scenes.packed(pixels, layout)
        block = lz4.block.compress(raw, store_size=False)
        data = image.BinaryData(bytes((1, number)) + len(block).to_bytes(4, "big") + block)
        yield Row(f"LZ4 {layout}", [copied(described(ImageType.LZ4, WIDTH, HEIGHT, data))])


def dictionaries() -> Iterator[Row]:
    """GLZ sequences as the tests have them."""
    sequences: dict[str, list[Any]] = {}
    for stream in streams("glz"):
        if stream.width <= SCREEN[0] and stream.height <= SCREEN[1]:
            sequences.setdefault(stream.name.partition("/")[0], []).append(stream)
    for name, found in sequences.items():
        plain = [described(ImageType.GLZ_RGB, s.width, s.height, image.BinaryData(s.data)) for s in found]
        yield Row(f"GLZ {name}", [copied(one) for one in plain], False)
        packed = [
            described(ImageType.ZLIB_GLZ_RGB, s.width, s.height, image.ZlibGlzData(len(s.data), zlib.compress(s.data)))
            for s in found
        ]
        yield Row(f"ZLIB_GLZ {name}", [copied(one) for one in packed], False)


# --- operations


def surface(number: int) -> image.Image:
    return described(ImageType.SURFACE, WIDTH, HEIGHT, image.SurfaceData(number))


def operations() -> Iterator[Row]:
    area = Rect(0, 0, WIDTH, HEIGHT)
    solid = display.Brush(0x336699)
    tiles = display.Brush(display.Pattern(surface(TILE), Point(3, 5)))
    picture = surface(PICTURE)
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 256, (HEIGHT, 52), np.uint8).tobytes()
    mask_data = image.BitmapData(BitmapFmt.FMT_1BIT_BE, 4, WIDTH, HEIGHT, 52, None, bits)
    mask = display.QMask(0, Point(0, 0), described(ImageType.BITMAP, WIDTH, HEIGHT, mask_data))
    clip = display.Clip([Rect(20 + 80 * (i % 5), 30 + 60 * (i // 5), 60, 40) for i in range(25)])
    small = Rect(20, 30, 16, 16)
    yield Row("COPY_BITS", [display.CopyBits(base(), Point(20, 46))])
    yield Row("FILL 16x16", [display.DrawFill(base(small), solid, PUT, NO_MASK)])
    yield Row("FILL", [display.DrawFill(base(), solid, PUT, NO_MASK)])
    yield Row("FILL xor", [display.DrawFill(base(), solid, XOR, NO_MASK)])
    yield Row("FILL pattern", [display.DrawFill(base(), tiles, PUT, NO_MASK)])
    yield Row("FILL through a mask", [display.DrawFill(base(), solid, PUT, mask)])
    yield Row("FILL in 25 rectangles", [display.DrawFill(base(BOX, clip), solid, PUT, NO_MASK)])
    yield Row("OPAQUE", [display.DrawOpaque(base(), picture, area, tiles, int(Ropd.OP_AND), 0, NO_MASK)])
    yield Row("COPY 16x16", [display.DrawCopy(base(small), picture, Rect(0, 0, 16, 16), PUT, 0, NO_MASK)])
    yield Row("COPY", [display.DrawCopy(base(), picture, area, PUT, 0, NO_MASK)])
    yield Row("COPY xor", [display.DrawCopy(base(), picture, area, XOR, 0, NO_MASK)])
    quarter = Rect(10, 10, 200, 150)
    yield Row("COPY scaled, nearest", [display.DrawCopy(base(), picture, quarter, PUT, 1, NO_MASK)])
    yield Row("COPY scaled, interpolated", [display.DrawCopy(base(), picture, quarter, PUT, 0, NO_MASK)])
    yield Row("BLEND", [display.DrawBlend(base(), picture, area, int(Ropd.OP_OR), 0, NO_MASK)])
    yield Row("BLACKNESS", [display.DrawBlackness(base(), NO_MASK)])
    yield Row("WHITENESS", [display.DrawWhiteness(base(), NO_MASK)])
    yield Row("INVERS", [display.DrawInvers(base(), NO_MASK)])
    yield Row("ROP3", [display.DrawRop3(base(), picture, area, tiles, 0xB8, 0, NO_MASK)])
    points = [(16 * int(x), 16 * int(y)) for x, y in rng.integers(30, 330, (12, 2))]
    path = display.Path([display.PathSegment(3, points)])
    for name, attr in (("solid", display.LineAttr(0, ())), ("dashed", display.LineAttr(LineFlags.STYLED, (96, 64)))):
        yield Row(f"STROKE {name}", [display.DrawStroke(base(), path, attr, solid, PUT, PUT)])
    for flag, depth in ((1, 1), (2, 4), (4, 8)):
        glyphs = [
            display.RasterGlyph(
                Point(30 + 9 * i, 60), Point(0, -12), 8, 14, rng.integers(0, 256, depth * 14, np.uint8).tobytes()
            )
            for i in range(40)
        ]
        nothing = Rect(0, 0, 0, 0)
        string = display.String(flag, glyphs)
        text = display.DrawText(base(), string, nothing, display.Brush(0x102030), display.Brush(None), PUT, 0)
        behind = " (which reads behind their end)" if depth == 8 else ""
        yield Row(f"TEXT 40 glyphs, {depth} bits", [text], known=behind)
    yield Row("TRANSPARENT", [display.DrawTransparent(base(), picture, area, 0x204060, 0x204060)])
    yield Row("ALPHA_BLEND", [display.DrawAlphaBlend(base(), 0, 200, picture, area)])
    yield Row("ALPHA_BLEND, its own", [display.DrawAlphaBlend(base(), 2, 255, surface(COVER), area)])
    turn = display.Transform(60000, 9000, 0, -9000, 60000, 1 << 21)
    origin, masked = Point(0, 0), CompositeFlags.HAS_MASK
    for name, flags, covered, transform in (
        ("COMPOSITE over", 3, None, None),
        ("COMPOSITE over, mask", 3 | masked, surface(COVER), None),
        ("COMPOSITE add, mask by channel", 12 | masked | CompositeFlags.COMPONENT_ALPHA, surface(COVER), None),
        ("COMPOSITE over, turned, nearest", 3 | 3 << 8 | CompositeFlags.HAS_SRC_TRANSFORM, None, turn),
        ("COMPOSITE over, turned, bilinear", 3 | 4 << 8 | 1 << 14 | CompositeFlags.HAS_SRC_TRANSFORM, None, turn),
    ):  # fmt: skip
        data = display.Composite(int(flags), surface(COVER), covered, transform, None, origin, origin)
        yield Row(name, [display.DrawComposite(base(), data)])


def setting() -> list[Any]:
    """The screen, and what is drawn from."""
    screen = display.SurfaceCreate(0, *SCREEN, SurfaceFmt.FMT_32_xRGB, 1)
    messages: list[Any] = [screen, display.Mark()]
    pictures = ((PICTURE, SurfaceFmt.FMT_32_xRGB, WIDTH, HEIGHT), (TILE, SurfaceFmt.FMT_32_xRGB, 48, 40))
    for number, fmt, width, height in (*pictures, (COVER, SurfaceFmt.FMT_32_ARGB, WIDTH, HEIGHT)):
        messages.append(display.SurfaceCreate(number, width, height, fmt, 0))
        pixels = scenes.with_alpha(scenes.desktop(width, height, seed=number))
        pixels[:, :, :3] = pixels[:, :, :3].astype(np.uint16) * pixels[:, :, 3:] // 255
        kind = BitmapFmt.FMT_RGBA if fmt == SurfaceFmt.FMT_32_ARGB else BitmapFmt.FMT_32BIT
        data = image.BitmapData(kind, 4, width, height, 4 * width, None, pixels.tobytes())
        area = Rect(0, 0, width, height)
        picture = described(ImageType.BITMAP, width, height, data)
        on = display.DisplayBase(number, area, NO_CLIP)
        messages.append(display.DrawCopy(on, picture, area, PUT, 0, NO_MASK))
    return messages


def said(row: Row, count: int) -> Recorded:
    framer = Framer(True)
    numbers = display.MESSAGES.server_number
    start = b"".join(framer.frame(numbers[type(one)], core.write(one)) for one in setting())
    whole = b"".join(framer.frame(numbers[type(one)], core.write(one)) for one in row.messages)
    return Recorded(row.name, start + whole * count)


def fitting(row: Row, seconds: float) -> int:
    """How often the messages are said, so that our client takes about so long."""
    if not row.again:
        return 1
    size = sum(len(core.write(one)) for one in row.messages)
    trial = asyncio.run(run(CLIENTS[0], said(row, LEAST)))
    return max(LEAST, min(int(LEAST * seconds / trial.seconds), MOST, MAX_BYTES // size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="that our client takes for each row, about")
    parser.add_argument("filter", nargs="*", help="only rows whose name holds one of these")
    options = parser.parse_args()
    pixels = scenes.with_alpha(scenes.desktop(WIDTH, HEIGHT))
    print(f"{f'{WIDTH}x{HEIGHT}, us a message':<38}{'count':>7}{'ours':>10}{'reference':>11}{'ratio':>7}  picture")
    for row in (*bitmaps(pixels), *compressed(pixels), *dictionaries(), *operations()):
        if options.filter and not any(word in row.name for word in options.filter):
            continue
        count = fitting(row, options.seconds)
        session = said(row, count)
        try:
            mine, other = (asyncio.run(run(words, session)) for words in CLIENTS)
        except ClientEnded as error:
            print(f"{row.name:<38}{error}", flush=True)
            continue
        show(row, count * len(row.messages), mine, other)


def show(row: Row, count: int, mine: Run, other: Run) -> None:
    each, theirs = mine.cpu * 1e6 / count, other.cpu * 1e6 / count
    same = "same" if mine.told["sha256"] == other.told["sha256"] else f"DIFFERENT{row.known}"
    if mine.told["unsupported"]:
        same += f" {mine.told['unsupported']}"
    print(f"{row.name:<38}{count:>7}{each:>10.1f}{theirs:>11.1f}{theirs / each:>7.2f}  {same}", flush=True)


if __name__ == "__main__":
    main()
