"""LZ4: a byte for the row order, one for the format, then blocks behind their big-endian size.

The blocks share one history of 64 kB; the rows are packed.
"""

from __future__ import annotations

import numpy as np
from lz4.block import LZ4BlockError, decompress

from ..errors import CodecError
from ..wire.core import Buffer
from ..wire.enums import BitmapFmt
from .bitmap import packed24
from .limits import MAX_PIXELS, check_size
from .pixmap import PixelFormat, Pixmap

_HISTORY = 1 << 16
_BYTES = {
    BitmapFmt.FMT_16BIT: 2,
    BitmapFmt.FMT_24BIT: 3,
    BitmapFmt.FMT_32BIT: 4,
    BitmapFmt.FMT_RGBA: 4,
    BitmapFmt.FMT_8BIT_A: 1,
}


def decode(data: Buffer, width: int, height: int) -> Pixmap:
    """The stream does not know its size; it must fill *width* x *height* pixels exactly."""
    check_size("LZ4", width, height, None, MAX_PIXELS)
    view = memoryview(data)
    if len(view) < 2:
        raise CodecError("LZ4 image without its two bytes of header")
    top_down, fmt = view[0], view[1]
    size = _BYTES.get(fmt)  # type: ignore[call-overload]
    if size is None:
        raise CodecError(f"LZ4 image of bitmap format {fmt}")
    rows = np.frombuffer(_inflate(view, width * height * size), np.uint8).reshape(height, width * size)
    if not top_down:
        rows = rows[::-1]
    if fmt == BitmapFmt.FMT_16BIT:
        return Pixmap(PixelFormat.RGB555, rows.view(np.uint16))
    if fmt == BitmapFmt.FMT_8BIT_A:
        return Pixmap(PixelFormat.A8, rows)
    if fmt == BitmapFmt.FMT_24BIT:
        return Pixmap(PixelFormat.XRGB, packed24(rows, 255))
    return Pixmap(PixelFormat.ARGB if fmt == BitmapFmt.FMT_RGBA else PixelFormat.XRGB, rows.view(np.uint32))


def _inflate(view: memoryview, total: int) -> bytes | bytearray:
    out: bytes | bytearray = b""
    at = 2
    while len(out) < total:
        if len(view) - at < 4:
            raise CodecError(f"LZ4 image ends after {len(out)} of {total} bytes")
        size = int.from_bytes(view[at : at + 4], "big")
        at += 4
        if not 0 < size <= len(view) - at:
            raise CodecError(f"LZ4 block of {size} bytes where {len(view) - at} are left")
        block, at = view[at : at + size], at + size
        try:
            if not out:
                out = decompress(block, uncompressed_size=total)
                continue
            if isinstance(out, bytes):
                out = bytearray(out)
            part = decompress(block, uncompressed_size=total - len(out), dict=bytes(out[-_HISTORY:]))
        except LZ4BlockError as error:
            raise CodecError(f"LZ4 block: {error}") from None
        if not part:
            raise CodecError("LZ4 block that holds nothing")
        out += part
    if at != len(view):
        raise CodecError(f"LZ4 image with {len(view) - at} bytes behind its last pixel")
    return out
