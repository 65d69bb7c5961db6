"""Each demo program, run as its docstring says, against a server that tells what arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.server import Connection, Server
from cli.test_info import GREETINGS
from cli.test_keyboard import keys
from cli.test_screenshot import expected, paint
from peer.drawing import fill
from PIL import Image

from spicetui.geometry import Rect
from spicetui.wire import main
from spicetui.wire.enums import ChannelType

DEMOS = Path(__file__).parents[2] / "demos"


def run(name: str, *words: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "SPICETUI_PASSWORD"}
    done = subprocess.run(
        [sys.executable, str(DEMOS / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_connect_and_screenshot(tmp_path: Path) -> None:
    def tell(connection: Connection) -> None:
        connection.send(main.Name(b"vm7\0"))

    path = tmp_path / "shot.png"
    with Server(tmp_path, greetings={ChannelType.MAIN: tell, ChannelType.DISPLAY: paint}) as server:
        assert run("connect_and_screenshot", server.target, str(path)) == "vm7: 64x48\n"
    with Image.open(path) as image:
        assert np.array_equal(np.array(image), expected())


def test_type_into_console(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        run("type_into_console", server.target, "Hi", "ctrl+l")
        assert server.opened() == ["inputs:0", "main:0"]
    assert keys(server) == [
        *("+LEFT_SHIFT", "+H", "-H", "-LEFT_SHIFT", "+I", "-I", "+ENTER", "-ENTER"),
        *("+LEFT_CTRL", "+L", "-L", "-LEFT_CTRL"),
    ]


def test_own_driver(tmp_path: Path) -> None:
    def move(connection: Connection) -> None:
        GREETINGS[ChannelType.DISPLAY](connection)
        connection.every(0.05, lambda: connection.send(fill(Rect(1, 2, 30, 4), 0xFFFFFF)))

    with Server(tmp_path, greetings={**GREETINGS, ChannelType.DISPLAY: move}) as server:
        lines = run("own_driver", server.target, "1.5").splitlines()
    assert "display 0: 640x480" in lines
    assert "display 0: 1 rectangles, 120 pixels" in lines
    assert "pointer is placed" in lines
    assert any(line.startswith("machine: db ") for line in lines)
    assert lines[-1] == "closed: in order"


def test_headless_watch(tmp_path: Path) -> None:
    def change(connection: Connection) -> None:
        paint(connection)
        connection.every(0.1, lambda: connection.send(fill(Rect(0, 0, 32, 48), 0)))

    with Server(tmp_path, greetings={ChannelType.DISPLAY: change}) as server:
        (line,) = run("headless_watch", server.target, "1").splitlines()
    assert line.startswith("   1 s")
    assert float(line.split()[2].rstrip("%")) >= 50


@pytest.mark.parametrize(("name", "words"), [("own_driver", ["2"]), ("connect_and_screenshot", [])])
def test_on_the_demo_desktop(name: str, words: list[str], tmp_path: Path) -> None:
    picture = [] if words else [str(tmp_path / "shot.png")]
    assert "1024x768" in run(name, "demo", *words, *picture)


def test_every_demo_is_tested() -> None:
    assert {path.stem for path in DEMOS.glob("*.py")} == {
        "connect_and_screenshot",
        "type_into_console",
        "own_driver",
        "headless_watch",
    }
