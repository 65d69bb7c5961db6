"""Files that wait for their turn, over agents and sessions that come and go."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import SpiceError
from ..interfaces import TransferProgress
from .files import AT_ONCE, PIECE, SWITCHED_OFF, FileTransfer, Transfer, TransferError, TransferState

#: The next file begins when no more than this is left of those that are on their way: small ones do not wait for each
#: other's answers, and large ones come one after the other.
AHEAD = 2 << 20

#: Files in a queue; of those that are finished the oldest are forgotten first.
MAX_FILES = 10_000

#: Agents that may be lost under one file in one session, before it is taken to be the reason.
MAX_LOST = 3

#: Seconds over which a rate is taken, and the least time between two looks.
RATE_SECONDS = 5.0
LOOK_SECONDS = 0.1

#: Of a throttled queue, bytes: no piece is smaller.
MIN_PIECE = 1024

_ACTIVE = (TransferState.WAITING, TransferState.SENDING, TransferState.PAUSED)

_LOCAL = {
    errno.ENOENT: ("there is no such file", "look at its name, and where it is now"),
    errno.EACCES: ("it may not be read here", "change its permissions, or be another user"),
    errno.EPERM: ("it may not be read here", "change its permissions, or be another user"),
    errno.EISDIR: ("it is a folder", "add the files in it, or share it"),
    errno.EIO: ("the disk here cannot read it", "look into this machine's log"),
    errno.ESTALE: ("its network drive has gone", "mount it again"),
    errno.EMFILE: ("too many files are open here", "close some programs, or raise the limit (ulimit -n)"),
    errno.ELOOP: ("it is a link that leads to itself", "add the file that is meant"),
}


def explain(error: BaseException) -> tuple[str, str]:
    """Why a file has not come, and what can be done, in words."""
    if isinstance(error, TransferError):
        return error.reason, error.advice
    if isinstance(error, OSError):
        text = (error.strerror or str(error)).lower()
        return _LOCAL.get(error.errno or 0, (f"it cannot be read here: {text}", ""))
    reason, _, advice = str(error).partition("; ")
    return reason, advice


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def parse_rate(text: str) -> float:
    """``500k``, ``1.5M``, ``2MiB/s``: bytes a second. Raises ValueError."""
    number = text.strip().lower().removesuffix("/s").removesuffix("b")
    unit = number.lstrip("0123456789.")
    try:
        found = float(number.removesuffix(unit)) * _UNITS[unit.strip()]
    except (ValueError, KeyError):
        found = 0.0
    if not 0 < found < 1e15:
        raise ValueError(f"{text!r} is no rate such as 500k or 2M (bytes a second)")
    return found


class Rate:
    """Bytes a second, over the last seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, total: int) -> None:
        """So many bytes have gone by now."""
        now = self._clock()
        if self._seen and now - self._seen[-1][0] < LOOK_SECONDS:
            return
        self._seen.append((now, total))
        while len(self._seen) > 2 and now - self._seen[1][0] > RATE_SECONDS:
            self._seen.popleft()

    def reset(self) -> None:
        self._seen.clear()

    def now(self, total: int) -> float:
        """0 as long as it cannot be told."""
        if not self._seen:
            return 0.0
        since, before = self._seen[0]
        passed = self._clock() - since
        return (total - before) / passed if passed >= LOOK_SECONDS else 0.0


class QueuedFile:
    """One file of a queue."""

    def __init__(self, path: Path, size: int, clock: Callable[[], float]) -> None:
        self.path = path
        self.size = size
        self.state = TransferState.WAITING
        self.bytes_sent = 0
        self.reason = ""  #: why it has failed, in words
        self.advice = ""  #: what can be done about that
        self.note = ""  #: what else the user should know
        self.sha256: str | None = None
        self.lost = 0  #: how many agents have gone while it was sent
        self.began = 0.0  #: on the queue's clock; 0 before
        self.ended = 0.0
        self.transfer: Transfer | None = None
        self.rate = Rate(clock)
        self._clock = clock
        self._go = asyncio.Event()
        self._go.set()
        self._over = asyncio.Event()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def finished(self) -> bool:
        return self.state not in _ACTIVE

    @property
    def left(self) -> int:
        return 0 if self.finished else max(0, self.size - self.bytes_sent)

    @property
    def fraction(self) -> float:
        if self.size:
            return min(1.0, self.bytes_sent / self.size)
        return 1.0 if self.state is TransferState.DONE else 0.0

    @property
    def bytes_per_second(self) -> float:
        """While it is sent as of late, afterwards over all."""
        if self.state is TransferState.SENDING:
            return self.rate.now(self.bytes_sent)
        spent = self.ended - self.began
        return self.size / spent if self.state is TransferState.DONE and spent > 0 else 0.0

    @property
    def seconds(self) -> float:
        """That it has taken so far, or took."""
        return (self.ended or self._clock()) - self.began if self.began else 0.0

    @property
    def seconds_left(self) -> float | None:
        rate = self.bytes_per_second
        return self.left / rate if self.state is TransferState.SENDING and rate > 0 else None

    async def wait(self) -> None:
        """Until it is finished; why it has failed is in :attr:`reason`."""
        await self._over.wait()


class FileQueue:
    """Sends files in order to whatever session it is attached to, and goes on with the next one.

    A file that was on its way when the agent or the session went begins anew with the next one.  Every call is on the
    event loop.  *digest*: SHA-256 of each file.
    """

    def __init__(self, *, digest: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.files: list[QueuedFile] = []  #: in order
        self.digest = digest
        self.paused = False  #: all of it
        self._limit: float | None = None
        self._limit_changed = asyncio.Event()
        self._due = 0.0  # when the next piece may go, with a limit
        self._clock = clock
        self._channel: FileTransfer | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._watchers: list[Callable[[], object]] = []
        self._idle = asyncio.Event()
        self._bytes = 0  # that have gone, of all files there ever were
        self._rate = Rate(clock)
        self._pumping = False
        self._active: list[QueuedFile] = []
        self._unfinished = 0

    # --- the session

    def attach(self, channel: FileTransfer) -> None:
        """A session to send by: ``client.main.agent.files``; its agent may come later, go, and come again."""
        self.detach()
        self._channel = channel
        self._stop_watching = channel.watch(self._agent_changed)
        for file in self.files:
            file.lost = 0
        self._agent_changed()

    def detach(self) -> None:
        """The session is over, or is to be left alone."""
        self._stop_watching()
        self._stop_watching = lambda: None
        self._channel = None
        active, self._active = self._active, []
        for file in active:
            transfer, file.transfer = file.transfer, None
            self._begin_anew(file, "the session has ended")
            if transfer is not None:
                transfer.cancel()
        self._tell()

    @property
    def blocked(self) -> str:
        """Why nothing can be sent now, and what can be done; empty when it can."""
        channel = self._channel
        if channel is None:
            return "no session; the files wait for the next one"
        if channel.available:
            return ""
        if channel.agent.link.read_only:
            return "the session is read-only; connect without --read-only"
        if not channel.agent.connected:
            return "the guest runs no SPICE agent; start spice-vdagent there, the files wait for it"
        if not channel.agent.announced:
            return "the guest's agent has not answered yet"
        return f"{SWITCHED_OFF}; switch it on there, or share a folder"

    def _agent_changed(self) -> None:
        self._rate.reset()
        self._pump()
        self._tell()

    # --- what is in it

    def add(self, path: str | os.PathLike[str], size: int | None = None) -> QueuedFile:
        """Puts a file at the end. Raises ValueError when the queue is full."""
        if len(self.files) >= MAX_FILES:
            self._forget_oldest()
        path = Path(path)
        if size is None:
            try:
                size = path.stat().st_size
            except OSError:
                size = 0  # it will be told when its turn comes
        file = QueuedFile(path, size, self._clock)
        self.files.append(file)
        self._unfinished += 1
        self._pump()
        self._tell()
        return file

    def add_all(self, paths: Iterable[str | os.PathLike[str]]) -> list[QueuedFile]:
        return [self.add(path) for path in paths]

    def _forget_oldest(self) -> None:
        for file in self.files:
            if file.finished:
                self.files.remove(file)
                return
        raise ValueError(f"the queue holds {MAX_FILES} files; wait until some have been sent")

    def move(self, file: QueuedFile, step: int) -> None:
        """Up (-1) or down (+1); what is on its way goes on, wherever it stands."""
        at = self.files.index(file)
        to = min(max(at + step, 0), len(self.files) - 1)
        self.files.insert(to, self.files.pop(at))
        self._tell()

    def pause(self, file: QueuedFile | None = None) -> None:
        """Feeds one file, or all of them, no more."""
        if file is None:
            self.paused = True
            for one in self.files:
                one._go.clear()
                one.rate.reset()
        elif not file.finished:
            file.state = TransferState.PAUSED
            file._go.clear()
            file.rate.reset()
        self._rate.reset()
        self._pump()
        self._tell()

    def resume(self, file: QueuedFile | None = None) -> None:
        """Goes on with one file, or with all but those that were paused one by one."""
        if file is None:
            self.paused = False
        elif file.state is TransferState.PAUSED:
            file.state = TransferState.WAITING if file.transfer is None else TransferState.SENDING
        for one in self.files:
            if not self.paused and one.state is not TransferState.PAUSED:
                one._go.set()
        self._pump()
        self._tell()

    def cancel(self, file: QueuedFile) -> None:
        """The guest deletes what it has of it."""
        if file.finished:
            return
        if file.transfer is not None:
            file.transfer.cancel()
        else:
            self._end(file, TransferState.CANCELLED, "cancelled")
        self._pump()
        self._tell()

    def cancel_all(self) -> None:
        self._pumping = True  # nothing takes their place
        try:
            for file in [file for file in self.files if not file.finished]:
                self.cancel(file)
        finally:
            self._pumping = False

    def fail_all(self, reason: str, advice: str = "") -> None:
        """Gives up what is not finished: whoever owns the queue waits no longer for an agent or a session."""
        self.detach()
        for file in self.files:
            if not file.finished:
                self._end(file, TransferState.FAILED, reason, advice)
        self._tell()

    def retry(self, file: QueuedFile) -> None:
        """Sends one that has failed or was cancelled again, from its beginning."""
        if file.state not in (TransferState.FAILED, TransferState.CANCELLED):
            return
        file.state = TransferState.WAITING
        file.bytes_sent = file.lost = 0
        file.reason = file.advice = file.note = ""
        file.began = file.ended = 0.0
        file._over.clear()
        if not self.paused:
            file._go.set()
        self._unfinished += 1
        self._pump()
        self._tell()

    def clear_finished(self) -> None:
        """Forgets what has been sent, has failed or was cancelled."""
        self.files = [file for file in self.files if not file.finished]
        self._tell()

    @property
    def limit(self) -> float | None:
        """Bytes a second for all files together; None: as fast as the guest takes them."""
        return self._limit

    @limit.setter
    def limit(self, bytes_per_second: float | None) -> None:
        if bytes_per_second is not None and not 0 < bytes_per_second < float("inf"):
            raise ValueError("a limit is a number of bytes a second above 0")
        self._limit = bytes_per_second
        self._due = 0.0
        changed, self._limit_changed = self._limit_changed, asyncio.Event()
        changed.set()
        self._rate.reset()
        self._tell()

    # --- how far it is

    @property
    def active(self) -> list[QueuedFile]:
        """Those that are on their way."""
        return list(self._active)

    @property
    def waiting(self) -> int:
        """Files that are not finished."""
        return self._unfinished

    @property
    def bytes_sent(self) -> int:
        """Of the files that are not finished and those that have arrived."""
        return sum(file.bytes_sent for file in self._counted)

    @property
    def total_size(self) -> int:
        return sum(file.size for file in self._counted)

    @property
    def _counted(self) -> list[QueuedFile]:
        return [file for file in self.files if not file.finished or file.state is TransferState.DONE]

    @property
    def bytes_per_second(self) -> float:
        return self._rate.now(self._bytes) if self._active else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None when it cannot be told."""
        rate = self.bytes_per_second
        return sum(file.left for file in self.files) / rate if rate > 0 and not self.paused else None

    async def wait_idle(self) -> None:
        """Until every file is finished."""
        while self.waiting:
            self._idle.clear()
            await self._idle.wait()

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """*watcher* is called at each change, until what is returned is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _tell(self) -> None:
        if not self.waiting:
            self._idle.set()
        for watcher in tuple(self._watchers):
            watcher()

    # --- sending

    def _pump(self) -> None:
        """Begins as many files as there is room for."""
        if self._pumping or self.paused or self._channel is None:
            return
        self._pumping = True  # a file that fails at once comes back here
        try:
            while (file := self._next()) is not None:
                self._start(file, self._channel)
        finally:
            self._pumping = False

    def _next(self) -> QueuedFile | None:
        if self._channel is None or not self._channel.available:
            return None
        running = [file for file in self._active if file.state is TransferState.SENDING]
        if len(self._active) >= AT_ONCE or sum(file.left for file in running) > AHEAD:
            return None
        return next((file for file in self.files if file.state is TransferState.WAITING), None)

    def _start(self, file: QueuedFile, channel: FileTransfer) -> None:
        file.state = TransferState.SENDING
        file.bytes_sent = 0
        file.began = self._clock()
        file.rate.reset()
        if not self._active:
            self._rate.reset()

        async def gate(size: int) -> int:
            return await self._gate(file, size)

        def progress(told: TransferProgress) -> None:
            self._progress(file, told)

        try:
            file.transfer = channel.send_file(file.path, progress, digest=self.digest, gate=gate)
            self._active.append(file)
        except SpiceError as error:
            self._end(file, TransferState.FAILED, *explain(error))

    async def _gate(self, file: QueuedFile, size: int) -> int:
        """How much of *size* may go now; waits while the file is paused or the limit is used up."""
        while True:
            await file._go.wait()
            if self._limit is None:
                return size
            now = self._clock()
            if self._due <= now:
                piece = min(size, PIECE, max(MIN_PIECE, int(self._limit / 4)))
                self._due = now + piece / self._limit
                return piece
            try:
                async with asyncio.timeout(self._due - now):
                    await self._limit_changed.wait()
            except TimeoutError:
                pass

    def _progress(self, file: QueuedFile, told: TransferProgress) -> None:
        transfer = file.transfer
        if transfer is None:
            return  # given up
        file.size = transfer.total_size or file.size
        self._bytes += max(0, told.bytes_sent - file.bytes_sent)
        file.bytes_sent = told.bytes_sent
        file.rate.saw(file.bytes_sent)
        self._rate.saw(self._bytes)
        if transfer.finished:
            self._finished(file, transfer)
        self._pump()
        self._tell()

    def _finished(self, file: QueuedFile, transfer: Transfer) -> None:
        file.transfer = None
        self._active.remove(file)
        error = transfer.error
        if transfer.lost and error is not None:
            reason, _ = explain(error)
            file.lost += 1
            if file.lost < MAX_LOST:
                self._begin_anew(file, reason)
                return
            advice = "look whether the guest's agent runs, and try again"
            self._end(file, TransferState.FAILED, f"{reason}, {MAX_LOST} times", advice)
            return
        file.sha256 = transfer.sha256
        if transfer.note:
            file.note = transfer.note
        if error is None:
            file.size = transfer.total_size
        self._end(file, transfer.state, *(explain(error) if error is not None else ("", "")))

    def _begin_anew(self, file: QueuedFile, reason: str) -> None:
        if file.bytes_sent:
            file.note = (
                f"{reason}: it begins anew; the first part may be left in the guest, and the new one get another name"
            )
        file.bytes_sent = 0
        if file.state is TransferState.SENDING:
            file.state = TransferState.WAITING

    def _end(self, file: QueuedFile, state: TransferState, reason: str = "", advice: str = "") -> None:
        file.state = state
        file.reason, file.advice = reason, advice
        file.ended = self._clock()
        self._unfinished -= 1
        file._over.set()
