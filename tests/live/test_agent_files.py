"""Files to Debian's own guest agent: equal, refused with a reason, cancelled, and as fast as the reference client."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from pathlib import Path

import pytest

import spicetui
from spicetui.agent.files import FileTransfer, TransferState
from spicetui.errors import AgentError

from . import library
from .agent_rig import files, guest, server
from .cli import Cli, target
from .conftest import Row
from .reference import Reference
from .vdagent import VdAgent
from .xspice import Xspice

__all__ = ["files", "guest", "server"]

TABLE = "files with spice-vdagent"
SECONDS = 60.0
LARGE = 100 << 20

NAMES = [
    "with space",
    "Größe 🎈 日本",
    "new\nline",
    "tab\there",
    "  leading",
    "back\\slash",
    "%41 [x]=#;",
    "-dash",
    "'\"",
]


async def connect(server: Xspice) -> spicetui.Client:
    client = await library.connect(server.address())
    await client.main.wait_agent(SECONDS)
    return client


def transfers(client: spicetui.Client) -> FileTransfer:
    found = client.file_transfer
    assert found is not None
    return found


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, size: int) -> Path:
    block = os.urandom(min(size, 1 << 20))
    with path.open("wb") as file:
        for _ in range(max(size >> 20, 1)):
            file.write(block)
    return path


@pytest.mark.parametrize("size", [0, 1, 2016, 2017, 65536, 65537, LARGE])
async def test_sizes(size: int, server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    path = write(files / "file", size)
    async with await connect(server) as client:
        began = time.perf_counter()
        transfer = transfers(client).send_file(path, digest=True)
        await transfer.wait()
        spent = time.perf_counter() - began
    got = sha256(guest.folder / "file")
    assert transfer.sha256 == got == sha256(path)
    row(TABLE, what=f"{size} bytes", seconds=f"{spent:.2f}", sha256=f"equal ({got[:8]})")


async def test_names(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    async with await connect(server) as client:
        for number, name in enumerate(NAMES):
            (files / name).write_bytes(bytes([number]))
            await transfers(client).send_file(files / name).wait()
            assert (guest.folder / name).read_bytes() == bytes([number])
            row(TABLE, what=f"name {name!r}", sha256="equal")
    assert sorted(path.name for path in guest.folder.iterdir()) == sorted(NAMES)


async def test_a_name_that_is_taken(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    (guest.folder / "x.txt").write_text("was there")
    (files / "x.txt").write_text("new")
    async with await connect(server) as client:
        await transfers(client).send_file(files / "x.txt").wait()
    names = sorted(path.name for path in guest.folder.iterdir())
    assert (guest.folder / "x.txt").read_text() == "was there"
    assert len(names) == 2
    row(TABLE, what="a name that is taken", sha256=f"kept; the new one is {names[0]!r}")


async def test_a_thousand_small_files(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    paths = []
    for number in range(1000):
        path = files / f"{number:04}"
        path.write_bytes(os.urandom(number % 100 * 50))
        paths.append(path)
    async with await connect(server) as client:
        began = time.perf_counter()
        for transfer in transfers(client).send_files(paths):
            await transfer.wait()
        spent = time.perf_counter() - began
    for path in paths:
        assert (guest.folder / path.name).read_bytes() == path.read_bytes()
    row(TABLE, what="1000 small files", seconds=f"{spent:.2f}", sha256="equal")


async def test_cancel_in_the_middle(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    path, other = write(files / "large", LARGE), write(files / "other", 1 << 20)
    async with await connect(server) as client:
        begun = asyncio.Event()
        transfer = transfers(client).send_file(path, lambda told: begun.set() if told.bytes_sent > 1 << 20 else None)
        await begun.wait()
        transfer.cancel()
        with pytest.raises(AgentError, match="cancelled"):
            await transfer.wait()
        assert transfer.state is TransferState.CANCELLED
        await transfers(client).send_file(other).wait()
    assert sha256(guest.folder / "other") == sha256(other)
    assert not (guest.folder / "large").exists()
    row(TABLE, what="cancelled in the middle", sha256="gone in the guest; the next file equal")


async def test_the_agent_is_killed_in_the_middle(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    path = write(files / "large", LARGE)
    async with await connect(server) as client:
        begun = asyncio.Event()
        transfer = transfers(client).send_file(path, lambda told: begun.set() if told.bytes_sent > 1 << 20 else None)
        await begun.wait()
        guest.kill()
        with pytest.raises(AgentError, match="agent has gone"):
            await transfer.wait()
        assert client.file_transfer is None
        (guest.folder / "large").unlink(missing_ok=True)
        await guest.start_next(client)
        await transfers(client).send_file(path).wait()
    assert sha256(guest.folder / "large") == sha256(path)
    row(TABLE, what="agent killed in the middle", sha256="AgentError; sent again to the next agent, equal")


async def test_a_disk_that_is_too_small(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    path = files / "sparse"
    with path.open("wb") as file:
        file.truncate(os.statvfs(guest.folder).f_bavail * os.statvfs(guest.folder).f_frsize + (1 << 40))
    async with await connect(server) as client:
        transfer = transfers(client).send_file(path)
        with pytest.raises(AgentError, match=r"disk is full: \d+ bytes are to be sent and \d+ are free"):
            await transfer.wait()
    assert list(guest.folder.iterdir()) == []
    row(TABLE, what="larger than the disk", sha256=str(transfer.error).split(":")[1].strip())


async def test_a_folder_that_may_not_be_written(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    guest.folder.rmdir()
    guest.folder.write_text("no folder")
    (files / "x").write_text("x")
    async with await connect(server) as client:
        with pytest.raises(AgentError, match="the guest cannot write it") as failure:
            await transfers(client).send_file(files / "x").wait()
    row(TABLE, what="no folder to write to", sha256=str(failure.value))


def test_the_command(server: Xspice, guest: VdAgent, files: Path, cli: Cli, row: Row) -> None:
    paths = [write(files / name, size) for name, size in (("one", 1), ("empty", 0), ("Größe 🎈", 3 << 20))]
    result = cli.run("send", target(server.address()), *map(str, paths), "--json", "--timeout", "20")
    assert (result.status, result.stderr) == (0, "")
    for line, path in zip(map(json.loads, result.stdout.splitlines()), paths, strict=True):
        assert line["error"] is None
        assert line["sha256"] == sha256(guest.folder / path.name) == sha256(path)
    row(TABLE, what="spicetui send, 3 files", sha256="equal")


async def test_as_fast_as_the_reference_client(server: Xspice, guest: VdAgent, files: Path, row: Row) -> None:
    """Both send 100 MiB three times, in turns; the server and the guest are the slow side for both."""
    ours, reference = [], []
    for turn in range(3):
        path = write(files / f"ours{turn}", LARGE)
        async with await connect(server) as client:
            began = time.perf_counter()
            await transfers(client).send_file(path).wait()
            ours.append(time.perf_counter() - began)
        assert sha256(guest.folder / path.name) == sha256(path)
        (guest.folder / path.name).unlink()
        path = path.rename(files / f"theirs{turn}")
        with Reference(server.directory, server.address()) as peer:
            await asyncio.to_thread(peer.ask, "agent")
            peer.patience = 2 * SECONDS
            began = time.perf_counter()
            await asyncio.to_thread(peer.ask, "send_file", path=str(path))
            reference.append(time.perf_counter() - began)
        assert sha256(guest.folder / path.name) == sha256(path)
        (guest.folder / path.name).unlink()
    for name, times in (("spicetui", ours), ("spice-gtk 0.42", reference)):
        row(
            "100 MiB to spice-vdagent",
            client=name,
            seconds=", ".join(f"{one:.2f}" for one in times),
            best=f"{100 / min(times):.1f} MiB/s",
            ratio=f"{min(reference) / min(times):.2f}",
        )
