"""LZ: tokens laid out by hand, palettes, alpha, what is refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from codec_corpus import PALETTE, streams

from spicetui.codecs import lz
from spicetui.errors import CodecError

SOME = {stream.name: stream for stream in streams("lz")}
STRIDES = {lz.RGB16: 2, lz.RGB24: 3, lz.RGB32: 4, lz.RGBA: 4, lz.XXXA: 4}
A, B, C = b"\x01\x02\x03", b"\x11\x12\x13", b"\x21\x22\x23"


def header(kind: int, width: int, height: int = 1, *, stride: int | None = None, top_down: int = 1) -> bytes:
    if stride is None:
        stride = {1: -(-width // 8), 2: -(-width // 8), 3: -(-width // 2), 4: -(-width // 2)}.get(
            kind, width * STRIDES.get(kind, 1)
        )
    return struct.pack(">7I", 0x20205A4C, 0x00010001, kind, width, height, stride, top_down)


def colours(data: bytes) -> list[bytes]:
    """The decoded pixels of one row as three bytes each; the fourth must be 0."""
    pixels = lz.decode(data)
    assert not pixels[:, :, 3].any()
    return [bytes(pixel[:3]) for pixel in pixels.reshape(-1, 4)]


def test_literals() -> None:
    assert colours(header(lz.RGB32, 3) + b"\x02" + A + B + C) == [A, B, C]
    assert colours(header(lz.RGB24, 3) + b"\x00" + A + b"\x01" + B + C) == [A, B, C]


def test_a_run() -> None:
    assert colours(header(lz.RGB32, 6) + b"\x00" + A + b"\xa0\x00") == [A] * 6


def test_an_overlapping_copy() -> None:
    # Length 5 (top three bits), distance 1 + 1: A B A B A.
    assert colours(header(lz.RGB32, 7) + b"\x01" + A + B + b"\xa0\x01") == [A, B, A, B, A, B, A]
    assert colours(header(lz.RGB32, 8) + b"\x02" + A + B + C + b"\xa0\x02") == [A, B, C, A, B, C, A, B]


def test_a_long_length() -> None:
    # 7, then bytes as long as they are 255: 7 + 255 + 255 + 3.
    assert colours(header(lz.RGB32, 521) + b"\x00" + A + b"\xe0\xff\xff\x03\x00") == [A] * 521


def test_thirteen_bits_of_distance() -> None:
    count = 0x1234 + 1
    data = header(lz.RGB32, count + 2) + b"\x00" + A + b"\x00" + B
    rest = count - 2
    data += b"\xe0" + b"\xff" * ((rest - 7) // 255) + bytes([(rest - 7) % 255]) + b"\x00"  # B up to `count`
    data += bytes([2 << 5 | 0x12, 0x34])
    assert colours(data) == [A] + [B] * (count - 1) + [A, B]


@pytest.mark.parametrize("distance", [8192, 8193, 9000, 8192 + 65535])
def test_far_distance(distance: int) -> None:
    rest = distance - 2
    data = header(lz.RGB32, distance + 3) + b"\x01" + A + B
    data += b"\xe0" + b"\xff" * ((rest - 7) // 255) + bytes([(rest - 7) % 255]) + b"\x00"
    data += bytes([3 << 5 | 31, 255]) + struct.pack(">H", distance - 8192)  # the marker, then big-endian behind 8191
    assert colours(data) == [A] + [B] * (distance - 1) + [A, B, B]


def test_rgb16() -> None:
    # Two bytes, high one first; bit 15 means nothing. Lengths are one more than they say.
    data = (
        header(lz.RGB16, 5) + b"\x01" + struct.pack(">2H", 0b1_10000_00001_11111, 0b0_00000_11111_00010) + b"\x40\x01"
    )
    one, two = bytes([255, 8, 132]), bytes([16, 255, 0])
    assert colours(data) == [one, two, one, two, one]


def test_rgba() -> None:
    # Alpha counts its distances from the first pixel again, and its lengths are two more than they say.
    data = header(lz.RGBA, 4) + b"\x00" + A + b"\x60\x00" + b"\x00\x80" + b"\x20\x00"
    assert lz.decode(data).tobytes() == (A + b"\x80") * 4


def test_alpha_alone() -> None:
    data = header(lz.XXXA, 4) + b"\x03\x01\x02\x03\xff"
    assert lz.decode(data).tobytes() == b"\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\xff"
    assert lz.decode(header(lz.A8, 4) + data[28:]).tobytes() == lz.decode(data).tobytes()


def test_eight_bit_palette() -> None:
    data = header(lz.PLT8, 4) + b"\x00\x02" + b"\x20\x00"
    assert lz.decode(data, [0, 1, 0x00123456]).tobytes() == b"\x56\x34\x12\0" * 4
    assert lz.decode(data, [0xFF, 0xFF]).tobytes() == bytes(16)  # beyond the palette: black
    array: Any = np.array([0, 1, 0xFF123456], np.uint32)
    assert lz.decode(data, array).tobytes() == b"\x56\x34\x12\0" * 4


def test_palettes_in_turn() -> None:
    """The table of a palette is kept for the next image, but only for the same palette and type."""
    eight, four = header(lz.PLT8, 2) + b"\x01\x01\x09", header(lz.PLT4_LE, 2) + b"\x00\x91"
    small, other = (5, 6, 7), (8, 9, 10)
    changing = [5, 6, 7]
    for _ in range(2):
        assert lz.decode(eight, small)[0, :, 0].tolist() == [6, 0]
        assert lz.decode(four, small)[0, :, 0].tolist() == [6, 5]
        assert lz.decode(eight, other)[0, :, 0].tolist() == [9, 0]
        changing[1] += 1
        assert lz.decode(eight, changing)[0, :, 0].tolist() == [changing[1], 0]
        with pytest.raises(CodecError, match="without a palette"):
            lz.decode(eight, ())


@pytest.mark.parametrize(("kind", "expected"), [(lz.PLT4_LE, [2, 1, 3]), (lz.PLT4_BE, [1, 2, 4])])
def test_four_bit_palette(kind: int, expected: list[int]) -> None:
    pixels = lz.decode(header(kind, 3) + b"\x01\x12\x43", range(16))
    assert pixels[0, :, 0].tolist() == expected
    # Indices beyond the palette begin again.
    assert lz.decode(header(kind, 3) + b"\x01\x12\x43", range(2))[0, :, 0].tolist() == [index % 2 for index in expected]


@pytest.mark.parametrize(("kind", "expected"), [(lz.PLT1_LE, "110000000"), (lz.PLT1_BE, "000000111")])
def test_one_bit_palette(kind: int, expected: str) -> None:
    pixels = lz.decode(header(kind, 9) + b"\x01\x03\xfe", [0, 1])
    assert "".join(map(str, pixels[0, :, 0])) == expected
    assert lz.decode(header(kind, 9) + b"\x01\x03\xfe", [5])[0, :, 0].tolist() == [
        0 if c == "1" else 5 for c in expected
    ]


def test_palette_units_are_bytes() -> None:
    # A run of five packed bytes is forty pixels of one bit.
    assert lz.decode(header(lz.PLT1_LE, 41) + b"\x00\xff" + b"\x60\x00", [0, 9])[0, :, 0].tolist() == [9] * 41


@pytest.mark.parametrize("kind", [lz.RGB32, lz.RGBA, lz.PLT8, lz.PLT1_BE, lz.A8])
def test_bottom_row_first(kind: int) -> None:
    def image(top_down: int) -> Any:
        tail = {lz.RGB32: b"\x02" + A + B + C, lz.RGBA: b"\x02" + A + B + C + b"\x02\x07\x08\x09"}
        body = tail.get(kind, b"\x02\x00\x80\x81")
        return lz.decode(header(kind, 1, 3, top_down=top_down) + body, range(256))

    down, up = image(1), image(0)
    assert down.tobytes() != up.tobytes()
    assert np.array_equal(down[::-1], up)
    assert up.flags.c_contiguous


def test_decode_alpha() -> None:
    for top_down in (1, 0):
        pixels = np.full((2, 2, 4), 7, np.uint8)
        lz.decode_alpha(header(lz.XXXA, 2, 2, top_down=top_down) + b"\x03\x01\x02\x03\x04", pixels)
        assert pixels[:, :, :3].min() == pixels[:, :, :3].max() == 7
        assert pixels[:, :, 3].tolist() == ([[1, 2], [3, 4]] if top_down else [[3, 4], [1, 2]])


def test_decode_alpha_refuses() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    with pytest.raises(CodecError, match="where alpha"):
        lz.decode_alpha(header(lz.A8, 2, 2) + b"\x03\x01\x02\x03\x04", pixels)
    with pytest.raises(CodecError, match="2 x 2 were announced"):
        lz.decode_alpha(header(lz.XXXA, 4) + b"\x03\x01\x02\x03\x04", pixels)
    with pytest.raises(CodecError, match="corrupt"):
        lz.decode_alpha(header(lz.XXXA, 2, 2) + b"\x03\x01\x02", pixels)
    with pytest.raises(ValueError, match="four bytes"):
        lz.decode_alpha(header(lz.XXXA, 2, 2) + b"\x03\x01\x02\x03\x04", pixels[:, :, :3])


GOOD = header(lz.RGB32, 2) + b"\x01" + A + B


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than its header"),
        (GOOD[:27], "shorter than its header"),
        (b"\x21" + GOOD[1:], "not an LZ image"),
        (GOOD[:7] + b"\x02" + GOOD[8:], "not an LZ image"),
        (header(0, 1, stride=1) + b"\0\0\0\0", "unknown type 0"),
        (header(12, 1, stride=1) + b"\0\0\0\0", "unknown type 12"),
        (header(lz.RGB32, 2, stride=9) + GOOD[28:], "stride of 9"),
        (header(lz.PLT1_LE, 9, stride=1) + b"\x00\x00", "stride of 1"),
        (header(lz.PLT8, 9, stride=10) + b"\x00\x00", "stride of 10"),
        (header(lz.RGB32, 0), "0 x 1 pixels"),
        (header(lz.RGB32, 1, 0), "1 x 0 pixels"),
        (header(lz.RGB32, 0x4000, 0x4000), "pixels, which is not in"),
        (header(lz.PLT8, 0xFFFFFFFF, 0xFFFFFFFF), "pixels, which is not in"),
        (GOOD[:28], "corrupt or truncated"),
        (GOOD[:-1], "corrupt or truncated"),
        (GOOD + b"\0", "1 bytes behind its end"),
        (header(lz.RGB32, 2) + b"\x02" + A + B + C, "corrupt or truncated"),  # more literals than pixels
        (header(lz.RGB32, 3) + b"\x00" + A + b"\x60\x00", "corrupt or truncated"),  # a copy beyond the last pixel
        (header(lz.RGB32, 3) + b"\x00" + A + b"\x40\x01", "corrupt or truncated"),  # from before the first
        (header(lz.RGB32, 3) + b"\x20\x00", "corrupt or truncated"),  # from nowhere
        (header(lz.RGB32, 3) + b"\x00" + A + b"\x40", "corrupt or truncated"),  # cut in a distance
        (header(lz.RGB32, 9) + b"\x00" + A + b"\xe0\xff\xff", "corrupt or truncated"),  # cut in a length
        (header(lz.RGB32, 9) + b"\x00" + A + b"\x5f\xff\x00", "corrupt or truncated"),  # cut in a far distance
        (header(lz.RGBA, 2) + GOOD[28:], "corrupt or truncated"),  # no alpha
        (header(lz.RGBA, 2) + GOOD[28:] + b"\x00\x01\x20\x01", "corrupt or truncated"),
        (header(lz.PLT8, 2) + b"\x01\x01", "corrupt or truncated"),
        (header(lz.PLT4_LE, 5) + b"\x03\x01\x01\x01\x01", "corrupt or truncated"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        lz.decode(data, PALETTE)


def test_a_palette_is_needed() -> None:
    empty: list[int] = []
    for palette in (None, empty):
        with pytest.raises(CodecError, match="without a palette"):
            lz.decode(header(lz.PLT8, 1) + b"\0\0", palette)


def test_limits() -> None:
    assert lz.decode(GOOD, size=(2, 1), max_pixels=2).shape == (1, 2, 4)
    with pytest.raises(CodecError, match="1 x 2 were announced"):
        lz.decode(GOOD, size=(1, 2))
    with pytest.raises(CodecError, match="which is not in 1 to 1"):
        lz.decode(GOOD, max_pixels=1)


def test_peek() -> None:
    assert lz.peek(header(lz.PLT4_BE, 7, 5, top_down=0)) == lz.Header(lz.PLT4_BE, 7, 5, 4, False)


@pytest.mark.parametrize("name", [name for name in SOME if "17x13" in name or "31x9" in name])
def test_truncated_anywhere(name: str) -> None:
    stream = SOME[name]
    for length in range(len(stream.data)):
        with pytest.raises(CodecError):
            lz.decode(stream.data[:length], stream.palette)
