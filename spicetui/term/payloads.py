"""Pixels as bytes for the wire: deflated, in base64, and the steps of quality.

isal and pybase64 do it in a fraction of the standard library's time, and are optional.
"""

from __future__ import annotations

import struct
import threading
from binascii import b2a_base64, crc32
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from .packing import UNKNOWN, Words, five_bits, halved, pack_indexes, pack_rgb

QUALITIES = 5  #: exact; five bits a channel; a palette; a palette and half, or a quarter, of the resolution
EXACT, FIVE_BITS, PALETTE, HALF, QUARTER = range(QUALITIES)

_COLORS = 256
_SMALL = 1024  # pixels; a palette would cost more than it saves
_SAMPLES = 1 << 12  # pixels that a palette is made from; more take long and hardly better it
_WORSE = 1.5  # times the error a palette began with; then the scene is another


def halvings(quality: int) -> int:
    """How many times the resolution is halved."""
    return max(0, quality - PALETTE)


class Payload(NamedTuple):
    """Bytes of an image and what the kitty protocol calls their form: ``f=24,o=z`` and such."""

    form: bytes
    data: bytes | bytearray


@lru_cache(1)
def fast_parts() -> tuple[str, ...]:
    """Which of the optional packages are used."""
    return tuple(name for name, loaded in (("isal", _isal()), ("pybase64", _pybase64())) if loaded is not None)


@lru_cache(1)
def _isal() -> Any:
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return None


@lru_cache(1)
def _pybase64() -> Any:
    try:
        return import_module("pybase64")
    except ImportError:
        return None


@lru_cache(1)
def _compressor() -> Callable[..., bytes]:
    fast = _isal()
    compress: Callable[..., bytes] = fast.compress if fast is not None else import_module("zlib").compress
    return compress


def deflate(data: bytes | bytearray | memoryview) -> bytes:
    """As RFC 1950 has it, in the fastest way."""
    return _compressor()(data, 1)


def base64(data: bytes | bytearray) -> bytes:
    fast = _pybase64()
    if fast is not None:
        encoded: bytes = fast.b64encode(data)
        return encoded
    return b2a_base64(data, newline=False)


def rgb(words: Words) -> Payload:
    plain = pack_rgb(words)
    packed = deflate(plain)
    if len(packed) < len(plain):
        return Payload(b"f=24,o=z", packed)
    return Payload(b"f=24", plain)


class Encoder:
    """Words 0x00RRGGBB to payloads.  It keeps a palette as long as that fits what is shown; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._palette: Words = np.zeros(0, np.uint32)
        self._table = np.empty(1 << 15, np.uint16)
        self._error = 0.0

    def encode(self, words: Words, quality: int) -> Payload:
        """*words* (h, w); HALF gives an image of half the size, QUARTER of a quarter."""
        for _ in range(halvings(quality)):
            words = halved(words)
        if quality == EXACT or (words.size < _SMALL and not halvings(quality)):
            return rgb(words)
        if quality == FIVE_BITS:
            return rgb(five_bits(words))
        with self._lock:
            indexes, palette = self._indexes(words)
        return Payload(b"f=100", png(indexes, palette))

    def _indexes(self, words: Words) -> tuple[npt.NDArray[np.uint8], Words]:
        step = max(1, int((words.size / _SAMPLES) ** 0.5))
        sample = np.ascontiguousarray(words[::step, ::step])
        if not self._palette.size or self._distance(sample) > _WORSE * self._error + 2:
            self._palette = _adaptive(sample)
            self._table.fill(UNKNOWN)
            self._error = self._distance(sample)
        return pack_indexes(words, self._palette, self._table), self._palette

    def _distance(self, words: Words) -> float:
        """How far the palette is off, on average, in levels of green."""
        found = self._palette[pack_indexes(words, self._palette, self._table)]
        return float(np.abs((found >> 8 & 255).astype(np.int16) - (words >> 8 & 255).astype(np.int16)).mean())


def is_exact(words: Words, quality: int) -> bool:
    """Whether :meth:`Encoder.encode` loses nothing."""
    return quality == EXACT or (not halvings(quality) and words.size < _SMALL)


def _adaptive(words: Words) -> Words:
    """The colours that fit best, at most 256; all of them where they are few."""
    colors = np.unique(words)
    if len(colors) <= _COLORS:
        return colors
    height, width = words.shape
    picture = Image.frombytes("RGB", (width, height), bytes(pack_rgb(words)))
    quantized = picture.quantize(_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    levels = np.frombuffer(bytes(quantized.getpalette() or ()), np.uint8).reshape(-1, 3).astype(np.uint32)
    return np.ascontiguousarray(levels @ np.array((1 << 16, 1 << 8, 1), np.uint32))


def png(indexes: npt.NDArray[np.uint8], palette: Words) -> bytes:
    """A picture of a palette's colours, of which it holds no more than it uses."""
    used = np.zeros(_COLORS, np.bool_)
    used[indexes] = True
    numbers = np.flatnonzero(used)
    if len(numbers) < len(palette):
        renumbered = np.zeros(_COLORS, np.uint8)
        renumbered[numbers] = np.arange(len(numbers))
        indexes = renumbered[indexes]
        palette = palette[numbers]
    height, width = indexes.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each begins with the number of its filter: none
    rows[:, 1:] = indexes
    colors = np.stack((palette >> 16 & 255, palette >> 8 & 255, palette & 255), axis=-1).astype(np.uint8)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", colors.tobytes()), (b"IDAT", deflate(rows.data.cast("B"))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(data, crc32(kind)))
