"""A CD or DVD drive with one data track of 2048-byte blocks, as MMC-5 has it."""

from __future__ import annotations

import struct
from collections import deque
from typing import ClassVar

from .scsi import (
    INCOMPATIBLE_MEDIUM,
    INVALID_FIELD,
    Action,
    CheckCondition,
    DataIn,
    Done,
    Identity,
    LogicalUnit,
    Medium,
    Parameters,
    be16,
    be32,
)

NO_PROFILE, CD_ROM, DVD_ROM = 0x0000, 0x0008, 0x0010
CD_BLOCKS = 80 * 60 * 75  #: a longer medium is a DVD
DVD_LAYER_BLOCKS = 2295104  #: a longer DVD has two layers
DVD_FIRST_SECTOR = 0x030000
FRAMES_BEFORE = 150  #: block 0 is two seconds into the disc
LEAD_OUT = 0xAA
DATA_TRACK = 0x14  #: ADR 1, a data track without copy permission

EJECT_REQUEST, NEW_MEDIUM, MEDIUM_REMOVED = 1, 2, 3
MEDIUM_EVENTS = 4  #: the notification class

ERRORS, POWER, TIMEOUTS, CAPABILITIES = 0x01, 0x1A, 0x1D, 0x2A
SPEED_KB = 11080  #: per second, a DVD at 8x


def msf(block: int) -> bytes:
    """A block's address as reserved byte, minute, second, frame; what is beyond 255 minutes shows as the last frame."""
    minutes, frames = divmod(block + FRAMES_BEFORE, 60 * 75)
    if minutes > 255:
        return bytes((0, 255, 59, 74))
    return bytes((0, minutes, *divmod(frames, 75)))


class CdUnit(LogicalUnit):
    """A drive with a tray: what the guest ejects still lies in it."""

    TYPE = 0x05
    BLOCK = 2048
    HAS_TRAY = True

    COMMANDS: ClassVar[dict[int, str]] = LogicalUnit.COMMANDS | {
        0x42: "read_subchannel",
        0x43: "read_toc",
        0x44: "read_header",
        0x46: "get_configuration",
        0x4A: "get_event_status",
        0x51: "read_disc_information",
        0x52: "read_track_information",
        0xAD: "read_disc_structure",
        0xB6: "set_streaming",
        0xBB: "set_cd_speed",
        0xBD: "mechanism_status",
        0xBE: "read_cd",
    }

    def __init__(self, identity: Identity, medium: Medium | None = None) -> None:
        super().__init__(identity, medium)
        self._events: deque[int] = deque(maxlen=4)

    # --- from the client's side

    def insert(self, medium: Medium) -> Medium | None:
        before = super().insert(medium)
        self._events.append(NEW_MEDIUM)
        return before

    def remove(self) -> Medium | None:
        before = super().remove()
        if before is not None:
            self._events.append(MEDIUM_REMOVED)
        return before

    def request_eject(self) -> None:
        """The drive's button was pressed while the guest prevents it: the guest is told, and may let go."""
        if EJECT_REQUEST not in self._events:
            self._events.append(EJECT_REQUEST)

    # --- mode pages

    def mode_pages(self) -> dict[int, bytes]:
        lock, eject, tray = 0x01, 0x08, 0x20
        mechanism = lock | eject | tray | (0x02 if self.prevented else 0)
        reads = 0x3B  # CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM
        capabilities = struct.pack(">BBBBBBHHHH6x", reads, 0, 0, 0, mechanism, 0, SPEED_KB, 0, 2048, SPEED_KB)
        return {ERRORS: bytes(10), POWER: bytes(10), TIMEOUTS: bytes(8), CAPABILITIES: capabilities}

    def mode_flags(self) -> tuple[int, int]:
        door_open, empty, data_disc = 0x71, 0x70, 0x01
        if self.tray_open:
            return door_open, 0
        return (empty if self.medium is None else data_disc), 0

    def select_page(self, page: int, values: bytes) -> None:
        pass  # retries and times, which a file has no use for

    # --- the disc

    def _profile(self) -> int:
        if self.medium is None or self.tray_open:
            return NO_PROFILE
        return CD_ROM if self.blocks(self.medium) <= CD_BLOCKS else DVD_ROM

    def read_toc(self, block: bytes) -> Action:
        medium = self.ready_medium()
        wanted = block[2] & 0x0F or block[9] >> 6
        if wanted == 0:
            data = self._toc(self.blocks(medium), block[6], bool(block[1] & 2))
        elif wanted == 1:
            data = struct.pack(">BBxBBx", 1, 1, DATA_TRACK, 1) + self._address(0, bool(block[1] & 2))
        elif wanted == 2:
            data = self._full_toc(self.blocks(medium))
        else:
            raise CheckCondition(INVALID_FIELD)
        return DataIn((struct.pack(">H", len(data)) + data)[: be16(block, 7)])

    @staticmethod
    def _address(block: int, as_msf: bool) -> bytes:
        return msf(block) if as_msf else struct.pack(">I", min(block, 0xFFFFFFFF))

    def _toc(self, blocks: int, first: int, as_msf: bool) -> bytes:
        if first > 1 and first != LEAD_OUT:
            raise CheckCondition(INVALID_FIELD)
        tracks = [(1, 0)] if first <= 1 else []
        entries = [
            struct.pack(">xBBx", DATA_TRACK, track) + self._address(at, as_msf)
            for track, at in (*tracks, (LEAD_OUT, blocks))
        ]
        return bytes((1, 1)) + b"".join(entries)

    @staticmethod
    def _full_toc(blocks: int) -> bytes:
        first, last, lead_out = 0xA0, 0xA1, 0xA2
        points = (
            (first, bytes((0, 1, 0, 0))),
            (last, bytes((0, 1, 0, 0))),
            (lead_out, msf(blocks)),
            (1, msf(0)),
        )
        return bytes((1, 1)) + b"".join(bytes((1, DATA_TRACK, 0, point, 0, 0, 0)) + where for point, where in points)

    def read_header(self, block: bytes) -> Action:
        first = be32(block, 2)
        self.span(self.ready_medium(), first, 1)
        mode = 1
        return DataIn((struct.pack(">B3x", mode) + self._address(first, bool(block[1] & 2)))[: be16(block, 7)])

    def read_subchannel(self, block: bytes) -> Action:
        self.ready_medium()
        no_status = 0x15
        if not block[2] & 0x40:
            data = b""
        elif block[3] == 1:
            data = struct.pack(">BBBB8x", 1, DATA_TRACK, 1, 1)
        elif block[3] in (2, 3):
            data = bytes((block[3],)) + bytes(19)
        else:
            raise CheckCondition(INVALID_FIELD)
        return DataIn((struct.pack(">xBH", no_status, len(data)) + data)[: be16(block, 7)])

    def read_disc_information(self, block: bytes) -> Action:
        self.ready_medium()
        if block[1] & 7:
            raise CheckCondition(INVALID_FIELD)
        complete = 0x0E  # the disc and its last session
        return DataIn(struct.pack(">HBBBBBB26x", 32, complete, 1, 1, 1, 1, 0x20)[: be16(block, 7)])

    def read_track_information(self, block: bytes) -> Action:
        medium = self.ready_medium()
        kind, number, blocks = block[1] & 3, be32(block, 2), self.blocks(medium)
        if (kind == 0 and number >= blocks) or (kind in (1, 2) and number != 1) or kind == 3:
            raise CheckCondition(INVALID_FIELD)
        track = struct.pack(">BBxBB17xI8x", 1, 1, 4, 1, min(blocks, 0xFFFFFFFF))
        return DataIn((struct.pack(">H", len(track)) + track)[: be16(block, 7)])

    def read_disc_structure(self, block: bytes) -> Action:
        dvd, wanted = block[1] & 0x0F == 0, block[7]
        physical, rights, manufacturer, everything = 0x00, 0x01, 0x04, 0xFF
        if not dvd:
            raise CheckCondition(INVALID_FIELD)
        if wanted == everything:
            sizes = ((physical, 2052), (rights, 8), (manufacturer, 2052))
            data = b"".join(struct.pack(">BBH", code, 0x40, size) for code, size in sizes)
        else:
            medium = self.ready_medium()
            if self._profile() != DVD_ROM:
                raise CheckCondition(INCOMPATIBLE_MEDIUM)
            if wanted == physical:
                data = self._physical(self.blocks(medium), block[6])
            elif wanted == rights:
                data = bytes(4)
            elif wanted == manufacturer:
                data = bytes(2048)
            else:
                raise CheckCondition(INVALID_FIELD)
        return DataIn((struct.pack(">Hxx", len(data) + 2) + data)[: be16(block, 8)])

    @staticmethod
    def _physical(blocks: int, layer: int) -> bytes:
        layers = 2 if blocks > DVD_LAYER_BLOCKS else 1
        if layer >= layers:
            raise CheckCondition(INVALID_FIELD)
        book, size_rate, embossed = 0x01, 0x02, 0x01
        last = min(DVD_FIRST_SECTOR + -(-blocks // layers) - 1, 0xFFFFFF)
        end = min(DVD_FIRST_SECTOR + blocks - 1, 0xFFFFFF)
        last_of_first = last if layers == 2 else 0
        kind = embossed | (layers - 1) << 5
        return struct.pack(">BBBxIII", book, size_rate, kind, DVD_FIRST_SECTOR, end, last_of_first).ljust(2048, b"\0")

    def read_cd(self, block: bytes) -> Action:
        """Of a sector only what a file has: its 2048 bytes of user data."""
        medium = self.ready_medium()
        kind, count = block[1] >> 2 & 7, int.from_bytes(block[6:9], "big")
        any_kind, mode_1 = 0, 2
        self.span(medium, be32(block, 2), count)
        if not count or not block[9] & 0xF8 | block[10] & 7:
            return Done()
        if kind not in (any_kind, mode_1) or block[9] & 0xFE != 0x10 or block[10] & 7:
            raise CheckCondition(INVALID_FIELD)
        return self._read(be32(block, 2), count)

    # --- the drive

    def get_configuration(self, block: bytes) -> Action:
        wanted, first = block[1] & 3, be16(block, 2)
        every, one = 0, 2  # 1 is for what is current only
        if wanted > one:
            raise CheckCondition(INVALID_FIELD)
        parts = []
        for code, version, always, current, data in self._features():
            if code < first or (wanted == one and code != first):
                continue
            if wanted in (every, one) or current:
                flags = version << 2 | (2 if always else 0) | (1 if current else 0)
                parts.append(struct.pack(">HBB", code, flags, len(data)) + data)
        data = b"".join(parts)
        return DataIn((struct.pack(">IxxH", len(data) + 4, self._profile()) + data)[: be16(block, 7)])

    def _features(self) -> tuple[tuple[int, int, bool, bool, bytes], ...]:
        """Code, version, persistent, current, data."""
        profile = self._profile()
        usb, tray, lock, eject = 8, 0x20, 0x01, 0x08
        profiles = b"".join(struct.pack(">HBx", one, profile == one) for one in (DVD_ROM, CD_ROM))
        readable = struct.pack(">IHBx", self.BLOCK, 16 if profile == DVD_ROM else 1, 0)
        serial = self.identity.serial.encode("ascii", "replace")[:36]
        return (
            (0x0000, 0, True, True, profiles),
            (0x0001, 2, True, True, struct.pack(">IB3x", usb, 1)),  # core
            (0x0003, 0, True, True, bytes((tray | lock | eject, 0, 0, 0))),  # removable medium
            (0x0010, 0, False, profile != NO_PROFILE, readable),  # random readable
            (0x001E, 2, False, profile == CD_ROM, bytes(4)),  # CD read
            (0x001F, 1, False, profile == DVD_ROM, bytes(4)),  # DVD read
            (0x0100, 0, True, True, b""),  # power management
            (0x0105, 1, True, True, bytes(4)),  # time-out
            (0x0108, 0, True, True, serial + bytes(-len(serial) % 4)),  # serial number
        )

    def get_event_status(self, block: bytes) -> Action:
        if not block[1] & 1:  # a queue that the drive would answer from later
            raise CheckCondition(INVALID_FIELD)
        supported = 1 << MEDIUM_EVENTS
        if not block[4] & supported:
            return DataIn(struct.pack(">HBB", 2, 0x80, supported)[: be16(block, 7)])
        event = self._events.popleft() if self._events and be16(block, 7) >= 8 else 0
        state = (1 if self.tray_open else 0) | (2 if self.medium is not None and not self.tray_open else 0)
        return DataIn(struct.pack(">HBBBBxx", 6, MEDIUM_EVENTS, supported, event, state)[: be16(block, 7)])

    def mechanism_status(self, block: bytes) -> Action:
        door = 0x10 if self.tray_open else 0
        return DataIn(struct.pack(">BB3xBH", 0, door, 1, 0)[: be16(block, 8)])

    def set_cd_speed(self, block: bytes) -> Action:
        return Done()

    def set_streaming(self, block: bytes) -> Action:
        return Parameters(be16(block, 9), lambda data: None)
