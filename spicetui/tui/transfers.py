"""The files that go to the guest, behind their panel: one queue for the app's life, over all of its sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..agent.files import TransferState
from ..agent.gather import Gathered, gather
from ..agent.queue import FileQueue, QueuedFile
from ..term import notify
from .paths import dropped_paths, may_be_dropped
from .screens.send_files import Answer, SendFilesScreen
from .service import Service

if TYPE_CHECKING:
    from ..client import Client
    from .app import SpiceApp

#: Seconds between two looks at the queue.
LOOK_SECONDS = 0.1

#: Seconds after which a user may look at something else, and is told by the terminal that all is sent.
LONG_SECONDS = 10.0

#: More files than that are asked for once more.
MANY = 50


class Transfers(Service):
    """``app.transfers``."""

    def __init__(self, app: SpiceApp) -> None:
        super().__init__(app)
        self.queue = FileQueue()
        self.queue.watch(self._queue_changed)
        self.unseen = 0  #: files that have failed since the user looked at the panel
        self.looking = ""  #: what is being looked for on the disk
        self._timer: asyncio.TimerHandle | None = None
        self._ended: set[QueuedFile] = set()  # of the present batch
        self._began = 0.0  # when the first file of the batch was added; 0 without one
        self._shown: float | None = None  # by the terminal itself

    # --- the session

    def connected(self, client: Client) -> None:
        super().connected(client)
        self.queue.attach(client.main.agent.files)

    def disconnected(self) -> None:
        self.queue.detach()
        super().disconnected()

    async def aclose(self) -> None:
        self.queue.cancel_all()
        self.queue.detach()
        if self._timer is not None:
            self._timer.cancel()

    # --- what is added

    def add(self, *names: str | Path) -> None:
        """Files, folders and patterns; asks where it is not plain what is meant, and says what cannot be sent."""
        self.app.run_worker(self._add(names), name="send files")

    async def _add(self, names: Iterable[str | Path]) -> None:
        found = await self._look(names)
        if not found.files or found.folders or found.same_names or len(found.files) > MANY:
            if await self._ask(found) is not Answer.SEND:
                return
        elif found.problems:
            path, reason, advice = found.problems[0]
            self.app.say(f"{path.name}: {reason}" + (f"; {advice}" if advice else ""), severity="error")
        self._enqueue(found)

    def take_paste(self, text: str, otherwise: Callable[[], object]) -> bool:
        """Whether *text* may be files that were dropped on the terminal.  If it is none, or is meant as text,
        *otherwise* is called."""
        if not may_be_dropped(text):
            return False
        self.app.run_worker(self._take_paste(text, otherwise), name="dropped files")
        return True

    async def _take_paste(self, text: str, otherwise: Callable[[], object]) -> None:
        paths = await asyncio.to_thread(dropped_paths, text)
        if not paths or self.queue.blocked:
            otherwise()
            return
        found = await self._look(paths)
        answer = await self._ask(found, dropped=True)
        if answer is Answer.SEND:
            self._enqueue(found)
        elif answer is Answer.TEXT:
            otherwise()

    async def _look(self, names: Iterable[str | Path]) -> Gathered:
        names = list(names)
        self.looking = str(names[0]) if names else ""
        self.changed()
        try:
            return await asyncio.to_thread(gather, names, inside=True)
        finally:
            self.looking = ""
            self.changed()

    async def _ask(self, found: Gathered, *, dropped: bool = False) -> Answer:
        self.app.guest.release()
        return await self.app.push_screen_wait(SendFilesScreen(found, dropped=dropped))

    def _enqueue(self, found: Gathered) -> None:
        if not self.queue.waiting:
            self._began = 0.0
        try:
            for path, size in found.files:
                self.queue.add(path.absolute(), size)
        except ValueError as error:
            self.app.say(str(error), severity="error")
        if not self._began and found.files:
            self._began = time.monotonic()
            self._ended = {file for file in self.queue.files if file.finished}

    # --- what is told

    @property
    def unfinished(self) -> str:
        waiting = self.queue.waiting
        return f"{_files(waiting)} {'is' if waiting == 1 else 'are'} not sent yet." if waiting else ""

    @property
    def words(self) -> str:
        queue = self.queue
        if self.looking:
            return "looking for files"
        if not queue.waiting:
            return f"{_files(self.unseen)} not sent" if self.unseen else ""
        count = _files(queue.waiting)
        if queue.paused:
            return f"{count} paused"
        if queue.blocked:
            return f"{count} waiting"
        left = queue.seconds_left
        percent = f"{self.fraction:.0%}".replace("%", " %")
        return f"{count}, {percent}" + (f", {brief(left)}" if left is not None else "")

    @property
    def fraction(self) -> float:
        total = self.queue.total_size
        return self.queue.bytes_sent / total if total else 0.0

    def seen(self) -> None:
        """The user looks at the panel."""
        if self.unseen:
            self.unseen = 0
            self.app.update_status()

    def _queue_changed(self) -> None:
        if self._timer is None and self.app.is_running:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_at_queue)

    def _look_at_queue(self) -> None:
        self._timer = None
        if not self.app.is_running:
            return
        if not self.queue.waiting:
            self._batch_over()
        self._show_in_terminal()
        self.changed()

    def _batch_over(self) -> None:
        if not self._began:
            return
        files = [file for file in self.queue.files if file.finished and file not in self._ended]
        sent = sum(file.state is TransferState.DONE for file in files)
        failed = [file for file in files if file.state is TransferState.FAILED]
        spent, self._began = time.monotonic() - self._began, 0.0
        self._ended = set()
        self.unseen += len(failed)
        if failed:
            first = failed[0]
            words = f"{_files(len(failed))} not sent: {first.name}: {first.reason}"
            self.app.say(words, severity="error")
        elif sent:
            words = f"{files[0].name} was sent" if sent == 1 and len(files) == 1 else f"{_files(sent)} sent"
            self.app.say(words)
        else:
            return
        driver = self.app.terminal_driver
        if driver is not None and spent >= LONG_SECONDS:
            driver.writer.control(notify.notification(self.app.caps, self.app.link.name or "spicetui", words))

    def _show_in_terminal(self) -> None:
        driver, queue = self.app.terminal_driver, self.queue
        shown = round(self.fraction, 2) if queue.waiting else None
        if driver is None or shown == self._shown:
            return
        self._shown = shown
        stopped = queue.paused or bool(queue.blocked)
        if sequence := notify.progress(self.app.caps, shown, paused=stopped):
            driver.writer.control(sequence)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def brief(seconds: float) -> str:
    """``12 s``, ``3 min`` or ``1 h 5 min``."""
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
