"""Keys of the keyboard and buttons of the mouse, by name and by number.

A key's value is the u32 that KEY_DOWN carries: its XT set 1 codes, first byte lowest. A key without prefix is
0x01…0x7f; one behind E0 has 0xe0 in the low byte and its code in the second; Pause is E1 1D 45.
"""

from __future__ import annotations

from enum import IntEnum

from ..errors import SpiceError


class KeyNameError(SpiceError, ValueError):
    """No key has this name."""


class Key(IntEnum):
    """Every key by its place on a US keyboard; what it types is the guest's matter."""

    # main block, row by row
    ESC = 0x01
    DIGIT_1 = 0x02
    DIGIT_2 = 0x03
    DIGIT_3 = 0x04
    DIGIT_4 = 0x05
    DIGIT_5 = 0x06
    DIGIT_6 = 0x07
    DIGIT_7 = 0x08
    DIGIT_8 = 0x09
    DIGIT_9 = 0x0A
    DIGIT_0 = 0x0B
    MINUS = 0x0C
    EQUAL = 0x0D
    BACKSPACE = 0x0E
    TAB = 0x0F
    Q = 0x10
    W = 0x11
    E = 0x12
    R = 0x13
    T = 0x14
    Y = 0x15
    U = 0x16
    I = 0x17  # noqa: E741
    O = 0x18  # noqa: E741
    P = 0x19
    LEFT_BRACKET = 0x1A
    RIGHT_BRACKET = 0x1B
    ENTER = 0x1C
    LEFT_CTRL = 0x1D
    A = 0x1E
    S = 0x1F
    D = 0x20
    F = 0x21
    G = 0x22
    H = 0x23
    J = 0x24
    K = 0x25
    L = 0x26
    SEMICOLON = 0x27
    APOSTROPHE = 0x28
    GRAVE = 0x29
    LEFT_SHIFT = 0x2A
    BACKSLASH = 0x2B
    Z = 0x2C
    X = 0x2D
    C = 0x2E
    V = 0x2F
    B = 0x30
    N = 0x31
    M = 0x32
    COMMA = 0x33
    PERIOD = 0x34
    SLASH = 0x35
    RIGHT_SHIFT = 0x36
    LEFT_ALT = 0x38
    SPACE = 0x39
    CAPS_LOCK = 0x3A
    ISO = 0x56  # beside the left Shift on keyboards with 102 and 105 keys
    RIGHT_CTRL = 0x1DE0
    RIGHT_ALT = 0x38E0  # AltGr
    LEFT_SUPER = 0x5BE0
    RIGHT_SUPER = 0x5CE0
    MENU = 0x5DE0

    # function keys
    F1 = 0x3B
    F2 = 0x3C
    F3 = 0x3D
    F4 = 0x3E
    F5 = 0x3F
    F6 = 0x40
    F7 = 0x41
    F8 = 0x42
    F9 = 0x43
    F10 = 0x44
    F11 = 0x57
    F12 = 0x58
    F13 = 0x5D
    F14 = 0x5E
    F15 = 0x5F
    F16 = 0x55
    F17 = 0x03E0
    F18 = 0x77E0
    F19 = 0x04E0
    F20 = 0x5A
    F21 = 0x74
    F22 = 0x79E0
    F23 = 0x6D
    F24 = 0x6F
    PRINT = 0x37E0
    SYSRQ = 0x54  # what Alt+Print gives on a real keyboard
    SCROLL_LOCK = 0x46
    PAUSE = 0x451DE1
    BREAK = 0x46E0  # what Ctrl+Pause gives on a real keyboard

    # navigation block
    INSERT = 0x52E0
    HOME = 0x47E0
    PAGE_UP = 0x49E0
    DELETE = 0x53E0
    END = 0x4FE0
    PAGE_DOWN = 0x51E0
    UP = 0x48E0
    LEFT = 0x4BE0
    DOWN = 0x50E0
    RIGHT = 0x4DE0

    # keypad
    NUM_LOCK = 0x45
    KP_DIVIDE = 0x35E0
    KP_MULTIPLY = 0x37
    KP_MINUS = 0x4A
    KP_PLUS = 0x4E
    KP_ENTER = 0x1CE0
    KP_PERIOD = 0x53
    KP_0 = 0x52
    KP_1 = 0x4F
    KP_2 = 0x50
    KP_3 = 0x51
    KP_4 = 0x4B
    KP_5 = 0x4C
    KP_6 = 0x4D
    KP_7 = 0x47
    KP_8 = 0x48
    KP_9 = 0x49
    KP_EQUAL = 0x59
    KP_COMMA = 0x7E  # also ABNT C2, the second keypad point of Brazilian keyboards

    # Japanese, Brazilian and Korean keyboards
    RO = 0x73  # also ABNT C1, beside the right Shift of Brazilian keyboards
    YEN = 0x7D
    HENKAN = 0x79
    MUHENKAN = 0x7B
    KATAKANA_HIRAGANA = 0x70
    KATAKANA = 0x78
    HIRAGANA = 0x77
    ZENKAKU_HANKAKU = 0x76
    HANGUL = 0x72
    HANJA = 0x71

    # media, browser and power keys
    MUTE = 0x20E0
    VOLUME_DOWN = 0x2EE0
    VOLUME_UP = 0x30E0
    MEDIA_NEXT = 0x19E0
    MEDIA_PREVIOUS = 0x10E0
    MEDIA_STOP = 0x24E0
    MEDIA_PLAY = 0x22E0
    MEDIA_SELECT = 0x6DE0
    BROWSER_HOME = 0x32E0
    BROWSER_BACK = 0x6AE0
    BROWSER_FORWARD = 0x69E0
    BROWSER_REFRESH = 0x67E0
    BROWSER_STOP = 0x68E0
    BROWSER_SEARCH = 0x65E0
    BROWSER_FAVORITES = 0x66E0
    MAIL = 0x6CE0
    CALCULATOR = 0x21E0
    COMPUTER = 0x6BE0
    POWER = 0x5EE0
    SLEEP = 0x5FE0
    WAKE = 0x63E0

    @property
    def make(self) -> bytes:
        """The scancodes of a press, in the order in which a keyboard sends them."""
        return self.value.to_bytes((self.value.bit_length() + 7) // 8, "little")

    @property
    def release(self) -> bytes:
        """The scancodes of a release: the last of the press with its top bit set; Pause is E1 9D C5."""
        make = self.make
        if self is Key.PAUSE:
            return bytes((make[0], make[1] | 0x80, make[2] | 0x80))
        return make[:-1] + bytes((make[-1] | 0x80,))


class Button(IntEnum):
    """Mouse buttons, as MOUSE_PRESS numbers them; the wheel is two of them."""

    LEFT = 1
    MIDDLE = 2
    RIGHT = 3
    UP = 4
    DOWN = 5
    SIDE = 6
    EXTRA = 7


MODIFIERS = frozenset(
    {
        Key.LEFT_CTRL,
        Key.RIGHT_CTRL,
        Key.LEFT_SHIFT,
        Key.RIGHT_SHIFT,
        Key.LEFT_ALT,
        Key.RIGHT_ALT,
        Key.LEFT_SUPER,
        Key.RIGHT_SUPER,
    }
)

_ALIASES = {
    "ctrl": Key.LEFT_CTRL,
    "control": Key.LEFT_CTRL,
    "lctrl": Key.LEFT_CTRL,
    "rctrl": Key.RIGHT_CTRL,
    "shift": Key.LEFT_SHIFT,
    "lshift": Key.LEFT_SHIFT,
    "rshift": Key.RIGHT_SHIFT,
    "alt": Key.LEFT_ALT,
    "lalt": Key.LEFT_ALT,
    "option": Key.LEFT_ALT,
    "ralt": Key.RIGHT_ALT,
    "altgr": Key.RIGHT_ALT,
    "super": Key.LEFT_SUPER,
    "win": Key.LEFT_SUPER,
    "windows": Key.LEFT_SUPER,
    "meta": Key.LEFT_SUPER,
    "cmd": Key.LEFT_SUPER,
    "command": Key.LEFT_SUPER,
    "lsuper": Key.LEFT_SUPER,
    "lwin": Key.LEFT_SUPER,
    "lmeta": Key.LEFT_SUPER,
    "rsuper": Key.RIGHT_SUPER,
    "rwin": Key.RIGHT_SUPER,
    "rmeta": Key.RIGHT_SUPER,
    "apps": Key.MENU,
    "compose": Key.MENU,
    "contextmenu": Key.MENU,
    "escape": Key.ESC,
    "return": Key.ENTER,
    "del": Key.DELETE,
    "ins": Key.INSERT,
    "bs": Key.BACKSPACE,
    "bksp": Key.BACKSPACE,
    "pgup": Key.PAGE_UP,
    "prior": Key.PAGE_UP,
    "pgdn": Key.PAGE_DOWN,
    "pgdown": Key.PAGE_DOWN,
    "next": Key.PAGE_DOWN,
    "caps": Key.CAPS_LOCK,
    "num": Key.NUM_LOCK,
    "scroll": Key.SCROLL_LOCK,
    "prtsc": Key.PRINT,
    "prtscn": Key.PRINT,
    "printscreen": Key.PRINT,
    "spc": Key.SPACE,
    "102nd": Key.ISO,
    "less": Key.ISO,
    "abntc1": Key.RO,
    "abntc2": Key.KP_COMMA,
    "plus": Key.KP_PLUS,  # the sign itself joins the keys of a combination
    "dot": Key.PERIOD,
    "backtick": Key.GRAVE,
    "quote": Key.APOSTROPHE,
    "dash": Key.MINUS,
    "equals": Key.EQUAL,
    "leftbrace": Key.LEFT_BRACKET,
    "rightbrace": Key.RIGHT_BRACKET,
    "volup": Key.VOLUME_UP,
    "voldown": Key.VOLUME_DOWN,
    "play": Key.MEDIA_PLAY,
    "playpause": Key.MEDIA_PLAY,
    "stop": Key.MEDIA_STOP,
    "nexttrack": Key.MEDIA_NEXT,
    "prev": Key.MEDIA_PREVIOUS,
    "prevtrack": Key.MEDIA_PREVIOUS,
    "calc": Key.CALCULATOR,
    "arrowup": Key.UP,
    "arrowdown": Key.DOWN,
    "arrowleft": Key.LEFT,
    "arrowright": Key.RIGHT,
    # the signs on the unshifted key caps
    "`": Key.GRAVE,
    "-": Key.MINUS,
    "=": Key.EQUAL,
    "[": Key.LEFT_BRACKET,
    "]": Key.RIGHT_BRACKET,
    "\\": Key.BACKSLASH,
    ";": Key.SEMICOLON,
    "'": Key.APOSTROPHE,
    ",": Key.COMMA,
    ".": Key.PERIOD,
    "/": Key.SLASH,
}


def _names() -> dict[str, Key]:
    names: dict[str, Key] = {}
    for key in Key:
        plain = key.name.lower().replace("_", "")
        names[plain] = key
        if plain.startswith("digit"):
            names[plain[5:]] = key
    names.update(_ALIASES)
    return names


_NAMES: dict[str, Key] = {}


def parse_key(name: str) -> Key:
    """The key of that name; case, ``_``, ``-`` and spaces inside a name do not matter. Raises KeyNameError."""
    if not _NAMES:
        _NAMES.update(_names())
    plain = name.strip().lower()
    if len(plain) > 1:
        plain = plain.replace("_", "").replace("-", "").replace(" ", "")
    try:
        return _NAMES[plain]
    except KeyError:
        from difflib import get_close_matches

        near = get_close_matches(plain, _NAMES, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "names are like ctrl, altgr, f2, pgup, kp_5, a"
        raise KeyNameError(f"no key is called {name!r}; {hint}") from None


def parse_combo(combo: str) -> tuple[Key, ...]:
    """The keys of ``ctrl+alt+delete`` in the order in which they go down. Raises KeyNameError."""
    parts = combo.split("+")
    if parts[-2:] == ["", ""]:  # "ctrl++": the last plus sign is the key
        parts[-2:] = ["plus"]
    if any(not part.strip() for part in parts):
        raise KeyNameError(f"{combo!r} lacks a key beside a plus sign; write it like ctrl+alt+delete")
    keys = tuple(parse_key(part) for part in parts)
    if len(set(keys)) != len(keys):
        raise KeyNameError(f"{combo!r} names a key twice")
    return keys
