"""``spicetui type TARGET TEXT``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .exits import OK, UsageError, complain
from .options import add_common, add_target, forbid_read_only, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.inputs import Inputs
    from ..keymap.keys import Key
    from ..keymap.text import Typed

#: QEMU's PS/2 keyboard queues 16 bytes and drops what comes on top. The guest takes a byte an interrupt; one event
#: in 6 ms leaves an emulated one on a busy host time for both bytes of a prefixed key.
EVENT_SECONDS = 0.006
#: So many events are acknowledged together, and one such bunch more may be under way: 16 bytes at most.
BUNCH = 4
LOCKS_SECONDS = ACK_SECONDS = 1.0
LOOK_SECONDS = 0.002
PROGRESS_SECONDS = 2.0  # what takes less shows no progress
REFRESH_SECONDS = 0.1

USAGE = "TARGET TEXT|- [options]"
EPILOG = """\
examples:
  spicetui type localhost:5900 root
  printf 'uname -a\\n' | spicetui type localhost:5900 -
  spicetui type localhost:5900 --layout de 'ls ~/Bücher'
  spicetui type localhost:5900 --layout ru,us --switch alt+shift 'cd Загрузки'
  spicetui type localhost:5900 --unicode ctrl-shift-u 'naïve ☃'

The keys are those of the guest's layout, dead keys included. What it cannot type is named before anything is sent.
Layouts are those of xkeyboard-config, which Linux guests have; on others AltGr may give fewer characters. With several,
the guest is on the first, and --switch takes it to the next. ctrl-shift-u is for what listens to GTK or IBus, alt-code
for Windows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("text", metavar="TEXT", help="what to type; - reads standard input; a line end is Enter")
    add_layout(parser, "the guest's keyboard layout, or several with commas (default us)", default="us")
    parser.add_argument("--switch", metavar="COMBO", help="takes the guest to its next layout (default alt+shift)")
    parser.add_argument(
        "--unicode",
        choices=("off", "ctrl-shift-u", "alt-code"),
        default="off",
        help="how to type what the layout lacks, by its number (default off)",
    )
    parser.add_argument(
        "--rate", metavar="CPS", type=rate, help="characters a second at most (default: as fast as is safe)"
    )
    add_common(parser)


def add_layout(parser: argparse._ActionsContainer, help: str, *, default: str | None) -> None:
    parser.add_argument("--layout", metavar="NAME", default=default, help=help)
    parser.add_argument("--list-layouts", action=ListLayouts, nargs=0, help="print the names of all layouts and exit")


class ListLayouts(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from ..keymap.text import LAYOUTS

        width = max(map(len, LAYOUTS))
        print("\n".join(f"{name:{width}}  {title}" for name, title in LAYOUTS.items()))
        parser.exit()


def rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of characters a second")
    return value


def run(arguments: argparse.Namespace) -> int:
    forbid_read_only(arguments)
    start_log(arguments)
    text = arguments.text
    if text == "-":
        try:
            text = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"standard input is not UTF-8 text (byte {error.start})") from error
    spelled(arguments, text)  # refuses before anything connects
    return run_async(type_text(arguments, text))


def spelled(
    arguments: argparse.Namespace, text: str, *, caps_lock: bool = False, num_lock: bool = True
) -> Sequence[Typed]:
    """Raises UntypableText, LayoutError and KeyNameError."""
    from ..keymap.keys import parse_combo
    from ..keymap.text import SWITCH_GROUPS, UntypableText, spell

    switch = SWITCH_GROUPS if arguments.switch is None else parse_combo(arguments.switch)
    layout, unicode = arguments.layout, arguments.unicode
    found = spell(text, layout, caps_lock=caps_lock, num_lock=num_lock, unicode=unicode, switch=switch)
    if found.missing:
        raise UntypableText(found.missing, layout, unicode)
    return found.typed


async def type_text(arguments: argparse.Namespace, text: str) -> int:
    from ..wire.enums import KeyboardModifierFlags
    from .session import ready_inputs, session

    async with session(arguments, only={"inputs"}) as client:
        inputs = await ready_inputs(client, LOCKS_SECONDS)
        caps_lock = KeyboardModifierFlags.CAPS_LOCK in inputs.leds
        num_lock = KeyboardModifierFlags.NUM_LOCK in inputs.leds or not inputs.ready
        await send(inputs, spelled(arguments, text, caps_lock=caps_lock, num_lock=num_lock), arguments.rate)
    return OK


async def send(inputs: Inputs, typed: Sequence[Typed], rate: float | None = None) -> None:
    """Types, event by event, at *rate* characters a second or as fast as is safe.

    Lets go of every key in the end; when it is stopped, locks that were switched go back to what they were.
    """
    loop = asyncio.get_running_loop()
    pace = Pace(inputs)
    progress = Progress(typed, rate)
    locks = 0  # switched before the text, each to be switched back at its end
    try:
        for one in typed:
            began = loop.time()
            for stroke in one.strokes:
                for key, down in stroke.switches:
                    switch(inputs, key, down)
                    await pace.step()
            if one.text:
                progress.advance()
                if rate is not None:
                    await asyncio.sleep(max(0.0, began + 1 / rate - loop.time()))
            elif not progress.done:
                locks += 1
    except BaseException as error:
        inputs.release_all()
        for stroke in (stroke for one in typed[len(typed) - locks :] for stroke in one.strokes):
            for key, down in stroke.switches:
                switch(inputs, key, down)
        progress.end()
        if isinstance(error, asyncio.CancelledError):
            complain(f"stopped after {progress.done} of {progress.total} characters")
        raise
    inputs.release_all()
    progress.end()


def switch(inputs: Inputs, key: Key, down: bool) -> None:
    if down:
        inputs.key_down(key)
    else:
        inputs.key_up(key)


class Pace:
    """Between two events: time, and never more under way than a PC's keyboard queues, should the server stand still."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._events = 0
        self._marks: list[int] = []
        self._acknowledges = True

    async def step(self) -> None:
        """Raises ChannelClosed when the server is gone."""
        await asyncio.sleep(EVENT_SECONDS)
        await self._inputs.drain()
        self._events += 1
        if self._events % BUNCH == 0 and self._acknowledges:
            self._marks.append(self._inputs.mark())
            if len(self._marks) > 1:
                await self._taken(self._marks.pop(0))

    async def _taken(self, mark: int) -> None:
        """A server that has never acknowledged anything is not waited for again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ACK_SECONDS
        while self._inputs.acks < mark and not self._inputs.closed:
            if not self._inputs.acks and loop.time() > until:
                self._acknowledges = False
                return
            await asyncio.sleep(LOOK_SECONDS)


class Progress:
    """How far it is, on a terminal's standard error while a long text is typed."""

    def __init__(self, typed: Sequence[Typed], rate: float | None) -> None:
        self.total = sum(1 for one in typed if one.text)
        self.done = 0
        events = sum(1 for one in typed for stroke in one.strokes for _ in stroke.switches)
        seconds = max(events * EVENT_SECONDS, self.total / rate if rate else 0.0)
        self._shown = seconds >= PROGRESS_SECONDS and sys.stderr.isatty()
        self._next = 0.0

    def advance(self) -> None:
        self.done += 1
        now = asyncio.get_running_loop().time()
        if self._shown and now >= self._next:
            self._next = now + REFRESH_SECONDS
            share = 100 * self.done // self.total
            line = f"\rtyping: {self.done} of {self.total} characters, {share} %; ctrl+c stops"
            print(line, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Takes the line away."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
