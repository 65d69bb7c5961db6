"""Text turned into key strokes for a guest whose keyboard layout is known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import NamedTuple

from ..errors import SpiceError
from .keys import Key

LAYOUTS: tuple[str, ...] = ("us",)  # one module in layouts/ each

_CONTROLS = {
    "\n": Key.ENTER,
    "\r": Key.ENTER,
    "\t": Key.TAB,
    "\b": Key.BACKSPACE,
    "\x1b": Key.ESC,
    "\x7f": Key.DELETE,
}


class LayoutError(SpiceError, ValueError):
    """No layout has this name."""


class UntypableText(SpiceError, ValueError):
    """The layout has no strokes for some characters; :attr:`characters` are all of them, each once, in order."""

    def __init__(self, characters: Iterable[str], layout: str) -> None:
        self.characters = tuple(characters)
        names = ", ".join(_character_name(character) for character in self.characters)
        super().__init__(
            f"the {layout} layout cannot type {names}; nothing was sent; choose the guest's layout or leave them out"
        )


class Stroke(NamedTuple):
    """Keys pressed in this order and let go in the reverse one: modifiers first, then the key."""

    keys: tuple[Key, ...]


class Layout:
    """What each key types, and from it how each character is typed.

    *keys* gives for a key its characters by level: plain, Shift, AltGr, Shift+AltGr; fewer are fine, and ``\\0``
    stands for a level that types nothing. A combining character (U+0300…) is a dead key for that accent.
    """

    _LEVELS: tuple[tuple[Key, ...], ...] = (
        (),
        (Key.LEFT_SHIFT,),
        (Key.RIGHT_ALT,),
        (Key.LEFT_SHIFT, Key.RIGHT_ALT),
    )

    def __init__(self, name: str, keys: Mapping[Key, str]) -> None:
        self.name = name
        self._direct: dict[str, Stroke] = {}
        self._caps: dict[str, Stroke] = {}
        for level, modifiers in enumerate(self._LEVELS):  # the lowest level wins
            for key, characters in keys.items():
                if level < len(characters) and characters[level] != "\0":
                    self._direct.setdefault(characters[level], Stroke((*modifiers, key)))
        for characters in keys.values():  # Caps Lock exchanges the two cases of a letter
            for lower, upper in zip(characters[0::2], characters[1::2], strict=False):
                if lower != upper and lower.upper() == upper:
                    self._caps[lower], self._caps[upper] = self._direct[upper], self._direct[lower]
        for character, key in _CONTROLS.items():
            self._direct[character] = Stroke((key,))

    def strokes(self, character: str, *, caps_lock: bool = False) -> tuple[Stroke, ...] | None:
        """How one character is typed: directly, or by a dead key and a letter; None when it cannot be."""
        stroke = self._caps.get(character) if caps_lock else None
        stroke = stroke or self._direct.get(character)
        if stroke is not None:
            # The combining character itself is typed by its dead key twice on few systems only.
            return None if unicodedata.combining(character) else (stroke,)
        parts = unicodedata.normalize("NFD", character)
        if len(parts) == 2 and parts[1] in self._direct:
            base = self.strokes(parts[0], caps_lock=caps_lock)
            if base is not None:
                return (self._direct[parts[1]], *base)
        return None


@cache
def load_layout(name: str) -> Layout:
    """The layout of that name, one of :data:`LAYOUTS`. Raises LayoutError."""
    plain = name.strip().lower()
    if plain not in LAYOUTS:
        raise LayoutError(f"no keyboard layout is called {name!r}; there is {', '.join(LAYOUTS)}")
    module = import_module(f"{__package__}.layouts.{plain.replace('-', '_')}")
    return Layout(plain, module.KEYS)


def strokes(text: str, layout: str = "us", *, caps_lock: bool = False) -> list[Stroke]:
    """The strokes that type *text*; a line end of any kind is one Enter.

    *caps_lock* says that the guest's Caps Lock is on. Raises UntypableText, naming every character without strokes.
    """
    table = load_layout(layout)
    result: list[Stroke] = []
    missing: dict[str, None] = {}
    for character in unicodedata.normalize("NFC", text.replace("\r\n", "\n")):
        found = table.strokes(character, caps_lock=caps_lock)
        if found is None:
            missing[character] = None
        else:
            result.extend(found)
    if missing:
        raise UntypableText(missing, table.name)
    return result


def _character_name(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character.isprintable() and not unicodedata.combining(character):
        return f"'{character}' ({code})"
    return code
