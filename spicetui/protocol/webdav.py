"""The webdav port's mux: HTTP connections of the guest side by side, in pieces; free of I/O.

A piece is the connection's number (int64), its size (uint16) and that many bytes; a piece of no bytes is the end of the
connection. Nobody tells that a connection begins: its first piece does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ..wire.core import Buffer

HEADER = Struct("<qH")

#: The first piece of all: a header, and an HTTP request. spice-webdavd's numbers are of 32 bits with their sign.
_HEADER = rb"(?s:.{4}(?:\0{4}|\xff{4})(?!\0\0)..)"
_BEGIN = re.compile(rb"\A" + _HEADER + rb"[!-~]|" + _HEADER + rb"[A-Z]{3,16} [/*h]")
_BEGIN_BYTES = 10 + 16 + 2

#: Bytes of one piece.
MAX_PIECE = 0xFFFF


class Piece(NamedTuple):
    """*data* is empty at the connection's end."""

    connection: int
    data: bytes


class Mux:
    """What the guest sends, cut into pieces. Holds less than one piece."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._begins = False

    def reset(self) -> None:
        """The port was opened: what comes next begins with a request, behind what may be left of an earlier time.

        A daemon that was cut off in the middle of a piece does not take back the rest of it.
        """
        self._held.clear()
        self._begins = True

    def receive(self, data: Buffer) -> Iterator[Piece]:
        """Takes all of *data* at once, whether or not the pieces are asked for."""
        self._held += data
        if self._begins:
            begin = _BEGIN.search(self._held)
            if begin is None:
                del self._held[:-_BEGIN_BYTES]
                return iter(())
            del self._held[: begin.start()]
            self._begins = False
        found = []
        at = 0
        while len(self._held) - at >= HEADER.size:
            connection, size = HEADER.unpack_from(self._held, at)
            end = at + HEADER.size + size
            if end > len(self._held):
                break
            found.append(Piece(connection, bytes(memoryview(self._held)[at + HEADER.size : end])))
            at = end
        del self._held[:at]
        return iter(found)


def pieces(connection: int, data: Buffer) -> Iterator[bytes]:
    """*data* for one connection, ready to be sent."""
    view = memoryview(data).cast("B")
    for at in range(0, len(view), MAX_PIECE):
        part = view[at : at + MAX_PIECE]
        yield HEADER.pack(connection, len(part)) + part


def end(connection: int) -> bytes:
    """Tells the guest that the connection is closed."""
    return HEADER.pack(connection, 0)
