"""What a user names, as the files to send: globs, folders, and a word for whatever cannot be sent."""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from .queue import MAX_FILES, explain

#: What a guest's agent has no place for: it takes files, all into one folder.
FOLDER = "it is a folder, and the guest's agent takes files only"


@dataclass
class Gathered:
    files: list[tuple[Path, int]] = field(default_factory=list)  #: with their sizes
    folders: list[Path] = field(default_factory=list)  #: that were named
    problems: list[tuple[Path, str, str]] = field(default_factory=list)  #: path, reason, what can be done

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files)

    @property
    def same_names(self) -> int:
        """Files that have the name of another one: the guest gives them new ones."""
        names = Counter(path.name for path, _ in self.files)
        return sum(count - 1 for count in names.values())


def gather(names: Iterable[str | os.PathLike[str]], *, inside: bool = False) -> Gathered:
    """Looks at each name on the disk. *inside*: folders stand for all the files in them, else they are a problem.

    It may take its time: call it in a thread.
    """
    found = Gathered()
    for name in names:
        path = Path(name)
        if os.path.lexists(path) or not glob.has_magic(str(path)):
            matches = [path]
        else:
            pattern = glob.iglob(str(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
            matches = sorted(Path(match) for match in islice(pattern, MAX_FILES + 1))
            if not matches:
                found.problems.append((path, "nothing matches", ""))
        for match in matches:
            if not _take(found, match, inside):
                return found
    return found


def _take(found: Gathered, path: Path, inside: bool) -> bool:
    """Whether there is room for more."""
    try:
        mode = path.stat()
    except OSError as error:
        found.problems.append((path, *explain(error)))
        return True
    if stat.S_ISREG(mode.st_mode):
        return _add(found, path, mode.st_size)
    if not stat.S_ISDIR(mode.st_mode):
        found.problems.append((path, "it is no plain file", ""))
        return True
    found.folders.append(path)
    if not inside:
        found.problems.append((path, FOLDER, ""))
        return True
    return all(_take_file(found, file) for file in _walk(found, path))


def _take_file(found: Gathered, path: Path) -> bool:
    try:
        status = path.stat()
    except OSError as error:
        found.problems.append((path, *explain(error)))
        return len(found.problems) < MAX_FILES
    # What else lies in a folder was not asked for by name.
    return _add(found, path, status.st_size) if stat.S_ISREG(status.st_mode) else True


def _add(found: Gathered, path: Path, size: int) -> bool:
    if len(found.files) >= MAX_FILES:
        found.problems.append((path, f"more than {MAX_FILES} files", "pack them into one, or share their folder"))
        return False
    found.files.append((path, size))
    return True


def _walk(found: Gathered, folder: Path) -> Iterator[Path]:
    """The files below a folder in order; links to folders are not followed."""

    def cannot(error: OSError) -> None:
        found.problems.append((Path(error.filename or folder), *explain(error)))

    for where, folders, names in os.walk(folder, onerror=cannot):
        folders.sort()
        for name in sorted(names):
            yield Path(where, name)
