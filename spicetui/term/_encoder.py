"""The loop that makes bytes of cells.

Interpreted it is exact but slow, and :mod:`.fallback` does the same with numpy.  A cell is three words: character,
foreground, background.  A colour is a word 0x00RRGGBB; with INDEXED set its low byte is a number of the palette, of
which 0 … 15 are the standard colours; DEFAULT is the terminal's own.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

from spicetui.term import blocks

if not cython.compiled:
    from spicetui._cython import pointer, pointer16, pointer32

COMPILED: bool = cython.compiled
INDEXED = 0x01000000
DEFAULT = 0x02000000
CELL_BYTES = 64  # at most, of one encoded cell with its cursor movement
COARSE, AGAIN = 1, 2  # marks of cells: shown at less than full quality; to be sent again, in full


def _place(code: int) -> int:
    """Where a character's complement is in the table; 0 where it has none."""
    if 0x2580 <= code < 0x25A0:
        return code - 0x2580 + 1
    if 0x1CD00 <= code < 0x1CE00:
        return code - 0x1CD00 + 33
    if 0x1FB00 <= code < 0x1FB40:
        return code - 0x1FB00 + 289
    return 0


def _complements() -> memoryview:
    view = memoryview(bytearray(4 * 353)).cast("I")
    for code, other in blocks.complements().items():
        view[_place(code)] = other
    return view


def _decimals() -> bytes:
    """For 0 … 255: how many digits, and the digits."""
    return b"".join(bytes((len(str(n)),)) + str(n).encode().ljust(3) for n in range(256))


_COMPLEMENTS = _complements()
_DECIMALS = memoryview(_decimals())


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
    """Writes ``38;2;R;G;B`` (layer 3) or ``48;…`` (layer 4), or what is shorter for colours that are no words.

    22 goes before dark foregrounds: on the Linux console bright ones are bold, and it remains.
    """
    if color & 0x02000000:
        return _put_byte(out, at, 10 * layer + 9, decimals)
    if color & 0x01000000 and (color & 255) < 16:
        color &= 255
        if color < 8 and layer == 3:
            out[at] = out[at + 1] = 50
            out[at + 2] = 59
            at += 3
        return _put_byte(out, at, 10 * layer + color if color < 8 else 10 * layer + 52 + color, decimals)
    out[at] = 48 + layer
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
@cython.inline
@cython.exceptval(check=False)
def _near(a: cython.uint, b: cython.uint, zone: cython.uint) -> cython.bint:
    """Whether no channel of two colours differs by more than *zone*; colours that are no words must be the same."""
    red: cython.int = (a >> 16 & 255) - (b >> 16 & 255)
    green: cython.int = (a >> 8 & 255) - (b >> 8 & 255)
    blue: cython.int = (a & 255) - (b & 255)
    most: cython.int = zone
    if (a | b) >> 24:
        return a == b
    return -most <= red <= most and -most <= green <= most and -most <= blue <= most


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _coarse(color: cython.uint, bits: cython.uint, palette: cython.p_ushort) -> cython.uint:
    """A colour word with fewer bits a channel; with 0 bits one of the palette."""
    mask: cython.uint
    if color >> 24:
        return color
    if bits == 0:
        return 0x01000000 | palette[color >> 9 & 0x7C00 | color >> 6 & 0x3E0 | color >> 3 & 0x1F]
    mask = 0xFF >> bits
    color &= (255 ^ mask) * 0x010101
    return color | (color >> bits & mask * 0x010101)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _complement(code: cython.uint, complements: cython.p_uint) -> cython.uint:
    if 0x2580 <= code < 0x25A0:
        return complements[code - 0x2580 + 1]
    if 0x1CD00 <= code < 0x1CE00:
        return complements[code - 0x1CD00 + 33]
    if 0x1FB00 <= code < 0x1FB40:
        return complements[code - 0x1FB00 + 289]
    return 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _encode(
    wanted: cython.p_uint,
    held: cython.p_uint,
    marks: cython.p_uchar,
    owned: cython.p_uchar,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    left: cython.uint,
    top: cython.uint,
    whole: cython.bint,
    zone: cython.uint,
    bits: cython.uint,
    palette: cython.p_ushort,
    complements: cython.p_uint,
    decimals: cython.p_uchar,
    out: cython.p_uchar,
) -> cython.Py_ssize_t:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    cursor: cython.Py_ssize_t
    n: cython.Py_ssize_t = 0
    fore: cython.uint = 0x02000000  # DEFAULT
    back: cython.uint = 0x02000000
    code: cython.uint
    front: cython.uint
    behind: cython.uint
    other: cython.uint
    mark: cython.uint
    full: cython.bint = bits == 8 and zone == 0
    for y in range(y0, y1):
        cursor = -1
        for x in range(x0, x1):
            at = 3 * (y * columns + x)
            code = wanted[at]
            front = wanted[at + 1]
            behind = wanted[at + 2]
            mark = 0
            if not whole:
                if not owned[y * columns + x]:
                    continue
                mark = marks[y * columns + x]
                if mark != 2 and held[at] == code and held[at + 1] == front and held[at + 2] == behind:
                    continue
                if not full and mark != 2:
                    if held[at] == code and _near(held[at + 1], front, zone) and _near(held[at + 2], behind, zone):
                        marks[y * columns + x] = 1
                        continue
                    mark = 1
                else:
                    mark = 0
            held[at] = code
            held[at + 1] = front
            held[at + 2] = behind
            marks[y * columns + x] = 0
            if mark:
                other = front
                front = _coarse(front, bits, palette)
                if front != other:
                    marks[y * columns + x] = 1
                other = behind
                behind = _coarse(behind, bits, palette)
                if behind != other:
                    marks[y * columns + x] = 1
                if front == behind and front < 0x02000000:  # DEFAULT is two colours
                    code = 0x20
            if code == 0x20:
                # Not a full block of the foreground: fonts leave seams between those.
                front = fore
            elif (front == back) + (behind == fore) > (front == fore) + (behind == back) and not (
                front & 0x01000000 and front & 0xF8 == 8  # which the Linux console has no background for
            ):
                other = _complement(code, complements)
                if other:
                    code = other
                    other = front
                    front = behind
                    behind = other
            if not whole and cursor != x:
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
            cursor = x + 1
            if front != fore or behind != back:
                out[n] = 0x1B
                out[n + 1] = 0x5B
                n += 2
                if front != fore:
                    n = _put_color(out, n, 3, front, decimals)
                    if behind != back:
                        out[n] = 0x3B
                        n += 1
                if behind != back:
                    n = _put_color(out, n, 4, behind, decimals)
                out[n] = 0x6D
                n += 1
                fore = front
                back = behind
            n = _put_character(out, n, code)
    if fore != 0x02000000 or back != 0x02000000:
        out[n] = 0x1B
        out[n + 1] = 0x5B
        out[n + 2] = 0x6D
        n += 3
    return n


def encode(
    wanted: memoryview,
    held: memoryview,
    marks: memoryview,
    owned: memoryview,
    columns: int,
    rect: tuple[int, int, int, int],
    origin: tuple[int, int],
    whole: bool,
    quality: tuple[int, int],
    palette: memoryview,
    out: memoryview,
) -> int:
    """Writes what makes the terminal show *wanted* inside *rect*, notes it in *held*, returns the number of bytes.

    *whole*: every cell in full quality, from the cursor's place on and without moving it (a part of one row);
    otherwise the cells that are owned and differ.  *origin* is the place of cell (0, 0) on the terminal, from 0.

    *quality* is a dead zone (a cell is left alone if no channel of its colours has changed more) and the bits of each
    channel that are sent, 8 for all, 4 at least, or 0 for a number of *palette* (16-bit, by 15-bit colour).  Cells
    that do not show what is wanted are marked COARSE; those marked AGAIN are sent in full whatever the quality.

    Begins and ends with the terminal's default colours; *out* has CELL_BYTES for each cell and 8 more.
    """
    c_wanted: cython.p_uint = pointer32(wanted)
    c_held: cython.p_uint = pointer32(held)
    c_marks: cython.p_uchar = pointer(marks)
    c_owned: cython.p_uchar = pointer(owned)
    c_out: cython.p_uchar = pointer(out)
    c_palette: cython.p_ushort = pointer16(palette)
    complements: cython.p_uint = pointer32(_COMPLEMENTS)
    decimals: cython.p_uchar = pointer(_DECIMALS)
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    left: cython.uint = origin[0]
    top: cython.uint = origin[1]
    c_whole: cython.bint = whole
    zone: cython.uint = quality[0]
    bits: cython.uint = quality[1]
    size: cython.Py_ssize_t
    with cython.nogil:
        size = _encode(
            c_wanted, c_held, c_marks, c_owned, c_columns, x0, y0, x1, y1, left, top,
            c_whole, zone, bits, c_palette, complements, decimals, c_out,
        )  # fmt: skip
    return size
