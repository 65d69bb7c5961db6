"""The disk's commands, as SeaBIOS, Linux and Windows ask them."""

from __future__ import annotations

import struct

import pytest

from spicetui.devices.scsi import (
    INVALID_FIELD,
    INVALID_PARAMETER,
    MAX_TRANSFER,
    MEDIUM_CHANGED,
    NO_MEDIUM,
    NOT_SAVED,
    OUT_OF_RANGE,
    REMOVAL_PREVENTED,
    SHORT_PARAMETERS,
    WRITE_PROTECTED,
    Identity,
    Medium,
)
from spicetui.devices.scsi_disk import DiskUnit
from spicetui.devices.usb_bot import BulkOnly

from .storage import Initiator, Memory

TIB = 1 << 40
PREVENT, ALLOW = bytes.fromhex("1e 00 0000 01 00"), bytes.fromhex("1e 00 0000 00 00")
EJECT, LOAD, STOP = (bytes((0x1B, 0, 0, 0, how, 0)) for how in (2, 3, 0))
READY = bytes(6)


def drive(medium: Memory | None) -> Initiator:
    return Initiator(BulkOnly(DiskUnit(Identity("Disk", "0123456789ABCDEF"), medium)))


@pytest.fixture
def medium() -> Memory:
    return Memory(bytes(64 * 512), writable=True)


@pytest.fixture
def guest(medium: Memory) -> Initiator:
    return drive(medium)


def test_inquiry(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("12 00 0000 24 00"), 36)
    assert data == bytes.fromhex("00 80 05 02 1f 000000") + b"SPICETUIDisk            1.0 "


def test_vital_product_data(guest: Initiator) -> None:
    def page(code: int) -> bytes:
        return guest.good(bytes((0x12, 1, code, 0, 255, 0)), 255)

    assert page(0) == bytes.fromhex("00 00 0005 00 80 83 b0 b1")
    assert page(0x80) == bytes.fromhex("00 80 0010") + b"0123456789ABCDEF"
    assert page(0x83) == bytes.fromhex("00 83 002c 02 01 00 28") + b"SPICETUIDisk            0123456789ABCDEF"
    limits = page(0xB0)
    assert len(limits) == 64
    assert struct.unpack_from(">I", limits, 8)[0] == MAX_TRANSFER // 512
    assert page(0xB1)[4:6] == b"\0\x01"
    assert guest.command(bytes((0x12, 1, 0x42, 0, 255, 0)), 255).sense == INVALID_FIELD
    assert guest.command(bytes((0x12, 0, 0x80, 0, 255, 0)), 255).sense == INVALID_FIELD


@pytest.mark.parametrize(
    ("size", "short", "blocks"),
    [
        (512, 0, 1),
        (1 << 20, 2047, 2048),
        (1000, 1, 2),
        (2 * TIB - 512, 0xFFFFFFFE, 0xFFFFFFFF),
        (2 * TIB, 0xFFFFFFFF, 1 << 32),
        (5 * TIB, 0xFFFFFFFF, 5 << 31),
    ],
)
def test_capacity(size: int, short: int, blocks: int) -> None:
    guest = drive(Memory(size=size))
    assert guest.good(bytes.fromhex("25 00 00000000 000000 00"), 8) == struct.pack(">II", short, 512)
    long = guest.good(bytes.fromhex("9e 10 0000000000000000 00000020 00 00"), 32)
    assert long == struct.pack(">QI", blocks - 1, 512) + bytes(20)


def test_blocks_beyond_two_tebibytes() -> None:
    class Marked(Memory):
        def read(self, offset: int, length: int) -> bytes:
            return struct.pack(">Q", offset).ljust(length, b"\0")

    guest = drive(Marked(size=5 * TIB))
    block = struct.pack(">BBQIBB", 0x88, 0, 9 << 30, 1, 0, 0)
    assert guest.good(block, 512)[:8] == struct.pack(">Q", 512 * 9 << 30)


@pytest.mark.parametrize(
    "block",
    [
        "08 00003f 01 00",
        "28 00 0000003f 00 0001 00",
        "a8 00 0000003f 00000001 00 00",
        "88 00 000000000000003f 00000001 00 00",
    ],
)
def test_every_read_reaches_the_last_block_and_no_further(medium: Memory, block: str) -> None:
    medium.data[-512:] = b"last".ljust(512)
    guest = drive(medium)
    octets = bytearray.fromhex(block)
    assert guest.good(bytes(octets), 512)[:4] == b"last"
    octets[octets.index(0x3F)] = 0x40
    assert guest.command(bytes(octets), 512).sense == OUT_OF_RANGE


@pytest.mark.parametrize(
    "block",
    [
        "0a 00003f 01 00",
        "2a 00 0000003f 00 0001 00",
        "2e 00 0000003f 00 0001 00",
        "aa 00 0000003f 00000001 00 00",
        "8a 00 000000000000003f 00000001 00 00",
    ],
)
def test_every_write_reaches_the_last_block_and_no_further(guest: Initiator, medium: Memory, block: str) -> None:
    octets = bytearray.fromhex(block)
    guest.good(bytes(octets), data=b"\x77" * 512)
    assert bytes(medium.data[-512:]) == b"\x77" * 512
    octets[octets.index(0x3F)] = 0x40
    assert guest.command(bytes(octets), data=bytes(512)).sense == OUT_OF_RANGE
    assert len(medium.data) == 64 * 512


def test_a_read_of_six_bytes_with_zero_blocks_means_256() -> None:
    assert len(drive(Memory(bytes(256 * 512))).good(bytes.fromhex("08 000000 00 00"), 256 * 512)) == 256 * 512


def test_the_largest_address_does_not_wrap(guest: Initiator) -> None:
    block = bytes.fromhex("88 00 ffffffffffffffff 00000001 00 00")
    assert guest.command(block, 512).sense == OUT_OF_RANGE


def test_write_protection() -> None:
    medium = Memory(bytes(4096))
    guest = drive(medium)
    assert guest.good(bytes.fromhex("1a 00 3f 00 c0 00"), 192)[2] & 0x80
    assert guest.good(bytes.fromhex("5a 00 3f 00 000000 0008 00"), 8)[3] & 0x80
    answer = guest.command(bytes.fromhex("2a 00 00000000 00 0001 00"), data=b"x" * 512)
    assert answer.sense == WRITE_PROTECTED
    assert bytes(medium.data) == bytes(4096)


def test_mode_pages(guest: Initiator) -> None:
    every = guest.good(bytes.fromhex("1a 00 3f 00 c0 00"), 192)
    assert every[0] == len(every) - 1
    assert not every[2] & 0x80
    assert every[4:7] == bytes.fromhex("08 12 04")
    assert every[24:26] == bytes.fromhex("1c 0a")
    assert guest.good(bytes.fromhex("1a 08 08 00 c0 00"), 192)[4:] == every[4:24]
    assert guest.good(bytes.fromhex("1a 08 48 00 c0 00"), 192)[4:7] == bytes.fromhex("08 12 04")  # may be changed
    assert guest.command(bytes.fromhex("1a 08 c8 00 c0 00"), 192).sense == NOT_SAVED
    assert guest.command(bytes.fromhex("1a 08 05 00 c0 00"), 192).sense == INVALID_FIELD


def test_without_write_cache_every_write_is_safe(guest: Initiator, medium: Memory) -> None:
    off = bytes(4) + bytes.fromhex("08 12 00") + bytes(17)
    guest.good(bytes((0x15, 0x10, 0, 0, len(off), 0)), data=off)
    assert guest.good(bytes.fromhex("1a 08 08 00 c0 00"), 192)[6] == 0
    guest.good(bytes.fromhex("2a 00 00000000 00 0001 00"), data=bytes(512))
    assert medium.log == ["write", "flush"]


@pytest.mark.parametrize(
    ("data", "sense"),
    [
        ("000000", SHORT_PARAMETERS),
        ("00000000 08", SHORT_PARAMETERS),
        ("00000000 081200", SHORT_PARAMETERS),
        ("00000000 0901 00", INVALID_PARAMETER),
        ("00000000 0801 00", INVALID_PARAMETER),
        ("00000008 00000000 00001000", INVALID_PARAMETER),
        ("00000009 00000000 00000200 00", INVALID_PARAMETER),
    ],
)
def test_mode_parameters_that_make_no_sense(guest: Initiator, data: str, sense: object) -> None:
    octets = bytes.fromhex(data)
    assert guest.command(bytes((0x15, 0x10, 0, 0, len(octets), 0)), data=octets).sense == sense


def test_units(guest: Initiator) -> None:
    assert guest.good(bytes.fromhex("a0 00 00 000000 00000010 00 00"), 16) == bytes.fromhex("00000008") + bytes(12)


def test_format_capacities(guest: Initiator) -> None:
    ask = bytes.fromhex("23 00 00000000 00 000c 00")
    assert guest.good(ask, 12) == bytes.fromhex("00000008 00000040 02 000200")
    guest.machine.unit.remove()
    assert guest.good(ask, 12) == bytes.fromhex("00000008 ffffffff 03 000200")


def test_verify(guest: Initiator) -> None:
    guest.good(bytes.fromhex("2f 00 00000000 00 0040 00"))
    assert guest.command(bytes.fromhex("2f 00 00000000 00 0041 00")).sense == OUT_OF_RANGE
    assert guest.command(bytes.fromhex("2f 02 00000000 00 0001 00"), data=bytes(512)).sense == INVALID_FIELD


def test_sense_is_kept_until_it_is_asked_for_or_another_command_comes(guest: Initiator) -> None:
    ask = bytes((3, 0, 0, 0, 18, 0))
    guest.command(b"\xff" * 6, sense=False)
    guest.good(bytes.fromhex("12 00 0000 24 00"), 36)
    assert guest.good(ask, 18)[2] == 5
    assert guest.good(ask, 18)[2] == 0
    guest.command(b"\xff" * 6, sense=False)
    guest.good(READY)
    assert guest.good(ask, 18)[2] == 0
    guest.command(b"\xff" * 6, sense=False)
    assert guest.good(bytes((3, 1, 0, 0, 18, 0)), 18) == bytes.fromhex("72 05 20 00 00000000")


# The medium comes and goes


def test_the_client_takes_the_medium_and_puts_in_another(guest: Initiator) -> None:
    unit = guest.machine.unit
    guest.good(READY)
    unit.remove()
    assert guest.command(READY).sense == NO_MEDIUM
    assert guest.command(bytes.fromhex("28 00 00000000 00 0001 00"), 512).sense == NO_MEDIUM
    assert guest.command(bytes.fromhex("25 00 00000000 000000 00"), 8).sense == NO_MEDIUM
    other: Medium = Memory(bytes(128 * 512))
    unit.insert(other)
    guest.good(bytes.fromhex("12 00 0000 24 00"), 36)  # asks nothing of the medium
    assert guest.command(READY).sense == MEDIUM_CHANGED
    guest.good(READY)
    assert guest.good(bytes.fromhex("25 00 00000000 000000 00"), 8) == struct.pack(">II", 127, 512)


def test_the_guest_ejects(guest: Initiator, medium: Memory) -> None:
    told: list[Medium] = []
    guest.machine.unit.on_eject = told.append
    guest.good(PREVENT)
    assert guest.command(EJECT).sense == REMOVAL_PREVENTED
    guest.good(ALLOW)
    guest.good(EJECT)
    assert told == [medium]
    assert medium.log == ["flush"]
    assert guest.command(READY).sense == NO_MEDIUM
    assert guest.command(LOAD).sense == NO_MEDIUM  # no tray to draw in


def test_a_stop_makes_everything_safe(guest: Initiator, medium: Memory) -> None:
    guest.good(STOP)
    assert medium.log == ["flush"]
    guest.good(READY)


def test_a_reset_unlocks_the_drive(guest: Initiator) -> None:
    guest.good(PREVENT)
    guest.machine.unit.reset()
    guest.good(EJECT)
