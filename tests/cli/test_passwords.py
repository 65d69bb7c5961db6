"""Where passwords come from, and that they go nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicetui.cli import type_text

from .conftest import Run
from .server import Server

SECRET = "s3cret w0rd"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_text, "EVENT_SECONDS", 0)


def file_with(folder: Path, text: str) -> str:
    path = folder / "password"
    path.write_text(text)
    return str(path)


def test_from_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICETUI_PASSWORD", SECRET)
    with Server(tmp_path, password=SECRET) as server:
        assert run("key", server.target, "a") == (0, "", "")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nsecond line\n"])
def test_from_the_first_line_of_a_file(run: Run, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICETUI_PASSWORD", "not this one")
    with Server(tmp_path, password=SECRET) as server:
        name = file_with(tmp_path, SECRET + ending)
        assert run("key", server.target, "a", "--password-file", name) == (0, "", "")


def test_asked_for(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return SECRET

    monkeypatch.setattr("getpass.getpass", ask)
    with Server(tmp_path, password=SECRET) as server:
        assert run("key", server.target, "a", "--ask-password") == (0, "", "")
        assert asked == [f"Password for {server.target}: "]


def test_from_the_address_with_a_warning(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICETUI_PASSWORD", "not this one")
    with Server(tmp_path, password=SECRET, tcp=True) as server:
        result = run("key", f"spice://{server.target}?password=s3cret%20w0rd", "a")
    assert result.status == 0
    assert "warning: a password in the address can be seen" in result.error
    assert SECRET not in result.err


def test_a_user_name_is_told_to_be_of_no_use(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("key", server.target, "a", "--username", "joe")
    assert result.status == 0
    assert "warning: the user name is not used" in result.error


def test_a_password_that_is_too_long(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, password="x") as server:
        result = run("key", server.target, "a", "--password-file", file_with(tmp_path, "x" * 200))
    assert result.status == 4
    assert "200 bytes, SPICE takes at most" in result.error


@pytest.mark.parametrize("level", ["-v", "-vv", "-vvv"])
def test_no_log_holds_a_password_or_what_is_typed(run: Run, tmp_path: Path, level: str) -> None:
    log = tmp_path / "log"
    with Server(tmp_path, password=SECRET, tcp=True) as server:
        target = f"spice://{server.target}?password=s3cret%20w0rd"
        assert run("type", target, "hunter2", level, "--log", str(log)).status == 0
    text = log.read_text()
    assert "spicetui.channels.main: linked" in text
    for secret in (SECRET, "s3cret", "hunter2"):
        assert secret not in text
    if level != "-v":
        assert "KeyDown(…)" in text
        assert "KeyDown(code" not in text


def test_the_log_goes_to_standard_error_without_a_file(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("key", server.target, "a", "-v")
    assert (result.status, result.out) == (0, "")
    assert "spicetui.channels.inputs: linked" in result.err
