"""The layouts against libxkbcommon with the system's own xkeyboard-config: what is typed is what comes out."""

from __future__ import annotations

import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui.keymap.keys import Key
from spicetui.keymap.layout import COMPOSE_FILE, CONTROLS, LAYOUT_FILE, LAYOUTS, is_dead, load_layout, sequences
from spicetui.keymap.text import strokes

from . import make_layouts
from .xkb_guest import XkbGuest

LISTED = [
    *("us", "gb", "de", "fr", "es", "it", "pt", "br", "se", "no", "dk", "fi", "ch", "ch-fr", "be", "nl", "pl", "cz"),
    *("hu", "tr", "ru", "jp", "us-intl", "us-dvorak", "us-colemak", "ca", "latam", "gr", "il", "ua", "ro", "sk", "si"),
    *("hr", "ee", "lv", "lt", "is"),
]


@cache
def typable(layout: str, caps_lock: bool = False) -> tuple[str, ...]:
    """Everything that has strokes of its own on a layout, controls left out."""
    table = load_layout(layout)
    known = dict.fromkeys((*table.direct(caps_lock), *sequences()))
    return tuple(
        one
        for one in known
        if one not in CONTROLS
        and not (len(one) == 1 and is_dead(one))
        and table.strokes(one, caps_lock=caps_lock) is not None
    )


@pytest.mark.parametrize("caps_lock", [False, True], ids=["", "caps lock"])
@pytest.mark.parametrize("layout", LISTED)
def test_every_character_comes_out(layout: str, caps_lock: bool) -> None:
    table = load_layout(layout)
    guest = XkbGuest(layout, caps_lock=caps_lock)
    wrong = []
    for one in typable(layout, caps_lock):
        found = table.strokes(one, caps_lock=caps_lock)
        assert found is not None
        if guest.hear(found) != one:
            wrong.append(one)
    guest.close()
    assert not wrong
    assert len(typable(layout)) >= 90


texts = st.sampled_from(sorted(LAYOUTS)).flatmap(
    lambda layout: st.tuples(
        st.just(layout), st.booleans(), st.lists(st.sampled_from((*typable(layout), "\n", "\t")), max_size=30)
    )
)


@settings(max_examples=150, deadline=None)
@given(texts)
def test_texts_come_out_on_every_layout(example: tuple[str, bool, list[str]]) -> None:
    """Under Caps Lock too: where a character needs it off, it is switched off before the text and on after it."""
    layout, caps_lock, characters = example
    if caps_lock and not load_layout(layout).caps_keys:
        caps_lock = False
    guest = XkbGuest(layout, caps_lock=caps_lock)
    try:
        text = "".join(characters)
        came = guest.hear(strokes(text, layout, caps_lock=caps_lock))
        assert unicodedata.normalize("NFC", came) == unicodedata.normalize("NFC", text)
        assert not guest.held
        assert guest.caps_lock == caps_lock
    finally:
        guest.close()


def test_two_alphabets_on_a_guest_that_has_both() -> None:
    guest = XkbGuest("us,ru", options="grp:alt_shift_toggle")
    text = "Hello, мир! ёлка №5 & co.\n"
    assert guest.hear(strokes(text * 2, "us,ru")) == text * 2
    guest.close()
    guest = XkbGuest("gr,us,il", options="grp:ctrl_shift_toggle")
    text = "ΐ καλημέρα שלום hello ώ"
    assert guest.hear(strokes(text, "gr,us,il", switch=(Key.LEFT_CTRL, Key.LEFT_SHIFT))) == text
    guest.close()


def test_the_tables_are_those_of_the_data() -> None:
    """Fails with another xkeyboard-config than the tables were made from: make them anew (make_layouts)."""
    layouts, bases = make_layouts.layouts_text()
    assert layouts.splitlines() == LAYOUT_FILE.read_text(encoding="utf-8").splitlines()
    assert make_layouts.compose_text(bases) == COMPOSE_FILE.read_text(encoding="utf-8")
