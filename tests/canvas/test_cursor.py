"""Cursors of all types; the expected pictures are laid out by hand."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from spicetui.canvas.cursor import (
    CACHE_ENTRIES,
    CACHE_PIXELS,
    MAX_PIXELS,
    Cursor,
    CursorCache,
    decode_cursor,
)
from spicetui.errors import CodecError
from spicetui.wire.cursor import CursorHeader, CursorShape
from spicetui.wire.enums import CursorFlags, CursorType


def shape(
    kind: CursorType, size: tuple[int, int], data: bytes, hot: tuple[int, int] = (0, 0), unique: int = 1, flags: int = 0
) -> CursorShape:
    return CursorShape(flags, CursorHeader(unique, kind, *size, *hot), data)


def words(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[list[int]]:
    return [[int.from_bytes(bytes(pixel), "little") for pixel in row] for row in pixels]


def pack(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def test_alpha_is_premultiplied_when_it_is_not_yet() -> None:
    straight = decode_cursor(shape(CursorType.ALPHA, (2, 1), pack(0x80FF8000, 0xFF123456), (1, 0)))
    assert words(straight.pixels) == [[0x80804000, 0xFF123456]]
    assert words(straight.plain) == [[0x80FF8000, 0xFF123456]]
    assert straight.invert is None
    assert (straight.hot_x, straight.hot_y, straight.width, straight.height) == (1, 0, 2, 1)
    ready = decode_cursor(shape(CursorType.ALPHA, (2, 1), pack(0x80804000, 0xFF123456)))
    assert words(ready.pixels) == [[0x80804000, 0xFF123456]]


def test_mono() -> None:
    # AND then XOR: black, white, transparent, inverted.
    cursor = decode_cursor(shape(CursorType.MONO, (4, 1), bytes((0b00110000, 0b01010000))))
    assert words(cursor.pixels) == [[0xFF000000, 0xFFFFFFFF, 0, 0]]
    assert cursor.invert is not None
    assert cursor.invert.tolist() == [[False, False, False, True]]
    assert words(cursor.plain) == [[0xFF000000, 0xFFFFFFFF, 0, 0xFFFFFFFF]]


def test_mono_of_inversion_alone_gets_an_edge() -> None:
    xor = bytes((0, 0, 0b00010000, 0, 0))
    cursor = decode_cursor(shape(CursorType.MONO, (8, 5), b"\xff" * 5 + xor))
    white, black = 0xFFFFFFFF, 0xFF000000
    assert words(cursor.plain) == [
        [0] * 8,
        [0, 0, black, black, black, 0, 0, 0],
        [0, 0, black, white, black, 0, 0, 0],
        [0, 0, black, black, black, 0, 0, 0],
        [0] * 8,
    ]
    assert not cursor.pixels.any()


def test_an_inverting_cursor_on_a_picture() -> None:
    cursor = decode_cursor(shape(CursorType.MONO, (8, 1), b"\xff\x0f", (2, 0)))
    picture = np.full((1, 10, 4), (10, 20, 30, 99), np.uint8)
    cursor.paint(picture, 4, 0)
    assert picture[0, 5].tolist() == [10, 20, 30, 99]
    assert picture[0, 6].tolist() == [245, 235, 225, 99]
    cursor.paint(picture, 4, 0)
    assert (picture == np.array((10, 20, 30, 99), np.uint8)).all()


COLOURS = (0x112233, 0xFFFFFF, 0x445566, 0xFFFFFF)  # the mask hides the last two


def check_coloured(cursor: Cursor, colours: tuple[int, ...] = COLOURS) -> None:
    assert words(cursor.plain)[0][:3] == [0xFF000000 | colours[0], 0xFF000000 | colours[1], colours[2]]
    assert words(cursor.plain)[0][3] == 0xC0303030
    assert words(cursor.pixels)[0][:2] == [0xFF000000 | colours[0], 0xFF000000 | colours[1]]
    assert cursor.pixels[0, 2:, 3].tolist() == [0, 0]
    assert cursor.invert is not None
    assert cursor.invert.tolist() == [[False, False, False, True]]


def test_color32() -> None:
    check_coloured(decode_cursor(shape(CursorType.COLOR32, (4, 1), pack(*COLOURS) + b"\x30")))


def test_color24() -> None:
    data = b"".join(colour.to_bytes(3, "little") for colour in COLOURS)
    check_coloured(decode_cursor(shape(CursorType.COLOR24, (4, 1), data + b"\x30")))


def test_color16_keeps_the_low_bits_0() -> None:
    data = struct.pack("<4H", 0x0443, 0x7FFF, 0x1111, 0x7FFF)
    check_coloured(decode_cursor(shape(CursorType.COLOR16, (4, 1), data + b"\x30")), (0x081018, 0xF8F8F8, 0x204088, 0))


def test_color8_and_color4() -> None:
    palette = pack(*COLOURS[:3], *[0] * 253)
    check_coloured(decode_cursor(shape(CursorType.COLOR8, (4, 1), bytes((0, 1, 2, 1)) + palette + b"\x30")))
    palette = pack(*COLOURS[:3], *[0] * 13)
    check_coloured(decode_cursor(shape(CursorType.COLOR4, (4, 1), bytes((0x01, 0x21)) + palette + b"\x30")))


def test_mask_bits_run_on_over_rows_unless_there_are_more_of_them() -> None:
    data = pack(*[0x010101] * 6)
    run_on = decode_cursor(shape(CursorType.COLOR32, (3, 2), data + b"\x08"))
    assert run_on.plain[:, :, 3].tolist() == [[255, 255, 255], [255, 0, 255]]
    padded = decode_cursor(shape(CursorType.COLOR32, (3, 2), data + b"\x00\x40"))
    assert padded.plain[:, :, 3].tolist() == [[255, 255, 255], [255, 0, 255]]


def test_paint_blends_and_clips() -> None:
    cursor = decode_cursor(shape(CursorType.ALPHA, (3, 3), pack(*[0x80402010] * 9), (1, 1)))
    for at in ((0, 0), (5, 5), (-9, 2), (2, 2), (6, 0), (100, 100)):
        picture = np.full((6, 6, 4), 200, np.uint8)
        cursor.paint(picture, *at)
        for y in range(6):
            for x in range(6):
                inside = abs(x - at[0]) <= 1 and abs(y - at[1]) <= 1
                under = (200 * 127 + 127) // 255
                expected = [0x10 + under, 0x20 + under, 0x40 + under, 200] if inside else [200] * 4
                assert picture[y, x].tolist() == expected


def test_the_hot_spot_stays_at_the_cursor() -> None:
    cursor = decode_cursor(shape(CursorType.ALPHA, (2, 2), pack(*[0] * 4), (40, 7)))
    assert (cursor.hot_x, cursor.hot_y) == (2, 2)


def test_an_empty_cursor_draws_nothing() -> None:
    for kind in CursorType:
        cursor = decode_cursor(shape(kind, (0, 0), bytes(2000)))
        picture = np.full((2, 2, 4), 7, np.uint8)
        cursor.paint(picture, 0, 0)
        assert (picture == 7).all()


@pytest.mark.parametrize("kind", [*CursorType, 7, 99])
def test_short_data_and_huge_sizes(kind: int) -> None:
    chance = random.Random(kind)
    for size in ((32, 32), (1, 1), (65535, 65535), (65535, 1), (7, 3)):
        for length in (0, 1, 63, 1000):
            try:
                decode_cursor(CursorShape(0, CursorHeader(1, kind, *size, 0, 0), chance.randbytes(length)))
            except CodecError:
                continue
            assert size[0] * size[1] <= 8 * length


def test_the_cache_is_bounded_in_pixels() -> None:
    cache = CursorCache()
    large = (2048, 512)
    assert large[0] * large[1] == MAX_PIXELS
    for unique in range(CACHE_PIXELS // MAX_PIXELS + 3):
        cache.take(shape(CursorType.ALPHA, large, bytes(4 * MAX_PIXELS), unique=unique, flags=CursorFlags.CACHE_ME))
    assert len(cache) == CACHE_PIXELS // MAX_PIXELS
    for _ in range(20):  # the same one again and again counts once
        cache.take(shape(CursorType.ALPHA, (1, 1), bytes(4), unique=6, flags=CursorFlags.CACHE_ME))
    assert len(cache) == CACHE_PIXELS // MAX_PIXELS
    cache.clear()
    cache.take(shape(CursorType.ALPHA, large, bytes(4 * MAX_PIXELS), unique=1, flags=CursorFlags.CACHE_ME))
    assert len(cache) == 1


def test_cache() -> None:
    cache = CursorCache()
    for unique in range(CACHE_ENTRIES + 10):
        cache.take(shape(CursorType.ALPHA, (1, 1), pack(unique), unique=unique, flags=CursorFlags.CACHE_ME))
    assert len(cache) == CACHE_ENTRIES

    def again(unique: int) -> Cursor:
        return cache.take(shape(CursorType.ALPHA, (0, 0), b"", unique=unique, flags=CursorFlags.FROM_CACHE))

    assert again(100).unique == 100
    cache.invalidate(100)
    for missing in (100, 3):
        with pytest.raises(CodecError):
            again(missing)
    cache.clear()
    with pytest.raises(CodecError):
        again(200)
    with pytest.raises(CodecError):
        cache.take(CursorShape(CursorFlags.NONE, None, b""))
