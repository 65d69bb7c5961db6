"""What input costs: bytes to events, and events to scancodes.  Run by hand; prints a table, times are the best of 5.

The bound that was set for a mouse event is 5 us; Textual's own parser is there for comparison.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual._xterm_parser import XTermParser

from spicetui.term.keys import KeyTranslator
from spicetui.term.tokenizer import KeyPress, Tokenizer

COUNT = 5000


def best(work: Callable[[], object]) -> float:
    """Microseconds an event."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found) / COUNT * 1e6


def moves(pixels: bool) -> bytes:
    factor = 8 if pixels else 1
    return b"".join(b"\x1b[<35;%d;%dM" % (factor * (i % 200) + 1, factor * (i % 50) + 1) for i in range(COUNT))


INPUTS = {
    "mouse moves, cells": moves(False),
    "mouse moves, pixels": moves(True),
    "kitty keys, press and release": b"\x1b[97;;97u\x1b[97;1:3u" * (COUNT // 2),
    "xterm's modified keys": b"\x1b[27;6;65~" * COUNT,
    "plain text": b"a" * COUNT,
}


def tokenize(data: bytes, size: int) -> None:
    tokenizer = Tokenizer()
    for start in range(0, len(data), size):
        tokenizer.feed(data[start : start + size])


def textual(data: bytes) -> None:
    parser = XTermParser()
    for _ in parser.feed(data.decode()):
        pass


def translate(events: list[KeyPress], releases: bool) -> None:
    translator = KeyTranslator()
    translator.releases = releases
    for event in events:
        translator.translate(event, 0.0)


def main() -> None:
    print(
        f"{'us an event':32} {'read whole':>10} {'20 bytes a read':>16} {'to scancodes':>13}"
        f" {'Textual':>8} {'ratio':>6}"
    )
    for name, data in INPUTS.items():
        whole = best(lambda data=data: tokenize(data, len(data)))  # type: ignore[misc]
        pieces = best(lambda data=data: tokenize(data, 20))  # type: ignore[misc]
        events = [event for event in Tokenizer().feed(data) if isinstance(event, KeyPress)]
        releases = name.startswith("kitty")
        keys = best(lambda events=events, releases=releases: translate(events, releases)) if events else 0.0  # type: ignore[misc]
        try:
            other = best(lambda data=data: textual(data))  # type: ignore[misc]
        except ValueError:  # it has no way with releases
            other = 0.0
        ratio = f"{other / whole:6.1f}" if other else "     -"
        print(f"{name:32} {whole:10.2f} {pieces:16.2f} {keys:13.2f} {other:8.1f} {ratio}")


if __name__ == "__main__":
    main()
