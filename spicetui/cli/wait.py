"""``spicetui wait TARGET --text REGEX | --stable MS | --pixel X,Y,#RRGGBB | --change``."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .exits import FAILED, OK, UsageError, complain
from .options import add_common, add_target, display_number, milliseconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from .screen_watch import ScreenWatch

USAGE = "TARGET (--text REGEX | --stable MS | --pixel X,Y,#RRGGBB | --change) [options]"
DESCRIPTION = "Wait until the screen shows something; status 0 as soon as it does, 1 when --timeout is over."
EPILOG = """\
--text looks for a regular expression of Python in the lines of a text console (see spicetui text --help); ^ and $ are
the ends of a line.  On a text console a blinking cursor is no change.  --timeout is for all of it, with connecting."""


class Pixel(NamedTuple):
    x: int
    y: int
    color: int  #: 0xRRGGBB


def pixel(text: str) -> Pixel:
    match = re.fullmatch(r"(\d{1,5}),(\d{1,5}),#([0-9a-fA-F]{6})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pixel such as 10,20,#ff8000")
    return Pixel(int(match[1]), int(match[2]), int(match[3], 16))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    what = parser.add_argument_group("what to wait for").add_mutually_exclusive_group(required=True)
    what.add_argument("--text", metavar="REGEX", help="a line of a text console that this is found in")
    what.add_argument("--stable", metavar="MS", type=milliseconds, help="nothing has changed for so long")
    what.add_argument("--pixel", metavar="X,Y,#RRGGBB", type=pixel, help="a pixel of that colour")
    what.add_argument("--change", action="store_true", help="the screen is not as it was at first")
    parser.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    pattern = None
    if arguments.text is not None:
        try:
            pattern = re.compile(arguments.text, re.MULTILINE)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"{arguments.text!r} is no regular expression: {error}") from None
    start_log(arguments)
    return run_async(wait(arguments, pattern))


async def wait(arguments: argparse.Namespace, pattern: re.Pattern[str] | None) -> int:
    from .screen_watch import ScreenWatch
    from .session import session

    deadline = asyncio.get_running_loop().time() + arguments.timeout
    watch = ScreenWatch(arguments.display)
    async with session(arguments, watch, only={"display"}) as client:
        await watch.shown(client, deadline, arguments.timeout)
        holds = _condition(arguments, pattern, watch)
        if await watch.until(client, holds, deadline):
            return OK
    complain(_failure(arguments, watch))
    return FAILED


def _condition(
    arguments: argparse.Namespace, pattern: re.Pattern[str] | None, watch: ScreenWatch
) -> Callable[[], float | None]:
    """For :meth:`ScreenWatch.until`."""
    now = asyncio.get_running_loop().time
    if pattern is not None:
        return lambda: 0 if watch.screen is not None and pattern.search(watch.screen.text()) else None
    if arguments.stable is not None:
        return lambda: watch.changed_at + arguments.stable / 1000 - now()
    if arguments.pixel is not None:
        return lambda: 0 if watch.color(arguments.pixel.x, arguments.pixel.y) == arguments.pixel.color else None
    first = watch.changes
    return lambda: 0 if watch.changes != first else None


def _failure(arguments: argparse.Namespace, watch: ScreenWatch) -> str:
    display, seconds = f"display {arguments.display}", f"within {arguments.timeout:g} s"
    if arguments.text is not None:
        if watch.screen is None:
            return f"{display} shows no text console {seconds}; see it with screenshot"
        return f"{display} does not show {arguments.text!r} {seconds}; see it with text"
    if arguments.stable is not None:
        return f"{display} did not rest for {arguments.stable} ms {seconds}"
    if arguments.pixel is not None:
        x, y, wanted = arguments.pixel
        color = watch.color(x, y)
        if color is None:
            return f"{display} is {watch.size.width}x{watch.size.height} pixels and has none at {x},{y}"
        return f"{display} has #{color:06x} at {x},{y}, not #{wanted:06x}, {seconds}"
    return f"{display} did not change {seconds}"
