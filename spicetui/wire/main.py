"""The main channel: session, channel list, mouse mode, guest agent, migration."""

from __future__ import annotations

from typing import Annotated, dataclass_transform

from . import common
from .core import Array, Buffer, Declare, Messages, Reader, Writer, data32, rest, struct, u8, u16, u32, u64, uuid16

MESSAGES = Messages("main", common.MESSAGES)


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


@struct
class ChannelId:
    type: u8
    id: u8


@struct
class DstInfo:
    """Where a migration goes; *host* and *cert_subject* end in a zero byte on the wire, which is cut here."""

    port: int
    sport: int
    host: bytes
    cert_subject: bytes

    min_size = 20

    @staticmethod
    def read(reader: Reader) -> DstInfo:
        port, sport = reader.u16(), reader.u16()
        return DstInfo(port, sport, *(_string(reader) for _ in range(2)))

    @staticmethod
    def write(writer: Writer, value: DstInfo) -> None:
        writer.u16(value.port)
        writer.u16(value.sport)
        for text in (value.host, value.cert_subject):
            writer.u32(len(text) + 1 if text else 0)
            writer.pointer(Writer.raw, text + b"\0" if text else None)


def _string(reader: Reader) -> bytes:
    size, offset = reader.u32(), reader.u32()
    return bytes(reader.at(offset).take(size)).rstrip(b"\0") if size and offset else b""


@server(101)
class MigrateBegin:
    dst_info: DstInfo


@server(102)
class MigrateCancel:
    pass


@server(103)
class Init:
    session_id: u32
    display_channels_hint: u32
    supported_mouse_modes: u32
    current_mouse_mode: u32
    agent_connected: u32
    agent_tokens: u32
    multi_media_time: u32
    ram_hint: u32


@server(104)
class ChannelsList:
    channels: Annotated[list[ChannelId], Array("I", ChannelId)]


@server(105)
class MouseMode:
    supported_modes: u16
    current_mode: u16


@server(106)
class MultiMediaTime:
    time: u32


@server(107)
class AgentConnected:
    pass


@server(108)
class AgentDisconnected:
    error_code: u32


@server(109)
@client(107)
class AgentData:
    data: rest


@server(110)
@client(108)
class AgentToken:
    num_tokens: u32


@server(111)
class MigrateSwitchHost:
    dst_info: DstInfo


@server(112)
@client(109)
class MigrateEnd:
    pass


@server(113)
class Name:
    name: data32


@server(114)
class Uuid:
    uuid: uuid16


@server(115)
class AgentConnectedTokens:
    num_tokens: u32


@server(116)
class MigrateBeginSeamless:
    dst_info: DstInfo
    src_mig_version: u32


@server(117)
class MigrateDstSeamlessAck:
    pass


@server(118)
class MigrateDstSeamlessNack:
    pass


@client(101)
class ClientInfo:
    cache_size: u64


@client(102)
class MigrateConnected:
    pass


@client(103)
class MigrateConnectError:
    pass


@client(104)
class AttachChannels:
    pass


@client(105)
class MouseModeRequest:
    mode: u16


@client(106)
class AgentStart:
    num_tokens: u32


@client(110)
class MigrateDstDoSeamless:
    src_version: u32


@client(111)
class MigrateConnectedSeamless:
    pass


@client(112)
class QualityIndicator:
    data: rest


def text(data: Buffer) -> str:
    """A string of the server: UTF-8 up to the first zero byte."""
    return bytes(data).split(b"\0", 1)[0].decode("utf-8", "replace")
