"""Runs in the client's machine, on its kernel's usbfs: prints one JSON object for each thing that it has tried."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from spicetui.devices import usb_device, usb_real
from spicetui.devices.usb_device import EngineMaker, RealDevice
from spicetui.devices.usb_hotplug import Hotplug
from spicetui.devices.usb_real import Listed
from spicetui.devices.usb_system import System
from spicetui.errors import UsbError
from spicetui.interfaces import IsoPacket, Transfer, TransferStatus
from spicetui.wire.usb import Setup, TransferType

STORAGE, SOUND = "46f4:0001", "0d8c:0014"
SECONDS = 120.0
NOBODY = 65534


def tell(what: str, **words: object) -> None:
    print(json.dumps({"what": what, **words}), flush=True)


class Host:
    """Who uses a device here."""

    def __init__(self, device: RealDevice) -> None:
        self.device = device
        self.lost = asyncio.Event()
        self.packets: list[IsoPacket] = []
        self._waiting: dict[Transfer, asyncio.Future[tuple[TransferStatus, bytes]]] = {}

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        self.packets += packets
        self._waiting.pop(transfer).set_result((status, data))

    def gone(self, reason: str) -> None:
        tell("gone", reason=reason)
        self.lost.set()

    def submit(self, transfer: Transfer) -> asyncio.Future[tuple[TransferStatus, bytes]]:
        self._waiting[transfer] = asyncio.get_running_loop().create_future()
        self.device.submit(transfer)
        return self._waiting[transfer]

    async def run(self, type: TransferType, endpoint: int, data: bytes = b"", length: int = 0) -> bytes:
        status, answer = await asyncio.wait_for(self.submit(Transfer(type, endpoint, data, length)), SECONDS)
        assert status is TransferStatus.SUCCESS, status
        return answer

    async def descriptor(self) -> bytes:
        setup = Setup(0x80, 6, 0x0100)
        transfer = Transfer(TransferType.CONTROL, 0x80, length=18, setup=setup)
        return (await asyncio.wait_for(self.submit(transfer), SECONDS))[1]

    async def read_blocks(self, first: int, count: int) -> bytes:
        cdb = struct.pack(">BBIBHB", 0x28, 0, first, 0, count, 0)
        command = struct.pack("<4sIIBBB16s", b"USBC", first + 1, count * 512, 0x80, 0, len(cdb), cdb)
        into, out = (
            next(end.address for end in self.device.endpoints() if end.is_in is wanted) for wanted in (True, False)
        )
        await self.run(TransferType.BULK, out, command)
        data = await self.run(TransferType.BULK, into, length=count * 512)
        status = await self.run(TransferType.BULK, into, length=13)
        assert (status[:4], status[12]) == (b"USBS", 0), status
        return data


def drivers() -> dict[int, str]:
    listed = usb_real.find_device(STORAGE)
    return System().drivers(listed.description.bus, listed.description.address)


async def read_all(name: str, engine: EngineMaker, blocks: int) -> None:
    device = RealDevice(usb_real.find_device(STORAGE).description, engine=engine)
    before = drivers()
    host = Host(device)
    await device.open(host)
    during = drivers()
    descriptor = await host.descriptor()
    digest = hashlib.sha256()
    for first in range(0, blocks, 256):
        digest.update(await host.read_blocks(first, min(256, blocks - first)))
    await device.reset()
    await host.read_blocks(0, 1)
    await device.close()
    found = {"before": before, "during": during, "after": drivers()}
    tell("read", engine=name, sha256=digest.hexdigest(), descriptor=descriptor.hex(), **found)


def set_rights(kept: bool) -> None:
    """Root's capabilities in effect or not, for this thread and those that it starts; a new program has them again."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("<Ii", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    assert libc.capget(header, data) == 0
    words = list(struct.unpack("<6I", data.raw))
    words[0], words[3] = (words[1], words[4]) if kept else (0, 0)
    assert libc.capset(header, struct.pack("<6I", *words)) == 0, os.strerror(ctypes.get_errno())


async def without_rights() -> None:
    """The node belongs to somebody else, and only the helper has the right to open it all the same."""
    listed = usb_real.find_device(STORAGE)
    node = System().node(listed.description.bus, listed.description.address)
    os.chown(node, NOBODY, NOBODY)
    node.chmod(0o600)
    set_rights(False)
    try:
        assert usb_real.find_device(STORAGE).state == "needs permission"
        refused = RealDevice(listed.description)
        try:
            await refused.open(Host(refused))
        except UsbError as error:
            tell("refused", reason=str(error))
        device = RealDevice(listed.description, helper=True)
        host = Host(device)
        await device.open(host)
        block = await host.read_blocks(0, 1)
        await device.close()
    finally:
        set_rights(True)
    tell("helped", sha256=hashlib.sha256(block).hexdigest(), after=drivers())


async def hold() -> None:
    """Until it is killed."""
    device = RealDevice(usb_real.find_device(STORAGE).description)
    host = Host(device)
    await device.open(host)
    await host.read_blocks(0, 1)
    print("held", flush=True)
    await asyncio.Event().wait()


def killed(number: int) -> None:
    """A program that has the device is killed; its driver has to come back all the same."""
    child = subprocess.Popen([sys.executable, __file__, "hold"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    during = drivers()
    child.send_signal(number)
    child.wait()
    until = time.monotonic() + SECONDS
    while not (after := drivers()) and time.monotonic() < until:
        time.sleep(0.05)
    tell("killed", signal=number, during=during, after=after)


async def watch() -> None:
    """What the machine's user plugs and unplugs, by the kernel's messages; a device that is in use too."""
    news: asyncio.Queue[tuple[str, Listed]] = asyncio.Queue()
    hotplug = Hotplug(
        lambda one: news.put_nowait(("arrived", one)), lambda one: news.put_nowait(("left", one)), look=3600
    )
    await hotplug.start()
    device = RealDevice(usb_real.find_device(STORAGE).description)
    host = Host(device)
    await device.open(host)
    tell("watching")
    await asyncio.wait_for(host.lost.wait(), SECONDS)
    await device.close()
    for _ in range(2):
        word, listed = await asyncio.wait_for(news.get(), SECONDS)
        tell(word, id=listed.info.numbers)
    await hotplug.close()


async def record() -> None:
    """Iso packets of a microphone that is a model on a socket, to the kernel as real as any."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from devices.usb_models import Sound

    from live.usb_vhci import Cable

    cable = Cable(Sound())
    until = time.monotonic() + SECONDS
    while SOUND not in (found := {one.info.numbers: one for one in usb_real.list_devices()}):
        assert time.monotonic() < until, found
        await asyncio.sleep(0.1)
    device = RealDevice(found[SOUND].description)
    host = Host(device)
    await device.open(host)
    await device.set_alt_setting(2, 1)
    sizes = (192,) * 8
    transfers = [Transfer(TransferType.ISO, 0x82, length=sum(sizes), packets=sizes) for _ in range(4)]
    await asyncio.wait_for(asyncio.gather(*map(host.submit, transfers)), SECONDS)
    packets = [(int(one.status), len(one.data), one.data[0]) for one in host.packets]
    tell("recorded", packets=packets, title=device.info.title)
    await device.close()
    cable.close()


def main() -> None:
    if sys.argv[1] == "hold":
        asyncio.run(hold())
        return
    blocks = Path(sys.argv[1]).stat().st_size // 512  # of the image behind the stick
    tell("listed", rows=[one.row() for one in usb_real.list_devices()])
    asyncio.run(read_all("usb1", usb_device.usb1_engine, blocks))
    asyncio.run(read_all("pyusb", usb_device.pyusb_engine, blocks))
    asyncio.run(without_rights())
    killed(signal.SIGKILL)
    asyncio.run(watch())
    asyncio.run(record())
    tell("done")


if __name__ == "__main__":
    main()
