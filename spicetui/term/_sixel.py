"""The loops of the sixel backend: colours to a palette, pixels to palette indexes, indexes to sixels.

:mod:`.sixel_fallback` does the same with numpy.  A pixel is a word 0x00RRGGBB; colours are told apart by their upper
five bits a channel.  A table has a 16-bit entry for each of these 32768 colours: UNKNOWN, or a palette index with
STRANGER and FAR.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import load64, pointer, pointer16, pointer32

COMPILED: bool = cython.compiled
COLORS = 1 << 15
UNKNOWN = 0xFFFF
STRANGER = 0x100  # a colour that was not in the picture which the palette was made for
FAR = 0x200  # and that no colour of the palette comes near
MOST_PIXELS = 1 << 24  # that `histogram` can count
GAP = 32  # columns that a run of a colour may go on over


def _decimals() -> bytes:
    """For 0 … 999: how many digits, and the digits."""
    return b"".join(bytes((len(str(n)),)) + str(n).encode().ljust(3) for n in range(1000))


_DECIMALS = memoryview(_decimals())


def histogram(words: memoryview, step: int, counts: memoryview, sums: memoryview) -> None:
    """Adds every *step*-th pixel to *counts* (a word a colour) and *sums* (red, green, blue a colour)."""
    c_words: cython.p_uint = pointer32(words)
    c_counts: cython.p_uint = pointer32(counts)
    c_sums: cython.p_uint = pointer32(sums)
    size: cython.Py_ssize_t = words.nbytes // 4
    c_step: cython.Py_ssize_t = step
    at: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t
    color: cython.uint
    count: cython.uint
    word: cython.uint
    with cython.nogil:
        while at < size:
            word = c_words[at]
            start = at
            at += c_step
            while at < size and c_words[at] == word:
                at += c_step
            count = (at - start) // c_step
            color = (word >> 9 & 0x7C00) | (word >> 6 & 0x3E0) | (word >> 3 & 0x1F)
            c_counts[color] += count
            c_sums[3 * color] += count * (word >> 16 & 255)
            c_sums[3 * color + 1] += count * (word >> 8 & 255)
            c_sums[3 * color + 2] += count * (word & 255)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _measure(
    bins: cython.p_uint,
    counts: cython.p_uint,
    levels: cython.p_uint,
    boxes: cython.p_uint,
    box: cython.Py_ssize_t,
) -> cython.void:
    """Notes of a box (start, end, error, cut) its error along the worst axis and where to cut that in two.

    The cut is shift << 8 | the first level of the upper part.
    """
    index: cython.Py_ssize_t
    level: cython.uint
    axis: cython.uint
    color: cython.uint
    count: cython.uint
    number: cython.ulonglong
    many: cython.ulonglong
    total: cython.ulonglong
    squares: cython.ulonglong
    error: cython.ulonglong
    below: cython.ulonglong
    below_total: cython.ulonglong
    gain: cython.ulonglong
    best: cython.ulonglong
    worst: cython.ulonglong = 0
    cut: cython.uint = 0
    for index in range(96):
        levels[index] = 0
    for index in range(boxes[4 * box], boxes[4 * box + 1]):
        color = bins[index]
        count = counts[color]
        levels[color & 31] += count
        levels[32 + (color >> 5 & 31)] += count
        levels[64 + (color >> 10)] += count
    for axis in range(3):
        many = total = squares = 0
        for level in range(32):
            number = levels[32 * axis + level]
            many += number
            total += level * number
            squares += level * level * number
        error = squares - total * total // many
        if error <= worst:
            continue
        worst = error
        best = below = below_total = 0
        for level in range(31):
            number = levels[32 * axis + level]
            below += number
            below_total += level * number
            if below == 0 or below == many:
                continue
            gain = below_total * below_total // below
            gain += (total - below_total) * (total - below_total) // (many - below)
            if gain > best:
                best = gain
                cut = 5 * axis << 8 | (level + 1)
    boxes[4 * box + 2] = worst
    boxes[4 * box + 3] = cut


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _split(bins: cython.p_uint, boxes: cython.p_uint, box: cython.Py_ssize_t, other: cython.Py_ssize_t) -> cython.void:
    """Moves the upper part of a box, at its cut, to another."""
    low: cython.Py_ssize_t = boxes[4 * box]
    high: cython.Py_ssize_t = boxes[4 * box + 1]
    shift: cython.uint = boxes[4 * box + 3] >> 8
    level: cython.uint = boxes[4 * box + 3] & 255
    color: cython.uint
    boxes[4 * other + 1] = high
    while low < high:
        color = bins[low]
        if (color >> shift & 31) < level:
            low += 1
        else:
            high -= 1
            bins[low] = bins[high]
            bins[high] = color
    boxes[4 * box + 1] = low
    boxes[4 * other] = low


def cut(counts: memoryview, sums: memoryview, limit: int, table: memoryview, palette: memoryview) -> tuple[int, int]:
    """Makes *table* and *palette* of a histogram: at most *limit* (1 … 256) colours.

    Returns how many there are, and the sum of the squared errors (in 15-bit colours); 0 when each has its own.
    """
    c_counts: cython.p_uint = pointer32(counts)
    c_sums: cython.p_uint = pointer32(sums)
    c_table: cython.p_ushort = pointer16(table)
    c_palette: cython.p_uint = pointer32(palette)
    room = memoryview(bytearray(4 * (COLORS + 96 + 4 * 256)))
    bins: cython.p_uint = pointer32(room)
    levels: cython.p_uint = pointer32(room[4 * COLORS :])
    boxes: cython.p_uint = pointer32(room[4 * (COLORS + 96) :])
    c_limit: cython.Py_ssize_t = limit
    colors: cython.Py_ssize_t = 1 << 15  # COLORS
    unknown: cython.uint = 0xFFFF  # UNKNOWN
    used: cython.Py_ssize_t = 0
    known: cython.Py_ssize_t = 1
    box: cython.Py_ssize_t
    worst: cython.Py_ssize_t
    index: cython.Py_ssize_t
    color: cython.uint
    red: cython.ulonglong
    green: cython.ulonglong
    blue: cython.ulonglong
    many: cython.ulonglong
    error: cython.ulonglong = 0
    with cython.nogil:
        for index in range(colors):
            c_table[index] = unknown
            if c_counts[index]:
                bins[used] = index
                used += 1
        if used <= c_limit:
            known = used
            for index in range(used):
                boxes[4 * index] = index
                boxes[4 * index + 1] = index + 1
        else:
            boxes[0] = 0
            boxes[1] = used
            _measure(bins, c_counts, levels, boxes, 0)
            while known < c_limit:
                worst = 0
                for box in range(1, known):
                    if boxes[4 * box + 2] > boxes[4 * worst + 2]:
                        worst = box
                _split(bins, boxes, worst, known)
                _measure(bins, c_counts, levels, boxes, worst)
                _measure(bins, c_counts, levels, boxes, known)
                known += 1
            for box in range(known):
                error += boxes[4 * box + 2]
        for box in range(known):
            red = green = blue = many = 0
            for index in range(boxes[4 * box], boxes[4 * box + 1]):
                color = bins[index]
                c_table[color] = box
                many += c_counts[color]
                red += c_sums[3 * color]
                green += c_sums[3 * color + 1]
                blue += c_sums[3 * color + 2]
            red = (red + (many >> 1)) // many
            green = (green + (many >> 1)) // many
            blue = (blue + (many >> 1)) // many
            c_palette[box] = red << 16 | green << 8 | blue
    return known, error


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _distance(one: cython.uint, other: cython.uint) -> cython.uint:
    """Squared: red 3, green 4, blue 2 times."""
    red: cython.int = one >> 16 & 255
    green: cython.int = one >> 8 & 255
    blue: cython.int = one & 255
    red -= other >> 16 & 255
    green -= other >> 8 & 255
    blue -= other & 255
    return 3 * red * red + 4 * green * green + 2 * blue * blue


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _nearest(palette: cython.p_uint, known: cython.uint, word: cython.uint, near: cython.uint) -> cython.uint:
    """The entry for a colour that is not the palette's own; the least index wins ties."""
    index: cython.uint
    best: cython.uint = 0
    least: cython.uint = 0xFFFFFFFF
    distance: cython.uint
    for index in range(known):
        distance = _distance(palette[index], word)
        if distance < least:
            least = distance
            best = index
    best |= 0x100  # STRANGER
    if least > near:
        best |= 0x200  # FAR
    return best


def index(
    words: memoryview,
    width: int,
    table: memoryview,
    palette: memoryview,
    known: int,
    limit: int,
    near: int,
    calm: int,
    out: memoryview,
) -> tuple[int, int, int]:
    """Writes the palette index of each pixel to *out* and notes colours that are new in *table*.

    A pixel gets its left neighbour's index where the squared distance to that colour is at most *calm*, unless that
    is 0; lines have *width* pixels.  Of the others, a new colour becomes one of the palette's own where it has
    *known* < *limit* colours; else it is a stranger: the nearest stands for it, FAR where the squared distance is
    above *near*.  With *near* < 0 the first stranger ends it, and *out* stays incomplete.
    Returns how many colours there are now, and how many strangers' pixels and how many far ones there were.
    """
    c_words: cython.p_uint = pointer32(words)
    c_table: cython.p_ushort = pointer16(table)
    c_palette: cython.p_uint = pointer32(palette)
    c_out: cython.p_uchar = pointer(out)
    size: cython.Py_ssize_t = words.nbytes // 4
    at: cython.Py_ssize_t
    c_known: cython.uint = known
    c_limit: cython.uint = limit
    strict: cython.bint = near < 0
    c_near: cython.uint = 0 if near < 0 else near
    c_width: cython.Py_ssize_t = width
    c_calm: cython.uint = calm
    x: cython.Py_ssize_t = 0  # how many pixels of the line are left
    last: cython.uint = 0
    word: cython.uint
    color: cython.uint
    entry: cython.uint = 0
    strangers: cython.uint = 0
    far: cython.uint = 0
    with cython.nogil:
        for at in range(size):
            word = c_words[at]
            if c_calm:
                if x and _distance(last, word) <= c_calm:
                    c_out[at] = entry
                    x -= 1
                    continue
                x = x - 1 if x else c_width - 1
            color = (word >> 9 & 0x7C00) | (word >> 6 & 0x3E0) | (word >> 3 & 0x1F)
            entry = c_table[color]
            if entry > 255:
                if entry == 0xFFFF:  # UNKNOWN
                    if c_known < c_limit:
                        entry = c_known
                        c_palette[c_known] = word & 0xFFFFFF
                        c_known += 1
                    elif strict:
                        strangers = 1
                        break
                    else:
                        entry = _nearest(
                            c_palette,
                            c_known,
                            (color << 9 & 0xF80000) | (color << 6 & 0xF800) | (color << 3 & 0xF8) | 0x040404,
                            c_near,
                        )
                    c_table[color] = entry
                if entry > 255:
                    strangers += 1
                    if entry & 0x200:  # FAR
                        far += 1
                    entry &= 255
            last = c_palette[entry]
            c_out[at] = entry
    return c_known, strangers, far


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _put_number(
    out: cython.p_uchar, at: cython.Py_ssize_t, value: cython.uint, decimals: cython.p_uchar
) -> cython.Py_ssize_t:
    """Writes 0 … 999999 in decimal, and up to two bytes behind it."""
    size: cython.int
    if value > 999:
        at = _put_number(out, at, value // 1000, decimals)
        value %= 1000
        out[at] = 48 + value // 100
        out[at + 1] = 48 + value // 10 % 10
        out[at + 2] = 48 + value % 10
        return at + 3
    size = decimals[4 * value]
    out[at] = decimals[4 * value + 1]
    out[at + 1] = decimals[4 * value + 2]
    out[at + 2] = decimals[4 * value + 3]
    return at + size


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _put_run(
    out: cython.p_uchar, at: cython.Py_ssize_t, count: cython.uint, value: cython.uint, decimals: cython.p_uchar
) -> cython.Py_ssize_t:
    """Writes a sixel so many times, and up to three bytes behind that."""
    if count > 3:
        out[at] = 0x21  # !
        at = _put_number(out, at + 1, count, decimals)
        out[at] = value
        return at + 1
    out[at] = value
    out[at + 1] = value
    out[at + 2] = value
    return at + count


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _changes(
    indexes: cython.p_uchar,
    start: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    rows: cython.uint,
    marks: cython.p_uchar,
) -> cython.void:
    """Marks the columns that differ from the one before; eight more marks are set behind the last."""
    x: cython.Py_ssize_t
    row: cython.uint
    at: cython.Py_ssize_t
    for x in range(width):
        marks[x] = 0
    for x in range(width, width + 8):
        marks[x] = 1
    for row in range(rows):
        at = start + row * width
        for x in range(1, width):
            marks[x] |= indexes[at + x] ^ indexes[at + x - 1]


# A colour's runs in a band are a list of events: first column, end, next event << 6 | the rows as sixel bits.


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _collect(
    indexes: cython.p_uchar,
    start: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    rows: cython.uint,
    marks: cython.p_uchar,
    heads: cython.p_uint,
    tails: cython.p_uint,
    counts: cython.p_uint,
    used: cython.p_uint,
    firsts: cython.p_uint,
    ends: cython.p_uint,
    links: cython.p_uint,
) -> cython.Py_ssize_t:
    """The events of a band; returns how many colours it has, which are in *used* by their first column and row."""
    x: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    event: cython.uint = 1
    column: cython.uint
    row: cython.uint
    color: cython.uint
    tail: cython.uint
    count: cython.Py_ssize_t = 0
    while x < width:
        end = x + 1
        while marks[end] == 0:
            if load64(marks, end) == 0:
                end += 8
            else:
                end += 1
        if end > width:
            end = width
        column = event
        for row in range(rows):
            color = indexes[start + row * width + x]
            tail = tails[color]
            if tail >= column:
                links[tail] |= 1 << row
                continue
            if tail == 0:
                counts[color] = 0
                heads[color] = event
                used[count] = color
                count += 1
            else:
                links[tail] |= event << 6
            counts[color] += 1
            tails[color] = event
            firsts[event] = x
            ends[event] = end
            links[event] = 1 << row
            event += 1
        x = end
    return count


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _take(taken: cython.p_uchar, start: cython.Py_ssize_t, end: cython.Py_ssize_t, bits: cython.uint) -> cython.uint:
    """Marks pixels of these columns as drawn; returns those that were before, of any column."""
    x: cython.Py_ssize_t
    before: cython.uint = 0
    for x in range(start, end):
        before |= taken[x]
        taken[x] |= bits
    return before


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_color(
    event: cython.uint,
    at: cython.uint,
    firsts: cython.p_uint,
    ends: cython.p_uint,
    links: cython.p_uint,
    taken: cython.p_uchar,
    decimals: cython.p_uchar,
    out: cython.p_uchar,
    n: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """Writes a colour's runs from column *at* on; they go on where only pixels that are drawn later are in the way."""
    x: cython.Py_ssize_t
    start: cython.uint = firsts[event]
    end: cython.uint = ends[event]
    bits: cython.uint = links[event] & 63
    under: cython.uint = _take(taken, start, end, bits)  # what was drawn before in the columns of the run
    more: cython.uint
    gap: cython.uint
    event = links[event] >> 6
    while event:
        more = _take(taken, firsts[event], ends[event], links[event] & 63)
        if firsts[event] - end <= 32:  # GAP
            gap = under | more
            for x in range(end, firsts[event]):
                gap |= taken[x]
            if (bits | links[event] & 63) & gap == 0:
                under = gap
                bits |= links[event] & 63
                end = ends[event]
                event = links[event] >> 6
                continue
        n = _put_run(out, n, start - at, 0x3F, decimals)
        n = _put_run(out, n, end - start, 0x3F + bits, decimals)
        at = end
        start = firsts[event]
        end = ends[event]
        bits = links[event] & 63
        under = more
        event = links[event] >> 6
    n = _put_run(out, n, start - at, 0x3F, decimals)
    return _put_run(out, n, end - start, 0x3F + bits, decimals)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _put_band(
    count: cython.Py_ssize_t,
    rows: cython.uint,
    heads: cython.p_uint,
    tails: cython.p_uint,
    counts: cython.p_uint,
    used: cython.p_uint,
    firsts: cython.p_uint,
    ends: cython.p_uint,
    links: cython.p_uint,
    taken: cython.p_uchar,
    names: cython.p_ushort,
    decimals: cython.p_uchar,
    out: cython.p_uchar,
    n: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """Writes the colours of a band, several in a pass where they have no columns in common.

    Later colours are drawn over earlier ones, so the one with the most events can be one solid run, drawn first.
    """
    ground: cython.Py_ssize_t = 0
    most: cython.uint = 0
    left: cython.Py_ssize_t = count
    index: cython.Py_ssize_t
    kept: cython.Py_ssize_t
    color: cython.uint
    events: cython.uint
    event: cython.uint
    at: cython.uint
    first: cython.bint = True
    solid: cython.bint
    for index in range(count):
        events = counts[used[index]]
        if events > most:
            most = events
            ground = index
    color = used[ground]
    for index in range(ground, 0, -1):
        used[index] = used[index - 1]
    used[0] = color
    solid = True
    while left:
        if not first:
            out[n] = 0x24  # $
            n += 1
        first = False
        at = 0
        kept = 0
        index = 0
        while index < left:
            color = used[index]
            event = heads[color]
            index += 1
            if firsts[event] < at:
                used[kept] = color
                kept += 1
                continue
            if names[color] == 0xFFFF:  # UNKNOWN
                names[color] = names[256]
                names[256] += 1
            out[n] = 0x23  # #
            n = _put_number(out, n + 1, names[color], decimals)
            if solid and most > 1:
                n = _put_run(out, n, firsts[event] - at, 0x3F, decimals)
                n = _put_run(out, n, ends[tails[color]] - firsts[event], 0x3F + (1 << rows) - 1, decimals)
                while event:
                    _take(taken, firsts[event], ends[event], links[event] & 63)
                    event = links[event] >> 6
            else:
                n = _put_color(event, at, firsts, ends, links, taken, decimals, out, n)
            solid = False
            at = ends[tails[color]]
        left = kept
    return n


def band_room(width: int) -> int:
    """Bytes that a band of *width* pixels takes at most."""
    return 6 * 9 * width + 256 * 5 + 4


def encode(
    indexes: memoryview, width: int, height: int, band: int, names: memoryview, out: memoryview
) -> tuple[int, int]:
    """Writes sixels from *band* on, as many bands as *out* has room for; returns the bytes and the next band.

    *names* has the colour register of each palette index, UNKNOWN where it has none yet, and behind these 256 the
    next register that is free.  Room is counted as :func:`band_room`.
    """
    c_indexes: cython.p_uchar = pointer(indexes)
    c_names: cython.p_ushort = pointer16(names)
    decimals: cython.p_uchar = pointer(_DECIMALS)
    c_out: cython.p_uchar = pointer(out)
    c_width: cython.Py_ssize_t = width
    c_height: cython.Py_ssize_t = height
    c_band: cython.Py_ssize_t = band
    bands: cython.Py_ssize_t = (height + 5) // 6
    last: cython.Py_ssize_t = len(out) - band_room(width)
    events = 6 * width + 1
    room = memoryview(bytearray(4 * (4 * 256 + 3 * events)))
    heads: cython.p_uint = pointer32(room)
    tails: cython.p_uint = pointer32(room[4 * 256 :])
    counts: cython.p_uint = pointer32(room[8 * 256 :])
    used: cython.p_uint = pointer32(room[12 * 256 :])
    firsts: cython.p_uint = pointer32(room[16 * 256 :])
    ends: cython.p_uint = pointer32(room[16 * 256 + 4 * events :])
    links: cython.p_uint = pointer32(room[16 * 256 + 8 * events :])
    mark_room = memoryview(bytearray(2 * width + 16))
    marks: cython.p_uchar = pointer(mark_room)
    taken: cython.p_uchar = pointer(mark_room[width + 16 :])
    rows: cython.uint
    count: cython.Py_ssize_t
    color: cython.Py_ssize_t
    n: cython.Py_ssize_t = 0
    with cython.nogil:
        while c_band < bands and n <= last:
            rows = 6 if c_height - 6 * c_band > 6 else c_height - 6 * c_band
            if c_band:
                c_out[n] = 0x2D  # -
                n += 1
            _changes(c_indexes, 6 * c_band * c_width, c_width, rows, marks)
            for color in range(256):
                tails[color] = 0
            for color in range(c_width):
                taken[color] = 0
            count = _collect(
                c_indexes, 6 * c_band * c_width, c_width, rows, marks, heads, tails, counts, used, firsts, ends, links
            )
            n = _put_band(
                count, rows, heads, tails, counts, used, firsts, ends, links, taken, c_names, decimals, c_out, n
            )
            c_band += 1
    return n, c_band
