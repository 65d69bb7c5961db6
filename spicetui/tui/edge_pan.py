"""Panning by the pointer: while it rests at the view's edge, the picture moves on under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..term.scale import Mapping

INTERVAL = 0.05
DELAY = 0.2  # at the edge before the picture moves: whoever only crosses it wants something else
MARGIN = 1.0  # cells
COLUMNS, ROWS = 4, 2  # a step


class EdgePan:
    """*pan* moves by columns and rows; *moved* is called after each step."""

    def __init__(self, pan: Callable[[float, float], None], moved: Callable[[], None]) -> None:
        self._pan = pan
        self._moved = moved
        self._direction = (0, 0)
        self._timer: asyncio.TimerHandle | None = None

    def pointer(self, mapping: Mapping, x: float, y: float) -> None:
        """The pointer is at a place of the view, in cells."""
        shown, picture, view = mapping.shown, mapping.picture, mapping.view
        across = (x >= view.width - MARGIN and shown.right < picture.width) - (x < MARGIN and shown.x > 0)
        down = (y >= view.height - MARGIN and shown.bottom < picture.height) - (y < MARGIN and shown.y > 0)
        self._direction = (across, down)
        if self._direction == (0, 0):
            self.stop()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._step)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self) -> None:
        across, down = self._direction
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._step)
        self._pan(COLUMNS * across, ROWS * down)
        self._moved()  # the pointer is over another pixel; at the end of the picture that stops the panning
