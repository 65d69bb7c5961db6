"""The status line: what is shown, how, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static


@dataclass(frozen=True, slots=True)
class Status:
    """What the line tells; empty strings are left out."""

    name: str = ""
    size: str = ""
    scale: str = ""
    mode: str = ""
    fps: str = ""
    latency: str = ""
    received: str = ""
    problems: str = ""
    locks: str = ""
    hint: str = ""
    typing: str = ""
    services: str = ""  #: such as the microphone being open, files being sent


class StatusLine(Static):
    """One row; what matters less goes first when the terminal is narrow."""

    DEFAULT_CSS = """
    StatusLine { dock: bottom; height: 1; background: $panel; color: $text; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.status = Status()

    def show(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        # A new layout would have the whole picture painted again.
        self.update(compose_line(self.status, self.size.width), layout=False)


_ORDER = ["name", "typing", "services", "size", "scale", "mode", "fps", "latency", "received", "problems", "locks"]
# From the most to the least dispensable.
_DISPENSABLE = (
    "received",
    "latency",
    "size",
    "fps",
    "locks",
    "scale",
    "mode",
    "problems",
    "name",
    "services",
    "typing",
)


def compose_line(status: Status, width: int) -> Text:
    """The line for a terminal of *width* columns; the hint is at its right end."""
    styles = {
        "name": "bold",
        "typing": "bold",
        "services": "bold",
        "problems": "bold yellow",
        "mode": "bold" if status.mode == "view only" else "",
    }
    parts = {
        name: getattr(status, name)
        for name in (
            "name",
            "typing",
            "services",
            "size",
            "scale",
            "mode",
            "fps",
            "latency",
            "received",
            "problems",
            "locks",
        )
    }
    parts = {name: part for name, part in parts.items() if part}

    def length() -> int:
        return sum(cell_len(part) + 3 for part in parts.values()) + cell_len(status.hint)

    for name in _DISPENSABLE:
        if length() <= width:
            break
        parts.pop(name, None)
    line = Text(" ", no_wrap=True, overflow="crop")
    for index, (name, part) in enumerate(parts.items()):
        if index:
            line.append(" · ", "dim")
        line.append(part, styles.get(name, ""))
    line.append(" " * max(1, width - cell_len(line.plain) - cell_len(status.hint) - 1))
    line.append(status.hint, "dim")
    return line


def human_bytes(count: float) -> str:
    """1234567 as ``1.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
