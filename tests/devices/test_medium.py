"""Images as media: which are refused and in what words, locks, sizes, and what is written being safe."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from spicetui.devices.medium import ImageFile
from spicetui.errors import UsbError


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def test_reads_and_writes(image: Path) -> None:
    medium = ImageFile(image, writable=True)
    medium.open()
    medium.open()
    assert medium.size == 4096
    assert medium.read(256, 4) == b"\0\1\2\3"
    medium.write(4094, memoryview(b"ab"))
    assert medium.dirty
    medium.flush()
    assert not medium.dirty
    medium.close()
    medium.close()
    assert image.read_bytes()[-3:] == b"\xfdab"


def test_the_last_block_is_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "odd.img"
    path.write_bytes(b"x" * 700)
    medium = ImageFile(path)
    medium.open()
    assert medium.read(512, 512) == b"x" * 188 + bytes(324)
    medium.close()


def test_a_file_that_becomes_shorter(image: Path) -> None:
    medium = ImageFile(image)
    medium.open()
    os.truncate(image, 1024)
    with pytest.raises(OSError, match="shorter"):
        medium.read(512, 1024)
    medium.close()


def test_sparse_files_beyond_two_tebibytes(tmp_path: Path) -> None:
    path = tmp_path / "huge.img"
    path.touch()
    os.truncate(path, 3 << 40)
    medium = ImageFile(path, writable=True)
    medium.open()
    assert medium.size == 3 << 40
    medium.write((3 << 40) - 512, b"end".ljust(512))
    assert medium.read((3 << 40) - 512, 3) == b"end"
    medium.close()
    assert path.stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"QFI\xfb\0\0\0\3", "a qcow2 image, not a raw one; convert it: qemu-img convert -O raw disk.img disk.img"),
        (b"QED\0", "a QED image"),
        (b"KDMV", "a VMDK image"),
        (b"# Disk DescriptorFile\n", "a VMDK descriptor"),
        (bytes(64) + b"\x7f\x10\xda\xbe", "a VDI image"),
        (b"conectix", "a VHD image"),
        (b"vhdxfile", "a VHDX image"),
        (b"\x1f\x8b\x08\0", "packed with gzip; unpack it first"),
        (b"\xfd7zXZ\0", "packed with xz"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd"),
        (b"PK\3\4", "packed with zip"),
        (b"\0" + b"\xff" * 10 + b"\0\0\2\0\1", "raw sectors"),
    ],
)
def test_what_is_no_plain_image(image: Path, head: bytes, words: str) -> None:
    with image.open("r+b") as file:
        file.write(head)
    with pytest.raises(UsbError, match=words.replace(".", r"\.")):
        ImageFile(image).open()


def test_what_its_end_betrays(image: Path) -> None:
    for tail, words in ((b"conectix", "a VHD image"), (b"koly", "an Apple disk image")):
        image.write_bytes(bytes(4096) + tail.ljust(512))
        with pytest.raises(UsbError, match=words):
            ImageFile(image).open()


def test_an_image_that_qemu_makes(tmp_path: Path) -> None:
    path = tmp_path / "real.qcow2"
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 16, 1 << 20, 0, 1, 0x30000, 0x10000, 1, 0, 0)
    path.write_bytes(header.ljust(1 << 18, b"\0"))
    with pytest.raises(UsbError, match=r"qemu-img convert -O raw real\.qcow2 real\.img"):
        ImageFile(path, writable=True).open()


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(UsbError, match="not a file"):
            ImageFile(path).open()
    with pytest.raises(UsbError, match="no such file"):
        ImageFile(tmp_path / "absent").open()
    (tmp_path / "empty.img").touch()
    with pytest.raises(UsbError, match=r"empty; make an image with: truncate -s 1G empty\.img"):
        ImageFile(tmp_path / "empty.img").open()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_what_may_not_be_written(image: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.open

    def refusing(path: Path, flags: int) -> int:
        if flags & os.O_RDWR:
            raise OSError(number, os.strerror(number))
        return real(path, flags)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(UsbError, match="attach it read-only"):
        ImageFile(image, writable=True).open()
    medium = ImageFile(image)
    medium.open()
    medium.close()


def test_a_read_only_medium_is_never_written(image: Path) -> None:
    medium = ImageFile(image)
    medium.open()
    with pytest.raises(OSError, match="read-only") as caught:
        medium.write(0, b"x")
    assert caught.value.errno == errno.EROFS
    medium.close()


def test_locks(image: Path) -> None:
    writer = ImageFile(image, writable=True)
    writer.open()
    for other in (ImageFile(image), ImageFile(image, writable=True)):
        with pytest.raises(UsbError, match=r"in use by another program|another program writes to it"):
            other.open()
    writer.close()
    readers = [ImageFile(image), ImageFile(image)]
    for reader in readers:
        reader.open()
    with pytest.raises(UsbError, match="in use by another program"):
        ImageFile(image, writable=True).open()
    for reader in readers:
        reader.close()
    writer.open()
    writer.close()


def test_locks_of_another_process(image: Path) -> None:
    program = "import fcntl, sys; fcntl.flock(0, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read"
    with image.open("rb") as file:
        child = subprocess.Popen(
            [sys.executable, "-c", f"{program}; import time; time.sleep(60)"],
            stdin=file, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(UsbError, match="another program writes to it"):
            ImageFile(image).open()
    finally:
        child.kill()
        child.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="QEMU's locks are Linux's")
@pytest.mark.parametrize(
    ("byte", "read_only", "writable"),
    [(100, True, True), (101, False, False), (201, True, False)],
)
def test_locks_as_qemu_sets_them(image: Path, byte: int, read_only: bool, writable: bool) -> None:
    """100: it reads, 101: it writes, 201: it lets nobody else write."""
    with image.open("r+b") as file:
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(file.fileno(), 37, lock)
        for medium, allowed in ((ImageFile(image), read_only), (ImageFile(image, writable=True), writable)):
            if allowed:
                medium.open()
                medium.close()
            else:
                with pytest.raises(UsbError, match=r"in use by another program|another program writes to it"):
                    medium.open()


def test_what_cannot_be_made_safe_is_told_until_it_is_closed(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    medium = ImageFile(image, writable=True)
    medium.open()
    medium.flush()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        medium.write(0, b"x")
        with pytest.raises(OSError, match="broken"):
            medium.flush()
    with pytest.raises(OSError, match="broken"):
        medium.flush()
    with pytest.raises(OSError, match="broken"):
        medium.close()
    medium.open()
    medium.close()
