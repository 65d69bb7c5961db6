"""Video streams of a display channel: decoding beside the loop, showing by the clock, clips, ends, reports.

The multimedia clock is in the test's hand; streams look at it all the time, and what they draw is an event.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from peer.fake_server import CAPS, DISPLAY, MAIN, FakeChannel, FakeServer
from video_clips import clip, picture

import spicetui
from spicetui.canvas.surface import Surface
from spicetui.channels import streams as module
from spicetui.channels.streams import Streams, fit, preferred
from spicetui.codecs import video
from spicetui.errors import CodecError
from spicetui.geometry import Point, Rect
from spicetui.protocol import frames
from spicetui.wire import display as wire
from spicetui.wire.enums import (
    ChannelType,
    DisplayCap,
    Ropd,
    StreamFlags,
    SurfaceFlags,
    SurfaceFmt,
    VideoCodecType,
)

WIDTH, HEIGHT = 64, 48
BOX = Rect(20, 10, WIDTH, HEIGHT)
NO_CLIP = wire.Clip(None)
NOTHING = wire.Clip([])
START = 10_000  #: the clock at first
DEADLINE = 20.0

every_codec = pytest.mark.parametrize("codec", list(VideoCodecType), ids=lambda codec: codec.name)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a test has set is seen soon."""
    monkeypatch.setattr(module, "LOOK", 0.002)


@cache
def packets(codec: VideoCodecType) -> tuple[bytes, ...]:
    return tuple(clip(codec, WIDTH, HEIGHT, 6))


@cache
def pictures(codec: VideoCodecType) -> tuple[np.ndarray[Any, Any], ...]:
    """What each packet decodes to, after those before it."""
    decoder = video.open_decoder(codec, WIDTH, HEIGHT)
    found = [decoder.decode(data) for data in packets(codec)]
    decoder.close()
    return tuple(one[:, :, :3].copy() for one in found if one is not None)


class FakeScreen:
    """A surface with ids, a clock to be set, and a list of what was painted."""

    def __init__(self, fmt: SurfaceFmt = SurfaceFmt.FMT_32_xRGB) -> None:
        self.surfaces = {0: Surface(0, 160, 100, fmt)}
        self.now = START
        self.audio: int | None = None
        self.damage: list[list[Rect]] = []
        self.reports: list[wire.StreamReport] = []
        self.gaps: list[str] = []
        self._changed = asyncio.Event()

    def surface(self, id: int) -> Surface | None:
        return self.surfaces.get(id)

    def mm_time(self) -> int:
        return self.now & 0xFFFFFFFF

    def late_ms(self) -> int:
        return 0

    def audio_delay(self) -> int | None:
        return self.audio

    def painted(self, surface: Surface, rects: Sequence[Rect]) -> None:
        self.damage.append(list(rects))
        self._changed.set()

    def report(self, report: wire.StreamReport) -> None:
        self.reports.append(report)
        self._changed.set()

    def gap(self, what: str, detail: str = "") -> None:
        self.gaps.append(what)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def paintings(self, count: int) -> None:
        await self.until(lambda: len(self.damage) >= count)

    @property
    def shown(self) -> np.ndarray[Any, Any]:
        """Of the box."""
        return self.surfaces[0].pixels[BOX.y : BOX.bottom, BOX.x : BOX.right, :3]


@pytest.fixture
async def screen() -> FakeScreen:
    return FakeScreen()


@pytest.fixture
async def streams(screen: FakeScreen) -> AsyncIterator[Streams]:
    made = Streams(screen)
    yield made
    made.close()


def create(codec: int = VideoCodecType.MJPEG, id: int = 1, **changes: Any) -> wire.StreamCreate:
    fields: dict[str, Any] = {
        "surface_id": 0,
        "id": id,
        "flags": StreamFlags.TOP_DOWN,
        "codec_type": codec,
        "stamp": 0,
        "stream_width": WIDTH,
        "stream_height": HEIGHT,
        "src_width": WIDTH,
        "src_height": HEIGHT,
        "dest": BOX,
        "clip": NO_CLIP,
    }
    return wire.StreamCreate(**(fields | changes))


def send(streams: Streams, codec: VideoCodecType, number: int, time: int, id: int = 1) -> None:
    assert streams.frame(id, time, packets(codec)[number], None, None) is None


async def decoded(streams: Streams, count: int, id: int = 1) -> None:
    """Until so many frames of the stream are ready to be shown."""
    async with asyncio.timeout(DEADLINE):
        while True:
            stream = streams.get(id)
            assert stream is not None
            if len(stream.schedule._ready) >= count and stream.schedule._decoding is None:
                return
            await asyncio.sleep(0)


# --- showing


@every_codec
async def test_frames_are_shown_when_the_clock_reaches_their_time(
    screen: FakeScreen, streams: Streams, codec: VideoCodecType
) -> None:
    streams.create(create(codec))
    assert streams.codecs() == [codec.name.lower()]
    for number in range(6):
        send(streams, codec, number, START + 400 + 40 * number)
    await decoded(streams, frames.AHEAD)
    assert not screen.damage
    assert not screen.shown.any()
    for number in range(6):
        screen.now = START + 400 + 40 * number
        await screen.paintings(number + 1)
        assert (screen.shown == pictures(codec)[number]).all()
    assert screen.damage == [[BOX]] * 6
    assert not screen.reports
    assert not screen.gaps
    outside = screen.surfaces[0].pixels.copy()
    outside[BOX.y : BOX.bottom, BOX.x : BOX.right] = 0
    assert not outside.any()


@every_codec
async def test_late_frames_are_left_out_and_the_newest_is_right_all_the_same(
    screen: FakeScreen, streams: Streams, codec: VideoCodecType
) -> None:
    streams.create(create(codec))
    screen.now = START + 1000
    for number in range(6):
        send(streams, codec, number, START + 40 * number)
    await screen.paintings(2)  # the first one was in the decoder before the others came
    assert (screen.shown == pictures(codec)[5]).all()
    stream = streams.get(1)
    assert stream is not None
    schedule = stream.schedule
    assert (schedule.arrived, schedule.late, schedule.dropped, schedule.shown) == (6, 6, 4, 2)
    assert streams.played() == {codec.name.lower(): module.Played(arrived=6, late=6, shown=2, dropped=4)}
    streams.destroy(1)
    assert streams.played() == {codec.name.lower(): module.Played(arrived=6, late=6, shown=2, dropped=4)}
    assert len(screen.damage) == 2


async def test_what_is_drawn_later_stays_until_the_next_frame_is_due(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create())
    send(streams, VideoCodecType.MJPEG, 0, START + 40)
    send(streams, VideoCodecType.MJPEG, 1, START + 80)
    await decoded(streams, 2)
    screen.now = START + 40
    await screen.paintings(1)
    screen.shown[:] = 77
    await decoded(streams, 1)
    assert (screen.shown == 77).all()
    screen.now = START + 80
    await screen.paintings(2)
    assert (screen.shown == pictures(VideoCodecType.MJPEG)[1]).all()


async def test_the_clip_in_force_when_a_frame_is_due_counts(screen: FakeScreen, streams: Streams) -> None:
    """A server empties the clip, draws over the stream, and gives the stream what is left of its place."""
    codec = VideoCodecType.VP8
    streams.create(create(codec))
    for number in range(3):
        send(streams, codec, number, START + 40 * (number + 1))
    await decoded(streams, 2)
    streams.clip(wire.StreamClip(1, NOTHING))
    screen.shown[:] = 77
    screen.now = START + 40
    stream = streams.get(1)
    assert stream is not None
    async with asyncio.timeout(DEADLINE):
        while stream.schedule.shown < 1:
            await asyncio.sleep(0)
    assert (screen.shown == 77).all()
    assert not screen.damage

    left, right = Rect(0, 0, 30, 20), Rect(60, 20, 200, 200)
    streams.clip(wire.StreamClip(1, wire.Clip([left, right])))
    screen.now = START + 80
    await screen.paintings(1)
    expected = np.full((100, 160, 3), 0, np.uint8)
    expected[BOX.y : BOX.bottom, BOX.x : BOX.right] = 77
    for part in (left.intersect(BOX), right.intersect(BOX)):
        rows, columns = part.slices()
        rows_of, columns_of = part.translate(-BOX.x, -BOX.y).slices()
        expected[rows, columns] = pictures(codec)[1][rows_of, columns_of]
    assert (screen.surfaces[0].pixels[:, :, :3] == expected).all()
    assert screen.damage == [[left.intersect(BOX), right.intersect(BOX)]]

    streams.clip(wire.StreamClip(1, NO_CLIP))
    screen.now = START + 120
    await screen.paintings(2)
    assert (screen.shown == pictures(codec)[2]).all()


@pytest.mark.parametrize("ending", ["destroy", "clear", "replace", "surface"])
async def test_frames_of_a_stream_that_has_ended_never_show(screen: FakeScreen, streams: Streams, ending: str) -> None:
    """The server ends a stream with a picture without loss, which an older frame must not cover."""
    streams.create(create())
    send(streams, VideoCodecType.MJPEG, 0, START + 40)
    send(streams, VideoCodecType.MJPEG, 1, START + 80)
    send(streams, VideoCodecType.MJPEG, 2, START + 80)
    await decoded(streams, 2)
    ended = streams.get(1)
    assert ended is not None
    if ending == "destroy":
        streams.destroy(1)
    elif ending == "clear":
        streams.clear()
    elif ending == "replace":
        streams.create(create(id=1))
        assert len(streams) == 1
    else:
        screen.surfaces[0] = Surface(0, 160, 100, SurfaceFmt.FMT_32_xRGB)
        streams.surfaces_changed()
        assert not len(streams)
    screen.shown[:] = 77
    screen.now = START + 500
    streams.create(create(id=2, dest=Rect(0, 0, 8, 8)))  # one that plays on shows that time goes by
    send(streams, VideoCodecType.MJPEG, 3, START + 500, id=2)
    await screen.paintings(1)
    assert screen.damage == [[Rect(0, 0, 8, 8)]]
    assert (screen.shown == 77).all()
    assert ended.timer is None or ended.timer.cancelled()


async def test_two_streams_play_side_by_side(screen: FakeScreen, streams: Streams) -> None:
    left, right = Rect(0, 0, WIDTH, HEIGHT), Rect(80, 40, WIDTH, HEIGHT)
    streams.create(create(VideoCodecType.VP8, 1, dest=left))
    streams.create(create(VideoCodecType.H264, 2, dest=right))
    for number in range(3):
        send(streams, VideoCodecType.VP8, number, START + 40 * number, 1)
        send(streams, VideoCodecType.H264, number, START + 40 * number, 2)
        screen.now = START + 40 * number
        await screen.paintings(2 * number + 2)
        for box, codec in ((left, VideoCodecType.VP8), (right, VideoCodecType.H264)):
            rows, columns = box.slices()
            assert (screen.surfaces[0].pixels[rows, columns, :3] == pictures(codec)[number]).all()


async def test_the_clock_may_be_set_while_a_frame_waits(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create())
    send(streams, VideoCodecType.MJPEG, 0, START + 9000)
    await decoded(streams, 1)
    screen.now = START + 9000  # as MULTI_MEDIA_TIME does
    await screen.paintings(1)
    send(streams, VideoCodecType.MJPEG, 1, START)  # and back again: late, but the newest
    await screen.paintings(2)
    assert (screen.shown == pictures(VideoCodecType.MJPEG)[1]).all()


async def test_a_surface_that_is_a_stream_shows_frames_at_once_unless_there_is_sound(
    screen: FakeScreen, streams: Streams
) -> None:
    streams.create(create(), at_once=True)
    send(streams, VideoCodecType.MJPEG, 0, START + 400)
    await screen.paintings(1)
    screen.audio = 30
    send(streams, VideoCodecType.MJPEG, 1, START + 400)
    await decoded(streams, 1)
    assert len(screen.damage) == 1
    screen.now = START + 400
    await screen.paintings(2)


# --- geometry


@every_codec
async def test_bottom_up_streams_are_turned_over(screen: FakeScreen, streams: Streams, codec: VideoCodecType) -> None:
    streams.create(create(codec, flags=0))
    send(streams, codec, 0, START)
    await screen.paintings(1)
    assert (screen.shown == pictures(codec)[0][::-1]).all()


async def test_sized_frames_bring_their_own_place(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create(VideoCodecType.MJPEG, stream_width=32, stream_height=32))
    data = packets(VideoCodecType.MJPEG)[0]
    place = Rect(4, 6, WIDTH, HEIGHT)
    assert streams.frame(1, START, data, (WIDTH, HEIGHT), place) is None
    await screen.paintings(1)
    rows, columns = place.slices()
    assert (screen.surfaces[0].pixels[rows, columns, :3] == pictures(VideoCodecType.MJPEG)[0]).all()
    assert screen.damage == [[place]]


def nearest(pixels: np.ndarray[Any, Any], dest: Rect) -> np.ndarray[Any, Any]:
    """The reference's scaling: the source pixel under each centre, by steps of 1/65536."""
    height, width = pixels.shape[:2]
    step_x, step_y = width * 65536 // dest.width, height * 65536 // dest.height
    columns = [min((n * step_x + (step_x + 1) // 2 - 1) >> 16, width - 1) for n in range(dest.width)]
    rows = [min((n * step_y + (step_y + 1) // 2 - 1) >> 16, height - 1) for n in range(dest.height)]
    return pixels[rows][:, columns]


@pytest.mark.parametrize("dest", [Rect(0, 0, 160, 100), Rect(3, 5, 31, 17), Rect(40, 20, 65, 47), Rect(9, 9, 1, 1)])
async def test_frames_are_scaled_to_their_place(screen: FakeScreen, streams: Streams, dest: Rect) -> None:
    streams.create(create(dest=dest))
    send(streams, VideoCodecType.MJPEG, 0, START)
    await screen.paintings(1)
    rows, columns = dest.slices()
    expected = nearest(pictures(VideoCodecType.MJPEG)[0], dest)
    assert (screen.surfaces[0].pixels[rows, columns, :3] == expected).all()
    assert screen.damage == [[dest]]


@pytest.mark.parametrize("dest", [Rect(-20, -9, WIDTH, HEIGHT), Rect(150, 90, WIDTH, HEIGHT), Rect(-7, -3, 200, 300)])
def test_only_what_lies_on_the_surface_is_kept(dest: Rect) -> None:
    surface = Surface(0, 160, 100, SurfaceFmt.FMT_32_xRGB)
    pixels = np.dstack((pictures(VideoCodecType.MJPEG)[0], np.full((HEIGHT, WIDTH), 255, np.uint8)))
    found = fit(pixels, dest, surface)
    assert found is not None
    height, width = found.pixels.shape
    assert Rect(found.x, found.y, width, height) == dest.intersect(Rect(0, 0, 160, 100))
    whole = nearest(pixels, dest).view(np.uint32)[:, :, 0]
    x, y = found.x - dest.x, found.y - dest.y
    assert (found.pixels == whole[y : y + height, x : x + width]).all()


@pytest.mark.parametrize(
    "dest",
    [
        Rect(500, 0, 9, 9),
        Rect(0, -500, 9, 9),
        Rect(0, 0, 0, 5),
        Rect(9, 9, -3, 4),
        Rect(-(1 << 31), 0, 5, 5),
    ],
)
def test_a_place_outside_shows_nothing(dest: Rect) -> None:
    surface = Surface(0, 160, 100, SurfaceFmt.FMT_32_xRGB)
    assert fit(np.zeros((HEIGHT, WIDTH, 4), np.uint8), dest, surface) is None


def test_an_enormous_place_costs_no_more_than_the_surface() -> None:
    surface = Surface(0, 160, 100, SurfaceFmt.FMT_32_xRGB)
    pixels = np.full((HEIGHT, WIDTH, 4), 9, np.uint8)
    found = fit(pixels, Rect(-10_000, -10_000, 20_000, 20_000), surface)
    assert found is not None
    assert found.pixels.shape == (100, 160)
    # Beyond the reference's fixed point it shows nothing, and so do we.
    assert fit(pixels, Rect(-(1 << 30), -(1 << 30), (1 << 31) - 1, (1 << 31) - 1), surface) is None


@pytest.mark.parametrize("fmt", [SurfaceFmt.FMT_16_555, SurfaceFmt.FMT_16_565, SurfaceFmt.FMT_32_ARGB])
async def test_other_surface_formats(fmt: SurfaceFmt) -> None:
    screen = FakeScreen(fmt)
    streams = Streams(screen)
    streams.create(create())
    send(streams, VideoCodecType.MJPEG, 0, START)
    await screen.paintings(1)
    streams.close()
    lost = 0 if fmt is SurfaceFmt.FMT_32_ARGB else 7
    difference = np.abs(screen.shown.astype(int) - pictures(VideoCodecType.MJPEG)[0])
    assert difference.max() <= lost
    if fmt is SurfaceFmt.FMT_32_ARGB:
        assert (screen.surfaces[0].pixels[BOX.y : BOX.bottom, BOX.x : BOX.right, 3] == 255).all()


# --- what cannot be played


@pytest.mark.parametrize(
    ("message", "gap"),
    [
        (create(99), "stream_codec_99"),
        (create(0), "stream_codec_0"),
        (create(surface_id=5), "stream_without_surface"),
        (create(stream_width=0), "stream_size"),
        (create(stream_width=1 << 16, stream_height=1 << 16), "stream_size"),
        (create(stream_width=0xFFFFFFFF, stream_height=0xFFFFFFFF), "stream_size"),
    ],
)
async def test_a_stream_that_cannot_be_played_is_refused_once(
    screen: FakeScreen, streams: Streams, message: wire.StreamCreate, gap: str
) -> None:
    streams.create(message)
    assert screen.gaps == [gap]
    for _ in range(3):
        assert streams.frame(1, START, b"data", None, None) is None
    streams.clip(wire.StreamClip(1, NO_CLIP))
    streams.activate_report(wire.StreamActivateReport(1, 5, 10, 1000))
    assert [(r.stream_id, r.num_frames, r.num_drops) for r in screen.reports] == [(1, 0, 0xFFFFFFFF)]
    streams.destroy(1)
    streams.create(create())
    send(streams, VideoCodecType.MJPEG, 0, START)
    await screen.paintings(1)


async def test_a_codec_that_is_not_installed_is_refused(
    screen: FakeScreen, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "available", lambda: frozenset((VideoCodecType.MJPEG,)))
    assert module.caps() == {
        DisplayCap.SIZED_STREAM,
        DisplayCap.STREAM_REPORT,
        DisplayCap.MULTI_CODEC,
        DisplayCap.CODEC_MJPEG,
    }
    assert bytes(preferred(("vp9", "mjpeg")).codecs) == bytes([VideoCodecType.MJPEG])
    streams.create(create(VideoCodecType.VP9))
    send(streams, VideoCodecType.VP9, 0, START)
    await screen.until(lambda: bool(screen.reports))
    assert screen.gaps == ["stream_vp9"]
    assert screen.reports == [frames.invalid_report(1)]
    assert not len(streams)


def test_all_codecs_are_announced_when_they_are_installed() -> None:
    assert module.caps() == {
        DisplayCap.SIZED_STREAM,
        DisplayCap.STREAM_REPORT,
        DisplayCap.MULTI_CODEC,
        DisplayCap.CODEC_MJPEG,
        DisplayCap.CODEC_VP8,
        DisplayCap.CODEC_VP9,
        DisplayCap.CODEC_H264,
        DisplayCap.CODEC_H265,
    }
    assert bytes(preferred(("h264", "vp8")).codecs) == bytes([VideoCodecType.H264, VideoCodecType.VP8])


async def test_a_bad_mjpeg_frame_costs_only_itself(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create())
    assert streams.frame(1, START, b"no JPEG at all", None, None) is None
    await screen.until(lambda: screen.gaps == ["bad stream_mjpeg"])
    send(streams, VideoCodecType.MJPEG, 1, START)
    await screen.paintings(1)
    assert (screen.shown == pictures(VideoCodecType.MJPEG)[1]).all()
    assert not screen.reports


async def test_mjpeg_that_never_decodes_is_refused(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create())
    for number in range(module.MAX_FAILURES):
        assert streams.frame(1, START + number, b"no JPEG at all", None, None) is None
        await screen.until(lambda: len(screen.gaps) > number)  # noqa: B023
    await screen.until(lambda: bool(screen.reports))
    assert screen.reports == [frames.invalid_report(1)]
    assert not len(streams)


@pytest.mark.parametrize("codec", [VideoCodecType.VP8, VideoCodecType.VP9], ids=lambda codec: codec.name)
async def test_a_bad_frame_that_others_build_on_ends_the_stream(
    screen: FakeScreen, streams: Streams, codec: VideoCodecType
) -> None:
    """The server then sends pictures, which are right, instead of frames that would be shown wrong."""
    streams.create(create(codec))
    send(streams, codec, 0, START)
    await screen.paintings(1)
    assert streams.frame(1, START + 40, bytes(50), None, None) is None
    await screen.until(lambda: bool(screen.reports))
    assert screen.reports == [frames.invalid_report(1)]
    assert screen.gaps == [f"bad stream_{codec.name.lower()}"]
    send(streams, codec, 1, START + 80)  # still on its way
    assert len(screen.reports) == 1
    assert (screen.shown == pictures(codec)[0]).all()


async def test_streams_are_bounded_in_number_and_size(
    screen: FakeScreen, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id in range(module.MAX_STREAMS):
        streams.create(create(id=id))
    streams.create(create(id=1000))
    assert screen.gaps == ["too_many_streams"]
    streams.clear()
    monkeypatch.setattr(module, "MAX_STREAM_PIXELS", 3 * WIDTH * HEIGHT)
    for id in range(3):
        streams.create(create(id=id))
    streams.create(create(id=3))
    assert screen.gaps[1:] == ["stream_size"]
    with pytest.raises(CodecError):
        streams.frame(0, START, b"x", (2 * WIDTH, HEIGHT), BOX)
    with pytest.raises(CodecError):
        streams.frame(0, START, b"x", (0, 7), BOX)
    streams.destroy(2)
    assert streams.frame(0, START, packets(VideoCodecType.MJPEG)[0], (2 * WIDTH, HEIGHT), BOX) is None
    for id in range(10_000):
        streams.frame(100 + id, START, b"x", None, None)
    assert len(streams._refused) <= module.MAX_STREAMS


async def test_what_is_shown_counts_where_it_is_more(
    screen: FakeScreen, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes may be shown on the whole of a surface, and each stream keeps some such pictures."""
    surface = screen.surface(0)
    assert surface is not None
    whole = Rect(-5, -5, 1 << 20, 1 << 20)
    monkeypatch.setattr(module, "MAX_STREAM_PIXELS", 2 * surface.width * surface.height)
    for id in range(3):
        streams.create(create(id=id, dest=whole))
    assert screen.gaps == ["stream_size"]
    streams.destroy(1)
    streams.create(create(id=4))
    streams.create(create(id=5))
    with pytest.raises(CodecError):
        streams.frame(4, START, b"x", (WIDTH, HEIGHT), whole)


async def test_all_streams_share_the_room_for_frames(streams: Streams) -> None:
    for id in range(4):
        streams.create(create(id=id))
    streams.frame(3, START, packets(VideoCodecType.MJPEG)[0], None, None)
    stream = streams.get(3)
    assert stream is not None
    assert stream.schedule.max_bytes == frames.MAX_BYTES // 4


async def test_empty_data_is_ignored(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create(VideoCodecType.H264))
    send(streams, VideoCodecType.H264, 0, START)
    assert streams.frame(1, START, memoryview(b""), None, None) is None
    send(streams, VideoCodecType.H264, 1, START)
    await screen.paintings(1)
    while not (screen.shown == pictures(VideoCodecType.H264)[1]).all():
        await screen.paintings(len(screen.damage) + 1)


# --- reports


async def test_reports_tell_margins_drops_and_the_sound_s_delay(screen: FakeScreen, streams: Streams) -> None:
    streams.create(create())
    streams.activate_report(wire.StreamActivateReport(1, 4711, 3, 60_000))
    for number, margin in enumerate((30, -20, 10)):
        send(streams, VideoCodecType.MJPEG, number, START + margin)
    assert screen.reports == [wire.StreamReport(1, 4711, START + 30, START + 10, 3, 1, 10, 0xFFFFFFFF)]
    screen.audio = 250
    for number in range(3):
        send(streams, VideoCodecType.MJPEG, number, START - 1)
    assert screen.reports[1] == wire.StreamReport(1, 4711, START - 1, START - 1, 3, 3, -1, 250)


# --- threads


class Gate:
    """A decoder that waits in its thread until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.closed = threading.Event()
        self.inside = 0
        self.taken: list[bytes] = []

    def decode(self, data: bytes, size: tuple[int, int] | None = None) -> np.ndarray[Any, Any]:
        self.inside += 1
        assert self.inside == 1, "two frames of one stream at once"
        self.entered.release()
        assert self.leave.acquire(timeout=DEADLINE)
        assert not self.closed.is_set(), "closed while it decodes"
        self.taken.append(data)
        self.inside -= 1
        return np.full((HEIGHT, WIDTH, 4), data[0], np.uint8)

    def skip(self, data: bytes) -> None:
        self.decode(data)

    def close(self) -> None:
        assert not self.inside, "closed while it decodes"
        self.closed.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(video, "open_decoder", lambda codec, width, height: made)
    yield made
    made.leave.release(1000)


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.acquire, timeout=DEADLINE)


async def test_a_stream_that_ends_in_the_middle_of_a_frame_closes_its_decoder_afterwards(
    screen: FakeScreen, streams: Streams, gate: Gate
) -> None:
    streams.create(create(VideoCodecType.VP8))
    assert streams.frame(1, START, b"\x01", None, None) is None
    await entered(gate)
    streams.destroy(1)
    await asyncio.sleep(0)
    assert not gate.closed.is_set()
    gate.leave.release()
    assert await asyncio.to_thread(gate.closed.wait, DEADLINE)
    assert not screen.damage


async def test_closing_with_a_busy_decoder_does_not_wait(screen: FakeScreen, gate: Gate) -> None:
    streams = Streams(screen)
    streams.create(create(VideoCodecType.VP8))
    assert streams.frame(1, START, b"\x01", None, None) is None
    await entered(gate)
    streams.close()
    gate.leave.release()
    assert await asyncio.to_thread(gate.closed.wait, DEADLINE)


async def test_a_decoder_that_is_hundreds_of_frames_behind_holds_the_channel_up(
    screen: FakeScreen, streams: Streams, gate: Gate
) -> None:
    """So that memory is bounded and nothing is lost that later frames need."""
    streams.create(create(VideoCodecType.VP8))
    held = None
    sent = 0
    while held is None:
        held = streams.frame(1, START + sent, bytes([sent % 251 + 1]), None, None)
        sent += 1
        await asyncio.sleep(0)
        assert sent < 2 * frames.MAX_FRAMES
    waiting = asyncio.ensure_future(held)
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.leave.release(2)
    async with asyncio.timeout(DEADLINE):
        await waiting
    gate.leave.release(1000)
    await screen.until(lambda: bool(screen.damage) and len(gate.taken) == sent)
    assert gate.taken == [bytes([n % 251 + 1]) for n in range(sent)]


async def test_a_stream_that_ends_lets_the_channel_go(screen: FakeScreen, streams: Streams, gate: Gate) -> None:
    streams.create(create(VideoCodecType.VP8))
    held = None
    while held is None:
        held = streams.frame(1, START, b"\x01", None, None)
    waiting = asyncio.ensure_future(held)
    await asyncio.sleep(0)
    streams.destroy(1)
    async with asyncio.timeout(DEADLINE):
        await waiting


# --- through a session


class Watcher(spicetui.BaseDriver):
    def __init__(self) -> None:
        self.damage: list[Rect] = []
        self.notices: list[str] = []
        self._changed = asyncio.Event()

    def display_init(self, surface: Surface) -> None:
        self._changed.set()

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        self.damage.extend(damage)
        self._changed.set()

    def notice(self, text: str) -> None:
        self.notices.append(text)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


SERVER_CAPS = {
    **CAPS,
    ChannelType.DISPLAY: frozenset((DisplayCap.STREAM_REPORT, DisplayCap.PREF_VIDEO_CODEC_TYPE)),
}


def primary(flags: int = SurfaceFlags.PRIMARY) -> tuple[Any, ...]:
    return wire.SurfaceCreate(0, 160, 100, SurfaceFmt.FMT_32_xRGB, flags), wire.Mark()


def fill(box: Rect, colour: int) -> wire.DrawFill:
    base = wire.DisplayBase(0, box, NO_CLIP)
    return wire.DrawFill(base, wire.Brush(colour), Ropd.OP_PUT, wire.QMask(0, Point(0, 0), None))


def data(codec: VideoCodecType, number: int, time: int = 1) -> wire.StreamData:
    return wire.StreamData(wire.StreamDataHeader(1, time), packets(codec)[number])


async def opened(
    server: FakeServer, driver: Watcher, options: spicetui.Options | None = None
) -> tuple[spicetui.Client, FakeChannel]:
    client = await spicetui.connect(server, driver, options=options)
    return client, await server.channel(DISPLAY)


async def test_a_session_announces_codecs_and_sends_the_preferred_order() -> None:
    async with FakeServer((MAIN, DISPLAY), channel_caps=SERVER_CAPS) as server:
        client, channel = await opened(server, Watcher(), spicetui.Options(video_codecs=("vp9", "mjpeg")))
        async with client:
            assert module.caps() <= set(channel.link_message.channel_caps)
            asked = await channel.expect(wire.PreferredVideoCodecType)
            assert bytes(asked.codecs) == bytes([VideoCodecType.VP9, VideoCodecType.MJPEG])


async def test_the_order_is_not_sent_to_a_server_that_does_not_know_it() -> None:
    async with FakeServer((MAIN, DISPLAY)) as server:
        client, channel = await opened(server, Watcher(), spicetui.Options(video_codecs=("vp9",)))
        async with client:
            await channel.settled()
            assert not any(isinstance(message, wire.PreferredVideoCodecType) for message in channel.skipped)


async def test_frames_reach_the_driver_as_updates_and_reports_the_server() -> None:
    async with FakeServer((MAIN, DISPLAY), channel_caps=SERVER_CAPS) as server:
        driver = Watcher()
        client, channel = await opened(server, driver)
        async with client:
            channel.send(*primary(), create(), wire.StreamActivateReport(1, 9, 2, 60_000))
            now = client.session.clock.now()
            channel.send(data(VideoCodecType.MJPEG, 0, now), data(VideoCodecType.MJPEG, 1, now + 5))
            report = await channel.expect(wire.StreamReport)
            assert (report.stream_id, report.unique_id, report.num_frames) == (1, 9, 2)
            assert report.audio_delay == 0xFFFFFFFF
            await driver.until(lambda: BOX in driver.damage)
            expected = pictures(VideoCodecType.MJPEG)[1]
            await driver.until(
                lambda: bool((client.screenshot().pixels[BOX.y : BOX.bottom, BOX.x : BOX.right, :3] == expected).all())
            )
            channel.send(wire.StreamDestroy(1), fill(BOX, 0x102030))
            await channel.settled()
            await driver.until(lambda: tuple(client.screenshot().pixels[BOX.y, BOX.x, :3]) == (0x30, 0x20, 0x10))


async def test_reports_are_not_sent_to_a_server_that_does_not_take_them() -> None:
    async with FakeServer((MAIN, DISPLAY)) as server:
        client, channel = await opened(server, Watcher())
        async with client:
            channel.send(*primary(), create(99), data(VideoCodecType.MJPEG, 0))
            await channel.settled()
            assert not any(isinstance(message, wire.StreamReport) for message in channel.skipped)
            assert client.unsupported["display:stream_codec_99"] == 1


async def test_a_busy_decoder_blocks_neither_its_channel_nor_the_driver(gate: Gate) -> None:
    async with FakeServer((MAIN, DISPLAY)) as server:
        driver = Watcher()
        client, channel = await opened(server, driver)
        async with client:
            channel.send(*primary(), create(VideoCodecType.VP8))
            channel.send(*(data(VideoCodecType.VP8, 0) for _ in range(20)))
            channel.send(fill(Rect(0, 0, 10, 10), 0xFFFFFF))
            await channel.settled()
            await driver.until(lambda: bool(client.screenshot().pixels[5, 5, 0] == 255))
            assert not gate.taken


async def test_a_lost_channel_ends_its_streams(gate: Gate) -> None:
    async with FakeServer((MAIN, DISPLAY)) as server:
        driver = Watcher()
        client, channel = await opened(server, driver)
        async with client:
            channel.send(*primary(), create(VideoCodecType.VP8), data(VideoCodecType.VP8, 0))
            await entered(gate)
            await channel.close()
            display = client.displays[0]
            async with asyncio.timeout(DEADLINE):
                while not display.closed or len(display.streams):
                    await asyncio.sleep(0)
            gate.leave.release()
            assert await asyncio.to_thread(gate.closed.wait, DEADLINE)


async def test_a_new_primary_surface_ends_the_streams_of_the_old_one() -> None:
    async with FakeServer((MAIN, DISPLAY)) as server:
        client, channel = await opened(server, Watcher())
        async with client:
            channel.send(*primary(), create())
            await channel.settled()
            streams = client.displays[0].streams
            assert len(streams) == 1
            channel.send(wire.SurfaceDestroy(0))
            await channel.settled()
            assert not len(streams)
            channel.send(wire.SurfaceCreate(0, 90, 90, SurfaceFmt.FMT_32_xRGB, 3), create())
            await channel.settled()
            stream = streams.get(1)
            assert stream is not None
            assert stream.at_once  # flag 2: the surface is a stream
            channel.send(wire.StreamDestroyAll())
            await channel.settled()
            assert not len(streams)


async def test_any_order_of_stream_messages_leaves_the_session_alive() -> None:
    """Messages that make no sense, damaged frames, ids that do not exist: each costs a gap at most."""
    rng = random.Random(3)
    async with FakeServer((MAIN, DISPLAY), channel_caps=SERVER_CAPS) as server:
        driver = Watcher()
        client, channel = await opened(server, driver)
        async with client:
            channel.send(*primary())
            for _ in range(400):
                id = rng.randrange(4)
                codec = rng.choice(list(VideoCodecType))
                frame = bytearray(packets(codec)[rng.randrange(3)])
                if rng.random() < 0.3:
                    frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
                header = wire.StreamDataHeader(id, rng.choice((0, 1, 1000, 1400, 0xFFFFFFFF)))
                dest = Rect(rng.randrange(-99, 99), rng.randrange(-99, 99), rng.randrange(-2, 300), rng.randrange(300))
                clip = rng.choice((NO_CLIP, NOTHING, wire.Clip([dest, BOX])))
                flags = rng.randrange(2)
                channel.send(
                    rng.choice(
                        (
                            create(codec, id, dest=dest, flags=flags, clip=clip),
                            wire.StreamData(header, frame),
                            wire.StreamData(header, frame),
                            wire.StreamDataSized(header, rng.choice((WIDTH, 0, 9, 1 << 31)), HEIGHT, dest, frame),
                            wire.StreamClip(id, clip),
                            wire.StreamActivateReport(id, 1, rng.randrange(4), rng.randrange(9)),
                            wire.StreamDestroy(id),
                        )
                    )
                )
            channel.send(wire.StreamDestroyAll(), create())
            await channel.settled()
            channel.send(fill(Rect(0, 0, 160, 100), 0), data(VideoCodecType.MJPEG, 2))
            expected = pictures(VideoCodecType.MJPEG)[2]
            await driver.until(
                lambda: bool((client.screenshot().pixels[BOX.y : BOX.bottom, BOX.x : BOX.right, :3] == expected).all())
            )
            assert not any("internal error" in notice for notice in driver.notices)


def test_the_pictures_differ() -> None:
    """What the tests above tell apart."""
    for codec in VideoCodecType:
        for number in range(6):
            assert np.abs(pictures(codec)[number][:, :, ::-1].astype(int) - picture(WIDTH, HEIGHT, number)).mean() < 9
            for other in range(number):
                assert not (pictures(codec)[number] == pictures(codec)[other]).all()
