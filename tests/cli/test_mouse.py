"""mouse: what arrives at the server, and what is said when the pointer cannot be placed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peer.fake_server import session_init

from spicetui.cli import pointer
from spicetui.wire import inputs
from spicetui.wire.enums import ChannelType, MouseMode

from .conftest import Run
from .server import Connection, Server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointer, "EVENT_SECONDS", 0)
    monkeypatch.setattr(pointer, "MODE_SECONDS", 0.05)


def acknowledge(connection: Connection) -> None:
    """Answers every fourth motion, as servers do."""
    plain = connection.answer
    motions = 0

    def answer(message: Any) -> None:
        nonlocal motions
        plain(message)
        if isinstance(message, (inputs.MousePosition, inputs.MouseMotion)):
            motions += 1
            if motions % 4 == 0:
                connection.send(inputs.MouseMotionAck())

    connection.answer = answer  # type: ignore[method-assign]


def events(server: Server) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for message in server.messages(ChannelType.INPUTS):
        event: tuple[object, ...] | None = None
        if isinstance(message, inputs.MousePosition):
            event = ("at", message.x, message.y, message.buttons_state, message.display_id)
        elif isinstance(message, inputs.MousePress):
            event = ("press", message.button, message.buttons_state)
        elif isinstance(message, inputs.MouseRelease):
            event = ("release", message.button, message.buttons_state)
        if event is not None and (not found or event != found[-1]):  # a place is sent twice on purpose
            found.append(event)
    return found


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with Server(tmp_path, greetings={ChannelType.INPUTS: acknowledge}) as server:
        yield server


def test_move(run: Run, server: Server) -> None:
    assert run("mouse", server.target, "move", "100", "200") == (0, "", "")
    assert events(server) == [("at", 100, 200, 0, 0)]
    assert server.opened() == ["inputs:0", "main:0"]


def test_double_click_with_the_right_button(run: Run, server: Server) -> None:
    assert run("mouse", server.target, "click", "--count", "2", "7", "8", "right").status == 0
    press, release = ("press", 3, 4), ("release", 3, 0)
    assert events(server) == [("at", 7, 8, 0, 0), press, release, press, release]


@pytest.mark.parametrize(("name", "number", "bit"), [("middle", 2, 2), ("side", 6, 32), ("extra", 7, 64)])
def test_other_buttons(run: Run, server: Server, name: str, number: int, bit: int) -> None:
    assert run("mouse", server.target, "click", "1", "2", name).status == 0
    assert events(server)[1:] == [("press", number, bit), ("release", number, 0)]


def test_drag_goes_all_the_way_with_the_button_down(run: Run, server: Server) -> None:
    assert run("mouse", server.target, "drag", "0", "100", "160", "20").status == 0
    found = events(server)
    assert found[:2] == [("at", 0, 100, 0, 0), ("press", 1, 1)]
    assert found[-2:] == [("at", 160, 20, 1, 0), ("release", 1, 0)]
    way = found[2:-1]
    assert len(way) >= 4
    assert all(event[0] == "at" and event[3] == 1 for event in way)
    assert way == sorted(way)


@pytest.mark.parametrize(("clicks", "button"), [("2", 5), ("-3", 4)])
def test_scroll(run: Run, server: Server, clicks: str, button: int) -> None:
    assert run("mouse", server.target, "scroll", clicks).status == 0
    kinds = [event[:2] for event in events(server)]
    assert kinds == [("press", button), ("release", button)] * abs(int(clicks))


def test_server_mode_says_what_is_possible(run: Run, tmp_path: Path) -> None:
    init = session_init(supported_mouse_modes=MouseMode.SERVER, current_mouse_mode=MouseMode.SERVER)
    with Server(tmp_path, init=init) as server:
        result = run("mouse", server.target, "move", "1", "2")
        assert result.status == 6
        assert "cannot be placed; scroll works" in result.error
        assert run("mouse", server.target, "scroll", "1").status == 0


def test_a_display_that_is_not_there(run: Run, server: Server) -> None:
    result = run("mouse", server.target, "move", "1", "2", "--display", "3")
    assert (result.status, result.error) == (6, "the server has no display 3 (it has: 0)")


@pytest.mark.parametrize(
    "words",
    [
        ["move"],
        ["move", "1"],
        ["move", "1", "2", "left"],
        ["move", "-1", "2"],
        ["move", "1", "65536"],
        ["move", "a", "b"],
        ["click", "1", "2", "rear"],
        ["click", "1", "2", "left", "right"],
        ["drag", "1", "2", "3"],
        ["scroll"],
        ["scroll", "0"],
        ["scroll", "up"],
        ["jump", "1", "2"],
        ["move", "1", "2", "--read-only"],
        ["click", "1", "2", "--count", "0"],
    ],
)
def test_wrong_usage(run: Run, server: Server, words: list[str]) -> None:
    result = run("mouse", server.target, *words)
    assert result.status == 2
    assert result.error
    assert server.accepted == 0
