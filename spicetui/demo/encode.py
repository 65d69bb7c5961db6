"""Screen operations as messages for one client, within what this client can decode and cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from ..geometry import Point, Rect
from ..wire import display as wire
from ..wire.enums import BitmapFlags, BitmapFmt, ImageFlags, ImageScaleMode, ImageType, ResourceType, Ropd
from ..wire.image import BinaryData, BitmapData, Image, ImageData, ImageDescriptor, Palette
from .screen import Colour, Colours, Copy, Fill, Indexed, Invert, Move, Operation, Picture, Show, box

SURFACE = 0
NO_MASK = wire.QMask(0, Point(0, 0), None)

#: Ids of images that are shown once; those of pictures in the caches are small numbers.
FIRST_PASSING_ID = 1 << 32
MAX_PALETTES = 64


class Encoder:
    """*cache_pixels*: how much the client keeps; *lz4*: whether it decodes that."""

    def __init__(self, cache_pixels: int, *, lz4: bool) -> None:
        self.lz4 = lz4
        self.cache_pixels = cache_pixels
        self._pictures: OrderedDict[int, int] = OrderedDict()  # id to pixels, the longest unused first
        self._kept_pixels = 0
        self._palettes: OrderedDict[int, None] = OrderedDict()
        self._next_id = FIRST_PASSING_ID

    def messages(self, operation: Operation) -> Iterator[Any]:
        base = wire.DisplayBase(SURFACE, operation.rect, wire.Clip(None))
        match operation:
            case Fill(colour=colour):
                yield wire.DrawFill(base, wire.Brush(_number(colour)), Ropd.OP_PUT, NO_MASK)
            case Invert():
                yield wire.DrawInvers(base, NO_MASK)
            case Move(source=source):
                yield wire.CopyBits(base, source)
            case Copy():
                yield _draw(base, self._passing(operation), Point(0, 0))
            case Indexed(colours=colours):
                yield from self._forget_palettes(colours)
                yield _draw(base, self._indexed(operation), Point(0, 0))
            case Show(picture=picture, source=source):
                if picture.image.width * picture.image.height > self.cache_pixels:
                    area = Rect(source.x, source.y, operation.rect.width, operation.rect.height)
                    part = Copy(operation.rect, picture.image.crop(box(area)))
                    yield _draw(base, self._passing(part), Point(0, 0))
                else:
                    yield from self._make_room(picture)
                    yield _draw(base, self._cached(picture), source)

    # --- images that are shown once

    def _passing(self, copy: Copy) -> Image:
        self._next_id += 1
        return self._image(self._next_id, 0, copy)

    def _image(self, id: int, flags: int, source: Copy | Picture) -> Image:
        width, height = source.image.size
        if isinstance(source, Picture) and source.jpeg is not None:
            kind, data = ImageType.JPEG, source.jpeg
        elif self.lz4 and len(source.lz4) < 4 * width * height:
            kind, data = ImageType.LZ4, source.lz4
        else:
            bitmap = BitmapData(
                BitmapFmt.FMT_32BIT, BitmapFlags.TOP_DOWN, width, height, 4 * width, None, source.pixels
            )
            return Image(ImageDescriptor(id, ImageType.BITMAP, flags, width, height), bitmap)
        return Image(ImageDescriptor(id, kind, flags, width, height), BinaryData(data))

    # --- images that the client keeps

    def _make_room(self, picture: Picture) -> Iterator[Any]:
        if picture.id in self._pictures:
            return
        self._kept_pixels += picture.image.width * picture.image.height
        gone = []
        while self._kept_pixels > self.cache_pixels:
            id, pixels = self._pictures.popitem(last=False)
            self._kept_pixels -= pixels
            gone.append(wire.ResourceId(ResourceType.PIXMAP, id))
        if gone:
            yield wire.InvalList(gone)

    def _cached(self, picture: Picture) -> Image:
        width, height = picture.image.size
        known = picture.id in self._pictures
        self._pictures[picture.id] = width * height
        self._pictures.move_to_end(picture.id)
        if known:
            return Image(ImageDescriptor(picture.id, ImageType.FROM_CACHE, 0, width, height), None)
        return self._image(picture.id, ImageFlags.CACHE_ME, picture)

    # --- palettes

    def _forget_palettes(self, colours: Colours) -> Iterator[Any]:
        if colours.id not in self._palettes and len(self._palettes) >= MAX_PALETTES:
            yield wire.InvalPalette(self._palettes.popitem(last=False)[0])

    def _indexed(self, operation: Indexed) -> Image:
        width, height, id = operation.rect.width, operation.rect.height, operation.colours.id
        flags = BitmapFlags.TOP_DOWN
        palette: Palette | int
        if id in self._palettes:
            palette, flags = id, flags | BitmapFlags.PAL_FROM_CACHE
        else:
            entries = [_number(colour) for colour in operation.colours.entries]
            palette, flags = Palette(id, entries), flags | BitmapFlags.PAL_CACHE_ME
        self._palettes[id] = None
        self._palettes.move_to_end(id)
        self._next_id += 1
        descriptor = ImageDescriptor(self._next_id, ImageType.BITMAP, 0, width, height)
        data: ImageData = BitmapData(BitmapFmt.FMT_8BIT, flags, width, height, width, palette, operation.pixels)
        return Image(descriptor, data)


def _draw(base: wire.DisplayBase, image: Image, source: Point) -> wire.DrawCopy:
    area = Rect(source.x, source.y, base.box.width, base.box.height)
    return wire.DrawCopy(base, image, area, Ropd.OP_PUT, ImageScaleMode.NEAREST, NO_MASK)


def _number(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue
