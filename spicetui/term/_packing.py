"""The loops that turn words 0x00RRGGBB into the bytes that image formats want; :mod:`.packing` has them with numpy."""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import pointer, pointer16, pointer32

COMPILED: bool = cython.compiled
UNKNOWN = 0xFFFF  # in a table of indexes: not looked up yet


def rgba(words: memoryview, stride: int, rect: tuple[int, int, int, int], out: memoryview) -> None:
    """Bytes red, green, blue, 255 of the pixels inside *rect* (x0, y0, x1, y1); rows of *words* are *stride* long."""
    source: cython.p_uint = pointer32(words)
    target: cython.p_uint = pointer32(out)
    c_stride: cython.Py_ssize_t = stride
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t
    width: cython.Py_ssize_t = x1 - x0
    word: cython.uint
    opaque: cython.uint = 0xFF000000
    with cython.nogil:
        for y in range(y0, y1):
            at = y * c_stride + x0
            to = (y - y0) * width
            for x in range(width):
                word = source[at + x]
                target[to + x] = opaque | (word & 0xFF) << 16 | (word & 0xFF00) | (word >> 16 & 0xFF)


def rgb(words: memoryview, stride: int, rect: tuple[int, int, int, int], out: memoryview) -> None:
    """Bytes red, green, blue of the pixels inside *rect* (x0, y0, x1, y1); rows of *words* are *stride* long."""
    source: cython.p_uint = pointer32(words)
    target: cython.p_uchar = pointer(out)
    c_stride: cython.Py_ssize_t = stride
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t = 0
    word: cython.uint
    with cython.nogil:
        for y in range(y0, y1):
            at = y * c_stride
            for x in range(x0, x1):
                word = source[at + x]
                target[to] = word >> 16 & 0xFF
                target[to + 1] = word >> 8 & 0xFF
                target[to + 2] = word & 0xFF
                to += 3


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _nearest(palette: cython.p_uint, colors: cython.Py_ssize_t, code: cython.uint) -> cython.ushort:
    """The number of the colour next to a 15-bit one; the first of equals."""
    index: cython.Py_ssize_t
    best: cython.Py_ssize_t = 0
    least: cython.uint = 0xFFFFFFFF
    far: cython.uint
    word: cython.uint
    red: cython.uint = code >> 10 & 31
    green: cython.uint = code >> 5 & 31
    blue: cython.uint = code & 31
    dr: cython.uint
    dg: cython.uint
    db: cython.uint
    other: cython.uint
    red = red << 3 | red >> 2
    green = green << 3 | green >> 2
    blue = blue << 3 | blue >> 2
    for index in range(colors):
        word = palette[index]
        other = word >> 16 & 0xFF
        dr = red - other if red > other else other - red
        other = word >> 8 & 0xFF
        dg = green - other if green > other else other - green
        other = word & 0xFF
        db = blue - other if blue > other else other - blue
        far = 2 * dr * dr + 4 * dg * dg + 3 * db * db
        if far < least:
            least = far
            best = index
    return best


def index(
    words: memoryview, stride: int, rect: tuple[int, int, int, int], palette: memoryview, colors: int,
    table: memoryview, out: memoryview,
) -> None:  # fmt: skip
    """The number of the nearest of *colors* colours for each pixel inside *rect*, a byte each.

    *table* has 32768 16-bit entries by 15-bit colour, which are filled in as needed; see UNKNOWN.
    """
    source: cython.p_uint = pointer32(words)
    c_palette: cython.p_uint = pointer32(palette)
    c_table: cython.p_ushort = pointer16(table)
    target: cython.p_uchar = pointer(out)
    c_stride: cython.Py_ssize_t = stride
    c_colors: cython.Py_ssize_t = colors
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    to: cython.Py_ssize_t = 0
    word: cython.uint
    code: cython.uint
    found: cython.ushort
    with cython.nogil:
        for y in range(y0, y1):
            for x in range(x0, x1):
                word = source[y * c_stride + x]
                code = (word >> 9 & 0x7C00) | (word >> 6 & 0x3E0) | (word >> 3 & 0x1F)
                found = c_table[code]
                if found == 0xFFFF:
                    found = _nearest(c_palette, c_colors, code)
                    c_table[code] = found
                target[to] = found & 0xFF
                to += 1
