"""The queue of files: order, pauses, the limit, failures with their reasons, agents and sessions that come and go."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from peer.fake_agent import LINUX, with_agent
from peer.file_guest import FileGuest, taking

import spicetui
from spicetui.agent import queue as module
from spicetui.agent.files import AT_ONCE, PIECE, TransferState
from spicetui.agent.queue import FileQueue, QueuedFile, Rate, explain
from spicetui.errors import AgentError
from spicetui.wire import main
from spicetui.wire.enums import AgentCap, FileXferResult

LARGE = 3 << 20


def write(path: Path, data: bytes | int) -> Path:
    path.write_bytes(os.urandom(data) if isinstance(data, int) else data)
    return path


async def finish(*files: QueuedFile) -> None:
    async with asyncio.timeout(30):
        for file in files:
            await file.wait()


async def turns() -> None:
    """Of the event loop, in which something that must not happen could."""
    for _ in range(500):
        await asyncio.sleep(0)


@asynccontextmanager
async def queue_and_guest(queue: FileQueue | None = None) -> AsyncIterator[tuple[FileQueue, FileGuest]]:
    queue = queue or FileQueue()
    async with with_agent() as session:
        guest = FileGuest(session)
        queue.watch(guest.notify)
        queue.attach(session.client.main.agent.files)
        yield queue, guest
        queue.detach()


async def test_files_arrive_in_order(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number:02}", number * 1000) for number in range(30)]
    queue = FileQueue(digest=True)
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        files = queue.add_all(paths)
        assert [file.size for file in files] == [number * 1000 for number in range(30)]
        await asyncio.wait_for(queue.wait_idle(), 30)
        assert sorted(guest.order) == [path.name for path in paths]
        assert all(abs(guest.order.index(path.name) - at) < AT_ONCE for at, path in enumerate(paths))
        for file in files:
            data = file.path.read_bytes()
            assert guest.received[file.name] == data
            assert file.state is TransferState.DONE
            assert (file.sha256, file.bytes_sent, file.fraction) == (hashlib.sha256(data).hexdigest(), len(data), 1.0)
        assert (queue.waiting, queue.active) == (0, [])
        queue.clear_finished()
        assert queue.files == []


async def test_large_files_come_one_after_the_other(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        guest.hold()
        async with taking(guest):
            files = queue.add_all([write(tmp_path / f"large{number}", LARGE) for number in range(3)])
            small = queue.add_all([write(tmp_path / f"small{number}", 1) for number in range(20)])
            assert [file.state for file in files] == [
                TransferState.SENDING,
                TransferState.WAITING,
                TransferState.WAITING,
            ]
            queue.move(small[0], -100)
            queue.move(files[2], -1)
            assert queue.files[:4] == [small[0], files[0], files[2], files[1]]
            guest.go()
            await finish(*files, *small)
        assert guest.order[0] == "large0"
        assert sorted(guest.order[1:3]) == ["large2", "small0"]  # opened side by side
        assert guest.order[3] == "large1"
        assert sorted(guest.order[4:]) == sorted(f"small{number}" for number in range(1, 20))
        queue.move(files[0], 100)
        assert queue.files[-1] is files[0]


async def test_pause_and_resume_of_one(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        guest.hold()
        large, other = queue.add_all([write(tmp_path / "large", LARGE), write(tmp_path / "other", LARGE)])
        queue.pause(large)
        assert (large.state, other.state) == (TransferState.PAUSED, TransferState.SENDING)  # its place is free
        guest.go()
        await finish(other)
        assert (large.state, "large" in guest.received) == (TransferState.PAUSED, False)
        assert large.bytes_sent < 1 << 20
        queue.resume(large)
        assert large.state is TransferState.SENDING
        await finish(large)
        assert guest.received["large"] == large.path.read_bytes()


async def test_pause_of_one_that_waits(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        queue.pause()
        first, second = queue.add_all([write(tmp_path / "first", 1), write(tmp_path / "second", 1)])
        queue.pause(first)
        queue.resume()
        async with taking(guest):
            await finish(second)
            assert (first.state, guest.order) == (TransferState.PAUSED, ["second"])
            queue.resume(first)
            await finish(first)
        assert guest.order == ["second", "first"]


async def test_pause_and_resume_of_all(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        large = queue.add(write(tmp_path / "large", LARGE))
        await guest.until(lambda: large.bytes_sent > 0)
        queue.pause()
        later = queue.add(write(tmp_path / "later", 1))
        before = large.bytes_sent
        await turns()
        assert large.bytes_sent <= before + PIECE  # one piece was past the gate
        assert later.state is TransferState.WAITING
        assert queue.seconds_left is None
        queue.resume()
        await finish(large, later)
        assert guest.received["large"] == large.path.read_bytes()


async def test_cancel(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        guest.hold()
        first, second, third = queue.add_all([write(tmp_path / name, LARGE) for name in ("first", "second", "third")])
        queue.cancel(second)
        assert (second.state, second.reason) == (TransferState.CANCELLED, "cancelled")
        guest.go()
        await guest.until(lambda: first.bytes_sent > 1 << 20)
        queue.cancel(first)
        assert first.state is TransferState.CANCELLED
        await finish(third)
        assert (guest.order, guest.cancelled, list(guest.received)) == (["first", "third"], ["first"], ["third"])
        queue.cancel(third)
        assert third.state is TransferState.DONE


async def test_cancel_all(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        files = queue.add_all([write(tmp_path / f"{number}", LARGE) for number in range(5)])
        queue.cancel_all()
        assert {file.state for file in files} == {TransferState.CANCELLED}
        assert (queue.waiting, queue.active) == (0, [])
        queue.retry(files[3])
        await finish(files[3])
        assert (files[3].state, files[3].reason) == (TransferState.DONE, "")
        assert list(guest.received) == ["3"]


FULL = struct.pack("<Q", 5)
REFUSALS = [
    (FileXferResult.NOT_ENOUGH_SPACE, FULL, "100 bytes are to be sent and 5 are free", "free some space there"),
    (FileXferResult.DISABLED, b"", "file transfer is switched off in the guest", "switch it on there"),
    (FileXferResult.SESSION_LOCKED, b"", "the guest's session is locked", "unlock it and try again"),
    (FileXferResult.VDAGENT_NOT_CONNECTED, b"", "no spice-vdagent runs for a user", "log in there"),
    (FileXferResult.ERROR, struct.pack("<BI", 0, 14), "permission denied", "let the user who is logged in"),
    (FileXferResult.ERROR, b"", "the guest cannot write it", "look whether its disk is full"),
]


@pytest.mark.parametrize(("result", "data", "reason", "advice"), REFUSALS)
async def test_refusals_say_why_and_what_to_do(
    result: FileXferResult, data: bytes, reason: str, advice: str, tmp_path: Path
) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        guest.refuse = lambda name: (result, data) if name == "bad" else None
        bad, good = queue.add_all([write(tmp_path / "bad", 100), write(tmp_path / "good", 100)])
        await finish(bad, good)
        assert bad.state is TransferState.FAILED
        assert reason in bad.reason
        assert advice in bad.advice
        assert good.state is TransferState.DONE
        guest.refuse = lambda name: None
        queue.retry(bad)
        await finish(bad)
        assert (bad.state, bad.reason, bad.advice) == (TransferState.DONE, "", "")


async def test_what_cannot_be_read(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        gone, folder = queue.add_all([tmp_path / "gone", tmp_path])
        await finish(gone, folder)
        assert (gone.reason, gone.advice) == ("there is no such file", "look at its name, and where it is now")
        assert folder.reason == "no plain file"
        write(tmp_path / "gone", b"here again")
        queue.retry(gone)
        await finish(gone)
        assert guest.received == {"gone": b"here again"}


def test_errors_in_words() -> None:
    assert explain(PermissionError(errno.EACCES, "Permission denied"))[0] == "it may not be read here"
    assert explain(OSError(errno.EXDEV, "Invalid cross-device link"))[0].endswith("invalid cross-device link")
    assert explain(AgentError("no agent; start one")) == ("no agent", "start one")


async def test_a_file_that_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "busy", LARGE)
    async with queue_and_guest() as (queue, guest), taking(guest):
        guest.hold()
        busy = queue.add(path)
        guest.go()
        await guest.until(lambda: busy.bytes_sent > 0)
        guest.hold()
        os.utime(path, ns=(0, 0))
        guest.go()
        await finish(busy)
        assert busy.reason == "the file was changed while it was sent"
        await guest.until(lambda: guest.cancelled == ["busy"])
        assert guest.received == {}
        queue.retry(busy)
        await finish(busy)
        assert guest.received["busy"] == path.read_bytes()


async def test_the_agent_restarts(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        large, small = queue.add_all([write(tmp_path / "large", LARGE), write(tmp_path / "small", 10)])
        async with taking(guest):
            await guest.until(lambda: large.bytes_sent > 1 << 20)
        guest.lose()
        await guest.until(lambda: large.state is TransferState.WAITING)
        assert large.bytes_sent == 0
        assert "the guest's agent has gone: it begins anew" in large.note
        assert queue.blocked.startswith("the guest runs no SPICE agent")
        await guest.restart()
        assert queue.blocked == ""
        async with taking(guest):
            await finish(large, small)
        assert guest.order == ["large", "large", "small"]
        assert guest.received["large"] == large.path.read_bytes()


async def test_a_file_under_which_agents_die(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        large = queue.add(write(tmp_path / "large", LARGE))
        for turn in range(module.MAX_LOST):
            async with taking(guest):
                await guest.until(lambda: large.bytes_sent > 0)
            guest.lose()
            await guest.until(lambda turn=turn: large.lost == turn + 1)  # type: ignore[misc]
            if turn + 1 < module.MAX_LOST:
                await guest.restart()
        assert large.state is TransferState.FAILED
        assert large.reason == f"the guest's agent has gone, {module.MAX_LOST} times"
        assert "try again" in large.advice


async def test_a_pause_outlives_the_agent(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        large = queue.add(write(tmp_path / "large", LARGE))
        async with taking(guest):
            await guest.until(lambda: large.bytes_sent > 0)
            queue.pause(large)
        guest.lose()
        await guest.until(lambda: large.transfer is None)
        await guest.restart()
        assert (large.state, large.bytes_sent) == (TransferState.PAUSED, 0)
        queue.resume(large)
        async with taking(guest):
            await finish(large)
        assert guest.received["large"] == large.path.read_bytes()


async def test_the_session_ends_and_another_one_begins(tmp_path: Path) -> None:
    queue = FileQueue()
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        large, small = queue.add_all([write(tmp_path / "large", LARGE), write(tmp_path / "small", 10)])
        await guest.until(lambda: large.bytes_sent > 1 << 20)
        guest.hold()
        await guest.session.client.aclose()
    assert (large.state, large.bytes_sent, queue.active) == (TransferState.WAITING, 0, [])
    assert queue.blocked.startswith("no session")
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        await finish(large, small)
        assert guest.received["large"] == large.path.read_bytes()
        assert "begins anew" in large.note


async def test_detached_in_the_middle(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest), taking(guest):
        large = queue.add(write(tmp_path / "large", LARGE))
        await guest.until(lambda: large.bytes_sent > 0)
        queue.detach()
        await guest.until(lambda: guest.cancelled == ["large"])  # the session is still there: it cleans up
        assert large.state is TransferState.WAITING
        queue.attach(guest.session.client.main.agent.files)
        await finish(large)
        assert guest.received["large"] == large.path.read_bytes()


async def test_before_there_is_an_agent(tmp_path: Path) -> None:
    queue = FileQueue()
    assert queue.blocked.startswith("no session")
    file = queue.add(write(tmp_path / "x", 10))
    async with with_agent(greet=False) as session:
        queue.attach(session.client.main.agent.files)
        assert queue.blocked == "the guest's agent has not answered yet"
        assert file.state is TransferState.WAITING
        await session.agent.greet()
        guest = FileGuest(session)
        async with taking(guest):
            await finish(file)
        assert list(guest.received) == ["x"]
        queue.detach()


async def test_a_guest_that_takes_no_files(tmp_path: Path) -> None:
    queue = FileQueue()
    async with with_agent(LINUX | {AgentCap.FILE_XFER_DISABLED}) as session:
        queue.attach(session.client.main.agent.files)
        assert queue.blocked.startswith("file transfer is switched off")
        assert queue.add(write(tmp_path / "x", 10)).state is TransferState.WAITING
        queue.detach()
    async with with_agent(read_only=True, greet=False) as session:
        queue.attach(session.client.main.agent.files)
        assert queue.blocked.startswith("the session is read-only")
        queue.detach()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    queue = FileQueue(clock=clock)
    queue.limit = 4000.0
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        file = queue.add(write(tmp_path / "x", 3000))
        await guest.until(lambda: file.bytes_sent == module.MIN_PIECE)  # a piece of the least size goes at once
        await turns()
        assert file.bytes_sent == module.MIN_PIECE
        clock.now += 1
        queue.limit = 1e9  # wakes it
        await finish(file)
        assert guest.received["x"] == file.path.read_bytes()
        for bad in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="above 0"):
                queue.limit = bad
        queue.limit = None
        other = queue.add(write(tmp_path / "other", 300_000))
        await finish(other)


async def test_the_limit_keeps_its_time(tmp_path: Path) -> None:
    """By the real clock, but only from one side: it never takes less."""
    queue = FileQueue()
    queue.limit = 100_000.0
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        file = queue.add(write(tmp_path / "x", 50_000))
        await finish(file)
        assert file.seconds >= 0.2
        assert file.bytes_per_second <= 50_000 / 0.2


def test_rates() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert rate.now(0) == 0
    rate.saw(0)
    assert rate.now(0) == 0
    for second in range(1, 21):
        clock.now += 1
        rate.saw(second * 1000 if second <= 10 else 10_000)
        if second <= 10:
            assert rate.now(second * 1000) == pytest.approx(1000)
    assert rate.now(10_000) == 0  # it stands still


async def test_how_far_it_is(tmp_path: Path) -> None:
    clock = Clock()
    queue = FileQueue(clock=clock)
    async with queue_and_guest(queue) as (_, guest), taking(guest):
        guest.hold()
        first = queue.add(write(tmp_path / "first", 4 << 20))
        queue.add(write(tmp_path / "second", 4 << 20))
        assert (queue.total_size, queue.bytes_sent, queue.seconds_left) == (8 << 20, 0, None)
        guest.go()
        await guest.until(lambda: first.bytes_sent >= 1 << 20)
        guest.hold()
        clock.now += 1
        sent = first.bytes_sent
        assert queue.bytes_sent == sent
        assert first.bytes_per_second > 0
        assert first.seconds_left == pytest.approx(first.left / first.bytes_per_second)
        assert queue.seconds_left == pytest.approx(((8 << 20) - sent) / queue.bytes_per_second)
        assert first.fraction == pytest.approx(sent / (4 << 20))
        guest.go()
        await queue.wait_idle()
        assert (queue.bytes_sent, queue.seconds_left, queue.bytes_per_second) == (8 << 20, None, 0)


async def test_a_full_queue_forgets_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 3)
    async with queue_and_guest() as (queue, guest):
        files = queue.add_all([write(tmp_path / f"{number}", 10) for number in range(3)])
        with pytest.raises(ValueError, match="holds 3 files"):
            queue.add(tmp_path / "0")
        async with taking(guest):
            await finish(*files)
        queue.add(tmp_path / "0")
        assert [file.name for file in queue.files] == ["1", "2", "0"]


async def test_names_are_public() -> None:
    assert spicetui.FileQueue is FileQueue
    assert spicetui.QueuedFile is QueuedFile


async def test_an_agent_that_is_replaced_in_the_middle(tmp_path: Path) -> None:
    async with queue_and_guest() as (queue, guest):
        large = queue.add(write(tmp_path / "large", LARGE))
        async with taking(guest):
            await guest.until(lambda: large.bytes_sent > 0)
        guest.session.channel.send(main.AgentDisconnected(0))
        await guest.restart()
        async with taking(guest):
            await finish(large)
        assert guest.received["large"] == large.path.read_bytes()
