"""The loops that bring a picture to the view's size: averages of the pixels under each sub-cell.

A sub-cell is a part of a cell for the cell backends and one pixel of the terminal for the graphics backends.
:mod:`.fallback` does the same with numpy for installations without a C compiler.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import pointer, pointer16, pointer32

COMPILED: bool = cython.compiled


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _add_row(
    sums: cython.p_ushort,
    pixels: cython.p_uchar,
    at: cython.Py_ssize_t,
    start: cython.Py_ssize_t,
    end: cython.Py_ssize_t,
) -> cython.void:
    index: cython.Py_ssize_t
    for index in range(start, end):
        sums[index] += pixels[at + index]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _narrowest(
    xs: cython.p_uint, columns: cython.Py_ssize_t, x0: cython.Py_ssize_t, x1: cython.Py_ssize_t
) -> cython.uint:
    x: cython.Py_ssize_t
    width: cython.uint
    narrow: cython.uint = xs[columns + x0] - xs[x0]
    for x in range(x0, x1):
        width = xs[columns + x] - xs[x]
        if width < narrow:
            narrow = width
    return narrow


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _widest(xs: cython.p_uint, columns: cython.Py_ssize_t, x0: cython.Py_ssize_t, x1: cython.Py_ssize_t) -> cython.uint:
    x: cython.Py_ssize_t
    width: cython.uint
    wide: cython.uint = 0
    for x in range(x0, x1):
        width = xs[columns + x] - xs[x]
        if width > wide:
            wide = width
    return wide


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _copy_row(
    pixels: cython.p_uchar,
    at: cython.Py_ssize_t,
    xs: cython.p_uint,
    x0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    line: cython.p_uint,
) -> cython.void:
    """One pixel for each sub-cell."""
    x: cython.Py_ssize_t
    place: cython.Py_ssize_t
    blue: cython.uint
    green: cython.uint
    red: cython.uint
    for x in range(x0, x1):
        place = at + 4 * xs[x]
        blue = pixels[place]
        green = pixels[place + 1]
        red = pixels[place + 2]
        line[x - x0] = red << 16 | green << 8 | blue


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _average_row(
    pixels: cython.p_uchar,
    stride: cython.Py_ssize_t,
    xs: cython.p_uint,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    first: cython.Py_ssize_t,
    last: cython.Py_ssize_t,
    narrow: cython.uint,
    sums: cython.p_ushort,
    line: cython.p_uint,
) -> cython.void:
    """The averages of one row of sub-cells, which covers the pixel rows *first* … *last* - 1."""
    x: cython.Py_ssize_t
    at: cython.Py_ssize_t
    index: cython.Py_ssize_t
    _index: cython.Py_ssize_t
    start: cython.Py_ssize_t = 4 * xs[x0]
    end: cython.Py_ssize_t = 4 * xs[columns + x1 - 1]
    step: cython.Py_ssize_t = (last - first + 255) // 256  # 16-bit sums take 256 rows
    row: cython.Py_ssize_t
    count: cython.uint = 0
    area: cython.uint
    half: cython.uint
    width: cython.uint
    blue: cython.uint
    green: cython.uint
    red: cython.uint
    one: cython.ulonglong = 1
    scale0: cython.ulonglong
    scale1: cython.ulonglong
    scale: cython.ulonglong
    one <<= 44
    for index in range(start, end):
        sums[index] = 0
    row = first
    while row < last:
        _add_row(sums, pixels, row * stride, start, end)
        count += 1
        row += step
    # floor(n / area) is (n * ceil(2**44 / area)) >> 44 for n up to 256 * area and area up to 2**18.
    area = narrow * count
    scale0 = (one + area - 1) // area
    area += count
    scale1 = (one + area - 1) // area
    for x in range(x0, x1):
        blue = green = red = 0
        width = xs[columns + x] - xs[x]
        at = 4 * xs[x]
        for _index in range(width):
            blue += sums[at]
            green += sums[at + 1]
            red += sums[at + 2]
            at += 4
        area = width * count
        half = area >> 1
        if width <= narrow + 1 and area <= 262144:
            scale = scale0 if width == narrow else scale1
            blue = (scale * (blue + half)) >> 44
            green = (scale * (green + half)) >> 44
            red = (scale * (red + half)) >> 44
        else:
            blue = (blue + half) // area
            green = (green + half) // area
            red = (red + half) // area
        line[x - x0] = red << 16 | green << 8 | blue


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _row(
    pixels: cython.p_uchar,
    stride: cython.Py_ssize_t,
    xs: cython.p_uint,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    first: cython.Py_ssize_t,
    last: cython.Py_ssize_t,
    narrow: cython.uint,
    wide: cython.uint,
    sums: cython.p_ushort,
    line: cython.p_uint,
) -> cython.void:
    if wide == 1 and last - first == 1:
        _copy_row(pixels, first * stride, xs, x0, x1, line)
    else:
        _average_row(pixels, stride, xs, columns, x0, x1, first, last, narrow, sums, line)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_changed(
    out: cython.p_uint,
    at: cython.Py_ssize_t,
    line: cython.p_uint,
    start: cython.Py_ssize_t,
    count: cython.Py_ssize_t,
) -> cython.uint:
    """Puts `count` words from `start` of `line` to `at` of `out`; not 0 when that changed any."""
    index: cython.Py_ssize_t
    changed: cython.uint = 0
    for index in range(count):
        changed |= out[at + index] ^ line[start + index]
    if changed:
        for index in range(count):
            out[at + index] = line[start + index]
    return changed


def box(
    pixels: memoryview,
    width: int,
    xs: memoryview,
    ys: memoryview,
    columns: int,
    rows: int,
    rect: tuple[int, int, int, int],
    out: memoryview,
) -> None:
    """Averages of the pixels under each sub-cell inside *rect* (x0, y0, x1, y1 in sub-cells, not empty).

    *pixels* are BGRX of that *width*; *xs* has the first pixel of each sub-cell, then behind all of them the end of
    each; *ys* likewise.  *out* has a word 0x00RRGGBB for each of the view's *columns* x *rows* sub-cells.
    """
    c_pixels: cython.p_uchar = pointer(pixels)
    c_xs: cython.p_uint = pointer32(xs)
    c_ys: cython.p_uint = pointer32(ys)
    c_out: cython.p_uint = pointer32(out)
    room = memoryview(bytearray(width * 8))
    sums: cython.p_ushort = pointer16(room)
    line_room = memoryview(bytearray(4 * columns))
    line: cython.p_uint = pointer32(line_room)
    stride: cython.Py_ssize_t = width * 4
    c_columns: cython.Py_ssize_t = columns
    c_rows: cython.Py_ssize_t = rows
    x0: cython.Py_ssize_t = rect[0]
    x1: cython.Py_ssize_t = rect[2]
    y0: cython.Py_ssize_t = rect[1]
    y1: cython.Py_ssize_t = rect[3]
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    narrow: cython.uint
    wide: cython.uint
    with cython.nogil:
        narrow = _narrowest(c_xs, c_columns, x0, x1)
        wide = _widest(c_xs, c_columns, x0, x1)
        for y in range(y0, y1):
            _row(c_pixels, stride, c_xs, c_columns, x0, x1, c_ys[y], c_ys[c_rows + y], narrow, wide, sums, line)
            for x in range(x0, x1):
                c_out[y * c_columns + x] = line[x - x0]


def update(
    pixels: memoryview,
    width: int,
    xs: memoryview,
    ys: memoryview,
    columns: int,
    rows: int,
    rect: tuple[int, int, int, int],
    cell: tuple[int, int],
    out: memoryview,
    dirty: memoryview,
) -> None:
    """As :func:`box`, but *rect* is in cells of *cell* (width, height) sub-cells, and marks the cells that changed.

    *dirty* has a byte for each of the view's cells; it is set to 1 where *out* became another.
    """
    c_pixels: cython.p_uchar = pointer(pixels)
    c_xs: cython.p_uint = pointer32(xs)
    c_ys: cython.p_uint = pointer32(ys)
    c_out: cython.p_uint = pointer32(out)
    c_dirty: cython.p_uchar = pointer(dirty)
    room = memoryview(bytearray(width * 8))
    sums: cython.p_ushort = pointer16(room)
    line_room = memoryview(bytearray(4 * columns))
    line: cython.p_uint = pointer32(line_room)
    stride: cython.Py_ssize_t = width * 4
    c_columns: cython.Py_ssize_t = columns
    c_rows: cython.Py_ssize_t = rows
    across: cython.Py_ssize_t = cell[0]
    down: cython.Py_ssize_t = cell[1]
    cells: cython.Py_ssize_t = columns // cell[0]
    left: cython.Py_ssize_t = rect[0]
    right: cython.Py_ssize_t = rect[2]
    x0: cython.Py_ssize_t = left * across
    x1: cython.Py_ssize_t = right * across
    y0: cython.Py_ssize_t = rect[1] * down
    y1: cython.Py_ssize_t = rect[3] * down
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    narrow: cython.uint
    wide: cython.uint
    with cython.nogil:
        narrow = _narrowest(c_xs, c_columns, x0, x1)
        wide = _widest(c_xs, c_columns, x0, x1)
        for y in range(y0, y1):
            _row(c_pixels, stride, c_xs, c_columns, x0, x1, c_ys[y], c_ys[c_rows + y], narrow, wide, sums, line)
            for x in range(left, right):
                if _put_changed(c_out, y * c_columns + x * across, line, (x - left) * across, across):
                    c_dirty[y // down * cells + x] = 1
