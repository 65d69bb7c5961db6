"""The inputs channel: keys as XT (set 1) scancodes, mouse."""

from __future__ import annotations

from typing import dataclass_transform

from . import common
from .core import Declare, Messages, i32, rest, u8, u16, u32

MESSAGES = Messages("inputs", common.MESSAGES)


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


@client(101)
class KeyDown:
    """*code*: up to four scancode bytes, the first in the lowest byte (``0x1de0`` is E0 1D)."""

    code: u32


@client(102)
class KeyUp:
    """*code* as in KeyDown, with 0x80 set in the last byte."""

    code: u32


@client(103)
class KeyModifiers:
    modifiers: u16


@client(104)
class KeyScancode:
    data: rest


@client(111)
class MouseMotion:
    dx: i32
    dy: i32
    buttons_state: u16


@client(112)
class MousePosition:
    x: u32
    y: u32
    buttons_state: u16
    display_id: u8


@client(113)
class MousePress:
    button: u8
    buttons_state: u16


@client(114)
class MouseRelease:
    button: u8
    buttons_state: u16


@server(101)
class InputsInit:
    keyboard_modifiers: u16


@server(102)
class LedModifiers:
    """The lock states as the guest's keyboard shows them (spice.proto: ``key_modifiers``)."""

    modifiers: u16


@server(111)
class MouseMotionAck:
    pass
