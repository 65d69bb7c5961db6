"""What ``spicetui send`` shows on a terminal while files are on their way: a bar for each, and one for all of them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from ..diagnostics import printable
from ..term.caps import Caps
from ..term.multiplexer import ask_tmux
from ..term.notify import notification, progress

if TYPE_CHECKING:
    from ..agent.queue import FileQueue, QueuedFile

#: Seconds between two pictures, and after which the user may look at something else.
REDRAW = 0.1
LONG = 10.0

NAME_COLUMNS = 28


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def duration(seconds: float) -> str:
    """``12 s``, ``3:05`` or ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


class _Told(ProgressColumn):
    """Bytes, rate and the rest of the time, in the words of the queue."""

    max_refresh = None

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("told", "")), no_wrap=True)


class Bars:
    """Follows a queue; nothing is written anywhere but to *out*, which is a terminal."""

    def __init__(self, queue: FileQueue, out: TextIO) -> None:
        self.queue = queue
        self._out = out
        self._caps = ask_tmux(Caps.from_environment(os.environ))
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            _Told(),
            console=Console(file=out),
            auto_refresh=False,
            transient=True,
        )
        self._tasks: dict[QueuedFile, int] = {}
        self._total = self._progress.add_task("", total=None) if len(queue.files) > 1 else None
        self._drawn = 0.0
        self._began = time.monotonic()
        self._stop_watching = queue.watch(self._changed)
        self._progress.start()
        self.draw()

    def _changed(self) -> None:
        if time.monotonic() - self._drawn >= REDRAW:
            self.draw()

    def draw(self) -> None:
        self._drawn = time.monotonic()
        queue = self.queue
        active = queue.active
        for file in list(self._tasks):
            if file not in active:
                self._progress.remove_task(self._tasks.pop(file))  # type: ignore[arg-type]
        for file in active:
            if file not in self._tasks:
                self._tasks[file] = self._progress.add_task(_name(printable(file.name, 200)), total=1.0)
            told = _told(file.bytes_sent, file.size, file.bytes_per_second, file.seconds_left)
            self._progress.update(self._tasks[file], completed=file.fraction, told=told)  # type: ignore[arg-type]
        sent, total = queue.bytes_sent, queue.total_size
        if self._total is not None:
            count = f"{len(queue.files) - queue.waiting}/{len(queue.files)} files"
            told = queue.blocked if queue.waiting and queue.blocked else ""
            told = told or _told(sent, total, queue.bytes_per_second, queue.seconds_left)
            fraction = sent / total if total else 0.0
            self._progress.update(self._total, description=_name(count), total=1.0, completed=fraction, told=told)
        self._progress.refresh()
        self._write(progress(self._caps, sent / total if total else 0.0, paused=bool(queue.blocked)))

    def say(self, text: str) -> None:
        """A line that stays, above the bars."""
        self._progress.console.print(Text(printable(text, 1000)), soft_wrap=True)

    def close(self, words: str = "") -> None:
        """Takes the bars away. *words*: how it ended, for the user who looks at something else by now."""
        self._stop_watching()
        self._progress.stop()
        self._write(progress(self._caps, None))
        if words and time.monotonic() - self._began >= LONG:
            self._write(notification(self._caps, "spicetui send", words))

    def _write(self, sequence: bytes) -> None:
        if sequence:
            self._out.write(sequence.decode())
            self._out.flush()


def _name(name: str) -> str:
    text = Text(name)
    text.truncate(NAME_COLUMNS, overflow="ellipsis", pad=True)
    return text.plain


def _told(sent: int, total: int, rate: float, left: float | None) -> str:
    words = f"{size(sent)} of {size(total)}"
    if rate:
        words += f"  {size(rate)}/s"
    return words + (f"  {duration(left)} left" if left is not None else "")
