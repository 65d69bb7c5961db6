"""usbredir's packets against bytes laid out by hand from its specification, for each capability that changes them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.errors import WireError
from spicetui.wire import usbredir as wire
from spicetui.wire.usb import TransferStatus
from spicetui.wire.usbredir import NO_CAPS, Cap, Caps

ALL: Caps = frozenset(Cap)
IDS = frozenset((Cap.IDS_64BITS,))

EP_BYTES = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
SIZES = tuple(range(0x100, 0x120))
STREAMS = tuple(range(0x10000, 0x10020))
SIZES_WIRE = b"".join(struct.pack("<H", size) for size in SIZES)
STREAMS_WIRE = b"".join(struct.pack("<I", count) for count in STREAMS)
NOTHING = (0,) * 32

CONNECT = wire.DeviceConnect(2, 0xEF, 2, 1, 0x0951, 0x1666, 0x0110)
CONNECT_WIRE = "02 ef 02 01 5109 6616"

# packet, capabilities of both, who sends it, the body in hexadecimal
GOLDEN: list[tuple[Any, Caps, str, str]] = [
    (wire.DeviceConnect(*[2, 0xEF, 2, 1, 0x0951, 0x1666, 0]), NO_CAPS, "host", CONNECT_WIRE),
    (CONNECT, frozenset((Cap.CONNECT_DEVICE_VERSION,)), "host", CONNECT_WIRE + "1001"),
    (wire.DeviceDisconnect(), NO_CAPS, "host", ""),
    (wire.Reset(), NO_CAPS, "guest", ""),
    (wire.EpInfo(*EP_BYTES, NOTHING, NOTHING), NO_CAPS, "host", b"".join(EP_BYTES).hex()),
    (
        wire.EpInfo(*EP_BYTES, SIZES, NOTHING),
        frozenset((Cap.EP_INFO_MAX_PACKET_SIZE,)),
        "host",
        (b"".join(EP_BYTES) + SIZES_WIRE).hex(),
    ),
    (
        wire.EpInfo(*EP_BYTES, SIZES, STREAMS),
        frozenset((Cap.EP_INFO_MAX_PACKET_SIZE, Cap.BULK_STREAMS)),
        "host",
        (b"".join(EP_BYTES) + SIZES_WIRE + STREAMS_WIRE).hex(),
    ),
    (
        wire.InterfaceInfo(2, *(bytes([a, a + 1]).ljust(32, b"\0") for a in (0, 8, 6, 0x50))),
        NO_CAPS,
        "host",
        "02000000" + "".join(f"{a:02x}{a + 1:02x}" + "00" * 30 for a in (0, 8, 6, 0x50)),
    ),
    (wire.SetConfiguration(3), NO_CAPS, "guest", "03"),
    (wire.GetConfiguration(), NO_CAPS, "guest", ""),
    (wire.ConfigurationStatus(0, 3), NO_CAPS, "host", "00 03"),
    (wire.SetAltSetting(1, 2), NO_CAPS, "guest", "01 02"),
    (wire.GetAltSetting(1), NO_CAPS, "guest", "01"),
    (wire.AltSettingStatus(2, 1, 4), NO_CAPS, "host", "02 01 04"),
    (wire.StartIsoStream(0x81, 8, 5), NO_CAPS, "guest", "81 08 05"),
    (wire.StopIsoStream(0x81), NO_CAPS, "guest", "81"),
    (wire.IsoStreamStatus(4, 0x81), NO_CAPS, "host", "04 81"),
    (wire.StartInterruptReceiving(0x83), NO_CAPS, "guest", "83"),
    (wire.StopInterruptReceiving(0x83), NO_CAPS, "guest", "83"),
    (wire.InterruptReceivingStatus(0, 0x83), NO_CAPS, "host", "00 83"),
    (wire.AllocBulkStreams(0x00020002, 16), NO_CAPS, "guest", "02000200 10000000"),
    (wire.FreeBulkStreams(0x00020002), NO_CAPS, "guest", "02000200"),
    (wire.BulkStreamsStatus(0x00020002, 16, 2), NO_CAPS, "host", "02000200 10000000 02"),
    (wire.CancelDataPacket(), NO_CAPS, "guest", ""),
    (wire.FilterReject(), NO_CAPS, "guest", ""),
    (wire.FilterFilter(b"-1,-1,-1,-1,1\0"), NO_CAPS, "guest", b"-1,-1,-1,-1,1\0".hex()),
    (wire.DeviceDisconnectAck(), NO_CAPS, "guest", ""),
    (wire.StartBulkReceiving(0, 512, 0x82, 5), NO_CAPS, "guest", "00000000 00020000 82 05"),
    (wire.StopBulkReceiving(0, 0x82), NO_CAPS, "guest", "00000000 82"),
    (wire.BulkReceivingStatus(0, 0x82, 4), NO_CAPS, "host", "00000000 82 04"),
    (wire.ControlPacket(0x80, 6, 0x80, 0, 0x0100, 0x0409, 18, b""), NO_CAPS, "guest", "80 06 80 00 0001 0904 1200"),
    (
        wire.ControlPacket(0x80, 6, 0x80, 0, 0x0100, 0, 2, b"\x12\x01"),
        NO_CAPS,
        "host",
        "80 06 80 00 0001 0000 0200 1201",
    ),
    (wire.ControlPacket(0, 9, 0x21, 0, 0x0200, 0, 1, b"\x07"), NO_CAPS, "guest", "00 09 21 00 0002 0000 0100 07"),
    (wire.ControlPacket(0, 9, 0x21, 4, 0x0200, 0, 1, b""), NO_CAPS, "host", "00 09 21 04 0002 0000 0100"),
    (wire.BulkPacket(0x02, 0, 3, 0, b"abc"), NO_CAPS, "guest", "02 00 0300 00000000 616263"),
    (
        wire.BulkPacket(0x02, 0, 3, 9, b"abc"),
        frozenset((Cap.BULK_LENGTH_32BITS,)),
        "guest",
        "02 00 0300 09000000 0000 616263",
    ),
    (
        wire.BulkPacket(0x81, 0, 0x1E000, 0, b""),
        frozenset((Cap.BULK_LENGTH_32BITS,)),
        "guest",
        "81 00 00e0 00000000 0100",
    ),
    (wire.BulkPacket(0x81, 6, 0, 0, b""), NO_CAPS, "host", "81 06 0000 00000000"),
    (wire.IsoPacket(0x01, 0, 4, b"\1\2\3\4"), NO_CAPS, "guest", "01 00 0400 01020304"),
    (wire.IsoPacket(0x81, 0, 2, b"\1\2"), NO_CAPS, "host", "81 00 0200 0102"),
    (wire.InterruptPacket(0x83, 0, 2, b"\1\2"), NO_CAPS, "host", "83 00 0200 0102"),
    (wire.InterruptPacket(0x03, 0, 2, b""), NO_CAPS, "host", "03 00 0200"),
    (wire.BufferedBulkPacket(0, 2, 0x82, 0, b"\1`"), NO_CAPS, "host", "00000000 02000000 82 00 0160"),
]


@pytest.mark.parametrize(("packet", "caps", "sender", "expected"), GOLDEN, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("ids", [NO_CAPS, IDS], ids=("id32", "id64"))
def test_bytes(packet: Any, caps: Caps, sender: str, expected: str, ids: Caps) -> None:
    body = bytes.fromhex(expected)
    number = wire.MESSAGES.server_number[type(packet)]
    id = 0x1122334455667788 if ids else 0x55667788
    whole = struct.pack("<IIQ" if ids else "<III", number, len(body), id) + body
    from_host = sender == "host"
    assert wire.write(packet, id, caps | ids) == whole
    assert wire.read_header(whole, caps | ids, from_host=from_host) == (number, len(body), id)
    assert wire.read(number, body, caps | ids, from_host=from_host) == packet


def test_every_packet_has_golden_bytes() -> None:
    assert {type(packet) for packet, *_ in GOLDEN} | {wire.Hello} == set(wire.MESSAGES.from_server.values())


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (NO_CAPS, "00000000"),
        (ALL, "ff000000"),
        (ALL - {Cap.BULK_STREAMS}, "fe000000"),
        (frozenset((1, 33)), "0200000002000000"),
    ],
)
def test_hello(caps: Caps, words: str) -> None:
    body = b"spicetui 0.1".ljust(64, b"\0") + bytes.fromhex(words)
    whole = struct.pack("<III", 0, len(body), 0) + body
    assert wire.write(wire.Hello(b"spicetui 0.1", caps), 0, NO_CAPS) == whole
    assert wire.read(0, body, NO_CAPS, from_host=True) == wire.Hello(b"spicetui 0.1", caps)


def test_a_hello_of_the_first_versions_has_no_capabilities() -> None:
    assert wire.read(0, b"x" * 64, NO_CAPS, from_host=False) == wire.Hello(b"x" * 64, NO_CAPS)


def test_streams_need_packet_sizes() -> None:
    hello = bytes(64) + b"\1\0\0\0"
    assert wire.read(0, hello, NO_CAPS, from_host=False).caps == NO_CAPS


def test_endpoints_have_places() -> None:
    assert [wire.ep_index(address) for address in (0x00, 0x01, 0x0F, 0x80, 0x81, 0x8F)] == [0, 1, 15, 16, 17, 31]
    assert all(wire.ep_index(wire.ep_address(index)) == index for index in range(32))


@pytest.mark.parametrize(
    ("kind", "length", "from_host", "reason"),
    [
        (28, 0, True, "no packets of type 28"),
        (0xFFFFFFFF, 0, False, "no packets of type"),
        (3, 0, True, "a host sends no packets of type 3"),  # only a guest resets
        (1, 10, False, "a guest sends no packets of type 1"),
        (3, 1, False, "1 bytes long, at most 0"),
        (0, 64 + 4 * 17, False, "at most 128"),
        (23, (64 << 10) + 1, False, "at most 65536"),
        (100, 10 + 0x10000, False, "at most 65545"),
        (101, 8 + 0x10000, False, "at most 65543"),
        (104, 10 + (128 << 20) + 1, True, "at most 134217738"),
    ],
)
def test_headers_that_cannot_be(kind: int, length: int, from_host: bool, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        wire.read_header(struct.pack("<III", kind, length, 0), NO_CAPS, from_host=from_host)


def test_bulk_transfers_have_a_limit() -> None:
    caps = frozenset((Cap.BULK_LENGTH_32BITS,))
    wire.read_header(struct.pack("<III", 101, 10 + (128 << 20), 0), caps, from_host=False)
    with pytest.raises(WireError, match="at most"):
        wire.read_header(struct.pack("<III", 101, 11 + (128 << 20), 0), caps, from_host=False)
    with pytest.raises(WireError, match="a bulk transfer of 134217729 bytes"):
        wire.read(101, struct.pack("<BBHIH", 0x81, 0, 1, 0, 0x800), caps, from_host=False)
    with pytest.raises(WireError, match="16 bits"):
        wire.write(wire.BulkPacket(0x81, 0, 0x10000, 0, b""), 0, NO_CAPS)


@pytest.mark.parametrize(
    ("kind", "body", "from_host"),
    [
        (101, "81 00 0300 00000000 616263", False),  # a guest's request for data has none
        (101, "02 00 0300 00000000 616263", True),  # nor has the answer to what it sent
        (101, "02 00 0300 00000000 6162", False),
        (101, "81 00 0300 00000000 6162", True),
        (101, "81 00 0300 000000", True),
        (103, "83 00 0200 010203", True),
        (6, "", False),
        (4, "02000000", True),
        (0, "00" * 63, False),
    ],
)
def test_bodies_that_cannot_be(kind: int, body: str, from_host: bool) -> None:
    with pytest.raises(WireError):
        wire.read(kind, bytes.fromhex(body), NO_CAPS, from_host=from_host)


def test_bytes_behind_the_body_are_refused() -> None:
    caps = frozenset((Cap.CONNECT_DEVICE_VERSION,))
    with pytest.raises(WireError, match="2 bytes too many"):
        wire.read(1, bytes(10), NO_CAPS, from_host=True)
    wire.read(1, bytes(10), caps, from_host=True)


def test_an_unknown_status_is_an_error() -> None:
    assert TransferStatus(77) is TransferStatus.IOERROR


@given(st.sampled_from(sorted(wire.MESSAGES.from_server)), st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_body_is_read_or_refused(kind: int, body: bytes, from_host: bool, capable: bool) -> None:
    caps = ALL if capable else NO_CAPS
    try:
        packet = wire.read(kind, body, caps, from_host=from_host)
    except WireError:
        return
    if kind not in (0, 23):
        assert wire.write(packet, 0, caps)[wire.header_size(caps) :] == body
