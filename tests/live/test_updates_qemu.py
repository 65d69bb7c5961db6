"""Screens that QEMU draws while the client watches.

A client that comes to a finished screen gets it as one image, which the server never sends as GLZ or JPEG; what changes
later goes through the whole choice of encodings. Lossless ones are judged by QMP, JPEG by the reference client, which
is connected to the same machine at the same time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spicetui import Client

from . import library, picture
from .conftest import Row
from .guest import Scenes
from .qemu import Qemu
from .reference import Reference

TABLE = "updates on QEMU"
CARDS = ("std", "qxl", "virtio")
DRAWINGS = (
    (Scenes.TEXT, 21),
    (Scenes.SMOOTH, 5),
    (Scenes.SQUARE, 9),
    (Scenes.SQUARE, 10),
    (Scenes.NOISE, 1),
    (Scenes.SQUARE, 77),
    (Scenes.FLAT, 3),
    (Scenes.FLAT, 4),
    (Scenes.SQUARE, 200),
    (Scenes.TEXT, 22),
)
MUST_COME = {
    "off": {"BITMAP"},
    "auto_glz": {"GLZ_RGB"},
    "auto_lz": {"LZ_RGB"},
    "quic": {"QUIC"},
    "glz": {"GLZ_RGB"},
    "lz": {"LZ_RGB"},
}


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("compression", [*MUST_COME, "lz4", "zlib-glz"])
async def test_lossless(
    card: str, compression: str, private: Path, scenes_disk: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = library.ImageCount(monkeypatch)
    options = {"zlib-glz": {"compression": "glz", "zlib_wan": "always"}, "lz4": {"compression": "auto_glz"}}
    preferred = "lz4" if compression == "lz4" else None
    driver = library.Watcher()
    with Qemu(private, vga=card, disk=scenes_disk, **options.get(compression, {"compression": compression})) as machine:  # type: ignore[arg-type]
        scenes = await asyncio.to_thread(Scenes, machine)
        async with await library.connect(machine.address(), driver, compression=preferred) as client:
            await client.wait_frame()
            for scene, seed in DRAWINGS:
                await asyncio.to_thread(scenes.draw, scene, seed)
                truth = await asyncio.to_thread(machine.screendump)

                def same(truth: picture.Picture = truth) -> bool:
                    return not picture.difference(library.shown(client), truth)

                assert await driver.until(same), f"{scene}{seed}: {picture.difference(library.shown(client), truth)}"
            assert not client.unsupported
    row(TABLE, card=card, option=compression, equal=f"{len(DRAWINGS)} of {len(DRAWINGS)}", images=images)
    missing = {"lz4": {"LZ4"}, "zlib-glz": {"ZLIB_GLZ_RGB"}, **MUST_COME}[compression] - set(images.types)
    assert not missing, f"no image of type {missing} came"


@pytest.mark.parametrize("card", CARDS)
async def test_jpeg_within_one_level(
    card: str, private: Path, scenes_disk: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JPEG takes the place of QUIC, where the server would have chosen that."""
    images = library.ImageCount(monkeypatch)
    driver = library.Watcher()
    options = {"vga": card, "compression": "quic", "jpeg_wan": "always"}
    most = 0

    def apart(client: Client, theirs: picture.Picture) -> int:
        ours = library.shown(client)
        return picture.levels_apart(ours, theirs) if ours.shape == theirs.shape else 255

    with Qemu(private, disk=scenes_disk, clients=True, **options) as machine:  # type: ignore[arg-type]
        scenes = await asyncio.to_thread(Scenes, machine)
        with Reference(private, machine.address()) as reference:
            async with await library.connect(machine.address(), driver) as client:
                await client.wait_frame()
                await asyncio.to_thread(reference.rest)
                for scene, seed in DRAWINGS:
                    await asyncio.to_thread(scenes.draw, scene, seed)
                    await asyncio.to_thread(reference.rest)
                    theirs = await asyncio.to_thread(reference.picture)
                    assert await driver.until(lambda theirs=theirs: apart(client, theirs) <= 1), (  # type: ignore[misc]
                        f"{scene}{seed}: {picture.difference(library.shown(client), theirs)}"
                    )
                    most = max(most, apart(client, theirs))
    row(TABLE, card=card, option="jpeg", equal=f"{most} levels apart", images=images)
    assert images.types["JPEG"]
