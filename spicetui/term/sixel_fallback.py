"""What the loops of :mod:`._sixel` do, with numpy, for installations without a C compiler; the results are the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ._sixel import COLORS, FAR, GAP, STRANGER, UNKNOWN, band_room

_WEIGHTS = np.array((3, 4, 2), np.int32)
_SHIFTS = (0, 5, 10)
_LEVELS = np.arange(32, dtype=np.int64)


def _codes(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    return (words >> 9 & 0x7C00 | words >> 6 & 0x3E0 | words >> 3 & 0x1F).astype(np.intp)


def _channels(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
    return np.stack((words >> 16 & 255, words >> 8 & 255, words & 255), axis=-1).astype(np.int32)


def histogram(words: memoryview, step: int, counts: memoryview, sums: memoryview) -> None:
    """As :func:`._sixel.histogram`."""
    pixels = np.frombuffer(words, np.uint32)[::step]
    codes = _codes(pixels)
    np.frombuffer(counts, np.uint32)[:] += np.bincount(codes, minlength=COLORS).astype(np.uint32)
    target = np.frombuffer(sums, np.uint32).reshape(-1, 3)
    for channel, shift in enumerate((16, 8, 0)):
        # Doubles: exact up to 2**53.
        target[:, channel] += np.bincount(codes, pixels >> shift & 255, COLORS).astype(np.uint32)


class _Box:
    """Some colours of a histogram, and how it is best cut in two."""

    def __init__(self, codes: npt.NDArray[np.intp], counts: npt.NDArray[np.int64]) -> None:
        self.codes = codes
        self.error = 0
        self._shift = self._level = 0
        weights = counts[codes]
        for shift in _SHIFTS:
            levels = np.bincount(codes >> shift & 31, weights, 32).astype(np.int64)
            many, total = int(levels.sum()), int((levels * _LEVELS).sum())
            error = int((levels * _LEVELS * _LEVELS).sum()) - total * total // many
            if error > self.error:
                self.error = error
                self._shift, self._level = shift, _best_cut(levels, many, total)

    def halves(self, counts: npt.NDArray[np.int64]) -> tuple[_Box, _Box]:
        upper = (self.codes >> self._shift & 31) >= self._level
        return _Box(self.codes[~upper], counts), _Box(self.codes[upper], counts)


def _best_cut(levels: npt.NDArray[np.int64], many: int, total: int) -> int:
    best = cut = below = below_total = 0
    for level, count in enumerate(levels.tolist()[:31]):
        below += count
        below_total += level * count
        if below in (0, many):
            continue
        gain = below_total * below_total // below + (total - below_total) ** 2 // (many - below)
        if gain > best:
            best, cut = gain, level + 1
    return cut


def cut(counts: memoryview, sums: memoryview, limit: int, table: memoryview, palette: memoryview) -> tuple[int, int]:
    """As :func:`._sixel.cut`."""
    many = np.frombuffer(counts, np.uint32).astype(np.int64)
    totals = np.frombuffer(sums, np.uint32).reshape(-1, 3).astype(np.int64)
    entries = np.frombuffer(table, np.uint16)
    entries[:] = UNKNOWN
    used = np.flatnonzero(many)
    error = 0
    if len(used) <= limit:
        groups = [used[index : index + 1] for index in range(len(used))]
    else:
        boxes = [_Box(used, many)]
        while len(boxes) < limit:
            worst = max(range(len(boxes)), key=lambda index: boxes[index].error)
            boxes[worst], other = boxes[worst].halves(many)
            boxes.append(other)
        groups = [box.codes for box in boxes]
        error = sum(box.error for box in boxes)
    colors = np.frombuffer(palette, np.uint32)
    for index, codes in enumerate(groups):
        entries[codes] = index
        count = int(many[codes].sum())
        red, green, blue = (totals[codes].sum(axis=0) + (count >> 1)) // count
        colors[index] = red << 16 | green << 8 | blue
    return len(groups), error


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
    """As :func:`._sixel.index`; *table* may learn of more colours."""
    pixels = np.frombuffer(words, np.uint32)
    entries = np.frombuffer(table, np.uint16)
    colors = np.frombuffer(palette, np.uint32)
    codes = _codes(pixels)
    found = entries[codes]
    unknown = np.flatnonzero(found == UNKNOWN)
    if unknown.size:
        firsts = unknown[np.sort(np.unique(codes[unknown], return_index=True)[1])]
        room = max(0, limit - known)
        own, others = firsts[:room], firsts[room:]
        colors[known : known + len(own)] = pixels[own] & 0xFFFFFF
        entries[codes[own]] = np.arange(known, known + len(own))
        known += len(own)
        if others.size:
            if near < 0:
                return known, 1, 0
            entries[codes[others]] = _nearest(codes[others], colors[:known], near)
        found = entries[codes]
    result = np.frombuffer(out, np.uint8)
    result[:] = found & 255
    if calm:
        found = found[_calm(pixels.reshape(-1, width), result.reshape(-1, width), colors, calm).ravel()]
    return known, int(np.count_nonzero(found & STRANGER)), int(np.count_nonzero(found & FAR))


def _calm(
    pixels: npt.NDArray[np.uint32], indexes: npt.NDArray[np.uint8], colors: npt.NDArray[np.uint32], calm: int
) -> npt.NDArray[np.bool_]:
    """Gives pixels their left neighbours' indexes; returns which ones kept their own."""
    kept = np.ones(pixels.shape, np.bool_)
    wanted, known = _channels(pixels), _channels(colors)
    for x in range(1, pixels.shape[1]):
        apart = known[indexes[:, x - 1]] - wanted[:, x]
        kept[:, x] = (apart * apart * _WEIGHTS).sum(axis=1) > calm
        indexes[:, x] = np.where(kept[:, x], indexes[:, x], indexes[:, x - 1])
    return kept


def _nearest(codes: npt.NDArray[np.intp], palette: npt.NDArray[np.uint32], near: int) -> npt.NDArray[np.uint16]:
    wanted = np.stack((codes >> 10, codes >> 5 & 31, codes & 31), axis=-1).astype(np.int32) << 3 | 4
    known = _channels(palette)
    result = np.empty(len(codes), np.uint16)
    for start in range(0, len(codes), 4096):
        apart = wanted[start : start + 4096, np.newaxis] - known[np.newaxis]
        distances = (apart * apart * _WEIGHTS).sum(axis=2)
        best = np.argmin(distances, axis=1)
        far = np.take_along_axis(distances, best[:, np.newaxis], axis=1)[:, 0] > near
        result[start : start + 4096] = best | STRANGER | np.where(far, FAR, 0)
    return result


@lru_cache(1 << 14)
def _run(count: int, value: int) -> str:
    return f"!{count}{chr(value)}" if count > 3 else chr(value) * count


def encode(
    indexes: memoryview, width: int, height: int, band: int, names: memoryview, out: memoryview
) -> tuple[int, int]:
    """As :func:`._sixel.encode`."""
    picture = np.frombuffer(indexes, np.uint8).reshape(height, width)
    registers = np.frombuffer(names, np.uint16)
    last = len(out) - band_room(width)
    bands = -(-height // 6)
    n = 0
    while band < bands and n <= last:
        text = ("-" if band else "") + "".join(_band(picture[6 * band : 6 * band + 6], registers))
        out[n : n + len(text)] = text.encode()
        n += len(text)
        band += 1
    return n, band


def _events(block: npt.NDArray[np.uint8]) -> list[tuple[int, list[tuple[int, int, int]]]]:
    """For each colour, by its first column and row: (first column, end, rows as sixel bits) of its runs."""
    width = block.shape[1]
    starts = np.concatenate(([0], np.flatnonzero((block[:, 1:] != block[:, :-1]).any(axis=0)) + 1))
    ends = np.concatenate((starts[1:], [width]))
    columns = len(starts)
    keys = (block[:, starts].astype(np.intp) * columns + np.arange(columns)).ravel()
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    bits = np.add.reduceat(1 << order // columns, first)
    top = order[first] // columns
    colors, places = np.divmod(keys[first], columns)
    events = list(zip(starts[places].tolist(), ends[places].tolist(), bits.tolist(), strict=True))
    groups = np.flatnonzero(np.concatenate(([True], colors[1:] != colors[:-1])))
    seen = starts[places][groups] * 8 + top[groups]
    bounds = [*groups.tolist(), len(events)]
    return [(int(colors[groups[one]]), events[bounds[one] : bounds[one + 1]]) for one in np.argsort(seen).tolist()]


def _joined(events: list[tuple[int, int, int]], taken: bytearray) -> Iterator[tuple[int, int, int]]:
    """A colour's runs, on over whatever is drawn later."""
    start, end, bits = events[0]
    under = _take(taken, start, end, bits)
    for first, behind, more in events[1:]:
        before = _take(taken, first, behind, more)
        if first - end <= GAP:
            gap = under | before
            for column in taken[end:first]:
                gap |= column
            if (bits | more) & gap == 0:
                under, bits, end = gap, bits | more, behind
                continue
        yield start, end, bits
        start, end, bits, under = first, behind, more, before
    yield start, end, bits


def _take(taken: bytearray, start: int, end: int, bits: int) -> int:
    before = 0
    for column in range(start, end):
        before |= taken[column]
        taken[column] |= bits
    return before


def _band(block: npt.NDArray[np.uint8], registers: npt.NDArray[np.uint16]) -> Iterator[str]:
    left = _events(block)
    ground = max(range(len(left)), key=lambda index: len(left[index][1]))
    left.insert(0, left.pop(ground))
    taken = bytearray(block.shape[1])
    solid = len(left[0][1]) > 1
    first = True
    while left:
        if not first:
            yield "$"
        first = False
        at = 0
        kept = []
        for color, events in left:
            if events[0][0] < at:
                kept.append((color, events))
                continue
            if registers[color] == UNKNOWN:
                registers[color] = registers[256]
                registers[256] += 1
            yield f"#{registers[color]}"
            runs = list(_joined(events, taken))
            if solid:
                runs = [(events[0][0], events[-1][1], (1 << len(block)) - 1)]
            solid = False
            for start, end, bits in runs:
                yield _run(start - at, 0x3F)
                yield _run(end - start, 0x3F + bits)
                at = end
        left = kept
