"""Sound at another rate and with other channels, block by block."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.int16]

#: Zero crossings of the sinc on each side, and the steps between two of its samples in the table.
_CROSSINGS: Final = 16
_STEPS: Final = 512
_KAISER: Final = 9.0

#: Of the lower rate's half: what passes.
_PASS: Final = 0.94


class Resampler:
    """Frames (n, channels) in, frames at another rate out. Late by 16 frames of the lower rate."""

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        self._step = rate_in / rate_out
        cutoff = _PASS * min(1.0, rate_out / rate_in)
        self._reach = int(np.ceil(_CROSSINGS / min(1.0, rate_out / rate_in)))
        taps = 2 * self._reach
        offsets = np.arange(-self._reach + 1, self._reach + 1)
        fractions = np.arange(_STEPS + 1)[:, None] / _STEPS
        distance = offsets[None, :] - fractions
        window = np.i0(_KAISER * np.sqrt(np.clip(1 - (distance / self._reach) ** 2, 0, 1))) / np.i0(_KAISER)
        table = cutoff * np.sinc(cutoff * distance) * window
        self._table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
        self._held = np.zeros((taps - 1, channels), np.float32)  # the past that the next block needs
        self._at = float(self._reach - 1)  # of the next frame to make, in held frames

    def convert(self, frames: Frames) -> Frames:
        if self._step == 1:
            return frames
        held = np.concatenate((self._held, frames.astype(np.float32)))
        last = len(held) - self._reach - 1  # the last frame that has all its neighbours
        count = max(0, int(np.floor((last - self._at) / self._step)) + 1)
        if not count:
            self._held = held
            return np.zeros((0, frames.shape[1]), np.int16)
        places = self._at + self._step * np.arange(count)
        whole = np.floor(places).astype(int)
        phase = (places - whole) * _STEPS
        low = phase.astype(int)
        part = (phase - low).astype(np.float32)[:, None]
        weights = self._table[low] * (1 - part) + self._table[low + 1] * part
        windows = np.lib.stride_tricks.sliding_window_view(held, 2 * self._reach, axis=0)
        made = np.einsum("nct,nt->nc", windows[whole - self._reach + 1], weights)
        self._at += self._step * count
        done = max(0, int(self._at) - self._reach + 1)
        self._held = held[done:]
        self._at -= done
        rounded: Frames = np.clip(np.round(made), -32768, 32767).astype(np.int16)
        return rounded


def with_channels(frames: Frames, channels: int) -> Frames:
    """One channel goes to all, several become their mean or their first ones."""
    have = frames.shape[1]
    if have == channels:
        return frames
    if have == 1:
        return np.repeat(frames, channels, axis=1)
    if channels == 1:
        mean: Frames = np.round(frames.mean(axis=1, keepdims=True)).astype(np.int16)
        return mean
    if have > channels:
        return np.ascontiguousarray(frames[:, :channels])
    return np.concatenate((frames, np.repeat(frames[:, :1], channels - have, axis=1)), axis=1)
