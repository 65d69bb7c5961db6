"""What flows without being asked for each time: interrupt and bulk receiving, iso in and out.

A stream is some transfers that are kept in flight; its packets to the guest have ids of their own, counted from 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..wire import usbredir as wire
from ..wire.usb import EndpointInfo, IsoPacket, Transfer, TransferStatus, TransferType
from .usbredir_actions import Operation, OperationKind

SUCCESS, CANCELLED, STALL = TransferStatus.SUCCESS, TransferStatus.CANCELLED, TransferStatus.STALL

INTERRUPT_TRANSFERS = 5
MAX_TRANSFERS = 16
MAX_PACKETS = 32
MAX_BULK_BYTES = 1 << 20  #: of one transfer of bulk receiving

#: After so many transfers in a row that failed, the stream ends.
MAX_FAILURES = 10

#: Packets of streams that may wait for the network; beyond them the newest is lost.
MAX_WAITING = 800


class Port(Protocol):
    """What streams need of the machine."""

    @property
    def caps(self) -> wire.Caps: ...
    @property
    def queued_bytes(self) -> int: ...
    @property
    def queued_streamed(self) -> int: ...
    def submit(self, transfer: Transfer, owner: Stream) -> None: ...
    def withdraw(self, transfer: Transfer) -> None:
        """Cancels a transfer and hears no more of it."""
        ...

    def send(self, packet: Any, id: int, *, streamed: bool = False) -> None: ...
    def operate(self, operation: Operation) -> None: ...


class Stream:
    """One endpoint's stream."""

    def __init__(self, table: StreamTable, endpoint: EndpointInfo) -> None:
        self.table = table
        self.port = table.port
        self.endpoint = endpoint
        self._in_flight: list[Transfer] = []
        self._next_id = 0
        self._failures = 0

    def status(self, status: TransferStatus) -> Any:
        """The packet that tells the guest about the stream."""
        raise NotImplementedError

    def start(self) -> None:
        """Also after a stall."""
        raise NotImplementedError

    def finished(self, status: TransferStatus, data: bytes, packets: Sequence[IsoPacket]) -> None:
        """What one transfer has brought."""
        raise NotImplementedError

    def again(self, transfer: Transfer) -> None:
        """A transfer's place in flight is free: for IN it goes out again."""
        self.fly(Transfer(transfer.type, transfer.endpoint, length=transfer.length, packets=transfer.packets))

    def fly(self, transfer: Transfer) -> None:
        self._in_flight.append(transfer)
        self.port.submit(transfer, self)

    def completed(
        self, transfer: Transfer, status: TransferStatus, data: bytes = b"", packets: Sequence[IsoPacket] = ()
    ) -> None:
        self._in_flight.remove(transfer)
        self._failures = 0 if status is SUCCESS else self._failures + 1
        if self._failures >= MAX_FAILURES:
            self.table.end(self, STALL)
            return
        if status is STALL:
            self.halt()
            self.table.clear_halt(self)
            return
        if status is not CANCELLED:
            self.finished(status, data, packets)
        self.again(transfer)

    def resume(self) -> None:
        self._next_id = 0
        self.start()

    def halt(self) -> None:
        """Nothing is in flight any more."""
        for transfer in self._in_flight:
            self.port.withdraw(transfer)
        self._in_flight.clear()

    def deliver(self, packet: Any) -> None:
        """One packet for the guest; lost when too many wait, and its id with it, so that the guest knows."""
        if self.port.queued_streamed < MAX_WAITING:
            self.port.send(packet, self._next_id, streamed=True)
        self._next_id += 1


class InterruptReceiving(Stream):
    def status(self, status: TransferStatus) -> Any:
        return wire.InterruptReceivingStatus(status, self.endpoint.address)

    def start(self) -> None:
        for _ in range(INTERRUPT_TRANSFERS):
            size = self.endpoint.max_packet_size
            self.fly(Transfer(TransferType.INTERRUPT, self.endpoint.address, length=size))

    def finished(self, status: TransferStatus, data: bytes, packets: Sequence[IsoPacket]) -> None:
        self.deliver(wire.InterruptPacket(self.endpoint.address, status, len(data), data))


class BulkReceiving(Stream):
    def __init__(self, table: StreamTable, endpoint: EndpointInfo, bytes_per_transfer: int, no_transfers: int) -> None:
        super().__init__(table, endpoint)
        self._size, self._count = bytes_per_transfer, no_transfers

    def status(self, status: TransferStatus) -> Any:
        return wire.BulkReceivingStatus(0, self.endpoint.address, status)

    def start(self) -> None:
        for _ in range(self._count):
            self.fly(Transfer(TransferType.BULK, self.endpoint.address, length=self._size))

    def finished(self, status: TransferStatus, data: bytes, packets: Sequence[IsoPacket]) -> None:
        self.deliver(wire.BufferedBulkPacket(0, len(data), self.endpoint.address, status, data))


class IsoStream(Stream):
    """*pkts_per_urb* packets in each of *no_urbs* transfers."""

    def __init__(self, table: StreamTable, endpoint: EndpointInfo, pkts_per_urb: int, no_urbs: int) -> None:
        super().__init__(table, endpoint)
        self._packets, self._count = pkts_per_urb, no_urbs

    def status(self, status: TransferStatus) -> Any:
        return wire.IsoStreamStatus(status, self.endpoint.address)


class IsoIn(IsoStream):
    def __init__(self, table: StreamTable, endpoint: EndpointInfo, pkts_per_urb: int, no_urbs: int) -> None:
        super().__init__(table, endpoint, pkts_per_urb, no_urbs)
        self._paused = False
        self._whole = endpoint.max_packet_size * pkts_per_urb * no_urbs

    def start(self) -> None:
        size = self.endpoint.max_packet_size
        for _ in range(self._count):
            packets = (size,) * self._packets
            self.fly(Transfer(TransferType.ISO, self.endpoint.address, length=size * self._packets, packets=packets))

    def finished(self, status: TransferStatus, data: bytes, packets: Sequence[IsoPacket]) -> None:
        queued = self.port.queued_bytes
        self._paused = queued > 3 * self._whole if not self._paused else queued >= self._whole // 2
        if self._paused:
            return  # the link is slower than the device: late is worse than lost
        for packet in packets:
            self.deliver(wire.IsoPacket(self.endpoint.address, packet.status, len(packet.data), packet.data))


class IsoOut(IsoStream):
    """Waits until half of its packets have come before the first goes out, and again after it ran dry."""

    def __init__(self, table: StreamTable, endpoint: EndpointInfo, pkts_per_urb: int, no_urbs: int) -> None:
        super().__init__(table, endpoint, pkts_per_urb, no_urbs)
        self._queue: deque[bytes] = deque()
        self._most = pkts_per_urb * no_urbs
        self.dropped = 0  #: packets that came too fast

    def start(self) -> None:
        pass  # by what comes

    def feed(self, data: bytes) -> None:
        """One packet from the guest; what is too large for the endpoint is dropped."""
        if len(data) > self.endpoint.max_packet_size:
            return
        self._queue.append(data)
        if len(self._queue) > self._most:
            for _ in range(max(1, self._most // 2)):
                self._queue.popleft()
                self.dropped += 1
        if self._in_flight or len(self._queue) >= max(self._packets, self._most // 2):
            self._fill()

    def _fill(self) -> None:
        while len(self._queue) >= self._packets and len(self._in_flight) < self._count:
            parts = [self._queue.popleft() for _ in range(self._packets)]
            lengths = tuple(map(len, parts))
            self.fly(Transfer(TransferType.ISO, self.endpoint.address, b"".join(parts), packets=lengths))

    def finished(self, status: TransferStatus, data: bytes, packets: Sequence[IsoPacket]) -> None:
        pass  # the guest is told about stalls only

    def again(self, transfer: Transfer) -> None:
        if self._in_flight or len(self._queue) >= self._packets:
            self._fill()

    def halt(self) -> None:
        super().halt()
        self._queue.clear()


Endpoints = Mapping[int, EndpointInfo]
_STARTS = (wire.StartIsoStream, wire.StartInterruptReceiving, wire.StartBulkReceiving)


class StreamTable:
    """The streams that run, by the endpoint's address."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._running: dict[int, Stream] = {}

    def request(self, id: int, packet: Any, endpoints: Endpoints, has_iso: bool) -> None:
        """Starts or stops a stream as the guest asks for."""
        running = self._running.get(packet.endpoint)
        kind = _kind(packet)
        if not isinstance(packet, _STARTS):
            if isinstance(running, kind):
                self.end(running, SUCCESS, id)
            else:  # perhaps it has just ended by itself
                self.port.send(_status(packet, SUCCESS), id)
        elif running is not None:
            self.port.send(_status(packet, TransferStatus.INVAL), id)
        elif (made := self._make(packet, endpoints.get(packet.endpoint), has_iso)) is None:
            self.port.send(_status(packet, STALL), id)
        else:
            self._running[packet.endpoint] = made
            self.port.send(made.status(SUCCESS), id)
            made.start()

    def _make(self, packet: Any, endpoint: EndpointInfo | None, has_iso: bool) -> Stream | None:
        """None for what makes no sense at this endpoint."""
        if endpoint is None or not endpoint.max_packet_size:
            return None
        if isinstance(packet, wire.StartInterruptReceiving):
            fits = endpoint.type is TransferType.INTERRUPT and endpoint.is_in
            return InterruptReceiving(self, endpoint) if fits else None
        if isinstance(packet, wire.StartBulkReceiving):
            size, count = packet.bytes_per_transfer, packet.no_transfers
            fits = endpoint.type is TransferType.BULK and endpoint.is_in and not packet.stream_id
            fits = fits and wire.Cap.BULK_RECEIVING in self.port.caps and 0 < count <= MAX_TRANSFERS
            fits = fits and 0 < size <= MAX_BULK_BYTES and size % endpoint.max_packet_size == 0
            return BulkReceiving(self, endpoint, size, count) if fits else None
        packets, count = packet.pkts_per_urb, packet.no_urbs
        fits = endpoint.type is TransferType.ISO and has_iso
        fits = fits and 0 < packets <= MAX_PACKETS and 0 < count <= MAX_TRANSFERS
        return (IsoIn if endpoint.is_in else IsoOut)(self, endpoint, packets, count) if fits else None

    @property
    def has_iso(self) -> bool:
        return any(isinstance(stream, IsoStream) for stream in self._running.values())

    def feed(self, address: int, data: bytes) -> None:
        """One packet for an iso stream to the device."""
        stream = self._running.get(address)
        if isinstance(stream, IsoOut):
            stream.feed(data)

    def end(self, stream: Stream, status: TransferStatus, id: int = 0) -> None:
        self._running.pop(stream.endpoint.address, None)
        stream.halt()
        self.port.send(stream.status(status), id)

    def end_all(self, endpoints: Callable[[int], bool]) -> None:
        for address, stream in [*self._running.items()]:
            if endpoints(address):
                self.end(stream, STALL)

    def clear(self) -> None:
        """Forgets them all; the device is gone."""
        self._running.clear()

    def clear_halt(self, stream: Stream) -> None:
        def done(status: TransferStatus) -> None:
            if self._running.get(stream.endpoint.address) is not stream:
                return
            if status is SUCCESS:
                stream.resume()
            else:
                self.end(stream, STALL)

        self.port.operate(Operation(OperationKind.CLEAR_HALT, stream.endpoint.address, done=done))


def _kind(packet: Any) -> type[Stream]:
    match packet:
        case wire.StartIsoStream() | wire.StopIsoStream():
            return IsoStream
        case wire.StartInterruptReceiving() | wire.StopInterruptReceiving():
            return InterruptReceiving
    return BulkReceiving


def _status(packet: Any, status: TransferStatus) -> Any:
    """The answer to a start or stop of a stream that does not run."""
    kind = _kind(packet)
    if kind is IsoStream:
        return wire.IsoStreamStatus(status, packet.endpoint)
    if kind is InterruptReceiving:
        return wire.InterruptReceivingStatus(status, packet.endpoint)
    return wire.BulkReceivingStatus(packet.stream_id, packet.endpoint, status)
