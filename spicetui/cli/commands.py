"""Every command; a command is added by its file and its row."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """*module* in this package has USAGE, ``add_arguments(parser)`` and ``run(arguments) -> int``."""

    name: str
    module: str
    group: str
    summary: str


COMMANDS = (
    Command("view", "view", "See", "show the machine in this terminal and drive it (the word may be left out)"),
    Command("screenshot", "screenshot", "See", "write the exact picture of a display to a PNG or PPM file"),
    Command("text", "text", "See", "print the screen of a text console as text"),
    Command("wait", "wait", "See", "wait until the screen shows a text, a colour, a change, or rests"),
    Command("info", "info", "See", "tell what the server offers: channels, capabilities, displays, mouse mode"),
    Command("type", "type_text", "Drive", "type text"),
    Command("key", "press_keys", "Drive", "press keys and combinations such as ctrl+alt+delete"),
    Command("mouse", "pointer", "Drive", "move the pointer, click, drag, turn the wheel"),
    Command("listen", "listen", "Hear", "write what the guest plays to a WAV or Ogg file"),
    Command("speak", "speak", "Hear", "play a WAV file into the guest's microphone"),
    Command("send", "send", "Share", "send files to the guest by its agent"),
    Command("share", "share", "Share", "show the guest a folder, and tell what it does in it"),
    Command("clipboard", "clipboard", "Share", "print the guest's clipboard, or put something into it"),
    Command("usb", "usb", "Share", "give the guest USB devices, real ones or disks and CDs made of files"),
    Command("smartcard", "smartcard", "Share", "give the guest a card reader, or a card of certificate files"),
    Command("probe", "probe", "Help", "tell what this terminal can do, and how the picture is drawn on it"),
    Command("demo", "demo", "Serve", "run the demo desktop as a server for any SPICE client"),
)

BY_NAME = {command.name: command for command in COMMANDS}
