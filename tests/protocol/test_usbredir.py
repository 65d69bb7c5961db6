"""The host machine of usbredir against a guest in memory: every request, and what a hostile guest gets."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from peer.usbredir_guest import (
    BULK_IN,
    BULK_OUT,
    INTERRUPT_IN,
    INTERRUPT_OUT,
    ISO_IN,
    ISO_OUT,
    Guest,
    Joined,
    ScriptedDevice,
)

from spicetui.errors import ProtocolError, UsbError
from spicetui.protocol import usbredir, usbredir_streams
from spicetui.protocol.usbredir import UsbredirHost
from spicetui.protocol.usbredir_actions import Event, OperationKind, State
from spicetui.protocol.usbredir_stream import CAPS
from spicetui.wire import usbredir as wire
from spicetui.wire.usb import InterfaceInfo, IsoPacket, Setup, TransferStatus, TransferType
from spicetui.wire.usbredir import Cap

SUCCESS, CANCELLED, INVAL = TransferStatus.SUCCESS, TransferStatus.CANCELLED, TransferStatus.INVAL
IOERROR, STALL, BABBLE = TransferStatus.IOERROR, TransferStatus.STALL, TransferStatus.BABBLE

SUBSETS = [
    CAPS,
    wire.NO_CAPS,
    CAPS - {Cap.IDS_64BITS},
    CAPS - {Cap.BULK_LENGTH_32BITS},
    CAPS - {Cap.EP_INFO_MAX_PACKET_SIZE, Cap.CONNECT_DEVICE_VERSION},
    frozenset(Cap),
]


@pytest.fixture
def joined() -> Joined:
    made = Joined()
    made.connect()
    return made


@pytest.fixture
def with_iso() -> Joined:
    made = Joined()
    made.device.alt_settings[2] = 1
    made.connect()
    return made


def get_descriptor(length: int = 18) -> wire.ControlPacket:
    return wire.ControlPacket(0x80, 6, 0x80, 0, 0x0100, 0, length, b"")


def bulk_in(length: int) -> wire.BulkPacket:
    return wire.BulkPacket(BULK_IN, 0, length, 0, b"")


def bulk_out(data: bytes) -> wire.BulkPacket:
    return wire.BulkPacket(BULK_OUT, 0, len(data), 0, data)


# --- connecting


def test_says_nothing_but_hello_before_the_guest_does() -> None:
    host = UsbredirHost("me")
    host.connect(ScriptedDevice())
    hello = host.data_to_send()
    assert hello[:12] == struct.pack("<III", 0, 68, 0)
    assert hello[12:].startswith(b"me\0")
    assert hello[-4:] == b"\xfe\0\0\0"
    assert host.next_action() is None
    assert host.data_to_send() == b""
    assert host.state is State.OPENING


@pytest.mark.parametrize("guest_caps", SUBSETS, ids=lambda caps: "".join(map(str, sorted(caps))) or "none")
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_connects_and_transfers_with_any_capabilities_in_any_chunks(guest_caps: wire.Caps, chunk: int) -> None:
    joined = Joined(guest_caps, chunk=chunk)
    joined.host.connect(joined.device)
    joined.turn()
    assert joined.events == [Event.READY]
    assert joined.host.caps == CAPS & guest_caps
    assert joined.host.peer_version == "a guest"
    assert joined.guest.take(wire.Hello, 0).caps == CAPS
    info = joined.guest.take(wire.InterfaceInfo, 0)
    assert (info.interface_count, info.interface[:3], info.interface_class[:3]) == (3, b"\0\1\2", b"\x03\x08\x01")
    endpoints = joined.guest.take(wire.EpInfo, 0)
    assert [endpoints.type[at] for at in (0, 16, 1, 17, 2, 18, 3, 31)] == [0, 0, 3, 3, 2, 2, 255, 255]
    assert endpoints.interval[17] == 10
    assert endpoints.interval[1] == 1  # QEMU refuses a device for an interval of 0
    assert endpoints.interface[18] == 1
    assert endpoints.max_packet_size[18] == (512 if Cap.EP_INFO_MAX_PACKET_SIZE in guest_caps else 0)
    version = 0x0203 if Cap.CONNECT_DEVICE_VERSION in guest_caps else 0
    assert joined.guest.take(wire.DeviceConnect, 0) == wire.DeviceConnect(2, 0, 0, 0, 0x1234, 0x5678, version)
    assert joined.host.state is State.CONNECTED

    id = 0xFFFF_8888_1111_0001 if Cap.IDS_64BITS in guest_caps else 0x88880001
    length = 0x1E000 if Cap.BULK_LENGTH_32BITS in guest_caps else 0xF000
    joined.ask(bulk_in(length), id)
    assert joined.events == [Event.READY, Event.USED]
    content = bytes(range(256)) * (length // 256)
    assert joined.complete(data=content).length == length
    assert joined.guest.take(wire.BulkPacket, id) == wire.BulkPacket(BULK_IN, 0, length, 0, content)
    joined.ask(bulk_out(content), id)
    assert joined.complete(length=length).data == content
    assert joined.guest.take(wire.BulkPacket, id) == wire.BulkPacket(BULK_OUT, 0, length, 0, b"")


def test_a_device_that_usbredir_cannot_describe_is_refused() -> None:
    host = UsbredirHost()
    device = ScriptedDevice()
    device.interfaces = lambda: [InterfaceInfo(n, 3) for n in range(33)]  # type: ignore[method-assign]
    with pytest.raises(UsbError, match="more than 32 interfaces"):
        host.connect(device)
    host.connect(ScriptedDevice())
    with pytest.raises(UsbError, match="another device"):
        host.connect(ScriptedDevice())


def test_the_next_device_waits_for_the_acknowledgement(joined: Joined) -> None:
    joined.ask(bulk_in(512), 5)
    transfer = joined.submitted.pop()
    joined.host.disconnect()
    joined.turn()
    joined.guest.take(wire.DeviceDisconnect, 0)
    assert joined.host.state is State.DISCONNECTING
    joined.host.completed(transfer, SUCCESS, b"late")
    joined.host.connect(joined.device)
    joined.ask(bulk_in(512), 6)  # sent before the guest knew
    assert not joined.submitted
    assert not joined.guest.received
    joined.ask(wire.DeviceDisconnectAck())
    assert joined.events[-1] is Event.DISCONNECTED
    joined.guest.take(wire.InterfaceInfo)
    joined.guest.take(wire.EpInfo)
    joined.guest.take(wire.DeviceConnect)
    joined.ask(wire.DeviceDisconnectAck())  # one too many
    joined.ask(bulk_in(512), 7)
    assert len(joined.submitted) == 1


def test_without_the_capability_nothing_is_waited_for() -> None:
    joined = Joined(CAPS - {Cap.DEVICE_DISCONNECT_ACK})
    joined.host.connect(joined.device)
    joined.turn()
    joined.host.disconnect()
    joined.turn()
    assert joined.host.state is State.FREE
    assert joined.events[-1] is Event.DISCONNECTED


def test_filters_are_told(joined: Joined) -> None:
    joined.ask(wire.FilterFilter(b"0x08,-1,-1,-1,0\0"))
    joined.ask(wire.FilterReject())
    assert joined.events == [Event.FILTER, Event.REJECTED]
    assert joined.host.peer_filter == "0x08,-1,-1,-1,0"
    assert joined.host.state is State.CONNECTED  # it is for the owner to disconnect


# --- control


def test_control_in_and_out(joined: Joined) -> None:
    joined.ask(get_descriptor(), 7)
    transfer = joined.complete(data=b"\x12\x01\0\2")
    assert (transfer.setup, transfer.length, transfer.endpoint) == (Setup(0x80, 6, 0x0100, 0), 18, 0x80)
    assert transfer.is_in
    assert joined.guest.take(wire.ControlPacket, 7) == wire.ControlPacket(
        0x80, 6, 0x80, 0, 0x0100, 0, 4, b"\x12\x01\0\2"
    )
    joined.ask(wire.ControlPacket(0, 9, 0x21, 0, 0x0200, 1, 2, b"ab"), 8)
    transfer = joined.complete(STALL)
    assert (transfer.setup, transfer.data, transfer.is_in) == (Setup(0x21, 9, 0x0200, 1), b"ab", False)
    assert joined.guest.take(wire.ControlPacket, 8) == wire.ControlPacket(0, 9, 0x21, STALL, 0x0200, 1, 0, b"")


@pytest.mark.parametrize(
    ("packet", "status"),
    [
        (wire.ControlPacket(0x80, 6, 0x00, 0, 0, 0, 0, b""), INVAL),  # the endpoint says in, the request out
        (wire.ControlPacket(0x81, 6, 0x80, 0, 0, 0, 0, b""), INVAL),
        (wire.ControlPacket(0, 5, 0x00, 0, 9, 0, 0, b""), STALL),  # SET_ADDRESS
        (wire.ControlPacket(0, 9, 0x00, 0, 1, 0, 0, b""), STALL),  # SET_CONFIGURATION has a packet of its own
        (wire.ControlPacket(0, 11, 0x01, 0, 1, 0, 0, b""), STALL),
    ],
)
def test_control_that_is_not_for_the_device(joined: Joined, packet: wire.ControlPacket, status: TransferStatus) -> None:
    joined.ask(packet, 3)
    assert not joined.submitted
    assert joined.guest.take(wire.ControlPacket, 3).status == status


def test_a_halt_is_cleared_by_the_device_and_nothing_read_meanwhile(joined: Joined) -> None:
    joined.hold_operations = True
    joined.ask(wire.ControlPacket(0, 1, 0x02, 0, 0, BULK_IN, 0, b""), 4)
    joined.ask(bulk_in(512), 5)
    assert not joined.submitted
    operation = joined.perform()
    assert (operation.kind, operation.number) == (OperationKind.CLEAR_HALT, BULK_IN)
    joined.turn()
    assert joined.guest.take(wire.ControlPacket, 4).status == SUCCESS
    assert len(joined.submitted) == 1


def test_more_than_was_asked_for_is_babble(joined: Joined) -> None:
    joined.ask(get_descriptor(8), 1)
    joined.complete(data=bytes(18))
    reply = joined.guest.take(wire.ControlPacket, 1)
    assert (reply.status, reply.length, len(reply.data)) == (BABBLE, 8, 8)


# --- bulk and interrupt


def test_ids_echo_and_replies_come_as_transfers_end(joined: Joined) -> None:
    joined.ask(bulk_in(512), 952096)
    joined.ask(bulk_out(b"x" * 31), 536341248)
    first, second = joined.submitted
    joined.host.completed(second, SUCCESS, length=31)
    joined.host.completed(first, STALL)
    joined.turn()
    assert joined.guest.take(wire.BulkPacket, 536341248).length == 31
    assert joined.guest.take(wire.BulkPacket, 952096).status == STALL


@pytest.mark.parametrize(
    "packet",
    [
        wire.BulkPacket(0x8F, 0, 5, 0, b""),
        wire.BulkPacket(INTERRUPT_IN, 0, 5, 0, b""),
        wire.BulkPacket(BULK_IN, 0, 5, 1, b""),  # a stream
        wire.InterruptPacket(INTERRUPT_IN, 0, 5, b""),  # comes by receiving
        wire.InterruptPacket(BULK_OUT, 0, 1, b"x"),
    ],
)
def test_wrong_endpoints_are_invalid(joined: Joined, packet: Any) -> None:
    joined.ask(packet, 9)
    assert not joined.submitted
    assert joined.guest.take(type(packet), 9).status == INVAL


def test_interrupt_out(joined: Joined) -> None:
    joined.ask(wire.InterruptPacket(INTERRUPT_OUT, 0, 2, b"\1\2"), 9)
    transfer = joined.complete(length=2)
    assert (transfer.type, transfer.data) == (TransferType.INTERRUPT, b"\1\2")
    assert joined.guest.take(wire.InterruptPacket, 9) == wire.InterruptPacket(INTERRUPT_OUT, 0, 2, b"")


def test_cancel_is_answered_once(joined: Joined) -> None:
    joined.ask(bulk_in(512), 5)
    joined.ask(wire.CancelDataPacket(), 5)
    joined.ask(wire.CancelDataPacket(), 5)
    joined.ask(wire.CancelDataPacket(), 6)  # unknown, which is normal
    assert joined.cancelled == joined.submitted
    assert not joined.guest.received
    joined.complete(CANCELLED)
    assert joined.guest.take(wire.BulkPacket, 5) == wire.BulkPacket(BULK_IN, CANCELLED, 0, 0, b"")
    joined.ask(wire.CancelDataPacket(), 5)
    assert not joined.guest.received


def test_an_id_may_come_again_before_the_cancelled_one_is_answered(joined: Joined) -> None:
    joined.ask(bulk_in(512), 5)
    joined.ask(wire.CancelDataPacket(), 5)
    joined.ask(bulk_in(1024), 5)
    joined.complete(CANCELLED)
    joined.ask(wire.CancelDataPacket(), 5)
    assert len(joined.cancelled) == 2
    joined.complete(data=b"faster")
    assert joined.guest.take(wire.BulkPacket, 5).status == CANCELLED
    assert joined.guest.take(wire.BulkPacket, 5).data == b"faster"


# --- the whole device


def test_resets_in_a_row_are_one(joined: Joined) -> None:
    for _ in range(5):
        joined.ask(wire.Reset())
    assert [kind for kind, *_ in joined.device.operations] == [OperationKind.RESET]
    joined.ask(get_descriptor(), 1)
    joined.ask(wire.Reset())
    assert len(joined.device.operations) == 2
    assert joined.cancelled == joined.submitted
    assert joined.guest.take(wire.ControlPacket, 1).status == CANCELLED
    joined.complete(data=b"too late")
    assert not joined.guest.received


def test_a_device_that_cannot_be_reset_is_gone(joined: Joined) -> None:
    joined.hold_operations = True
    joined.ask(wire.Reset())
    joined.perform(IOERROR)
    joined.turn()
    joined.guest.take(wire.DeviceDisconnect)
    assert joined.events == [Event.FAILED]


def test_configurations(joined: Joined) -> None:
    joined.ask(wire.SetConfiguration(1), 1)  # as it is
    assert joined.guest.take(wire.ConfigurationStatus, 1) == wire.ConfigurationStatus(SUCCESS, 1)
    joined.ask(bulk_in(512), 2)
    joined.ask(wire.SetConfiguration(2), 3)
    assert joined.guest.take(wire.BulkPacket, 2).status == CANCELLED
    joined.guest.take(wire.InterfaceInfo)
    joined.guest.take(wire.EpInfo)
    assert joined.guest.take(wire.ConfigurationStatus, 3) == wire.ConfigurationStatus(SUCCESS, 2)
    joined.hold_operations = True
    joined.ask(wire.SetConfiguration(9), 4)
    joined.perform(INVAL)
    joined.turn()
    assert joined.guest.take(wire.ConfigurationStatus, 4) == wire.ConfigurationStatus(INVAL, 2)
    joined.ask(wire.GetConfiguration(), 5)
    assert joined.guest.take(wire.ConfigurationStatus, 5) == wire.ConfigurationStatus(SUCCESS, 2)


def test_alternate_settings(joined: Joined) -> None:
    joined.ask(bulk_in(512), 1)
    joined.ask(wire.SetAltSetting(2, 1), 3)  # of another interface than the transfer's
    joined.guest.take(wire.InterfaceInfo)
    assert joined.guest.take(wire.EpInfo).type[19] == TransferType.ISO
    assert joined.guest.take(wire.AltSettingStatus, 3) == wire.AltSettingStatus(SUCCESS, 2, 1)
    joined.ask(wire.SetAltSetting(2, 1), 4)
    assert joined.guest.take(wire.AltSettingStatus, 4) == wire.AltSettingStatus(SUCCESS, 2, 1)
    joined.ask(wire.SetAltSetting(1, 1), 5)
    assert joined.guest.take(wire.BulkPacket, 1).status == CANCELLED
    joined.guest.received.clear()
    joined.ask(wire.GetAltSetting(1), 6)
    assert joined.guest.take(wire.AltSettingStatus, 6) == wire.AltSettingStatus(SUCCESS, 1, 1)
    joined.ask(wire.SetAltSetting(7, 1), 7)
    assert joined.guest.take(wire.AltSettingStatus, 7).status == INVAL


def test_bulk_streams_are_refused(joined: Joined) -> None:
    joined.ask(wire.AllocBulkStreams(0x40004, 16), 1)
    assert joined.guest.take(wire.BulkStreamsStatus, 1) == wire.BulkStreamsStatus(0x40004, 0, INVAL)
    joined.ask(wire.FreeBulkStreams(0x40004), 2)
    assert joined.guest.take(wire.BulkStreamsStatus, 2).status == SUCCESS


# --- streams


def test_interrupt_receiving(joined: Joined) -> None:
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN), 1)
    assert joined.guest.take(wire.InterruptReceivingStatus, 1) == wire.InterruptReceivingStatus(SUCCESS, INTERRUPT_IN)
    assert [(t.type, t.length) for t in joined.submitted] == [(TransferType.INTERRUPT, 8)] * 5
    for number, key in enumerate((b"\0\0\4", b"\0\0\0")):
        joined.complete(data=key)
        assert joined.guest.take(wire.InterruptPacket, number) == wire.InterruptPacket(INTERRUPT_IN, 0, 3, key)
    assert len(joined.submitted) == 5  # each goes out again
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN), 2)
    assert joined.guest.take(wire.InterruptReceivingStatus, 2).status == INVAL
    joined.ask(wire.StopInterruptReceiving(INTERRUPT_IN), 3)
    assert joined.guest.take(wire.InterruptReceivingStatus, 3).status == SUCCESS
    assert joined.cancelled == joined.submitted
    joined.complete(data=b"late")
    assert not joined.guest.received
    joined.ask(wire.StopInterruptReceiving(INTERRUPT_IN), 4)
    assert joined.guest.take(wire.InterruptReceivingStatus, 4).status == SUCCESS


def test_a_stall_is_cleared_and_the_ids_begin_again(joined: Joined) -> None:
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN))
    joined.complete(data=b"a")
    before = [*joined.submitted]
    joined.complete(STALL)
    assert joined.device.operations[-1] == (OperationKind.CLEAR_HALT, INTERRUPT_IN, 0)
    assert joined.cancelled == before[1:]
    joined.submitted = [transfer for transfer in joined.submitted if transfer not in before]
    assert len(joined.submitted) == 5
    joined.guest.received.clear()
    joined.complete(data=b"b")
    joined.guest.take(wire.InterruptPacket, 0)


def test_a_stall_that_stays_ends_the_stream(joined: Joined) -> None:
    joined.hold_operations = True
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN))
    joined.guest.received.clear()
    joined.complete(STALL)
    joined.perform(IOERROR)
    joined.turn()
    assert joined.guest.take(wire.InterruptReceivingStatus, 0).status == STALL


@pytest.mark.parametrize("status", [IOERROR, STALL, CANCELLED])
def test_errors_without_end_end_the_stream(joined: Joined, status: TransferStatus) -> None:
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN))
    for _ in range(usbredir_streams.MAX_FAILURES):
        joined.complete(status)
        joined.submitted = [transfer for transfer in joined.submitted if transfer not in joined.cancelled]
    assert not joined.submitted
    assert joined.guest.received[-1][1] == wire.InterruptReceivingStatus(STALL, INTERRUPT_IN)


def test_bulk_receiving(joined: Joined) -> None:
    joined.ask(wire.StartBulkReceiving(0, 512, BULK_IN, 5), 1)
    assert joined.guest.take(wire.BulkReceivingStatus, 1) == wire.BulkReceivingStatus(0, BULK_IN, SUCCESS)
    assert [(t.type, t.length) for t in joined.submitted] == [(TransferType.BULK, 512)] * 5
    joined.complete(data=b"\1`hello")
    assert joined.guest.take(wire.BufferedBulkPacket, 0) == wire.BufferedBulkPacket(0, 7, BULK_IN, 0, b"\1`hello")
    joined.ask(wire.Reset())
    assert joined.guest.take(wire.BulkReceivingStatus, 0).status == STALL


@pytest.mark.parametrize(
    "packet",
    [
        wire.StartBulkReceiving(0, 500, BULK_IN, 5),
        wire.StartBulkReceiving(0, 0, BULK_IN, 5),
        wire.StartBulkReceiving(0, 512, BULK_IN, 0),
        wire.StartBulkReceiving(0, 512, BULK_IN, 17),
        wire.StartBulkReceiving(0, 1 << 30, BULK_IN, 5),
        wire.StartBulkReceiving(1, 512, BULK_IN, 5),
        wire.StartBulkReceiving(0, 512, BULK_OUT, 5),
        wire.StartBulkReceiving(0, 512, 0x8F, 5),
        wire.StartInterruptReceiving(INTERRUPT_OUT),
        wire.StartInterruptReceiving(BULK_IN),
        wire.StartIsoStream(ISO_IN, 0, 4),
        wire.StartIsoStream(ISO_IN, 33, 4),
        wire.StartIsoStream(ISO_IN, 8, 0),
        wire.StartIsoStream(ISO_IN, 8, 17),
        wire.StartIsoStream(BULK_IN, 8, 4),
    ],
)
def test_streams_that_make_no_sense(with_iso: Joined, packet: Any) -> None:
    with_iso.ask(packet, 6)
    assert not with_iso.submitted
    [(id, reply)] = with_iso.guest.received
    assert (id, reply.status) == (6, STALL)


def test_a_device_without_iso_refuses_iso(with_iso: Joined) -> None:
    with_iso.device.has_iso = False
    with_iso.ask(wire.StartIsoStream(ISO_IN, 8, 4), 6)
    assert with_iso.guest.take(wire.IsoStreamStatus, 6) == wire.IsoStreamStatus(STALL, ISO_IN)


def test_iso_in(with_iso: Joined) -> None:
    with_iso.ask(wire.StartIsoStream(ISO_IN, 2, 4), 1)
    with_iso.guest.take(wire.IsoStreamStatus, 1)
    assert with_iso.host.streams_iso
    assert [(t.length, t.packets) for t in with_iso.submitted] == [(384, (192, 192))] * 4
    with_iso.complete(packets=[IsoPacket(SUCCESS, b"a" * 176), IsoPacket(IOERROR)])
    assert with_iso.guest.take(wire.IsoPacket, 0) == wire.IsoPacket(ISO_IN, 0, 176, b"a" * 176)
    assert with_iso.guest.take(wire.IsoPacket, 1) == wire.IsoPacket(ISO_IN, IOERROR, 0, b"")
    assert len(with_iso.submitted) == 4


def test_iso_in_pauses_while_the_link_is_slow(with_iso: Joined) -> None:
    with_iso.ask(wire.StartIsoStream(ISO_IN, 2, 4))
    whole = 192 * 2 * 4
    sent: list[int] = []
    for _ in range(40):  # nobody takes what waits
        transfer = with_iso.submitted.pop(0)
        with_iso.host.completed(transfer, SUCCESS, packets=[IsoPacket(SUCCESS, bytes(192))] * 2)
        with_iso._act()
        sent.append(with_iso.host.queued_bytes)
    assert 3 * whole < max(sent) < 4 * whole
    with_iso.turn()
    with_iso.guest.received.clear()
    with_iso.complete(packets=[IsoPacket(SUCCESS, bytes(192))] * 2)
    with_iso.guest.take(wire.IsoPacket)


def test_iso_out_waits_for_half_its_buffer(with_iso: Joined) -> None:
    with_iso.ask(wire.StartIsoStream(ISO_OUT, 2, 4), 1)
    with_iso.guest.take(wire.IsoStreamStatus, 1)
    for number in range(3):
        with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 2, bytes([number] * 2)))
    assert not with_iso.submitted
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"\3"))
    assert [(t.data, t.packets) for t in with_iso.submitted] == [(b"\0\0\1\1", (2, 2)), (b"\2\2\3", (2, 1))]
    with_iso.complete()
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"\4"))
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"\5"))
    assert len(with_iso.submitted) == 2
    with_iso.complete()
    with_iso.complete()
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"\6"))  # it ran dry and fills again
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"\7"))
    assert not with_iso.submitted
    assert not with_iso.guest.received


def test_iso_out_that_comes_too_fast_loses_half_a_buffer(with_iso: Joined) -> None:
    with_iso.ask(wire.StartIsoStream(ISO_OUT, 2, 4), 1)
    for number in range(8 + 9):  # what flies, and one more than may wait
        with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, bytes([number])))
    assert [t.data[0] for t in with_iso.submitted] == [0, 2, 4, 6]
    with_iso.complete()
    assert with_iso.submitted[-1].data == bytes([12, 13])


def test_iso_out_without_a_stream_or_of_a_wrong_size_is_dropped(with_iso: Joined) -> None:
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 1, b"x"))
    with_iso.ask(wire.StartIsoStream(ISO_OUT, 1, 1), 1)
    with_iso.ask(wire.IsoPacket(ISO_OUT, 0, 193, bytes(193)))
    assert not with_iso.submitted


def test_an_alternate_setting_ends_its_streams(with_iso: Joined) -> None:
    with_iso.ask(wire.StartIsoStream(ISO_IN, 2, 4), 1)
    with_iso.ask(wire.StartInterruptReceiving(INTERRUPT_IN), 2)
    with_iso.guest.received.clear()
    with_iso.ask(wire.SetAltSetting(2, 0), 3)
    assert with_iso.guest.take(wire.IsoStreamStatus, 0) == wire.IsoStreamStatus(STALL, ISO_IN)
    assert len(with_iso.cancelled) == 4  # the other interface goes on
    assert not with_iso.host.streams_iso


def test_packets_of_streams_do_not_pile_up(joined: Joined) -> None:
    joined.ask(wire.StartInterruptReceiving(INTERRUPT_IN))
    joined.guest.received.clear()
    for _ in range(usbredir_streams.MAX_WAITING + 50):
        joined.host.completed(joined.submitted.pop(0), SUCCESS, b"x")
        joined._act()
    assert joined.host.queued_streamed == usbredir_streams.MAX_WAITING
    joined.turn()
    assert len(joined.guest.received) == usbredir_streams.MAX_WAITING
    joined.guest.received.clear()
    joined.complete(data=b"x")
    joined.guest.take(wire.InterruptPacket, usbredir_streams.MAX_WAITING + 50)


# --- hostile guests


def fed(data: bytes, hello: bool = True) -> UsbredirHost:
    host = UsbredirHost()
    if hello:
        host.receive(Guest().stream.data_to_send())
    host.connect(ScriptedDevice())
    host.receive(data)
    while host.next_action() is not None:
        pass
    return host


@pytest.mark.parametrize(
    ("data", "hello", "reason"),
    [
        (struct.pack("<III", 3, 0, 0), False, "first packet"),
        (struct.pack("<IIQ", 0, 68, 0), True, "first packet, and no other"),
        (struct.pack("<IIQ", 99, 0, 0), True, "no packets of type 99"),
        (struct.pack("<IIQ", 101, 0xFFFFFFFF, 0), True, "4294967295 bytes long"),
        (struct.pack("<III", 0, 1 << 20, 0), False, "at most 128"),
        (struct.pack("<IIQ", 5, 288, 0), True, "guest sends no packets of type 5"),
        (struct.pack("<IIQBBHIH", 101, 10, 0, BULK_IN, 0, 0, 0, 0xFFFF), True, "a bulk transfer of"),
        (struct.pack("<IIQB", 6, 1, 0, 1) + struct.pack("<IIQ", 7, 5, 0), True, "5 bytes long, at most 0"),
    ],
)
def test_nonsense_ends_the_stream_before_anything_is_allocated(data: bytes, hello: bool, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        fed(data, hello)


def test_pending_transfers_have_a_limit(joined: Joined) -> None:
    for number in range(usbredir.MAX_PENDING):
        joined.ask(bulk_in(512), number)
    with pytest.raises(ProtocolError, match="1025 USB transfers"):
        joined.ask(bulk_in(512), 5000)


def test_pending_bytes_have_a_limit(joined: Joined) -> None:
    joined.ask(bulk_in(wire.MAX_BULK), 1)
    joined.ask(bulk_in(wire.MAX_BULK), 2)
    joined.complete(IOERROR)
    joined.ask(bulk_in(wire.MAX_BULK), 3)  # what has ended does not count
    with pytest.raises(ProtocolError, match="bytes under way"):
        joined.ask(bulk_in(1), 4)


def test_a_guest_that_does_not_read_is_not_read(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that are answered at once need no device, and their answers must not fill the memory."""
    monkeypatch.setattr(usbredir, "MAX_QUEUED", 1 << 16)
    request = wire.write(wire.ControlPacket(0, 5, 0x00, 0, 9, 0, 0, b""), 1, CAPS)
    joined.host.receive(request * 5000)
    while joined.host.next_action() is not None:
        pass
    queued = joined.host.queued_bytes
    assert 1 << 16 < queued < (1 << 16) + 100
    joined.turn()
    assert len(joined.guest.received) == 5000
