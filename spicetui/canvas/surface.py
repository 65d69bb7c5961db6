"""Surfaces: what is drawn on, the primary one being what is shown."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from ..codecs.pixmap import DTYPES, Array, PixelFormat
from ..errors import CodecError
from ..geometry import Rect
from ..wire.enums import SurfaceFmt
from .convert import convert

MAX_SIDE = 32766  #: pixman's limit for an image that is scaled
MAX_PIXELS = 1 << 26  #: of one surface

PIXEL_FORMATS = {
    SurfaceFmt.FMT_1_A: PixelFormat.A1,
    SurfaceFmt.FMT_8_A: PixelFormat.A8,
    SurfaceFmt.FMT_16_555: PixelFormat.RGB555,
    SurfaceFmt.FMT_16_565: PixelFormat.RGB565,
    SurfaceFmt.FMT_32_xRGB: PixelFormat.XRGB,
    SurfaceFmt.FMT_32_ARGB: PixelFormat.ARGB,
}


class Surface:
    """*data* holds the pixels as they are drawn: (H, W) of the format's dtype, all 0 at first."""

    __slots__ = ("data", "display", "format", "height", "id", "pixel_format", "width")

    def __init__(self, id: int, width: int, height: int, format: int, display: int = 0) -> None:
        """*format* is a SurfaceFmt; raises CodecError when there is no such surface."""
        pixel_format = PIXEL_FORMATS.get(format)  # type: ignore[call-overload]
        if pixel_format is None:
            raise CodecError(f"surface {id} of unknown format {format}")
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
            raise CodecError(f"surface {id} of {width} x {height} pixels, at most {MAX_PIXELS} are taken")
        self.id = id
        self.width = width
        self.height = height
        self.format = SurfaceFmt(format)
        self.display = display
        self.pixel_format: PixelFormat = pixel_format
        self.data: Array = np.zeros((height, width), DTYPES[pixel_format])

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """Shape (H, W, 4), BGRX: the storage itself for the formats of 32 bits, converted for the others."""
        words = self.data
        if self.pixel_format is not PixelFormat.XRGB and self.pixel_format is not PixelFormat.ARGB:
            words = convert(words, self.pixel_format, PixelFormat.XRGB)
        return cast(npt.NDArray[np.uint8], words.view(np.uint8).reshape(self.height, self.width, 4))

    def copy(self, area: Rect | None = None) -> Surface:
        """The same, or the part of it in *area*, with pixels of its own."""
        area = area or Rect(0, 0, self.width, self.height)
        part = self.data[area.slices()].copy()
        other = object.__new__(Surface)
        for name in ("id", "format", "display", "pixel_format"):
            setattr(other, name, getattr(self, name))
        other.height, other.width = part.shape
        other.data = part
        return other

    def __repr__(self) -> str:
        return f"<Surface {self.id} of display {self.display}, {self.width}x{self.height} {self.format.name}>"
