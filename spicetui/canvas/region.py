"""Regions: where an operation may draw, as rectangles that do not overlap or as one bitmap.

A box is (left, top, right, bottom), half-open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from ..geometry import Rect

Box = tuple[int, int, int, int]
Mask = npt.NDArray[np.bool_]

#: More rectangles than these, or ones that overlap, are made a bitmap.
MAX_RECTS = 256


class Region:
    """Either *boxes* (disjoint, by rows and then columns where it matters) or *mask* over *box*."""

    __slots__ = ("box", "boxes", "mask")

    def __init__(self, box: Box, boxes: Sequence[Box] | None = None, mask: Mask | None = None) -> None:
        self.box = box
        self.boxes: Sequence[Box] = (box,) if boxes is None else boxes
        self.mask = mask

    def __iter__(self) -> Iterator[tuple[Box, Mask | None]]:
        """The parts to draw: a box, and where in it (None: everywhere)."""
        if self.mask is not None:
            yield self.box, self.mask
        else:
            for box in self.boxes:
                yield box, None

    def __bool__(self) -> bool:
        if self.mask is not None:
            return bool(self.mask.any())
        return bool(self.boxes)

    @property
    def rects(self) -> list[Rect]:
        """What covers the region, for a damage report: few rectangles, maybe too large."""
        boxes = self.boxes if self.mask is None and len(self.boxes) <= 16 else (self.box,)
        return [Rect(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes]

    def within(self, box: Box) -> Region:
        """The common part with a box."""
        x1, y1, x2, y2 = common = _intersect(self.box, box)
        if x1 >= x2 or y1 >= y2:
            return EMPTY
        if self.mask is not None:
            left, top = self.box[:2]
            return Region(common, mask=self.mask[y1 - top : y2 - top, x1 - left : x2 - left])
        if len(self.boxes) == 1:
            return Region(common)
        boxes = [part for part in (_intersect(b, box) for b in self.boxes) if part[0] < part[2] and part[1] < part[3]]
        return Region(_around(boxes), boxes) if boxes else EMPTY

    def masked(self, mask: Mask, x: int, y: int) -> Region:
        """The common part with the true pixels of *mask*, whose first pixel is at (x, y)."""
        part = self.within((x, y, x + mask.shape[1], y + mask.shape[0]))
        if not part.boxes:
            return EMPTY
        x1, y1, x2, y2 = part.box
        cut = mask[y1 - y : y2 - y, x1 - x : x2 - x]
        if part.mask is not None or len(part.boxes) > 1:
            cut = cut & part.bitmap()
        return Region(part.box, mask=cut)

    def bitmap(self) -> Mask:
        """Over *box*, true where the region is."""
        if self.mask is not None:
            return self.mask
        left, top, right, bottom = self.box
        if len(self.boxes) == 1:
            return np.ones((bottom - top, right - left), np.bool_)
        out = np.zeros((bottom - top, right - left), np.bool_)
        for x1, y1, x2, y2 in self.boxes:
            out[y1 - top : y2 - top, x1 - left : x2 - left] = True
        return out


EMPTY = Region((0, 0, 0, 0), ())


def region(width: int, height: int, box: Rect, clip: Sequence[Rect] | None) -> Region:
    """The part of *box* inside a surface of *width* x *height* pixels and inside *clip*, if there is one."""
    x, y, w, h = box
    x1, y1 = x if x > 0 else 0, y if y > 0 else 0
    x2, y2 = x + w if x + w < width else width, y + h if y + h < height else height
    if x1 >= x2 or y1 >= y2:
        return EMPTY
    bounds = (x1, y1, x2, y2)
    if clip is None:
        return Region(bounds)
    if len(clip) == 1:
        x, y, w, h = clip[0]
        x1, y1, x2, y2 = common = _intersect(bounds, (x, y, x + w, y + h))
        return Region(common) if x1 < x2 and y1 < y2 else EMPTY
    if len(clip) <= MAX_RECTS:
        boxes = []
        for x, y, w, h in clip:
            x1, y1, x2, y2 = part = _intersect(bounds, (x, y, x + w, y + h))
            if x1 < x2 and y1 < y2:
                boxes.append(part)
        if not boxes:
            return EMPTY
        if _disjoint(boxes):
            return Region(_around(boxes), boxes)
        edges = np.array(boxes, np.int64)
    else:
        edges = _clipped(clip, bounds)
        if not len(edges):
            return EMPTY
    return _painted(edges)


def _intersect(a: Box, b: Box) -> Box:
    return (
        a[0] if a[0] > b[0] else b[0],
        a[1] if a[1] > b[1] else b[1],
        a[2] if a[2] < b[2] else b[2],
        a[3] if a[3] < b[3] else b[3],
    )


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _disjoint(boxes: Sequence[Box]) -> bool:
    """Whether the boxes come in bands, as a region's do: that they cannot overlap is then seen in one pass."""
    band = boxes[0]
    right = band[2]
    for box in boxes[1:]:
        if box[1] == band[1] and box[3] == band[3]:
            if box[0] < right:
                return False
        elif box[1] >= band[3]:
            band = box
        else:
            return False
        right = box[2]
    return True


def _clipped(clip: Sequence[Rect], bounds: Box) -> npt.NDArray[np.int64]:
    rects = np.fromiter(chain.from_iterable(clip), np.int64, 4 * len(clip)).reshape(-1, 4)
    edges = np.empty_like(rects)
    np.maximum(rects[:, 0], bounds[0], out=edges[:, 0])
    np.maximum(rects[:, 1], bounds[1], out=edges[:, 1])
    np.minimum(rects[:, 0] + rects[:, 2], bounds[2], out=edges[:, 2])
    np.minimum(rects[:, 1] + rects[:, 3], bounds[3], out=edges[:, 3])
    return edges[(edges[:, 0] < edges[:, 2]) & (edges[:, 1] < edges[:, 3])]


def _painted(edges: npt.NDArray[np.int64]) -> Region:
    """The union of any boxes: corners are counted and summed up, so the work is bounded by boxes plus pixels."""
    left, top = (int(v) for v in edges[:, :2].min(axis=0))
    right, bottom = (int(v) for v in edges[:, 2:].max(axis=0))
    x1, y1, x2, y2 = (edges - np.array((left, top, left, top))).T
    corners = np.zeros((bottom - top + 1, right - left + 1), np.int32)
    np.add.at(corners, (y1, x1), 1)
    np.add.at(corners, (y1, x2), -1)
    np.add.at(corners, (y2, x1), -1)
    np.add.at(corners, (y2, x2), 1)
    np.cumsum(corners, axis=0, out=corners)
    np.cumsum(corners, axis=1, out=corners)
    return Region((left, top, right, bottom), mask=corners[:-1, :-1] > 0)
