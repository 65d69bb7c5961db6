"""SCSI as USB storage speaks it: sense, what a command asks for, and what disks and CD drives have in common.

No I/O: a command block goes in, an action comes out, and whoever owns the medium carries it out.
Sources: SPC-3, SBC-2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

#: The most that one command may move, bytes; guests ask for 1 or 2 MiB. It bounds the memory that a guest can take.
MAX_TRANSFER = 32 << 20


class Sense(NamedTuple):
    """Why a command failed: sense key, additional code and its qualifier."""

    key: int
    code: int = 0
    qualifier: int = 0


NO_SENSE = Sense(0)
TRAY_CLOSED = Sense(2, 0x3A, 1)
TRAY_OPEN = Sense(2, 0x3A, 2)
NO_MEDIUM = Sense(2, 0x3A)
READ_ERROR = Sense(3, 0x11)
WRITE_ERROR = Sense(3, 0x0C)
INVALID_COMMAND = Sense(5, 0x20)
OUT_OF_RANGE = Sense(5, 0x21)
INVALID_FIELD = Sense(5, 0x24)
NO_SUCH_UNIT = Sense(5, 0x25)
INVALID_PARAMETER = Sense(5, 0x26)
SHORT_PARAMETERS = Sense(5, 0x1A)
INCOMPATIBLE_MEDIUM = Sense(5, 0x30)
NOT_SAVED = Sense(5, 0x39)
REMOVAL_PREVENTED = Sense(5, 0x53, 2)
MEDIUM_CHANGED = Sense(6, 0x28)
WRITE_PROTECTED = Sense(7, 0x27)
NO_SPACE = Sense(7, 0x27, 7)


class CheckCondition(Exception):
    """The command fails; the guest asks for the sense next."""

    def __init__(self, sense: Sense) -> None:
        super().__init__(sense)
        self.sense = sense


class Medium(Protocol):
    """What lies in a drive. Its methods block and raise OSError; they are called by one thread at a time."""

    @property
    def size(self) -> int:
        """Bytes; the last block may be there in part only."""
        ...

    @property
    def writable(self) -> bool: ...

    @property
    def name(self) -> str:
        """For the user."""
        ...

    def open(self) -> None:
        """Makes it ready, which sets the size; may be called again. Raises UsbError with a sentence for the user."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly *length* bytes; zeros beyond the end."""
        ...

    def read_cached(self, offset: int, length: int) -> bytes | None:
        """The same where it needs no waiting, else None; for the event loop's thread, raises nothing."""
        ...

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None: ...

    def flush(self) -> None:
        """Returns when everything written is safe."""
        ...

    def close(self) -> None:
        """Flushes and gives the medium back; may be called twice."""
        ...


class Identity(NamedTuple):
    """What a drive says that it is: ASCII, at most 8, 16, 4 and 36 characters."""

    product: str
    serial: str
    vendor: str = "SPICETUI"
    revision: str = "1.0"


# --- what a command asks for


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more."""


@dataclass(frozen=True, slots=True)
class DataIn:
    """These bytes for the guest."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes of the medium for the guest."""

    medium: Medium
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes from the guest for the medium; with *flush* they have to be safe before the command is done."""

    medium: Medium
    offset: int
    length: int
    flush: bool = False


@dataclass(frozen=True, slots=True)
class Parameters:
    """Bytes from the guest that *apply* takes; it raises CheckCondition."""

    length: int
    apply: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Flush:
    """Everything written has to be safe before the command is done."""

    medium: Medium


Action = Done | DataIn | Read | Write | Parameters | Flush


def be16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def be32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _ascii(text: str, width: int) -> bytes:
    return text.encode("ascii", "replace")[:width].ljust(width)


class LogicalUnit:
    """A drive with a medium that can be taken out.

    *on_eject* is told when the guest has opened the drive.
    """

    TYPE: ClassVar[int]
    BLOCK: ClassVar[int]  #: bytes
    HAS_TRAY: ClassVar[bool]

    #: Opcode to the method that handles it.
    COMMANDS: ClassVar[dict[int, str]] = {
        0x00: "test_unit_ready",
        0x03: "request_sense",
        0x08: "read_6",
        0x12: "inquiry",
        0x15: "mode_select_6",
        0x1A: "mode_sense_6",
        0x1B: "start_stop_unit",
        0x1D: "send_diagnostic",
        0x1E: "prevent_removal",
        0x23: "read_format_capacities",
        0x25: "read_capacity_10",
        0x28: "read_10",
        0x2B: "seek",
        0x2F: "verify_10",
        0x35: "synchronize_cache",
        0x55: "mode_select_10",
        0x5A: "mode_sense_10",
        0xA0: "report_luns",
        0xA8: "read_12",
    }
    #: What is answered although a unit attention waits.
    CALM = frozenset({0x03, 0x12, 0x46, 0x4A, 0xA0})

    def __init__(self, identity: Identity, medium: Medium | None = None) -> None:
        self.identity = identity
        self.medium = medium
        self.tray_open = False
        self.prevented = False  #: the guest has asked that nobody takes the medium out
        self.sense = NO_SENSE
        self.attention: Sense | None = None
        self.on_eject: Callable[[Medium], None] = lambda medium: None

    # --- from the client's side

    def insert(self, medium: Medium) -> Medium | None:
        """Puts *medium* in; returns the one that was there."""
        before, self.medium = self.medium, medium
        self.tray_open = False
        self.attention = MEDIUM_CHANGED
        return before

    def remove(self) -> Medium | None:
        """Takes the medium out, prevented or not; the guest finds the drive empty (and open, if it has a tray)."""
        before, self.medium = self.medium, None
        self.tray_open = self.HAS_TRAY
        self.attention = None
        return before

    def reset(self) -> None:
        """The bus was reset."""
        self.prevented = False

    def fail(self, sense: Sense) -> None:
        """Carrying out the command that ran has failed."""
        self.sense = sense

    # --- commands

    def execute(self, command: bytes) -> Action:
        """What a command block asks for. Raises CheckCondition, with the sense kept until it is asked for."""
        block = command[:16].ljust(16, b"\0")
        opcode = block[0]
        try:
            if opcode not in self.CALM:
                self.sense = NO_SENSE
                if self.attention is not None:
                    waiting, self.attention = self.attention, None
                    raise CheckCondition(waiting)
            name = self.COMMANDS.get(opcode)
            if name is None:
                raise CheckCondition(INVALID_COMMAND)
            action: Action = getattr(self, name)(block)
        except CheckCondition as condition:
            self.sense = condition.sense
            raise
        return action

    def ready_medium(self) -> Medium:
        """The medium, if it can be used now. Raises CheckCondition."""
        if self.medium is None or self.tray_open:
            raise CheckCondition(self._empty_sense())
        return self.medium

    def _empty_sense(self) -> Sense:
        if not self.HAS_TRAY:
            return NO_MEDIUM
        return TRAY_OPEN if self.tray_open else TRAY_CLOSED

    def blocks(self, medium: Medium) -> int:
        return -(-medium.size // self.BLOCK)

    def span(self, medium: Medium, first: int, count: int) -> tuple[int, int]:
        """Offset and length in bytes of so many blocks. Raises CheckCondition."""
        if first + count > self.blocks(medium):
            raise CheckCondition(OUT_OF_RANGE)
        if count * self.BLOCK > MAX_TRANSFER:
            raise CheckCondition(INVALID_FIELD)
        return first * self.BLOCK, count * self.BLOCK

    def test_unit_ready(self, block: bytes) -> Action:
        self.ready_medium()
        return Done()

    def request_sense(self, block: bytes) -> Action:
        sense, self.sense = self.sense, NO_SENSE
        if sense == NO_SENSE and self.attention is not None:
            sense, self.attention = self.attention, None
        if block[1] & 1:
            data = bytes((0x72, *sense, 0, 0, 0, 0))
        else:
            data = struct.pack(">BxB4xB4xBB4x", 0x70, sense.key, 10, sense.code, sense.qualifier)
        return DataIn(data[: block[4]])

    def report_luns(self, block: bytes) -> Action:
        return DataIn(struct.pack(">I4xQ", 8, 0)[: be32(block, 6)])

    def send_diagnostic(self, block: bytes) -> Action:
        if not block[1] & 4:  # only the drive's own test, which it passes
            raise CheckCondition(INVALID_FIELD)
        return Done()

    def seek(self, block: bytes) -> Action:
        self.span(self.ready_medium(), be32(block, 2), 0)
        return Done()

    # --- identity

    def inquiry(self, block: bytes) -> Action:
        length = be16(block, 3)
        if block[1] & 1:
            pages = self.vital_pages()
            page = block[2]
            if page == 0:
                data = bytes(sorted((0, *pages)))
            elif page in pages:
                data = pages[page]
            else:
                raise CheckCondition(INVALID_FIELD)
            return DataIn((struct.pack(">BBH", self.TYPE, page, len(data)) + data)[:length])
        if block[2]:
            raise CheckCondition(INVALID_FIELD)
        who = self.identity
        names = _ascii(who.vendor, 8) + _ascii(who.product, 16) + _ascii(who.revision, 4)
        # removable, SPC-3, response format 2
        return DataIn((struct.pack(">BBBBB3x", self.TYPE, 0x80, 5, 2, 31) + names)[:length])

    def vital_pages(self) -> dict[int, bytes]:
        """Vital product data by page code."""
        who = self.identity
        serial = _ascii(who.serial, min(len(who.serial), 36))
        named = _ascii(who.vendor, 8) + _ascii(who.product, 16) + serial
        return {0x80: serial, 0x83: struct.pack(">BBxB", 2, 1, len(named)) + named}

    # --- mode pages

    def mode_pages(self) -> dict[int, bytes]:
        """Current values by page code, without the two bytes before them."""
        raise NotImplementedError

    def mode_flags(self) -> tuple[int, int]:
        """The header's medium type and device-specific parameter."""
        raise NotImplementedError

    def select_page(self, page: int, values: bytes) -> None:
        """The guest sets a page that exists, in its full length. Raises CheckCondition."""
        raise NotImplementedError

    def _mode_data(self, block: bytes) -> bytes:
        control, wanted = block[2] >> 6, block[2] & 0x3F
        if control == 3:
            raise CheckCondition(NOT_SAVED)
        if block[3] not in (0, 0xFF):
            raise CheckCondition(INVALID_FIELD)
        pages = self.mode_pages()
        if wanted != 0x3F and wanted not in pages:
            raise CheckCondition(INVALID_FIELD)
        changeable = self.changeable_pages() if control == 1 else {}
        parts = []
        for page, values in sorted(pages.items()):
            if wanted in (0x3F, page):
                shown = changeable.get(page, bytes(len(values))) if control == 1 else values
                parts.append(bytes((page, len(shown))) + shown)
        return b"".join(parts)

    def changeable_pages(self) -> dict[int, bytes]:
        """Ones where the guest may set something, for the pages that have them."""
        return {}

    def mode_sense_6(self, block: bytes) -> Action:
        data = self._mode_data(block)
        medium_type, specific = self.mode_flags()
        return DataIn((bytes((3 + len(data), medium_type, specific, 0)) + data)[: block[4]])

    def mode_sense_10(self, block: bytes) -> Action:
        data = self._mode_data(block)
        medium_type, specific = self.mode_flags()
        return DataIn((struct.pack(">HBB4x", 6 + len(data), medium_type, specific) + data)[: be16(block, 7)])

    def mode_select_6(self, block: bytes) -> Action:
        return Parameters(block[4], lambda data: self._select(data, 4, 3, 1))

    def mode_select_10(self, block: bytes) -> Action:
        return Parameters(be16(block, 7), lambda data: self._select(data, 8, 6, 2))

    def _select(self, data: bytes, header: int, at: int, width: int) -> None:
        if not data:
            return
        if len(data) < header:
            raise CheckCondition(SHORT_PARAMETERS)
        descriptors = int.from_bytes(data[at : at + width], "big")
        if descriptors not in (0, 8) or len(data) < header + descriptors:
            raise CheckCondition(INVALID_PARAMETER)
        if descriptors and int.from_bytes(data[header + 5 : header + 8], "big") not in (0, self.BLOCK):
            raise CheckCondition(INVALID_PARAMETER)
        pages = self.mode_pages()
        rest = data[header + descriptors :]
        while rest:
            if len(rest) < 2 or len(rest) < 2 + rest[1]:
                raise CheckCondition(SHORT_PARAMETERS)
            page, values, rest = rest[0] & 0x3F, rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
            if page not in pages or len(values) != len(pages[page]):
                raise CheckCondition(INVALID_PARAMETER)
            self.select_page(page, values)

    # --- medium

    def start_stop_unit(self, block: bytes) -> Action:
        load_eject, start = block[4] & 2, block[4] & 1
        if block[4] >> 4:  # a power condition
            return Done()
        medium = self.medium
        if not load_eject:
            return Flush(medium) if medium is not None and not start and not self.tray_open else Done()
        if start:
            return self._load()
        if self.prevented and medium is not None and not self.tray_open:
            raise CheckCondition(REMOVAL_PREVENTED)
        if self.tray_open or (medium is None and not self.HAS_TRAY):
            return Done()
        self.tray_open = self.HAS_TRAY
        if medium is None:
            return Done()
        if not self.HAS_TRAY:
            self.medium = None
        self.on_eject(medium)
        return Flush(medium)

    def _load(self) -> Action:
        if self.tray_open:
            self.tray_open = False
            if self.medium is not None:
                self.attention = MEDIUM_CHANGED
        elif self.medium is None and not self.HAS_TRAY:
            raise CheckCondition(NO_MEDIUM)
        return Done()

    def prevent_removal(self, block: bytes) -> Action:
        self.prevented = bool(block[4] & 1)
        return Done()

    def synchronize_cache(self, block: bytes) -> Action:
        return Flush(self.ready_medium())

    def read_capacity_10(self, block: bytes) -> Action:
        last = max(self.blocks(self.ready_medium()) - 1, 0)
        return DataIn(struct.pack(">II", min(last, 0xFFFFFFFF), self.BLOCK))

    def read_format_capacities(self, block: bytes) -> Action:
        formatted, none = 2, 3
        here = self.medium is not None and not self.tray_open
        count = min(self.blocks(self.medium), 0xFFFFFFFF) if here and self.medium is not None else 0xFFFFFFFF
        kind = formatted if here else none
        return DataIn(struct.pack(">3xBII", 8, count, kind << 24 | self.BLOCK)[: be16(block, 7)])

    def read_6(self, block: bytes) -> Action:
        return self._read(be32(block, 0) & 0x1FFFFF, block[4] or 256)

    def read_10(self, block: bytes) -> Action:
        return self._read(be32(block, 2), be16(block, 7))

    def read_12(self, block: bytes) -> Action:
        return self._read(be32(block, 2), be32(block, 6))

    def _read(self, first: int, count: int) -> Action:
        medium = self.ready_medium()
        return Read(medium, *self.span(medium, first, count))

    def verify_10(self, block: bytes) -> Action:
        return self._verify(block, be32(block, 2), be16(block, 7))

    def _verify(self, block: bytes, first: int, count: int) -> Action:
        if block[1] & 6:  # a comparison with bytes from the guest
            raise CheckCondition(INVALID_FIELD)
        medium = self.ready_medium()
        if first + count > self.blocks(medium):
            raise CheckCondition(OUT_OF_RANGE)
        return Done()
