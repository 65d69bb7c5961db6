"""Framing: both headers, any chunking, sub-message lists, broken lengths."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui.errors import ProtocolError
from spicetui.protocol.framer import Framer

# Laid out by hand: mini header u16 type, u32 size; full header u64 serial, u16 type, u32 size, u32 sub-list.
MINI_STREAM = bytes.fromhex("0301 02000000 abcd0400 000000006700 01000000 ff")
FULL_STREAM = bytes.fromhex(
    "0700000000000000 0301 02000000 00000000 abcd"
    "0800000000000000 0400 00000000 00000000"
    "0900000000000000 6700 01000000 00000000 ff"
)
MESSAGES = [(0x103, b"\xab\xcd"), (4, b""), (0x67, b"\xff")]

headers = pytest.mark.parametrize("mini", [True, False], ids=["mini", "full"])


def taken(framer: Framer, data: bytes) -> list[tuple[int, bytes, int | None]]:
    return [(raw.number, bytes(raw.body), raw.serial) for raw in framer.receive(data)]


def sub(number: int, body: bytes) -> bytes:
    return pack("<HI", number, len(body)) + body


@headers
def test_messages_of_one_chunk(mini: bool) -> None:
    got = taken(Framer(mini), MINI_STREAM if mini else FULL_STREAM)
    assert [one[:2] for one in got] == MESSAGES
    assert [one[2] for one in got] == ([1, 2, 3] if mini else [7, 8, 9])


@headers
def test_one_byte_at_a_time(mini: bool) -> None:
    framer = Framer(mini)
    stream = MINI_STREAM if mini else FULL_STREAM
    got = []
    boundaries = []
    for i in range(len(stream)):
        got += taken(framer, stream[i : i + 1])
        if framer.at_boundary:
            boundaries.append(i + 1)
    assert [one[:2] for one in got] == MESSAGES
    assert boundaries == ([8, 14, 21] if mini else [20, 38, 57])


@headers
def test_what_was_framed_is_taken(mini: bool) -> None:
    ours, theirs = Framer(mini), Framer(mini)
    stream = b"".join(ours.frame(number, body) for number, body in MESSAGES)
    assert taken(theirs, stream) == [(*one, i + 1) for i, one in enumerate(MESSAGES)]


@settings(max_examples=30, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(9, 0xFFFF), st.binary(max_size=300)), max_size=8),
    st.lists(st.integers(1, 120), min_size=1, max_size=20),
)
def test_any_chunks(mini: bool, messages: list[tuple[int, bytes]], sizes: list[int]) -> None:
    framer, other = Framer(mini), Framer(mini)
    stream = b"".join(framer.frame(number, body) for number, body in messages)
    got = []
    at = i = 0
    while at < len(stream):
        size = sizes[i % len(sizes)]
        got += taken(other, stream[at : at + size])
        at, i = at + size, i + 1
    assert got == [(*one, n + 1) for n, one in enumerate(messages)]
    assert other.at_boundary


@headers
def test_a_body_beyond_the_limit_is_refused_before_it_comes(mini: bool) -> None:
    framer = Framer(mini, max_body=1000)
    header = pack("<HI", 9, 1001) if mini else pack("<QHII", 1, 9, 1001, 0)
    with pytest.raises(ProtocolError, match="1001"):
        taken(framer, header)


@headers
def test_a_body_at_the_limit_is_taken(mini: bool) -> None:
    framer = Framer(mini, max_body=1000)
    body = bytes(1000)
    assert taken(framer, Framer(mini).frame(9, body)) == [(9, body, 1)]


def test_a_list_of_sub_messages() -> None:
    """Message 8: u16 count, u32 offsets, then at each u16 type, u32 size, body; in full headers a list may follow."""
    one, two = sub(101, b"one"), sub(102, b"")
    body = pack("<HII", 2, 10, 10 + len(one)) + one + two
    expected = [(101, b"one", None), (102, b"", None), (8, body, 1)]
    assert taken(Framer(True), Framer(True).frame(8, body)) == expected
    assert taken(Framer(False), pack("<QHII", 1, 8, len(body), 0) + body) == expected


def test_sub_messages_behind_a_body_come_first() -> None:
    own = b"own body"
    list_at = len(own)
    body = own + pack("<HI", 1, list_at + 6) + sub(105, b"sub")
    data = pack("<QHII", 4, 304, len(body), list_at) + body
    assert taken(Framer(False), data) == [(105, b"sub", None), (304, body, 4)]


def test_a_list_with_an_offset() -> None:
    body = b"pad!" + pack("<HI", 1, 10) + sub(105, b"x")
    data = pack("<QHII", 4, 8, len(body), 4) + body
    assert taken(Framer(False), data)[0] == (105, b"x", None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        pack("<H", 1),
        pack("<HI", 1, 6) + b"\x65",
        pack("<HI", 1, 5000) + sub(101, b""),
        pack("<HI", 1, 6) + pack("<HI", 101, 1),
        pack("<HI", 1, 6) + pack("<HI", 101, 0xFFFFFFFF),
        pack("<HI", 1, 6) + sub(8, b""),
        pack("<H", 0xFFFF) + bytes(100),
    ],
)
def test_broken_lists_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        taken(Framer(True), Framer(True).frame(8, body))


def test_a_sub_list_outside_the_body_is_refused() -> None:
    with pytest.raises(ProtocolError, match="outside"):
        taken(Framer(False), pack("<QHII", 1, 304, 4, 400) + b"body")


def test_large_bodies_arrive_whole() -> None:
    body = bytes(range(256)) * 4096
    framer = Framer(True)
    stream = Framer(True).frame(304, body)
    got = []
    for at in range(0, len(stream), 65536):
        got += taken(framer, stream[at : at + 65536])
    assert got == [(304, body, 1)]
