"""A Linux guest with QEMU's own USB disk and slots for redirected ones, and a shell that knows drives by serial."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import linux_guest, needs
from .qemu import Qemu

MODULES = ("xhci_pci", "usb_storage", "sd_mod", "sr_mod")
BOOT_SECONDS = 120.0
SECONDS = 120.0
SIZE = 64 << 20
REFERENCE = "REFERENCE"

FUNCTIONS = """\
disk() { while :; do for b in /sys/block/s*; do [ "$(cat $b/device/../../../../serial 2>/dev/null)" = $1 ] \
&& [ "$(cat $b/size)" != 0 ] && echo ${b##*/} && return; done; sleep 0.1; done; }; \
gone() { while [ -e /sys/block/$1 ]; do sleep 0.1; done; }; \
sum() { dd if=/dev/$1 bs=1M iflag=direct 2>/dev/null | md5sum; }"""


class Guest:
    """The machine and its shell."""

    def __init__(self, machine: Qemu) -> None:
        self.machine = machine
        self.shell = linux_guest.Shell(machine.com1, BOOT_SECONDS)

    async def run(self, command: str) -> str:
        return (await asyncio.to_thread(self.shell.run, command, SECONDS)).decode("ascii", "replace").strip()

    async def disk(self, serial: str) -> str:
        """The name that the kernel gives a device, once its capacity is known."""
        return await self.run(f"disk {serial}")

    async def sum(self, disk: str) -> str:
        return (await self.run(f"sum {disk}")).split()[0]

    async def timed(self, command: str, size: int = SIZE) -> float:
        """Megabytes a second of one that moves so many bytes."""
        start = time.perf_counter()
        done = await self.run(f"{command} 2>/dev/null && echo good")
        assert done == "good", await self.run("dmesg | tail")
        return size / (time.perf_counter() - start) / 1e6


def media_program(folder: Path) -> bytes:
    """The guest's eject(1)."""
    compiler = shutil.which("gcc")
    if compiler is None:
        needs.missing("gcc", "gcc")
    program = folder / "usb_media"
    source = Path(__file__).with_name("usb_media.c")
    words = [str(compiler), "-static", "-O1", "-Wall", "-Werror", "-o", str(program), str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program.read_bytes()


@contextmanager
def usb_guest(folder: Path, slots: int = 3) -> Iterator[Guest]:
    """A boot. QEMU's own disk holds SIZE random bytes, those of *folder*/reference.img."""
    modules = linux_guest.modules(*MODULES)
    reference = folder / "reference.img"
    reference.write_bytes(random.Random(64).randbytes(SIZE))
    redirected = [
        word
        for number in range(slots)
        for word in (
            "-chardev", f"spicevmc,id=slot{number},name=usbredir",
            "-device", f"usb-redir,chardev=slot{number},bus=usb.0",
        )
    ]  # fmt: skip
    extra = [
        *linux_guest.arguments(folder, "quiet loglevel=0", {**modules, "usb_media": media_program(folder)}),
        *("-m", "384", "-device", "qemu-xhci,id=usb,p2=6,p3=6"),
        *("-drive", f"if=none,id=reference,file={reference},format=raw"),
        *("-device", f"usb-storage,drive=reference,bus=usb.0,serial={REFERENCE}"),
        *redirected,
    ]
    with Qemu(folder, unix=True, extra=extra) as machine:
        guest = Guest(machine)
        guest.shell.run("mkdir /sys; mount -t sysfs sys /sys")
        for name in modules:
            guest.shell.run(f"insmod /{name}", SECONDS)
        guest.shell.run(FUNCTIONS)
        yield guest
