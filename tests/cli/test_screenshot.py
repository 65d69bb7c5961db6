"""screenshot: the exact picture, when it is taken, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from peer.drawing import bitmap, copy, fill, primary
from PIL import Image

from spicetui.geometry import Point, Rect
from spicetui.wire import cursor, display
from spicetui.wire.enums import ChannelType, CursorFlags, CursorType

from .conftest import Run
from .server import Connection, Server

WIDTH, HEIGHT = 64, 48


def paint(connection: Connection) -> None:
    """A picture of four colours."""
    connection.send(
        primary(WIDTH, HEIGHT),
        fill(Rect(0, 0, WIDTH, HEIGHT), 0x102030),
        fill(Rect(10, 5, 20, 10), 0xFF8001),
        copy(Rect(40, 20, 8, 8), bitmap(8, 8, 0x00FF7F)),
        display.Mark(),
        fill(Rect(0, 47, 1, 1), 0xFFFFFF),
    )


def expected() -> np.ndarray:
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = (0x10, 0x20, 0x30)
    picture[5:15, 10:30] = (0xFF, 0x80, 0x01)
    picture[20:28, 40:48] = (0x00, 0xFF, 0x7F)
    picture[47, 0] = 0xFF
    return picture


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image)


@pytest.mark.parametrize("suffix", [".png", ".ppm", ".PNG"])
def test_the_exact_framebuffer(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"shot{suffix}"
    with Server(tmp_path, greetings={ChannelType.DISPLAY: paint}) as server:
        assert run("screenshot", server.target, str(path), "--settle", "10") == (0, "", "")
        assert server.opened() == ["display:0", "main:0"]
    assert np.array_equal(read(path), expected())


def test_it_waits_until_the_screen_rests(run: Run, tmp_path: Path) -> None:
    """Something is still drawn for a while after the mark: it is in the picture."""
    steps = 8

    def slowly(connection: Connection) -> None:
        paint(connection)
        drawn = 0

        def step() -> None:
            nonlocal drawn
            if drawn < steps:
                connection.send(fill(Rect(drawn, 0, 1, 1), 0xABCDEF))
                drawn += 1

        connection.every(0.01, step)

    path = tmp_path / "shot.png"
    with Server(tmp_path, greetings={ChannelType.DISPLAY: slowly}) as server:
        assert run("screenshot", server.target, str(path), "--settle", "600").status == 0
    picture = expected()
    picture[0, :steps] = (0xAB, 0xCD, 0xEF)
    assert np.array_equal(read(path), picture)


def test_a_screen_that_never_rests_is_written_at_the_timeout(run: Run, tmp_path: Path) -> None:
    def blink(connection: Connection) -> None:
        paint(connection)
        on = False

        def change() -> None:
            nonlocal on
            on = not on
            connection.send(fill(Rect(0, 0, 1, 1), 0x808080 if on else 0x102030))

        connection.every(0.02, change)

    path = tmp_path / "shot.png"
    with Server(tmp_path, greetings={ChannelType.DISPLAY: blink}) as server:
        result = run("screenshot", server.target, str(path), "--settle", "2000", "--timeout", "0.4")
    assert result.status == 0
    assert "warning: the screen did not rest for 2000 ms within 0.4 s" in result.error
    assert np.array_equal(read(path)[1:], expected()[1:])


def test_a_display_that_shows_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "shot.png"
    with Server(tmp_path) as server:
        result = run("screenshot", server.target, str(path), "--timeout", "0.3")
    assert result.status == 1
    assert "display 0 shows nothing within 0.3 s; check" in result.error
    assert not path.exists()


def test_a_display_that_is_not_there(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings={ChannelType.DISPLAY: paint}) as server:
        result = run("screenshot", server.target, str(tmp_path / "shot.png"), "--display", "2")
    assert (result.status, result.error) == (6, "the server has no display 2 (it has: 0)")


def test_the_pointer_is_painted_on_request(run: Run, tmp_path: Path) -> None:
    def point(connection: Connection) -> None:
        header = cursor.CursorHeader(1, CursorType.ALPHA, 2, 2, 1, 0)
        shape = cursor.CursorShape(CursorFlags(0), header, b"\x01\x02\x03\xff" * 4)
        connection.send(cursor.CursorInit(Point(31, 40), 0, 0, 1, shape))

    greetings = {ChannelType.DISPLAY: paint, ChannelType.CURSOR: point}
    path = tmp_path / "shot.png"
    with Server(tmp_path, greetings=greetings) as server:
        assert run("screenshot", server.target, str(path), "--settle", "0", "--cursor").status == 0
    picture = expected()
    picture[40:42, 30:32] = (3, 2, 1)
    assert np.array_equal(read(path), picture)


def test_what_could_not_be_drawn_is_named(run: Run, tmp_path: Path) -> None:
    def odd(connection: Connection) -> None:
        paint(connection)
        connection.send_body(999, b"")

    path = tmp_path / "shot.png"
    with Server(tmp_path, greetings={ChannelType.DISPLAY: odd}) as server:
        result = run("screenshot", server.target, str(path), "--settle", "10")
    assert result.status == 0
    assert "999" in result.error
    assert "the picture may differ there" in result.error


def test_wrong_usage(run: Run, tmp_path: Path) -> None:
    for name, words in (
        ("shot.gif", "must end in .png or .ppm"),
        ("shot", "must end in .png or .ppm"),
        ("missing/shot.png", "no folder"),
    ):
        result = run("screenshot", "demo", str(tmp_path / name))
        assert result.status == 2
        assert words in result.error


def test_a_file_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "shot.ppm"
    path.symlink_to("/dev/full")
    with Server(tmp_path, greetings={ChannelType.DISPLAY: paint}) as server:
        result = run("screenshot", server.target, str(path), "--settle", "0")
    assert result.status == 1
    assert "no space left on device" in result.error
