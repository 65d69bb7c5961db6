"""``spicetui key TARGET COMBO…``."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .exits import OK
from .options import add_common, add_target, forbid_read_only, milliseconds, start_log
from .run import run_async
from .type_text import LOCKS_SECONDS, Pace, add_layout

if TYPE_CHECKING:
    from ..channels.inputs import Inputs
    from ..keymap.keys import Key

USAGE = "TARGET COMBO... [options]"
EPILOG = """\
examples:
  spicetui key localhost:5900 ctrl+alt+delete
  spicetui key localhost:5900 esc down down enter
  spicetui key localhost:5900 super --hold 1000
  spicetui key localhost:5900 --layout de ctrl+z

Keys are named by their place on a US keyboard: a…z, 0…9, f1…f24, esc, tab, enter, backspace, space, ctrl, shift, alt,
altgr, super, menu, insert, delete, home, end, pgup, pgdn, up, down, left, right, print, pause, capslock, numlock,
kp_0…kp_9, kp_enter, iso, mute, volume_up and so on; a plus sign joins those that are held together. With --layout a
single character is the key that types it there, with the Shift or AltGr that it takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("combos", metavar="COMBO", nargs="+", help="keys joined by +; several are pressed one by one")
    parser.add_argument(
        "--hold", metavar="MS", type=milliseconds, default=20, help="how long each is held down (default 20)"
    )
    add_layout(parser, "the guest's keyboard layout: single characters are found on it", default=None)
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    from ..keymap.keys import parse_combo
    from ..keymap.text import combination

    forbid_read_only(arguments)
    start_log(arguments)
    layout = arguments.layout
    combos = [combination(one, layout) if layout else parse_combo(one) for one in arguments.combos]
    return run_async(press_keys(arguments, combos))


async def press_keys(arguments: argparse.Namespace, combos: Sequence[Sequence[Key]]) -> int:
    from .session import ready_inputs, session

    async with session(arguments, only={"inputs"}) as client:
        inputs = await ready_inputs(client, LOCKS_SECONDS)
        pace = Pace(inputs)
        for combo in combos:
            await press(inputs, combo, arguments.hold / 1000, pace)
    return OK


async def press(inputs: Inputs, combo: Sequence[Key], hold: float, pace: Pace) -> None:
    """The keys go down in order, are held for *hold* seconds, and come up in the reverse order."""
    try:
        for key in combo:
            inputs.key_down(key)
            await pace.step()
        await asyncio.sleep(hold)
        for key in reversed(combo):
            inputs.key_up(key)
            await pace.step()
    finally:
        inputs.release_all()
