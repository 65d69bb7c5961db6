"""USB devices as a cable would show them, for the fakes of pyusb's backend and of python-libusb1."""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

CONTROL, ISO, BULK, INTERRUPT = range(4)
LOW, FULL, HIGH, SUPER = 1, 2, 3, 4


class StallError(Exception):
    """The device refuses."""


class BabbleError(Exception):
    """The device has sent more than was asked for."""


@dataclass(frozen=True)
class End:
    address: int
    type: int
    size: int = 512
    interval: int = 0


@dataclass(frozen=True)
class Setting:
    number: int
    alt: int
    kind: tuple[int, int, int]
    ends: tuple[End, ...] = ()


@dataclass
class Model:
    """Answers standard requests; *drivers*: those of the kernel, by interface."""

    vendor: int = 0x1234
    product: int = 0x0001
    version: int = 0x0100
    kind: tuple[int, int, int] = (0, 0, 0)
    speed: int = HIGH
    strings: tuple[str, str, str] = ("Maker", "Thing", "S1")
    configurations: dict[int, tuple[Setting, ...]] = field(default_factory=dict)
    bus: int = 1
    address: int = 2
    drivers: dict[int, str] = field(default_factory=dict)
    owner: str = ""  # another program that has it
    permitted: bool = True

    def __post_init__(self) -> None:
        self.configuration = next(iter(self.configurations), 0)
        self.alts: dict[int, int] = {}
        self.claimed: set[int] = set()
        self.attached = dict(self.drivers)  # what drives each interface now
        self.halted: set[int] = set()
        self.resets = 0
        self.plugged = True
        self.opened = 0
        self.log: list[tuple[object, ...]] = []
        self.lock = threading.RLock()
        self.changed: list[Callable[[], None]] = []

    # --- descriptors

    @property
    def device_descriptor(self) -> bytes:
        words = (18, 1, 0x0200, *self.kind, 64, self.vendor, self.product, self.version, 1, 2, 3)
        return struct.pack("<BBHBBBBHHHBBBB", *words, len(self.configurations))

    def configuration_descriptor(self, index: int) -> bytes:
        value, settings = list(self.configurations.items())[index]
        body = b""
        for one in settings:
            body += struct.pack("<9B", 9, 4, one.number, one.alt, len(one.ends), *one.kind, 0)
            for end in one.ends:
                body += struct.pack("<BBBBHB", 7, 5, end.address, end.type, end.size, end.interval)
        count = len({one.number for one in settings})
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), count, value, 0, 0x80, 50) + body

    def string_descriptor(self, index: int) -> bytes:
        if index == 0:
            return b"\x04\x03\x09\x04"
        if index > len(self.strings):
            raise StallError
        text = self.strings[index - 1].encode("utf-16-le")
        return bytes([2 + len(text), 3]) + text

    # --- what happens to it

    def poke(self) -> None:
        """Tells the fakes that a transfer which waits may have something now."""
        for call in list(self.changed):
            call()

    def unplug(self) -> None:
        with self.lock:
            self.plugged = False
        self.poke()

    def reset(self) -> None:
        self.resets += 1
        self.alts.clear()
        self.halted.clear()
        self.log.append(("reset",))

    def settings(self) -> list[Setting]:
        return [
            one for one in self.configurations.get(self.configuration, ()) if one.alt == self.alts.get(one.number, 0)
        ]

    def end(self, address: int) -> End | None:
        for one in self.settings():
            for end in one.ends:
                if end.address == address and one.number in self.claimed:
                    return end
        return None

    # --- transfers

    def control(self, request_type: int, request: int, value: int, index: int, data: bytes, length: int) -> bytes:
        self.log.append(("control", request_type, request, value, index, data))
        if (request_type, request) == (0x80, 6):
            kind, number = value >> 8, value & 0xFF
            if kind == 1:
                return self.device_descriptor[:length]
            if kind == 2 and number < len(self.configurations):
                return self.configuration_descriptor(number)[:length]
            if kind == 3:
                return self.string_descriptor(number)[:length]
        return self.class_request(request_type, request, value, index, data, length)

    def class_request(self, request_type: int, request: int, value: int, index: int, data: bytes, length: int) -> bytes:
        raise StallError

    def take(self, address: int, data: bytes) -> int | None:
        """Bytes of an OUT transfer that went in; None while the device takes none."""
        raise StallError

    def give(self, address: int, length: int) -> bytes | None:
        """The data of an IN transfer; None while there is none."""
        raise StallError

    def take_iso(self, address: int, packets: list[bytes]) -> None:
        raise StallError

    def give_iso(self, address: int, sizes: list[int]) -> list[bytes] | None:
        raise StallError


class Storage(Model):
    """Bulk-only transport with the few commands that reading and writing take."""

    BLOCK = 512

    def __init__(self, medium: bytearray, **words: object) -> None:
        ends = (End(0x81, BULK), End(0x02, BULK))
        words.setdefault("drivers", {0: "usb-storage"})
        super().__init__(
            vendor=0x0951,
            product=0x1666,
            strings=("Kingston", "DataTraveler", "AA0001"),
            configurations={1: (Setting(0, 0, (8, 6, 0x50), ends),)},
            **words,  # type: ignore[arg-type]
        )
        self.medium = medium
        self._answers: deque[bytes] = deque()
        self._command: tuple[int, int, bytes] | None = None
        self._writing = bytearray()

    def reset(self) -> None:
        super().reset()
        self._answers.clear()
        self._command = None

    def class_request(self, request_type: int, request: int, value: int, index: int, data: bytes, length: int) -> bytes:
        if (request_type, request) == (0xA1, 0xFE):
            return b"\0"
        if (request_type, request) == (0x21, 0xFF):
            self._answers.clear()
            self._command = None
            return b""
        raise StallError

    def take(self, address: int, data: bytes) -> int | None:
        if self._command is None:
            signature, tag, length, _, _, size, cdb = struct.unpack("<4sIIBBB16s", data)
            if signature != b"USBC":
                self.halted |= {0x81, 0x02}
                raise StallError
            self._command = (tag, length, cdb[:size])
            self._writing.clear()
            if cdb[0] != 0x2A:
                self._run(tag, length, cdb)
            return len(data)
        tag, length, cdb = self._command
        self._writing += data
        if len(self._writing) >= length:
            (block,) = struct.unpack_from(">I", cdb, 2)
            self.medium[block * self.BLOCK : block * self.BLOCK + length] = self._writing
            self._finish(tag, 0)
        return len(data)

    def _run(self, tag: int, length: int, cdb: bytes) -> None:
        status = 0
        if cdb[0] == 0x28:
            block, count = struct.unpack_from(">I", cdb, 2)[0], struct.unpack_from(">H", cdb, 7)[0]
            self._answers.append(bytes(self.medium[block * self.BLOCK : (block + count) * self.BLOCK]))
        elif cdb[0] == 0x25:
            self._answers.append(struct.pack(">II", len(self.medium) // self.BLOCK - 1, self.BLOCK))
        elif cdb[0] == 0x12:
            self._answers.append((b"\0\x80\x05\x02\x1f\0\0\0" + b"Kingston" + b"DataTraveler    1.00")[:length])
        elif cdb[0] != 0:
            status = 1
        self._finish(tag, status)

    def _finish(self, tag: int, status: int) -> None:
        self._answers.append(struct.pack("<4sIIB", b"USBS", tag, 0, status))
        self._command = None

    def give(self, address: int, length: int) -> bytes | None:
        if not self._answers:
            return None
        answer = self._answers.popleft()
        if len(answer) > length:
            self._answers.appendleft(answer[length:])
        return answer[:length]


class UasDisk(Storage):
    """A SuperSpeed disk that speaks both protocols; the newer one in alternate setting 1 needs bulk streams."""

    def __init__(self, medium: bytearray) -> None:
        super().__init__(medium, speed=SUPER)
        pipes = tuple(End(address, BULK, 1024) for address in (0x81, 0x02, 0x83, 0x04))
        old = Setting(0, 0, (8, 6, 0x50), (End(0x81, BULK, 1024), End(0x02, BULK, 1024)))
        self.configurations = {1: (old, Setting(0, 1, (8, 6, 0x62), pipes))}


class Keyboard(Model):
    """Its reports come by :meth:`press`."""

    def __init__(self, **words: object) -> None:
        super().__init__(
            vendor=0x046D,
            product=0xC31C,
            speed=LOW,
            strings=("Logitech", "USB Keyboard", ""),
            configurations={1: (Setting(0, 0, (3, 1, 1), (End(0x81, INTERRUPT, 8, 10),)),)},
            drivers={0: "usbhid"},
            **words,  # type: ignore[arg-type]
        )
        self._reports: deque[bytes] = deque()

    def press(self, *usages: int) -> None:
        with self.lock:
            self._reports.append(bytes([0, 0, *usages]).ljust(8, b"\0"))
        self.poke()

    def class_request(self, request_type: int, request: int, value: int, index: int, data: bytes, length: int) -> bytes:
        if (request_type, request) in ((0x21, 0x0A), (0x21, 0x09)):  # set idle; the lights
            return b""
        raise StallError

    def give(self, address: int, length: int) -> bytes | None:
        return self._reports.popleft()[:length] if self._reports else None


class Serial(Model):
    """Gives back what it takes, with two bytes of status before, as FTDI's; *deaf* it takes nothing."""

    def __init__(self, **words: object) -> None:
        super().__init__(
            vendor=0x0403,
            product=0x6001,
            speed=FULL,
            strings=("FTDI", "FT232R \x1b[31mUART", "A1"),
            configurations={1: (Setting(0, 0, (255, 255, 255), (End(0x81, BULK, 64), End(0x02, BULK, 64))),)},
            **words,  # type: ignore[arg-type]
        )
        self.deaf = False
        self._held = bytearray()

    def take(self, address: int, data: bytes) -> int | None:
        if self.deaf:
            return None
        self._held += data
        threading.Thread(target=self.poke).start()  # the answer comes on its own, as from a cable
        return len(data)

    def give(self, address: int, length: int) -> bytes | None:
        if not self._held:
            return None
        part = bytes(self._held[: min(length, 64) - 2])
        del self._held[: len(part)]
        return b"\x01\x60" + part


class Sound(Model):
    """Iso out and iso in, in alternate setting 1 only; a second configuration has nothing."""

    def __init__(self, **words: object) -> None:
        streaming = (1, 2, 0)
        super().__init__(
            vendor=0x0D8C,
            product=0x0014,
            speed=FULL,
            strings=("C-Media", "USB Audio", ""),
            configurations={
                1: (
                    Setting(0, 0, (1, 1, 0)),
                    Setting(1, 0, streaming),
                    Setting(1, 1, streaming, (End(0x01, ISO, 192, 1),)),
                    Setting(2, 0, streaming),
                    Setting(2, 1, streaming, (End(0x82, ISO, 192, 1),)),
                ),
                2: (Setting(0, 0, (1, 1, 0)),),
            },
            drivers={0: "snd-usb-audio", 1: "snd-usb-audio", 2: "snd-usb-audio"},
            **words,  # type: ignore[arg-type]
        )
        self.heard: list[bytes] = []
        self.spoken = 0

    def take_iso(self, address: int, packets: list[bytes]) -> None:
        self.heard += packets

    def give_iso(self, address: int, sizes: list[int]) -> list[bytes] | None:
        packets = []
        for size in sizes:
            length = 180 if self.spoken % 10 else 176  # as 44.1 kHz in milliseconds
            packets.append(bytes([self.spoken & 0xFF]) * min(size, length))
            self.spoken += 1
        return packets


class Hub(Model):
    def __init__(self, **words: object) -> None:
        super().__init__(
            vendor=0x1D6B,
            product=0x0002,
            kind=(9, 0, 1),
            strings=("Linux", "Hub", ""),
            configurations={1: (Setting(0, 0, (9, 0, 0), (End(0x81, INTERRUPT, 4, 12),)),)},
            drivers={0: "hub"},
            **words,  # type: ignore[arg-type]
        )
