"""Paths that a user types, in parts, or drops on the terminal; free of widgets."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

#: Entries of a folder that are looked at, and how many of them are offered.
MAX_LOOKED_AT = 20_000
MAX_OFFERED = 200

#: Characters and paths of a pasted text that may be files.
MAX_DROPPED = 256 << 10
MAX_DROPPED_PATHS = 5_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a path that has been begun may become."""

    text: str  #: all of it, as the user would have typed it
    name: str  #: its last part
    folder: bool


@dataclass(frozen=True, slots=True)
class Completion:
    candidates: tuple[Candidate, ...] = ()
    more: bool = False  #: there are others that are not listed
    reason: str = ""  #: why the folder cannot be read

    @property
    def common(self) -> str:
        """What all candidates begin with."""
        if self.more or not self.candidates:
            return ""
        texts = [candidate.text for candidate in self.candidates]
        first, last = min(texts), max(texts)
        length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        return first[:length]


def complete(
    typed: str, *, folders_only: bool = False, accept: Callable[[str], bool] = lambda name: True
) -> Completion:
    """The entries that *typed* may become, folders first; hidden ones only where a dot was typed.

    *accept* judges the names of files. It reads a folder, so it belongs into a thread.
    """
    if typed.startswith("~") and "/" not in typed:
        home = expanded(typed)
        return Completion((Candidate(f"{typed}/", typed, True),) if str(home) != typed else ())
    begun = typed.rpartition("/")[2]
    head = typed[: len(typed) - len(begun)]
    try:
        with os.scandir(expanded(head)) as entries:
            looked_at = list(islice(entries, MAX_LOOKED_AT + 1))
    except (OSError, ValueError) as error:
        return Completion(reason=getattr(error, "strerror", None) or "that is no path")
    found = [entry for entry in looked_at[:MAX_LOOKED_AT] if begun.startswith(".") or not entry.name.startswith(".")]
    exact = [entry for entry in found if entry.name.startswith(begun)]
    if not exact:
        exact = [entry for entry in found if entry.name.casefold().startswith(begun.casefold())]
    candidates = []
    for entry in exact:
        folder = _is_folder(entry)
        if folder or (not folders_only and accept(entry.name)):
            candidates.append(Candidate(head + entry.name + "/" * folder, entry.name, folder))
    candidates.sort(key=lambda candidate: (not candidate.folder, candidate.name.casefold(), candidate.name))
    more = len(candidates) > MAX_OFFERED or len(looked_at) > MAX_LOOKED_AT
    return Completion(tuple(candidates[:MAX_OFFERED]), more)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def expanded(text: str) -> Path:
    """With the home folder in the place of ``~``, and of ``~name`` where there is such a user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def typed_path(text: str) -> Path:
    """The path that a user means: with a leading ``~``, a ``file:`` address, or quotes around it."""
    text = text.strip() if not os.path.lexists(text) else text
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    local = _from_uri(text)
    return Path(local) if local is not None else expanded(text)


# --- what is dropped on the terminal


def may_be_dropped(text: str) -> bool:
    """Whether a pasted text looks like paths; :func:`dropped_paths` then looks at the disk."""
    start = text.lstrip()[:16].lower()
    if len(text) > MAX_DROPPED or "\0" in text:
        return False
    return start.startswith(("/", "~/", "'/", '"/', "'~/", "file:/", "'file:/", '"file:/', "x-special/", "copy\nfile:"))


def dropped_paths(text: str) -> list[Path]:
    """The existing files that *text* names, and nothing else; empty for any other text.

    Terminals paste what is dropped on them each in its way: quoted, with backslashes, as ``file:`` addresses, parted
    by spaces or lines, or as it is. Only whole paths are taken, so that a word which happens to be a file is not.
    """
    if not may_be_dropped(text):
        return []
    for reading in (_lines, _shell_words, _plain):
        words = list(islice(reading(text), MAX_DROPPED_PATHS + 1))
        if not words or len(words) > MAX_DROPPED_PATHS:
            continue
        paths = [path for word in words if (path := _existing(word)) is not None]
        if len(paths) == len(words):
            return paths
    return []


def _lines(text: str) -> Iterator[str]:
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        word = line.strip()
        # Nautilus has its own words in front; a list of addresses may have comments.
        if not word or (number < 2 and word in ("x-special/nautilus-clipboard", "copy", "cut")) or word[0] == "#":
            continue
        yield word


def _shell_words(text: str) -> Iterator[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        yield from lexer
    except ValueError:  # a quote without end
        yield ""


def _plain(text: str) -> Iterator[str]:
    yield text.strip("\r\n")
    yield from ()


def _existing(word: str) -> Path | None:
    local = _from_uri(word)
    if local is None:
        local = str(expanded(word)) if word.startswith("~/") else word
    if not local.startswith("/"):
        return None
    # A terminal pastes a line feed as a carriage return.
    for form in dict.fromkeys((local, local.strip(" "), local.replace("\r", "\n"))):
        if os.path.lexists(form):
            return Path(form)
    return None


def _from_uri(word: str) -> str | None:
    """The path of a ``file:`` address of this machine; None for anything else."""
    if not word.lower().startswith("file:/"):
        return None
    try:
        host = urlsplit(word).netloc
    except ValueError:
        return None
    if host.lower() not in ("", "localhost", socket.gethostname().lower()):
        return None
    rest = word[5:]
    path = rest[2 + len(host) :] if rest.startswith("//") else rest
    return os.fsdecode(unquote_to_bytes(path))
