"""A model of a USB device on a cable that is a socket: Linux's vhci_hcd makes a real device of it (USB/IP)."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.usb_models import Model

ATTACH = Path("/sys/devices/platform/vhci_hcd.0/attach")
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
EPIPE = 32
FULL, HIGH = 2, 3  # as the kernel numbers speeds
DEVICE = 0x10002


class Cable:
    """Serves *model* until it is closed."""

    def __init__(self, model: Model, port: int = 0, speed: int = FULL) -> None:
        self.model = model
        self._ours, theirs = socket.socketpair()
        with theirs:
            ATTACH.write_text(f"{port} {theirs.fileno()} {DEVICE} {speed}")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._ours.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _serve(self) -> None:
        try:
            while True:
                self._request()
        except (EOFError, OSError):
            return

    def _request(self) -> None:
        head = self._exactly(48)
        command, number, _, direction, endpoint = struct.unpack_from(">5I", head)
        if command == UNLINK:  # everything is answered at once, so it comes too late
            self._ours.sendall(struct.pack(">5Ii", UNLINKED, number, 0, 0, 0, 0).ljust(48, b"\0"))
            return
        assert command == SUBMIT, command
        length, _, packets = struct.unpack_from(">3i", head, 24)
        count = max(0, packets)
        data = b"" if direction else self._exactly(length)
        iso = [struct.unpack_from(">4I", self._exactly(16)) for _ in range(count)]
        status, answer, descriptors = 0, b"", b""
        address = endpoint | (0x80 if direction else 0)
        if iso:
            given = self.model.give_iso(address, [one[1] for one in iso]) or []
            answer = b"".join(given)
            for one, part in zip(iso, given, strict=True):
                descriptors += struct.pack(">4I", one[0], one[1], len(part), 0)
        else:
            status, answer = self._control(head[40:48], data, length)
        actual = len(answer) if direction else len(data)
        reply = struct.pack(">5I5i", SUBMITTED, number, 0, 0, 0, status, actual, 0, count if iso else -1, 0)
        self._ours.sendall(reply.ljust(48, b"\0") + answer + descriptors)

    def _control(self, setup: bytes, data: bytes, length: int) -> tuple[int, bytes]:
        kind, request, value, index, _ = struct.unpack("<BBHHH", setup)
        if (kind & 0x7F) in (0, 1) and request in (5, 9, 11):  # address, configuration, alternate setting
            return 0, b""
        if (kind, request) == (0x80, 0):
            return 0, b"\0\0"
        try:
            return 0, self.model.control(kind, request, value, index, data, length)
        except Exception:  # it refuses
            return -EPIPE, b""
