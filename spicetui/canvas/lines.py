"""Which pixels a line of one pixel's width has, solid or dashed, as in the X server's sample implementation."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from .path import Point
from .region import Box

Indices = npt.NDArray[np.int64]
Span = tuple[int, int, int]  # y, first x, x behind the last

#: Dashes and rows of them that one operation may come to.
MAX_SPANS = 1 << 16

_MITER_LIMIT = 108.856472512142  # 1 / sin(11 degrees / 2) squared


# --- solid


def thin(start: Point, end: Point, box: Box) -> tuple[Indices, Indices] | None:
    """Columns and rows of the line's pixels inside *box*, without the end point; None for none.

    Bresenham's: after k steps along the longer axis the shorter one has had (2 k minor + major - bias) / (2 major),
    rounded down. A line that goes backwards along its longer axis is biased towards the start.
    """
    (x1, y1), (x2, y2) = start, end
    left, top, right, bottom = box
    dx, dy = x2 - x1, y2 - y1
    if abs(dx) > abs(dy):
        found = _steps(x1, dx, y1, dy, left, right, top, bottom)
    else:
        found = _steps(y1, dy, x1, dx, top, bottom, left, right)
        found = found and (found[1], found[0])
    return found


def _steps(
    start: int, along: int, minor_start: int, across: int, low: int, high: int, minor_low: int, minor_high: int
) -> tuple[Indices, Indices] | None:
    major, minor = abs(along), abs(across)
    if along >= 0:
        first, last = max(low - start, 0), min(high - start, major)
    else:
        first, last = max(start - high + 1, 0), min(start - low + 1, major)
    if first >= last or max(minor_start, minor_start + across) < minor_low:
        return None
    if min(minor_start, minor_start + across) >= minor_high:
        return None
    k = np.arange(first, last, dtype=np.int64)
    taken = (2 * minor * k + major - (along < 0)) // (2 * major)
    steady = start + k if along >= 0 else start - k
    other = minor_start + taken if across >= 0 else minor_start - taken
    inside = (other >= minor_low) & (other < minor_high)
    if not inside.all():
        steady, other = steady[inside], other[inside]
    return (steady, other) if len(steady) else None


# --- dashed


class Dashes:
    """On and off lengths in pixels, and where in them a line starts."""

    def __init__(self, lengths: Sequence[int], offset: int) -> None:
        total = sum(lengths)
        if not total:
            raise CodecError("line style whose dashes have no length")
        self.lengths = lengths
        self.index = 0
        self.used = 0
        if offset < lengths[0]:
            self.used = offset
            return
        self._next()
        rest = (offset - lengths[0]) % total
        while rest >= lengths[self.index]:
            rest -= lengths[self.index]
            self._next()
        self.used = rest

    def _next(self) -> None:
        self.index = (self.index + 1) % len(self.lengths)

    @property
    def on(self) -> bool:
        return not self.index & 1


class _Edge(NamedTuple):
    """Of a polygon: from a corner along (dx, dy), on the line x dy - y dx = k through it."""

    x: float
    y: float
    dx: int
    dy: int
    k: float


@dataclass(slots=True)
class _Face:
    """The end of a segment at (x, y), seen from inside; (xa, ya) is its one corner, relative."""

    x: int
    y: int
    dx: int
    dy: int
    xa: float
    ya: float
    k: float


def dashed(line: Sequence[Point], dashes: Dashes, careful: bool) -> Iterator[Span]:
    """Spans of a polyline one pixel wide, with mitred joins; they may overlap, and each pixel is meant once.

    *careful* draws every join, as is done for operations that invert; others leave out those whose pixel one of the
    segments has drawn.
    """
    first: _Face | None = None
    before: _Face | None = None
    before_on = first_on = False
    closed = line[0] == line[-1]
    careful = careful and len(line) >= 3
    drawn = False
    ends_on = False
    budget = [MAX_SPANS]
    for start, end in pairwise(line):
        if start == end:
            continue
        starts_on = dashes.on
        left, right = yield from _segment(start, end, dashes, budget)
        ends_on = bool(dashes.index & 1) != bool(dashes.used)
        if starts_on:
            if drawn and before_on and before is not None:
                yield from _join(left, before, careful, budget)
            elif not drawn and closed:
                first, first_on = replace(left), True
        before, before_on, drawn = right, ends_on, True
    if drawn and ends_on and closed and first_on and first and before:
        yield from _join(first, before, careful, budget)


def _segment(start: Point, end: Point, dashes: Dashes, budget: list[int]) -> Generator[Span, None, tuple[_Face, _Face]]:
    """The dashes between two points; returns the faces of both ends."""
    (x1, y1), (x2, y2) = start, end
    dx, dy = x2 - x1, y2 - y1
    if not dx or not dy:
        length: float = abs(dx + dy)
        half_x, half_y = (dx > 0) * 0.5 - (dx < 0) * 0.5, (dy > 0) * 0.5 - (dy < 0) * 0.5
    else:
        length = abs(complex(dx, dy))
        half_x, half_y = 0.5 / length * dx, 0.5 / length * dy
    k = 0.5 * length
    # Corners of the current dash: ahead and behind, right and left of the line's direction.
    back_x, back_y = half_y, -half_x
    near_x, near_y = -half_y, half_x
    ahead_x, ahead_y = back_x, back_y
    far_x, far_y = near_x, near_y
    ahead_k = back_k = 0.0
    rest = length
    remain = dashes.lengths[dashes.index] - dashes.used
    while rest > remain:
        step_x, step_y = remain * dx / length, remain * dy / length
        ahead_x, ahead_y = ahead_x + step_x, ahead_y + step_y
        far_x, far_y = far_x + step_x, far_y + step_y
        ahead_k = ahead_x * dx + ahead_y * dy
        if dashes.on:
            yield from _polygon(
                (
                    _Edge(back_x, back_y, dx, dy, k),
                    _Edge(ahead_x, ahead_y, -dy, dx, ahead_k),
                    _Edge(far_x, far_y, -dx, -dy, k),
                    _Edge(near_x, near_y, dy, -dx, back_k),
                ),
                x1,
                y1,
                budget,
            )
        budget[0] -= 1
        if budget[0] < 0:
            raise CodecError(f"line of more than {MAX_SPANS} dashes")
        rest -= remain
        dashes._next()
        remain = dashes.lengths[dashes.index]
        back_x, back_y, near_x, near_y = ahead_x, ahead_y, far_x, far_y
        back_k = -ahead_k
    if dashes.on:
        yield from _polygon(
            (
                _Edge(back_x - dx, back_y - dy, dx, dy, k),
                _Edge(half_y, -half_x, -dy, dx, 0.0),
                _Edge(-half_y, half_x, -dx, -dy, k),
                _Edge(near_x - dx, near_y - dy, dy, -dx, back_k + (dx * dx + dy * dy)),
            ),
            x2,
            y2,
            budget,
        )
    remain = int(remain - rest)
    if not remain:
        dashes._next()
        remain = dashes.lengths[dashes.index]
    dashes.used = dashes.lengths[dashes.index] - remain
    return _Face(x1, y1, dx, dy, half_y, -half_x, k), _Face(x2, y2, -dx, -dy, -half_y, half_x, k)


def _join(left: _Face, right: _Face, careful: bool, budget: list[int]) -> Iterator[Span]:
    """The corner between two segments, mitred unless it is too sharp for that."""
    if not careful and any(face.dx > 0 or (face.dx == 0 and face.dy > 0) for face in (left, right)):
        return
    turn = -left.dx * float(right.dy) + right.dx * float(left.dy)
    if not turn:
        return
    sign = 1
    if turn > 0:
        left = replace(left, xa=-left.xa, ya=-left.ya, dx=-left.dx, dy=-left.dy)
    else:
        right = replace(right, xa=-right.xa, ya=-right.ya, dx=-right.dx, dy=-right.dy)
        sign = -1
    edges = [_Edge(right.xa, right.ya, -right.dy, right.dx, 0.0), _Edge(0.0, 0.0, left.dy, -left.dx, 0.0)]
    y = (
        left.dy * (right.xa * right.dy - right.ya * right.dx) - right.dy * (left.xa * left.dy - left.ya * left.dx)
    ) / turn
    if left.dy:
        x = left.xa + (y - left.ya) * float(left.dx) / float(left.dy)
    else:
        x = right.xa + (y - right.ya) * float(right.dx) / float(right.dy)
    if (x * x + y * y) * 4 > _MITER_LIMIT:
        dx, dy = right.xa - left.xa, right.ya - left.ya
        scale = max(abs(dx), abs(dy))
        if not scale:
            return
        slope_x, slope_y = int(dx * 65536 / scale), int(dy * 65536 / scale)
        middle = ((left.xa + right.xa) * slope_y - (left.ya + right.ya) * slope_x) / 2.0
        edges.append(_Edge(left.xa, left.ya, slope_x, slope_y, middle))
    else:
        edges.append(_Edge(left.xa, left.ya, sign * left.dx, sign * left.dy, sign * left.k))
        edges.append(_Edge(x, y, sign * right.dx, sign * right.dy, sign * right.k))
    yield from _polygon(edges, left.x, left.y, budget)


def _polygon(edges: Sequence[_Edge], x: int, y: int, budget: list[int]) -> Iterator[Span]:
    """The rows of a convex polygon whose corners are relative to (x, y): centres on or right of its left edges."""
    count = len(edges)
    top = bottom = 0
    for at, edge in enumerate(edges):
        if edge.y < edges[top].y:
            top = at
        if edge.y >= edges[bottom].y:
            bottom = at
    last = ceil(edges[bottom].y)
    into, out = edges[top - 1], edges[top]
    clockwise = into.dy * out.dx <= out.dy * into.dx
    right = _chain(edges, top, bottom, 1 if clockwise else -1, count)
    left = _chain(edges, top, bottom, -1 if clockwise else 1, count)
    if not left or not right:
        return
    first = left[0][0]
    budget[0] -= max(last - first, 0)
    if budget[0] < 0:
        raise CodecError(f"dashed line of more than {MAX_SPANS} spans")
    starts, ends = _crossings(left, last), _crossings(right, last)
    for row, start, end in zip(range(first, last), starts, ends, strict=False):
        if start < end:
            yield y + row, x + start, x + end


def _chain(edges: Sequence[_Edge], top: int, bottom: int, step: int, count: int) -> list[tuple[int, int, int, int]]:
    """The edges on one side, downwards: first row, and k, dx and dy > 0 of the line."""
    chain = []
    at = top
    while at != bottom:
        edge = edges[at if step > 0 else (at - 1) % count]
        if edge.dy:
            sign = 1 if edge.dy > 0 else -1
            chain.append((ceil(edges[at].y), ceil(sign * edge.k), sign * edge.dx, sign * edge.dy))
        at = (at + step) % count
    return chain


def _crossings(chain: Sequence[tuple[int, int, int, int]], last: int) -> Iterator[int]:
    """For each row the first column not left of the edges."""
    for at, (first, k, dx, dy) in enumerate(chain):
        end = chain[at + 1][0] if at + 1 < len(chain) else last
        for row in range(first, end):
            yield -(-(k + row * dx) // dy)
