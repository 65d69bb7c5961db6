"""What went through the clipboard, and what is allowed to: values only, nothing of the app, the network or the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from ..interfaces import ClipboardFormat, ClipboardSelection

MAX_ENTRIES = 50
MAX_BYTES = 64 << 20  # of all entries together
PREVIEW = 4000  # characters of a text that are shown

IMAGES = (ClipboardFormat.PNG, ClipboardFormat.BMP, ClipboardFormat.TIFF, ClipboardFormat.JPG)
SUFFIXES = {
    ClipboardFormat.TEXT: ".txt",
    ClipboardFormat.PNG: ".png",
    ClipboardFormat.BMP: ".bmp",
    ClipboardFormat.TIFF: ".tiff",
    ClipboardFormat.JPG: ".jpg",
}


class Policy(StrEnum):
    """Whether one direction is served: never, after a word of the user, or at once."""

    OFF = "off"
    ASK = "ask"
    ON = "on"

    @property
    def following(self) -> Policy:
        order = tuple(Policy)
        return order[(order.index(self) + 1) % len(order)]


class Way(Enum):
    """A direction."""

    FROM_GUEST = "guest → here"
    TO_GUEST = "here → guest"


@dataclass(eq=False)
class Entry:
    """Contents that one side had; *outcome* says what became of them, in words for the user."""

    way: Way
    selection: ClipboardSelection
    formats: tuple[ClipboardFormat, ...]
    time: datetime
    data: dict[ClipboardFormat, bytes] = field(default_factory=dict)
    outcome: str = ""
    tried: bool = False  #: the guest was asked for it

    @property
    def format(self) -> ClipboardFormat | None:
        """The one to show: text before pictures, those in the order of how well they are understood."""
        order = (ClipboardFormat.TEXT, *IMAGES, ClipboardFormat.FILE_LIST)
        return next(
            (one for one in order if one in self.data), next((one for one in order if one in self.formats), None)
        )

    @property
    def size(self) -> int:
        """Bytes that are held here."""
        return sum(map(len, self.data.values()))

    @property
    def text(self) -> str | None:
        """The text, or the names of files."""
        if (found := self.data.get(ClipboardFormat.TEXT)) is not None:
            return found.decode("utf-8", "replace")
        if (found := self.data.get(ClipboardFormat.FILE_LIST)) is not None:
            return "\n".join(found.decode("utf-8", "replace").rstrip("\0").split("\0")[1:])
        return None

    @property
    def image(self) -> tuple[ClipboardFormat, bytes] | None:
        return next(((one, self.data[one]) for one in IMAGES if one in self.data), None)

    @property
    def kinds(self) -> str:
        """Its formats in words."""
        return ", ".join(names(self.formats)) or "nothing"


class History:
    """The newest entries, as many as have room; they live in memory only."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._entries: list[Entry] = []  # the newest first

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self._entries)

    def add(self, entry: Entry) -> None:
        self._entries.insert(0, entry)
        self.bound()

    def bound(self) -> None:
        """Lets go of what is too much, the oldest first; to be called when an entry has got its data."""
        del self._entries[self.max_entries :]
        room = self.max_bytes
        for entry in self._entries:
            room -= entry.size
            if room < 0:
                room += entry.size
                entry.data.clear()

    def clear(self) -> None:
        self._entries.clear()


def names(formats: tuple[ClipboardFormat, ...]) -> list[str]:
    """Formats in words."""
    words = {ClipboardFormat.TEXT: "text", ClipboardFormat.FILE_LIST: "files", ClipboardFormat.NONE: ""}
    return [word for one in formats if (word := words.get(one, one.name))]


def visible(text: str, limit: int = PREVIEW) -> str:
    """Text of anybody, in lines, with everything that is not to be seen made visible; safe to show in a terminal.

    Control characters become their pictures (␛), others that steer, such as those that turn the direction of writing,
    their numbers (<U+202E>).
    """
    parts: list[str] = []
    for character in text[:limit].replace("\r\n", "\n"):
        number = ord(character)
        if character.isprintable() or character == "\n":
            parts.append(character)
        elif character == "\t":
            parts.append("    ")
        elif number < 32:
            parts.append(chr(0x2400 + number))
        elif number == 127:
            parts.append("\u2421")
        else:
            parts.append(f"<U+{number:04X}>")
    if len(text) > limit:
        parts.append("…")
    return "".join(parts)


def looks(text: str, limit: int = 40) -> str:
    """The beginning of a text in one line, as :func:`visible` shows it."""
    shown = " ".join(visible(text, 4 * limit).split())
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1] + "…"
