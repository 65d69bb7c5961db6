"""The guest's side of usbredir, and a device that does what a test says; both for machines joined in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from spicetui.errors import UsbError
from spicetui.interfaces import UsbHost
from spicetui.protocol.usbredir import UsbredirHost
from spicetui.protocol.usbredir_actions import Cancel, Event, Operation, OperationKind, Submit
from spicetui.protocol.usbredir_stream import CAPS, PacketStream
from spicetui.wire import usbredir as wire
from spicetui.wire.usb import (
    DeviceInfo,
    EndpointInfo,
    InterfaceInfo,
    IsoPacket,
    Speed,
    Transfer,
    TransferStatus,
    TransferType,
)

T = TypeVar("T")

INTERRUPT_IN, INTERRUPT_OUT, BULK_IN, BULK_OUT, ISO_IN, ISO_OUT = 0x81, 0x01, 0x82, 0x02, 0x83, 0x03
ENDPOINTS = (
    EndpointInfo(INTERRUPT_IN, TransferType.INTERRUPT, 0, 8, 10),
    EndpointInfo(INTERRUPT_OUT, TransferType.INTERRUPT, 0, 8, 0),
    EndpointInfo(BULK_IN, TransferType.BULK, 1, 512),
    EndpointInfo(BULK_OUT, TransferType.BULK, 1, 512),
    EndpointInfo(ISO_IN, TransferType.ISO, 2, 192, 1),
    EndpointInfo(ISO_OUT, TransferType.ISO, 2, 192, 1),
)


class ScriptedDevice:
    """A device with an endpoint of every kind; transfers stay in :attr:`submitted` until the test ends them.

    *answer* may end them at once (on the loop's next turn) when the device is attached to a channel.
    """

    def __init__(self, info: DeviceInfo | None = None, *, has_iso: bool = True) -> None:
        self.info = info or DeviceInfo(0x1234, 0x5678, 0x0203, speed=Speed.HIGH, product="scripted")
        self.has_iso = has_iso
        self.submitted: list[Transfer] = []
        self.cancelled: list[Transfer] = []
        self.operations: list[tuple[Any, ...]] = []
        self.failing: dict[str, UsbError] = {}  #: by the method's name
        self.configuration = 1
        self.alt_settings = {0: 0, 1: 0, 2: 0}
        self.host: UsbHost | None = None
        self.opened = self.closed = 0
        self.answer: Callable[[Transfer], tuple[TransferStatus, bytes, int] | None] = lambda transfer: None
        self.changed = asyncio.Event()

    def interfaces(self) -> Sequence[InterfaceInfo]:
        return (InterfaceInfo(0, 3, 0, 0), InterfaceInfo(1, 8, 6, 0x50), InterfaceInfo(2, 1, 2, 0))

    def endpoints(self) -> Sequence[EndpointInfo]:
        return tuple(e for e in ENDPOINTS if e.interface != 2 or self.alt_settings[2])

    async def open(self, host: UsbHost) -> None:
        self._may_fail("open")
        self.opened += 1
        self.host = host

    async def close(self) -> None:
        self.closed += 1
        self.host = None
        self.changed.set()
        self._may_fail("close")

    def submit(self, transfer: Transfer) -> None:
        self.submitted.append(transfer)
        self.changed.set()
        if (answer := self.answer(transfer)) is not None:
            asyncio.get_running_loop().call_soon(self.complete, transfer, *answer)

    def complete(self, transfer: Transfer, status: TransferStatus, data: bytes = b"", length: int = 0) -> None:
        self.submitted.remove(transfer)
        if self.host is not None:
            self.host.completed(transfer, status, data, length)

    def cancel(self, transfer: Transfer) -> None:
        self.cancelled.append(transfer)
        if self.host is not None and transfer in self.submitted:
            asyncio.get_running_loop().call_soon(self.complete, transfer, TransferStatus.CANCELLED)

    async def clear_halt(self, endpoint: int) -> None:
        self._operation("clear_halt", endpoint)

    async def reset(self) -> None:
        self._operation("reset")

    def get_configuration(self) -> int:
        return self.configuration

    async def set_configuration(self, value: int) -> None:
        self._operation("set_configuration", value)
        self.configuration = value

    def get_alt_setting(self, interface: int) -> int:
        try:
            return self.alt_settings[interface]
        except KeyError:
            raise UsbError("no such interface", TransferStatus.INVAL) from None

    async def set_alt_setting(self, interface: int, alt: int) -> None:
        self._operation("set_alt_setting", interface, alt)
        self.alt_settings[interface] = alt

    def _operation(self, *what: Any) -> None:
        self.operations.append(what)
        self.changed.set()
        self._may_fail(what[0])

    def _may_fail(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]


class Guest:
    """The guest's machine: sends what a test wants, keeps what comes."""

    def __init__(self, caps: wire.Caps = CAPS) -> None:
        self.stream = PacketStream(host=False, caps=caps, version="a guest")
        self.received: list[tuple[int, Any]] = []

    def feed(self, data: bytes) -> None:
        self.stream.feed(data)
        while (found := self.stream.next_packet()) is not None:
            self.received.append(found)

    def take(self, kind: type[T], id: int | None = None) -> T:
        """The next packet, which must be of that kind."""
        found_id, packet = self.received.pop(0)
        assert isinstance(packet, kind), packet
        assert id is None or found_id == id, (packet, found_id)
        return packet


class Joined:
    """A host machine, a guest and a device; nothing happens but what the test calls for."""

    def __init__(self, guest_caps: wire.Caps = CAPS, host_caps: wire.Caps = CAPS, chunk: int = 1 << 20) -> None:
        self.host = UsbredirHost("a host", host_caps)
        self.guest = Guest(guest_caps)
        self.device = ScriptedDevice()
        self.submitted: list[Transfer] = []
        self.cancelled: list[Transfer] = []
        self.events: list[Event] = []
        self.operations: list[Operation] = []  #: begun and not performed
        self.chunk = chunk
        self.hold_operations = False

    def turn(self) -> None:
        """Everything goes as far as it can."""
        while self._guest_to_host() | self._act() | self._host_to_guest():
            pass

    def _guest_to_host(self) -> bool:
        data = self.guest.stream.data_to_send()
        for at in range(0, len(data), self.chunk):
            self.host.receive(data[at : at + self.chunk])
            self._act()
        return bool(data)

    def _host_to_guest(self) -> bool:
        data = self.host.data_to_send()
        for at in range(0, len(data), self.chunk):
            self.guest.feed(data[at : at + self.chunk])
        return bool(data)

    def _act(self) -> bool:
        acted = False
        while (action := self.host.next_action()) is not None:
            acted = True
            match action:
                case Submit():
                    self.submitted.append(action.transfer)
                case Cancel():
                    self.cancelled.append(action.transfer)
                case Event():
                    self.events.append(action)
                case _:
                    self.operations.append(action)
                    if not self.hold_operations:
                        self.perform()
        return acted

    def perform(self, status: TransferStatus = TransferStatus.SUCCESS) -> Operation:
        """Ends the operation that is under way."""
        operation = self.operations.pop(0)
        self.device.operations.append((operation.kind, operation.number, operation.alt))
        if status is TransferStatus.SUCCESS:
            if operation.kind is OperationKind.SET_CONFIGURATION:
                self.device.configuration = operation.number
            elif operation.kind is OperationKind.SET_ALT_SETTING:
                self.device.alt_settings[operation.number] = operation.alt
        self.host.performed(operation, status)
        return operation

    def connect(self) -> None:
        """Both hellos, and the device until the guest knows it; nothing of it is left in what was received."""
        self.host.connect(self.device)
        self.turn()
        self.guest.take(wire.Hello)
        self.guest.take(wire.InterfaceInfo)
        self.guest.take(wire.EpInfo)
        self.guest.take(wire.DeviceConnect)
        assert not self.guest.received
        self.events.clear()

    def ask(self, packet: Any, id: int = 0) -> None:
        self.guest.stream.send(packet, id)
        self.turn()

    def complete(
        self,
        status: TransferStatus = TransferStatus.SUCCESS,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> Transfer:
        """Ends the oldest transfer that was submitted."""
        transfer = self.submitted.pop(0)
        self.host.completed(transfer, status, data, length, packets)
        self.turn()
        return transfer
