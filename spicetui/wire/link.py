"""The link: what both sides say before the first message (spice/protocol.h)."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from ..errors import WireError
from .core import struct

MAGIC = b"REDQ"
VERSION = (2, 2)
HEADER = Struct("<4sIII")  # magic, major, minor, size of what follows
MESSAGE = Struct("<IBBIII")  # connection id, channel type and id, counts of common and channel caps, caps offset
REPLY = Struct("<I162sIII")  # error, public key (DER), counts of common and channel caps, caps offset
U32 = Struct("<I")
TICKET_SIZE = 128
PUBKEY_SIZE = 162
MAX_SIZE = 4096  # a link message or reply, caps included


@struct
class LinkMessage:
    """The client's opening; caps are sets of bit numbers."""

    connection_id: int
    channel_type: int
    channel_id: int
    common_caps: frozenset[int]
    channel_caps: frozenset[int]

    def pack(self) -> bytes:
        common, channel = pack_caps(self.common_caps), pack_caps(self.channel_caps)
        body = MESSAGE.pack(
            self.connection_id,
            self.channel_type,
            self.channel_id,
            len(common) // 4,
            len(channel) // 4,
            MESSAGE.size,
        )
        return _with_header(body + common + channel)

    @classmethod
    def unpack(cls, body: bytes) -> LinkMessage:
        if len(body) < MESSAGE.size:
            raise WireError("link message", len(body), "truncated")
        connection_id, kind, number, *caps = MESSAGE.unpack_from(body)
        return cls(connection_id, kind, number, *unpack_caps(body, *caps))


@struct
class LinkReply:
    """The server's answer; *error* is a LinkErr."""

    error: int
    pub_key: bytes
    common_caps: frozenset[int]
    channel_caps: frozenset[int]

    def pack(self) -> bytes:
        common, channel = pack_caps(self.common_caps), pack_caps(self.channel_caps)
        body = REPLY.pack(self.error, self.pub_key, len(common) // 4, len(channel) // 4, REPLY.size)
        return _with_header(body + common + channel)

    @classmethod
    def unpack(cls, body: bytes) -> LinkReply:
        if len(body) < REPLY.size:
            raise WireError("link reply", len(body), "truncated")
        error, pub_key, *caps = REPLY.unpack_from(body)
        return cls(error, pub_key, *unpack_caps(body, *caps))


def _with_header(body: bytes) -> bytes:
    return HEADER.pack(MAGIC, *VERSION, len(body)) + body


def pack_caps(caps: Iterable[int]) -> bytes:
    """Bit numbers to little-endian u32 words."""
    words: list[int] = []
    for cap in caps:
        while len(words) <= cap // 32:
            words.append(0)
        words[cap // 32] |= 1 << cap % 32
    return b"".join(U32.pack(word) for word in words)


def unpack_caps(body: bytes, common: int, channel: int, offset: int) -> tuple[frozenset[int], frozenset[int]]:
    if offset > len(body) or (common + channel) * 4 > len(body) - offset:
        raise WireError("link capabilities", offset, f"{common} + {channel} words do not fit")
    middle = offset + 4 * common
    return _bits(body[offset:middle]), _bits(body[middle : middle + 4 * channel])


def _bits(words: bytes) -> frozenset[int]:
    value = int.from_bytes(words, "little")
    return frozenset(i for i in range(value.bit_length()) if value >> i & 1)
