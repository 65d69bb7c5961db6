"""A USB host that speaks Bulk-Only Transport to an emulated drive, byte by byte as a guest's driver does."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from spicetui.devices.scsi import Sense
from spicetui.devices.usb_bot import BulkOnly, Reply
from spicetui.interfaces import Transfer, TransferStatus
from spicetui.wire.usb import TransferType

BULK_IN, BULK_OUT = 0x81, 0x02


class Memory:
    """A medium of bytes."""

    def __init__(self, data: bytes | bytearray = b"", *, writable: bool = False, size: int | None = None) -> None:
        self.data = bytearray(data)
        self._size = size
        self.writable = writable
        self.name = "memory"
        self.log: list[str] = []
        self.error: OSError | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self._size is None else self._size

    def open(self) -> None:
        self.log.append("open")

    def read(self, offset: int, length: int) -> bytes:
        self._check()
        return bytes(self.data[offset : offset + length]).ljust(length, b"\0")

    def read_cached(self, offset: int, length: int) -> bytes | None:
        return None

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        self._check()
        self.log.append("write")
        self.data[offset : offset + len(data)] = data

    def flush(self) -> None:
        self._check()
        self.log.append("flush")

    def close(self) -> None:
        self.log.append("close")

    def _check(self) -> None:
        if self.error is not None:
            raise self.error


class Answer(NamedTuple):
    status: int
    data: bytes
    residue: int
    sense: Sense | None


def wrapper(
    block: bytes, length: int = 0, *, to_guest: bool = False, tag: int = 1, unit: int = 0, signature: bytes = b"USBC"
) -> bytes:
    head = struct.pack("<4sIIBBB", signature, tag, length, 0x80 if to_guest else 0, unit, len(block))
    return head + block.ljust(16, b"\0")


def bulk_in(length: int) -> Transfer:
    return Transfer(TransferType.BULK, BULK_IN, length=length)


def bulk_out(data: bytes) -> Transfer:
    return Transfer(TransferType.BULK, BULK_OUT, data=data)


@dataclass
class Initiator:
    """*pieces*: the size that transfers are cut to, as host controllers without large ones do."""

    machine: BulkOnly
    pieces: int = 1 << 30
    tag: int = 0
    told: list[Reply] = field(default_factory=list)

    def settle(self) -> None:
        """Runs the jobs until none is left."""
        while True:
            self.told += self.machine.replies
            self.machine.replies.clear()
            job = self.machine.next_job()
            if job is None:
                return
            try:
                data = job.run()
            except OSError as error:
                self.machine.finished(job, error=error)
            else:
                self.machine.finished(job, data)

    def send(self, transfer: Transfer) -> Reply:
        """The reply to a transfer that has to end now."""
        self.machine.submit(transfer)
        self.settle()
        replies = [reply for reply in self.told if reply.transfer is transfer]
        assert len(replies) == 1, replies
        return replies[0]

    def waits(self, transfer: Transfer) -> bool:
        """Whether a transfer that is submitted now has no end yet."""
        self.machine.submit(transfer)
        self.settle()
        return all(reply.transfer is not transfer for reply in self.told)

    def command(self, block: bytes, length: int = 0, data: bytes | None = None, *, sense: bool = True) -> Answer:
        """Runs one; with *data* to the drive, else *length* bytes from it. Asks for the sense if it fails."""
        self.tag += 1
        outgoing = data is not None
        length = len(data) if data is not None else length
        assert self.send(bulk_out(wrapper(block, length, to_guest=not outgoing, tag=self.tag))).status == 0
        got = b""
        if data is not None:
            for at in range(0, length, self.pieces):
                part = data[at : at + self.pieces]
                reply = self.send(bulk_out(part))
                assert (reply.status, reply.length) == (TransferStatus.SUCCESS, len(part))
        else:
            while len(got) < length:
                asked = min(self.pieces, length - len(got))
                reply = self.send(bulk_in(asked))
                assert reply.status is TransferStatus.SUCCESS
                assert len(reply.data) <= asked
                got += reply.data
                if len(reply.data) < asked:
                    break
        reply = self.send(bulk_in(13))
        signature, tag, residue, status = struct.unpack("<4sIIB", reply.data)
        assert (signature, tag) == (b"USBS", self.tag)
        found = None
        if status == 1 and sense:
            answer = self.command(bytes((3, 0, 0, 0, 18, 0)), 18, sense=False)
            assert answer.data[0] == 0x70
            found = Sense(answer.data[2], answer.data[12], answer.data[13])
        return Answer(status, got, residue, found)

    def good(self, block: bytes, length: int = 0, data: bytes | None = None) -> bytes:
        answer = self.command(block, length, data)
        assert answer.status == 0, answer
        return answer.data
