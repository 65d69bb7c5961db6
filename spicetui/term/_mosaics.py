"""The loops that fit characters to more than 2x2 sub-cells: sextants, octants, and printable characters.

As :mod:`._kernels`, and with a twin in :mod:`.fallback` likewise.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

from spicetui.term import blocks

if not cython.compiled:
    from spicetui._cython import pointer, pointer32

COMPILED: bool = cython.compiled
TONES = 5  #: a part of a cell has so many where characters are chosen by their shape


def _words(values: tuple[int, ...]) -> memoryview:
    view = memoryview(bytearray(4 * len(values))).cast("I")
    for index, value in enumerate(values):
        view[index] = value
    return view


_MOSAICS = {3: _words(blocks.SEXTANTS), 4: _words(blocks.OCTANTS)}
_RECIPROCALS = _words((0, *(-(-65536 // count) for count in range(1, 9))))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _mosaic(
    sub: cython.p_uint,
    cells: cython.p_uint,
    columns: cython.Py_ssize_t,
    down: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    shapes: cython.p_uint,
    reciprocals: cython.p_uint,
) -> cython.void:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    _row: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t
    left: cython.uint
    right: cython.uint
    first: cython.uint
    differ: cython.uint
    part: cython.uint
    parts: cython.uint = 2 * down
    half: cython.uint = down
    all_parts: cython.uint = (1 << (2 * down)) - 1
    flat: cython.uint = 4  # FLAT
    red: cython.uint
    green: cython.uint
    blue: cython.uint
    red_low: cython.uint
    red_high: cython.uint
    green_low: cython.uint
    green_high: cython.uint
    blue_low: cython.uint
    blue_high: cython.uint
    middle: cython.uint
    wide: cython.uint
    shift: cython.uint
    mask: cython.uint
    count: cython.uint
    scale: cython.uint
    rest: cython.uint
    red_all: cython.uint
    green_all: cython.uint
    blue_all: cython.uint
    front: cython.uint
    back: cython.uint
    for y in range(y0, y1):
        for x in range(x0, x1):
            to = 3 * (y * columns + x)
            at = 2 * (down * y * columns + x)
            first = sub[at]
            differ = 0
            for _row in range(down):
                differ |= (sub[at] ^ first) | (sub[at + 1] ^ first)
                at += 2 * columns
            if differ == 0:
                cells[to] = 0x20
                cells[to + 1] = first
                cells[to + 2] = first
                continue
            red_low = green_low = blue_low = 255
            red_high = green_high = blue_high = 0
            red_all = green_all = blue_all = 0
            at -= 2 * columns * down
            for _row in range(down):
                left = sub[at]
                right = sub[at + 1]
                at += 2 * columns
                red = left >> 16 & 255
                green = left >> 8 & 255
                blue = left & 255
                red_all += red
                green_all += green
                blue_all += blue
                red_low = red if red < red_low else red_low
                red_high = red if red > red_high else red_high
                green_low = green if green < green_low else green_low
                green_high = green if green > green_high else green_high
                blue_low = blue if blue < blue_low else blue_low
                blue_high = blue if blue > blue_high else blue_high
                red = right >> 16 & 255
                green = right >> 8 & 255
                blue = right & 255
                red_all += red
                green_all += green
                blue_all += blue
                red_low = red if red < red_low else red_low
                red_high = red if red > red_high else red_high
                green_low = green if green < green_low else green_low
                green_high = green if green > green_high else green_high
                blue_low = blue if blue < blue_low else blue_low
                blue_high = blue if blue > blue_high else blue_high
            # Divide at the middle of the widest channel.
            shift = 8
            wide = green_high - green_low
            middle = green_low + green_high
            if red_high - red_low > wide:
                shift = 16
                wide = red_high - red_low
                middle = red_low + red_high
            if blue_high - blue_low > wide:
                shift = 0
                wide = blue_high - blue_low
                middle = blue_low + blue_high
            if wide <= flat:
                scale = reciprocals[parts]
                front = (
                    ((red_all + half) * scale) >> 16 << 16
                    | ((green_all + half) * scale) >> 16 << 8
                    | ((blue_all + half) * scale) >> 16
                )
                cells[to] = 0x20
                cells[to + 1] = front
                cells[to + 2] = front
                continue
            mask = count = red = green = blue = 0
            part = 1
            at -= 2 * columns * down
            for _row in range(down):
                left = sub[at]
                right = sub[at + 1]
                at += 2 * columns
                if 2 * (left >> shift & 255) > middle:
                    mask |= part
                    count += 1
                    red += left >> 16 & 255
                    green += left >> 8 & 255
                    blue += left & 255
                if 2 * (right >> shift & 255) > middle:
                    mask |= part << 1
                    count += 1
                    red += right >> 16 & 255
                    green += right >> 8 & 255
                    blue += right & 255
                part <<= 2
            scale = reciprocals[count]
            rest = count >> 1
            front = ((red + rest) * scale) >> 16 << 16 | ((green + rest) * scale) >> 16 << 8
            front |= ((blue + rest) * scale) >> 16
            count = parts - count
            scale = reciprocals[count]
            rest = count >> 1
            back = ((red_all - red + rest) * scale) >> 16 << 16 | ((green_all - green + rest) * scale) >> 16 << 8
            back |= ((blue_all - blue + rest) * scale) >> 16
            # One form for each picture: the top left is back, unless there is no such character.
            if shapes[mask] == 0 or (mask & 1 and shapes[all_parts - mask] != 0):
                mask = all_parts - mask
                cells[to + 1] = back
                cells[to + 2] = front
            else:
                cells[to + 1] = front
                cells[to + 2] = back
            cells[to] = shapes[mask]


def mosaic(sub: memoryview, cells: memoryview, columns: int, down: int, rect: tuple[int, int, int, int]) -> None:
    """As :func:`._kernels.quadrants`, with characters of 2x*down* parts: 3 for sextants, 4 for octants."""
    c_sub: cython.p_uint = pointer32(sub)
    c_cells: cython.p_uint = pointer32(cells)
    table = _MOSAICS[down]
    shapes: cython.p_uint = pointer32(table)
    reciprocals: cython.p_uint = pointer32(_RECIPROCALS)
    c_columns: cython.Py_ssize_t = columns
    c_down: cython.Py_ssize_t = down
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    with cython.nogil:
        _mosaic(c_sub, c_cells, c_columns, c_down, x0, y0, x1, y1, shapes, reciprocals)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _brightness(color: cython.uint) -> cython.uint:
    red: cython.uint = color >> 16 & 255
    green: cython.uint = color >> 8 & 255
    blue: cython.uint = color & 255
    if green > red:
        red = green
    return blue if blue > red else red


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _characters(
    sub: cython.p_uint,
    cells: cython.p_uint,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    even: cython.p_uchar,
    shaped: cython.p_uchar,
) -> cython.void:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t
    index: cython.Py_ssize_t
    color: cython.uint
    value: cython.uint
    low: cython.uint
    high: cython.uint
    total: cython.uint
    shape: cython.uint
    place: cython.uint
    red: cython.uint
    green: cython.uint
    blue: cython.uint
    most: cython.uint
    for y in range(y0, y1):
        for x in range(x0, x1):
            at = 2 * (3 * y * columns + x)
            to = 3 * (y * columns + x)
            low = 255
            high = total = shape = red = green = blue = 0
            place = 1
            for index in range(6):
                color = sub[at + (index >> 1) * 2 * columns + (index & 1)]
                value = _brightness(color)
                low = value if value < low else low
                high = value if value > high else high
                total += value
                shape += value * 5 // 256 * place  # TONES
                place *= 5
                red += color >> 16 & 255
                green += color >> 8 & 255
                blue += color & 255
            most = red if red > green else green
            most = blue if blue > most else most
            cells[to] = even[(total + 3) // 6] if high - low < 32 else shaped[shape]
            cells[to + 2] = 0
            if most == 0 or cells[to] == 0x20:
                cells[to] = 0x20
                cells[to + 1] = 0
            else:
                # The character's density shows the brightness, so the colour is as bright as it can be.
                cells[to + 1] = red * 255 // most << 16 | green * 255 // most << 8 | blue * 255 // most


def characters(
    sub: memoryview,
    cells: memoryview,
    columns: int,
    rect: tuple[int, int, int, int],
    even: memoryview,
    shaped: memoryview,
) -> None:
    """Fits a printable character in one colour on black to each 2x3 sub-cells.

    *even* has the character for each brightness of a cell that is much the same all over (256 bytes), *shaped* the one
    for each other: its number has a digit in base TONES for each part, the top left one's last.
    """
    c_sub: cython.p_uint = pointer32(sub)
    c_cells: cython.p_uint = pointer32(cells)
    c_even: cython.p_uchar = pointer(even)
    c_shaped: cython.p_uchar = pointer(shaped)
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    with cython.nogil:
        _characters(c_sub, c_cells, c_columns, x0, y0, x1, y1, c_even, c_shaped)
