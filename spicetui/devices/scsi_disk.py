"""A disk of 512-byte blocks, as SBC-2 has it."""

from __future__ import annotations

import struct
from typing import ClassVar

from .scsi import (
    INVALID_FIELD,
    MAX_TRANSFER,
    WRITE_PROTECTED,
    Action,
    CheckCondition,
    DataIn,
    Identity,
    LogicalUnit,
    Medium,
    Write,
    be16,
    be32,
)

CACHING, EXCEPTIONS = 0x08, 0x1C
WRITE_CACHE = 0x04  #: in the first byte of the caching page
FORCE_ACCESS = 0x08  #: in the second byte of a command that writes


class DiskUnit(LogicalUnit):
    """Like a memory stick: no tray, and what the guest ejects is gone from the drive."""

    TYPE = 0x00
    BLOCK = 512
    HAS_TRAY = False

    COMMANDS: ClassVar[dict[int, str]] = LogicalUnit.COMMANDS | {
        0x0A: "write_6",
        0x2A: "write_10",
        0x2E: "write_and_verify_10",
        0x88: "read_16",
        0x8A: "write_16",
        0x8F: "verify_16",
        0x91: "synchronize_cache",
        0x9E: "service_action_in",
        0xAA: "write_12",
        0xAF: "verify_12",
    }

    def __init__(self, identity: Identity, medium: Medium | None = None) -> None:
        super().__init__(identity, medium)
        self.write_cache = True  #: off: every write is safe before it is done

    def vital_pages(self) -> dict[int, bytes]:
        limits = struct.pack(">4xII48x", MAX_TRANSFER // self.BLOCK, (1 << 20) // self.BLOCK)
        not_rotating = struct.pack(">H58x", 1)
        return super().vital_pages() | {0xB0: limits, 0xB1: not_rotating}

    # --- mode pages

    def mode_pages(self) -> dict[int, bytes]:
        return {
            CACHING: bytes((WRITE_CACHE if self.write_cache else 0,)) + bytes(17),
            EXCEPTIONS: bytes(10),
        }

    def changeable_pages(self) -> dict[int, bytes]:
        return {CACHING: bytes((WRITE_CACHE,)) + bytes(17)}

    def mode_flags(self) -> tuple[int, int]:
        force_access, protected = 0x10, 0x80
        medium = self.medium
        return 0, force_access | (protected if medium is not None and not medium.writable else 0)

    def select_page(self, page: int, values: bytes) -> None:
        if page == CACHING:
            self.write_cache = bool(values[0] & WRITE_CACHE)

    # --- blocks

    def service_action_in(self, block: bytes) -> Action:
        if block[1] & 0x1F != 0x10:
            raise CheckCondition(INVALID_FIELD)
        last = max(self.blocks(self.ready_medium()) - 1, 0)
        return DataIn(struct.pack(">QI20x", last, self.BLOCK)[: be32(block, 10)])

    def read_16(self, block: bytes) -> Action:
        return self._read(int.from_bytes(block[2:10], "big"), be32(block, 10))

    def verify_12(self, block: bytes) -> Action:
        return self._verify(block, be32(block, 2), be32(block, 6))

    def verify_16(self, block: bytes) -> Action:
        return self._verify(block, int.from_bytes(block[2:10], "big"), be32(block, 10))

    def write_6(self, block: bytes) -> Action:
        return self._write(be32(block, 0) & 0x1FFFFF, block[4] or 256)

    def write_10(self, block: bytes) -> Action:
        return self._write(be32(block, 2), be16(block, 7), block[1] & FORCE_ACCESS)

    def write_12(self, block: bytes) -> Action:
        return self._write(be32(block, 2), be32(block, 6), block[1] & FORCE_ACCESS)

    def write_16(self, block: bytes) -> Action:
        return self._write(int.from_bytes(block[2:10], "big"), be32(block, 10), block[1] & FORCE_ACCESS)

    def write_and_verify_10(self, block: bytes) -> Action:
        return self._write(be32(block, 2), be16(block, 7), FORCE_ACCESS)

    def _write(self, first: int, count: int, force: int = 0) -> Action:
        medium = self.ready_medium()
        if not medium.writable:
            raise CheckCondition(WRITE_PROTECTED)
        offset, length = self.span(medium, first, count)
        return Write(medium, offset, length, flush=bool(force) or not self.write_cache)
