"""SeaBIOS boots from emulated disks and CDs over a SPICE connection, on every kind of controller."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Self

import pytest

from spicetui.channels.vmc import SpicevmcChannel
from spicetui.devices.usb_storage import MassStorage
from spicetui.wire import vmc

from . import library, usb_images
from .cli import Cli, target
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
        slots = zip(client.usb.slots, devices, strict=False)
        attaching = [asyncio.ensure_future(slot.attach(device, 60)) for slot, device in slots]
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


async def test_a_usb_3_disk_boots(private: Path) -> None:
    path = usb_images.boot_disk(private, "the USB 3 disk")
    with Qemu(private, extra=slots("xhci")) as machine:
        told = await attach_and_boot(machine, MassStorage.disk(path, writable=True, usb3=True))
    assert told == ("the USB 3 disk", "DONE")


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


class Attaching:
    """``usb attach`` as a process, and its events."""

    def __init__(self, cli: Cli, machine: Qemu, *words: str) -> None:
        command = [sys.executable, "-m", "spicetui", "usb", "attach", target(machine.address()), *words, "--json"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=cli.directory, env=cli.environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def event(self, name: str) -> dict[str, Any]:
        """The next one of that name."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == name:
                return told
        raise AssertionError(f"no {name}: {self.process.communicate()[1]}")

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def test_the_command_attaches_until_it_is_interrupted(private: Path, cli: Cli) -> None:
    disk, cd = usb_images.boot_disk(private, "by the command"), private / "data.iso"
    cd.write_bytes(bytes(100 * 2048))  # nothing to boot: the slots are taken in the order that they come up in
    with Qemu(private, extra=slots("xhci", 2)) as machine:
        words = ("--disk", str(disk), "--writable", "--cd", str(cd), "--control", "--usb3", "--timeout", "60")
        with Attaching(cli, machine, *words) as attaching:
            first, second = attaching.event("attached"), attaching.event("attached")
            assert (first["number"], first["kind"], first["image"]) == (0, "disk", str(disk))
            assert (second["number"], second["kind"], second["image"]) == (1, "cd", str(cd))
            assert {first["slot"], second["slot"]} == {0, 1}
            other = cli.run("usb", "attach", target(machine.address()), "--disk", str(disk))
            assert other.status == 1
            assert other.error_lines == [f"spicetui: {disk}: another program writes to it; end that, or attach a copy"]
            machine.qmp("system_reset")
            assert read_boot(machine) == ("by the command", "DONE")
            attaching.say("eject 1")
            assert attaching.event("removed")["number"] == 1
            attaching.say(f"insert 1 {cd}")
            assert attaching.event("inserted")["image"] == str(cd)
            attaching.process.send_signal(signal.SIGINT)
            ended = {attaching.event("detached")["number"] for _ in range(2)}
            assert ended == {0, 1}
            assert attaching.process.wait(60) == 130
            assert attaching.process.stderr is not None
            assert attaching.process.stderr.read() == ""
        again = cli.run("usb", "attach", target(machine.address()), "--cd", str(cd), "--seconds", "2")
        assert (again.status, again.stderr) == (0, "")
        assert again.stdout.splitlines()[0] in [f"attached: cd {cd}, slot {slot}" for slot in (0, 1)]
    image = disk.read_bytes()
    assert image[64 * 512 : 72 * 512] == image[512 : 9 * 512]
