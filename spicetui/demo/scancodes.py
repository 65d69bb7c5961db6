"""XT set 1 scancodes as keys, and keys as US text."""

from __future__ import annotations

from collections.abc import Iterator

from ..keymap.keys import Key
from ..keymap.layout import load_layout
from ..wire.enums import KeyboardModifierFlags

_KEYPAD = {
    Key.KP_0: "0",
    Key.KP_1: "1",
    Key.KP_2: "2",
    Key.KP_3: "3",
    Key.KP_4: "4",
    Key.KP_5: "5",
    Key.KP_6: "6",
    Key.KP_7: "7",
    Key.KP_8: "8",
    Key.KP_9: "9",
    Key.KP_PERIOD: ".",
}
_ALWAYS = {Key.KP_DIVIDE: "/", Key.KP_MULTIPLY: "*", Key.KP_MINUS: "-", Key.KP_PLUS: "+", Key.ENTER: "\n"} | {
    Key.KP_ENTER: "\n",
    Key.TAB: "\t",
    Key.BACKSPACE: "\b",
}

_FAKE_SHIFTS = (0x2AE0, 0x36E0)  # around the navigation keys of old keyboards, no keys of their own


class ScancodeReader:
    """Takes scancodes as they come, also cut between two messages; gives keys (numbers as in :class:`Key`)."""

    def __init__(self) -> None:
        self._begun = b""

    def read(self, codes: bytes) -> Iterator[tuple[int, bool]]:
        """Pairs of key and whether it goes down."""
        for code in codes:
            self._begun += bytes((code,))
            first = self._begun[0]
            if len(self._begun) < (2 if first == 0xE0 else 3 if first == 0xE1 else 1):
                continue
            whole, self._begun = self._begun, b""
            key = int.from_bytes(whole[:1] + bytes(byte & 0x7F for byte in whole[1:]), "little")
            if len(whole) == 1:
                key &= 0x7F
            if key and key not in _FAKE_SHIFTS:
                yield key, not code & 0x80


def text_of(key: int, shift: bool, locks: KeyboardModifierFlags) -> str:
    """What a key types on a US keyboard, empty for none; Enter gives a newline, Backspace ``\\b``."""
    if key in _ALWAYS:
        return _ALWAYS[Key(key)]
    if key in _KEYPAD:
        return _KEYPAD[Key(key)] if bool(locks & KeyboardModifierFlags.NUM_LOCK) is not shift else ""
    levels = load_layout("us").keys.get(key)  # type: ignore[call-overload]
    if not levels:
        return ""
    if levels[0].isalpha() and locks & KeyboardModifierFlags.CAPS_LOCK:
        shift = not shift
    text: str = levels[1] if shift and len(levels) > 1 else levels[0]
    return text
