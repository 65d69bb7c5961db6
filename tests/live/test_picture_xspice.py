"""Our picture of an X desktop against the reference client's, for every way in which the server sends images.

Both clients are connected from the start, so that they see every drawing command and not only the result. After each
scene both are at rest, and the pictures have to be the same; where nothing is lossy they have to be X's own too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from . import library, picture, xscenes
from .certs import Certificates
from .cli import Cli
from .conftest import Row
from .reference import Reference
from .xspice import Xspice

TABLE = "picture of Xspice against the reference client"
LOSSLESS: dict[str, dict[str, str]] = {
    **{way: {"compression": way} for way in ("off", "quic", "glz", "lz", "auto_glz", "auto_lz")},
    "zlib-glz-wan always": {"compression": "glz", "zlib_wan": "always"},
    "zlib-glz-wan always, auto_glz": {"compression": "auto_glz", "zlib_wan": "always"},
    "lz4 asked for": {"compression": "auto_glz"},
    "no surfaces": {"compression": "auto_lz"},
}
SERVER_OPTIONS: dict[str, dict[str, Any]] = {"no surfaces": {"surfaces": False}}
CLIENT_OPTIONS = {"lz4 asked for": "lz4"}
LOSSY = {
    "jpeg-wan always": {"compression": "auto_glz", "jpeg_wan": "always"},
    "jpeg-wan always, quic": {"compression": "quic", "jpeg_wan": "always"},
    "both wan options": {"compression": "auto_glz", "jpeg_wan": "always", "zlib_wan": "always"},
}
ONE_LEVEL = 1
"""JPEG decoders may round the last bit differently."""


async def compare(
    private: Path, server: Xspice, allowed: int, preferred: str | None, row: Row, name: str, lossless: bool
) -> None:
    """Draws every scene before the eyes of both clients."""
    scores: list[str] = []
    with Reference(private, server.address(), compression=preferred) as reference:
        driver = library.Watcher()
        async with await library.connect(server.address(), driver, compression=preferred) as client:
            await client.wait_frame()
            with xscenes.desktop(server) as desktop:
                for scene, draw in xscenes.SCENES.items():
                    await asyncio.to_thread(draw, desktop)
                    await asyncio.to_thread(reference.rest)
                    theirs = await asyncio.to_thread(reference.picture)

                    def same(theirs: picture.Picture = theirs) -> bool:
                        ours = library.shown(client)
                        return ours.shape == theirs.shape and picture.levels_apart(ours, theirs) <= allowed

                    if not await driver.until(same, 3):
                        scores.append(f"{scene}: {picture.difference(library.shown(client), theirs)}")
                    if lossless:
                        truth = await asyncio.to_thread(server.root)
                        assert not picture.difference(theirs, truth), f"{scene}: the reference is wrong"
            unsupported = dict(client.unsupported)
    scenes = len(xscenes.SCENES)
    row(TABLE, images=name, scenes=f"{scenes - len(scores)} of {scenes} equal", updates=driver.refreshes,
        unsupported=unsupported or "")  # fmt: skip
    assert not scores, "\n".join([*scores, f"unsupported: {unsupported}"])
    assert not unsupported


@pytest.mark.parametrize("name", LOSSLESS)
async def test_lossless(name: str, private: Path, row: Row) -> None:
    with Xspice(private, **LOSSLESS[name], **SERVER_OPTIONS.get(name, {})) as server:
        await compare(private, server, 0, CLIENT_OPTIONS.get(name), row, name, lossless=True)


@pytest.mark.parametrize("name", LOSSY)
async def test_jpeg_within_one_level(name: str, private: Path, row: Row) -> None:
    with Xspice(private, **LOSSY[name]) as server:
        await compare(private, server, ONE_LEVEL, None, row, name, lossless=False)


@pytest.mark.parametrize("compression", ["auto_glz", "quic"])
def test_screenshot_of_a_desktop(compression: str, private: Path, certificates: Certificates, cli: Cli) -> None:
    """A client that comes late gets the whole desktop as one image."""
    with Xspice(private, compression=compression, password="secret", tls=certificates, clients=False) as server:
        with xscenes.desktop(server) as desktop:
            for draw in xscenes.SCENES.values():
                draw(desktop)
            truth = server.root()
            for tls in (False, True):
                shot, _ = cli.screenshot(server.address(tls=tls))
                assert not picture.difference(shot, truth), "tls" if tls else "plain"
