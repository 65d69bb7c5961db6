"""GLZ: references laid out by hand, the window's bookkeeping, what is refused."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from codec_corpus import Stream, streams

from spicetui.codecs import glz
from spicetui.codecs.glz import MissingImage, Window
from spicetui.errors import CodecError

A, B, C = b"\x01\x02\x03", b"\x11\x12\x13", b"\x21\x22\x23"


def header(
    id: int, width: int, height: int = 1, *, kind: int = glz.RGB32, back: int | None = None, top_down: bool = True
) -> bytes:
    """`back` is how many ids the window's head lies behind; all that there are when it is not given."""
    stride = width * {glz.RGB16: 2, glz.RGB24: 3}.get(kind, 4)
    head = struct.pack(">2IB3I", 0x20205A4C, 0x00010001, kind | top_down << 4, width, height, stride)
    return head + struct.pack(">QI", id, id if back is None else back)


def literals(*pixels: bytes) -> bytes:
    return bytes([len(pixels) - 1]) + b"".join(pixels)


def near(length: int, offset: int, distance: int, width: int | None = None) -> bytes:
    """A reference with a short offset (12 bits); the image distance has six bits and `width` bytes more."""
    if width is None:
        width = max(0, -(-(distance.bit_length() - 6) // 8))
    more = bytes(distance >> (6 + 8 * index) & 255 for index in range(width))
    return bytes([length << 5 | offset & 15, offset >> 4, width << 6 | distance & 63]) + more


def far(length: int, offset: int, distance: int) -> bytes:
    """A reference with 17 bits of offset, or 25."""
    width = -(-distance.bit_length() // 8)
    more = bytes(distance >> (8 * index) & 255 for index in range(width))
    very = offset >> 17
    third = width << 6 | bool(very) << 5 | offset >> 12 & 31
    return bytes([length << 5 | 16 | offset & 15, offset >> 4 & 255, third]) + more + bytes([very] * bool(very))


def row(pixels: np.ndarray) -> list[bytes]:
    return [bytes(pixel[:3]) for pixel in pixels.reshape(-1, 4)]


def solid(id: int, width: int, height: int = 1, back: int | None = None, colour: bytes = A) -> bytes:
    length = width * height - 1
    body = literals(colour)
    if length:
        head = near(min(length, 7), 0, 0)
        more = b"" if length < 7 else b"\xff" * ((length - 7) // 255) + bytes([(length - 7) % 255])
        body += head[:1] + more + head[1:]
    return header(id, width, height, back=back) + body


def test_inside_one_image() -> None:
    assert row(Window().decode(header(0, 7) + literals(A, B) + near(5, 1, 0))) == [A, B, A, B, A, B, A]
    assert row(Window().decode(header(0, 7) + literals(A, B) + far(5, 1, 0))) == [A, B, A, B, A, B, A]


def test_from_another_image() -> None:
    window = Window()
    window.decode(header(0, 3) + literals(A, B, C))
    # The offset is the place in that image, without a bias.
    assert row(window.decode(header(1, 4) + near(2, 1, 1) + near(2, 0, 1))) == [B, C, A, B]
    assert row(window.decode(header(2, 3) + far(1, 3, 1) + far(2, 1, 2))) == [B, B, C]


@pytest.mark.parametrize("distance", [1, 63, 64, 300, 16383, 16384, 70_000])
def test_distances_of_images(distance: int) -> None:
    """Six, fourteen, 22 or 30 bits when the offset is short, 8, 16 or 24 when it is long."""
    for reference in (near(1, 1, distance), far(1, 1, distance), near(1, 1, distance, width=3)):
        window = Window()
        window.decode(header(5, 2, back=0) + literals(B, C))
        assert row(window.decode(header(5 + distance, 1, back=distance) + reference)) == [C]


@pytest.mark.parametrize("offset", [15, 16, 4095, 4096, 131071, 131072, 199_999])
def test_offsets(offset: int) -> None:
    window = Window()
    window.decode(solid(0, 1))
    image = header(1, 200_000) + solid(1, offset)[33:] + literals(B)
    rest = 200_000 - offset - 1
    if rest:
        image += solid(1, rest)[33:]
    window.decode(image)
    assert row(window.decode(header(2, 1) + far(1, offset, 1))) == [B]
    if offset < 4096:
        assert row(window.decode(header(3, 1) + near(1, offset, 2))) == [B]


def test_rgb16_and_alpha_lengths() -> None:
    window = Window()
    pair = struct.pack(">2H", 0b1_10000_00001_11111, 0b0_00000_11111_00010)
    pixels = window.decode(header(0, 4, kind=glz.RGB16) + b"\x01" + pair + near(1, 1, 0))
    assert row(pixels) == [bytes([255, 8, 132]), bytes([16, 255, 0])] * 2
    pixels = window.decode(header(1, 3, kind=glz.RGBA) + literals(A, B, C) + b"\x02\x80\x81\x82")
    assert pixels.tobytes() == A + b"\x80" + B + b"\x81" + C + b"\x82"
    # The colours from one image, the alpha from it as well: three of length one.
    pixels = window.decode(header(2, 3, kind=glz.RGBA) + near(3, 0, 1) + near(1, 0, 1))
    assert pixels.tobytes() == A + b"\x80" + B + b"\x81" + C + b"\x82"
    pixels = window.decode(header(3, 4, kind=glz.RGBA) + literals(A) + near(3, 0, 0) + b"\x00\x55" + near(1, 0, 0))
    assert pixels.tobytes() == (A + b"\x55") * 4


def test_references_count_in_stream_order() -> None:
    """A bottom-up image is turned over for display only."""
    window = Window()
    shown = window.decode(header(0, 1, 3, top_down=False) + literals(A, B, C))
    assert row(shown) == [C, B, A]
    assert row(window.decode(header(1, 1) + near(1, 0, 1))) == [A]
    assert shown.flags.c_contiguous


def test_a_missing_image_leaves_no_trace() -> None:
    window = Window()
    window.decode(header(0, 1) + literals(A))
    waiting = header(2, 2) + literals(C) + near(1, 0, 1)
    for _ in range(2):
        with pytest.raises(MissingImage) as missing:
            window.decode(waiting)
        assert missing.value.id == 1
        assert 2 not in window
    window.decode(header(1, 1) + literals(B))
    assert 1 in window
    assert row(window.decode(waiting)) == [C, B]
    assert 2 in window


def test_ids_need_not_begin_at_zero() -> None:
    """After a migration they go on; two channels may bring the first two in the wrong order."""
    window = Window()
    window.decode(header(1001, 1, back=1) + literals(B))
    window.decode(header(1000, 1, back=0) + literals(A))
    assert row(window.decode(header(1002, 2, back=2) + near(1, 0, 2) + near(1, 0, 1))) == [A, B]
    window.decode(header(1003, 1, back=0) + literals(A))
    assert len(window) == 1


def test_images_are_let_go() -> None:
    window = Window()
    for id in range(5):
        window.decode(solid(id, 10))
    assert (len(window), window.pixels) == (5, 50)
    window.decode(solid(5, 10, back=2))
    assert [id in window for id in range(6)] == [False] * 3 + [True] * 3
    with pytest.raises(CodecError, match="no longer kept") as gone:
        window.decode(header(6, 1) + near(1, 0, 4))
    assert not isinstance(gone.value, MissingImage)


def test_a_gap_holds_what_is_behind_it() -> None:
    """The image still to come may refer further back than those that came before it."""
    window = Window()
    for id in range(4):
        window.decode(solid(id, 10))
    window.decode(solid(5, 10, back=0))  # by itself this would let go of everything
    assert len(window) == 5
    assert row(window.decode(header(4, 1, back=4) + near(1, 0, 4))) == [A]
    assert [id in window for id in range(6)] == [False] * 5 + [True]


def test_an_image_before_the_window_is_not_kept() -> None:
    window = Window()
    window.decode(solid(7, 1, back=0))
    window.decode(solid(3, 1, back=0))
    assert 3 not in window
    assert len(window) == 1


def test_the_same_id_again_replaces() -> None:
    window = Window()
    window.decode(solid(0, 10))
    window.decode(solid(0, 4, colour=B))
    assert (len(window), window.pixels) == (1, 4)
    assert row(window.decode(header(1, 1) + near(1, 0, 1))) == [B]


def test_memory_is_bounded() -> None:
    """Whatever a peer says about its window: with a gap and no head, twice what was announced."""
    window = Window(1000)
    for id in range(1, 200):
        window.decode(header(id, 100, back=id) + solid(id, 100)[33:])
        assert window.pixels <= 2000
    assert 199 in window
    assert 150 not in window
    with pytest.raises(CodecError, match="no longer kept"):
        window.decode(header(200, 1) + near(1, 0, 150))
    with pytest.raises(CodecError, match="pixels, which is not in 1 to 1000"):
        window.decode(solid(201, 1001))


def test_size_of_the_window() -> None:
    window = Window(10)
    with pytest.raises(CodecError):
        window.decode(solid(0, 11))
    window.max_pixels = 11
    window.decode(solid(0, 11))
    for wrong in (0, -1, (1 << 25) + 1):
        with pytest.raises(ValueError, match="a GLZ window holds"):
            window.max_pixels = wrong
        with pytest.raises(ValueError, match="a GLZ window holds"):
            Window(wrong)


def test_clear() -> None:
    window = Window()
    window.decode(solid(9, 3, back=0))
    window.clear()
    assert (len(window), window.pixels) == (0, 0)
    window.decode(solid(0, 3))
    assert row(window.decode(header(1, 1) + near(1, 0, 1))) == [A]


def test_results_cannot_change_the_window() -> None:
    for image in (solid(0, 3, 2), header(0, 3, 2, top_down=False) + solid(0, 3, 2)[33:], solid(0, 600, 600)):
        pixels = Window().decode(image)
        assert not pixels.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            pixels[0] = 1


def test_results_outlive_the_window() -> None:
    window = Window()
    pixels = window.decode(solid(0, 50))
    window.clear()
    del window
    assert row(pixels) == [A] * 50


GOOD = header(0, 2) + literals(A, B)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "shorter than its header"),
        (GOOD[:32], "shorter than its header"),
        (b"\x21" + GOOD[1:], "not a GLZ image"),
        (GOOD[:7] + b"\x02" + GOOD[8:], "not a GLZ image"),
        (GOOD[:8] + b"\x15" + GOOD[9:], "unknown type 5"),
        (GOOD[:8] + b"\x1a" + GOOD[9:], "unknown type 10"),
        (GOOD[:20] + b"\x09" + GOOD[21:], "stride of 9"),
        (header(0, 0), "0 x 1 pixels"),
        (header(0, 1, 0), "1 x 0 pixels"),
        (header(0, 0x4000, 0x4000), "pixels, which is not in"),
        (header(0, 0x3FFFFFFF, 0xFFFFFFFF), "pixels, which is not in"),
        (GOOD[:33], "corrupt or truncated"),
        (GOOD[:-1], "corrupt or truncated"),
        (header(0, 2) + literals(A, B, C), "corrupt or truncated"),  # more literals than pixels
        (header(0, 3) + literals(A) + near(3, 0, 0), "corrupt or truncated"),  # a copy beyond the last pixel
        (header(0, 3) + literals(A) + near(2, 1, 0), "corrupt or truncated"),  # from before the first
        (header(0, 3) + near(3, 0, 0), "corrupt or truncated"),
        (header(0, 3) + literals(A) + near(2, 0, 0)[:-1], "corrupt or truncated"),
        (header(0, 3) + literals(A) + near(2, 0, 0, width=1)[:-1], "corrupt or truncated"),
        (header(0, 3) + literals(A) + far(2, 1 << 17, 0)[:-1], "corrupt or truncated"),
        (header(0, 9) + literals(A) + b"\xe0\xff\xff", "corrupt or truncated"),  # cut in a length
        (header(0, 2, kind=glz.RGBA) + literals(A, B), "corrupt or truncated"),  # no alpha
        (header(3, 1) + near(1, 0, 4), "no longer kept"),  # an id below zero
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    window = Window()
    with pytest.raises(CodecError, match=reason):
        window.decode(data)
    assert len(window) == 0


@pytest.mark.parametrize("reference", [near(1, 3, 1), near(3, 1, 1), far(1, 100_000, 1), far(1, 1 << 24, 1)])
def test_beyond_another_image(reference: bytes) -> None:
    window = Window()
    window.decode(header(0, 3) + literals(A, B, C))
    with pytest.raises(CodecError, match="corrupt"):
        window.decode(header(1, 3) + reference)


def test_largest_numbers() -> None:
    window = Window()
    top = (1 << 64) - 1
    window.decode(header(top, 1, back=0xFFFFFFFF) + literals(A))
    assert top in window
    with pytest.raises(MissingImage) as missing:
        window.decode(header(top - 1, 1, back=0) + near(1, 0, 1))
    assert missing.value.id == top - 2
    window.decode(header(0, 1, back=0xFFFFFFFF) + literals(A))


def test_limits_and_peek() -> None:
    window = Window()
    assert glz.peek(GOOD) == glz.Header(glz.RGB32, 2, 1, True, 0, 0)
    with pytest.raises(CodecError, match="1 x 2 were announced"):
        window.decode(GOOD, size=(1, 2))
    with pytest.raises(CodecError, match="which is not in 1 to 1"):
        window.decode(GOOD, max_pixels=1)
    assert window.decode(bytearray(GOOD), size=(2, 1), max_pixels=2).shape == (1, 2, 4)


def test_two_channels_in_threads() -> None:
    """Each thread has every second image and waits for what the other brings; all come out exact."""
    sequences: dict[str, list[Stream]] = {}
    for stream in streams("glz"):
        sequences.setdefault(stream.name.partition("/")[0], []).append(stream)
    for images in list(sequences.values()) * 5:
        window = Window(40_000)
        arrived = threading.Condition()
        wrong: list[str] = []

        def channel(
            mine: list[Stream],
            window: Window = window,
            arrived: threading.Condition = arrived,
            wrong: list[str] = wrong,
        ) -> None:
            for stream in mine:
                while True:
                    try:
                        pixels = window.decode(stream.data)
                        break
                    except MissingImage as missing:
                        id = missing.id
                    with arrived:
                        if not arrived.wait_for(lambda id=id: id in window, timeout=60):  # type: ignore[misc]
                            raise TimeoutError(f"image {id} never came")
                wrong.append(stream.wrong(pixels))
                with arrived:
                    arrived.notify_all()

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(channel, (images[::2], images[1::2])))
        assert len(wrong) == len(images)
        assert not any(wrong)


def test_threads_that_clear() -> None:
    """Clearing while others decode never mixes two sessions; only errors come of it."""
    window = Window()
    images = [stream for stream in streams("glz") if stream.name.startswith("RGBA")]
    decoded = []

    def decode(stream: Stream) -> None:
        try:
            decoded.append((stream, window.decode(stream.data)))
        except CodecError:
            pass

    with ThreadPoolExecutor(max_workers=4) as pool:
        for number, stream in enumerate(images * 20):
            pool.submit(decode, stream)
            if number % 17 == 0:
                pool.submit(window.clear)
    assert decoded
    assert not any(stream.wrong(pixels) for stream, pixels in decoded)
