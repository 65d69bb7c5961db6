"""Guests that make sense and guests that do not, against the emulated drives for a while.

FUZZ_SECONDS and FUZZ_SEED as in the session's fuzzer; a failure names its case's seed, which is all it takes to repeat.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from devices.storage import Initiator, Memory, bulk_in, bulk_out, wrapper

from spicetui.devices.scsi import MAX_TRANSFER, Identity, LogicalUnit
from spicetui.devices.scsi_cd import CdUnit
from spicetui.devices.scsi_disk import DiskUnit
from spicetui.devices.usb_bot import BulkOnly, Phase

SECONDS = float(os.environ.get("FUZZ_SECONDS") or (20 if os.environ.get("CI") else 2))
SEED = os.environ.get("FUZZ_SEED") or "drives"
LEAST = 20  #: cases in the time, or nothing was tested

BLOCKS = 64
EDGES = (0, 1, 2, 8, 63, 64, 65, 255, 256, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
READY = bytes(6)


class Guarded(Memory):
    """Nothing may be asked of it that a drive should have refused."""

    def __init__(self, rng: random.Random, block: int, writable: bool) -> None:
        super().__init__(rng.randbytes(block * BLOCKS), writable=writable)
        self.rng = rng

    def read(self, offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= self.size
        self._fail()
        return super().read(offset, length)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        assert self.writable
        assert 0 <= offset <= offset + len(data) <= self.size
        self._fail()
        super().write(offset, data)

    def _fail(self) -> None:
        if self.rng.random() < 0.02:
            raise OSError(self.rng.choice((5, 28, 30)), "as may be")


class Case:
    def __init__(self, seed: str) -> None:
        self.rng = rng = random.Random(seed)
        kind: type[LogicalUnit] = rng.choice((DiskUnit, CdUnit))
        self.writable = kind is DiskUnit and rng.random() < 0.7
        self.unit = kind(Identity("Drive", "0123456789ABCDEF"), Guarded(rng, kind.BLOCK, self.writable))
        self.guest = Initiator(BulkOnly(self.unit))
        self.opcodes = sorted(kind.COMMANDS)
        self.commands = 0

    def play(self) -> None:
        for _ in range(self.rng.randrange(1, 60)):
            self.rng.choices((self.honest, self.rude, self.hand), (6, 4, 1))[0]()
        self.recover()

    def block(self) -> bytes:
        """A command whose numbers are often at an edge."""
        rng = self.rng
        opcode = rng.choice(self.opcodes) if rng.random() < 0.95 else rng.randrange(256)
        size = 6 if opcode < 0x20 else 12 if opcode >= 0xA0 else 16 if opcode >= 0x80 else 10
        body = bytearray(rng.choice((0, 0, 0, 1, 2, 8, rng.randrange(256))) for _ in range(15))
        if rng.random() < 0.7:
            at = {6: 2, 10: 1, 12: 1, 16: 5}[size]
            body[at : at + 4] = rng.choice(EDGES).to_bytes(4, "big")
        return bytes((opcode,)) + bytes(body[: size - 1])

    def honest(self) -> None:
        """One whole command with more, less or as much data as it moves."""
        self.commands += 1
        if self.guest.machine.phase is not Phase.COMMAND:
            self.guest.machine.reset()
        rng = self.rng
        length = rng.choice((0, 1, 13, 18, 36, 255, 512, 2048, 4096, 8 * 512, 65536))
        self.guest.pieces = rng.choice((1 << 20, 512, 2048, 64 if length < 4096 else 4096))
        data = rng.randbytes(length) if rng.random() < 0.35 else None
        answer = self.guest.command(self.block(), length, data)
        assert answer.status in (0, 1, 2)
        assert 0 <= answer.residue <= length
        assert len(answer.data) + (0 if data is not None else answer.residue) == (0 if data is not None else length)
        assert (answer.status == 1) is (answer.sense is not None and answer.sense.key != 0)

    def rude(self) -> None:
        """Pieces of commands, in any order."""
        rng, machine = self.rng, self.guest.machine
        for _ in range(rng.randrange(1, 8)):
            kind = rng.randrange(6)
            if kind == 0:
                length = rng.choice((0, 13, 512, 4096, 1 << 31, 0xFFFFFFFF))
                machine.submit(bulk_out(wrapper(self.block(), length, to_guest=rng.random() < 0.6)))
            elif kind == 1:
                machine.submit(bulk_out(rng.randbytes(rng.choice((0, 1, 31, 512, 4096)))))
            elif kind < 4:
                machine.submit(asked := bulk_in(rng.choice((0, 1, 12, 13, 512, 4096, 1 << 31))))
                if rng.random() < 0.3:
                    machine.cancel(asked)
            elif kind == 4:
                machine.reset()
            if rng.random() < 0.7:
                self.guest.settle()
        machine.reset()
        self.guest.settle()

    def hand(self) -> None:
        """The user takes the medium out, or puts another in."""
        if self.rng.random() < 0.5:
            self.unit.remove()
        else:
            self.unit.insert(Guarded(self.rng, self.unit.BLOCK, self.writable))

    def recover(self) -> None:
        machine = self.guest.machine
        machine.reset()
        medium = Memory(self.rng.randbytes(self.unit.BLOCK * 8), writable=self.writable)
        self.unit.insert(medium)
        assert self.guest.command(READY).status == 1
        self.guest.good(READY)
        self.guest.pieces = 1 << 20
        assert self.guest.good(bytes.fromhex("28 00 00000000 00 0008 00"), len(medium.data)) == bytes(medium.data)
        replies = self.guest.told
        assert len({id(reply.transfer) for reply in replies}) == len(replies)
        for reply in replies:
            assert len(reply.data) <= min(reply.transfer.length, MAX_TRANSFER)


@pytest.mark.timeout(SECONDS * 10 + 120)
def test_no_guest_breaks_a_drive() -> None:
    until = time.monotonic() + SECONDS
    cases = commands = 0
    while time.monotonic() < until or cases < LEAST:
        seed = f"{SEED}-{cases}"
        case = Case(seed)
        try:
            case.play()
        except Exception as error:
            raise AssertionError(f"case {seed!r}") from error
        cases += 1
        commands += case.commands
    assert commands > cases
