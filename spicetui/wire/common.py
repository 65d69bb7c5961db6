"""Messages that every channel has."""

from __future__ import annotations

from typing import Annotated, dataclass_transform

from .core import Array, Declare, Messages, data32, rest, struct, u8, u32, u64

MESSAGES = Messages("common")


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


@struct
class Empty:
    """A message without a body."""


@struct
class WaitForChannel:
    """Wait until the channel has handled the message with this serial."""

    channel_type: u8
    channel_id: u8
    message_serial: u64


@server(1)
class Migrate:
    flags: u32


@server(2)
@client(5)
class MigrateData:
    data: rest


@server(3)
class SetAck:
    generation: u32
    window: u32


@server(4)
class Ping:
    id: u32
    timestamp: u64
    data: rest


@server(5)
class WaitForChannels:
    wait_list: Annotated[list[WaitForChannel], Array("B", WaitForChannel)]


@server(6)
@client(6)
class Disconnecting:
    time_stamp: u64
    reason: u32


@server(7)
class Notify:
    time_stamp: u64
    severity: u32
    visibility: u32
    what: u32
    message: data32


@server(8)
class SubMessageList:
    """A message that is nothing but its sub-messages."""

    data: rest


@client(1)
class AckSync:
    generation: u32


@client(2)
class Ack:
    pass


@client(3)
class Pong:
    id: u32
    timestamp: u64


@client(4)
class MigrateFlushMark:
    pass
