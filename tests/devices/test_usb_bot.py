"""The Bulk-Only Transport: the thirteen cases, transfers cut anyhow, errors, resets, and senseless input."""

from __future__ import annotations

import errno
import random
import struct

import pytest

from spicetui.devices.scsi import (
    INVALID_COMMAND,
    MAX_TRANSFER,
    NO_SPACE,
    NO_SUCH_UNIT,
    READ_ERROR,
    WRITE_ERROR,
    Identity,
)
from spicetui.devices.scsi_disk import DiskUnit
from spicetui.devices.usb_bot import BulkOnly, Phase
from spicetui.interfaces import TransferStatus

from .storage import Initiator, Memory, bulk_in, bulk_out, wrapper

PATTERN = random.Random(1).randbytes(256 * 512)
READ_4 = bytes.fromhex("28 00 00000002 00 0004 00")
WRITE_4 = bytes.fromhex("2a 00 00000002 00 0004 00")
READY = bytes(6)


def drive(medium: Memory, pieces: int = 1 << 30) -> Initiator:
    return Initiator(BulkOnly(DiskUnit(Identity("Disk", "1"), medium)), pieces)


@pytest.fixture
def medium() -> Memory:
    return Memory(PATTERN, writable=True)


@pytest.fixture
def guest(medium: Memory) -> Initiator:
    return drive(medium)


@pytest.mark.parametrize("pieces", [64, 500, 512, 2048, 20480, 1 << 20])
def test_what_is_written_is_read_however_it_is_cut(medium: Memory, pieces: int) -> None:
    guest = drive(medium, pieces)
    fresh = bytes(reversed(PATTERN[:2048]))
    assert guest.good(READ_4, 2048) == PATTERN[1024:3072]
    guest.good(WRITE_4, data=fresh)
    assert guest.good(READ_4, 2048) == fresh
    assert bytes(medium.data) == PATTERN[:1024] + fresh + PATTERN[3072:]


def test_the_bytes_of_a_read_by_hand(guest: Initiator) -> None:
    command = bytes.fromhex("55534243 78563412 00020000 80 00 0a 28000000000100000100000000000000")
    assert guest.send(bulk_out(command)).length == 31
    assert guest.send(bulk_in(512)).data == PATTERN[512:1024]
    assert guest.send(bulk_in(13)).data == bytes.fromhex("55534253 78563412 00000000 00")


# Cases as the specification numbers them: what the guest is ready to move against what the command moves.


def test_case_1_nothing(guest: Initiator) -> None:
    assert guest.command(READY) == (0, b"", 0, None)


def test_cases_2_and_3_the_guest_expects_nothing(guest: Initiator) -> None:
    assert guest.command(READ_4).status == 2
    assert guest.command(WRITE_4).status == 2


def test_case_4_the_drive_has_nothing_to_give(guest: Initiator) -> None:
    assert guest.command(READY, 36) == (0, b"", 36, None)


def test_case_5_the_drive_gives_less(guest: Initiator) -> None:
    answer = guest.command(READ_4, 4096)
    assert (answer.status, answer.data, answer.residue) == (0, PATTERN[1024:3072], 2048)


def test_case_5_ends_with_an_empty_packet_after_full_ones(medium: Memory) -> None:
    answer = drive(medium, 1024).command(READ_4, 4096)
    assert (answer.status, answer.data, answer.residue) == (0, PATTERN[1024:3072], 2048)


def test_case_7_the_drive_would_give_more(guest: Initiator) -> None:
    answer = guest.command(READ_4, 512)
    assert (answer.status, answer.data, answer.residue) == (2, b"", 512)


def test_case_8_and_10_the_wrong_way(guest: Initiator, medium: Memory) -> None:
    assert guest.command(WRITE_4, 2048).status == 2
    assert guest.command(READ_4, data=bytes(2048)).status == 2
    assert bytes(medium.data) == PATTERN


def test_case_9_and_11_more_than_the_drive_takes(guest: Initiator, medium: Memory) -> None:
    assert guest.command(READY, data=bytes(512)) == (0, b"", 512, None)
    assert guest.command(WRITE_4, data=b"\x55" * 4096) == (0, b"", 2048, None)
    assert bytes(medium.data) == PATTERN[:1024] + b"\x55" * 2048 + PATTERN[3072:]


def test_case_13_less_than_the_drive_takes(guest: Initiator, medium: Memory) -> None:
    assert guest.command(WRITE_4, data=bytes(512)).status == 2
    assert bytes(medium.data) == PATTERN


def test_answers_are_cut_to_what_the_guest_expects(guest: Initiator) -> None:
    inquiry = bytes((0x12, 0, 0, 0, 255, 0))
    assert guest.good(inquiry, 5) == guest.good(inquiry, 255)[:5]


# Order and time


def test_requests_may_come_before_their_data(guest: Initiator) -> None:
    first, second, status = bulk_in(1024), bulk_in(1024), bulk_in(13)
    assert guest.waits(first)
    assert guest.waits(second)
    assert guest.waits(status)
    guest.send(bulk_out(wrapper(READ_4, 2048, to_guest=True)))
    replies = {id(reply.transfer): reply.data for reply in guest.told}
    assert replies[id(first)] + replies[id(second)] == PATTERN[1024:3072]
    assert replies[id(status)][:4] == b"USBS"


def test_the_status_waits_for_the_medium(guest: Initiator, medium: Memory) -> None:
    machine = guest.machine
    machine.submit(bulk_out(wrapper(WRITE_4, 2048)))
    machine.submit(bulk_out(bytes(2048)))
    status = bulk_in(13)
    machine.submit(status)
    assert [reply.length for reply in machine.replies] == [31, 2048]
    job = machine.next_job()
    assert job is not None
    assert machine.next_job() is None
    job.run()
    machine.finished(job)
    assert machine.replies[-1].transfer is status


def test_a_reset_while_the_medium_works(guest: Initiator, medium: Memory) -> None:
    machine = guest.machine
    machine.submit(bulk_out(wrapper(READ_4, 2048, to_guest=True)))
    stuck = bulk_in(2048)
    machine.submit(stuck)
    job = machine.next_job()
    assert job is not None
    machine.cancel(stuck)
    assert machine.replies[-1].status is TransferStatus.CANCELLED
    machine.reset()
    assert guest.send(bulk_out(wrapper(READ_4, 2048, to_guest=True, tag=7))).status == 0
    retried, status = bulk_in(2048), bulk_in(13)
    assert guest.waits(retried)  # one thing at a time: the first read still runs
    machine.submit(status)
    machine.finished(job, bytes(2048))
    guest.settle()
    data = {id(reply.transfer): reply.data for reply in guest.told}
    assert data[id(retried)] == PATTERN[1024:3072]
    assert data[id(status)][4:8] == struct.pack("<I", 7)
    assert len([reply for reply in guest.told if reply.transfer is stuck]) == 1


def test_a_new_command_where_the_end_of_the_last_was_never_asked_for(guest: Initiator) -> None:
    guest.send(bulk_out(wrapper(READ_4, 2048, to_guest=True)))
    assert guest.good(READ_4, 2048) == PATTERN[1024:3072]
    guest.send(bulk_out(wrapper(READY)))
    assert guest.good(READ_4, 2048) == PATTERN[1024:3072]


# Errors


@pytest.mark.parametrize(
    "senseless",
    [
        b"",
        b"USBC",
        wrapper(READY)[:30],
        wrapper(READY) + b"\0",
        wrapper(READY, signature=b"USBX"),
        wrapper(b""),
        wrapper(READY)[:14] + b"\x11" + bytes(16),
        bytes(512),
    ],
)
def test_senseless_commands_stall_until_a_reset(guest: Initiator, senseless: bytes) -> None:
    assert guest.send(bulk_out(senseless)).status is TransferStatus.STALL
    assert guest.send(bulk_in(13)).status is TransferStatus.STALL
    assert guest.send(bulk_out(wrapper(READY))).status is TransferStatus.STALL
    guest.machine.reset()
    assert guest.good(READ_4, 2048) == PATTERN[1024:3072]


def test_a_request_too_short_for_the_status(guest: Initiator) -> None:
    guest.send(bulk_out(wrapper(READY)))
    assert guest.send(bulk_in(12)).status is TransferStatus.STALL
    guest.machine.reset()
    guest.good(READY)


def test_the_sense_of_what_is_unknown(guest: Initiator) -> None:
    answer = guest.command(b"\xff" * 16)
    assert (answer.status, answer.sense) == (1, INVALID_COMMAND)
    answer = guest.command(b"\xff" * 16, 64)
    assert (answer.data, answer.residue, answer.sense) == (b"", 64, INVALID_COMMAND)
    answer = guest.command(b"\xff" * 16, data=bytes(64))
    assert (answer.residue, answer.sense) == (64, INVALID_COMMAND)


def test_there_is_one_unit(guest: Initiator) -> None:
    guest.send(bulk_out(wrapper(READY, unit=1)))
    assert guest.send(bulk_in(13)).data[12] == 1
    assert guest.good(bytes((3, 0, 0, 0, 18, 0)), 18)[12] == NO_SUCH_UNIT.code


def test_a_read_that_fails(guest: Initiator, medium: Memory) -> None:
    medium.error = OSError(errno.EIO, "broken")
    answer = guest.command(READ_4, 2048)
    assert (answer.status, answer.data, answer.residue, answer.sense) == (1, b"", 2048, READ_ERROR)
    medium.error = None
    assert guest.good(READ_4, 2048) == PATTERN[1024:3072]


@pytest.mark.parametrize(("number", "sense"), [(errno.EIO, WRITE_ERROR), (errno.ENOSPC, NO_SPACE)])
def test_a_write_that_fails(medium: Memory, number: int, sense: object) -> None:
    guest = drive(medium, 512)
    medium.error = OSError(number, "broken")
    answer = guest.command(WRITE_4, data=bytes(2048))
    assert (answer.status, answer.sense) == (1, sense)
    medium.error = None
    guest.good(WRITE_4, data=bytes(2048))


def test_the_last_write_is_safe_before_a_forced_command_is_done(guest: Initiator, medium: Memory) -> None:
    guest.good(WRITE_4, data=bytes(2048))
    assert medium.log == ["write"]
    guest.good(bytes.fromhex("2a 08 00000002 00 0004 00"), data=bytes(2048))
    assert medium.log == ["write", "write", "flush"]
    guest.good(bytes.fromhex("35 00 00000000 00 0000 00"))
    assert medium.log == ["write", "write", "flush", "flush"]


def test_absurd_lengths_take_no_memory() -> None:
    medium = Memory(size=1 << 50, writable=True)
    guest = drive(medium)
    whole = bytes.fromhex("88 00 0000000000000000 ffffffff 00 00")
    assert guest.command(whole, 0xFFFFFFFF).status == 1
    blocks = MAX_TRANSFER // 512
    assert guest.command(whole[:10] + struct.pack(">I", blocks + 1) + b"\0\0", 0xFFFFFFFF).status == 1
    # The guest announces 4 GiB for a command that takes none: they are counted, not kept.
    guest.send(bulk_out(wrapper(READY, 0xFFFFFFFF)))
    for _ in range(64):
        assert guest.send(bulk_out(bytes(1 << 20))).status == 0
    assert guest.machine.phase is Phase.DATA_OUT
    assert guest.machine.next_job() is None


def test_random_traffic_breaks_nothing() -> None:
    chance = random.Random(8)
    medium = Memory(PATTERN, writable=True)
    guest = drive(medium)
    opcodes = sorted(DiskUnit.COMMANDS)
    for _ in range(3000):
        kind = chance.randrange(10)
        if kind < 4:
            block = bytes((chance.choice(opcodes),)) + bytes(chance.choice((0, 0, 1, 2, 255)) for _ in range(15))
            out = wrapper(block, chance.choice((0, 13, 512, 2048, 1 << 31)), to_guest=chance.random() < 0.6)
            guest.machine.submit(bulk_out(out))
        elif kind < 8:
            guest.machine.submit(bulk_in(chance.choice((0, 1, 13, 512, 4096, 1 << 31))))
        elif kind < 9:
            guest.machine.submit(bulk_out(chance.randbytes(chance.choice((0, 31, 512, 4096)))))
        else:
            guest.machine.reset()
        guest.settle()
    assert len({id(reply.transfer) for reply in guest.told}) == len(guest.told)
    guest.machine.reset()
    guest.settle()
    guest.machine.unit.insert(medium)
    guest.command(READY)
    assert guest.good(READ_4, 2048) == bytes(medium.data[1024:3072])
