"""Files that the terminal reads pixels from: mapped, of fixed size, in a private directory of memory.

The directory is locked as long as its process lives, so that the next process can sweep what a killed one left.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "spicetui-pixels-"
_LOCK = "lock"
_MEMORY = Path("/dev/shm")
_YOUNG_SECONDS = 60  # a directory without a lock may be one that is just being made


class SharedFile:
    """Pixels that the terminal can read; *view* is where they are written."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)  # a full file system is an error here and no signal later
            self._map = mmap.mmap(handle, size)
        except (OSError, ValueError):
            path.unlink()
            raise
        finally:
            os.close(handle)
        self.view = memoryview(self._map)

    def close(self) -> None:
        """Removes it; who has it open keeps it."""
        self.view.release()
        self._map.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


class SharedFiles:
    """The files of one plane.  Raises OSError when there is no place for them."""

    def __init__(self, base: Path | None = None) -> None:
        base = base or _base()
        _sweep(base)
        self.directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        self._count = 0
        self._lock = -1
        try:
            self._lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _remove(self.directory, self._lock, os.getpid())
            raise
        self._remover = weakref.finalize(self, _remove, self.directory, self._lock, os.getpid())  # also at exit

    def make(self, size: int) -> SharedFile:
        self._count += 1
        return SharedFile(self.directory / str(self._count), size)

    def close(self) -> None:
        """Removes the directory with all that is in it."""
        self._remover()


def _base() -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK):
        return _MEMORY
    return Path(tempfile.gettempdir())


def _remove(directory: Path, lock: int, owner: int) -> None:
    if owner == os.getpid():  # a child process that ends leaves it alone
        shutil.rmtree(directory, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


def _sweep(base: Path) -> None:
    """Removes what processes left that are no more."""
    for directory in _abandoned(base):
        shutil.rmtree(directory, ignore_errors=True)


def _abandoned(base: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for directory in base.glob(_PREFIX + "*"):
            with contextlib.suppress(OSError):
                status = directory.lstat()
                if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and _is_free(directory, status):
                    yield directory


def _is_free(directory: Path, status: os.stat_result) -> bool:
    try:
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - status.st_mtime > _YOUNG_SECONDS
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
