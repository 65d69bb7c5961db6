"""QUIC: streams laid out by hand, what is refused, what may be handed in."""

from __future__ import annotations

import struct
from array import array

import numpy as np
import pytest
from codec_corpus import streams

from spicetui.codecs import quic
from spicetui.codecs.limits import MAX_PIXELS
from spicetui.errors import CodecError

SOME = {stream.name: stream for stream in streams("quic")}
PHOTO = SOME["RGB32 photo 97x61"]


def header(kind: int, width: int, height: int, magic: int = 0x43495551, version: int = 0) -> bytes:
    return struct.pack("<5I", magic, version, kind, width, height)


def stream(kind: int, width: int, height: int, bits: str) -> bytes:
    """A header and bits, most significant first in little-endian words, with the zero word that ends a stream."""
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 32)
    words = [int(bits[at : at + 32], 2) for at in range(0, len(bits), 32)]
    return header(kind, width, height) + struct.pack(f"<{len(words) + 1}I", *words, 0)


def test_first_pixel_by_hand() -> None:
    # Code 7 of the eight-bit family: values below 128 are a one and seven bits, others a zero and v - 128.
    # Values are differences to 0, folded: 5 is 10, -3 is 5, 100 is 200.
    pixels = quic.decode(stream(quic.RGB32, 1, 1, "1 0001010" + "1 0000101" + "0 1001000"))
    assert pixels.tolist() == [[[100, 253, 5, 0]]]


def test_gray_row_by_hand() -> None:
    # The second pixel predicts the first. Its context, the value 10, is in a bucket that has seen nothing: code 7.
    pixels = quic.decode(stream(quic.GRAY, 2, 1, "1 0001010" + "1 0000001"))
    assert pixels[0].tolist() == [[5, 5, 5, 0], [4, 4, 4, 0]]


def test_rgb16_by_hand() -> None:
    # Code 4 of the five-bit family; 31 is -1, folded 1. Five bits become eight by repeating the upper ones.
    pixels = quic.decode(stream(quic.RGB16, 1, 1, "1 0001" + "1 0010" + "1 0000"))
    assert pixels.tolist() == [[[0, 8, 255, 0]]]


def test_alpha_follows_the_row() -> None:
    pixels = quic.decode(stream(quic.RGBA, 1, 1, "1 0001010" * 3 + "1 0000001"))
    assert pixels.tolist() == [[[5, 5, 5, 255]]]


def test_rgb24_is_rgb32() -> None:
    assert not PHOTO.wrong(quic.decode(header(quic.RGB24, 97, 61) + PHOTO.data[20:]))


def test_peek() -> None:
    assert quic.peek(PHOTO.data) == quic.Header(quic.RGB32, 97, 61)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than its header"),
        (header(4, 1, 1)[:-1], "shorter than its header"),
        (header(4, 1, 1), "without data"),
        (header(4, 1, 1) + b"abc", "without data"),
        (header(4, 1, 1, magic=0x43495550) + bytes(8), "not a QUIC image"),
        (header(4, 1, 1, version=1) + bytes(8), "not a QUIC image"),
        (header(0, 1, 1) + bytes(8), "unknown type 0"),
        (header(6, 1, 1) + bytes(8), "unknown type 6"),
        (header(0xFFFFFFFF, 1, 1) + bytes(8), "unknown type"),
        (header(4, 0, 1) + bytes(8), "0 x 1 pixels"),
        (header(4, 1, 0) + bytes(8), "1 x 0 pixels"),
        (header(4, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(8), "pixels, which is not in"),
        (header(4, 0x10000, 0x10000) + bytes(8), "pixels, which is not in"),
        (header(4, MAX_PIXELS + 1, 1) + bytes(8), "pixels, which is not in"),
        (header(4, 40, 40) + bytes(8), "corrupt or truncated in row 0 of 40"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        quic.decode(data)


def test_limits() -> None:
    with pytest.raises(CodecError, match="96 x 61 were announced"):
        quic.decode(PHOTO.data, size=(96, 61))
    with pytest.raises(CodecError, match="which is not in 1 to 5916"):
        quic.decode(PHOTO.data, max_pixels=97 * 61 - 1)
    assert not PHOTO.wrong(quic.decode(PHOTO.data, size=(97, 61), max_pixels=97 * 61))


def test_runs_by_hand() -> None:
    # Black: after its first value 0 the bucket's best code is 0, whose word for 0 is one bit. The second row runs from
    # its fourth pixel on: four ones are a pixel each, then a zero and one bit say the rest; or one more is two pixels.
    black = "1 0000000" * 3 + "111" * 7 + "111" * 3
    assert not quic.decode(stream(quic.RGB32, 8, 2, black + "1111" + "01")).any()
    for too_long in ("11111", "1" * 300):
        with pytest.raises(CodecError, match="row 1 of 2"):
            quic.decode(stream(quic.RGB32, 8, 2, black + too_long))


@pytest.mark.parametrize("name", ["RGB32 noise 57x41", "RGBA photo 97x61", "GRAY solid 31x9", "RGB16 desktop 257x100"])
def test_truncated_anywhere(name: str) -> None:
    """A cut stream is refused, unless all that is missing is the padding behind the last pixel."""
    whole = SOME[name]
    cuts = 97 if quic.COMPILED else 5
    for length in range(0, len(whole.data) - 8, max(1, len(whole.data) // cuts)):
        with pytest.raises(CodecError):
            quic.decode(whole.data[:length])


@pytest.mark.parametrize(
    "make",
    [
        bytearray,
        memoryview,
        lambda data: memoryview(b"x" + data)[1:],
        lambda data: array("B", data),
        lambda data: np.frombuffer(data, "<u4"),
        lambda data: np.repeat(np.frombuffer(data, np.uint8), 2)[::2],
        lambda data: memoryview(bytes(value for byte in data for value in (byte, 0)))[::2],
    ],
    ids=["bytearray", "memoryview", "odd address", "array", "words", "strided numpy", "strided memoryview"],
)
def test_any_buffer(make: type[bytes]) -> None:
    assert not PHOTO.wrong(quic.decode(make(PHOTO.data)))


def test_not_a_buffer() -> None:
    with pytest.raises(TypeError):
        quic.decode("QUIC")  # type: ignore[arg-type]


def test_the_buffer_is_given_back() -> None:
    """A bytearray can be resized again afterwards, also after a failure."""
    data = bytearray(PHOTO.data)
    quic.decode(data)
    data.append(0)
    with pytest.raises(CodecError):
        quic.decode(data, size=(1, 1))
    data.clear()


def test_results_are_independent() -> None:
    first = quic.decode(PHOTO.data)
    quic.decode(PHOTO.data)[:] = 7
    assert not PHOTO.wrong(first)
