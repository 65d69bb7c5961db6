"""The jitter buffer: the clock is in the test's hand, every frame is a number."""

from __future__ import annotations

import itertools
import random

import numpy as np
import numpy.typing as npt
import pytest

from spicetui.devices import audio_buffer
from spicetui.devices.audio_buffer import JitterBuffer

RATE = 48_000
PACKET = 480


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def frames(first: int, count: int = PACKET) -> bytes:
    return np.arange(first, first + count, dtype=np.uint32).tobytes()


def numbers(data: bytes) -> npt.NDArray[np.uint32]:
    return np.frombuffer(data, np.uint32)


def filled(target_ms: int = 60) -> tuple[JitterBuffer, Clock]:
    clock = Clock()
    return JitterBuffer(target_ms, clock), clock


def test_nothing_is_heard_before_the_target_is_there() -> None:
    buffer, _ = filled(30)
    buffer.push(frames(1))
    buffer.push(frames(481))
    assert buffer.pull(40) == bytes(40)
    assert buffer.delay_ms == 30
    buffer.push(frames(961))
    assert numbers(buffer.pull(4 * 1440)).tolist() == list(range(1, 1441))
    assert buffer.silent_frames == 10


@pytest.mark.parametrize("block", [1, 7, 480, 1000])
def test_every_frame_comes_once_and_in_order(block: int) -> None:
    buffer, clock = filled(60)
    out = []
    pulled = 0
    for number in range(300):
        buffer.push(frames(1 + number * PACKET))
        clock.now += 0.01
        while pulled + block <= number * PACKET:
            out.append(buffer.pull(4 * block))
            pulled += block
    heard = numbers(b"".join(out))
    heard = heard[heard > 0]
    assert np.array_equal(heard, np.arange(1, len(heard) + 1))
    assert len(heard) > 290 * PACKET - 60 * 48 - 2 * block
    assert (buffer.underruns, buffer.dropped_frames, buffer.adjusted_frames) == (0, 0, 0)


def test_jitter_within_the_target_is_not_heard() -> None:
    random.seed(5)
    buffer, clock = filled(60)
    arrivals = sorted((0.01 * n + random.uniform(0, 0.035), n) for n in range(400))
    heard: list[bytes] = []
    at = 0
    for tick in range(400):
        clock.now = 100 + 0.01 * tick
        while at < len(arrivals) and arrivals[at][0] <= 0.01 * tick:
            buffer.push(frames(1 + at * PACKET))
            at += 1
        heard.append(buffer.pull(4 * PACKET))
    sound = numbers(b"".join(heard))
    sound = sound[np.flatnonzero(sound)[0] :]
    assert np.array_equal(sound, np.arange(1, len(sound) + 1))
    assert buffer.underruns == 0


def test_what_came_too_late_is_waited_for_again() -> None:
    buffer, clock = filled(20)
    for first in (1, 481):
        buffer.push(frames(first))
    buffer.pull(4 * 700)
    assert numbers(buffer.pull(4 * 500)).tolist() == [*range(701, 961), *[0] * 240]
    clock.now += 0.02
    buffer.push(frames(961))
    assert buffer.pull(4) == bytes(4)
    buffer.push(frames(1441))
    assert numbers(buffer.pull(8)).tolist() == [961, 962]
    assert buffer.underruns == 1


def test_a_pause_of_the_guest_is_no_underrun() -> None:
    buffer, clock = filled(10)
    buffer.push(frames(1))
    buffer.pull(4 * 1000)
    clock.now += 2
    buffer.push(frames(481))
    assert buffer.underruns == 0


def test_the_end_is_played_without_waiting() -> None:
    buffer, _ = filled(60)
    buffer.push(frames(1))
    buffer.end()
    assert numbers(buffer.pull(4 * 480)).tolist() == list(range(1, 481))
    assert buffer.pull(8) == bytes(8)
    assert buffer.underruns == 0


def test_what_piles_up_is_dropped_at_once() -> None:
    buffer, _ = filled(60)
    for number in range(100):
        buffer.push(frames(1 + number * PACKET))
    assert buffer.queued_ms <= audio_buffer.TRIM * 60
    assert buffer.dropped_frames * 4 + len(buffer._data) == 100 * 4 * PACKET
    buffer.end()
    assert numbers(buffer.pull(len(buffer._data)))[-1] == 100 * PACKET


def test_a_packet_of_minutes_is_cut() -> None:
    buffer, _ = filled(60)
    buffer.push(bytes(4 * RATE * 100))
    assert buffer.queued_ms == 1000


def test_what_is_never_needed_is_dropped_after_a_second() -> None:
    buffer, clock = filled(60)
    first = itertools.count(1, PACKET)
    for _ in range(12):  # a device that begins late: 120 ms are there
        buffer.push(frames(next(first)))
    for _ in range(150):
        buffer.push(frames(next(first)))
        buffer.pull(4 * PACKET)
        clock.now += 0.01
    assert 50 <= buffer.queued_ms <= 70
    assert buffer.underruns == 0


def test_the_cut_melts() -> None:
    """No jump between what was dropped and what follows."""
    buffer, _ = filled(20)
    wave = np.round(8000 * np.sin(np.arange(48_000) / 30)).astype("<i2")
    stereo = np.stack((wave, wave), axis=1)
    for at in range(0, 48_000, PACKET):
        buffer.push(stereo[at : at + PACKET].tobytes())
    buffer.end()
    left = np.frombuffer(bytes(buffer._data), "<i2").reshape(-1, 2)[:, 0].astype(int)
    assert np.abs(np.diff(left)).max() < 800


@pytest.mark.parametrize("parts_per_million", [-2000, 2000])
def test_clocks_that_differ_are_kept_together(parts_per_million: int) -> None:
    """A minute of a device that is too quick or too slow: no gap, no growing delay."""
    buffer, clock = filled(60)
    wave = np.round(8000 * np.sin(np.arange(PACKET) * 2 * np.pi * 10 / PACKET)).astype("<i2")
    packet = np.repeat(wave[:, None], 2, axis=1).tobytes()
    device = 0.0
    fills = []
    for number in range(6000):
        clock.now = 100 + number / 100
        buffer.push(packet)
        device += PACKET * (1 + parts_per_million / 1e6)
        while device >= 240:
            buffer.pull(4 * 240)
            device -= 240
        fills.append(buffer.queued_ms)
    assert buffer.underruns == 0
    assert min(fills[500:]) > 5
    assert max(fills[500:]) < 100
    assert buffer.adjusted_frames > 0


def test_a_device_that_takes_large_blocks_gets_them() -> None:
    buffer, _ = filled(20)
    for number in range(4):
        buffer.push(frames(1 + number * PACKET))
        assert buffer.pull(4 * 1600) == bytes(4 * 1600) or number == 3
    assert buffer.target_ms == 33


def test_a_larger_target_is_waited_for() -> None:
    buffer, _ = filled(20)
    for first in (1, 481):
        buffer.push(frames(first))
    assert numbers(buffer.pull(4)).tolist() == [1]
    buffer.set_target(50)
    assert buffer.pull(4) == bytes(4)
    assert buffer.delay_ms == 50
    for first in (961, 1441, 1921, 2401):
        buffer.push(frames(first))
    assert numbers(buffer.pull(4)).tolist() == [2]


def test_another_format_begins_anew() -> None:
    buffer, _ = filled(10)
    buffer.push(frames(1))
    buffer.configure(8000, 1)
    assert (buffer.frame, buffer.target_ms, buffer.queued_ms) == (2, 10, 0)


# --- for devices that keep time by themselves


def test_take_gives_what_is_there() -> None:
    buffer, clock = filled(20)
    assert buffer.take(4000, 0) == b""
    buffer.push(frames(1))
    assert buffer.take(4000, 0) == b""
    buffer.push(frames(481))
    assert numbers(buffer.take(4 * 600, 0)).tolist() == list(range(1, 601))
    assert len(buffer.take(4 * 600, 0)) == 4 * 360
    assert buffer.take(4000, 0) == b""
    assert buffer.ahead_ms == pytest.approx(20)
    clock.now += 0.005
    assert buffer.ahead_ms == pytest.approx(15)
    buffer.push(frames(961))
    assert len(buffer.take(4000, 0)) == 4 * 480  # it still plays: nothing is held back


def test_take_waits_again_when_the_device_has_played_all() -> None:
    buffer, clock = filled(20)
    for first in (1, 481):
        buffer.push(frames(first))
    buffer.take(4000, 0)
    clock.now += 0.1
    assert buffer.take(4000, 0) == b""
    buffer.push(frames(961))
    assert buffer.take(4000, 0) == b""
    buffer.push(frames(1441))
    assert len(buffer.take(4000, 0)) == 4 * 960
    assert buffer.underruns == 1
