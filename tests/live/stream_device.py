"""The guest's side of a SPICE stream device (spice/stream-device.h): a guest that sends its screen as a video."""

from __future__ import annotations

import struct
from pathlib import Path

from spicetui.wire.enums import VideoCodecType

from . import guest
from .qemu import Qemu

VERSION = 1
FORMAT, DATA = 2, 3
DISPLAY = 1
"""The number of its display channel, behind the machine's own."""


class StreamDevice:
    """A machine whose second serial port is a stream device; what it sends comes from the test."""

    def __init__(self, directory: Path) -> None:
        port = "spiceport,id=stream,name=org.spice-space.stream.0"
        serial = "isa-serial,iobase=0x2f8,irq=3,chardev=stream"
        disk = guest.build("port_relay", directory)
        # The machine's display has to come first, or the stream device takes its number and QEMU falls over that.
        self.machine = Qemu(directory, vga="qxl", disk=disk, clients=True, extra=("-chardev", port, "-device", serial))

    def wait_ready(self) -> None:
        self.machine.com1.read_through(b"READY\n")

    def _send(self, kind: int, body: bytes) -> None:
        self.machine.com1.send(struct.pack("<BxHI", VERSION, kind, len(body)) + body)

    def format(self, codec: VideoCodecType, width: int, height: int) -> None:
        """A new stream, on a new surface of that size."""
        self._send(FORMAT, struct.pack("<IIB3x", width, height, codec))

    def frame(self, data: bytes) -> None:
        self._send(DATA, data)
