"""The loops of the canvas over words of 0xAARRGGBB: Porter-Duff, ternary operations, interpolation, glyphs.

Interpreted they are exact but slow, and numpy does the same where they are not compiled.  Rectangles in larger
pictures are given by the index of their first pixel and the distance of their rows.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import as_bytes, pointer, pointer16, pointer32

COMPILED: bool = cython.compiled

# Two channels are computed at a time, in the lower bytes of both halves of a word: 0xff00ff.


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def scale(x: cython.uint, a: cython.uint) -> cython.uint:
    """Each channel times a / 255, rounded to nearest."""
    low: cython.uint = (x & 0xFF00FF) * a + 0x800080
    high: cython.uint = (x >> 8 & 0xFF00FF) * a + 0x800080
    low = (low + (low >> 8 & 0xFF00FF)) >> 8 & 0xFF00FF
    high = (high + (high >> 8 & 0xFF00FF)) >> 8 & 0xFF00FF
    return low | high << 8


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def scale4(x: cython.uint, m: cython.uint) -> cython.uint:
    """Each channel times the one of m, by 255."""
    total: cython.uint = 0
    product: cython.uint
    shift: cython.uint
    for shift in range(0, 32, 8):
        product = (x >> shift & 255) * (m >> shift & 255) + 128
        total |= (product + (product >> 8)) >> 8 << shift
    return total


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def add(x: cython.uint, y: cython.uint) -> cython.uint:
    """Each channel of both together, 255 at most."""
    low: cython.uint = (x & 0xFF00FF) + (y & 0xFF00FF)
    high: cython.uint = (x >> 8 & 0xFF00FF) + (y >> 8 & 0xFF00FF)
    low = (low | (0x1000100 - (low >> 8 & 0xFF00FF))) & 0xFF00FF
    high = (high | (0x1000100 - (high >> 8 & 0xFF00FF))) & 0xFF00FF
    return low | high << 8


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _over(
    dest: cython.p_uint,
    at: cython.Py_ssize_t,
    source: cython.p_uint,
    from_: cython.Py_ssize_t,
    step: cython.Py_ssize_t,
    mask: cython.p_uint,
    mask_at: cython.Py_ssize_t,
    mask_step: cython.Py_ssize_t,
    masked: cython.bint,
    width: cython.Py_ssize_t,
    opaque: cython.bint,
) -> cython.void:
    """One row of OVER, through the alpha of a mask if there is one; *opaque*: the destination's top byte becomes 0."""
    index: cython.Py_ssize_t
    s: cython.uint
    a: cython.uint
    for index in range(width):
        s = source[from_ + index * step]
        if masked:
            a = mask[mask_at + index * mask_step] >> 24
            if a == 0:
                s = 0
            elif a != 255:
                s = scale(s, a)
        a = s >> 24
        if a == 255:
            dest[at + index] = s & 0xFFFFFF if opaque else s
        elif s:
            s = add(s, scale(dest[at + index], 255 - a))
            dest[at + index] = s & 0xFFFFFF if opaque else s
        elif opaque:
            dest[at + index] &= 0xFFFFFF


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _over_all(
    dest: cython.p_uint,
    at: cython.Py_ssize_t,
    source: cython.p_uint,
    from_: cython.Py_ssize_t,
    spare: cython.p_uint,
    width: cython.Py_ssize_t,
    opaque: cython.bint,
) -> cython.void:
    """As _over without a mask and a step, in loops without branches, which compilers do sixteen bytes at a time."""
    index: cython.Py_ssize_t
    word: cython.uint
    product: cython.ushort
    total: cython.ushort
    d: cython.p_uchar = as_bytes(dest)
    s: cython.p_uchar = as_bytes(source)
    rest: cython.p_uchar = as_bytes(spare)
    for index in range(width):
        word = 255 - (source[from_ + index] >> 24)
        word |= word << 8
        spare[index] = word | word << 16
    for index in range(width * 4):
        product = d[at * 4 + index] * rest[index] + 128
        total = s[from_ * 4 + index] + ((product + (product >> 8)) >> 8)
        d[at * 4 + index] = 255 if total > 255 else total
    if opaque:
        for index in range(width):
            dest[at + index] &= 0xFFFFFF


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _any(
    dest: cython.p_uint,
    at: cython.Py_ssize_t,
    source: cython.p_uint,
    from_: cython.Py_ssize_t,
    step: cython.Py_ssize_t,
    mask: cython.p_uint,
    mask_at: cython.Py_ssize_t,
    mask_step: cython.Py_ssize_t,
    masked: cython.bint,
    width: cython.Py_ssize_t,
    of_source: cython.int,
    of_dest: cython.int,
    component: cython.bint,
    opaque: cython.bint,
) -> cython.void:
    """One row by factors: 0 nothing, 1 all, 2 the other's alpha, 3 what that leaves."""
    index: cython.Py_ssize_t
    s: cython.uint
    d: cython.uint
    m: cython.uint
    alpha: cython.uint  # of the source, in each channel
    ones: cython.uint = 0xFF00FF
    high: cython.uint = 0xFF
    ones |= ones << 8
    high <<= 24
    for index in range(width):
        s = source[from_ + index * step]
        d = dest[at + index]
        if opaque:
            d |= high
        alpha = (s >> 24) * 0x1010101
        if masked:
            m = mask[mask_at + index * mask_step]
            if component:
                alpha = scale(m, s >> 24)
                s = scale4(s, m)
            else:
                s = scale(s, m >> 24)
                alpha = (s >> 24) * 0x1010101
        m = d >> 24
        if of_source == 0:
            s = 0
        elif of_source == 2:
            s = scale(s, m)
        elif of_source == 3:
            s = scale(s, 255 - m)
        if of_dest == 0:
            d = 0
        elif of_dest == 2:
            d = scale4(d, alpha)
        elif of_dest == 3:
            d = scale4(d, alpha ^ ones)
        s = add(s, d)
        dest[at + index] = s & 0xFFFFFF if opaque else s


def combine(
    dest: memoryview,
    at: cython.Py_ssize_t,
    stride: cython.Py_ssize_t,
    source: memoryview,
    source_stride: cython.Py_ssize_t,
    source_step: cython.Py_ssize_t,
    mask: memoryview | None,
    mask_stride: cython.Py_ssize_t,
    mask_step: cython.Py_ssize_t,
    size: tuple[int, int],
    factors: tuple[int, int],
    component: cython.bint,
    opaque: cython.bint,
) -> None:
    """Porter-Duff in place; steps and strides of 0 repeat a pixel. *opaque*: the destination has no alpha, X is 0."""
    d: cython.p_uint = pointer32(dest)
    s: cython.p_uint = pointer32(source)
    m: cython.p_uint = pointer32(source if mask is None else mask)
    masked: cython.bint = mask is not None
    width: cython.Py_ssize_t = size[0]
    height: cython.Py_ssize_t = size[1]
    of_source: cython.int = factors[0]
    of_dest: cython.int = factors[1]
    simple: cython.bint = of_source == 1 and of_dest == 3 and not component
    row: cython.Py_ssize_t
    room: bytearray = bytearray(width * 4)
    spare: cython.p_uint = pointer32(memoryview(room))
    with cython.nogil:
        for row in range(height):
            if simple and not masked and source_step == 1 and width >= 8:
                _over_all(d, at + row * stride, s, row * source_stride, spare, width, opaque)
            elif simple:
                _over(
                    d,
                    at + row * stride,
                    s,
                    row * source_stride,
                    source_step,
                    m,
                    row * mask_stride,
                    mask_step,
                    masked,
                    width,
                    opaque,
                )
            else:
                _any(
                    d,
                    at + row * stride,
                    s,
                    row * source_stride,
                    source_step,
                    m,
                    row * mask_stride,
                    mask_step,
                    masked,
                    width,
                    of_source,
                    of_dest,
                    component,
                    opaque,
                )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _ternary(
    out: cython.p_uint,
    to: cython.Py_ssize_t,
    dest: cython.p_uint,
    at: cython.Py_ssize_t,
    source: cython.p_uint,
    from_: cython.Py_ssize_t,
    pattern: cython.p_uint,
    pattern_at: cython.Py_ssize_t,
    step: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    code: cython.uint,
) -> cython.void:
    index: cython.Py_ssize_t
    d: cython.uint
    s: cython.uint
    p: cython.uint
    low: cython.uint
    high: cython.uint
    # For each pair of pattern and source bits: what d=0 gives, and whether d=1 gives something else.
    a0: cython.uint = 0 - (code & 1)
    a1: cython.uint = 0 - (code >> 2 & 1)
    a2: cython.uint = 0 - (code >> 4 & 1)
    a3: cython.uint = 0 - (code >> 6 & 1)
    b0: cython.uint = 0 - ((code ^ code >> 1) & 1)
    b1: cython.uint = 0 - ((code >> 2 ^ code >> 3) & 1)
    b2: cython.uint = 0 - ((code >> 4 ^ code >> 5) & 1)
    b3: cython.uint = 0 - ((code >> 6 ^ code >> 7) & 1)
    if not cython.compiled:
        whole = 0xFFFFFFFF
        a0, a1, a2, a3, b0, b1, b2, b3 = (v & whole for v in (a0, a1, a2, a3, b0, b1, b2, b3))
    for index in range(width):
        d = dest[at + index]
        s = source[from_ + index]
        p = pattern[pattern_at + index * step]
        low = a0 ^ d & b0
        low ^= s & (low ^ a1 ^ d & b1)
        high = a2 ^ d & b2
        high ^= s & (high ^ a3 ^ d & b3)
        out[to + index] = low ^ p & (low ^ high)


def ternary(
    out: memoryview,
    dest: memoryview,
    at: cython.Py_ssize_t,
    stride: cython.Py_ssize_t,
    source: memoryview,
    from_: cython.Py_ssize_t,
    source_stride: cython.Py_ssize_t,
    pattern: memoryview,
    pattern_stride: cython.Py_ssize_t,
    pattern_step: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    code: cython.uint,
) -> None:
    """Bit 4p + 2s + d of *code* for the bits of pattern, source and destination, into packed rows of *out*."""
    o: cython.p_uint = pointer32(out)
    d: cython.p_uint = pointer32(dest)
    s: cython.p_uint = pointer32(source)
    p: cython.p_uint = pointer32(pattern)
    row: cython.Py_ssize_t
    with cython.nogil:
        for row in range(height):
            _ternary(
                o,
                row * width,
                d,
                at + row * stride,
                s,
                from_ + row * source_stride,
                p,
                row * pattern_stride,
                pattern_step,
                width,
                code,
            )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _across(
    line: cython.p_ushort,
    at: cython.Py_ssize_t,
    pixels: cython.p_uint,
    start: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    x: cython.longlong,
    step: cython.longlong,
    count: cython.Py_ssize_t,
    high: cython.uint,
) -> cython.void:
    """128 times each channel between two columns of one row; what is outside is transparent black."""
    _: cython.Py_ssize_t
    column: cython.longlong
    right: cython.uint
    left: cython.uint
    west: cython.uint
    east: cython.uint
    even: cython.uint
    odd: cython.uint
    for _ in range(count):
        column = x >> 16
        right = x >> 9 & 127
        left = 128 - right
        x += step
        west = pixels[start + column] | high if 0 <= column < width else 0
        east = pixels[start + column + 1] | high if -1 <= column < width - 1 else 0
        even = (west & 0xFF00FF) * left + (east & 0xFF00FF) * right
        odd = (west >> 8 & 0xFF00FF) * left + (east >> 8 & 0xFF00FF) * right
        line[at] = even & 0xFFFF
        line[at + 1] = odd & 0xFFFF
        line[at + 2] = even >> 16
        line[at + 3] = odd >> 16
        at += 4


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _down(
    out: cython.p_uchar,
    to: cython.Py_ssize_t,
    lines: cython.p_ushort,
    upper: cython.Py_ssize_t,
    lower: cython.Py_ssize_t,
    down: cython.uint,
    count: cython.Py_ssize_t,
) -> cython.void:
    index: cython.Py_ssize_t
    up: cython.uint = 128 - down
    for index in range(count):
        out[to + index] = (lines[upper + index] * up + lines[lower + index] * down) >> 14


def bilinear(
    out: memoryview,
    pixels: memoryview,
    stride: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    x: cython.longlong,
    step_x: cython.longlong,
    y: cython.longlong,
    step_y: cython.longlong,
    columns: cython.Py_ssize_t,
    rows: cython.Py_ssize_t,
    opaque: cython.bint,
) -> None:
    """Centres (x + i step_x, y + j step_y) less a half, in 16.16, into packed rows; outside is transparent black.

    *out* are bytes: blue, green, red, alpha. A row of the picture is done once for all that lie beside it.
    """
    o: cython.p_uchar = pointer(out)
    p: cython.p_uint = pointer32(pixels)
    size: cython.Py_ssize_t = 4 * columns
    room = bytearray(6 * size)  # two rows and one of nothing, 16 bits for each channel
    lines: cython.p_ushort = pointer16(memoryview(room))
    high: cython.uint = 0xFF if opaque else 0
    above: cython.longlong = -1  # the rows of the picture that lie at 0 and at `size`
    below: cython.longlong = -1
    upper: cython.Py_ssize_t
    lower: cython.Py_ssize_t
    line: cython.longlong
    row: cython.Py_ssize_t
    high <<= 24
    with cython.nogil:
        for row in range(rows):
            line = y >> 16
            upper = lower = 2 * size
            if 0 <= line < height:
                if line != above and line != below:
                    if below == line + 1:
                        above = line
                        _across(lines, 0, p, line * stride, width, x, step_x, columns, high)
                    else:
                        below = line
                        _across(lines, size, p, line * stride, width, x, step_x, columns, high)
                upper = 0 if above == line else size
            if -1 <= line < height - 1:
                if line + 1 != above and line + 1 != below:
                    if upper == 0:
                        below = line + 1
                        _across(lines, size, p, (line + 1) * stride, width, x, step_x, columns, high)
                    else:
                        above = line + 1
                        _across(lines, 0, p, (line + 1) * stride, width, x, step_x, columns, high)
                lower = 0 if above == line + 1 else size
            _down(o, row * size, lines, upper, lower, y >> 9 & 127, size)
            y += step_y


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _within(index: cython.longlong, size: cython.longlong, repeat: cython.int) -> cython.longlong:
    """Inside of a picture of that size by its repeat mode (none, normal, pad, reflect); -1 for nothing."""
    if 0 <= index < size:
        return index
    if repeat == 0:
        return -1
    if repeat == 2:
        return 0 if index < 0 else size - 1
    if repeat == 1:
        index %= size
        return index + size if index < 0 else index
    index %= 2 * size
    if index < 0:
        index += 2 * size
    return index if index < size else 2 * size - 1 - index


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _mixed(
    a: cython.uint, b: cython.uint, across: cython.uint, c: cython.uint, d: cython.uint, down: cython.uint
) -> cython.uint:
    """Between the upper two pixels and the lower two, by weights of seven bits."""
    total: cython.uint = 0
    shift: cython.uint
    upper: cython.uint
    lower: cython.uint
    for shift in range(0, 32, 8):
        upper = (a >> shift & 255) * (128 - across) + (b >> shift & 255) * across
        lower = (c >> shift & 255) * (128 - across) + (d >> shift & 255) * across
        total |= (upper * (128 - down) + lower * down) >> 14 << shift
    return total


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _transformed(
    out: cython.p_uint,
    to: cython.Py_ssize_t,
    pixels: cython.p_uint,
    stride: cython.Py_ssize_t,
    width: cython.longlong,
    height: cython.longlong,
    x: cython.longlong,
    y: cython.longlong,
    step_x: cython.longlong,
    step_y: cython.longlong,
    count: cython.Py_ssize_t,
    repeat: cython.int,
    smooth: cython.bint,
    high: cython.uint,
) -> cython.void:
    """One row; x and y are in 16.16 the pixel that counts, or the upper left one of four."""
    index: cython.Py_ssize_t
    left: cython.longlong
    right: cython.longlong
    top: cython.longlong
    bottom: cython.longlong
    a: cython.uint
    b: cython.uint
    c: cython.uint
    d: cython.uint
    for index in range(count):
        left = _within(x >> 16, width, repeat)
        top = _within(y >> 16, height, repeat)
        a = pixels[top * stride + left] | high if left >= 0 and top >= 0 else 0
        if smooth:
            right = _within((x >> 16) + 1, width, repeat)
            bottom = _within((y >> 16) + 1, height, repeat)
            b = pixels[top * stride + right] | high if right >= 0 and top >= 0 else 0
            c = pixels[bottom * stride + left] | high if left >= 0 and bottom >= 0 else 0
            d = pixels[bottom * stride + right] | high if right >= 0 and bottom >= 0 else 0
            a = _mixed(a, b, x >> 9 & 127, c, d, y >> 9 & 127)
        out[to + index] = a
        x += step_x
        y += step_y


def transformed(
    out: memoryview,
    size: tuple[int, int],
    pixels: memoryview,
    stride: cython.Py_ssize_t,
    picture: tuple[int, int],
    place: tuple[int, int],
    across: tuple[int, int],
    down: tuple[int, int],
    repeat: cython.int,
    smooth: cython.bint,
    opaque: cython.bint,
) -> None:
    """A picture under a transformation into packed rows of *out*; sizes are (width, height).

    *place* in 16.16 is where the first pixel comes from, *across* and *down* how far the next one in a row and in a
    column is from it. Nearest takes the pixel there, *smooth* the four whose upper left one that is.
    """
    o: cython.p_uint = pointer32(out)
    p: cython.p_uint = pointer32(pixels)
    count: cython.Py_ssize_t = size[0]
    rows: cython.Py_ssize_t = size[1]
    width: cython.longlong = picture[0]
    height: cython.longlong = picture[1]
    x: cython.longlong = place[0]
    y: cython.longlong = place[1]
    across_x: cython.longlong = across[0]
    across_y: cython.longlong = across[1]
    down_x: cython.longlong = down[0]
    down_y: cython.longlong = down[1]
    high: cython.uint = 0xFF if opaque else 0
    row: cython.Py_ssize_t
    high <<= 24
    with cython.nogil:
        for row in range(rows):
            _transformed(
                o,
                row * count,
                p,
                stride,
                width,
                height,
                x + row * down_x,
                y + row * down_y,
                across_x,
                across_y,
                count,
                repeat,
                smooth,
                high,
            )


def glyph(
    out: memoryview,
    at: cython.Py_ssize_t,
    stride: cython.Py_ssize_t,
    data: memoryview,
    row_bytes: cython.Py_ssize_t,
    bits: cython.int,
    left: cython.Py_ssize_t,
    top: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    rows: cython.Py_ssize_t,
) -> None:
    """A part of a glyph of *rows* rows, which come bottom first, into bytes of coverage; see draw_text._nibbles."""
    o: cython.p_uchar = pointer(out)
    d: cython.p_uchar = pointer(data)
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    line: cython.Py_ssize_t
    to: cython.Py_ssize_t
    value: cython.uint
    byte: cython.uint
    with cython.nogil:
        for y in range(height):
            line = (rows - 1 - top - y) * row_bytes
            to = at + y * stride
            for x in range(left, left + width):
                if bits == 8:
                    value = byte = d[line + x]
                elif bits == 1:
                    value = byte = 255 if d[line + (x >> 3)] & (0x80 >> (x & 7)) else 0
                else:
                    byte = d[line + (x >> 1)]
                    byte = byte << 4 if x & 1 else byte & 0xF0
                    value = byte & 0xFF
                if byte > o[to]:
                    o[to] = value
                to += 1
