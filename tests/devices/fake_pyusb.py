"""pyusb's lower end (``usb.backend.IBackend``) with models instead of cables."""

from __future__ import annotations

import array
import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import usb.core  # type: ignore[import-untyped]
from usb.backend import IBackend  # type: ignore[import-untyped]

from .usb_models import Model, Setting, StallError


def failure(code: int, number: int, text: str) -> Exception:
    kind = usb.core.USBTimeoutError if code == -7 else usb.core.USBError
    error: Exception = kind(text, code, number)
    return error


class FakeBackend(IBackend):  # type: ignore[misc]
    """*read_limit* bytes come of one read at most before its time is up, as from a slow device."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__()
        self.models = list(models)
        self.read_limit: int | None = None
        self.calls: list[str] = []

    # --- descriptors

    def enumerate_devices(self) -> Iterator[Model]:
        return iter([one for one in self.models if one.plugged])

    def get_parent(self, dev: Model) -> None:
        return None

    def get_device_descriptor(self, dev: Model) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bMaxPacketSize0=64,
            iManufacturer=1, iProduct=2, iSerialNumber=3,
            bDeviceClass=dev.kind[0], bDeviceSubClass=dev.kind[1], bDeviceProtocol=dev.kind[2],
            idVendor=dev.vendor, idProduct=dev.product, bcdDevice=dev.version,
            bNumConfigurations=len(dev.configurations), address=dev.address, bus=dev.bus,
            port_number=1, port_numbers=(1,), speed=dev.speed,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: Model, config: int) -> SimpleNamespace:
        if config >= len(dev.configurations):
            raise IndexError("no such configuration")
        value, settings = list(dev.configurations.items())[config]
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=9, bNumInterfaces=len(self._numbers(settings)),
            bConfigurationValue=value, iConfiguration=0, bmAttributes=0x80, bMaxPower=50, extra_descriptors=[],
        )  # fmt: skip

    def _numbers(self, settings: Sequence[Setting]) -> list[int]:
        return list(dict.fromkeys(one.number for one in settings))

    def _setting(self, dev: Model, intf: int, alt: int, config: int) -> Setting:
        settings = list(dev.configurations.values())[config]
        numbers = self._numbers(settings)
        if intf >= len(numbers):
            raise IndexError("no such interface")
        return [one for one in settings if one.number == numbers[intf]][alt]

    def get_interface_descriptor(self, dev: Model, intf: int, alt: int, config: int) -> SimpleNamespace:
        one = self._setting(dev, intf, alt, config)
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=one.number, bAlternateSetting=one.alt,
            bNumEndpoints=len(one.ends), bInterfaceClass=one.kind[0], bInterfaceSubClass=one.kind[1],
            bInterfaceProtocol=one.kind[2], iInterface=0, extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: Model, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        end = self._setting(dev, intf, alt, config).ends[ep]
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=end.address, bmAttributes=end.type,
            wMaxPacketSize=end.size, bInterval=end.interval, bRefresh=0, bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    # --- handles

    def open_device(self, dev: Model) -> Model:
        if not dev.permitted:
            raise failure(-3, errno.EACCES, "Access denied (insufficient permissions)")
        dev.opened += 1
        return dev

    def close_device(self, handle: Model) -> None:
        handle.opened -= 1

    def get_configuration(self, handle: Model) -> int:
        return handle.configuration

    def set_configuration(self, handle: Model, value: int) -> None:
        if handle.claimed:
            raise failure(-6, errno.EBUSY, "Resource busy")
        handle.configuration = value
        handle.attached = dict(handle.drivers)

    def set_interface_altsetting(self, handle: Model, intf: int, alt: int) -> None:
        handle.alts[intf] = alt

    def claim_interface(self, handle: Model, intf: int) -> None:
        if handle.owner or intf in handle.attached:
            raise failure(-6, errno.EBUSY, "Resource busy")
        handle.claimed.add(intf)

    def release_interface(self, handle: Model, intf: int) -> None:
        handle.claimed.discard(intf)

    def is_kernel_driver_active(self, handle: Model, intf: int) -> bool:
        return intf in handle.attached

    def detach_kernel_driver(self, handle: Model, intf: int) -> None:
        del handle.attached[intf]

    def attach_kernel_driver(self, handle: Model, intf: int) -> None:
        handle.attached[intf] = handle.drivers[intf]

    def clear_halt(self, handle: Model, ep: int) -> None:
        handle.halted.discard(ep)

    def reset_device(self, handle: Model) -> None:
        if not handle.plugged:
            raise failure(-4, errno.ENODEV, "No such device")
        handle.reset()

    # --- transfers

    def _until(self, model: Model, ep: int, timeout: int, attempt: Callable[[], Any]) -> Any:
        woken = threading.Event()
        model.changed.append(woken.set)
        until = time.monotonic() + timeout / 1000
        try:
            while True:
                woken.clear()
                with model.lock:
                    if not model.plugged:
                        raise failure(-4, errno.ENODEV, "No such device (it may have been disconnected)")
                    if ep in model.halted:
                        raise failure(-9, errno.EPIPE, "Pipe error")
                    if ep and model.end(ep) is None:
                        raise failure(-5, errno.ENOENT, "Entity not found")
                    try:
                        result = attempt()
                    except StallError:
                        raise failure(-9, errno.EPIPE, "Pipe error") from None
                if result is not None:
                    return result
                if not woken.wait(until - time.monotonic()):
                    raise failure(-7, errno.ETIMEDOUT, "Operation timed out")
        finally:
            model.changed.remove(woken.set)

    def bulk_write(self, handle: Model, ep: int, intf: int, data: array.array[int], timeout: int) -> int:
        count: int = self._until(handle, ep, timeout, lambda: handle.take(ep, data.tobytes()))
        return count

    intr_write = bulk_write

    def bulk_read(self, handle: Model, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        limit = len(buff) if self.read_limit is None else min(len(buff), self.read_limit)
        begun = time.monotonic()
        data: bytes = self._until(handle, ep, timeout, lambda: handle.give(ep, limit))
        if limit < len(buff) and len(data) == limit:  # the rest did not come in time
            threading.Event().wait(max(0.0, begun + timeout / 1000 - time.monotonic()))
        buff[: len(data)] = array.array("B", data)
        return len(data)

    intr_read = bulk_read

    def ctrl_transfer(
        self, handle: Model, kind: int, request: int, value: int, index: int, data: array.array[int], timeout: int
    ) -> int:
        out = b"" if kind & 0x80 else data.tobytes()
        answer: bytes = self._until(
            handle, 0, timeout, lambda: handle.control(kind, request, value, index, out, len(data))
        )
        if kind & 0x80:
            data[: len(answer)] = array.array("B", answer)
            return len(answer)
        return len(out)
