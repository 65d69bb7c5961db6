"""The quality follows what the way to the terminal bears."""

from __future__ import annotations

from itertools import pairwise

from spicetui.term.pacing import PATIENCE, Pacing


def run(pacing: Pacing, seconds_of_step: list[float], frames: int) -> list[int]:
    """The step of each frame on a way where a frame of each step takes that long."""
    steps = []
    for _ in range(frames):
        steps.append(pacing.step)
        pacing.acknowledged(seconds_of_step[pacing.step])
    return steps


def test_a_fast_way_keeps_the_best() -> None:
    assert set(run(Pacing(4), [0.01] * 4, 100)) == {0}


def test_a_slow_way_ends_at_the_step_that_it_bears() -> None:
    steps = run(Pacing(4), [0.9, 0.5, 0.12, 0.05], 60)
    assert steps[0] == 0
    assert steps[20:] == [2] * 40


def test_it_does_not_pulsate_between_two() -> None:
    steps = run(Pacing(2), [0.5, 0.02], 2000)
    ups = sum(before > after for before, after in pairwise(steps))
    assert 1 <= ups <= 20
    assert steps.count(0) < 100


def test_it_comes_back_when_the_way_is_fast_again() -> None:
    pacing = Pacing(4)
    run(pacing, [1.0] * 4, 40)
    assert pacing.step == 3
    assert pacing.strained
    run(pacing, [0.01] * 4, 30 * PATIENCE)
    assert pacing.step == 0
    assert not pacing.strained


def test_rest_gives_back_quality() -> None:
    pacing = Pacing(3)
    run(pacing, [1.0, 1.0, 0.1], 30)
    assert pacing.step == 2
    pacing.rest()
    pacing.rest()
    assert pacing.step == 0


def test_one_quality_only() -> None:
    pacing = Pacing(1)
    run(pacing, [1.0], 10)
    assert pacing.step == 0
    assert pacing.strained
