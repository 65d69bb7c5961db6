"""The loops that fit block characters and two colours to sub-cells: half blocks and quadrants.

Compiled they take a fraction of a millisecond; interpreted they are exact but slow, and :mod:`.fallback` does the
same with numpy.  A colour is a word 0x00RRGGBB; a cell is three words: character, foreground, background.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

from spicetui.term import blocks

if not cython.compiled:
    from spicetui._cython import pointer16, pointer32

COMPILED: bool = cython.compiled
FLAT = 4  # differences up to this inside a cell are not worth two colours


def _shorts(values: tuple[int, ...]) -> memoryview:
    view = memoryview(bytearray(2 * len(values))).cast("H")
    for index, value in enumerate(values):
        view[index] = value
    return view


_BLOCKS = _shorts(blocks.QUADRANTS)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _average(total: cython.uint, count: cython.uint) -> cython.uint:
    """Rounded; `count` is 1 … 4."""
    return (
        (total + (count >> 1)) * (65536 if count == 1 else 32768 if count == 2 else 21846 if count == 3 else 16384)
    ) >> 16


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _bounds(a: cython.uint, b: cython.uint, c: cython.uint, d: cython.uint) -> cython.uint:
    """The least and the greatest of four bytes: least | greatest << 8."""
    low: cython.uint = a if a < b else b
    high: cython.uint = b if a < b else a
    if c < low:
        low = c
    if c > high:
        high = c
    if d < low:
        low = d
    if d > high:
        high = d
    return low | high << 8


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _quadrants(
    sub: cython.p_uint,
    cells: cython.p_uint,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    blocks: cython.p_ushort,
) -> cython.void:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t
    p0: cython.uint
    p1: cython.uint
    p2: cython.uint
    p3: cython.uint
    red: cython.uint
    green: cython.uint
    blue: cython.uint
    shift: cython.uint
    wide: cython.uint
    flat: cython.uint = 4  # FLAT
    middle: cython.uint
    mask: cython.uint
    count: cython.uint
    red1: cython.uint
    green1: cython.uint
    blue1: cython.uint
    red_all: cython.uint
    green_all: cython.uint
    blue_all: cython.uint
    front: cython.uint
    back: cython.uint
    for y in range(y0, y1):
        for x in range(x0, x1):
            at = 4 * y * columns + 2 * x
            to = 3 * (y * columns + x)
            p0 = sub[at]
            p1 = sub[at + 1]
            p2 = sub[at + 2 * columns]
            p3 = sub[at + 2 * columns + 1]
            if p0 == p1 and p0 == p2 and p0 == p3:
                cells[to] = 0x20
                cells[to + 1] = p0
                cells[to + 2] = p0
                continue
            red_all = (p0 >> 16 & 255) + (p1 >> 16 & 255) + (p2 >> 16 & 255) + (p3 >> 16 & 255)
            green_all = (p0 >> 8 & 255) + (p1 >> 8 & 255) + (p2 >> 8 & 255) + (p3 >> 8 & 255)
            blue_all = (p0 & 255) + (p1 & 255) + (p2 & 255) + (p3 & 255)
            red = _bounds(p0 >> 16 & 255, p1 >> 16 & 255, p2 >> 16 & 255, p3 >> 16 & 255)
            green = _bounds(p0 >> 8 & 255, p1 >> 8 & 255, p2 >> 8 & 255, p3 >> 8 & 255)
            blue = _bounds(p0 & 255, p1 & 255, p2 & 255, p3 & 255)
            # Divide at the middle of the widest channel.
            wide = green
            middle = (green >> 8) + (green & 255)
            shift = 8
            if (red >> 8) - (red & 255) > (green >> 8) - (green & 255):
                wide = red
                middle = (red >> 8) + (red & 255)
                shift = 16
            if (blue >> 8) - (blue & 255) > (wide >> 8) - (wide & 255):
                middle = (blue >> 8) + (blue & 255)
                shift = 0
            if (
                (red >> 8) - (red & 255) <= flat
                and (wide >> 8) - (wide & 255) <= flat
                and (blue >> 8) - (blue & 255) <= flat
            ):
                front = (red_all + 2) >> 2 << 16 | (green_all + 2) >> 2 << 8 | (blue_all + 2) >> 2
                cells[to] = 0x20
                cells[to + 1] = front
                cells[to + 2] = front
                continue
            mask = 0
            count = red1 = green1 = blue1 = 0
            if 2 * (p0 >> shift & 255) > middle:
                mask |= 1
                count += 1
                red1 += p0 >> 16 & 255
                green1 += p0 >> 8 & 255
                blue1 += p0 & 255
            if 2 * (p1 >> shift & 255) > middle:
                mask |= 2
                count += 1
                red1 += p1 >> 16 & 255
                green1 += p1 >> 8 & 255
                blue1 += p1 & 255
            if 2 * (p2 >> shift & 255) > middle:
                mask |= 4
                count += 1
                red1 += p2 >> 16 & 255
                green1 += p2 >> 8 & 255
                blue1 += p2 & 255
            if 2 * (p3 >> shift & 255) > middle:
                mask |= 8
                count += 1
                red1 += p3 >> 16 & 255
                green1 += p3 >> 8 & 255
                blue1 += p3 & 255
            front = _average(red1, count) << 16 | _average(green1, count) << 8 | _average(blue1, count)
            count = 4 - count
            back = (
                _average(red_all - red1, count) << 16
                | _average(green_all - green1, count) << 8
                | _average(blue_all - blue1, count)
            )
            if mask & 1:  # one form for each picture: the top left is back
                mask = 15 - mask
                cells[to + 1] = back
                cells[to + 2] = front
            else:
                cells[to + 1] = front
                cells[to + 2] = back
            cells[to] = blocks[mask]


def quadrants(sub: memoryview, cells: memoryview, columns: int, rect: tuple[int, int, int, int]) -> None:
    """Fits two colours and a block character to each 2x2 sub-cells; *columns* and *rect* are in cells."""
    c_sub: cython.p_uint = pointer32(sub)
    c_cells: cython.p_uint = pointer32(cells)
    blocks: cython.p_ushort = pointer16(_BLOCKS)
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    with cython.nogil:
        _quadrants(c_sub, c_cells, c_columns, x0, y0, x1, y1, blocks)


def halves(sub: memoryview, cells: memoryview, columns: int, rect: tuple[int, int, int, int]) -> None:
    """Two sub-cells, one above the other, are a cell."""
    c_sub: cython.p_uint = pointer32(sub)
    c_cells: cython.p_uint = pointer32(cells)
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    to: cython.Py_ssize_t
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    upper: cython.uint
    lower: cython.uint
    red: cython.uint
    green: cython.uint
    blue: cython.uint
    flat: cython.uint = 4  # FLAT
    with cython.nogil:
        for y in range(y0, y1):
            for x in range(x0, x1):
                upper = c_sub[2 * y * c_columns + x]
                lower = c_sub[(2 * y + 1) * c_columns + x]
                to = 3 * (y * c_columns + x)
                c_cells[to] = 0x2584
                if upper != lower:
                    red = _bounds(upper >> 16 & 255, lower >> 16 & 255, upper >> 16 & 255, lower >> 16 & 255)
                    green = _bounds(upper >> 8 & 255, lower >> 8 & 255, upper >> 8 & 255, lower >> 8 & 255)
                    blue = _bounds(upper & 255, lower & 255, upper & 255, lower & 255)
                    if (
                        (red >> 8) - (red & 255) <= flat
                        and (green >> 8) - (green & 255) <= flat
                        and (blue >> 8) - (blue & 255) <= flat
                    ):
                        upper = (
                            ((upper >> 16 & 255) + (lower >> 16 & 255) + 1) >> 1 << 16
                            | ((upper >> 8 & 255) + (lower >> 8 & 255) + 1) >> 1 << 8
                            | ((upper & 255) + (lower & 255) + 1) >> 1
                        )
                        lower = upper
                if upper == lower:
                    c_cells[to] = 0x20
                c_cells[to + 1] = lower
                c_cells[to + 2] = upper
