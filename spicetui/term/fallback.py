"""What the kernels of this package do, with numpy, for installations without a C compiler; the results are the same."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from . import blocks
from ._encoder import AGAIN, COARSE, DEFAULT, INDEXED
from ._kernels import FLAT
from ._mosaics import TONES

Rectangle = tuple[int, int, int, int]

_MOST_ROWS = 256
_SHAPES = {2: blocks.QUADRANTS, 3: blocks.SEXTANTS, 4: blocks.OCTANTS}
_COMPLEMENTS = blocks.complements()


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
    mosaic(sub, cells, columns, 2, rect)


def mosaic(sub: memoryview, cells: memoryview, columns: int, down: int, rect: Rectangle) -> None:
    """As :func:`._mosaics.mosaic`, with 2 for quadrants as well."""
    points = _parts(sub, columns, down, rect)
    count_all = 2 * down
    channels = np.stack((points >> 8 & 255, points >> 16 & 255, points & 255))  # green wins ties, then red
    low, high = channels.min(axis=1), channels.max(axis=1)
    pick = np.argmax(high - low, axis=0)[np.newaxis]
    middle = np.take_along_axis(low + high, pick, axis=0)[0]
    values = np.take_along_axis(channels, pick[:, np.newaxis], axis=0)[0]
    above = 2 * values > middle
    count = above.sum(axis=0)
    total = channels.sum(axis=1)
    front_total = (channels * above).sum(axis=1)
    back_count = np.maximum(count_all - count, 1)
    fronts = (front_total + (count >> 1)) // np.maximum(count, 1)
    backs = (total - front_total + (back_count >> 1)) // back_count
    front = fronts[1] << 16 | fronts[0] << 8 | fronts[2]
    back = backs[1] << 16 | backs[0] << 8 | backs[2]
    shapes = np.array(_SHAPES[down], np.uint32)
    most = len(shapes) - 1
    mask = np.bitwise_or.reduce([part.astype(np.int32) << index for index, part in enumerate(above)])
    swapped = (shapes[mask] == 0) | (above[0] & (shapes[most - mask] != 0))
    mask = np.where(swapped, most - mask, mask)
    solid = (high - low).max(axis=0) <= FLAT
    red, green, blue = ((total[n] + down) // count_all for n in (1, 0, 2))
    even = red << 16 | green << 8 | blue
    mask = np.where(solid, 0, mask)
    target = _target(cells, columns, rect)
    target[..., 0] = shapes[mask]
    target[..., 1] = np.where(solid, even, np.where(swapped, back, front))
    target[..., 2] = np.where(solid, even, np.where(swapped, front, back))


def _parts(sub: memoryview, columns: int, down: int, rect: Rectangle) -> npt.NDArray[np.int32]:
    """(2 * down, rows, columns): the cells' parts inside *rect*."""
    x0, y0, x1, y1 = rect
    source = _words(sub, -1, 2 * columns)[down * y0 : down * y1, 2 * x0 : 2 * x1]
    return np.stack([source[part // 2 :: down, part % 2 :: 2] for part in range(2 * down)]).astype(np.int32)


def _target(cells: memoryview, columns: int, rect: Rectangle) -> npt.NDArray[np.uint32]:
    x0, y0, x1, y1 = rect
    return _words(cells, -1, columns, 3)[y0:y1, x0:x1]


def characters(
    sub: memoryview, cells: memoryview, columns: int, rect: Rectangle, even: memoryview, shaped: memoryview
) -> None:
    """As :func:`._mosaics.characters`."""
    points = _parts(sub, columns, 3, rect)
    channels = np.stack((points >> 16 & 255, points >> 8 & 255, points & 255))
    values = channels.max(axis=0)
    shape = (values * TONES // 256 * TONES ** np.arange(6)[:, np.newaxis, np.newaxis]).sum(axis=0)
    flat = values.max(axis=0) - values.min(axis=0) < 32
    codes = np.where(
        flat, np.frombuffer(even, np.uint8)[(values.sum(axis=0) + 3) // 6], np.frombuffer(shaped, np.uint8)[shape]
    )
    totals = channels.sum(axis=1)
    most = totals.max(axis=0)
    codes[most == 0] = blocks.SPACE
    red, green, blue = totals * 255 // np.maximum(most, 1)
    target = _target(cells, columns, rect)
    target[..., 0] = codes
    target[..., 1] = np.where(codes == blocks.SPACE, 0, red << 16 | green << 8 | blue)
    target[..., 2] = 0


def halves(sub: memoryview, cells: memoryview, columns: int, rect: Rectangle) -> None:
    """As :func:`._kernels.halves`."""
    x0, y0, x1, y1 = rect
    source = _words(sub, -1, columns)[2 * y0 : 2 * y1, x0:x1]
    upper, lower = source[0::2].astype(np.int32), source[1::2].astype(np.int32)
    shifts = (16, 8, 0)
    parts = [(upper >> shift & 255, lower >> shift & 255) for shift in shifts]
    solid = np.logical_and.reduce([abs(above - below) <= FLAT for above, below in parts])
    even = np.bitwise_or.reduce([(a + b + 1) >> 1 << shift for (a, b), shift in zip(parts, shifts, strict=True)])
    target = _target(cells, columns, rect)
    target[..., 0] = np.where(solid, 0x20, 0x2584)
    target[..., 1] = np.where(solid, even, lower)
    target[..., 2] = np.where(solid, even, upper)


@lru_cache(4096)
def _color(layer: int, color: int) -> str:
    if color & DEFAULT:
        return f"{layer}9"
    if color & INDEXED:
        number = color & 255
        if number < 16:
            dark = "22;" if number < 8 and layer == 3 else ""
            return f"{dark}{10 * layer + number + (0 if number < 8 else 52)}"
        return f"{layer}8;5;{number}"
    return f"{layer}8;2;{color >> 16 & 255};{color >> 8 & 255};{color & 255}"


def _near(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32], zone: int) -> npt.NDArray[np.bool_]:
    words = (a | b) >> 24 == 0
    near = np.ones(a.shape, np.bool_)
    for shift in (16, 8, 0):
        near &= np.abs((a >> shift & 255).astype(np.int32) - (b >> shift & 255).astype(np.int32)) <= zone
    return np.where(words, near, a == b)


def _coarse(colors: npt.NDArray[np.uint32], bits: int, palette: memoryview) -> npt.NDArray[np.uint32]:
    if bits == 0:
        numbers = np.frombuffer(palette, np.uint16).astype(np.uint32)
        less = numbers[colors >> 9 & 0x7C00 | colors >> 6 & 0x3E0 | colors >> 3 & 0x1F] | np.uint32(INDEXED)
    else:
        mask = 0xFF >> bits
        less = colors & np.uint32((0xFF ^ mask) * 0x010101)
        less = less | less >> np.uint32(bits) & np.uint32(mask * 0x010101)
    return np.where(colors >> 24, colors, less)


def encode(
    wanted: memoryview,
    held: memoryview,
    marks: memoryview,
    owned: memoryview,
    columns: int,
    rect: Rectangle,
    origin: tuple[int, int],
    whole: bool,
    quality: tuple[int, int],
    palette: memoryview,
    out: memoryview,
) -> int:
    """As :func:`._encoder.encode`."""
    x0, y0, x1, y1 = rect
    left, top = origin
    want = _words(wanted, -1, columns, 3)[y0:y1, x0:x1]
    have = _words(held, -1, columns, 3)[y0:y1, x0:x1]
    mark = np.frombuffer(marks, np.uint8).reshape(-1, columns)[y0:y1, x0:x1]
    zone, bits = quality
    sent = want
    if whole:
        changed = np.ones(want.shape[:2], np.bool_)
        mark[changed] = 0
    else:
        mine = np.frombuffer(owned, np.uint8).reshape(-1, columns)[y0:y1, x0:x1] != 0
        again = mark == AGAIN
        changed = ((want != have).any(axis=2) | again) & mine
        if quality == (0, 8):
            mark[changed] = 0
        else:
            still = (want[..., 0] == have[..., 0]) & _near(want[..., 1:], have[..., 1:], zone).all(axis=2)
            still &= changed & ~again
            changed &= ~still
            less = changed & ~again
            sent = want.copy()
            colors = sent[..., 1:]
            colors[less] = _coarse(colors[less], bits, palette)
            same = (sent[..., 1] == sent[..., 2]) & (sent[..., 1] < DEFAULT)
            sent[..., 0][less & same] = blocks.SPACE
            mark[changed] = 0
            mark[still | (less & (colors != want[..., 1:]).any(axis=2))] = COARSE
    parts: list[str] = []
    append = parts.append
    fore = back = DEFAULT
    row = cursor = -1
    ys, xs = np.nonzero(changed)
    for y, x, (code, front, behind) in zip(ys.tolist(), xs.tolist(), sent[changed].tolist(), strict=True):
        if code == blocks.SPACE:
            front = fore
        elif (
            code in _COMPLEMENTS
            and (front == back) + (behind == fore) > (front == fore) + (behind == back)
            and not (front & INDEXED and front & 0xF8 == 8)
        ):
            code, front, behind = _COMPLEMENTS[code], behind, front
        if not whole and (y != row or x != cursor):
            if y != row:
                append(f"\x1b[{top + y0 + y + 1};{left + x0 + x + 1}H")
            else:
                append(f"\x1b[{x - cursor}C" if x - cursor > 1 else "\x1b[C")
        row, cursor = y, x + 1
        if front != fore and behind != back:
            append(f"\x1b[{_color(3, front)};{_color(4, behind)}m")
        elif front != fore:
            append(f"\x1b[{_color(3, front)}m")
        elif behind != back:
            append(f"\x1b[{_color(4, behind)}m")
        fore, back = front, behind
        append(chr(code))
    if (fore, back) != (DEFAULT, DEFAULT):
        append("\x1b[m")
    have[changed] = want[changed]
    data = "".join(parts).encode()
    out[: len(data)] = data
    return len(data)
