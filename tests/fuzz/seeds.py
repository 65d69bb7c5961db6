"""What cases are made from: recorded channels, scenes of the canvas, streams of every codec."""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lz4.block
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "codecs"))

import simplejpeg  # type: ignore[import-untyped,unused-ignore]
from canvas.golden import NAMES, scenes
from codec_corpus import PALETTE, malformed, streams
from recordings import load, names
from video_clips import clip

from spicetui.codecs import video
from spicetui.errors import SpiceError
from spicetui.protocol.framer import Framer
from spicetui.wire import core, image
from spicetui.wire.enums import ChannelType, ImageType, VideoCodecType

from .case import MESSAGES, Body

LARGEST = 6000  #: bytes of an image; larger ones only cost time
WIDTH, HEIGHT = 64, 48  #: of the video clips
_PLT = range(1, 6)  # LZ's types with a palette
_LZ_XXXA = 10
_TOP_DOWN = 24  #: byte of LZ's header


@dataclass
class Seeds:
    """*runs*: messages of the display channel that belong together."""

    runs: list[list[Body]] = field(default_factory=list)
    cursors: list[Body] = field(default_factory=list)
    images: list[image.Image] = field(default_factory=list)
    windows: list[list[image.Image]] = field(default_factory=list)
    clips: dict[VideoCodecType, list[bytes]] = field(default_factory=dict)


def collect() -> Seeds:
    seeds = Seeds()
    for name in names():
        recording = load(name)
        if recording.from_server and recording.channel in ("display", "cursor"):
            bodies = [
                Body(raw.number, bytes(raw.body))
                for raw in Framer(recording.mini_header).receive(recording.data)
                if len(raw.body) < 2 * LARGEST
            ]
            if recording.channel == "cursor":
                seeds.cursors += bodies
            else:
                seeds.runs += [bodies[at : at + 12] for at in range(0, len(bodies), 12)]
    for name in NAMES:
        for scene in scenes(name):
            seeds.runs.append([Body(number, body) for number, body, _ in scene])
    seeds.images = [found for run in seeds.runs for body in run for found in _pictures(body)]
    _streams(seeds)
    for codec in sorted(video.available()):
        seeds.clips[codec] = clip(codec, WIDTH, HEIGHT)
    return seeds


def _pictures(body: Body) -> list[image.Image]:
    kind = MESSAGES[ChannelType.DISPLAY].from_server.get(body.number)
    if kind is None:
        return []
    try:
        message: Any = core.read(kind, body.body)
    except SpiceError:
        return []
    found = getattr(message, "src_bitmap", None)
    return [found] if isinstance(found, image.Image) and len(body.body) < LARGEST else []


def _image(kind: ImageType, width: int, height: int, data: Any) -> image.Image:
    return image.Image(image.ImageDescriptor(1, kind, 0, width, height), data)


def _streams(seeds: Seeds) -> None:
    for stream in streams("quic"):
        if len(stream.data) < LARGEST:
            seeds.images.append(_image(ImageType.QUIC, stream.width, stream.height, image.BinaryData(stream.data)))
    palette = image.Palette(1, tuple(PALETTE))
    alphas = {}
    for stream in streams("lz"):
        if len(stream.data) >= LARGEST:
            continue
        kind = int.from_bytes(stream.data[8:12], "big")
        if kind in _PLT:
            data: Any = image.LzPltData(4, palette, stream.data)
            seeds.images.append(_image(ImageType.LZ_PLT, stream.width, stream.height, data))
        else:
            data = image.BinaryData(stream.data)
            seeds.images.append(_image(ImageType.LZ_RGB, stream.width, stream.height, data))
        if kind == _LZ_XXXA:
            alphas[stream.width, stream.height] = stream.data
    for (width, height), alpha in alphas.items():
        picture = jpeg(width, height)
        top_down = int.from_bytes(alpha[_TOP_DOWN : _TOP_DOWN + 4], "big")
        data = image.JpegAlphaData(top_down, len(picture), picture + alpha)
        seeds.images.append(_image(ImageType.JPEG_ALPHA, width, height, data))
    for width, height in ((1, 1), (17, 9), (64, 48)):
        seeds.images.append(_image(ImageType.JPEG, width, height, image.BinaryData(jpeg(width, height))))
        seeds.images += [
            _image(ImageType.LZ4, width, height, image.BinaryData(_lz4(width, height, fmt, size)))
            for fmt, size in ((6, 2), (7, 3), (8, 4), (9, 4))
        ]
    sequences: dict[str, list[image.Image]] = {}
    for stream in streams("glz"):
        sequence = sequences.setdefault(stream.name.partition("/")[0], [])
        if len(sequence) % 2:
            packed = zlib.compress(stream.data)
            data = image.ZlibGlzData(len(stream.data), packed)
            sequence.append(_image(ImageType.ZLIB_GLZ_RGB, stream.width, stream.height, data))
        else:
            data = image.BinaryData(stream.data)
            sequence.append(_image(ImageType.GLZ_RGB, stream.width, stream.height, data))
    seeds.windows = list(sequences.values())
    of_codec = {"quic": ImageType.QUIC, "lz": ImageType.LZ_RGB, "glz": ImageType.GLZ_RGB}
    for name, raw in malformed():
        kind_of = of_codec.get(name.partition("/")[0].partition("-")[0].partition("_")[0])
        if kind_of is not None and len(raw) < LARGEST:
            seeds.images.append(_image(kind_of, 32, 32, image.BinaryData(raw)))


def jpeg(width: int, height: int) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.dstack((x * 7 % 256, y * 5 % 256, (x + y) * 3 % 256)).astype(np.uint8)
    data: bytes = simplejpeg.encode_jpeg(rgb, 80, "RGB", "420")
    return data


def _lz4(width: int, height: int, fmt: int, size: int) -> bytes:
    """Top down, one block for every eight rows, each building on those before."""
    row = bytes(i * 3 % 256 for i in range(width * size))
    out, before = bytearray((1, fmt)), b""
    for top in range(0, height, 8):
        rows = row * min(8, height - top)
        block = lz4.block.compress(rows, store_size=False, dict=before)
        out += len(block).to_bytes(4, "big") + block
        before = (before + rows)[-65536:]
    return bytes(out)


def decodes(seeds: Seeds) -> dict[int, tuple[int, int]]:
    """By image type, how many of the images there are, and how many of them decode: a seed that does not is no seed."""
    from spicetui.codecs.caches import PaletteCache, PixmapCache
    from spicetui.codecs.glz import Window
    from spicetui.codecs.image import ImageDecoder

    counts: dict[int, tuple[int, int]] = {}
    for sequence in [[one] for one in seeds.images] + seeds.windows:
        decoder = ImageDecoder(PixmapCache(), PaletteCache(), Window())
        for one in sequence:
            total, good = counts.get(one.descriptor.type, (0, 0))
            try:
                decoder.decode(one)
                good += 1
            except SpiceError:
                pass
            counts[one.descriptor.type] = (total + 1, good)
    return counts
