"""Cuts what a terminal receives into text, control sequences and control strings (ECMA-48, sections 5.4 and 5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

MAX_STRING = 64 << 20  # bytes of one control string; more is the test's mistake


class Text(NamedTuple):
    """Characters, control characters and escape sequences that are none of the below."""

    data: bytes


class Csi(NamedTuple):
    private: str  #: one of ``<=>?`` or nothing
    args: str
    between: str
    final: str
    raw: bytes

    def numbers(self, default: int = 0) -> list[int]:
        return [int(part) if part.isdecimal() else default for part in self.args.split(";")]


class String(NamedTuple):
    kind: str  #: osc, dcs, apc, pm, sos
    body: bytes


Token: TypeAlias = Text | Csi | String

_KINDS = {b"]": "osc", b"P": "dcs", b"_": "apc", b"^": "pm", b"X": "sos"}
_TOKEN = re.compile(
    rb"(?P<text>[^\x1b]+)"
    rb"|\x1b\[(?P<private>[<=>?]?)(?P<args>[\d;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b(?P<string>[\]P_^X])"
    rb"|(?P<escape>\x1b(?:[ -/]+[0-~]|[0-OQ-WYZ\\`-~]))",
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[<=>?]?[\d;:]*[ -/]*|[ -/]*)?\Z")


class Splitter:
    """*doubled*: inside a DCS, ESC makes the next byte a plain one, as tmux reads them for its passthrough."""

    def __init__(self, doubled: bool = False) -> None:
        self.doubled = doubled
        self.broken: list[bytes] = []  #: sequences that made no sense
        self._rest = b""
        self._kind = b""
        self._body = bytearray()

    def feed(self, data: bytes) -> Iterator[Token]:
        data = self._rest + data
        self._rest = b""
        position = 0
        while position < len(data):
            if self._kind:
                position, token = self._string(data, position)
                if token is not None:
                    yield token
                continue
            match = _TOKEN.match(data, position)
            if match is None:
                if _UNFINISHED.match(data, position):
                    self._rest = data[position:]
                    return
                self.broken.append(data[position : position + 40])
                position += 1
                continue
            position = match.end()
            if match["string"]:
                self._kind = match["string"]
            elif match["final"]:
                private, args, between, final = (
                    match[name].decode() for name in ("private", "args", "between", "final")
                )
                yield Csi(private, args, between, final, match[0])
            else:
                yield Text(match[0])

    def _string(self, data: bytes, position: int) -> tuple[int, String | None]:
        """Takes more of the open control string; returns where it ends, and the string when it is complete."""
        kind = _KINDS[self._kind]
        while True:
            end = data.find(b"\x1b", position)
            bell = data.find(b"\x07", position, end if end >= 0 else len(data)) if kind == "osc" else -1
            if bell >= 0:
                self._body += data[position:bell]
                return bell + 1, self._finish(kind)
            if end < 0 or end + 1 == len(data):
                stop = len(data) if end < 0 else end
                self._body += data[position:stop]
                self._rest = data[stop:]
                if len(self._body) > MAX_STRING:
                    raise AssertionError(f"a control string of more than {MAX_STRING} bytes")
                return len(data), None
            self._body += data[position:end]
            if data[end + 1] == 0x5C:
                return end + 2, self._finish(kind)
            if not (self.doubled and kind == "dcs"):
                self.broken.append(bytes(self._kind + self._body[:40]))
                self._finish(kind)
                return end, None
            self._body.append(data[end + 1])
            position = end + 2

    def _finish(self, kind: str) -> String:
        body, self._kind = bytes(self._body), b""
        self._body.clear()
        return String(kind, body)
