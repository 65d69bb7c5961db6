"""The recorded text consoles (data/consoles.zip, see make_consoles.py), and screens drawn with their glyphs."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from spicetui.geometry import Point, Rect, Size
from spicetui.term.screentext import Grid

FILE = Path(__file__).with_name("data") / "consoles.zip"


class Console(NamedTuple):
    pixels: np.ndarray  #: (h, w, 4) BGRX
    lines: list[str]  #: what the guest says that it shows


@cache
def names() -> list[str]:
    with zipfile.ZipFile(FILE) as archive:
        return [name.removesuffix(".png") for name in archive.namelist() if name.endswith(".png")]


@cache
def recorded(name: str) -> Console:
    """Not to be written to."""
    with zipfile.ZipFile(FILE) as archive:
        with Image.open(io.BytesIO(archive.read(f"{name}.png"))) as image:
            rgb = np.asarray(image.convert("RGB"))
        lines = archive.read(f"{name}.txt").decode().split("\n")
    pixels = np.full((*rgb.shape[:2], 4), 0xA5, np.uint8)  # the fourth byte is any
    pixels[..., :3] = rgb[..., ::-1]
    return Console(pixels, lines)


@cache
def glyphs(name: str, cell: Size, origin: Point = Point(0, 0)) -> dict[str, np.ndarray]:
    """(height, width) bits of the characters that a console shows on black, or white on another colour."""
    pixels, lines = recorded(name)
    words = pixels.view(np.uint32)[..., 0] & 0xFFFFFF
    found = {" ": np.zeros((cell.height, cell.width), np.bool_)}
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            top, left = origin.y + y * cell.height, origin.x + x * cell.width
            block = words[top : top + cell.height, left : left + cell.width]
            colors = np.unique(block)
            if len(colors) == 2 and (colors[0] == 0 or colors[1] == 0xFFFFFF):
                found.setdefault(character, block != colors[0])
    return found


class Screen:
    """A console to draw on, with the glyphs of a recorded one."""

    def __init__(self, size: Size, grid: Grid, font: dict[str, np.ndarray], background: int = 0) -> None:
        self.grid = grid
        self.font = font
        self.words = np.full((size.height, size.width), background, np.uint32)

    @property
    def pixels(self) -> np.ndarray:
        return self.words.view(np.uint8).reshape(*self.words.shape, 4)

    def write(self, x: int, y: int, text: str, front: int = 0xAAAAAA, back: int = 0) -> Rect:
        """Returns the pixels that changed."""
        for column, character in enumerate(text, x):
            place = self.grid.pixels(column, y)
            self.words[place.slices()] = np.where(self.font[character], front, back)
        first = self.grid.pixels(x, y)
        return Rect(first.x, first.y, first.width * len(text), first.height)


def framebuffer(columns: int = 80, rows: int = 25, extra: Size = Size(0, 0)) -> Screen:
    """A console of 8x16 cells; *extra* pixels are left over at the right and below."""
    cell = Size(8, 16)
    grid = Grid(Point(0, 0), cell, columns, rows)
    size = Size(columns * 8 + extra.width, rows * 16 + extra.height)
    return Screen(size, grid, glyphs("linux-framebuffer-own", cell))
