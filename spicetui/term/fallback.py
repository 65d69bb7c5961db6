"""What the kernels of this package do, with numpy, for installations without a C compiler; the results are the same."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ._kernels import BLOCKS, FLAT, INDEXED

Rectangle = tuple[int, int, int, int]

_MOST_ROWS = 256
_BLOCKS = np.array(BLOCKS, np.uint32)
_COMPLEMENTS = {BLOCKS[mask]: BLOCKS[15 - mask] for mask in range(1, 15)}


def _words(view: memoryview, *shape: int) -> npt.NDArray[np.uint32]:
    return np.frombuffer(view, np.uint32).reshape(shape)


def box(
    pixels: memoryview,
    width: int,
    xs: memoryview,
    ys: memoryview,
    columns: int,
    rows: int,
    rect: Rectangle,
    out: memoryview,
) -> None:
    """As :func:`._scaling.box`."""
    x0, y0, x1, y1 = rect
    frame = _words(pixels, -1, width)
    starts, ends = _words(xs, 2, columns).astype(np.intp)
    tops, bottoms = _words(ys, 2, rows).astype(np.intp)
    left, right = int(starts[x0]), int(ends[x1 - 1])
    # Two channels a word: sums of up to 256 rows fit into 16 bits.
    sums = np.empty((y1 - y0, 2, right - left), np.uint32)
    counts = np.empty((y1 - y0, 1), np.int64)
    for index, (top, bottom) in enumerate(zip(tops[y0:y1].tolist(), bottoms[y0:y1].tolist(), strict=True)):
        band = frame[top : bottom : -(-(bottom - top) // _MOST_ROWS), left:right]
        counts[index] = len(band)
        np.add.reduce(band & 0xFF00FF, axis=0, out=sums[index, 0])
        np.add.reduce(band >> 8 & 0xFF00FF, axis=0, out=sums[index, 1])
    planes = np.empty((3, y1 - y0, right - left), np.int64)
    planes[0] = sums[:, 0] >> 16
    planes[1] = sums[:, 1] & 0xFFFF
    planes[2] = sums[:, 0] & 0xFFFF
    # Sub-cells may share pixels (where the picture is enlarged), so take differences of running sums.
    running = np.zeros((3, y1 - y0, right - left + 1), np.int64)
    np.cumsum(planes, axis=2, out=running[:, :, 1:])
    totals = running[:, :, ends[x0:x1] - left] - running[:, :, starts[x0:x1] - left]
    area = counts * (ends - starts)[x0:x1]
    red, green, blue = (totals + (area >> 1)) // area
    _words(out, rows, columns)[y0:y1, x0:x1] = red << 16 | green << 8 | blue


def update(
    pixels: memoryview,
    width: int,
    xs: memoryview,
    ys: memoryview,
    columns: int,
    rows: int,
    rect: Rectangle,
    cell: tuple[int, int],
    out: memoryview,
    dirty: memoryview,
) -> None:
    """As :func:`._scaling.update`."""
    across, down = cell
    left, top, right, bottom = rect
    area = (left * across, top * down, right * across, bottom * down)
    part = _words(out, rows, columns)[area[1] : area[3], area[0] : area[2]]
    before = part.copy()
    box(pixels, width, xs, ys, columns, rows, area, out)
    changed = (part != before).reshape(bottom - top, down, right - left, across).any(axis=(1, 3))
    marks = np.frombuffer(dirty, np.uint8).reshape(-1, columns // across)
    marks[top:bottom, left:right] |= changed


def quadrants(sub: memoryview, cells: memoryview, columns: int, rect: Rectangle) -> None:
    """As :func:`._kernels.quadrants`."""
    x0, y0, x1, y1 = rect
    source = _words(sub, -1, 2 * columns)[2 * y0 : 2 * y1, 2 * x0 : 2 * x1]
    points = np.stack((source[0::2, 0::2], source[0::2, 1::2], source[1::2, 0::2], source[1::2, 1::2])).astype(np.int32)
    channels = np.stack((points >> 8 & 255, points >> 16 & 255, points & 255))  # green wins ties, then red
    low, high = channels.min(axis=1), channels.max(axis=1)
    widest = np.argmax(high - low, axis=0)
    pick = widest[np.newaxis]
    middle = np.take_along_axis(low + high, pick, axis=0)[0]
    values = np.take_along_axis(channels, pick[:, np.newaxis], axis=0)[0]
    above = 2 * values > middle
    count = above.sum(axis=0)
    total = channels.sum(axis=1)
    front_total = (channels * above).sum(axis=1)
    back_count = np.maximum(4 - count, 1)
    fronts = (front_total + (count >> 1)) // np.maximum(count, 1)
    backs = (total - front_total + (back_count >> 1)) // back_count
    front = fronts[1] << 16 | fronts[0] << 8 | fronts[2]
    back = backs[1] << 16 | backs[0] << 8 | backs[2]
    mask = above[0] | above[1] * 2 | above[2] * 4 | above[3] * 8
    swapped = above[0]
    mask = np.where(swapped, 15 - mask, mask)
    solid = (high - low).max(axis=0) <= FLAT
    red, green, blue = ((total[n] + 2) >> 2 for n in (1, 0, 2))
    even = red << 16 | green << 8 | blue
    mask = np.where(solid, 0, mask)
    target = _words(cells, -1, columns, 3)[y0:y1, x0:x1]
    target[..., 0] = _BLOCKS[mask]
    target[..., 1] = np.where(solid, even, np.where(swapped, back, front))
    target[..., 2] = np.where(solid, even, np.where(swapped, front, back))


def halves(sub: memoryview, cells: memoryview, columns: int, rect: Rectangle) -> None:
    """As :func:`._kernels.halves`."""
    x0, y0, x1, y1 = rect
    source = _words(sub, -1, columns)[2 * y0 : 2 * y1, x0:x1]
    upper, lower = source[0::2].astype(np.int32), source[1::2].astype(np.int32)
    shifts = (16, 8, 0)
    parts = [(upper >> shift & 255, lower >> shift & 255) for shift in shifts]
    solid = np.logical_and.reduce([abs(above - below) <= FLAT for above, below in parts])
    even = np.bitwise_or.reduce([(a + b + 1) >> 1 << shift for (a, b), shift in zip(parts, shifts, strict=True)])
    target = _words(cells, -1, columns, 3)[y0:y1, x0:x1]
    target[..., 0] = np.where(solid, 0x20, 0x2584)
    target[..., 1] = np.where(solid, even, lower)
    target[..., 2] = np.where(solid, even, upper)


@lru_cache(4096)
def _color(layer: int, color: int) -> str:
    if color & INDEXED:
        return f"{layer}8;5;{color & 255}"
    return f"{layer}8;2;{color >> 16 & 255};{color >> 8 & 255};{color & 255}"


def encode(
    wanted: memoryview,
    held: memoryview,
    owned: memoryview,
    columns: int,
    rect: Rectangle,
    origin: tuple[int, int],
    whole: bool,
    out: memoryview,
) -> int:
    """As :func:`._kernels.encode`."""
    x0, y0, x1, y1 = rect
    left, top = origin
    want = _words(wanted, -1, columns, 3)[y0:y1, x0:x1]
    have = _words(held, -1, columns, 3)[y0:y1, x0:x1]
    if whole:
        changed = np.ones(want.shape[:2], np.bool_)
    else:
        mine = np.frombuffer(owned, np.uint8).reshape(-1, columns)[y0:y1, x0:x1]
        changed = (want != have).any(axis=2) & (mine != 0)
    parts: list[str] = []
    append = parts.append
    fore = back = -1
    row = cursor = -1
    ys, xs = np.nonzero(changed)
    for y, x, (code, front, behind) in zip(ys.tolist(), xs.tolist(), want[changed].tolist(), strict=True):
        if not whole and (y != row or x != cursor):
            if y != row:
                append(f"\x1b[{top + y0 + y + 1};{left + x0 + x + 1}H")
            else:
                append(f"\x1b[{x - cursor}C" if x - cursor > 1 else "\x1b[C")
        row, cursor = y, x + 1
        if code == 0x20:
            front = fore
        elif code in _COMPLEMENTS and (front == back) + (behind == fore) > (front == fore) + (behind == back):
            code, front, behind = _COMPLEMENTS[code], behind, front
        if front != fore and behind != back:
            append(f"\x1b[{_color(3, front)};{_color(4, behind)}m")
        elif front != fore:
            append(f"\x1b[{_color(3, front)}m")
        elif behind != back:
            append(f"\x1b[{_color(4, behind)}m")
        fore, back = front, behind
        append(chr(code))
    if not parts:
        return 0
    have[changed] = want[changed]
    append("\x1b[m")
    data = "".join(parts).encode()
    out[: len(data)] = data
    return len(data)
