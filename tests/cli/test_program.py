"""The program as a process: help, version, signals, pipes, and what it imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spicetui.cli.commands import COMMANDS
from spicetui.cli.run import command_place
from spicetui.wire.enums import ChannelType

from .conftest import Run
from .server import Server

HEAVY = ("textual", "rich", "PIL", "av", "numpy", "cryptography", "websockets", "simplejpeg", "lz4", "asyncio")


def start(*words: str, stdin: int | None = None) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "SPICETUI_PASSWORD"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "spicetui", *words]
    return subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, text=True, env=environment)


def loaded_by(*words: str) -> set[str]:
    """The heavy modules that a run of the command has imported."""
    script = (
        "import sys; from spicetui.cli import main; status = main(sys.argv[1:]);"
        f"print('loaded', *sorted(m for m in {HEAVY!r} if m in sys.modules)); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_names_every_command_and_no_other(run: Run) -> None:
    result = run("--help")
    assert (result.status, result.err) == (0, "")
    for command in COMMANDS:
        assert f"  {command.name:<12}" in result.out
    for later in ("record", "serve", "doctor"):
        assert f"  {later}  " not in result.out
    assert "Examples:" in result.out
    assert run("-h").out == result.out
    assert all(len(line) <= 100 for line in result.out.splitlines())


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"usage: spicetui {name} ")
    assert "--username" not in result.out  # of no use yet, so not listed


def test_version_tells_the_kernels(run: Run) -> None:
    from spicetui import __version__, codecs

    result = run("--version")
    assert result.status == 0
    lines = dict(line.partition(" ")[::2] for line in result.out.splitlines())
    assert lines["spicetui"] == __version__
    assert lines["kernels:"].startswith("compiled" if codecs.COMPILED else "pure Python")
    assert lines["textual:"][0].isdigit()


def test_version_and_help_load_nothing_heavy() -> None:
    assert loaded_by("--version") == set()
    assert loaded_by("--help") == set()


def test_typing_loads_neither_decoders_nor_the_app(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert loaded_by("key", server.target, "a") == {"asyncio", "cryptography"}


def test_a_screenshot_loads_no_app_and_a_ppm_no_pillow(tmp_path: Path) -> None:
    from .test_screenshot import paint

    with Server(tmp_path, greetings={ChannelType.DISPLAY: paint}) as server:
        heavy = loaded_by("screenshot", server.target, str(tmp_path / "shot.ppm"), "--settle", "0")
    assert "numpy" in heavy
    assert not {"textual", "rich", "PIL", "websockets"} & heavy


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupt", "terminate"]
)
def test_signals_end_it_in_order(tmp_path: Path, number: int, status: int) -> None:
    with Server(tmp_path) as server:
        process = start("key", server.target, "a", "--hold", "60000")
        while not any(type(m).__name__ == "KeyDown" for one in server.connections for m in one.messages):
            assert process.poll() is None, process.communicate()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (status, "", "")
        assert type(server.connections[-1].messages[-1]).__name__ == "KeyUp"  # no key stays down in the guest


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "spicetui", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, "")


def test_the_app_needs_a_terminal() -> None:
    process = start("127.0.0.1:1", stdin=subprocess.DEVNULL)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert len(err.splitlines()) == 1
    assert "terminal" in err


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ([], None),
        (["host:1"], None),
        (["info", "demo"], 0),
        (["--timeout", "3", "info", "demo"], 2),
        (["--timeout=3", "info", "demo"], 1),
        (["-vv", "key", "demo", "a"], 1),
        (["--log", "info", "host:1"], None),
        (["--help"], None),
        (["demo"], 0),
        (["--graphics", "half", "demo"], None),
        (["view", "info"], 0),
    ],
)
def test_the_command_is_found_behind_options(words: list[str], place: int | None) -> None:
    assert command_place(words) == place
