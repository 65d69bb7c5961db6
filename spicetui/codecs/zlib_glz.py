"""ZLIB_GLZ: one whole GLZ image, header included, as a zlib stream."""

from __future__ import annotations

import zlib

from ..errors import CodecError
from ..wire.core import Buffer
from .limits import MAX_PIXELS

#: The longest that a GLZ image of the greatest size can reasonably be: all literals, colour and alpha.
MAX_GLZ_BYTES = MAX_PIXELS * 5


def inflate(data: Buffer, size: int) -> bytes:
    """The GLZ image of *size* bytes."""
    if not 0 < size <= MAX_GLZ_BYTES:
        raise CodecError(f"ZLIB_GLZ image that announces {size} bytes")
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, size)
    except zlib.error as error:
        raise CodecError(f"ZLIB_GLZ image: {error}") from None
    if len(out) != size:
        raise CodecError(f"ZLIB_GLZ image of {len(out)} bytes where {size} were announced")
    return out
