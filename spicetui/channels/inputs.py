"""The inputs channel: keys, pointer, lock states.

Motion is held back while the server has not acknowledged what was sent: only the newest place (client mode) or the
sum of movements (server mode) is kept, and it always goes out before a button changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..keymap.keys import Button, Key
from ..wire import inputs as wire
from ..wire.enums import ChannelType, InputsCap, KeyboardModifierFlags, MouseMode
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session

#: The server acknowledges every fourth motion; two such bunches may be under way.
ACK_BUNCH = 4
MOTION_WINDOW = 2 * ACK_BUNCH


class Inputs(Channel):
    TYPE = ChannelType.INPUTS
    MESSAGES = wire.MESSAGES

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.leds = KeyboardModifierFlags(0)
        self.ready = False
        self.keys_down: dict[int, None] = {}  # in the order they were pressed
        self.buttons = 0  # a mask of the buttons held down
        self.acks = 0  # motion acknowledgements that came
        self._motions = 0  # motions sent
        self._unacknowledged = 0
        self._place: tuple[int, int, int] | None = None  # x, y, display, not sent yet
        self._movement = (0, 0)

    def describe(self, message: Any) -> str:
        """Keystrokes stay out of the log: they spell passwords."""
        if isinstance(message, (wire.KeyDown, wire.KeyUp, wire.KeyScancode)):
            return f"{type(message).__name__}(…)"
        return super().describe(message)

    # --- keys

    def key_down(self, key: Key | int) -> None:
        """Presses a key; pressing it again is a repeat."""
        if self.session.options.read_only:
            return
        self.keys_down[key] = None
        self.send(wire.KeyDown(key))

    def key_up(self, key: Key | int) -> None:
        if self.session.options.read_only:
            return
        self.keys_down.pop(key, None)
        self.send(wire.KeyUp(released(key)))

    def key_press(self, *keys: Key | int) -> None:
        """Presses keys in this order and releases them in the other: in one message where the server takes that.

        It arrives as a whole or not at all, so that a connection that is lost in between leaves no key down.
        """
        whole = InputsCap.KEY_SCANCODE in self.channel_caps and not self.keys_down.keys() & set(keys)
        if whole and not self.session.options.read_only:
            codes = [*keys, *(released(key) for key in reversed(keys))]
            self.send(wire.KeyScancode(b"".join(map(_octets, codes))))
            return
        for key in keys:
            self.key_down(key)
        for key in reversed(keys):
            self.key_up(key)

    def release_all(self) -> None:
        """Lets go of every key and button that is held down, the last pressed first."""
        for key in reversed(list(self.keys_down)):
            self.key_up(key)
        for button in Button:
            if self.buttons & mask(button):
                self.mouse_up(button)

    def set_modifiers(self, locks: KeyboardModifierFlags) -> None:
        """Tells the guest's keyboard which locks should be on."""
        if not self.session.options.read_only:
            self.send(wire.KeyModifiers(locks))

    def mark(self) -> int:
        """Asks the server to tell when it has taken all that was sent: it has once :attr:`acks` reaches the result.

        Motions are all that it acknowledges, so it gets a bunch of the kind that its mouse mode ignores.
        """
        if not self.session.options.read_only:
            for _ in range(ACK_BUNCH):
                if self.session.mouse_mode is MouseMode.CLIENT:
                    self._motion(wire.MouseMotion(0, 0, self.buttons))
                else:
                    self._motion(wire.MousePosition(0, 0, self.buttons, 0))
        return self._motions // ACK_BUNCH

    # --- pointer

    def mouse_move(self, x: int, y: int, display: int = 0) -> None:
        """Places the pointer (client mode), in pixels of the display, which is numbered as in ``client.heads``."""
        if self.session.options.read_only:
            return
        self._place = self._on_channel(max(x, 0), max(y, 0), display)
        self._send_motion(limit=True)

    def _on_channel(self, x: int, y: int, display: int) -> tuple[int, int, int]:
        """A place as the server takes it: the agent wants it on the monitor, a tablet on the whole surface."""
        heads = self.session.heads
        if display >= len(heads):  # no display channel is open
            return x, y, display
        head = heads[display]
        if self.session.main.agent_connected:
            return x, y, head.display_id
        return x + head.area.x, y + head.area.y, head.display_id

    def mouse_motion(self, dx: int, dy: int) -> None:
        """Moves the pointer by a difference (server mode)."""
        if self.session.options.read_only:
            return
        self._movement = (self._movement[0] + dx, self._movement[1] + dy)
        self._send_motion(limit=True)

    def mouse_down(self, button: Button) -> None:
        if self.session.options.read_only:
            return
        self._send_motion(limit=False)
        self.buttons |= mask(button)
        self.send(wire.MousePress(button, self.buttons))

    def mouse_up(self, button: Button) -> None:
        if self.session.options.read_only:
            return
        self._send_motion(limit=False)
        self.buttons &= ~mask(button)
        self.send(wire.MouseRelease(button, self.buttons))

    def mouse_click(self, button: Button = Button.LEFT) -> None:
        self.mouse_down(button)
        self.mouse_up(button)

    def mouse_scroll(self, dx: int, dy: int) -> None:
        """Turns the wheel by clicks; dy -1 is up. SPICE has no horizontal wheel, *dx* is dropped
        (spice-gtk 0.42 drops it too, and servers know only these two buttons of a wheel)."""
        for _ in range(abs(dy)):
            self.mouse_click(Button.UP if dy < 0 else Button.DOWN)

    def _send_motion(self, *, limit: bool) -> None:
        if limit and self._unacknowledged >= MOTION_WINDOW:
            return
        if self.session.mouse_mode is MouseMode.CLIENT:
            self._movement = (0, 0)
            if self._place is not None:
                x, y, display = self._place
                self._place = None
                self._motion(wire.MousePosition(x, y, self.buttons, display))
        else:
            self._place = None
            dx, dy = self._movement
            if dx or dy:
                self._movement = (0, 0)
                self._motion(wire.MouseMotion(dx, dy, self.buttons))

    def _motion(self, message: wire.MouseMotion | wire.MousePosition) -> None:
        self._motions += 1
        self._unacknowledged += 1
        self.send(message)

    # --- messages

    def on_inputs_init(self, message: wire.InputsInit) -> None:
        self.ready = True
        self._leds(message.keyboard_modifiers)
        self.session.driver.set_events_target(self)

    def on_led_modifiers(self, message: wire.LedModifiers) -> None:
        self._leds(message.modifiers)

    def _leds(self, flags: int) -> None:
        self.leds = leds = KeyboardModifierFlags(flags & 7)
        self.session.driver.leds_changed(
            KeyboardModifierFlags.SCROLL_LOCK in leds,
            KeyboardModifierFlags.NUM_LOCK in leds,
            KeyboardModifierFlags.CAPS_LOCK in leds,
        )

    def on_mouse_motion_ack(self, message: wire.MouseMotionAck) -> None:
        self.acks += 1
        self._unacknowledged = max(0, self._unacknowledged - ACK_BUNCH)
        self._send_motion(limit=True)


def mask(button: Button) -> int:
    """The button's bit in ``buttons_state``."""
    return 1 << button - 1


def released(code: int) -> int:
    """A key's release code: 0x80 in the last byte of its scancode (Pause: in both of its parts)."""
    if code > 0xFFFF:
        return code | 0x808000
    return code | (0x8000 if code > 0xFF else 0x80)


def _octets(code: int) -> bytes:
    return code.to_bytes(4, "little").rstrip(b"\0")
