"""wait: each thing that can be waited for, and what is said when it never comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from peer.drawing import fill, primary

from spicetui.geometry import Rect
from spicetui.wire import display
from spicetui.wire.enums import ChannelType

from .conftest import Run
from .server import Connection, Server
from .text_screens import console, put, show

DISPLAY = ChannelType.DISPLAY


def typing(text: str, seconds: float = 0.02) -> Callable[[Connection], None]:
    """A console on which a line comes into being, character by character."""
    screen = console()

    def greet(connection: Connection) -> None:
        show(connection, screen.pixels)
        left = list(enumerate(text))

        def step() -> None:
            if left:
                x, character = left.pop(0)
                put(connection, screen.pixels, screen.write(x, 5, character))

        connection.every(seconds, step)

    return greet


def flat(connection: Connection) -> None:
    connection.send(primary(64, 48), fill(Rect(0, 0, 64, 48), 0x102030), display.Mark())


def test_text_that_comes(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: typing("guest $ fox")}) as server:
        assert run("wait", server.target, "--text", r"^guest \$ fo*x$") == (0, "", "")


def test_text_that_is_there(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: typing("")}) as server:
        assert run("wait", server.target, "--text", r"(?i)THE LAZY\s+dog$").status == 0


def test_text_that_never_comes(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: typing("guest")}) as server:
        result = run("wait", server.target, "--text", "login:", "--timeout", "0.5")
    assert (result.status, result.out) == (1, "")
    assert result.error == "display 0 does not show 'login:' within 0.5 s; see it with text"


def test_text_on_a_picture(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: flat}) as server:
        result = run("wait", server.target, "--text", "login:", "--timeout", "0.3")
    assert (result.status, result.error) == (1, "display 0 shows no text console within 0.3 s; see it with screenshot")


def test_a_pixel(run: Run, tmp_path: Path) -> None:
    def later(connection: Connection) -> None:
        flat(connection)
        connection.every(0.05, lambda: connection.send(fill(Rect(7, 9, 1, 1), 0xFF8001)))

    with Server(tmp_path, greetings={DISPLAY: later}) as server:
        assert run("wait", server.target, "--pixel", "7,9,#FF8001") == (0, "", "")
        assert run("wait", server.target, "--pixel", "8,9,#102030") == (0, "", "")
        result = run("wait", server.target, "--pixel", "8,9,#ff8001", "--timeout", "0.4")
        assert (result.status, result.error) == (1, "display 0 has #102030 at 8,9, not #ff8001, within 0.4 s")
        result = run("wait", server.target, "--pixel", "64,9,#ff8001", "--timeout", "0.2")
        assert (result.status, result.error) == (1, "display 0 is 64x48 pixels and has none at 64,9")


def test_rest(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: typing("guest $ fox")}) as server:
        assert run("wait", server.target, "--stable", "200") == (0, "", "")


def test_no_rest(run: Run, tmp_path: Path) -> None:
    def restless(connection: Connection) -> None:
        flat(connection)
        colors = iter(range(1 << 20))
        connection.every(0.02, lambda: connection.send(fill(Rect(0, 0, 9, 9), next(colors))))

    with Server(tmp_path, greetings={DISPLAY: restless}) as server:
        result = run("wait", server.target, "--stable", "3000", "--timeout", "0.4")
    assert (result.status, result.error) == (1, "display 0 did not rest for 3000 ms within 0.4 s")


def test_a_change(run: Run, tmp_path: Path) -> None:
    """What is drawn again as it is, is none."""
    drawn: list[int] = []

    def later(connection: Connection) -> None:
        flat(connection)

        def step() -> None:
            drawn.append(1)
            connection.send(fill(Rect(0, 0, 9, 9), 0x102030 if len(drawn) < 10 else 0x405060))

        connection.every(0.02, step)

    with Server(tmp_path, greetings={DISPLAY: later}) as server:
        assert run("wait", server.target, "--change") == (0, "", "")
    assert len(drawn) >= 10


def test_no_change(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={DISPLAY: flat}) as server:
        result = run("wait", server.target, "--change", "--timeout", "0.3")
    assert (result.status, result.error) == (1, "display 0 did not change within 0.3 s")


def test_the_session_ends_before(run: Run, tmp_path: Path) -> None:
    closing: list[asyncio.Task[None]] = []

    def leave(connection: Connection) -> None:
        show(connection, np.zeros((48, 64, 4), np.uint8))
        closing.extend(
            asyncio.get_running_loop().create_task(one.stream.aclose()) for one in connection.owner.connections
        )

    with Server(tmp_path, greetings={DISPLAY: leave}) as server:
        result = run("wait", server.target, "--change", "--timeout", "20")
    assert (result.status, result.out) == (1, "")
    assert "within" not in result.error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", "("], "'(' is no regular expression"),
        (["--pixel", "1,2"], "'1,2' is not a pixel such as"),
        (["--pixel", "1,2,#12345g"], "is not a pixel"),
        (["--stable", "soon"], "is not a number of milliseconds"),
        (["--text", "a", "--change"], "not allowed with"),
        ([], "one of the arguments"),
    ],
)
def test_wrong_usage(run: Run, words: list[str], message: str) -> None:
    result = run("wait", "demo", *words)
    assert result.status == 2
    assert message in result.error
