"""Cuts a channel's byte stream into messages, with mini (6 bytes) or full (18 bytes) headers."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ..errors import ProtocolError

MINI = Struct("<HI")  # type, size
FULL = Struct("<QHII")  # serial, type, size, offset of the sub-message list (0: none)
SUB = Struct("<HI")  # type, size
LIST = 8  # the message that is nothing but sub-messages (mini headers have no sub-list field)

#: A body above this is refused before it is collected.  The largest honest ones are raw images.
MAX_BODY = 256 << 20


class RawMessage(NamedTuple):
    number: int
    body: memoryview
    #: The serial to wait for and acknowledge, None for a sub-message (it has none of its own).
    serial: int | None


class Framer:
    """Feed it bytes, take messages; what one side sends it counts serials for."""

    def __init__(self, mini_header: bool, max_body: int = MAX_BODY) -> None:
        self.mini_header = mini_header
        self.max_body = max_body
        self._header = MINI if mini_header else FULL
        self._chunks: list[bytes | memoryview] = []
        self._size = 0
        self._need = self._header.size
        self._pending: tuple[int, int, int] | None = None  # number, serial, sub-list offset of the body awaited
        self._serial_in = 0
        self._serial_out = 0

    # --- sending

    def frame(self, number: int, body: bytes) -> bytes:
        """One message as it goes on the wire."""
        return self.head(number, len(body)) + body

    def head(self, number: int, size: int) -> bytes:
        """What goes before a body of *size* bytes."""
        self._serial_out += 1
        if self.mini_header:
            return MINI.pack(number, size)
        return FULL.pack(self._serial_out, number, size, 0)

    # --- receiving

    def receive(self, data: bytes) -> Iterator[RawMessage]:
        """The messages that *data* completes; nothing is collected beyond what has really arrived.

        Sub-messages come before the message that carries them.
        """
        self._chunks.append(data)
        self._size += len(data)
        header = self._header.size
        while self._size >= self._need:
            # All of it is one piece now, of which messages are views; what is left of it begins the next piece.
            whole = memoryview(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
            self._chunks = [whole]
            at = 0
            try:
                while self._size >= self._need:
                    if self._pending is None:
                        self._size -= header
                        at += header
                        self._start(whole[at - header : at])
                        continue
                    number, serial, sub_list = self._pending
                    need = self._need
                    self._size -= need
                    at += need
                    self._pending = None
                    self._need = header
                    body = whole[at - need : at]
                    if number == LIST or sub_list:
                        yield from _sub_messages(body, sub_list)
                    yield RawMessage(number, body, serial)
            finally:
                self._chunks = [whole[at:]] if self._size else []

    @property
    def at_boundary(self) -> bool:
        """Whether everything received so far was whole messages."""
        return self._pending is None and self._size == 0

    def _start(self, header: memoryview) -> None:
        if self.mini_header:
            number, size = MINI.unpack(header)
            self._serial_in += 1
            serial, sub_list = self._serial_in, 0
        else:
            serial, number, size, sub_list = FULL.unpack(header)
        if size > self.max_body:
            raise ProtocolError(f"message {number} claims {size} bytes, more than the {self.max_body} allowed")
        self._pending = (number, serial, sub_list)
        self._need = size


def _sub_messages(body: memoryview, at: int) -> Iterator[RawMessage]:
    if at + 2 > len(body):
        raise ProtocolError(f"sub-message list at {at} outside the body of {len(body)} bytes")
    count = int.from_bytes(body[at : at + 2], "little")
    if at + 2 + 4 * count > len(body):
        raise ProtocolError(f"list of {count} sub-messages is longer than its body")
    for i in range(count):
        offset = int.from_bytes(body[at + 2 + 4 * i : at + 6 + 4 * i], "little")
        if offset + SUB.size > len(body):
            raise ProtocolError(f"sub-message at {offset} outside the body of {len(body)} bytes")
        number, size = SUB.unpack_from(body, offset)
        start = offset + SUB.size
        if start + size > len(body) or number == LIST:
            raise ProtocolError(f"sub-message {number} of {size} bytes does not fit")
        yield RawMessage(number, body[start : start + size], None)
