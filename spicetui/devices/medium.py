"""Raw images and ISO files as media for emulated drives: checked, locked, read, written, flushed.

All of it blocks, so it belongs into a thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from ..diagnostics import logger
from ..errors import UsbError

#: How files begin (offset, bytes) that are no plain images: what they are.
CONVERTIBLE = (
    (0, b"QFI\xfb", "a qcow2 image"),
    (0, b"QED\0", "a QED image"),
    (0, b"KDMV", "a VMDK image"),
    (0, b"COWD", "a VMDK image"),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor"),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image"),
    (0, b"conectix", "a VHD image"),
    (0, b"vhdxfile", "a VHDX image"),
    (0, b"WithoutFreeSpace", "a Parallels image"),
    (0, b"WithouFreSpacExt", "a Parallels image"),
    (0, b"Bochs Virtual HD Image", "a Bochs image"),
)
PACKED = (
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"BZh", "bzip2"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"CISO", "CSO"),
)
RAW_SECTOR = b"\0" + b"\xff" * 10 + b"\0"  #: a CD image of 2352-byte sectors begins so
DMG_TRAILER = b"koly"

#: The bytes that QEMU locks for "writes" and for "lets nobody else write".
QEMU_WRITES, QEMU_SHARES_NO_WRITES = 101, 201
_OFD_GETLK, _OFD_SETLK = 36, 37
_FLOCK = struct.Struct("hhqqi4x")

#: Of preadv: only what needs no waiting. Linux has it.
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)

T = TypeVar("T")

_log = logger("devices.medium")


class ImageFile:
    """A file, or a block device that nothing uses, as it is.

    A writable one is locked against everybody else, a read-only one against those who write, QEMU among both.
    """

    def __init__(self, path: str | Path, *, writable: bool = False) -> None:
        self.path = Path(path)
        self._writable = writable
        self._size = 0
        self._fd: int | None = None
        self._dirty = False
        self._lost: OSError | None = None
        self._held = threading.Lock()  # read_cached() is for any thread

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def writable(self) -> bool:
        return self._writable

    @property
    def size(self) -> int:
        """Bytes, 0 before it was opened."""
        return self._size

    @property
    def dirty(self) -> bool:
        """Something was written and is perhaps not safe yet."""
        return self._dirty

    def open(self) -> None:
        """May be called again while it is open. Raises UsbError with a sentence for the user."""
        if self._fd is not None:
            return
        try:
            self._open()
        except OSError as error:
            raise UsbError(f"{self.path}: {self._advice(error)}") from error

    def _open(self) -> None:
        mode = self.path.stat().st_mode  # before opening it: to open a pipe waits for its other end
        block = stat.S_ISBLK(mode)
        if not block and not stat.S_ISREG(mode):
            raise UsbError(f"{self.path}: not a file; give a raw disk image or an ISO file")
        flags = (os.O_RDWR if self._writable else os.O_RDONLY) | os.O_CLOEXEC | (os.O_EXCL if block else 0)
        fd = os.open(self.path, flags)
        try:
            self._size = os.lseek(fd, 0, os.SEEK_END)
            self._check(fd)
            self._lock(fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def _advice(self, error: OSError) -> str:
        if error.errno == errno.EBUSY:
            return "in use; unmount it first"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and self._writable:
            return "cannot be written; attach it read-only, or give yourself the right to write it"
        return (error.strerror or str(error)).lower()

    def _check(self, fd: int) -> None:
        if not self._size:
            raise UsbError(f"{self.path}: empty; make an image with: truncate -s 1G {self.path.name}")
        head = os.pread(fd, 512, 0)
        tail = os.pread(fd, 512, max(self._size - 512, 0))
        for at, magic, what in CONVERTIBLE:
            if head.startswith(magic, at):
                raise UsbError(self._convert(what))
        if tail.startswith(b"conectix"):
            raise UsbError(self._convert("a VHD image"))
        for at, magic, what in PACKED:
            if head.startswith(magic, at):
                raise UsbError(f"{self.path}: packed with {what}; unpack it first")
        if head.startswith(RAW_SECTOR):
            raise UsbError(f"{self.path}: a CD image of raw sectors; convert it to an ISO file, with bchunk or iat")
        if tail.startswith(DMG_TRAILER):
            raise UsbError(f"{self.path}: an Apple disk image; convert it with dmg2img")

    def _convert(self, what: str) -> str:
        raw = self.path.with_suffix(".img").name
        return f"{self.path}: {what}, not a raw one; convert it: qemu-img convert -O raw {self.path.name} {raw}"

    def _lock(self, fd: int) -> None:
        try:
            fcntl.flock(fd, (fcntl.LOCK_EX if self._writable else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use() from None
        except OSError as error:
            _log.warning("%s: no locks here: %s", self.path, error)
        if sys.platform != "linux":
            return
        try:
            # As QEMU does it: first say what one does, then look whether somebody minds.
            ours = (QEMU_SHARES_NO_WRITES, *((QEMU_WRITES,) if self._writable else ()))
            theirs = (QEMU_WRITES, *((QEMU_SHARES_NO_WRITES,) if self._writable else ()))
            for byte in ours:
                fcntl.fcntl(fd, _OFD_SETLK, _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
            for byte in theirs:
                answer = fcntl.fcntl(fd, _OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
                if _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK:
                    raise self._in_use()
        except BlockingIOError:
            raise self._in_use() from None
        except OSError as error:
            _log.warning("%s: no locks here: %s", self.path, error)

    def _in_use(self) -> UsbError:
        if self._writable:
            return UsbError(f"{self.path}: in use by another program; end that, or attach a copy")
        return UsbError(f"{self.path}: another program writes to it; end that, or attach a copy")

    # --- what the drive calls

    def read(self, offset: int, length: int) -> bytes:
        """Exactly *length* bytes; the last block is filled up with zeros. Raises OSError."""
        fd = self._descriptor()
        data = os.pread(fd, length, offset)
        if len(data) == length:
            return data
        parts = [data]
        while data and len(data) < length:
            offset, length = offset + len(data), length - len(data)
            data = os.pread(fd, length, offset)
            parts.append(data)
        if not data:
            if offset < self._size:
                raise OSError(errno.EIO, "the file has become shorter")
            parts.append(bytes(length))
        return b"".join(parts)

    def read_cached(self, offset: int, length: int) -> bytes | None:
        """As :meth:`read` if the kernel has all of it in memory, else None; never waits, never raises."""
        if _NOWAIT is None or not self._held.acquire(blocking=False):
            return None
        try:
            if self._fd is None:
                return None
            data = bytearray(length)
            return bytes(data) if os.preadv(self._fd, (data,), offset, _NOWAIT) == length else None
        except OSError:
            return None
        finally:
            self._held.release()

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Raises OSError."""
        fd = self._descriptor()
        if not self._writable:
            raise OSError(errno.EROFS, "attached read-only")
        self._dirty = True
        rest = memoryview(data)
        while rest:
            count = os.pwrite(fd, rest, offset)
            offset, rest = offset + count, rest[count:]

    def flush(self) -> None:
        """Raises OSError; nothing to do for one that is closed, since that flushes."""
        if self._lost is not None:
            raise self._lost  # the kernel tells it once, and takes the lost pages for clean afterwards
        if self._fd is not None and self._dirty:
            self._dirty = False
            try:
                getattr(os, "fdatasync", os.fsync)(self._fd)
            except OSError as error:
                self._lost = error
                raise

    def close(self) -> None:
        """Flushes, unlocks and closes. Raises OSError when something written is not safe."""
        fd = self._fd
        if fd is None:
            return
        try:
            self.flush()
        finally:
            self._dirty = False
            self._lost = None
            with self._held:
                self._fd = None
                os.close(fd)

    def __del__(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                self.close()

    def _descriptor(self) -> int:
        if self._fd is None:
            raise OSError(errno.ENODEV, "the medium was taken out")
        return self._fd


class Worker:
    """One thread: whatever happens to a medium happens in order, even if a command was given up.

    A file that never answers keeps the thread, but not the program.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._queue.put(run)
        return future

    def stop(self) -> None:
        """Ends it after what was asked for before."""
        self._queue.put(None)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
