"""Key events of the terminal as the presses and releases of a PC keyboard.

With the kitty keyboard protocol a key is known by its place, and its release is reported.  Other terminals send the
character that was typed: it becomes the strokes that type it on the guest's layout, released after a moment.
"""

from __future__ import annotations

from typing import NamedTuple

from ..keymap.keys import MODIFIERS, Key, parse_combo, parse_key
from ..keymap.text import UntypableText, strokes
from .tokenizer import Action, KeyPress, Mod

HOLD_SECONDS = 0.03  # how long a key is down whose release is not reported


class Switch(NamedTuple):
    """A key that goes down or up."""

    key: Key
    down: bool


ISO_LEVEL3_SHIFT = 57453  # AltGr where the layout uses it to choose a level

_FUNCTIONAL: dict[int, Key] = {
    57344 + index: key
    for index, key in enumerate(
        (
            *(
                Key.ESC,
                Key.ENTER,
                Key.TAB,
                Key.BACKSPACE,
                Key.INSERT,
                Key.DELETE,
                Key.LEFT,
                Key.RIGHT,
                Key.UP,
                Key.DOWN,
            ),
            *(Key.PAGE_UP, Key.PAGE_DOWN, Key.HOME, Key.END),
            *(Key.CAPS_LOCK, Key.SCROLL_LOCK, Key.NUM_LOCK, Key.PRINT, Key.PAUSE, Key.MENU),
            *(parse_key(f"f{number}") for number in range(1, 25)),
        )
    )
}
_FUNCTIONAL |= {57399 + digit: parse_key(f"kp_{digit}") for digit in range(10)}
_FUNCTIONAL |= {
    57409: Key.KP_PERIOD,
    57410: Key.KP_DIVIDE,
    57411: Key.KP_MULTIPLY,
    57412: Key.KP_MINUS,
    57413: Key.KP_PLUS,
    57414: Key.KP_ENTER,
    57415: Key.KP_EQUAL,
    57416: Key.KP_COMMA,
    57417: Key.KP_4,
    57418: Key.KP_6,
    57419: Key.KP_8,
    57420: Key.KP_2,
    57421: Key.KP_9,
    57422: Key.KP_3,
    57423: Key.KP_7,
    57424: Key.KP_1,
    57425: Key.KP_0,
    57426: Key.KP_PERIOD,
    57427: Key.KP_5,
    57428: Key.MEDIA_PLAY,
    57429: Key.MEDIA_PLAY,
    57430: Key.MEDIA_PLAY,
    57432: Key.MEDIA_STOP,
    57435: Key.MEDIA_NEXT,
    57436: Key.MEDIA_PREVIOUS,
    57438: Key.VOLUME_DOWN,
    57439: Key.VOLUME_UP,
    57440: Key.MUTE,
    57441: Key.LEFT_SHIFT,
    57442: Key.LEFT_CTRL,
    57443: Key.LEFT_ALT,
    57444: Key.LEFT_SUPER,
    57447: Key.RIGHT_SHIFT,
    57448: Key.RIGHT_CTRL,
    57449: Key.RIGHT_ALT,
    57450: Key.RIGHT_SUPER,
    ISO_LEVEL3_SHIFT: Key.RIGHT_ALT,
}
_PLACES: dict[int, Key] = {ord(sign): parse_key(sign) for sign in "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./"}
_PLACES |= {ord(" "): Key.SPACE, ord("<"): Key.ISO}

_GROUPS: tuple[tuple[int, tuple[Key, Key]], ...] = (
    (Mod.SHIFT, (Key.LEFT_SHIFT, Key.RIGHT_SHIFT)),
    (Mod.CTRL, (Key.LEFT_CTRL, Key.RIGHT_CTRL)),
    (Mod.ALT, (Key.LEFT_ALT, Key.RIGHT_ALT)),
    (Mod.SUPER, (Key.LEFT_SUPER, Key.RIGHT_SUPER)),
)


def place(event: KeyPress) -> Key | None:
    """The key on the keyboard, where the event tells it."""
    return _FUNCTIONAL.get(event.code) or _PLACES.get(event.base or event.code)


class Chord(NamedTuple):
    """A key with modifiers, as in ``ctrl+]``."""

    mods: int
    key: Key
    name: str

    @classmethod
    def parse(cls, name: str) -> Chord:
        """Raises KeyNameError for a name that is no key, or only modifiers."""
        *modifiers, key = parse_combo(name)
        mods = 0
        for bit, keys in _GROUPS:
            if any(modifier in keys for modifier in modifiers):
                mods |= bit
        return cls(mods, key, name)

    @property
    def keys(self) -> tuple[Key, ...]:
        return (*(keys[0] for bit, keys in _GROUPS if self.mods & bit), self.key)

    def matches(self, event: KeyPress) -> bool:
        """Whether *event* is this chord going down."""
        return (
            event.action is not Action.RELEASE
            and event.mods & Mod.CHORD == self.mods
            and self.key in (place(event), _PLACES.get(event.code))
        )


class KeyTranslator:
    """Keeps what is down, so that nothing is released that was not pressed."""

    def __init__(self, layout: str = "us") -> None:
        self.layout = layout  #: of the guest; counts only where characters must be typed
        self.releases = False  #: whether the terminal reports releases
        self.caps_lock = False  #: the guest's
        self.untypable = ""  #: characters that could not be typed since this was last emptied
        self._held: dict[Key, int] = {}  # key: the code by which it came
        self._borrowed: set[Key] = set()  # modifiers pressed because an event said that they are down
        self._pending: list[Switch] = []
        self._due = 0.0

    @property
    def due(self) -> float | None:
        """When :meth:`tick` has something to release."""
        return self._due if self._pending else None

    def tick(self, now: float) -> list[Switch]:
        """The releases that are due at *now*, in seconds of the caller's clock."""
        return self._settle() if self._pending and now >= self._due else []

    def release_all(self) -> list[Switch]:
        """Lets go of everything, as when the window loses the focus."""
        switches = self._settle()
        switches += [Switch(key, False) for key in reversed(self._held)]
        self._held.clear()
        self._borrowed.clear()
        return switches

    def translate(self, event: KeyPress, now: float) -> list[Switch]:
        key = place(event)
        if event.legacy or not self.releases:
            if event.action is Action.RELEASE:
                return []
            return self._settle() + self._chord(self._typed(event, key), now)
        if key is None:
            if event.action is Action.RELEASE or not event.text:
                return []
            return self._settle() + self._chord(self._typed(event, None), now)
        switches = self._settle()
        if event.action is Action.RELEASE:
            return switches + self._release(key)
        if key not in MODIFIERS:
            switches += self._reconcile(event.mods)
        self._held[key] = event.code
        switches.append(Switch(key, True))
        return switches

    # events without a release

    def _typed(self, event: KeyPress, key: Key | None) -> list[tuple[Key, ...]]:
        modifiers = tuple(keys[0] for bit, keys in _GROUPS if event.mods & bit)
        if event.code in _FUNCTIONAL and key is not None:
            return [(*(modifier for modifier in modifiers if modifier is not key), key)]
        text = event.text or (chr(event.code) if event.code >= 32 else "")
        try:
            found = strokes(text, self.layout, caps_lock=self.caps_lock)
        except UntypableText as error:
            self.untypable += "".join(error.characters)
            return []
        if event.text:  # Shift has had its effect
            modifiers = tuple(modifier for modifier in modifiers if modifier is not Key.LEFT_SHIFT)
        return [(*modifiers, *(k for k in stroke.keys if k not in modifiers)) for stroke in found]

    def _chord(self, chords: list[tuple[Key, ...]], now: float) -> list[Switch]:
        """Presses and releases; the last one's release is put off."""
        switches: list[Switch] = []
        for keys in chords:
            switches += self._settle()
            fresh = [key for key in keys if key not in self._held]
            switches += [Switch(key, True) for key in fresh]
            self._pending = [Switch(key, False) for key in reversed(fresh)]
        self._due = now + HOLD_SECONDS
        return switches

    def _settle(self) -> list[Switch]:
        pending, self._pending = self._pending, []
        return pending

    # events with one

    def _release(self, key: Key) -> list[Switch]:
        switches = []
        if self._held.pop(key, None) is not None:
            self._borrowed.discard(key)
            switches.append(Switch(key, False))
        elif key in MODIFIERS:  # the other one of the pair was pressed in its place
            for _, keys in _GROUPS:
                if key in keys:
                    switches += self._let_go(self._borrowed.intersection(keys))
        if self._borrowed and all(held in MODIFIERS for held in self._held):
            switches += self._let_go(self._borrowed.copy())
        return switches

    def _reconcile(self, mods: int) -> list[Switch]:
        """Makes the modifiers those of the event: the terminal had no focus when they went down or up."""
        switches: list[Switch] = []
        for bit, keys in _GROUPS:
            held = {key for key in keys if self._held.get(key, ISO_LEVEL3_SHIFT) != ISO_LEVEL3_SHIFT}
            if mods & bit and not held:
                self._held[keys[0]] = 0
                self._borrowed.add(keys[0])
                switches.append(Switch(keys[0], True))
            elif held and not mods & bit:
                switches += self._let_go(held)
        return switches

    def _let_go(self, keys: set[Key]) -> list[Switch]:
        self._borrowed -= keys
        return [Switch(key, False) for key in sorted(keys) if self._held.pop(key, None) is not None]
