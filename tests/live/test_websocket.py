"""SPICE in WebSocket frames, answered by the SPICE server on its own port."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicetui import WebSocketConnector, connect

from . import library, picture
from .cli import Cli
from .guest import Scenes
from .qemu import Qemu


@pytest.mark.parametrize("path", ["/", "/websockify", ""])
def test_screenshot(path: str, private: Path, scenes_disk: Path, cli: Cli) -> None:
    with Qemu(private, vga="qxl", compression="quic", password="p", disk=scenes_disk) as machine:
        Scenes(machine).draw(Scenes.SMOOTH, 60)
        where = f"ws://127.0.0.1:{machine.port}{path}"
        result = cli.run("screenshot", where, "shot.png", password="p")
        assert result.status == 0, result.stderr
        assert not picture.difference(picture.load(private / "shot.png"), machine.screendump())


async def test_updates_keep_coming(private: Path, scenes_disk: Path) -> None:
    """Many frames in both directions: every drawing arrives, large and small."""
    with Qemu(private, compression="off", disk=scenes_disk) as machine:
        scenes = Scenes(machine)
        scenes.draw(Scenes.NOISE, 1)
        driver = library.Watcher()
        async with await connect(WebSocketConnector(f"ws://127.0.0.1:{machine.port}/"), driver) as client:
            await client.wait_frame()
            for seed in range(1, 60, 7):
                scenes.draw(Scenes.SQUARE, seed)
                truth = machine.screendump()

                def same(truth: picture.Picture = truth) -> bool:
                    return not picture.difference(library.shown(client), truth)

                assert await driver.until(same), picture.difference(library.shown(client), truth)
