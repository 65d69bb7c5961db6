"""Draws with XRender what today's toolkits draw, and wide and dashed lines; a program as xlib_painter is.

Usage: python -m live.xrender_painter STEP, in the folder of the tests; STEP names a function below.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .xlib_painter import HEIGHT, WIDTH, Canvas, Point, X, int_, noise, pointer, uint, ulong

R = ctypes.CDLL("libXrender.so.1")
ARGB32, _, A8, _, A1 = range(5)  # XRender's standard formats
OVER, ADD = 3, 12
OPERATORS = (*range(14), 0x14, 0x18, 0x23, 0x29)
"""Clear to saturate, and some of the disjoint and conjoint ones."""
NONE, NORMAL, PAD, REFLECT = range(4)
CP_REPEAT, CP_COMPONENT_ALPHA = 1, 1 << 12
fixed_t, short, ushort = ctypes.c_int32, ctypes.c_short, ctypes.c_ushort


class Colour(ctypes.Structure):
    _fields_ = (("red", ushort), ("green", ushort), ("blue", ushort), ("alpha", ushort))


class Place(ctypes.Structure):
    _fields_ = (("x", fixed_t), ("y", fixed_t))


class Trapezoid(ctypes.Structure):
    _fields_ = (("top", fixed_t), ("bottom", fixed_t), ("left", Place * 2), ("right", Place * 2))


class GlyphInfo(ctypes.Structure):
    _fields_ = (("width", ushort), ("height", ushort), ("x", short), ("y", short), ("x_off", short), ("y_off", short))


class Attributes(ctypes.Structure):
    _fields_ = (
        ("repeat", int_), ("alpha_map", ulong), ("alpha_x", int_), ("alpha_y", int_), ("clip_x", int_),
        ("clip_y", int_), ("clip_mask", ulong), ("exposures", int_), ("subwindow_mode", int_), ("poly_edge", int_),
        ("poly_mode", int_), ("dither", ulong), ("component_alpha", int_),
    )  # fmt: skip


for _name, _result, *_arguments in (
    ("FindStandardFormat", pointer, pointer, int_),
    ("FindVisualFormat", pointer, pointer, pointer),
    ("CreatePicture", ulong, pointer, ulong, pointer, ulong, pointer),
    ("ChangePicture", None, pointer, ulong, ulong, pointer),
    ("SetPictureTransform", None, pointer, ulong, pointer),
    ("SetPictureFilter", None, pointer, ulong, ctypes.c_char_p, pointer, int_),
    ("Composite", None, pointer, int_, ulong, ulong, ulong, int_, int_, int_, int_, int_, int_, uint, uint),
    ("CreateSolidFill", ulong, pointer, pointer),
    ("CreateLinearGradient", ulong, pointer, pointer, pointer, pointer, int_),
    ("CreateRadialGradient", ulong, pointer, pointer, pointer, pointer, int_),
    ("CreateConicalGradient", ulong, pointer, pointer, pointer, pointer, int_),
    ("CompositeTrapezoids", None, pointer, int_, ulong, ulong, pointer, int_, int_, pointer, int_),
    ("CompositeTriangles", None, pointer, int_, ulong, ulong, pointer, int_, int_, pointer, int_),
    ("CompositeTriStrip", None, pointer, int_, ulong, ulong, pointer, int_, int_, pointer, int_),
    ("CompositeTriFan", None, pointer, int_, ulong, ulong, pointer, int_, int_, pointer, int_),
    ("CreateGlyphSet", ulong, pointer, pointer),
    ("AddGlyphs", None, pointer, ulong, pointer, pointer, int_, ctypes.c_char_p, int_),
    (
        "CompositeString8", None, pointer, int_, ulong, ulong, pointer, ulong, int_, int_, int_, int_,
        ctypes.c_char_p, int_,
    ),
):  # fmt: skip
    _function = getattr(R, f"XRender{_name}")
    _function.restype, _function.argtypes = _result, _arguments
for _name, *_arguments in (
    ("XSetDashes", pointer, pointer, int_, ctypes.c_char_p, int_),
    ("XDrawArc", pointer, ulong, pointer, int_, int_, uint, uint, int_, int_),
    ("XDrawLines", pointer, ulong, pointer, pointer, int_, int_),
):
    getattr(X, _name).argtypes = _arguments


def fixed(*values: float) -> Any:
    return (fixed_t * len(values))(*(round(value * 65536) for value in values))


def place(x: float, y: float) -> Place:
    return Place(round(x * 65536), round(y * 65536))


class Pictures:
    """XRender's pictures on one window."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.display = canvas.display
        visual = R.XRenderFindVisualFormat(self.display, X.XDefaultVisual(self.display, 0))
        self.window = R.XRenderCreatePicture(self.display, canvas.window, visual, 0, None)

    def format(self, number: int) -> Any:
        return R.XRenderFindStandardFormat(self.display, number)

    def solid(self, argb: int) -> int:
        picture: int = R.XRenderCreateSolidFill(self.display, ctypes.byref(colour(argb)))
        return picture

    def pixels(self, width: int, height: int, depth: int, data: bytes) -> int:
        """A picture of a pixmap; *data* are premultiplied BGRA or bytes of alpha, packed."""
        pixmap = X.XCreatePixmap(self.display, self.canvas.window, width, height, depth)
        gc = X.XCreateGC(self.display, pixmap, 0, None)
        visual = X.XDefaultVisual(self.display, 0)
        size = 8 if depth == 8 else 32
        image = X.XCreateImage(self.display, visual, depth, 2, 0, data, width, height, size, width * size // 8)
        X.XPutImage(self.display, pixmap, gc, image, 0, 0, 0, 0, width, height)
        number = A8 if depth == 8 else ARGB32
        picture: int = R.XRenderCreatePicture(self.display, pixmap, self.format(number), 0, None)
        return picture

    def gradient(self, kind: str, *geometry: float, stops: Sequence[tuple[float, int]]) -> int:
        make = getattr(R, f"XRenderCreate{kind}Gradient")
        colours = (Colour * len(stops))(*(colour(argb) for _, argb in stops))
        where = fixed(*(at for at, _ in stops))
        picture: int = make(self.display, fixed(*geometry), where, colours, len(stops))
        return picture

    def change(self, picture: int, *, repeat: int | None = None, component: bool | None = None) -> None:
        mask = (CP_REPEAT if repeat is not None else 0) | (CP_COMPONENT_ALPHA if component is not None else 0)
        values = Attributes(repeat=repeat or 0, component_alpha=bool(component))
        R.XRenderChangePicture(self.display, picture, mask, ctypes.byref(values))

    def transform(self, picture: int, *rows: float, smooth: bool = False) -> None:
        R.XRenderSetPictureTransform(self.display, picture, fixed(*rows, 0, 0, 1))
        R.XRenderSetPictureFilter(self.display, picture, b"bilinear" if smooth else b"nearest", None, 0)

    def composite(
        self, operator: int, source: int, x: int, y: int, w: int, h: int, *, mask: int = 0, at: tuple[int, int] = (0, 0)
    ) -> None:
        R.XRenderComposite(self.display, operator, source, mask, self.window, *at, 0, 0, x, y, w, h)


def colour(argb: int) -> Colour:
    alpha = argb >> 24
    red, green, blue = ((argb >> shift & 255) * alpha // 255 * 257 for shift in (16, 8, 0))
    return Colour(red, green, blue, alpha * 257)


def premultiplied(data: bytes) -> bytes:
    """Noise as BGRA; every tenth pixel is opaque and every eleventh is empty."""
    out = bytearray(data)
    for at in range(0, len(out), 4):
        alpha = 255 if at % 40 == 0 else 0 if at % 44 == 0 else out[at + 3]
        out[at : at + 4] = bytes([out[at + i] * alpha // 255 for i in range(3)]) + bytes((alpha,))
    return bytes(out)


def backdrop(canvas: Canvas) -> None:
    """Stripes, so that what shines through is seen."""
    for x in range(0, WIDTH, 12):
        canvas.fill(0x9FB7C9 if x % 24 else 0xE7DCC8, x, 0, 12, HEIGHT)


def lines(canvas: Canvas) -> None:
    """Wide and dashed lines, arcs and polylines: every cap, join and dash."""
    backdrop(canvas)
    for number in range(9):
        width, style, cap = (1, 5, 9)[number % 3], number // 3, 1 + number % 3
        X.XSetDashes(canvas.display, canvas.gc, number, bytes((7 + number, 4, 2, 5)), 4)
        canvas.SetForeground(0x2E3440 + 0x1A0B05 * number)
        canvas.SetBackground(0xD08770)
        canvas.SetLineAttributes(width, style, cap, number % 3)
        left, top = 5 + 138 * (number % 3), 5 + 104 * (number // 3)
        X.XDrawArc(canvas.display, canvas.window, canvas.gc, left, top, 80, 60, 20 * 64, 300 * 64)
        X.XDrawArc(canvas.display, canvas.window, canvas.gc, left + 50, top + 20, 75, 70, 0, 360 * 64)
        steps = [Point(left + x, top + y) for x, y in ((0, 90), (30, 50), (60, 95), (90, 15), (120, 90), (125, 10))]
        X.XDrawLines(canvas.display, canvas.window, canvas.gc, (Point * 6)(*steps), 6, 0)


def trapezoids(canvas: Canvas) -> None:
    """Trapezoids and triangles, smooth and sharp, one at a time and in strips and fans."""
    backdrop(canvas)
    pictures = Pictures(canvas)
    linear = pictures.gradient("Linear", 0, 0, 200, 150, stops=[(0, 0xFF3B6EA5), (0.4, 0x80FFFFFF), (1, 0xFFBF616A)])
    pictures.change(linear, repeat=REFLECT)
    for column, (format_, source) in enumerate(
        ((A8, pictures.solid(0xC02E7D32)), (A1, pictures.solid(0xFF5E35B1)), (A8, linear))
    ):
        left, mask = 5 + 138 * column, pictures.format(format_)
        shapes = [
            Trapezoid(
                round((5.3 + 11 * i) * 65536), round((13.8 + 11 * i) * 65536),
                (Place * 2)(place(left + 3.1 * i, 0), place(left + 40 - 2.7 * i, 120)),
                (Place * 2)(place(left + 60.5 + i, 0), place(left + 120.25 - 4 * i, 120)),
            )
            for i in range(9)
        ]  # fmt: skip
        draw = (pictures.display, OVER, source, pictures.window, mask, 0, 0)
        R.XRenderCompositeTrapezoids(*draw, (Trapezoid * 9)(*shapes), 9)
        star = [
            place(left + 60 + 55 * math.cos(0.7 * i), 165 + 40 * math.sin(0.7 * i) * (1 if i % 2 else 0.4))
            for i in range(9)
        ]
        R.XRenderCompositeTriangles(*draw, (Place * 9)(*star), 3)
        strip = [place(left + 12.5 * i, 215 + (38.3 if i % 2 else 0) + 1.5 * i) for i in range(10)]
        R.XRenderCompositeTriStrip(*draw, (Place * 10)(*strip), 10)
        fan = [place(left + 60.5, 312)] + [place(left + 13.3 * i, 270 + 3.7 * (i - 4) ** 2 / 4) for i in range(9)]
        R.XRenderCompositeTriFan(*draw, (Place * 10)(*fan), 10)


def gradients(canvas: Canvas) -> None:
    """Linear, radial and conical gradients with every repeat mode, some of them turned."""
    backdrop(canvas)
    pictures = Pictures(canvas)
    stops = [(0.0, 0xFFEBCB8B), (0.3, 0x60A3BE8C), (0.7, 0xFF5E81AC), (1.0, 0xE0B48EAD)]
    geometry = {"Linear": (20, 10, 70, 55), "Radial": (40, 40, 6, 55, 45, 38), "Conical": (50, 38, 30)}
    for row, (kind, numbers) in enumerate(geometry.items()):
        for repeat in range(4):
            picture = pictures.gradient(kind, *numbers, stops=stops)
            pictures.change(picture, repeat=repeat)
            if repeat % 2:
                pictures.transform(picture, 0.8, 0.35, -10, -0.35, 0.8, 20)
            pictures.composite(OVER, picture, 4 + 104 * repeat, 4 + 106 * row, 100, 100)


def composites(canvas: Canvas) -> None:
    """Pictures turned, scaled and repeated, nearest and bilinear; operators, masks, each channel with its own alpha."""
    backdrop(canvas)
    pictures = Pictures(canvas)
    source = pictures.pixels(17, 13, 32, premultiplied(noise(17 * 13 * 4, 11)))
    for number in range(8):
        repeat, smooth = number % 4, number >= 4
        pictures.change(source, repeat=repeat)
        pictures.transform(source, 0.31, 0.12, -4.5, -0.17, 0.27, 3.25, smooth=smooth)
        pictures.composite(OVER, source, 4 + 52 * number, 4, 48, 60)
        pictures.transform(source, 0.5, 0, -2, 0, 1.5, 1, smooth=smooth)
        pictures.composite(OVER, source, 4 + 52 * number, 68, 48, 40)
    plain = pictures.pixels(40, 40, 32, premultiplied(noise(40 * 40 * 4, 12)))
    mask = pictures.pixels(40, 40, 8, noise(40 * 40, 13))
    each = pictures.pixels(40, 40, 32, premultiplied(noise(40 * 40 * 4, 14)))
    pictures.change(each, component=True)
    for number, operator in enumerate(OPERATORS):
        x, y = 4 + 46 * (number % 9), 114 + 68 * (number // 9)
        pictures.composite(operator, plain, x, y, 40, 20)
        pictures.composite(operator, plain, x, y + 22, 40, 20, mask=mask)
        pictures.composite(operator, plain, x, y + 44, 40, 20, mask=each)
    tile = pictures.pixels(9, 7, 32, premultiplied(noise(9 * 7 * 4, 15)))
    pictures.change(tile, repeat=NORMAL)
    pictures.composite(OVER, tile, 4, 252, 200, 60, at=(3, 2))
    pictures.composite(ADD, pictures.solid(0x80406020), 210, 252, 200, 60, mask=tile)


def glyphs(canvas: Canvas) -> None:
    """Antialiased text: glyphs of one alpha, and of one for each of red, green and blue."""
    backdrop(canvas)
    pictures = Pictures(canvas)
    count, width, height = 40, 8, 12
    for column, number in enumerate((A8, ARGB32)):
        size = 1 if number == A8 else 4
        glyph_set = R.XRenderCreateGlyphSet(pictures.display, pictures.format(number))
        ids = (ulong * count)(*range(1, count + 1))
        infos = (GlyphInfo * count)(*(GlyphInfo(width, height, -1, 10, 9 + i % 2, 0) for i in range(count)))
        data = b"".join(_blob(i, width, height, size) for i in range(count))
        R.XRenderAddGlyphs(pictures.display, glyph_set, ids, infos, count, data, len(data))
        for line in range(18):
            ink = pictures.solid((0xFF2E3440, 0xFF8C1C13, 0x90205080)[line % 3])
            words = bytes(1 + (7 * line + 3 * i) % count for i in range(19))
            mask = pictures.format(number) if line % 2 else None
            R.XRenderCompositeString8(
                pictures.display, OVER, ink, pictures.window, mask, glyph_set, 0, 0,
                6 + 208 * column, 16 + 17 * line, words, len(words),
            )  # fmt: skip


def _blob(number: int, width: int, height: int, size: int) -> bytes:
    """A ring with soft edges, a little different for each number and channel."""
    out = bytearray()
    for y in range(height):
        for x in range(width):
            for channel in range(size):
                far = math.hypot(x - 3.5 + channel * 0.3, (y - 5.5) * 0.7)
                level = 255 - 110 * abs(far - 1.5 - number % 5 * 0.4)
                out.append(round(min(max(level, 0), 255)))
    return bytes(out)


STEPS: Sequence[Callable[[Canvas], None]] = (lines, trapezoids, gradients, composites, glyphs)


def main() -> None:
    steps = {step.__name__: (number, step) for number, step in enumerate(STEPS)}
    number, step = steps[sys.argv[1]]
    canvas = Canvas(60 + 130 * number, 30 + 100 * number)
    step(canvas)
    canvas.finish()


if __name__ == "__main__":
    main()
