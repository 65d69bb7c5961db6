"""The host side of usbredir: what the guest asks of a USB device, and what it is told. Free of I/O.

Bytes go in by ``receive``; ``next_action`` says what is to be done, ``completed`` and ``performed`` how it ended,
``data_to_send`` has the bytes for the guest.  While an :class:`Operation` is under way nothing else is read, and none
while too much waits to be sent, so whoever feeds the machine should stop as long as ``next_action`` leaves input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ProtocolError, UsbError
from ..wire import usbredir as wire
from ..wire.core import Buffer
from ..wire.usb import DIRECTION_IN, EndpointInfo, IsoPacket, Setup, Transfer, TransferStatus, TransferType
from ..wire.usbredir import Cap
from . import usbredir_streams as streams
from .usbredir_actions import Action, Cancel, Device, Event, Operation, OperationKind, State, Submit
from .usbredir_stream import CAPS, PacketStream

#: Transfers that a guest may have under way, and their bytes in both directions.
MAX_PENDING = 1024
MAX_PENDING_BYTES = 256 << 20

#: Requests wait while so many bytes have not been sent.
MAX_QUEUED = 16 << 20

_CLEAR_FEATURE, _SET_ADDRESS, _SET_CONFIGURATION, _SET_INTERFACE = 0x01, 0x05, 0x09, 0x0B
_TO_DEVICE, _TO_INTERFACE, _TO_ENDPOINT = 0x00, 0x01, 0x02
_ENDPOINT_HALT = 0


@dataclass(slots=True, eq=False)
class _Request:
    """A data packet of the guest that has not been answered."""

    id: int
    packet: Any  # without its data
    transfer: Transfer
    cancelled: bool = False

    @property
    def size(self) -> int:
        return max(len(self.transfer.data), self.transfer.length)


class UsbredirHost:
    """One channel's machine; devices come and go on it, one at a time."""

    def __init__(self, version: str = "", caps: wire.Caps = CAPS) -> None:
        self.state = State.OPENING
        self.peer_filter: str | None = None  #: the rules that the guest sent
        self._stream = PacketStream(host=True, caps=caps, version=version)
        self._device: Device | None = None
        self._endpoints: dict[int, EndpointInfo] = {}
        self._actions: deque[Action] = deque()
        self._operations: deque[Operation] = deque()
        self._operation: Operation | None = None
        self._owners: dict[Transfer, _Request | streams.Stream] = {}
        self._requests: dict[int, _Request] = {}  # the latest of each id
        self._pending = 0
        self._pending_bytes = 0
        self._streams = streams.StreamTable(self)
        self._touched = False  # since the last reset
        self._used = False

    # --- bytes

    def receive(self, data: Buffer) -> None:
        self._stream.feed(data)

    def data_to_send(self) -> bytes:
        return self._stream.data_to_send()

    @property
    def caps(self) -> wire.Caps:
        """What both sides can do."""
        return self._stream.caps

    @property
    def peer_version(self) -> str:
        return self._stream.peer.version.decode("utf-8", "replace") if self._stream.peer is not None else ""

    @property
    def streams_iso(self) -> bool:
        """Sound or pictures flow, for which late is as bad as lost."""
        return self._streams.has_iso

    @property
    def queued_bytes(self) -> int:
        return self._stream.queued_bytes

    @property
    def queued_streamed(self) -> int:
        return self._stream.queued_streamed

    # --- the device

    def connect(self, device: Device) -> None:
        """Offers *device* to the guest as soon as it can take one. Raises UsbError for what usbredir cannot say."""
        if self._device is not None:
            raise UsbError("another device is connected here")
        if len(device.interfaces()) > wire.INTERFACES:
            raise UsbError(f"a device of more than {wire.INTERFACES} interfaces cannot be redirected")
        self._device = device
        self._connect()

    def _connect(self) -> None:
        if self._device is None or self.state is not State.FREE:
            return
        self.state = State.CONNECTED
        self._touched, self._used = True, False
        self._describe()
        info = self._device.info
        kind = (info.device_class, info.device_subclass, info.device_protocol)
        self._stream.send(wire.DeviceConnect(info.speed, *kind, info.vendor_id, info.product_id, info.bcd_device))

    def _describe(self) -> None:
        """The interfaces and endpoints as they are now."""
        assert self._device is not None
        interfaces, endpoints = self._device.interfaces(), self._device.endpoints()
        self._endpoints = {endpoint.address: endpoint for endpoint in endpoints}
        columns = [bytes(interface[at] for interface in interfaces).ljust(32, b"\0") for at in range(4)]
        self._stream.send(wire.InterfaceInfo(len(interfaces), columns[0], columns[1], columns[2], columns[3]))
        kinds = bytearray([TransferType.INVALID]) * wire.ENDPOINTS
        kinds[0] = kinds[16] = TransferType.CONTROL
        intervals, numbers, sizes = bytearray(wire.ENDPOINTS), bytearray(wire.ENDPOINTS), [0] * wire.ENDPOINTS
        for endpoint in endpoints:
            at = wire.ep_index(endpoint.address)
            kinds[at], numbers[at], sizes[at] = endpoint.type, endpoint.interface, endpoint.max_packet_size
            periodic = endpoint.type in (TransferType.ISO, TransferType.INTERRUPT)
            intervals[at] = endpoint.interval or int(periodic)  # QEMU refuses a device for an interval of 0
        none = (0,) * wire.ENDPOINTS
        self._stream.send(wire.EpInfo(bytes(kinds), bytes(intervals), bytes(numbers), tuple(sizes), none))

    def disconnect(self) -> None:
        """Takes the device away from the guest; whoever owns it closes it, and no transfer is heard of any more."""
        self._device = None
        self._actions = deque(action for action in self._actions if isinstance(action, Event))
        self._operations.clear()
        self._operation = None
        self._owners.clear()
        self._requests.clear()
        self._streams.clear()
        self._endpoints.clear()
        self._pending = self._pending_bytes = 0
        if self.state is State.CONNECTED:
            self._stream.send(wire.DeviceDisconnect())
            if Cap.DEVICE_DISCONNECT_ACK in self.caps:
                self.state = State.DISCONNECTING
            else:
                self._free()

    def _free(self) -> None:
        self.state = State.FREE
        self._actions.append(Event.DISCONNECTED)
        self._connect()

    # --- what is to be done, and how it ended

    def next_action(self) -> Action | None:
        """Reads as much as it takes to say what to do next; None: nothing, for now. Raises ProtocolError."""
        while True:
            if self._actions:
                return self._actions.popleft()
            if self._operation is not None:
                return None
            if self._operations:
                self._operation = self._operations.popleft()
                return self._operation
            if self.queued_bytes > MAX_QUEUED or (found := self._stream.next_packet()) is None:
                return None
            self._handle(*found)

    def performed(self, operation: Operation, status: TransferStatus) -> None:
        if operation is self._operation:  # and not of a device that was disconnected meanwhile
            self._operation = None
            operation.done(status)

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        """As UsbHost has it; transfers of former devices are none of ours."""
        owner = self._owners.pop(transfer, None)
        if isinstance(owner, streams.Stream):
            owner.completed(transfer, status, data, packets)
        elif owner is not None:
            self._forget(owner)
            self._answer(owner, status, data, length)

    # --- requests

    def _handle(self, id: int, packet: Any) -> None:
        match packet:
            case wire.Hello():
                self.state = State.FREE
                self._actions.append(Event.READY)
                self._connect()
            case wire.FilterFilter():
                self.peer_filter = bytes(packet.filter).split(b"\0", 1)[0].decode("ascii", "replace")
                self._actions.append(Event.FILTER)
            case wire.DeviceDisconnectAck():
                if self.state is State.DISCONNECTING:
                    self._free()
            case _ if self.state is not State.CONNECTED:
                pass  # was under way when the device was disconnected
            case wire.FilterReject():
                self._actions.append(Event.REJECTED)
            case wire.CancelDataPacket():
                self._cancel(id)
            case wire.Reset():
                self._reset()
            case _:
                self._touched = True
                if not self._used:
                    self._used = True
                    self._actions.append(Event.USED)
                self._request(id, packet)

    def _request(self, id: int, packet: Any) -> None:
        assert self._device is not None
        match packet:
            case wire.ControlPacket():
                self._control(id, packet)
            case wire.BulkPacket() | wire.InterruptPacket():
                self._data(id, packet)
            case wire.IsoPacket():
                self._streams.feed(packet.endpoint, bytes(packet.data))
            case wire.SetConfiguration():
                self._set_configuration(id, packet.configuration)
            case wire.GetConfiguration():
                self._tell_configuration(id, TransferStatus.SUCCESS)
            case wire.SetAltSetting():
                self._set_alt_setting(id, packet.interface, packet.alt)
            case wire.GetAltSetting():
                self._tell_alt_setting(id, packet.interface, TransferStatus.SUCCESS)
            case wire.AllocBulkStreams():
                self._stream.send(wire.BulkStreamsStatus(packet.endpoints, 0, TransferStatus.INVAL), id)
            case wire.FreeBulkStreams():
                self._stream.send(wire.BulkStreamsStatus(packet.endpoints, 0, TransferStatus.SUCCESS), id)
            case _:
                self._streams.request(id, packet, self._endpoints, self._device.has_iso)

    def _control(self, id: int, packet: wire.ControlPacket) -> None:
        transfer = Transfer(
            TransferType.CONTROL,
            packet.endpoint,
            bytes(packet.data),
            packet.length if packet.endpoint & DIRECTION_IN else 0,
            Setup(packet.requesttype, packet.request, packet.value, packet.index),
        )
        packet.data = b""
        request = _Request(id, packet, transfer)
        what = (packet.requesttype, packet.request)
        if packet.endpoint not in (0, DIRECTION_IN) or (packet.endpoint ^ packet.requesttype) & DIRECTION_IN:
            self._answer(request, TransferStatus.INVAL)
        elif what in ((_TO_DEVICE, _SET_ADDRESS), (_TO_DEVICE, _SET_CONFIGURATION), (_TO_INTERFACE, _SET_INTERFACE)):
            self._answer(request, TransferStatus.STALL)  # these have packets of their own, or are none of the guest's
        elif what == (_TO_ENDPOINT, _CLEAR_FEATURE) and packet.value == _ENDPOINT_HALT and not transfer.data:
            done = self._answering(request)
            self.operate(Operation(OperationKind.CLEAR_HALT, packet.index & 0xFF, done=done))
        else:
            self._submit_request(request)

    def _data(self, id: int, packet: wire.BulkPacket | wire.InterruptPacket) -> None:
        bulk = isinstance(packet, wire.BulkPacket)
        kind = TransferType.BULK if bulk else TransferType.INTERRUPT
        is_in = bool(packet.endpoint & DIRECTION_IN)
        transfer = Transfer(kind, packet.endpoint, bytes(packet.data), packet.length if is_in else 0)
        packet.data = b""
        request = _Request(id, packet, transfer)
        endpoint = self._endpoints.get(packet.endpoint)
        streamed = isinstance(packet, wire.BulkPacket) and packet.stream_id != 0
        if endpoint is None or endpoint.type is not kind or streamed or (is_in and not bulk):
            self._answer(request, TransferStatus.INVAL)
        else:
            self._submit_request(request)

    def _submit_request(self, request: _Request) -> None:
        self._pending += 1
        self._pending_bytes += request.size
        if self._pending > MAX_PENDING or self._pending_bytes > MAX_PENDING_BYTES:
            raise ProtocolError(
                f"the guest has {self._pending} USB transfers of {self._pending_bytes} bytes under way, "
                f"at most {MAX_PENDING} of {MAX_PENDING_BYTES} bytes are taken"
            )
        self._requests[request.id] = request
        self._owners[request.transfer] = request
        self._actions.append(Submit(request.transfer))

    def _forget(self, request: _Request) -> None:
        self._pending -= 1
        self._pending_bytes -= request.size
        if self._requests.get(request.id) is request:  # and not a later one, since ids come again
            del self._requests[request.id]

    def _answer(self, request: _Request, status: TransferStatus, data: bytes = b"", length: int = 0) -> None:
        """One reply for each request: the packet itself with what came or how much went."""
        packet, transfer = request.packet, request.transfer
        if transfer.is_in if transfer.setup is None else packet.endpoint & DIRECTION_IN:
            if len(data) > transfer.length:
                status, data = TransferStatus.BABBLE, data[: transfer.length]
            packet.data, packet.length = data, len(data)
        else:
            packet.length = min(length, len(transfer.data))
        packet.status = status
        self._stream.send(packet, request.id)

    def _answering(self, request: _Request) -> Callable[[TransferStatus], None]:
        return lambda status: self._answer(request, status)

    def _cancel(self, id: int) -> None:
        request = self._requests.get(id)
        if request is not None and not request.cancelled:
            request.cancelled = True
            self._actions.append(Cancel(request.transfer))

    # --- the whole device

    def _drop_pending(self, endpoints: Callable[[int], bool] = lambda address: True) -> None:
        """Nothing is under way at these endpoints any more, and the guest knows."""
        for owner in [*self._owners.values()]:
            if isinstance(owner, _Request) and endpoints(owner.transfer.endpoint):
                self.withdraw(owner.transfer)
                self._forget(owner)
                self._answer(owner, TransferStatus.CANCELLED)
        self._streams.end_all(endpoints)

    def _reset(self) -> None:
        if not self._touched:  # QEMU asks several times in a row
            return
        self._touched = False
        self._drop_pending()
        self.operate(Operation(OperationKind.RESET, done=self._was_reset))

    def _was_reset(self, status: TransferStatus) -> None:
        if status is not TransferStatus.SUCCESS:
            self.disconnect()
            self._actions.append(Event.FAILED)

    def _set_configuration(self, id: int, value: int) -> None:
        assert self._device is not None
        if value == self._device.get_configuration():
            self._tell_configuration(id, TransferStatus.SUCCESS)
            return

        def done(status: TransferStatus) -> None:
            if status is TransferStatus.SUCCESS:
                self._describe()
            self._tell_configuration(id, status)

        self._drop_pending()
        self.operate(Operation(OperationKind.SET_CONFIGURATION, value, done=done))

    def _tell_configuration(self, id: int, status: TransferStatus) -> None:
        assert self._device is not None
        self._stream.send(wire.ConfigurationStatus(status, self._device.get_configuration()), id)

    def _set_alt_setting(self, id: int, interface: int, alt: int) -> None:
        assert self._device is not None
        try:
            now = self._device.get_alt_setting(interface)
        except UsbError:
            now = alt  # no such interface, which is said there
        if now == alt:
            self._tell_alt_setting(id, interface, TransferStatus.SUCCESS)
            return

        def done(status: TransferStatus) -> None:
            if status is TransferStatus.SUCCESS:
                self._describe()
            self._tell_alt_setting(id, interface, status)

        own = {endpoint.address for endpoint in self._endpoints.values() if endpoint.interface == interface}
        self._drop_pending(own.__contains__)
        self.operate(Operation(OperationKind.SET_ALT_SETTING, interface, alt, done))

    def _tell_alt_setting(self, id: int, interface: int, status: TransferStatus) -> None:
        assert self._device is not None
        try:
            alt = self._device.get_alt_setting(interface)
        except UsbError:
            status, alt = TransferStatus.INVAL, 0
        self._stream.send(wire.AltSettingStatus(status, interface, alt), id)

    # --- what the streams need

    def submit(self, transfer: Transfer, owner: streams.Stream) -> None:
        self._owners[transfer] = owner
        self._actions.append(Submit(transfer))

    def withdraw(self, transfer: Transfer) -> None:
        if self._owners.pop(transfer, None) is not None:
            self._actions.append(Cancel(transfer))

    def send(self, packet: Any, id: int, *, streamed: bool = False) -> None:
        self._stream.send(packet, id, streamed=streamed)

    def operate(self, operation: Operation) -> None:
        self._operations.append(operation)
