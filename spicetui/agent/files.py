"""Files to the guest: each is announced, let in, sent in pieces as the server gives tokens, and confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from enum import Enum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from ..errors import AgentError, SpiceError
from ..interfaces import TransferProgress
from ..wire import agent as wire
from ..wire.enums import AgentCap, FileXferResult
from .feature import Feature
from .source import NotPlain, Source

if TYPE_CHECKING:
    from .hub import Agent

#: Files that are on their way at a time; an agent holds each of them open.
AT_ONCE = 8

#: Bytes of one message, and of one reading from the disk.
PIECE = 64 << 10
READ = 1 << 20

#: Seconds that the agent may take to let a file in, and to confirm it once all of it has been sent.
ANSWER_SECONDS = 30.0
CONFIRM_SECONDS = 120.0

SWITCHED_OFF = "file transfer is switched off in the guest or its server"

_GLIB_IO = 0
_ERROR = Struct("<BI")
_SPACE = Struct("<Q")

_FREE_SPACE = "free some space there"

#: GLib's I/O errors (GIOErrorEnum) that an agent's disk can give, and what helps.
_GLIB_ERRORS = {
    1: ("its folder is not there", "make it, or give spice-vdagent another one with -f"),
    2: ("it exists already", "rename one of the two"),
    3: ("a folder has that name", "rename one of the two"),
    9: ("its name is too long", "rename it"),
    10: ("its name is not allowed there", "rename it"),
    12: ("the disk is full", _FREE_SPACE),
    14: ("permission denied", "let the user who is logged in there write to that folder"),
    15: ("not supported", "look into the guest's log"),
    21: ("the file system is read-only", "make it writable, or give spice-vdagent another folder with -f"),
}

Progress = Callable[[TransferProgress], None]

#: Asked before each piece, how many of so many bytes may go; waits as long as none may.
Gate = Callable[[int], Awaitable[int]]


class TransferError(AgentError):
    """A file that the guest has not got: *reason* says why, *advice* what can be done, where anything can."""

    def __init__(self, name: str, reason: str, advice: str = "") -> None:
        super().__init__(f"{name}: {reason}; {advice}" if advice else f"{name}: {reason}")
        self.reason = reason
        self.advice = advice


class TransferState(Enum):
    WAITING = "waiting"
    PAUSED = "paused"  #: in a queue only
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Transfer:
    """One file on its way."""

    def __init__(
        self, id: int, path: Path, progress: Progress | None, digest: bool, gate: Gate | None, feature: FileTransfer
    ) -> None:
        self.id = id
        self.path = path
        self.name = path.name
        self.total_size = 0  #: known once it begins
        self.bytes_sent = 0
        self.state = TransferState.WAITING
        self.error: SpiceError | OSError | None = None
        self.sha256: str | None = None  #: of what was sent, when asked for and done
        self.note = ""  #: what else the user should know of it
        self.lost = False  #: it failed because the agent or the session has gone
        self.gate = gate
        self._hash = hashlib.sha256() if digest else None
        self._progress = progress
        self._feature = feature
        self._let_in = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def finished(self) -> bool:
        return self.state not in (TransferState.WAITING, TransferState.SENDING)

    @property
    def progress(self) -> TransferProgress:
        if self.total_size:
            percentage = 100.0 * self.bytes_sent / self.total_size
        else:
            percentage = 100.0 if self.state is TransferState.DONE else 0.0
        return TransferProgress(self.name, self.bytes_sent, self.total_size, percentage, self.error)

    def cancel(self) -> None:
        """Ends it; the guest deletes what has come. Nothing happens to a finished one."""
        error = TransferError(self.name, "cancelled")
        self._feature.finish(self, TransferState.CANCELLED, error, tell=FileXferResult.CANCELLED)

    async def wait(self) -> None:
        """Until the guest has all of it. Raises AgentError or OSError, which say why it has not."""
        await self._over.wait()
        if self.error is not None:
            raise self.error

    def report(self) -> None:
        if self._progress is None:
            return
        try:
            self._progress(self.progress)
        except Exception as error:
            self._feature.agent.log.error("a progress callback failed", exc_info=error)
            self._progress = None


class FileTransfer(Feature):
    """``client.file_transfer``."""

    CAPS = frozenset((AgentCap.FILE_XFER_DETAILED_ERRORS,))
    MESSAGES = (wire.FileXferStatus,)

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.transfers: dict[int, Transfer] = {}  #: that are not finished, by number
        self._last_id = 0
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._watchers: list[Callable[[], object]] = []

    @property
    def available(self) -> bool:
        """Whether there is an agent that takes files."""
        agent = self.agent
        return agent.connected and agent.announced and not self.switched_off and not agent.link.read_only

    @property
    def switched_off(self) -> bool:
        """Whether the guest or its server lets no files in."""
        return AgentCap.FILE_XFER_DISABLED in self.agent.caps

    # --- for programs

    def send_file(
        self,
        path: str | os.PathLike[str],
        progress: Progress | None = None,
        *,
        digest: bool = False,
        gate: Gate | None = None,
    ) -> Transfer:
        """Begins to send one file; its last part becomes its name. Raises AgentError when the guest takes no files.

        *progress* is called on the event loop for every piece, and once in the end. *digest*: compute the SHA-256.
        *gate* may hold each piece back.
        """
        self.agent.require("file transfer")
        if self.switched_off:
            raise AgentError(SWITCHED_OFF)
        self._last_id = self._last_id % 0xFFFF_FFFF + 1
        transfer = Transfer(self._last_id, Path(path), progress, digest, gate, self)
        self.transfers[transfer.id] = transfer
        transfer._task = asyncio.ensure_future(self._run(transfer))
        return transfer

    def send_files(
        self, paths: Iterable[str | os.PathLike[str]], progress: Progress | None = None, *, digest: bool = False
    ) -> list[Transfer]:
        """Begins to send several, as with :meth:`send_file`; some at a time, in order."""
        return [self.send_file(path, progress, digest=digest) for path in paths]

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """*watcher* is called when the agent has come or gone, until what is returned is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    # --- one file

    async def _run(self, transfer: Transfer) -> None:
        try:
            async with self._slots:
                with closing(Source(transfer.path, transfer._hash)) as source:
                    await self._send(transfer, source)
        except NotPlain:
            error = TransferError(transfer.name, "no plain file", "pack it into one, or share its folder")
            self.finish(transfer, TransferState.FAILED, error)
        except (SpiceError, OSError) as failure:
            self.finish(transfer, TransferState.FAILED, failure, tell=FileXferResult.ERROR)
        except asyncio.CancelledError:
            transfer.cancel()
            raise
        except Exception as bug:
            self.agent.log.error("sending a file failed", exc_info=bug)
            error = TransferError(transfer.name, f"internal error: {bug}")
            self.finish(transfer, TransferState.FAILED, error, FileXferResult.ERROR)

    async def _send(self, transfer: Transfer, source: Source) -> None:
        begun = await source.open()
        transfer.total_size = begun.st_size
        self.send(wire.FileXferStart(transfer.id, key_file(transfer.path, transfer.total_size)))
        transfer.state = TransferState.SENDING
        await _within(ANSWER_SECONDS, transfer, transfer._let_in, "let it in")
        if not transfer.total_size:
            self.send(wire.FileXferData(transfer.id, 0, b""))
        left = transfer.total_size
        while left:
            block, now = await source.read(min(READ, left))
            left -= len(block)
            # Before the last bytes, so that the guest never has all of what is no file that ever was.
            if not block or not left:
                _look_for_changes(transfer, begun, now, short=bool(left))
            await self._send_block(transfer, memoryview(block))
        await _within(CONFIRM_SECONDS, transfer, transfer._over, "confirmed it")

    async def _send_block(self, transfer: Transfer, block: memoryview) -> None:
        while block:
            size = min(PIECE, len(block))
            if transfer.gate is not None:
                size = await transfer.gate(size)
            await self.agent.room()
            self.send(wire.FileXferData(transfer.id, size, block[:size]))
            block = block[size:]
            transfer.bytes_sent += size
            transfer.report()

    def finish(
        self,
        transfer: Transfer,
        state: TransferState,
        error: SpiceError | OSError | None = None,
        tell: FileXferResult | None = None,
    ) -> None:
        """The end of a transfer, whatever it was. *tell*: what the agent is told."""
        if transfer.finished:
            return
        if tell is not None and transfer.state is TransferState.SENDING:
            self.send(wire.FileXferStatus(transfer.id, tell, b""))
        transfer.state = state
        transfer.error = error
        if state is TransferState.DONE and transfer._hash is not None:
            transfer.sha256 = transfer._hash.hexdigest()
        self.transfers.pop(transfer.id, None)
        transfer._over.set()
        task = transfer._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        transfer.report()

    # --- the agent

    def ready(self) -> None:
        self._tell()

    def gone(self, error: AgentError) -> None:
        for transfer in list(self.transfers.values()):
            transfer.lost = True
            self.finish(transfer, TransferState.FAILED, TransferError(transfer.name, str(error)))
        self._tell()

    def _tell(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()

    def on_file_xfer_status(self, message: wire.FileXferStatus) -> None:
        transfer = self.transfers.get(message.id)
        if transfer is None:
            self.agent.log.info("status %d of no file that is on its way", message.result)
        elif message.result == FileXferResult.CAN_SEND_DATA:
            transfer._let_in.set()
        elif message.result == FileXferResult.SUCCESS and transfer.bytes_sent == transfer.total_size:
            self.finish(transfer, TransferState.DONE)
        else:
            state = TransferState.CANCELLED if message.result == FileXferResult.CANCELLED else TransferState.FAILED
            reason, advice = _reason(message, transfer.total_size)
            self.finish(transfer, state, TransferError(transfer.name, reason, advice))


def _look_for_changes(transfer: Transfer, begun: os.stat_result, now: os.stat_result, *, short: bool) -> None:
    """Raises TransferError for a file that another program has written to; one that only grew gets a note."""
    if short:
        raise TransferError(transfer.name, "the file became shorter while it was sent", "send it again once it rests")
    if now.st_size > begun.st_size:
        transfer.note = f"it grew while it was sent; the guest has its first {begun.st_size} bytes"
    elif (now.st_size, now.st_mtime_ns) != (begun.st_size, begun.st_mtime_ns):
        raise TransferError(transfer.name, "the file was changed while it was sent", "send it again once it rests")


async def _within(seconds: float, transfer: Transfer, event: asyncio.Event, done: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        reason = f"the guest's agent has not {done} within {seconds:g} seconds"
        raise TransferError(transfer.name, reason, "look whether the guest hangs, and try again") from None


def key_file(path: Path, size: int) -> bytes:
    """What a file is announced with: GLib's key file format, its escapes, a zero byte."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    for plain, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(plain, escape)
    stripped = name.lstrip(" \t")
    lead = name[: len(name) - len(stripped)].replace(" ", "\\s").replace("\t", "\\t")
    return f"[vdagent-file-xfer]\nname={lead}{stripped}\nsize={size}\n\0".encode()


def _reason(message: wire.FileXferStatus, size: int) -> tuple[str, str]:
    """Why the guest has refused it, and what helps."""
    data = bytes(message.data)
    match message.result:
        case FileXferResult.CANCELLED:
            return "the guest has cancelled it", ""
        case FileXferResult.ERROR:
            if len(data) >= _ERROR.size:
                kind, code = _ERROR.unpack_from(data)
                if kind == _GLIB_IO:
                    reason, advice = _GLIB_ERRORS.get(code, (f"error {code}", "look into the guest's log"))
                    return f"the guest cannot write it: {reason}", advice
            return "the guest cannot write it", "look whether its disk is full, and whether its folder may be written"
        case FileXferResult.NOT_ENOUGH_SPACE:
            if len(data) >= _SPACE.size:
                free = _SPACE.unpack_from(data)[0]
                return f"the guest's disk is full: {size} bytes are to be sent and {free} are free", _FREE_SPACE
            return "the guest's disk is full", _FREE_SPACE
        case FileXferResult.SESSION_LOCKED:
            return "the guest's session is locked", "unlock it and try again"
        case FileXferResult.VDAGENT_NOT_CONNECTED:
            return "no spice-vdagent runs for a user in the guest", "log in there, or start it, and try again"
        case FileXferResult.DISABLED:
            return "file transfer is switched off in the guest", "switch it on there, or share a folder"
        case FileXferResult.SUCCESS:
            return "the guest takes it for complete too early", "try again"
    return f"the guest's agent answers with status {message.result}", ""
