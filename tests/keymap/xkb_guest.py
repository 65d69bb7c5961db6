"""A guest that takes key events as toolkits on Linux do, by libxkbcommon and the Compose file, and keeps the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from spicetui.keymap.keys import MODIFIERS, Key
from spicetui.keymap.text import Stroke

from . import make_layouts
from . import xkbcommon as xkb

CONTROLS = {Key.ENTER: "\n", Key.TAB: "\t", Key.BACKSPACE: "\b", Key.ESC: "\x1b", Key.DELETE: "\x7f"}
NO_TEXT = MODIFIERS | {Key.CAPS_LOCK, Key.NUM_LOCK}


@cache
def xkb_names() -> dict[str, tuple[str, str]]:
    """Layout and variant as XKB calls them, by our name."""
    return {entry.name: (entry.layout, entry.variant) for entry in make_layouts.entries()}


class XkbGuest:
    """*layout* is ours, or several with commas; *options* are XKB's."""

    def __init__(self, layout: str, *, caps_lock: bool = False, options: str = "") -> None:
        pairs = [xkb_names()[name] for name in layout.split(",")]
        self.text = ""
        self.held: set[int] = set()
        self._keyboard = xkb.Keyboard(",".join(one for one, _ in pairs), ",".join(one for _, one in pairs), options)
        self._composer = xkb.Composer()
        if caps_lock:
            self._keyboard.lock_caps()

    def close(self) -> None:
        self._keyboard.close()

    @property
    def caps_lock(self) -> bool:
        return xkb.LOCK in self._keyboard.modifiers()

    def hear(self, strokes: Iterable[Stroke]) -> str:
        """Takes the strokes; what they have typed."""
        before = len(self.text)
        for stroke in strokes:
            for key, down in stroke.switches:
                self.switch(key, down)
        return self.text[before:]

    def switch(self, key: int, down: bool) -> None:
        if down:
            assert key not in self.held, f"key {key:#x} was pressed twice"
            self.held.add(key)
            if key not in NO_TEXT:
                self._type(key)
        else:
            assert key in self.held, f"key {key:#x} was released but not pressed"
            self.held.remove(key)
        self._keyboard.switch(key, down)

    def _type(self, key: int) -> None:
        if key in CONTROLS:
            self.text += CONTROLS[Key(key)]
            return
        sym = self._keyboard.sym(key)
        status, composed = self._composer.feed(sym)
        if status == xkb.COMPOSED:
            self.text += composed
        elif status not in (xkb.COMPOSING, xkb.CANCELLED):
            found = xkb.character(sym)
            assert found, f"key {key:#x} gave {xkb.name(sym)}"
            assert unicodedata.category(found) != "Cc", f"key {key:#x} gave {xkb.name(sym)}"
            self.text += found
