"""Files to the guest: let in, sent, confirmed, or refused for every reason that there is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from pathlib import Path

import pytest
from peer.fake_agent import LINUX, WithAgent, with_agent

from spicetui.agent import files as module
from spicetui.agent.files import PIECE, FileTransfer, Transfer, TransferState, key_file
from spicetui.agent.hub import ROOM
from spicetui.errors import AgentError
from spicetui.interfaces import ClipboardFormat, ClipboardSelection, TransferProgress
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap, FileXferResult


def files(session: WithAgent) -> FileTransfer:
    found = session.client.file_transfer
    assert found is not None
    return found


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def status(id: int, result: int, data: bytes = b"") -> agent.FileXferStatus:
    return agent.FileXferStatus(id, result, data)


async def take(session: WithAgent, *, confirm: bool = True) -> tuple[str, bytes]:
    """Lets one file in as the guest does; its announcement and its bytes."""
    start = await session.agent.expect(agent.FileXferStart)
    session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
    text = bytes(start.data)
    assert text.endswith(b"\0")
    size = int(text.split(b"size=")[1].split(b"\n")[0])
    data = b""
    while True:
        piece = await session.agent.expect(agent.FileXferData)
        assert (piece.id, piece.size) == (start.id, len(piece.data))
        assert piece.size <= PIECE
        data += bytes(piece.data)
        if len(data) == size:
            break
        assert piece.size > 0
    if confirm:
        session.agent.say(status(start.id, FileXferResult.SUCCESS))
    return text[:-1].decode(), data


@pytest.mark.parametrize("size", [0, 1, 2048, PIECE, PIECE + 1, 3_000_000])
async def test_a_file_arrives(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = write(tmp_path / "some file", data)
    told: list[TransferProgress] = []
    async with with_agent() as session:
        transfer = files(session).send_file(path, told.append, digest=True)
        announced, got = await take(session)
        await transfer.wait()
        assert got == data
        assert announced == f"[vdagent-file-xfer]\nname=some file\nsize={size}\n"
        assert transfer.sha256 == hashlib.sha256(data).hexdigest()
        assert (transfer.state, transfer.bytes_sent, transfer.total_size) == (TransferState.DONE, size, size)
        assert told[-1] == TransferProgress("some file", size, size, 100.0, None)
        assert [one.bytes_sent for one in told] == sorted(one.bytes_sent for one in told)
        assert await session.agent.silent()  # no empty piece behind a file, no status of ours
        assert files(session).transfers == {}


async def test_several_at_a_time_and_no_more(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}", bytes([number]) * number) for number in range(1, 30)]
    async with with_agent() as session:
        transfers = files(session).send_files(paths)
        starts = [await session.agent.expect(agent.FileXferStart) for _ in range(module.AT_ONCE)]
        assert len({start.id for start in starts}) == module.AT_ONCE
        assert await session.agent.silent()
        waiting = [start.id for start in starts]
        got: dict[int, bytes] = {}
        for id in waiting:
            session.agent.say(status(id, FileXferResult.CAN_SEND_DATA))
        while len(got) < len(paths):
            message = await session.agent.next()
            if isinstance(message, agent.FileXferStart):
                session.agent.say(status(message.id, FileXferResult.CAN_SEND_DATA))
            else:
                got[message.id] = bytes(message.data)
                session.agent.say(status(message.id, FileXferResult.SUCCESS))
        for transfer in transfers:
            await transfer.wait()
            assert got[transfer.id] == transfer.path.read_bytes()


async def test_little_waits_for_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "large", bytes(5_000_000))
    async with with_agent() as session:
        transfer = files(session).send_file(path)
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        await session.agent.expect(agent.FileXferData)
        machine = session.client.main.agent.machine
        assert machine.queued <= ROOM + PIECE + 64
        session.client.main.grab_clipboard(ClipboardSelection.CLIPBOARD, [ClipboardFormat.TEXT])
        seen = 0
        while not isinstance(await session.agent.next(), agent.ClipboardGrab):
            seen += PIECE
        assert seen <= ROOM + 2 * PIECE  # a short message is not behind all of the file
        transfer.cancel()


FREE = struct.pack("<Q", 12345)
REFUSALS = [
    (FileXferResult.CANCELLED, b"", "the guest has cancelled it"),
    (FileXferResult.ERROR, b"", "the guest cannot write it"),
    (FileXferResult.ERROR, struct.pack("<BI", 0, 10), "its name is not allowed there"),
    (FileXferResult.ERROR, struct.pack("<BI", 0, 14), "permission denied"),
    (FileXferResult.ERROR, struct.pack("<BI", 0, 999), "error 999"),
    (FileXferResult.ERROR, struct.pack("<BI", 7, 14), "the guest cannot write it"),
    (FileXferResult.SUCCESS, b"", "too early"),
    (FileXferResult.NOT_ENOUGH_SPACE, b"", "disk is full"),
    (FileXferResult.NOT_ENOUGH_SPACE, FREE, "3 bytes are to be sent and 12345 are free"),
    (FileXferResult.SESSION_LOCKED, b"", "session is locked; unlock it"),
    (FileXferResult.VDAGENT_NOT_CONNECTED, b"", "log in there"),
    (FileXferResult.DISABLED, b"", "switched off in the guest"),
    (77, b"", "status 77"),
]


@pytest.mark.parametrize(("result", "data", "text"), REFUSALS, ids=[f"{r}-{t}" for r, _, t in REFUSALS])
async def test_every_refusal_has_its_reason(tmp_path: Path, result: int, data: bytes, text: str) -> None:
    path = write(tmp_path / "x", b"abc")
    told: list[TransferProgress] = []
    async with with_agent() as session:
        transfer = files(session).send_file(path, told.append)
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, result, data))
        with pytest.raises(AgentError, match=text):
            await transfer.wait()
        cancelled = result == FileXferResult.CANCELLED
        assert transfer.state is (TransferState.CANCELLED if cancelled else TransferState.FAILED)
        assert told[-1].error is transfer.error
        assert await session.agent.silent()


async def test_a_refusal_in_the_middle(tmp_path: Path) -> None:
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", bytes(1 << 20)))
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        await session.agent.expect(agent.FileXferData)
        session.agent.say(status(start.id, FileXferResult.NOT_ENOUGH_SPACE, FREE))
        with pytest.raises(AgentError, match="disk is full"):
            await transfer.wait()
        assert transfer.bytes_sent < transfer.total_size


async def test_cancel(tmp_path: Path) -> None:
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", bytes(1 << 20)))
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        await session.agent.expect(agent.FileXferData)
        transfer.cancel()
        transfer.cancel()
        with pytest.raises(AgentError, match="x: cancelled"):
            await transfer.wait()
        assert transfer.state is TransferState.CANCELLED
        while isinstance(message := await session.agent.next(), agent.FileXferData):
            pass
        assert message == status(start.id, FileXferResult.CANCELLED)
        assert await session.agent.silent()


async def test_cancel_before_it_begins(tmp_path: Path) -> None:
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", b"abc"))
        transfer.cancel()
        with pytest.raises(AgentError, match="cancelled"):
            await transfer.wait()
        assert await session.agent.silent()


async def test_the_agent_goes_in_the_middle(tmp_path: Path) -> None:
    async with with_agent() as session:
        sending = files(session).send_files([write(tmp_path / f"{n}", bytes(1 << 20)) for n in range(20)])
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        while not isinstance(await session.agent.next(), agent.FileXferData):
            pass
        session.channel.send(main.AgentDisconnected(0))
        results = await asyncio.gather(*(one.wait() for one in sending), return_exceptions=True)
        assert {str(one) for one in results} == {f"{n}: the guest's agent has gone" for n in range(20)}
        assert session.client.file_transfer is None


async def test_the_session_ends_in_the_middle(tmp_path: Path) -> None:
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", bytes(1 << 20)))
        await session.agent.expect(agent.FileXferStart)
        await session.client.aclose()
        with pytest.raises(AgentError, match="session has ended"):
            await transfer.wait()


async def test_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with with_agent() as session:
        for name, kind in (("none", FileNotFoundError), ("pipe", AgentError), (".", AgentError)):
            transfer = files(session).send_file(tmp_path / name)
            with pytest.raises(kind):
                await transfer.wait()
            assert transfer.state is TransferState.FAILED
        assert await session.agent.silent()


async def test_a_file_that_shrinks(tmp_path: Path) -> None:
    path = write(tmp_path / "x", bytes(100))
    async with with_agent() as session:
        transfer = files(session).send_file(path)
        start = await session.agent.expect(agent.FileXferStart)
        path.write_bytes(b"")
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        with pytest.raises(AgentError, match="became shorter"):
            await transfer.wait()
        assert await session.agent.expect(agent.FileXferStatus) == status(start.id, FileXferResult.ERROR)


async def test_an_agent_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", b"abc"))
        with pytest.raises(AgentError, match="has not let it in"):
            await transfer.wait()
        await session.agent.expect(agent.FileXferStart)
        assert (await session.agent.expect(agent.FileXferStatus)).result == FileXferResult.ERROR


async def test_an_agent_that_does_not_confirm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONFIRM_SECONDS", 0.01)
    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", b"abc"))
        await take(session, confirm=False)
        with pytest.raises(AgentError, match="has not confirmed"):
            await transfer.wait()


async def test_files_that_are_switched_off() -> None:
    async with with_agent(LINUX | {AgentCap.FILE_XFER_DISABLED}) as session:
        assert session.client.file_transfer is None
        with pytest.raises(AgentError, match="switched off"):
            session.client.main.agent.files.send_file("/etc/hostname")


async def test_a_status_of_no_file() -> None:
    async with with_agent() as session:
        session.agent.say(status(99, FileXferResult.CAN_SEND_DATA), status(0, FileXferResult.ERROR))
        await session.channel.settled()
        assert not session.client.unsupported


async def test_a_callback_that_fails_stops_nothing(tmp_path: Path) -> None:
    def fail(progress: TransferProgress) -> None:
        raise RuntimeError("oops")

    async with with_agent() as session:
        transfer: Transfer = files(session).send_file(write(tmp_path / "x", b"abc"), fail)
        await take(session)
        await transfer.wait()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("plain.txt", "plain.txt"),
        ("with space", "with space"),
        ("  two", r"\s\stwo"),
        ("\t tab\tin", "\\t\\stab\tin"),
        ("new\nline", r"new\nline"),
        ("back\\slash\r", r"back\\slash\r"),
        ("Größe 🎈", "Größe 🎈"),
        (os.fsdecode(b"bad\xff"), "bad\ufffd"),
    ],
)
def test_names_as_glib_reads_them(name: str, written: str) -> None:
    assert key_file(Path("/a/b") / name, 7).decode() == f"[vdagent-file-xfer]\nname={written}\nsize=7\n\0"


async def halfway(session: WithAgent, path: Path) -> tuple[Transfer, agent.FileXferStart]:
    """A transfer whose file has been opened and let in, but not been read to its end."""
    transfer = files(session).send_file(path)
    start = await session.agent.expect(agent.FileXferStart)
    session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
    await session.agent.expect(agent.FileXferData)
    return transfer, start


async def test_a_file_that_is_written_to_is_not_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "x", bytes(3 << 20))
    async with with_agent() as session:
        transfer, start = await halfway(session, path)
        with path.open("r+b") as file:
            file.write(b"other")
        os.utime(path, ns=(0, 0))
        while isinstance(message := await session.agent.next(), agent.FileXferData):
            pass
        assert message == status(start.id, FileXferResult.ERROR)
        with pytest.raises(AgentError, match="was changed while it was sent; send it again"):
            await transfer.wait()
        assert transfer.bytes_sent < transfer.total_size


async def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "log", bytes(3 << 20))
    async with with_agent() as session:
        transfer, start = await halfway(session, path)
        with path.open("ab") as file:
            file.write(b"one more line")
        while transfer.bytes_sent < transfer.total_size:
            await session.agent.expect(agent.FileXferData)
        session.agent.say(status(start.id, FileXferResult.SUCCESS))
        await transfer.wait()
        assert transfer.note == f"it grew while it was sent; the guest has its first {3 << 20} bytes"


async def test_a_gate_holds_each_piece_back(tmp_path: Path) -> None:
    asked: list[int] = []
    opened = asyncio.Event()

    async def gate(size: int) -> int:
        asked.append(size)
        await opened.wait()
        return min(size, 1000)

    async with with_agent() as session:
        transfer = files(session).send_file(write(tmp_path / "x", bytes(2500)), gate=gate)
        start = await session.agent.expect(agent.FileXferStart)
        session.agent.say(status(start.id, FileXferResult.CAN_SEND_DATA))
        assert await session.agent.silent()
        opened.set()
        sizes = [(await session.agent.expect(agent.FileXferData)).size for _ in range(3)]
        assert (sizes, asked) == ([1000, 1000, 500], [2500, 1500, 500])
        session.agent.say(status(start.id, FileXferResult.SUCCESS))
        await transfer.wait()
