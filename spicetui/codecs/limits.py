"""Bounds on what a peer may make us allocate, checked before anything is allocated."""

from __future__ import annotations

from typing import TypeAlias

from spicetui.errors import CodecError

# What a decoder reads from; any other object with the buffer protocol does as well.
Buffer: TypeAlias = "bytes | bytearray | memoryview"

MAX_PIXELS = 1 << 26  #: of one image: 8192 x 8192, or 256 MB of BGRX
GLZ_WINDOW_PIXELS = 1 << 24  #: of all images that later ones may refer to, unless the session announces less
GLZ_MAX_WINDOW_PIXELS = 1 << 25  #: the format's own limit


def check_size(codec: str, width: int, height: int, size: tuple[int, int] | None, max_pixels: int) -> None:
    """Raise CodecError unless 0 < width x height <= `max_pixels` and, if `size` is given, it is (width, height)."""
    if not 0 < width * height <= max_pixels:
        raise CodecError(f"{codec} image of {width} x {height} pixels, which is not in 1 to {max_pixels}")
    if size is not None and size != (width, height):
        raise CodecError(f"{codec} image of {width} x {height} pixels where {size[0]} x {size[1]} were announced")
