"""Pointers of every type, with what those must look like that the reference does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicetui.geometry import Point

from ..scene_server import bitmaps
from ..scene_server.qxl import CursorType, SetCursor

Pixels = NDArray[np.uint8]
"""(H, W, 4), red first, not premultiplied."""
HOT = Point(3, 5)


@dataclass(frozen=True)
class Pointer:
    """`expected` where the reference shows none."""

    name: str
    command: SetCursor
    expected: Pixels | None = None


def _show(
    name: str, type: CursorType, width: int, height: int, data: bytes, hot: Point = HOT, unique: int = 0
) -> Pointer:
    return Pointer(f"{type.name} {width}x{height} {name}", SetCursor(type, width, height, data, hot, unique=unique))


def _outline(width: int, height: int) -> NDArray[np.bool_]:
    """Where the screen shows through: all but an arrow."""
    y, x = np.mgrid[0:height, 0:width]
    through: NDArray[np.bool_] = (x > y * 0.8) | (x + y > 1.5 * height)
    return through


def _mask_bits(through: NDArray[np.bool_]) -> bytes:
    """One bit a pixel, rows not padded."""
    return np.packbits(through.reshape(-1)).tobytes()


def alpha(width: int, height: int, *, premultiplied: bool) -> bytes:
    level = bitmaps.translucent(width, height, 3)[:, :, 3:]
    colour = bitmaps.photo(width, height, 4)[:, :, ::-1].astype(np.uint16)
    if premultiplied:
        colour = colour * level // 255
    return np.dstack((colour.astype(np.uint8), level)).tobytes()


def mono(width: int, height: int, *, inverting: bool) -> bytes:
    """AND, then XOR; `inverting` has the screen inverted in places."""
    through = _outline(width, height)
    y, x = np.mgrid[0:height, 0:width]
    white = ((x + y) % 3 == 0) & (through if inverting else ~through)
    return np.packbits(through, axis=1).tobytes() + np.packbits(white, axis=1).tobytes()


def coloured(type: CursorType, width: int, height: int, *, inverting: bool) -> bytes:
    through = _outline(width, height)
    colour = bitmaps.photo(width, height, 6).astype(np.uint32)
    words = colour[:, :, 0] << 16 | colour[:, :, 1] << 8 | colour[:, :, 2]
    if inverting:
        words[through & (np.indices((height, width)).sum(axis=0) % 2 == 0)] = 0xFFFFFF
        words[through & (np.indices((height, width)).sum(axis=0) % 2 == 1)] = 0
    else:
        words[through] = 0
    mask = _mask_bits(through)
    if type is CursorType.COLOR32:
        return words.astype("<u4").tobytes() + mask
    if type is CursorType.COLOR16:
        return (words >> 9 & 0x7C00 | words >> 6 & 0x3E0 | words >> 3 & 0x1F).astype("<u2").tobytes() + mask
    assert type is CursorType.COLOR4
    table = np.array([*bitmaps.palette(14, 5), 0, 0xFFFFFF], "<u4")
    index = (words % 14).astype(np.uint8)
    index[through] = np.where(words[through] == 0, 14, 15)
    flat = np.pad(index.reshape(-1), (0, 2 * ((width + 1) // 2) * height - width * height))
    return (flat[0::2] << 4 | flat[1::2]).tobytes() + table.tobytes() + mask


def indexed(width: int, height: int) -> Pointer:
    """COLOR8: indices, 256 colours, the mask."""
    through = _outline(width, height)
    index = bitmaps.indices(width, height, 250, 3).copy()
    index[through] = 250
    table = np.array([*bitmaps.palette(250, 5), 0, 0, 0, 0, 0, 0], "<u4")
    data = index.tobytes() + table.tobytes() + _mask_bits(through)
    colours = table[index]
    parts = (colours >> 16, colours >> 8, colours, np.where(through, 0, 255))
    expected = np.dstack([(part & 255).astype(np.uint8) for part in parts])
    return Pointer(f"COLOR8 {width}x{height}", SetCursor(CursorType.COLOR8, width, height, data, HOT), expected)


def true_colour(width: int, height: int) -> Pointer:
    """COLOR24: three bytes a pixel, the mask."""
    through = _outline(width, height)
    rgb = bitmaps.photo(width, height, 6).copy()
    rgb[through] = 0
    data = rgb[:, :, ::-1].tobytes() + _mask_bits(through)
    expected = np.dstack((rgb, np.where(through, 0, 255).astype(np.uint8)))
    return Pointer(f"COLOR24 {width}x{height}", SetCursor(CursorType.COLOR24, width, height, data, HOT), expected)


SIZES = ((32, 32), (1, 1), (64, 64), (24, 17), (8, 40), (33, 9))


def pointers() -> Iterator[Pointer]:
    for width, height in SIZES:
        for premultiplied in (False, True):
            title = "premultiplied" if premultiplied else "straight"
            yield _show(title, CursorType.ALPHA, width, height, alpha(width, height, premultiplied=premultiplied))
        for inverting in (False, True):
            title = "inverting" if inverting else "plain"
            yield _show(title, CursorType.MONO, width, height, mono(width, height, inverting=inverting))
            for type in (CursorType.COLOR4, CursorType.COLOR16, CursorType.COLOR32):
                data = coloured(type, width, height, inverting=inverting)
                yield _show(title, type, width, height, data)
        yield indexed(width, height)
        yield true_colour(width, height)
    text_beam = (
        np.packbits(np.full((20, 16), True), axis=1).tobytes()
        + np.packbits(np.indices((20, 16))[1] == 7, axis=1).tobytes()
    )
    yield _show("inversion only", CursorType.MONO, 16, 20, text_beam)
    yield _show("hot spot outside", CursorType.ALPHA, 8, 8, alpha(8, 8, premultiplied=True), Point(50, 60))
    for time in range(3):
        for unique in (71, 72):
            data = alpha(20 + unique - 71, 20, premultiplied=True)
            yield _show(f"number {unique}, time {time}", CursorType.ALPHA, 20 + unique - 71, 20, data, unique=unique)
