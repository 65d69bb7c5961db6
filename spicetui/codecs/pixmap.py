"""A decoded image, and the pixel formats that images and surfaces have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class PixelFormat(IntEnum):
    """Formats by the dtype of one pixel in an array (H, W): uint32, uint16 or uint8."""

    XRGB = 1  #: uint32 0xXXRRGGBB; the top byte has no meaning, but raster operations keep it
    ARGB = 2  #: uint32 0xAARRGGBB, premultiplied
    RGB555 = 3  #: uint16
    RGB565 = 4  #: uint16
    A8 = 5  #: uint8
    A1 = 6  #: uint8, 0 or 1
    INDEXED = 7  #: uint32 palette entries as sent; a colour in the format of the surface drawn to


DTYPES: dict[PixelFormat, type[np.unsignedinteger]] = {
    PixelFormat.XRGB: np.uint32,
    PixelFormat.ARGB: np.uint32,
    PixelFormat.RGB555: np.uint16,
    PixelFormat.RGB565: np.uint16,
    PixelFormat.A8: np.uint8,
    PixelFormat.A1: np.uint8,
    PixelFormat.INDEXED: np.uint32,
}


@dataclass(slots=True, eq=False)
class Pixmap:
    """A decoded image, rows top first; read-only for whoever draws it.

    *pixels* is (H, W) of the format's dtype, with any strides.  *bits* is (H, W) uint8 of 0 and 1 where the image is
    one bit deep, so that it can serve as a mask whatever its palette says.  *kept* is set in the cache.  *borrowed*:
    the pixels are a view of the message.
    """

    format: PixelFormat
    pixels: Array
    lossy: bool = False
    bits: npt.NDArray[np.uint8] | None = None
    kept: bool = False
    borrowed: bool = False

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def area(self) -> int:
        return int(self.pixels.size)

    def keep(self) -> Pixmap:
        """For the cache: the same with pixels that outlive the message."""
        pixels = self.pixels.copy() if self.borrowed else self.pixels
        return Pixmap(self.format, pixels, self.lossy, self.bits, True)


def view(pixels: Array) -> memoryview:
    """For a kernel."""
    return memoryview(cast(Any, pixels))


def whole_rows(pixels: Array) -> Array:
    """For a kernel: the same with whole pixels side by side at whole addresses, which a message need not have."""
    size = pixels.itemsize
    if pixels.flags.aligned and pixels.strides[1] == size and not pixels.strides[0] % size:
        return pixels
    return np.require(pixels, requirements=("C", "A"))


def expand555(pixels: Array) -> npt.NDArray[np.uint32]:
    """RGB555 to opaque ARGB: five bits to eight by repeating the top ones."""
    v = pixels.astype(np.uint32)
    out: npt.NDArray[np.uint32] = (v & np.uint32(0x7C00)) << np.uint32(9)
    out |= (v & 0x7000) << 4
    out |= (v & 0x03E0) << 6
    out |= (v & 0x0380) << 1
    out |= (v & 0x001F) << 3
    out |= (v & 0x001C) >> 2
    out |= np.uint32(0xFF000000)
    return out
