"""The whole picture of a terminal: backgrounds, images below, characters, images above, in kitty's order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from .glyphs import coverage
from .kitty import Graphics, Image, Placement
from .placeholders import wanted
from .screen import NAMED, Pictured, Pixels, Screen, over

Color = tuple[int, int, int]
FOREGROUND, BACKGROUND = "e5e5e5", "000000"
BELOW_BACKGROUND = -(1 << 30)  # z-indexes under this one lie below cells with a background of their own


@lru_cache(1 << 14)
def _rgb(color: str, default: str) -> Color:
    word = default if color == "default" else NAMED.get(color, color)
    number = int(word, 16)
    return number >> 16, number >> 8 & 255, number & 255


def draw(screen: Screen, graphics: Graphics | None, cell: tuple[int, int]) -> Pixels:
    """(rows * cell height, columns * cell width, 3) RGB."""
    across, down = cell
    rows, columns = screen.lines, screen.columns
    backs: list[Color] = []
    own: list[bool] = []  # a background of its own
    glyphs: list[tuple[int, int, str, Color]] = []
    pictured: list[tuple[int, int, Pictured]] = []
    for y in range(rows):
        line = screen.buffer[y]
        for x in range(columns):
            char = line[x]
            front, back = _rgb(char.fg, FOREGROUND), _rgb(char.bg, BACKGROUND)
            if char.reverse:
                front, back = back, front
            backs.append(back)
            own.append(char.bg != "default" or char.reverse)
            if char.data not in ("", " "):
                glyphs.append((x, y, char.data, front))
            if isinstance(char, Pictured) and hasattr(char, "tile"):
                pictured.append((x, y, char))
    result = np.empty((rows * down, columns * across, 3), np.uint8)
    result[:] = _rgb("default", BACKGROUND)
    shown = sorted(graphics.placements(), key=lambda pair: (pair[1].z, pair[0].identity)) if graphics else []
    shown = [pair for pair in shown if not pair[1].virtual and pair[0].frames]
    for image, placement in shown:
        if placement.z < BELOW_BACKGROUND:
            _place(result, image, placement, cell)
    _fill(result, np.array(backs, np.uint8).reshape(rows, columns, 3), np.array(own).reshape(rows, columns), cell)
    for image, placement in shown:
        if BELOW_BACKGROUND <= placement.z < 0:
            _place(result, image, placement, cell)
    for x, y, character, front in glyphs:
        cover = coverage(character, across, down)
        if cover is not None:
            _blend(result[y * down : (y + 1) * down, x * across : (x + 1) * across], front, cover)
    for x, y, pictures in pictured:
        part = result[y * down : (y + 1) * down, x * across : (x + 1) * across]
        if pictures.tile.shape[:2] == (down, across):
            part[:] = pictures.tile[..., :3] if pictures.opaque else over(part, pictures.tile)
    if graphics is not None:
        _placeholders(result, screen, graphics, cell)
    for image, placement in shown:
        if placement.z >= 0:
            _place(result, image, placement, cell)
    return result


def _fill(result: Pixels, backs: Pixels, own: npt.NDArray[np.bool_], cell: tuple[int, int]) -> None:
    """Gives the cells that have one their background."""
    rows, columns = own.shape
    cells = result.reshape(rows, cell[1], columns, cell[0], 3).transpose(0, 2, 1, 3, 4)
    cells[own] = backs[own][:, None, None]


def _blend(part: Pixels, color: Color, cover: Pixels) -> None:
    weight = cover[..., None].astype(np.uint32)
    part[:] = (np.array(color, np.uint32) * weight + part * (255 - weight) + 127) // 255


def _scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Pillow.fromarray(pixels).resize((width, height), Pillow.Resampling.BILINEAR))


def _paste(result: Pixels, pixels: Pixels, left: int, top: int) -> None:
    height, width = result.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + pixels.shape[1], width), min(top + pixels.shape[0], height)
    if x0 < x1 and y0 < y1:
        target = result[y0:y1, x0:x1]
        target[:] = over(target, pixels[y0 - top : y1 - top, x0 - left : x1 - left])


def _place(result: Pixels, image: Image, placement: Placement, cell: tuple[int, int]) -> None:
    x, y, width, height = placement.source
    pixels = image.pixels[y : y + height, x : x + width]
    if not pixels.size:
        return
    left = placement.x * cell[0] + placement.offset[0]
    top = placement.y * cell[1] + placement.offset[1]
    if any(placement.cells):
        right, bottom = placement.x + placement.covers[0], placement.y + placement.covers[1]
        pixels = _scaled(pixels, max(right * cell[0] - left, 1), max(bottom * cell[1] - top, 1))
    _paste(result, pixels, left, top)


def _placeholders(result: Pixels, screen: Screen, graphics: Graphics, cell: tuple[int, int]) -> None:
    across, down = cell
    boxes: dict[tuple[int, int], Pixels] = {}
    for ask in wanted(screen):
        key = (ask.image, ask.placement)
        if key not in boxes:
            boxes[key] = _box(graphics, *key, cell)
        part = boxes[key][ask.row * down : (ask.row + 1) * down, ask.column * across : (ask.column + 1) * across]
        _paste(result, part, ask.x * across, ask.y * down)


def _box(graphics: Graphics, identity: int, placement: int, cell: tuple[int, int]) -> Pixels:
    """A virtual placement's rectangle with the image fitted into it, its aspect ratio kept."""
    image = graphics.image(identity)
    virtual = [old for old in image.placements if old.virtual] if image is not None else []
    virtual = [old for old in virtual if placement in (0, old.identity)]
    if image is None or not virtual or not image.frames:
        return np.zeros((0, 0, 4), np.uint8)
    height, width = image.pixels.shape[:2]
    columns = virtual[0].cells[0] or -(-width // cell[0])
    rows = virtual[0].cells[1] or -(-height // cell[1])
    box = np.zeros((rows * cell[1], columns * cell[0], 4), np.uint8)
    scale = min(box.shape[1] / width, box.shape[0] / height)
    fitted = _scaled(image.pixels, max(round(width * scale), 1), max(round(height * scale), 1))
    left, top = (box.shape[1] - fitted.shape[1]) // 2, (box.shape[0] - fitted.shape[0]) // 2
    box[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return box
