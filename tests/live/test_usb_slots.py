"""QEMU's USB slots with small scripted devices: a keyboard that types, filters, one device after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from peer.usbredir_guest import ScriptedDevice

import spicetui
from spicetui import DeviceInfo, EndpointInfo, InterfaceInfo, Transfer, TransferStatus, UsbError, UsbState
from spicetui.cli.info import collect, describe
from spicetui.protocol.usbredir_actions import State
from spicetui.wire.usb import Speed, TransferType

from . import library
from .qemu import BOOT_MENU, Qemu

SECONDS = 60.0
FILTER = "0x03:-1:-1:-1:1|-1:-1:-1:-1:0"  # as QEMU takes it: keyboards and the like, nothing else
ESCAPE = bytes((0, 0, 0x29, 0, 0, 0, 0, 0))
NO_KEY = bytes(8)
MENU_OPEN = b"Select boot device:"

DEVICE = bytes.fromhex("12 01 1001 00 00 00 08 3412 7856 0001 00 00 00 01")
CONFIGURATION = bytes.fromhex(
    "09 02 2200 01 01 00 a0 32"  # one configuration of one interface
    "09 04 00 00 01 03 01 01 00"  # HID, boot, keyboard
    "09 21 1101 00 01 22 3f00"
    "07 05 81 03 0800 0a"  # interrupt in
)


class Keyboard(ScriptedDevice):
    """As much of a boot keyboard as firmware asks for."""

    def __init__(self, interface_class: int = 3) -> None:
        super().__init__(DeviceInfo(0x1234, 0x5678, 0x0100, speed=Speed.FULL, product="keyboard"))
        self.interface_class = interface_class
        self.answer = self._answer

    def interfaces(self) -> Sequence[InterfaceInfo]:
        return (InterfaceInfo(0, self.interface_class, 1, 1),)

    def endpoints(self) -> Sequence[EndpointInfo]:
        return (EndpointInfo(0x81, TransferType.INTERRUPT, 0, 8, 10),)

    def _answer(self, transfer: Transfer) -> tuple[TransferStatus, bytes, int] | None:
        if transfer.setup is None:
            return None  # until a key is pressed
        kinds = {1: DEVICE, 2: CONFIGURATION}
        if (transfer.setup.request_type, transfer.setup.request) == (0x80, 6):
            if (found := kinds.get(transfer.setup.value >> 8)) is None:
                return TransferStatus.STALL, b"", 0
            return TransferStatus.SUCCESS, found[: transfer.length], 0
        return TransferStatus.SUCCESS, b"", len(transfer.data)

    async def until(self, held: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not held():
                self.changed.clear()
                await self.changed.wait()

    async def press(self, report: bytes) -> None:
        waiting: list[Transfer] = []

        def waits() -> bool:
            waiting[:] = [transfer for transfer in self.submitted if transfer.type is TransferType.INTERRUPT]
            return bool(waiting)

        await self.until(waits)
        self.complete(waiting[0], TransferStatus.SUCCESS, report)


def slot(filter: str = "") -> list[str]:
    device = "usb-redir,id=redirected,chardev=slot,bus=usb.0" + (f",filter={filter}" if filter else "")
    return ["-device", "qemu-xhci,id=usb", "-chardev", "spicevmc,id=slot,name=usbredir", "-device", device]


async def reset_and_use(machine: Qemu, attachment: spicetui.Attachment) -> None:
    """The firmware looks for devices at its start only."""
    await asyncio.to_thread(machine.qmp, "system_reset")
    async with asyncio.timeout(SECONDS):
        await attachment.wait_in_use()


async def free(client: spicetui.Client) -> None:
    """Until the guest has acknowledged that its device is gone."""
    assert client.usb is not None
    async with asyncio.timeout(SECONDS):
        while client.usb.slots[0].host.state is not State.FREE:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("unix", [False, True], ids=("tcp", "unix"))
async def test_a_keyboard_types(private: Path, unix: bool) -> None:
    with Qemu(private, unix=unix, boot_menu=True, extra=slot()) as machine:
        async with await library.connect(machine.address()) as client:
            assert client.usb is not None
            keyboard = Keyboard()
            attachment = await client.usb.attach(keyboard, SECONDS)
            assert attachment.channel.host.peer_version.startswith("qemu usb-redir guest")
            facts = collect(client)
            assert facts["usb_slots"][0]["answers"]
            assert "ids_64bits" in facts["usb_slots"][0]["capabilities"]
            assert "USB slot    0  qemu usb-redir guest" in describe(facts)
            [channel] = [channel for channel in facts["channels"] if channel["type"] == "usbredir"]
            assert channel["used"] == ["data_compress_lz4"]
            await asyncio.to_thread(machine.wait_firmware, BOOT_MENU)  # of the start without a keyboard
            await reset_and_use(machine, attachment)
            await asyncio.to_thread(machine.wait_firmware, BOOT_MENU)
            await keyboard.press(ESCAPE)
            await keyboard.press(NO_KEY)
            await asyncio.to_thread(machine.wait_firmware, MENU_OPEN)
            await attachment.detach()
            assert keyboard.closed == 1
            await free(client)


async def test_the_servers_filter(private: Path) -> None:
    with Qemu(private, extra=slot(FILTER)) as machine:
        async with await library.connect(machine.address()) as client:
            assert client.usb is not None
            refused = Keyboard(interface_class=8)
            places = client.usb.slots[0]
            async with asyncio.timeout(SECONDS):
                while places.guest_filter is None:
                    await asyncio.sleep(0.01)
            assert places.guest_filter.split("|")[0].split(",")[1:] == ["-1", "-1", "-1", "1"]
            with pytest.raises(UsbError, match="the server's USB filter does not allow this device: the rule"):
                await client.usb.attach(refused)
            assert refused.opened == 0

            places._rules.clear()  # as if it had come too late: QEMU refuses by itself
            attachment: spicetui.Attachment | None = None
            try:
                attachment = await client.usb.attach(refused)
                async with asyncio.timeout(SECONDS):  # a busy machine may take its time
                    await attachment.closed.wait()
                reason, state = attachment.reason, attachment.state
            except UsbError as error:
                assert places.last is not None
                reason, state = str(error), places.last.state
            assert state is UsbState.REFUSED
            assert reason.startswith("the guest refuses the device")
            await free(client)

            allowed = await client.usb.attach(Keyboard())
            await reset_and_use(machine, allowed)


async def test_one_device_after_the_other(private: Path) -> None:
    with Qemu(private, extra=slot()) as machine:
        async with await library.connect(machine.address()) as client:
            assert client.usb is not None
            for _ in range(3):
                keyboard = Keyboard()
                attachment = await client.usb.attach(keyboard, SECONDS)
                await reset_and_use(machine, attachment)
                await keyboard.until(lambda keyboard=keyboard: any(t.setup is None for t in keyboard.submitted))  # type: ignore[misc]
                assert keyboard.host is not None
                keyboard.host.gone("unplugged")
                async with asyncio.timeout(SECONDS):
                    await attachment.closed.wait()
                assert (attachment.state, attachment.reason) == (UsbState.LOST, "unplugged")
                # The next one need not wait: its slot does.
            await free(client)


async def test_a_reset_while_a_device_is_used(private: Path) -> None:
    with Qemu(private, extra=slot()) as machine:
        async with await library.connect(machine.address()) as client:
            assert client.usb is not None
            keyboard = Keyboard()
            attachment = await client.usb.attach(keyboard, SECONDS)
            for count in range(1, 4):
                await reset_and_use(machine, attachment)
                await keyboard.until(lambda count=count: keyboard.operations.count(("reset",)) >= count)  # type: ignore[misc]
                await keyboard.until(lambda: any(t.setup is None for t in keyboard.submitted))
            assert attachment.state is UsbState.IN_USE
