"""Frames of a video stream between their arrival and the moment they are shown; time is passed in.

All times are the server's multimedia clock in milliseconds, which wraps at 32 bits.  A frame is due when the clock
reaches its time.  A late one is dropped only when a newer one is due as well, so a clock that is off never freezes
the video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..geometry import Rect
from ..wire.display import StreamReport

Picture = TypeVar("Picture")

#: Decoded frames are big; so many are kept ready ahead of time, and one more is in the decoder.
AHEAD = 2

#: Compressed frames beyond these are too many for any delay that a server asks for.
MAX_FRAMES = 256
MAX_BYTES = 64 << 20  # of all streams together

#: A frame that claims to be due later than this is not meant for our clock; servers ask for 5 s at most.
MAX_EARLY = 10_000

#: What a server without a clock sends; the frame is then due after a delay.
NO_TIME = 0
NO_TIME_DELAY = 100

#: After so many late frames in a row the report goes out at once.
LATE_IN_A_ROW = 3

NO_AUDIO = 0xFFFFFFFF
INVALID = 0xFFFFFFFF


def between(start: int, end: int) -> int:
    """Milliseconds from *start* to *end*, negative when *end* comes first."""
    return ((end - start + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@dataclass(slots=True, eq=False)
class Frame(Generic[Picture]):
    """*size* is (width, height) where the frame announces its own; *picture* is what the decoder made of it."""

    time: int
    data: bytes
    dest: Rect
    size: tuple[int, int] | None = None
    wanted: bool = True  # to be shown; otherwise it is decoded for the sake of later ones only
    picture: Picture | None = None


class Schedule(Generic[Picture]):
    """Frames in, due frames out, in order. *independent*: frames do not build on one another.

    The owner takes frames to decode from :meth:`next`, gives each back to :meth:`decoded`, and asks :meth:`due` what
    to show when :meth:`delay` has passed.
    """

    def __init__(self, independent: bool) -> None:
        self._independent = independent
        self._waiting: deque[Frame[Picture]] = deque()
        self._ready: deque[Frame[Picture]] = deque()
        self._decoding: Frame[Picture] | None = None
        self._bytes = 0
        self.max_bytes = MAX_BYTES  #: of frames that wait for the decoder
        self.arrived = 0
        self.late = 0  #: arrived after their time
        self.dropped = 0  #: never shown because a newer one was due as well
        self.shown = 0

    # --- in

    def push(self, frame: Frame[Picture], now: int, at_once: bool = False) -> int:
        """A frame has arrived; the milliseconds that it came before its time. *at_once* shows it without delay."""
        if frame.time == NO_TIME:
            frame.time = (now + NO_TIME_DELAY) & 0xFFFFFFFF
        margin = between(now, frame.time)
        self.arrived += 1
        self.late += margin < 0
        if at_once or margin > MAX_EARLY:
            frame.time = now
        for older in self._pending():
            if between(frame.time, older.time) > 0:  # the clock was set back: nothing waits longer than the newest
                older.time = frame.time
        self._waiting.append(frame)
        self._bytes += len(frame.data)
        if self.full:
            self._hurry(now)
        return margin

    @property
    def full(self) -> bool:
        """The decoder is far behind: nothing more should come before it has caught up."""
        return len(self._waiting) > MAX_FRAMES or self._bytes > self.max_bytes

    def _hurry(self, now: int) -> None:
        """Makes room: the oldest are dropped, or are due now where later ones need them."""
        if self._independent:
            while self.full and len(self._waiting) > 1:
                self._take()
                self.dropped += 1
            return
        for frame in self._pending():
            frame.time = now

    # --- to the decoder

    def next(self, now: int) -> Frame[Picture] | None:
        """What to decode now, None when nothing has to be."""
        if self._decoding is not None or len(self._ready) >= AHEAD:
            return None
        while self._waiting:
            frame = self._take()
            if self._waiting and between(now, self._waiting[0].time) <= 0:
                frame.wanted = False
                self.dropped += 1
                if self._independent:
                    continue
            self._decoding = frame
            return frame
        return None

    def decoded(self, frame: Frame[Picture], picture: Picture | None) -> None:
        """The decoder is done with it; None when there is nothing to show."""
        if frame is not self._decoding:
            raise ValueError("this frame was not being decoded")
        self._decoding = None
        if picture is not None and frame.wanted:
            frame.picture = picture
            self._ready.append(frame)

    def _take(self) -> Frame[Picture]:
        frame = self._waiting.popleft()
        self._bytes -= len(frame.data)
        return frame

    # --- out

    def due(self, now: int) -> Frame[Picture] | None:
        """The frame to show now, None when it is not time for one."""
        frame = None
        while self._ready and between(now, self._ready[0].time) <= 0:
            self.dropped += frame is not None
            frame = self._ready.popleft()
        self.shown += frame is not None
        return frame

    def delay(self, now: int) -> int | None:
        """Milliseconds until a decoded frame is due, None when there is none."""
        return max(0, between(now, self._ready[0].time)) if self._ready else None

    def _pending(self) -> Iterator[Frame[Picture]]:
        yield from self._ready
        if self._decoding is not None:
            yield self._decoding
        yield from self._waiting


class Reports:
    """What STREAM_REPORT tells the server, whose rate control goes by it, of a stream that it asked this for."""

    def __init__(self, stream_id: int, unique_id: int, window: int, timeout_ms: int, now: float) -> None:
        self._stream_id = stream_id
        self._unique_id = unique_id
        self._window = window
        self._timeout = timeout_ms / 1000
        self._reset(now)

    def _reset(self, now: float) -> None:
        self._started = now
        self._first_time = 0
        self._frames = 0
        self._drops = 0
        self._in_a_row = 0

    def arrived(self, time: int, margin: int, audio_delay: int | None, now: float) -> StreamReport | None:
        """Counts a frame that came *margin* ms before its time; the report, when one is due. *now* in seconds."""
        if not self._frames:
            self._started = now
            self._first_time = time
        self._frames += 1
        if margin < 0:
            self._drops += 1
            self._in_a_row += 1
        else:
            self._in_a_row = 0
        if self._frames < self._window and now - self._started < self._timeout and self._in_a_row < LATE_IN_A_ROW:
            return None
        report = StreamReport(
            self._stream_id,
            self._unique_id,
            self._first_time,
            time,
            self._frames,
            self._drops,
            margin,
            NO_AUDIO if audio_delay is None else audio_delay,
        )
        self._reset(now)
        return report


def invalid_report(stream_id: int) -> StreamReport:
    """Says that a stream cannot be played; the server then sends images instead."""
    return StreamReport(stream_id, 0, 0, 0, 0, INVALID, 0, 0)
