"""Video streams for the tests: moving pictures encoded as a SPICE server's encoders do, without delay."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from spicetui.wire.enums import VideoCodecType

Rgb = npt.NDArray[np.uint8]

_REALTIME = {"deadline": "realtime", "lag-in-frames": "0", "cpu-used": "8", "min-q": "2", "max-q": "20"}
ENCODERS: dict[VideoCodecType, tuple[str, dict[str, str]]] = {
    VideoCodecType.MJPEG: ("mjpeg", {"qmin": "2", "qmax": "2"}),
    VideoCodecType.VP8: ("libvpx", _REALTIME),
    VideoCodecType.H264: ("libx264", {"tune": "zerolatency", "preset": "ultrafast", "intra-refresh": "1", "crf": "15"}),
    VideoCodecType.VP9: ("libvpx-vp9", _REALTIME),
    VideoCodecType.H265: (
        "libx265",
        {"tune": "zerolatency", "preset": "ultrafast", "crf": "15", "x265-params": "log-level=none"},
    ),
}


def picture(width: int, height: int, number: int = 0) -> Rgb:
    """Slow slopes that move with the frame's number, and a block of one colour in the upper left corner."""
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 90 * np.sin((x + 4 * number) / 37)
    green = 128 + 90 * np.cos((y - 3 * number) / 29)
    blue = 255 * ((x + y) / (width + height))
    rgb = np.dstack((red, green, blue)).clip(0, 255).astype(np.uint8)
    rgb[: height // 4, : width // 4] = ((200, 30, 40), (30, 190, 50), (40, 50, 210))[number % 3]
    return rgb


def encode(codec: VideoCodecType, frames: list[Rgb], chroma: str = "420p") -> list[bytes]:
    """One packet for each frame; the first one needs no other. *chroma*: the pixel format behind ``yuv``."""
    import av

    name, options = ENCODERS[codec]
    height, width, _ = frames[0].shape
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    full = codec is VideoCodecType.MJPEG
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = ("yuvj" if full else "yuv") + chroma
    encoder.time_base = Fraction(1, 25)
    encoder.bit_rate = 8_000_000
    encoder.options = options
    packets: list[bytes] = []
    for number, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
            format=encoder.pix_fmt,
            dst_colorspace="ITU709" if height > 576 and not full else "ITU601",
            dst_color_range="JPEG" if full else "MPEG",
        )
        frame.pts = number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
        assert len(packets) == number + 1, f"{name} holds frames back"
    packets += [bytes(packet) for packet in encoder.encode(None)]
    assert len(packets) == len(frames)
    return packets


def clip(codec: VideoCodecType, width: int = 320, height: int = 240, count: int = 6) -> list[bytes]:
    return encode(codec, [picture(width, height, number) for number in range(count)])
