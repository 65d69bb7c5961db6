"""What the user does, on its way to the guest: keys, pointer, pasted text."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..geometry import Point
from ..keymap.keys import Button, Key
from ..keymap.text import spell
from ..term.keys import CAPS_LOCK, NUM_LOCK, SCROLL_LOCK, KeyTranslator, LockWatch, Switch
from ..term.scale import Mapping
from ..term.tokenizer import ESCAPE, Action, KeyPress, Mouse
from ..wire.enums import KeyboardModifierFlags
from .typist import PastePlan, Typist

if TYPE_CHECKING:
    from .link import Link
    from .settings import Settings

SETTLE_SECONDS = 0.15  # after this rest the guest's own word on the pointer's place is believed
MACRO_SECONDS = 0.1  # between the combinations of a macro
MAX_PASTE = 100_000  # characters
MAX_WAITING = 1000  # key events while text is typed

_BUTTONS = {1: Button.LEFT, 2: Button.MIDDLE, 3: Button.RIGHT, 8: Button.SIDE, 9: Button.EXTRA}
_SCROLL, _NUM, _CAPS = (
    KeyboardModifierFlags.SCROLL_LOCK,
    KeyboardModifierFlags.NUM_LOCK,
    KeyboardModifierFlags.CAPS_LOCK,
)
_LOCK_KEYS = {CAPS_LOCK: _CAPS, NUM_LOCK: _NUM, SCROLL_LOCK: _SCROLL}
_LOCKS = {Key.CAPS_LOCK: _CAPS, Key.NUM_LOCK: _NUM, Key.SCROLL_LOCK: _SCROLL}
_TOLD_BUTTONS = frozenset({Button.LEFT, Button.MIDDLE, Button.RIGHT})  # those that every terminal tells with a motion


class GuestInput:
    """Sends to the link's inputs channel, unless :attr:`view_only`.

    In server mode the guest's pointer is moved by differences: it is told the way from where it is believed to be.
    *say* shows a message, *changed* is called when :attr:`captured` or :attr:`typing` is another.
    """

    def __init__(
        self,
        link: Link,
        settings: Settings,
        *,
        say: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.link = link
        self.view_only = settings.view_only
        self.translator = KeyTranslator(settings.layout or "us", by_meaning=bool(settings.layout))
        self.translator.unicode = settings.unicode
        self.locks = LockWatch()
        self.captured = False  #: server mode: the pointer is the guest's
        self._shift_wheel = settings.shift_wheel
        self._say = say
        self._changed = changed
        self._tick: asyncio.TimerHandle | None = None
        self._typist: Typist | None = None
        self._macro: asyncio.Task[None] | None = None
        self._waiting: deque[KeyPress] = deque(maxlen=MAX_WAITING)
        self._buttons: set[Button] = set()
        self._believed: Point | None = None
        self._moved = 0.0
        self._locks_tried: tuple[KeyboardModifierFlags, KeyboardModifierFlags] | None = None
        self._toggled = KeyboardModifierFlags(0)

    @property
    def live(self) -> bool:
        return self.link.inputs is not None and not self.view_only and not self.link.over

    # keys

    def key(self, event: KeyPress) -> None:
        if not self.live:
            return
        if self._typist is not None:
            if event.code == ESCAPE and event.action is not Action.RELEASE:
                self.stop_typing()
            else:
                self._waiting.append(event)
            return
        self._sync_locks(event)
        loop = asyncio.get_running_loop()
        self._switch(self.translator.translate(event, loop.time()))
        self._plan_tick(loop)
        if self.translator.untypable:
            characters, self.translator.untypable = self.translator.untypable, ""
            self._say(f"The {self.translator.layout} layout cannot type {characters!r}; --layout names the guest's")

    def press(self, chords: Sequence[tuple[Key, ...]]) -> None:
        """Presses the keys of each chord together and lets them go."""
        if not self.live or not chords:
            return
        self.release()
        self._press(chords[0])
        if len(chords) > 1:
            self._macro = asyncio.create_task(self._press_more(chords[1:]))

    async def _press_more(self, chords: Sequence[tuple[Key, ...]]) -> None:
        for keys in chords:
            await asyncio.sleep(MACRO_SECONDS)
            self._press(keys)

    def _press(self, keys: tuple[Key, ...]) -> None:
        if self.live and self.link.inputs is not None:
            for key in keys:
                self._toggled ^= _LOCKS.get(key, KeyboardModifierFlags(0))
            self.link.inputs.key_press(*keys)

    def release(self) -> None:
        """Lets go of every key and button; stops typing."""
        self.stop_typing()
        if self._macro is not None:
            self._macro.cancel()
            self._macro = None
        self._let_go()

    def _let_go(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        self._switch(self.translator.release_all())
        self._buttons.clear()
        if self.link.inputs is not None and not self.link.over:
            self.link.inputs.release_all()

    def focus(self, gained: bool) -> None:
        self._locks_tried = None
        if not gained:
            if self._typist is None:
                self._let_go()
            else:  # what is being typed goes on; nothing else is down
                self._waiting.clear()
                self._let_go_buttons()

    def _switch(self, switches: list[Switch]) -> None:
        inputs = self.link.inputs
        if inputs is None or self.link.over:
            return
        for key, down in switches:
            if down:
                inputs.key_down(key)
            else:
                inputs.key_up(key)

    def _plan_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self.translator.due
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if due is not None:
            self._tick = loop.call_at(due, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self._switch(self.translator.tick(asyncio.get_running_loop().time() + 0.001))

    @property
    def _locks(self) -> KeyboardModifierFlags:
        """The guest's, as far as is known: what it said last, and the lock keys that it has got since then."""
        link, flags = self.link, KeyboardModifierFlags(0)
        for flag, on in ((_CAPS, link.caps_lock), (_NUM, link.num_lock), (_SCROLL, link.scroll_lock)):
            flags |= flag if on else flags
        return flags ^ self._toggled

    def locks_changed(self) -> None:
        """The guest has told its locks."""
        self._toggled = KeyboardModifierFlags(0)

    def _sync_locks(self, event: KeyPress) -> None:
        """The user's lock keys are those of the terminal; the guest's may have gone their own way meanwhile.

        The server leaves alone what is right already.  A guest that does not follow is asked once, not at every key.
        """
        inputs = self.link.inputs
        assert inputs is not None
        have = self._locks
        if self.translator.releases:
            self.locks.see(event)
            if event.code in _LOCK_KEYS:
                if event.action is Action.PRESS:
                    self._toggled ^= _LOCK_KEYS[event.code]
                return
            want = have
            for flag, on in ((_CAPS, self.locks.caps), (_NUM, self.locks.num)):
                want = want if on is None else want | flag if on else want & ~flag
            if want == have:
                self._locks_tried = None
            elif (want, have) != self._locks_tried:
                self._locks_tried = (want, have)
                inputs.set_modifiers(want)
                have = want
        self.translator.caps_lock = _CAPS in have
        self.translator.num_lock = _NUM in have

    # text

    @property
    def typing(self) -> int:
        """Characters that are still to be typed."""
        return self._typist.left if self._typist is not None else 0

    def plan(self, text: str) -> PastePlan:
        """How *text* would be typed now."""
        cut = max(0, len(text) - MAX_PASTE)
        text = text[:MAX_PASTE]
        layout = self.translator.layout
        found = spell(
            text,
            layout,
            caps_lock=_CAPS in self._locks,
            num_lock=_NUM in self._locks,
            unicode=self.translator.unicode,
        )
        return PastePlan(text, layout, found, cut)

    def type(self, text: str) -> None:
        """Types what of *text* the layout has; keys wait until it is done, and Escape stops it."""
        if not self.live or self.link.inputs is None:
            return
        self.release()
        self._typist = Typist(self.link.inputs, self.plan(text).spelling.typed, self._typed)
        self._changed()

    def stop_typing(self) -> None:
        typist, self._typist = self._typist, None
        self._waiting.clear()
        if typist is not None:
            typist.cancel()
            if typist.left and not self.link.over:
                self._say(f"Stopped; {typist.left} characters are not typed")
            self._changed()

    def _typed(self) -> None:
        if self._typist is not None and self._typist.done:
            self._typist = None
            while self._waiting and self._typist is None:
                self.key(self._waiting.popleft())
        self._changed()

    # pointer

    def mouse(self, event: Mouse, mapping: Mapping, x: float, y: float, over: bool) -> bool:
        """An event at a place of the view, in cells; *over*: nothing covers the picture there.

        Returns whether it is the guest's.
        """
        if not (over or self._buttons) or not self.live:
            return False
        inputs = self.link.inputs
        assert inputs is not None
        if self._typist is None:
            self._switch(self.translator.mouse(event.mods))
        place = mapping.to_pixel(x, y)
        if event.kind == "move" and event.button == 0 and self._buttons & _TOLD_BUTTONS:
            self._let_go_buttons()  # the release was lost
        if self.link.client_mouse:
            if event.kind != "wheel" or place != self._believed:
                inputs.mouse_move(place.x, place.y, self.link.display)
                self.link.pointer_sent(place)
            self._believed = place
        elif not self.captured:
            if event.kind == "down":
                self.captured = True
                self._believed = None
                self._move_to(place)
                self._changed()
            return True
        else:
            self._move_to(place)
        if event.kind == "wheel":
            self._wheel(event.button)
        elif event.kind != "move":
            self._button(event)
        return True

    def mode_changed(self) -> None:
        """Between places and movements: what is held would never be let go in the other mode."""
        self.captured = False
        self._believed = None
        self._let_go_buttons()

    def display_changed(self) -> None:
        self._believed = None

    def _wheel(self, button: int) -> None:
        """4 to 7 are up, down, left, right; SPICE has no horizontal wheel, but many programs take Shift for that."""
        inputs = self.link.inputs
        assert inputs is not None
        turn = 1 if button & 1 else -1
        if button <= 5:
            inputs.mouse_scroll(0, turn)
        elif self._shift_wheel and self._typist is None:
            inputs.key_down(Key.LEFT_SHIFT)
            inputs.mouse_scroll(0, turn)
            inputs.key_up(Key.LEFT_SHIFT)

    def _button(self, event: Mouse) -> None:
        inputs = self.link.inputs
        button = _BUTTONS.get(event.button)
        if button is None or inputs is None:
            return
        if event.kind == "down":
            self._buttons.add(button)
            inputs.mouse_down(button)
        elif button in self._buttons:
            self._buttons.discard(button)
            inputs.mouse_up(button)

    def _let_go_buttons(self) -> None:
        held, self._buttons = self._buttons, set()
        if self.link.inputs is not None and not self.link.over:
            for button in sorted(held):
                self.link.inputs.mouse_up(button)

    def _move_to(self, place: Point) -> None:
        now = asyncio.get_running_loop().time()
        if self.link.cursor is not None and (self._believed is None or now - self._moved > SETTLE_SECONDS):
            self._believed = Point(*self.link.pointer)
        if self._believed is not None and self._believed != place and self.link.inputs is not None:
            self.link.inputs.mouse_motion(place.x - self._believed.x, place.y - self._believed.y)
            self._moved = now
        self._believed = place
