"""Files to the guest: each is announced, let in, sent in pieces as the server gives tokens, and confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO

from ..errors import AgentError, SpiceError
from ..interfaces import TransferProgress
from ..wire import agent as wire
from ..wire.enums import AgentCap, FileXferResult
from .feature import Feature

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

_GLIB_IO = 0
_ERROR = Struct("<BI")
_SPACE = Struct("<Q")

#: GLib's I/O errors (GIOErrorEnum) that an agent's disk can give.
_GLIB_ERRORS = {
    1: "its folder is not there",
    2: "it exists already",
    3: "a folder has that name",
    9: "its name is too long",
    10: "its name is not allowed there",
    12: "the disk is full",
    14: "permission denied",
    15: "not supported",
    21: "the file system is read-only",
}

Progress = Callable[[TransferProgress], None]


class TransferState(Enum):
    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Transfer:
    """One file on its way."""

    def __init__(self, id: int, path: Path, progress: Progress | None, digest: bool, feature: FileTransfer) -> None:
        self.id = id
        self.path = path
        self.name = path.name
        self.total_size = 0  #: known once it begins
        self.bytes_sent = 0
        self.state = TransferState.WAITING
        self.error: SpiceError | OSError | None = None
        self.sha256: str | None = None  #: of what was sent, when asked for and done
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
        error = AgentError(f"{self.name}: cancelled")
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

    @property
    def available(self) -> bool:
        """Whether there is an agent that takes files."""
        agent = self.agent
        disabled = AgentCap.FILE_XFER_DISABLED in agent.caps or agent.link.read_only
        return agent.connected and agent.announced and not disabled

    # --- for programs

    def send_file(
        self, path: str | os.PathLike[str], progress: Progress | None = None, *, digest: bool = False
    ) -> Transfer:
        """Begins to send one file; its last part becomes its name. Raises AgentError when the guest takes no files.

        *progress* is called on the event loop for every piece, and once in the end. *digest*: compute the SHA-256.
        """
        self.agent.require("file transfer")
        if AgentCap.FILE_XFER_DISABLED in self.agent.caps:
            raise AgentError("file transfer is switched off in the guest or its server")
        self._last_id = self._last_id % 0xFFFF_FFFF + 1
        transfer = Transfer(self._last_id, Path(path), progress, digest, self)
        self.transfers[transfer.id] = transfer
        transfer._task = asyncio.ensure_future(self._run(transfer))
        return transfer

    def send_files(
        self, paths: Iterable[str | os.PathLike[str]], progress: Progress | None = None, *, digest: bool = False
    ) -> list[Transfer]:
        """Begins to send several, as with :meth:`send_file`; some at a time, in order."""
        return [self.send_file(path, progress, digest=digest) for path in paths]

    # --- one file

    async def _run(self, transfer: Transfer) -> None:
        try:
            async with self._slots:
                file = await asyncio.to_thread(_open, transfer.path)
                with file:
                    await self._send(transfer, file)
        except (SpiceError, OSError) as error:
            self.finish(transfer, TransferState.FAILED, error, tell=FileXferResult.ERROR)
        except asyncio.CancelledError:
            transfer.cancel()
            raise
        except Exception as error:
            self.agent.log.error("sending a file failed", exc_info=error)
            self.finish(transfer, TransferState.FAILED, AgentError(f"internal error: {error}"), FileXferResult.ERROR)

    async def _send(self, transfer: Transfer, file: BinaryIO) -> None:
        transfer.total_size = os.fstat(file.fileno()).st_size
        self.send(wire.FileXferStart(transfer.id, key_file(transfer.path, transfer.total_size)))
        transfer.state = TransferState.SENDING
        await _within(ANSWER_SECONDS, transfer._let_in, "the guest's agent has not let it in")
        if not transfer.total_size:
            self.send(wire.FileXferData(transfer.id, 0, b""))
        left = transfer.total_size
        while left:
            block = await asyncio.to_thread(_read, file, min(READ, left), transfer._hash)
            if not block:
                raise AgentError(f"{transfer.name}: the file became shorter while it was sent")
            left -= len(block)
            for at in range(0, len(block), PIECE):
                piece = block[at : at + PIECE]
                await self.agent.room()
                self.send(wire.FileXferData(transfer.id, len(piece), piece))
                transfer.bytes_sent += len(piece)
                transfer.report()
        await _within(CONFIRM_SECONDS, transfer._over, "the guest's agent has not confirmed it")

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

    def gone(self, error: AgentError) -> None:
        for transfer in list(self.transfers.values()):
            self.finish(transfer, TransferState.FAILED, AgentError(f"{transfer.name}: {error}"))

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
            self.finish(transfer, state, AgentError(f"{transfer.name}: {_reason(message, transfer.total_size)}"))


def _open(path: Path) -> BinaryIO:
    """Raises OSError, AgentError for what is no plain file."""
    # A pipe without a writer would block for ever.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise AgentError(f"{path.name}: no plain file")
    return os.fdopen(number, "rb", 0)


def _read(file: BinaryIO, size: int, digest: hashlib._Hash | None) -> bytes:
    data = file.read(size)
    if digest is not None:
        digest.update(data)
    return data


async def _within(seconds: float, event: asyncio.Event, otherwise: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        raise AgentError(f"{otherwise} within {seconds:g} seconds") from None


def key_file(path: Path, size: int) -> bytes:
    """What a file is announced with: GLib's key file format, its escapes, a zero byte."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    for plain, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(plain, escape)
    stripped = name.lstrip(" \t")
    lead = name[: len(name) - len(stripped)].replace(" ", "\\s").replace("\t", "\\t")
    return f"[vdagent-file-xfer]\nname={lead}{stripped}\nsize={size}\n\0".encode()


def _reason(message: wire.FileXferStatus, size: int) -> str:
    data = bytes(message.data)
    match message.result:
        case FileXferResult.CANCELLED:
            return "the guest has cancelled it"
        case FileXferResult.ERROR:
            if len(data) >= _ERROR.size:
                kind, code = _ERROR.unpack_from(data)
                if kind == _GLIB_IO:
                    return f"the guest cannot write it: {_GLIB_ERRORS.get(code, f'error {code}')}"
            return "the guest cannot write it"
        case FileXferResult.NOT_ENOUGH_SPACE:
            if len(data) >= _SPACE.size:
                free = _SPACE.unpack_from(data)[0]
                return f"the guest's disk is full: {size} bytes are to be sent and {free} are free"
            return "the guest's disk is full"
        case FileXferResult.SESSION_LOCKED:
            return "the guest's session is locked; unlock it and try again"
        case FileXferResult.VDAGENT_NOT_CONNECTED:
            return "no user is logged in in the guest, or no spice-vdagent runs in the session"
        case FileXferResult.DISABLED:
            return "file transfer is switched off in the guest"
        case FileXferResult.SUCCESS:
            return "the guest takes it for complete too early"
    return f"the guest's agent answers with status {message.result}"
