"""Sounds that can be judged: tones, a counter, and what is asked of what came out. Frames are int16 (n, 2)."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.int16]


def tone(seconds: float, rate: int = 48_000, pitch: float = 440.0, level: int = 12_000) -> Sound:
    times = np.arange(round(seconds * rate)) / rate
    wave = np.round(level * np.sin(2 * np.pi * pitch * times)).astype(np.int16)
    return np.stack((wave, wave), axis=1)


def counter(frames: int) -> Sound:
    """Every frame is another one: its number in both samples, never 0."""
    numbers = np.arange(1, frames + 1, dtype=np.uint32)
    return np.ascontiguousarray(numbers.view(np.int16).reshape(-1, 2))


def numbers(sound: Sound) -> npt.NDArray[np.uint32]:
    """The counter's numbers again."""
    return np.ascontiguousarray(sound, dtype="<i2").view(np.uint32)[:, 0]


def speech(seconds: float, rate: int = 48_000, seed: int = 1) -> Sound:
    """Noise whose spectrum and loudness change as those of a voice do; no part of it looks like another."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    noise = random.normal(size=count + 64)
    smooth = np.convolve(noise, np.hanning(24), "same")[:count]
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * np.arange(count) / rate + 1)
    wave = smooth * loudness
    wave = np.round(wave / np.abs(wave).max() * 20_000).astype(np.int16)
    return np.stack((wave, wave[::-1]), axis=1)


def read(path: Path) -> tuple[Sound, int]:
    """A WAV file's frames and rate."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, "<i2").reshape(-1, 2), file.getframerate()


def pitch(sound: Sound, rate: int) -> float:
    """The strongest frequency, Hz."""
    mono = sound[:, 0].astype(float)
    size = len(mono) * 8
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), size))
    return float(spectrum.argmax() * rate / size)


def longest_silence(sound: Sound, level: int = 64) -> int:
    """In frames."""
    quiet = np.concatenate(([0], (np.abs(sound.astype(int)).max(axis=1) < level).astype(int), [0]))
    edges = np.flatnonzero(np.diff(quiet))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def trimmed(sound: Sound, level: int = 64) -> Sound:
    """Without the silence before and after."""
    loud = np.flatnonzero(np.abs(sound.astype(int)).max(axis=1) >= level)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:0]


def correlation(sound: Sound, original: Sound) -> tuple[float, int]:
    """The best that shifting finds, and by how many frames *sound* is late."""
    a, b = (one[:, 0].astype(float) for one in (sound, original))
    size = 1 << (len(a) + len(b)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    at = int(cross.argmax())
    late = at if at < size // 2 else at - size
    x, y = (a[late:], b) if late >= 0 else (a, b[-late:])
    count = min(len(x), len(y))
    return float(np.corrcoef(x[:count], y[:count])[0, 1]), late


def write(path: Path, sound: Sound, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(sound.astype("<i2").tobytes())


def resampled(sound: Sound, rate: int, other: int) -> Sound:
    """By cutting or filling up the spectrum."""
    count = len(sound) * other // rate
    spectrum = np.fft.rfft(sound.astype(float), axis=0)
    return np.round(np.fft.irfft(spectrum, count, axis=0) * other / rate).astype(np.int16)
