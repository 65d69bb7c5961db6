"""Images of every type from their wire form to pixels, through caches and limits."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import lz4.block
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PilImage

from spicetui.codecs import jpeg
from spicetui.codecs.caches import PaletteCache, PixmapCache
from spicetui.codecs.glz import Window
from spicetui.codecs.image import CacheMiss, ImageDecoder, MissingReference
from spicetui.codecs.pixmap import PixelFormat, Pixmap, expand555
from spicetui.errors import CodecError
from spicetui.wire.core import Reader, Writer
from spicetui.wire.display import ResourceId
from spicetui.wire.enums import BitmapFlags, BitmapFmt, ImageFlags, ImageType, JpegAlphaFlags
from spicetui.wire.image import (
    BinaryData,
    BitmapData,
    Image,
    ImageData,
    ImageDescriptor,
    JpegAlphaData,
    LzPltData,
    Palette,
    ZlibGlzData,
)

TOP_DOWN = int(BitmapFlags.TOP_DOWN)
COLOURS = (0x112233, 0x445566, 0x778899, 0xAABBCC)


@pytest.fixture
def decoder() -> ImageDecoder:
    return ImageDecoder(PixmapCache(), PaletteCache(), Window())


def image(kind: ImageType, size: tuple[int, int], data: ImageData, id: int = 0, flags: int = 0) -> Image:
    return Image(ImageDescriptor(id, kind, flags, *size), data)


def bitmap(
    fmt: BitmapFmt,
    size: tuple[int, int],
    data: bytes,
    flags: int = TOP_DOWN,
    palette: Palette | int | None = None,
    stride: int = 0,
) -> Image:
    width, height = size
    raw = BitmapData(fmt, flags, width, height, stride or len(data) // height, palette, data)
    return image(ImageType.BITMAP, size, raw)


def literal(samples: Sequence[bytes]) -> bytes:
    """LZ and GLZ tokens that say each pixel anew."""
    out = b""
    for at in range(0, len(samples), 32):
        part = samples[at : at + 32]
        out += bytes((len(part) - 1,)) + b"".join(part)
    return out


def lz(kind: int, width: int, height: int, stride: int, body: bytes, top_down: int = 1) -> bytes:
    return struct.pack(">7I", 0x20205A4C, 0x10001, kind, width, height, stride, top_down) + body


def glz(id: int, width: int, height: int, pixels: Sequence[bytes]) -> bytes:
    """RGB32, top row first."""
    head = struct.pack(">2IB3IQI", 0x20205A4C, 0x10001, 8 | 1 << 4, width, height, width * 4, id, 0)
    return head + literal(pixels)


def words(pixmap: Pixmap) -> list[list[int]]:
    return [[int(word) for word in row] for row in pixmap.pixels]


# --- bitmaps


@pytest.mark.parametrize("flags", [0, TOP_DOWN])
@pytest.mark.parametrize("stride", [4, 7])
def test_bitmap_rows_and_strides(decoder: ImageDecoder, flags: int, stride: int) -> None:
    rows = [bytes((1, 2, 3)).ljust(stride, b"\xee"), bytes((4, 5, 6)).ljust(stride, b"\xee")]
    pixmap = decoder.decode(bitmap(BitmapFmt.FMT_8BIT_A, (3, 2), b"".join(rows), flags, stride=stride))
    assert pixmap.format is PixelFormat.A8
    assert words(pixmap) == ([[1, 2, 3], [4, 5, 6]] if flags else [[4, 5, 6], [1, 2, 3]])


@pytest.mark.parametrize(
    ("fmt", "data", "size", "indices"),
    [
        (BitmapFmt.FMT_1BIT_LE, b"\x05\x01\x0a\x00", (9, 2), [[1, 0, 1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 1] + [0] * 5]),
        (BitmapFmt.FMT_1BIT_BE, b"\xa0\x80\x50\x00", (9, 2), [[1, 0, 1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 1] + [0] * 5]),
        (BitmapFmt.FMT_4BIT_LE, b"\x10\x32\x01\x00", (3, 2), [[0, 1, 2], [1, 0, 0]]),
        (BitmapFmt.FMT_4BIT_BE, b"\x01\x23\x10\x00", (3, 2), [[0, 1, 2], [1, 0, 0]]),
        (BitmapFmt.FMT_8BIT, b"\x00\x03\x02\x01", (2, 2), [[0, 3], [2, 1]]),
    ],
)
def test_bitmaps_with_a_palette(
    decoder: ImageDecoder, fmt: BitmapFmt, data: bytes, size: tuple[int, int], indices: list[list[int]]
) -> None:
    pixmap = decoder.decode(bitmap(fmt, size, data, palette=Palette(1, COLOURS)))
    assert pixmap.format is PixelFormat.INDEXED
    assert words(pixmap) == [[COLOURS[i] for i in row] for row in indices]
    if fmt in (BitmapFmt.FMT_1BIT_LE, BitmapFmt.FMT_1BIT_BE):
        assert pixmap.bits is not None
        assert pixmap.bits.tolist() == indices


def test_an_index_beyond_the_palette_is_black(decoder: ImageDecoder) -> None:
    assert words(decoder.decode(bitmap(BitmapFmt.FMT_8BIT, (2, 1), b"\x00\xff", palette=Palette(1, (7,))))) == [[7, 0]]


def test_one_bit_without_a_palette_is_a_mask(decoder: ImageDecoder) -> None:
    pixmap = decoder.decode(bitmap(BitmapFmt.FMT_1BIT_BE, (4, 1), b"\x90"))
    assert pixmap.format is PixelFormat.A1
    assert pixmap.bits is not None
    assert pixmap.bits.tolist() == [[1, 0, 0, 1]]


def test_true_colours(decoder: ImageDecoder) -> None:
    for fmt, data, expected, pixel_format in (
        (BitmapFmt.FMT_16BIT, b"\x1f\x00\x00\x7c", [[0x1F, 0x7C00]], PixelFormat.RGB555),
        (BitmapFmt.FMT_24BIT, b"\x33\x22\x11\x66\x55\x44", [[0x112233, 0x445566]], PixelFormat.XRGB),
        (BitmapFmt.FMT_32BIT, b"\x33\x22\x11\x77\x66\x55\x44\x00", [[0x77112233, 0x445566]], PixelFormat.XRGB),
        (BitmapFmt.FMT_RGBA, b"\x33\x22\x11\x77\x66\x55\x44\x00", [[0x77112233, 0x445566]], PixelFormat.ARGB),
    ):
        pixmap = decoder.decode(bitmap(fmt, (2, 1), data))
        assert pixmap.format is pixel_format
        assert words(pixmap) == expected


def test_high_bits_set(decoder: ImageDecoder) -> None:
    data = b"\x33\x22\x11\x00"
    for fmt, expected in ((BitmapFmt.FMT_32BIT, 0xFF112233), (BitmapFmt.FMT_RGBA, 0x112233)):
        raw = BitmapData(fmt, TOP_DOWN, 1, 1, 4, None, data)
        high = image(ImageType.BITMAP, (1, 1), raw, flags=ImageFlags.HIGH_BITS_SET)
        assert words(decoder.decode(high)) == [[expected]]


@pytest.mark.parametrize(
    "wrong",
    [
        BitmapData(11, 0, 1, 1, 4, None, bytes(4)),
        BitmapData(0, 0, 1, 1, 4, None, bytes(4)),
        BitmapData(BitmapFmt.FMT_32BIT, 0, 2, 1, 4, None, bytes(4)),
        BitmapData(BitmapFmt.FMT_32BIT, 0, 1, 2, 4, None, bytes(4)),
        BitmapData(BitmapFmt.FMT_32BIT, 0, 0, 1, 4, None, bytes(4)),
        BitmapData(BitmapFmt.FMT_8BIT, 0, 1 << 31, 1 << 31, 0, None, b""),
        BitmapData(BitmapFmt.FMT_8BIT, 0, 4, 1, 4, None, bytes(4)),
        BitmapData(BitmapFmt.FMT_8BIT, 0, 4, 1, 4, 77, bytes(4)),
    ],
)
def test_impossible_bitmaps(decoder: ImageDecoder, wrong: BitmapData) -> None:
    with pytest.raises(CodecError):
        decoder.decode(image(ImageType.BITMAP, (wrong.x, wrong.y), wrong))


# --- compressed


@pytest.mark.parametrize("top_down", [0, 1])
def test_lz_types(decoder: ImageDecoder, top_down: int) -> None:
    pixels = [bytes((i, i + 1, i + 2)) for i in range(0, 12, 3)]
    expected = [[0x020100, 0x050403], [0x080706, 0x0B0A09]]
    data = lz(8, 2, 2, 8, literal(pixels), top_down)
    pixmap = decoder.decode(image(ImageType.LZ_RGB, (2, 2), BinaryData(data)))
    assert pixmap.format is PixelFormat.XRGB
    assert words(pixmap) == (expected if top_down else expected[::-1])
    data = lz(9, 2, 2, 8, literal(pixels) + literal([bytes((i,)) for i in (9, 8, 7, 6)]), 1)
    pixmap = decoder.decode(image(ImageType.LZ_RGB, (2, 2), BinaryData(data)))
    assert pixmap.format is PixelFormat.ARGB
    assert words(pixmap) == [[0x09020100, 0x08050403], [0x07080706, 0x060B0A09]]
    pixmap = decoder.decode(image(ImageType.LZ_RGB, (2, 1), BinaryData(lz(11, 2, 1, 2, literal([b"\x05", b"\xff"])))))
    assert pixmap.format is PixelFormat.A8
    assert words(pixmap) == [[5, 255]]
    sixteen = lz(6, 2, 1, 4, literal([b"\x7c\x00", b"\x00\x1f"]))
    assert words(decoder.decode(image(ImageType.LZ_RGB, (2, 1), BinaryData(sixteen)))) == [[0xFF0000, 0xFF]]
    # What is cached of sixteen bits is opaque when it is used.
    kept = image(ImageType.LZ_RGB, (2, 1), BinaryData(sixteen), 3, ImageFlags.CACHE_ME)
    assert words(decoder.decode(kept)) == [[0xFFFF0000, 0xFF0000FF]]
    with pytest.raises(CodecError):
        decoder.decode(image(ImageType.LZ_RGB, (2, 1), BinaryData(lz(10, 2, 1, 8, literal([b"\x05", b"\xff"])))))


def test_lz_with_a_palette(decoder: ImageDecoder) -> None:
    data = lz(5, 3, 1, 3, literal([b"\x02", b"\x00", b"\x01"]))
    palette = Palette(5, COLOURS)
    pixmap = decoder.decode(image(ImageType.LZ_PLT, (3, 1), LzPltData(BitmapFlags.PAL_CACHE_ME, palette, data)))
    assert pixmap.format is PixelFormat.INDEXED
    assert words(pixmap) == [[COLOURS[2], COLOURS[0], COLOURS[1]]]
    again = decoder.decode(image(ImageType.LZ_PLT, (3, 1), LzPltData(BitmapFlags.PAL_FROM_CACHE, 5, data)))
    assert words(again) == words(pixmap)
    decoder.palettes.invalidate(5)
    with pytest.raises(CodecError):
        decoder.decode(image(ImageType.LZ_PLT, (3, 1), LzPltData(BitmapFlags.PAL_FROM_CACHE, 5, data)))


def test_glz_and_zlib(decoder: ImageDecoder) -> None:
    pixels = [b"\x01\x02\x03", b"\x04\x05\x06"]
    expected = [[0x030201, 0x060504]]
    assert words(decoder.decode(image(ImageType.GLZ_RGB, (2, 1), BinaryData(glz(0, 2, 1, pixels))))) == expected
    raw = glz(1, 2, 1, pixels)
    packed = ZlibGlzData(len(raw), zlib.compress(raw))
    assert words(decoder.decode(image(ImageType.ZLIB_GLZ_RGB, (2, 1), packed))) == expected
    # One pixel of the image before: far 0, offset 0, then a distance of one image.
    head = struct.pack(">2IB3IQI", 0x20205A4C, 0x10001, 8 | 1 << 4, 2, 1, 8, 2, 2)
    copy_two = head + bytes((2 << 5, 0, 1))
    assert words(decoder.decode(image(ImageType.GLZ_RGB, (2, 1), BinaryData(copy_two)))) == expected
    for wrong in (
        ZlibGlzData(len(raw) - 1, zlib.compress(raw)[:-6]),
        ZlibGlzData(len(raw) + 1, zlib.compress(raw)),
        ZlibGlzData(1 << 31, zlib.compress(raw)),
        ZlibGlzData(0, b""),
        ZlibGlzData(len(raw), b"nothing"),
    ):
        with pytest.raises(CodecError):
            decoder.decode(image(ImageType.ZLIB_GLZ_RGB, (2, 1), wrong))


def test_glz_whose_reference_has_not_come(decoder: ImageDecoder) -> None:
    head = struct.pack(">2IB3IQI", 0x20205A4C, 0x10001, 8 | 1 << 4, 2, 1, 8, 1, 1)
    later = image(ImageType.GLZ_RGB, (2, 1), BinaryData(head + bytes((2 << 5, 0, 1))), 9, ImageFlags.CACHE_ME)
    with pytest.raises(MissingReference):
        decoder.decode(later)
    assert len(decoder.pixmaps) == 0
    decoder.decode(image(ImageType.GLZ_RGB, (2, 1), BinaryData(glz(0, 2, 1, [b"\x01\x02\x03", b"\x04\x05\x06"]))))
    assert words(decoder.decode(later)) == [[0x030201, 0x060504]]


def lz4_image(fmt: int, rows: bytes, parts: int, top_down: int = 1) -> bytes:
    out = bytes((top_down, fmt))
    size = -(-len(rows) // parts)
    for at in range(0, len(rows), size):
        history = rows[max(0, at - 65536) : at]
        part = rows[at : at + size]
        more = {"dict": history} if at else {}
        block = lz4.block.compress(part, store_size=False, **more)
        out += struct.pack(">I", len(block)) + block
    return out


@pytest.mark.parametrize("parts", [1, 2, 7])
@pytest.mark.parametrize(("fmt", "size"), [(6, 2), (7, 3), (8, 4), (9, 4)])
def test_lz4(decoder: ImageDecoder, fmt: int, size: int, parts: int) -> None:
    width, height = 37, 41
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 4, (height, width * size), np.uint8)
    expected: npt.NDArray[Any]
    if size == 2:
        expected = rows.view("<u2")
    elif size == 4:
        expected = rows.view("<u4")
    else:
        b, g, r = (rows[:, i::3].astype(np.uint32) for i in range(3))
        expected = 0xFF << 24 | r << 16 | g << 8 | b
    for top_down in (1, 0):
        data = lz4_image(fmt, rows.tobytes(), parts, top_down)
        pixmap = decoder.decode(image(ImageType.LZ4, (width, height), BinaryData(data)))
        assert np.array_equal(pixmap.pixels, expected if top_down else expected[::-1])


def test_broken_lz4(decoder: ImageDecoder) -> None:
    data = lz4_image(8, bytes(range(256)) * 16, 3)
    chance = random.Random(4)
    for wrong in (b"", b"\x01", b"\x01\x08", b"\x01\x05" + data[2:], data[:-1], data + b"\0", data[:2] + bytes(8)):
        with pytest.raises(CodecError):
            decoder.decode(image(ImageType.LZ4, (32, 32), BinaryData(wrong)))
    for size in ((31, 32), (33, 32), (0, 5), (1 << 30, 1 << 30)):
        with pytest.raises(CodecError):
            decoder.decode(image(ImageType.LZ4, size, BinaryData(data)))
    for _ in range(300):
        mutated = bytearray(data)
        mutated[chance.randrange(len(mutated))] ^= 1 << chance.randrange(8)
        try:
            decoder.decode(image(ImageType.LZ4, (32, 32), BinaryData(mutated)))
        except CodecError:
            pass


def photo(width: int, height: int) -> npt.NDArray[np.uint8]:
    y, x = np.indices((height, width))
    return np.stack((x * 3 % 256, y * 5 % 256, (x + y) % 256), axis=2).astype(np.uint8)


def encode_jpeg(rgb: npt.NDArray[np.uint8], **options: object) -> bytes:
    out = io.BytesIO()
    PilImage.fromarray(rgb).save(out, "JPEG", quality=80, **options)
    return out.getvalue()


@pytest.mark.parametrize("pillow", [False, True])
def test_jpeg(monkeypatch: pytest.MonkeyPatch, decoder: ImageDecoder, pillow: bool) -> None:
    if pillow:
        monkeypatch.setattr(jpeg, "_decode", jpeg._decode_with_pillow)
    data = encode_jpeg(photo(40, 24))
    pixmap = decoder.decode(image(ImageType.JPEG, (40, 24), BinaryData(data)))
    assert pixmap.lossy
    reference = np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB")).astype(int)
    channels = pixmap.pixels.view(np.uint8).reshape(24, 40, 4).astype(int)
    assert abs(channels[:, :, 2::-1] - reference).max() <= 1
    assert not channels[:, :, 3].any()
    gray = encode_jpeg(photo(16, 8)[:, :, 0])
    channels = decoder.decode(image(ImageType.JPEG, (16, 8), BinaryData(gray))).pixels.view(np.uint8).reshape(8, 16, 4)
    assert np.array_equal(channels[:, :, 0], channels[:, :, 1])
    for size, wrong in (((41, 24), data), ((40, 24), data[:30]), ((40, 24), b""), ((40, 24), b"\xff\xd8\xff\xd9")):
        with pytest.raises(CodecError):
            decoder.decode(image(ImageType.JPEG, size, BinaryData(wrong)))


@pytest.mark.parametrize("top_down", [0, 1])
def test_jpeg_alpha(decoder: ImageDecoder, top_down: int) -> None:
    width, height = 16, 8
    colours = encode_jpeg(photo(width, height))
    alpha = np.arange(width * height, dtype=np.uint8).reshape(height, width)
    rows = alpha if top_down else alpha[::-1]
    plane = lz(10, width, height, width * 4, literal([bytes((a,)) for a in rows.tobytes()]), top_down)
    flags = JpegAlphaFlags.TOP_DOWN if top_down else 0
    whole = image(ImageType.JPEG_ALPHA, (width, height), JpegAlphaData(flags, len(colours), colours + plane))
    pixmap = decoder.decode(whole)
    assert pixmap.lossy
    assert pixmap.format is PixelFormat.ARGB
    assert np.array_equal(pixmap.pixels >> 24, alpha)
    opaque = decoder.decode(image(ImageType.JPEG, (width, height), BinaryData(colours)))
    assert np.array_equal(pixmap.pixels & 0xFFFFFF, opaque.pixels)
    for wrong in (
        JpegAlphaData(JpegAlphaFlags.TOP_DOWN - flags, len(colours), colours + plane),
        JpegAlphaData(flags, len(colours), colours + plane[:20]),
        JpegAlphaData(flags, len(colours), colours + lz(8, width, height, width * 4, b"")),
        JpegAlphaData(flags, len(colours), colours + lz(10, height, width, height * 4, plane[28:], top_down)),
        JpegAlphaData(flags, 0, plane),
    ):
        with pytest.raises(CodecError):
            decoder.decode(image(ImageType.JPEG_ALPHA, (width, height), wrong))


@pytest.mark.parametrize("kind", [ImageType.QUIC, ImageType.LZ_RGB, ImageType.GLZ_RGB, ImageType.JPEG, ImageType.LZ4])
def test_garbage_and_sizes_are_refused_before_anything_is_allocated(decoder: ImageDecoder, kind: ImageType) -> None:
    chance = random.Random(kind)
    for size in ((4, 4), (1 << 16, 1 << 16), (0, 0), (0xFFFFFFFF, 0xFFFFFFFF)):
        for length in (0, 1, 19, 27, 32, 40, 500):
            with pytest.raises(CodecError):
                decoder.decode(image(kind, size, BinaryData(chance.randbytes(length))))


def test_the_descriptor_must_agree_with_the_stream(decoder: ImageDecoder) -> None:
    data = lz(8, 2, 2, 8, literal([b"abc"] * 4))
    for size in ((2, 1), (4, 4), (1, 4)):
        with pytest.raises(CodecError, match="announced"):
            decoder.decode(image(ImageType.LZ_RGB, size, BinaryData(data)))


# --- caches


def one_pixel(value: int, id: int = 0, flags: int = 0) -> Image:
    raw = BitmapData(BitmapFmt.FMT_32BIT, TOP_DOWN, 1, 1, 4, None, value.to_bytes(4, "little"))
    return image(ImageType.BITMAP, (1, 1), raw, id, flags)


def cached(id: int, lossless: bool = False) -> Image:
    return image(ImageType.FROM_CACHE_LOSSLESS if lossless else ImageType.FROM_CACHE, (1, 1), None, id)


def test_pixmap_cache(decoder: ImageDecoder) -> None:
    with pytest.raises(CacheMiss) as miss:
        decoder.decode(cached(7))
    assert (miss.value.id, miss.value.lossless) == (7, False)
    decoder.decode(one_pixel(5, 7, ImageFlags.CACHE_ME))
    assert words(decoder.decode(cached(7))) == [[5]]
    assert words(decoder.decode(cached(7, lossless=True))) == [[5]]
    decoder.pixmaps.invalidate([ResourceId(1, 7)])
    with pytest.raises(CacheMiss):
        decoder.decode(cached(7))


def test_each_channel_that_was_told_to_cache_counts(decoder: ImageDecoder) -> None:
    other = ImageDecoder(decoder.pixmaps, PaletteCache(), Window())
    for one in (decoder, other):
        one.decode(one_pixel(5, 7, ImageFlags.CACHE_ME))
    decoder.pixmaps.invalidate([ResourceId(1, 7), ResourceId(1, 8), ResourceId(99, 7)])
    assert words(other.decode(cached(7))) == [[5]]
    decoder.pixmaps.invalidate([ResourceId(1, 7)])
    assert len(decoder.pixmaps) == 0
    assert decoder.pixmaps.pixels == 0


def test_lossy_pictures_are_replaced(decoder: ImageDecoder) -> None:
    data = encode_jpeg(photo(1, 1))
    decoder.decode(image(ImageType.JPEG, (1, 1), BinaryData(data), 7, ImageFlags.CACHE_ME))
    assert decoder.decode(cached(7)).lossy
    with pytest.raises(CacheMiss) as miss:
        decoder.decode(cached(7, lossless=True))
    assert miss.value.lossless
    decoder.decode(one_pixel(5, 7, ImageFlags.CACHE_REPLACE_ME))
    assert words(decoder.decode(cached(7, lossless=True))) == [[5]]
    with pytest.raises(CodecError):
        decoder.decode(image(ImageType.JPEG, (1, 1), BinaryData(data), 7, ImageFlags.CACHE_REPLACE_ME))
    decoder.pixmaps.invalidate([ResourceId(1, 7)])
    with pytest.raises(CacheMiss):
        decoder.decode(cached(7))


def test_what_is_cached_outlives_its_message(decoder: ImageDecoder) -> None:
    body = bytearray(b"\x01\x02\x03\x04")
    raw = BitmapData(BitmapFmt.FMT_32BIT, TOP_DOWN, 1, 1, 4, None, body)
    decoder.decode(image(ImageType.BITMAP, (1, 1), raw, 7, ImageFlags.CACHE_ME))
    body[:] = bytes(4)
    assert words(decoder.decode(cached(7))) == [[0x04030201]]


def test_the_cache_is_bounded() -> None:
    cache = PixmapCache(limit_pixels=100)
    for id_ in range(1000):
        cache.add(id_, Pixmap(PixelFormat.A8, np.zeros((3, 3), np.uint8)))
        assert cache.pixels <= 100
        assert cache.get(id_).area == 9
    assert len(cache) == 11
    cache.add(5000, Pixmap(PixelFormat.A8, np.zeros((100, 100), np.uint8)))
    assert cache.pixels <= 100
    cache.clear()
    assert (len(cache), cache.pixels) == (0, 0)


def test_the_palette_cache_is_bounded() -> None:
    cache = PaletteCache()
    for id_ in range(20_000):
        cache.add(Palette(id_, (id_,)))
    assert len(cache) <= 4096
    assert cache.get(19_999).ents == (19_999,)
    huge = (0,) * 65535
    for id_ in range(200):
        cache.add(Palette(id_, huge))
    assert len(cache) <= 65
    cache.clear()
    with pytest.raises(CodecError):
        cache.get(199)


def test_images_read_from_the_wire(decoder: ImageDecoder) -> None:
    indexed = lz(5, 3, 1, 3, literal([b"\2", b"\0", b"\1"]))
    for original in (
        one_pixel(5, 7, ImageFlags.CACHE_ME),
        cached(7),
        image(ImageType.LZ_PLT, (3, 1), LzPltData(0, Palette(5, COLOURS), indexed)),
        bitmap(BitmapFmt.FMT_4BIT_BE, (3, 1), b"\x01\x20", palette=Palette(5, COLOURS)),
    ):
        writer = Writer()
        writer.raw(b"head")
        Image.write(writer, original)
        read = Image.read(Reader(writer.finish(), "test", 4))
        assert words(decoder.decode(read)) == words(decoder.decode(original))


def test_sixteen_bits_widen_by_their_top_bits() -> None:
    assert expand555(np.array([[0x7FFF, 0x0421, 0x4210]], np.uint16)).tolist() == [[0xFFFFFFFF, 0xFF080808, 0xFF848484]]
