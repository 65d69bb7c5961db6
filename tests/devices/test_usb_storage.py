"""The emulated drive as a USB device: descriptors, control requests, files behind it, eject and change of medium."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from spicetui.devices import usb_storage
from spicetui.devices.medium import ImageFile
from spicetui.devices.usb_storage import Kind, MassStorage
from spicetui.errors import UsbError
from spicetui.interfaces import IsoPacket, Transfer, TransferStatus, UsbDevice
from spicetui.wire.usb import Setup, Speed, TransferType

from .storage import Memory, bulk_in, bulk_out, wrapper

READ_0 = bytes.fromhex("28 00 00000000 00 0008 00")
WRITE_0 = bytes.fromhex("2a 00 00000000 00 0008 00")
SYNC = bytes.fromhex("35 00 00000000 00 0000 00")
READY = bytes(6)


class Host:
    """What the channel is to the device: gets every end of a transfer once."""

    def __init__(self) -> None:
        self.ended: dict[Transfer, tuple[TransferStatus, bytes, int]] = {}
        self.order: list[Transfer] = []
        self._changed = asyncio.Event()
        self.inside = False

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        assert not self.inside, "completed inside a call"
        assert transfer not in self.ended
        self.ended[transfer] = (status, data, length)
        self.order.append(transfer)
        self._changed.set()

    def gone(self, reason: str) -> None:
        raise AssertionError(reason)

    def submit(self, device: UsbDevice, transfer: Transfer) -> Transfer:
        self.inside = True
        device.submit(transfer)
        self.inside = False
        return transfer

    async def end(self, transfer: Transfer) -> tuple[TransferStatus, bytes, int]:
        async with asyncio.timeout(30):
            while transfer not in self.ended:
                self._changed.clear()
                await self._changed.wait()
        return self.ended[transfer]

    async def run(self, device: UsbDevice, block: bytes, length: int = 0, data: bytes = b"") -> tuple[int, bytes]:
        """Status and data of one command."""
        self.submit(device, bulk_out(wrapper(block, length or len(data), to_guest=not data)))
        got = b""
        if length:
            status, got, _ = await self.end(self.submit(device, bulk_in(length)))
            assert status is TransferStatus.SUCCESS
        elif data:
            assert await self.end(self.submit(device, bulk_out(data))) == (TransferStatus.SUCCESS, b"", len(data))
        _, wrapped, _ = await self.end(self.submit(device, bulk_in(13)))
        return wrapped[12], got

    async def sense(self, device: UsbDevice) -> tuple[int, int, int]:
        status, data = await self.run(device, bytes((3, 0, 0, 0, 18, 0)), 18)
        assert status == 0
        return data[2], data[12], data[13]

    async def control(
        self, device: UsbDevice, kind: int, request: int, value: int = 0, length: int = 0
    ) -> tuple[TransferStatus, bytes, int]:
        transfer = Transfer(TransferType.CONTROL, kind & 0x80, length=length, setup=Setup(kind, request, value))
        return await self.end(self.submit(device, transfer))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 64)
    return path


@pytest.fixture
async def host() -> Host:
    return Host()


@pytest.fixture
async def disk(image: Path, host: Host) -> AsyncIterator[MassStorage]:
    device = MassStorage.disk(image, writable=True)
    await device.open(host)
    yield device
    await device.close()


async def test_a_file_is_read_and_written(disk: MassStorage, host: Host, image: Path) -> None:
    status, data = await host.run(disk, READ_0, 4096)
    assert (status, data) == (0, image.read_bytes()[:4096])
    assert (await host.run(disk, WRITE_0, data=b"\x11" * 4096))[0] == 0
    assert (await host.run(disk, SYNC))[0] == 0
    assert image.read_bytes()[:4097] == b"\x11" * 4096 + b"\0"
    assert (disk.bytes_read, disk.bytes_written) == (4096, 4096)


async def test_descriptors(disk: MassStorage, host: Host) -> None:
    status, device, _ = await host.control(disk, 0x80, 6, 0x0100, 64)
    assert status is TransferStatus.SUCCESS
    assert device == bytes.fromhex("12 01 0002 00 00 00 40 6b1d 0401 0001 01 02 03 01")
    assert (await host.control(disk, 0x80, 6, 0x0100, 8))[1] == device[:8]
    configuration = (await host.control(disk, 0x80, 6, 0x0200, 255))[1]
    assert configuration == bytes.fromhex(
        "09 02 2000 01 01 00 c0 00  09 04 00 00 02 08 06 50 00  07 05 81 02 0002 00  07 05 02 02 0002 00"
    )
    assert (await host.control(disk, 0x80, 6, 0x0300, 255))[1] == bytes.fromhex("04 03 0904")
    strings = [(await host.control(disk, 0x80, 6, 0x0300 + at, 255))[1] for at in (1, 2, 3)]
    assert [text[2:].decode("utf-16-le") for text in strings] == ["spicetui", "Disk", disk.serial]
    assert all(text[0] == len(text) for text in strings)
    assert len((await host.control(disk, 0x80, 6, 0x0600, 255))[1]) == 10
    for value in (0x0304, 0x03EE, 0x0F00, 0x0201, 0x2200):
        assert (await host.control(disk, 0x80, 6, value, 255))[0] is TransferStatus.STALL


async def test_descriptors_of_usb_3(image: Path, host: Host) -> None:
    device = MassStorage.cd(image, usb3=True)
    await device.open(host)
    assert device.info.speed is Speed.SUPER
    assert [one.max_packet_size for one in device.endpoints()] == [1024, 1024]
    first = (await host.control(device, 0x80, 6, 0x0100, 64))[1]
    assert first[:8] == bytes.fromhex("12 01 0003 00 00 00 09")
    assert (await host.control(device, 0x80, 6, 0x0200, 255))[1] == bytes.fromhex(
        "09 02 2c00 01 01 00 c0 00  09 04 00 00 02 08 06 50 00"
        "07 05 81 02 0004 00  06 30 0f 00 0000  07 05 02 02 0004 00  06 30 0f 00 0000"
    )
    store = (await host.control(device, 0x80, 6, 0x0F00, 255))[1]
    assert store == bytes.fromhex("05 0f 1600 02  07 10 02 02000000  0a 10 03 00 0e00 01 0a 2000")
    for value in (0x0600, 0x0700):
        assert (await host.control(device, 0x80, 6, value, 255))[0] is TransferStatus.STALL
    assert (await host.control(device, 0x00, 0x31, 40))[0] is TransferStatus.SUCCESS
    assert (await host.run(device, READY))[0] == 0
    await device.close()


async def test_what_the_host_knows_without_asking(disk: MassStorage) -> None:
    assert disk.info.numbers == "1d6b:0104"
    assert disk.info.serial == disk.serial
    assert [tuple(one) for one in disk.interfaces()] == [(0, 8, 6, 0x50)]
    assert [(one.address, one.type, one.max_packet_size) for one in disk.endpoints()] == [(0x81, 2, 512), (2, 2, 512)]
    assert len(disk.serial) >= 12
    assert set(disk.serial) <= set("0123456789ABCDEF")


async def test_class_requests(disk: MassStorage, host: Host) -> None:
    assert await host.control(disk, 0xA1, 0xFE, 0, 1) == (TransferStatus.SUCCESS, b"\0", 0)
    assert (await host.end(host.submit(disk, bulk_out(b"senseless"))))[0] is TransferStatus.STALL
    assert (await host.end(host.submit(disk, bulk_in(13))))[0] is TransferStatus.STALL
    assert await host.control(disk, 0x21, 0xFF) == (TransferStatus.SUCCESS, b"", 0)
    await disk.clear_halt(0x81)
    await disk.clear_halt(0x02)
    assert (await host.run(disk, READY))[0] == 0
    assert (await host.control(disk, 0xA1, 0x42, 0, 1))[0] is TransferStatus.STALL
    assert (await host.control(disk, 0x80, 0, 0, 2))[1] == b"\1\0"
    with pytest.raises(UsbError):
        await disk.clear_halt(0x83)


async def test_configurations(disk: MassStorage, host: Host) -> None:
    await disk.set_configuration(0)
    assert (disk.get_configuration(), disk.interfaces(), disk.endpoints()) == (0, (), ())
    assert (await host.end(host.submit(disk, bulk_in(13))))[0] is TransferStatus.INVAL
    with pytest.raises(UsbError):
        disk.get_alt_setting(0)
    await disk.set_configuration(1)
    assert disk.get_alt_setting(0) == 0
    await disk.set_alt_setting(0, 0)
    for setting in ((0, 1), (1, 0)):
        with pytest.raises(UsbError):
            await disk.set_alt_setting(*setting)
    with pytest.raises(UsbError):
        await disk.set_configuration(2)
    assert (await host.run(disk, READY))[0] == 0


@pytest.mark.parametrize("kind", [TransferType.ISO, TransferType.INTERRUPT, TransferType.BULK])
async def test_endpoints_that_are_not_there(disk: MassStorage, host: Host, kind: TransferType) -> None:
    assert (await host.end(host.submit(disk, Transfer(kind, 0x83, length=8))))[0] is TransferStatus.INVAL


async def test_transfers_end_in_order(disk: MassStorage, host: Host, image: Path) -> None:
    asked = [host.submit(disk, bulk_in(1024)) for _ in range(4)]
    status = host.submit(disk, bulk_in(13))
    host.submit(disk, bulk_out(wrapper(READ_0, 4096, to_guest=True)))
    await host.end(status)
    assert [one for one in host.order if one.is_in] == [*asked, status]
    assert b"".join(host.ended[one][1] for one in asked) == image.read_bytes()[:4096]


class Stuck(Memory):
    """A medium like a file of a server that does not answer."""

    def __init__(self) -> None:
        super().__init__(bytes(range(256)) * 64, writable=True)
        self.go_on = threading.Event()
        self.reads = 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        self.go_on.wait(60)
        return super().read(offset, length)


async def test_a_guest_that_waits_for_long_cancels_resets_and_retries(host: Host) -> None:
    medium = Stuck()
    device = MassStorage(Kind.DISK, medium)
    await device.open(host)
    host.submit(device, bulk_out(wrapper(READ_0, 4096, to_guest=True)))
    stuck = host.submit(device, bulk_in(4096))
    await asyncio.sleep(0)
    assert stuck not in host.ended
    host.inside = True
    device.cancel(stuck)
    host.inside = False
    assert (await host.end(stuck))[0] is TransferStatus.CANCELLED
    await device.reset()
    again = asyncio.ensure_future(host.run(device, READ_0, 4096))
    await asyncio.sleep(0)
    medium.go_on.set()
    status, data = await again
    assert (status, data) == (0, bytes(range(256)) * 16)
    assert medium.reads == 2
    await device.close()
    assert medium.log == ["open", "close"]


async def test_close_ends_everything_and_may_be_repeated(image: Path, host: Host) -> None:
    device = MassStorage.disk(image, writable=True)
    await device.open(host)
    waiting = host.submit(device, bulk_in(13))
    await device.close()
    await device.close()
    await asyncio.sleep(0)
    assert waiting not in host.ended
    other = ImageFile(image, writable=True)
    other.open()  # the lock is free
    other.close()
    await device.open(host)  # a replug
    assert (await host.run(device, READY))[0] == 0
    await device.close()


async def test_close_waits_until_what_was_written_is_safe(host: Host) -> None:
    medium = Memory(bytes(8192), writable=True)
    device = MassStorage(Kind.DISK, medium)
    await device.open(host)
    await host.run(device, WRITE_0, data=b"\x33" * 4096)
    await device.close()
    assert medium.log == ["open", "write", "close"]


async def test_an_idle_drive_makes_safe_what_was_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_storage, "IDLE_FLUSH_SECONDS", 0.01)
    flushed = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Told(Memory):
        def flush(self) -> None:
            loop.call_soon_threadsafe(flushed.set)

    device = MassStorage(Kind.DISK, Told(bytes(8192), writable=True))
    await device.open(host)
    await host.run(device, WRITE_0, data=b"\x44" * 4096)
    async with asyncio.timeout(30):
        await flushed.wait()
    await device.close()


async def test_a_file_that_cannot_be_opened(tmp_path: Path, host: Host) -> None:
    device = MassStorage.disk(tmp_path / "absent.img")
    with pytest.raises(UsbError, match="no such file"):
        await device.open(host)
    await device.close()


async def test_serials_are_unique_and_stay(image: Path, tmp_path: Path) -> None:
    first, second, cd = MassStorage.disk(image), MassStorage.disk(image), MassStorage.cd(image)
    other = MassStorage.disk(tmp_path / "other.img")
    assert len({device.serial for device in (first, second, cd, other)}) == 4
    serial = other.serial
    del other
    assert MassStorage.disk(tmp_path / "other.img").serial == serial
    assert MassStorage.cd().serial


# Eject and change


async def test_the_client_ejects_and_inserts(image: Path, tmp_path: Path, host: Host) -> None:
    changes: list[str] = []
    device = MassStorage.cd(image)
    device.on_change = lambda: changes.append(device.medium.name if device.medium is not None else "")
    await device.open(host)
    assert (await host.run(device, READY))[0] == 0
    await device.eject()
    assert (await host.run(device, READY))[0] == 1
    assert await host.sense(device) == (2, 0x3A, 2)
    other = tmp_path / "other.iso"
    other.write_bytes(b"other".ljust(2048))
    await device.insert(other)
    assert (await host.run(device, READY))[0] == 1
    assert await host.sense(device) == (6, 0x28, 0)
    status, data = await host.run(device, bytes.fromhex("28 00 00000000 00 0001 00"), 2048)
    assert (status, data[:5]) == (0, b"other")
    assert changes == ["", str(other)]
    await device.close()


async def test_a_locked_drive(image: Path, host: Host) -> None:
    device = MassStorage.cd(image)
    await device.open(host)
    await host.run(device, bytes.fromhex("1e 00 0000 01 00"))
    assert device.locked_by_guest
    with pytest.raises(UsbError, match="eject it in the guest"):
        await device.eject()
    with pytest.raises(UsbError, match="eject it in the guest"):
        await device.insert(image)
    assert device.medium is not None
    status, data = await host.run(device, bytes.fromhex("4a 01 0000 10 0000 0008 00"), 8)
    assert (status, data[4]) == (0, 1)  # the guest is asked to let go
    await device.eject(force=True)
    assert device.medium is None
    await device.close()


async def test_the_guest_ejects_a_disk(disk: MassStorage, host: Host, image: Path) -> None:
    changed = asyncio.Event()
    disk.on_change = changed.set
    await host.run(disk, WRITE_0, data=b"\x55" * 4096)
    assert (await host.run(disk, bytes.fromhex("1b 00 0000 02 00")))[0] == 0
    assert changed.is_set()
    assert disk.ejected_by_guest
    assert disk.medium is None
    other = ImageFile(image, writable=True)
    other.open()  # closed and unlocked before the guest was told that it is done
    assert other.read(0, 1) == b"\x55"
    other.close()
    await disk.insert(image, writable=True)
    assert not disk.ejected_by_guest
    await host.run(disk, READY)
    assert (await host.run(disk, WRITE_0, data=b"\x66" * 4096))[0] == 0


async def test_the_guest_ejects_a_cd_and_takes_it_back(image: Path, host: Host) -> None:
    device = MassStorage.cd(image)
    await device.open(host)
    assert (await host.run(device, bytes.fromhex("1b 00 0000 02 00")))[0] == 0
    assert device.ejected_by_guest
    assert device.medium is not None  # it lies in the tray
    assert (await host.run(device, bytes.fromhex("1b 00 0000 03 00")))[0] == 0
    await host.run(device, READY)
    assert (await host.run(device, bytes.fromhex("28 00 00000000 00 0001 00"), 2048))[0] == 0
    await device.close()


async def test_another_medium_before_the_drive_is_used(image: Path, host: Host) -> None:
    device = MassStorage.cd()
    await device.insert(image)
    await device.open(host)
    status, data = await host.run(device, bytes.fromhex("12 00 0000 24 00"), 36)
    assert (status, data[0]) == (0, 5)
    await device.close()
    with pytest.raises(UsbError, match="no such file"):
        await device.insert(image.with_name("absent"))


async def test_several_at_once(tmp_path: Path) -> None:
    devices = []
    for number in range(3):
        path = tmp_path / f"{number}.img"
        path.write_bytes(bytes((number,)) * 4096)
        host = Host()
        device = MassStorage.disk(path)
        await device.open(host)
        devices.append((host, device))
    answers = await asyncio.gather(*(host.run(device, READ_0, 4096) for host, device in devices))
    assert [data for _, data in answers] == [bytes((number,)) * 4096 for number in range(3)]
    for _, device in devices:
        await device.close()


async def test_a_write_that_cannot_be_made_safe_at_the_end(host: Host) -> None:
    class Lost(Memory):
        def close(self) -> None:
            raise OSError(5, "broken")

    device = MassStorage(Kind.DISK, Lost(bytes(4096), writable=True))
    await device.open(host)
    with pytest.raises(UsbError, match="may be lost: broken"):
        await device.close()


async def test_a_file_that_never_answers_does_not_keep_the_session(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_storage, "CLOSE_SECONDS", 0.05)
    medium = Stuck()
    device = MassStorage(Kind.DISK, medium)
    await device.open(host)
    host.submit(device, bulk_out(wrapper(READ_0, 4096, to_guest=True)))
    with pytest.raises(UsbError, match="memory: what was written last may be lost: it has not answered"):
        await device.close()
    assert device.lost
    medium.go_on.set()
