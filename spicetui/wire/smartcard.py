"""The smartcard channel: messages of the virtual smartcard protocol (VSC), each in one data message.

The reference is libcacard's ``vscard_common.h``. The header is little-endian on the channel; servers turn it into
network order for the machine's reader.
"""

from __future__ import annotations

from enum import IntEnum
from typing import dataclass_transform

from . import common
from .core import Buffer, Declare, Messages, data32, u32

MESSAGES = Messages("smartcard", common.MESSAGES)

#: What stands for a reader that has no number yet.
UNDEFINED_READER = 0xFFFFFFFF

#: Of an answer to reset: the reference device takes no more (ISO 7816-3 has 33).
MAX_ATR = 40

#: Bytes of a command or an answer: an extended-length APDU with all its parts (ISO 7816-3), 7 + 65535 + 3 at most.
MAX_APDU = 65_545


class VscType(IntEnum):
    INIT = 1
    ERROR = 2  #: with code 0 the answer to what went well
    READER_ADD = 3
    READER_REMOVE = 4
    ATR = 5  #: a card was put in, or reset
    CARD_REMOVE = 6
    APDU = 7
    FLUSH = 8
    FLUSH_COMPLETE = 9


class VscError(IntEnum):
    SUCCESS = 0
    GENERAL_ERROR = 1
    CANNOT_ADD_MORE_READERS = 2
    CARD_ALREADY_INSERTED = 3


@dataclass_transform()
def both(number: int) -> Declare:
    return MESSAGES.both(number)


@both(101)
class Data:
    """*type*: a VscType; *data* is the reader's name, an answer to reset, an APDU, or an error's code."""

    type: u32
    reader_id: u32
    data: data32

    def __repr__(self) -> str:  # no PIN in any log
        return f"Data(type={self.type}, reader_id={self.reader_id}, {len(self.data)} bytes)"


def error(reader_id: int, code: int) -> Data:
    return Data(VscType.ERROR, reader_id, code.to_bytes(4, "little"))


def error_code(data: Buffer) -> int:
    """0 when all is well. QEMU's readers send it in network order, spice-server and clients in the other: both fit."""
    octets = bytes(data[:4])
    if len(octets) < 4:
        return VscError.GENERAL_ERROR
    return min(int.from_bytes(octets, "little"), int.from_bytes(octets, "big"))
