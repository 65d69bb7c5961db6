"""What the guest does in the shared folder: now, lately, and in all. Told from any thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

#: Of the list of what happened, and of those who do something at the same time.
MAX_EVENTS = 500

#: Seconds between two calls about bytes that move; what begins and ends is told at once.
TELL_SECONDS = 0.1


class FolderAction(Enum):
    LISTED = "listed"
    READ = "read"
    WROTE = "wrote"
    MADE_FOLDER = "made folder"
    RENAMED = "renamed"
    COPIED = "copied"
    DELETED = "deleted"
    REFUSED = "refused"


@dataclass(slots=True)
class FolderEvent:
    """One thing that the guest has done, or does: *finished* is false for a file that is on its way.

    Of a READ or WROTE *bytes* have moved of *size* (None when the guest has not told), in *seconds*; reading a file in
    pieces one after the other is one event. *path* and *to* are as the guest sees them, without a slash before.
    *time* is the clock's. Text comes from the guest: make it printable before it is shown.
    """

    action: FolderAction
    path: str
    time: float
    to: str = ""
    bytes: int = 0
    size: int | None = None
    seconds: float = 0.0
    finished: bool = True
    error: str = ""
    number: int = 0  #: counts up, so that each can be told once

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0


class FolderActivity:
    """*changed* is called from the thread that something happened in."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.events: deque[FolderEvent] = deque(maxlen=MAX_EVENTS)  #: the latest is the last; what is on its way too
        self.bytes_read = 0  #: by the guest
        self.bytes_written = 0
        self.files_read = 0  #: whole ones
        self.files_written = 0
        self.deleted = 0
        self.refused = 0
        self._last = 0
        self._changed = changed
        self._lock = threading.Lock()
        self._told = 0.0

    @property
    def now(self) -> list[FolderEvent]:
        """Files on their way."""
        with self._lock:
            return [event for event in self.events if not event.finished]

    def lately(self) -> list[FolderEvent]:
        """A copy of the list, the latest first."""
        with self._lock:
            return list(reversed(self.events))

    def add(self, action: FolderAction, path: str, *, to: str = "", error: str = "") -> None:
        with self._lock:
            last = self.events[-1] if self.events else None
            self.deleted += action is FolderAction.DELETED
            self.refused += action is FolderAction.REFUSED
            if last is not None and (last.action, last.path, last.to, last.error) == (action, path, to, error):
                last.time = time.time()  # a file manager asks for the same folder again and again
            else:
                self._append(FolderEvent(action, path, time.time(), to, error=error))
        self._tell()

    def begin(self, action: FolderAction, path: str, size: int | None, at: int = 0) -> Moving:
        """A file is on its way, *at* so many bytes behind its beginning."""
        with self._lock:
            for event in reversed(self.events):
                same = event.action is action and event.path == path and event.finished and not event.error
                if same and action is FolderAction.READ and at and event.bytes == at and event.size == size:
                    event.finished = False
                    return Moving(self, event)
            event = FolderEvent(action, path, time.time(), bytes=at, size=size, finished=False)
            self._append(event)
        self._tell()
        return Moving(self, event)

    def _append(self, event: FolderEvent) -> None:
        self._last += 1
        event.number = self._last
        self.events.append(event)

    def moved(self, event: FolderEvent, count: int, seconds: float) -> None:
        with self._lock:
            event.bytes += count
            event.seconds = seconds
            if event.action is FolderAction.READ:
                self.bytes_read += count
            else:
                self.bytes_written += count
        self._tell(seldom=True)

    def end(self, event: FolderEvent, error: str) -> None:
        with self._lock:
            if event.finished:
                return
            event.finished, event.error, event.time = True, error, time.time()
            if event.action is FolderAction.WROTE:
                self.files_written += not error
            elif event.size is None or event.bytes >= event.size:
                self.files_read += 1
        self._tell()

    def _tell(self, seldom: bool = False) -> None:
        now = time.monotonic()
        if not seldom or now - self._told >= TELL_SECONDS:
            self._told = now
            self._changed()


class Moving:
    """The bytes of one file that is on its way."""

    def __init__(self, activity: FolderActivity, event: FolderEvent) -> None:
        self.event = event
        self._activity = activity
        self._began = time.monotonic()
        self._before = event.seconds

    def add(self, count: int) -> None:
        self._activity.moved(self.event, count, self._before + time.monotonic() - self._began)

    def end(self, error: str = "") -> None:
        """May be called twice; the first counts."""
        self._activity.end(self.event, error)
