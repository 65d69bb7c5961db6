"""From the guest's usbredir packets down to a device's cable: the machine, real devices, both engines, models."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from peer.usbredir_guest import Guest

from spicetui.devices.usb_device import RealDevice
from spicetui.errors import UsbError
from spicetui.interfaces import IsoPacket, Transfer, TransferStatus
from spicetui.protocol.usbredir import UsbredirHost
from spicetui.protocol.usbredir_actions import Cancel, Event, Operation, OperationKind, Submit
from spicetui.wire import usbredir as wire

from .usb_host import ENGINES, SECONDS, device_of
from .usb_models import Keyboard, Model, Serial, Sound, Storage

T = TypeVar("T")
both = pytest.mark.parametrize("engine", ENGINES)


class Stack:
    """The machine with a real device below it and a guest above; what the channel does, without a channel."""

    def __init__(self, device: RealDevice) -> None:
        self.device = device
        self.host = UsbredirHost("a host")
        self.guest = Guest()
        self.reasons: list[str] = []
        self._operating: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    # --- as UsbHost

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        self.host.completed(transfer, status, data, length, packets)
        self.turn()

    def gone(self, reason: str) -> None:
        self.reasons.append(reason)
        self.host.disconnect()
        self.turn()

    # --- the machine

    def turn(self) -> None:
        """Everything goes as far as it can."""
        while self._exchange():
            pass
        self._changed.set()

    def _exchange(self) -> bool:
        self.host.receive(ours := self.guest.stream.data_to_send())
        acted = False
        while self._operating is None and (action := self.host.next_action()) is not None:
            acted = True
            match action:
                case Submit():
                    self.device.submit(action.transfer)
                case Cancel():
                    self.device.cancel(action.transfer)
                case Operation():
                    self._operating = asyncio.ensure_future(self._operate(action))
                case Event():
                    pass
        self.guest.feed(theirs := self.host.data_to_send())
        return bool(ours or theirs or acted)

    async def _operate(self, operation: Operation) -> None:
        status = TransferStatus.SUCCESS
        try:
            match operation.kind:
                case OperationKind.RESET:
                    await self.device.reset()
                case OperationKind.CLEAR_HALT:
                    await self.device.clear_halt(operation.number)
                case OperationKind.SET_CONFIGURATION:
                    await self.device.set_configuration(operation.number)
                case OperationKind.SET_ALT_SETTING:
                    await self.device.set_alt_setting(operation.number, operation.alt)
        except UsbError as error:
            status = TransferStatus(error.status if error.status is not None else TransferStatus.IOERROR)
        self._operating = None
        self.host.performed(operation, status)
        self.turn()

    # --- the guest

    def ask(self, packet: Any, id: int = 0) -> None:
        self.guest.stream.send(packet, id)
        self.turn()

    async def take(self, kind: type[T], id: int | None = None) -> T:
        """The next packet, which must be of that kind."""
        async with asyncio.timeout(SECONDS):
            while not self.guest.received:
                self._changed.clear()
                await self._changed.wait()
        return self.guest.take(kind, id)

    async def until(self, held: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not held():
                self._changed.clear()
                await self._changed.wait()

    async def described(self) -> wire.EpInfo:
        await self.take(wire.InterfaceInfo)
        return await self.take(wire.EpInfo)

    async def control(self, id: int, kind: int, request: int, value: int = 0, index: int = 0, length: int = 0) -> Any:
        self.ask(wire.ControlPacket(kind & 0x80, request, kind, 0, value, index, length, b""), id)
        return await self.take(wire.ControlPacket, id)

    async def bulk_out(self, id: int, endpoint: int, data: bytes) -> wire.BulkPacket:
        self.ask(wire.BulkPacket(endpoint, 0, len(data), 0, data), id)
        return await self.take(wire.BulkPacket, id)

    async def bulk_in(self, id: int, endpoint: int, length: int) -> wire.BulkPacket:
        self.ask(wire.BulkPacket(endpoint, 0, length, 0, b""), id)
        return await self.take(wire.BulkPacket, id)


@asynccontextmanager
async def attached(model: Model, engine: str) -> AsyncIterator[Stack]:
    stack = Stack(device_of(model, engine))
    await stack.device.open(stack)
    stack.host.connect(stack.device)
    stack.turn()
    await stack.take(wire.Hello)
    await stack.described()
    connect = await stack.take(wire.DeviceConnect)
    assert (connect.vendor_id, connect.product_id) == (model.vendor, model.product)
    try:
        yield stack
    finally:
        stack.host.disconnect()
        await stack.device.close()
        assert model.opened == 0


@both
async def test_a_guest_reads_and_writes_a_stick_and_resets_it(engine: str) -> None:
    model = Storage(bytearray(os.urandom(64 << 10)))
    async with attached(model, engine) as stack:
        stack.ask(wire.SetConfiguration(1), 1)
        assert (await stack.take(wire.ConfigurationStatus, 1)).configuration == 1
        assert bytes((await stack.control(2, 0x80, 6, 0x0100, length=18)).data) == model.device_descriptor
        cdb = struct.pack(">BBIBHB", 0x28, 0, 0, 0, 128, 0)
        command = struct.pack("<4sIIBBB16s", b"USBC", 5, 65536, 0x80, 0, 10, cdb)
        assert (await stack.bulk_out(952096, 0x02, command)).length == 31
        data = await stack.bulk_in(952096, 0x81, 65536)  # QEMU uses an id again once it was answered
        assert bytes(data.data) == model.medium
        assert bytes((await stack.bulk_in(7, 0x81, 13)).data)[12:] == b"\0"
        stack.ask(wire.Reset())
        await stack.until(lambda: model.resets == 1)
        bad = await stack.bulk_out(8, 0x02, b"XXXX".ljust(31, b"\0"))
        assert bad.status == TransferStatus.STALL
        cleared = await stack.control(9, 0x02, 1, 0, 0x02)
        assert cleared.status == TransferStatus.SUCCESS
        assert model.halted == {0x81}
        assert not any(entry[:3] == ("control", 0x02, 1) for entry in model.log)  # the host's own call does it


@both
async def test_a_guest_hears_a_keyboard_until_it_is_unplugged(engine: str) -> None:
    model = Keyboard()
    async with attached(model, engine) as stack:
        stack.ask(wire.StartInterruptReceiving(0x81), 3)
        assert (await stack.take(wire.InterruptReceivingStatus, 3)).status == 0
        for number in range(20):
            model.press(4 + number)
            report = await stack.take(wire.InterruptPacket, number)
            assert (report.status, bytes(report.data)[2]) == (0, 4 + number)
        stack.ask(wire.StopInterruptReceiving(0x81), 4)
        assert (await stack.take(wire.InterruptReceivingStatus, 4)).status == 0
        model.unplug()
        stack.ask(wire.ControlPacket(0x80, 6, 0x80, 0, 0x0100, 0, 18, b""), 5)
        await stack.take(wire.DeviceDisconnect)
        assert stack.reasons == ["it was unplugged"]


@both
async def test_a_guest_cancels_what_waits(engine: str) -> None:
    model = Serial()
    async with attached(model, engine) as stack:
        stack.ask(wire.BulkPacket(0x81, 0, 512, 0, b""), 11)
        stack.ask(wire.CancelDataPacket(), 11)
        packet = await stack.take(wire.BulkPacket, 11)
        assert (packet.status, packet.length) == (TransferStatus.CANCELLED, 0)
        assert (await stack.bulk_out(12, 0x02, b"hello")).length == 5
        assert bytes((await stack.bulk_in(13, 0x81, 64)).data) == b"\x01\x60hello"


@both
async def test_a_guest_receives_from_a_serial_line_as_it_comes(engine: str) -> None:
    model = Serial()
    async with attached(model, engine) as stack:
        stack.ask(wire.StartBulkReceiving(0, 512, 0x81, 5), 21)
        assert (await stack.take(wire.BulkReceivingStatus, 21)).status == 0
        text = os.urandom(1000)
        for at in range(0, len(text), 250):
            stack.ask(wire.BulkPacket(0x02, 0, 250, 0, text[at : at + 250]), 100 + at)
        heard, sent = b"", 0
        while len(heard) < len(text) or sent < 4:
            await stack.until(lambda: bool(stack.guest.received))
            _, packet = stack.guest.received.pop(0)
            if isinstance(packet, wire.BufferedBulkPacket):
                assert bytes(packet.data)[:2] == b"\x01\x60"
                heard += bytes(packet.data)[2:]
            else:
                assert isinstance(packet, wire.BulkPacket)
                sent += 1
        assert heard == text


async def test_a_guest_plays_and_records() -> None:
    model = Sound()
    async with attached(model, "usb1") as stack:
        for interface in (1, 2):
            stack.ask(wire.SetAltSetting(interface, 1), interface)
            await stack.described()
            assert (await stack.take(wire.AltSettingStatus, interface)).alt == 1
        stack.ask(wire.StartIsoStream(0x01, 8, 4), 5)
        assert (await stack.take(wire.IsoStreamStatus, 5)).status == 0
        parts = [bytes([number]) * 176 for number in range(64)]
        for number, part in enumerate(parts):
            stack.ask(wire.IsoPacket(0x01, 0, len(part), part), number)
        await stack.until(lambda: len(model.heard) >= 32)
        assert model.heard == parts[: len(model.heard)]
        stack.ask(wire.StopIsoStream(0x01), 6)
        await stack.until(lambda: any(isinstance(packet, wire.IsoStreamStatus) for _, packet in stack.guest.received))
        stack.guest.received.clear()
        stack.ask(wire.StartIsoStream(0x82, 8, 4), 7)
        lengths = []
        await stack.take(wire.IsoStreamStatus, 7)
        for number in range(100):
            packet = await stack.take(wire.IsoPacket, number)
            lengths.append(len(packet.data))
        assert lengths == [180 if number % 10 else 176 for number in range(100)]
        stack.ask(wire.StopIsoStream(0x82), 8)


async def test_iso_is_refused_where_it_cannot_be() -> None:
    async with attached(Sound(), "pyusb") as stack:
        stack.ask(wire.SetAltSetting(1, 1), 1)
        await stack.described()
        await stack.take(wire.AltSettingStatus, 1)
        stack.ask(wire.StartIsoStream(0x01, 8, 4), 5)
        assert (await stack.take(wire.IsoStreamStatus, 5)).status == TransferStatus.STALL
