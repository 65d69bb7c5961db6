"""Video played in Xspice: every codec of the server, by our clock and beside the reference client.

ffplay shows a video whose frames carry their number. What is asked: the stream has the codec wanted, its frames come
in order and are those of the video, its colours are the reference client's, and the picture at rest is exact.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from video_clips import clip

import spicetui
from spicetui.channels.streams import Streams
from spicetui.codecs import video
from spicetui.errors import CodecError
from spicetui.wire.enums import VideoCodecType

from . import library, picture, videos
from .conftest import Row
from .reference import Reference
from .stream_device import DISPLAY, StreamDevice
from .xspice import Xspice

TABLE = "video streams of Xspice"
X, Y = 100, 40
ENOUGH = 12
"""Frames of a stream that are to be shown before anything is judged."""

MEAN_ERROR = 12.0
"""Levels: the codecs halve the chroma and the server saves bits."""
COLOUR_LEVELS = 3
"""Between the clients' patches: each client's stream is coded for itself."""

ALL = {
    "mjpeg": "spice:mjpeg",
    "mjpeg by GStreamer": "gstreamer:mjpeg",
    "vp8": "gstreamer:vp8",
    "vp9": "gstreamer:vp9",
    "h264": "gstreamer:h264",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    videos.needs_gstreamer()
    return videos.write(folder / "640x360.mjpeg", 640, 360)


@pytest.fixture(scope="module")
def large(folder: Path) -> Path:
    videos.needs_gstreamer()
    return videos.write(folder / "1280x720.mjpeg", 1280, 720, 120)


class Watching:
    """Our client before a server that plays a video."""

    def __init__(self, server: Xspice, width: int = 640, height: int = 360) -> None:
        self.server = server
        self.box = spicetui.Rect(X, Y, width, height)
        self.driver = videos.Viewer(self.box)
        self.client: spicetui.Client

    @asynccontextmanager
    async def connected(self, *preferred: str) -> AsyncIterator[None]:
        options = spicetui.Options(video_codecs=preferred)
        connector = library.connector(self.server.address())
        async with await spicetui.connect(connector, self.driver, options=options) as self.client:
            await self.client.wait_frame()
            yield

    @property
    def streams(self) -> Streams:
        return self.client.displays[0].streams

    async def shown(self, codec: str) -> None:
        """Until enough frames of a stream are."""

        def enough() -> bool:
            played = self.streams.played().get(codec)
            return played is not None and played.shown >= ENOUGH

        assert await self.driver.until(enough, 40), f"{self.streams.played()}, frames {self.driver.numbers[-3:]}"

    async def rested(self) -> None:
        """Until the picture is X's own."""
        difference = await videos.rested(self.server, self.client, self.driver)
        assert not difference, f"at rest {difference}"

    def judge(self, codec: str, row: Row, name: str, **more: object) -> None:
        """What the client counted, and the order of what it showed."""
        numbers = self.driver.numbers
        assert numbers == sorted(numbers), "frames went back"
        played = self.streams.played()
        assert set(played) == {codec}, f"{set(played)} was streamed"
        counts = played[codec]
        row(
            TABLE,
            server=name,
            size=f"{self.box.width}x{self.box.height}",
            arrived=counts.arrived,
            late=counts.late,
            shown=counts.shown,
            dropped=counts.dropped,
            **more,
        )
        assert not self.client.unsupported


@pytest.mark.parametrize("name", ALL)
async def test_each_codec_beside_the_reference_client(name: str, private: Path, small: Path, row: Row) -> None:
    codec = name.split()[0]
    with Xspice(private, streaming="all", video_codecs=ALL[name], compression="auto_glz") as server:
        watching = Watching(server)
        with Reference(private, server.address()) as reference:
            async with watching.connected():
                with videos.play(server, small, X, Y) as player:
                    await watching.shown(codec)
                    surface = watching.client.screenshot()
                    assert watching.streams.codecs() == [codec]
                    assert watching.driver.error(surface) < MEAN_ERROR
                    ours = videos.patches_of(watching.driver.look(surface))
                    rows, columns = watching.box.slices()
                    theirs = videos.patches_of((await asyncio.to_thread(reference.picture))[rows, columns])
                    apart = int(np.abs(ours.astype(int) - theirs).max())
                    assert apart <= COLOUR_LEVELS, f"{ours.tolist()} here, {theirs.tolist()} there"
                    player.stop()
                    await asyncio.to_thread(reference.rest, 1500)
                    await watching.rested()
                    at_rest = await asyncio.to_thread(reference.picture)
                    assert not picture.difference(library.shown(watching.client), at_rest)
                    assert not len(watching.streams)
                watching.judge(codec, row, f"{name}, all", levels_apart=apart)


@pytest.mark.parametrize("codec", ["vp8"])
async def test_filter_streams_what_looks_like_a_video(codec: str, private: Path, small: Path, row: Row) -> None:
    with Xspice(private, streaming="filter", video_codecs=ALL[codec], compression="auto_glz") as server:
        watching = Watching(server)
        async with watching.connected():
            with videos.play(server, small, X, Y) as player:
                await watching.shown(codec)
                player.stop()
                await watching.rested()
            watching.judge(codec, row, f"{codec}, filter")


@pytest.mark.parametrize("codec", ["mjpeg", "h264"])
async def test_1280x720(codec: str, private: Path, large: Path, row: Row) -> None:
    with Xspice(private, streaming="all", video_codecs=ALL[codec], compression="auto_glz", clients=False) as server:
        await asyncio.to_thread(server.run, "xrandr", "--output", "qxl-0", "--mode", "1400x1050")
        watching = Watching(server, 1280, 720)
        async with watching.connected():
            with videos.play(server, large, X, Y) as player:
                await watching.shown(codec)
                assert watching.driver.error(watching.client.screenshot()) < MEAN_ERROR
                player.stop()
                await watching.rested()
            watching.judge(codec, row, f"{codec}, all")


async def test_the_preferred_codec_is_taken(private: Path, small: Path, row: Row) -> None:
    offered = "gstreamer:vp8;gstreamer:h264;spice:mjpeg"
    with Xspice(private, streaming="all", video_codecs=offered, compression="auto_glz", clients=False) as server:
        watching = Watching(server)
        async with watching.connected("h264", "mjpeg"):
            with videos.play(server, small, X, Y):
                await watching.shown("h264")
            watching.judge("h264", row, "vp8 first, h264 asked for")


async def test_without_pyav_the_server_sends_mjpeg(
    private: Path, small: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "available", lambda: frozenset((VideoCodecType.MJPEG,)))
    with Xspice(private, streaming="all", video_codecs=ALL["vp8"], compression="auto_glz", clients=False) as server:
        watching = Watching(server)
        async with watching.connected():
            with videos.play(server, small, X, Y):
                await watching.shown("mjpeg")
            watching.judge("mjpeg", row, "vp8, without PyAV")


async def test_a_stream_that_fails_goes_on_as_pictures(
    private: Path, small: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report that a stream cannot be played makes the server send it as ordinary images."""

    class Broken:
        def decode(self, data: bytes, size: tuple[int, int] | None = None) -> None:
            raise CodecError("made to fail")

        skip = decode

        def close(self) -> None:
            pass

    monkeypatch.setattr(video, "open_decoder", lambda codec, width, height: Broken())
    gap = "display:bad stream_vp8"
    with Xspice(private, streaming="all", video_codecs=ALL["vp8"], compression="auto_glz", clients=False) as server:
        watching = Watching(server)
        async with watching.connected():
            with videos.play(server, small, X, Y) as player:
                numbers = watching.driver.numbers
                assert await watching.driver.until(lambda: gap in watching.client.unsupported, 40)
                failed_at = numbers[-1]
                assert await watching.driver.until(lambda: numbers[-1] >= failed_at + ENOUGH, 40)
                player.stop()
                await watching.rested()
            assert numbers == sorted(numbers)
            assert set(watching.client.unsupported) == {gap}
            played = watching.streams.played()["vp8"]
            assert not played.shown
            row(TABLE, server="vp8 that does not decode", size="640x360", arrived=played.arrived, shown=0)


class Album(library.Watcher):
    """Keeps every picture of one display."""

    def __init__(self, display: int) -> None:
        super().__init__()
        self.display = display
        self.pictures: list[picture.Picture] = []

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        if surface.display == self.display:
            self.pictures.append(surface.pixels[:, :, 2::-1].copy())
        super().display_refresh(surface, damage)


CLIPS = 4


async def test_a_stream_device_with_each_codec(private: Path, row: Row) -> None:
    """A guest that encodes for itself, the only source of H.265: packets of our own, equal to the reference's bits."""
    videos.needs_gstreamer()
    width, height, count = 160, 120, 4
    device = StreamDevice(private)
    driver = Album(DISPLAY)
    with device.machine as machine:
        await asyncio.to_thread(device.wait_ready)
        with Reference(private, machine.address()) as reference:
            async with await library.connect(machine.address(), driver) as client:
                display = client.displays[DISPLAY]
                for codec in VideoCodecType:
                    name = codec.name.lower()
                    for clips in range(1, CLIPS + 1):  # the reference does not show what comes late: then once more
                        device.format(codec, width, height)
                        for packet in clip(codec, width, height, count):
                            device.frame(packet)

                        def seen(name: str = name, sent: int = clips * count) -> bool:
                            played = display.streams.played().get(name)
                            return played is not None and played.arrived == played.shown + played.dropped == sent

                        assert await driver.until(seen, 40), display.streams.played()
                        assert display.streams.codecs() == [name]
                        differences = await asyncio.to_thread(_differences, reference, driver.pictures[-2:])
                        if "" in differences:
                            break
                    assert "" in differences, f"not what the reference shows of {name}: {differences}"
                    counts = display.streams.played()[name]
                    row(
                        TABLE,
                        server=f"{name}, stream device",
                        size=f"{width}x{height}",
                        arrived=counts.arrived,
                        late=counts.late,
                        shown=counts.shown,
                        dropped=counts.dropped,
                        levels_apart=0,
                    )
                assert not client.unsupported


def _differences(reference: Reference, ours: list[picture.Picture]) -> list[str]:
    """Of our last two pictures: the reference holds an H.26x frame back until the next one comes."""
    differences: list[str] = []
    for _ in range(20):  # it waits for its clock, and the machine's text cursor blinks beside it
        reference.rest(100, DISPLAY)
        theirs = reference.picture(DISPLAY)
        differences = [picture.difference(one, theirs) for one in ours]
        if "" in differences:
            break
    return differences
