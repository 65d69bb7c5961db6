"""Moving pictures for the benchmarks of the terminal backends, and files of them for other programs."""

# ruff: noqa: E402

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from tui.fake_client import Desktop

from spicetui.geometry import Rect
from spicetui.term import cells

WIDTH, HEIGHT = 1920, 1080
LONG, SHORT = 24, 4  #: frames of two runs; what lies between is what frames cost
Frame = tuple[np.ndarray, list[Rect]]


def typing(count: int) -> Iterator[Frame]:
    """One character a frame."""
    desktop = Desktop(WIDTH, HEIGHT)
    yield desktop.surface.pixels, [Rect(0, 0, WIDTH, HEIGHT)]
    for _ in range(count - 1):
        yield desktop.surface.pixels, [desktop.type_character()]


def scroll(count: int) -> Iterator[Frame]:
    """A screen of code that moves up by a line a frame."""
    lines = Path(cells.__file__).read_text().splitlines() * 2
    page = Image.new("RGB", (WIDTH, HEIGHT + 20 * count), (30, 30, 36))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(17)
    for index in range(page.height // 20):
        color = ((200, 200, 190), (120, 200, 140), (130, 160, 230), (220, 160, 90))[index % 4]
        draw.text((20, 20 * index), lines[index % len(lines)], color, font=font)
    pixels = np.zeros((page.height, WIDTH, 4), np.uint8)
    pixels[:, :, :3] = np.asarray(page)[:, :, ::-1]
    for index in range(count):
        yield np.ascontiguousarray(pixels[20 * index : 20 * index + HEIGHT]), [Rect(0, 0, WIDTH, HEIGHT)]


def video(count: int) -> Iterator[Frame]:
    """Everything changes, with noise: the worst case."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    noise = random.normal(0, 4, (HEIGHT, WIDTH, 4)).astype(np.float32)
    for index in range(count):
        base = np.stack(
            [128 + 100 * np.sin((x + 37 * index) / (240 + 90 * c) + y / (200 + 70 * c)) for c in range(4)], axis=2
        )
        yield (base + np.roll(noise, 13 * index, axis=1)).clip(0, 255).astype(np.uint8), [Rect(0, 0, WIDTH, HEIGHT)]


CLIPS = {"typing": typing, "scroll": scroll, "video": video}


def y4m(path: Path, frames: Iterator[Frame]) -> None:
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F1000:1 Ip A1:1 C444\n" % (WIDTH, HEIGHT))
        for pixels, _ in frames:
            planes = np.asarray(Image.fromarray(pixels[:, :, 2::-1].copy()).convert("YCbCr"))
            file.write(b"FRAME\n" + planes.transpose(2, 0, 1).tobytes())


def xwd(path: Path, pixels: np.ndarray) -> None:
    head: tuple[int, ...] = (*(107, 7, 2, 24, WIDTH, HEIGHT, 0, 0, 32, 0, 32, 32, 4 * WIDTH, 4), 0xFF0000, 0xFF00, 0xFF)
    head = (*head, *(8, 0, 0, WIDTH, HEIGHT, 0, 0, 0))
    path.write_bytes(struct.pack(">25I", *head) + b"picture" + (pixels | np.array([0, 0, 0, 255], np.uint8)).tobytes())
