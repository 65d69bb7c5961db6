"""The mux of the webdav port: pieces however they are cut, bounded, and golden bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spicetui.protocol import webdav
from spicetui.protocol.webdav import Mux, Piece

NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)


def test_golden_bytes() -> None:
    assert list(webdav.pieces(-2, b"GET")) == [b"\xfe\xff\xff\xff\xff\xff\xff\xff\x03\x00GET"]
    assert webdav.end(0x0102) == b"\x02\x01\0\0\0\0\0\0\0\0"
    assert list(Mux().receive(b"\x07\0\0\0\0\0\0\x80\x01\0x\x07\0\0\0\0\0\0\x80\0\0")) == [
        Piece(-(1 << 63) + 7, b"x"),
        Piece(-(1 << 63) + 7, b""),
    ]


@given(st.lists(st.tuples(NUMBERS, st.binary(max_size=300)), max_size=8), st.lists(st.integers(1, 40)))
def test_pieces_arrive_however_they_are_cut(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(b"".join(webdav.pieces(number, data)) or webdav.end(number) for number, data in sent)
    mux, at = Mux(), 0
    came: list[Piece] = []
    for cut in [*cuts, len(stream) + 1]:
        came += mux.receive(stream[at : at + cut])
        at += cut
    assert came == [Piece(number, data) for number, data in sent]


def test_long_data_goes_in_pieces_of_64_kib() -> None:
    data = bytes(range(256)) * 800
    came = list(Mux().receive(b"".join(webdav.pieces(5, memoryview(data)))))
    assert [len(piece.data) for piece in came] == [65535, 65535, 65535, 800 * 256 - 3 * 65535]
    assert b"".join(piece.data for piece in came) == data


REQUEST = b"PROPFIND / HTTP/1.1\r\n\r\n"


def test_half_a_piece_is_forgotten_with_its_port() -> None:
    mux = Mux()
    assert list(mux.receive(webdav.end(1) + b"\x01\0\0\0")) == [Piece(1, b"")]
    mux.reset()
    assert list(mux.receive(b"".join(webdav.pieces(9, REQUEST)))) == [Piece(9, REQUEST)]


@given(st.binary(max_size=500), st.integers(1, 60))
def test_the_rest_of_an_earlier_time_is_passed_over(rest: bytes, step: int) -> None:
    rest = bytes(byte | 0x80 for byte in rest)  # such as the end of an upload
    stream = rest + b"".join(webdav.pieces(9, REQUEST)) + webdav.end(9)
    mux, came = Mux(), list[Piece]()
    mux.reset()
    for at in range(0, len(stream), step):
        came += mux.receive(stream[at : at + step])
    assert came == [Piece(9, REQUEST), Piece(9, b"")]


def test_what_never_begins_is_not_kept() -> None:
    mux = Mux()
    mux.reset()
    for _ in range(100):
        assert list(mux.receive(bytes(10_000))) == []
        assert len(mux._held) < 100


@given(st.binary(max_size=2000))
def test_any_bytes_are_some_pieces_and_little_is_held(data: bytes) -> None:
    mux = Mux()
    used = sum(webdav.HEADER.size + len(piece.data) for piece in mux.receive(data))
    assert used + len(mux._held) == len(data)
    assert len(mux._held) < webdav.HEADER.size + webdav.MAX_PIECE


def test_the_first_bytes_of_all_may_be_no_request() -> None:
    mux = Mux()
    mux.reset()
    assert list(mux.receive(b"".join(webdav.pieces(-9, b"x")))) == [Piece(-9, b"x")]
