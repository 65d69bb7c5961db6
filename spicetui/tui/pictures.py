"""Pictures of a clipboard, made small enough to be shown in cells; they come from anybody and may be anything."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from ..errors import SpiceError
from ..geometry import Size
from ..interfaces import ClipboardFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

MAX_PIXELS = 1 << 25  # that are decoded
SHOWN = (800, 600)  # pixels that are kept at most, for whatever size it is shown in

_NAMES = {
    ClipboardFormat.PNG: "PNG",
    ClipboardFormat.BMP: "BMP",
    ClipboardFormat.TIFF: "TIFF",
    ClipboardFormat.JPG: "JPEG",
}


class PictureError(SpiceError):
    """The bytes are no picture that can be shown."""


def measure(format: ClipboardFormat, data: bytes) -> Size:
    """Its size in pixels, from its header. Raises PictureError."""
    with _opened(format, data) as image:
        return Size(*image.size)


def decode(format: ClipboardFormat, data: bytes) -> npt.NDArray[np.uint8]:
    """The picture in at most SHOWN pixels: (H, W, 4) BGRX, over gray where it is transparent. Raises PictureError."""
    import numpy as np
    from PIL import Image

    with _opened(format, data) as image:
        if image.width * image.height > MAX_PIXELS:
            raise PictureError(f"{image.width}x{image.height} are too many pixels to be shown")
        try:
            if format is ClipboardFormat.JPG:
                image.draft("RGB", SHOWN)
            small = image.convert("RGBA")
        except Exception as error:  # whatever a decoder makes of broken data
            raise PictureError(f"the {_NAMES[format]} is broken: {error}") from error
    small.thumbnail(SHOWN)
    over = Image.new("RGBA", small.size, (128, 128, 128, 255))
    over.alpha_composite(small)
    pixels = np.array(over, np.uint8)
    pixels[..., :3] = pixels[..., 2::-1].copy()
    return pixels


def _opened(format: ClipboardFormat, data: bytes) -> Image.Image:
    from PIL import Image

    if format not in _NAMES:
        raise PictureError("no picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Image.open(io.BytesIO(data), formats=[_NAMES[format]])
    except Exception as error:  # as above, and pictures beyond all bounds
        raise PictureError(f"this is no {_NAMES[format]}") from error
