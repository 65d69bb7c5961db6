"""The bytes that a terminal sends, as events: keys, mouse, paste, focus and the replies to what was asked.

Sources: ECMA-48 section 5 (control functions), XTerm control sequences (mouse, DECRPM, window operations) and the
kitty keyboard protocol.  Bytes may arrive in pieces of any size; whatever is no sequence is dropped, and nothing
that is pending ever grows beyond its bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, NamedTuple, TypeAlias

MAX_STRING = 1 << 20  # bytes of one OSC, DCS or APC
MAX_PASTE = 4 << 20  # bytes of one paste
MAX_PARAMETERS = 160  # bytes of the parameters of one CSI


class Action(IntEnum):
    """The kitty protocol's event types."""

    PRESS = 1
    REPEAT = 2
    RELEASE = 3


class Mod:
    """Bits of :attr:`KeyPress.mods` (the kitty protocol's number less one) and, up to ALT's, of a mouse event."""

    SHIFT = 1
    ALT = 2
    CTRL = 4
    SUPER = 8
    HYPER = 16
    META = 32
    CAPS_LOCK = 64
    NUM_LOCK = 128
    CHORD = SHIFT | ALT | CTRL | SUPER  # those that are keys of a PC keyboard


class KeyPress(NamedTuple):
    """One key event.  *code* is the unshifted character, or the kitty protocol's number of a functional key.

    *base* is the character of the same key on a US keyboard (0: not told).  *legacy* events have no release.
    """

    code: int
    mods: int = 0
    action: Action = Action.PRESS
    shifted: int = 0
    base: int = 0
    text: str = ""
    legacy: bool = False


class Mouse(NamedTuple):
    """One mouse event; x and y are as sent: cells or pixels, from 1.

    *kind* is ``down``, ``up``, ``move`` or ``wheel``.  *button*: 1 left, 2 middle, 3 right, 4 … 7 the wheel up,
    down, left, right, 8 and 9 the side buttons; 0 for none.
    """

    kind: str
    button: int
    x: int
    y: int
    mods: int = 0


class Paste(NamedTuple):
    """A bracketed paste; *truncated* when it was longer than MAX_PASTE."""

    text: str
    truncated: bool = False


class Focus(NamedTuple):
    gained: bool


class Resize(NamedTuple):
    """An in-band resize (mode 2048); pixels are 0 when unknown."""

    columns: int
    rows: int
    width_px: int
    height_px: int


class Reply(NamedTuple):
    """An answer of the terminal.

    *kind*: ``status`` (DSR), ``cursor`` (CPR), ``da1``, ``da2``, ``mode`` (DECRPM: mode, state), ``window`` (CSI t),
    ``keyboard`` (kitty flags), ``graphics`` (XTSMGRAPHICS), ``osc``, ``dcs``, ``apc``.
    """

    kind: str
    args: tuple[int, ...] = ()
    data: bytes = b""


class Unknown(NamedTuple):
    """A whole sequence that means nothing here."""

    data: bytes


Event: TypeAlias = KeyPress | Mouse | Paste | Focus | Resize | Reply | Unknown

# The kitty protocol's numbers of the functional keys that reach us in another form.
ESCAPE, ENTER, TAB, BACKSPACE, INSERT, DELETE, LEFT, RIGHT, UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = range(
    57344, 57358
)
F1 = 57364
KP_BEGIN = 57427

_BY_CODE = {27: ESCAPE, 13: ENTER, 9: TAB, 127: BACKSPACE}
_BY_NUMBER = _BY_CODE | {8: BACKSPACE}  # where a number stands for a key, and not for a byte that was typed
_BY_TILDE = {
    1: HOME,
    2: INSERT,
    3: DELETE,
    4: END,
    5: PAGE_UP,
    6: PAGE_DOWN,
    7: HOME,
    8: END,
    29: 57363,  # MENU
    57427: KP_BEGIN,
    **{number: F1 + index for index, number in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24))},
    **{number: F1 + 12 + index for index, number in enumerate((25, 26, 28))},
    **{number: F1 + 16 + index for index, number in enumerate((31, 32, 33, 34))},
}
_BY_LETTER = {
    "A": UP,
    "B": DOWN,
    "C": RIGHT,
    "D": LEFT,
    "E": KP_BEGIN,
    "F": END,
    "H": HOME,
    "P": F1,
    "Q": F1 + 1,
    "R": F1 + 2,
    "S": F1 + 3,
}
# Application keypad (DECKPAM) of terminals without the kitty protocol.
_BY_SS3 = _BY_LETTER | {
    "M": 57414,
    "X": 57415,
    "j": 57411,
    "k": 57413,
    "l": 57416,
    "m": 57412,
    "n": 57409,
    "o": 57410,
    **{chr(ord("p") + digit): 57399 + digit for digit in range(10)},
}

_UTF8 = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_TOKEN = re.compile(
    rb"(?P<text>[\x20-\x7e\x80-\xff]+)"
    rb"|\x1b\[<(?P<mouse>\d{1,6};-?\d{1,7};-?\d{1,7}[Mm])"
    rb"|\x1b\[M(?P<x10>[\x20-\xff]{3})"
    rb"|\x1b\[\[(?P<linux>[A-E])"
    rb"|\x1b\[(?![M\[])(?P<csi>[\x30-\x3f]{0,160}[\x20-\x2f]{0,2}[\x40-\x7e])"
    rb"|\x1bO(?P<ss3>[0-9;]{0,8}[\x40-\x7e])"
    rb"|\x1b(?P<string>[\]P_^X])"
    rb"|\x1b(?P<alt>[\x00-\x1a\x1c-\x4e\x51-\x57\x59\x5a\x5c\x60-\x7f]|" + _UTF8 + rb")"
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])",
)
_PARTIAL = re.compile(
    rb"\x1b(?:\[(?:<[\d;-]{0,24}|M[\x20-\xff]{0,2}|\[|[\x30-\x3f]{0,160}[\x20-\x2f]{0,2})|O[0-9;]{0,8}"
    rb"|[\xc2-\xf4][\x80-\xbf]{0,2})?\Z"
)
_BROKEN = re.compile(rb"\x1b(?:\[(?:M|\[|[\x30-\x3f]*[\x20-\x2f]*)|O[0-9;]*|[\x80-\xff])")
_SKIPPED = re.compile(rb"[\x20-\x3f]*([\x40-\xff]|(?=[\x00-\x1f]))?")
_STRING_END = re.compile(rb"[\x18\x1a\x1b]|\x07")
_PASTE_END = b"\x1b[201~"
_STRING_KINDS = {0x5D: "osc", 0x50: "dcs", 0x5F: "apc", 0x5E: "pm", 0x58: "sos"}


class Tokenizer:
    """Turns bytes into events.  Call :meth:`flush` when nothing has come for a while and :attr:`pending` is true.

    *erase* is the byte of the Backspace key (VERASE of the terminal's settings); 8 is Ctrl+H on any other terminal,
    but for those with modifyOtherKeys: there it can only be Ctrl+Backspace, which :attr:`modified_keys` says.
    """

    def __init__(self, erase: int = 127) -> None:
        self.erase = erase
        self.modified_keys = False
        self._buffer = b""  # the beginning of something
        self._wait = False  # it is to be kept for the next bytes
        self._string = b""  # the introducer of the control string that is open, b"" for none
        self._body = bytearray()
        self._overflow = False
        self._skip = False  # inside a CSI that is too long to mean anything
        self._paste: bytearray | None = None
        self._events: list[Event] = []

    @property
    def pending(self) -> bool:
        """Whether a sequence (or what may become one) is unfinished."""
        return bool(self._buffer or self._string or self._skip or self._paste is not None)

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete with *data*."""
        buffer = self._buffer + data if self._buffer else data
        position = 0
        size = len(buffer)
        self._wait = False
        while position < size and not self._wait:
            if self._paste is not None:
                position = self._take_paste(buffer, position)
            elif self._string:
                position = self._take_string(buffer, position)
            elif self._skip:
                match = _SKIPPED.match(buffer, position)
                assert match is not None
                self._skip = match.end() == size and not match[1]
                position = match.end()
            else:
                position = self._take_token(buffer, position)
        self._buffer = buffer[position:]
        events, self._events = self._events, []
        return events

    def flush(self, hard: bool = False) -> list[Event]:
        """What is pending was no beginning of a sequence: an Escape, or Alt with a key.

        *hard* also gives up a control string or a paste whose end has not come.
        """
        buffer = self._buffer
        self._skip = self._skip and not hard
        if self._paste is not None:
            if hard:
                self._buffer = b""
                self._add_paste(buffer)
                self._end_paste()
        elif self._string:
            if not (self._body or buffer or self._overflow):
                self._events.append(self._character(self._string.decode("latin-1"), Mod.ALT))
                self._drop_string()
            elif hard:
                self._buffer = b""
                self._drop_string()
        else:
            self._buffer = b""
            if buffer == b"\x1b":
                self._events.append(KeyPress(ESCAPE, legacy=True))
            elif len(buffer) == 2 and buffer[0] == 0x1B and buffer[1] < 0x80:
                self._events.append(self._character(chr(buffer[1]), Mod.ALT))
            elif buffer:
                self._events.append(Unknown(buffer))
        events, self._events = self._events, []
        return events

    # Each of these takes something at *position* and returns where it ends; _wait says that the rest is incomplete.

    def _take_token(self, buffer: bytes, position: int) -> int:
        match = _TOKEN.match(buffer, position)
        if match is None:
            return self._take_broken(buffer, position)
        end = match.end()
        kind = match.lastgroup
        assert kind is not None
        if kind == "text" and end == len(buffer):
            end -= _unfinished_utf8(buffer, position, end)
            self._wait = end < len(buffer)
            self._on_text(buffer[position:end])
            return end
        self._HANDLERS[kind](self, match[kind])
        return end

    def _take_broken(self, buffer: bytes, position: int) -> int:
        """At an ESC that begins no whole token: a beginning, or garbage."""
        if _PARTIAL.match(buffer, position):
            self._wait = True
            return position
        broken = _BROKEN.match(buffer, position)
        if broken is None:  # ESC ESC …
            self._events.append(KeyPress(ESCAPE, legacy=True))
            return position + 1
        self._events.append(Unknown(broken[0][:64]))
        self._skip = broken.end() - position > MAX_PARAMETERS
        return broken.end()

    def _take_string(self, buffer: bytes, position: int) -> int:
        match = _STRING_END.search(buffer, position)
        end = len(buffer) if match is None else match.start()
        self._body += buffer[position:end]
        if len(self._body) > MAX_STRING:
            self._body.clear()
            self._overflow = True
        if match is None:
            return end
        mark = buffer[end]
        if mark == 0x1B:
            if end + 1 == len(buffer):
                self._wait = True
                return end
            if buffer[end + 1] == 0x5C:
                self._end_string()
                return end + 2
            self._drop_string()  # cut off by another sequence
            return end
        if mark == 0x07 and self._string != b"]":
            self._body.append(mark)
        elif mark == 0x07:
            self._end_string()
        else:
            self._drop_string()  # CAN or SUB
        return end + 1

    def _take_paste(self, buffer: bytes, position: int) -> int:
        end = buffer.find(_PASTE_END, position)
        if end >= 0:
            self._add_paste(buffer[position:end])
            self._end_paste()
            return end + len(_PASTE_END)
        end = len(buffer)
        escape = buffer.rfind(0x1B, max(position, end - len(_PASTE_END) + 1))
        if escape >= 0 and _PASTE_END.startswith(buffer[escape:]):
            end = escape
            self._wait = True
        self._add_paste(buffer[position:end])
        return end

    def _drop_string(self) -> None:
        self._string = b""
        self._body.clear()
        self._overflow = False

    def _end_string(self) -> None:
        kind = _STRING_KINDS[self._string[0]]
        if not self._overflow and kind in ("osc", "dcs", "apc"):
            self._events.append(Reply(kind, (), bytes(self._body)))
        self._drop_string()

    def _add_paste(self, data: bytes) -> None:
        assert self._paste is not None
        room = MAX_PASTE - len(self._paste)
        self._paste += data[:room]
        self._overflow = self._overflow or len(data) > room

    def _end_paste(self) -> None:
        assert self._paste is not None
        text = self._paste.decode("utf-8", "ignore").replace("\x00", "")
        self._events.append(Paste(text, self._overflow))
        self._paste = None
        self._overflow = False

    # tokens

    def _on_text(self, data: bytes) -> None:
        append = self._events.append
        for character in data.decode("utf-8", "ignore"):
            append(self._character(character))

    def _on_control(self, data: bytes) -> None:
        self._events.append(self._character(chr(data[0])))

    def _on_alt(self, data: bytes) -> None:
        text = data.decode("utf-8", "ignore")
        if text:
            self._events.append(self._character(text[0], Mod.ALT))
            for character in text[1:]:
                self._events.append(self._character(character))

    def _on_mouse(self, data: bytes) -> None:
        code, x, y = data[:-1].split(b";")
        released = data[-1] == 0x6D
        number = int(code)
        if not (released and number & 64):  # xterm ends a turn of the wheel sideways like a click
            self._events.append(_mouse(number, int(x), int(y), released))

    def _on_x10(self, data: bytes) -> None:
        code = data[0] - 32
        released = code & 3 == 3 and not code & (32 | 64)
        self._events.append(_mouse(code - 3 if released else code, data[1] - 32, data[2] - 32, released))

    def _on_linux(self, data: bytes) -> None:
        self._events.append(KeyPress(F1 + data[0] - 0x41, legacy=True))

    def _on_ss3(self, data: bytes) -> None:
        letter = chr(data[-1])
        if letter == "~":  # VTE's keypad, its Delete
            event = self._tilde(data[:-1].decode("ascii"))
            if isinstance(event, KeyPress):
                self._events.append(event)
            return
        code = _BY_SS3.get(letter)
        if code is None:
            self._events.append(Unknown(b"\x1bO" + data))
            return
        numbers = _numbers(data[:-1].decode("ascii"))
        self._events.append(KeyPress(code, _modifiers(numbers[-1] if numbers else 0), legacy=True))

    def _on_string(self, data: bytes) -> None:
        self._string = data

    def _on_csi(self, data: bytes) -> None:
        body = data[:-1].decode("ascii")
        final = chr(data[-1])
        if body and body[0] in "?>=<":
            event = _private(body, final)
        elif final == "u":
            event = _kitty_key(body)
        elif final == "~":
            event = self._tilde(body)
        elif final in _BY_LETTER:
            event = _letter_key(body, final)
        else:
            event = _other(body, final)
        if event is not None:
            self._events.append(event)
        elif self._paste is None:
            self._events.append(Unknown(b"\x1b[" + data))

    def _tilde(self, body: str) -> Event | None:
        if body == "200":
            self._paste = bytearray()
            self._overflow = False
            return None
        number, mods, action, fields = _key_fields(body)
        if number == 27 and len(fields) >= 3:
            return _modified_key(_number(fields[2]), mods)
        code = _BY_TILDE.get(number, 0)
        return KeyPress(code, mods, action) if code else None

    def _character(self, character: str, mods: int = 0) -> KeyPress:
        """The key event of a character of a terminal that reports no keys."""
        number = ord(character)
        if number >= 32 and number != 127:
            return KeyPress(number, mods, text=character, legacy=True)
        if number in _BY_CODE:
            return KeyPress(_BY_CODE[number], mods, legacy=True)
        if number == 8 == self.erase:
            return KeyPress(BACKSPACE, mods, legacy=True)
        if number == 8 and self.modified_keys:
            return KeyPress(BACKSPACE, mods | Mod.CTRL, legacy=True)
        if number == 0:
            return KeyPress(32, mods | Mod.CTRL, legacy=True)
        # Ctrl takes 64 from @A…Z[\\]^_ .
        return KeyPress(ord(chr(number + 64).lower()), mods | Mod.CTRL, legacy=True)

    _HANDLERS: ClassVar[dict[str, Callable[[Tokenizer, bytes], None]]] = {
        "text": _on_text,
        "control": _on_control,
        "alt": _on_alt,
        "mouse": _on_mouse,
        "x10": _on_x10,
        "linux": _on_linux,
        "ss3": _on_ss3,
        "string": _on_string,
        "csi": _on_csi,
    }


def _unfinished_utf8(buffer: bytes, start: int, end: int) -> int:
    """How many bytes at the end of ``buffer[start:end]`` begin a character that goes on."""
    for back in range(1, min(4, end - start + 1)):
        byte = buffer[end - back]
        if byte & 0xC0 == 0x80:
            continue
        need = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 0
        return back if need > back else 0
    return 0


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 9 else 0


def _point(text: str) -> int:
    """A code point, 0 for what is none."""
    number = _number(text)
    return number if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_number(part) for part in text.split(";")) if text else ()


def _modifiers(number: int) -> int:
    return max(number - 1, 0) & 0xFF


def _key_fields(body: str) -> tuple[int, int, Action, list[str]]:
    """Number, modifiers, action and all fields of ``number;mods:action;…``."""
    fields = body.split(";")
    mods = action = ""
    if len(fields) > 1:
        mods, _, action = fields[1].partition(":")
    return (
        _number(fields[0].partition(":")[0]),
        _modifiers(_number(mods)),
        Action(int(action)) if action in ("1", "2", "3") else Action.PRESS,
        fields,
    )


def _modified_key(code: int, mods: int) -> Event | None:
    """xterm's modifyOtherKeys: *code* is what is typed with Shift, where that is all there is to it."""
    if not 0 < code <= 0x10FFFF or 0xD800 <= code < 0xE000:
        return None
    text = chr(code) if mods & ~(Mod.CAPS_LOCK | Mod.NUM_LOCK) == Mod.SHIFT and code > 32 and code != 127 else ""
    return KeyPress(_BY_NUMBER.get(code, code), mods, text=text, legacy=True)


def _kitty_key(body: str) -> Event | None:
    number, mods, action, fields = _key_fields(body)
    codes = [*(_point(part) for part in fields[0].split(":")), 0, 0]
    points = [_point(part) for part in fields[2].split(":")] if len(fields) > 2 else []
    text = "".join(chr(point) for point in points if point)
    if (number and not codes[0]) or (number == 0 and not text):
        return None
    return KeyPress(_BY_NUMBER.get(number, number), mods, action, codes[1], codes[2], text)


def _letter_key(body: str, final: str) -> Event | None:
    if not body and final == "R":
        return KeyPress(_BY_LETTER[final])
    number, mods, action, fields = _key_fields(body)
    if final == "R" and (number != 1 or len(fields) != 2):
        return Reply("cursor", _numbers(body))  # row; column
    return KeyPress(_BY_LETTER[final], mods, action)


def _private(body: str, final: str) -> Event | None:
    mark, body = body[0], body[1:]
    if mark == "?":
        if final == "c":
            return Reply("da1", _numbers(body))
        if final == "u":
            return Reply("keyboard", _numbers(body))
        if final == "n":
            return Reply("status", _numbers(body))
        if final == "S":
            return Reply("graphics", _numbers(body))
        if final == "y" and body.endswith("$"):
            return Reply("mode", _numbers(body[:-1]))
    if mark == ">" and final == "c":
        return Reply("da2", _numbers(body))
    return None


def _other(body: str, final: str) -> Event | None:
    if final == "Z":
        return KeyPress(TAB, Mod.SHIFT, legacy=True)
    if final == "I" and not body:
        return Focus(True)
    if final == "O" and not body:
        return Focus(False)
    if final == "n":
        return Reply("status", _numbers(body))
    if final == "t":
        numbers = tuple(_number(part.partition(":")[0]) for part in body.split(";"))
        if len(numbers) >= 5 and numbers[0] == 48:
            return Resize(numbers[2], numbers[1], numbers[4], numbers[3])
        return Reply("window", numbers)
    if final in "^@" and body:  # rxvt: Ctrl, Ctrl+Shift
        code = _BY_TILDE.get(_number(body), 0)
        if code:
            return KeyPress(code, Mod.CTRL | (Mod.SHIFT if final == "@" else 0), legacy=True)
    return None


def _mouse(code: int, x: int, y: int, released: bool) -> Mouse:
    mods = (Mod.SHIFT if code & 4 else 0) | (Mod.ALT if code & 8 else 0) | (Mod.CTRL if code & 16 else 0)
    number = code & 3
    if code & 64:
        return Mouse("wheel", 4 + number, x, y, mods)
    button = 8 + number if code & 128 else (number + 1) & 3
    if code & 32:
        return Mouse("move", button, x, y, mods)
    return Mouse("up" if released else "down", button, x, y, mods)
