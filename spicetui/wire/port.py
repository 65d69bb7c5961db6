"""The port channels (port, webdav): a character device of the guest, known by its name."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, dataclass_transform

from . import vmc
from .core import Declare, Messages, Reader, Writer, u8

MESSAGES = Messages("port", vmc.MESSAGES)

#: Of a port's name; honest ones have a few dozen.
MAX_NAME_BYTES = 1024


class PortEvent(IntEnum):
    """The first two are the state of the port, which nobody but the server tells."""

    OPENED = 0
    CLOSED = 1
    BREAK = 2


class PortName:
    """The size with a final zero, which is cut here, and a pointer to the bytes."""

    min_size = 8

    def read(self, reader: Reader) -> bytes:
        size, offset = reader.u32(), reader.u32()
        if size > MAX_NAME_BYTES:
            raise reader.error(f"a name of {size} bytes, at most {MAX_NAME_BYTES} are taken")
        return bytes(reader.at(offset).take(size)).rstrip(b"\0")

    def write(self, writer: Writer, value: bytes) -> None:
        writer.u32(len(value) + 1)
        writer.pointer(Writer.raw, value + b"\0")


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


@server(201)
class Init:
    """*opened*: whether something is connected to the port's other end."""

    name: Annotated[bytes, PortName()]
    opened: u8


@server(202)
class Event:
    """*event*: a PortEvent."""

    event: u8


@client(201)
class SendEvent:
    """*event*: a PortEvent from BREAK on."""

    event: u8
