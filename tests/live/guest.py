"""Guests of one or two sectors: what the keyboard and the mouse deliver, and screens drawn on command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from . import needs
from .process import DEADLINE
from .qemu import Qemu

IMAGE_BYTES = 1 << 20
"""A smaller disk is taken for a floppy by the firmware."""


def build(name: str, directory: Path) -> Path:
    """Assembles `name`.asm of this folder into a disk image."""
    source = Path(__file__).with_name(f"{name}.asm")
    image = directory / f"{name}.img"
    done = subprocess.run(
        [needs.program("nasm"), "-f", "bin", "-o", str(image), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with open(image, "r+b") as file:
        file.truncate(IMAGE_BYTES)
    return image


class MousePacket(NamedTuple):
    """What one packet of a mouse with five buttons tells; y grows downwards, a wheel turned up is negative."""

    buttons: int
    """1 left, 2 right, 4 middle, 8 side, 16 extra"""
    dx: int
    dy: int
    wheel: int


class ScancodeLog:
    """The two logs of scancode_echo.asm: bytes of the keyboard and bytes of the mouse, in order of arrival each."""

    def __init__(self, machine: Qemu) -> None:
        self._line = machine.com1
        self._line.read_through(b"READY\n")
        self._keyboard = bytearray()
        self._mouse = bytearray()

    def _take(self, entries: bytes) -> None:
        for at in range(0, len(entries), 3):
            log = {b"k": self._keyboard, b"m": self._mouse}[entries[at : at + 1]]
            log.append(int(entries[at + 1 : at + 3], 16))

    def _wait(self, log: bytearray, count: int, seconds: float) -> bytes:
        while len(log) < count:
            self._take(self._line.read_exactly(3, seconds))
        taken = bytes(log[:count])
        del log[:count]
        return taken

    def keyboard(self, count: int, seconds: float = DEADLINE) -> bytes:
        """The next `count` bytes that IRQ 1 brought."""
        return self._wait(self._keyboard, count, seconds)

    def mouse(self, count: int, seconds: float = DEADLINE) -> bytes:
        """The next `count` bytes that IRQ 12 brought."""
        return self._wait(self._mouse, count, seconds)

    def mouse_packet(self, seconds: float = DEADLINE) -> MousePacket:
        head, x, y, tail = self.mouse(4, seconds)
        assert head & 0x08, f"packet {head:02x} {x:02x} {y:02x} {tail:02x} is out of step"
        assert not head & 0xC0, "a movement overflowed"
        wheel = (tail & 0x0F) - ((tail & 0x08) << 1)
        up = y - ((head & 0x20) << 3)
        return MousePacket((head & 7) | (tail & 0x30) >> 1, x - ((head & 0x10) << 4), -up, wheel)

    def pending(self) -> bytes:
        """What has come beyond what was asked for, of both."""
        entries = self._line.read_pending()
        if started := len(entries) % 3:
            entries += self._line.read_exactly(3 - started)
        self._take(entries)
        return bytes(self._keyboard + self._mouse)

    def set_leds(self, leds: int) -> None:
        """1 scroll lock, 2 num lock, 4 caps lock; returns when the keyboard has acknowledged them."""
        self._line.send(bytes([leds]))
        answer = self.keyboard(2)
        assert answer == b"\xfa\xfa", f"the keyboard answered {answer.hex()} to its LEDs"


class Scenes:
    """scenes.asm at the other end of COM1."""

    TEXT, SMOOTH, NOISE, FLAT, SQUARE = "t", "v", "n", "f", "p"

    def __init__(self, machine: Qemu) -> None:
        self._line = machine.com1
        self._line.read_through(b"READY\n")

    def draw(self, scene: str, seed: int = 1) -> None:
        """Returns when the guest has drawn it."""
        self._line.send(scene.encode("ascii") + bytes([seed]))
        answer = self._line.read_exactly(1)
        assert answer == b".", answer
