"""The spicevmc channels (usbredir, port, webdav, smartcard): a stream of bytes in messages of any size, both ways.

The port channels add messages of their own to these (``Messages("port", vmc.MESSAGES)``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import dataclass_transform

from . import common
from .core import Declare, Messages, rest, u8, u32

MESSAGES = Messages("spicevmc", common.MESSAGES)


class DataCompressionType(IntEnum):
    NONE = 0
    LZ4 = 1


@dataclass_transform()
def both(number: int) -> Declare:
    return MESSAGES.both(number)


@both(101)
class Data:
    data: rest


@both(102)
class CompressedData:
    """*type*: a DataCompressionType; one LZ4 block that becomes *uncompressed_size* bytes. Needs the capability."""

    type: u8
    uncompressed_size: u32
    compressed_data: rest
