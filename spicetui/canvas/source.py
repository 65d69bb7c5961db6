"""Where the pixels of a draw operation come from: decoded images and other surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..codecs.pixmap import Array, PixelFormat, Pixmap
from ..errors import CodecError
from ..wire.display import Brush, Pattern, QMask
from ..wire.enums import MaskFlags
from ..wire.image import Image, SurfaceData
from .convert import convert
from .errors import Unsupported
from .region import Region
from .surface import Surface

_SIXTEEN = (PixelFormat.RGB555, PixelFormat.RGB565)


class Picture(NamedTuple):
    """Pixels (H, W) in *format*; *surface* when they are a surface's own, *kept* when they come from the cache."""

    pixels: Array
    format: PixelFormat
    kept: bool = False
    surface: Surface | None = None


class Tile(NamedTuple):
    """Pixels of the surface's format, repeated without end from a corner at (x, y)."""

    pixels: Array
    x: int
    y: int


class Sources:
    """What the images of one message stand for."""

    __slots__ = ("_pixmaps", "_surfaces")

    def __init__(self, surfaces: Mapping[int, Surface], pixmaps: Mapping[int, Pixmap]) -> None:
        self._surfaces = surfaces
        self._pixmaps = pixmaps

    def picture(self, image: Image | None) -> Picture:
        """The image in its own format. Raises CodecError when there is none."""
        if image is None:
            raise CodecError("draw operation without its picture")
        if isinstance(image.data, SurfaceData):
            surface = self._surfaces.get(image.data.surface_id)
            if surface is None:
                raise CodecError(f"picture from surface {image.data.surface_id}, which does not exist")
            return Picture(surface.data, surface.pixel_format, False, surface)
        pixmap = self._pixmaps.get(id(image))
        if pixmap is None:
            raise CodecError(f"image {image.descriptor.id:#x} was not decoded")
        return Picture(pixmap.pixels, pixmap.format, pixmap.kept)

    def native(self, image: Image | None, target: Surface) -> Array:
        """The image's pixels in the format of *target*."""
        return self.as_native(self.picture(image), target)

    @staticmethod
    def as_native(picture: Picture, target: Surface) -> Array:
        if picture.surface is not None and picture.format in _SIXTEEN and target.pixel_format in _SIXTEEN:
            return picture.pixels  # between surfaces the reference copies the bits of both formats
        return convert(picture.pixels, picture.format, target.pixel_format)

    @staticmethod
    def has_alpha(picture: Picture, target: Surface) -> bool:
        """Whether the top byte means something; the reference caches palettes in the format of the surface."""
        if picture.format is PixelFormat.INDEXED:
            return picture.kept and target.pixel_format is PixelFormat.ARGB
        return picture.format is PixelFormat.ARGB

    def brush(self, brush: Brush, target: Surface) -> int | Tile:
        """A colour or a tile; no brush at all is the colour 0, since the operation may not need a source."""
        fill = brush.fill
        if isinstance(fill, Pattern):
            return Tile(self.native(fill.image, target), fill.pos.x, fill.pos.y)
        return fill or 0

    def masked(self, region: Region, mask: QMask, x: int, y: int) -> Region:
        """*region* where the mask allows; the mask's own position lies at (x, y), outside of it nothing is drawn."""
        image = mask.bitmap
        if image is None:
            return region
        if isinstance(image.data, SurfaceData):
            picture = self.picture(image)
            if picture.format is not PixelFormat.A1:
                raise Unsupported("display:mask_surface_format")
            bits = picture.pixels
        else:
            pixmap = self._pixmaps.get(id(image))
            if pixmap is None:
                raise CodecError(f"mask {image.descriptor.id:#x} was not decoded")
            if pixmap.bits is None:
                raise CodecError(f"mask of format {pixmap.format.name}, not of one bit a pixel")
            bits = pixmap.bits
        where = np.equal(bits, 0) if mask.flags & MaskFlags.INVERS else np.not_equal(bits, 0)
        return region.masked(where, x - mask.pos.x, y - mask.pos.y)
