"""``spicetui share TARGET DIR``."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import FeatureMissing
from .exits import OK, UsageError, complain
from .options import add_common, add_target, seconds, start_log
from .run import run_async
from .transfer_bars import size

if TYPE_CHECKING:
    from ..client import Client
    from ..devices.folder import SharedFolder
    from ..devices.folder_activity import FolderEvent

USAGE = "TARGET DIR [--read-only] [--seconds S] [options]"
EPILOG = """\
examples:
  spicetui share localhost:5900 ~/Public --read-only
  spicetui share guest.vv work --json | jq -r 'select(.event == "wrote").path'

Shows DIR to the guest until it is interrupted, and tells what the guest does in it. The guest needs spice-webdavd and a
WebDAV port (QEMU: -chardev spiceport,id=dav,name=org.spice-space.webdav.0 on a virtserialport of that name); there the
folder is http://localhost:9843/, and a file manager finds it as "Spice client folder". --read-only is for the guest."""

#: Seconds after which a file that was not read to its end is told, should no more of it be asked for.
PAUSE = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("directory", metavar="DIR", help="the folder that the guest is to see")
    parser.add_argument("--seconds", metavar="S", type=seconds, help="end after so long")
    parser.add_argument("--json", action="store_true", help="tell what happens as JSON, one object a line")
    parser.add_argument("--quiet", action="store_true", help="do not tell what happens")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    path = Path(arguments.directory)
    if not path.is_dir():
        raise UsageError(f"{path}: there is no such folder" if not path.exists() else f"{path} is not a folder")
    start_log(arguments)
    # Here it is the guest that may only read.
    read_only, arguments.read_only = arguments.read_only, False
    return run_async(share(arguments, path, read_only))


async def share(arguments: argparse.Namespace, path: Path, read_only: bool) -> int:
    from .session import session

    async with session(arguments, only={"webdav"}) as client:
        folder = shared_folder(client)
        teller = Teller(arguments.json, arguments.quiet)
        await folder.share(path, read_only=read_only)
        teller.tell({"event": "shared", "path": str(path), "read_only": read_only}, f"sharing {path}")
        try:
            async for _ in changes(client, folder, arguments.seconds):
                teller.ready(folder.guest_ready)
                for event in teller.news(folder):
                    teller.event(event)
        finally:
            await folder.stop()
            for event in teller.news(folder, rest=True):
                teller.event(event)
        done = folder.activity
    if not arguments.quiet:
        complain(
            f"the guest has read {_files(done.files_read)} ({size(done.bytes_read)} in all) and written "
            f"{_files(done.files_written)} ({size(done.bytes_written)})"
        )
    return OK


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def shared_folder(client: Client) -> SharedFolder:
    """Raises FeatureMissing."""
    from ..features import sharing_missing

    if missing := sharing_missing():
        raise FeatureMissing(f"folders cannot be shared: {missing}")
    if client.shared_folder is None:
        raise FeatureMissing("the server has no WebDAV port for the guest (spicetui share --help tells what it needs)")
    return client.shared_folder


async def changes(client: Client, folder: SharedFolder, limit: float | None) -> AsyncIterator[None]:
    """Comes round after each change, and now and then; ends after *limit* seconds. Raises what ends the session."""
    changed = asyncio.Event()
    folder.on_change.append(changed.set)
    over = asyncio.ensure_future(client.wait_closed())
    until = None if limit is None else time.monotonic() + limit
    try:
        while until is None or time.monotonic() < until:
            yield
            wait = PAUSE if until is None else max(min(PAUSE, until - time.monotonic()), 0)
            change = asyncio.ensure_future(changed.wait())
            await asyncio.wait((over, change), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
            changed.clear()
            if over.done():
                over.result()
                return
    finally:
        folder.on_change.remove(changed.set)
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)


class Teller:
    """Says each thing once."""

    def __init__(self, as_json: bool, quiet: bool, out: Callable[[str], None] | None = None) -> None:
        self._json = as_json
        self._quiet = quiet
        self._out = out or (lambda line: print(line, flush=True))
        self._told: set[int] = set()
        self._ready: bool | None = None

    def tell(self, facts: dict[str, object], words: str) -> None:
        if not self._quiet:
            self._out(json.dumps(facts) if self._json else printable(words, 4000))

    def ready(self, ready: bool) -> None:
        if ready is not self._ready:
            self._ready = ready
            words = "the guest's WebDAV daemon is there" if ready else "waiting for the guest's WebDAV daemon"
            self.tell({"event": "guest", "ready": ready}, words)

    def news(self, folder: SharedFolder, rest: bool = False) -> list[FolderEvent]:
        """What has come to an end and was not told yet; with *rest* what has not, too."""
        found = []
        known = set()
        for event in reversed(folder.events):
            known.add(event.number)
            if event.number not in self._told and (rest or _is_over(event)):
                self._told.add(event.number)
                found.append(event)
        self._told &= known
        return found

    def event(self, event: FolderEvent) -> None:
        facts: dict[str, object] = {"event": event.action.value.replace(" ", "_"), "path": event.path}
        if event.to:
            facts["to"] = event.to
        if event.size is not None or event.bytes:
            facts |= {"bytes": event.bytes, "size": event.size, "seconds": round(event.seconds, 3)}
        if event.error:
            facts["error"] = event.error
        self.tell(facts, words_for(event))


def _is_over(event: FolderEvent) -> bool:
    whole = event.size is None or event.bytes >= event.size or bool(event.error)
    return event.finished and (whole or time.time() - event.time > PAUSE)


def words_for(event: FolderEvent) -> str:
    """One line for a person; its text is the guest's."""
    words = f"{event.action.value} {event.path or '/'}"
    if event.to:
        words += f" to {event.to}"
    if event.size is not None or event.bytes:
        of = f" of {size(event.size)}" if event.size is not None and event.size != event.bytes else ""
        speed = f", {size(event.rate)}/s" if event.seconds > 0.01 else ""
        words += f" ({size(event.bytes)}{of}{speed})"
    return f"{words}: {event.error}" if event.error else words
