"""The files that a guest may see: chosen folders and files, and nothing outside of them.

Every name is looked up from an open folder, never by a whole path, and no lookup follows a link by itself, so that
nothing that happens meanwhile leads elsewhere. Links are resolved here: one that stays inside is followed, one that
leaves is refused. A folder that has gone or was renamed while it is shared stays the same folder.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Names = tuple[str, ...]

PART = ".spicetui-part-"
"""What begins the name of a file that is being written; nobody in the guest sees it."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A fifo must not wait for its other end, a terminal must not become ours.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

MAX_DEPTH = 64
MAX_LINKS = 16
COPY_BYTES = 1 << 20


class Refused(PermissionError):
    """What the guest may not see or change, and why."""

    def __init__(self, why: str, number: int = errno.EACCES) -> None:
        super().__init__(number, why)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a guest can do to this side at most. *entries*: of one answer, or of one copying of folders."""

    file_bytes: int = 1 << 40
    keep_free_bytes: int = 16 << 20
    entries: int = 10_000
    connections: int = 32
    header_bytes: int = 32 << 10
    body_bytes: int = 1 << 20  #: of a request that is no file
    locks: int = 1000
    properties: int = 4000
    property_bytes: int = 4 << 10


class Found(NamedTuple):
    """A file or folder that is there."""

    is_folder: bool
    size: int
    modified: float
    created: float
    tag: str  #: another one as soon as the contents are others
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class _Mount:
    """An open folder, and when *name* is given one file in it."""

    folder: int
    name: str
    read_only: bool


class Tree:
    """Folders and files of this side at places in the guest's share; may be used from several threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.closed = False
        self._mounts: dict[Names, _Mount] = {}
        self._lock = threading.Lock()

    # --- what is shared

    def mount(self, place: Names, path: Path, *, read_only: bool) -> None:
        """Shows *path*, which may itself be a link, at *place*. Raises OSError."""
        path = path.resolve(strict=True)
        if path.is_dir():
            made = _Mount(os.open(path, _FOLDER), "", read_only)
        else:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise Refused("neither a file nor a folder")
            made = _Mount(os.open(path.parent, _FOLDER), path.name, read_only)
        with self._lock:
            if self.closed or place in self._mounts:
                os.close(made.folder)
                raise FileExistsError(errno.EEXIST, "something is shared by that name", str(path))
            self._mounts = {**self._mounts, place: made}

    def unmount(self, place: Names) -> None:
        """Nothing happens when there is nothing."""
        with self._lock:
            mounts = dict(self._mounts)
            gone = mounts.pop(place, None)
            self._mounts = mounts
            if gone is not None:
                os.close(gone.folder)

    def close(self) -> None:
        with self._lock:
            self.closed = True
            mounts, self._mounts = self._mounts, {}
            for mount in mounts.values():
                os.close(mount.folder)

    @property
    def places(self) -> list[Names]:
        return list(self._mounts)

    @property
    def read_only(self) -> bool:
        """Whether nothing at all can be written."""
        return all(mount.read_only for mount in self._mounts.values())

    # --- looking

    def find(self, path: str) -> Found | None:
        """What is there, a link's target for a link; None when there is nothing. Raises OSError."""
        names = _names(path)
        if self._is_virtual(names):
            return Found(True, 0, 0.0, 0.0, "0")
        with self._at(names, follow=True) as (folder, name, _):
            return self._stat(folder, name)

    def is_link(self, path: str) -> bool:
        names = _names(path)
        if self._is_virtual(names):
            return False
        with self._at(names, follow=False) as (folder, name, _):
            return name != "." and _target(folder, name) is not None

    def list(self, path: str) -> dict[str, Found]:
        """What is in a folder; what would be refused is left out. Raises OSError, EMFILE when it is too much."""
        names = _names(path)
        found = self._list_virtual(names)
        if self._mount_of(names) is None:
            return found
        with self._at(names, follow=True) as (folder, name, _), ExitStack() as stack:
            opened = os.open(name, _FOLDER, dir_fd=folder)
            stack.callback(os.close, opened)
            with os.scandir(opened) as entries:
                for entry in entries:
                    if entry.name in found or not _is_shown(entry.name):
                        continue
                    if len(found) >= self.limits.entries:
                        raise OSError(errno.EMFILE, f"more than {self.limits.entries} entries")
                    try:
                        one = self.find("/".join((*names, entry.name))) if entry.is_symlink() else None
                        one = one._replace(is_link=True) if one else self._stat(opened, entry.name)
                    except OSError:
                        continue
                    if one is not None:
                        found[entry.name] = one
        return found

    # --- contents

    def open_read(self, path: str) -> int:
        """A descriptor of a file. Raises OSError."""
        with self._at(_names(path), follow=True) as (folder, name, _):
            if name == ".":
                raise IsADirectoryError(errno.EISDIR, "a folder")
            return _regular(os.open(name, _READ, dir_fd=folder))

    def open_write(self, path: str) -> PartFile:
        """A file that takes *path*'s place once it is whole. Raises OSError."""
        with self._changing(path, follow=True) as (folder, name):
            found = self._stat(folder, name)
            if found is not None and found.is_folder:
                raise IsADirectoryError(errno.EISDIR, "a folder")
            return PartFile(os.dup(folder), name, self.limits)

    # --- changes

    def create(self, path: str) -> None:
        """An empty file where there was nothing. Raises OSError."""
        with self._changing(path) as (folder, name):
            self._check_space(folder)
            os.close(os.open(name, _CREATE, 0o666, dir_fd=folder))

    def make_folder(self, path: str) -> None:
        with self._changing(path) as (folder, name):
            self._check_space(folder)
            os.mkdir(name, 0o777, dir_fd=folder)

    def delete(self, path: str) -> None:
        """A folder with all that is in it; of a link the link. Raises OSError."""
        with self._changing(path) as (folder, name):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                shutil.rmtree(name, dir_fd=folder)  # goes by descriptors, and follows no link
            elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                os.unlink(name, dir_fd=folder)
            else:
                raise Refused("neither a file nor a folder")

    def rename(self, path: str, to: str) -> None:
        """A file takes the place of another one. Raises OSError."""
        with self._changing(path) as (folder, name), self._changing(to) as (into, new):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            old = _mode(into, new)
            for one in (mode, old):
                if one and not (stat.S_ISREG(one) or stat.S_ISDIR(one) or stat.S_ISLNK(one)):
                    raise Refused("neither a file nor a folder")
            if old and stat.S_ISDIR(mode) and not stat.S_ISDIR(old):
                os.unlink(new, dir_fd=into)
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=into)

    def copy_file(self, path: str, to: str) -> None:
        """Contents, mode and time of change. Raises OSError."""
        source = self.open_read(path)
        try:
            found = os.fstat(source)
            with self.open_write(to) as part:
                while data := os.read(source, COPY_BYTES):
                    if self.closed:
                        raise OSError(errno.ECANCELED, "the folder is not shared any more")
                    part.write(data)
                part.commit(mode=stat.S_IMODE(found.st_mode) & 0o777, modified=found.st_mtime)
        finally:
            os.close(source)

    def set_modified(self, path: str, seconds: float) -> None:
        with self._changing(path, follow=True) as (folder, name):
            if self._stat(folder, name) is not None:
                os.utime(name, (seconds, seconds), dir_fd=folder, follow_symlinks=False)

    def space(self) -> tuple[int, int] | None:
        """Bytes that are used and free where the share lies; None when nothing but single files is shared."""
        mount = self._mounts.get(())
        if mount is None:
            return None
        with self._root(mount) as folder:
            disk = os.fstatvfs(folder)
        free = max(disk.f_bavail * disk.f_frsize - self.limits.keep_free_bytes, 0)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize, free

    # --- inside

    def _check_space(self, folder: int) -> None:
        disk = os.fstatvfs(folder)
        if disk.f_bavail * disk.f_frsize <= self.limits.keep_free_bytes:
            raise OSError(errno.ENOSPC, "the disk is full")

    def _mount_of(self, names: Names) -> tuple[_Mount, Names] | None:
        """The mount that a place lies in, and the names below it."""
        mounts = self._mounts
        for size in range(len(names), -1, -1):
            mount = mounts.get(names[:size])
            if mount is not None:
                return mount, names[size:]
        return None

    def _is_virtual(self, names: Names) -> bool:
        """A folder that is only there because something is mounted below it."""
        if names in self._mounts:
            return False
        return names == () or any(place[: len(names)] == names for place in self._mounts)

    def _list_virtual(self, names: Names) -> dict[str, Found]:
        found = {}
        for place, mount in self._mounts.items():
            if len(place) > len(names) and place[: len(names)] == names:
                name = place[len(names)]
                if name.startswith("."):
                    continue  # as what the clipboard offers, for those who were told where it is
                if len(place) > len(names) + 1:
                    found[name] = Found(True, 0, 0.0, 0.0, "0")
                else:
                    with self._root(mount) as folder:
                        one = self._stat(folder, mount.name or ".")
                    if one is not None:
                        found[name] = one
        return found

    @contextmanager
    def _root(self, mount: _Mount) -> Iterator[int]:
        with self._lock:
            if mount not in self._mounts.values():
                raise FileNotFoundError(errno.ENOENT, "not shared any more")
            folder = os.dup(mount.folder)
        try:
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def _at(self, names: Names, *, follow: bool) -> Iterator[tuple[int, str, bool]]:
        """The folder that *names* end in, the last name (``.`` for a mount itself), and whether that is read-only."""
        where = self._mount_of(names)
        if where is None:
            raise FileNotFoundError(errno.ENOENT, "not there")
        mount, rest = where
        with self._root(mount) as folder:
            if mount.name:
                if rest:
                    raise NotADirectoryError(errno.ENOTDIR, "a file")
                yield folder, mount.name, mount.read_only
                return
            with _Walk(folder) as walk:
                name = walk.to(rest, follow=follow)
                yield walk.folder, name, mount.read_only

    @contextmanager
    def _changing(self, path: str, *, follow: bool = False) -> Iterator[tuple[int, str]]:
        names = _names(path)
        if self._is_virtual(names) or names in self._mounts:
            raise Refused("the shared folder itself stays as it is")
        with self._at(names, follow=follow) as (folder, name, read_only):
            if read_only:
                raise Refused("the folder is shared read-only", errno.EROFS)
            if name == ".":
                raise Refused("a link to the shared folder itself")
            yield folder, name

    @staticmethod
    def _stat(folder: int, name: str) -> Found | None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        is_folder = stat.S_ISDIR(found.st_mode)
        if not is_folder and not stat.S_ISREG(found.st_mode):
            raise Refused("neither a file nor a folder")
        tag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        return Found(is_folder, 0 if is_folder else found.st_size, found.st_mtime, found.st_ctime, tag)


class _Walk:
    """Goes from an open folder downwards, name by name."""

    def __init__(self, root: int) -> None:
        self._stack = [os.dup(root)]

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *error: object) -> None:
        for folder in self._stack:
            os.close(folder)

    @property
    def folder(self) -> int:
        return self._stack[-1]

    def to(self, names: Sequence[str], *, follow: bool) -> str:
        """Opens all but the last folder, and returns the last name. Raises OSError."""
        pending = deque(names)
        links = 0
        while pending:
            name = pending.popleft()
            if name == "..":  # a link's: those of the guest never come here
                if len(self._stack) == 1:
                    raise Refused("a link out of the shared folder")
                os.close(self._stack.pop())
                continue
            if not pending and not follow:
                return name
            target = _target(self.folder, name)
            if target is not None:
                links += 1
                if target.startswith("/") or links > MAX_LINKS:
                    raise Refused("a link out of the shared folder" if links <= MAX_LINKS else "too many links")
                pending.extendleft(reversed([part for part in target.split("/") if part not in ("", ".")]))
            elif pending:
                if len(self._stack) > MAX_DEPTH:
                    raise OSError(errno.ENAMETOOLONG, "too deep")
                self._stack.append(os.open(name, _FOLDER, dir_fd=self.folder))
            else:
                return name
        return "."


class PartFile:
    """A file that is written beside its place, and takes it at the end; or is gone."""

    def __init__(self, folder: int, name: str, limits: Limits) -> None:
        self._folder = folder
        self._name = name
        self._limits = limits
        self._part = PART + secrets.token_hex(8)
        self._file = -1
        self._until_check = 0
        self.bytes_written = 0
        try:
            self._file = os.open(self._part, _CREATE, 0o666, dir_fd=folder)
        except OSError:
            os.close(folder)
            raise

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.abort()

    def write(self, data: bytes) -> int:
        """Raises OSError when it becomes too large or the disk too full."""
        self.bytes_written += len(data)
        if self.bytes_written > self._limits.file_bytes:
            raise OSError(errno.EFBIG, f"more than {self._limits.file_bytes} bytes")
        self._until_check -= len(data)
        if self._until_check < 0:
            self._until_check = 4 << 20
            disk = os.fstatvfs(self._file)
            if disk.f_bavail * disk.f_frsize < self._limits.keep_free_bytes:
                raise OSError(errno.ENOSPC, "the disk is full")
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        return len(data)

    def commit(self, mode: int | None = None, modified: float | None = None) -> None:
        """It is whole; *mode* is that of the file that it replaces unless another one is given. Raises OSError."""
        try:
            old = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            old = None
        if old is not None:
            if not stat.S_ISREG(old.st_mode):
                raise Refused("not a file any more")
            os.fchmod(self._file, stat.S_IMODE(old.st_mode) & 0o777)
        elif mode is not None:
            mask = stat.S_IMODE(os.fstat(self._file).st_mode)  # made as the process's umask lets it be
            os.fchmod(self._file, mode & (mask | mask >> 2 & 0o111))
        if modified is not None:
            os.utime(self._file, (modified, modified))
        os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._close()

    def abort(self) -> None:
        """Nothing has happened; nor does anything after :meth:`commit`."""
        if self._file >= 0:
            try:
                os.unlink(self._part, dir_fd=self._folder)
            except OSError:
                pass
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, -1
        os.close(file)
        os.close(self._folder)


def _names(path: str) -> Names:
    """The guest's path in parts. Raises OSError."""
    names = tuple(name for name in path.split("/") if name)
    if len(names) > MAX_DEPTH:
        raise OSError(errno.ENAMETOOLONG, "too deep")
    for name in names:
        if name in (".", "..") or "\0" in name:
            raise Refused("no name of a file")
        if name.startswith(PART):
            raise FileNotFoundError(errno.ENOENT, "not there")
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise Refused("no name of a file") from None
        if size > 255:
            raise OSError(errno.ENAMETOOLONG, "a name that is too long")
    return names


def _is_shown(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False  # it is no UTF-8, and could not be in a URL that the guest gives back unchanged
    return not name.startswith(PART)


def _target(folder: int, name: str) -> str | None:
    """Of a link; None for everything else. What is not there is no error here."""
    try:
        return os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _mode(folder: int, name: str) -> int:
    """0 when there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def _regular(file: int) -> int:
    """*file* unless it is no regular file, which is closed."""
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise Refused("neither a file nor a folder")
