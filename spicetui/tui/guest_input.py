"""What the user does, on its way to the guest: keys, pointer, pasted text."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..geometry import Point
from ..keymap.keys import Button, Key
from ..keymap.text import UntypableText, strokes
from ..term.keys import KeyTranslator, Switch
from ..term.scale import Mapping
from ..term.tokenizer import KeyPress, Mod, Mouse
from ..wire.enums import KeyboardModifierFlags

if TYPE_CHECKING:
    from collections.abc import Callable

    from .link import Link

SETTLE_SECONDS = 0.15  # after this rest the guest's own word on the pointer's place is believed
TYPE_SECONDS = 0.012  # between pasted characters; a PC keyboard's buffer is small
MAX_PASTE = 20_000  # characters

_BUTTONS = {1: Button.LEFT, 2: Button.MIDDLE, 3: Button.RIGHT, 8: Button.SIDE, 9: Button.EXTRA}


class GuestInput:
    """Sends to the link's inputs channel, unless *view_only*.

    In server mode the guest's pointer is moved by differences: it is told the way from where it is believed to be.
    """

    def __init__(self, link: Link, *, layout: str, view_only: bool, say: Callable[[str], None]) -> None:
        self.link = link
        self.view_only = view_only
        self.translator = KeyTranslator(layout)
        self.captured = False  #: server mode: the pointer is the guest's
        self._say = say
        self._tick: asyncio.TimerHandle | None = None
        self._typing: asyncio.Task[None] | None = None
        self._buttons: set[Button] = set()
        self._believed: Point | None = None
        self._moved = 0.0
        self._check_locks = True

    @property
    def live(self) -> bool:
        return self.link.inputs is not None and not self.view_only and not self.link.over

    # keys

    def key(self, event: KeyPress) -> None:
        if not self.live:
            return
        if self._check_locks and not event.legacy and self.translator.releases:
            self._check_locks = False
            self._sync_locks(event.mods)
        loop = asyncio.get_running_loop()
        self.translator.caps_lock = self.link.caps_lock
        self._switch(self.translator.translate(event, loop.time()))
        self._plan_tick(loop)
        if self.translator.untypable:
            characters, self.translator.untypable = self.translator.untypable, ""
            self._say(f"The {self.translator.layout} layout cannot type {characters!r}")

    def chord(self, keys: tuple[Key, ...]) -> None:
        """Presses keys together and lets them go."""
        if self.live:
            self.release()
            self._switch([Switch(key, True) for key in keys] + [Switch(key, False) for key in reversed(keys)])

    def release(self) -> None:
        """Lets go of every key and button; stops typing."""
        if self._typing is not None:
            self._typing.cancel()
            self._typing = None
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        self._switch(self.translator.release_all())
        self._buttons.clear()
        if self.link.inputs is not None and not self.link.over:
            self.link.inputs.release_all()

    def focus(self, gained: bool) -> None:
        self._check_locks = True
        if not gained:
            self.release()

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

    def _sync_locks(self, mods: int) -> None:
        """The user's lock keys are those of the terminal; the guest's may have gone their own way meanwhile."""
        link = self.link
        assert link.inputs is not None
        caps, num = bool(mods & Mod.CAPS_LOCK), bool(mods & Mod.NUM_LOCK)
        if (caps, num) != (link.caps_lock, link.num_lock):
            flags = KeyboardModifierFlags(0)
            flags |= KeyboardModifierFlags.CAPS_LOCK if caps else flags
            flags |= KeyboardModifierFlags.NUM_LOCK if num else flags
            flags |= KeyboardModifierFlags.SCROLL_LOCK if link.scroll_lock else flags
            link.inputs.set_modifiers(flags)

    # text

    def paste(self, text: str) -> None:
        """Types *text*; what the layout cannot type is left out and told."""
        if not self.live:
            return
        if len(text) > MAX_PASTE:
            self._say(f"Pasted text is cut off after {MAX_PASTE} characters")
            text = text[:MAX_PASTE]
        layout = self.translator.layout
        try:
            found = strokes(text, layout, caps_lock=self.link.caps_lock)
        except UntypableText as error:
            missing = set(error.characters)
            self._say(f"The {layout} layout cannot type {''.join(error.characters)[:20]!r}; left out")
            found = strokes("".join(c for c in text if c not in missing), layout, caps_lock=self.link.caps_lock)
        self.release()
        self._typing = asyncio.create_task(self._type([stroke.keys for stroke in found]))

    async def _type(self, chords: list[tuple[Key, ...]]) -> None:
        for keys in chords:
            if not self.live:
                return
            self._switch([Switch(key, True) for key in keys] + [Switch(key, False) for key in reversed(keys)])
            await asyncio.sleep(TYPE_SECONDS)
        self._typing = None

    # pointer

    def mouse(self, event: Mouse, mapping: Mapping, x: float, y: float, over: bool) -> bool:
        """An event at a place of the view, in cells; *over*: nothing covers the picture there.

        Returns whether it is the guest's.
        """
        if not (over or self._buttons) or not self.live:
            return False
        inputs = self.link.inputs
        assert inputs is not None
        place = mapping.to_pixel(x, y)
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
            return True
        else:
            self._move_to(place)
        if event.kind == "wheel":
            if event.button <= 5:
                inputs.mouse_scroll(0, -1 if event.button == 4 else 1)
        elif event.kind != "move":
            self._button(event)
        return True

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

    def _move_to(self, place: Point) -> None:
        now = asyncio.get_running_loop().time()
        if self.link.cursor is not None and (self._believed is None or now - self._moved > SETTLE_SECONDS):
            self._believed = Point(*self.link.pointer)
        if self._believed is not None and self._believed != place and self.link.inputs is not None:
            self.link.inputs.mouse_motion(place.x - self._believed.x, place.y - self._believed.y)
            self._moved = now
        self._believed = place
