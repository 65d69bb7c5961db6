"""What has changed since somebody last looked: a short list of rectangles."""

from __future__ import annotations

from ..geometry import Rect
from .surface import Surface

#: More rectangles than these are worth less than a few that are too large.
MAX_RECTS = 32


class Damage:
    """Rectangles that may touch but hold all that was added; one in another is dropped, neighbours become one."""

    def __init__(self, max_rects: int = MAX_RECTS) -> None:
        self._rects: list[Rect] = []
        self._max = max_rects

    def __bool__(self) -> bool:
        return bool(self._rects)

    def add(self, rect: Rect) -> None:
        if rect.empty:
            return
        rects = self._rects
        for at, held in enumerate(rects):
            if held.contains(rect):
                return
            both = held.union(rect)
            if both.area <= held.area + rect.area:  # nothing is added that was not there
                del rects[at]
                self.add(both)
                return
        rects.append(rect)
        if len(rects) > self._max:
            self._join()

    def add_all(self, surface: Surface) -> None:
        self._rects = [Rect(0, 0, surface.width, surface.height)]

    def take(self) -> list[Rect]:
        """What was added, and starts anew."""
        rects, self._rects = self._rects, []
        return rects

    def _join(self) -> None:
        """Makes one of the two whose union adds least; the last one is always of them, so that this stays cheap."""
        last = self._rects.pop()
        growth = [held.union(last).area - held.area for held in self._rects]
        held = self._rects.pop(growth.index(min(growth)))
        self.add(held.union(last))
