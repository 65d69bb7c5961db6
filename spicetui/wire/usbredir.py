"""The packets of usbredir 0.7 and later, which a usbredir channel carries as a stream of bytes.

A packet is a header (type, length, id) and a body; both hellos together decide how some of them look: the functions
here take the capabilities that *both* sides have.  The "host" is the side with the USB device, the "guest" the one
that uses it; most packets are the same from both.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Annotated, Any, dataclass_transform

from ..errors import WireError
from . import core
from .core import Buffer, Declare, Fixed, Messages, Reader, Writer, rest, u8, u16, u32
from .usb import DIRECTION_IN

Caps = frozenset[int]


class Cap(IntEnum):
    BULK_STREAMS = 0
    CONNECT_DEVICE_VERSION = 1
    FILTER = 2
    DEVICE_DISCONNECT_ACK = 3
    EP_INFO_MAX_PACKET_SIZE = 4
    IDS_64BITS = 5
    BULK_LENGTH_32BITS = 6
    BULK_RECEIVING = 7


#: As long as the type of the header's id is not agreed: hellos, and what comes before the peer's.
NO_CAPS: Caps = frozenset()

INTERFACES = 32
ENDPOINTS = 32

#: Of one bulk packet, bytes.
MAX_BULK = 128 << 20
_MAX_HELLO_CAPS = 16
_MAX_FILTER = 64 << 10

MESSAGES = Messages("usbredir")

_bytes32 = Annotated[bytes, Fixed("32s")]
_HEADER, _HEADER64 = struct.Struct("<III"), struct.Struct("<IIQ")
_WORDS, _SHORTS = struct.Struct("<32I"), struct.Struct("<32H")
_CONNECT, _BULK = struct.Struct("<BBBBHH"), struct.Struct("<BBHI")


@dataclass_transform()
def packet(number: int) -> Declare:
    return MESSAGES.server(number)


@packet(0)
class Hello:
    """The first packet of both sides, with the short header and id 0. *version*: free text, at most 63 bytes."""

    version: bytes
    caps: Caps

    @staticmethod
    def read_with(reader: Reader, caps: Caps) -> Hello:
        version = bytes(reader.take(64)).split(b"\0", 1)[0]
        words = [reader.u32() for _ in range(reader.remaining // 4)]
        found = {32 * at + bit for at, word in enumerate(words) for bit in range(32) if word >> bit & 1}
        if Cap.EP_INFO_MAX_PACKET_SIZE not in found:
            found.discard(Cap.BULK_STREAMS)  # which needs it
        return Hello(version, frozenset(found))

    def write_with(self, writer: Writer, caps: Caps) -> None:
        writer.raw(self.version[:63].ljust(64, b"\0"))
        words = [0] * (max(self.caps, default=0) // 32 + 1)
        for cap in self.caps:
            words[cap // 32] |= 1 << cap % 32
        for word in words:
            writer.u32(word)


@packet(1)
class DeviceConnect:
    """*device_version_bcd* is on the wire with CONNECT_DEVICE_VERSION only."""

    speed: int
    device_class: int
    device_subclass: int
    device_protocol: int
    vendor_id: int
    product_id: int
    device_version_bcd: int

    @staticmethod
    def read_with(reader: Reader, caps: Caps) -> DeviceConnect:
        speed, *kind, vendor, product = reader.unpack(_CONNECT)
        version = reader.u16() if Cap.CONNECT_DEVICE_VERSION in caps else 0
        return DeviceConnect(speed, kind[0], kind[1], kind[2], vendor, product, version)

    def write_with(self, writer: Writer, caps: Caps) -> None:
        device = (self.device_class, self.device_subclass, self.device_protocol, self.vendor_id, self.product_id)
        writer.pack(_CONNECT, self.speed, *device)
        if Cap.CONNECT_DEVICE_VERSION in caps:
            writer.u16(self.device_version_bcd)


@packet(2)
class DeviceDisconnect:
    pass


@packet(3)
class Reset:
    pass


@packet(4)
class InterfaceInfo:
    """One byte for each of *interface_count* interfaces, the rest unused."""

    interface_count: u32
    interface: _bytes32
    interface_class: _bytes32
    interface_subclass: _bytes32
    interface_protocol: _bytes32


@packet(5)
class EpInfo:
    """By :func:`ep_index`. The last two are on the wire with their capabilities only, otherwise read as zeros."""

    type: bytes
    interval: bytes
    interface: bytes
    max_packet_size: tuple[int, ...]
    max_streams: tuple[int, ...]

    @staticmethod
    def read_with(reader: Reader, caps: Caps) -> EpInfo:
        kinds, intervals, interfaces = (bytes(reader.take(ENDPOINTS)) for _ in range(3))
        sizes = reader.unpack(_SHORTS) if Cap.EP_INFO_MAX_PACKET_SIZE in caps else (0,) * ENDPOINTS
        streams = reader.unpack(_WORDS) if Cap.BULK_STREAMS in caps else (0,) * ENDPOINTS
        return EpInfo(kinds, intervals, interfaces, sizes, streams)

    def write_with(self, writer: Writer, caps: Caps) -> None:
        writer.raw(self.type + self.interval + self.interface)
        if Cap.EP_INFO_MAX_PACKET_SIZE in caps:
            writer.pack(_SHORTS, *self.max_packet_size)
        if Cap.BULK_STREAMS in caps:
            writer.pack(_WORDS, *self.max_streams)


@packet(6)
class SetConfiguration:
    configuration: u8


@packet(7)
class GetConfiguration:
    pass


@packet(8)
class ConfigurationStatus:
    status: u8
    configuration: u8


@packet(9)
class SetAltSetting:
    interface: u8
    alt: u8


@packet(10)
class GetAltSetting:
    interface: u8


@packet(11)
class AltSettingStatus:
    status: u8
    interface: u8
    alt: u8


@packet(12)
class StartIsoStream:
    endpoint: u8
    pkts_per_urb: u8
    no_urbs: u8


@packet(13)
class StopIsoStream:
    endpoint: u8


@packet(14)
class IsoStreamStatus:
    status: u8
    endpoint: u8


@packet(15)
class StartInterruptReceiving:
    endpoint: u8


@packet(16)
class StopInterruptReceiving:
    endpoint: u8


@packet(17)
class InterruptReceivingStatus:
    status: u8
    endpoint: u8


@packet(18)
class AllocBulkStreams:
    """*endpoints*: a bit for each endpoint, by :func:`ep_index`."""

    endpoints: u32
    no_streams: u32


@packet(19)
class FreeBulkStreams:
    endpoints: u32


@packet(20)
class BulkStreamsStatus:
    endpoints: u32
    no_streams: u32
    status: u8


@packet(21)
class CancelDataPacket:
    """Its id is that of the data packet."""


@packet(22)
class FilterReject:
    """From the guest: the device just connected is not wanted."""


@packet(23)
class FilterFilter:
    """From both sides, at any time after hello: what *filter* does not allow is not wanted."""

    filter: rest  # ends with a zero byte


@packet(24)
class DeviceDisconnectAck:
    pass


@packet(25)
class StartBulkReceiving:
    stream_id: u32
    bytes_per_transfer: u32
    endpoint: u8
    no_transfers: u8


@packet(26)
class StopBulkReceiving:
    stream_id: u32
    endpoint: u8


@packet(27)
class BulkReceivingStatus:
    stream_id: u32
    endpoint: u8
    status: u8


@packet(100)
class ControlPacket:
    """*length* is the setup packet's for the request, and what was done for the reply."""

    endpoint: u8
    request: u8
    requesttype: u8
    status: u8
    value: u16
    index: u16
    length: u16
    data: rest


@packet(101)
class BulkPacket:
    """*length* takes 32 bits with BULK_LENGTH_32BITS only."""

    endpoint: int
    status: int
    length: int
    stream_id: int
    data: Buffer

    @staticmethod
    def read_with(reader: Reader, caps: Caps) -> BulkPacket:
        endpoint, status, length, stream_id = reader.unpack(_BULK)
        if Cap.BULK_LENGTH_32BITS in caps:
            length |= reader.u16() << 16
        if length > MAX_BULK:
            raise reader.error(f"a bulk transfer of {length} bytes, at most {MAX_BULK} are allowed")
        return BulkPacket(endpoint, status, length, stream_id, reader.rest())

    def write_with(self, writer: Writer, caps: Caps) -> None:
        high = self.length >> 16
        if high and Cap.BULK_LENGTH_32BITS not in caps:
            raise WireError("usbredir BulkPacket", 2, f"{self.length} bytes do not fit into 16 bits")
        writer.pack(_BULK, self.endpoint, self.status, self.length & 0xFFFF, self.stream_id)
        if Cap.BULK_LENGTH_32BITS in caps:
            writer.u16(high)
        writer.raw(self.data)


@packet(102)
class IsoPacket:
    endpoint: u8
    status: u8
    length: u16
    data: rest


@packet(103)
class InterruptPacket:
    endpoint: u8
    status: u8
    length: u16
    data: rest


@packet(104)
class BufferedBulkPacket:
    """From the host: what bulk receiving has brought."""

    stream_id: u32
    length: u32
    endpoint: u8
    status: u8
    data: rest


DATA_PACKETS = (ControlPacket, BulkPacket, IsoPacket, InterruptPacket, BufferedBulkPacket)
DataPacket = ControlPacket | BulkPacket | IsoPacket | InterruptPacket | BufferedBulkPacket

_FROM_HOST = frozenset((0, 1, 2, 4, 5, 8, 11, 14, 17, 20, 23, 27, 100, 101, 102, 103, 104))
_FROM_GUEST = frozenset((0, 3, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 23, 24, 25, 26, 100, 101, 102, 103))
_DATA_LIMITS = {100: 0xFFFF, 101: MAX_BULK, 102: 0xFFFF, 103: 0xFFFF, 104: MAX_BULK}


def ep_index(address: int) -> int:
    """An endpoint's place in EpInfo: 0 to 15 for OUT, 16 to 31 for IN."""
    return (address & DIRECTION_IN) >> 3 | address & 0x0F


def ep_address(index: int) -> int:
    return (index & 0x10) << 3 | index & 0x0F


def header_size(caps: Caps) -> int:
    return (_HEADER64 if Cap.IDS_64BITS in caps else _HEADER).size


def read_header(data: Buffer, caps: Caps, *, from_host: bool) -> tuple[int, int, int]:
    """Type, length and id. Raises WireError for what this side may not send, or not in this length."""
    kind, length, id = (_HEADER64 if Cap.IDS_64BITS in caps else _HEADER).unpack_from(data)
    sender, allowed = ("host", _FROM_HOST) if from_host else ("guest", _FROM_GUEST)
    if kind not in allowed:
        raise WireError("usbredir header", 0, f"a {sender} sends no packets of type {kind}")
    if length > (most := _max_length(kind, caps)):
        name = MESSAGES.from_server[kind].__name__
        raise WireError(f"usbredir {name}", 4, f"{length} bytes long, at most {most} are possible")
    return kind, length, id


def _max_length(kind: int, caps: Caps) -> int:
    if kind == 0:
        return 64 + 4 * _MAX_HELLO_CAPS
    if kind == 1:
        return _CONNECT.size + 2
    if kind == 5:
        return 3 * ENDPOINTS + _SHORTS.size + _WORDS.size
    if kind == 23:
        return _MAX_FILTER
    if kind == 101:
        return _BULK.size + (2 + MAX_BULK if Cap.BULK_LENGTH_32BITS in caps else 0xFFFF)
    return core.codec_of(MESSAGES.from_server[kind]).min_size + _DATA_LIMITS.get(kind, 0)


def read(kind: int, body: Buffer, caps: Caps, *, from_host: bool) -> Any:
    """A packet's body. Raises WireError."""
    cls: Any = MESSAGES.from_server[kind]
    reader = Reader(body, f"usbredir {cls.__name__}")
    found = cls.read_with(reader, caps) if hasattr(cls, "read_with") else core.codec_of(cls).read(reader)
    if isinstance(found, DATA_PACKETS):
        _check_payload(reader, found, from_host)
    elif reader.remaining:
        raise reader.error(f"{reader.remaining} bytes too many")
    return found


def _check_payload(reader: Reader, packet: DataPacket, from_host: bool) -> None:
    """Data follows in the direction of the endpoint only."""
    expected = packet.length if bool(packet.endpoint & DIRECTION_IN) == from_host else 0
    if len(packet.data) != expected:
        raise reader.error(f"{len(packet.data)} bytes of data for endpoint {packet.endpoint:#x}, {expected} expected")


def write(packet: Any, id: int, caps: Caps) -> bytes:
    """A packet with its header."""
    writer = Writer()
    header = _HEADER64 if Cap.IDS_64BITS in caps else _HEADER
    writer.raw(bytes(header.size))
    if hasattr(packet, "write_with"):
        packet.write_with(writer, caps)
    else:
        core.codec_of(type(packet)).write(writer, packet)
    header.pack_into(writer.data, 0, MESSAGES.server_number[type(packet)], len(writer.data) - header.size, id)
    return writer.finish()
