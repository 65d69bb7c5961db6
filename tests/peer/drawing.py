"""Messages of the display channel in a few words, for tests that need something drawn."""

from __future__ import annotations

from spicetui.geometry import Point, Rect
from spicetui.wire import display
from spicetui.wire.enums import BitmapFlags, BitmapFmt, ImageFlags, ImageScaleMode, ImageType, Ropd, SurfaceFmt
from spicetui.wire.image import BitmapData, Image, ImageDescriptor

NO_MASK = display.QMask(0, Point(0, 0), None)


def primary(width: int = 8, height: int = 4, surface: int = 0) -> display.SurfaceCreate:
    return display.SurfaceCreate(surface, width, height, SurfaceFmt.FMT_32_xRGB, 1)


def base(rect: Rect, surface: int = 0) -> display.DisplayBase:
    return display.DisplayBase(surface, rect, display.Clip(None))


def fill(rect: Rect, colour: int, surface: int = 0) -> display.DrawFill:
    return display.DrawFill(base(rect, surface), display.Brush(colour), Ropd.OP_PUT, NO_MASK)


def copy(rect: Rect, image: Image, surface: int = 0) -> display.DrawCopy:
    area = Rect(0, 0, rect.width, rect.height)
    return display.DrawCopy(base(rect, surface), image, area, Ropd.OP_PUT, ImageScaleMode.NEAREST, NO_MASK)


def bitmap(width: int, height: int, colour: int, *, id: int = 1, cache: bool = False) -> Image:
    """A raw image of one colour, 0x00RRGGBB."""
    flags = ImageFlags.CACHE_ME if cache else 0
    rows = colour.to_bytes(4, "little") * (width * height)
    data = BitmapData(BitmapFmt.FMT_32BIT, BitmapFlags.TOP_DOWN, width, height, 4 * width, None, rows)
    return Image(ImageDescriptor(id, ImageType.BITMAP, flags, width, height), data)


def cached(width: int, height: int, *, id: int = 1) -> Image:
    return Image(ImageDescriptor(id, ImageType.FROM_CACHE, 0, width, height), None)
