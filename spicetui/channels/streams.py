"""Video streams of a display channel: frames are decoded in worker threads and shown when the clock says so.

Everything else of the channel is drawn at once, as in the reference: a server empties a stream's clip before it draws
where the stream plays, and the clip in force when a frame is shown is the one that counts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..canvas import paint
from ..canvas.convert import convert
from ..canvas.region import Box, region
from ..canvas.scale import scaled
from ..canvas.surface import Surface
from ..codecs import video
from ..codecs.limits import MAX_PIXELS
from ..codecs.pixmap import Array, PixelFormat
from ..diagnostics import logger
from ..errors import CodecError, FeatureMissing
from ..geometry import Rect
from ..protocol.frames import MAX_BYTES, Frame, Reports, Schedule, invalid_report
from ..wire import display as wire
from ..wire.core import Buffer
from ..wire.enums import DisplayCap, ImageScaleMode, StreamFlags, VideoCodecType

if TYPE_CHECKING:
    from .display import DisplayChannel

log = logger("channels.streams")

#: As many as the reference server keeps at once.
MAX_STREAMS = 64

#: Of all streams together, as decoded or as shown, whichever is more, since each may hold a few decoded frames.
MAX_STREAM_PIXELS = MAX_PIXELS

#: Frames of an independent codec that may fail in a row before the stream counts as one that cannot be played.
MAX_FAILURES = 10

#: Seconds between two looks at the clock, which may be set while a frame waits.
LOOK = 0.1

#: Worker threads for all streams of a channel.
WORKERS = max(1, min(4, os.cpu_count() or 1))

CODEC_CAPS = {
    VideoCodecType.MJPEG: DisplayCap.CODEC_MJPEG,
    VideoCodecType.VP8: DisplayCap.CODEC_VP8,
    VideoCodecType.H264: DisplayCap.CODEC_H264,
    VideoCodecType.VP9: DisplayCap.CODEC_VP9,
    VideoCodecType.H265: DisplayCap.CODEC_H265,
}


def caps() -> frozenset[DisplayCap]:
    """What to announce of streams: exactly the codecs that are installed."""
    codecs = (CODEC_CAPS[codec] for codec in video.available())
    return frozenset((DisplayCap.SIZED_STREAM, DisplayCap.STREAM_REPORT, DisplayCap.MULTI_CODEC, *codecs))


def preferred(names: Sequence[str]) -> wire.PreferredVideoCodecType:
    """The message for codecs by name in lower case, the best first; what is not installed is left out."""
    codecs = [VideoCodecType[name.upper()] for name in names]
    return wire.PreferredVideoCodecType(bytes(codec for codec in codecs if codec in video.available()))


class Picture(NamedTuple):
    """The visible part of a frame in the surface's format, its first pixel at (x, y) of the surface."""

    pixels: Array
    x: int
    y: int


@dataclass(slots=True)
class Played:
    """Frames of one codec so far; what neither was shown nor dropped came too late for the end of its stream."""

    arrived: int = 0
    late: int = 0
    shown: int = 0
    dropped: int = 0

    def add(self, schedule: Schedule[Picture]) -> None:
        self.arrived += schedule.arrived
        self.late += schedule.late
        self.shown += schedule.shown
        self.dropped += schedule.dropped


class Screen(Protocol):
    """What the streams need of their display channel."""

    def surface(self, id: int) -> Surface | None: ...

    def mm_time(self) -> int:
        """The server's multimedia clock, milliseconds in 32 bits."""
        ...

    def audio_delay(self) -> int | None:
        """Milliseconds of sound that wait to be heard, None when none is played."""
        ...

    def late_ms(self) -> int:
        """By how many milliseconds what is drawn is shown late."""
        ...

    def painted(self, surface: Surface, rects: Sequence[Rect]) -> None:
        """A frame was drawn outside of any message."""
        ...

    def report(self, report: wire.StreamReport) -> None:
        """To the server, if it takes reports."""
        ...

    def gap(self, what: str, detail: str = "") -> None: ...


class DisplayScreen:
    """A display channel as its streams see it."""

    def __init__(self, display: DisplayChannel) -> None:
        self._display = display

    def surface(self, id: int) -> Surface | None:
        return self._display.canvas.surfaces.get(id)

    def mm_time(self) -> int:
        return self._display.session.clock.now()

    def audio_delay(self) -> int | None:
        return self._display.session.audio_delay_ms

    def late_ms(self) -> int:
        return self._display.session.shown_late_ms

    def painted(self, surface: Surface, rects: Sequence[Rect]) -> None:
        self._display.painted(surface.id, rects)
        self._display.turn_over()

    def report(self, report: wire.StreamReport) -> None:
        if DisplayCap.STREAM_REPORT in self._display.channel_caps:
            self._display.send(report)

    def gap(self, what: str, detail: str = "") -> None:
        self._display.gap(what, detail)


class Stream:
    """One stream that is played."""

    def __init__(self, create: wire.StreamCreate, codec: VideoCodecType, surface: Surface, at_once: bool) -> None:
        self.create = create
        self.codec = codec
        self.surface = surface
        self.at_once = at_once
        self.clip = create.clip
        self.pixels = held((create.stream_width, create.stream_height), create.dest, surface)
        self.schedule: Schedule[Picture] = Schedule(codec in video.INDEPENDENT)
        self.reports: Reports | None = None
        self.failures = 0
        self.room = asyncio.Event()  # something was decoded
        self.decoder: video.Decoder | None = None
        self.working: Future[Picture | None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def prepare(self, frame: Frame[Picture]) -> Picture | None:
        """Decodes, turns and scales a frame; in a worker thread, one frame at a time."""
        if self.decoder is None:
            self.decoder = video.open_decoder(self.codec, self.create.stream_width, self.create.stream_height)
        if not frame.wanted:
            self.decoder.skip(frame.data)
            return None
        pixels = self.decoder.decode(frame.data, frame.size)
        if pixels is None:
            return None
        if not self.create.flags & StreamFlags.TOP_DOWN:
            pixels = pixels[::-1]
        return fit(pixels, frame.dest, self.surface)

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.room.set()
        if self.working is not None:
            self.working.add_done_callback(self._close_decoder)  # at once when it is done
        else:
            self._close_decoder(None)

    def _close_decoder(self, _: object) -> None:
        if self.decoder is not None:
            self.decoder.close()
            self.decoder = None


def fit(pixels: video.Bgrx, dest: Rect, surface: Surface) -> Picture | None:
    """The part of a frame shown at *dest* that lies on the surface, scaled to the nearest pixel; None for nothing."""
    height, width = pixels.shape[:2]
    words: Array = pixels.view(np.uint32)[:, :, 0]
    x1, y1, x2, y2 = part = _part(dest, surface)
    if x1 >= x2 or y1 >= y2:
        return None
    if (dest.width, dest.height) == (width, height):
        words = words[y1 - dest.y : y2 - dest.y, x1 - dest.x : x2 - dest.x]
    else:
        area = Rect(0, 0, width, height)
        try:
            words = scaled(words, PixelFormat.ARGB, area, dest, part, ImageScaleMode.NEAREST)  # opaque already
        except CodecError:
            return None  # beyond the numbers that the reference scales with, which then shows nothing
    return Picture(convert(words, PixelFormat.XRGB, surface.pixel_format), x1, y1)


def held(size: tuple[int, int], dest: Rect, surface: Surface) -> int:
    """Pixels of a frame of that size in memory, or of what is shown of it where that is more."""
    x1, y1, x2, y2 = _part(dest, surface)
    return max(size[0] * size[1], max(x2 - x1, 0) * max(y2 - y1, 0))


def _part(dest: Rect, surface: Surface) -> Box:
    return max(dest.x, 0), max(dest.y, 0), min(dest.right, surface.width), min(dest.bottom, surface.height)


class Streams:
    """The streams that the server has created, by id."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._active: dict[int, Stream] = {}
        self._refused: dict[int, None] = {}  # ids that the server was told about, the oldest first
        self._ended: dict[VideoCodecType, Played] = {}
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self._active)

    def get(self, id: int) -> Stream | None:
        return self._active.get(id)

    def codecs(self) -> list[str]:
        """Names of the codecs in use now."""
        return sorted({stream.codec.name.lower() for stream in self._active.values()})

    def played(self) -> dict[str, Played]:
        """By the codec's name in lower case, of all streams since the channel was opened."""
        found = {codec: replace(played) for codec, played in self._ended.items()}
        for stream in self._active.values():
            found.setdefault(stream.codec, Played()).add(stream.schedule)
        return {codec.name.lower(): played for codec, played in found.items()}

    # --- messages

    def create(self, message: wire.StreamCreate, at_once: bool = False) -> None:
        """*at_once*: frames are shown as they come, as on a surface that is nothing but a stream."""
        self.destroy(message.id)
        if reason := self._obstacle(message):
            self._screen.gap(reason)
            self._refuse(message.id)
            return
        surface = self._screen.surface(message.surface_id)
        assert surface is not None
        self._active[message.id] = Stream(message, VideoCodecType(message.codec_type), surface, at_once)
        log.info(
            "stream %d: %s %dx%d",
            message.id,
            VideoCodecType(message.codec_type).name,
            message.stream_width,
            message.stream_height,
        )

    def _obstacle(self, message: wire.StreamCreate) -> str:
        """Why the stream cannot be played, as a gap's key; empty when it can."""
        size = (message.stream_width, message.stream_height)
        if message.codec_type not in CODEC_CAPS:
            return f"stream_codec_{message.codec_type}"
        surface = self._screen.surface(message.surface_id)
        if surface is None:
            return "stream_without_surface"
        if len(self._active) >= MAX_STREAMS:
            return "too_many_streams"
        if not size[0] * size[1] or self._pixels() + held(size, message.dest, surface) > MAX_STREAM_PIXELS:
            return "stream_size"
        return ""

    def _pixels(self) -> int:
        return sum(stream.pixels for stream in self._active.values())

    def clip(self, message: wire.StreamClip) -> None:
        if stream := self._find(message.id):
            stream.clip = message.clip

    def activate_report(self, message: wire.StreamActivateReport) -> None:
        if stream := self._find(message.stream_id):
            stream.reports = Reports(
                message.stream_id, message.unique_id, message.max_window_size, message.timeout_ms, _seconds()
            )

    def destroy(self, id: int) -> None:
        """Frames that are not yet shown never will be."""
        self._refused.pop(id, None)
        if stream := self._active.pop(id, None):
            self._ended.setdefault(stream.codec, Played()).add(stream.schedule)
            self._log_end(stream)
            stream.close()

    def clear(self) -> None:
        for id in list(self._active):
            self.destroy(id)
        self._refused.clear()

    def surfaces_changed(self) -> None:
        """Streams whose surface is gone end; a server destroys them first."""
        for id, stream in list(self._active.items()):
            if stream.surface is not self._screen.surface(stream.create.surface_id):
                self.destroy(id)

    def close(self) -> None:
        self.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def frame(
        self, id: int, time: int, data: Buffer, size: tuple[int, int] | None, dest: Rect | None
    ) -> Coroutine[Any, Any, None] | None:
        """A frame for the time *time*; *size* and *dest* where it brings its own.

        What comes back is to be awaited before the next message: the decoder is hundreds of frames behind. Raises
        CodecError for a size that is too large.
        """
        stream = self._find(id)
        if stream is None or not len(data):
            return None
        if size is not None:
            self._grow(stream, size, dest or stream.create.dest)
        frame: Frame[Picture] = Frame(time, bytes(data), dest or stream.create.dest, size)
        stream.schedule.max_bytes = MAX_BYTES // len(self._active)
        at_once = stream.at_once and self._screen.audio_delay() is None
        margin = stream.schedule.push(frame, self._screen.mm_time(), at_once)
        if stream.reports is not None:
            margin -= self._screen.late_ms()
            report = stream.reports.arrived(time, margin, self._screen.audio_delay(), _seconds())
            if report is not None:
                self._screen.report(report)
        self._feed(stream)
        return self._wait_for_room(stream) if stream.schedule.full else None

    def _grow(self, stream: Stream, size: tuple[int, int], dest: Rect) -> None:
        pixels = held(size, dest, stream.surface)
        if not size[0] * size[1] or self._pixels() - stream.pixels + pixels > MAX_STREAM_PIXELS:
            raise CodecError(f"stream frame of {size[0]} x {size[1]} pixels, at most {MAX_STREAM_PIXELS} in all")
        stream.pixels = max(stream.pixels, pixels)

    async def _wait_for_room(self, stream: Stream) -> None:
        while stream.schedule.full and self._active.get(stream.create.id) is stream:
            stream.room.clear()
            await stream.room.wait()

    # --- streams that cannot be played

    def _find(self, id: int) -> Stream | None:
        stream = self._active.get(id)
        if stream is None:
            self._refuse(id)
        return stream

    def _refuse(self, id: int) -> None:
        """Tells the server once that it has to send images."""
        if id in self._refused:
            return
        if len(self._refused) >= MAX_STREAMS:
            del self._refused[next(iter(self._refused))]
        self._refused[id] = None
        self._screen.report(invalid_report(id))

    def _failed(self, stream: Stream, error: BaseException) -> None:
        """A frame that did not decode: what builds on it would be shown wrong, so another picture has to come."""
        name = stream.codec.name.lower()
        stream.failures += 1
        if isinstance(error, CodecError):
            self._screen.gap(f"bad stream_{name}", str(error))
            if stream.codec in video.INDEPENDENT and stream.failures < MAX_FAILURES:
                return
        elif isinstance(error, FeatureMissing):
            self._screen.gap(f"stream_{name}", str(error))
        else:
            log.error("stream %d failed", stream.create.id, exc_info=error)
            self._screen.gap(f"stream_{name}", f"internal error: {type(error).__name__}: {error}")
        self.destroy(stream.create.id)
        self._refuse(stream.create.id)

    # --- decoding

    def _feed(self, stream: Stream) -> None:
        """Gives the decoder its next frame; one at a time, and no further ahead than the schedule wants."""
        if stream.working is not None:
            return
        frame = stream.schedule.next(self._screen.mm_time())
        if frame is None:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, "spice video")
        stream.working = self._pool.submit(stream.prepare, frame)
        done = partial(self._decoded, stream, frame)
        stream.working.add_done_callback(partial(_call, asyncio.get_running_loop(), done))

    def _decoded(self, stream: Stream, frame: Frame[Picture], work: Future[Picture | None]) -> None:
        stream.working = None
        stream.room.set()
        if self._active.get(stream.create.id) is not stream:
            return
        error = work.exception()
        if error is None:
            stream.failures = 0
            stream.schedule.decoded(frame, work.result())
            self._show(stream)
        else:
            stream.schedule.decoded(frame, None)
            self._failed(stream, error)
        if self._active.get(stream.create.id) is stream:
            self._feed(stream)

    # --- showing

    def _show(self, stream: Stream) -> None:
        """Draws what is due and sees to it that the next frame is looked at in time."""
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
        now = self._screen.mm_time()
        frame = stream.schedule.due(now)
        if frame is not None:
            self._feed(stream)
            if frame.picture is not None:
                self._draw(stream, frame.picture)
        delay = stream.schedule.delay(now)
        if delay is not None:
            loop = asyncio.get_running_loop()
            stream.timer = loop.call_later(min(delay / 1000, LOOK), self._show, stream)

    def _draw(self, stream: Stream, picture: Picture) -> None:
        surface = stream.surface
        height, width = picture.pixels.shape
        box = Rect(picture.x, picture.y, width, height)
        part = region(surface.width, surface.height, box, stream.clip.rects)
        if part:
            paint.blit(surface, part, picture.pixels, picture.x, picture.y)
            self._screen.painted(surface, part.rects)

    @staticmethod
    def _log_end(stream: Stream) -> None:
        schedule = stream.schedule
        log.info(
            "stream %d ended: %d frames arrived, %d of them late, %d shown, %d dropped",
            stream.create.id,
            schedule.arrived,
            schedule.late,
            schedule.shown,
            schedule.dropped,
        )


def _call(loop: asyncio.AbstractEventLoop, done: Callable[[Any], None], work: Future[Any]) -> None:
    """From a worker thread to the loop."""
    try:
        loop.call_soon_threadsafe(done, work)
    except RuntimeError:
        pass  # the loop is closed, and nobody waits for the frame


def _seconds() -> float:
    return asyncio.get_running_loop().time()
