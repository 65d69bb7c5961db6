"""The record channel: what the guest's microphone hears."""

from __future__ import annotations

from typing import dataclass_transform

from . import common
from .core import Declare, Messages, rest, u8, u16, u32
from .playback import volumes

MESSAGES = Messages("record", common.MESSAGES)


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


@server(101)
class Start:
    """The guest listens. *format*: an AudioFormat; *frequency*: frames a second."""

    channels: u32
    format: u16
    frequency: u32


@server(102)
class Stop:
    pass


@server(103)
class Volume:
    volume: volumes


@server(104)
class Mute:
    mute: u8


@client(101)
class Data:
    """Sound in the mode told before; *time* by the multimedia clock."""

    time: u32
    data: rest


@client(102)
class Mode:
    """*mode*: an AudioDataMode."""

    time: u32
    mode: u16
    data: rest


@client(103)
class StartMark:
    time: u32
