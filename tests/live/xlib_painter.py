"""Draws with plain Xlib calls what toolkits draw seldom; a program of its own, since Xlib ends the process on errors.

Usage: python -m live.xlib_painter STEP, in the folder of the tests; STEP names a function below. It ends when the X
server has done everything; its window stays (RetainPermanent).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable, Sequence
from typing import Any

X = ctypes.CDLL("libX11.so.6")
WIDTH, HEIGHT = 420, 320
POINTER_WIDTH, POINTER_HEIGHT = 24, 20
EXPOSURE_MASK, RETAIN_PERMANENT, Z_PIXMAP = 1 << 15, 1, 2
GX_CLEAR, GX_AND, GX_COPY, GX_XOR, GX_OR, GX_INVERT, GX_SET = 0, 1, 3, 6, 7, 10, 15
FILL_SOLID, FILL_TILED, FILL_STIPPLED, FILL_OPAQUE_STIPPLED = range(4)
ulong, uint, int_, pointer = ctypes.c_ulong, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p


class Rectangle(ctypes.Structure):
    _fields_ = (("x", ctypes.c_short), ("y", ctypes.c_short), ("w", ctypes.c_ushort), ("h", ctypes.c_ushort))


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_short), ("y", ctypes.c_short))


def _declare(name: str, result: Any, *arguments: Any) -> None:
    function = getattr(X, name)
    function.restype, function.argtypes = result, arguments


for _name, _result, *_arguments in (
    ("XOpenDisplay", pointer, ctypes.c_char_p),
    ("XDefaultRootWindow", ulong, pointer),
    ("XDefaultVisual", pointer, pointer, int_),
    ("XDefaultDepth", int_, pointer, int_),
    ("XCreateSimpleWindow", ulong, pointer, ulong, int_, int_, uint, uint, uint, ulong, ulong),
    ("XSelectInput", int_, pointer, ulong, ctypes.c_long),
    ("XMapWindow", int_, pointer, ulong),
    ("XWindowEvent", int_, pointer, ulong, ctypes.c_long, pointer),
    ("XCreateGC", pointer, pointer, ulong, ulong, pointer),
    ("XSetForeground", int_, pointer, pointer, ulong),
    ("XSetBackground", int_, pointer, pointer, ulong),
    ("XSetFunction", int_, pointer, pointer, int_),
    ("XSetFillStyle", int_, pointer, pointer, int_),
    ("XSetTile", int_, pointer, pointer, ulong),
    ("XSetStipple", int_, pointer, pointer, ulong),
    ("XSetTSOrigin", int_, pointer, pointer, int_, int_),
    ("XSetClipRectangles", int_, pointer, pointer, int_, int_, pointer, int_, int_),
    ("XSetLineAttributes", int_, pointer, pointer, uint, int_, int_, int_),
    ("XFillRectangle", int_, pointer, ulong, pointer, int_, int_, uint, uint),
    ("XDrawLine", int_, pointer, ulong, pointer, int_, int_, int_, int_),
    ("XFillArc", int_, pointer, ulong, pointer, int_, int_, uint, uint, int_, int_),
    ("XFillPolygon", int_, pointer, ulong, pointer, pointer, int_, int_, int_),
    ("XDrawString", int_, pointer, ulong, pointer, int_, int_, ctypes.c_char_p, int_),
    ("XDrawImageString", int_, pointer, ulong, pointer, int_, int_, ctypes.c_char_p, int_),
    ("XCreatePixmap", ulong, pointer, ulong, uint, uint, uint),
    ("XCreateBitmapFromData", ulong, pointer, ulong, ctypes.c_char_p, uint, uint),
    ("XCopyArea", int_, pointer, ulong, ulong, pointer, int_, int_, uint, uint, int_, int_),
    ("XCopyPlane", int_, pointer, ulong, ulong, pointer, int_, int_, uint, uint, int_, int_, ulong),
    ("XCreateImage", pointer, pointer, pointer, uint, int_, int_, ctypes.c_char_p, uint, uint, int_, int_),
    ("XPutImage", int_, pointer, ulong, pointer, pointer, int_, int_, int_, int_, uint, uint),
    ("XDefineCursor", int_, pointer, ulong, ulong),
    ("XSetCloseDownMode", int_, pointer, int_),
    ("XSync", int_, pointer, int_),
):
    _declare(_name, _result, *_arguments)


class Canvas:
    """One window at a place of its own, and a graphics context."""

    def __init__(self, left: int, top: int) -> None:
        self.display = X.XOpenDisplay(None)
        if not self.display:
            sys.exit("no X server")
        root = X.XDefaultRootWindow(self.display)
        self.depth: int = X.XDefaultDepth(self.display, 0)
        self.window = X.XCreateSimpleWindow(self.display, root, left, top, WIDTH, HEIGHT, 0, 0, 0xD8DEE9)
        X.XSelectInput(self.display, self.window, EXPOSURE_MASK)
        X.XMapWindow(self.display, self.window)
        event = ctypes.create_string_buffer(24 * 8)
        X.XWindowEvent(self.display, self.window, EXPOSURE_MASK, event)
        self.gc = X.XCreateGC(self.display, self.window, 0, None)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """gc functions by their X name without X: canvas.SetForeground(0xff0000)."""
        function = getattr(X, f"X{name}")
        return lambda *arguments: function(self.display, self.gc, *arguments)

    def fill(self, colour: int, x: int, y: int, w: int, h: int, drawable: int | None = None) -> None:
        self.SetForeground(colour)
        X.XFillRectangle(self.display, drawable or self.window, self.gc, x, y, w, h)

    def copy(self, source: int, target: int, x: int, y: int, w: int, h: int, to_x: int, to_y: int) -> None:
        X.XCopyArea(self.display, source, target, self.gc, x, y, w, h, to_x, to_y)

    def put(self, pixels: bytes, width: int, height: int, x: int, y: int) -> None:
        """`pixels` are BGRX."""
        visual = X.XDefaultVisual(self.display, 0)
        image = X.XCreateImage(self.display, visual, self.depth, Z_PIXMAP, 0, pixels, width, height, 32, 0)
        X.XPutImage(self.display, self.window, self.gc, image, 0, 0, x, y, width, height)

    def finish(self) -> None:
        X.XSetCloseDownMode(self.display, RETAIN_PERMANENT)
        X.XSync(self.display, 0)


def noise(count: int, seed: int = 1) -> bytes:
    state, out = seed, bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return bytes(out)


def shapes(canvas: Canvas) -> None:
    """Solid rectangles, lines of several widths, arcs and a polygon."""
    for i in range(24):
        canvas.fill(0x102030 * (i % 7) + 0x0A0500 * i, 5 + 17 * i, 5 + 3 * i, 40, 60)
    for width in range(6):
        canvas.SetForeground(0x207040 + 0x1F0000 * width)
        canvas.SetLineAttributes(width, 0, 1, 0)
        X.XDrawLine(canvas.display, canvas.window, canvas.gc, 10, 150 + 12 * width, 400, 310 - 20 * width)
    canvas.SetForeground(0xBF616A)
    X.XFillArc(canvas.display, canvas.window, canvas.gc, 250, 170, 120, 90, 30 * 64, 280 * 64)
    star = (Point * 5)(Point(60, 180), Point(90, 280), Point(10, 210), Point(110, 210), Point(30, 280))
    X.XFillPolygon(canvas.display, canvas.window, canvas.gc, star, 5, 0, 0)


def functions(canvas: Canvas) -> None:
    """Rectangles with every useful raster function, over what the step itself painted."""
    canvas.put(noise(WIDTH * HEIGHT * 4, 5), WIDTH, HEIGHT, 0, 0)
    for i, function in enumerate((GX_CLEAR, GX_AND, GX_COPY, GX_XOR, GX_OR, GX_INVERT, GX_SET)):
        canvas.SetFunction(function)
        canvas.fill(0x5A7FC3, 10 + 55 * i, 20, 80, 120)
        canvas.copy(canvas.window, canvas.window, 0, 0, 50, 60, 10 + 55 * i, 200)
    canvas.SetFunction(GX_COPY)


def patterns(canvas: Canvas) -> None:
    """Tiles, stipples, a bitmap copied as a plane, a clip of several rectangles."""
    tile = X.XCreatePixmap(canvas.display, canvas.window, 24, 16, canvas.depth)
    for i in range(6):
        canvas.fill(0x223344 * (i + 1), 4 * i, 2 * i, 9, 7, tile)
    stipple = X.XCreateBitmapFromData(canvas.display, canvas.window, bytes([0x81, 0x42, 0x24, 0x18] * 2), 8, 8)
    canvas.SetTile(tile)
    canvas.SetFillStyle(FILL_TILED)
    canvas.SetTSOrigin(3, 5)
    canvas.fill(0, 10, 10, 180, 100)
    canvas.SetStipple(stipple)
    canvas.SetBackground(0xEBCB8B)
    canvas.SetFillStyle(FILL_STIPPLED)
    canvas.fill(0x5E81AC, 200, 10, 180, 100)
    canvas.SetFillStyle(FILL_OPAQUE_STIPPLED)
    canvas.fill(0x5E81AC, 10, 120, 180, 80)
    canvas.SetFillStyle(FILL_SOLID)
    X.XCopyPlane(canvas.display, stipple, canvas.window, canvas.gc, 0, 0, 8, 8, 300, 200, 1)
    holes = (Rectangle * 3)(Rectangle(200, 130, 60, 40), Rectangle(230, 180, 90, 30), Rectangle(330, 120, 50, 140))
    canvas.SetClipRectangles(0, 0, holes, 3, 0)
    canvas.fill(0xA3BE8C, 190, 120, 200, 160)


def images(canvas: Canvas) -> None:
    """A smooth picture, noise, flat bars and a narrow strip sent as images, one of them twice."""
    smooth = bytes(value for y in range(160) for x in range(200) for value in (x & 255, (x + y) // 2 & 255, y & 255, 0))
    flat = b"".join(bytes([40 * (x // 32 % 7), 200, 30 * (x // 64), 0]) for _ in range(90) for x in range(200))
    canvas.put(smooth, 200, 160, 5, 5)
    canvas.put(smooth, 200, 160, 215, 5)
    canvas.put(flat, 200, 90, 5, 170)
    canvas.put(noise(190 * 90 * 4, 9), 190, 90, 215, 170)
    canvas.put(noise(3 * 300 * 4, 2), 3, 300, 208, 5)
    canvas.put(noise(4 * 4 * 4, 3), 4, 4, 0, 300)


def copies(canvas: Canvas) -> None:
    """Pixmap to window, window to pixmap, and overlapping copies in all directions."""
    canvas.put(noise(100 * 100 * 4, 4), 100, 100, 0, 0)
    canvas.fill(0xD08770, 20, 30, 60, 15)
    pixmap = X.XCreatePixmap(canvas.display, canvas.window, 200, 150, canvas.depth)
    canvas.fill(0x3B4252, 0, 0, 200, 150, pixmap)
    canvas.copy(canvas.window, pixmap, 0, 0, 100, 100, 30, 20)
    canvas.copy(pixmap, canvas.window, 0, 0, 200, 150, 120, 10)
    for dx, dy in ((7, 0), (-5, 0), (0, 9), (0, -4), (6, 6), (-6, 3)):
        canvas.copy(canvas.window, canvas.window, 100, 20, 220, 140, 100 + dx, 20 + dy)
    canvas.copy(pixmap, canvas.window, 50, 50, 100, 80, 20, 200)


def text(canvas: Canvas) -> None:
    """The server's own font, on the window and with a background."""
    canvas.SetForeground(0x2E3440)
    canvas.SetBackground(0xECEFF4)
    for line in range(12):
        words = bytes(33 + (7 * line + i) % 94 for i in range(60))
        draw = X.XDrawImageString if line % 2 else X.XDrawString
        draw(canvas.display, canvas.window, canvas.gc, 6, 20 + 18 * line, words, len(words))


class CursorImage(ctypes.Structure):
    """XcursorImage; the pixels are ARGB, premultiplied."""

    _fields_ = (
        ("version", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("hot_x", ctypes.c_uint32),
        ("hot_y", ctypes.c_uint32),
        ("delay", ctypes.c_uint32),
        ("pixels", ctypes.POINTER(ctypes.c_uint32)),
    )


def pointer_shape(canvas: Canvas) -> None:
    """A pointer of 24x20 on the root window, its hot spot at (5, 7): opaque, half transparent and empty pixels."""
    library = ctypes.CDLL("libXcursor.so.1")
    library.XcursorImageCreate.restype = ctypes.POINTER(CursorImage)
    library.XcursorImageLoadCursor.restype = ulong
    library.XcursorImageLoadCursor.argtypes = (pointer, ctypes.POINTER(CursorImage))
    image = library.XcursorImageCreate(POINTER_WIDTH, POINTER_HEIGHT)
    image.contents.hot_x, image.contents.hot_y = 5, 7
    for at in range(POINTER_WIDTH * POINTER_HEIGHT):
        image.contents.pixels[at] = pointer_pixel(at % POINTER_WIDTH, at // POINTER_WIDTH)
    cursor = library.XcursorImageLoadCursor(canvas.display, image)
    X.XDefineCursor(canvas.display, X.XDefaultRootWindow(canvas.display), cursor)


def pointer_pixel(x: int, y: int) -> int:
    if x < 8:
        return 0xFF000000 | (x * 30) << 16 | (y * 12) << 8 | 0x40
    if x < 16:
        return 0x80402010
    return 0


STEPS: Sequence[Callable[[Canvas], None]] = (shapes, functions, patterns, images, copies, text, pointer_shape)


def main() -> None:
    steps = {step.__name__: (number, step) for number, step in enumerate(STEPS)}
    number, step = steps[sys.argv[1]]
    canvas = Canvas(20 + 140 * (number % 4), 20 + 130 * (number % 3))
    step(canvas)
    canvas.finish()


if __name__ == "__main__":
    main()
