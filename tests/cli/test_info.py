"""info: what the server offers, for programs and for people."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from peer.drawing import bitmap, copy, fill, primary
from peer.fake_agent import LINUX

from spicetui.geometry import Rect
from spicetui.wire import display, main
from spicetui.wire.enums import AgentCap, ChannelType

from .conftest import Run
from .guest import Guest
from .server import Connection, Server

NAME, ID = "db \x1b[31m7", UUID("12345678-1234-5678-1234-567812345678")


def tell(connection: Connection) -> None:
    connection.send(main.Name(NAME.encode() + b"\0"), main.Uuid(ID.bytes))


def paint(connection: Connection) -> None:
    picture = copy(Rect(0, 0, 8, 8), bitmap(8, 8, 0xFF))
    connection.send(primary(640, 480), fill(Rect(0, 0, 640, 480), 0), picture, display.Mark())


GREETINGS = {ChannelType.MAIN: tell, ChannelType.DISPLAY: paint}


def test_json(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings=GREETINGS) as server:
        result = run("info", server.target, "--json")
    assert (result.status, result.err) == (0, "")
    (line,) = result.out.splitlines()
    facts = json.loads(line)
    assert facts["name"] == NAME
    assert facts["uuid"] == str(ID)
    assert (facts["mouse_mode"], facts["mouse_modes"]) == ("client", ["server", "client"])
    assert facts["agent_connected"] is False
    assert facts["round_trip_ms"] is None  # a unix socket has none
    (shown,) = facts["displays"]
    assert (shown["id"], shown["width"], shown["height"], shown["marked"]) == (0, 640, 480, True)
    assert (shown["images"], shown["videos"]) == ({"bitmap": 1}, {})
    channels = {channel["type"]: channel for channel in facts["channels"]}
    assert set(channels) == {"main", "display", "inputs", "cursor"}
    assert channels["display"]["capabilities"] == ["monitors_config", "pref_compression"]
    assert channels["main"]["common_capabilities"] == ["auth_selection", "auth_spice", "mini_header"]
    assert channels["main"]["secure"] is False
    assert all(channel["bytes_in"] > 0 for channel in channels.values())
    assert facts["gl_scanout"]["announced"] is False
    assert "in memory" in facts["gl_scanout"]["reason"]
    assert facts["unsupported"] == {}


def test_for_people(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, greetings=GREETINGS, tcp=True) as server:
        result = run("info", server.target, "--disable-channels", "cursor")
    assert (result.status, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert "GL scanout  not announced: " in result.out
    assert "name        db " in result.out
    assert "display 0   640x480 32_xRGB" in result.out
    assert "not opened  cursor:0" in result.out
    assert " ms\n" in result.out


def test_a_display_without_picture(run: Run, tmp_path: Path, monkeypatch: object) -> None:
    from spicetui.cli import info

    monkeypatch.setattr(info, "FRAME_SECONDS", 0.05)  # type: ignore[attr-defined]
    with Server(tmp_path) as server:
        result = run("info", server.target)
    assert result.status == 0
    assert "display 0   shows nothing yet" in result.out
    assert "name        not told" in result.out


def test_what_the_guests_agent_can_do(run: Run, tmp_path: Path) -> None:
    with Guest().serve(tmp_path) as server:
        facts = json.loads(run("info", server.target, "--json").out)
        told = run("info", server.target).out
    assert facts["agent_connected"] is True
    assert facts["agent_capabilities"] == [AgentCap(cap).name.lower() for cap in sorted(LINUX)]
    assert "agent       connected\n  offers    " in told
