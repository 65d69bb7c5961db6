"""Guests that make sense, guests that do not, and devices that fail, against the usbredir machine for a while.

FUZZ_SECONDS and FUZZ_SEED as in the session's fuzzer; a failure names its case's seed, which is all it takes to repeat.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import pytest
from peer.usbredir_guest import ENDPOINTS, Joined

from spicetui.errors import ProtocolError, UsbError
from spicetui.protocol import usbfilter, usbredir
from spicetui.protocol.usbredir_actions import State
from spicetui.protocol.usbredir_stream import CAPS
from spicetui.wire import usbredir as wire
from spicetui.wire.usb import IsoPacket, TransferStatus, TransferType
from spicetui.wire.usbredir import Cap

SECONDS = float(os.environ.get("FUZZ_SECONDS") or (60 if os.environ.get("CI") else 3))
SEED = os.environ.get("FUZZ_SEED") or "usbredir"
LEAST = 50  #: cases in the time, or nothing was tested

ADDRESSES = (*(endpoint.address for endpoint in ENDPOINTS), 0, 0x80, 0x8F, 0xFF)
#: What a device says; INVAL is the machine's own word, by which the test knows its answers.
STATUSES = tuple(status for status in TransferStatus if status is not TransferStatus.INVAL)
ANSWERED = (wire.ControlPacket, wire.BulkPacket, wire.InterruptPacket)


class Case:
    """One guest and one device, both of which do random things."""

    def __init__(self, seed: str) -> None:
        self.rng = rng = random.Random(seed)
        caps = CAPS if rng.random() < 0.5 else frozenset(cap for cap in Cap if rng.random() < 0.6)
        self.joined = Joined(caps, chunk=rng.choice((1, 5, 100, 1 << 20)))
        self.joined.hold_operations = True
        self.joined.device.has_iso = rng.random() < 0.9
        self.joined.device.alt_settings[2] = rng.randrange(2)
        self.broken = rng.random() < 0.5  # this guest sends nonsense
        self.next_id = 0
        self.asked: Counter[type] = Counter()
        self.counts: Counter[str] = Counter()

    def play(self) -> None:
        steps = (self.ask, self.ask, self.complete, self.complete, self.perform, self.replug, self.turn)
        try:
            self.joined.connect()
            for _ in range(self.rng.randrange(1, 120)):
                self.rng.choices(steps, (8, 8, 6, 6, 3, 0.2, 3))[0]()
                self.check()
            self.finish()
        except ProtocolError:
            self.counts["refused"] += 1
            if not self.broken:
                raise
        self.counts["cases"] += 1

    # --- the guest

    def ask(self) -> None:
        packet = self.packet()
        known = [id for id, _ in self.joined.guest.received[-5:]] + [self.next_id]
        if isinstance(packet, wire.CancelDataPacket):
            id = self.rng.choice([*known, *self.joined.host._requests])
        else:
            self.next_id += 1
            id = self.next_id
        data = wire.write(packet, id, self.joined.guest.stream.caps)
        if self.broken and self.rng.random() < 0.1:
            data = self.damage(data)
        elif self.joined.host.state is State.CONNECTED:
            self.asked[type(packet)] += 1
        self.joined.host.receive(data)
        self.counts["packets"] += 1
        self.joined._act()

    def packet(self) -> Any:
        rng = self.rng
        address = rng.choice(ADDRESSES)
        small = rng.choice((0, 1, 2, 8, 64, 512, 1000))
        data = bytes(small) if not address & 0x80 else b""
        makers = (
            lambda: wire.ControlPacket(
                rng.choice((0, 0x80, address)),
                rng.choice((0, 1, 5, 6, 9, 11, 255)),
                rng.choice((0, 1, 2, 0x80, 0x21)),
                0,
                rng.choice((0, 1, 0x100)),
                address,
                small,
                b"",
            ),
            lambda: wire.ControlPacket(0x80, 6, 0x80, 0, 0x100, 0, small, b""),
            lambda: wire.BulkPacket(0x82, 0, small, 0, b""),
            lambda: wire.BulkPacket(0x02, 0, small, 0, bytes(small)),
            lambda: wire.StartInterruptReceiving(0x81),
            lambda: wire.BulkPacket(address, 0, small, rng.choice((0, 0, 0, 1)), data),
            lambda: wire.InterruptPacket(address, 0, small, data),
            lambda: wire.IsoPacket(address, 0, small, data),
            lambda: wire.StartIsoStream(address, rng.choice((1, 2, 8, 33)), rng.choice((0, 1, 4, 17))),
            lambda: wire.StopIsoStream(address),
            lambda: wire.StartInterruptReceiving(address),
            lambda: wire.StopInterruptReceiving(address),
            lambda: wire.StartBulkReceiving(rng.choice((0, 0, 1)), rng.choice((512, 100)), address, rng.choice((1, 5))),
            lambda: wire.StopBulkReceiving(0, address),
            lambda: wire.SetConfiguration(rng.randrange(4)),
            wire.GetConfiguration,
            lambda: wire.SetAltSetting(rng.randrange(4), rng.randrange(2)),
            lambda: wire.GetAltSetting(rng.randrange(4)),
            lambda: wire.AllocBulkStreams(0x20002, 4),
            lambda: wire.FreeBulkStreams(0x20002),
            wire.CancelDataPacket,
            wire.Reset,
            lambda: wire.FilterFilter(bytes(rng.choices(b"0123456789,|-x \0", k=20))),
            wire.FilterReject,
            wire.DeviceDisconnectAck,
        )
        packet = rng.choice(makers)()
        if isinstance(packet, wire.ControlPacket) and not packet.endpoint & 0x80:
            packet.data = bytes(packet.length)
        return packet

    def damage(self, data: bytes) -> bytes:
        self.counts["damaged"] += 1
        changed = bytearray(data)
        match self.rng.randrange(4):
            case 0:
                changed[self.rng.randrange(len(changed))] ^= 1 << self.rng.randrange(8)
            case 1:
                del changed[self.rng.randrange(len(changed)) :]
            case 2:
                at = self.rng.randrange(len(changed))
                changed[at:at] = self.rng.randbytes(self.rng.randrange(1, 20))
            case _:
                changed = bytearray(self.rng.randbytes(len(changed)))
        return bytes(changed)

    # --- the device

    def complete(self) -> None:
        joined, rng = self.joined, self.rng
        if not joined.submitted:
            return
        transfer = joined.submitted.pop(rng.randrange(len(joined.submitted)) if rng.random() < 0.2 else 0)
        status = rng.choice((TransferStatus.SUCCESS, TransferStatus.SUCCESS, *STATUSES))
        most = transfer.length + (rng.random() < 0.05)
        data = bytes(rng.randrange(most + 1)) if transfer.is_in and status is TransferStatus.SUCCESS else b""
        packets = [IsoPacket(rng.choice(STATUSES), bytes(rng.randrange(size + 1))) for size in transfer.packets]
        joined.host.completed(transfer, status, data, rng.randrange(len(transfer.data) + 1), packets)
        self.counts["completed"] += 1
        joined._act()

    def perform(self) -> None:
        if self.joined.operations:
            status = TransferStatus.SUCCESS if self.rng.random() < 0.9 else TransferStatus.STALL
            self.joined.perform(status)
            self.counts["performed"] += 1
            self.joined._act()

    def replug(self) -> None:
        self.joined.host.disconnect()
        self.joined.operations.clear()
        self.joined.host.connect(self.joined.device)
        self.asked.clear()
        self.joined._act()

    def turn(self) -> None:
        self.joined._host_to_guest()  # whose parser refuses what is not as it should be

    # --- what must hold

    def check(self) -> None:
        host = self.joined.host
        assert host._pending <= usbredir.MAX_PENDING
        assert host._pending_bytes <= usbredir.MAX_PENDING_BYTES
        assert len(host._requests) <= host._pending
        assert host.queued_bytes < usbredir.MAX_QUEUED + (1 << 20)
        assert len(self.joined.operations) <= 1

    def finish(self) -> None:
        """Everything that is under way ends, and each request has had one answer."""
        joined = self.joined
        gone = joined.host.state is not State.CONNECTED
        for _ in range(10_000):
            while joined.operations:
                joined.perform()
                joined._act()
            requests = [t for t in joined.submitted if isinstance(joined.host._owners.get(t), usbredir._Request)]
            if not requests:
                break
            for transfer in requests:
                joined.submitted.remove(transfer)
                joined.host.completed(transfer, TransferStatus.SUCCESS)
            joined._act()
        else:
            pytest.fail("requests without end")
        while joined._host_to_guest():
            pass
        assert joined.host._pending == 0
        assert joined.host._pending_bytes == 0
        assert not joined.host._requests
        if gone or self.broken or joined.host.state is not State.CONNECTED or self.unplugged:
            return
        answers = Counter(type(packet) for _, packet in joined.guest.received)
        for kind in ANSWERED:
            interrupts = self.streamed() if kind is wire.InterruptPacket else 0
            assert answers[kind] == self.asked[kind] + interrupts, kind
        assert (
            answers[wire.ConfigurationStatus] == self.asked[wire.SetConfiguration] + self.asked[wire.GetConfiguration]
        )
        assert answers[wire.AltSettingStatus] == self.asked[wire.SetAltSetting] + self.asked[wire.GetAltSetting]
        self.counts["balanced"] += 1

    @property
    def unplugged(self) -> bool:
        return any(isinstance(packet, wire.DeviceDisconnect) for _, packet in self.joined.guest.received)

    def streamed(self) -> int:
        """Interrupt packets that nobody asked for one by one."""
        return sum(
            isinstance(packet, wire.InterruptPacket)
            and packet.endpoint == 0x81
            and packet.status != TransferStatus.INVAL
            for _, packet in self.joined.guest.received
        )


def test_nonsense_from_guests_and_devices() -> None:
    counts: Counter[str] = Counter()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or counts["cases"] < LEAST:
        seed = f"{SEED} {counts['cases']}"
        case = Case(seed)
        try:
            case.play()
        except BaseException as error:
            raise AssertionError(f"case {seed!r}: {type(error).__name__}: {error}") from error
        counts.update(case.counts)
    print(dict(counts))
    assert counts["balanced"] > counts["cases"] // 10, "most of it must mean something"
    assert counts["refused"] > counts["cases"] // 50
    assert counts["completed"] > counts["cases"]


def test_cases_are_the_same_again() -> None:
    def told() -> list[Any]:
        case = Case("again 5")
        case.play()
        return case.joined.guest.received

    assert told() == told()


def test_nonsense_as_filters() -> None:
    rng = random.Random(SEED)
    read = 0
    for _ in range(3000):
        text = "".join(rng.choices("0123456789,,,,||--xX \t+aé\0", k=rng.randrange(60)))
        try:
            rules = usbfilter.parse(text)
        except UsbError:
            continue
        read += 1
        assert usbfilter.parse(usbfilter.format(rules)) == rules
    assert read > 10


def test_every_request_is_made() -> None:
    made: Counter[type] = Counter()
    for number in range(40):
        case = Case(f"kinds {number}")
        case.joined.connect()
        made.update(type(case.packet()) for _ in range(50))
    from_guest = {wire.MESSAGES.from_server[number] for number in wire._FROM_GUEST} - {wire.Hello}
    assert set(made) == from_guest
    assert {endpoint.type for endpoint in ENDPOINTS} == {TransferType.ISO, TransferType.BULK, TransferType.INTERRUPT}
