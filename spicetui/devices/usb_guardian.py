"""``python usb_guardian.py FILE INTERFACE…``: gives a device back to the kernel's drivers when its user has died.

A killed program leaves its devices without drivers: a keyboard that no key comes from, a disk that nobody can mount.
This one waits on standard input, whose other end only that program holds. A byte means that all was given back already;
its end without one, that the program is gone. *FILE* is the number of the device's open node, which came with it.
It imports nothing of its package, so that it starts quickly and outlives what broke the other one.
"""

from __future__ import annotations

import array
import ctypes
import os
import signal
import sys
import time

#: Seconds until what the dead program held is closed by the kernel.
PATIENCE = 5.0


class _Ioctl(ctypes.Structure):
    _fields_ = (("interface", ctypes.c_int), ("code", ctypes.c_int), ("data", ctypes.c_void_p))


def _code(direction: int, number: int, size: int) -> int:
    """As <asm-generic/ioctl.h> makes them; 'U' is usbfs."""
    return direction << 30 | size << 16 | ord("U") << 8 | number


NONE, READ, BOTH = 0, 2, 3
RELEASE_INTERFACE = _code(READ, 16, 4)
RESET = _code(NONE, 20, 0)
IOCTL = _code(BOTH, 18, ctypes.sizeof(_Ioctl))
CONNECT = _code(NONE, 23, 0)


def give_back(file: int, interfaces: list[int]) -> list[int]:
    """The interfaces that have no driver after it."""
    import fcntl

    for interface in interfaces:
        try:
            fcntl.ioctl(file, RELEASE_INTERFACE, array.array("I", [interface]))
        except OSError:
            pass  # it was not claimed through this file, or is not any more
    try:
        fcntl.ioctl(file, RESET)  # what the guest left half done would confuse the driver
    except OSError:
        pass
    left = list(interfaces)
    until = time.monotonic() + PATIENCE
    while left and time.monotonic() < until:
        left = [interface for interface in left if not _connect(file, interface)]
        if left:
            time.sleep(0.1)
    return left


def _connect(file: int, interface: int) -> bool:
    """Whether nothing more is to be done: it has a driver, or there is none for it."""
    import errno
    import fcntl

    request = _Ioctl(interface, CONNECT, None)
    try:
        fcntl.ioctl(file, IOCTL, request)
    except OSError as error:
        return error.errno != errno.EBUSY
    return True


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what ends the other one comes to this one too
    if not os.read(0, 1):
        give_back(int(sys.argv[1]), [int(word) for word in sys.argv[2:]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
