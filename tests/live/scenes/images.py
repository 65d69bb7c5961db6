"""Pictures to be compressed: every format and sort of content, sizes from a pixel up, some sent again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from spicetui.geometry import Rect

from ..scene_server import bitmaps
from ..scene_server.bitmaps import Bitmap, Bytes, Format
from ..scene_server.qxl import AlphaBlend, Copy, Effect, Image, QxlCommand, Rop3, Ropd
from . import Cell, Scene
from .variations import BRUSHES

CELL = (128, 96)
INNER = (CELL[0] - 4, CELL[1] - 4)

COLOURS: dict[str, Callable[[int, int], Bytes]] = {
    "photo": lambda width, height: bitmaps.photo(width, height, 21),
    "desktop": lambda width, height: bitmaps.desktop(width, height, 22),
    "noise": lambda width, height: bitmaps.noise(width, height, 23),
    "flat": lambda width, height: np.full((height, width, 3), (17, 130, 201), np.uint8),
    "one row repeated": lambda width, height: np.repeat(bitmaps.noise(width, 1, 24), height, axis=0),
    "gray": lambda width, height: np.repeat(bitmaps.photo(width, height, 25)[:, :, :1], 3, axis=2),
}
SIZES = ((1, 1), (2, 1), (1, 2), (3, 90), (123, 1), (17, 16), (16, 17), (40, 30), (65, 64), (111, 83))


def true_colour(content: str, format: Format, width: int, height: int, *, top_down: bool = True) -> Bitmap:
    pixels = COLOURS[content](width, height)
    if format is Format.RGBA:
        alpha = bitmaps.translucent(width, height, 4)[:, :, 3:]
        pixels = np.dstack(((pixels.astype(np.uint16) * alpha // 255).astype(np.uint8), alpha))
    return bitmaps.true_colour(pixels, format, top_down=top_down)


def indexed(content: str, format: Format, width: int, height: int, *, top_down: bool = True) -> Bitmap:
    colours = {Format.BIT1_BE: 2, Format.BIT4_BE: 16, Format.BIT8: 256}[format]
    levels = COLOURS[content](width, height).astype(int).sum(axis=2) * (colours - 1) // 765
    table = bitmaps.palette(colours, 9)
    return bitmaps.indexed(levels.astype(np.uint8), format, table, top_down=top_down, palette_id=-1)


def any_format(content: str, format: Format, width: int, height: int, *, top_down: bool = True) -> Bitmap:
    make = indexed if format in (Format.BIT1_BE, Format.BIT4_BE, Format.BIT8) else true_colour
    return make(content, format, width, height, top_down=top_down)


FORMATS = (Format.BIT1_BE, Format.BIT4_BE, Format.BIT8, Format.RGB16, Format.RGB24, Format.RGB32, Format.RGBA)


def whole(content: str, format: Format, width: int, height: int, *, top_down: bool = True) -> Scene:
    def draw(cell: Cell) -> Iterator[QxlCommand]:
        image = Image(any_format(content, format, width, height, top_down=top_down))
        area = Rect(0, 0, width, height)
        box = Rect(cell.box.x, cell.box.y, width, height)
        if format is Format.RGBA:
            yield cell.draw(AlphaBlend(image, area), box)
        else:
            yield cell.draw(Copy(image, area), box, effect=Effect.OPAQUE)

    return Scene(f"{content} {format.name} {width}x{height}{'' if top_down else ' bottom up'}", draw)


class Repeated:
    """One picture with the cache's flag, drawn in several cells: the first brings it, the others refer to it."""

    def __init__(self, content: str, format: Format) -> None:
        self._title = f"{content} {format.name} cached"
        self._image = Image(any_format(content, format, *INNER), cache=True)
        self._area = Rect(0, 0, *INNER)

    def plain(self, time: int) -> Scene:
        return Scene(f"{self._title}, time {time}", lambda cell: [cell.draw(Copy(self._image, self._area))])

    def xor(self) -> Scene:
        """Needs the picture without loss."""
        op = Copy(self._image, self._area, Ropd.XOR)
        return Scene(f"{self._title}, XOR", lambda cell: [cell.draw(op)])

    def rop3(self) -> Scene:
        return Scene(
            f"{self._title}, rop3",
            lambda cell: [cell.draw(Rop3(self._image, self._area, BRUSHES["pattern"](cell), 0xB8))],
        )


def scenes() -> list[Scene]:
    """New pictures each time, since a server knows those it has sent."""
    plain: list[Scene] = []
    for format in FORMATS:
        for content in COLOURS:
            plain.append(whole(content, format, *INNER))
        plain.append(whole("desktop", format, *INNER, top_down=False))
        plain.append(whole("photo", format, *INNER, top_down=False))
        for width, height in SIZES:
            plain.append(whole("desktop" if width > 4 else "noise", format, width, height))
    repeated = [Repeated(content, format) for content in ("photo", "desktop") for format in FORMATS[2:6]]
    for time in range(2):
        plain += [picture.plain(time) for picture in repeated]
    plain += [picture.xor() for picture in repeated]
    plain += [picture.plain(2) for picture in repeated]
    plain += [picture.rop3() for picture in repeated]
    plain += [picture.plain(3) for picture in repeated]
    # The same content in pictures of their own: a window over all that was sent finds it.
    plain += [whole(content, Format.RGB32, *INNER) for content in COLOURS for _ in range(2)]
    return plain
