"""``spicetui view TARGET``, and ``spicetui [TARGET]``: the app."""

from __future__ import annotations

import argparse
import asyncio

from .exits import UsageError
from .options import add_common, add_target, display_number, read_password, read_target, session_options, start_log

DESCRIPTION = "Show a machine in this terminal and drive it. Without TARGET: the demo desktop."
GRAPHICS = ("auto", "quadrant", "half")
SCALES = ("fit", "native", "integer", "1:1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser, optional=True)
    picture = parser.add_argument_group("picture")
    picture.add_argument("--graphics", choices=GRAPHICS, default="auto", help="how to draw it (default auto)")
    picture.add_argument("--scale", choices=SCALES, default="fit", help="how large (default fit)")
    picture.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    picture.add_argument("--fps", metavar="N", type=frames, default=None, help="at most N pictures a second")
    picture.add_argument("--view-only", action="store_true", help="only look: send no key and no mouse event")
    add_common(parser)


def frames(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 240):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pictures from 1 to 240")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    import sys

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal for input and output; spicetui screenshot needs none")
    start_log(arguments, to_terminal=False)
    return asyncio.run(view(arguments))


async def view(arguments: argparse.Namespace) -> int:
    from ..tui.start import run_async

    target = read_target(arguments, arguments.target or "demo")
    password = read_password(arguments, target)
    try:
        return await run_async(
            target.connector,
            password=password,
            options=session_options(arguments),
            timeout=arguments.timeout,
            title=target.title,
            graphics=arguments.graphics,
            scale=arguments.scale,
            display=arguments.display,
            fps=arguments.fps,
            view_only=arguments.view_only,
        )
    finally:
        await target.aclose()
