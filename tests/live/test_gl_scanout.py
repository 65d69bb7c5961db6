"""A server whose picture becomes a GPU's texture: what we are left with, and that it is said."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from spicetui import ChannelKey, ChannelType

from .cli import Cli, target
from .conftest import Row
from .scene_server.server import SceneServer
from .scene_server.viewers import OurViewer
from .scenes import MARK, SIZE, mark
from .test_scenes import scene_program

__all__ = ["scene_program"]

DISPLAY = ChannelKey(ChannelType.DISPLAY)
GL_SCANOUT = 7


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_a_display_that_becomes_a_texture_is_lost_with_a_word(
    unix: bool, scene_program: Path, private: Path, row: Row
) -> None:
    with SceneServer(scene_program, private, unix=unix) as server:
        server.primary(*SIZE)
        with OurViewer(private, server.address()) as viewer:
            assert not server.wait_client()["caps"][0] & 1 << GL_SCANOUT
            end, colour = mark(*SIZE, 1)
            server.draw([end])
            shown = viewer.until(*MARK, colour)
            server.gl_scanout(*SIZE)
            server.wait_no_client()
            viewer.wait_lost(DISPLAY)
            channels = viewer.client.channels
            assert [str(key) for key, channel in channels.items() if channel.closed] == ["display:0"]
            assert "gl=off" in str(viewer.client.session.lost[DISPLAY])
            assert (viewer.client.screenshot().pixels[:, :, 2::-1] == shown).all()
        row("GL scanout", transport="unix" if unix else "tcp", when="while shown", channel="closed by the server")


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_a_texture_from_before_shows_nothing_until_it_is_drawn_and_closes_then(
    unix: bool, scene_program: Path, private: Path, row: Row
) -> None:
    with SceneServer(scene_program, private, unix=unix) as server:
        server.gl_scanout(*SIZE)
        with OurViewer(private, server.address()) as viewer:
            server.wait_client()
            assert viewer.client.displays[0].surface is None
            server.gl_draw(*SIZE)
            server.wait_no_client()
            viewer.wait_lost(DISPLAY)
            assert viewer.client.displays[0].surface is None
            assert "gl=off" in str(viewer.client.session.lost[DISPLAY])
        row(
            "GL scanout", transport="unix" if unix else "tcp", when="before", channel="silent, closed at the first draw"
        )


def test_a_screenshot_fails_at_once_and_info_tells_why(scene_program: Path, private: Path, cli: Cli) -> None:
    with SceneServer(scene_program, private, unix=True) as server:
        server.primary(*SIZE)
        told = cli.run("info", target(server.address()), "--json")
        server.wait_no_client()
        facts = json.loads(told.stdout)
        assert (told.status, facts["gl_scanout"]["announced"]) == (0, False)
        server.destroy_primary()
        server.gl_scanout(*SIZE)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(cli.run, "screenshot", target(server.address()), "never.png", "--timeout", "50")
            # The server may still tell of the client before, so this one is known by what drawing does to it.
            while not wait([waiting], timeout=0.1).done:
                server.gl_draw(*SIZE)
            result = waiting.result()
        assert (result.status, len(result.error_lines)) == (1, 1)
        assert re.search(r"display:0: (the server closed the connection|connection lost)", result.stderr)
        assert "gl=off" in result.stderr
