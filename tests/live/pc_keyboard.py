"""What a PC keyboard with 105 keys sends and what a US system makes of it, laid out by hand.

Source: the make and break codes of scan code set 1 as the 8042 delivers them (IBM Personal System/2 hardware
reference, keyboard section; Microsoft's "Keyboard Scan Code Specification" 1.3a). Nothing here is taken from the
package: its own table is what these are compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# name of the key in the library, its make bytes; the break is the same with the top bit of the last byte set
_ROWS = """
ESC 01  F1 3b  F2 3c  F3 3d  F4 3e  F5 3f  F6 40  F7 41  F8 42  F9 43  F10 44  F11 57  F12 58
PRINT e02ae037  SCROLL_LOCK 46  PAUSE e11d45e19dc5
GRAVE 29  DIGIT_1 02  DIGIT_2 03  DIGIT_3 04  DIGIT_4 05  DIGIT_5 06  DIGIT_6 07  DIGIT_7 08  DIGIT_8 09  DIGIT_9 0a
DIGIT_0 0b  MINUS 0c  EQUAL 0d  BACKSPACE 0e
INSERT e052  HOME e047  PAGE_UP e049  NUM_LOCK 45  KP_DIVIDE e035  KP_MULTIPLY 37  KP_MINUS 4a
TAB 0f  Q 10  W 11  E 12  R 13  T 14  Y 15  U 16  I 17  O 18  P 19  LEFT_BRACKET 1a  RIGHT_BRACKET 1b
DELETE e053  END e04f  PAGE_DOWN e051  KP_7 47  KP_8 48  KP_9 49  KP_PLUS 4e
CAPS_LOCK 3a  A 1e  S 1f  D 20  F 21  G 22  H 23  J 24  K 25  L 26  SEMICOLON 27  APOSTROPHE 28  BACKSLASH 2b  ENTER 1c
KP_4 4b  KP_5 4c  KP_6 4d
LEFT_SHIFT 2a  ISO 56  Z 2c  X 2d  C 2e  V 2f  B 30  N 31  M 32  COMMA 33  PERIOD 34  SLASH 35  RIGHT_SHIFT 36
UP e048  KP_1 4f  KP_2 50  KP_3 51  KP_ENTER e01c
LEFT_CTRL 1d  LEFT_SUPER e05b  LEFT_ALT 38  SPACE 39  RIGHT_ALT e038  RIGHT_SUPER e05c  MENU e05d  RIGHT_CTRL e01d
LEFT e04b  DOWN e050  RIGHT e04d  KP_0 52  KP_PERIOD 53
"""

# Print has two parts that end in reverse order; Pause sends its break with its make and nothing at its release.
_RELEASES = {"PRINT": "e0b7e0aa", "PAUSE": ""}


def _pairs() -> Iterator[tuple[str, str]]:
    words = iter(_ROWS.split())
    return zip(words, words, strict=True)


PRESS = {name: bytes.fromhex(make) for name, make in _pairs()}
RELEASE = {
    name: bytes.fromhex(_RELEASES[name]) if name in _RELEASES else make[:-1] + bytes([make[-1] | 0x80])
    for name, make in PRESS.items()
}

# What a US layout types by the keys of the main block: plain, with Shift.
_TYPES = {
    0x29: "`~", 0x02: "1!", 0x03: "2@", 0x04: "3#", 0x05: "4$", 0x06: "5%", 0x07: "6^", 0x08: "7&", 0x09: "8*",
    0x0A: "9(", 0x0B: "0)", 0x0C: "-_", 0x0D: "=+", 0x0F: "\t\t", 0x1A: "[{", 0x1B: "]}", 0x1C: "\n\n", 0x27: ";:",
    0x28: "'\"", 0x2B: "\\|", 0x33: ",<", 0x34: ".>", 0x35: "/?", 0x39: "  ",
}  # fmt: skip
_LETTERS = {0x10: "qwertyuiop", 0x1E: "asdfghjkl", 0x2C: "zxcvbnm"}
for _first, _row in _LETTERS.items():
    _TYPES.update({_first + place: letter + letter.upper() for place, letter in enumerate(_row)})

_SHIFTS = {0x2A, 0x36}
_CAPS_LOCK = 0x3A


class UsSystem:
    """A system with a US keyboard that listens to scancodes and keeps what was typed."""

    def __init__(self, *, caps_lock: bool = False) -> None:
        self.text = ""
        self.held: set[int] = set()
        self._caps_lock = caps_lock

    def hear(self, scancodes: Iterable[int]) -> None:
        for code in scancodes:
            key = code & 0x7F
            if code & 0x80:
                assert key in self.held, f"key {key:02x} was released but not pressed"
                self.held.remove(key)
                continue
            assert key not in self.held, f"key {key:02x} was pressed twice"
            self.held.add(key)
            if key == _CAPS_LOCK:
                self._caps_lock = not self._caps_lock
            elif key not in _SHIFTS:
                plain, shifted = tuple(_TYPES[key])
                shift = bool(self.held & _SHIFTS)
                if plain.isalpha():
                    shift ^= self._caps_lock
                self.text += shifted if shift else plain
