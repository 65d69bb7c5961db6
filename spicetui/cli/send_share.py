"""``spicetui send --to-share``: files and folders are offered in the guest's shared folder until it has them."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..diagnostics import printable
from .exits import FAILED, OK, UsageError, complain
from .share import changes, shared_folder
from .transfer_bars import size

if TYPE_CHECKING:
    from ..client import Client
    from ..devices.folder import SharedFolder

#: Seconds for the guest's programs to close their connections; some keep them for later.
LAST_SECONDS = 2.0

#: More are not waited for one by one.
MAX_FILES = 10_000


class Offered(NamedTuple):
    """A file: where it is here, where in the share, and its size."""

    path: Path
    place: str
    size: int


def check(paths: list[str]) -> list[Path]:
    """Raises UsageError."""
    found = [Path(path) for path in paths]
    for path in found:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
    return found


async def send(arguments: argparse.Namespace, paths: list[Path]) -> int:
    from .session import session

    async with session(arguments, only={"webdav"}) as client:
        folder = shared_folder(client)
        names = await folder.share_files(paths)
        offered = await asyncio.to_thread(_offered, paths, names)
        if not arguments.quiet:
            what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            complain(f"in the guest at http://localhost:9843/ now: {what}; waiting until it has fetched them")
        fetched = await _wait(client, folder, arguments, {one.place: one for one in offered})
        if len(fetched) == len(offered):
            await _delivered(client, folder)
        await folder.stop()
    left = [one for one in offered if one.place not in fetched]
    for one in left:
        await _tell(one, arguments, 0.0, "the guest has not fetched it")
    if not arguments.quiet:
        total = size(sum(one.size for one in offered if one.place in fetched))
        complain(f"{len(fetched)} of {len(offered)} files fetched, {total}")
    return FAILED if left else OK


def _offered(paths: list[Path], names: list[str]) -> list[Offered]:
    found: list[Offered] = []
    for path, name in zip(paths, names, strict=True):
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in inside:
            # Links are left out: those that leave the folder are not shown to the guest.
            if one.is_file() and (one is path or not one.is_symlink()):
                place = name if one is path else f"{name}/{one.relative_to(path).as_posix()}"
                found.append(Offered(one, place, one.stat().st_size))
        if len(found) > MAX_FILES:
            raise UsageError(f"more than {MAX_FILES} files; spicetui share shows the guest whole folders")
    if not found:
        raise UsageError("there is no file in it")
    return found


async def _wait(
    client: Client, folder: SharedFolder, arguments: argparse.Namespace, wanted: dict[str, Offered]
) -> dict[str, Offered]:
    """Those that the guest has read to their ends, told one by one."""
    from ..devices.folder_activity import FolderAction

    fetched: dict[str, Offered] = {}
    shown = sys.stderr.isatty() and not arguments.quiet
    async for _ in changes(client, folder, arguments.seconds):
        for event in reversed(folder.events):
            one = wanted.get(event.path)
            if one is None or one.place in fetched or event.action is not FolderAction.READ or not event.finished:
                continue
            if event.bytes >= one.size:
                fetched[one.place] = one
                _line(shown, "")
                await _tell(one, arguments, event.seconds, None)
        for event in folder.activity.now[:1]:
            share = event.bytes / event.size if event.size else 1.0
            text = f"{share:4.0%}  {size(event.bytes)} of {size(event.size or 0)}  {size(event.rate)}/s  {event.path}"
            _line(shown, printable(text, 100))
        if len(fetched) == len(wanted):
            break
    _line(shown, "")
    return fetched


async def _delivered(client: Client, folder: SharedFolder) -> None:
    """What was sent last is still on its way through the guest's daemon, which forgets it when this side goes."""
    async for _ in changes(client, folder, LAST_SECONDS):
        if not folder.connections:
            return


def _line(shown: bool, text: str) -> None:
    """The one line that changes."""
    if shown:
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


async def _tell(one: Offered, arguments: argparse.Namespace, seconds: float, error: str | None) -> None:
    if error is not None:
        complain(f"{one.path}: {error}")
    if arguments.json:
        digest = await asyncio.to_thread(_sha256, one.path) if error is None else None
        told = {
            "path": str(one.path),
            "place": one.place,
            "bytes": one.size if error is None else 0,
            "sha256": digest,
            "seconds": round(seconds, 3),
            "error": error,
        }
        print(json.dumps(told), flush=True)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
