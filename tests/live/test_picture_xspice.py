"""Our picture of an X desktop against the reference client's, for every way in which the server sends images.

Both clients are connected from the start, so that they see every drawing command and not only the result. After each
scene both are at rest, and the pictures have to be the same; where nothing is lossy they have to be X's own too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from spicetui import Client

from . import library, picture, xscenes
from .certs import Certificates
from .cli import Cli
from .conftest import Row
from .reference import Reference
from .xspice import Xspice

TABLE = "picture of Xspice against the reference client"
LOSSLESS: dict[str, dict[str, Any]] = {
    **{way: {"compression": way} for way in ("off", "quic", "glz", "lz", "auto_glz", "auto_lz")},
    "zlib-glz-wan always": {"compression": "glz", "zlib_wan": "always"},
    "zlib-glz-wan always, auto_glz": {"compression": "auto_glz", "zlib_wan": "always"},
    "lz4 asked for": {"compression": "auto_glz"},
    "no surfaces": {"compression": "auto_lz", "surfaces": False},
}
CLIENT_OPTIONS = {"lz4 asked for": "lz4"}
LOSSY: dict[str, dict[str, Any]] = {
    "jpeg-wan always": {"compression": "auto_glz", "jpeg_wan": "always"},
    "jpeg-wan always, quic": {"compression": "quic", "jpeg_wan": "always"},
    "both wan options": {"compression": "auto_glz", "jpeg_wan": "always", "zlib_wan": "always"},
}
MUST_COME = {
    "off": {"BITMAP"},
    "quic": {"QUIC"},
    "glz": {"GLZ_RGB"},
    "lz": {"LZ_RGB"},
    "auto_glz": {"GLZ_RGB", "QUIC"},
    "auto_lz": {"LZ_RGB", "QUIC"},
    "zlib-glz-wan always": {"ZLIB_GLZ_RGB"},
    "zlib-glz-wan always, auto_glz": {"ZLIB_GLZ_RGB"},
    "lz4 asked for": {"LZ4"},
    "jpeg-wan always": {"JPEG_ALPHA"},
    "jpeg-wan always, quic": {"JPEG_ALPHA"},
    "both wan options": {"JPEG_ALPHA", "ZLIB_GLZ_RGB"},
}
"""A comparison that never saw the image type it is about says nothing. (X draws with an alpha channel.)"""
ONE_LEVEL = 1
"""JPEG decoders may round the last bit differently."""


class Comparison:
    """Draws every scene before the eyes of both clients, and keeps the score."""

    def __init__(self, name: str, allowed_levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._name = name
        self._allowed = allowed_levels
        self._images = library.ImageCount(monkeypatch)
        self._wrong: list[str] = []

    async def run(self, private: Path, server: Xspice) -> None:
        preferred = CLIENT_OPTIONS.get(self._name)
        driver = library.Watcher()
        with Reference(private, server.address(), compression=preferred) as reference:
            async with await library.connect(server.address(), driver, compression=preferred) as client:
                await client.wait_frame()
                with xscenes.desktop(server) as desktop:
                    for scene, draw in xscenes.SCENES.items():
                        await asyncio.to_thread(draw, desktop)
                        await asyncio.to_thread(reference.rest)
                        theirs = await asyncio.to_thread(reference.picture)
                        if not await driver.until(lambda theirs=theirs: self._equal(client, theirs), 3):  # type: ignore[misc]
                            self._wrong.append(f"{scene}: {picture.difference(library.shown(client), theirs)}")
                        if not self._allowed:
                            truth = await asyncio.to_thread(server.root)
                            assert not picture.difference(theirs, truth), f"{scene}: the reference is wrong"
                self._unsupported = dict(client.unsupported)

    def _equal(self, client: Client, theirs: picture.Picture) -> bool:
        ours = library.shown(client)
        return ours.shape == theirs.shape and picture.levels_apart(ours, theirs) <= self._allowed

    def judge(self, row: Row) -> None:
        scenes = len(xscenes.SCENES)
        row(TABLE, server=self._name, scenes=f"{scenes - len(self._wrong)} of {scenes} equal", images=self._images)
        assert not self._wrong, "\n".join([*self._wrong, f"unsupported: {self._unsupported}"])
        assert not self._unsupported
        missing = MUST_COME.get(self._name, set()) - set(self._images.types)
        assert not missing, f"no image of type {missing} came"


@pytest.mark.parametrize("name", LOSSLESS)
async def test_lossless(name: str, private: Path, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison(name, 0, monkeypatch)
    with Xspice(private, **LOSSLESS[name]) as server:
        await comparison.run(private, server)
    comparison.judge(row)


@pytest.mark.parametrize("name", LOSSY)
async def test_jpeg_within_one_level(name: str, private: Path, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison(name, ONE_LEVEL, monkeypatch)
    with Xspice(private, **LOSSY[name]) as server:
        await comparison.run(private, server)
    comparison.judge(row)


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
