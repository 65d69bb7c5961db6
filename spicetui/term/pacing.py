"""Which quality the way to the terminal bears.

A frame's time to its acknowledgement should stay below a goal: over it, the quality goes down, as many steps as the
time is too long; well under it, up again by one.  A step up that fails makes the next attempt wait longer, so that the
picture does not pulsate.  How many bytes a second get through is learnt on the way.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

GOAL_SECONDS = 0.15
PATIENCE = 8  # quick frames before a better quality is tried
MAX_PATIENCE = 256
_SMOOTHING = 0.4
_HIGH, _LOW = 1.2, 0.5  # of the goal
_TELLING = 4096  # bytes of a frame from which on its time tells of the rate


class _Sent(NamedTuple):
    size: int
    time: float
    step: int
    idle: bool  # nothing else was under way


class Pacing:
    """:attr:`step` is 0 for the best of *steps* qualities.

    *start* is where it begins; while that proves to be too careful it rises quickly.  Times are in seconds.
    """

    def __init__(self, steps: int = 1, goal: float = GOAL_SECONDS, start: int = 0) -> None:
        self.steps = steps
        self.goal = goal
        self.step = min(start, steps - 1)
        self.seconds = 0.0  #: a running mean of the time from frame to acknowledgement
        self.trip = 0.0  #: the shortest of a small frame, 0 while unknown
        self.rate = 0.0  #: bytes a second, 0 while unknown
        self.climbing = self.step > 0  #: all frames so far were quick
        self._under_way: deque[_Sent] = deque()
        self._last = 0.0  # when the last acknowledgement came
        self._quick = 0  # frames in a row that came through well under the goal
        self._patience = PATIENCE
        self._since_up = 1 << 30  # frames since the quality went up

    def sent(self, size: int, now: float, *, judged: bool = True) -> None:
        """A frame was handed over; *judged*: its time tells of the step that is now."""
        self._under_way.append(_Sent(size, now, self.step if judged else -1, not self._under_way))

    def forget(self) -> None:
        """No acknowledgement comes any more for what was sent."""
        self._under_way.clear()

    def acknowledged(self, now: float) -> None:
        """The oldest frame under way was read."""
        if not self._under_way:
            return
        frame = self._under_way.popleft()
        seconds = now - frame.time
        self.seconds += (seconds - self.seconds) * (_SMOOTHING if self.seconds else 1.0)
        self._learn_rate(frame, seconds, now)
        self._last = now
        self._since_up += 1
        if frame.step != self.step:
            return  # of the step that is now it tells nothing
        if seconds > _HIGH * self.goal:
            self._go_down(seconds)
        elif seconds < _LOW * self.goal:
            self._go_up(seconds)
        else:
            self._quick = 0
            self.climbing = False

    def _learn_rate(self, frame: _Sent, seconds: float, now: float) -> None:
        if frame.size < _TELLING:
            self.trip = min(self.trip or seconds, seconds)
            return
        taken = seconds - self.trip if frame.idle else now - self._last
        rate = frame.size / max(taken, 1e-4)
        self.rate += (rate - self.rate) * (_SMOOTHING if self.rate else 1.0)

    def _go_down(self, seconds: float) -> None:
        self.climbing = False
        self._quick = 0
        if self.step < self.steps - 1:
            self.step = min(self.steps - 1, self.step + max(1, int(math.log2(seconds / self.goal))))
            if self._since_up < 2 * PATIENCE:
                self._patience = min(2 * self._patience, MAX_PATIENCE)

    def _go_up(self, seconds: float) -> None:
        self._quick += 1
        if self.step and (self.climbing or self._quick >= self._patience):
            better = int(math.log2(_LOW * self.goal / max(seconds, 1e-4))) if self.climbing else 1
            self.step = max(0, self.step - max(1, better))
            self._quick = 0
            self._since_up = 0

    def too_large(self, size: int) -> bool:
        """Whether a frame of that many bytes would take far too long, and a lesser quality is there."""
        return self.step < self.steps - 1 and self.rate > 0 and size / self.rate > 2 * self.goal

    def go_down(self) -> None:
        """A frame was too large to be sent."""
        self.climbing = False
        self._quick = 0
        self.step = min(self.step + 1, self.steps - 1)

    @property
    def strained(self) -> bool:
        """Not even the least quality comes through in time."""
        return self.step == self.steps - 1 and self.seconds > _HIGH * self.goal
