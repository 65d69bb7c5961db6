"""``spicetui send TARGET PATH…``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..diagnostics import printable
from ..errors import AgentError, SpiceError
from .exits import FAILED, OK, UsageError, complain
from .options import add_common, add_target, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..agent.files import Transfer
    from ..interfaces import TransferProgress

USAGE = "TARGET PATH... [options]"
EPILOG = """\
examples:
  spicetui send localhost:5900 notes.txt photos/*.jpg

The guest's agent puts them where it is told to, mostly into the folder for downloads or on the desktop. It needs a user
who is logged in there."""

#: Seconds between two pictures of the bar.
REDRAW = 0.1

BAR = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file")
    parser.add_argument("--json", action="store_true", help="tell the end of each file, one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.read_only:
        raise UsageError("--read-only keeps files from being sent; leave it out")
    paths = [Path(path) for path in arguments.paths]
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give the files in it")
        path.stat()
    start_log(arguments)
    return run_async(send(arguments, paths))


class Bar:
    """One line that tells how far all files have come; shown on a terminal only."""

    def __init__(self, sizes: Sequence[int], out: TextIO, shown: bool) -> None:
        self.count = len(sizes)
        self.total = sum(sizes)
        self.shown = shown
        self.finished = 0
        self._out = out
        self._bytes: dict[int, int] = {}
        self._name = ""
        self._began = time.monotonic()
        self._drawn = 0.0

    def progress(self, number: int, progress: TransferProgress) -> None:
        self._bytes[number] = progress.bytes_sent
        self._name = progress.file_name
        now = time.monotonic()
        if self.shown and now - self._drawn >= REDRAW:
            self._drawn = now
            self._out.write("\r" + self.line(now) + "\x1b[K")
            self._out.flush()

    def line(self, now: float) -> str:
        done = sum(self._bytes.values())
        share = done / self.total if self.total else 1.0
        rate = done / max(now - self._began, 0.001)
        left = f"{(self.total - done) / rate:.0f} s left" if rate and done < self.total else ""
        bar = ("█" * round(share * BAR)).ljust(BAR, "░")
        what = f"{self.finished}/{self.count} files" if self.count > 1 else printable(self._name, 24)
        return f"{bar} {share:4.0%}  {size(done)} of {size(self.total)}  {size(rate)}/s  {left:<12} {what}"

    def clear(self) -> None:
        if self.shown:
            self._out.write("\r\x1b[K")
            self._out.flush()


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


async def send(arguments: argparse.Namespace, paths: Sequence[Path]) -> int:
    from .session import session

    bar = Bar([path.stat().st_size for path in paths], sys.stderr, sys.stderr.isatty() and not arguments.quiet)
    async with session(arguments, only=()) as client:
        await client.main.wait_agent(arguments.timeout)
        if client.file_transfer is None:
            raise AgentError("file transfer is switched off in the guest or its server")
        began = time.monotonic()
        transfers = []
        for number, path in enumerate(paths):

            def progress(told: TransferProgress, number: int = number) -> None:
                bar.progress(number, told)

            transfers.append(client.file_transfer.send_file(path, progress, digest=arguments.json))
        failed = 0
        try:
            for transfer in transfers:
                failed += not await _finished(transfer, bar, arguments, began)
        finally:
            bar.clear()
    if bar.shown and failed < len(paths):
        sent = sum(one.total_size for one in transfers if one.error is None)
        spent = time.monotonic() - began
        complain(f"{len(paths) - failed} of {len(paths)} sent, {size(sent)} in {spent:.1f} s")
    return FAILED if failed else OK


async def _finished(transfer: Transfer, bar: Bar, arguments: argparse.Namespace, began: float) -> bool:
    """The end of one file, told; whether the guest has it."""
    error: str | None = None
    try:
        await transfer.wait()
    except SpiceError as failure:
        error = str(failure)
    except OSError as failure:
        error = f"{transfer.path}: {(failure.strerror or str(failure)).lower()}"
    bar.finished += 1
    if arguments.json:
        told = {
            "path": str(transfer.path),
            "bytes": transfer.bytes_sent,
            "sha256": transfer.sha256,
            "seconds": round(time.monotonic() - began, 3),
            "error": error,
        }
        bar.clear()
        print(json.dumps(told), flush=True)
    if error is not None:
        bar.clear()
        complain(error)
    await asyncio.sleep(0)
    return error is None
