"""How the demo desktop looks: fonts, the wallpaper, window frames, shadows, icons and pointers. RGB throughout."""

from __future__ import annotations

import math
from functools import cache
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from ..geometry import Point
from .channels import PointerShape
from .screen import Colour

TITLE_HEIGHT = 30
RADIUS = 9  # of a window's corners
SHADOW = 16  # how far a shadow reaches beyond the window
SHADOW_DROP = 6  # how far below the window it lies

INK: Colour = (226, 232, 246)
FAINT: Colour = (138, 150, 178)
PANE: Colour = (27, 32, 48)
EDGE: Colour = (58, 66, 94)
TITLE_ACTIVE: Colour = (52, 62, 98)
TITLE_PASSIVE: Colour = (38, 44, 66)
ACCENT: Colour = (255, 170, 76)
GREEN: Colour = (126, 226, 148)
RED: Colour = (255, 104, 106)
BLUE: Colour = (108, 178, 255)
BAR: Colour = (18, 21, 33)


class Theme(NamedTuple):
    """Sky from top to horizon, the sun, and the hills from far to near."""

    sky: tuple[Colour, Colour, Colour]
    sun: Colour
    hills: tuple[Colour, Colour, Colour]


THEMES = (
    Theme(
        ((22, 26, 66), (92, 58, 132), (246, 142, 104)), (255, 214, 140), ((108, 62, 122), (66, 44, 98), (34, 28, 64))
    ),
    Theme(
        ((18, 58, 92), (38, 128, 148), (170, 226, 190)), (250, 250, 214), ((52, 138, 128), (28, 98, 100), (14, 58, 68))
    ),
    Theme(((8, 10, 28), (20, 28, 68), (58, 66, 128)), (226, 232, 250), ((34, 42, 92), (22, 28, 66), (12, 16, 40))),
)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The face that comes with Pillow, so that the desktop looks the same everywhere."""
    face = ImageFont.load_default(size)
    assert isinstance(face, ImageFont.FreeTypeFont), "Pillow is built without FreeType"
    return face


def text(image: Image.Image, at: tuple[float, float], what: str, size: int, colour: Colour, anchor: str = "la") -> None:
    ImageDraw.Draw(image).text(at, what, colour, font(size), anchor)


def text_width(what: str, size: int) -> int:
    return math.ceil(font(size).getlength(what))


# --- smooth shapes: drawn larger, then reduced


@cache
def disc(diameter: int) -> Image.Image:
    """A mask; not to be changed."""
    scale = 4
    large = Image.new("L", (diameter * scale, diameter * scale))
    ImageDraw.Draw(large).ellipse((0, 0, diameter * scale - 1, diameter * scale - 1), 255)
    return large.resize((diameter, diameter), Image.Resampling.BOX)


@cache
def rounded(width: int, height: int, radius: int) -> Image.Image:
    """A mask with rounded corners; not to be changed."""
    mask = Image.new("L", (width, height), 255)
    corner = disc(2 * radius)
    for x, left in ((0, 0), (width - radius, radius)):
        for y, top in ((0, 0), (height - radius, radius)):
            mask.paste(corner.crop((left, top, left + radius, top + radius)), (x, y))
    return mask


@cache
def shadow(width: int, height: int) -> Image.Image:
    """The mask of a window's shadow, SHADOW larger on every side; not to be changed."""
    mask = Image.new("L", (width + 2 * SHADOW, height + 2 * SHADOW))
    mask.paste(120, (SHADOW, SHADOW, SHADOW + width, SHADOW + height))
    return mask.filter(ImageFilter.BoxBlur(SHADOW / 3)).filter(ImageFilter.BoxBlur(SHADOW / 3))


def gradient(width: int, height: int, colours: tuple[Colour, ...]) -> Image.Image:
    """From top to bottom."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    steps = Image.new("RGB", (1, height))
    last = len(colours) - 1
    for y in range(height):
        place = y / max(1, height - 1) * last
        i = min(int(place), last - 1)
        rest = place - i
        mixed = tuple(round(a + (b - a) * rest) for a, b in zip(colours[i], colours[i + 1], strict=True))
        steps.putpixel((0, y), mixed)
    return steps.resize((width, height), Image.Resampling.NEAREST)


@cache
def wallpaper(width: int, height: int, theme: Theme) -> Image.Image:
    """A sky with a sun behind hills, and the project's name; not to be changed."""
    image = gradient(width, height, theme.sky)
    sun = height * 3 // 10
    left, top = width * 62 // 100, height * 34 // 100
    small = Image.new("L", (48, 48))
    small.paste(110, (12, 12), disc(24))
    glow = small.filter(ImageFilter.GaussianBlur(7)).resize((sun * 3, sun * 3), Image.Resampling.BICUBIC)
    image.paste(theme.sun, (left - sun, top - sun), glow)
    image.paste(theme.sun, (left, top), disc(sun))
    for i, colour in enumerate(theme.hills):
        top, ridge = _ridge(width, height, i)
        image.paste(colour, (0, top), ridge)
        image.paste(colour, (0, top + ridge.height, width, height))
    text(image, (width - 28, height - 26), "spicetui", 56, INK, "rs")
    text(image, (32, height - 26), "a demo desktop, drawn over SPICE", 18, INK, "ls")
    return image


def _ridge(width: int, height: int, i: int) -> tuple[int, Image.Image]:
    """Where the upper edge of a row of hills begins, and its mask; below it all is hill."""
    scale = 2
    swing = height * (0.07 - 0.012 * i)
    top, tall = round(height * (0.62 + 0.12 * i) - 1.4 * swing), round(2.8 * swing)
    mask = Image.new("L", (width * scale, tall * scale))
    edge = [
        (x * scale, scale * swing * (1.4 + math.sin(x / width * (5 + 2 * i) + i * 2.1) + 0.4 * math.sin(x / 61 + i)))
        for x in range(0, width + 8, 8)
    ]
    ImageDraw.Draw(mask).polygon([(0, tall * scale), *edge, (width * scale, tall * scale)], 255)
    return top, mask.resize((width, tall), Image.Resampling.BOX)


# --- windows


def frame(image: Image.Image, title: str, active: bool, close_hovered: bool) -> None:
    """The title bar and the edge of a window that fills *image*."""
    width, height = image.size
    top = TITLE_ACTIVE if active else TITLE_PASSIVE
    image.paste(gradient(width, TITLE_HEIGHT, (_lighter(top, 14), top)), (0, 0))
    text(image, (width / 2, TITLE_HEIGHT / 2), title, 15, INK if active else FAINT, "mm")
    close = disc(14)
    image.paste(RED if close_hovered else (150, 84, 92) if active else EDGE, (12, (TITLE_HEIGHT - 14) // 2), close)
    draw = ImageDraw.Draw(image)
    draw.line((0, TITLE_HEIGHT - 1, width, TITLE_HEIGHT - 1), EDGE)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), RADIUS, None, EDGE)


def _lighter(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, sample + by) for sample in colour)
    return red, green, blue


def button(image: Image.Image, box: tuple[int, int, int, int], label: str, hovered: bool, pressed: bool) -> None:
    left, top, right, bottom = box
    colour = ACCENT if pressed else _lighter(TITLE_ACTIVE, 36) if hovered else TITLE_ACTIVE
    image.paste(colour, (left, top), rounded(right - left, bottom - top, 8))
    ink = PANE if pressed else INK
    text(image, ((left + right) / 2, (top + bottom) / 2), label, 16, ink, "mm")


# --- pictures


@cache
def sky_photo(width: int, height: int) -> bytes:
    """A picture with many shades, as a JPEG file: clouds of soft colours with stars."""
    image = gradient(width, height, ((10, 14, 40), (44, 36, 92), (120, 70, 120)))
    for i, colour in enumerate(((255, 140, 110), (90, 160, 255), (180, 110, 230), (255, 210, 140))):
        cloud = Image.new("L", image.size)
        x, y = width * (0.18 + 0.22 * i), height * (0.35 + 0.3 * (i % 2))
        ImageDraw.Draw(cloud).ellipse((x - width / 5, y - height / 6, x + width / 5, y + height / 6), 130)
        image.paste(colour, (0, 0), cloud.filter(ImageFilter.GaussianBlur(width / 11)))
    draw = ImageDraw.Draw(image)
    seed = 7
    for _ in range(60):
        seed = (seed * 48271) % 0x7FFFFFFF
        x, y = seed % width, (seed >> 9) % height
        light = 140 + (seed >> 18) % 110
        draw.point((x, y), (light, light, min(255, light + 10)))
    file = BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()


@cache
def ball(diameter: int) -> tuple[Image.Image, Image.Image]:
    """A shaded ball and its mask; not to be changed."""
    image = Image.new("RGB", (diameter, diameter), (214, 84, 60))
    light = Image.new("L", (diameter, diameter))
    ImageDraw.Draw(light).ellipse((diameter * 0.14, diameter * 0.08, diameter * 0.7, diameter * 0.6), 190)
    image.paste((255, 226, 170), (0, 0), light.filter(ImageFilter.GaussianBlur(diameter / 8)))
    return image, disc(diameter)


@cache
def icon(name: str, hovered: bool, size: int) -> Image.Image:
    """One of the dock's icons on the dock's colour; not to be changed."""
    image = Image.new("RGB", (size * 2, size * 2), BAR)
    tile = {
        "welcome": (255, 170, 76),
        "terminal": (58, 66, 94),
        "paint": (236, 96, 140),
        "monitor": (70, 170, 140),
        "motion": (126, 96, 226),
        "keys": (84, 140, 226),
    }[name]
    full = size * 2
    edge = 0 if hovered else size // 8
    image.paste(
        _lighter(tile, 24 if hovered else 0), (edge, edge), rounded(full - 2 * edge, full - 2 * edge, size // 2)
    )
    draw = ImageDraw.Draw(image)
    middle = full / 2
    white = (255, 255, 255)
    match name:
        case "welcome":
            text(image, (middle, middle), "?", int(size * 1.2), white, "mm")
        case "terminal":
            text(image, (middle, middle), ">_", int(size * 0.8), GREEN, "mm")
        case "paint":
            draw.line(
                [(full * 0.3, full * 0.7), (full * 0.5, full * 0.4), (full * 0.7, full * 0.62)], white, 8, "curve"
            )
        case "monitor":
            for i, tall in enumerate((0.2, 0.42, 0.3, 0.5)):
                x = full * (0.26 + 0.13 * i)
                draw.rectangle((x, full * (0.74 - tall), x + full * 0.08, full * 0.74), white)
        case "motion":
            image.paste(white, (int(full * 0.34), int(full * 0.34)), disc(int(full * 0.32)))
        case "keys":
            draw.rounded_rectangle((full * 0.24, full * 0.34, full * 0.76, full * 0.66), 8, None, white, 5)
            draw.line((full * 0.38, full * 0.57, full * 0.62, full * 0.57), white, 5)
    return image.resize((size, size), Image.Resampling.BOX)


# --- pointers


Outline = list[tuple[float, float]]


@cache
def pointer_shapes() -> dict[str, PointerShape]:
    arrow: Outline = [(1, 1), (1, 17), (5, 13.4), (8, 20), (11, 18.8), (8, 12.4), (13.4, 12)]
    bar: Outline = [(5, 1), (7, 2), (9, 1), (9, 3), (8, 4), (8, 17), (9, 18), (9, 20), (7, 19), (5, 20), (5, 18)]
    bar += [(6, 17), (6, 4), (5, 3)]
    hand: Outline = [(6, 1), (8, 1), (9, 2), (9, 8), (16, 9), (17, 11), (17, 15), (15, 20), (7, 20), (6, 17), (2, 12)]
    hand += [(4, 11), (5, 12), (5, 2)]
    cross: Outline = [(9, 1), (11, 1), (11, 9), (19, 9), (19, 11), (11, 11), (11, 19), (9, 19), (9, 11), (1, 11)]
    cross += [(1, 9), (9, 9)]
    shapes = {
        "arrow": (arrow, Point(1, 1)),
        "text": (bar, Point(7, 10)),
        "hand": (hand, Point(7, 1)),
        "cross": (cross, Point(10, 10)),
    }
    return {name: _pointer(i + 1, *shape) for i, (name, shape) in enumerate(shapes.items())}


def _pointer(id: int, outline: Outline, hot: Point) -> PointerShape:
    size, scale = 22, 4
    inner = Image.new("L", (size * scale, size * scale))
    ImageDraw.Draw(inner).polygon([(x * scale, y * scale) for x, y in outline], 255)
    outer = inner.filter(ImageFilter.MaxFilter(9))
    fill, alpha = (mask.resize((size, size), Image.Resampling.BOX) for mask in (inner, outer))
    # White inside, black around: with black the premultiplied colour is the white part alone.
    white = ImageChops.darker(fill, alpha)
    pixels = Image.merge("RGBA", (white, white, white, alpha)).tobytes("raw", "BGRA")
    return PointerShape(id, size, size, hot, pixels)
