"""Images as they travel inside draw messages: descriptor and, by type, the compressed or raw data."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from .core import Buffer, Reader, Writer, codec_of, struct, u8, u32, u64
from .enums import BitmapFlags, ImageType


@struct
class ImageDescriptor:
    id: u64
    type: u8
    flags: u8
    width: u32
    height: u32


@struct
class Palette:
    """Colours as 0x00RRGGBB; *unique* is the key in the channel's palette cache."""

    unique: int
    ents: Sequence[int]

    min_size = 10

    @staticmethod
    def read(reader: Reader) -> Palette:
        unique = reader.u64()
        count = reader.items(reader.u16(), 4)
        return Palette(unique, reader.unpack(Struct(f"<{count}I")))

    @staticmethod
    def write(writer: Writer, value: Palette) -> None:
        writer.u64(value.unique)
        writer.u16(len(value.ents))
        writer.pack(Struct(f"<{len(value.ents)}I"), *value.ents)


@struct
class BitmapData:
    """Rows of *stride* bytes; *palette* is a Palette, the id of a cached one, or None."""

    format: int
    flags: int
    x: int
    y: int
    stride: int
    palette: Palette | int | None
    data: Buffer


@struct
class BinaryData:
    """QUIC, LZ_RGB, GLZ_RGB, JPEG, LZ4."""

    data: Buffer


@struct
class LzPltData:
    flags: int
    palette: Palette | int
    data: Buffer


@struct
class ZlibGlzData:
    glz_data_size: int
    data: Buffer


@struct
class JpegAlphaData:
    flags: int
    jpeg_size: int
    data: Buffer


@struct
class SurfaceData:
    surface_id: int


ImageData = BitmapData | BinaryData | LzPltData | ZlibGlzData | JpegAlphaData | SurfaceData | None

_BITMAP_HEAD = Struct("<BBIII")
_BINARY = frozenset((ImageType.QUIC, ImageType.LZ_RGB, ImageType.GLZ_RGB, ImageType.JPEG, ImageType.LZ4))


@struct
class Image:
    """*data* is None for the two FROM_CACHE types."""

    descriptor: ImageDescriptor
    data: ImageData

    min_size = 18

    @staticmethod
    def read(reader: Reader) -> Image:
        descriptor = codec_of(ImageDescriptor).read(reader)
        kind = descriptor.type
        data: ImageData
        if kind in _BINARY:
            data = BinaryData(reader.take(reader.u32()))
        elif kind == ImageType.BITMAP:
            fmt, flags, x, y, stride = reader.unpack(_BITMAP_HEAD)
            palette = _read_palette(reader, flags)
            data = BitmapData(fmt, flags, x, y, stride, palette, reader.take(stride * y))
        elif kind in (ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS):
            data = None
        elif kind == ImageType.SURFACE:
            data = SurfaceData(reader.u32())
        elif kind == ImageType.LZ_PLT:
            flags = reader.u8()
            size = reader.u32()
            lz_palette = _read_palette(reader, flags)
            if lz_palette is None:
                raise reader.error("LZ_PLT image without a palette")
            data = LzPltData(flags, lz_palette, reader.take(size))
        elif kind == ImageType.ZLIB_GLZ_RGB:
            glz_size = reader.u32()
            data = ZlibGlzData(glz_size, reader.take(reader.u32()))
        elif kind == ImageType.JPEG_ALPHA:
            flags = reader.u8()
            jpeg_size = reader.u32()
            body = reader.take(reader.u32())
            if jpeg_size > len(body):
                raise reader.error("JPEG_ALPHA image whose JPEG part is longer than the whole")
            data = JpegAlphaData(flags, jpeg_size, body)
        else:
            raise reader.error(f"unknown image type {kind}")
        return Image(descriptor, data)

    @staticmethod
    def write(writer: Writer, value: Image) -> None:
        codec_of(ImageDescriptor).write(writer, value.descriptor)
        data = value.data
        if isinstance(data, BinaryData):
            writer.u32(len(data.data))
            writer.raw(data.data)
        elif isinstance(data, BitmapData):
            writer.pack(_BITMAP_HEAD, data.format, data.flags, data.x, data.y, data.stride)
            _write_palette(writer, data.palette)
            writer.raw(data.data)
        elif isinstance(data, SurfaceData):
            writer.u32(data.surface_id)
        elif isinstance(data, LzPltData):
            writer.u8(data.flags)
            writer.u32(len(data.data))
            _write_palette(writer, data.palette)
            writer.raw(data.data)
        elif isinstance(data, ZlibGlzData):
            writer.u32(data.glz_data_size)
            writer.u32(len(data.data))
            writer.raw(data.data)
        elif isinstance(data, JpegAlphaData):
            writer.u8(data.flags)
            writer.u32(data.jpeg_size)
            writer.u32(len(data.data))
            writer.raw(data.data)


def _read_palette(reader: Reader, flags: int) -> Palette | int | None:
    if flags & BitmapFlags.PAL_FROM_CACHE:
        return reader.u64()
    offset = reader.u32()
    return Palette.read(reader.at(offset)) if offset else None


def _write_palette(writer: Writer, palette: Palette | int | None) -> None:
    if isinstance(palette, int):
        writer.u64(palette)
    else:
        writer.pointer(Palette.write, palette)
