"""USB Mass Storage's Bulk-Only Transport as a machine without I/O: transfers go in, replies and jobs come out.

A job is work on the medium that may take long; it runs elsewhere, one at a time, and comes back by :meth:`finished`.
Source: Universal Serial Bus Mass Storage Class, Bulk-Only Transport 1.0; "cases" are those of its table in 6.7.
"""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from ..diagnostics import hexdump, logger
from ..interfaces import Transfer, TransferStatus
from .scsi import (
    NO_SPACE,
    NO_SUCH_UNIT,
    READ_ERROR,
    WRITE_ERROR,
    WRITE_PROTECTED,
    Action,
    CheckCondition,
    DataIn,
    Flush,
    LogicalUnit,
    Medium,
    Parameters,
    Read,
    Sense,
    Write,
)

COMMAND_WRAPPER = struct.Struct("<4sIIBBB16s")
STATUS_WRAPPER = struct.Struct("<4sIIB")
PASSED, FAILED, PHASE_ERROR = 0, 1, 2


class Phase(Enum):
    COMMAND = auto()
    DATA_OUT = auto()
    DATA_IN = auto()
    STATUS = auto()
    BROKEN = auto()  #: a command wrapper made no sense: everything stalls until a reset


class Reply:
    """How a transfer ends; *data* for IN, *length* for OUT."""

    __slots__ = ("data", "length", "status", "transfer")

    def __init__(
        self,
        transfer: Transfer,
        status: TransferStatus = TransferStatus.SUCCESS,
        data: bytes = b"",
        length: int = 0,
    ) -> None:
        self.transfer, self.status, self.data, self.length = transfer, status, data, length


@dataclass(slots=True, eq=False)
class Job:
    """*run* blocks and may raise OSError; *kind* tells what failed then. *quick* does it without waiting, or is None
    or gives None."""

    kind: str
    run: Callable[[], bytes | None]
    command: Command
    quick: Callable[[], bytes | None] | None = None


@dataclass(slots=True, eq=False)
class Command:
    """The command that runs."""

    tag: int
    host_length: int  #: bytes that the guest is ready to move
    host_in: bool
    status: int = PASSED
    moved: int = 0  #: bytes that came or went so far
    useful: int = 0  #: of those that came, what the command can use
    source: bytes | None = b""  #: for the guest; None while it is read
    action: Action | None = None
    parameters: bytearray = field(default_factory=bytearray)


class BulkOnly:
    """One logical unit behind a pair of bulk endpoints."""

    def __init__(self, unit: LogicalUnit) -> None:
        self.unit = unit
        self.phase = Phase.COMMAND
        self.replies: deque[Reply] = deque()
        self.log = logger("devices.usb_storage")
        self.bytes_read = 0
        self.bytes_written = 0
        self._ins: deque[Transfer] = deque()
        self._outs: deque[Transfer] = deque()
        self._command: Command | None = None
        self._jobs: deque[Job] = deque()
        self._running: Job | None = None

    @property
    def busy(self) -> bool:
        """A job runs or waits."""
        return self._running is not None or bool(self._jobs)

    # --- what comes in

    def submit(self, transfer: Transfer) -> None:
        (self._ins if transfer.is_in else self._outs).append(transfer)
        self._advance()

    def cancel(self, transfer: Transfer) -> None:
        """Ends a transfer that waits; one that has a reply already keeps it."""
        queue = self._ins if transfer.is_in else self._outs
        if transfer in queue:
            queue.remove(transfer)
            self.replies.append(Reply(transfer, TransferStatus.CANCELLED))

    def reset(self) -> None:
        """By the class's request or by the bus: ready for a command. A job that runs ends in its time, unheard."""
        for transfer in (*self._ins, *self._outs):
            self.replies.append(Reply(transfer, TransferStatus.CANCELLED))
        self._ins.clear()
        self._outs.clear()
        self._jobs.clear()
        self._command = None
        self.phase = Phase.COMMAND

    def next_job(self) -> Job | None:
        """What is to be run now, if anything is and nothing runs."""
        if self._running is not None or not self._jobs:
            return None
        self._running = self._jobs.popleft()
        return self._running

    def finished(self, job: Job, data: bytes | None = None, error: OSError | None = None) -> None:
        """The job that ran has ended."""
        assert job is self._running
        self._running = None
        command = job.command
        if command is not self._command:
            pass  # its command was given up by a reset
        elif error is not None:
            self.log.warning("%s failed: %s", job.kind, error)
            self._jobs.clear()
            command.status = FAILED
            command.source = b""
            self.unit.fail(_sense_of(job, error))
        elif job.kind == "read":
            command.source = data
            self.bytes_read += len(data or b"")
        self._advance()

    # --- what follows from it

    def _advance(self) -> None:
        while True:
            before = self.phase
            if before is Phase.COMMAND:
                moved = self._begin()
            elif before is Phase.DATA_OUT:
                moved = self._take_data()
            elif before is Phase.DATA_IN:
                moved = self._give_data()
            elif before is Phase.STATUS:
                moved = self._give_status()
            else:
                moved = self._stall()
            if not moved:
                return

    def _stall(self) -> bool:
        for transfer in (*self._ins, *self._outs):
            self.replies.append(Reply(transfer, TransferStatus.STALL))
        self._ins.clear()
        self._outs.clear()
        return False

    def _begin(self) -> bool:
        if not self._outs:
            return False
        transfer = self._outs.popleft()
        wrapper = _parse(transfer.data)
        if wrapper is None:
            self.log.warning("not a command: %s", hexdump(transfer.data))
            self.phase = Phase.BROKEN
            self._outs.appendleft(transfer)
            return True
        self.replies.append(Reply(transfer, length=len(transfer.data)))
        tag, length, host_in, unit, block = wrapper
        self._command = command = Command(tag, length, host_in)
        try:
            if unit:
                self.unit.fail(NO_SUCH_UNIT)
                raise CheckCondition(NO_SUCH_UNIT)
            self._start(command, self.unit.execute(block))
        except CheckCondition as condition:
            command.status = FAILED
            self.log.debug("command %s: sense %s", hexdump(block), condition.sense)
        else:
            self.log.debug("command %s: %d bytes", hexdump(block), length)
        if not length:
            self.phase = Phase.STATUS
        else:
            self.phase = Phase.DATA_IN if host_in else Phase.DATA_OUT
        return True

    def _start(self, command: Command, action: Action) -> None:
        """Sets out to do it, where the guest's idea of the data agrees with the command's."""
        wanted = _length(action)
        gives = isinstance(action, DataIn | Read)
        fits = wanted <= command.host_length or (isinstance(action, DataIn) and command.host_length > 0)
        if wanted and (not fits or gives is not command.host_in):
            command.status = PHASE_ERROR  # cases 2, 3, 7, 8, 10 and 13
            return
        command.action = action
        if isinstance(action, DataIn):
            command.source = action.data
        elif isinstance(action, Read):
            if wanted:
                command.source = None
                medium, offset = action.medium, action.offset
                quick = partial(medium.read_cached, offset, wanted)
                self._jobs.append(Job("read", partial(medium.read, offset, wanted), command, quick))
        elif isinstance(action, Flush):
            self._flush(command, action.medium)
        elif isinstance(action, Parameters | Write) and not wanted:
            self._all_came(command)

    def _flush(self, command: Command, medium: Medium) -> None:
        self._jobs.append(Job("flush", medium.flush, command))

    def _give_data(self) -> bool:
        command = self._command
        assert command is not None
        if command.source is None:
            return False
        if not self._ins:
            return self._given_up()
        transfer = self._ins.popleft()
        left = min(len(command.source), command.host_length) - command.moved
        count = min(left, transfer.length)
        whole = count == len(command.source)
        data = command.source if whole else command.source[command.moved : command.moved + count]
        command.moved += count
        self.replies.append(Reply(transfer, data=data))
        # A short packet ends the data, an empty one too: then all that came has filled its requests exactly.
        if count < transfer.length or command.moved == command.host_length:
            self.phase = Phase.STATUS
        return True

    def _take_data(self) -> bool:
        if not self._outs:
            return False
        command = self._command
        assert command is not None
        transfer = self._outs.popleft()
        data = transfer.data
        self.replies.append(Reply(transfer, length=len(data)))
        command.moved += len(data)
        action = command.action
        if isinstance(action, Parameters | Write) and command.status == PASSED:
            data = data[: action.length - command.useful]
            if isinstance(action, Parameters):
                command.parameters += data
            elif data:
                # Acknowledged before it is written: an error comes with the status, which waits for all of it.
                medium, offset = action.medium, action.offset + command.useful
                self._jobs.append(Job("write", partial(medium.write, offset, data), command))
                self.bytes_written += len(data)
            command.useful += len(data)
        if command.moved >= command.host_length:
            self._all_came(command)
            self.phase = Phase.STATUS
        return True

    def _all_came(self, command: Command) -> None:
        action = command.action
        if command.status != PASSED:
            return
        if isinstance(action, Write) and action.flush:
            self._flush(command, action.medium)
        elif isinstance(action, Parameters):
            try:
                action.apply(bytes(command.parameters))
            except CheckCondition as condition:
                self.unit.fail(condition.sense)
                command.status = FAILED

    def _give_status(self) -> bool:
        command = self._command
        assert command is not None
        if self._jobs or self._running is not None:
            return False
        if not self._ins:
            return self._given_up()
        transfer = self._ins.popleft()
        if transfer.length < STATUS_WRAPPER.size:
            self.phase = Phase.BROKEN
            self._ins.appendleft(transfer)
            return True
        useful = command.moved if command.host_in else command.useful
        residue = max(command.host_length - useful, 0)
        data = STATUS_WRAPPER.pack(b"USBS", command.tag, residue, command.status)
        self.replies.append(Reply(transfer, data=data))
        self._command = None
        self.phase = Phase.COMMAND
        return True

    def _given_up(self) -> bool:
        """A new command while the last one's end was never asked for: some drivers do so after a time-out."""
        if self._outs and not self._jobs and self._running is None and _parse(self._outs[0].data) is not None:
            self._command = None
            self.phase = Phase.COMMAND
            return True
        return False


def _parse(data: bytes) -> tuple[int, int, bool, int, bytes] | None:
    """Tag, length, whether the data goes to the guest, unit and command block; None for what is no wrapper."""
    if len(data) != COMMAND_WRAPPER.size:
        return None
    signature, tag, length, flags, unit, block_length, block = COMMAND_WRAPPER.unpack(data)
    if signature != b"USBC" or not 1 <= block_length & 0x1F <= 16:
        return None
    return tag, length, bool(flags & 0x80), unit & 0x0F, block[: block_length & 0x1F]


def _length(action: Action) -> int:
    if isinstance(action, DataIn):
        return len(action.data)
    return action.length if isinstance(action, Read | Write | Parameters) else 0


def _sense_of(job: Job, error: OSError) -> Sense:
    if job.kind == "read":
        return READ_ERROR
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NO_SPACE
    return WRITE_PROTECTED if error.errno == errno.EROFS else WRITE_ERROR
