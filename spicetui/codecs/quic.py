"""QUIC, the predictive coder of SPICE: Golomb codes over the difference to the left and upper neighbours.

Every codeword of at most ten bits is one look-up in a table of 1024 entries for each of the eight codes; an entry
holds length, value, the context that the value makes and the signed difference that it stands for.  Pixels are words
of 0xAARRGGBB while they are decoded, and rows come top first.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from spicetui.codecs.limits import MAX_PIXELS, check_size
from spicetui.errors import CodecError

if TYPE_CHECKING:
    from spicetui.codecs.limits import Buffer

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import (
        Held,
        add8,
        clz64,
        copy_between,
        hold,
        length_of,
        load64,
        pointer,
        pointer16,
        pointer32,
        release,
        shl64,
        swap_words,
        words_of,
    )

COMPILED: bool = cython.compiled
MAGIC = 0x43495551
GRAY, RGB16, RGB24, RGB32, RGBA = range(1, 6)
_HEADER = struct.Struct("<5I")
_empty = np.empty
_BYTE = np.dtype(np.uint8)
_BIG_ENDIAN = sys.byteorder == "big"
_SLACK = 16  # bytes of zeros behind the data; a load of eight bytes starts at most eight beyond the end
_KEEP = 1 << 20  # a decoder with larger buffers is not kept

# How long the model rests between updates: the low six bits of the format's table of 256 pseudo-random numbers.
_CHAOS = bytes.fromhex(
    "021713150712280e0c202f2c2406120b04132a1d103f39331003050e0f1e1409242d03393d000805290e2b1b2b3b1f23"
    "273c2a260d363e011a030b3d34220730043b160c160832040a062c080b2e1f333511012b2e3c24360a1b272c16291702"
    "2c0028352830102b201c210c1402383e373a12140d37261d391331212f3f3b00233d13192e263c0423011a281c0a050e"
    "19123031143b3e222e072134223a091d08373e3c2524253206030a1c30181a3d391e0b360206322f07112335200c1711"
    "05153137332d341b2719273f16182a343826292938200d181a331b383a25182a0f1c111e1f0f101719362122011d1f32"
    "3515310f2f09003a252d1e0d092d3f15"
)
# By grade: a bucket's counters are halved when the least of them exceeds this.
_TRIGGERS = struct.pack("7H", 110, 550, 900, 800, 550, 400, 350)
_RUN_BITS = bytes.fromhex("0000000001010101020202020303030304040505060607070809") + bytes(range(10, 16))
_LONGEST = 26  # bits of a codeword


class Header(NamedTuple):
    """What a stream says about itself."""

    type: int
    width: int
    height: int


@cython.final
@cython.cclass
class Family:
    """The tables of the codes for samples of eight or of five bits."""

    bits: cython.int
    # 1024 entries a code: length | value << 8 | bucket << 16 | difference << 24; 0: longer than ten
    table: cython.p_uint
    lengths: cython.p_uint  # eight for a value: its length under each code, times 8
    zeros: cython.p_uchar  # of a code: leading zeros that mean the plain binary form
    tails: cython.p_uchar  # of a code: the binary form's bits behind the zeros
    buckets: cython.p_uchar  # of a value: the bucket that it is the context of
    start: cython.p_uint  # the counters of a plane at the start
    chaos: cython.p_uchar
    triggers: cython.p_ushort
    run_bits: cython.p_uchar
    memory: list[bytearray]

    def __init__(self, bits: int) -> None:
        mask = (1 << bits) - 1
        zeros = bytearray(8)
        tails = bytearray(8)
        buckets = bytearray(min(value + 1, 1 << bits).bit_length() - 1 for value in range(256))
        for value in range(256):
            buckets[value] = min(buckets[value], bits - 1)
        table = bytearray(8 * 1024 * 4)
        lengths = bytearray(256 * 8 * 4)
        start = bytearray(8 * 8 * 4)
        self.memory = [zeros, tails, buckets, table, lengths, start]
        self.bits = bits
        self.zeros = pointer(memoryview(zeros))
        self.tails = pointer(memoryview(tails))
        self.buckets = pointer(memoryview(buckets))
        self.table = pointer32(memoryview(table))
        self.lengths = pointer32(memoryview(lengths))
        self.chaos = pointer(memoryview(_CHAOS))
        self.triggers = pointer16(memoryview(_TRIGGERS))
        self.run_bits = pointer(memoryview(_RUN_BITS))
        self.start = pointer32(memoryview(start))
        counters = memoryview(start).cast("I")
        for index in range(8 * 8):
            counters[index] = 7 - index % 8 if index % 8 < bits else 1 << 30  # codes that there are not never win
        entries = memoryview(table).cast("I")
        sizes = memoryview(lengths).cast("I")
        for code in range(bits):
            limit = min(_LONGEST - bits, (1 << (bits - code)) - 1)
            zeros[code] = limit
            tails[code] = (mask - (limit << code)).bit_length()
            for value in range(mask + 1):
                if value >> code < limit:
                    length = (value >> code) + 1 + code
                    word = 1 << code | (value & ((1 << code) - 1))
                else:
                    length = limit + tails[code]
                    word = value - (limit << code)
                sizes[value * 8 + code] = length * 8
                if length <= 10:
                    difference = mask - (value >> 1) if value & 1 else value >> 1
                    entry = length | value << 8 | buckets[value] << 16 | difference << 24
                    first = code * 1024 + (word << (10 - length))
                    for index in range(first, first + (1 << (10 - length))):
                        entries[index] = entry


@cython.final
@cython.cclass
class Model:
    """How one group of planes (R, G, B together; gray; alpha) adapts: code choice, rests, run lengths."""

    family: Family
    wait: cython.int
    draw: cython.int  # the random number last drawn
    grade: cython.int
    left: cython.int  # pixels until the next grade
    run: cython.int  # state of the run-length code
    trigger: cython.uint
    table: cython.p_uint
    lengths: cython.p_uint
    run_bits: cython.p_uchar
    chaos: cython.p_uchar
    best: cython.p_ushort  # [plane][bucket]: the cheapest code's place in the table
    counters: cython.p_uint  # [plane][bucket][code]: bits so far, times 8, plus 7 - code
    contexts: cython.p_uint  # of a column: the buckets of its values, a byte for each plane
    columns: cython.Py_ssize_t
    best_memory: bytearray
    counter_memory: bytearray
    context_memory: bytearray

    def __init__(self) -> None:
        self.best_memory = bytearray(3 * 8 * 2)
        self.counter_memory = bytearray(3 * 8 * 8 * 4)
        self.best = pointer16(memoryview(self.best_memory))
        self.counters = pointer32(memoryview(self.counter_memory))
        self.columns = 0

    @cython.cfunc
    def reset(self, family: Family, width: cython.Py_ssize_t) -> None:
        index: cython.int
        if width > self.columns:
            self.context_memory = bytearray(width * 4)
            self.contexts = pointer32(memoryview(self.context_memory))
            self.columns = width
        self.contexts[0] = 0
        self.family = family
        self.table = family.table
        self.lengths = family.lengths
        self.run_bits = family.run_bits
        self.chaos = family.chaos
        for index in range(3):
            copy_between(self.counters, index * 64, family.start, 0, 64)
        for index in range(24):
            self.best[index] = (family.bits - 1) << 10
        self.wait = 0
        self.draw = 255
        self.grade = 0
        self.left = 2048
        self.run = 0
        self.trigger = family.triggers[0]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def pass_over(self, pixels: cython.Py_ssize_t) -> cython.void:
        """Count pixels of a segment; no segment goes beyond the next grade."""
        if self.grade < 6:
            self.left -= pixels
            if self.left == 0:
                self.grade += 1
                self.left = 2048
                self.trigger = self.family.triggers[self.grade]

    @cython.cfunc
    @cython.nogil
    @cython.inline
    @cython.exceptval(check=False)
    def rest(self) -> cython.int:
        """How many pixels to pass over before the next update."""
        self.draw = (self.draw + 1) & 255
        return self.chaos[self.draw] & ((1 << self.grade) - 1)

    @cython.cfunc
    @cython.nogil
    @cython.inline
    @cython.exceptval(check=False)
    def update(self, bucket: cython.uint, value: cython.uint) -> cython.void:
        """Count `value`, whose context was `bucket` (8 x plane + bucket), and choose that bucket's code again."""
        counters: cython.p_uint
        index: cython.int
        least: cython.uint
        if cython.compiled:
            counters = cython.address(self.counters[bucket * 8])
            least = add8(counters, cython.address(self.lengths[value * 8]))
        else:
            counters = self.counters[bucket * 8 :]
            least = add8(counters, self.lengths[value * 8 :])
        self.best[bucket] = (7 - (least & 7)) << 10
        if least >> 3 > self.trigger:
            for index in range(self.family.bits):
                counters[index] = counters[index] >> 4 << 3 | (7 - index)


@cython.final
@cython.cclass
class Bits:
    """The stream as bytes in reading order, and what of it is in the accumulator, most significant bit first."""

    accumulator: cython.ulonglong
    count: cython.int
    at: cython.Py_ssize_t
    last: cython.Py_ssize_t
    size: cython.Py_ssize_t
    source: cython.p_uchar
    memory: bytearray

    def __init__(self) -> None:
        self.size = 0

    @cython.cfunc
    def load(self, data: cython.p_uchar, size: cython.Py_ssize_t) -> None:
        """Take `size` bytes of little-endian words."""
        at: cython.Py_ssize_t
        size -= size & 3
        if size + _SLACK > self.size:
            self.size = size + (size >> 2) + _SLACK
            self.memory = bytearray(self.size)
            self.source = pointer(memoryview(self.memory))
        swap_words(self.source, data, size)
        for at in range(size, size + 16):
            self.source[at] = 0
        self.last = size + 8
        self.at = 20  # behind the header
        self.accumulator = 0
        self.count = 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def header(self, index: cython.int) -> cython.uint:
        """A word of the header."""
        return load64(self.source, index * 4) >> 32

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def overrun(self) -> cython.bint:
        """Whether more bits were taken than there are."""
        return self.at >= self.last or self.at * 8 - self.count > (self.last - 8) * 8

    @cython.cfunc
    @cython.nogil
    @cython.inline
    @cython.exceptval(check=False)
    def refill(self) -> cython.void:
        self.accumulator |= load64(self.source, self.at) >> self.count
        self.at += (63 - self.count) >> 3
        self.count |= 56
        if self.at > self.last:
            self.at = self.last

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run(self, model: Model, limit: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The length of a run; -1 when it is longer than `limit`."""
        length: cython.Py_ssize_t = 0
        state: cython.int = model.run
        size: cython.int = model.run_bits[state]
        self.refill()
        while self.accumulator >> 63:
            self.accumulator = shl64(self.accumulator, 1)
            self.count -= 1
            length += 1 << size
            if length > limit:
                return -1
            if state < 31:
                state += 1
                size = model.run_bits[state]
            if self.count < 17:
                self.refill()
        self.accumulator = shl64(self.accumulator, 1)
        if size:
            length += self.accumulator >> (64 - size)
            self.accumulator = shl64(self.accumulator, size)
        self.count -= 1 + size
        model.run = state - 1 if state else 0
        return length if length <= limit else -1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def long_code(family: Family, accumulator: cython.ulonglong, place: cython.uint) -> cython.uint:
    """The table entry that a codeword of more than ten bits would have."""
    code: cython.int = place >> 10
    zeros: cython.int = clz64(accumulator)
    value: cython.uint
    mask: cython.uint = (1 << family.bits) - 1
    if zeros < family.zeros[code]:
        length: cython.int = zeros + 1 + code
        value = zeros << code | ((accumulator >> (64 - length)) & ((1 << code) - 1))
    else:
        length = family.zeros[code] + family.tails[code]
        value = (family.zeros[code] << code) + ((accumulator >> (64 - length)) & ((1 << family.tails[code]) - 1))
    value &= mask
    return length | value << 8 | family.buckets[value] << 16 | (mask - (value >> 1) if value & 1 else value >> 1) << 24


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def rgb_row(
    bits: Bits,
    model: Model,
    pixels: cython.p_uint,
    at: cython.Py_ssize_t,
    above: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
) -> cython.bint:
    """Decode the row whose first pixel is `at`; `above` is that of the row before, -1 in the first row.

    There `above` is one pixel to the left, so that the mean of both neighbours is the left one: the first row's rule.
    """
    accumulator: cython.ulonglong = bits.accumulator
    count: cython.int = bits.count
    source: cython.p_uchar = bits.source
    place: cython.Py_ssize_t = bits.at
    last: cython.Py_ssize_t = bits.last
    table: cython.p_uint = model.table
    best: cython.p_ushort = model.best
    contexts: cython.p_uint = model.contexts
    samples: cython.uint = 0xFFFFFF if model.family.bits == 8 else 0x1F1F1F
    x: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    until: cython.Py_ssize_t
    length: cython.Py_ssize_t
    run_from: cython.Py_ssize_t = 2
    ran_at: cython.Py_ssize_t
    context: cython.uint = contexts[0]
    before: cython.uint = 0
    red: cython.uint = 0
    green: cython.uint = 0
    blue: cython.uint = 0
    left: cython.uint = 0
    left2: cython.uint = 0
    up: cython.uint
    up_left: cython.uint = 0
    mean: cython.uint
    difference: cython.uint
    running: cython.bint
    if at == 0:
        run_from = width
    else:
        left = pixels[above] & 0xFFFFFF  # the first column's prediction is the pixel above; the mean of it and itself
    while x < width:
        start = x
        end = width
        if model.grade < 6 and model.left <= width - x:
            end = x + model.left
        ran_at = 0
        stop = x + model.wait  # after this pixel the model is updated
        while True:
            running = False
            until = stop + 1 if stop < end else end
            while x < until:
                up = left if x == 0 else pixels[above + x] & 0xFFFFFF
                if up == up_left and left == left2 and x > run_from and x != ran_at:
                    running = True
                    break
                up_left = up
                accumulator |= load64(source, place) >> count
                place += (63 - count) >> 3
                count |= 56
                if place > last:
                    place = last
                red = table[best[context & 255] + (accumulator >> 54)]
                if red == 0:
                    red = long_code(model.family, accumulator, best[context & 255])
                accumulator = shl64(accumulator, red & 63)
                count -= red & 63
                green = table[best[8 + (context >> 8 & 255)] + (accumulator >> 54)]
                if green == 0:
                    green = long_code(model.family, accumulator, best[8 + (context >> 8 & 255)])
                accumulator = shl64(accumulator, green & 63)
                count -= green & 63
                if count < 26:
                    accumulator |= load64(source, place) >> count
                    place += (63 - count) >> 3
                    count |= 56
                    if place > last:
                        place = last
                blue = table[best[16 + (context >> 16)] + (accumulator >> 54)]
                if blue == 0:
                    blue = long_code(model.family, accumulator, best[16 + (context >> 16)])
                accumulator = shl64(accumulator, blue & 63)
                count -= blue & 63
                before = context
                context = (red >> 16 & 0xFF) | (green >> 8 & 0xFF00) | (blue & 0xFF0000)
                contexts[x] = context
                # Four samples at a time: floor of the mean, then a sum without carries between them.
                mean = (left & up) + ((left ^ up) >> 1 & 0x7F7F7F)
                difference = (red >> 8 & 0xFF0000) | (green >> 16 & 0xFF00) | blue >> 24
                left2 = left
                left = (((mean & 0x7F7F7F) + (difference & 0x7F7F7F)) ^ ((mean ^ difference) & 0x808080)) & samples
                pixels[at + x] = left
                x += 1
            if running:
                bits.accumulator = accumulator
                bits.count = count
                bits.at = place
                length = bits.run(model, end - x)
                if length < 0:
                    return False
                accumulator = bits.accumulator
                count = bits.count
                place = bits.at
                model.wait = stop - x
                ran_at = x
                until = x + length
                while x < until:
                    pixels[at + x] = left
                    x += 1
                if length:
                    left2 = left
                    up_left = pixels[above + x - 1] & 0xFFFFFF
                    context = contexts[x - 1]
                if x == end:
                    break
                stop = x + model.wait
            elif stop < end:
                model.update(before & 255, red >> 8 & 255)
                model.update(8 + (before >> 8 & 255), green >> 8 & 255)
                model.update(16 + (before >> 16), blue >> 8 & 255)
                stop = x + model.rest()
            else:
                model.wait = stop - end
                break
        model.pass_over(end - start)
    bits.accumulator = accumulator
    bits.count = count
    bits.at = place
    return not bits.overrun()


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def plane_row(
    bits: Bits,
    model: Model,
    pixels: cython.p_uint,
    at: cython.Py_ssize_t,
    above: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
    shift: cython.int,
) -> cython.bint:
    """As `rgb_row`, for alpha (`shift` 24), which keeps the colours, or for gray (`shift` 0)."""
    spread: cython.uint = 1 << 24 if shift else 0x010101
    keep: cython.uint = 0xFFFFFF if shift else 0
    accumulator: cython.ulonglong = bits.accumulator
    count: cython.int = bits.count
    source: cython.p_uchar = bits.source
    place: cython.Py_ssize_t = bits.at
    last: cython.Py_ssize_t = bits.last
    table: cython.p_uint = model.table
    best: cython.p_ushort = model.best
    contexts: cython.p_uint = model.contexts
    x: cython.Py_ssize_t = 0
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    until: cython.Py_ssize_t
    length: cython.Py_ssize_t
    run_from: cython.Py_ssize_t = 2
    ran_at: cython.Py_ssize_t
    context: cython.uint = contexts[0]
    before: cython.uint = 0
    entry: cython.uint = 0
    left: cython.uint = 0
    left2: cython.uint = 0
    up: cython.uint
    up_left: cython.uint = 0
    running: cython.bint
    if at == 0:
        run_from = width
    else:
        left = pixels[above] >> shift & 255
    while x < width:
        start = x
        end = width
        if model.grade < 6 and model.left <= width - x:
            end = x + model.left
        ran_at = 0
        stop = x + model.wait
        while True:
            running = False
            until = stop + 1 if stop < end else end
            while x < until:
                up = left if x == 0 else pixels[above + x] >> shift & 255
                if up == up_left and left == left2 and x > run_from and x != ran_at:
                    running = True
                    break
                up_left = up
                accumulator |= load64(source, place) >> count
                place += (63 - count) >> 3
                count |= 56
                if place > last:
                    place = last
                entry = table[best[context] + (accumulator >> 54)]
                if entry == 0:
                    entry = long_code(model.family, accumulator, best[context])
                accumulator = shl64(accumulator, entry & 63)
                count -= entry & 63
                before = context
                context = entry >> 16 & 255
                contexts[x] = context
                left2 = left
                left = (((left + up) >> 1) + (entry >> 24)) & 255
                pixels[at + x] = (pixels[at + x] & keep) | left * spread
                x += 1
            if running:
                bits.accumulator = accumulator
                bits.count = count
                bits.at = place
                length = bits.run(model, end - x)
                if length < 0:
                    return False
                accumulator = bits.accumulator
                count = bits.count
                place = bits.at
                model.wait = stop - x
                ran_at = x
                until = x + length
                while x < until:
                    pixels[at + x] = (pixels[at + x] & keep) | left * spread
                    x += 1
                if length:
                    left2 = left
                    up_left = pixels[above + x - 1] >> shift & 255
                    context = contexts[x - 1]
                if x == end:
                    break
                stop = x + model.wait
            elif stop < end:
                model.update(before, entry >> 8 & 255)
                stop = x + model.rest()
            else:
                model.wait = stop - end
                break
        model.pass_over(end - start)
    bits.accumulator = accumulator
    bits.count = count
    bits.at = place
    return not bits.overrun()


@cython.final
@cython.cclass
class Decoder:
    """All that one decoding needs besides its pixels; taken from and given back to `_idle`."""

    bits: Bits
    colour: Model
    plane: Model

    def __init__(self) -> None:
        self.bits = Bits()
        self.colour = Model()
        self.plane = Model()

    @cython.cfunc
    def reset(self, kind: cython.int, width: cython.Py_ssize_t) -> None:
        family: Family = _family(5 if kind == RGB16 else 8)
        if kind != GRAY:
            self.colour.reset(family, width)
        if kind in (GRAY, RGBA):
            self.plane.reset(family, width)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run(
        self, kind: cython.int, pixels: cython.p_uint, width: cython.Py_ssize_t, height: cython.Py_ssize_t
    ) -> cython.Py_ssize_t:
        """Decode; returns how many rows are good."""
        row: cython.Py_ssize_t
        at: cython.Py_ssize_t = 0
        above: cython.Py_ssize_t = -1
        index: cython.Py_ssize_t
        word: cython.uint
        for row in range(height):
            if kind == 1:
                if not plane_row(self.bits, self.plane, pixels, at, above, width, 0):
                    return row
            elif not rgb_row(self.bits, self.colour, pixels, at, above, width):
                return row
            if kind == 5 and not plane_row(self.bits, self.plane, pixels, at, above, width, 24):
                return row
            above = at
            at += width
        if kind == 2:
            for index in range(at):
                word = pixels[index]
                pixels[index] = word << 3 | (word >> 2 & 0x070707)
        return height


_families: list[Family] = []  # for eight and for five bits, once they are needed
_idle: list[Decoder] = []  # decoders that no thread is using


def _family(bits: int) -> Family:
    if not _families:
        _families.extend((Family(8), Family(5)))
    return _families[bits == 5]


def peek(data: Buffer) -> Header:
    """The header, without decoding."""
    try:
        magic, version, kind, width, height = _HEADER.unpack_from(data)
    except struct.error:
        raise CodecError("QUIC image shorter than its header") from None
    if magic != MAGIC or version != 0:
        raise CodecError(f"not a QUIC image: magic {magic:#x}, version {version:#x}")
    if not GRAY <= kind <= RGBA:
        raise CodecError(f"QUIC image of unknown type {kind}")
    return Header(kind, width, height)


def decode(data: Buffer, *, size: tuple[int, int] | None = None, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Pixels of shape (height, width, 4), BGRX or BGRA, top row first; X is 0.

    `size`, where given, is the (width, height) that the stream must have.  Raises CodecError for bad data.
    """
    held: Held
    if not cython.compiled:
        held = Held()
    source: cython.p_uchar = hold(held, data)
    length: cython.Py_ssize_t = length_of(held)
    try:
        decoder: Decoder = _idle.pop()
    except IndexError:
        decoder = Decoder()
    decoder.bits.load(source, length)
    release(held)
    return _decode(data, decoder, length, size, max_pixels)


@cython.cfunc
def _decode(
    data: Buffer,
    decoder: Decoder,
    length: cython.Py_ssize_t,
    size: tuple[int, int] | None,
    most: cython.Py_ssize_t,
) -> npt.NDArray[np.uint8]:
    kind: cython.int = 0
    width: cython.Py_ssize_t = 0
    height: cython.Py_ssize_t = 0
    rows: cython.Py_ssize_t
    good: cython.bint = length >= 24 and decoder.bits.header(0) == 0x43495551 and decoder.bits.header(1) == 0
    if good:
        kind = decoder.bits.header(2)
        width = decoder.bits.header(3)
        height = decoder.bits.header(4)
        good = 1 <= kind <= 5 and 0 < width <= most and 0 < height <= most // width
    if not good or (size is not None and size != (width, height)):
        header = peek(data)
        check_size("QUIC", header.width, header.height, size, most)
        raise CodecError("QUIC image without data")
    decoder.reset(kind, width)
    image = _empty((height, width, 4), _BYTE)
    pixels: cython.p_uint = words_of(image)
    if height * width < 1024:
        rows = decoder.run(kind, pixels, width, height)
    else:
        with cython.nogil:
            rows = decoder.run(kind, pixels, width, height)
    if decoder.bits.size + width * 4 <= _KEEP and len(_idle) < 4:
        _idle.append(decoder)
    if rows < height:
        raise CodecError(f"QUIC image is corrupt or truncated in row {rows} of {height}")
    if _BIG_ENDIAN:
        image.view(np.uint32).byteswap(inplace=True)
    return image
