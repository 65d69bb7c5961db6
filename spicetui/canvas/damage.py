"""What has changed since somebody last looked: a short list of rectangles."""

from __future__ import annotations

from ..geometry import Rect
from .surface import Surface

#: More rectangles than these are worth less than a few that are too large.
MAX_RECTS = 32


Edges = tuple[int, int, int, int, int]  # left, top, right, bottom, area


class Damage:
    """Rectangles that may touch but hold all that was added; one in another is dropped, neighbours become one.

    Every message comes by here, some ten thousand times a second; hence plain numbers.
    """

    def __init__(self, max_rects: int = MAX_RECTS) -> None:
        self._held: list[Edges] = []
        self._max = max_rects

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, rect: Rect) -> None:
        left, top, width, height = rect
        if width > 0 and height > 0:
            self._add((left, top, left + width, top + height, width * height))

    def _add(self, new: Edges) -> None:
        x1, y1, x2, y2, area = new
        held = self._held
        again = True
        while again:
            again = False
            for at, (left, top, right, bottom, size) in enumerate(held):
                if left <= x1 and top <= y1 and right >= x2 and bottom >= y2:
                    return
                left = left if left < x1 else x1
                top = top if top < y1 else y1
                right = right if right > x2 else x2
                bottom = bottom if bottom > y2 else y2
                both = (right - left) * (bottom - top)
                if both <= size + area:  # nothing is added that was not there
                    del held[at]
                    x1, y1, x2, y2, area = left, top, right, bottom, both
                    again = True
                    break
        held.append((x1, y1, x2, y2, area))
        if len(held) > self._max:
            self._join()

    def add_all(self, surface: Surface) -> None:
        self._held.clear()
        self.add(Rect(0, 0, surface.width, surface.height))

    def take(self) -> list[Rect]:
        """What was added, and starts anew."""
        held, self._held = self._held, []
        return [Rect(left, top, right - left, bottom - top) for left, top, right, bottom, _ in held]

    def _join(self) -> None:
        """Makes one of the two whose union adds least; the last one is always of them, so that this stays cheap."""
        last = self._held.pop()
        unions = [_union(held, last) for held in self._held]
        growth = [both[4] - held[4] for both, held in zip(unions, self._held, strict=True)]
        at = growth.index(min(growth))
        del self._held[at]
        self._add(unions[at])


def _union(one: Edges, other: Edges) -> Edges:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = max(one[2], other[2]), max(one[3], other[3])
    return left, top, right, bottom, (right - left) * (bottom - top)
