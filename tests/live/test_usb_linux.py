"""A Linux guest uses emulated drives: 64 MiB both ways, time-outs, unplug and replug, eject and change of medium."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

import spicetui
from spicetui.channels.usb_manager import Usb
from spicetui.devices.medium import ImageFile
from spicetui.devices.usb_storage import Kind, MassStorage
from spicetui.errors import UsbError
from spicetui.interfaces import Transfer

from . import library
from .conftest import Row
from .process import ServerError
from .usb_guest import REFERENCE, SECONDS, SIZE, Guest, usb_guest

pytestmark = pytest.mark.timeout(300)

TABLE = "emulated USB drives in a Linux guest"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def guest(folder: Path) -> Iterator[Guest]:
    """One boot for all; QEMU's own USB disk is the reference."""
    with usb_guest(folder) as booted:
        yield booted


@pytest.fixture
async def client(guest: Guest) -> AsyncIterator[spicetui.Client]:
    async with await library.connect(guest.machine.address()) as connected:
        yield connected


@pytest.fixture
def usb(client: spicetui.Client) -> Usb:
    assert client.usb is not None
    return client.usb


async def until(holds: Callable[[], bool]) -> None:
    """Waits for something that a thread or a callback changes."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def reference(guest: Guest) -> tuple[float, float]:
    """What QEMU's own disk does in the same guest: reads, and writes (of what it holds already), MB/s."""

    async def measure() -> tuple[float, float]:
        disk = await guest.disk(REFERENCE)
        await guest.run(f"dd if=/dev/{disk} of=/data bs=1M 2>/dev/null")
        read = await guest.timed(f"dd if=/dev/{disk} of=/dev/null bs=1M iflag=direct")
        return read, await guest.timed(f"dd if=/data of=/dev/{disk} bs=1M oflag=direct conv=notrunc")

    return asyncio.run(measure())


@pytest.mark.parametrize(("usb3", "size"), [(True, SIZE), (False, SIZE // 4)])  # many more round trips without
async def test_a_disk_is_read_and_written(
    usb3: bool, size: int, guest: Guest, usb: Usb, private: Path, folder: Path, reference: tuple[float, float], row: Row
) -> None:
    image = private / "disk.img"
    content = random.Random(usb3).randbytes(size)
    image.write_bytes(content)
    device = MassStorage.disk(image, writable=True, usb3=usb3)
    await usb.attach(device)
    disk = await guest.disk(device.serial)
    assert await guest.run(f"cat /sys/block/{disk}/ro") == "0"
    assert await guest.sum(disk) == hashlib.md5(content).hexdigest()
    read = await guest.timed(f"dd if=/dev/{disk} of=/dev/null bs=1M iflag=direct", size)
    write = f"dd if=/data of=/dev/{disk} bs=1M count={size >> 20} oflag=direct conv=notrunc"
    written = await guest.timed(write, size)
    await usb.detach(device)
    expected = (folder / "reference.img").read_bytes()[:size]
    assert hashlib.md5(image.read_bytes()).digest() == hashlib.md5(expected).digest()
    assert device.bytes_read >= 2 * size
    assert device.bytes_written == size
    await guest.run(f"gone {disk}")
    for what, ours, theirs in zip(("read", "write"), (read, written), reference, strict=True):
        ratio = f"{ours / theirs:.2f}"
        kind = "USB 3" if usb3 else "USB 2"
        row(TABLE, device=f"{what}, {kind}", MB_a_second=f"{ours:.0f}", QEMU_usb_storage=f"{theirs:.0f}", ratio=ratio)


def test_images_that_qemu_uses_and_those_that_it_must_not(guest: Guest, folder: Path, private: Path) -> None:
    used = folder / "reference.img"
    with pytest.raises(UsbError, match="another program writes to it"):
        ImageFile(used).open()
    with pytest.raises(UsbError, match="in use by another program"):
        ImageFile(used, writable=True).open()
    image = private / "disk.img"
    image.write_bytes(bytes(4096))
    ours = ImageFile(image, writable=True)
    ours.open()
    qmp = guest.machine.qmp
    for read_only in (False, True):
        qmp("blockdev-add", driver="file", node_name="theirs", read_only=read_only, filename=str(image))
        with pytest.raises(ServerError, match="lock"):
            qmp("device_add", driver="usb-storage", id="theirs", drive="theirs", bus="usb.0")
        qmp("blockdev-del", node_name="theirs")
    ours.close()


class Stalling(ImageFile):
    """As on a file server that stops to answer."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers = threading.Event()
        self.answers.set()

    def read(self, offset: int, length: int) -> bytes:
        self.answers.wait(SECONDS)
        return super().read(offset, length)

    def read_cached(self, offset: int, length: int) -> bytes | None:
        return super().read_cached(offset, length) if self.answers.is_set() else None


class Watched(MassStorage):
    """Counts what a guest in trouble does."""

    cancelled = 0
    resets = 0

    def cancel(self, transfer: Transfer) -> None:
        self.cancelled += 1
        super().cancel(transfer)

    async def reset(self) -> None:
        self.resets += 1
        await super().reset()


async def test_the_guest_recovers_from_a_time_out(guest: Guest, usb: Usb, private: Path) -> None:
    image = private / "slow.img"
    image.write_bytes(os.urandom(1 << 20))
    medium = Stalling(image)
    device = Watched(Kind.DISK, medium)
    await usb.attach(device)
    disk = await guest.disk(device.serial)
    await guest.run(f"echo 2 >/sys/block/{disk}/device/timeout")
    assert await guest.run(f"cat /sys/block/{disk}/ro") == "1"
    resets = device.resets
    medium.answers.clear()
    reading = asyncio.ensure_future(guest.sum(disk))
    await until(lambda: device.cancelled > 0 and device.resets > resets)
    medium.answers.set()
    assert await reading == hashlib.md5(image.read_bytes()).hexdigest()
    await usb.detach(device)
    await guest.run(f"gone {disk}")


async def test_an_unplug_while_it_reads_and_a_replug(guest: Guest, usb: Usb, private: Path) -> None:
    image = private / "disk.img"
    image.write_bytes(os.urandom(4 << 20))
    medium = Stalling(image)
    device = MassStorage(Kind.DISK, medium)
    await usb.attach(device)
    disk = await guest.disk(device.serial)
    medium.answers.clear()
    reading = asyncio.ensure_future(guest.run(f"dd if=/dev/{disk} of=/dev/null bs=1M iflag=direct 2>&1 || echo failed"))
    await until(lambda: device.machine.busy)
    detaching = asyncio.ensure_future(usb.detach(device))
    medium.answers.set()
    await detaching
    assert (await reading).endswith("failed")
    await guest.run(f"gone {disk}")
    for _ in range(2):
        await usb.attach(device)
        disk = await guest.disk(device.serial)
        assert await guest.sum(disk) == hashlib.md5(image.read_bytes()).hexdigest()
        await usb.detach(device)
        await guest.run(f"gone {disk}")


async def test_a_disk_of_three_tebibytes(guest: Guest, usb: Usb, private: Path) -> None:
    image, size = private / "huge.img", 3 << 40
    image.touch()
    os.truncate(image, size)
    device = MassStorage.disk(image, writable=True, usb3=True)
    await usb.attach(device)
    disk = await guest.disk(device.serial)
    assert await guest.run(f"cat /sys/block/{disk}/size") == str(size // 512)
    last = (size >> 20) - 1
    await guest.run(f"dd if=/data of=/dev/{disk} bs=1M count=1 seek={last} oflag=direct conv=notrunc 2>/dev/null")
    told = await guest.run(f"dd if=/dev/{disk} bs=1M skip={last} iflag=direct 2>/dev/null | md5sum")
    assert told == await guest.run("head -c 1048576 /data | md5sum")
    with image.open("rb") as file:
        file.seek(last << 20)
        assert hashlib.md5(file.read()).hexdigest() == told.split()[0]
    # What the guest ejects is unplugged in all but name: written, closed and unlocked.
    assert await guest.run(f"/usb_media take /dev/{disk} 2>&1 && echo good") == "good"
    await until(lambda: device.ejected_by_guest)
    assert device.medium is None
    again = ImageFile(image, writable=True)
    again.open()
    again.close()
    await usb.detach(device)


async def test_discs_are_ejected_and_changed(guest: Guest, usb: Usb, private: Path) -> None:
    discs = []
    for number in range(3):
        path = private / f"{number}.iso"
        path.write_bytes(os.urandom((3 + number) * 100 * 2048))
        discs.append(path)

    async def holds(path: Path) -> bool:
        """Whether the guest reads what is on a disc."""
        size = path.stat().st_size
        told = await guest.run(f"blockdev --getsize64 /dev/{disk}; md5sum </dev/{disk}")
        return told.split()[:2] == [str(size), hashlib.md5(path.read_bytes()).hexdigest()]

    device, other = MassStorage.cd(discs[0]), MassStorage.cd(discs[1])
    await usb.attach(device)
    await usb.attach(other)
    disk = await guest.disk(device.serial)
    assert disk.startswith("sr")
    assert await guest.disk(other.serial) != disk
    assert await holds(discs[0])
    # The client changes the disc.
    await device.insert(discs[1])
    assert await holds(discs[1])
    await device.eject()
    assert await guest.run(f"dd if=/dev/{disk} count=1 2>/dev/null || echo empty") == "empty"
    await device.insert(discs[2])
    assert await holds(discs[2])
    # The guest keeps it, ejects it, and takes it back.
    await guest.run(f"exec 7</dev/{disk}")
    await until(lambda: device.locked_by_guest)
    with pytest.raises(UsbError, match="eject it in the guest"):
        await device.eject()
    await guest.run("exec 7<&-")
    await until(lambda: not device.locked_by_guest)
    assert await guest.run(f"/usb_media eject /dev/{disk} && echo good") == "good"
    await until(lambda: device.ejected_by_guest)
    assert await guest.run(f"dd if=/dev/{disk} count=1 2>/dev/null || echo empty") == "empty"
    assert await guest.run(f"/usb_media close /dev/{disk} && echo good") == "good"
    assert await holds(discs[2])
    await usb.detach_all()
    await guest.run(f"gone {disk}")
