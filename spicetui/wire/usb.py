"""USB's and usbredir's words as plain data: devices, interfaces, endpoints, transfers and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Speed(IntEnum):
    LOW = 0
    FULL = 1
    HIGH = 2
    SUPER = 3
    UNKNOWN = 255


class TransferType(IntEnum):
    """Of a transfer, and of the endpoint that takes it."""

    CONTROL = 0
    ISO = 1
    BULK = 2
    INTERRUPT = 3
    INVALID = 255


class TransferStatus(IntEnum):
    """How a transfer or a request ended, as usbredir numbers it."""

    SUCCESS = 0
    CANCELLED = 1
    INVAL = 2
    IOERROR = 3
    STALL = 4
    TIMEOUT = 5
    BABBLE = 6

    @classmethod
    def _missing_(cls, value: object) -> TransferStatus:
        return cls.IOERROR  # a number that later versions may add is an error all the same


#: Of an endpoint's address and of a setup packet's request type: the data goes to the host.
DIRECTION_IN = 0x80


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device tells of itself (its device descriptor), and how the user knows it.

    *bcd_device* is the device's own release, not USB's version. Strings come from the device: show them ``printable``.
    """

    vendor_id: int
    product_id: int
    bcd_device: int = 0
    device_class: int = 0
    device_subclass: int = 0
    device_protocol: int = 0
    speed: Speed = Speed.UNKNOWN
    manufacturer: str = ""
    product: str = ""
    serial: str = ""
    location: str = ""  #: where it is: ``bus-address`` of a real device, the image's path of an emulated one

    @property
    def title(self) -> str:
        """A name for the user, never empty."""
        return " ".join(part for part in (self.manufacturer, self.product) if part) or f"USB device {self.numbers}"

    @property
    def numbers(self) -> str:
        """``vendor:product`` as lsusb prints them."""
        return f"{self.vendor_id:04x}:{self.product_id:04x}"


class InterfaceInfo(NamedTuple):
    """One interface with its current alternate setting."""

    number: int
    interface_class: int
    interface_subclass: int = 0
    interface_protocol: int = 0


class EndpointInfo(NamedTuple):
    """One endpoint of the current alternate settings; endpoint 0 is not listed.

    *max_packet_size* in bytes for one (micro)frame: for high-speed iso endpoints the additional transactions count.
    """

    address: int
    type: TransferType
    interface: int
    max_packet_size: int
    interval: int = 0

    @property
    def is_in(self) -> bool:
        return bool(self.address & DIRECTION_IN)


@dataclass(frozen=True, slots=True)
class Setup:
    """A control transfer's setup packet without its length, which is the transfer's."""

    request_type: int
    request: int
    value: int = 0
    index: int = 0


class IsoPacket(NamedTuple):
    """One packet of an iso transfer that has ended; *data* is empty for OUT."""

    status: TransferStatus
    data: bytes = b""


@dataclass(slots=True, eq=False)
class Transfer:
    """One request to an endpoint, compared by identity.

    OUT has *data*, IN has *length*, the most that may come. Control transfers have *setup* (its request type says the
    direction, *endpoint* is 0 or 0x80). Iso transfers have *packets*, the length of each packet: for OUT they cut
    *data*, for IN *length* is their sum.
    """

    type: TransferType
    endpoint: int
    data: bytes = b""
    length: int = 0
    setup: Setup | None = None
    packets: tuple[int, ...] = ()

    @property
    def is_in(self) -> bool:
        direction = self.setup.request_type if self.setup is not None else self.endpoint
        return bool(direction & DIRECTION_IN)
