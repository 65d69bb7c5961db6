"""What each key types on a keyboard layout, by the tables in layouts.txt and compose.txt.

Both are made from xkeyboard-config's and libX11's data by tests/keymap/make_layouts.py.  A table is read when it is
first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..errors import SpiceError
from .keys import Key

LAYOUT_FILE = Path(__file__).with_name("layouts.txt")
COMPOSE_FILE = Path(__file__).with_name("compose.txt")

CONTROLS = {
    "\n": Key.ENTER,
    "\r": Key.ENTER,
    "\t": Key.TAB,
    "\b": Key.BACKSPACE,
    "\x1b": Key.ESC,
    "\x7f": Key.DELETE,
}

LEVELS: tuple[tuple[Key, ...], ...] = (
    (),
    (Key.LEFT_SHIFT,),
    (Key.RIGHT_ALT,),
    (Key.RIGHT_ALT, Key.LEFT_SHIFT),  # on some layouts AltGr means something else while Shift is down
)

#: Not on every keyboard: used for what other keys type only with AltGr, or not at all.
RARE = frozenset({Key.ISO, Key.RO, Key.YEN, Key.KP_COMMA})

# Names that other programs use: languages, QEMU's and Linux' keymaps, XKB's older ones.
ALIASES = {
    "uk": "gb",
    "en": "us",
    "en-us": "us",
    "en-gb": "gb",
    "us-international": "us-intl",
    "dvorak": "us-dvorak",
    "colemak": "us-colemak",
    "workman": "us-workman",
    "bepo": "fr-bepo",
    "neo": "de-neo",
    "jp106": "jp",
    "ja": "jp",
    "sv": "se",
    "da": "dk",
    "nb": "no",
    "cs": "cz",
    "el": "gr",
    "sl": "si",
    "ko": "kr",
    "ar": "ara",
    "pt-br": "br",
    "br-abnt2": "br",
    "abnt2": "br",
    "de-ch": "ch",
    "fr-ch": "ch-fr",
    "sf": "ch-fr",
    "sg": "ch",
    "fr-be": "be",
    "nl-be": "be",
    "fr-ca": "ca",
    "es-latam": "latam",
    "trq": "tr",
    "trf": "tr-f",
}

_DEAD_PLANE = 0x100000  # private characters, which no layout types

Sequence = tuple[str, ...]


class LayoutError(SpiceError, ValueError):
    """No layout has this name."""


def dead(accent: str) -> str:
    """How tables write the dead key of an accent, which is a combining character."""
    return chr(_DEAD_PLANE | ord(accent))


def is_dead(character: str) -> bool:
    return ord(character) >= _DEAD_PLANE


class Stroke(NamedTuple):
    """Keys pressed in this order and let go in the reverse one: modifiers first, then the key.

    *taps* are pressed and let go one after the other while *keys* are down.
    """

    keys: tuple[Key, ...]
    taps: tuple[Key, ...] = ()

    @property
    def switches(self) -> Iterator[tuple[Key, bool]]:
        """Every key event in order, with whether the key goes down."""
        for key in self.keys:
            yield key, True
        for key in self.taps:
            yield key, True
            yield key, False
        for key in reversed(self.keys):
            yield key, False


class Layout:
    """What each key types, and from it how each character is typed.

    *keys* gives for a key its characters by level: plain, Shift, AltGr, Shift+AltGr; fewer are fine, and ``\\0``
    stands for a level that types nothing.  A dead key is :func:`dead` of its accent.  *caps* gives them under Caps
    Lock where it does more or less than exchange the cases of a letter; *caps_keys* turn it on and off, none when no
    key does.  Dead keys make nothing of the characters in *alone*, and those in *doubtful* only in some locales.
    """

    def __init__(
        self,
        name: str,
        keys: Mapping[Key, str],
        caps: Mapping[Key, str] | None = None,
        caps_keys: tuple[Key, ...] = (Key.CAPS_LOCK,),
        alone: str = "",
        doubtful: str = "",
    ) -> None:
        self.name = name
        self.keys = keys
        self.caps = caps or {}
        self.caps_keys = caps_keys
        self._alone = alone
        self._doubtful = doubtful
        self._tables: dict[bool, dict[str, Stroke]] = {}

    def typed(self, key: Key, *, caps_lock: bool) -> str:
        """The characters of a key, by level."""
        plain = self.keys.get(key, "")
        if not caps_lock:
            return plain
        return self.caps.get(key) or exchange_cases(plain)

    def direct(self, caps_lock: bool = False) -> Mapping[str, Stroke]:
        """The characters, dead keys among them, that one stroke types; of several the plainest."""
        table = self._tables.get(caps_lock)
        if table is None:
            table = self._tables[caps_lock] = {}
            rows = [(key, self.typed(key, caps_lock=caps_lock)) for key in self.keys]
            for levels in (0, 1), (2, 3):  # a key that some keyboards lack is still better than AltGr
                for rare in (False, True):
                    for level in levels:
                        for key, characters in rows:
                            if (key in RARE) is rare and characters[level : level + 1] not in ("", "\0"):
                                table.setdefault(characters[level], Stroke((*LEVELS[level], key)))
            for character, key in CONTROLS.items():
                table[character] = Stroke((key,))
        return table

    def strokes(self, text: str, *, caps_lock: bool = False) -> tuple[Stroke, ...] | None:
        """How one character, or a letter with marks, is typed: directly or by dead keys; None when it cannot be."""
        table = self.direct(caps_lock)
        if stroke := table.get(text):
            return None if is_dead(text) else (stroke,)
        for sequence in () if text in self._doubtful else sequences().get(text, ()):
            found = [table.get(part) for part in sequence]
            if all(found) and sequence[-1] not in self._alone:
                return tuple(stroke for stroke in found if stroke)
        return None


def exchange_cases(characters: str) -> str:
    """What Caps Lock makes of the characters of a key, by level: it exchanges the two cases of a letter."""
    result = list(characters)
    for lower in range(0, len(characters) - 1, 2):
        pair = characters[lower : lower + 2]
        if pair[0] != pair[1] and pair[0].upper() == pair[1]:
            result[lower : lower + 2] = reversed(pair)
    return "".join(result)


# The files. Characters that would not be seen are escaped: \20; is a space, \d0301; the dead key of U+0301.

_ESCAPED = re.compile(r"\\(d?)([0-9A-F]+);")


def unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[2], 16) | (_DEAD_PLANE if found[1] else 0)), text)


class _Titles(Mapping[str, str]):
    """Reads the names when they are asked for."""

    @staticmethod
    @cache
    def _titles() -> dict[str, str]:
        lines = LAYOUT_FILE.read_text(encoding="utf-8").split("\n")
        return dict(line.split("\t", 2)[:2] for line in lines if line and line[0] != "#")

    def __getitem__(self, name: str) -> str:
        return self._titles()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._titles())

    def __len__(self) -> int:
        return len(self._titles())


#: Every layout's name with its title, as for a list to choose from.
LAYOUTS = _Titles()


def layout_name(name: str) -> str:
    """The name in LAYOUTS of a name that people use: ``UK``, ``us(intl)``, ``de_nodeadkeys``. Raises LayoutError."""
    return load_layout(name).name


def _near(name: str) -> str:
    from difflib import get_close_matches

    titled = [one for one, title in LAYOUTS.items() if len(name) > 2 and name in title.lower()]
    titled.sort(key=lambda one: ("-" in one, len(LAYOUTS[one])))
    near = dict.fromkeys((*titled[:3], *get_close_matches(name, [*LAYOUTS, *ALIASES], 4, 0.6)))
    return f"near it are {', '.join(near)}" if near else "names are like us, de, fr, us-intl, ch-fr"


@cache
def load_layout(name: str) -> Layout:
    """The layout of that name, one of :data:`LAYOUTS` or an alias. Raises LayoutError."""
    plain = re.sub(r"[\s_(]+", "-", name.strip().lower()).rstrip(")")
    data = LAYOUT_FILE.read_bytes()  # most of it is not for this layout: it is searched, not decoded
    row = _row(data, plain)
    if row is None and plain in ALIASES:
        plain = ALIASES[plain]
        row = _row(data, plain)
    if row is None:
        raise LayoutError(f"no keyboard layout is called {name!r}; {_near(plain)}")
    if row[0] == "=":
        row = _row(data, row[1:])
        assert row is not None
    caps_keys, *tokens = row.split(" ")
    keys: dict[Key, str] = {}
    caps: dict[Key, str] = {}
    marked = {"!": "", "~": ""}
    for token in tokens:
        if token[0] in marked:
            marked[token[0]] = unescape(token[1:])
            continue
        number, _, characters = token.partition(":")
        plainly, _, capital = characters.partition("|")
        key = Key(int(number, 16))
        keys[key] = unescape(plainly)
        if capital:
            caps[key] = unescape(capital)
    switch = tuple(Key(int(key, 16)) for key in caps_keys.split("+") if key != "-")
    return Layout(plain, keys, caps, switch, marked["!"], marked["~"])


def _row(data: bytes, name: str) -> str | None:
    """The table of that name."""
    head = f"\n{name}\t".encode()
    start = data.find(head)
    if start < 0 or not name:
        return None
    line = data[start + len(head) : data.index(b"\n", start + 1)].decode("utf-8")
    return line.split("\t", 1)[1]


@cache
def sequences() -> Mapping[str, tuple[Sequence, ...]]:
    """For what dead keys compose: the ways to type it, dead keys first, the plainest way first."""
    found: dict[str, tuple[Sequence, ...]] = {}
    for line in COMPOSE_FILE.read_text(encoding="utf-8").split("\n"):
        if line and line[0] != "#":
            accents, *pairs = line.split(" ")
            before = tuple(unescape(accents))
            for pair in pairs:
                if "\\" in pair:
                    pair = unescape(pair)
                found[pair[1:]] = (*found.get(pair[1:], ()), (*before, pair[0]))
    return found
