"""``spicetui-usb-helper BUS ADDRESS VENDOR:PRODUCT``: opens one USB device and hands it over on standard input.

It is run by pkexec or sudo, so it imports nothing of its package, takes no options and no words from the environment,
opens nothing but the node of one USB device that is no hub and still is the one that was asked for, and ends at once.
Standard input has to be a unix socket, whose other end gets ``{"ok": true}`` with the file, or ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys

USB_MAJOR = 189
DEVICE_DESCRIPTOR = 18
HUB = 0x09
ROOT = "/dev/bus/usb"


class RefusedError(Exception):
    pass


def checked(words: list[str]) -> tuple[int, int, str]:
    """Bus, address and ``vendor:product``. Raises RefusedError."""
    if len(words) != 3:
        raise RefusedError("usage: spicetui-usb-helper BUS ADDRESS VENDOR:PRODUCT")
    bus, address, numbers = words
    if not re.fullmatch(r"[1-9][0-9]{0,2}", bus) or not re.fullmatch(r"[1-9][0-9]{0,2}", address):
        raise RefusedError("BUS and ADDRESS are numbers from 1 to 999")
    if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", numbers):
        raise RefusedError("VENDOR:PRODUCT are four hexadecimal digits each")
    return int(bus), int(address), numbers


def is_usb_device(file: int, major: int = USB_MAJOR) -> bool:
    found = os.fstat(file)
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == major


def open_device(bus: int, address: int, numbers: str, root: str = ROOT) -> int:
    """The open node. Raises RefusedError."""
    path = f"{root}/{bus:03d}/{address:03d}"
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise RefusedError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    try:
        if not is_usb_device(file):
            raise RefusedError(f"{path} is no USB device")
        descriptor = os.read(file, DEVICE_DESCRIPTOR)
        if len(descriptor) != DEVICE_DESCRIPTOR:
            raise RefusedError(f"{path} tells no device descriptor")
        vendor, product = (int.from_bytes(descriptor[at : at + 2], "little") for at in (8, 10))
        if f"{vendor:04x}:{product:04x}" != numbers:
            raise RefusedError(f"{path} is {vendor:04x}:{product:04x} and not {numbers}")
        if descriptor[4] == HUB:
            raise RefusedError(f"{path} is a hub")
        os.lseek(file, 0, os.SEEK_SET)
    except BaseException:
        os.close(file)
        raise
    return file


def serve(words: list[str], line: socket.socket) -> int:
    """Answers on *line*; the exit status."""
    try:
        file = open_device(*checked(words))
    except RefusedError as error:
        line.sendall(json.dumps({"error": str(error)}).encode())
        return 1
    try:
        socket.send_fds(line, [json.dumps({"ok": True}).encode()], [file])
    finally:
        os.close(file)
    return 0


def main() -> int:
    try:
        line = socket.socket(fileno=os.dup(0))
        if line.family != socket.AF_UNIX:
            raise OSError
    except OSError:
        sys.stderr.write("spicetui-usb-helper: standard input has to be a unix socket; spicetui runs this itself\n")
        return 2
    with line:
        try:
            return serve(sys.argv[1:], line)
        except OSError as error:
            sys.stderr.write(f"spicetui-usb-helper: {error}\n")
            return 1


if __name__ == "__main__":
    sys.exit(main())
