"""Transfers by python-libusb1: many at a time, isochronous ones with each packet's length and status."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from ..diagnostics import logger
from ..errors import UsbError
from ..interfaces import EndpointInfo, IsoPacket, Transfer, TransferStatus
from ..wire.usb import TransferType
from .usb_engine import (
    CONTROL_TIMEOUT_MS,
    ERROR_NO_DEVICE,
    UNPLUGGED,
    Completed,
    Gone,
    usb_error,
)
from .usb_library import usb1_module

log = logger("devices.usb")

#: Seconds after which the thread looks whether it is to end, should it not be woken.
LOOK = 1.0

#: Seconds for cancelled transfers to end.
PATIENCE = 5.0


class Usb1Engine:
    """*file*: the device's open node, which stays the caller's and has to stay open; without it (where the system has
    no nodes) the device is found by *bus* and *address*."""

    has_iso = True

    def __init__(
        self,
        file: int | None,
        bus: int,
        address: int,
        completed: Completed,
        gone: Gone,
        module: Any = None,
    ) -> None:
        self._usb1 = usb1 = usb1_module() if module is None else module
        self._completed = completed
        self._gone = gone
        self._ends = {
            usb1.TRANSFER_COMPLETED: TransferStatus.SUCCESS,
            usb1.TRANSFER_ERROR: TransferStatus.IOERROR,
            usb1.TRANSFER_TIMED_OUT: TransferStatus.TIMEOUT,
            usb1.TRANSFER_CANCELLED: TransferStatus.CANCELLED,
            usb1.TRANSFER_STALL: TransferStatus.STALL,
            usb1.TRANSFER_NO_DEVICE: TransferStatus.IOERROR,
            usb1.TRANSFER_OVERFLOW: TransferStatus.BABBLE,
        }
        self._flying: dict[Transfer, Any] = {}
        self._landed = threading.Condition()
        self._closing = False
        self._wrapped = file is not None
        self._context = self._open_context(file is None)
        try:
            self._handle = self._open_handle(file, bus, address)
            try:
                self._handle.setAutoDetachKernelDriver(True)
            except usb1.USBError as error:
                log.info("drivers stay as they are: %s", error)
        except usb1.USBError as error:
            self._context.close()
            raise self._error("the device does not open", error) from None
        self._thread = threading.Thread(target=self._run, name="usb events", daemon=True)
        self._thread.start()

    def _open_context(self, discovery: bool) -> Any:
        if not discovery:
            try:
                return self._usb1.USBContext(with_device_discovery=False).open()
            except self._usb1.USBError:
                pass  # a library from before 1.0.27
        return self._usb1.USBContext().open()

    def _open_handle(self, file: int | None, bus: int, address: int) -> Any:
        if file is not None:
            return self._context.wrapSysDevice(file)
        for device in self._context.getDeviceIterator(skip_on_error=True):
            if (device.getBusNumber(), device.getDeviceAddress()) == (bus, address):
                return device.open()
        raise self._usb1.USBErrorNoDevice

    def _error(self, what: str, error: Any) -> UsbError:
        return usb_error(what, error.value, str(error))

    # --- transfers, on the event loop

    def set_endpoints(self, endpoints: Sequence[EndpointInfo]) -> None:
        pass  # libusb knows them itself

    def submit(self, transfer: Transfer) -> None:
        usb1 = self._usb1
        flying = self._handle.getTransfer(iso_packets=len(transfer.packets))
        try:
            self._fill(flying, transfer)
            with self._landed:
                if self._closing:
                    raise UsbError("it is closed")
                self._flying[transfer] = flying
                try:
                    flying.submit()
                except BaseException:
                    del self._flying[transfer]
                    raise
        except usb1.USBError as error:
            flying.close()
            if error.value == ERROR_NO_DEVICE:
                self._gone(UNPLUGGED)
            raise self._error("the transfer does not start", error) from None
        except BaseException:
            flying.close()
            raise

    def _fill(self, flying: Any, transfer: Transfer) -> None:
        content = transfer.length if transfer.is_in else transfer.data
        if transfer.type is TransferType.CONTROL:
            setup = transfer.setup
            if setup is None:
                raise UsbError("a control transfer without a setup packet", TransferStatus.INVAL)
            words = (setup.request_type, setup.request, setup.value, setup.index)
            flying.setControl(*words, content, callback=self._done, user_data=transfer, timeout=CONTROL_TIMEOUT_MS)
        elif transfer.type is TransferType.ISO:
            self._fill_iso(flying, transfer)
        elif transfer.type is TransferType.BULK:
            flying.setBulk(transfer.endpoint, content, callback=self._done, user_data=transfer)
        else:
            flying.setInterrupt(transfer.endpoint, content, callback=self._done, user_data=transfer)

    def _fill_iso(self, flying: Any, transfer: Transfer) -> None:
        lengths = [max(1, length) for length in transfer.packets]
        content: Any = sum(lengths) if transfer.is_in else transfer.data + bytes(sum(lengths) - sum(transfer.packets))
        flying.setIsochronous(
            transfer.endpoint,
            content,
            callback=self._done,
            user_data=transfer,
            iso_transfer_length_list=lengths,
        )
        if 0 in transfer.packets:
            # The package takes no packet of no bytes, which guests send while they have no sound.
            inner = flying._USBTransfer__transfer
            for packet, length in zip(self._usb1._libusb1.get_iso_packet_list(inner), transfer.packets, strict=True):
                packet.length = length

    def cancel(self, transfer: Transfer) -> None:
        with self._landed:
            flying = self._flying.get(transfer)
            if flying is not None:
                self._cancel(flying)

    def _cancel(self, flying: Any) -> None:
        try:
            flying.cancel()
        except self._usb1.USBError as error:
            log.debug("a transfer cannot be cancelled any more: %s", error)

    # --- the thread of events

    def _run(self) -> None:
        while not self._closing or self._flying:
            try:
                self._context.handleEventsTimeout(LOOK)
            except self._usb1.USBErrorInterrupted:
                continue
            except self._usb1.USBError as error:
                log.error("USB events cannot be had any more: %s", error)
                self._gone(f"its events cannot be had any more: {error}")
                return

    def _done(self, flying: Any) -> None:
        """libusb's callback. The transfer may be freed once nobody can cancel it any more."""
        transfer: Transfer = flying.getUserData()
        with self._landed:
            self._flying.pop(transfer, None)
            flying.doom()
        try:
            self._tell(flying, transfer)
        except Exception as error:
            log.error("a USB transfer's end was lost", exc_info=error)
            self._completed(transfer, TransferStatus.IOERROR, b"", 0, ())
        with self._landed:
            self._landed.notify_all()

    def _tell(self, flying: Any, transfer: Transfer) -> None:
        end = flying.getStatus()
        status = self._ends.get(end, TransferStatus.IOERROR)
        if end == self._usb1.TRANSFER_NO_DEVICE:
            self._gone(UNPLUGGED)
        if transfer.type is TransferType.ISO:
            parts = [
                IsoPacket(self._ends.get(each, TransferStatus.IOERROR), bytes(data) if transfer.is_in else b"")
                for each, data in flying.iterISO()
            ]
            self._completed(transfer, status, b"", 0, parts)
        else:
            length = flying.getActualLength()
            data = bytes(flying.getBuffer()[:length]) if transfer.is_in else b""
            self._completed(transfer, status, data, length, ())

    # --- what waits, in a thread

    def claim(self, interface: int) -> None:
        try:
            self._handle.claimInterface(interface)
        except self._usb1.USBError as error:
            raise self._error(f"its interface {interface} cannot be taken", error) from None

    def release(self, interface: int) -> None:
        try:
            self._handle.releaseInterface(interface)
        except self._usb1.USBError as error:
            raise self._error(f"its interface {interface} cannot be given back", error) from None

    def set_configuration(self, value: int) -> None:
        try:
            self._handle.setConfiguration(value or -1)
        except self._usb1.USBError as error:
            raise self._error(f"configuration {value} cannot be set", error) from None

    def set_alt_setting(self, interface: int, alt: int) -> None:
        try:
            self._handle.setInterfaceAltSetting(interface, alt)
        except self._usb1.USBError as error:
            raise self._error(f"alternate setting {alt} of interface {interface} cannot be set", error) from None

    def clear_halt(self, endpoint: int) -> None:
        try:
            self._handle.clearHalt(endpoint)
        except self._usb1.USBError as error:
            raise self._error(f"endpoint {endpoint:#x} stays halted", error) from None

    def reset(self) -> None:
        try:
            self._handle.resetDevice()
        except self._usb1.USBError as error:
            if error.value == ERROR_NO_DEVICE:
                self._gone(UNPLUGGED)
            raise self._error("it does not come back from a reset", error) from None

    def end_transfers(self) -> bool:
        with self._landed:
            self._closing = True
            for flying in list(self._flying.values()):
                self._cancel(flying)
            return self._landed.wait_for(lambda: not self._flying, PATIENCE)

    def close(self) -> None:
        ended = self.end_transfers()
        self._context.interruptEventHandler()
        self._thread.join(PATIENCE if ended else LOOK)
        if not ended or self._thread.is_alive():
            # Closing now would free what the kernel still writes into.
            log.error("%d USB transfers do not end; the device stays open", len(self._flying))
            return
        # A handle made from a file owns its device, and the package's close() of such a handle fails half way.
        (self._handle.getDevice() if self._wrapped else self._handle).close()
        self._context.close()
