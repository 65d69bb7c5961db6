"""Disks and CDs that boot usb_boot.asm, made here byte by byte."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from . import needs

COUNT, FIRST, TARGET = 482, 488, 496
"""Where in the boot code the numbers of sectors are."""
SECTORS = 8
WRITTEN_TO = 64
DISK_BYTES = 1 << 20


def boot_code(directory: Path, count: int, first: int) -> bytes:
    """512 bytes that read *count* sectors from *first* on."""
    binary = directory / "usb_boot.bin"
    source = Path(__file__).with_name("usb_boot.asm")
    done = subprocess.run(
        [needs.program("nasm"), "-f", "bin", "-o", str(binary), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    code = bytearray(binary.read_bytes())
    struct.pack_into("<H", code, COUNT, count)
    struct.pack_into("<I", code, FIRST, first)
    struct.pack_into("<I", code, TARGET, WRITTEN_TO)
    return bytes(code)


def content(line: str, size: int) -> bytes:
    """A line, and something that compresses after it."""
    return (line.encode() + b"\n").ljust(size, b".")


def boot_disk(directory: Path, line: str) -> Path:
    """Sectors 1 to 8 hold *line*; the boot code copies them to sectors 64 to 71."""
    image = bytearray(DISK_BYTES)
    image[:512] = boot_code(directory, SECTORS, 1)
    image[512 : 512 * (1 + SECTORS)] = content(line, 512 * SECTORS)
    path = directory / "boot.img"
    path.write_bytes(image)
    return path


def boot_cd(directory: Path, line: str) -> Path:
    """El Torito without emulation: volume descriptors, catalogue, boot code, and two blocks with *line*."""
    catalogue, code, text = 19, 20, 21
    blocks = [bytes(2048)] * 16

    primary = bytearray(2048)
    primary[:7] = b"\1CD001\1"
    primary[8:72] = b" " * 64
    struct.pack_into("<I", primary, 80, text + 2)
    struct.pack_into(">I", primary, 84, text + 2)
    struct.pack_into("<HxxHxxHxx", primary, 120, 1, 1, 2048)
    boot = b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", catalogue)
    end = b"\xffCD001\1"

    check = struct.pack("<BBH24sHBB", 1, 0, 0, b"", 0, 0x55, 0xAA)
    rest = -sum(struct.unpack("<16H", check)) & 0xFFFF
    check = struct.pack("<BBH24sHBB", 1, 0, 0, b"", rest, 0x55, 0xAA)
    entry = struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, code)
    blocks += [bytes(primary), boot, end, check + entry, boot_code(directory, 2, text)]
    image = b"".join(block.ljust(2048, b"\0") for block in blocks) + content(line, 4096)
    path = directory / "boot.iso"
    path.write_bytes(image)
    return path
