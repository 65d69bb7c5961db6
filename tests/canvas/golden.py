"""Scenes recorded with the reference canvas: wire messages, and after each draw operation what it had painted.

A file is a sequence of records behind ``<H``: 0 starts a scene with no surfaces and empty caches, any other number is
a message's, followed by its length (``<I``) and body and, unless it is SURFACE_CREATE, by the first eight bytes of the
SHA-256 of the surface drawn on, rows without padding, the bits without meaning of 32xRGB and 16_555 set to 0.
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spicetui.canvas.canvas import Canvas
from spicetui.canvas.surface import Surface
from spicetui.codecs.caches import PaletteCache, PixmapCache
from spicetui.codecs.glz import Window
from spicetui.codecs.image import ImageDecoder
from spicetui.wire import display as wire
from spicetui.wire.core import read
from spicetui.wire.enums import SurfaceFmt

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.xz"))
_MEANING = {SurfaceFmt.FMT_32_xRGB: 0xFFFFFF, SurfaceFmt.FMT_16_555: 0x7FFF}

Record = tuple[int, bytes, bytes]


def scenes(name: str) -> Iterator[list[Record]]:
    """Each as (number, body, digest or nothing)."""
    raw = lzma.decompress((DATA / f"{name}.xz").read_bytes())
    create = wire.MESSAGES.server_number[wire.SurfaceCreate]
    scene: list[Record] = []
    at = 0
    while at < len(raw):
        (number,) = struct.unpack_from("<H", raw, at)
        at += 2
        if not number:
            if scene:
                yield scene
            scene = []
            continue
        (size,) = struct.unpack_from("<I", raw, at)
        body = raw[at + 4 : at + 4 + size]
        at += 4 + size
        digest = b"" if number == create else raw[at : at + 8]
        at += len(digest)
        scene.append((number, body, digest))
    yield scene


def digest(surface: Surface) -> bytes:
    pixels = np.ascontiguousarray(surface.data)
    if surface.format in _MEANING:
        pixels = pixels & pixels.dtype.type(_MEANING[surface.format])
    return hashlib.sha256(pixels.tobytes()).digest()[:8]


class Player:
    """Draws a scene."""

    def __init__(self) -> None:
        self.canvas = Canvas(0)
        self.decoder = ImageDecoder(PixmapCache(), PaletteCache(), Window())

    def play(self, number: int, body: bytes) -> Surface | None:
        """The surface drawn on."""
        message: Any = read(wire.MESSAGES.from_server[number], body)
        if isinstance(message, wire.SurfaceCreate):
            self.canvas.surface_create(message)
            return None
        pixmaps = {id(image): self.decoder.decode(image) for image in self.canvas.images(message)}
        surface_id, _ = self.canvas.draw(message, pixmaps)
        return self.canvas.surfaces[surface_id]
