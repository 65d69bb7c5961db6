"""Text to strokes: the US layout against what is printed on a US keyboard, dead keys, refusals."""

from __future__ import annotations

import string

import pytest

from spicetui.keymap.keys import Key
from spicetui.keymap.text import LAYOUTS, Layout, LayoutError, Stroke, UntypableText, load_layout, strokes

# Scancodes of the character keys, and what they type without and with Shift, read off a keyboard.
ROWS = [
    (0x29, "`", "~"),
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1E, "asdfghjkl;'", 'ASDFGHJKL:"'),
    (0x2B, "\\", "|"),
    (0x2C, "zxcvbnm,./", "ZXCVBNM<>?"),
    (0x39, " ", " "),
]


def test_every_printable_ascii_character_of_the_us_layout() -> None:
    typed: dict[str, tuple[Key, ...]] = {}
    for start, plain, shifted in ROWS:
        for place, (low, high) in enumerate(zip(plain, shifted, strict=True)):
            typed[high] = (Key.LEFT_SHIFT, Key(start + place))
            typed[low] = (Key(start + place),)
    assert set(typed) == set(string.printable) - set("\t\n\r\x0b\x0c")
    for character, keys in typed.items():
        assert strokes(character) == [Stroke(keys)], character


def test_controls_and_line_ends() -> None:
    keys = [stroke.keys for stroke in strokes("a\r\nb\n\rc\t\b\x1b")]
    assert keys == [
        (Key.A,),
        (Key.ENTER,),
        (Key.B,),
        (Key.ENTER,),
        (Key.ENTER,),
        (Key.C,),
        (Key.TAB,),
        (Key.BACKSPACE,),
        (Key.ESC,),
    ]


def test_refusal_names_every_character_once() -> None:
    with pytest.raises(UntypableText) as caught:
        strokes("naïve ☃ café ☃ \x00")
    assert caught.value.characters == ("ï", "☃", "é", "\0")
    assert "'ï' (U+00EF), '☃' (U+2603), 'é' (U+00E9), U+0000" in str(caught.value)
    assert "\0" not in str(caught.value)


def test_decomposed_text_is_composed_first() -> None:
    with pytest.raises(UntypableText) as caught:
        strokes("cafe\u0301")
    assert caught.value.characters == ("é",)


def test_caps_lock_turns_letters_only() -> None:
    assert strokes("aB1!", caps_lock=True) == [
        Stroke((Key.LEFT_SHIFT, Key.A)),
        Stroke((Key.B,)),
        Stroke((Key.DIGIT_1,)),
        Stroke((Key.LEFT_SHIFT, Key.DIGIT_1)),
    ]


def test_levels_and_dead_keys() -> None:
    acute, circumflex = "\u0301", "\u0302"
    layout = Layout(
        "made up",
        {Key.E: "eE€", Key.EQUAL: acute + "\0", Key.GRAVE: circumflex, Key.Q: "qQ@", Key.DIGIT_2: '2"²@'},
    )
    assert layout.strokes("€") == (Stroke((Key.RIGHT_ALT, Key.E)),)
    assert layout.strokes("@") == (Stroke((Key.RIGHT_ALT, Key.Q)),)  # the level with fewer modifiers
    assert layout.strokes("é") == (Stroke((Key.EQUAL,)), Stroke((Key.E,)))
    assert layout.strokes("É") == (Stroke((Key.EQUAL,)), Stroke((Key.LEFT_SHIFT, Key.E)))
    assert layout.strokes("ê") == (Stroke((Key.GRAVE,)), Stroke((Key.E,)))
    assert layout.strokes("è") is None
    assert layout.strokes(acute) is None
    assert layout.strokes("\0") is None


def test_layouts_load_by_name() -> None:
    for name in LAYOUTS:
        assert load_layout(name).strokes("a") is not None
    assert load_layout("us") is load_layout("us")
    with pytest.raises(LayoutError, match="no keyboard layout is called 'klingon'; there is us"):
        strokes("a", "klingon")
