"""Commands to a card and their answers (ISO 7816-4), and the BER-TLV objects in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import SmartcardError

OK = 0x9000
WRONG_LENGTH = 0x6700
NOT_ALLOWED = 0x6982
BLOCKED = 0x6983
WRONG_DATA = 0x6A80
NOT_FOUND = 0x6A82
WRONG_PARAMETERS = 0x6A86
NO_REFERENCE = 0x6A88
UNKNOWN_INSTRUCTION = 0x6D00
UNKNOWN_CLASS = 0x6E00
MORE_DATA = 0x6100
WRONG_PIN = 0x63C0  #: the low digit is how many tries are left

#: Bytes of one answer without its status word: what readers without extended lengths take.
MAX_ANSWER = 256


class Refusal(Exception):
    """A command that is answered with a status word alone."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


class Command(NamedTuple):
    """*expected*: the most bytes that the answer may have, None when none are asked for (T=0 fetches them later)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    expected: int | None


def parse_command(apdu: bytes) -> Command:
    """Short and extended lengths. Raises Refusal."""
    if len(apdu) < 4:
        raise Refusal(WRONG_LENGTH)
    body = apdu[4:]
    data, expected = b"", None
    if len(body) == 1:
        expected = body[0] or 256
    elif body and body[0]:
        data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
        if len(data) != body[0] or len(rest) > 1:
            raise Refusal(WRONG_LENGTH)
        if rest:
            expected = rest[0] or 256
    elif len(body) == 3:
        expected = int.from_bytes(body[1:], "big") or 65536
    elif body:
        size = int.from_bytes(body[1:3], "big")
        data, rest = body[3 : 3 + size], body[3 + size :]
        if not size or len(data) != size or len(rest) not in (0, 2):
            raise Refusal(WRONG_LENGTH)
        if rest:
            expected = int.from_bytes(rest, "big") or 65536
    return Command(apdu[0], apdu[1], apdu[2], apdu[3], data, expected)


def status(word: int) -> bytes:
    return word.to_bytes(2, "big")


def tlv(tag: int, *parts: bytes) -> bytes:
    """One object: tag, length, and *parts* as its value."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        length = bytes((size,))
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes((0x80 | len(octets),)) + octets
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


def objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and values of the objects that follow each other in *data*. Raises SmartcardError."""
    at = 0
    while at < len(data):
        start = at
        at += 1
        if data[start] & 0x1F == 0x1F:
            while at < len(data) and data[at] & 0x80:
                at += 1
            at += 1
        tag = int.from_bytes(data[start:at], "big")
        if at >= len(data) or at - start > 4:
            raise SmartcardError("an object without a length")
        size = data[at]
        at += 1
        if size > 0x80:
            count = size & 0x7F
            if count > 3 or at + count > len(data):
                raise SmartcardError("an object with a bad length")
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        elif size == 0x80:
            raise SmartcardError("an object of indefinite length")
        if at + size > len(data):
            raise SmartcardError("an object that ends too early")
        yield tag, data[at : at + size]
        at += size
