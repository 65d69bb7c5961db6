"""Which quality the way to the terminal bears.

A frame's time to its acknowledgement should stay below a goal: over it, the quality goes down a step; well under it,
up again.  A step up that fails makes the next attempt wait longer, so that the picture does not pulsate.
"""

from __future__ import annotations

GOAL_SECONDS = 0.15
PATIENCE = 8  # quick frames before a better quality is tried
MAX_PATIENCE = 256
_SMOOTHING = 0.4
_HIGH, _LOW = 1.3, 0.5  # of the goal


class Pacing:
    """:attr:`step` is 0 for the best of *steps* qualities."""

    def __init__(self, steps: int = 1, goal: float = GOAL_SECONDS) -> None:
        self.steps = steps
        self.goal = goal
        self.step = 0
        self.seconds = 0.0  #: a running mean of the time from frame to acknowledgement
        self.bytes = 0.0  #: a running mean of a frame's size
        self._quick = 0  # frames in a row that came through well under the goal
        self._patience = PATIENCE
        self._since_up = 1 << 30  # frames since the quality went up

    def sent(self, count: int) -> None:
        self.bytes += (count - self.bytes) * (_SMOOTHING if self.bytes else 1.0)

    def acknowledged(self, seconds: float) -> None:
        """A frame was read *seconds* after it was handed over."""
        self.seconds += (seconds - self.seconds) * (_SMOOTHING if self.seconds else 1.0)
        self._since_up += 1
        if self.seconds > _HIGH * self.goal:
            self._quick = 0
            if self.step < self.steps - 1:
                self.step += 1
                self.seconds = self.goal  # of the new step nothing is known yet
                if self._since_up < 2 * PATIENCE:
                    self._patience = min(2 * self._patience, MAX_PATIENCE)
        elif self.seconds < _LOW * self.goal and seconds < _LOW * self.goal:
            self._quick += 1
            if self.step and self._quick >= self._patience:
                self.step -= 1
                self._quick = 0
                self._since_up = 0
        else:
            self._quick = 0

    def rest(self) -> None:
        """Nothing was sent for a while: there is time for a better quality."""
        if self.step:
            self.step -= 1
            self._since_up = 0
        else:
            self._patience = PATIENCE

    @property
    def strained(self) -> bool:
        """Not even the least quality comes through in time."""
        return self.step == self.steps - 1 and self.seconds > _HIGH * self.goal
