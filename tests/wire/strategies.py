"""Random messages of every kind, made from the declarations; what is read by hand has its strategy here."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from spicetui.geometry import Point, Rect
from spicetui.wire import agent, common, core, cursor, display, image, inputs, main, playback, port, record
from spicetui.wire.enums import (
    BitmapFlags,
    CompositeFlags,
    CursorFlags,
    ImageType,
    LineFlags,
    MonitorsFlags,
    StringFlags,
)

CHANNELS = (main, display, inputs, cursor, playback, record, agent, port)

INTEGERS = {
    "B": st.integers(0, 0xFF),
    "H": st.integers(0, 0xFFFF),
    "I": st.integers(0, 0xFFFF_FFFF),
    "Q": st.integers(0, (1 << 64) - 1),
    "h": st.integers(-(1 << 15), (1 << 15) - 1),
    "i": st.integers(-(1 << 31), (1 << 31) - 1),
    "q": st.integers(-(1 << 63), (1 << 63) - 1),
    "BBBB": st.integers(0, 0xFF),  # one byte, and three that are reserved
}
u8, u16, u32, u64, i16, i32 = (INTEGERS[code] for code in "BHIQhi")
data = st.binary(max_size=40)
points = st.builds(Point, i32, i32)
points16 = st.builds(Point, i16, i16)
coordinates = st.integers(-(1 << 30), 1 << 30)
rects = st.builds(Rect.from_edges, coordinates, coordinates, coordinates, coordinates)


@st.composite
def palettes(draw: st.DrawFn) -> image.Palette:
    return image.Palette(draw(u64), tuple(draw(st.lists(u32, max_size=5))))


@st.composite
def image_data(draw: st.DrawFn, kind: ImageType) -> image.ImageData:
    from_cache = draw(st.booleans())
    palette: Any = draw(u64 if from_cache else palettes())
    flags = (draw(u8) & ~BitmapFlags.PAL_FROM_CACHE) | (BitmapFlags.PAL_FROM_CACHE if from_cache else 0)
    match kind:
        case ImageType.BITMAP:
            rows, stride = draw(st.integers(0, 4)), draw(st.integers(0, 9))
            body = draw(st.binary(min_size=rows * stride, max_size=rows * stride))
            if not from_cache and draw(st.booleans()):
                palette = None
            return image.BitmapData(draw(u8), flags, draw(u32), rows, stride, palette, body)
        case ImageType.LZ_PLT:
            return image.LzPltData(flags, palette, draw(data))
        case ImageType.ZLIB_GLZ_RGB:
            return image.ZlibGlzData(draw(u32), draw(data))
        case ImageType.JPEG_ALPHA:
            body = draw(data)
            return image.JpegAlphaData(draw(u8), draw(st.integers(0, len(body))), body)
        case ImageType.SURFACE:
            return image.SurfaceData(draw(u32))
        case ImageType.FROM_CACHE | ImageType.FROM_CACHE_LOSSLESS:
            return None
    return image.BinaryData(draw(data))


@st.composite
def images(draw: st.DrawFn) -> image.Image:
    kind = draw(st.sampled_from(ImageType))
    return image.Image(image.ImageDescriptor(draw(u64), kind, draw(u8), draw(u32), draw(u32)), draw(image_data(kind)))


@st.composite
def strings(draw: st.DrawFn) -> display.String:
    bits = draw(st.sampled_from((1, 4, 8)))
    flag = {1: StringFlags.RASTER_A1, 4: StringFlags.RASTER_A4, 8: StringFlags.RASTER_A8}[bits]
    glyphs = []
    for _ in range(draw(st.integers(0, 3))):
        width, height = draw(st.integers(0, 9)), draw(st.integers(0, 3))
        size = (width * bits + 7) // 8 * height
        pixels = draw(st.binary(min_size=size, max_size=size))
        glyphs.append(display.RasterGlyph(draw(points), draw(points), width, height, pixels))
    return display.String(flag | draw(st.sampled_from((0, StringFlags.RASTER_TOP_DOWN))), glyphs)


@st.composite
def line_attributes(draw: st.DrawFn) -> display.LineAttr:
    flags = draw(u8)
    return display.LineAttr(flags, tuple(draw(st.lists(i32, max_size=4))) if flags & LineFlags.STYLED else ())


transforms = st.builds(display.Transform, i32, i32, i32, i32, i32, i32)


@st.composite
def composites(draw: st.DrawFn) -> display.Composite:
    flags = draw(u32)
    return display.Composite(
        flags,
        draw(images()),
        draw(images()) if flags & CompositeFlags.HAS_MASK else None,
        draw(transforms) if flags & CompositeFlags.HAS_SRC_TRANSFORM else None,
        draw(transforms) if flags & CompositeFlags.HAS_MASK_TRANSFORM else None,
        draw(points16),
        draw(points16),
    )


@st.composite
def cursor_shapes(draw: st.DrawFn) -> cursor.CursorShape:
    flags = draw(u16)
    header = None if flags & CursorFlags.NONE else draw(of(cursor.CursorHeader))
    return cursor.CursorShape(flags, header, draw(data))


names = st.binary(max_size=9).filter(lambda text: b"\0" not in text)

segments = st.builds(display.PathSegment, u8, st.lists(st.tuples(i32, i32), max_size=4))


@st.composite
def monitors_configs(draw: st.DrawFn) -> agent.MonitorsConfig:
    flags = draw(u32)
    monitors = draw(st.lists(of(agent.MonConfig), max_size=3))
    count = len(monitors) if flags & MonitorsFlags.PHYSICAL_SIZE else 0
    sizes = draw(st.lists(of(agent.MonitorMM), min_size=count, max_size=count))
    return agent.MonitorsConfig(flags, monitors, sizes)


BY_HAND: dict[type, st.SearchStrategy[Any]] = {
    image.Image: images(),
    image.Palette: palettes(),
    display.Clip: st.builds(display.Clip, st.none() | st.lists(rects, max_size=3)),
    display.Brush: st.builds(display.Brush, st.none() | u32 | st.builds(display.Pattern, images(), points)),
    display.Path: st.builds(display.Path, st.lists(segments, max_size=3)),
    display.LineAttr: line_attributes(),
    display.String: strings(),
    display.Composite: composites(),
    display.MonitorsConfig: st.deferred(
        lambda: st.builds(display.MonitorsConfig, u16, st.lists(of(display.Head), max_size=3))
    ),
    cursor.CursorShape: cursor_shapes(),
    agent.MonitorsConfig: monitors_configs(),
    main.DstInfo: st.builds(main.DstInfo, u16, u16, names, names),
}


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a structure or an annotated field type."""
    if get_origin(kind) is Annotated:
        return _annotated(*get_args(kind)[:2])
    if kind in BY_HAND:
        return BY_HAND[kind]
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: of(hints[name]) for name in kind.__match_args__})


def _annotated(plain: Any, meta: Any) -> st.SearchStrategy[Any]:
    match meta:
        case core.Fixed() if plain is Point:
            return points if meta.codes == "ii" else points16
        case core.Fixed() if plain is Rect:
            return rects
        case core.Fixed() if plain is bytes:
            size = int(meta.codes[:-1])
            return st.binary(min_size=size, max_size=size)
        case core.Fixed():
            return INTEGERS[meta.codes]
        case agent.Words():
            return st.lists(u32, max_size=4)
        case port.PortName():
            return names
        case core.Rest():
            return data
        case core.Bytes():
            return data
        case core.Array():
            return st.lists(of(meta.item), max_size=3)
        case core.Pointer():
            return of(meta.target) | st.none() if meta.optional else of(meta.target)
    raise AssertionError(f"no strategy for {meta!r}")


def all_messages() -> list[type]:
    """Every message that is declared, each once."""
    kinds: dict[type, None] = {}
    for module in (common, *CHANNELS):
        for table in (module.MESSAGES.from_server, module.MESSAGES.from_client):
            kinds |= dict.fromkeys(table.values())
    return list(kinds)
