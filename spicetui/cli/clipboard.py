"""``spicetui clipboard get|set TARGET [FILE]``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AgentError, SpiceError
from ..interfaces import BaseDriver, ClipboardFormat, ClipboardSelection
from .exits import OK, UsageError, complain
from .options import add_common, add_target, seconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..client import Client

TYPES = {
    "text": ClipboardFormat.TEXT,
    "image/png": ClipboardFormat.PNG,
    "image/bmp": ClipboardFormat.BMP,
    "image/tiff": ClipboardFormat.TIFF,
    "image/jpeg": ClipboardFormat.JPG,
    "files": ClipboardFormat.FILE_LIST,
}
SUFFIXES = {
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}

#: How long `set` stays after the guest has taken it: programs ask twice, and a clipboard manager may want it too.
LINGER_SECONDS = 0.5

USAGE = "get|set TARGET [FILE] [options]"
EPILOG = """\
examples:
  spicetui clipboard get localhost:5900
  spicetui clipboard get localhost:5900 shot.png
  echo hello | spicetui clipboard set localhost:5900
  spicetui clipboard set localhost:5900 notes.txt --seconds 60

The guest asks for the contents when something is pasted there, so `set` stays until the guest has taken them, until
something else is copied in the guest, or for --seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("get", "set"), help="get: print what the guest has; set: offer it something")
    add_target(parser)
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="where it goes or comes from; - or none is standard output or input"
    )
    parser.add_argument(
        "--selection", choices=("clipboard", "primary", "secondary"), default="clipboard", help="default clipboard"
    )
    parser.add_argument("--type", choices=TYPES, help="the format (default: by the name of FILE, else text)")
    parser.add_argument("--wait", action="store_true", help="get: what is copied next in the guest, within --timeout")
    parser.add_argument("--seconds", metavar="S", type=seconds, help="set: offer it for so long")
    parser.add_argument("--json", action="store_true", help="tell in the end what was done, one JSON object")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.file == "-":
        arguments.file = None
    if arguments.type is None:
        arguments.type = SUFFIXES.get(Path(arguments.file or "").suffix.lower(), "text")
    if arguments.action == "get":
        if arguments.seconds is not None:
            raise UsageError("--seconds is for set")
        if arguments.file is None and arguments.json:
            raise UsageError("--json and the contents cannot both go to standard output; give a file")
        if arguments.file is None and arguments.type != "text" and sys.stdout.isatty():
            raise UsageError(f"{arguments.type} is not for a terminal; give a file")
        work = get(arguments)
    else:
        if arguments.wait:
            raise UsageError("--wait is for get")
        if arguments.read_only:
            raise UsageError("--read-only keeps the guest's clipboard from being changed; leave it out")
        work = put(arguments, read(arguments))
    start_log(arguments)
    return run_async(work)


def read(arguments: argparse.Namespace) -> bytes:
    """What is to be offered. Raises OSError, UsageError."""
    data = Path(arguments.file).read_bytes() if arguments.file is not None else sys.stdin.buffer.read()
    if TYPES[arguments.type] is ClipboardFormat.TEXT:
        try:
            data.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{arguments.file or 'standard input'}: no UTF-8 text; say what it is by --type") from None
    return data


class Copied(BaseDriver):
    """Knows when something is copied in the guest."""

    def __init__(self, selection: ClipboardSelection) -> None:
        self.selection = selection
        self.event = asyncio.Event()

    def clipboard_grabbed(self, selection: ClipboardSelection, types: object) -> None:
        if selection is self.selection:
            self.event.set()


async def get(arguments: argparse.Namespace) -> int:
    from .session import session

    selection, format = _what(arguments)
    copied = Copied(selection)
    async with session(arguments, copied, only=()) as client:
        await client.main.wait_agent(arguments.timeout)
        if arguments.wait:
            try:
                async with asyncio.timeout(arguments.timeout):
                    await copied.event.wait()
            except TimeoutError:
                raise AgentError(f"nothing was copied in the guest within {arguments.timeout:g} seconds") from None
        try:
            data = await client.main.request_clipboard(selection, format, timeout=arguments.timeout)
        except AgentError as error:
            # spice-vdagent 0.22 forgets at the end of each session what was copied before.
            raise AgentError(f"{error}; copy it again if it was copied before another session ended") from None
    write(arguments.file, data)
    if arguments.json:
        print(json.dumps({"selection": arguments.selection, "type": arguments.type, "bytes": len(data)}))
    return OK


def write(name: str | None, data: bytes) -> None:
    if name is not None:
        Path(name).write_bytes(data)
    elif sys.stdout.isatty():
        sys.stdout.write(harmless(data.decode("utf-8", "replace")))
    else:
        sys.stdout.flush()
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
            out.write(data)


def harmless(text: str) -> str:
    """Text of the guest as a terminal may get it: no control characters but tab and line end."""
    return "".join(one if one.isprintable() or one in "\n\t" else "�" for one in text.replace("\r\n", "\n"))


class Offer(BaseDriver):
    """Gives *data* to the guest, and knows when it is no longer wanted."""

    def __init__(self, selection: ClipboardSelection, data: bytes) -> None:
        self.selection = selection
        self.data = data
        self.fetched = 0
        self.replaced = False
        self.changed = asyncio.Event()

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        self.fetched += 1
        self.changed.set()
        return self.data

    def clipboard_grabbed(self, selection: ClipboardSelection, types: object) -> None:
        if selection is self.selection:
            self.replaced = True
            self.changed.set()


async def put(arguments: argparse.Namespace, data: bytes) -> int:
    from .session import session

    selection, format = _what(arguments)
    offer = Offer(selection, data)
    async with session(arguments, offer, only=()) as client:
        await client.main.wait_agent(arguments.timeout)
        offer.replaced = False  # by what the guest had before
        client.main.grab_clipboard(selection, [format])
        if arguments.seconds is None and sys.stderr.isatty():
            complain("offered to the guest; paste it there, or press ctrl+c")
        try:
            async with asyncio.timeout(arguments.seconds):
                await _taken(client, offer, once=arguments.seconds is None)
        except TimeoutError:
            pass
    if arguments.json:
        told = {"selection": arguments.selection, "type": arguments.type, "bytes": len(data), "fetched": offer.fetched}
        print(json.dumps(told))
    if offer.replaced and not offer.fetched:
        raise AgentError("something else was copied in the guest before this was pasted")
    return OK


async def _taken(client: Client, offer: Offer, *, once: bool) -> None:
    """Until the guest has taken it, with *once*, or has something else. Raises what ended the session."""
    over = asyncio.ensure_future(client.wait_closed())
    changed = asyncio.ensure_future(offer.changed.wait())
    try:
        while not offer.replaced:
            lingering = LINGER_SECONDS if once and offer.fetched else None
            await asyncio.wait((over, changed), timeout=lingering, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                over.result()
                raise SpiceError("the session has ended")
            if not changed.done():
                if client.main.agent.queued:
                    continue
                return
            offer.changed.clear()
            changed = asyncio.ensure_future(offer.changed.wait())
    finally:
        for task in (over, changed):
            task.cancel()
        await asyncio.gather(over, changed, return_exceptions=True)


def _what(arguments: argparse.Namespace) -> tuple[ClipboardSelection, ClipboardFormat]:
    return ClipboardSelection[arguments.selection.upper()], TYPES[arguments.type]
