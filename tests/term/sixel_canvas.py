"""A terminal's pixels as sixel pictures leave them: decoded by a decoder that the encoder has no part in."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
from terminal.sixel import decode

from spicetui.geometry import Point, Size

_PICTURE = re.compile(rb"\x1b\[(\d+);(\d+)H\x1bP([\d;]*)q([^\x1b]*)\x1b\\")

Canvas = npt.NDArray[np.uint8]


def pictures(data: bytes, registers: int = 256, largest: Size = Size(4096, 4096)) -> list[tuple[Point, Canvas]]:
    """Each picture's place in cells, and its pixels (RGBA); nothing else may be in *data*."""
    found = []
    at = 0
    for match in _PICTURE.finditer(data):
        assert match.start() == at, data[at : match.start()][:80]
        at = match.end()
        row, column, parameters, body = match.groups()
        sixels = decode(parameters.decode(), body, registers=registers, limit=largest)
        assert not sixels.problems
        found.append((Point(int(column) - 1, int(row) - 1), sixels.pixels))
    assert at == len(data), data[at:][:80]
    return found


def paint(
    canvas: Canvas, data: bytes, cell: Size, registers: int = 256, largest: Size = Size(4096, 4096)
) -> npt.NDArray[np.bool_]:
    """Draws what *data* shows onto *canvas* (h, w, 3); returns which pixels that were (h, w)."""
    touched: npt.NDArray[np.bool_] = np.zeros(canvas.shape[:2], np.bool_)
    for place, pixels in pictures(data, registers, largest):
        height, width = pixels.shape[:2]
        area = np.s_[place.y * cell.height :, place.x * cell.width :]
        assert canvas[area].shape[0] >= height, "below the screen"
        assert canvas[area].shape[1] >= width, "beside the screen"
        shown = pixels[..., 3] > 0
        canvas[area][:height, :width][shown] = pixels[shown, :3]
        touched[area][:height, :width] |= shown
    return touched


def percent(words: npt.NDArray[np.uint32]) -> Canvas:
    """Words 0x00RRGGBB in the whole percents of a colour definition: (h, w, 3)."""
    rgb = np.stack((words >> 16 & 255, words >> 8 & 255, words & 255), axis=-1)
    return np.rint(rgb * (100 / 255)).astype(np.uint8)


def rounded(words: npt.NDArray[np.uint32]) -> Canvas:
    """Words 0x00RRGGBB as they come out of a colour definition; halves become even."""
    return np.rint(percent(words) / 100 * 255).astype(np.uint8)
