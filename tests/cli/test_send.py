"""send: the files as they arrive, what is told, and the bar."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from peer.fake_agent import LINUX

from spicetui.cli.send import Bar
from spicetui.interfaces import TransferProgress
from spicetui.wire.enums import AgentCap, FileXferResult

from .conftest import Run
from .guest import Guest


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
        assert line == {"path": str(tmp_path / name), "bytes": len(data), "sha256": sha256, "error": None}
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
    assert result.error == "b: the guest's disk is full"
    assert [json.loads(line)["error"] for line in result.out.splitlines()] == [None, result.error, None]
    assert guest.files == {"a": b"a", "c": b"c"}


def test_a_guest_that_takes_no_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with Guest(caps=LINUX | {AgentCap.FILE_XFER_DISABLED}).serve(tmp_path) as server:
        result = run("send", server.target, str(tmp_path / "x"))
    assert result.status == 1
    assert result.error == "file transfer is switched off in the guest or its server"


def test_a_guest_without_an_agent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with Guest().serve(tmp_path, connected=False) as server:
        result = run("send", server.target, str(tmp_path / "x"), "--timeout", "0.1")
    assert result.status == 6


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("none",), 1, "none: no such file or directory"),
        (("folder",), 2, "folder is a folder; give the files in it"),
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


def test_the_bar() -> None:
    out = io.StringIO()
    bar = Bar([1 << 20, 3 << 20], out, shown=True)
    bar.progress(0, TransferProgress("first\x1b[31m", 1 << 20, 1 << 20, 100.0))
    assert out.getvalue().startswith("\r██████░")
    assert "25%  1.0 MiB of 4.0 MiB" in out.getvalue()
    assert "\x1b[31m" not in out.getvalue()
    bar.progress(1, TransferProgress("second", 3 << 20, 3 << 20, 100.0))
    bar.finished = 2
    line = bar.line(bar._began + 2)
    assert line.startswith("█" * 24 + " 100%  4.0 MiB of 4.0 MiB  2.0 MiB/s")
    assert line.endswith("2/2 files")
    bar.clear()
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_bar_that_is_not_shown() -> None:
    out = io.StringIO()
    bar = Bar([10], out, shown=False)
    bar.progress(0, TransferProgress("x\x1b[31m", 5, 10, 50.0))
    bar.clear()
    assert out.getvalue() == ""
    assert bar.line(bar._began + 1).endswith("1 s left     x�[31m")
