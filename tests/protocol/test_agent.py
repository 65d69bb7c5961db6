"""Chunks, tokens and bounds of the agent's messages."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui.protocol.agent import CHUNK, HEADER, MAX_BODY, MAX_TOKENS, RENEW, AgentBody, AgentMachine, Refused


def framed(number: int, body: bytes, protocol: int = 1) -> bytes:
    return struct.pack("<IIQI", protocol, number, 0, len(body)) + body


def sent(machine: AgentMachine) -> list[bytes]:
    return [bytes(chunk) for chunk in machine.data_to_send()]


def test_a_message_is_cut_into_chunks() -> None:
    machine = AgentMachine()
    machine.give(100)
    body = bytes(range(256)) * 20
    machine.send(12, body)
    machine.send(3, b"")
    chunks = sent(machine)
    assert [len(chunk) for chunk in chunks] == [2048, 2048, 5120 + 20 - 4096, 20]
    assert b"".join(chunks[:3]) == framed(12, body)
    assert chunks[3] == framed(3, b"")  # a message begins in a chunk of its own


@pytest.mark.parametrize("size", [0, 1, CHUNK - 20, CHUNK - 19, 2 * CHUNK - 20])
def test_chunks_at_their_bounds(size: int) -> None:
    machine = AgentMachine()
    machine.give(100)
    machine.send(4, bytes(size))
    chunks = sent(machine)
    assert b"".join(chunks) == framed(4, bytes(size))
    assert all(len(chunk) == CHUNK for chunk in chunks[:-1])
    assert 0 < len(chunks[-1]) <= CHUNK


def test_no_chunk_without_a_token() -> None:
    machine = AgentMachine()
    machine.send(4, bytes(3 * CHUNK))
    assert sent(machine) == []
    assert machine.queued == 3 * CHUNK + 20
    machine.give(1)
    assert len(sent(machine)) == 1
    assert sent(machine) == []
    machine.give(10)
    assert len(sent(machine)) == 3
    assert (machine.tokens, machine.queued) == (7, 0)


def test_tokens_that_overrun_are_clamped() -> None:
    machine = AgentMachine()
    for _ in range(3):
        machine.give(0xFFFF_FFFF)
    assert machine.tokens == MAX_TOKENS


def test_the_server_gets_tokens_for_what_it_has_used() -> None:
    machine = AgentMachine()
    given = [machine.used() for _ in range(3 * RENEW)]
    assert sum(given) == 3 * RENEW
    assert given[RENEW - 1] == RENEW


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=300)), max_size=5), st.data())
def test_messages_come_in_whatever_pieces(messages: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(framed(number, body) for number, body in messages)
    machine = AgentMachine()
    found = []
    while stream:
        at = data.draw(st.integers(1, len(stream)))
        found += list(machine.receive(stream[:at]))
        stream = stream[at:]
    assert found == [AgentBody(number, bytearray(body)) for number, body in messages]


def test_what_is_sent_is_received() -> None:
    one, other = AgentMachine({4: 1 << 20}), AgentMachine({4: 1 << 20})
    one.give(1000)
    body = bytes(range(251)) * 1000
    one.send(4, body)
    found = [event for chunk in one.data_to_send() for event in other.receive(chunk)]
    assert found == [AgentBody(4, bytearray(body))]


def test_a_huge_message_is_refused_at_once_and_passed_over() -> None:
    machine = AgentMachine({4: 1000})
    header = HEADER.pack(1, 4, 0, 1001)
    assert list(machine.receive(header)) == [Refused(4, 1001, "1001 bytes, at most 1000 are taken")]
    assert list(machine.receive(bytes(1000))) == []
    assert machine._body is None  # nothing of it is kept
    assert list(machine.receive(b"\0" + framed(4, b"next"))) == [AgentBody(4, bytearray(b"next"))]


def test_four_gigabytes_take_no_memory() -> None:
    machine = AgentMachine()
    (refused,) = machine.receive(HEADER.pack(1, 99, 0, 0xFFFF_FFFF))
    assert isinstance(refused, Refused)
    for _ in range(100):
        assert list(machine.receive(bytes(1 << 16))) == []
    assert machine._body is None


def test_every_type_has_a_bound() -> None:
    machine = AgentMachine({4: 1 << 20})
    (refused,) = machine.receive(HEADER.pack(1, 7, 0, MAX_BODY + 1))
    assert isinstance(refused, Refused)


def test_an_unknown_protocol_is_passed_over() -> None:
    machine = AgentMachine()
    found = list(machine.receive(framed(4, b"odd", protocol=2) + framed(4, b"fine") + framed(9, b"", protocol=0)))
    assert found == [
        Refused(4, 3, "protocol 2 is not known"),
        AgentBody(4, bytearray(b"fine")),
        Refused(9, 0, "protocol 0 is not known"),
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_nonsense_raises_nothing(pieces: list[bytes]) -> None:
    machine = AgentMachine()
    for piece in pieces:
        for event in machine.receive(piece):
            assert isinstance(event, Refused) or len(event.body) <= MAX_BODY


def test_a_new_agent_begins_afresh() -> None:
    machine = AgentMachine()
    machine.send(4, bytes(5000))
    list(machine.receive(framed(4, bytes(50))[:40]))
    assert machine.reset() == []
    machine.give(100)
    assert (sent(machine), machine.queued) == ([], 0)
    assert list(machine.receive(framed(7, b"whole"))) == [AgentBody(7, bytearray(b"whole"))]


def test_a_message_that_has_begun_is_finished() -> None:
    machine = AgentMachine()
    machine.send(12, bytes(range(250)) * 20)
    machine.send(12, bytes(5000))
    machine.give(1)
    begun = sent(machine)
    rest = [bytes(chunk) for chunk in machine.reset()]
    assert b"".join(begun + rest) == framed(12, bytes(range(250)) * 20)
    assert (machine.queued, machine.reset()) == (0, [])
