"""Paths: from segments in 28.4 fixed point to polylines of whole pixels."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import CodecError
from ..wire.display import Path
from ..wire.enums import PathFlags

Point = tuple[int, int]

#: Points that one path may come to, its curves being divided.
MAX_POINTS = 1 << 17


def to_pixel(fixed: int) -> int:
    """Rounded, a half down."""
    return (fixed >> 4) + ((fixed & 15) > 8)


def polylines(path: Path) -> Iterator[list[Point]]:
    """Each stroke of the path as its corners, the last one being left out when it is drawn. Raises CodecError."""
    line: list[Point] = []
    total = 0
    for segment in path.segments:
        points = segment.points
        if segment.flags & PathFlags.BEGIN:
            if line:
                yield line
            if not points:
                raise CodecError("path that begins without a point")
            line = [_pixel(points[0])]
            points = points[1:]
        if segment.flags & PathFlags.BEZIER:
            if len(points) % 3 or not line:
                raise CodecError(f"path with a curve of {len(points)} points")
            for at in range(0, len(points), 3):
                start = (line[-1][0] << 4, line[-1][1] << 4)
                _curve(line, start, points[at], points[at + 1], points[at + 2], MAX_POINTS - total)
        else:
            line += map(_pixel, points)
        total += len(points)
        if total + len(line) > MAX_POINTS:
            raise CodecError(f"path of more than {MAX_POINTS} points")
        if segment.flags & PathFlags.END:
            if segment.flags & PathFlags.CLOSE and line:
                line.append(line[0])
            if line:
                yield line
            total += len(line)
            line = []
    if line:
        yield line


def _pixel(point: Point) -> Point:
    return to_pixel(point[0]), to_pixel(point[1])


def _curve(line: list[Point], p0: Point, p1: Point, p2: Point, p3: Point, limit: int) -> None:
    """A Bezier curve by halving, down to pieces that their chord stands for."""
    pieces = [(p0, p1, p2, p3)]
    while pieces:
        p0, p1, p2, p3 = pieces.pop()
        if _flat(p0, p1, p2, p3) or p0 == p1 == p2 == p3:
            line.append(_pixel(p3))
            if len(line) > limit:
                raise CodecError(f"path of more than {MAX_POINTS} points")
            continue
        p01, p12, p23 = _middle(p0, p1), _middle(p1, p2), _middle(p2, p3)
        p012, p123 = _middle(p01, p12), _middle(p12, p23)
        centre = _middle(p012, p123)
        halves = ((centre, p123, p23, p3), (p0, p01, p012, centre))
        if (p0, p1, p2, p3) in halves:  # rounding keeps it from becoming smaller
            line.append(_pixel(p3))
            continue
        pieces += halves


def _middle(a: Point, b: Point) -> Point:
    x, y = a[0] + b[0], a[1] + b[1]
    return (x // 2 if x >= 0 else -(-x // 2)), (y // 2 if y >= 0 else -(-y // 2))


def _flat(p0: Point, p1: Point, p2: Point, p3: Point) -> bool:
    """Whether both control points are so near the chord that the square of the distance is less than half a pixel."""
    ax, ay = p1[0] - p0[0], p1[1] - p0[1]
    bx, by = p3[0] - p0[0], p3[1] - p0[1]
    cx, cy = p2[0] - p3[0], p2[1] - p3[1]
    a2, b2, c2 = (ax * ax + ay * ay) >> 4, (bx * bx + by * by) >> 4, (cx * cx + cy * cy) >> 4
    ab = (ax * bx + ay * by) >> 4
    cb = (-cx * bx - cy * by) >> 4
    return (a2 * b2 - ab * ab) >> 3 < b2 and (c2 * b2 - cb * cb) >> 3 < b2
