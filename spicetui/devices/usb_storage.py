"""An emulated USB disk or CD drive whose medium is a file of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet, ref

from ..diagnostics import logger
from ..errors import UsbError
from ..interfaces import (
    DeviceInfo,
    EndpointInfo,
    InterfaceInfo,
    Transfer,
    TransferStatus,
    UsbHost,
)
from ..wire.usb import DIRECTION_IN, Speed, TransferType
from .medium import ImageFile, Worker
from .scsi import Identity, Medium
from .scsi_cd import CdUnit
from .scsi_disk import DiskUnit
from .usb_bot import BulkOnly, Job
from .usb_storage_descriptors import (
    BULK_IN,
    BULK_ONLY,
    BULK_OUT,
    PACKETS,
    PRODUCT_ID,
    STORAGE_CLASS,
    TRANSPARENT_SCSI,
    VENDOR_ID,
    descriptor,
)

MANUFACTURER = "spicetui"

#: Written bytes are made safe when no command came for so long; guests seldom ask, since they take USB for uncached.
IDLE_FLUSH_SECONDS = 1.0

#: How long a device that is unplugged waits for its file.
CLOSE_SECONDS = 10.0

_log = logger("devices.usb_storage")


class Kind(StrEnum):
    DISK = "disk"
    CD = "cd"


class MassStorage:
    """A USB drive of one kind, for one session; several may be used at once.

    With *usb3* it is a SuperSpeed device, which guests ask for much more at once, but which works behind xHCI
    controllers only.

    *on_change* is told, on the event loop, when the medium or its use by the guest has changed.
    """

    _alive: ClassVar[WeakSet[MassStorage]] = WeakSet()

    def __init__(
        self, kind: Kind, medium: Medium | None = None, *, serial: str | None = None, usb3: bool = False
    ) -> None:
        self.kind = kind
        self.speed = Speed.SUPER if usb3 else Speed.HIGH
        self.serial = serial or self._new_serial(medium)
        product = "Disk" if kind is Kind.DISK else "CD-ROM"
        identity = Identity(product, self.serial)
        self.unit: DiskUnit | CdUnit = DiskUnit(identity, medium) if kind is Kind.DISK else CdUnit(identity, medium)
        me = ref(self)  # no cycle: a serial is free again as soon as nobody holds its device
        self.unit.on_eject = lambda medium: _guest_ejected(me(), medium)
        self.machine = BulkOnly(self.unit)
        self.writable = medium is not None and medium.writable  #: whether the next medium may be written too
        self.lost = ""  #: why something that the guest has written is perhaps not in the file
        self.ejected_by_guest = False
        self.last_write: float | None = None  #: ``time.monotonic()`` of the guest's last write
        self.on_change: Callable[[], None] = lambda: None
        self._product = product
        self._host: UsbHost | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._configuration = 1
        self._completions: list[Callable[[], None]] = []
        self._flusher: asyncio.TimerHandle | None = None
        MassStorage._alive.add(self)

    @classmethod
    def disk(cls, path: str | Path, *, writable: bool = False, usb3: bool = False) -> MassStorage:
        """A memory stick whose content is a raw image."""
        return cls(Kind.DISK, ImageFile(path, writable=writable), usb3=usb3)

    @classmethod
    def cd(cls, path: str | Path | None = None, *, usb3: bool = False) -> MassStorage:
        """A CD or DVD drive, with an ISO file in it or empty."""
        return cls(Kind.CD, ImageFile(path) if path is not None else None, usb3=usb3)

    def _new_serial(self, medium: Medium | None) -> str:
        """The same for the same file, so that guests know it again; never that of another one in this process."""
        taken = {device.serial for device in MassStorage._alive}
        seed = f"{self.kind}:{os.path.realpath(medium.name) if medium is not None else ''}"
        number = 0
        while True:
            serial = hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()[:16].upper()
            if serial not in taken:
                return serial
            number += 1

    # --- what the user sees

    @property
    def medium(self) -> Medium | None:
        return self.unit.medium

    @property
    def locked_by_guest(self) -> bool:
        """The guest uses the medium and wants it to stay."""
        return self.unit.prevented and self.unit.medium is not None

    @property
    def bytes_read(self) -> int:
        return self.machine.bytes_read

    @property
    def bytes_written(self) -> int:
        return self.machine.bytes_written

    async def insert(self, medium: Medium | str | Path, *, writable: bool = False, force: bool = False) -> None:
        """Puts another medium in, in exchange for the one that is there. Raises UsbError."""
        if isinstance(medium, str | Path):
            medium = ImageFile(medium, writable=writable and self.kind is Kind.DISK)
        await self._in_worker(medium.open)
        try:
            leaving = self._take_out(force)
        except UsbError:
            await self._in_worker(medium.close)
            raise
        self.unit.insert(medium)
        self.ejected_by_guest = False
        self.on_change()
        if leaving is not None:
            await self._close_medium(leaving)

    async def eject(self, *, force: bool = False) -> None:
        """Takes the medium out when everything written is safe.

        Raises UsbError when the guest has locked the drive; it is asked to let go, and *force* does not ask.
        """
        leaving = self._take_out(force)
        self.on_change()
        if leaving is not None:
            await self._close_medium(leaving)

    def _take_out(self, force: bool) -> Medium | None:
        if self.locked_by_guest and not force and not self.unit.tray_open:
            if isinstance(self.unit, CdUnit):
                self.unit.request_eject()
            raise UsbError("the guest uses the medium and keeps the drive locked; eject it in the guest")
        return self.unit.remove()

    def guest_ejected(self, medium: Medium) -> None:
        """Called while the command runs: what is queued here is done before the command ends."""
        self.ejected_by_guest = True
        if self.unit.medium is None and self._worker is not None:
            self._worker.submit(medium.close).add_done_callback(_tell_error)
        assert self._loop is not None
        self._loop.call_soon(lambda: self.on_change())

    # --- UsbDevice

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(
            VENDOR_ID,
            PRODUCT_ID,
            bcd_device=0x0100,
            speed=self.speed,
            manufacturer=MANUFACTURER,
            product=self._product,
            serial=self.serial,
            location=self.unit.medium.name if self.unit.medium is not None else "",
        )

    @property
    def has_iso(self) -> bool:
        return False

    def interfaces(self) -> Sequence[InterfaceInfo]:
        return (InterfaceInfo(0, STORAGE_CLASS, TRANSPARENT_SCSI, BULK_ONLY),) if self._configuration else ()

    def endpoints(self) -> Sequence[EndpointInfo]:
        if not self._configuration:
            return ()
        return tuple(
            EndpointInfo(address, TransferType.BULK, 0, PACKETS[self.speed]) for address in (BULK_IN, BULK_OUT)
        )

    async def open(self, host: UsbHost) -> None:
        self._loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = Worker(f"spice usb {self.kind}")
        medium = self.unit.medium
        try:
            if medium is not None:
                await self._in_worker(medium.open)
        except UsbError:
            self._stop_worker()
            raise
        self._host = host
        self._configuration = 1
        self.machine.reset()
        self.unit.reset()

    async def close(self) -> None:
        self._host = None
        self._completions.clear()
        if self._flusher is not None:
            self._flusher.cancel()
        self.machine.reset()
        self.machine.replies.clear()
        try:
            if self.unit.medium is not None:
                await self._close_medium(self.unit.medium)
        finally:
            self._stop_worker()

    def submit(self, transfer: Transfer) -> None:
        if transfer.type is TransferType.CONTROL:
            self._control(transfer)
        elif transfer.type is TransferType.BULK and transfer.endpoint in (BULK_IN, BULK_OUT) and self._configuration:
            self.machine.submit(transfer)
        else:
            self._complete(transfer, TransferStatus.INVAL)
        self._advance()

    def cancel(self, transfer: Transfer) -> None:
        self.machine.cancel(transfer)
        self._advance()

    async def clear_halt(self, endpoint: int) -> None:
        if endpoint & 0x7F and endpoint not in (BULK_IN, BULK_OUT):
            raise UsbError(f"no endpoint {endpoint:#04x}", TransferStatus.STALL)

    async def reset(self) -> None:
        self.machine.reset()
        self.unit.reset()
        self._advance()

    def get_configuration(self) -> int:
        return self._configuration

    async def set_configuration(self, value: int) -> None:
        if value not in (0, 1):
            raise UsbError(f"no configuration {value}", TransferStatus.STALL)
        self._configuration = value
        self.machine.reset()
        self._advance()

    def get_alt_setting(self, interface: int) -> int:
        if interface or not self._configuration:
            raise UsbError(f"no interface {interface}", TransferStatus.INVAL)
        return 0

    async def set_alt_setting(self, interface: int, alt: int) -> None:
        self.get_alt_setting(interface)
        if alt:
            raise UsbError(f"no alternate setting {alt}", TransferStatus.STALL)
        self.machine.reset()
        self._advance()

    # --- endpoint 0

    def _control(self, transfer: Transfer) -> None:
        setup = transfer.setup
        assert setup is not None
        answer: bytes | None = None
        strings = (MANUFACTURER, self._product, self.serial)
        match setup.request_type, setup.request:
            case (0x80, 6):  # GET_DESCRIPTOR
                answer = descriptor(setup.value >> 8, setup.value & 0xFF, self.speed, strings)
            case (0x80 | 0x81 | 0x82, 0):  # GET_STATUS
                answer = bytes((1, 0)) if setup.request_type == 0x80 else bytes(2)  # self-powered; not halted
            case (0xA1, 0xFE) if not setup.value:  # GET_MAX_LUN
                answer = b"\0"
            case (0x00, 0x30 | 0x31):  # SET_SEL, SET_ISOCH_DELAY: about a bus that is not there
                answer = b""
            case (0x21, 0xFF) if not setup.value:  # BULK_ONLY_MASS_STORAGE_RESET
                self.machine.reset()
                answer = b""
            case _:
                _log.debug("control request %s refused", setup)
        if answer is None:
            self._complete(transfer, TransferStatus.STALL)
        elif setup.request_type & DIRECTION_IN:
            self._complete(transfer, TransferStatus.SUCCESS, answer[: transfer.length])
        else:
            self._complete(transfer, TransferStatus.SUCCESS, length=len(transfer.data))

    # --- between the machine, the worker and the host

    def _complete(self, transfer: Transfer, status: TransferStatus, data: bytes = b"", length: int = 0) -> None:
        host, loop = self._host, self._loop
        if host is None or loop is None:
            return
        if not self._completions:
            loop.call_soon(self._tell)
        self._completions.append(lambda: host.completed(transfer, status, data, length))

    def _tell(self) -> None:
        told, self._completions = self._completions, []
        for completion in told:
            completion()

    def _advance(self) -> None:
        """Carries out what the machine has come to."""
        machine = self.machine
        while True:
            while machine.replies:
                reply = machine.replies.popleft()
                self._complete(reply.transfer, reply.status, reply.data, reply.length)
            job = machine.next_job()
            if job is None:
                return
            data = job.quick() if job.quick is not None else None
            if data is None:
                self._run(job)
                return
            machine.finished(job, data)

    def _run(self, job: Job) -> None:
        worker, loop = self._worker, self._loop
        if worker is None or loop is None:
            return
        if job.kind == "write":
            self.last_write = time.monotonic()
            self._flush_when_idle(loop)

        def done(future: Future[bytes | None]) -> None:
            try:
                loop.call_soon_threadsafe(self._ran, job, future)
            except RuntimeError:
                pass  # the loop is closed, and so is the session

        worker.submit(job.run).add_done_callback(done)

    def _ran(self, job: Job, future: Future[bytes | None]) -> None:
        error = None if future.cancelled() else future.exception()
        data = future.result() if error is None and not future.cancelled() else None
        if error is not None and not isinstance(error, OSError):
            _log.error("%s: %r", job.kind, error)
            error = OSError(0, str(error))
        self.machine.finished(job, data, error)
        self._advance()

    def _flush_when_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._flusher is None:
            self._flusher = loop.call_later(IDLE_FLUSH_SECONDS, self._idle, loop)

    def _idle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._flusher = None
        medium, worker = self.unit.medium, self._worker
        if medium is None or worker is None or self.last_write is None:
            return
        rest = self.last_write + IDLE_FLUSH_SECONDS - time.monotonic()
        if rest > 0:
            self._flusher = loop.call_later(rest, self._idle, loop)
        else:
            worker.submit(medium.flush).add_done_callback(_tell_error)

    async def _in_worker(self, work: Callable[[], None]) -> None:
        """Runs *work* after what was asked of the medium before; elsewhere as long as nobody uses the device."""
        if self._worker is None:
            await asyncio.to_thread(work)
        else:
            await asyncio.wrap_future(self._worker.submit(work))

    async def _close_medium(self, medium: Medium) -> None:
        """Raises UsbError when something that the guest has written is not safe."""
        failure: BaseException
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._in_worker(medium.close)
            return
        except TimeoutError as error:  # an OSError too
            failure, why = error, f"it has not answered for {CLOSE_SECONDS:g} s"
        except OSError as error:
            failure, why = error, str(error.strerror or error).lower()
        self.lost = f"{medium.name}: {'what was written last may be lost: ' if medium.writable else ''}{why}"
        raise UsbError(self.lost) from failure

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


def _guest_ejected(device: MassStorage | None, medium: Medium) -> None:
    if device is not None:
        device.guest_ejected(medium)


def _tell_error(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("%s", error)
