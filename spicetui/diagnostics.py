"""Loggers by layer and channel, and counters of what happened that should not pass in silence."""

from __future__ import annotations

import logging
from collections import Counter

ROOT = "spicetui"


def logger(name: str) -> logging.Logger:
    """The logger of a layer or channel, below ``spicetui``."""
    return logging.getLogger(f"{ROOT}.{name}")


logging.getLogger(ROOT).addHandler(logging.NullHandler())


class Gaps:
    """Counts what could not be shown or done, under stable keys such as ``display:draw_stroke``."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def once(self, key: str) -> bool:
        """Counts *key*; True the first time, when it is worth a word to the user."""
        self.counts[key] += 1
        return self.counts[key] == 1


def printable(text: str, limit: int = 200) -> str:
    """Text from a server or guest in one line without control characters, safe to show in a terminal."""
    flat = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text[: limit + 1])
    return flat if len(flat) <= limit else flat[:limit] + "…"


def hexdump(data: bytes | memoryview, limit: int = 64) -> str:
    """The first *limit* bytes in hex, for the log."""
    head = bytes(data[:limit]).hex(" ")
    return head if len(data) <= limit else f"{head} … ({len(data)} bytes)"
