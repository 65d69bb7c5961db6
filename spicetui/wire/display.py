"""The display channel: surfaces, draw operations, streams, monitors."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Annotated, dataclass_transform

from ..geometry import Point, Rect
from . import common
from .core import (
    MAX_ITEMS,
    Array,
    Buffer,
    Bytes,
    Declare,
    Messages,
    Pointer,
    Reader,
    Writer,
    codec_of,
    data32,
    i32,
    i64,
    point,
    point16,
    rect,
    rest,
    struct,
    u8,
    u16,
    u32,
    u64,
)
from .enums import BrushType, ClipType, CompositeFlags, LineFlags, StringFlags
from .image import Image

MESSAGES = Messages("display", common.MESSAGES)


@dataclass_transform()
def server(number: int) -> Declare:
    return MESSAGES.server(number)


@dataclass_transform()
def client(number: int) -> Declare:
    return MESSAGES.client(number)


image_ptr = Annotated[Image | None, Pointer(Image)]


# --- the parts of a draw operation


@struct
class Clip:
    """*rects* is None when nothing is clipped; an empty list clips everything away."""

    rects: Sequence[Rect] | None

    min_size = 1

    @staticmethod
    def read(reader: Reader) -> Clip:
        kind = reader.u8()
        if kind == ClipType.NONE:
            return Clip(None)
        if kind != ClipType.RECTS:
            raise reader.error(f"unknown clip type {kind}")
        count = reader.items(reader.u32(), 16)
        edges = reader.unpack(Struct(f"<{4 * count}i"))
        return Clip(
            [
                Rect(edges[i + 1], edges[i], edges[i + 3] - edges[i + 1], edges[i + 2] - edges[i])
                for i in range(0, 4 * count, 4)
            ]
        )

    @staticmethod
    def write(writer: Writer, value: Clip) -> None:
        if value.rects is None:
            writer.u8(ClipType.NONE)
            return
        writer.u8(ClipType.RECTS)
        writer.u32(len(value.rects))
        for r in value.rects:
            writer.pack(_RECT, r.y, r.x, r.bottom, r.right)


_RECT = Struct("<4i")


_BASE = Struct("<I4iB")


@struct
class DisplayBase:
    """Read by hand, as QMask is, because nearly every message has them."""

    surface_id: u32
    box: rect
    clip: Clip

    min_size = _BASE.size

    @staticmethod
    def read(reader: Reader) -> DisplayBase:
        surface_id, top, left, bottom, right, kind = reader.unpack(_BASE)
        if kind != ClipType.NONE:
            reader.pos -= 1
            return DisplayBase(surface_id, Rect(left, top, right - left, bottom - top), Clip.read(reader))
        return DisplayBase(surface_id, Rect(left, top, right - left, bottom - top), Clip(None))

    @staticmethod
    def write(writer: Writer, value: DisplayBase) -> None:
        r = value.box
        writer.u32(value.surface_id)
        writer.pack(_RECT, r.y, r.x, r.bottom, r.right)
        Clip.write(writer, value.clip)


@struct
class Pattern:
    image: Image
    pos: Point


@struct
class Brush:
    """*fill* is None (no brush), a colour 0x00RRGGBB in the surface's format, or a Pattern."""

    fill: int | Pattern | None

    min_size = 1

    @staticmethod
    def read(reader: Reader) -> Brush:
        kind = reader.u8()
        if kind == BrushType.NONE:
            return Brush(None)
        if kind == BrushType.SOLID:
            return Brush(reader.u32())
        if kind == BrushType.PATTERN:
            image = Image.read(reader.at(reader.u32()))
            return Brush(Pattern(image, codec_of(point).read(reader)))
        raise reader.error(f"unknown brush type {kind}")

    @staticmethod
    def write(writer: Writer, value: Brush) -> None:
        fill = value.fill
        if fill is None:
            writer.u8(BrushType.NONE)
        elif isinstance(fill, Pattern):
            writer.u8(BrushType.PATTERN)
            writer.pointer(Image.write, fill.image)
            codec_of(point).write(writer, fill.pos)
        else:
            writer.u8(BrushType.SOLID)
            writer.u32(fill)


_MASK = Struct("<B2iI")


@struct
class QMask:
    flags: u8
    pos: point
    bitmap: image_ptr

    min_size = _MASK.size

    @staticmethod
    def read(reader: Reader) -> QMask:
        flags, x, y, offset = reader.unpack(_MASK)
        return QMask(flags, Point(x, y), Image.read(reader.at(offset)) if offset else None)

    @staticmethod
    def write(writer: Writer, value: QMask) -> None:
        writer.u8(value.flags)
        codec_of(point).write(writer, value.pos)
        writer.pointer(Image.write, value.bitmap)


@struct
class PathSegment:
    """*points* are (x, y) in 28.4 fixed point."""

    flags: int
    points: Sequence[tuple[int, int]]

    @staticmethod
    def read(reader: Reader) -> PathSegment:
        flags = reader.u8()
        count = reader.items(reader.u32(), 8)
        flat = reader.unpack(Struct(f"<{2 * count}i"))
        return PathSegment(flags, list(zip(flat[::2], flat[1::2], strict=True)))

    @staticmethod
    def write(writer: Writer, value: PathSegment) -> None:
        writer.u8(value.flags)
        writer.u32(len(value.points))
        writer.pack(Struct(f"<{2 * len(value.points)}i"), *(c for p in value.points for c in p))


@struct
class Path:
    """The segments follow each other; ``@ptr_array`` in spice.proto is about memory, not about the wire."""

    segments: Sequence[PathSegment]

    @staticmethod
    def read(reader: Reader) -> Path:
        segments: list[PathSegment] = []
        points = 0
        for _ in range(reader.items(reader.u32(), 5)):
            segments.append(PathSegment.read(reader))
            points += len(segments[-1].points)
            if points > MAX_ITEMS:
                raise reader.error(f"path of more than {MAX_ITEMS} points")
        return Path(segments)

    @staticmethod
    def write(writer: Writer, value: Path) -> None:
        writer.u32(len(value.segments))
        for segment in value.segments:
            PathSegment.write(writer, segment)


@struct
class LineAttr:
    """*style*: dash and gap lengths in 28.4 fixed point; empty for a solid line."""

    flags: int
    style: Sequence[int]

    min_size = 1

    @staticmethod
    def read(reader: Reader) -> LineAttr:
        flags = reader.u8()
        if not flags & LineFlags.STYLED:
            return LineAttr(flags, ())
        count = reader.u8()
        offset = reader.u32()
        if not count or not offset:
            return LineAttr(flags, ())
        return LineAttr(flags, reader.at(offset).unpack(Struct(f"<{count}i")))

    @staticmethod
    def write(writer: Writer, value: LineAttr) -> None:
        writer.u8(value.flags)
        if value.flags & LineFlags.STYLED:
            writer.u8(len(value.style))
            packed = Struct(f"<{len(value.style)}i").pack(*value.style)
            writer.pointer(Writer.raw, packed or None)


@struct
class RasterGlyph:
    """*data*: rows of ``ceil(width * bits / 8)`` bytes, bits per pixel by the string's flags."""

    render_pos: Point
    glyph_origin: Point
    width: int
    height: int
    data: Buffer


_GLYPH = Struct("<4i2H")


@struct
class String:
    """Glyphs of one depth, one behind the other; *flags* are StringFlags."""

    flags: int
    glyphs: Sequence[RasterGlyph]

    @property
    def bits(self) -> int:
        return _glyph_bits(self.flags)

    @staticmethod
    def read(reader: Reader) -> String:
        count = reader.u16()
        flags = reader.u8()
        bits = _glyph_bits(flags)
        if not bits:
            raise reader.error(f"string flags {flags:#x} name no glyph depth")
        reader.items(count, _GLYPH.size)
        glyphs = []
        for _ in range(count):
            rx, ry, ox, oy, width, height = reader.unpack(_GLYPH)
            data = reader.take((width * bits + 7) // 8 * height)
            glyphs.append(RasterGlyph(Point(rx, ry), Point(ox, oy), width, height, data))
        return String(flags, glyphs)

    @staticmethod
    def write(writer: Writer, value: String) -> None:
        writer.u16(len(value.glyphs))
        writer.u8(value.flags)
        for glyph in value.glyphs:
            _write_glyph(writer, glyph)


def _glyph_bits(flags: int) -> int:
    if flags & StringFlags.RASTER_A1:
        return 1
    if flags & StringFlags.RASTER_A4:
        return 4
    return 8 if flags & StringFlags.RASTER_A8 else 0


def _write_glyph(writer: Writer, g: RasterGlyph) -> None:
    writer.pack(_GLYPH, *g.render_pos, *g.glyph_origin, g.width, g.height)
    writer.raw(g.data)


@struct
class Transform:
    """The first two rows of a matrix, 16.16 fixed point."""

    t00: i32
    t01: i32
    t02: i32
    t10: i32
    t11: i32
    t12: i32


# --- messages of the server


@server(101)
class Mode:
    x_res: u32
    y_res: u32
    bits: u32


@server(102)
class Mark:
    pass


@server(103)
class Reset:
    pass


@server(104)
class CopyBits:
    base: DisplayBase
    src_pos: point


@struct
class ResourceId:
    type: u8
    id: u64


@server(105)
class InvalList:
    resources: Annotated[list[ResourceId], Array("H", ResourceId)]


@server(106)
class InvalAllPixmaps:
    wait_list: Annotated[list[common.WaitForChannel], Array("B", common.WaitForChannel)]


@server(107)
class InvalPalette:
    id: u64


@server(108)
class InvalAllPalettes:
    pass


@server(122)
class StreamCreate:
    surface_id: u32
    id: u32
    flags: u8
    codec_type: u8
    stamp: u64
    stream_width: u32
    stream_height: u32
    src_width: u32
    src_height: u32
    dest: rect
    clip: Clip


@struct
class StreamDataHeader:
    id: u32
    multi_media_time: u32


@server(123)
class StreamData:
    base: StreamDataHeader
    data: data32


@server(124)
class StreamClip:
    id: u32
    clip: Clip


@server(125)
class StreamDestroy:
    id: u32


@server(126)
class StreamDestroyAll:
    pass


@server(302)
class DrawFill:
    base: DisplayBase
    brush: Brush
    rop_descriptor: u16
    mask: QMask


@server(303)
class DrawOpaque:
    base: DisplayBase
    src_bitmap: image_ptr
    src_area: rect
    brush: Brush
    rop_descriptor: u16
    scale_mode: u8
    mask: QMask


@server(304)
class DrawCopy:
    base: DisplayBase
    src_bitmap: image_ptr
    src_area: rect
    rop_descriptor: u16
    scale_mode: u8
    mask: QMask


@server(305)
class DrawBlend:
    base: DisplayBase
    src_bitmap: image_ptr
    src_area: rect
    rop_descriptor: u16
    scale_mode: u8
    mask: QMask


@server(306)
class DrawBlackness:
    base: DisplayBase
    mask: QMask


@server(307)
class DrawWhiteness:
    base: DisplayBase
    mask: QMask


@server(308)
class DrawInvers:
    base: DisplayBase
    mask: QMask


@server(309)
class DrawRop3:
    base: DisplayBase
    src_bitmap: image_ptr
    src_area: rect
    brush: Brush
    rop3: u8
    scale_mode: u8
    mask: QMask


@server(310)
class DrawStroke:
    base: DisplayBase
    path: Annotated[Path, Pointer(Path, optional=False)]
    attr: LineAttr
    brush: Brush
    fore_mode: u16
    back_mode: u16


@server(311)
class DrawText:
    base: DisplayBase
    str: Annotated[String, Pointer(String, optional=False)]
    back_area: rect
    fore_brush: Brush
    back_brush: Brush
    fore_mode: u16
    back_mode: u16


@server(312)
class DrawTransparent:
    base: DisplayBase
    src_bitmap: image_ptr
    src_area: rect
    src_color: u32
    true_color: u32


@server(313)
class DrawAlphaBlend:
    base: DisplayBase
    alpha_flags: u8
    alpha: u8
    src_bitmap: image_ptr
    src_area: rect


@server(314)
class SurfaceCreate:
    surface_id: u32
    width: u32
    height: u32
    format: u32
    flags: u32


@server(315)
class SurfaceDestroy:
    surface_id: u32


@server(316)
class StreamDataSized:
    base: StreamDataHeader
    width: u32
    height: u32
    dest: rect
    data: data32


@struct
class Head:
    monitor_id: u32
    surface_id: u32
    width: u32
    height: u32
    x: u32
    y: u32
    flags: u32


@server(317)
class MonitorsConfig:
    max_allowed: int
    heads: Sequence[Head]

    @staticmethod
    def read(reader: Reader) -> MonitorsConfig:
        count, max_allowed = reader.u16(), reader.u16()
        codec = codec_of(Head)
        reader.items(count, codec.min_size)
        return MonitorsConfig(max_allowed, [codec.read(reader) for _ in range(count)])

    @staticmethod
    def write(writer: Writer, value: MonitorsConfig) -> None:
        writer.u16(len(value.heads))
        writer.u16(value.max_allowed)
        for head in value.heads:
            codec_of(Head).write(writer, head)


@server(318)
class DrawComposite:
    base: DisplayBase
    data: Composite


@struct
class Composite:
    flags: int
    src_bitmap: Image
    mask_bitmap: Image | None
    src_transform: Transform | None
    mask_transform: Transform | None
    src_origin: Point
    mask_origin: Point

    min_size = 16

    @staticmethod
    def read(reader: Reader) -> Composite:
        flags = reader.u32()
        src = Image.read(reader.at(reader.u32()))
        mask = Image.read(reader.at(reader.u32())) if flags & CompositeFlags.HAS_MASK else None
        transform = codec_of(Transform).read
        src_transform = transform(reader) if flags & CompositeFlags.HAS_SRC_TRANSFORM else None
        mask_transform = transform(reader) if flags & CompositeFlags.HAS_MASK_TRANSFORM else None
        origin = codec_of(point16).read
        return Composite(flags, src, mask, src_transform, mask_transform, origin(reader), origin(reader))

    @staticmethod
    def write(writer: Writer, value: Composite) -> None:
        writer.u32(value.flags)
        writer.pointer(Image.write, value.src_bitmap)
        if value.flags & CompositeFlags.HAS_MASK:
            writer.pointer(Image.write, value.mask_bitmap)
        for transform in (value.src_transform, value.mask_transform):
            if transform is not None:
                codec_of(Transform).write(writer, transform)
        codec_of(point16).write(writer, value.src_origin)
        codec_of(point16).write(writer, value.mask_origin)


@server(319)
class StreamActivateReport:
    stream_id: u32
    unique_id: u32
    max_window_size: u32
    timeout_ms: u32


@server(320)
class GlScanoutUnix:
    """The dmabuf's file descriptor travels beside the bytes (SCM_RIGHTS)."""

    width: u32
    height: u32
    stride: u32
    drm_fourcc_format: u32
    flags: u32


@server(321)
class GlDraw:
    x: u32
    y: u32
    w: u32
    h: u32


@server(322)
class QualityIndicator:
    data: rest


# --- messages of the client


@client(101)
class DisplayInit:
    """Cache size and window size in pixels."""

    pixmap_cache_id: u8
    pixmap_cache_size: i64
    glz_dictionary_id: u8
    glz_dictionary_window_size: i32


@client(102)
class StreamReport:
    stream_id: u32
    unique_id: u32
    start_frame_mm_time: u32
    end_frame_mm_time: u32
    num_frames: u32
    num_drops: u32
    last_frame_delay: i32
    audio_delay: u32


@client(103)
class PreferredCompression:
    image_compression: u8


@client(104)
class GlDrawDone:
    pass


@client(105)
class PreferredVideoCodecType:
    codecs: Annotated[Buffer, Bytes("B")]
