"""Textual's driver for this app: own input, own output, and the terminal left as it was found.

Textual's parser cannot take key releases and takes replies of the terminal for keys, so it only ever sees what is
meant for it.  Input is read on the event loop: a key needs no other thread to reach the guest.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import select
import signal
import termios
import time
from typing import TYPE_CHECKING, Any

from textual import events, messages
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size as TextualSize
from textual.message import Message

from ..diagnostics import printable
from ..geometry import Size
from ..term import caps, tokenizer
from ..term.caps import Caps
from ..term.multiplexer import ask_tmux
from ..term.probe import ProbeFile, cell_px
from ..term.tokenizer import Event, Focus, KeyPress, Mouse, Paste, Reply, Resize, Tokenizer
from .writer import FrameWriter

if TYPE_CHECKING:
    from .app import SpiceApp

ESCAPE_SECONDS = 0.05  # a lone ESC is the Escape key after this long
ABANDON_SECONDS = 2.0  # a string or paste without end is given up after this long
DRAIN_SECONDS = 0.2  # at the end, for replies that are still to come
MAX_DRAIN_SECONDS = 2.0  # on a slow line

_ENTER = (
    b"\x1b[22;0t"  # keep the title
    b"\x1b[?1049h"
    b"\x1b[?25l"
    b"\x1b[?7l"
    b"\x1b[?1000h\x1b[?1003h\x1b[?1006h"
    b"\x1b[?1004h"
    b"\x1b[?2004h"
) + caps.PUSH_KEYBOARD
_LEAVE = (
    (b"\x1b[?2026l\x1b[?1016l\x1b[?1006l\x1b[?1003l\x1b[?1000l\x1b[?2004l\x1b[?1004l\x1b[m")
    + caps.POP_KEYBOARD
    + b"\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[23;0t"
)


class SpiceDriver(LinuxDriver):
    """Textual's side of it is the methods of LinuxDriver; the app uses the rest."""

    def __init__(self, app: SpiceApp, **options: Any) -> None:
        super().__init__(app, **options)
        self.spice_app = app
        self.fileno, self.output = app.terminal
        self.input_tty = os.isatty(self.fileno)
        self.caps = ask_tmux(Caps.from_environment(os.environ))
        self.writer = FrameWriter(self.output, self._on_room, self._on_broken)
        self._tokenizer = Tokenizer()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._parser = XTermParser()
        self._reading = False
        self._pixels = False  # whether mouse places come in pixels now
        self._place = (0.0, 0.0)
        self._active = False
        self._modified_keys = False  # asked for
        self._asked = 0.0  # when, on the loop's clock
        self._probe_file: ProbeFile | None = None
        app.attach_terminal(self)

    def send_message(self, message: Message) -> None:
        self.spice_app.post_message(message)  # input is read on the loop

    # output

    def write(self, data: str) -> None:
        self.writer.control(data.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Nothing is held back."""

    def set_title(self, title: str) -> None:
        self.write(f"\x1b]2;{printable(title, 80)}\x1b\\")

    def _on_room(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.spice_app.terminal_has_room)

    def _on_broken(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.spice_app.terminal_gone)

    # start and stop

    def start_application_mode(self) -> None:
        again = self.writer.used  # after a suspension
        if again:
            self.writer = FrameWriter(self.output, self._on_room, self._on_broken)
        self.writer.start()
        self._pixels = False
        self._tokenizer = Tokenizer()
        with contextlib.suppress(termios.error):
            self.attrs_before = termios.tcgetattr(self.fileno)
            raw = termios.tcgetattr(self.fileno)
            erase = raw[6][termios.VERASE]
            self._tokenizer.erase = erase[0] if isinstance(erase, bytes) else 127
            raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)
            raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.fileno, termios.TCSANOW, raw)
        self._active = True
        atexit.register(self._restore_at_exit)
        self._loop.add_signal_handler(signal.SIGWINCH, self._on_window_change)
        self._probe_file = ProbeFile()
        self.writer.control(_ENTER + self.caps.queries(self._probe_file.path))
        self._asked = self._loop.time()
        if again:
            self.spice_app.terminal_forgot()
            if self.caps.answered:
                self._ask_for_more()
        self._send_size()
        self._loop.add_reader(self.fileno, self._on_readable)
        self._reading = True
        if self._must_signal_resume:
            self._must_signal_resume = False
            self.send_message(self.SignalResume())

    def undecided(self) -> float:
        """Seconds that the terminal still has to answer, 0 when nothing more is waited for."""
        if self.caps.answered:
            return 0.0
        return max(0.0, self._asked + caps.PROBE_SECONDS - self._loop.time())

    def _end_probe(self) -> None:
        if self._probe_file is not None:
            self._probe_file.remove()
            self._probe_file = None

    def disable_input(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.fileno)
            self._loop.remove_signal_handler(signal.SIGWINCH)
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def stop_application_mode(self) -> None:
        if not self._active:
            return
        self.disable_input()
        self.spice_app.guest.release()
        self._drain(self.writer.outstanding)
        self._end_probe()
        late = self.writer.outstanding
        asks = self.writer.answers
        self.writer.control(self.spice_app.view.plane.leave() + self._leaving + (caps.STATUS if asks else b""))
        if not self.writer.stop():
            self._leave_anyway()
        elif asks:
            self._drain(late + 1)  # the key that ended the app may still be held, and its release be reported
        self._restore_settings()
        self._active = self._modified_keys = False
        atexit.unregister(self._restore_at_exit)

    @property
    def _leaving(self) -> bytes:
        return (caps.PLAIN_KEYS if self._modified_keys else b"") + _LEAVE

    def close(self) -> None:
        self.writer.stop()

    def _drain(self, reports: int) -> None:
        """Reads what would otherwise be typed into the shell, up to so many status reports."""
        deadline = time.monotonic() + min(max(DRAIN_SECONDS, 4 * self.writer.ack_seconds), MAX_DRAIN_SECONDS)
        while reports > 0 and not self.writer.broken:
            rest = deadline - time.monotonic()
            try:
                if rest <= 0 or not select.select([self.fileno], [], [], rest)[0]:
                    return
                data = os.read(self.fileno, 1 << 16)
            except OSError:
                return
            if not data:
                return
            for event in self._tokenizer.feed(data):
                if isinstance(event, Reply) and event.kind == "status":
                    self.writer.acknowledged()
                    reports -= 1

    def _leave_anyway(self) -> None:
        """The terminal reads nothing; what it is told finds room behind what was thrown away, or not at all."""
        with contextlib.suppress(OSError):
            os.set_blocking(self.output, False)
            try:
                os.write(self.output, self._leaving)
            finally:
                os.set_blocking(self.output, True)

    def _restore_settings(self) -> None:
        # Not TCSAFLUSH: that waits for a terminal that may read nothing any more.
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
                termios.tcflush(self.fileno, termios.TCIFLUSH)

    def _restore_at_exit(self) -> None:
        """The app did not come to its regular end."""
        if self._active:
            self._active = False
            self._end_probe()
            with contextlib.suppress(OSError):
                os.write(self.output, self.spice_app.view.plane.leave() + self._leaving)
            self._restore_settings()

    # size

    def _get_terminal_size(self) -> tuple[int, int]:
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(self.output)
            if columns > 0 and rows > 0:
                return columns, rows
        return 80, 24

    def _on_window_change(self) -> None:
        self._send_size()

    def _send_size(self) -> None:
        size = TextualSize(*self._get_terminal_size())
        before, self.spice_app.cell_px = self.spice_app.cell_px, cell_px(self.output, Size(*size), self.caps)
        if before != self.spice_app.cell_px:
            self.spice_app.cell_size_changed()
        self.spice_app.post_message(events.Resize(size, size))

    # input

    def _on_readable(self) -> None:
        try:
            data = os.read(self.fileno, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self.fileno)
            self._reading = False
            self.spice_app.terminal_gone()
            return
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._dispatch(self._tokenizer.feed(data))
        if self._tokenizer.pending:
            self._flush_timer = self._loop.call_later(ESCAPE_SECONDS, self._flush_input, False)

    def _flush_input(self, hard: bool) -> None:
        self._flush_timer = None
        self._dispatch(self._tokenizer.flush(hard))
        if self._tokenizer.pending and not hard:
            self._flush_timer = self._loop.call_later(ABANDON_SECONDS, self._flush_input, True)

    def _dispatch(self, found: list[Event]) -> None:
        for event in found:
            if isinstance(event, Reply):
                self._on_reply(event)
            elif isinstance(event, Mouse):
                self._on_mouse(event)
            elif isinstance(event, KeyPress):
                if not self.spice_app.take_key(event):
                    self._key_to_textual(event)
            elif isinstance(event, Paste):
                if not self.spice_app.take_paste(event):
                    self.process_message(events.Paste(event.text))
            elif isinstance(event, Focus):
                self.spice_app.take_focus(event.gained)
                self.process_message(events.AppFocus() if event.gained else events.AppBlur())
            elif isinstance(event, Resize):
                self._send_size()

    def _on_reply(self, reply: Reply) -> None:
        if reply.kind == "status":
            seconds = self.writer.acknowledged()
            if seconds is not None:
                self.spice_app.frame_acknowledged(seconds)
            return
        if reply.kind == "mode" and reply.args == (caps.PIXEL_MOUSE, 1):
            self._pixels = True  # mouse reports behind this one are in pixels
            return
        self.writer.answers = True
        if reply.kind == "osc":
            self.spice_app.shared_clipboard.terminal_answered(reply)
        known = self.caps.learn(reply)
        if known == self.caps:
            if reply.kind == "apc" and reply.data.startswith(b"G"):
                self.spice_app.view.plane.answered(reply.data[1:])
            return
        before, self.caps = self.caps, known
        if known.synchronized and not before.synchronized:
            self.process_message(messages.TerminalSupportsSynchronizedOutput())
        size = Size(*self._get_terminal_size())
        cell, self.spice_app.cell_px = self.spice_app.cell_px, cell_px(self.output, size, self.caps)
        if cell != self.spice_app.cell_px:
            self.spice_app.cell_size_changed()
        if known.answered and not before.answered:
            self._end_probe()
            self._ask_for_more()
        self.spice_app.terminal_learned(known)

    def _ask_for_more(self) -> None:
        """What not every terminal has."""
        if self.caps.modified_keys:
            self._modified_keys = self._tokenizer.modified_keys = True
            self.writer.control(caps.MODIFIED_KEYS)
        if self.caps.pixel_mouse and self.spice_app.cell_px is not None:
            self.writer.control(b"\x1b[?1016h\x1b[?1016$p")

    def _on_mouse(self, event: Mouse) -> None:
        cell = self.spice_app.cell_px
        if self._pixels and cell is not None:
            x, y = max(event.x - 0.5, 0.0) / cell.width, max(event.y - 0.5, 0.0) / cell.height
        else:
            x, y = max(event.x - 0.5, 0.0), max(event.y - 0.5, 0.0)
        if not self.spice_app.take_mouse(event, x, y):
            self._mouse_to_textual(event, float(int(x)), float(int(y)))

    def _mouse_to_textual(self, event: Mouse, x: float, y: float) -> None:
        kinds: dict[str, type[events.MouseEvent]] = {
            "down": events.MouseDown,
            "up": events.MouseUp,
            "move": events.MouseMove,
        }
        if event.kind == "wheel":
            wheel = (events.MouseScrollUp, events.MouseScrollDown, events.MouseScrollLeft, events.MouseScrollRight)
            kind: type[events.MouseEvent] = wheel[event.button - 4]
            button = 0
        else:
            kind = kinds[event.kind]
            button = event.button if event.button <= 3 else 0
            if kind is not events.MouseMove and not button:
                return
        before, self._place = self._place, (x, y)
        self.process_message(
            kind(
                None,
                x,
                y,
                int(x - before[0]),
                int(y - before[1]),
                button,
                bool(event.mods & tokenizer.Mod.SHIFT),
                bool(event.mods & tokenizer.Mod.ALT),
                bool(event.mods & tokenizer.Mod.CTRL),
                screen_x=x,
                screen_y=y,
            )
        )

    def _key_to_textual(self, event: KeyPress) -> None:
        sequence = textual_form(event)
        if sequence == "\x1b":
            self.process_message(events.Key("escape", "\x1b"))
        elif sequence:
            for message in self._parser.feed(sequence):
                self.process_message(message)


_LETTERS = {
    tokenizer.UP: "A",
    tokenizer.DOWN: "B",
    tokenizer.RIGHT: "C",
    tokenizer.LEFT: "D",
    tokenizer.HOME: "H",
    tokenizer.END: "F",
}
_TILDES = {tokenizer.INSERT: 2, tokenizer.DELETE: 3, tokenizer.PAGE_UP: 5, tokenizer.PAGE_DOWN: 6} | {
    tokenizer.F1 + index: number for index, number in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24))
}
_CODES = {tokenizer.ESCAPE: 27, tokenizer.ENTER: 13, tokenizer.TAB: 9, tokenizer.BACKSPACE: 127}


def textual_form(event: KeyPress) -> str:
    """A key going down in the form that Textual's parser takes; empty for a release."""
    if event.action is tokenizer.Action.RELEASE:
        return ""
    mods = (event.mods & tokenizer.Mod.CHORD) + 1
    if event.code in _LETTERS:
        return f"\x1b[1;{mods}{_LETTERS[event.code]}"
    if event.code in _TILDES:
        return f"\x1b[{_TILDES[event.code]};{mods}~"
    if event.code == tokenizer.ESCAPE and mods == 1:
        return "\x1b"
    if event.code not in _CODES:
        if not event.mods & (tokenizer.Mod.CTRL | tokenizer.Mod.ALT | tokenizer.Mod.SUPER) and event.text:
            return event.text
        if not event.text and event.code < 57344 and mods == 2 and event.shifted:
            return chr(event.shifted)
    return f"\x1b[{_CODES.get(event.code, event.code)};{mods}u"
