"""Opus by libopus in PyAV, packet by packet and without a container.

Samples are signed 16 bits, little endian, the channels interleaved. Nothing is loaded before it is used.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from ..errors import CodecError, FeatureMissing
from ..features import brings_its_libraries
from ..wire.core import Buffer

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

#: What libopus decodes to, whatever it was encoded from.
OPUS_RATE: Final = 48_000

#: The frames of a packet, as the reference server takes and sends them: 10 ms.
OPUS_FRAMES: Final = 480

#: The most that a server reads of one packet.
OPUS_PACKET_BYTES: Final = 480

#: A packet of 120 ms is the longest that Opus has.
_MAX_FRAMES: Final = 5760

_LIBRARY: Final = "libopus"
_LAYOUTS: Final = {1: "mono", 2: "stereo"}


@cache
def available() -> bool:
    """Whether Opus can be decoded and encoded here; PyAV's own wheels have it and are not imported for it."""
    if brings_its_libraries("av"):
        return True
    try:
        from av.codec import Codec
        from av.codec.codec import UnknownCodecError
    except ImportError:
        return False
    try:
        Codec(_LIBRARY, "r")
        Codec(_LIBRARY, "w")
    except UnknownCodecError:
        return False
    return True


def _context(channels: int, mode: str) -> AudioCodecContext:
    if channels not in _LAYOUTS:
        raise CodecError(f"Opus with {channels} channels")
    if not available():
        raise FeatureMissing("Opus sound needs PyAV with libopus: pip install 'spicetui[audio]'")
    try:
        import av
    except ImportError as error:
        raise FeatureMissing(f"Opus sound: PyAV is installed but does not load: {error}") from None
    context = av.CodecContext.create(_LIBRARY, cast("Any", mode))
    context.sample_rate = OPUS_RATE
    context.layout = _LAYOUTS[channels]
    return context


class OpusDecoder:
    """Decodes the packets of one stream, in order. Raises FeatureMissing, or CodecError for absurd channels."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._context = _context(channels, "r")
        import av

        self._packet: Any = av.Packet
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError, OverflowError)

    def decode(self, data: Buffer) -> bytes:
        """Samples at 48 kHz. Raises CodecError; later packets still decode."""
        if not len(data):
            return b""  # libavcodec takes it for the end of the stream
        try:
            frames = self._context.decode(self._packet(bytes(data)))
        except self._errors as error:
            raise CodecError(f"Opus packet: {error}") from None
        parts = []
        for frame in frames:
            if frame.samples > _MAX_FRAMES:
                raise CodecError(f"Opus packet of {frame.samples} frames, {_MAX_FRAMES} at most")
            parts.append(bytes(frame.planes[0])[: frame.samples * self._channels * 2])
        return b"".join(parts)


class OpusEncoder:
    """Encodes frames of 10 ms at 48 kHz. Raises FeatureMissing, or CodecError for absurd channels."""

    def __init__(self, channels: int, bit_rate: int = 64_000) -> None:
        self._frame_bytes = OPUS_FRAMES * channels * 2
        self._context = _context(channels, "w")
        import av

        self._context.format = av.AudioFormat("s16")
        self._context.bit_rate = bit_rate
        self._context.options = {"application": "audio", "frame_duration": "10"}
        self._layout = _LAYOUTS[channels]
        self._frame: Any = av.AudioFrame
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError)
        self._time = 0

    def encode(self, pcm: Buffer) -> list[bytes]:
        """The packets of exactly 480 frames; as a rule one. Raises CodecError."""
        if len(pcm) != self._frame_bytes:
            raise CodecError(f"{len(pcm)} bytes to encode as Opus, {self._frame_bytes} are wanted")
        frame = self._frame(format="s16", layout=self._layout, samples=OPUS_FRAMES)
        frame.sample_rate = OPUS_RATE
        frame.pts = self._time
        self._time += OPUS_FRAMES
        frame.planes[0].update(bytes(pcm).ljust(frame.planes[0].buffer_size, b"\0"))
        try:
            return [bytes(packet) for packet in self._context.encode(frame)]
        except self._errors as error:
            raise CodecError(f"Opus: {error}") from None
