"""The part of python-libusb1's interface that is used here, with models instead of cables.

As in libusb, callbacks run in the thread that handles events, a transfer is dead to the caller until then, and those of
one endpoint end in order.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from .usb_models import ISO, BabbleError, Model, StallError


class USBError(Exception):
    value = -1

    def __init__(self, value: int | None = None) -> None:
        super().__init__()
        if value is not None:
            self.value = value

    def __str__(self) -> str:
        return f"LIBUSB_ERROR [{self.value}]"


class USBErrorNoDevice(USBError):
    value = -4


class USBErrorNotFound(USBError):
    value = -5


class USBErrorInterrupted(USBError):
    value = -10


class Packet:
    """Of an iso transfer."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.status = 0
        self.data = b""


class FakeUsb1:
    """Stands for the module ``usb1``."""

    (
        TRANSFER_COMPLETED,
        TRANSFER_ERROR,
        TRANSFER_TIMED_OUT,
        TRANSFER_CANCELLED,
        TRANSFER_STALL,
        TRANSFER_NO_DEVICE,
        TRANSFER_OVERFLOW,
    ) = range(7)
    USBError = USBError
    USBErrorNoDevice = USBErrorNoDevice
    USBErrorNotFound = USBErrorNotFound
    USBErrorInterrupted = USBErrorInterrupted

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = list(models)
        self.contexts: list[Context] = []
        self.old = False  # a library that knows no options
        self._libusb1 = self

    def get_iso_packet_list(self, inner: list[Packet]) -> list[Packet]:
        return inner

    def USBContext(self, with_device_discovery: bool = True) -> Context:
        context = Context(self, with_device_discovery)
        self.contexts.append(context)
        return context


class Context:
    def __init__(self, module: FakeUsb1, discovery: bool) -> None:
        self.module = module
        self.discovery = discovery
        self.ended: deque[FakeTransfer] = deque()
        self.woken = threading.Condition()
        self.interrupted = False
        self.closed = False
        self.handles: list[Handle] = []

    def open(self) -> Self:
        if self.module.old and not self.discovery:
            raise USBError(-12)
        return self

    def close(self) -> None:
        assert not any(handle.flying for handle in self.handles), "transfers still fly"
        self.closed = True

    def getDeviceIterator(self, skip_on_error: bool = False) -> Iterator[FakeDevice]:
        assert self.discovery
        return iter([FakeDevice(self, one) for one in self.module.models if one.plugged])

    def wrapSysDevice(self, file: int) -> Handle:
        descriptor = os.pread(file, 18, 0)
        for model in self.module.models:
            if model.device_descriptor == descriptor:
                return FakeDevice(self, model).open()
        raise USBErrorNoDevice

    def handleEventsTimeout(self, tv: float = 0) -> None:
        with self.woken:
            self.woken.wait_for(lambda: self.ended or self.interrupted, tv)
            self.interrupted = False
        while self.ended:
            transfer = self.ended.popleft()
            transfer.land()

    def interruptEventHandler(self) -> None:
        with self.woken:
            self.interrupted = True
            self.woken.notify_all()


class FakeDevice:
    def __init__(self, context: Context, model: Model) -> None:
        self.context = context
        self.model = model
        self.handle: Handle | None = None

    def getBusNumber(self) -> int:
        return self.model.bus

    def getDeviceAddress(self) -> int:
        return self.model.address

    def open(self) -> Handle:
        if not self.model.permitted:
            raise USBError(-3)
        self.model.opened += 1
        self.handle = Handle(self)
        self.context.handles.append(self.handle)
        return self.handle

    def close(self) -> None:
        assert self.handle is not None
        self.handle.close()


class Handle:
    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.model = device.model
        self.context = device.context
        self.flying: list[FakeTransfer] = []
        self.auto_detach = False
        self.detached: set[int] = set()
        self.closed = False
        self.model.changed.append(self.look)

    def getDevice(self) -> FakeDevice:
        return self.device

    def close(self) -> None:
        assert not self.flying, "transfers still fly"
        assert not self.closed
        self.closed = True
        self.model.opened -= 1
        self.model.changed.remove(self.look)

    def _there(self) -> Model:
        assert not self.closed
        if not self.model.plugged:
            raise USBErrorNoDevice
        return self.model

    def setAutoDetachKernelDriver(self, enable: bool) -> None:
        self.auto_detach = enable

    def claimInterface(self, number: int) -> None:
        model = self._there()
        if model.owner:
            raise USBError(-6)
        if number in model.attached:
            if not self.auto_detach:
                raise USBError(-6)
            del model.attached[number]
            self.detached.add(number)
        model.claimed.add(number)

    def releaseInterface(self, number: int) -> None:
        model = self._there()
        model.claimed.remove(number)
        if self.auto_detach and number in model.drivers:
            model.attached[number] = model.drivers[number]

    def setConfiguration(self, value: int) -> None:
        model = self._there()
        if model.claimed:
            raise USBError(-6)
        model.configuration = max(0, value)
        model.attached = {
            one.number: model.drivers[one.number]
            for one in model.configurations.get(value, ())
            if one.number in model.drivers
        }

    def setInterfaceAltSetting(self, number: int, alt: int) -> None:
        self._there().alts[number] = alt

    def clearHalt(self, endpoint: int) -> None:
        self._there().halted.discard(endpoint)

    def resetDevice(self) -> None:
        self._there().reset()

    def getTransfer(self, iso_packets: int = 0) -> FakeTransfer:
        return FakeTransfer(self, iso_packets)

    # --- the device's end

    def look(self) -> None:
        """What can end now, ends: of each endpoint the oldest first."""
        with self.model.lock:
            stuck: set[int] = set()
            for transfer in list(self.flying):
                if transfer.ended:
                    continue
                if transfer.endpoint in stuck or not transfer.attempt():
                    stuck.add(transfer.endpoint)

    def end(self, transfer: FakeTransfer, status: int) -> None:
        transfer.status = status
        transfer.ended = True
        with self.context.woken:
            self.context.ended.append(transfer)
            self.context.woken.notify_all()


class FakeTransfer:
    _numbers = itertools.count()

    def __init__(self, handle: Handle, iso_packets: int) -> None:
        self.handle = handle
        self.count = iso_packets
        self.ended = self.doomed = self.closed = False
        self.submitted = False
        self.status = 0
        self.actual = 0
        self.endpoint = -1
        self.callback: Callable[[FakeTransfer], None] | None = None
        self.packets: list[Packet] = []
        self._USBTransfer__transfer = self.packets

    def _set(self, endpoint: int, content: Any, callback: Any, user_data: Any) -> None:
        assert not self.submitted
        assert not self.doomed
        self.endpoint = endpoint
        self.length = content if isinstance(content, int) else len(content)
        self.data = b"" if isinstance(content, int) else bytes(content)
        self.buffer = bytearray(self.length)
        self.callback = callback
        self.user_data = user_data

    def setControl(
        self, request_type: int, request: int, value: int, index: int, content: Any, callback: Any, user_data: Any,
        timeout: int,
    ) -> None:  # fmt: skip
        assert timeout > 0
        self._set(0, content, callback, user_data)
        self.setup = (request_type, request, value, index)
        self.buffer = bytearray(self.length)

    def setBulk(self, endpoint: int, content: Any, callback: Any, user_data: Any) -> None:
        self._set(endpoint, content, callback, user_data)

    def setInterrupt(self, endpoint: int, content: Any, callback: Any, user_data: Any) -> None:
        self._set(endpoint, content, callback, user_data)

    def setIsochronous(
        self, endpoint: int, content: Any, callback: Any, user_data: Any, iso_transfer_length_list: list[int]
    ) -> None:
        assert len(iso_transfer_length_list) == self.count
        if min(iso_transfer_length_list) <= 0:
            raise ValueError("Negative/null length transfers are not possible.")
        self._set(endpoint, content, callback, user_data)
        assert self.length == sum(iso_transfer_length_list)
        self.packets[:] = [Packet(length) for length in iso_transfer_length_list]

    def submit(self) -> None:
        handle = self.handle
        with handle.model.lock:
            if not handle.model.plugged:
                raise USBErrorNoDevice
            if self.endpoint and handle.model.end(self.endpoint) is None:
                raise USBErrorNotFound
            self.submitted = True
            handle.flying.append(self)
        handle.look()

    def cancel(self) -> None:
        with self.handle.model.lock:
            if not self.submitted or self.ended:
                raise USBErrorNotFound
            self.handle.end(self, FakeUsb1.TRANSFER_CANCELLED)

    def attempt(self) -> bool:
        """Whether it has ended."""
        model = self.handle.model
        status = FakeUsb1.TRANSFER_COMPLETED
        try:
            if not model.plugged:
                status = FakeUsb1.TRANSFER_NO_DEVICE
            elif self.endpoint in model.halted:
                status = FakeUsb1.TRANSFER_STALL
            elif not self._attempt(model):
                return False
        except StallError:
            status = FakeUsb1.TRANSFER_STALL
        except BabbleError:
            status = FakeUsb1.TRANSFER_OVERFLOW
        self.handle.end(self, status)
        return True

    def _attempt(self, model: Model) -> bool:
        if self.endpoint == 0:
            answer = model.control(*self.setup, self.data, self.length)
            self.buffer[: len(answer)] = answer
            self.actual = len(answer) if self.setup[0] & 0x80 else len(self.data)
            return True
        end = model.end(self.endpoint)
        if end is None:
            raise StallError
        if end.type == ISO:
            return self._attempt_iso(model)
        if self.endpoint & 0x80:
            data = model.give(self.endpoint, self.length)
            if data is None:
                return False
            self.buffer[: len(data)] = data
            self.actual = len(data)
            return True
        count = model.take(self.endpoint, self.data)
        self.actual = count or 0
        return count is not None

    def _attempt_iso(self, model: Model) -> bool:
        if self.endpoint & 0x80:
            given = model.give_iso(self.endpoint, [packet.length for packet in self.packets])
            if given is None:
                return False
            for packet, data in zip(self.packets, given, strict=True):
                packet.data = data
            return True
        at, parts = 0, []
        for packet in self.packets:
            parts.append(self.data[at : at + packet.length])
            packet.data = parts[-1]
            at += packet.length
        model.take_iso(self.endpoint, parts)
        return True

    # --- what the callback asks

    def land(self) -> None:
        self.handle.flying.remove(self)
        self.submitted = False
        assert self.callback is not None
        self.callback(self)
        if self.doomed:
            self.close()

    def doom(self) -> None:
        self.doomed = True

    def close(self) -> None:
        assert not self.submitted
        assert not self.closed
        self.closed = True

    def getUserData(self) -> Any:
        return self.user_data

    def getStatus(self) -> int:
        return self.status

    def getActualLength(self) -> int:
        return self.actual

    def getBuffer(self) -> bytearray:
        return self.buffer

    def iterISO(self) -> Iterator[tuple[int, bytearray]]:
        return iter([(packet.status, bytearray(packet.data)) for packet in self.packets])
