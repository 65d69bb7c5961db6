"""Makes spicetui/keymap/layouts.txt and compose.txt from the system's xkeyboard-config and Compose data.

Run in the folder of the tests, with Debian's libxkbcommon0, xkb-data and libx11-data:

    python -m keymap.make_layouts

Every layout and variant of rules/evdev.lst is taken: each key of the main block is asked what it gives plain, with
Shift, AltGr and both, and again under Caps Lock.  Both sources are under MIT-like licences ("Permission to use, copy,
modify, distribute … is hereby granted"), which are named at the head of the files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from spicetui.keymap.keys import Key
from spicetui.keymap.layout import COMPOSE_FILE, LAYOUT_FILE, LEVELS, dead, exchange_cases, is_dead

from . import xkbcommon as xkb

RULES = Path("/usr/share/X11/xkb/rules/evdev.lst")
VERSION = Path("/usr/share/pkgconfig/xkeyboard-config.pc")

KEYS = [
    Key(code)
    for code in (
        *(0x29, *range(0x02, 0x0E), Key.YEN),
        *range(0x10, 0x1C),
        *(*range(0x1E, 0x29), 0x2B),
        *(Key.ISO, *range(0x2C, 0x36), Key.RO),
        Key.SPACE,
    )
]

# The accent that stands for a dead key; those that are no combining characters are only names.
DEAD = {
    "grave": "\u0300", "acute": "\u0301", "circumflex": "\u0302", "tilde": "\u0303", "macron": "\u0304",
    "breve": "\u0306", "abovedot": "\u0307", "diaeresis": "\u0308", "hook": "\u0309", "abovering": "\u030a",
    "doubleacute": "\u030b", "caron": "\u030c", "doublegrave": "\u030f", "invertedbreve": "\u0311",
    "abovecomma": "\u0313", "abovereversedcomma": "\u0314", "horn": "\u031b", "belowdot": "\u0323",
    "belowdiaeresis": "\u0324", "belowring": "\u0325", "belowcomma": "\u0326", "cedilla": "\u0327", "ogonek": "\u0328",
    "belowcircumflex": "\u032d", "belowbreve": "\u032e", "belowtilde": "\u0330", "belowmacron": "\u0331",
    "stroke": "\u0335", "longsolidusoverlay": "\u0338", "iota": "\u0345", "greek": "\u03b1", "currency": "\u00a4",
}  # fmt: skip
DEAD_SYMS = {xkb.sym_named(f"dead_{name}"): dead(accent) for name, accent in DEAD.items()}

# Locales whose own Compose files a guest with the layout is likely to have.
LOCALES = {"br": "pt_BR", "pt": "pt_PT", "cz": "cs_CZ", "fi": "fi_FI", "gr": "el_GR", "rs": "sr_RS"}

HEAD = """\
# {what}
# Made by tests/keymap/make_layouts.py; do not edit.
# {source}
#
"""
LICENCE = """\
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
# rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
# persons to whom the Software is furnished to do so, subject to the following conditions: the above copyright notice
# and this permission notice shall be included in all copies or substantial portions of the Software.  THE SOFTWARE IS
# PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.
#
"""
LAYOUT_HEAD = (
    HEAD
    + """\
# Copyright 1996 Joseph Moss; 1996 Digital Equipment Corporation; 1996, 1998 The Open Group; 2002-2007 Free Software
# Foundation, Inc.; 2003-2004 Dmitry Golubev; 2004 Gregory Mokhin; 2004-2006 Ævar Arnfjörð Bjarmason; 2006 Erdal Ronahî;
# 2007-2011 Canonical Ltd.; and the authors of xkeyboard-config.
"""
    + LICENCE
    + """\
# Each line: name, title, table; "=name" is another one's table.  A table: the keys that switch Caps Lock ("-" for
# none), then "code:characters" for each key, its code as SPICE numbers it, its characters plain, with Shift, AltGr,
# AltGr+Shift, and behind "|" those under Caps Lock where it does not just exchange the cases of a letter; behind "!"
# characters that dead keys do not compose with on this layout, behind "~" what they compose in some locales only.
# \\20; is U+0020, \\0; no character, \\d0301; the dead key of U+0301.
"""
)
COMPOSE_HEAD = (
    HEAD
    + """\
# Copyright 1988, 1994, 1998 The Open Group and the authors of libX11.
"""
    + LICENCE
    + """\
# Each line: dead keys in the order in which they are pressed, then pairs of the key after them and what comes out.
"""
)


class Entry(NamedTuple):
    layout: str
    variant: str
    title: str

    @property
    def name(self) -> str:
        return f"{self.layout}-{self.variant}".rstrip("-").lower().replace("_", "-")


def entries() -> Iterator[Entry]:
    """Every layout, its variants behind it."""
    section = ""
    layouts: dict[str, list[Entry]] = {}
    for line in RULES.read_text(encoding="utf-8").splitlines():
        words = line.split(None, 1)
        if line.startswith("!"):
            section = words[1]
        elif section == "layout" and words:
            layouts[words[0]] = [Entry(words[0], "", words[1])]
        elif section == "variant" and words:
            layout, title = words[1].split(": ", 1)
            layouts[layout].append(Entry(layout, words[0], title))
    for some in layouts.values():
        yield from some


def escape(text: str) -> str:
    """Characters that could not be seen, or that mean something in the files."""
    return "".join(
        f"\\d{ord(one) & 0xFFFF:04X};"
        if is_dead(one)
        else f"\\{ord(one):02X};"
        if not one.isprintable() or one in "\\| " or unicodedata.combining(one) or unicodedata.category(one) == "Mc"
        else one
        for one in text
    )


class Table(NamedTuple):
    text: str
    syms: frozenset[int]


@cache
def typed(sym: int) -> str:
    """What tables hold for a sym: no text of several characters, as the Arabic keys of two letters have."""
    composer = _composer()
    composer.reset()
    if sym not in DEAD_SYMS and composer.feed(sym)[0] == xkb.COMPOSED:
        return "\0"
    found = DEAD_SYMS.get(sym) or xkb.character(sym)
    return found if found and unicodedata.category(found) != "Cc" else "\0"


@cache
def composed(sym: int) -> tuple[str, ...]:
    """What it gives after each dead key."""
    composer = _composer()
    results = []
    for before in DEAD_SYMS:
        composer.reset()
        composer.feed(before)
        results.append(composer.feed(sym)[1])
    return tuple(results)


@cache
def _composer() -> xkb.Composer:
    return xkb.Composer()


@cache
def doubtful(locale: str, syms: frozenset[int]) -> str:
    """What a dead key composes here, but not in that locale."""
    here, there = _composer(), xkb.Composer(f"{locale}.UTF-8")
    found = set()
    for before in DEAD_SYMS:
        for sym in (*syms, *DEAD_SYMS):
            results = []
            for composer in (here, there):
                composer.reset()
                composer.feed(before)
                results.append(composer.feed(sym)[1])
            if results[0] != results[1] and len(results[0]) == 1:
                found.add(results[0])
    return "".join(sorted(found))


@cache
def is_odd(sym: int) -> bool:
    """Whether it is one of several syms for its character, and dead keys know the usual one better."""
    one = xkb.character(sym)
    return bool(one) and composed(sym) != composed(base_sym(one, sym))


def base_sym(character: str, sym: int) -> int:
    """Of the syms for a character the one that dead keys know better."""
    return max(xkb.sym_of(character), sym, key=lambda one: len("".join(composed(one))))


def table(entry: Entry) -> Table:
    """Raises LayoutMissing."""
    keyboard = xkb.Keyboard(entry.layout, entry.variant)
    try:
        levels = [modifiers for modifiers in LEVELS if chooses_level(entry, modifiers)]
        plain, syms = characters(keyboard, levels)
        keyboard.lock_caps()
        caps, more = under_caps_lock(keyboard, levels, plain)
        switch = caps_keys(entry)
    finally:
        keyboard.close()
    words = ["+".join(f"{key:02x}" for key in switch) or "-"]
    for key in KEYS:
        if plain[key]:
            rest = "" if caps[key] == exchange_cases(plain[key]) else "|" + (escape(caps[key]) or "\\00;")
            words.append(f"{key:02x}:{escape(plain[key])}{rest}")
    if odd := {xkb.character(sym) for sym in syms if is_odd(sym)}:
        words.append("!" + escape("".join(sorted(odd))))
    if entry.layout in LOCALES and (unsure := doubtful(LOCALES[entry.layout], frozenset(syms))):
        words.append("~" + escape(unsure))
    return Table(" ".join(words), frozenset(syms | more))


def characters(keyboard: xkb.Keyboard, levels: list[tuple[Key, ...]]) -> tuple[dict[Key, str], set[int]]:
    """What each key types, by level, and all syms of them."""
    found: dict[Key, str] = dict.fromkeys(KEYS, "")
    syms: set[int] = set()
    for modifiers in levels:
        keyboard.press(modifiers)
        for key in KEYS:
            sym = keyboard.sym(key)
            found[key] += typed(sym)
            syms.add(sym)
        keyboard.release(reversed(modifiers))
    return {key: one.rstrip("\0") for key, one in found.items()}, syms


def under_caps_lock(
    keyboard: xkb.Keyboard, levels: list[tuple[Key, ...]], plain: dict[Key, str]
) -> tuple[dict[Key, str], set[int]]:
    """The same, less what systems do not agree on: letters without a second case, or of newer alphabets."""
    found: dict[Key, str] = dict.fromkeys(KEYS, "")
    syms: set[int] = set()
    for level, modifiers in enumerate(levels):
        keyboard.press(modifiers)
        for key in KEYS:
            sym = keyboard.sym(key)
            before = plain[key][level : level + 1]
            other = plain[key][level ^ 1 : (level ^ 1) + 1]
            after = typed(sym)
            cased = before.lower() != before.upper()
            changed = after in (other, before.upper()) and after != before and sym < xkb.UNICODE_SYMS
            sure = changed if cased else after == before
            found[key] += after if sure and not is_odd(sym) else "\0"
            syms.add(sym)
        keyboard.release(reversed(modifiers))
    return {key: one.rstrip("\0") for key, one in found.items()}, syms


def chooses_level(entry: Entry, modifiers: tuple[Key, ...]) -> bool:
    """Whether these keys choose what others type, and nothing is left of it when they are let go."""
    keyboard = xkb.Keyboard(entry.layout, entry.variant)
    try:
        keyboard.press(modifiers)
        wanted = {Key.LEFT_SHIFT: xkb.SHIFT, Key.RIGHT_ALT: xkb.ALTGR}
        chosen = keyboard.modifiers() == {wanted[key] for key in modifiers}
        keyboard.release(reversed(modifiers))
        return chosen and not keyboard.modifiers()
    finally:
        keyboard.close()


def caps_keys(entry: Entry) -> tuple[Key, ...]:
    """What turns Caps Lock on and off again, and does nothing else."""
    for keys in ((Key.CAPS_LOCK,), (Key.LEFT_SHIFT, Key.CAPS_LOCK)):
        keyboard = xkb.Keyboard(entry.layout, entry.variant)
        states = []
        for _ in range(2):
            keyboard.press(keys)
            keyboard.release(reversed(keys))
            states.append(keyboard.modifiers())
        keyboard.close()
        if states == [{xkb.LOCK}, set()]:
            return keys
    return ()


def layouts_text() -> tuple[str, dict[str, int]]:
    """The file, and for each character the sym that dead keys know."""
    version = next(line for line in VERSION.read_text().splitlines() if line.startswith("Version")).split()[1]
    text = LAYOUT_HEAD.format(
        what="What each key types on every keyboard layout of xkeyboard-config.",
        source=f"Source: xkeyboard-config {version}.",
    )
    bases: dict[str, int] = {}
    known: dict[str, str] = {}
    for entry in entries():
        try:
            found = table(entry)
        except xkb.LayoutMissing:
            continue  # "custom" stands for a file of the user's own
        if ":" in found.text:
            for sym in sorted(found.syms):
                if one := xkb.character(sym):
                    bases[one] = base_sym(one, bases.get(one, sym))
            text += f"{entry.name}\t{entry.title}\t"
            text += f"={known[found.text]}\n" if found.text in known else found.text + "\n"
            known.setdefault(found.text, entry.name)
    return text, bases


def compose_text(bases: dict[str, int]) -> str:
    """What the dead keys make of the characters that layouts type."""
    lines = []
    composer = _composer()

    def follow(sequence: tuple[int, ...]) -> None:
        pairs = []
        deeper = []
        for last, base in [*((sym, name) for name, sym in bases.items()), *DEAD_SYMS.items()]:
            composer.reset()
            if any(composer.feed(sym)[0] != xkb.COMPOSING for sym in sequence):
                return
            status, result = composer.feed(last)
            if status == xkb.COMPOSED and result and not unicodedata.category(result[0]).startswith("C"):
                pairs.append(base + result)
            elif status == xkb.COMPOSING and last in DEAD_SYMS:
                deeper.append(last)
        if pairs:
            accents = "".join(DEAD_SYMS[sym] for sym in sequence)
            lines.append(" ".join(escape(word) for word in (accents, *sorted(pairs, key=plainest))))
        for sym in deeper:
            follow((*sequence, sym))

    for sym in DEAD_SYMS:
        follow((sym,))
    lines.sort(key=lambda line: len(line.split()[0]))
    head = COMPOSE_HEAD.format(
        what="What dead keys make of the key after them.", source="Source: libX11's Compose file of en_US.UTF-8."
    )
    return head + "".join(line + "\n" for line in lines)


def plainest(pair: str) -> tuple[bool, bool, str]:
    """The space first, then characters, then dead keys."""
    return pair[0] != " ", pair[0] in DEAD_SYMS.values(), pair


def main() -> None:
    layouts, bases = layouts_text()
    LAYOUT_FILE.write_text(layouts, encoding="utf-8")
    COMPOSE_FILE.write_text(compose_text(bases), encoding="utf-8")
    for file in (LAYOUT_FILE, COMPOSE_FILE):
        print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
