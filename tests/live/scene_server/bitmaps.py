"""Bitmaps in every format of the protocol, and what to fill them with: photographs, desktops, noise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
"""(H, W, 3) red first, (H, W, 4) with alpha, or (H, W) of indices or alpha."""


class Format(IntEnum):
    BIT1_LE = 1
    BIT1_BE = 2
    BIT4_LE = 3
    BIT4_BE = 4
    BIT8 = 5
    RGB16 = 6
    RGB24 = 7
    RGB32 = 8
    RGBA = 9
    A8 = 10


_palettes = itertools.count(1)


@dataclass(frozen=True)
class Bitmap:
    """`data` has the first row shown first when `top_down`, else last. Palette entries are 0x00RRGGBB."""

    format: Format
    width: int
    height: int
    stride: int
    data: bytes
    palette: tuple[int, ...] | None = None
    palette_id: int = 0
    top_down: bool = True


def _pack(rows: Bytes, align: int) -> tuple[int, Bytes]:
    pad = -rows.shape[1] % align
    padded = np.pad(rows, ((0, 0), (0, pad)), constant_values=0xA5)
    return padded.shape[1], padded


def _finish(format: Format, width: int, rows: Bytes, top_down: bool, align: int) -> tuple[int, bytes]:
    stride, padded = _pack(np.ascontiguousarray(rows), align)
    return stride, (padded if top_down else padded[::-1]).tobytes()


def true_colour(pixels: Bytes, format: Format = Format.RGB32, *, top_down: bool = True, fourth: int = 0) -> Bitmap:
    """16, 24 and 32 bits and RGBA (with the fourth channel of `pixels`); `fourth` is the unused byte of RGB32."""
    height, width = pixels.shape[:2]
    bgr = pixels[:, :, 2::-1]
    rows: Bytes
    if format is Format.RGB16:
        wide = pixels.astype(np.uint16) >> 3
        words: NDArray[np.uint16] = (wide[:, :, 0] << 10 | wide[:, :, 1] << 5 | wide[:, :, 2]).astype(np.uint16)
        rows = np.ascontiguousarray(words).view(np.uint8)
    elif format is Format.RGB24:
        rows = np.ascontiguousarray(bgr).reshape(height, width * 3)
    else:
        filled = pixels[:, :, 3:4] if format is Format.RGBA else np.full((height, width, 1), fourth, np.uint8)
        rows = np.concatenate((bgr, filled), axis=2).reshape(height, width * 4)
    stride, data = _finish(format, width, rows, top_down, 4)
    return Bitmap(format, width, height, stride, data, top_down=top_down)


def alpha(pixels: Bytes, *, top_down: bool = True) -> Bitmap:
    height, width = pixels.shape
    stride, data = _finish(Format.A8, width, pixels, top_down, 4)
    return Bitmap(Format.A8, width, height, stride, data, top_down=top_down)


def indexed(
    indices: Bytes, format: Format, palette: Sequence[int] | None, *, top_down: bool = True, palette_id: int = 0
) -> Bitmap:
    """1, 4 and 8 bits; without a palette it is a mask. `palette_id` -1 takes a number of its own."""
    height, width = indices.shape
    if format is Format.BIT8:
        rows = indices
    elif format in (Format.BIT4_BE, Format.BIT4_LE):
        even = np.pad(indices, ((0, 0), (0, width % 2)))
        first, second = even[:, 0::2], even[:, 1::2]
        high, low = (first, second) if format is Format.BIT4_BE else (second, first)
        rows = (high << 4 | low).astype(np.uint8)
    else:
        rows = np.packbits(indices, axis=1, bitorder="big" if format is Format.BIT1_BE else "little")
    stride, data = _finish(format, width, rows, top_down, 4)
    number = next(_palettes) if palette_id == -1 else palette_id
    return Bitmap(format, width, height, stride, data, None if palette is None else tuple(palette), number, top_down)


@cache
def photo(width: int, height: int, seed: int = 1) -> Bytes:
    """Slow slopes, soft blobs and fine noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    layers = []
    for _ in range(3):
        level = 110 + 60 * np.sin(x / random.uniform(9, 40)) + 50 * np.cos(y / random.uniform(9, 40))
        for _ in range(4):
            cx, cy, size = random.uniform(0, width), random.uniform(0, height), random.uniform(5, 40)
            level += 80 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size * size))
        level -= level.min()
        layers.append(level * (255 / max(1.0, level.max())) + random.normal(0, 4, level.shape))
    picture: Bytes = np.clip(np.dstack(layers), 0, 255).astype(np.uint8)
    return picture


@cache
def desktop(width: int, height: int, seed: int = 1) -> Bytes:
    """Flat areas, frames, a gradient and something like text."""
    random = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = random.integers(0, 256, 3)
    for _ in range(5):
        w, h = int(random.integers(width // 4, width)), int(random.integers(height // 4, height))
        x, y = int(random.integers(0, width - w + 1)), int(random.integers(0, height - h + 1))
        picture[y : y + h, x : x + w] = random.integers(0, 256, 3)
        picture[y + 1 : y + h - 1, x + 1 : x + w - 1] = random.integers(0, 256, 3)
        bar = picture[y + 1 : y + 1 + max(1, h // 8), x + 1 : x + w - 1]
        slope = np.linspace(30, 220, bar.shape[1]).astype(np.uint8)
        bar[:, :, 0], bar[:, :, 2] = slope, slope[::-1]
        dark = random.random((h, w)) < 0.25
        dark[:, :3], dark[:, -3:], dark[0::7], dark[: h // 4] = False, False, False, False
        picture[y : y + h, x : x + w][dark] = random.integers(0, 100)
    return picture


@cache
def noise(width: int, height: int, seed: int = 1, channels: int = 3) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@cache
def indices(width: int, height: int, colours: int, seed: int = 1) -> Bytes:
    """Indices with runs, steps and single pixels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    runs = (x // 5 + y // 3) % colours
    points = random.random((height, width)) < 0.2
    mixed: Bytes = np.where(points, random.integers(0, colours, runs.shape), runs).astype(np.uint8)
    return mixed


@cache
def palette(colours: int, seed: int = 1) -> tuple[int, ...]:
    return tuple(int(c) for c in np.random.default_rng(seed).integers(0, 1 << 24, colours))


@cache
def grays(colours: int) -> tuple[int, ...]:
    return tuple(int(i * 255 / (colours - 1)) * 0x010101 for i in range(colours))


@cache
def translucent(width: int, height: int, seed: int = 1) -> Bytes:
    """Premultiplied RGBA with all kinds of alpha, nothing and everything among them."""
    random = np.random.default_rng(seed)
    _, x = np.mgrid[0:height, 0:width]
    level = (x % 24 * 11 + random.integers(-20, 20, (height, width))).clip(0, 255)
    level[0::11] = 0
    level[5::11] = 255
    colour = photo(width, height, seed).astype(int)
    return np.dstack(((colour * level[:, :, None] + 127) // 255, level)).astype(np.uint8)
