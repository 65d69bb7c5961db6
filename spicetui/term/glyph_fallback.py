"""What the kernel :mod:`._glyphs` does, with numpy; the results are the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]


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
    """As :func:`._glyphs.match`."""
    across, down = cell
    x0, y0, x1, y1 = rect
    frame = np.frombuffer(pixels, np.uint32).reshape(-1, width)
    target = np.frombuffer(out, np.uint32).reshape(-1, columns, 3)
    table = np.frombuffer(slots, np.uint32).reshape(-1, 3)
    # Sums of up to 1024 words of 32 bits are exact in float64, whose matrix products are fast.
    factors = np.frombuffer(weights, np.uint32).reshape(2, 32, 32)[:, :down, :across].reshape(2, -1).T.astype(float)
    unmatched = 0
    left, right = origin[0] + x0 * across, origin[0] + x1 * across
    for y in range(y0, y1):
        top = origin[1] + y * down
        band = frame[top : top + down, left:right].reshape(down, x1 - x0, across).transpose(1, 0, 2)
        cells = band.reshape(x1 - x0, -1) & np.uint32(0xFFFFFF)
        low, high = cells.min(axis=1), cells.max(axis=1)
        bright = cells == high[:, np.newaxis]
        two = (bright | (cells == low[:, np.newaxis])).all(axis=1)
        sums = (bright @ factors).astype(np.uint64)
        light = _find(table, (sums & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        dark = _find(table, ((np.array(totals, np.uint64) - sums) & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        inverse = (dark != 0) & ((light == 0) | (dark >> 24 < light >> 24)) & two & (low != high)
        code = np.where(inverse, dark, light) & np.uint32(0xFFFFFF)
        code = np.where(two, code, 0)
        code = np.where(low == high, 0x20, code)
        line = target[y, x0:x1]
        line[:, 0] = code
        line[:, 1] = np.where(inverse, low, high) * two
        line[:, 2] = np.where(inverse, high, low) * two
        unmatched += int(np.count_nonzero(code == 0))
        if unmatched > limit:
            break
    return unmatched


def _find(table: Words, keys: Words) -> Words:
    found = np.zeros(len(keys), np.uint32)
    mask = np.uint32(len(table) - 1)
    places = keys[:, 0] & mask
    open_ones = np.arange(len(keys))
    while len(open_ones):
        slots = table[places[open_ones]]
        equal = (slots[:, :2] == keys[open_ones]).all(axis=1)
        found[open_ones[equal]] = slots[equal, 2]
        open_ones = open_ones[~equal & (slots[:, 2] != 0)]
        places[open_ones] = (places[open_ones] + np.uint32(1)) & mask
    return found
