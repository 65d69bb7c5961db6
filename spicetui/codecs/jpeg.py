"""JPEG by libjpeg-turbo (simplejpeg), or by Pillow where that is not installed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.core import Buffer
from .limits import MAX_PIXELS, check_size

Bgrx = npt.NDArray[np.uint8]


def decode(data: Buffer, size: tuple[int, int] | None = None) -> Bgrx:
    """Pixels (H, W, 4) BGRX, the fourth byte 0; *size* is (width, height) that the header must agree with."""
    global _decode
    if _decode is None:
        _decode = _find()
    pixels = _decode(data, size)
    words = pixels.view(np.uint32)
    words &= np.uint32(0xFFFFFF)
    return pixels


_decode: Callable[[Buffer, tuple[int, int] | None], Bgrx] | None = None


def _find() -> Callable[[Buffer, tuple[int, int] | None], Bgrx]:
    try:
        import simplejpeg  # type: ignore[import-untyped]
    except ImportError:
        return _decode_with_pillow

    def decode(data: Buffer, size: tuple[int, int] | None) -> Bgrx:
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
            check_size("JPEG", width, height, size, MAX_PIXELS)
            pixels: Bgrx = simplejpeg.decode_jpeg(data, "BGRX", strict=False)
        except CodecError:
            raise
        except (ValueError, OverflowError, LookupError) as error:  # LookupError: no header that it knows
            raise CodecError(f"JPEG image: {error}") from None
        return pixels

    return decode


def _decode_with_pillow(data: Buffer, size: tuple[int, int] | None) -> Bgrx:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            check_size("JPEG", image.width, image.height, size, MAX_PIXELS)
            rgb = np.asarray(image.convert("RGB"))
    except CodecError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CodecError(f"JPEG image: {error}") from None
    pixels = np.empty((*rgb.shape[:2], 4), np.uint8)
    pixels[:, :, :3] = rgb[:, :, ::-1]
    return pixels
