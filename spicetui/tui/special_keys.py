"""Combinations that a terminal cannot be asked for: the user's macros, SysRq and the like."""

from __future__ import annotations

from typing import NamedTuple

from ..config import Config
from ..keymap.keys import Key, KeyNameError, parse_combo

Keys = tuple[Key, ...]


class SpecialKeys(NamedTuple):
    """*chords* are pressed one after the other."""

    title: str
    chords: tuple[Keys, ...]


def _plain(title: str, combo: str) -> SpecialKeys:
    return SpecialKeys(title, (parse_combo(combo),))


# What Linux makes of them: Documentation/admin-guide/sysrq.rst.
_SYSRQ = {
    "h": "help",
    "r": "keyboard out of raw mode",
    "e": "ask all processes to end",
    "i": "kill all processes",
    "s": "write everything to the disks",
    "u": "mount everything read-only",
    "b": "restart at once",
    "o": "power off",
    "k": "secure access key: kill what has this console",
    "f": "kill what takes most memory",
    "c": "crash, for a dump",
    "d": "show held locks",
    "j": "thaw frozen file systems",
    "l": "show what every CPU does",
    "m": "show memory",
    "n": "real-time tasks made ordinary",
    "p": "show registers",
    "q": "show timers",
    "t": "show tasks",
    "v": "restore the console's picture",
    "w": "show blocked tasks",
    "z": "show the trace buffer",
    **{digit: f"kernel messages up to level {digit}" for digit in "0123456789"},
}

SPECIAL_KEYS: tuple[SpecialKeys, ...] = (
    _plain("Ctrl+Alt+Delete: secure attention", "ctrl+alt+delete"),
    _plain("Ctrl+Alt+Backspace", "ctrl+alt+backspace"),
    _plain("Ctrl+Shift+Escape", "ctrl+shift+escape"),
    _plain("Ctrl+Escape", "ctrl+escape"),
    _plain("Alt+Tab", "alt+tab"),
    _plain("Alt+F4", "alt+f4"),
    _plain("Super+L", "super+l"),
    _plain("Super+R", "super+r"),
    _plain("Print Screen", "print"),
    _plain("Alt+Print Screen", "alt+print"),
    _plain("Pause", "pause"),
    _plain("Ctrl+Pause: break", "ctrl+pause"),
    _plain("Menu", "menu"),
    _plain("Caps Lock", "capslock"),
    _plain("Num Lock", "numlock"),
    _plain("Scroll Lock", "scrolllock"),
    *(_plain(f"SysRq {key}: {title}", f"alt+print+{key}") for key, title in _SYSRQ.items()),
)


def macros(config: Config) -> tuple[SpecialKeys, ...]:
    """The user's own. Raises ConfigError."""
    found = []
    for macro in config.macros:
        try:
            found.append(SpecialKeys(macro.name, tuple(parse_combo(chord) for chord in macro.chords)))
        except KeyNameError as error:
            raise config.wrong("macros", macro.name, error) from error
    return tuple(found)
