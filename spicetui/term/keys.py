"""Key events of the terminal as the presses and releases of a PC keyboard.

With the kitty keyboard protocol a key is known by its place, and its release is reported.  Other terminals send the
character that was typed: it becomes the strokes that type it on the guest's layout, released after a moment.  On
request (:attr:`KeyTranslator.by_meaning`) characters are typed so with the kitty protocol too.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from ..keymap.keys import MODIFIERS, Key, parse_combo, parse_key
from ..keymap.text import Stroke, UnicodeMethod, UntypableText, strokes
from .tokenizer import Action, KeyPress, Mod

HOLD_SECONDS = 0.03  # how long a key is down whose release is not reported


class Switch(NamedTuple):
    """A key that goes down or up."""

    key: Key
    down: bool


ISO_LEVEL3_SHIFT = 57453  # AltGr where the layout uses it to choose a level
ISO_LEVEL5_SHIFT = 57454  # the right Ctrl where the layout uses that so, as the Canadian one does
CAPS_LOCK, SCROLL_LOCK, NUM_LOCK = 57358, 57359, 57360
_KEYPAD_DIGITS = {57399 + digit: str(digit) for digit in range(10)} | {57409: "."}
_KEYPAD_WITHOUT_NUM_LOCK = range(57417, 57428)
_LEVEL_SHIFTS = (ISO_LEVEL3_SHIFT, ISO_LEVEL5_SHIFT)

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
    57445: Key.LEFT_SUPER,  # Hyper and Meta: PCs have no key of that name
    57446: Key.LEFT_ALT,
    57447: Key.RIGHT_SHIFT,
    57448: Key.RIGHT_CTRL,
    57449: Key.RIGHT_ALT,
    57450: Key.RIGHT_SUPER,
    57451: Key.RIGHT_SUPER,
    57452: Key.RIGHT_ALT,
    ISO_LEVEL3_SHIFT: Key.RIGHT_ALT,
    ISO_LEVEL5_SHIFT: Key.RIGHT_CTRL,
}
_PLACES: dict[int, Key] = {ord(sign): parse_key(sign) for sign in "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./"}
_PLACES |= {ord(" "): Key.SPACE, ord("<"): Key.ISO, ord("¥"): Key.YEN}

_GROUPS: tuple[tuple[int, tuple[Key, Key]], ...] = (
    (Mod.SHIFT, (Key.LEFT_SHIFT, Key.RIGHT_SHIFT)),
    (Mod.CTRL, (Key.LEFT_CTRL, Key.RIGHT_CTRL)),
    (Mod.ALT, (Key.LEFT_ALT, Key.RIGHT_ALT)),
    (Mod.SUPER, (Key.LEFT_SUPER, Key.RIGHT_SUPER)),
)


_TEXTLESS = Mod.CTRL | Mod.ALT | Mod.SUPER  # with any of them a key is a shortcut, no text


def place(event: KeyPress) -> Key | None:
    """The key on the keyboard, where the event tells it."""
    return _FUNCTIONAL.get(event.code) or _PLACES.get(event.base) or _PLACES.get(event.code)


def chord_mods(mods: int) -> int:
    """The modifiers that are keys of a PC: Hyper counts as Super there, and Meta as Alt."""
    folded = (Mod.SUPER if mods & Mod.HYPER else 0) | (Mod.ALT if mods & Mod.META else 0)
    return (mods | folded) & Mod.CHORD


class LockWatch:
    """What the terminal tells of its lock keys; None for a lock whose state it does not tell.

    Caps Lock is in every event of the kitty protocol, and in the case of the letters.  Num Lock is believed once there
    has been a sign of it: on keyboards without that key its bit is never set.
    """

    def __init__(self) -> None:
        self.caps: bool | None = None
        self.num: bool | None = None

    def see(self, event: KeyPress) -> None:
        if event.legacy or event.code in (CAPS_LOCK, NUM_LOCK):  # these have the state before or behind them
            if event.code == NUM_LOCK:
                self.num = bool(self.num)
            return
        bits = event.mods
        self.caps = bool(bits & Mod.CAPS_LOCK)
        if len(event.text) == 1 and not chord_mods(bits) and chr(event.code).islower():
            self.caps = self.caps or event.text == chr(event.code).upper()
        if bits & Mod.NUM_LOCK:
            self.num = True
        elif self.num is not None or event.code in _KEYPAD_WITHOUT_NUM_LOCK:
            self.num = False


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
            and chord_mods(event.mods) == self.mods
            and self.key in (place(event), _PLACES.get(event.code))
        )


class KeyTranslator:
    """Keeps what is down, so that nothing is released that was not pressed."""

    def __init__(self, layout: str = "us", *, by_meaning: bool = False) -> None:
        self.layout = layout  #: of the guest; counts only where characters must be typed
        self.by_meaning = by_meaning  #: type characters on the guest's layout, whatever keys they come from
        self.unicode: UnicodeMethod = "off"  #: how characters are typed that the layout lacks
        self.releases = False  #: whether the terminal reports releases
        self.caps_lock = False  #: the guest's
        self.num_lock = True  #: the guest's
        self.untypable = ""  #: characters that could not be typed since this was last emptied
        self._held: dict[Key, int] = {}  # key: the code by which it came
        self._borrowed: set[Key] = set()  # modifiers pressed because an event said that they are down
        self._pending: list[Switch] = []
        self._due = 0.0
        self._plain: dict[int, int] = {}  # by the character on a US keyboard: what the user's keyboard has there
        self._mouse_mods = 0  # those that mouse events have told of

    @property
    def due(self) -> float | None:
        """When :meth:`tick` has something to release."""
        return self._due if self._pending else None

    @property
    def idle(self) -> bool:
        """Whether nothing is down."""
        return not (self._held or self._pending)

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
            return [] if event.action is Action.RELEASE else self._settle() + self._made_up(event, key, now)
        switches = self._settle()
        if event.action is Action.RELEASE:
            return switches + self._release(key, event.code)
        if self.by_meaning and event.code in _LEVEL_SHIFTS:
            return switches  # what it chooses is in the text of the next key
        if key not in MODIFIERS:
            switches += self._reconcile(event.mods)
        if key is None or (event.code not in _FUNCTIONAL and (self.by_meaning or self._composed(event))):
            return switches + self._meant(event)
        self._held[key] = event.code
        switches.append(Switch(key, True))
        return switches

    def mouse(self, mods: int) -> list[Switch]:
        """A mouse event: modifiers that it does not have are down no more, where such events tell of them."""
        self._mouse_mods |= mods & Mod.CHORD
        switches: list[Switch] = []
        for bit, keys in _GROUPS:
            if self._mouse_mods & bit and not mods & bit:
                switches += self._let_go({key for key in keys if self._held.get(key) not in (None, *_LEVEL_SHIFTS)})
        return switches

    def _strokes(self, text: str) -> list[Stroke]:
        try:
            return strokes(text, self.layout, caps_lock=self.caps_lock, num_lock=self.num_lock, unicode=self.unicode)
        except UntypableText as error:
            self.untypable += "".join(error.characters)
            return []

    # events without a release

    def _made_up(self, event: KeyPress, key: Key | None, now: float) -> list[Switch]:
        """Presses and releases; the last key's release is put off."""
        mods = chord_mods(event.mods)
        digit = "" if self.num_lock else _KEYPAD_DIGITS.get(event.code, "")  # the guest would take it for an arrow
        if event.code in _FUNCTIONAL and not digit:
            if key is None:
                return []
            found = [Stroke((key,))]
        else:
            text = digit or event.text or (chr(event.code) if event.code >= 32 else "")
            if event.text:
                mods &= ~Mod.SHIFT  # it has had its effect
            elif mods == Mod.SHIFT and event.code > 32:
                mods, text = 0, text.upper() if len(text.upper()) == 1 else text  # xterm's, as CSI u
            found = self._strokes(text)
        modifiers = tuple(keys[0] for bit, keys in _GROUPS if mods & bit and key not in keys)
        switches: list[Switch] = []
        for keys, taps in found:
            switches += self._settle()
            fresh = [one for one in dict.fromkeys((*modifiers, *keys)) if one not in self._held]
            switches += [Switch(one, True) for one in fresh]
            switches += [Switch(one, down) for one in taps for down in (True, False)]
            self._pending = [Switch(one, False) for one in reversed(fresh)]
        self._due = now + HOLD_SECONDS
        return switches

    def _settle(self) -> list[Switch]:
        pending, self._pending = self._pending, []
        return pending

    # events with one

    def _composed(self, event: KeyPress) -> bool:
        """Whether the character is not the key's own: a dead key or an input method has made it.

        A composed character comes from the key of its letter, as its text or (kitty 0.26) even as its code.
        """
        mods = chord_mods(event.mods)
        if mods & _TEXTLESS or Key.RIGHT_ALT in self._held or ISO_LEVEL5_SHIFT in self._held.values():
            return False
        place = event.base or event.code
        letter = unicodedata.normalize("NFD", event.text or chr(event.code))
        if len(letter) > 1 and event.base and ord(letter[0].lower()) == self._plain.get(place, place):
            return True
        if place in _PLACES and not mods:
            self._plain[place] = event.code
        if not event.text or (mods & Mod.SHIFT and not event.shifted):
            return False
        own = {chr(event.code), chr(event.code).upper(), chr(event.shifted)}
        return event.text not in own

    def _meant(self, event: KeyPress) -> list[Switch]:
        """Types the event's character while the modifiers that are held stand aside; all at once, for it repeats."""
        shortcut = bool(chord_mods(event.mods) & _TEXTLESS)
        plain = event.shifted if event.mods & Mod.SHIFT and event.shifted and not shortcut else event.code
        text = event.text if event.text and not shortcut else chr(plain) if plain >= 32 else ""
        switches: list[Switch] = []
        for stroke in self._strokes(text):
            aside = [] if shortcut else [held for held in self._held if held in MODIFIERS and held not in stroke.keys]
            switches += [Switch(key, False) for key in reversed(aside)]
            switches += [Switch(key, down) for key, down in stroke.switches if key not in self._held]
            switches += [Switch(key, True) for key in aside]
        return switches

    def _release(self, key: Key | None, code: int) -> list[Switch]:
        if key not in self._held:  # the layout may have changed under the key
            key = next((held for held, its in self._held.items() if its == code and code), key)
        switches = []
        if key is not None and self._held.pop(key, None) is not None:
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
        mods = chord_mods(mods)
        for bit, keys in _GROUPS:
            held = {key for key in keys if self._held.get(key, ISO_LEVEL3_SHIFT) not in _LEVEL_SHIFTS}
            if mods & bit and not held:
                self._held[keys[0]] = 0
                self._borrowed.add(keys[0])
                switches.append(Switch(keys[0], True))
            elif held and not mods & bit:
                switches += self._let_go(held)
        return switches

    def _let_go(self, keys: set[Key]) -> list[Switch]:
        self._borrowed -= keys
        return [
            Switch(key, False)
            for key in [*reversed(self._held)]
            if key in keys and self._held.pop(key, None) is not None
        ]
