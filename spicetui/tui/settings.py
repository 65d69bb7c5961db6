"""How the app is to be run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..keymap.text import UnicodeMethod
from .special_keys import SpecialKeys


@dataclass(frozen=True, slots=True)
class Settings:
    """*title* is shown until the machine has told its name.  *password* was given beforehand, None if not."""

    title: str
    graphics: str = "auto"
    scale: str = "fit"
    display: int = 0
    fps: int = 30
    view_only: bool = False
    prefix: str = "ctrl+]"
    layout: str = ""  #: of the guest, to type characters on it; without one, keys are sent by their places
    ask_password: bool = True
    password: str | None = field(default=None, repr=False)
    unicode: UnicodeMethod = "off"  #: how characters are typed that the layout lacks
    shift_wheel: bool = False  #: the horizontal wheel is the wheel with Shift
    macros: tuple[SpecialKeys, ...] = ()
    clipboard_to_guest: str = "on"  #: as the next one: off, ask or on
    clipboard_from_guest: str = "on"
    paste: str = "shift+insert"  #: pressed in the guest when something is pasted here; or "off", "type"
    microphone: str = "ask"  #: ``ask``, ``on`` or ``off``, and after a colon what it hears
    usb_auto_connect: str | None = None  #: a filter: what of it is plugged in goes to the machine
    usb_redirect: str | None = None  #: a filter: what of it is there at first goes to the machine
    volume_sync: bool = False  #: one volume here and in the machine
