"""``spicetui type TARGET TEXT``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .exits import OK, UsageError
from .options import add_common, add_target, forbid_read_only, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.inputs import Inputs
    from ..keymap.text import Stroke

#: QEMU's PS/2 keyboard queues 16 bytes and drops what comes on top. The guest takes a byte an interrupt; one event
#: in 4 ms leaves an emulated one on a busy host time for both bytes of a prefixed key.
EVENT_SECONDS = 0.004
LOCKS_SECONDS = 1.0

USAGE = "TARGET TEXT|- [options]"
EPILOG = """\
examples:
  spicetui type localhost:5900 root
  printf 'uname -a\\n' | spicetui type localhost:5900 -

The keys are those of the guest's layout. What it cannot type is named before anything is sent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("text", metavar="TEXT", help="what to type; - reads standard input; a line end is Enter")
    parser.add_argument("--layout", metavar="NAME", default="us", help="the guest's keyboard layout (default us)")
    parser.add_argument(
        "--rate", metavar="CPS", type=rate, help="characters a second at most (default: as fast as is safe)"
    )
    add_common(parser)


def rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of characters a second")
    return value


def run(arguments: argparse.Namespace) -> int:
    from ..keymap.text import strokes

    forbid_read_only(arguments)
    start_log(arguments)
    text = arguments.text
    if text == "-":
        try:
            text = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"standard input is not UTF-8 text (byte {error.start})") from error
    strokes(text, arguments.layout)  # refuses before anything connects
    return run_async(type_text(arguments, text))


async def type_text(arguments: argparse.Namespace, text: str) -> int:
    from ..keymap.text import strokes
    from ..wire.enums import KeyboardModifierFlags
    from .session import ready_inputs, session

    async with session(arguments, only={"inputs"}) as client:
        inputs = await ready_inputs(client, LOCKS_SECONDS)
        caps_lock = KeyboardModifierFlags.CAPS_LOCK in inputs.leds
        await send(inputs, strokes(text, arguments.layout, caps_lock=caps_lock), arguments.rate)
    return OK


async def send(inputs: Inputs, strokes: Sequence[Stroke], rate: float | None = None) -> None:
    """Types, event by event, at *rate* strokes a second or as fast as is safe; lets go of every key in the end."""
    loop = asyncio.get_running_loop()
    try:
        for stroke in strokes:
            began = loop.time()
            for key in stroke.keys:
                inputs.key_down(key)
                await pause(inputs)
            for key in reversed(stroke.keys):
                inputs.key_up(key)
                await pause(inputs)
            if rate is not None:
                await asyncio.sleep(max(0.0, began + 1 / rate - loop.time()))
    finally:
        inputs.release_all()


async def pause(inputs: Inputs) -> None:
    """The time between two events. Raises ChannelClosed when the server is gone."""
    await asyncio.sleep(EVENT_SECONDS)
    await inputs.drain()
