"""clipboard get and set: what they print, offer, tell and refuse."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spicetui.cli import clipboard as module
from spicetui.interfaces import ClipboardFormat, ClipboardSelection

from .conftest import Run
from .guest import Guest

CLIPBOARD, PRIMARY, _ = ClipboardSelection
TEXT, PNG = ClipboardFormat.TEXT, ClipboardFormat.PNG


def spicetui(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The program as a process, for bytes on its standard streams."""
    environment = {k: v for k, v in os.environ.items() if k != "SPICETUI_PASSWORD"}
    command = [sys.executable, "-m", "spicetui", *words]
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=60, check=False)


def test_get_prints_the_bytes_as_they_are(tmp_path: Path) -> None:
    text = "Grüße 🎈\r\n\x1b[31mred".encode()
    with Guest({(CLIPBOARD, TEXT): text}).serve(tmp_path) as server:
        done = spicetui("clipboard", "get", server.target)
        assert server.opened() == ["main:0"]
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")


def test_get_into_a_file_whose_name_tells_the_type(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.PNG"
    with Guest({(PRIMARY, PNG): b"\x89PNG"}).serve(tmp_path) as server:
        result = run("clipboard", "get", server.target, str(path), "--selection", "primary", "--json")
    assert (result.status, result.err) == (0, "")
    assert json.loads(result.out) == {"selection": "primary", "type": "image/png", "bytes": 4}
    assert path.read_bytes() == b"\x89PNG"


def test_get_of_what_is_not_there(run: Run, tmp_path: Path) -> None:
    with Guest({(CLIPBOARD, PNG): b"x"}).serve(tmp_path) as server:
        result = run("clipboard", "get", server.target)
    assert (result.status, result.out) == (1, "")
    assert result.error.startswith("the guest's clipboard has nothing as text; copy it again")


def test_get_waits_for_what_is_copied_next(run: Run, tmp_path: Path) -> None:
    with Guest({(CLIPBOARD, TEXT): b"old"}, copies_later=b"new").serve(tmp_path) as server:
        result = run("clipboard", "get", server.target, str(tmp_path / "x"), "--wait")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_nothing_is_copied(run: Run, tmp_path: Path) -> None:
    with Guest({(CLIPBOARD, TEXT): b"old"}).serve(tmp_path) as server:
        result = run("clipboard", "get", server.target, "--wait", "--timeout", "0.3")
    assert result.status == 1
    assert result.error == "nothing was copied in the guest within 0.3 seconds"


@pytest.mark.parametrize("action", ["get", "set"])
def test_a_guest_without_an_agent(run: Run, tmp_path: Path, action: str) -> None:
    (tmp_path / "x").write_text("x")
    with Guest().serve(tmp_path, connected=False) as server:
        result = run("clipboard", action, server.target, str(tmp_path / "x"), "--timeout", "0.2")
    assert result.status == 6
    assert result.error == "the guest runs no SPICE agent; install and start spice-vdagent there"


def test_set_ends_once_the_guest_has_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.05)
    (tmp_path / "x.txt").write_text("Grüße\n")
    guest = Guest(pastes=2)
    with guest.serve(tmp_path) as server:
        result = run("clipboard", "set", server.target, str(tmp_path / "x.txt"), "--json")
    assert (result.status, result.err) == (0, "")
    assert json.loads(result.out) == {"selection": "clipboard", "type": "text", "bytes": 8, "fetched": 2}
    assert guest.got == {(CLIPBOARD, TEXT): "Grüße\n".encode()}


def test_set_reads_standard_input(tmp_path: Path) -> None:
    guest = Guest()
    with guest.serve(tmp_path) as server:
        done = spicetui(
            "clipboard", "set", server.target, "-", "--type", "image/png", "--selection", "primary", stdin=b"\x89P"
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert guest.got == {(PRIMARY, PNG): b"\x89P"}


def test_set_for_some_time(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    guest = Guest(pastes=0)
    with guest.serve(tmp_path) as server:
        result = run("clipboard", "set", server.target, str(tmp_path / "x"), "--seconds", "0.05", "--json")
    assert result.status == 0
    assert json.loads(result.out)["fetched"] == 0
    assert guest.got == {}


def test_something_else_is_copied_in_the_guest(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with Guest(copies=True).serve(tmp_path) as server:
        result = run("clipboard", "set", server.target, str(tmp_path / "x"))
    assert result.status == 1
    assert result.error.startswith("something else was copied in the guest")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("get", "--json"), "--json and the contents cannot both go to standard output"),
        (("get", "--seconds", "1"), "--seconds is for set"),
        (("set", "--wait"), "--wait is for get"),
        (("set", "bad", "--read-only"), "--read-only keeps"),
        (("set", "bad"), "bad: no UTF-8 text"),
        (("clear",), "argument action: invalid choice"),
    ],
)
def test_used_wrongly(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").write_bytes(b"\xff")
    result = run("clipboard", words[0], "127.0.0.1:1", *words[1:])
    assert result.status == 2
    assert error in result.error


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_no_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    module.write(None, "tab\tline\r\nred\x1b[31m\x9b5m\x07\rü🎈\x7f".encode() + b"\xff")
    assert terminal.getvalue() == "tab\tline\nred�[31m�5m��ü🎈��"


def test_a_terminal_gets_no_picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    result = run("clipboard", "get", "127.0.0.1:1", "--type", "image/png")
    assert result.status == 2
    assert result.error == "image/png is not for a terminal; give a file"
