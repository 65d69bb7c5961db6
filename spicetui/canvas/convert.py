"""Pixels of one format as pixels of another, as pixman converts them: truncating, and repeating the top bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import Array, PixelFormat, expand555

Words = npt.NDArray[np.uint32]

OPAQUE = np.uint32(0xFF000000)
_WORDS = (PixelFormat.XRGB, PixelFormat.ARGB, PixelFormat.INDEXED)


def convert(pixels: Array, source: PixelFormat, target: PixelFormat) -> Array:
    """*pixels* itself where the formats share their bits.

    Colours become alpha by their own alpha, 0xff where they have none; alpha becomes black of that alpha.
    """
    if source is target:
        return pixels
    if target is PixelFormat.XRGB or target is PixelFormat.ARGB:
        if source in _WORDS:
            return pixels
        if source is PixelFormat.RGB555:
            return expand555(pixels)
        if source is PixelFormat.RGB565:
            return expand565(pixels)
        return to_argb(pixels, source)
    if target is PixelFormat.RGB555 or target is PixelFormat.RGB565:
        if source is PixelFormat.INDEXED:  # the entries have the surface's format
            return pixels.astype(np.uint16)
        words = convert(pixels, source, PixelFormat.XRGB).astype(np.uint32, copy=False)
        return to555(words) if target is PixelFormat.RGB555 else to565(words)
    if source is PixelFormat.ARGB:
        alpha = (pixels.astype(np.uint32, copy=False) >> 24).astype(np.uint8)
    elif source is PixelFormat.A8:
        alpha = pixels.astype(np.uint8, copy=False)
    elif source is PixelFormat.A1:
        alpha = pixels.astype(np.uint8, copy=False) * np.uint8(255)
    else:
        alpha = np.full(pixels.shape, 255, np.uint8)
    return alpha if target is PixelFormat.A8 else alpha >> 7


def to_argb(pixels: Array, source: PixelFormat) -> Words:
    """Premultiplied 0xAARRGGBB as pixman computes with: what has no alpha is opaque, what has no colour is black."""
    if source is PixelFormat.ARGB:
        return pixels.astype(np.uint32, copy=False)
    if source in _WORDS:
        return pixels.astype(np.uint32, copy=False) | OPAQUE
    if source is PixelFormat.RGB555:
        return expand555(pixels)
    if source is PixelFormat.RGB565:
        return expand565(pixels)
    if source is PixelFormat.A8:
        return pixels.astype(np.uint32) << np.uint32(24)
    return pixels.astype(np.uint32) * OPAQUE


def from_argb(words: Words, target: PixelFormat) -> Array:
    """The inverse of :func:`to_argb`; the top byte stays as it is."""
    return convert(words, PixelFormat.ARGB, target)


def stored(words: Words, target: PixelFormat) -> Array:
    """As :func:`from_argb`, with the top byte 0 where it has no meaning, so that nobody takes it for alpha."""
    return words & np.uint32(0xFFFFFF) if target is PixelFormat.XRGB else from_argb(words, target)


def expand565(pixels: Array) -> Words:
    """RGB565 to opaque ARGB."""
    v = pixels.astype(np.uint32)
    out: Words = (v & np.uint32(0xF800)) << np.uint32(8)
    out |= (v & 0xE000) << 3
    out |= (v & 0x07E0) << 5
    out |= (v & 0x0600) >> 1
    out |= (v & 0x001F) << 3
    out |= (v & 0x001C) >> 2
    out |= OPAQUE
    return out


def to555(words: Words) -> npt.NDArray[np.uint16]:
    out = (words >> 3) & 0x1F
    out |= (words >> 6) & 0x3E0
    out |= (words >> 9) & 0x7C00
    return out.astype(np.uint16)


def to565(words: Words) -> npt.NDArray[np.uint16]:
    out = (words >> 3) & 0x1F
    out |= (words >> 5) & 0x7E0
    out |= (words >> 8) & 0xF800
    return out.astype(np.uint16)
