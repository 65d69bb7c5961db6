"""The loops of the cell backend: sub-cells to cells, cells to bytes.

Compiled they take a fraction of a millisecond; interpreted they are exact but slow, and :mod:`.fallback` does the
same with numpy.  A colour is a word 0x00RRGGBB; with INDEXED set its low byte is a number of the 256-colour palette.
A cell is three words: character, foreground, background.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import pointer, pointer16, pointer32

COMPILED: bool = cython.compiled
INDEXED = 0x01000000
FLAT = 4  # differences up to this inside a cell are not worth two colours
CELL_BYTES = 64  # at most, of one encoded cell with its cursor movement


# By the pixels that are in front (1 top left, 2 top right, 4 bottom left, 8 bottom right): the block character.
BLOCKS = (
    *(0x0020, 0x2598, 0x259D, 0x2580, 0x2596, 0x258C, 0x259E, 0x259B),
    *(0x2597, 0x259A, 0x2590, 0x259C, 0x2584, 0x2599, 0x259F, 0x2588),
)


def _shorts(values: tuple[int, ...]) -> memoryview:
    view = memoryview(bytearray(2 * len(values))).cast("H")
    for index, value in enumerate(values):
        view[index] = value
    return view


def _complements() -> tuple[int, ...]:
    """For 0x2580 … 0x259F: the character with front and back exchanged; 0 for none."""
    table = [0] * 32
    for mask, block in enumerate(BLOCKS):
        if block != 0x20 and BLOCKS[15 - mask] != 0x20:
            table[block - 0x2580] = BLOCKS[15 - mask]
    return tuple(table)


def _decimals() -> bytes:
    """For 0 … 255: how many digits, and the digits."""
    return b"".join(bytes((len(str(n)),)) + str(n).encode().ljust(3) for n in range(256))


_BLOCKS = _shorts(BLOCKS)
_COMPLEMENTS = _shorts(_complements())
_DECIMALS = memoryview(_decimals())


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


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _put_byte(
    out: cython.p_uchar, at: cython.Py_ssize_t, value: cython.uint, decimals: cython.p_uchar
) -> cython.Py_ssize_t:
    """Writes 0 … 255 in decimal; returns where it ends."""
    size: cython.int = decimals[4 * value]
    out[at] = decimals[4 * value + 1]
    if size > 1:
        out[at + 1] = decimals[4 * value + 2]
        if size > 2:
            out[at + 2] = decimals[4 * value + 3]
    return at + size


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_number(out: cython.p_uchar, at: cython.Py_ssize_t, value: cython.uint) -> cython.Py_ssize_t:
    """Writes 0 … 99999 in decimal."""
    unit: cython.uint = 10000
    while unit > 1 and value < unit:
        unit //= 10
    while unit > 0:
        out[at] = 48 + value // unit % 10
        at += 1
        unit //= 10
    return at


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_color(
    out: cython.p_uchar, at: cython.Py_ssize_t, layer: cython.uint, color: cython.uint, decimals: cython.p_uchar
) -> cython.Py_ssize_t:
    """Writes ``38;2;R;G;B`` (layer 51, "3") or ``48;…`` (52, "4")."""
    out[at] = layer
    out[at + 1] = 56
    out[at + 2] = 59
    if color & 0x01000000:
        out[at + 3] = 53
        out[at + 4] = 59
        return _put_byte(out, at + 5, color & 255, decimals)
    out[at + 3] = 50
    out[at + 4] = 59
    at = _put_byte(out, at + 5, color >> 16 & 255, decimals)
    out[at] = 59
    at = _put_byte(out, at + 1, color >> 8 & 255, decimals)
    out[at] = 59
    return _put_byte(out, at + 1, color & 255, decimals)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_character(out: cython.p_uchar, at: cython.Py_ssize_t, code: cython.uint) -> cython.Py_ssize_t:
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | (code & 63)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | (code >> 6 & 63)
        out[at + 2] = 0x80 | (code & 63)
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | (code >> 12 & 63)
    out[at + 2] = 0x80 | (code >> 6 & 63)
    out[at + 3] = 0x80 | (code & 63)
    return at + 4


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _encode(
    wanted: cython.p_uint,
    held: cython.p_uint,
    owned: cython.p_uchar,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    left: cython.uint,
    top: cython.uint,
    whole: cython.bint,
    complements: cython.p_ushort,
    decimals: cython.p_uchar,
    out: cython.p_uchar,
) -> cython.Py_ssize_t:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    cursor: cython.Py_ssize_t
    n: cython.Py_ssize_t = 0
    fore: cython.uint = 0xFFFFFFFF  # no colour: the terminal's state is not known
    back: cython.uint = 0xFFFFFFFF
    code: cython.uint
    front: cython.uint
    behind: cython.uint
    other: cython.uint
    for y in range(y0, y1):
        cursor = -1
        for x in range(x0, x1):
            at = 3 * (y * columns + x)
            code = wanted[at]
            front = wanted[at + 1]
            behind = wanted[at + 2]
            if not whole:
                if not owned[y * columns + x]:
                    continue
                if held[at] == code and held[at + 1] == front and held[at + 2] == behind:
                    continue
                if cursor != x:
                    out[n] = 0x1B
                    out[n + 1] = 0x5B
                    n += 2
                    if cursor < 0:
                        n = _put_number(out, n, top + y + 1)
                        out[n] = 0x3B
                        n = _put_number(out, n + 1, left + x + 1)
                        out[n] = 0x48
                    else:
                        if x - cursor > 1:
                            n = _put_number(out, n, x - cursor)
                        out[n] = 0x43
                    n += 1
            held[at] = code
            held[at + 1] = front
            held[at + 2] = behind
            cursor = x + 1
            if code == 0x20:
                # Not a full block of the foreground: fonts leave seams between those.
                front = fore
            elif (
                0x2580 <= code <= 0x259F
                and complements[code - 0x2580] != 0
                and (front == back) + (behind == fore) > (front == fore) + (behind == back)
            ):
                code = complements[code - 0x2580]
                other = front
                front = behind
                behind = other
            if front != fore or behind != back:
                out[n] = 0x1B
                out[n + 1] = 0x5B
                n += 2
                if front != fore:
                    n = _put_color(out, n, 51, front, decimals)
                    if behind != back:
                        out[n] = 0x3B
                        n += 1
                if behind != back:
                    n = _put_color(out, n, 52, behind, decimals)
                out[n] = 0x6D
                n += 1
                fore = front
                back = behind
            n = _put_character(out, n, code)
    if n:
        out[n] = 0x1B
        out[n + 1] = 0x5B
        out[n + 2] = 0x6D
        n += 3
    return n


def encode(
    wanted: memoryview,
    held: memoryview,
    owned: memoryview,
    columns: int,
    rect: tuple[int, int, int, int],
    origin: tuple[int, int],
    whole: bool,
    out: memoryview,
) -> int:
    """Writes what makes the terminal show *wanted* inside *rect*, notes it in *held*, returns the number of bytes.

    *whole*: every cell, from the cursor's place on and without moving it (a part of one row); otherwise the cells
    that are owned and differ.  *origin* is the place of cell (0, 0) on the terminal, from 0.  Begins and ends
    with the terminal's default colours; *out* has CELL_BYTES for each cell and 8 more.
    """
    c_wanted: cython.p_uint = pointer32(wanted)
    c_held: cython.p_uint = pointer32(held)
    c_owned: cython.p_uchar = pointer(owned)
    c_out: cython.p_uchar = pointer(out)
    complements: cython.p_ushort = pointer16(_COMPLEMENTS)
    decimals: cython.p_uchar = pointer(_DECIMALS)
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    left: cython.uint = origin[0]
    top: cython.uint = origin[1]
    c_whole: cython.bint = whole
    size: cython.Py_ssize_t
    with cython.nogil:
        size = _encode(
            c_wanted, c_held, c_owned, c_columns, x0, y0, x1, y1, left, top, c_whole, complements, decimals, c_out
        )
    return size
