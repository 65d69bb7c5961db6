"""send: the files as they arrive, what is told, and the bar."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from peer.fake_agent import LINUX, with_agent
from peer.file_guest import FileGuest, taking

from spicetui.agent.queue import FileQueue
from spicetui.cli import transfer_bars
from spicetui.cli.send import rate
from spicetui.cli.transfer_bars import Bars
from spicetui.protocol.agent import AgentMachine
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap, FileXferResult

from .conftest import Run
from .guest import Guest
from .server import Connection


def test_files_arrive(run: Run, tmp_path: Path) -> None:
    contents = {"empty": b"", "one": b"1", "Größe 🎈": bytes(range(256)) * 1000}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    guest = Guest()
    with guest.serve(tmp_path) as server:
        result = run("send", server.target, *(str(tmp_path / name) for name in contents), "--json")
        assert server.opened() == ["main:0"]
    assert (result.status, result.err) == (0, "")
    told = [json.loads(line) for line in result.out.splitlines()]
    for line, (name, data) in zip(told, contents.items(), strict=True):
        assert line.pop("seconds") >= 0
        sha256 = hashlib.sha256(data).hexdigest()
        path = str(tmp_path / name)
        assert line == {"path": path, "bytes": len(data), "sha256": sha256, "note": None, "error": None}
    assert guest.files == contents


def test_nothing_is_said_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with Guest().serve(tmp_path) as server:
        assert run("send", server.target, str(tmp_path / "x")) == (0, "", "")


def test_one_of_several_is_refused(run: Run, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    guest = Guest(refuses={"b": FileXferResult.NOT_ENOUGH_SPACE})
    with guest.serve(tmp_path) as server:
        result = run("send", server.target, *(str(tmp_path / name) for name in "abc"), "--json")
    assert result.status == 1
    assert result.error == "b: the guest's disk is full; free some space there"
    assert [json.loads(line)["error"] for line in result.out.splitlines()] == [None, result.error, None]
    assert guest.files == {"a": b"a", "c": b"c"}


def test_a_guest_that_takes_no_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with Guest(caps=LINUX | {AgentCap.FILE_XFER_DISABLED}).serve(tmp_path) as server:
        result = run("send", server.target, str(tmp_path / "x"))
    assert result.status == 1
    assert result.error == (
        "file transfer is switched off in the guest or its server; switch it on there, or use --to-share"
    )


def test_a_guest_without_an_agent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with Guest().serve(tmp_path, connected=False) as server:
        result = run("send", server.target, str(tmp_path / "x"), "--timeout", "0.1")
    assert result.status == 6


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("none",), 1, "none: there is no such file; look at its name, and where it is now"),
        (("x", "*.none"), 1, "*.none: nothing matches"),
        (("folder", "-r"), 1, "there is no file in it; nothing was sent"),
        (
            ("folder",),
            2,
            "folder: it is a folder, and the guest's agent takes files only; pack it, give -r for "
            "the files in it, or --to-share for all of it",
        ),
        (
            ("x", "--limit", "fast"),
            2,
            "argument --limit: 'fast' is no rate such as 500k or 2M (bytes a second); see spicetui send --help",
        ),
        (("x", "--read-only"), 2, "--read-only keeps files from being sent; leave it out"),
        ((), 2, "the following arguments are required: PATH; see spicetui send --help"),
    ],
)
def test_used_wrongly(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int, error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "x").write_text("x")
    result = run("send", "127.0.0.1:1", *words)
    assert (result.status, result.error) == (status, error)


def test_folders_and_patterns(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/1.jpg", "photos/old/2.jpg", "a.txt", "b.txt", "c.bin"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    guest = Guest()
    with guest.serve(tmp_path) as server:
        assert run("send", server.target, "-r", "photos", "*.txt", "--limit", "50MB/s") == (0, "", "")
    assert guest.files == {
        "1.jpg": b"photos/1.jpg",
        "2.jpg": b"photos/old/2.jpg",
        "a.txt": b"a.txt",
        "b.txt": b"b.txt",
    }


class Restarting(Guest):
    """Its agent goes when the first data comes, and is there again at once if it *returns*."""

    def __init__(self, *, returns: bool) -> None:
        super().__init__()
        self.returns = returns
        self.gone = self.deaf = False

    def _hear(self, connection: Connection, message: Any) -> None:
        if isinstance(message, agent.FileXferData) and not self.gone:
            self.gone = True
            self._in = AgentMachine(dict.fromkeys(range(32), 1 << 28))
            connection.send(main.AgentDisconnected(0))
            if self.returns:
                connection.send(main.AgentConnectedTokens(10))
            self._coming.clear()
            self.deaf = True  # to what was for the agent before
            return
        if isinstance(message, agent.AnnounceCapabilities):
            self.deaf = False
        if not self.deaf:
            super()._hear(connection, message)


def test_an_agent_that_restarts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"some bytes")
    guest = Restarting(returns=True)
    with guest.serve(tmp_path) as server:
        result = run("send", server.target, str(tmp_path / "x"), "--json")
    assert guest.files == {"x": b"some bytes"}
    told = json.loads(result.out)
    assert (result.status, told["error"]) == (0, None)
    assert "it begins anew" in told["note"]


def test_an_agent_that_stays_away(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"some bytes")
    with Restarting(returns=False).serve(tmp_path) as server:
        result = run("send", server.target, str(tmp_path / "x"), "--timeout", "3")
    assert result.status == 1
    lines = result.err.splitlines()
    assert lines[0].startswith("spicetui: waiting: the guest runs no SPICE agent")
    assert lines[1] == (
        "spicetui: x: the guest runs no SPICE agent, and none has come within 3 seconds; "
        "start spice-vdagent there, the files wait for it"
    )
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("text", "bytes_a_second"),
    [("1", 1), ("500k", 500_000), ("1.5M", 1_500_000), ("2MiB", 2 << 20), ("3 GB/s", 3e9), ("64 KiB/s", 65536)],
)
def test_rates(text: str, bytes_a_second: float) -> None:
    assert rate(text) == bytes_a_second


@pytest.mark.parametrize("text", ["", "0", "-1", "k", "1e9", "nan", "inf", "5 apples", "1..2"])
def test_no_rates(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        rate(text)


async def test_the_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TERM_PROGRAM", "ghostty")
    monkeypatch.setenv("TERM_PROGRAM_VERSION", "1.2.0")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setattr(transfer_bars, "REDRAW", 0.0)
    monkeypatch.setattr(transfer_bars, "LONG", 0.0)
    names = ["first\x1b[31m", "second"]
    for name in names:
        (tmp_path / name).write_bytes(bytes(1 << 20))
    queue = FileQueue()
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    async with with_agent() as session:
        guest = FileGuest(session)
        files = queue.add_all(tmp_path / name for name in names)
        bars = Bars(queue, out)
        assert "no session; the files wait for the next one" in out.getvalue()
        queue.attach(session.client.main.agent.files)
        async with taking(guest):
            await asyncio.wait_for(queue.wait_idle(), 30)
        bars.say("a line\x1b that stays")
        bars.close("2 of 2 sent")
    text = out.getvalue()
    assert files[0].finished
    assert "first�[31m" in text
    assert "\x1b[31m\x1b" not in text.replace("first", "")
    assert "a line� that stays" in text
    assert "2/2 files" in text
    assert "of 2.0 MiB" in text
    assert "\x1b]9;4;1;" in text
    assert text.rindex("\x1b]9;4;0;") > text.rindex("\x1b]9;4;1;")
    assert "\x1b]777;notify;spicetui send;2 of 2 sent\x1b\\" in text


def test_durations() -> None:
    assert [transfer_bars.duration(seconds) for seconds in (0.4, 59.4, 60, 185, 3723)] == [
        *("0 s", "59 s", "1:00", "3:05"),
        "1:02:03",
    ]
