"""``spicetui text TARGET``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from .exits import FAILED, OK, complain
from .options import add_common, add_target, display_number, milliseconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..term.screentext import TextScreen

USAGE = "TARGET [options]"
DESCRIPTION = "Print the screen of a text console: what the firmware, a boot loader or a Linux console shows, as text."
EPILOG = """\
The text is taken when it has rested for --settle milliseconds, or when --timeout is over; a blinking cursor does not
count.  Blanks at the end of a line, and blank lines at the end of the screen, are left out.  A sign that is in no
known font comes out as \N{REPLACEMENT CHARACTER}.  A screen that is no text console is an error (status 1)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    parser.add_argument(
        "--settle", metavar="MS", type=milliseconds, default=250, help="how long the text must rest (default 250)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on one line: text, size, cursor and more")
    parser.add_argument("--colors", action="store_true", help="with --json: the colours of each line, in runs")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    start_log(arguments)
    return run_async(text(arguments))


async def text(arguments: argparse.Namespace) -> int:
    from .screen_watch import ScreenWatch
    from .session import session

    now = asyncio.get_running_loop().time
    deadline = now() + arguments.timeout
    watch = ScreenWatch(arguments.display)
    settle = arguments.settle / 1000
    async with session(arguments, watch, only={"display"}) as client:
        await watch.shown(client, deadline, arguments.timeout)
        rested = await watch.until(client, lambda: watch.changed_at + settle - now(), deadline)
        screen = watch.screen
    if screen is None:
        size = watch.size
        complain(
            f"display {arguments.display} shows no text console ({size.width}x{size.height} pixels);"
            " take its picture with screenshot"
        )
        return FAILED
    if isinstance(sys.stdout.encoding, str) and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a locale that lacks box drawing
    if arguments.json:
        print(json.dumps(describe(screen, colors=arguments.colors), ensure_ascii=False))
    else:
        print(screen.text(), end="")
    if not rested:
        complain(f"warning: the text did not rest for {arguments.settle} ms within {arguments.timeout:g} s")
    return OK


def describe(screen: TextScreen, *, colors: bool = False) -> dict[str, Any]:
    """What ``--json`` prints; places count from 0."""
    cursor = screen.cursor
    facts: dict[str, Any] = {
        "rows": screen.rows,
        "columns": screen.columns,
        "cell_width": screen.grid.cell.width,
        "cell_height": screen.grid.cell.height,
        "cursor": None if cursor is None else {"row": cursor.y, "column": cursor.x},
        "matched": round(screen.matched, 4),
        "lines": screen.lines(),
    }
    if colors:
        facts["colors"] = [_runs(row.tolist()) for row in screen.cells]
    return facts


def _runs(row: list[list[int]]) -> list[dict[str, Any]]:
    """Stretches of a line with the same two colours; a blank has any foreground."""
    runs: list[dict[str, Any]] = []
    for column, (code, front, back) in enumerate(row):
        foreground, background = f"#{front:06x}", f"#{back:06x}"
        last = runs[-1] if runs else None
        if last and last["background"] == background and (code == 0x20 or last["foreground"] in (None, foreground)):
            last["columns"] += 1
            if code != 0x20:
                last["foreground"] = foreground
        else:
            color = None if code == 0x20 else foreground
            runs.append({"column": column, "columns": 1, "foreground": color, "background": background})
    return runs
