"""What moves the bytes of a real USB device, and libusb's errors in usbredir's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..errors import UsbError
from ..interfaces import EndpointInfo, IsoPacket, Transfer, TransferStatus

#: How a transfer ended: what came (IN), how many bytes went out (OUT), the packets (iso).
Completed = Callable[[Transfer, TransferStatus, bytes, int, Sequence[IsoPacket]], None]

#: The device is unplugged; one line for the user.
Gone = Callable[[str], None]

UNPLUGGED = "it was unplugged"

#: Milliseconds for a control transfer, as operating systems have it; other transfers may wait for ever.
CONTROL_TIMEOUT_MS = 5000

# libusb's error numbers.
ERROR_INVALID_PARAM = -2
ERROR_ACCESS = -3
ERROR_NO_DEVICE = -4
ERROR_NOT_FOUND = -5
ERROR_BUSY = -6
ERROR_TIMEOUT = -7
ERROR_OVERFLOW = -8
ERROR_PIPE = -9
ERROR_NO_MEM = -11

_STATUS = {
    ERROR_INVALID_PARAM: TransferStatus.INVAL,
    ERROR_NOT_FOUND: TransferStatus.INVAL,
    ERROR_TIMEOUT: TransferStatus.TIMEOUT,
    ERROR_OVERFLOW: TransferStatus.BABBLE,
    ERROR_PIPE: TransferStatus.STALL,
}

_WORDS = {
    ERROR_ACCESS: "permission denied",
    ERROR_NO_DEVICE: UNPLUGGED,
    ERROR_NOT_FOUND: "it has no such part",
    ERROR_BUSY: "another program uses it",
    ERROR_TIMEOUT: "it does not answer",
    ERROR_PIPE: "it refuses",
    ERROR_NO_MEM: "the kernel has no memory for it (usbcore's usbfs_memory_mb sets how much there is)",
}


def error_status(code: int | None) -> TransferStatus:
    return _STATUS.get(code or 0, TransferStatus.IOERROR)


def usb_error(what: str, code: int | None, text: str) -> UsbError:
    """*code* and *text*: libusb's number and name of the error."""
    return UsbError(f"{what}: {_WORDS.get(code or 0, text)}", error_status(code))


class TransferEngine(Protocol):
    """An open device.

    :meth:`set_endpoints`, :meth:`submit` and :meth:`cancel` come on the event loop and return at once. The other calls
    may wait and come in a thread, one at a time; they raise UsbError. The callbacks that an engine was made with are
    called in any thread.
    """

    @property
    def has_iso(self) -> bool: ...

    def set_endpoints(self, endpoints: Sequence[EndpointInfo]) -> None:
        """Those that the claimed interfaces have in their current settings."""
        ...

    def submit(self, transfer: Transfer) -> None:
        """Raises UsbError when it does not even start; then it does not complete."""
        ...

    def cancel(self, transfer: Transfer) -> None: ...

    def claim(self, interface: int) -> None:
        """Takes it from the kernel's driver."""
        ...

    def release(self, interface: int) -> None:
        """Gives it back to the kernel's driver."""
        ...

    def set_configuration(self, value: int) -> None:
        """No interface is claimed then; 0 is none."""
        ...

    def set_alt_setting(self, interface: int, alt: int) -> None: ...

    def clear_halt(self, endpoint: int) -> None: ...

    def reset(self) -> None: ...

    def end_transfers(self) -> bool:
        """None can be submitted any more; whether all have ended in time."""
        ...

    def close(self) -> None:
        """Ends every transfer first."""
        ...
