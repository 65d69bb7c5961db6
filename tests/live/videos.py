"""A video whose frames can be told apart and judged on the screen, and ffplay that plays it in an X server.

The player stops where the test wants, so that a slow machine takes its time and a quick one does not wait.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import simplejpeg  # type: ignore[import-untyped,unused-ignore]
from video_clips import Rgb, picture

import spicetui

from . import library, needs
from . import picture as pictures
from .process import Process
from .xspice import Xspice

RATE = 15
FRAMES = 250
BLOCK = 16  #: side of the blocks that say the frame's number, and of the patches of one colour
BITS = 8
PATCHES = ((200, 30, 40), (30, 190, 50), (40, 50, 210), (220, 200, 40), (40, 200, 210), (210, 60, 200), (128, 128, 128))
"""Colours that never move: what the two clients make of them can be compared at any moment of the video."""

PLUGINS = {
    "playback": "gstreamer1.0-plugins-base",
    "vpx": "gstreamer1.0-plugins-good",
    "jpeg": "gstreamer1.0-plugins-good",
    "x264": "gstreamer1.0-plugins-ugly",
    "libav": "gstreamer1.0-libav",
    "videoparsersbad": "gstreamer1.0-plugins-bad",
}


@cache
def _base(width: int, height: int) -> Rgb:
    return picture(width, height)


def frame(width: int, height: int, number: int) -> Rgb:
    """Moving slopes with the number as black and white blocks in the first row, and the patches below it."""
    rgb = np.roll(_base(width, height), (3 * number, -4 * number), axis=(0, 1))
    for bit in range(BITS):
        rgb[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 if number >> bit & 1 else 0
    for at, colour in enumerate(PATCHES):
        rgb[BLOCK : 3 * BLOCK, 2 * at * BLOCK : 2 * (at + 1) * BLOCK] = colour
    return rgb


def number_of(shown: Rgb) -> int:
    """The frame's number, read from its picture."""
    middle = BLOCK // 2
    return sum(1 << bit for bit in range(BITS) if shown[middle, bit * BLOCK + middle].mean() > 127)


def patches_of(shown: Rgb) -> Rgb:
    """The colours of the patches, from the middle of each."""
    columns = [(2 * at + 1) * BLOCK for at in range(len(PATCHES))]
    middles = [shown[2 * BLOCK - 4 : 2 * BLOCK + 4, x - 8 : x + 8].reshape(-1, 3).mean(axis=0) for x in columns]
    return np.array(middles).round().astype(np.uint8)


def write(path: Path, width: int, height: int, frames: int = FRAMES) -> Path:
    """The video as JPEG images one after another; nothing of them moves in the file but what the frames say."""
    with open(path, "wb") as file:
        for number in range(frames):
            file.write(simplejpeg.encode_jpeg(frame(width, height, number), quality=95, colorsubsampling="420"))
    return path


def needs_gstreamer() -> None:
    """Ends the test when the server's encoders or the reference client's decoders are missing."""
    for name, package in PLUGINS.items():
        if not list(Path("/usr/lib").glob(f"*/gstreamer-1.0/libgst{name}.so")):
            needs.missing(f"GStreamer's plugin {name}", package)


class Player:
    """ffplay in a window without a frame."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def stop(self) -> None:
        """The frame that is shown now stays."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def play(server: Xspice, path: Path, x: int, y: int, rate: int = RATE, *, again: bool = False) -> Iterator[Player]:
    """*again*: from the start when it is over, until the context ends."""
    words = [
        "ffplay", "-v", "error", "-an", "-noborder", "-left", str(x), "-top", str(y),
        *(("-loop", "0") if again else ()), "-f", "mjpeg", "-framerate", str(rate), str(path),
    ]  # fmt: skip
    with server.start(words) as process:
        player = Player(process)
        try:
            yield player
        finally:
            if process.running:
                player.go_on()  # to its end


class Viewer(library.Watcher):
    """Notes each frame's number as it is shown, and how far its picture is from the original."""

    def __init__(self, box: spicetui.Rect) -> None:
        super().__init__()
        self.box = box
        self.numbers: list[int] = []
        self.errors: list[float] = []

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        if any(rect.contains(self.box) for rect in damage):
            self.numbers.append(number_of(self.look(surface)))
        super().display_refresh(surface, damage)

    def look(self, surface: spicetui.Surface) -> Rgb:
        rows, columns = self.box.slices()
        shown: Rgb = surface.pixels[rows, columns, 2::-1]
        return shown

    def error(self, surface: spicetui.Surface) -> float:
        """Mean difference of the frame shown now from the original, in levels."""
        shown = self.look(surface)
        original = frame(self.box.width, self.box.height, number_of(shown))
        return float(np.abs(shown.astype(int) - original).mean())


async def rested(server: Xspice, client: spicetui.Client, driver: library.Watcher) -> str:
    """Waits until the picture is X's own; what differs when it does not become so."""
    truth = await asyncio.to_thread(server.root)
    if await driver.until(lambda: not pictures.difference(library.shown(client), truth), 10):
        return ""
    return pictures.difference(library.shown(client), truth)
