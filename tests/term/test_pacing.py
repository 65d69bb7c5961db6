"""The quality follows what the way to the terminal bears."""

from __future__ import annotations

from itertools import pairwise

import pytest

from spicetui.term.pacing import PATIENCE, Pacing


class Way:
    """One frame at a time, on a way of *rate* bytes a second; *sizes* are the frames' by step."""

    def __init__(self, pacing: Pacing, rate: float, sizes: list[int], trip: float = 0.002) -> None:
        self.pacing, self.rate, self.sizes, self.trip = pacing, rate, sizes, trip
        self.now = 0.0

    def run(self, frames: int) -> list[int]:
        """The step of each frame."""
        steps = []
        for _ in range(frames):
            step = self.pacing.step
            steps.append(step)
            self.pacing.sent(self.sizes[step], self.now)
            self.now += self.trip + self.sizes[step] / self.rate
            self.pacing.acknowledged(self.now)
        return steps


SIZES = [800_000, 400_000, 100_000, 40_000]


def test_a_fast_way_keeps_the_best() -> None:
    assert set(Way(Pacing(4), 1e9, SIZES).run(100)) == {0}


def test_a_slow_way_ends_at_the_step_that_it_bears() -> None:
    steps = Way(Pacing(4), 1e6, SIZES).run(60)
    assert steps[0] == 0
    assert steps[10:] == [2] * 50


def test_the_first_frame_that_takes_far_too_long_is_enough() -> None:
    assert Way(Pacing(4), 1e5, SIZES).run(2) == [0, 3]


def test_it_does_not_pulsate_between_two() -> None:
    steps = Way(Pacing(2), 1e6, [500_000, 20_000]).run(2000)
    ups = sum(before > after for before, after in pairwise(steps))
    assert 1 <= ups <= 20
    assert steps.count(0) < 100


def test_it_comes_back_when_the_way_is_fast_again() -> None:
    pacing = Pacing(4)
    way = Way(pacing, 5e4, SIZES)
    way.run(40)
    assert pacing.step == 3
    assert pacing.strained
    way.rate = 1e8
    way.run(30 * PATIENCE)
    assert pacing.step == 0
    assert not pacing.strained


@pytest.mark.parametrize("rate", [1e9, 1e8])
def test_a_careful_start_is_over_at_once_on_a_fast_way(rate: float) -> None:
    steps = Way(Pacing(4, start=3), rate, SIZES).run(5)
    assert steps[0] == 3
    assert steps[3] == 0


def test_a_careful_start_stays_where_the_way_is_slow() -> None:
    assert set(Way(Pacing(4, start=3), 3e5, SIZES).run(60)[1:]) <= {2, 3}


def test_the_rate_is_learnt() -> None:
    pacing = Pacing(4, start=3)
    Way(pacing, 1e6, [100] * 4, trip=0.02).run(1)
    Way(pacing, 1e6, SIZES, trip=0.02).run(20)
    assert 0.9e6 < pacing.rate < 1.1e6
    assert not pacing.too_large(100_000)
    pacing.step = 0
    assert pacing.too_large(800_000)
    pacing.step = 3
    assert not pacing.too_large(800_000)  # nothing less is there


def test_two_frames_under_way_share_the_line() -> None:
    pacing = Pacing(1)
    now = 0.0
    pacing.sent(100_000, 0.0)
    for number in range(20):  # a megabyte a second, always one more in the queue
        pacing.sent(100_000, now)
        now = (number + 1) * 0.1 + 0.02
        pacing.acknowledged(now)
    assert 0.8e6 < pacing.rate < 1.2e6


def test_acknowledgements_without_a_frame_are_harmless() -> None:
    pacing = Pacing(2)
    pacing.acknowledged(1.0)
    pacing.sent(10, 0.0)
    pacing.forget()
    pacing.acknowledged(2.0)
    assert pacing.step == 0


def test_one_quality_only() -> None:
    pacing = Pacing(1)
    Way(pacing, 1e5, SIZES).run(10)
    assert pacing.step == 0
    assert pacing.strained
    assert not pacing.too_large(1 << 30)
