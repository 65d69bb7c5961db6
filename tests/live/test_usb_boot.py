"""SeaBIOS boots from emulated disks and CDs over a SPICE connection, on every kind of controller."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spicetui.channels.vmc import SpicevmcChannel
from spicetui.devices.usb_storage import MassStorage
from spicetui.wire import vmc

from . import library, usb_images
from .qemu import Qemu

CONTROLLERS = {"xhci": "qemu-xhci", "ehci": "usb-ehci", "uhci": "piix3-usb-uhci"}


def slots(controller: str, count: int = 1) -> list[str]:
    """QEMU's words for a controller with places for redirected devices; the machine starts from the first of them."""
    words = ["-device", f"{CONTROLLERS[controller]},id=usb"]
    for number in range(count):
        words += ["-chardev", f"spicevmc,id=slot{number},name=usbredir"]
        words += ["-device", f"usb-redir,id=usb{number},chardev=slot{number},bus=usb.0,bootindex={number + 1}"]
    return words


class Compressed:
    """Counts the messages of the spicevmc channels in this process, by direction and kind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: Counter[str] = Counter()
        self.received = 0
        send, on_compressed = SpicevmcChannel.send, SpicevmcChannel.on_compressed_data

        def sending(channel: SpicevmcChannel, message: Any) -> None:
            self.sent[type(message).__name__] += 1
            send(channel, message)

        def receiving(channel: SpicevmcChannel, message: vmc.CompressedData) -> Any:
            self.received += 1
            return on_compressed(channel, message)

        monkeypatch.setattr(SpicevmcChannel, "send", sending)
        monkeypatch.setattr(SpicevmcChannel, "on_compressed_data", receiving)


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> Compressed:
    return Compressed(monkeypatch)


def read_boot(machine: Qemu) -> tuple[str, str]:
    """What the boot code printed: the line of its drive, and how it ended; what a reset cut short does not count."""
    run = re.compile(rb"BOOTED\n([^\n]*)\n(DONE|FAILED)\n")

    def whole(held: bytearray) -> int:
        found = run.search(held)
        return found.end() if found else 0

    found = run.search(machine.com1.wait_for(whole, "a boot"))
    assert found is not None
    return found[1].decode(), found[2].decode()


async def attach_and_boot(machine: Qemu, *devices: MassStorage, paused: bool = False) -> tuple[str, str]:
    """The firmware looks for devices once, so it is made to look again when they are there."""
    async with await library.connect(machine.address()) as client:
        assert client.usb is not None
        attaching = [asyncio.ensure_future(client.usb.attach(device, 60)) for device in devices]
        if paused:
            # Nothing of the guest answers: a machine that stands still reads no channel either.
            await asyncio.wait(attaching, timeout=0.2)
            assert not any(task.done() for task in attaching)
            await asyncio.to_thread(machine.qmp, "cont")
        await asyncio.gather(*attaching)
        await asyncio.to_thread(machine.qmp, "system_reset")
        told = await asyncio.to_thread(read_boot, machine)
        await client.usb.detach_all()
        return told


@pytest.mark.parametrize(("controller", "unix"), [("xhci", False), ("ehci", False), ("uhci", False), ("xhci", True)])
async def test_a_disk_boots(controller: str, unix: bool, private: Path, compressed: Compressed) -> None:
    path = usb_images.boot_disk(private, f"the disk on {controller}")
    with Qemu(private, unix=unix, extra=slots(controller)) as machine:
        told = await attach_and_boot(machine, MassStorage.disk(path, writable=True))
    assert told == (f"the disk on {controller}", "DONE")
    image = path.read_bytes()
    assert image[64 * 512 : 72 * 512] == image[512 : 9 * 512]
    if unix:
        assert not compressed.received
        assert not compressed.sent["CompressedData"]
    elif controller == "xhci":  # the others move pieces too small to compress
        assert compressed.received
        assert compressed.sent["CompressedData"]


@pytest.mark.parametrize(("controller", "unix"), [("xhci", False), ("ehci", True)])
async def test_a_cd_boots(controller: str, unix: bool, private: Path, compressed: Compressed) -> None:
    path = usb_images.boot_cd(private, f"the CD on {controller}")
    with Qemu(private, unix=unix, extra=slots(controller)) as machine:
        told = await attach_and_boot(machine, MassStorage.cd(path))
    assert told == (f"the CD on {controller}", "DONE")
    assert bool(compressed.sent["CompressedData"]) is not unix


async def test_a_machine_that_is_paused_first(private: Path) -> None:
    path = usb_images.boot_disk(private, "after a pause")
    with Qemu(private, extra=["-S", *slots("xhci")]) as machine:
        told = await attach_and_boot(machine, MassStorage.disk(path, writable=True), paused=True)
    assert told == ("after a pause", "DONE")


async def test_a_write_protected_disk_and_a_cd_at_once(private: Path) -> None:
    disk, cd = usb_images.boot_disk(private, "the disk"), usb_images.boot_cd(private, "the CD")
    before = disk.read_bytes()
    with Qemu(private, extra=slots("xhci", 2)) as machine:
        told = await attach_and_boot(machine, MassStorage.disk(disk), MassStorage.cd(cd))
    assert told == ("the disk", "FAILED")
    assert disk.read_bytes() == before
