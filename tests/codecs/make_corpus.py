"""Makes data/*.zip with the reference's encoders and decoders: make_corpus.py DIR, the unpacked source packages.

Every expectation comes from the reference's decoder.  Where the format loses nothing, it is held against the picture
that went in as well, so that this file's own understanding of the layouts is checked too.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import scenes
from codec_corpus import DATA, PALETTE, Stream
from reference import LZ_TYPES, QUIC_TYPES, GlzReader, GlzWriter, Reference, build

from spicetui.codecs import glz, lz, quic
from spicetui.errors import CodecError

COLOURS = {"PLT1_LE": 2, "PLT1_BE": 2, "PLT4_LE": 16, "PLT4_BE": 11, "PLT8": 256}


def pictures() -> Iterator[tuple[str, scenes.Pixels]]:
    for width, height in ((1, 1), (2, 1), (3, 5), (1, 40), (17, 13), (57, 41)):
        yield "noise", scenes.noise(width, height)
    for width, height in ((1, 1), (16, 16), (31, 9), (400, 300)):
        yield "solid", scenes.solid(width, height)
    yield "gradient", scenes.gradient(64, 64)
    yield "gradient", scenes.gradient(2500, 4)  # rows longer than the 2048 pixels of a grade
    yield "photo", scenes.photo(97, 61)
    yield "photo", scenes.photo(128, 120)
    yield "desktop", scenes.desktop(257, 100)
    yield "desktop", scenes.desktop(400, 300)
    block = scenes.noise(71, 45)
    yield "far", np.vstack([block, scenes.solid(71, 130), block, scenes.solid(71, 900), block])  # copies from far away


def picture_pixels(picture: scenes.Pixels, kind: str) -> scenes.Pixels | None:
    """What decoding must give back; None for palettes, where only the reference tells."""
    out = picture.copy()
    if kind in ("RGB32", "RGB24"):
        out[:, :, 3] = 0
    elif kind == "RGB16":
        five = picture >> 3
        out[:] = five << 3 | five >> 2
        out[:, :, 3] = 0
    elif kind == "GRAY":
        out[:] = picture[:, :, 1:2]
        out[:, :, 3] = 0
    elif kind == "A8":
        out[:] = 0
        out[:, :, 3] = picture[:, :, 1]
    elif kind == "XXXA":
        out[:, :, :3] = 0
    elif kind != "RGBA":
        return None
    return out


def checked(name: str, data: bytes, pixels: scenes.Pixels, expected: scenes.Pixels | None, colours: int = 0) -> Stream:
    if expected is not None and not np.array_equal(pixels, expected):
        raise SystemExit(f"{name}: the reference does not give back what it was given")
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Stream(name, data, pixels.shape[1], pixels.shape[0], digest, colours)


def quic_streams(reference: Reference) -> Iterator[Stream]:
    for kind in QUIC_TYPES:
        for scene, plain in pictures():
            picture = scenes.with_alpha(plain)
            height, width = picture.shape[:2]
            raw, stride = scenes.packed(picture, kind)
            data = reference.quic_encode(kind, width, height, raw, stride)
            planes = 1 if kind == "GRAY" else 4
            pixels = np.frombuffer(reference.quic_decode(data, width * height * planes), np.uint8)
            pixels = pixels.reshape(height, width, planes)
            if planes == 1:
                pixels = np.dstack([pixels, pixels, pixels, np.zeros_like(pixels)])
            yield checked(f"{kind} {scene} {width}x{height}", data, pixels, picture_pixels(picture, kind))


def lz_streams(reference: Reference) -> Iterator[Stream]:
    top_down = False
    for kind in LZ_TYPES:
        for scene, plain in pictures():
            top_down = not top_down
            picture = scenes.with_alpha(plain)
            height, width = picture.shape[:2]
            raw, stride = scenes.packed(picture[:: 1 if top_down else -1], kind)
            data = reference.lz_encode(kind, width, height, raw, stride, top_down)
            colours = COLOURS.get(kind, 0)
            columns = {2: 8, 16: 2, 11: 2}.get(colours, 1) * stride if colours else width
            out = reference.lz_decode(data, columns * height * 4, PALETTE[:colours])
            pixels = np.frombuffer(out, np.uint8).reshape(height, columns, 4)[:: 1 if top_down else -1, :width]
            order = "down" if top_down else "up"
            name = f"{kind} {scene} {width}x{height} {order}"
            yield checked(name, data, np.ascontiguousarray(pixels), picture_pixels(picture, kind), colours)


def glz_streams(reference: Reference) -> Iterator[Stream]:
    for kind in ("RGB16", "RGB24", "RGB32", "RGBA", "mixed"):
        rng = np.random.default_rng(len(kind))
        whole = scenes.with_alpha(scenes.desktop(500, 400, seed=9))
        whole[250:350, 100:300] = scenes.with_alpha(scenes.photo(200, 100))
        writer = GlzWriter(reference, 40_000)  # so small that images leave it
        reader = GlzReader(reference)
        x = y = width = height = 0
        for number in range(24):
            actual = kind if kind != "mixed" else ("RGB32", "RGBA", "RGB16")[number % 3]
            if number % 4 == 3:  # the same again, somewhat larger: copies from the image before
                width, height = width + 7, height + 5
            else:
                width, height = int(rng.integers(1, 90)), int(rng.integers(1, 60))
                x, y = int(rng.integers(0, 500 - width)), int(rng.integers(0, 400 - height))
            picture = whole[y : y + height, x : x + width]
            height, width = picture.shape[:2]
            top_down = number % 5 != 0
            raw, stride = scenes.packed(np.ascontiguousarray(picture[:: 1 if top_down else -1]), actual)
            data = writer.encode(actual, width, height, raw, stride, top_down, number % 2)
            pixels = np.frombuffer(reader.decode(data, width * height * 4), np.uint8).reshape(height, width, 4)
            yield checked(f"{kind}/{number:02}", data, pixels, picture_pixels(picture, actual))
        writer.close()
        reader.close()


def damaged(all_streams: dict[str, list[Stream]]) -> Iterator[tuple[str, bytes]]:
    """Small streams with bytes changed, cut off or put in, as long as we refuse them."""
    source = random.Random(1)
    for codec, found in all_streams.items():
        small = [stream for stream in found if 50 < len(stream.data) < 1500]
        count = 0
        while count < 40:
            stream = source.choice(small)
            data = bytearray(stream.data)
            for _ in range(source.randint(1, 4)):
                at = source.randrange(len(data))
                how = source.randrange(4)
                if how == 0:
                    data[at] = source.randrange(256)
                elif how == 1:
                    data[at] ^= 1 << source.randrange(8)
                elif how == 2:
                    del data[at:]
                else:
                    data[at:at] = source.randbytes(source.randint(1, 8))
                if not data:
                    data.append(0)
            try:
                if codec == "quic":
                    quic.decode(data)
                elif codec == "lz":
                    lz.decode(data, PALETTE)
                else:
                    glz.Window().decode(data)
            except CodecError:
                yield f"{codec} {count:02} {stream.name.replace('/', ' ')}", bytes(data)
                count += 1


def write(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)
    print(f"{path.name}: {path.stat().st_size} bytes")


def main() -> None:
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        reference = build(Path(sys.argv[1]), Path(folder))
        makers = {"quic": quic_streams, "lz": lz_streams, "glz": glz_streams}
        found = {codec: list(maker(reference)) for codec, maker in makers.items()}
    for codec, some in found.items():
        index = [[stream.name, stream.width, stream.height, stream.sha256, stream.colours] for stream in some]
        members = [
            ("index.json", json.dumps(index, indent=0).encode()),
            *((stream.name, stream.data) for stream in some),
        ]
        write(DATA / f"{codec}.zip", members)
    write(DATA / "malformed.zip", damaged(found))


if __name__ == "__main__":
    main()
