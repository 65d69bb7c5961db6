"""The loop that reads a text console: cells of pixels to characters and their two colours.

A pixel is a word whose upper byte does not count.  :mod:`.glyph_table` has the hashes, and :mod:`.glyph_fallback`
does the same with numpy for installations without a C compiler.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import pointer32

COMPILED: bool = cython.compiled


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _find(slots: cython.p_uint, mask: cython.uint, first: cython.uint, second: cython.uint) -> cython.uint:
    at: cython.uint = first & mask
    while slots[3 * at + 2] != 0:
        if slots[3 * at] == first and slots[3 * at + 1] == second:
            return slots[3 * at + 2]
        at = (at + 1) & mask
    return 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _cell(
    words: cython.p_uint,
    at: cython.Py_ssize_t,
    stride: cython.Py_ssize_t,
    across: cython.Py_ssize_t,
    down: cython.Py_ssize_t,
    weights: cython.p_uint,
    slots: cython.p_uint,
    mask: cython.uint,
    total1: cython.uint,
    total2: cython.uint,
    out: cython.p_uint,
    to: cython.Py_ssize_t,
) -> cython.void:
    """Writes character (0 for none), foreground and background, both 0 where there are more colours."""
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    place: cython.Py_ssize_t = at
    word: cython.int
    back: cython.int = words[at] & 0xFFFFFF
    front: cython.int = back
    top: cython.Py_ssize_t = down  # the first row that has two colours
    for y in range(down):
        for x in range(across):
            word = words[place + x] & 0xFFFFFF
            front = word if word != back else front
        if front != back:
            top = y
            break
        place += stride
    low: cython.int = back if back < front else front
    high: cython.int = front if back < front else back
    out[to + 1] = high
    out[to + 2] = low
    if low == high:
        out[to] = 0x20
        return
    other: cython.int = 0
    first: cython.uint = 0
    second: cython.uint = 0
    inside: cython.int
    for y in range(top, down):
        for x in range(across):
            word = words[place + x] & 0xFFFFFF
            inside = -(word == front)
            other |= (word != front) & (word != back)
            first += inside & weights[32 * y + x]
            second += inside & weights[1024 + 32 * y + x]
        if other:
            out[to] = out[to + 1] = out[to + 2] = 0
            return
        place += stride
    all_bits: cython.uint = 0xFFFFFFFF  # a number that C's unsigned keeps by itself
    if front == low:  # the hash of the darker pixels: turn it round
        first = total1 - first
        second = total2 - second
    first &= all_bits
    second &= all_bits
    bright: cython.uint = _find(slots, mask, first, second)
    dark: cython.uint = _find(slots, mask, (total1 - first) & all_bits, (total2 - second) & all_bits)
    if dark != 0 and (bright == 0 or dark >> 24 < bright >> 24):
        out[to] = dark & 0xFFFFFF
        out[to + 1] = low
        out[to + 2] = high
    else:
        out[to] = bright & 0xFFFFFF


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _match(
    words: cython.p_uint,
    stride: cython.Py_ssize_t,
    origin: cython.Py_ssize_t,
    across: cython.Py_ssize_t,
    down: cython.Py_ssize_t,
    columns: cython.Py_ssize_t,
    x0: cython.Py_ssize_t,
    y0: cython.Py_ssize_t,
    x1: cython.Py_ssize_t,
    y1: cython.Py_ssize_t,
    weights: cython.p_uint,
    slots: cython.p_uint,
    mask: cython.uint,
    total1: cython.uint,
    total2: cython.uint,
    limit: cython.Py_ssize_t,
    out: cython.p_uint,
) -> cython.Py_ssize_t:
    x: cython.Py_ssize_t
    y: cython.Py_ssize_t
    at: cython.Py_ssize_t
    to: cython.Py_ssize_t
    unmatched: cython.Py_ssize_t = 0
    for y in range(y0, y1):
        for x in range(x0, x1):
            at = origin + y * down * stride + x * across
            to = 3 * (y * columns + x)
            if across == 8:  # the compiler unrolls it
                _cell(words, at, stride, 8, down, weights, slots, mask, total1, total2, out, to)
            else:
                _cell(words, at, stride, across, down, weights, slots, mask, total1, total2, out, to)
            unmatched += out[to] == 0
        if unmatched > limit:
            break
    return unmatched


def match(
    pixels: memoryview,
    width: int,
    origin: tuple[int, int],
    cell: tuple[int, int],
    columns: int,
    rect: tuple[int, int, int, int],
    weights: memoryview,
    slots: memoryview,
    totals: tuple[int, int],
    limit: int,
    out: memoryview,
) -> int:
    """Reads the cells of *rect* into *out*, three words each: character, foreground, background.  Returns how many
    are no known glyph; their character is 0, and so are their colours if they have more than two.  A cell of one
    colour is a space.

    *pixels* are words, *width* of them in a row; the grid has *columns* cells of *cell* pixels and begins at
    *origin*.  It stops behind a row of cells by which more than *limit* did not match.
    """
    words: cython.p_uint = pointer32(pixels)
    c_weights: cython.p_uint = pointer32(weights)
    c_slots: cython.p_uint = pointer32(slots)
    c_out: cython.p_uint = pointer32(out)
    stride: cython.Py_ssize_t = width
    start: cython.Py_ssize_t = origin[1] * width + origin[0]
    across: cython.Py_ssize_t = cell[0]
    down: cython.Py_ssize_t = cell[1]
    c_columns: cython.Py_ssize_t = columns
    x0: cython.Py_ssize_t = rect[0]
    y0: cython.Py_ssize_t = rect[1]
    x1: cython.Py_ssize_t = rect[2]
    y1: cython.Py_ssize_t = rect[3]
    mask: cython.uint = slots.nbytes // 12 - 1
    total1: cython.uint = totals[0]
    total2: cython.uint = totals[1]
    c_limit: cython.Py_ssize_t = limit
    unmatched: cython.Py_ssize_t
    with cython.nogil:
        unmatched = _match(
            words, stride, start, across, down, c_columns, x0, y0, x1, y1, c_weights, c_slots, mask, total1, total2,
            c_limit, c_out,
        )  # fmt: skip
    return unmatched
