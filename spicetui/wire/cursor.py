"""The cursor channel."""

from __future__ import annotations

from typing import dataclass_transform

from . import common
from .core import Buffer, Declare, Messages, Reader, Writer, codec_of, point16, struct, u8, u16, u64
from .enums import CursorFlags

MESSAGES = Messages("cursor", common.MESSAGES)


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@struct
class CursorHeader:
    unique: u64
    type: u8
    width: u16
    height: u16
    hot_spot_x: u16
    hot_spot_y: u16


@struct
class CursorShape:
    """*header* is None exactly when the NONE flag is set; *data* runs to the end of the message."""

    flags: int
    header: CursorHeader | None
    data: Buffer

    min_size = 2

    @staticmethod
    def read(reader: Reader) -> CursorShape:
        flags = reader.u16()
        header = None if flags & CursorFlags.NONE else codec_of(CursorHeader).read(reader)
        return CursorShape(flags, header, reader.rest())

    @staticmethod
    def write(writer: Writer, value: CursorShape) -> None:
        writer.u16(value.flags)
        if value.header is not None:
            codec_of(CursorHeader).write(writer, value.header)
        writer.raw(value.data)


@server(101)
class CursorInit:
    position: point16
    trail_length: u16
    trail_frequency: u16
    visible: u8
    cursor: CursorShape


@server(102)
class CursorReset:
    pass


@server(103)
class CursorSet:
    position: point16
    visible: u8
    cursor: CursorShape


@server(104)
class CursorMove:
    position: point16


@server(105)
class CursorHide:
    pass


@server(106)
class CursorTrail:
    length: u16
    frequency: u16


@server(107)
class CursorInvalOne:
    id: u64


@server(108)
class CursorInvalAll:
    pass
