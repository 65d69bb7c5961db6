"""``spicetui send TARGET PATH…``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import AgentError
from .exits import FAILED, OK, UsageError, complain
from .options import add_common, add_target, seconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..agent.gather import Gathered
    from ..agent.queue import FileQueue, QueuedFile
    from ..client import Client
    from .transfer_bars import Bars

USAGE = "TARGET PATH... [options]"
EPILOG = """\
examples:
  spicetui send localhost:5900 notes.txt photos/*.jpg
  spicetui send vm -r photos --limit 500k

The guest's agent puts them where it is told to, mostly into the folder for downloads or on the desktop. It needs a user
who is logged in there. It knows no folders: -r sends the files in a folder without it.

--to-share needs no agent but spice-webdavd: files and whole folders appear in the guest's shared folder, read-only, and
the command ends when the guest has fetched all of them (or after --seconds, with status 1 when something is left)."""


def rate(text: str) -> float:
    from ..agent.queue import parse_rate

    try:
        return parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file, or a pattern in quotes")
    parser.add_argument("-r", "--recursive", action="store_true", help="send the files in folders, without the folders")
    parser.add_argument("--limit", metavar="RATE", type=rate, help="at most so many bytes a second: 500k, 2M")
    parser.add_argument(
        "--to-share", action="store_true", help="offer files and folders in the guest's shared folder instead"
    )
    parser.add_argument("--seconds", metavar="S", type=seconds, help="with --to-share: offer them so long at most")
    parser.add_argument("--json", action="store_true", help="tell the end of each file, one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.read_only:
        raise UsageError("--read-only keeps files from being sent; leave it out")
    if arguments.to_share:
        from . import send_share

        offered = send_share.check(arguments.paths)
        start_log(arguments)
        return run_async(send_share.send(arguments, offered))
    found = look(arguments.paths, arguments.recursive)
    start_log(arguments)
    return run_async(send(arguments, found))


def look(paths: list[str], recursive: bool) -> Gathered:
    """The files that are meant. Raises UsageError or AgentError for the first that cannot be sent."""
    from ..agent.gather import FOLDER, gather

    found = gather(paths, inside=recursive)
    for path, reason, advice in found.problems:
        if reason == FOLDER:
            raise UsageError(f"{path}: {reason}; pack it, give -r for the files in it, or --to-share for all of it")
        raise AgentError(f"{path}: {reason}" + (f"; {advice}" if advice else ""))
    if not found.files:
        raise AgentError("there is no file in it; nothing was sent")
    return found


async def send(arguments: argparse.Namespace, found: Gathered) -> int:
    from ..agent.files import SWITCHED_OFF
    from ..agent.queue import FileQueue
    from .session import session

    queue = FileQueue(digest=arguments.json)
    queue.limit = arguments.limit
    async with session(arguments, only=()) as client:
        await client.main.wait_agent(arguments.timeout)
        if client.file_transfer is None:
            raise AgentError(f"{SWITCHED_OFF}; switch it on there, or use --to-share")
        began = time.monotonic()
        files = [queue.add(path, size) for path, size in found.files]
        bars = _bars(queue) if sys.stderr.isatty() and not arguments.quiet else None
        words = ""
        try:
            queue.attach(client.main.agent.files)
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(_watch(queue, client, arguments.timeout, bars))
                failed = 0
                for file in files:
                    await file.wait()
                    failed += not _tell(file, arguments.json, began, bars)
                watching.cancel()
            words = _summary(files, failed, time.monotonic() - began)
        finally:
            queue.cancel_all()
            if bars is not None:
                bars.close(words)
    if bars is not None and failed < len(files):
        complain(words)
    return FAILED if failed else OK


def _bars(queue: FileQueue) -> Bars:
    from .transfer_bars import Bars

    return Bars(queue, sys.stderr)


async def _watch(queue: FileQueue, client: Client, patience: float, bars: Bars | None) -> None:
    """Gives the files up when the session ends, or its agent stays away."""
    changed = asyncio.Event()
    stop_watching = queue.watch(changed.set)
    closed = asyncio.ensure_future(client.wait_closed())
    closed.add_done_callback(lambda _: changed.set())
    try:
        while True:
            changed.clear()
            if closed.done():
                error = closed.exception() if not closed.cancelled() else None
                queue.fail_all(f"the session has ended: {error or 'the server closed it'}", "connect and send again")
                return
            if not queue.blocked:
                await changed.wait()
                continue
            reason = queue.blocked
            _say(bars, f"waiting: {reason}")
            try:
                async with asyncio.timeout(patience):
                    while queue.blocked and not closed.done():
                        changed.clear()
                        await changed.wait()
            except TimeoutError:
                gone, _, advice = reason.partition("; ")
                queue.fail_all(f"{gone}, and none has come within {patience:g} seconds", advice)
                return
    finally:
        stop_watching()
        closed.cancel()


def _say(bars: Bars | None, text: str) -> None:
    if bars is not None:
        bars.say(f"spicetui: {text}")
    else:
        complain(text)


def _tell(file: QueuedFile, as_json: bool, began: float, bars: Bars | None) -> bool:
    """The end of one file; whether the guest has it."""
    error = None
    if file.reason:
        error = f"{file.name}: {file.reason}" + (f"; {file.advice}" if file.advice else "")
    if as_json:
        told = {
            "path": str(file.path),
            "bytes": file.bytes_sent,
            "sha256": file.sha256,
            "seconds": round(time.monotonic() - began, 3),
            "note": file.note or None,
            "error": error,
        }
        line = json.dumps(told)
        if bars is not None and sys.stdout.isatty():
            bars.say(line)
        else:
            print(line, flush=True)
    if error is not None:
        _say(bars, error)
    elif file.note and not as_json:
        _say(bars, f"{file.name}: {file.note}")
    return error is None


def _summary(files: list[QueuedFile], failed: int, seconds: float) -> str:
    from .transfer_bars import size

    sent = sum(file.size for file in files if not file.reason)
    what = f"{len(files) - failed} of {len(files)} sent" if len(files) > 1 else f"{printable(files[0].name, 60)} sent"
    if failed and len(files) == 1:
        return f"{printable(files[0].name, 60)} was not sent"
    return f"{what}, {size(sent)} in {seconds:.1f} s"
