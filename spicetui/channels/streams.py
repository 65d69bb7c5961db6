"""Video streams of a display channel.

Only MJPEG so far, which every server falls back to: each frame is drawn at once, as a copy of a JPEG image.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..geometry import Point, Rect
from ..wire import display as wire
from ..wire.core import Buffer
from ..wire.enums import ImageScaleMode, ImageType, Ropd, StreamFlags, VideoCodecType
from ..wire.image import BinaryData, Image, ImageDescriptor

#: As many as the reference keeps at once; a server never has more.
MAX_STREAMS = 64


@dataclass(slots=True)
class Stream:
    create: wire.StreamCreate
    clip: wire.Clip


class UnsupportedStream(Exception):
    """A stream that cannot be played; *key* is stable."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Streams:
    """The streams that the server has created, by id."""

    def __init__(self) -> None:
        self.active: dict[int, Stream] = {}

    def create(self, message: wire.StreamCreate) -> None:
        """Raises UnsupportedStream; its data is then dropped by :meth:`frame` in silence."""
        if message.codec_type != VideoCodecType.MJPEG:
            names = {int(codec): codec.name.lower() for codec in VideoCodecType}
            raise UnsupportedStream(f"display:stream_{names.get(message.codec_type, message.codec_type)}")
        if not message.flags & StreamFlags.TOP_DOWN:
            raise UnsupportedStream("display:stream_bottom_up")
        if len(self.active) >= MAX_STREAMS and message.id not in self.active:
            raise UnsupportedStream("display:too_many_streams")
        self.active[message.id] = Stream(message, message.clip)

    def clip(self, message: wire.StreamClip) -> None:
        if stream := self.active.get(message.id):
            stream.clip = message.clip

    def destroy(self, id: int) -> None:
        self.active.pop(id, None)

    def clear(self) -> None:
        self.active.clear()

    def frame(self, id: int, data: Buffer, size: tuple[int, int] | None, dest: Rect | None) -> wire.DrawCopy | None:
        """The draw operation that shows a frame; *size* and *dest* where the frame brings its own."""
        stream = self.active.get(id)
        if stream is None:
            return None
        create = stream.create
        width, height = size or (create.stream_width, create.stream_height)
        return wire.DrawCopy(
            wire.DisplayBase(create.surface_id, dest or create.dest, stream.clip),
            Image(ImageDescriptor(0, ImageType.JPEG, 0, width, height), BinaryData(data)),
            Rect(0, 0, width, height),
            Ropd.OP_PUT,
            ImageScaleMode.NEAREST,
            wire.QMask(0, Point(0, 0), None),
        )
