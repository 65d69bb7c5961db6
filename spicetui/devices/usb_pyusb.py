"""Transfers by pyusb alone: one at a time on each endpoint, in a thread of its own, and no isochronous ones."""

from __future__ import annotations

import array
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

from ..diagnostics import logger
from ..errors import UsbError
from ..interfaces import EndpointInfo, Transfer, TransferStatus
from ..wire.usb import TransferType
from .usb_engine import (
    CONTROL_TIMEOUT_MS,
    ERROR_NO_DEVICE,
    ERROR_TIMEOUT,
    UNPLUGGED,
    Completed,
    Gone,
    error_status,
    usb_error,
)
from .usb_library import pyusb_backend

log = logger("devices.usb")

#: Milliseconds of a read after which it is asked whether anybody still wants it: a call of pyusb cannot be ended.
SLICE_MS = 250

#: Milliseconds for the device to take data. It cannot be had in slices, for nobody tells how much of one went out.
WRITE_MS = 20_000

#: Seconds for the threads to end.
PATIENCE = 1.0


class PyusbEngine:
    """*backend*: pyusb's ``IBackend``."""

    has_iso = False

    def __init__(self, bus: int, address: int, completed: Completed, gone: Gone, backend: Any = None) -> None:
        import usb.core  # type: ignore[import-untyped,unused-ignore]

        self._failure: type[Exception] = usb.core.USBError
        self._backend = pyusb_backend() if backend is None else backend
        self._completed = completed
        self._gone = gone
        self._workers: dict[int, _Worker] = {}
        self._endpoints: dict[int, EndpointInfo] = {}
        self._detached: set[int] = set()
        self._closing = False
        self._handle = self._open(bus, address)

    def _open(self, bus: int, address: int) -> Any:
        try:
            for device in self._backend.enumerate_devices():
                found = self._backend.get_device_descriptor(device)
                if (found.bus, found.address) == (bus, address):
                    return self._backend.open_device(device)
        except self._failure as error:
            raise self._error("the device does not open", error) from error
        raise UsbError(f"the device does not open: {UNPLUGGED}")

    def _error(self, what: str, error: Any) -> UsbError:
        return usb_error(what, error.backend_error_code, str(error.strerror or error))

    def set_endpoints(self, endpoints: Sequence[EndpointInfo]) -> None:
        self._endpoints = {one.address: one for one in endpoints}

    # --- transfers, on the event loop

    def submit(self, transfer: Transfer) -> None:
        if self._closing:
            raise UsbError("it is closed")
        if transfer.type is TransferType.ISO:
            raise UsbError("pyusb has no isochronous transfers", TransferStatus.STALL)
        key = _key(transfer)
        if key and key not in self._endpoints:
            raise UsbError(f"there is no endpoint {key:#x}", TransferStatus.INVAL)
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = _Worker(self, key)
        worker.put(transfer)

    def cancel(self, transfer: Transfer) -> None:
        worker = self._workers.get(_key(transfer))
        if worker is not None:
            worker.cancel(transfer)

    # --- in the threads

    def perform(self, transfer: Transfer, worker: _Worker) -> None:
        try:
            if self._closing or worker.cancelled(transfer):
                raise _CancelledError
            data, length = self._perform(transfer, worker)
        except self._failure as error:
            code = getattr(error, "backend_error_code", None)
            if code == ERROR_NO_DEVICE:
                self._gone(UNPLUGGED)
            self._completed(transfer, error_status(code), b"", 0, ())
        except _CancelledError:
            self._completed(transfer, TransferStatus.CANCELLED, b"", 0, ())
        except Exception as error:
            log.error("pyusb failed", exc_info=error)
            self._completed(transfer, TransferStatus.IOERROR, b"", 0, ())
        else:
            self._completed(transfer, TransferStatus.SUCCESS, data, length, ())

    def _perform(self, transfer: Transfer, worker: _Worker) -> tuple[bytes, int]:
        if transfer.type is TransferType.CONTROL:
            return self._control(transfer)
        if transfer.is_in:
            data = self._read(transfer, worker)
            return data, len(data)
        write = self._backend.bulk_write if transfer.type is TransferType.BULK else self._backend.intr_write
        interface = self._endpoints[transfer.endpoint].interface
        return b"", write(self._handle, transfer.endpoint, interface, array.array("B", transfer.data), WRITE_MS)

    def _control(self, transfer: Transfer) -> tuple[bytes, int]:
        setup = transfer.setup
        assert setup is not None
        buffer = array.array("B", bytes(transfer.length) if transfer.is_in else transfer.data)
        words = (setup.request_type, setup.request, setup.value, setup.index)
        count = self._backend.ctrl_transfer(self._handle, *words, buffer, CONTROL_TIMEOUT_MS)
        return (buffer[:count].tobytes(), count) if transfer.is_in else (b"", count)

    def _read(self, transfer: Transfer, worker: _Worker) -> bytes:
        """In slices. What comes before a slice's end belongs to the same transfer: only a short packet ends it."""
        endpoint = self._endpoints[transfer.endpoint]
        read = self._backend.bulk_read if transfer.type is TransferType.BULK else self._backend.intr_read
        data = bytearray()
        while True:
            buffer = array.array("B", bytes(transfer.length - len(data)))
            begun = time.monotonic()
            try:
                count = read(self._handle, transfer.endpoint, endpoint.interface, buffer, SLICE_MS)
            except self._failure as error:
                if getattr(error, "backend_error_code", None) != ERROR_TIMEOUT:
                    raise
                count = 0
                late = True
            else:
                late = time.monotonic() - begun >= SLICE_MS / 1000
            data += buffer[:count].tobytes()
            whole = count % max(1, endpoint.max_packet_size) == 0
            if len(data) >= transfer.length or not (whole and late):
                return bytes(data)
            if self._closing or worker.cancelled(transfer):
                raise _CancelledError

    # --- what waits

    def claim(self, interface: int) -> None:
        try:
            if self._backend.is_kernel_driver_active(self._handle, interface):
                self._backend.detach_kernel_driver(self._handle, interface)
                self._detached.add(interface)
        except NotImplementedError:
            pass  # a system without such drivers
        except self._failure as error:
            raise self._error(f"its interface {interface} cannot be taken from the kernel", error) from None
        try:
            self._backend.claim_interface(self._handle, interface)
        except self._failure as error:
            self._give_back(interface)
            raise self._error(f"its interface {interface} cannot be taken", error) from None

    def release(self, interface: int) -> None:
        try:
            self._backend.release_interface(self._handle, interface)
        except self._failure as error:
            raise self._error(f"its interface {interface} cannot be given back", error) from None
        finally:
            self._give_back(interface)

    def _give_back(self, interface: int) -> None:
        if interface not in self._detached:
            return
        self._detached.discard(interface)
        try:
            self._backend.attach_kernel_driver(self._handle, interface)
        except (self._failure, NotImplementedError) as error:
            log.info("interface %d has no driver again: %s", interface, error)

    def set_configuration(self, value: int) -> None:
        self._detached.clear()
        try:
            self._backend.set_configuration(self._handle, value or -1)
        except self._failure as error:
            raise self._error(f"configuration {value} cannot be set", error) from None

    def set_alt_setting(self, interface: int, alt: int) -> None:
        try:
            self._backend.set_interface_altsetting(self._handle, interface, alt)
        except self._failure as error:
            raise self._error(f"alternate setting {alt} of interface {interface} cannot be set", error) from None

    def clear_halt(self, endpoint: int) -> None:
        try:
            self._backend.clear_halt(self._handle, endpoint)
        except self._failure as error:
            raise self._error(f"endpoint {endpoint:#x} stays halted", error) from None

    def reset(self) -> None:
        try:
            self._backend.reset_device(self._handle)
        except self._failure as error:
            raise self._error("it does not come back from a reset", error) from None

    def end_transfers(self) -> bool:
        self._closing = True
        workers = list(self._workers.values())
        for worker in workers:
            worker.waiting.put(None)
        for worker in workers:
            worker.thread.join(PATIENCE)
        return not any(worker.thread.is_alive() for worker in workers)

    def close(self) -> None:
        if not self.end_transfers():
            # A write that the device does not take ends by its own time only; its thread still uses the handle.
            log.error("a USB transfer does not end; the device stays open")
            return
        try:
            self._backend.close_device(self._handle)
        except self._failure as error:
            log.info("a USB device does not close: %s", error)


class _CancelledError(Exception):
    pass


def _key(transfer: Transfer) -> int:
    """Which thread a transfer goes to."""
    return 0 if transfer.type is TransferType.CONTROL else transfer.endpoint


class _Worker:
    """The thread of one endpoint."""

    def __init__(self, engine: PyusbEngine, endpoint: int) -> None:
        self.waiting: queue.SimpleQueue[Transfer | None] = queue.SimpleQueue()
        self._engine = engine
        self._pending: set[Transfer] = set()
        self._unwanted: set[Transfer] = set()
        self.thread = threading.Thread(target=self._run, name=f"usb endpoint {endpoint:#x}", daemon=True)
        self.thread.start()

    def put(self, transfer: Transfer) -> None:
        self._pending.add(transfer)
        self.waiting.put(transfer)

    def cancel(self, transfer: Transfer) -> None:
        if transfer in self._pending:
            self._unwanted.add(transfer)

    def cancelled(self, transfer: Transfer) -> bool:
        return transfer in self._unwanted

    def _run(self) -> None:
        while (transfer := self.waiting.get()) is not None:
            self._engine.perform(transfer, self)
            self._pending.discard(transfer)
            self._unwanted.discard(transfer)
