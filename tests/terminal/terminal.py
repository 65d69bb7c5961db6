"""A terminal in a pty: shows what is written to it, text and pictures, and answers as the terminal would that it is.

Text is pyte's; pictures are decoded here by their specifications, by nothing that the app has a part in.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import os
import pty
import select
import struct
import termios
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyte

from . import picture
from .iterm import Files
from .kitty import Graphics, Image, Rules
from .link import Answers, Link
from .personality import PLAIN, Personality
from .screen import Pixels, Screen
from .sixel import decode
from .stream import Csi, Splitter, String, Text

TIMEOUT = 20.0


class Terminal:
    """`kitty`: has the keyboard protocol.  `acknowledges`: answers status reports; `answers`: anything at all.

    Use within a running loop.
    """

    def __init__(
        self,
        columns: int = 80,
        rows: int = 24,
        *,
        kitty: bool = True,
        acknowledges: bool = True,
        answers: bool = True,
        synchronized: bool = True,
        cell: tuple[int, int] = (8, 16),
        personality: Personality | None = None,
        link: Link | None = None,
    ) -> None:
        if personality is None:
            modes = frozenset({2026} if synchronized else ())
            personality = replace(PLAIN, keyboard=kitty, modes=modes)
        self.personality = personality
        self.link = link or Link()
        self.acknowledges = acknowledges
        self.answers = answers
        self.cell = cell
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._splitter = Splitter(doubled=personality.passthrough)
        self._inner = Splitter()  # what tmux passes through
        self._graphics = {alternate: self._make_graphics() for alternate in (False, True)}
        self.screen.scrolled = lambda amount, top, bottom: self.graphics.scrolled(
            amount, top, bottom, self.screen.lines
        )
        self.screen.cleared = lambda: self.graphics.cleared()
        self.screen.switched = lambda alternate: self._graphics[True].wipe()
        self._files = Files()
        self.modes: dict[int, bool] = {}
        self.keyboard: list[int] = []
        self.title = ""
        self.clipboard = b""
        self.clipboards: dict[str, bytes] = {}  # by the letter of the selection, as they were set
        self.clipboard_queries = 0
        self.received = bytearray()
        self.sixels = 0  # pictures that came
        self.problems: list[str] = []  # what a real terminal would have passed over, or shown wrongly
        self.passes = True  # tmux hands on what is wrapped; it does not while it redraws
        self.withheld = 0  # acknowledgements that were not given
        self.shown: Callable[[], None] = lambda: None  # called after each synchronised update, on the reading thread
        self._changed = asyncio.Event()
        self.lock = threading.RLock()
        self.resize(columns, rows)
        self.settings = termios.tcgetattr(self.slave)
        self._loop = asyncio.get_running_loop()
        self._answers = Answers(self.link.delay, self._send) if self.link.delay else None
        self._stop, self._stopped = os.pipe()
        # Not on the loop: the app stops it for a moment when it leaves, and then still wants answers.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _make_graphics(self) -> Graphics:
        rules = (self.personality.outer or self.personality).graphics
        return Graphics(rules or Rules(), self.cell, self._place, self._advance)

    def resize(self, columns: int, rows: int) -> None:
        with contextlib.ExitStack() as stack:
            if hasattr(self, "lock"):
                stack.enter_context(self.lock)
            self.screen.resize(rows, columns)
        width, height = self.cell if self.personality.pixels else (0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, columns * width, rows * height))
        if self.modes.get(2048):
            self._report_size()

    def _report_size(self) -> None:
        rows, columns = self.screen.lines, self.screen.columns
        self.answer(b"\x1b[48;%d;%d;%d;%dt" % (rows, columns, rows * self.cell[1], columns * self.cell[0]))

    def _end_reading(self) -> None:
        if self._stopped >= 0:
            os.close(self._stopped)
            self._stopped = -1
            self._thread.join()
            os.close(self._stop)
            if self._answers is not None:
                self._answers.close()

    def close(self) -> None:
        self._end_reading()
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def stall(self) -> None:
        """Reads nothing any more, and takes nothing either."""
        self._end_reading()
        fd = os.open(os.ttyname(self.slave), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, bytes(1024))
        os.close(fd)

    def hang_up(self) -> None:
        self._end_reading()
        os.close(self.master)

    # what is seen

    @property
    def text(self) -> str:
        with self.lock:
            return "\n".join(self.screen.display)

    def cell_at(self, x: int, y: int) -> tuple[str, str, str]:
        """Character, foreground and background (``rrggbb`` or a name)."""
        char = self.screen.buffer[y][x]
        return char.data, char.fg, char.bg

    def pixels(self) -> Pixels:
        """All that is seen: (rows * cell height, columns * cell width, 3) RGB."""
        with self.lock:
            return picture.draw(self.screen, self.graphics, self.cell)

    @property
    def graphics(self) -> Graphics:
        """The kitty images of the screen that is shown."""
        return self._graphics[self.screen.other is not None]

    @property
    def images(self) -> list[Image]:
        """The kitty images that the terminal holds, on either screen."""
        with self.lock:
            return [*self._graphics[False].images, *self._graphics[True].images]

    @property
    def errors(self) -> list[str]:
        """All that came and made no sense, or failed."""
        with self.lock:
            broken = [repr(data) for data in (*self._splitter.broken, *self._inner.broken)]
            graphics = [error for graphics in self._graphics.values() for error in graphics.errors]
            return [*broken, *graphics, *self._files.errors, *self.problems]

    def changed(self) -> None:
        """Somebody waiting should look again."""
        self._changed.set()

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Waits for output (or :meth:`changed`) until *condition* holds."""
        async with asyncio.timeout(TIMEOUT) as limit:
            try:
                while True:
                    self._changed.clear()
                    with self.lock:
                        if condition():
                            return
                    with contextlib.suppress(TimeoutError):  # what is waited for need not be output
                        await asyncio.wait_for(self._changed.wait(), 0.05)
            except asyncio.CancelledError:
                if limit.expired():
                    raise AssertionError(f"never: {what or condition}\n{self.text}") from None
                raise

    # what comes

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self.master, self._stop], [], [])
            if self._stop in ready:
                return
            try:
                data = os.read(self.master, self.link.most)
            except OSError:
                data = b""
            self.link.carry(len(data))
            with self.lock:
                self.feed(data)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._changed.set)
            if not data:
                return

    def feed(self, data: bytes) -> None:
        self.received += data
        for token in self._splitter.feed(data):
            if isinstance(token, Text):
                self._stream.feed(token.data)
            elif isinstance(token, Csi):
                self._csi(token)
            else:
                self._string(token)

    def _csi(self, token: Csi) -> None:
        handler = self._HANDLERS.get((token.private, token.between, token.final))
        if handler is not None:
            handler(self, token)
        elif not token.private:
            self._stream.feed(token.raw)

    def _sgr(self, token: Csi) -> None:
        self.screen.render(token.args)

    def _repeat(self, token: Csi) -> None:
        self.screen.repeat(token.numbers(1)[0])

    def _scroll(self, token: Csi) -> None:
        amount = token.numbers(1)[0] or 1
        self.screen.scroll(amount if token.final == "S" else -amount)

    def _mode(self, token: Csi) -> None:
        on = token.final == "h"
        for number in token.numbers():
            self.modes[number] = on
            if number in (47, 1047, 1049):
                self.screen.alternate(on)
            elif number in (6, 7, 25):
                self._stream.feed(b"\x1b[?%d%s" % (number, token.final.encode()))
            elif number == 2026 and not on:
                self.shown()
            elif number == 2048 and on and 2048 in (self.personality.modes or ()):
                self._report_size()

    def _ask_mode(self, token: Csi) -> None:
        known, number = self.personality.modes, token.numbers()[0]
        if known is not None:
            state = (1 if self.modes.get(number) else 2) if number in known else 0
            self.answer(b"\x1b[?%d;%d$y" % (number, state))

    def _ask_keyboard(self, token: Csi) -> None:
        if self.personality.keyboard:
            self.answer(b"\x1b[?%du" % (self.keyboard[-1] if self.keyboard else 0))

    def _push_keyboard(self, token: Csi) -> None:
        if self.personality.keyboard:
            self.keyboard.append(token.numbers()[0])

    def _pop_keyboard(self, token: Csi) -> None:
        for _ in range(token.numbers(1)[0] or 1):
            if self.keyboard:
                self.keyboard.pop()

    def _ask_version(self, token: Csi) -> None:
        if self.personality.version:
            self.answer(b"\x1bP>|%s\x1b\\" % self.personality.version.encode())

    def _ask_attributes(self, token: Csi) -> None:
        reply = self.personality.da2 if token.private == ">" else self.personality.da1
        if reply:
            self.answer(b"\x1b[%s%sc" % (b">" if token.private else b"?", reply.encode()))

    def _ask_status(self, token: Csi) -> None:
        number = token.numbers()[0]
        if number == 6:
            self.answer(b"\x1b[%d;%dR" % (self.screen.cursor.y + 1, min(self.screen.cursor.x + 1, self.screen.columns)))
        elif number == 5 and self.acknowledges:
            self.answer(b"\x1b[0n")
        elif number == 5:
            self.withheld += 1

    def release(self, count: int | None = None) -> None:
        """Gives acknowledgements that were withheld."""
        with self.lock:
            count = self.withheld if count is None else min(count, self.withheld)
            self.withheld -= count
        for _ in range(count):
            self.answer(b"\x1b[0n")

    def _ask_window(self, token: Csi) -> None:
        number = token.numbers()[0]
        if number not in self.personality.windows:
            return
        (width, height), rows, columns = self.cell, self.screen.lines, self.screen.columns
        sizes = {14: (4, rows * height, columns * width), 16: (6, height, width), 18: (8, rows, columns)}
        self.answer(b"\x1b[%d;%d;%dt" % sizes[number])

    def _ask_graphics(self, token: Csi) -> None:
        item, action = (*token.numbers(), 0)[:2]
        if action not in (1, 4):
            return
        if item == 1 and self.personality.registers is not None:
            self.answer(b"\x1b[?1;0;%dS" % self.personality.registers)
        elif item == 2 and self.personality.largest is not None:
            self.answer(b"\x1b[?2;0;%d;%dS" % self._largest())

    def _largest(self) -> tuple[int, int]:
        window = self.screen.columns * self.cell[0], self.screen.lines * self.cell[1]
        asked = self.personality.largest or (4096, 4096)
        return window if asked == (0, 0) else asked

    _HANDLERS: dict[tuple[str, str, str], Callable[[Terminal, Csi], None]] = {  # noqa: RUF012
        ("", "", "m"): _sgr,
        ("", "", "b"): _repeat,
        ("", "", "S"): _scroll,
        ("", "", "T"): _scroll,
        ("?", "", "h"): _mode,
        ("?", "", "l"): _mode,
        ("?", "$", "p"): _ask_mode,
        ("?", "", "u"): _ask_keyboard,
        (">", "", "u"): _push_keyboard,
        ("<", "", "u"): _pop_keyboard,
        (">", "", "q"): _ask_version,
        ("", "", "c"): _ask_attributes,
        (">", "", "c"): _ask_attributes,
        ("", "", "n"): _ask_status,
        ("", "", "t"): _ask_window,
        ("?", "", "S"): _ask_graphics,
        ("", "", "u"): lambda terminal, token: None,
    }

    # control strings

    def _string(self, token: String) -> None:
        body = token.body
        if token.kind == "apc" and body.startswith(b"G"):
            if self.personality.graphics is not None:
                self._kitty(body[1:])
        elif token.kind == "osc":
            self._osc(body)
        elif token.kind == "dcs" and body.startswith(b"tmux;"):
            if self.personality.passthrough and self.passes:
                for inner in self._inner.feed(body[5:]):
                    if isinstance(inner, String) and inner.kind == "apc" and inner.body.startswith(b"G"):
                        self._kitty(inner.body[1:])
                    elif isinstance(inner, String) and inner.kind == "osc" and inner.body.startswith(b"52;"):
                        self._selection(inner.body[3:], self.personality.outer or self.personality)
                    else:
                        self.problems.append(f"passed through: {inner!r:.60}")
        elif token.kind == "dcs":
            parameters, mark, data = body.partition(b"q")
            if mark and self.personality.sixel and not parameters.strip(b"0123456789;"):
                self._sixel(parameters.decode(), data)

    def _kitty(self, body: bytes) -> None:
        reply = self.graphics.handle(body)
        if reply is not None:
            self.answer(b"\x1b_" + reply + b"\x1b\\")

    def _osc(self, body: bytes) -> None:
        code, _, rest = body.partition(b";")
        if code in (b"0", b"2"):
            self.title = rest.decode("utf-8", "replace")
        elif code in (b"10", b"11") and rest == b"?" and self.personality.tells_colors:
            color = picture.FOREGROUND if code == b"10" else picture.BACKGROUND
            words = "/".join(color[place : place + 2] * 2 for place in (0, 2, 4))
            self.answer(b"\x1b]%s;rgb:%s\x1b\\" % (code, words.encode()))
        elif code == b"52":
            self._selection(rest, self.personality)
        elif code == b"1337" and self.personality.iterm:
            inline = self._files.handle(rest, self.cell, (self.screen.columns, self.screen.lines))
            if inline is not None:
                x, y = self._place()
                self._attach(inline.pixels, scroll=not inline.stays)
                self.screen.cursor.x = min(x + inline.columns, self.screen.columns - 1)
                if inline.stays:
                    self.screen.cursor.x, self.screen.cursor.y = x, y

    def _selection(self, body: bytes, personality: Personality) -> None:
        letter, _, data = body.partition(b";")
        if data == b"?":
            self.clipboard_queries += 1
            if personality.clipboard == "read":
                self.answer(b"\x1b]52;%s;%s\x1b\\" % (letter, base64.b64encode(self.clipboard)))
        elif personality.clipboard:
            self.clipboards[letter.decode()] = self.clipboard = base64.b64decode(data, validate=True)

    def _sixel(self, parameters: str, data: bytes) -> None:
        registers = self.personality.registers or 256
        sixels = decode(parameters, data, registers=registers, limit=self._largest())
        self.problems += sixels.problems
        self.sixels += 1
        cursor = self.screen.cursor
        x, y = self._place()
        if self.modes.get(80):  # DECSDM: at the top left, and nothing moves
            cursor.x = cursor.y = 0
            self._attach(sixels.pixels, scroll=False)
            cursor.x, cursor.y = x, y
        else:
            self._attach(sixels.pixels, scroll=True)  # the cursor ends on the last row (xterm)
            cursor.x = x

    def _attach(self, pixels: Pixels, *, scroll: bool) -> None:
        """Lays a picture over the cells from the cursor on; the cursor ends on the last row of it."""
        across, down = self.cell
        screen = self.screen
        x, _ = self._place()
        rows = -(-pixels.shape[0] // down)
        columns = min(-(-pixels.shape[1] // across), screen.columns - x)
        whole = np.zeros((rows * down, max(columns, 1) * across, 4), np.uint8)
        part = pixels[:, : whole.shape[1]]
        whole[: part.shape[0], : part.shape[1]] = part
        for row in range(rows):
            if row and (scroll or screen.cursor.y < screen.lines - 1):
                screen.index()
            elif row:
                return
            for column in range(columns):
                tile = whole[row * down : (row + 1) * down, column * across : (column + 1) * across]
                if tile[..., 3].any():
                    screen.attach(x + column, screen.cursor.y, tile.copy())

    def _place(self) -> tuple[int, int]:
        return min(self.screen.cursor.x, self.screen.columns - 1), self.screen.cursor.y

    def _advance(self, columns: int, rows: int) -> None:
        """Moves the cursor as kitty does after a placement: into the next line at the edge, scrolling at the bottom."""
        screen = self.screen
        x = self._place()[0] + columns
        for _ in range(rows):
            screen.index()
        if x >= screen.columns:
            x = 0
            screen.index()
        screen.cursor.x = x

    def answer(self, data: bytes) -> None:
        if not self.answers:
            return
        if self._answers is not None:
            self._answers.give(data)
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self.master, data)
