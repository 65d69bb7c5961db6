"""Messages made up of their declarations: numbers, rectangles and images that are likely to mean something."""

from __future__ import annotations

import random
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from spicetui.geometry import Point, Rect
from spicetui.wire import common, core, cursor, display, image
from spicetui.wire.enums import (
    BitmapFlags,
    BitmapFmt,
    CompositeFlags,
    CursorFlags,
    ImageType,
    LineFlags,
    PathFlags,
    Ropd,
    StringFlags,
    SurfaceFmt,
    VideoCodecType,
)

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 96, 100, 127, 128, 255, 256, 1000, 4096)
EXTREMES = (0x7FFF, 0x8000, 0xFFFF, 0x10000, 1 << 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, -1, -2, -0x8000, -0x80000000)
_LIMITS = {
    "B": (0, 0xFF), "H": (0, 0xFFFF), "I": (0, 0xFFFFFFFF), "Q": (0, (1 << 64) - 1),
    "h": (-0x8000, 0x7FFF), "i": (-0x80000000, 0x7FFFFFFF), "q": (-(1 << 63), (1 << 63) - 1),
}  # fmt: skip
_FIELDS: dict[str, tuple[int, ...]] = {
    "rop_descriptor": (*Ropd, int(Ropd.OP_PUT | Ropd.INVERS_SRC), int(Ropd.OP_XOR | Ropd.INVERS_RES)),
    "fore_mode": tuple(Ropd),
    "back_mode": (0, *Ropd),
    "scale_mode": (0, 1, 2),
    "format": tuple(SurfaceFmt),
    "surface_id": (0, 0, 0, 1, 2, 3),
    "codec_type": (0, *VideoCodecType, 6),
    "bits": (16, 32),
    "multi_media_time": (900, 1000, 1000, 1001, 1010, 1100, 0xFFFFFFFF),
    "stream_id": (0, 1, 2),
    "visible": (0, 1),
}


class Maker:
    """*images* are decoded from what servers sent; one of them is taken as often as one is made up."""

    def __init__(self, chance: random.Random, images: list[image.Image]) -> None:
        self.chance = chance
        self.images = images
        self._hand = {
            image.Image: self.picture,
            image.Palette: self.palette,
            display.Clip: self.clip,
            display.Brush: self.brush,
            display.QMask: self.mask,
            display.Path: self.path,
            display.LineAttr: self.line_attr,
            display.String: self.string,
            display.Composite: self.composite,
            display.MonitorsConfig: self.monitors,
            cursor.CursorShape: self.cursor,
            common.WaitForChannel: self.wait,
            Point: self.point,
            Rect: self.rect,
        }

    def message(self, kind: type) -> Any:
        return self.of(kind)

    def of(self, kind: Any, name: str = "") -> Any:
        if get_origin(kind) is Annotated:
            plain, meta = get_args(kind)[:2]
            return self._annotated(plain, meta, name)
        if kind in self._hand:
            return self._hand[kind]()
        hints = get_type_hints(kind, include_extras=True)
        return kind(*(self.of(hints[field], field) for field in kind.__match_args__))

    def _annotated(self, plain: Any, meta: Any, name: str) -> Any:
        chance = self.chance
        if plain is Point:
            return self.point()
        if plain is Rect:
            return self.rect()
        if isinstance(meta, core.Fixed):
            return self.number(meta.codes, name)
        if isinstance(meta, core.Array):
            return [self.of(meta.item) for _ in range(chance.choice((0, 1, 1, 2, 5)))]
        if isinstance(meta, core.Pointer):
            return None if meta.optional and chance.random() < 0.2 else self.of(meta.target)
        return chance.randbytes(chance.choice((0, 1, 4, 40, 400)))

    def number(self, code: str, name: str = "") -> int:
        chance = self.chance
        low, high = _LIMITS[code]
        if name in _FIELDS and chance.random() < 0.9:
            return _FIELDS[name][chance.randrange(len(_FIELDS[name]))]
        if name in ("width", "height", "x_res", "y_res", "stream_width", "stream_height") and chance.random() < 0.95:
            return chance.randrange(1, 130)
        pick = chance.random()
        if pick < 0.75:
            value = chance.choice(NUMBERS)
        elif pick < 0.9:
            value = chance.choice(EXTREMES)
        else:
            value = chance.randint(low, high)
        return min(max(value, low), high)

    def point(self) -> Point:
        return Point(self.place(), self.place())

    def place(self) -> int:
        chance = self.chance
        if chance.random() < 0.95:
            return chance.randrange(-40, 140)
        return chance.choice((-0x8000, 0x7FFF, -1, 30000, -30000))

    def rect(self) -> Rect:
        chance = self.chance
        pick = chance.random()
        if pick < 0.6:
            left, top = chance.randrange(0, 60), chance.randrange(0, 50)
            return Rect(left, top, chance.randrange(1, 70), chance.randrange(1, 60))
        if pick < 0.95:
            left, top = chance.randrange(-60, 140), chance.randrange(-60, 140)
            return Rect.from_edges(left, top, chance.randrange(-60, 200), chance.randrange(-60, 200))
        edges = [chance.choice((*EXTREMES[-3:], 0x7FFFFFFF, 0x7FFFFFF0, 0, 1 << 20, 40, -(1 << 20))) for _ in range(4)]
        return Rect.from_edges(*edges)

    def clip(self) -> display.Clip:
        chance = self.chance
        if chance.random() < 0.5:
            return display.Clip(None)
        return display.Clip([self.rect() for _ in range(chance.choice((0, 1, 1, 2, 5, 20)))])

    def brush(self) -> display.Brush:
        pick = self.chance.random()
        if pick < 0.1:
            return display.Brush(None)
        if pick < 0.5:
            return display.Brush(self.chance.getrandbits(32))
        return display.Brush(display.Pattern(self.picture(), self.point()))

    def mask(self) -> display.QMask:
        chance = self.chance
        if chance.random() < 0.6:
            return display.QMask(0, Point(0, 0), None)
        picture = self.bitmap(BitmapFmt(chance.choice((1, 2)))) if chance.random() < 0.7 else self.picture()
        return display.QMask(chance.choice((0, 1, 1, 255)), self.point(), picture)

    def picture(self) -> image.Image:
        chance = self.chance
        pick = chance.random()
        if self.images and pick < 0.5:
            found = chance.choice(self.images)
            old = found.descriptor
            flags = chance.choice((old.flags, 0, 1, 2, 3, 4, 7))
            return image.Image(
                image.ImageDescriptor(chance.randrange(6), old.type, flags, old.width, old.height), found.data
            )
        if pick < 0.65:
            kind = chance.choice((ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS))
            return image.Image(
                image.ImageDescriptor(chance.randrange(6), kind, 0, chance.randrange(80), chance.randrange(80)), None
            )
        if pick < 0.8:
            descriptor = image.ImageDescriptor(0, ImageType.SURFACE, chance.choice((0, 2)), 64, 48)
            return image.Image(descriptor, image.SurfaceData(chance.randrange(5)))
        return self.bitmap(chance.choice(list(BitmapFmt)))

    def bitmap(self, fmt: BitmapFmt) -> image.Image:
        chance = self.chance
        width, height = chance.randrange(1, 40), chance.randrange(1, 30)
        bits = {1: 1, 2: 1, 3: 4, 4: 4, 5: 8, 6: 16, 7: 24, 8: 32, 9: 32, 10: 8}[fmt]
        stride = (width * bits + 7) // 8 + chance.choice((0, 0, 0, 1, 2, 3, 5))
        palette: Any = None
        flags = chance.choice((0, BitmapFlags.TOP_DOWN))
        if fmt <= BitmapFmt.FMT_8BIT and chance.random() < 0.85:
            if chance.random() < 0.2:
                palette, flags = chance.randrange(4), flags | BitmapFlags.PAL_FROM_CACHE
            else:
                palette, flags = self.palette(), flags | chance.choice((0, BitmapFlags.PAL_CACHE_ME))
        data = image.BitmapData(fmt, int(flags), width, height, stride, palette, chance.randbytes(stride * height))
        descriptor = image.ImageDescriptor(
            chance.randrange(6), ImageType.BITMAP, chance.choice((0, 0, 1, 2, 3, 4)), width, height
        )
        return image.Image(descriptor, data)

    def palette(self) -> image.Palette:
        chance = self.chance
        colours = tuple(chance.getrandbits(32) for _ in range(chance.choice((0, 1, 2, 16, 256, 300))))
        return image.Palette(chance.randrange(4), colours)

    def path(self) -> display.Path:
        chance = self.chance
        segments = []
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            flags = chance.choice(
                (PathFlags.BEGIN, PathFlags.BEGIN | PathFlags.END, PathFlags.CLOSE | 3, 0, 17, 27, 255)
            )
            count = chance.choice((0, 1, 2, 3, 6, 9, 30))
            segments.append(display.PathSegment(int(flags), [(self.fixed(), self.fixed()) for _ in range(count)]))
        return display.Path(segments)

    def fixed(self) -> int:
        chance = self.chance
        return (
            chance.randrange(-500, 2000)
            if chance.random() < 0.97
            else chance.choice((*EXTREMES[-4:], 0x7FFFFFFF, 1 << 20))
        )

    def line_attr(self) -> display.LineAttr:
        chance = self.chance
        if chance.random() < 0.5:
            return display.LineAttr(0, ())
        style = tuple(chance.choice((16, 32, 48, 100, 1, 0, 4000)) for _ in range(chance.randrange(1, 6)))
        return display.LineAttr(int(LineFlags.STYLED) | chance.choice((0, int(LineFlags.START_WITH_GAP))), style)

    def string(self) -> display.String:
        chance = self.chance
        flags, bits = chance.choice(((1, 1), (2, 4), (4, 8)))
        glyphs = []
        for _ in range(chance.choice((0, 1, 3, 9))):
            width, height = chance.randrange(20), chance.randrange(20)
            pixels = chance.randbytes((width * bits + 7) // 8 * height)
            origin = Point(chance.randrange(-9, 9), chance.randrange(-9, 9))
            glyphs.append(display.RasterGlyph(self.point(), origin, width, height, pixels))
        return display.String(flags | chance.choice((0, StringFlags.RASTER_TOP_DOWN)), glyphs)

    def transform(self) -> display.Transform:
        chance = self.chance
        if chance.random() < 0.8:
            a, b, d, e = (chance.randrange(-3 << 16, 3 << 16) for _ in range(4))
            c, f = (chance.randrange(-50 << 16, 50 << 16) for _ in range(2))
            return display.Transform(a, b, c, d, e, f)
        return display.Transform(*(self.number("i") for _ in range(6)))

    def composite(self) -> display.Composite:
        chance = self.chance
        flags = chance.randrange(64) | chance.randrange(8) << 8 | chance.randrange(8) << 11 | chance.randrange(4) << 14
        flags |= chance.randrange(4) << 16 | chance.randrange(512) << 18
        if chance.random() < 0.05:
            flags = chance.getrandbits(32)
        return display.Composite(
            flags,
            self.picture(),
            self.picture() if flags & CompositeFlags.HAS_MASK else None,
            self.transform() if flags & CompositeFlags.HAS_SRC_TRANSFORM else None,
            self.transform() if flags & CompositeFlags.HAS_MASK_TRANSFORM else None,
            self.point(),
            self.point(),
        )

    def monitors(self) -> display.MonitorsConfig:
        heads = [self.of(display.Head) for _ in range(self.chance.choice((0, 1, 2, 4)))]
        return display.MonitorsConfig(self.chance.randrange(5), heads)

    def wait(self) -> common.WaitForChannel:
        chance = self.chance
        return common.WaitForChannel(chance.choice((2, 4, 9)), chance.randrange(3), chance.randrange(6))

    def cursor(self) -> cursor.CursorShape:
        chance = self.chance
        flags = chance.choice((0, 0, CursorFlags.NONE, CursorFlags.CACHE_ME, CursorFlags.FROM_CACHE, 7, 0xFFFE))
        if flags & CursorFlags.NONE:
            return cursor.CursorShape(flags, None, b"")
        width, height = chance.choice((0, 1, 8, 31, 32, 64)), chance.choice((0, 1, 7, 32, 64))
        kind = chance.randrange(8)
        size = {0: 4 * width, 1: (width + 7) // 8 * 2, 2: (width + 1) // 2, 3: width, 4: 2 * width, 5: 3 * width}.get(
            kind, 4 * width
        )
        size = size * height + (width + 7) // 8 * height + chance.choice((0, 64, 1024, 1024, -1))
        header = cursor.CursorHeader(
            chance.randrange(4), kind, width, height, chance.randrange(40), chance.randrange(40)
        )
        return cursor.CursorShape(flags, header, chance.randbytes(max(size, 0)))
