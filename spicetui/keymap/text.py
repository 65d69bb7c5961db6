"""Text turned into key strokes for a guest whose keyboard layout is known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, get_args

from ..errors import SpiceError
from .keys import Key
from .layout import LAYOUTS, Layout, LayoutError, Stroke, load_layout

__all__ = [
    "LAYOUTS",
    "SWITCH_GROUPS",
    "UNICODE_METHODS",
    "Layout",
    "LayoutError",
    "Spelling",
    "Stroke",
    "Typed",
    "UnicodeMethod",
    "UntypableText",
    "combination",
    "load_layout",
    "spell",
    "strokes",
]

UnicodeMethod = Literal["off", "ctrl-shift-u", "alt-code"]

#: How characters beyond the layout are typed: not at all; by Ctrl+Shift+U and the hexadecimal number, which GTK and
#: IBus know; by Alt and the decimal number on the keypad, which Windows and the Linux console know.
UNICODE_METHODS: tuple[UnicodeMethod, ...] = get_args(UnicodeMethod)

#: What takes a guest with several layouts to the next one, unless it is told otherwise.
SWITCH_GROUPS = (Key.LEFT_ALT, Key.LEFT_SHIFT)

NAMED_AT_MOST = 20  # untypable characters in a message

_KEYPAD = (
    *(Key.KP_0, Key.KP_1, Key.KP_2, Key.KP_3, Key.KP_4),
    *(Key.KP_5, Key.KP_6, Key.KP_7, Key.KP_8, Key.KP_9),
)

# The code page that Windows has with a layout, for Alt codes with a leading zero; elsewhere it is 1252.
_CODE_PAGES = {
    "cp1250": "al ba cz hr hu me pl ro rs si sk",
    "cp1251": "bg by kz kg mk mn ru ua",
    "cp1253": "gr",
    "cp1254": "az tr",
    "cp1255": "il",
    "cp1256": "ara ir pk",
    "cp1257": "ee lt lv",
    "cp1258": "vn",
}


class UntypableText(SpiceError, ValueError):
    """The layout has no strokes for some characters; :attr:`characters` are all of them, each once, in order."""

    def __init__(self, characters: Iterable[str], layout: str, unicode: UnicodeMethod = "off") -> None:
        self.characters = tuple(characters)
        names = ", ".join(_character_name(character) for character in self.characters[:NAMED_AT_MOST])
        if more := len(self.characters) - NAMED_AT_MOST:
            names += f" and {more} more" if more > 0 else ""
        way = "choose the guest's layout or leave them out" if unicode == "off" else f"{unicode} has no way either"
        super().__init__(f"the {layout} layout cannot type {names}; nothing was sent; {way}")


class Typed(NamedTuple):
    """A character, or a letter with its marks, and what types it; the text is empty for strokes around all that."""

    text: str
    strokes: tuple[Stroke, ...]


class Spelling(NamedTuple):
    """A text as it will be typed; *missing* are the characters left out of it, each once, in order."""

    typed: tuple[Typed, ...]
    missing: tuple[str, ...]

    @property
    def strokes(self) -> list[Stroke]:
        return [stroke for one in self.typed for stroke in one.strokes]


def strokes(
    text: str,
    layout: str = "us",
    *,
    caps_lock: bool = False,
    num_lock: bool = True,
    unicode: UnicodeMethod = "off",
    switch: tuple[Key, ...] = SWITCH_GROUPS,
) -> list[Stroke]:
    """The strokes that type *text*; a line end of any kind is one Enter.

    Raises UntypableText, naming every character without strokes; otherwise as :func:`spell`.
    """
    found = spell(text, layout, caps_lock=caps_lock, num_lock=num_lock, unicode=unicode, switch=switch)
    if found.missing:
        raise UntypableText(found.missing, layout, unicode)
    return found.strokes


def spell(
    text: str,
    layout: str = "us",
    *,
    caps_lock: bool = False,
    num_lock: bool = True,
    unicode: UnicodeMethod = "off",
    switch: tuple[Key, ...] = SWITCH_GROUPS,
) -> Spelling:
    """How *text* is typed, character by character, and what cannot be.

    *layout* may name several, ``ru,us``: the guest is on the first, *switch* takes it to the next and from the last to
    the first, where it is left in the end.  *caps_lock* and *num_lock* say what is on in the guest.  A lock that is in
    the way is switched before the text and back after it.  Raises LayoutError.
    """
    layouts = [load_layout(name) for name in layout.split(",")]
    speller = _Speller(layouts, caps_lock, unicode, switch)
    found = speller.spell(text)
    if caps_lock and layouts[0].caps_keys and (found.missing or speller.used_unicode == "ctrl-shift-u"):
        without = _Speller(layouts, False, unicode, switch)
        better = without.spell(text)
        if len(better.missing) < len(found.missing) or without.used_unicode == "ctrl-shift-u":
            speller, found = without, _surrounded(better, Stroke(layouts[0].caps_keys))
    if speller.used_keypad and not num_lock:
        found = _surrounded(found, Stroke((Key.NUM_LOCK,)))
    return found


def combination(combo: str, layout: str) -> tuple[Key, ...]:
    """The keys of ``ctrl+z`` where *layout* has the z; names of more than one character mean places, as ever.

    Raises KeyNameError, LayoutError, and UntypableText for a character that no single stroke types.
    """
    from .keys import parse_combo

    table = load_layout(layout).direct()
    parts = combo.split("+")
    if parts[-2:] == ["", ""]:
        parts[-2:] = ["+"]
    keys: dict[Key, None] = {}
    for part in parts:
        name = part.strip()
        if len(name) == 1:
            stroke = table.get(name) or table.get(name.lower())
            if stroke is None:
                raise UntypableText(name, layout)
            keys.update(dict.fromkeys(stroke.keys))
        else:
            keys.update(dict.fromkeys(parse_combo(part)))
    return tuple(keys)


def clusters(text: str) -> Iterator[str]:
    """Characters with the marks that follow them; surrogates in pairs are one character."""
    text = text.replace("\r\n", "\n")
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]) or text[start] < " ":
            yield text[start:end]
            start = end


def _surrounded(spelling: Spelling, stroke: Stroke) -> Spelling:
    around = Typed("", (stroke,))
    return Spelling((around, *spelling.typed, around), spelling.missing) if spelling.typed else spelling


class _Speller:
    """The guest as it goes through a text: which of its layouts is on."""

    def __init__(self, layouts: list[Layout], caps_lock: bool, unicode: UnicodeMethod, switch: tuple[Key, ...]) -> None:
        self.used_unicode: UnicodeMethod = "off"
        self.used_keypad = False
        self._layouts = layouts
        self._caps_lock = caps_lock
        self._unicode = unicode
        self._switch = Stroke(switch)
        self._group = 0
        self._known: dict[tuple[int, str], tuple[Stroke, ...] | None] = {}

    def spell(self, text: str) -> Spelling:
        typed: list[Typed] = []
        missing: dict[str, None] = {}
        for cluster in clusters(text):
            for one in self._parts(cluster):
                found = self._anywhere(one) or self._by_number(one)
                if found is None:
                    missing[one] = None
                else:
                    typed.append(Typed(one, found))
        if self._group:
            typed.append(Typed("", self._go(0)))
        return Spelling(tuple(typed), tuple(missing))

    def _parts(self, cluster: str) -> Iterable[str]:
        """What of a letter with marks is typed at once: as it stands, composed, or one by one."""
        if self._anywhere(cluster, look=True):
            return (cluster,)
        composed = unicodedata.normalize("NFC", cluster)
        if self._anywhere(composed, look=True):
            return (composed,)
        if all(self._anywhere(one, look=True) for one in cluster) or self._unicode == "ctrl-shift-u":
            return cluster
        return (composed,)

    def _anywhere(self, text: str, *, look: bool = False) -> tuple[Stroke, ...] | None:
        """The strokes on the layout that is on, or the way to another one that has it and its strokes there."""
        for step in range(len(self._layouts)):
            group = (self._group + step) % len(self._layouts)
            found = self._on(group, text)
            if found is not None:
                return found if look else (*self._go(group), *found)
        return None

    def _on(self, group: int, text: str) -> tuple[Stroke, ...] | None:
        place = group, text
        if place not in self._known:
            self._known[place] = self._layouts[group].strokes(text, caps_lock=self._caps_lock)
        return self._known[place]

    def _go(self, group: int) -> tuple[Stroke, ...]:
        steps = (group - self._group) % len(self._layouts)
        self._group = group
        return (self._switch,) * steps

    def _by_number(self, character: str) -> tuple[Stroke, ...] | None:
        if self._unicode == "off" or len(character) != 1 or unicodedata.category(character) in ("Cc", "Cs", "Cn"):
            return None
        found = self._alt_code(character) if self._unicode == "alt-code" else self._hexadecimal(character)
        if found is not None:
            self.used_unicode = self._unicode
        return found

    def _alt_code(self, character: str) -> tuple[Stroke, ...] | None:
        country = self._layouts[self._group].name.split("-")[0]
        page = next((page for page, countries in _CODE_PAGES.items() if country in countries.split()), "cp1252")
        try:
            (code,) = character.encode(page)
        except UnicodeEncodeError:
            return None
        self.used_keypad = True
        return (Stroke((Key.LEFT_ALT,), tuple(_KEYPAD[int(digit)] for digit in f"{code:04d}")),)

    def _hexadecimal(self, character: str) -> tuple[Stroke, ...] | None:
        """On the first layout from here on that has the letters; GTK gives up at a Shift after the first one."""
        for step in range(len(self._layouts)):
            group = (self._group + step) % len(self._layouts)
            table = self._layouts[group].direct(self._caps_lock)
            found: list[Stroke] = []
            for one in f"u{ord(character):x} ":
                stroke = table.get(one)
                if stroke is not None and len(stroke.keys) == 1:
                    found.append(stroke)
                elif one.isdigit():
                    found.append(Stroke((_KEYPAD[int(one)],)))
                    self.used_keypad = True
                else:
                    break
            else:
                found[0] = Stroke((Key.LEFT_CTRL, Key.LEFT_SHIFT, *found[0].keys))
                return (*self._go(group), *found)
        return None


def _character_name(character: str) -> str:
    codes = " ".join(f"U+{ord(one):04X}" for one in character)
    if character.isprintable() and not unicodedata.combining(character[0]):
        return f"'{character}' ({codes})"
    return codes
