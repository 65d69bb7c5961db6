"""From an image in a message to pixels: the codec by type, the caches, the limits."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import numpy as np
import numpy.typing as npt

from ..errors import CodecError
from ..wire.core import Buffer
from ..wire.enums import BitmapFlags, ImageFlags, ImageType
from ..wire.image import BinaryData, BitmapData, Image, JpegAlphaData, LzPltData, Palette, ZlibGlzData
from . import bitmap, glz, jpeg, jpeg_alpha, lz, lz4, quic, zlib_glz
from .caches import CacheMiss as CacheMiss
from .caches import MissingReference as MissingReference
from .caches import PaletteCache, PixmapCache
from .limits import MAX_PIXELS, check_size
from .pixmap import PixelFormat as PixelFormat
from .pixmap import Pixmap as Pixmap

# As plain numbers: every operation with the enumeration's own makes a new one of its objects.
_CACHE_ME, _HIGH = int(ImageFlags.CACHE_ME), int(ImageFlags.HIGH_BITS_SET)
_TO_CACHE = int(ImageFlags.CACHE_ME | ImageFlags.CACHE_REPLACE_ME)
_HIGH_BITS = np.uint32(0xFF000000)
_WITHOUT_ALPHA = (PixelFormat.XRGB, PixelFormat.INDEXED)
_FROM_CACHE = (ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS)
_LOSSY = (ImageType.JPEG, ImageType.JPEG_ALPHA)

_QUIC = Struct("<5I")  # magic, version, type, width, height
_LZ = Struct(">5I")  # magic, version, type, width, height
_GLZ = Struct(">IIBII")  # magic, version, type and order, width, height
_LZ_RGB16, _LZ_RGBA, _LZ_XXXA, _LZ_A8 = 6, 9, 10, 11
_QUIC_RGB16, _QUIC_RGBA = 2, 5


class ImageDecoder:
    """Decodes the images of one display channel.

    *pixmaps* and *window* belong to the session and are shared, *palettes* is the channel's.  Images of one channel
    must be decoded in the order in which they came, one at a time; different channels may do so in different threads.
    """

    def __init__(self, pixmaps: PixmapCache, palettes: PaletteCache, window: glz.Window) -> None:
        self.pixmaps = pixmaps
        self.palettes = palettes
        self.window = window
        self.seen: dict[int, int] = {}  #: how many images of each type have come

    def decode(self, image: Image) -> Pixmap:
        """The picture, put into the caches that the image's flags name.

        Raises CodecError; of it MissingReference, without any effect, when another channel may bring what is missing.
        """
        descriptor = image.descriptor
        kind, flags = descriptor.type, descriptor.flags
        self.seen[kind] = self.seen.get(kind, 0) + 1
        if kind in _FROM_CACHE:
            return self.pixmaps.get(descriptor.id, lossless=kind == ImageType.FROM_CACHE_LOSSLESS)
        pixmap, sixteen = self._decode(image)
        # The reference caches colours of 16 bits as such, and makes them opaque when it widens them.
        if (flags & _HIGH or (sixteen and flags & _TO_CACHE)) and pixmap.format in _WITHOUT_ALPHA:
            pixmap.pixels = pixmap.pixels | _HIGH_BITS
            pixmap.borrowed = False
        if flags & _TO_CACHE:
            pixmap = pixmap.keep()
            if flags & _CACHE_ME:
                self.pixmaps.add(descriptor.id, pixmap)
            elif pixmap.lossy:
                raise CodecError("a picture with loss cannot replace one in the cache")
            else:
                self.pixmaps.replace(descriptor.id, pixmap)
        return pixmap

    def _decode(self, image: Image) -> tuple[Pixmap, bool]:
        """The picture, and whether it was widened from 16 bits."""
        descriptor, data = image.descriptor, image.data
        kind = descriptor.type
        size = (descriptor.width, descriptor.height)
        if isinstance(data, BitmapData):
            return bitmap.decode(data, self._palette(data.palette, data.flags)), False
        check_size(ImageType(kind).name, *size, None, MAX_PIXELS)
        if isinstance(data, BinaryData):
            if kind == ImageType.QUIC:
                type_ = _header("QUIC", _QUIC, data.data, size)
                pixels = quic.decode(data.data)
                return _words(pixels, type_ == _QUIC_RGBA), type_ == _QUIC_RGB16
            if kind == ImageType.LZ_RGB:
                return _lz(data.data, size, None)
            if kind == ImageType.GLZ_RGB:
                return self._glz(data.data, size), False
            if kind == ImageType.JPEG:
                pixmap = _words(jpeg.decode(data.data, size), False)
                pixmap.lossy = True
                return pixmap, False
            if kind == ImageType.LZ4:
                return lz4.decode(data.data, *size), False
        elif isinstance(data, LzPltData):
            return _lz(data.data, size, self._palette(data.palette, data.flags))
        elif isinstance(data, ZlibGlzData):
            return self._glz(zlib_glz.inflate(data.data, data.glz_data_size), size), False
        elif isinstance(data, JpegAlphaData):
            pixmap = _words(jpeg_alpha.decode(data, size), True)
            pixmap.lossy = True
            return pixmap, False
        raise CodecError(f"image of type {kind} has no pixels of its own")

    def _palette(self, palette: Palette | int | None, flags: int) -> Sequence[int] | None:
        if palette is None:
            return None
        if not isinstance(palette, Palette):
            return self.palettes.get(palette).ents
        if flags & BitmapFlags.PAL_CACHE_ME:
            self.palettes.add(palette)
        return palette.ents

    def _glz(self, data: Buffer, size: tuple[int, int]) -> Pixmap:
        alpha = _header("GLZ", _GLZ, data, size) & 15 == _LZ_RGBA
        try:
            return _words(self.window.decode(data), alpha)
        except glz.MissingImage as missing:
            raise MissingReference(str(missing)) from missing


def _header(codec: str, layout: Struct, data: Buffer, size: tuple[int, int]) -> int:
    """The type in a header, once its size is that of the descriptor; magic and version are the codec's to check."""
    if len(data) < layout.size:
        raise CodecError(f"{codec} image of {len(data)} bytes, shorter than its header")
    _, _, type_, width, height = layout.unpack_from(data)
    check_size(codec, width, height, size, MAX_PIXELS)
    return int(type_)


def _lz(data: Buffer, size: tuple[int, int], palette: Sequence[int] | None) -> tuple[Pixmap, bool]:
    type_ = _header("LZ", _LZ, data, size)
    if type_ == _LZ_XXXA:
        raise CodecError("LZ image that holds only alpha")
    pixels = lz.decode(data, palette)
    if type_ == _LZ_A8:
        return Pixmap(PixelFormat.A8, np.ascontiguousarray(pixels[:, :, 3])), False
    if type_ < _LZ_RGB16:
        return Pixmap(PixelFormat.INDEXED, _words(pixels, False).pixels), False
    return _words(pixels, type_ == _LZ_RGBA), type_ == _LZ_RGB16


def _words(pixels: npt.NDArray[np.uint8], alpha: bool) -> Pixmap:
    """Bytes (H, W, 4) as words (H, W), without a copy."""
    return Pixmap(PixelFormat.ARGB if alpha else PixelFormat.XRGB, pixels.view(np.uint32)[:, :, 0])
