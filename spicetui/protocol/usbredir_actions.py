"""What the usbredir machine reads of a device, and what it wants done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from ..wire.usb import DeviceInfo, EndpointInfo, InterfaceInfo, Transfer, TransferStatus


class Device(Protocol):
    """What the machine reads of a device: the part of UsbDevice that answers at once."""

    @property
    def info(self) -> DeviceInfo: ...
    @property
    def has_iso(self) -> bool: ...
    def interfaces(self) -> Sequence[InterfaceInfo]: ...
    def endpoints(self) -> Sequence[EndpointInfo]: ...
    def get_configuration(self) -> int: ...
    def get_alt_setting(self, interface: int) -> int: ...


class State(Enum):
    OPENING = auto()  # the guest has not said hello
    FREE = auto()
    CONNECTED = auto()
    DISCONNECTING = auto()  # the guest has not acknowledged it


class Event(Enum):
    """What whoever owns the machine may want to know."""

    READY = auto()  # the guest's hello
    FILTER = auto()  # `peer_filter` is new
    USED = auto()  # the guest works with the device
    REJECTED = auto()  # the guest does not want the device, which is to be disconnected
    FAILED = auto()  # the device could not be reset; it is disconnected
    DISCONNECTED = auto()  # the guest is done with the last device


class OperationKind(Enum):
    RESET = auto()
    CLEAR_HALT = auto()
    SET_CONFIGURATION = auto()
    SET_ALT_SETTING = auto()


@dataclass(frozen=True, slots=True)
class Submit:
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class Cancel:
    transfer: Transfer


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """*number*: an endpoint, a configuration or an interface. Report its end to ``performed``."""

    kind: OperationKind
    number: int = 0
    alt: int = 0
    done: Callable[[TransferStatus], None] = field(default=lambda status: None, repr=False)


Action = Submit | Cancel | Operation | Event
