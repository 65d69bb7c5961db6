"""The channel machine: acknowledgement windows, ping and pong, serials, bad bodies; both headers, both roles."""

from __future__ import annotations

from typing import Any

import pytest

from spicetui.errors import WireError
from spicetui.protocol.channel import ChannelMachine, Received
from spicetui.wire import common, cursor, inputs, main
from spicetui.wire.core import Messages

both_headers = pytest.mark.parametrize("mini", [True, False], ids=["mini", "full"])


class Pair:
    """A client and a server machine, joined by hand."""

    def __init__(self, messages: Messages, mini: bool) -> None:
        self.client = ChannelMachine(messages, mini)
        self.server = ChannelMachine(messages, mini, client=False)

    def to_client(self, *sent: Any) -> list[Any]:
        """The server sends, the client handles; what the client answers."""
        for message in sent:
            self.server.send(message)
        for raw in self.client.receive(self.server.data_to_send()):
            self.client.read(raw)
            self.client.handled(raw)
        return self.answers()

    def answers(self) -> list[Any]:
        return [self.server.read(raw).message for raw in self.server.receive(self.client.data_to_send())]


@both_headers
def test_a_ping_is_answered_with_its_own_numbers(mini: bool) -> None:
    pair = Pair(main.MESSAGES, mini)
    assert pair.to_client(common.Ping(7, 123456789, bytes(1000))) == [common.Pong(7, 123456789)]


@both_headers
def test_a_window_is_confirmed_and_then_acknowledged(mini: bool) -> None:
    pair = Pair(cursor.MESSAGES, mini)
    assert pair.to_client(common.SetAck(5, 3)) == [common.AckSync(5)]
    answers = [pair.to_client(cursor.CursorHide()) for _ in range(7)]
    assert answers == [[], [], [common.Ack()], [], [], [common.Ack()], []]


def test_a_new_window_begins_anew() -> None:
    pair = Pair(cursor.MESSAGES, True)
    pair.to_client(common.SetAck(1, 3), cursor.CursorHide(), cursor.CursorHide())
    assert pair.to_client(common.SetAck(2, 2)) == [common.AckSync(2)]
    assert pair.to_client(cursor.CursorHide()) == []
    assert pair.to_client(cursor.CursorHide()) == [common.Ack()]


def test_a_window_of_zero_means_no_acknowledgements() -> None:
    pair = Pair(cursor.MESSAGES, True)
    assert pair.to_client(common.SetAck(1, 0)) == [common.AckSync(1)]
    assert pair.to_client(*[cursor.CursorHide()] * 50) == []


def test_acknowledgements_that_are_held_back_are_given_later() -> None:
    pair = Pair(cursor.MESSAGES, True)
    pair.to_client(common.SetAck(1, 2))
    pair.client.hold()
    assert pair.to_client(*[cursor.CursorHide()] * 5) == []
    pair.client.release()
    assert pair.answers() == [common.Ack()] * 2
    assert pair.to_client(cursor.CursorHide()) == [common.Ack()]


def test_nothing_is_acknowledged_before_it_is_handled() -> None:
    pair = Pair(cursor.MESSAGES, True)
    pair.to_client(common.SetAck(1, 1))
    pair.server.send(cursor.CursorHide())
    (raw,) = pair.client.receive(pair.server.data_to_send())
    pair.client.read(raw)
    assert pair.answers() == []
    pair.client.handled(raw)
    assert pair.answers() == [common.Ack()]


@both_headers
def test_serials_count_messages_and_not_their_parts(mini: bool) -> None:
    pair = Pair(cursor.MESSAGES, mini)
    hide = b"\x69\x00\x00\x00\x00\x00"
    pair.to_client(cursor.CursorTrail(1, 1), common.SubMessageList(b"\x01\x00\x06\x00\x00\x00" + hide))
    assert pair.client.handled_serial == 2
    pair.to_client(cursor.CursorTrail(1, 1))
    assert pair.client.handled_serial == 3


def test_sub_messages_are_not_acknowledged_on_their_own() -> None:
    pair = Pair(cursor.MESSAGES, True)
    pair.to_client(common.SetAck(1, 2))
    two = b"\x69\x00\x00\x00\x00\x00" * 2
    body = b"\x02\x00" + (10).to_bytes(4, "little") + (16).to_bytes(4, "little") + two
    assert pair.to_client(common.SubMessageList(body)) == []
    assert pair.to_client(cursor.CursorHide()) == [common.Ack()]


def test_serials_of_full_headers_are_the_peer_s() -> None:
    pair = Pair(main.MESSAGES, False)
    header = (1 << 33).to_bytes(8, "little") + (106).to_bytes(2, "little") + (4).to_bytes(4, "little") + bytes(4)
    for raw in pair.client.receive(header + bytes(4)):
        pair.client.handled(raw)
    assert pair.client.handled_serial == 1 << 33


def test_the_server_role_does_not_answer_for_the_client() -> None:
    pair = Pair(inputs.MESSAGES, True)
    pair.client.send(common.AckSync(1))
    pair.client.send(inputs.KeyDown(0x1E))
    read = [pair.server.read(raw).message for raw in pair.server.receive(pair.client.data_to_send())]
    assert read == [common.AckSync(1), inputs.KeyDown(0x1E)]
    assert pair.server.data_to_send() == b""


def test_unknown_numbers_are_told_apart() -> None:
    machine = ChannelMachine(main.MESSAGES, True)
    (raw,) = machine.receive(b"\xff\x7f\x02\x00\x00\x00hi")
    assert machine.read(raw) == Received(0x7FFF, 1, None, 2)


def test_a_bad_body_names_channel_message_and_place() -> None:
    machine = ChannelMachine(main.MESSAGES, True)
    (raw,) = machine.receive(b"\x67\x00\x05\x00\x00\x0012345")
    with pytest.raises(WireError, match="main Init at byte 0") as caught:
        machine.read(raw)
    assert caught.value.offset == 0
    machine.handled(raw)
    assert machine.handled_serial == 1


def test_a_body_limit_of_its_own() -> None:
    machine = ChannelMachine(inputs.MESSAGES, True, client=False, max_body=8)
    with pytest.raises(Exception, match="claims 9 bytes"):
        list(machine.receive(b"\x68\x00\x09\x00\x00\x00"))
