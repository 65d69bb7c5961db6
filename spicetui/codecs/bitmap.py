"""BITMAP: rows of raw pixels at 1, 4, 8, 16, 24 or 32 bits, bottom row first unless TOP_DOWN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.enums import BitmapFlags, BitmapFmt
from ..wire.image import BitmapData
from .limits import MAX_PIXELS, check_size
from .pixmap import PixelFormat, Pixmap

_BITS = {
    BitmapFmt.FMT_1BIT_LE: 1,
    BitmapFmt.FMT_1BIT_BE: 1,
    BitmapFmt.FMT_4BIT_LE: 4,
    BitmapFmt.FMT_4BIT_BE: 4,
    BitmapFmt.FMT_8BIT: 8,
    BitmapFmt.FMT_16BIT: 16,
    BitmapFmt.FMT_24BIT: 24,
    BitmapFmt.FMT_32BIT: 32,
    BitmapFmt.FMT_RGBA: 32,
    BitmapFmt.FMT_8BIT_A: 8,
}


def decode(bitmap: BitmapData, palette: Sequence[int] | None) -> Pixmap:
    """The pixels; where the format allows it a view of the data.

    Entries that the palette lacks are 0.  A bitmap of one bit a pixel without a palette is a mask (A1).
    """
    width, height, stride = bitmap.x, bitmap.y, bitmap.stride
    bits = _BITS.get(bitmap.format)  # type: ignore[call-overload]
    if bits is None:
        raise CodecError(f"bitmap of unknown format {bitmap.format}")
    check_size("bitmap", width, height, None, MAX_PIXELS)
    if stride < (width * bits + 7) // 8:
        raise CodecError(f"bitmap rows of {stride} bytes are too short for {width} pixels of {bits} bits")
    data = np.frombuffer(bitmap.data, np.uint8)
    if len(data) < stride * height:
        raise CodecError(f"bitmap of {len(data)} bytes where {stride * height} are needed")
    rows = data[: stride * height].reshape(height, stride)
    if not bitmap.flags & BitmapFlags.TOP_DOWN:
        rows = rows[::-1]
    fmt = bitmap.format
    if fmt == BitmapFmt.FMT_32BIT:
        return Pixmap(PixelFormat.XRGB, rows[:, : width * 4].view(np.uint32), borrowed=True)
    if fmt == BitmapFmt.FMT_RGBA:
        return Pixmap(PixelFormat.ARGB, rows[:, : width * 4].view(np.uint32), borrowed=True)
    if fmt == BitmapFmt.FMT_16BIT:
        return Pixmap(PixelFormat.RGB555, rows[:, : width * 2].view(np.uint16), borrowed=True)
    if fmt == BitmapFmt.FMT_24BIT:
        return Pixmap(PixelFormat.XRGB, packed24(rows[:, : width * 3]))
    if fmt == BitmapFmt.FMT_8BIT_A:
        return Pixmap(PixelFormat.A8, rows[:, :width], borrowed=True)
    index = _indices(rows, width, bits, fmt in (BitmapFmt.FMT_1BIT_LE, BitmapFmt.FMT_4BIT_LE))
    mask = index if bits == 1 else None
    if palette is None:
        if mask is None:
            raise CodecError(f"bitmap of {bits} bits a pixel without a palette")
        return Pixmap(PixelFormat.A1, mask, bits=mask)
    return Pixmap(PixelFormat.INDEXED, entries(palette)[index], bits=mask)


def _indices(rows: npt.NDArray[np.uint8], width: int, bits: int, low_first: bool) -> npt.NDArray[np.uint8]:
    if bits == 8:
        return rows[:, :width]
    if bits == 1:
        packed = np.ascontiguousarray(rows[:, : (width + 7) // 8])
        return np.unpackbits(packed, axis=1, count=width, bitorder="little" if low_first else "big")
    packed = rows[:, : (width + 1) // 2]
    out = np.empty((packed.shape[0], packed.shape[1] * 2), np.uint8)
    out[:, 0 if low_first else 1 :: 2] = packed & 15
    out[:, 1 if low_first else 0 :: 2] = packed >> 4
    return out[:, :width]


def entries(palette: Sequence[int]) -> npt.NDArray[np.uint32]:
    """A palette as 256 words."""
    out = np.zeros(256, np.uint32)
    count = min(len(palette), 256)
    out[:count] = palette[:count]
    return out


def packed24(rows: npt.NDArray[np.uint8], high: int = 0) -> npt.NDArray[np.uint32]:
    """Rows of B, G, R bytes as XRGB with *high* as the top byte."""
    height, width = rows.shape[0], rows.shape[1] // 3
    out = np.empty((height, width, 4), np.uint8)
    out[:, :, 3] = high
    out[:, :, :3] = rows.reshape(height, width, 3)
    return out.view(np.uint32)[:, :, 0]
