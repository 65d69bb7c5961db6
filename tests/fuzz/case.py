"""A case: what a server says on each channel behind the link, as bytes; and the file that holds one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any

from spicetui.interfaces import ChannelKey
from spicetui.protocol.framer import Framer
from spicetui.wire import core, cursor, display
from spicetui.wire.core import Messages
from spicetui.wire.enums import ChannelType

MESSAGES: dict[ChannelType, Messages] = {
    ChannelType.DISPLAY: display.MESSAGES,
    ChannelType.CURSOR: cursor.MESSAGES,
}
SINGLE, SECOND, POINTER = (
    ChannelKey(ChannelType.DISPLAY, 0),
    ChannelKey(ChannelType.DISPLAY, 1),
    ChannelKey(ChannelType.CURSOR, 0),
)

_HEAD = Struct("<BB?I")  # channel type and number, mini header, bytes
_SUB = Struct("<HI")


@dataclass(frozen=True)
class Said:
    """What the server says on one channel."""

    key: ChannelKey
    mini_header: bool
    data: bytes


@dataclass(frozen=True)
class Case:
    channels: tuple[Said, ...]

    def save(self, path: Path) -> None:
        path.write_bytes(self.pack())

    def pack(self) -> bytes:
        parts = []
        for said in self.channels:
            parts.append(_HEAD.pack(said.key.type, said.key.id, said.mini_header, len(said.data)))
            parts.append(said.data)
        return b"".join(parts)

    @staticmethod
    def load(path: Path) -> Case:
        raw, at, channels = path.read_bytes(), 0, []
        while at < len(raw):
            kind, number, mini_header, size = _HEAD.unpack_from(raw, at)
            at += _HEAD.size
            key = ChannelKey(ChannelType(kind), number)
            channels.append(Said(key, mini_header, raw[at : at + size]))
            at += size
        return Case(tuple(channels))


@dataclass
class Body:
    """One message as it lies on the wire, and its reading where there is one."""

    number: int
    body: bytes

    @staticmethod
    def of(messages: Messages, message: Any) -> Body:
        """Raises whatever writing a senseless message raises."""
        return Body(messages.server_number[type(message)], core.write(message))


def frame(key: ChannelKey, mini_header: bool, bodies: Iterable[Body], lists: bool = False) -> Said:
    """*lists*: with full headers, every second message travels in the list of the one behind it."""
    framer = Framer(mini_header)
    out = bytearray()
    held: Body | None = None
    for number, body in enumerate(bodies):
        if lists and not mini_header and number % 2 == 0:
            held = body
            continue
        if held is not None and not body.body:  # a list at 0 is none
            out += framer.frame(held.number, held.body)
            held = None
        if held is None:
            out += framer.frame(body.number, body.body)
            continue
        start = len(body.body)
        sub = _SUB.pack(held.number, len(held.body)) + held.body
        whole = body.body + (1).to_bytes(2, "little") + (start + 6).to_bytes(4, "little") + sub
        framed = bytearray(framer.frame(body.number, whole))
        framed[14:18] = start.to_bytes(4, "little")  # where the list begins
        out += framed
        held = None
    if held is not None:
        out += framer.frame(held.number, held.body)
    return Said(key, mini_header, bytes(out))
