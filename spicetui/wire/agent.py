"""What the guest agent and a client say to each other inside the main channel's agent data (``spice/vd_agent.h``).

"Server" is the agent here.  Two fields of the clipboard's messages are on the wire only when the agent has announced
the capability for them: :func:`read` and :func:`write` take its capabilities, and leave such a field out or read it
as 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from sys import byteorder
from typing import Annotated, Any, dataclass_transform

from . import core
from .core import (
    Array,
    Buffer,
    Declare,
    Fixed,
    Messages,
    Reader,
    Rest,
    Writer,
    data32,
    i32,
    rest,
    struct,
    u8,
    u16,
    u32,
    u64,
)
from .enums import AgentCap, AgentMessage, MonitorsFlags
from .playback import volumes

MESSAGES = Messages("agent")

#: The only version of the protocol.
PROTOCOL = 1


@dataclass_transform()
def agent(number: int) -> Declare:
    """Declares a message that the agent sends."""
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    """Declares a message that the agent gets, from the client or from the server itself."""
    return MESSAGES.client(number)


class Words(Rest):
    """32-bit numbers up to the end of the body."""

    def read(self, reader: Reader) -> Any:
        if reader.remaining % 4:
            raise reader.error(f"{reader.remaining} bytes are no whole number of words")
        reader.items(reader.remaining // 4, 4)
        found = array("I", bytes(reader.rest()))
        if byteorder == "big":
            found.byteswap()
        return found.tolist()

    def write(self, writer: Writer, value: Any) -> None:
        for word in value:
            writer.u32(word)


words = Annotated[list[int], Words()]

#: A ClipboardSelection in one byte, and three that are reserved.
selection = Annotated[int, Fixed("BBBB", lambda n: n[0], lambda v: [v, "0", "0", "0"])]


@struct
class MonConfig:
    """One head, pixels; a height and width of 0 switch it off."""

    height: u32
    width: u32
    depth: u32
    x: i32
    y: i32


@struct
class MonitorMM:
    """The physical size of one head, millimetres; 0 is unknown."""

    height: u16
    width: u16


@client(AgentMessage.MOUSE_STATE)
class MouseState:
    x: u32
    y: u32
    buttons: u32
    display_id: u8


@client(AgentMessage.MONITORS_CONFIG)
class MonitorsConfig:
    """*flags*: MonitorsFlags; *physical_sizes* are on the wire with PHYSICAL_SIZE only, one for each monitor."""

    flags: u32
    monitors: list[MonConfig]
    physical_sizes: list[MonitorMM]

    min_size = 8

    @staticmethod
    def read(reader: Reader) -> MonitorsConfig:
        count, flags = reader.u32(), reader.u32()
        sized = bool(flags & MonitorsFlags.PHYSICAL_SIZE)
        reader.items(count, 24 if sized else 20)
        read = core.codec_of(MonConfig).read
        monitors = [read(reader) for _ in range(count)]
        read_size = core.codec_of(MonitorMM).read
        return MonitorsConfig(flags, monitors, [read_size(reader) for _ in range(count if sized else 0)])

    @staticmethod
    def write(writer: Writer, value: MonitorsConfig) -> None:
        writer.u32(len(value.monitors))
        writer.u32(value.flags)
        for monitor in value.monitors:
            core.codec_of(MonConfig).write(writer, monitor)
        if value.flags & MonitorsFlags.PHYSICAL_SIZE:
            for size in value.physical_sizes:
                core.codec_of(MonitorMM).write(writer, size)


@agent(AgentMessage.REPLY)
class Reply:
    """*type*: the message that is answered; *error*: an AgentReply."""

    type: u32
    error: u32


@agent(AgentMessage.CLIPBOARD)
@client(AgentMessage.CLIPBOARD)
class Clipboard:
    """*type*: the ClipboardFormat that was requested, NONE when it cannot be had."""

    selection: selection
    type: u32
    data: rest


@client(AgentMessage.DISPLAY_CONFIG)
class DisplayConfig:
    """*flags*: DisplayConfigFlags; *depth*: bits of a pixel, 0 for as it is."""

    flags: u32
    depth: u32


@agent(AgentMessage.ANNOUNCE_CAPABILITIES)
@client(AgentMessage.ANNOUNCE_CAPABILITIES)
class AnnounceCapabilities:
    """*request*: whether the other side is to answer with its own; *caps*: 32 AgentCaps in each word."""

    request: u32
    caps: words


@agent(AgentMessage.CLIPBOARD_GRAB)
@client(AgentMessage.CLIPBOARD_GRAB)
class ClipboardGrab:
    """*types*: the ClipboardFormats in which it can be had."""

    selection: selection
    serial: u32
    types: words


@agent(AgentMessage.CLIPBOARD_REQUEST)
@client(AgentMessage.CLIPBOARD_REQUEST)
class ClipboardRequest:
    selection: selection
    type: u32


@agent(AgentMessage.CLIPBOARD_RELEASE)
@client(AgentMessage.CLIPBOARD_RELEASE)
class ClipboardRelease:
    selection: selection


@client(AgentMessage.FILE_XFER_START)
class FileXferStart:
    """*data*: a GLib key file that tells name and size, and a zero byte."""

    id: u32
    data: rest


@agent(AgentMessage.FILE_XFER_STATUS)
@client(AgentMessage.FILE_XFER_STATUS)
class FileXferStatus:
    """*result*: a FileXferResult; *data*: details of ERROR and NOT_ENOUGH_SPACE."""

    id: u32
    result: u32
    data: rest


@client(AgentMessage.FILE_XFER_DATA)
class FileXferData:
    id: u32
    size: u64
    data: rest


@client(AgentMessage.CLIENT_DISCONNECTED)
class ClientDisconnected:
    pass


@client(AgentMessage.MAX_CLIPBOARD)
class MaxClipboard:
    """Bytes that the client takes; -1 for any."""

    max: i32


@agent(AgentMessage.AUDIO_VOLUME_SYNC)
@client(AgentMessage.AUDIO_VOLUME_SYNC)
class AudioVolumeSync:
    is_playback: u8
    mute: u8
    volume: volumes


@struct
class DeviceDisplayInfo:
    """*device_address*: ends in a zero byte."""

    channel_id: u32
    monitor_id: u32
    device_display_id: u32
    device_address: data32


@client(AgentMessage.GRAPHICS_DEVICE_INFO)
class GraphicsDeviceInfo:
    display_info: Annotated[list[DeviceDisplayInfo], Array("I", DeviceDisplayInfo)]


# --- fields that depend on capabilities

_WITH_SELECTION = (Clipboard, ClipboardGrab, ClipboardRequest, ClipboardRelease)


def _absent(kind: type, caps: Collection[int]) -> slice:
    """Which bytes of the whole body are not on the wire."""
    if kind not in _WITH_SELECTION:
        return slice(0, 0)
    begin = 4 if AgentCap.CLIPBOARD_SELECTION in caps else 0
    serial = kind is ClipboardGrab and AgentCap.CLIPBOARD_GRAB_SERIAL not in caps
    return slice(begin, 8 if serial else 4)


def read(kind: type[core.T], body: Buffer, caps: Collection[int]) -> core.T:
    """One message from its body, as an agent with *caps* writes it. Raises WireError."""
    absent = _absent(kind, caps)
    missing = absent.stop - absent.start
    if missing:
        body = b"".join((body[: absent.start], bytes(missing), body[absent.start :]))
    if kind is ClipboardRelease and len(body) == 1:
        body = bytes(body) + bytes(3)  # spice-vdagentd 0.22 leaves the reserved bytes out when its session agent ends
    return core.read(kind, body)


def write(message: Any, caps: Collection[int]) -> bytes:
    """The body of a message to an agent with *caps*."""
    body = core.write(message)
    absent = _absent(type(message), caps)
    return body[: absent.start] + body[absent.stop :] if absent.stop > absent.start else body


def cap_words(caps: Collection[int]) -> list[int]:
    """Capabilities as words."""
    found = [0] * (max(caps, default=0) // 32 + 1)
    for cap in caps:
        found[cap // 32] |= 1 << cap % 32
    return found


def caps_of(found: list[int]) -> frozenset[int]:
    """Capabilities from words."""
    return frozenset(32 * at + bit for at, word in enumerate(found[:32]) for bit in range(32) if word >> bit & 1)
