"""``spicetui mouse TARGET move|click|drag|scroll``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import FeatureMissing
from ..keymap.keys import Button
from .exits import OK, UsageError
from .options import add_common, add_target, display_number, forbid_read_only, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.inputs import Inputs
    from ..client import Client

BUTTONS = ("left", "middle", "right", "side", "extra")
EVENT_SECONDS = 0.015  #: between two pointer events; guests poll mice 40 to 125 times a second
DRAG_STEPS = 16  #: places sent on the way of a drag, since programs ignore a jump
MODE_SECONDS = 1.0  #: how long the server may take to go over to absolute positions

USAGE = """TARGET move X Y [options]
       spicetui mouse TARGET click X Y [BUTTON] [--count N] [options]
       spicetui mouse TARGET drag X1 Y1 X2 Y2 [BUTTON] [options]
       spicetui mouse TARGET scroll N [options]"""
EPILOG = """\
examples:
  spicetui mouse localhost:5900 move 400 300
  spicetui mouse localhost:5900 click 400 300 --count 2
  spicetui mouse localhost:5900 click 400 300 right
  spicetui mouse localhost:5900 drag 10 10 200 200
  spicetui mouse localhost:5900 scroll -3

Places are pixels of the display, from its upper left corner. They need a guest with a tablet or an agent; without
one the pointer only moves by differences, and scroll alone works."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="+",
        help="move, click, drag or scroll (down when N is positive) and its numbers;"
        f" BUTTON is {', '.join(BUTTONS)} (default left)",
    )
    parser.add_argument("--count", metavar="N", type=count, default=1, help="clicks, 2 for a double click")
    parser.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    add_common(parser)


@dataclass(frozen=True)
class Action:
    """What the words ask for: places in pixels, a button, and the clicks of the wheel."""

    name: str
    places: tuple[tuple[int, int], ...] = ()
    button: Button = Button.LEFT
    clicks: int = 0


def parse_action(words: Sequence[str]) -> Action:
    """Raises UsageError."""
    name, *values = words
    if name == "scroll":
        if len(values) == 1 and values[0].removeprefix("-").isdecimal() and 0 < abs(int(values[0])) <= 1000:
            return Action(name, clicks=int(values[0]))
        raise UsageError("scroll takes the number of clicks, such as 3, or -3 for up")
    count = {"move": 1, "click": 1, "drag": 2}.get(name)
    if count is None:
        raise UsageError(f"{name!r} is nothing the mouse does; there is move, click, drag and scroll")
    button = Button.LEFT
    if name != "move" and len(values) == 2 * count + 1:
        word = values.pop().lower()
        if word not in BUTTONS:
            raise UsageError(f"no button is called {word!r}; there is {', '.join(BUTTONS)}")
        button = Button[word.upper()]
    if len(values) != 2 * count or not all(value.isdecimal() and int(value) < 65536 for value in values):
        example = "100 100 200 200" if count == 2 else "100 200"
        raise UsageError(f"{name} takes {2 * count} numbers of pixels, such as: {name} {example}")
    numbers = [int(value) for value in values]
    return Action(name, tuple(zip(numbers[0::2], numbers[1::2], strict=True)), button)


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of clicks from 1 to 100")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    action = parse_action(arguments.action)
    forbid_read_only(arguments)
    start_log(arguments)
    return run_async(point(arguments, action))


async def point(arguments: argparse.Namespace, action: Action) -> int:
    from .session import ready_inputs, session

    # Which monitor a number beyond the first means, only the display channels tell.
    only = {"inputs", "display"} if arguments.display else {"inputs"}
    async with session(arguments, only=only) as client:
        hand = Hand(await ready_inputs(client, MODE_SECONDS), arguments.display)
        if action.name == "scroll":
            await hand.scroll(action.clicks)
            return OK
        await absolute(client, arguments.display)
        if action.name == "drag":
            await hand.drag(action.places[0], action.places[1], action.button)
        else:
            await hand.move(*action.places[0])
            if action.name == "click":
                await hand.click(action.button, arguments.count)
    return OK


async def absolute(client: Client, display: int) -> None:
    """Waits until the pointer can be placed. Raises FeatureMissing."""
    from ..wire.enums import ChannelType
    from .session import LOOK_SECONDS

    if not any(key.type is ChannelType.DISPLAY for key in client.session.server_channels):
        raise FeatureMissing(f"the server has no display {display} (it has: none)")
    if display:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MODE_SECONDS):
                await client.wait_frame(display)
        client.screenshot(display)  # or FeatureMissing
    try:
        async with asyncio.timeout(MODE_SECONDS):
            while not client.mouse_mode_client:
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise FeatureMissing(
            "the guest has no tablet and no agent, so the pointer cannot be placed;"
            " scroll works, or give the guest a usb-tablet"
        ) from None


class Hand:
    """Pointer events at a pace that guests follow."""

    def __init__(self, inputs: Inputs, display: int) -> None:
        self._inputs = inputs
        self._display = display

    async def _pause(self) -> None:
        await asyncio.sleep(EVENT_SECONDS)
        await self._inputs.drain()

    async def move(self, x: int, y: int) -> None:
        # Twice: agents and tablets may lose the first place after a change of the mouse mode.
        for _ in range(2):
            self._inputs.mouse_move(x, y, self._display)
            await self._pause()

    async def click(self, button: Button, count: int) -> None:
        try:
            for _ in range(count):
                self._inputs.mouse_down(button)
                await self._pause()
                self._inputs.mouse_up(button)
                await self._pause()
        finally:
            self._inputs.release_all()

    async def drag(self, start: tuple[int, int], end: tuple[int, int], button: Button) -> None:
        await self.move(*start)
        try:
            self._inputs.mouse_down(button)
            await self._pause()
            for step in range(1, DRAG_STEPS):
                x, y = ((a * (DRAG_STEPS - step) + b * step) // DRAG_STEPS for a, b in zip(start, end, strict=True))
                self._inputs.mouse_move(x, y, self._display)
                await self._pause()
            await self.move(*end)
            self._inputs.mouse_up(button)
            await self._pause()
        finally:
            self._inputs.release_all()

    async def scroll(self, clicks: int) -> None:
        for _ in range(abs(clicks)):
            self._inputs.mouse_scroll(0, 1 if clicks > 0 else -1)
            await self._pause()
