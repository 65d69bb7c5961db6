"""Key events to presses and releases of a PC keyboard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.keymap.keys import MODIFIERS, Key, KeyNameError
from spicetui.term.keys import HOLD_SECONDS, Chord, KeyTranslator, LockWatch, Switch, place
from spicetui.term.tokenizer import KeyPress, Mod, Tokenizer


def kitty() -> KeyTranslator:
    translator = KeyTranslator()
    translator.releases = True
    return translator


def feed(translator: KeyTranslator, data: bytes, now: float = 0.0) -> list[Switch]:
    switches = []
    for event in Tokenizer().feed(data):
        assert isinstance(event, KeyPress)
        switches += translator.translate(event, now)
    return switches


def down(*keys: Key) -> list[Switch]:
    return [Switch(key, True) for key in keys]


def up(*keys: Key) -> list[Switch]:
    return [Switch(key, False) for key in keys]


def test_ctrl_c_with_releases() -> None:
    found = feed(kitty(), b"\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[57442;1:3u")
    assert found == down(Key.LEFT_CTRL, Key.C) + up(Key.C, Key.LEFT_CTRL)


def test_repeat_is_another_press() -> None:
    assert feed(kitty(), b"\x1b[97u\x1b[97;1:2u\x1b[97;1:3u") == down(Key.A, Key.A) + up(Key.A)


def test_a_key_is_known_by_its_place() -> None:
    # й on a Russian layout, z and y exchanged on a German one, and the key beside the left Shift.
    assert feed(kitty(), b"\x1b[1081::113u") == down(Key.Q)
    assert feed(kitty(), b"\x1b[122::121u") == down(Key.Y)
    assert feed(kitty(), b"\x1b[60u") == down(Key.ISO)
    assert feed(kitty(), b"\x1b[246::59u") == down(Key.SEMICOLON)


def test_every_key_of_the_main_block_and_the_pads() -> None:
    places = {place(KeyPress(ord(sign))) for sign in "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./ <"}
    places |= {place(KeyPress(code)) for code in range(57344, 57455)}
    missing = {
        key
        for key in Key
        if key not in places
        and not key.name.startswith(("BROWSER", "MEDIA_SELECT"))
        and key.value < 0x70
        and key not in (Key.SYSRQ,)
    }
    assert not missing


def test_nothing_is_released_that_was_not_pressed() -> None:
    assert feed(kitty(), b"\x1b[97;1:3u\x1b[57441;1:3u") == []


def test_modifiers_that_went_down_elsewhere_are_pressed_for_the_key() -> None:
    translator = kitty()
    assert feed(translator, b"\x1b[99;5u") == down(Key.LEFT_CTRL, Key.C)
    assert feed(translator, b"\x1b[99;5:3u") == up(Key.C, Key.LEFT_CTRL)


def test_modifiers_that_went_up_elsewhere_are_released() -> None:
    translator = kitty()
    feed(translator, b"\x1b[57442;5u")
    assert feed(translator, b"\x1b[97u") == up(Key.LEFT_CTRL) + down(Key.A)


def test_altgr_is_no_alt() -> None:
    translator = kitty()
    assert feed(translator, b"\x1b[57453u\x1b[113u") == down(Key.RIGHT_ALT, Key.Q)
    assert feed(translator, b"\x1b[113;1:3u\x1b[57453;1:3u") == up(Key.Q, Key.RIGHT_ALT)


def test_release_all_lets_go_in_reverse() -> None:
    translator = kitty()
    feed(translator, b"\x1b[57442;5u\x1b[57443;7u\x1b[97;7u")
    assert translator.release_all() == up(Key.A, Key.LEFT_ALT, Key.LEFT_CTRL)
    assert translator.release_all() == []
    assert feed(translator, b"\x1b[97;7:3u") == []


def test_plain_terminals_type() -> None:
    translator = KeyTranslator()
    assert feed(translator, b"a") == down(Key.A)
    assert translator.due == HOLD_SECONDS
    assert translator.tick(HOLD_SECONDS / 2) == []
    assert translator.tick(HOLD_SECONDS) == up(Key.A)
    assert translator.due is None
    assert feed(translator, b"A", 1.0) == down(Key.LEFT_SHIFT, Key.A)
    assert feed(translator, b"!", 1.01) == up(Key.A, Key.LEFT_SHIFT) + down(Key.LEFT_SHIFT, Key.DIGIT_1)
    assert translator.release_all() == up(Key.DIGIT_1, Key.LEFT_SHIFT)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"\x03", (Key.LEFT_CTRL, Key.C)),
        (b"\x1d", (Key.LEFT_CTRL, Key.RIGHT_BRACKET)),
        (b"\x00", (Key.LEFT_CTRL, Key.SPACE)),
        (b"\x1f", (Key.LEFT_CTRL, Key.LEFT_SHIFT, Key.MINUS)),
        (b"\x1bx", (Key.LEFT_ALT, Key.X)),
        (b"\x1bX"[:1] + b"Y", (Key.LEFT_ALT, Key.LEFT_SHIFT, Key.Y)),
        (b"\x1b[1;6A", (Key.LEFT_SHIFT, Key.LEFT_CTRL, Key.UP)),
        (b"\x1b[Z", (Key.LEFT_SHIFT, Key.TAB)),
        (b"\r", (Key.ENTER,)),
        (b"\t", (Key.TAB,)),
        (b"\x7f", (Key.BACKSPACE,)),
        (b"\x1b[3~", (Key.DELETE,)),
        (b"\x1bOP", (Key.F1,)),
        (b"\x1b[27;6;44~", (Key.LEFT_SHIFT, Key.LEFT_CTRL, Key.COMMA)),
    ],
)
def test_chords_of_plain_terminals(data: bytes, keys: tuple[Key, ...]) -> None:
    translator = KeyTranslator()
    assert feed(translator, data) == down(*keys)
    assert translator.tick(1.0) == up(*reversed(keys))


def test_what_the_layout_cannot_type_is_told() -> None:
    translator = KeyTranslator()
    assert feed(translator, "é".encode()) == []
    assert translator.untypable == "é"
    translator = kitty()
    assert feed(translator, b"\x1b[0;;233u") == []
    assert translator.untypable == "é"


def test_text_without_a_key_is_typed() -> None:
    translator = kitty()
    found = feed(translator, b"\x1b[0;;72:105u")
    assert found == down(Key.LEFT_SHIFT, Key.H) + up(Key.H, Key.LEFT_SHIFT) + down(Key.I) + up(Key.I)


def test_composed_characters_are_typed_not_pressed() -> None:
    """kitty 0.26 with a German keyboard: a dead accent, then e; z on the place of y; AltGr and q."""
    translator = kitty()
    translator.layout = "de"
    feed(translator, b"\x1b[122::121;;122u\x1b[122::121;1:3u")
    assert feed(translator, b"\x1b[233::101;u\x1b[233::101;1:3u") == down(Key.EQUAL) + up(Key.EQUAL) + down(Key.E) + up(
        Key.E
    )
    translator.layout = "us"
    assert feed(translator, b"\x1b[382::121;u") == []  # ž: no key of that layout gives it
    assert translator.untypable == "ž"
    translator.layout = "de"
    altgr_q = b"\x1b[57453u\x1b[64::113;;64u\x1b[57453;1:3u\x1b[64::113;1:3u"
    assert feed(translator, altgr_q) == down(Key.RIGHT_ALT, Key.Q) + up(Key.RIGHT_ALT, Key.Q)
    assert feed(translator, b"\x1b[246::59;;246u") == down(Key.SEMICOLON)  # ö is that key's own
    translator.release_all()
    assert feed(translator, "\x1b[101;;{}u".format(ord("é")).encode())[-1:] == up(Key.E)  # newer terminals


def test_by_meaning() -> None:
    """The characters of a German keyboard into a guest with a US one."""
    translator = KeyTranslator("us", by_meaning=True)
    translator.releases = True
    assert feed(translator, b"\x1b[122::121;;122u\x1b[122::121;1:3u") == down(Key.Z) + up(Key.Z)
    # Shift+7 is a slash, which needs no Shift here.
    assert feed(translator, b"\x1b[57441u\x1b[55:47;2;47u") == [
        *down(Key.LEFT_SHIFT),
        *up(Key.LEFT_SHIFT),
        *down(Key.SLASH),
        *up(Key.SLASH),
        *down(Key.LEFT_SHIFT),
    ]
    assert feed(translator, b"\x1b[55;2:3u\x1b[57441;2:3u") == up(Key.LEFT_SHIFT)
    # AltGr+q is @, Shift+2 here; AltGr itself stays here.
    at = feed(translator, b"\x1b[57453u\x1b[64::113;;64u\x1b[64::113;1:3u\x1b[57453;1:3u")
    assert at == down(Key.LEFT_SHIFT, Key.DIGIT_2) + up(Key.DIGIT_2, Key.LEFT_SHIFT)
    # Shift held already is used as it is; repeats are typed again; shortcuts go by the letter.
    assert feed(translator, b"\x1b[57447u\x1b[97:65;2;65u")[1:] == [
        *up(Key.RIGHT_SHIFT),
        *down(Key.LEFT_SHIFT, Key.A),
        *up(Key.A, Key.LEFT_SHIFT),
        *down(Key.RIGHT_SHIFT),
    ]
    translator.release_all()
    assert feed(translator, b"\x1b[97;1:2;97u" * 2) == (down(Key.A) + up(Key.A)) * 2
    undo = feed(translator, b"\x1b[57442u\x1b[122::121;5u\x1b[122::121;5:3u\x1b[57442;5:3u")
    assert undo == down(Key.LEFT_CTRL, Key.Z) + up(Key.Z, Key.LEFT_CTRL)
    assert feed(translator, b"\x1b[A\x1b[1;1:3A") == down(Key.UP) + up(Key.UP)


def test_a_mouse_event_tells_of_modifiers_whose_release_was_lost() -> None:
    translator = kitty()
    feed(translator, b"\x1b[57442u")
    assert translator.mouse(0) == []  # this terminal may tell nothing at all
    assert translator.mouse(Mod.CTRL) == []
    assert translator.mouse(0) == up(Key.LEFT_CTRL)
    assert translator.idle


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (57361, Key.PRINT), (57362, Key.PAUSE), (57363, Key.MENU), (57359, Key.SCROLL_LOCK), (57414, Key.KP_ENTER),
        (57399, Key.KP_0), (57425, Key.KP_0), (57427, Key.KP_5), (57376, Key.F13), (57387, Key.F24),
        (57439, Key.VOLUME_UP), (57435, Key.MEDIA_NEXT), (57448, Key.RIGHT_CTRL), (57450, Key.RIGHT_SUPER),
        (57445, Key.LEFT_SUPER), (57446, Key.LEFT_ALT), (57453, Key.RIGHT_ALT), (57454, Key.RIGHT_CTRL),
    ],
)  # fmt: skip
def test_keys_without_a_character(code: int, key: Key) -> None:
    assert feed(kitty(), b"\x1b[%du\x1b[%d;1:3u" % (code, code)) == down(key) + up(key)


def test_hyper_and_meta_are_super_and_alt() -> None:
    translator = kitty()
    assert feed(translator, b"\x1b[57445;17u\x1b[97;17u") == down(Key.LEFT_SUPER, Key.A)
    assert Chord.parse("super+a").matches(KeyPress(97, Mod.HYPER))


def test_a_layout_that_changes_under_a_key() -> None:
    translator = kitty()
    assert feed(translator, b"\x1b[113u") == down(Key.Q)
    assert feed(translator, b"\x1b[113::97;1:3u") == up(Key.Q)  # no base before, a French one now


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"\x1b[65;2u", (Key.LEFT_SHIFT, Key.A)),  # xterm, formatOtherKeys 1
        (b"\x1b[97;2u", (Key.LEFT_SHIFT, Key.A)),
        (b"\x1b[65;6u", (Key.LEFT_SHIFT, Key.LEFT_CTRL, Key.A)),
        (b"\x1b[47;2u", (Key.SLASH,)),  # Shift+7 of a German keyboard
        (b"\x1b[27;2;47~", (Key.SLASH,)),
        (b"\x1b[27;2;32~", (Key.LEFT_SHIFT, Key.SPACE)),
        (b"\x1b[27;2;13~", (Key.LEFT_SHIFT, Key.ENTER)),
        (b"\x1b[27;5;8~", (Key.LEFT_CTRL, Key.BACKSPACE)),
        (b"\x1b[27;3;120~", (Key.LEFT_ALT, Key.X)),
        (b"\x1bOM", (Key.KP_ENTER,)),
        (b"\x1bOk", (Key.KP_PLUS,)),
        (b"\x1bOu", (Key.KP_5,)),
    ],
)
def test_modified_keys(data: bytes, keys: tuple[Key, ...]) -> None:
    translator = KeyTranslator()
    assert feed(translator, data) == down(*keys)
    assert translator.tick(1.0) == up(*reversed(keys))


def test_keypad_digits_of_plain_terminals_are_digits_whatever_num_lock_says() -> None:
    translator = KeyTranslator()
    translator.num_lock = False
    assert feed(translator, b"\x1bOu") == down(Key.DIGIT_5)


def test_what_the_terminal_tells_of_its_locks() -> None:
    def after(data: bytes) -> tuple[bool | None, bool | None]:
        watch = LockWatch()
        for event in Tokenizer().feed(data):
            assert isinstance(event, KeyPress)
            watch.see(event)
        return watch.caps, watch.num

    assert after(b"a\x03") == (None, None)
    assert after(b"\x1b[97;;97u") == (False, None)  # no sign of a Num Lock
    assert after(b"\x1b[97;65;65u") == (True, None)
    assert after(b"\x1b[97;;65u") == (True, None)  # a terminal that tells no bits
    assert after(b"\x1b[97;129u\x1b[97u") == (False, False)
    assert after(b"\x1b[57417u") == (False, False)  # the keypad's arrow
    assert after(b"\x1b[57358u\x1b[57358;65:3u") == (None, None)  # its own events have the state of before
    assert after(b"\x1b[97;193u") == (True, True)


EVENTS = st.builds(
    KeyPress,
    code=st.one_of(st.integers(32, 126), st.integers(57344, 57454), st.integers(160, 700)),
    mods=st.integers(0, 255),
    action=st.sampled_from(list(KeyPress(1).action.__class__)),
    shifted=st.sampled_from([0, 65, 0x10FFFF]),
    base=st.sampled_from([0, 97, 59]),
    text=st.sampled_from(["", "a", "A", "é"]),
    legacy=st.booleans(),
)


@given(st.lists(EVENTS, max_size=60), st.booleans(), st.booleans())
def test_no_key_stays_down_and_none_goes_up_twice(events: list[KeyPress], releases: bool, by_meaning: bool) -> None:
    translator = KeyTranslator(by_meaning=by_meaning)
    translator.releases = releases
    held: set[Key] = set()
    switches = [switch for index, event in enumerate(events) for switch in translator.translate(event, index / 100)]
    for key, is_down in switches + translator.release_all():
        if is_down:
            held.add(key)
        else:
            assert key in held
            held.remove(key)
    assert not held


def test_the_prefix_key() -> None:
    prefix = Chord.parse("ctrl+]")
    for data in (b"\x1d", b"\x1b[93;5u", b"\x1b[43::93;5u", b"\x1b[93;69u"):  # also + on a German layout, Caps Lock on
        (event,) = Tokenizer().feed(data)
        assert isinstance(event, KeyPress)
        assert prefix.matches(event), data
    for data in (b"]", b"\x1b[93u", b"\x1b[93;5:3u", b"\x1b[93;6u", b"\x1b[57442;5u"):
        (event,) = Tokenizer().feed(data)
        assert isinstance(event, KeyPress)
        assert not prefix.matches(event), data
    assert prefix.keys == (Key.LEFT_CTRL, Key.RIGHT_BRACKET)
    assert Chord.parse("f12").keys == (Key.F12,)
    with pytest.raises(KeyNameError):
        Chord.parse("ctrl+nothing")


def test_modifiers_are_those_of_the_keyboard() -> None:
    assert len(MODIFIERS) == 8
