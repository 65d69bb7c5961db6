"""The CD drive's commands, as SeaBIOS, Linux and Windows ask them."""

from __future__ import annotations

import struct

import pytest

from spicetui.devices.scsi import (
    INCOMPATIBLE_MEDIUM,
    INVALID_COMMAND,
    INVALID_FIELD,
    MEDIUM_CHANGED,
    OUT_OF_RANGE,
    REMOVAL_PREVENTED,
    TRAY_CLOSED,
    TRAY_OPEN,
    Identity,
    Medium,
)
from spicetui.devices.scsi_cd import CdUnit, msf
from spicetui.devices.usb_bot import BulkOnly

from .storage import Initiator, Memory

BLOCKS = 1000
READY = bytes(6)
PREVENT, ALLOW = bytes.fromhex("1e 00 0000 01 00"), bytes.fromhex("1e 00 0000 00 00")
EJECT, LOAD = bytes.fromhex("1b 00 0000 02 00"), bytes.fromhex("1b 00 0000 03 00")
EVENTS = bytes.fromhex("4a 01 0000 10 0000 0008 00")
DVD_BLOCKS = 2_000_000
TWO_LAYERS = 4_000_000


def drive(blocks: int = BLOCKS) -> Initiator:
    return Initiator(BulkOnly(CdUnit(Identity("CD-ROM", "0123456789ABCDEF"), Memory(size=blocks * 2048))))


@pytest.fixture
def guest() -> Initiator:
    return drive()


@pytest.fixture
def unit(guest: Initiator) -> CdUnit:
    assert isinstance(guest.machine.unit, CdUnit)
    return guest.machine.unit


def test_inquiry(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("12 00 0000 24 00"), 36)
    assert data == bytes.fromhex("05 80 05 02 1f 000000") + b"SPICETUICD-ROM          1.0 "


def test_capacity_counts_a_last_block_that_is_there_in_part(guest: Initiator) -> None:
    ask = bytes.fromhex("25 00 00000000 000000 00")
    assert guest.good(ask, 8) == struct.pack(">II", 999, 2048)
    guest.machine.unit.medium = Memory(size=999 * 2048 + 1)
    assert guest.good(ask, 8) == struct.pack(">II", 999, 2048)


def test_reads(guest: Initiator) -> None:
    content = bytes(range(256)) * 8 * 4
    guest.machine.unit.medium = Memory(content)
    assert guest.good(bytes.fromhex("28 00 00000001 00 0002 00"), 4096) == content[2048:6144]
    assert guest.good(bytes.fromhex("a8 00 00000003 00000001 00 00"), 2048) == content[6144:]
    assert guest.good(bytes.fromhex("be 00 00000001 000002 10 00 00"), 4096) == content[2048:6144]
    assert guest.good(bytes.fromhex("be 08 00000001 000002 10 00 00"), 4096) == content[2048:6144]
    assert guest.good(bytes.fromhex("be 00 00000001 000002 00 00 00")) == b""
    assert guest.command(bytes.fromhex("be 00 00000001 000001 f8 00 00"), 2352).sense == INVALID_FIELD
    assert guest.command(bytes.fromhex("28 00 00000003 00 0002 00"), 4096).sense == OUT_OF_RANGE


def test_nothing_is_written(guest: Initiator) -> None:
    answer = guest.command(bytes.fromhex("2a 00 00000000 00 0001 00"), data=bytes(2048))
    assert answer.sense == INVALID_COMMAND


# Table of contents


def test_toc_by_blocks(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("43 00 00 00000000 000c 00"), 12)
    assert data == bytes.fromhex("0012 01 01 00140100 00000000")
    whole = guest.good(bytes.fromhex("43 00 00 00000000 0324 00"), 804)
    assert whole == data + bytes.fromhex("0014aa00 000003e8")


def test_toc_by_time(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("43 02 00 00000000 0324 00"), 804)
    assert data == bytes.fromhex("0012 01 01 00140100 00000200 0014aa00 00000f19")


def test_toc_of_the_lead_out(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("43 00 00 000000 aa 0324 00"), 804)
    assert data == bytes.fromhex("000a 01 01 0014aa00 000003e8")
    assert guest.command(bytes.fromhex("43 00 00 000000 02 0324 00"), 804).sense == INVALID_FIELD


def test_toc_of_sessions(guest: Initiator) -> None:
    expected = bytes.fromhex("000a 01 01 00140100 00000000")
    assert guest.good(bytes.fromhex("43 00 01 00000000 000c 00"), 12) == expected
    assert guest.good(bytes.fromhex("43 00 00 00000000 000c 40"), 12) == expected  # where old drivers put the format


def test_full_toc(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("43 02 02 00000000 0324 00"), 804)
    assert struct.unpack_from(">H", data)[0] == len(data) - 2 == 2 + 4 * 11
    points = [data[at : at + 11] for at in range(4, len(data), 11)]
    assert [point[3] for point in points] == [0xA0, 0xA1, 0xA2, 1]
    assert points[2][7:] == bytes.fromhex("00 00 0f 19")
    assert points[3][7:] == bytes.fromhex("00 00 02 00")


def test_toc_of_other_kinds(guest: Initiator) -> None:
    for kind in (3, 4, 5):
        assert guest.command(bytes((0x43, 0, kind, 0, 0, 0, 0, 3, 0x24, 0)), 804).sense == INVALID_FIELD


def test_times() -> None:
    assert msf(0) == bytes((0, 0, 2, 0))
    assert msf(74) == bytes((0, 0, 2, 74))
    assert msf(75 * 60 - 150) == bytes((0, 1, 0, 0))
    assert msf(1 << 40) == bytes((0, 255, 59, 74))


# What the drive and the disc are


def features(guest: Initiator, which: int = 0, first: int = 0) -> tuple[int, dict[int, tuple[bool, bytes]]]:
    data = guest.good(struct.pack(">BBH3xHx", 0x46, which, first, 4096), 4096)
    size, profile = struct.unpack_from(">IxxH", data)
    assert size == len(data) - 4
    found, at = {}, 8
    while at < len(data):
        code, flags, length = struct.unpack_from(">HBB", data, at)
        found[code] = (bool(flags & 1), data[at + 4 : at + 4 + length])
        at += 4 + length
    return profile, found


def test_configuration_with_a_cd(guest: Initiator) -> None:
    profile, found = features(guest)
    assert profile == 0x0008
    assert sorted(found) == [0, 1, 3, 0x10, 0x1E, 0x1F, 0x100, 0x105, 0x108]
    assert found[0][1] == bytes.fromhex("0010 00 00 0008 01 00")
    assert found[0x10] == (True, bytes.fromhex("00000800 0001 00 00"))
    assert found[0x1E][0]
    assert not found[0x1F][0]
    assert all(len(data) % 4 == 0 for _, data in found.values())


def test_configuration_of_what_is_current(guest: Initiator) -> None:
    assert 0x1F not in features(guest, 1)[1]
    assert list(features(guest, 2, 0x1F)[1]) == [0x1F]
    assert features(guest, 2, 0x20)[1] == {}
    assert sorted(features(guest, 0, 0x1E)[1]) == [0x1E, 0x1F, 0x100, 0x105, 0x108]
    assert guest.command(struct.pack(">BBH3xHx", 0x46, 3, 0, 8), 8).sense == INVALID_FIELD


def test_configuration_with_a_dvd() -> None:
    profile, found = features(drive(DVD_BLOCKS))
    assert profile == 0x0010
    assert found[0x1F][0]
    assert not found[0x1E][0]


def test_configuration_without_a_medium(guest: Initiator, unit: CdUnit) -> None:
    unit.remove()
    profile, found = features(guest)
    assert profile == 0
    assert not found[0x10][0]


def test_disc_structure() -> None:
    guest = drive(DVD_BLOCKS)

    def ask(kind: int, layer: int = 0, length: int = 4096) -> bytes:
        return guest.good(struct.pack(">BBIBBHxx", 0xAD, 0, 0, layer, kind, length), length)

    physical = ask(0)
    assert len(physical) == 2052
    assert physical[:4] == bytes.fromhex("0802 0000")
    assert physical[4:8] == bytes.fromhex("01 02 01 00")
    assert physical[8:20] == struct.pack(">III", 0x030000, 0x030000 + DVD_BLOCKS - 1, 0)
    assert ask(1) == bytes.fromhex("0006 0000 00000000")
    assert len(ask(4)) == 2052
    assert ask(0xFF)[4:8] == bytes.fromhex("00 40 0804")
    for kind in (2, 3, 5):
        assert guest.command(struct.pack(">BBIBBHxx", 0xAD, 0, 0, 0, kind, 64), 64).sense == INVALID_FIELD
    assert guest.command(struct.pack(">BBIBBHxx", 0xAD, 0, 0, 1, 0, 64), 64).sense == INVALID_FIELD


def test_disc_structure_of_two_layers() -> None:
    data = drive(TWO_LAYERS).good(struct.pack(">BBIBBHxx", 0xAD, 0, 0, 1, 0, 64), 64)
    assert data[6] == 0x21
    assert struct.unpack_from(">I", data, 16)[0] == 0x030000 + TWO_LAYERS // 2 - 1


def test_disc_structure_of_a_cd(guest: Initiator) -> None:
    answer = guest.command(struct.pack(">BBIBBHxx", 0xAD, 0, 0, 0, 0, 64), 64)
    assert answer.sense == INCOMPATIBLE_MEDIUM


def test_disc_and_track_information(guest: Initiator) -> None:
    disc = guest.good(bytes.fromhex("51 00 0000000000 0100 00"), 256)
    assert (len(disc), disc[:8]) == (34, bytes.fromhex("0020 0e 01 01 01 01 20"))
    track = guest.good(bytes.fromhex("52 01 00000001 00 0100 00"), 256)
    assert (len(track), track[:7]) == (36, bytes.fromhex("0022 01 01 00 04 01"))
    assert struct.unpack_from(">I", track, 24)[0] == BLOCKS
    assert guest.command(bytes.fromhex("52 01 00000002 00 0100 00"), 256).sense == INVALID_FIELD
    assert guest.good(bytes.fromhex("52 00 000003e7 00 0100 00"), 256) == track
    assert guest.command(bytes.fromhex("52 00 000003e8 00 0100 00"), 256).sense == INVALID_FIELD


def test_capabilities(guest: Initiator) -> None:
    data = guest.good(bytes.fromhex("5a 08 2a 00 000000 0080 00"), 128)
    assert struct.unpack_from(">H", data)[0] == len(data) - 2
    page = data[8:]
    assert page[:2] == bytes.fromhex("2a 14")
    assert page[2] & 0x08  # reads DVDs
    assert page[3] == 0  # writes nothing
    assert page[6] == 0x29  # a tray that can be locked and ejected
    guest.good(PREVENT)
    assert guest.good(bytes.fromhex("5a 08 2a 00 000000 0080 00"), 128)[14] == 0x2B


def test_what_old_and_curious_drivers_ask(guest: Initiator) -> None:
    assert guest.good(bytes.fromhex("44 00 00000005 00 0008 00"), 8) == bytes.fromhex("01000000 00000005")
    assert guest.good(bytes.fromhex("42 02 40 01 000000 0010 00"), 16)[:8] == bytes.fromhex("0015 000c 01140101")
    assert guest.good(bytes.fromhex("42 02 00 01 000000 0004 00"), 4) == bytes.fromhex("0015 0000")
    assert len(guest.good(bytes.fromhex("42 02 40 02 000000 0018 00"), 24)) == 24
    assert guest.good(bytes.fromhex("bd 00 000000000000 0008 00 00"), 8) == bytes.fromhex("00 00 000000 01 0000")
    guest.good(bytes.fromhex("bb 00 ffff ffff 000000000000"))
    guest.good(bytes.fromhex("b6 00 00000000000000 001c 00"), data=bytes(28))
    assert guest.command(bytes.fromhex("a4 00 00000000 00 00 0008 08 00"), 8).sense == INVALID_COMMAND


# The tray


def test_the_guest_ejects_and_loads(guest: Initiator, unit: CdUnit) -> None:
    told: list[Medium] = []
    unit.on_eject = told.append
    guest.good(PREVENT)
    assert guest.command(EJECT).sense == REMOVAL_PREVENTED
    guest.good(ALLOW)
    guest.good(EJECT)
    assert len(told) == 1
    assert guest.command(READY).sense == TRAY_OPEN
    assert guest.good(EVENTS, 8)[5] == 1
    guest.good(EJECT)  # open already
    assert len(told) == 1
    guest.good(LOAD)
    assert guest.command(READY).sense == MEDIUM_CHANGED
    guest.good(READY)


def test_the_client_changes_the_disc(guest: Initiator, unit: CdUnit) -> None:
    assert guest.good(EVENTS, 8) == bytes.fromhex("0006 04 10 00 02 0000")
    unit.remove()
    assert guest.good(EVENTS, 8) == bytes.fromhex("0006 04 10 03 01 0000")
    assert guest.command(READY).sense == TRAY_OPEN
    guest.good(LOAD)
    assert guest.command(READY).sense == TRAY_CLOSED
    unit.insert(Memory(size=4096))
    assert guest.good(EVENTS, 8) == bytes.fromhex("0006 04 10 02 02 0000")
    assert guest.command(READY).sense == MEDIUM_CHANGED
    assert guest.good(bytes.fromhex("25 00 00000000 000000 00"), 8) == struct.pack(">II", 1, 2048)


def test_the_guest_is_asked_to_let_go(guest: Initiator, unit: CdUnit) -> None:
    guest.good(PREVENT)
    unit.request_eject()
    unit.request_eject()
    assert guest.good(EVENTS, 8)[4] == 1
    assert guest.good(EVENTS, 8)[4] == 0


def test_events_of_other_classes(guest: Initiator) -> None:
    assert guest.good(bytes.fromhex("4a 01 0000 02 0000 0008 00"), 8) == bytes.fromhex("0002 80 10")
    assert guest.command(bytes.fromhex("4a 00 0000 10 0000 0008 00"), 8).sense == INVALID_FIELD
