"""Text to strokes: the US layout against what is printed on a US keyboard, dead keys, refusals."""

from __future__ import annotations

import string

import pytest

from spicetui.keymap.keys import Key, KeyNameError
from spicetui.keymap.layout import ALIASES, dead, layout_name
from spicetui.keymap.text import (
    LAYOUTS,
    UNICODE_METHODS,
    Layout,
    LayoutError,
    Stroke,
    UntypableText,
    combination,
    load_layout,
    spell,
    strokes,
)

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
    acute, circumflex = dead("\u0301"), dead("\u0302")
    layout = Layout(
        "made up",
        {Key.E: "eE€", Key.EQUAL: acute + "\0", Key.GRAVE: circumflex, Key.Q: "qQ@", Key.DIGIT_2: '2"²@'},
    )
    assert layout.strokes("€") == (Stroke((Key.RIGHT_ALT, Key.E)),)
    assert layout.strokes("@") == (Stroke((Key.RIGHT_ALT, Key.Q)),)  # the level with fewer modifiers
    assert layout.strokes("é") == (Stroke((Key.EQUAL,)), Stroke((Key.E,)))
    assert layout.strokes("É") == (Stroke((Key.EQUAL,)), Stroke((Key.LEFT_SHIFT, Key.E)))
    assert layout.strokes("É", caps_lock=True) == (Stroke((Key.EQUAL,)), Stroke((Key.E,)))
    assert layout.strokes("ê") == (Stroke((Key.GRAVE,)), Stroke((Key.E,)))
    assert layout.strokes("ế") == (Stroke((Key.EQUAL,)), Stroke((Key.GRAVE,)), Stroke((Key.E,)))
    assert layout.strokes("´") == (Stroke((Key.EQUAL,)), Stroke((Key.EQUAL,)))
    assert layout.strokes("è") is None
    assert layout.strokes("\u0301") is None
    assert layout.strokes(acute) is None
    assert layout.strokes("\0") is None


def test_keys_that_not_every_keyboard_has_come_last() -> None:
    layout = Layout("made up", {Key.ISO: "<>", Key.COMMA: ",<", Key.YEN: "\\|"})
    assert layout.strokes("<") == (Stroke((Key.LEFT_SHIFT, Key.COMMA)),)
    assert layout.strokes(">") == (Stroke((Key.LEFT_SHIFT, Key.ISO)),)
    assert layout.strokes("|") == (Stroke((Key.LEFT_SHIFT, Key.YEN)),)


# What is printed on the keys of real keyboards, which the tables know nothing of.
PRINTED = [
    ("de", "z", (Key.Y,)),
    ("de", "ß", (Key.MINUS,)),
    ("de", "@", (Key.RIGHT_ALT, Key.Q)),
    ("de", "|", (Key.RIGHT_ALT, Key.ISO)),
    ("de", "{", (Key.RIGHT_ALT, Key.DIGIT_7)),
    ("de", "€", (Key.RIGHT_ALT, Key.E)),
    ("gb", "£", (Key.LEFT_SHIFT, Key.DIGIT_3)),
    ("gb", "\\", (Key.ISO,)),
    ("gb", "#", (Key.BACKSLASH,)),
    ("fr", "a", (Key.Q,)),
    ("fr", "1", (Key.LEFT_SHIFT, Key.DIGIT_1)),
    ("fr", "é", (Key.DIGIT_2,)),
    ("fr", "@", (Key.RIGHT_ALT, Key.DIGIT_0)),
    ("es", "ñ", (Key.SEMICOLON,)),
    ("it", "ò", (Key.SEMICOLON,)),
    ("pt", "ç", (Key.SEMICOLON,)),
    ("br", "/", (Key.RO,)),
    ("se", "å", (Key.LEFT_BRACKET,)),
    ("no", "ø", (Key.SEMICOLON,)),
    ("dk", "ø", (Key.APOSTROPHE,)),
    ("fi", "ä", (Key.APOSTROPHE,)),
    ("ch", "ü", (Key.LEFT_BRACKET,)),
    ("ch-fr", "è", (Key.LEFT_BRACKET,)),
    ("be", "&", (Key.DIGIT_1,)),
    ("pl", "ł", (Key.RIGHT_ALT, Key.L)),
    ("cz", "ř", (Key.DIGIT_5,)),
    ("hu", "ő", (Key.LEFT_BRACKET,)),
    ("tr", "ı", (Key.I,)),
    ("tr", "İ", (Key.LEFT_SHIFT, Key.APOSTROPHE)),
    ("ru", "ж", (Key.SEMICOLON,)),
    ("jp", "_", (Key.LEFT_SHIFT, Key.RO)),
    ("us-intl", "ß", (Key.RIGHT_ALT, Key.S)),
    ("us-dvorak", "s", (Key.SEMICOLON,)),
    ("us-colemak", "t", (Key.F,)),
]


@pytest.mark.parametrize(("layout", "character", "keys"), PRINTED, ids=lambda value: str(value)[:9])
def test_what_is_printed_on_the_keys(layout: str, character: str, keys: tuple[Key, ...]) -> None:
    assert strokes(character, layout) == [Stroke(keys)]


def test_dead_keys_of_real_layouts() -> None:
    assert strokes("ê", "de") == [Stroke((Key.GRAVE,)), Stroke((Key.E,))]
    assert strokes("^", "de") == [Stroke((Key.GRAVE,)), Stroke((Key.SPACE,))]
    assert strokes("Ñ", "es") == [Stroke((Key.LEFT_SHIFT, Key.SEMICOLON))]
    assert strokes("ã", "pt") == [Stroke((Key.BACKSLASH,)), Stroke((Key.A,))]
    assert strokes("e\u0302", "de") == strokes("ê", "de")  # decomposed text is composed first


def test_what_a_locale_composes_otherwise_is_not_composed() -> None:
    """The acute and c are ç in Brazil and Portugal, the caron and u are ů in Czechia."""
    assert strokes("ć", "es") == [Stroke((Key.APOSTROPHE,)), Stroke((Key.C,))]
    for layout, character in (("br", "ć"), ("pt", "Ć"), ("cz", "ǔ")):
        with pytest.raises(UntypableText):
            strokes(character, layout)
    assert strokes("č", "cz") == [Stroke((Key.DIGIT_4,))]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("us", "us"),
        ("UK", "gb"),
        ("jp106", "jp"),
        ("us(intl)", "us-intl"),
        ("us_intl", "us-intl"),
        (" de nodeadkeys ", "de-nodeadkeys"),
        ("dvorak", "us-dvorak"),
        ("us-dvorak", "us-dvorak"),
        ("colemak", "us-colemak"),
        ("pt-br", "br"),
        ("fr-ch", "ch-fr"),
    ],
)
def test_names_people_use(name: str, found: str) -> None:
    assert load_layout(name).name == found
    assert layout_name(name) == found
    assert found in LAYOUTS


def test_every_name_loads_and_has_a_title() -> None:
    assert len(LAYOUTS) > 500
    for name, title in LAYOUTS.items():
        assert title
        assert load_layout(name).direct()
    for alias, name in ALIASES.items():
        assert alias not in LAYOUTS
        assert load_layout(alias) is not None
        assert name in LAYOUTS
    assert (LAYOUTS["de"], LAYOUTS["us-intl"]) == ("German", "English (US, intl., with dead keys)")
    assert load_layout("us") is load_layout("us")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("german", "near it are de, at, ch"),
        ("de-nodeadkey", "near it are de-nodeadkeys"),
        ("xyzzy", "names are like us, de"),
        ("", "names are like us, de"),
    ],
)
def test_an_unknown_layout_says_what_is_near(name: str, near: str) -> None:
    with pytest.raises(LayoutError, match=f"no keyboard layout is called '{name}'; {near}"):
        strokes("a", name)


# Several layouts.


def test_a_text_in_two_alphabets_switches_between_them_and_back() -> None:
    switch = Stroke((Key.LEFT_ALT, Key.LEFT_SHIFT))
    assert strokes("да 1 ok", "ru,us") == [
        *strokes("да 1 ", "ru"),
        switch,
        *strokes("ok", "us"),
        switch,
    ]
    assert strokes("ok, да", "us,ru", switch=(Key.CAPS_LOCK,))[3:5] == [Stroke((Key.SPACE,)), Stroke((Key.CAPS_LOCK,))]
    assert len([one for one in strokes("xя", "us,de,ru") if one == switch]) == 3
    with pytest.raises(UntypableText, match="the ru layout cannot type 'o'"):
        strokes("да ok", "ru")


# Beyond the layout.


def typed_by_hand(hexadecimal: str) -> list[Stroke]:
    return [Stroke((Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.U)), *strokes(hexadecimal + " ")]


def test_ctrl_shift_u() -> None:
    assert strokes("é", unicode="ctrl-shift-u") == typed_by_hand("e9")
    assert strokes("a😀b", unicode="ctrl-shift-u") == [*strokes("a"), *typed_by_hand("1f600"), *strokes("b")]
    assert strokes("\ud83d\ude00", unicode="ctrl-shift-u") == typed_by_hand("1f600")
    assert strokes("x\u0302", unicode="ctrl-shift-u") == [*strokes("x"), *typed_by_hand("302")]
    assert strokes("e\u0301", unicode="ctrl-shift-u") == [*strokes("e"), *typed_by_hand("301")]  # exactly as given
    on_dvorak = strokes("é", "us-dvorak", unicode="ctrl-shift-u")
    assert on_dvorak[0] == Stroke((Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.F))  # there is the u
    assert strokes("é", "ru,us", unicode="ctrl-shift-u")[1:-1] == typed_by_hand("e9")
    on_azerty = strokes("☃", "be", unicode="ctrl-shift-u", num_lock=False)  # digits without Shift are on the keypad
    digits = [Stroke((key,)) for key in (Key.KP_2, Key.KP_6, Key.KP_0, Key.KP_3)]
    num = Stroke((Key.NUM_LOCK,))
    assert on_azerty == [num, *typed_by_hand("")[:1], *digits, Stroke((Key.SPACE,)), num]


@pytest.mark.parametrize("text", ["\ud83d", "\0", "\x85", "\uffff", "\U000e0fff"])
def test_what_is_no_character_has_no_way(text: str) -> None:
    for method in UNICODE_METHODS:
        with pytest.raises(UntypableText):
            strokes(text, unicode=method)


def test_alt_codes() -> None:
    def alt(*digits: Key) -> Stroke:
        return Stroke((Key.LEFT_ALT,), digits)

    assert strokes("é", unicode="alt-code") == [alt(Key.KP_0, Key.KP_2, Key.KP_3, Key.KP_3)]
    assert strokes("€", unicode="alt-code") == [alt(Key.KP_0, Key.KP_1, Key.KP_2, Key.KP_8)]
    assert strokes("Ă", "hr-us", unicode="alt-code") == [alt(Key.KP_0, Key.KP_1, Key.KP_9, Key.KP_5)]  # page 1250
    with pytest.raises(UntypableText, match=r"'😀' \(U\+1F600\); nothing was sent; alt-code has no way either"):
        strokes("😀", unicode="alt-code")
    assert list(alt(Key.KP_0, Key.KP_0).switches) == [
        (Key.LEFT_ALT, True),
        (Key.KP_0, True),
        (Key.KP_0, False),
        (Key.KP_0, True),
        (Key.KP_0, False),
        (Key.LEFT_ALT, False),
    ]


def test_locks_that_are_in_the_way_are_switched_and_put_back() -> None:
    caps, num = Stroke((Key.CAPS_LOCK,)), Stroke((Key.NUM_LOCK,))
    plain = strokes("aé", unicode="ctrl-shift-u")
    assert strokes("aé", unicode="ctrl-shift-u", caps_lock=True) == [caps, *plain, caps]
    alt = strokes("é", unicode="alt-code")
    assert strokes("é", unicode="alt-code", num_lock=False) == [num, *alt, num]
    assert strokes("e", unicode="alt-code", num_lock=False) == strokes("e")
    assert strokes("1", num_lock=False) == strokes("1")
    # some see ẞ under Caps Lock where others see ß, so it is off for ß; for letters that change their case it stays on
    assert strokes("aß", "de", caps_lock=True) == [caps, *strokes("aß", "de"), caps]
    assert strokes("É", "fr", caps_lock=True) == [Stroke((Key.DIGIT_2,))]
    assert strokes("äÄ", "de", caps_lock=True) == strokes("Ää", "de")
    assert strokes("é", "us", caps_lock=False, unicode="ctrl-shift-u")[0] != caps


def test_caps_lock_keys_of_the_layout() -> None:
    assert load_layout("jp").caps_keys == (Key.LEFT_SHIFT, Key.CAPS_LOCK)
    assert load_layout("us-colemak").caps_keys == ()  # the key is Backspace there
    with pytest.raises(UntypableText):
        strokes("☃", "us-colemak", caps_lock=True)


# Spelling.


def test_spelling_keeps_what_can_be_typed() -> None:
    found = spell("a☃e\nx\u0302b")
    assert "".join(one.text for one in found.typed) == "ae\nb"
    assert found.missing == ("☃", "x\u0302")
    assert found.strokes == strokes("ae\nb")
    assert spell("x\u0302", "us-colemak").missing == ()  # there a dead key and a no-break space are the mark itself
    assert spell("\n\u0301").missing == ("\u0301",)  # a mark takes no line end with it


def test_a_long_refusal_is_cut() -> None:
    with pytest.raises(UntypableText) as caught:
        strokes("".join(map(chr, range(0x4E00, 0x5000))))
    assert len(caught.value.characters) == 0x200
    assert "and 492 more" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_combinations_by_meaning() -> None:
    assert combination("ctrl+z", "de") == (Key.LEFT_CTRL, Key.Y)
    assert combination("ctrl+Z", "us") == (Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.Z)
    assert combination("ctrl++", "us") == (Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.EQUAL)
    assert combination("ctrl+alt+delete", "fr") == (Key.LEFT_CTRL, Key.LEFT_ALT, Key.DELETE)
    assert combination("super+@", "de") == (Key.LEFT_SUPER, Key.RIGHT_ALT, Key.Q)
    with pytest.raises(UntypableText):
        combination("ctrl+ж", "us")
    with pytest.raises(KeyNameError):
        combination("ctrl++a", "us")
