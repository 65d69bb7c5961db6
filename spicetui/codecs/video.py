"""Video streams: MJPEG by the JPEG codec, VP8, VP9, H.264 and H.265 by libavcodec where PyAV is installed.

Colours are what the reference shows, to the bit.  MJPEG is decoded with libjpeg's fast DCT and plain chroma upsampling,
as in spice-gtk's built-in decoder; the others are converted as GStreamer does, with the matrix that the stream names
or else GStreamer's choice by height.  Only formats that no server's encoder makes (ten bits) go through libswscale.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from ..errors import CodecError, FeatureMissing
from ..features import brings_its_libraries
from ..wire.core import Buffer
from ..wire.enums import VideoCodecType
from . import jpeg, yuv
from .limits import MAX_PIXELS, check_size

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

Bgrx = npt.NDArray[np.uint8]
Size = tuple[int, int]

#: Codecs whose frames do not build on one another, so that a late one need not be decoded.
INDEPENDENT: Final = frozenset((VideoCodecType.MJPEG,))

#: libavcodec's decoders.
_LIBAV: Final = {
    VideoCodecType.VP8: "vp8",
    VideoCodecType.H264: "h264",
    VideoCodecType.VP9: "vp9",
    VideoCodecType.H265: "hevc",
}

#: Encoders fill blocks up: a frame may be larger than announced by less than this in each direction.
_BLOCK: Final = 16

#: A sized frame may be larger than the stream was announced; libavcodec is given this many times the room.
_GROWTH: Final = 4


class Decoder(Protocol):
    """Decodes the frames of one stream, in order. Not for several threads at once, but for any one after another."""

    def decode(self, data: Buffer, size: Size | None = None) -> Bgrx | None:
        """Pixels (H, W, 4) BGRX, rows in stream order, the fourth byte 255; None when the data completes no picture.

        *size* is (width, height) where the frame announces its own; the picture may be smaller, and larger by less
        than one block of 16 pixels.  Raises CodecError; later frames may still decode.
        """
        ...

    def skip(self, data: Buffer) -> None:
        """Takes a frame that is not to be shown but that later ones may build on. Raises CodecError."""
        ...

    def close(self) -> None: ...


def open_decoder(codec: VideoCodecType, width: int, height: int) -> Decoder:
    """A decoder of frames announced as *width* x *height*. Raises FeatureMissing, or CodecError for an absurd size."""
    check_size(codec.name, width, height, None, MAX_PIXELS)
    if codec is VideoCodecType.MJPEG:
        return _Jpeg(width, height)
    if codec not in available():
        raise FeatureMissing(f"{codec.name} video needs PyAV with that decoder: pip install 'spicetui[video]'")
    try:
        return _Libav(codec, width, height)
    except ImportError as error:
        raise FeatureMissing(f"{codec.name} video: PyAV is installed but does not load: {error}") from None


@cache
def available() -> frozenset[VideoCodecType]:
    """What can be decoded here.

    PyAV's own wheels have every decoder and are not imported for it, which would take 0.1 s; another build is asked.
    """
    if brings_its_libraries("av"):
        return frozenset(VideoCodecType)
    found = {VideoCodecType.MJPEG}
    try:
        from av.codec import Codec
        from av.codec.codec import UnknownCodecError
    except ImportError:
        return frozenset(found)
    for codec, name in _LIBAV.items():
        try:
            Codec(name, "r")
        except UnknownCodecError:
            continue
        found.add(codec)
    return frozenset(found)


def _check(codec: str, width: int, height: int, announced: Size) -> None:
    """Raises CodecError for a picture that is larger than announced by a block or more."""
    check_size(codec, width, height, None, MAX_PIXELS)
    if width >= announced[0] + _BLOCK or height >= announced[1] + _BLOCK:
        raise CodecError(
            f"{codec} frame of {width} x {height} pixels where {announced[0]} x {announced[1]} were announced"
        )


class _Jpeg:
    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._decode = _jpeg_decoder()

    def decode(self, data: Buffer, size: Size | None = None) -> Bgrx | None:
        return self._decode(data, size or self._size) if len(data) else None

    def skip(self, data: Buffer) -> None:
        pass

    def close(self) -> None:
        pass


@cache
def _jpeg_decoder() -> Callable[[Buffer, Size], Bgrx]:
    try:
        import simplejpeg  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return _decode_jpeg_plainly

    def decode(data: Buffer, announced: Size) -> Bgrx:
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
            _check("MJPEG", width, height, announced)
            pixels: Bgrx = simplejpeg.decode_jpeg(data, "BGRX", fastdct=True, fastupsample=True, strict=False)
        except CodecError:
            raise
        except (ValueError, OverflowError, KeyError) as error:  # KeyError: a colour space that it has no name for
            raise CodecError(f"MJPEG frame: {error}") from None
        return pixels

    return decode


def _decode_jpeg_plainly(data: Buffer, announced: Size) -> Bgrx:
    """By the image codec's own fallback; it checks the size of what it decodes against its limits."""
    pixels = jpeg.decode(data)
    _check("MJPEG", pixels.shape[1], pixels.shape[0], announced)
    pixels[:, :, 3] = 255
    return pixels


class _Libav:
    def __init__(self, codec: VideoCodecType, width: int, height: int) -> None:
        import av
        from av.video.reformatter import Interpolation, VideoReformatter

        self._codec = codec
        self._size = (width, height)
        self._packet: Any = av.Packet
        self._interpolation = Interpolation
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError, OverflowError)
        self._context = cast("VideoCodecContext", av.CodecContext.create(_LIBAV[codec], "r"))
        # One thread: this runs beside other streams, and frame threads would add a frame of delay each and can
        # deadlock with Python when the decoder is dropped.
        self._context.thread_count = 1
        room = min(_GROWTH * _aligned(width) * _aligned(height), MAX_PIXELS)
        self._context.options = {"max_pixels": str(room)}
        self._reformatter = VideoReformatter()

    def decode(self, data: Buffer, size: Size | None = None) -> Bgrx | None:
        frame = self._frame(data)
        if frame is None:
            return None
        _check(self._codec.name, frame.width, frame.height, size or self._size)
        try:
            return self._pixels(frame)
        except self._errors as error:
            raise CodecError(f"{self._codec.name} frame: {error}") from None

    def skip(self, data: Buffer) -> None:
        self._frame(data)

    def close(self) -> None:
        """Flushes: a decoder must not be dropped with packets in flight."""
        if self._context.is_open:
            try:
                self._context.decode(None)
            except self._errors:
                pass  # of frames that nobody will see

    def _frame(self, data: Buffer) -> VideoFrame | None:
        if not len(data):
            return None  # libavcodec takes it for the end of the stream
        try:
            frames = self._context.decode(self._packet(data))
        except self._errors as error:
            raise CodecError(f"{self._codec.name} frame: {error}") from None
        if not frames:
            return None
        frame = frames[-1]
        if frame.is_corrupt:
            raise CodecError(f"{self._codec.name} frame is damaged")
        return frame

    def _pixels(self, frame: VideoFrame) -> Bgrx:
        width, height = frame.width, frame.height
        number, matrix = _matrix(frame, self._codec)
        if frame.format.name in _PLANAR:
            y, u, v = (_samples(plane) for plane in frame.planes)
            full_range = frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE
            return yuv.to_bgrx((y, u, v), matrix, full_range)
        interpolation = int(self._interpolation.POINT | self._interpolation.ACCURATE_RND)
        bgra = self._reformatter.reformat(
            frame, format="bgra", src_colorspace=number, interpolation=interpolation, threads=1
        )
        plane: Any = bgra.planes[0]
        # The array keeps the plane alive; rows are padded to the alignment of the CPU's vectors.
        strides = (plane.line_size, 4, 1)
        pixels: Bgrx = np.ndarray((height, width, 4), np.uint8, buffer=plane, strides=strides)
        return pixels


def _samples(plane: Any) -> npt.NDArray[np.uint8]:
    return np.ndarray((plane.height, plane.width), np.uint8, buffer=plane, strides=(plane.line_size, 1))


def _aligned(length: int) -> int:
    """To 64, the largest block of any of the codecs."""
    return -(-length // 64) * 64


#: Formats of eight bits in three planes: all that servers' encoders make.
_PLANAR: Final = frozenset(f"yuv{j}{chroma}p" for j in ("", "j") for chroma in (420, 422, 444))
_FULL_RANGE: Final = 2

#: By libavutil's number of it: libswscale's number, and the matrix.
_MATRICES: Final = {
    1: (1, yuv.BT709),
    4: (4, yuv.FCC),
    5: (5, yuv.BT601),
    6: (5, yuv.BT601),
    7: (7, yuv.SMPTE240M),
    9: (9, yuv.BT2020),
    10: (9, yuv.BT2020),
}


def _matrix(frame: VideoFrame, codec: VideoCodecType) -> tuple[int, yuv.Matrix]:
    """What the stream names, else BT.601 up to 576 lines and BT.709 above, as GStreamer takes it."""
    named = _MATRICES.get(int(frame.colorspace))
    if named is None or codec is VideoCodecType.VP8:  # VP8 knows but one matrix, and GStreamer encodes with either
        return _MATRICES[5 if frame.height <= 576 else 1]
    return named
