"""Who uses a device in these tests, and the devices, on fakes of both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from spicetui.devices import usb_real
from spicetui.devices.usb_description import Description
from spicetui.devices.usb_device import EngineMaker, RealDevice
from spicetui.devices.usb_engine import Completed, Gone, TransferEngine
from spicetui.devices.usb_libusb1 import Usb1Engine
from spicetui.devices.usb_pyusb import PyusbEngine
from spicetui.devices.usb_system import System
from spicetui.interfaces import IsoPacket, Transfer, TransferStatus
from spicetui.wire.usb import Setup, TransferType

from .fake_pyusb import FakeBackend
from .fake_usb1 import FakeUsb1
from .usb_models import Model

NOWHERE = System(Path("/nonexistent"), Path("/nonexistent"), Path("/nonexistent"))
SECONDS = 60.0


class Ended:
    def __init__(self, status: TransferStatus, data: bytes, length: int, packets: Sequence[IsoPacket]) -> None:
        self.status = status
        self.data = data
        self.length = length
        self.packets = list(packets)


class Host:
    """A UsbHost that knows what it waits for."""

    def __init__(self, device: RealDevice) -> None:
        self.device = device
        self.reasons: list[str] = []
        self.lost = asyncio.Event()
        self._waiting: dict[Transfer, asyncio.Future[Ended]] = {}

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        self._waiting.pop(transfer).set_result(Ended(status, data, length, packets))  # KeyError: a second end

    def gone(self, reason: str) -> None:
        self.reasons.append(reason)
        self.lost.set()

    def submit(self, transfer: Transfer) -> asyncio.Future[Ended]:
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._waiting[transfer] = future
        self.device.submit(transfer)
        assert not future.done()
        return future

    async def run(self, transfer: Transfer) -> Ended:
        return await asyncio.wait_for(self.submit(transfer), SECONDS)

    # --- in short

    async def control(
        self, request_type: int, request: int, value: int = 0, index: int = 0, data: bytes = b"", length: int = 0
    ) -> Ended:
        setup = Setup(request_type, request, value, index)
        return await self.run(
            Transfer(TransferType.CONTROL, request_type & 0x80, data=data, length=length, setup=setup)
        )

    def read(self, endpoint: int, length: int, type: TransferType = TransferType.BULK) -> asyncio.Future[Ended]:
        return self.submit(Transfer(type, endpoint, length=length))

    async def write(self, endpoint: int, data: bytes) -> Ended:
        return await self.run(Transfer(TransferType.BULK, endpoint, data=data))


def describe(model: Model, system: System = NOWHERE) -> Description:
    (found,) = usb_real.describe_all(FakeBackend([model]), system)
    return found


def usb1_maker(module: FakeUsb1) -> EngineMaker:
    def make(device: Description, file: int | None, completed: Completed, gone: Gone) -> TransferEngine:
        return Usb1Engine(file, device.bus, device.address, completed, gone, module)

    return make


def pyusb_maker(backend: FakeBackend) -> EngineMaker:
    def make(device: Description, file: int | None, completed: Completed, gone: Gone) -> TransferEngine:
        return PyusbEngine(device.bus, device.address, completed, gone, backend)

    return make


ENGINES = ("usb1", "pyusb")


def device_of(model: Model, engine: str, system: System = NOWHERE, *, guarded: bool = False) -> RealDevice:
    maker = usb1_maker(FakeUsb1([model])) if engine == "usb1" else pyusb_maker(FakeBackend([model]))
    return RealDevice(describe(model, system), engine=maker, has_iso=engine == "usb1", system=system, guarded=guarded)
