"""The playback channel: what the guest plays."""

from __future__ import annotations

from typing import Annotated, dataclass_transform

from . import common
from .core import Array, Declare, Messages, rest, u8, u16, u32

MESSAGES = Messages("playback", common.MESSAGES)

volumes = Annotated[list[int], Array("B", u16)]
"""One for each channel, 65535 is full."""


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@server(101)
class Data:
    """Sound in the mode and format told before; *time* by the multimedia clock."""

    time: u32
    data: rest


@server(102)
class Mode:
    """*mode*: an AudioDataMode."""

    time: u32
    mode: u16
    data: rest


@server(103)
class Start:
    """*format*: an AudioFormat; *frequency*: frames a second."""

    channels: u32
    format: u16
    frequency: u32
    time: u32


@server(104)
class Stop:
    pass


@server(105)
class Volume:
    volume: volumes


@server(106)
class Mute:
    mute: u8


@server(107)
class Latency:
    """The least delay that keeps sound and video streams together, milliseconds."""

    latency_ms: u32
