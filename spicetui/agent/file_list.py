"""The clipboard's list of files: what is copied is a list of places in the shared folder.

It is ``copy`` or ``cut`` and the places with a slash before, each with a zero behind it: those that the guest sends lie
in the folder that this side shares; those for the guest are published in it, below one that listings do not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import AgentError

#: Where the reference clients put what is copied for the guest.
FOLDER = ".spice-clipboard"

MAX_FILES = 10_000
MAX_BYTES = 4 << 20


class FileList(NamedTuple):
    """*places* are in the shared folder, without a slash before. *cut*: they are to be gone once they are pasted."""

    places: tuple[str, ...]
    cut: bool = False


def write(files: FileList) -> bytes:
    """The contents for a grab of ``ClipboardFormat.FILE_LIST``. Raises AgentError for names that it cannot hold."""
    for place in files.places:
        if not _is_place(place):
            raise AgentError("a file with such a name cannot be copied")
    items = ["cut" if files.cut else "copy", *(f"/{place}" for place in files.places)]
    try:
        return "".join(f"{item}\0" for item in items).encode()
    except UnicodeEncodeError:
        raise AgentError("a file whose name is no UTF-8 cannot be copied") from None


def read(data: bytes) -> FileList:
    """What a guest has copied. Raises AgentError for anything but places in the shared folder."""
    if len(data) > MAX_BYTES:
        raise AgentError(f"a list of files of {len(data)} bytes")
    try:
        first, *items = data.decode().split("\0")
    except UnicodeDecodeError:
        raise AgentError("a list of files that is no UTF-8") from None
    if first not in ("copy", "cut"):
        raise AgentError("a list of files that begins with neither copy nor cut")
    places = tuple(item.strip("/") for item in items if item)
    if len(places) > MAX_FILES:
        raise AgentError(f"a list of {len(places)} files")
    for place in places:
        if not _is_place(place):
            raise AgentError("a list of files that leaves the shared folder")
    return FileList(places, first == "cut")


def _is_place(place: str) -> bool:
    return bool(place) and "\0" not in place and not any(part in ("", ".", "..") for part in place.split("/"))


def places_for(names: Sequence[str], number: int) -> tuple[str, ...]:
    """Where files of these names are published for the grab of that number, each in a folder of its own.

    So that two of the same name do not meet, and a name is pasted as it was.
    """
    return tuple(f"{FOLDER}/{number}-{place}/{name}" for place, name in enumerate(names))
