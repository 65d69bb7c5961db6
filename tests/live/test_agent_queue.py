"""The queue of files with Debian's own guest agent: killed, full disks, other sessions, and the app's own panel."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from terminal.personality import KITTY
from terminal.terminal import Terminal
from tui.test_program import program

import spicetui
from spicetui.agent.files import TransferState
from spicetui.agent.queue import FileQueue, QueuedFile

from . import library
from .agent_rig import files, guest, server
from .cli import Cli, target
from .conftest import Row
from .vdagent import VdAgent
from .xspice import Xspice

__all__ = ["files", "guest", "server"]

TABLE = "the queue of files with spice-vdagent"
SECONDS = 60.0
LARGE = 24 << 20
DISK = 8 << 20


def write(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def until(condition: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


async def finish(*queued: QueuedFile) -> None:
    async with asyncio.timeout(SECONDS):
        for file in queued:
            await file.wait()


@asynccontextmanager
async def session(server: Xspice, queue: FileQueue) -> AsyncIterator[spicetui.Client]:
    async with await library.connect(server.address()) as client:
        await client.main.wait_agent(SECONDS)
        queue.attach(client.main.agent.files)
        try:
            yield client
        finally:
            queue.detach()


async def test_the_agent_is_killed_in_the_middle(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    """Nobody does anything: the queue begins the file anew with the next agent."""
    queue = FileQueue(digest=True)
    async with session(server, queue) as client:
        large, small = queue.add(write(files / "large", LARGE)), queue.add(write(files / "small", 1000))
        await until(lambda: large.bytes_sent > 1 << 20, "a part is sent")
        guest.kill()
        await until(lambda: large.state is TransferState.WAITING, "it waits")
        assert queue.blocked.startswith("the guest runs no SPICE agent")
        for path in guest.folder.iterdir():
            path.unlink()
        await guest.start_next(client)
        await finish(large, small)
    assert (large.state, large.reason) == (TransferState.DONE, "")
    assert "begins anew" in large.note
    assert large.sha256 == sha256(guest.folder / "large") == sha256(large.path)
    assert sha256(guest.folder / "small") == sha256(small.path)
    row(TABLE, what="agent killed in the middle, restarted", result="begun anew by itself, sha256 equal")


async def test_the_session_is_connected_anew(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    queue = FileQueue()
    large = queue.add(write(files / "large", LARGE))
    async with session(server, queue):
        await until(lambda: large.bytes_sent > 1 << 20, "a part is sent")
    assert (large.state, large.bytes_sent) == (TransferState.WAITING, 0)
    async with session(server, queue):
        await finish(large)
    assert large.state is TransferState.DONE
    same = [path.name for path in guest.folder.iterdir() if sha256(path) == sha256(large.path)]
    assert len(same) == 1
    row(TABLE, what="session ended in the middle, connected anew", result=f"begun anew, equal as {same[0]!r}")


async def test_pause_and_resume(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    queue = FileQueue(digest=True)
    async with session(server, queue) as client:
        large, other = queue.add(write(files / "large", LARGE)), queue.add(write(files / "other", 1 << 20))
        await until(lambda: large.bytes_sent > 1 << 20, "a part is sent")
        queue.pause(large)
        await finish(other)  # it has the place
        await until(lambda: not client.main.agent.queued, "all that was sent is there")
        assert (large.state, large.bytes_sent < LARGE) == (TransferState.PAUSED, True)
        queue.resume(large)
        await finish(large)
    assert large.sha256 == sha256(guest.folder / "large")
    row(TABLE, what="paused in the middle, another one sent, resumed", result="sha256 equal")


async def test_cancel_and_retry(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    queue = FileQueue(digest=True)
    async with session(server, queue):
        large = queue.add(write(files / "large", LARGE))
        await until(lambda: large.bytes_sent > 1 << 20, "a part is sent")
        queue.cancel(large)
        await until(lambda: not any(guest.folder.iterdir()), "the guest has deleted it")
        queue.retry(large)
        await finish(large)
    assert large.sha256 == sha256(guest.folder / "large")
    row(TABLE, what="cancelled in the middle, retried", result="deleted in the guest, then sha256 equal")


async def test_a_limit(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    queue = FileQueue()
    queue.limit = 2e6
    async with session(server, queue):
        file = queue.add(write(files / "file", 4_000_000))
        await finish(file)
    assert file.seconds >= 1.9
    assert sha256(guest.folder / "file") == sha256(file.path)
    row(TABLE, what="4 MB, limited to 2 MB/s", result=f"{file.size / file.seconds / 1e6:.2f} MB/s, equal")


async def test_a_disk_that_is_full(server: Xspice, files: Path, row: Row) -> None:
    """A disk of 8 MiB; where none can be mounted, writing stops at 4 MiB."""
    queue = FileQueue()
    with VdAgent(server, disk=DISK) as guest:
        async with session(server, queue):
            fits, large, small = queue.add_all(
                [write(files / "fits", 3 << 20), write(files / "large", DISK + 1), write(files / "small", 1000)]
            )
            await finish(fits, large, small)
            assert (fits.state, small.state) == (TransferState.DONE, TransferState.DONE)
            assert sha256(guest.folder / "fits") == sha256(fits.path)
            assert large.state is TransferState.FAILED
            expected = "the guest's disk is full" if guest.mounts else "the guest cannot write it"
            assert large.reason.startswith(expected)
            assert large.advice
            row(TABLE, what="a file larger than the guest's disk", result=f"{large.reason}; {large.advice}")
            assert sorted(path.name for path in guest.folder.iterdir()) == ["fits", "small"]
            if guest.mounts:
                await _fill_in_the_middle(queue, guest, files, row)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


async def _fill_in_the_middle(queue: FileQueue, guest: VdAgent, files: Path, row: Row) -> None:
    """There is room when it begins; another program takes it."""
    queue.limit = 1e6
    late = queue.add(write(files / "late", 3 << 20))
    await until(lambda: late.bytes_sent > 100_000, "a part is sent")
    with pytest.raises(OSError, match="No space left"):
        fill(guest.folder / "filler")
    queue.limit = None
    await finish(late)
    assert "the guest cannot write it" in late.reason or "disk is full" in late.reason
    row(TABLE, what="the disk becomes full in the middle", result=f"{late.reason}; {late.advice}")
    (guest.folder / "filler").unlink()
    await until(lambda: not (guest.folder / "late").exists(), "the guest has deleted the part")
    queue.retry(late)
    await finish(late)
    assert late.state is TransferState.DONE
    assert sha256(guest.folder / "late") == sha256(late.path)
    row(TABLE, what="space freed, retried", result="equal")


def test_the_command_on_a_folder(server: Xspice, guest: VdAgent, files: Path, cli: Cli, row: Row) -> None:
    paths = [files / "deep" / f"{number:03}" for number in range(100)]
    (files / "deep").mkdir()
    for number, path in enumerate(paths):
        path.write_bytes(os.urandom(number * 20))
    result = cli.run("send", target(server.address()), "-r", str(files), "--json", "--timeout", "30")
    assert (result.status, result.stderr) == (0, "")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["path"] for line in told] == [str(path) for path in paths]
    for line, path in zip(told, paths, strict=True):
        assert line["sha256"] == sha256(guest.folder / path.name) == sha256(path)
    row(TABLE, what="spicetui send -r, 100 files", result="sha256 equal")


async def test_the_app_sends_what_is_typed_and_dropped(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    typed, dropped = write(files / "typed.bin", 1 << 20), write(files / "drop ped 🎈.bin", 300_000)
    terminal = Terminal(120, 40, personality=KITTY)

    async def shows(words: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                while words not in terminal.text:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"never: {words}\n{terminal.text}") from None

    async with program(terminal, "view", target(server.address())) as process:
        await until(lambda: "menu" in terminal.text.splitlines()[-1], "the status line")
        await until(lambda: "no input" not in terminal.text.splitlines()[-1], "the inputs channel")
        await until(lambda: terminal.keyboard, "the keyboard protocol")
        terminal.type(b"\x1d\x65")
        await shows("Nothing is being sent")
        await until(lambda: "no SPICE agent" not in terminal.text, "the agent")
        # The line has the keys a moment after it is seen; a slash too many does no harm.
        async with asyncio.timeout(SECONDS):
            while "Send /" not in terminal.text:
                terminal.type(b"/")
                for _ in range(100):
                    if "Send /" not in terminal.text:
                        await asyncio.sleep(0.02)
        terminal.type(str(typed).encode())
        await shows("typed.bin")
        terminal.type(b"\r")
        await shows("1 of 1 sent")
        terminal.type(b"\x1b[200~'" + str(dropped).encode() + b"' \x1b[201~")
        await shows("Send to the guest?")
        terminal.type(b"\r")
        await shows("2 of 2 sent")
        terminal.type(b"\x1b[27u")
        await until(lambda: "2 of 2 sent" not in terminal.text, "the panel is closed")
        terminal.type(b"\x1dq")
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0
    for path in (typed, dropped):
        assert sha256(guest.folder / path.name) == sha256(path)
    row(TABLE, what="the app: a path typed, a file dropped", result="sha256 equal")
