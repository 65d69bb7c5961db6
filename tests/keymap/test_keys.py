"""Key numbers against a table laid out from IBM's set 1, row by row; names and combinations."""

from __future__ import annotations

import pytest

from spicetui.keymap.keys import Button, Key, KeyNameError, parse_combo, parse_key

# Runs of neighbouring keys have neighbouring codes: the first code, then the names in order.
RUNS = [
    (0x01, "esc 1 2 3 4 5 6 7 8 9 0 - = backspace"),
    (0x0F, "tab q w e r t y u i o p [ ] enter"),
    (0x1D, "ctrl a s d f g h j k l ; ' `"),
    (0x2A, "shift \\ z x c v b n m , . / rshift"),
    (0x37, "kp_multiply alt space capslock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scrolllock"),
    (0x47, "kp7 kp8 kp9 kp_minus kp4 kp5 kp6 kp_plus kp1 kp2 kp3 kp0 kp_period"),
    (0x56, "iso f11 f12"),
]
BEHIND_E0 = {
    "kp_enter": 0x1C,
    "rctrl": 0x1D,
    "kp_divide": 0x35,
    "print": 0x37,
    "altgr": 0x38,
    "home": 0x47,
    "up": 0x48,
    "pgup": 0x49,
    "left": 0x4B,
    "right": 0x4D,
    "end": 0x4F,
    "down": 0x50,
    "pgdn": 0x51,
    "insert": 0x52,
    "delete": 0x53,
    "super": 0x5B,
    "rsuper": 0x5C,
    "menu": 0x5D,
    "mute": 0x20,
    "volume_down": 0x2E,
    "volume_up": 0x30,
    "media_next": 0x19,
    "media_previous": 0x10,
    "media_stop": 0x24,
    "media_play": 0x22,
    "browser_home": 0x32,
    "browser_search": 0x65,
    "browser_favorites": 0x66,
    "browser_refresh": 0x67,
    "browser_stop": 0x68,
    "browser_forward": 0x69,
    "browser_back": 0x6A,
    "computer": 0x6B,
    "mail": 0x6C,
    "media_select": 0x6D,
    "calculator": 0x21,
    "power": 0x5E,
    "sleep": 0x5F,
    "wake": 0x63,
}
EXTRA = {"ro": 0x73, "yen": 0x7D, "henkan": 0x79, "muhenkan": 0x7B, "katakana_hiragana": 0x70, "kp_comma": 0x7E}

PLAIN = {name: start + place for start, names in RUNS for place, name in enumerate(names.split())}


def test_a_105_key_keyboard_is_complete() -> None:
    keys = {parse_key(name) for name in PLAIN} | {parse_key(name) for name in list(BEHIND_E0)[:18]}
    assert len(keys | {Key.PAUSE}) == 105


@pytest.mark.parametrize(("name", "code"), (PLAIN | EXTRA).items())
def test_plain_keys_are_their_code(name: str, code: int) -> None:
    key = parse_key(name)
    assert key == code
    assert (key.make, key.release) == (bytes([code]), bytes([code | 0x80]))


@pytest.mark.parametrize(("name", "code"), BEHIND_E0.items())
def test_extended_keys_carry_their_prefix_first(name: str, code: int) -> None:
    key = parse_key(name)
    assert key == code << 8 | 0xE0
    assert (key.make, key.release) == (bytes([0xE0, code]), bytes([0xE0, code | 0x80]))


def test_pause_is_three_codes() -> None:
    assert Key.PAUSE.make == bytes.fromhex("e1 1d 45")
    assert Key.PAUSE.release == bytes.fromhex("e1 9d c5")
    assert int(Key.PAUSE) == 0x451DE1


def test_no_two_names_share_a_key() -> None:
    assert len(Key.__members__) == len(set(Key))
    for key in Key:
        assert parse_key(key.name) is key
        assert all(code for code in key.make)  # a zero byte would end the code on the wire
        assert key.make[-1] < 0x80


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Control", Key.LEFT_CTRL),
        ("CTRL", Key.LEFT_CTRL),
        ("alt", Key.LEFT_ALT),
        ("AltGr", Key.RIGHT_ALT),
        ("win", Key.LEFT_SUPER),
        ("meta", Key.LEFT_SUPER),
        ("del", Key.DELETE),
        ("Esc", Key.ESC),
        ("return", Key.ENTER),
        ("page-up", Key.PAGE_UP),
        ("Page Down", Key.PAGE_DOWN),
        ("prtsc", Key.PRINT),
        ("-", Key.MINUS),
        ("7", Key.DIGIT_7),
        ("f24", Key.F24),
    ],
)
def test_names_people_use(name: str, key: Key) -> None:
    assert parse_key(name) is key


def test_an_unknown_name_says_what_is_near() -> None:
    with pytest.raises(KeyNameError, match=r"'contrl'; did you mean control"):
        parse_key("contrl")
    with pytest.raises(KeyNameError, match="names are like"):
        parse_key("§§§§§§")


def test_combinations_keep_their_order() -> None:
    assert parse_combo("ctrl+alt+delete") == (Key.LEFT_CTRL, Key.LEFT_ALT, Key.DELETE)
    assert parse_combo("Super + r") == (Key.LEFT_SUPER, Key.R)
    assert parse_combo("f2") == (Key.F2,)
    assert parse_combo("ctrl++") == (Key.LEFT_CTRL, Key.KP_PLUS)
    assert parse_combo("+") == (Key.KP_PLUS,)
    assert parse_combo("ctrl+-") == (Key.LEFT_CTRL, Key.MINUS)


@pytest.mark.parametrize("combo", ["", "ctrl+", "+a", "ctrl++alt", "a+a"])
def test_broken_combinations_are_refused(combo: str) -> None:
    with pytest.raises(KeyNameError):
        parse_combo(combo)


def test_buttons_are_numbered_as_on_the_wire() -> None:
    assert [button.name for button in Button] == ["LEFT", "MIDDLE", "RIGHT", "UP", "DOWN", "SIDE", "EXTRA"]
    assert [int(button) for button in Button] == [1, 2, 3, 4, 5, 6, 7]
