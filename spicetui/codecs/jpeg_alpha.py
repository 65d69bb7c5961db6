"""JPEG_ALPHA: colours as JPEG and, behind them, the fourth byte as an LZ image of type XXXA."""

from __future__ import annotations

from struct import Struct

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.enums import JpegAlphaFlags
from ..wire.image import JpegAlphaData
from . import jpeg, lz

_XXXA = 10
_HEADER = Struct(">7I")  # magic, version, type, width, height, stride, top_down


def decode(image: JpegAlphaData, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Pixels (H, W, 4) BGRA of *size* (width, height); the alpha rows have their own order, said twice."""
    data = memoryview(image.data)
    alpha = data[image.jpeg_size :]
    if len(alpha) < _HEADER.size:
        raise CodecError("JPEG_ALPHA image without its alpha part")
    _, _, kind, width, height, _, top_down = _HEADER.unpack_from(alpha)
    if kind != _XXXA or (width, height) != size:
        raise CodecError(f"JPEG_ALPHA image whose alpha part is {width} x {height} of type {kind}")
    if bool(top_down) != bool(image.flags & JpegAlphaFlags.TOP_DOWN):
        raise CodecError("JPEG_ALPHA image that contradicts itself about the order of its rows")
    pixels = jpeg.decode(data[: image.jpeg_size], size)
    pixels[:, :, 3] = lz.decode(alpha)[:, :, 3]
    return pixels
