"""Resampling: the right pitch and level, no seams between blocks, the right number of frames."""

from __future__ import annotations

import numpy as np
import pytest

from spicetui.codecs.resample import Frames, Resampler, with_channels


def tone(pitch: float, rate: int, seconds: float = 1.0) -> Frames:
    wave = np.round(10_000 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.int16)
    return np.stack((wave, -wave), axis=1)


def converted(frames: Frames, rate_in: int, rate_out: int, block: int) -> Frames:
    resampler = Resampler(rate_in, rate_out, frames.shape[1])
    return np.concatenate([resampler.convert(frames[at : at + block]) for at in range(0, len(frames), block)])


RATES = [(44_100, 48_000), (48_000, 44_100), (8_000, 48_000), (48_000, 8_000), (22_050, 16_000)]


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_a_tone_stays_the_same(rate_in: int, rate_out: int) -> None:
    made = converted(tone(440, rate_in), rate_in, rate_out, rate_in // 100)
    # By as much as its filter reaches it is late; the shift that fits best is looked for in parts of a frame.
    assert abs(len(made) - rate_out) <= 40 * max(1.0, rate_out / rate_in)
    inner = made[rate_out // 10 : -rate_out // 10].astype(float)
    times = (np.arange(len(inner)) + rate_out // 10) / rate_out
    basis = np.stack((np.sin(2 * np.pi * 440 * times), np.cos(2 * np.pi * 440 * times)), axis=1)
    for channel in range(2):
        weights, *_ = np.linalg.lstsq(basis, inner[:, channel], rcond=None)
        assert np.hypot(*weights) == pytest.approx(10_000, rel=0.002)
        assert np.abs(inner[:, channel] - basis @ weights).max() < 20


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_blocks_leave_no_seams(rate_in: int, rate_out: int) -> None:
    frames = tone(440, rate_in, 0.3)
    whole = converted(frames, rate_in, rate_out, len(frames))
    for block in (1, 7, 480):
        parts = converted(frames, rate_in, rate_out, block)
        assert np.abs(whole[: len(parts)].astype(int) - parts[: len(whole)]).max() <= 1
        assert abs(len(whole) - len(parts)) <= 1


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    made = converted(tone(7_000, 48_000), 48_000, 8_000, 480)
    assert np.abs(made[1000:-1000]).max() < 40


def test_full_scale_does_not_wrap() -> None:
    frames = np.repeat(np.array([[32767], [-32768]], np.int16), 200, axis=0)
    made = converted(frames, 44_100, 48_000, 100)
    assert made.max() == 32767
    assert made.min() == -32768


def test_the_same_rate_changes_nothing() -> None:
    frames = tone(440, 48_000, 0.1)
    assert Resampler(48_000, 48_000, 2).convert(frames) is frames


def test_channels() -> None:
    mono = np.array([[1], [2]], np.int16)
    stereo = np.array([[10, 20], [30, 50]], np.int16)
    assert with_channels(mono, 2).tolist() == [[1, 1], [2, 2]]
    assert with_channels(stereo, 1).tolist() == [[15], [40]]
    assert with_channels(stereo, 3).tolist() == [[10, 20, 10], [30, 50, 30]]
    assert with_channels(with_channels(stereo, 6), 2).tolist() == stereo.tolist()
    assert with_channels(stereo, 2) is stereo
