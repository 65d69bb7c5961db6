"""Video played in Xspice: every codec of the server, by our clock and beside the reference client.

ffplay shows a video whose frames carry their number. What is asked: the stream has the codec wanted, its frames come
in order and are those of the video, its colours are the reference client's, and the picture at rest is exact.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

import spicetui
from spicetui.channels.streams import Played
from spicetui.codecs import video
from spicetui.errors import CodecError
from spicetui.wire.enums import VideoCodecType

from . import library, picture, videos
from .conftest import Row
from .reference import Reference
from .xspice import Xspice

TABLE = "video streams of Xspice"
X, Y = 100, 40
FRAMES = 75
MIDDLE = 50
"""The number of a frame at which any stream plays: a server starts one after about 25 frames."""

MEAN_ERROR = 8.0
"""Levels: the codecs halve the chroma and the server saves bits."""
COLOUR_LEVELS = 8
"""Between the clients' patches: GStreamer rounds by up to 5, and each client's stream is coded for itself."""

ALL = {
    "mjpeg": "spice:mjpeg",
    "mjpeg by GStreamer": "gstreamer:mjpeg",
    "vp8": "gstreamer:vp8",
    "vp9": "gstreamer:vp9",
    "h264": "gstreamer:h264",
}


class Playing:
    """A server that plays a video, and our client that watches it."""

    def __init__(self, folder: Path, server: Xspice, width: int, height: int, frames: int = FRAMES) -> None:
        self.server = server
        self.frames = frames
        self.path = videos.write(folder / "video.mjpeg", width, height, frames)
        self.box = spicetui.Rect(X, Y, width, height)
        self.driver = videos.Viewer(self.box)

    async def connect(self, *preferred: str) -> spicetui.Client:
        options = spicetui.Options(video_codecs=preferred)
        return await spicetui.connect(library.connector(self.server.address()), self.driver, options=options)

    async def to_the_end(self, client: spicetui.Client) -> None:
        await self.driver.reached(self.frames - 1)

    def judge(self, client: spicetui.Client, codec: str, row: Row, name: str) -> Played:
        """What the client counted, and the order of what it showed."""
        numbers = self.driver.numbers
        assert numbers == sorted(numbers), "frames went back"
        played = client.displays[0].streams.played()
        assert set(played) == {codec}, f"{set(played)} was streamed"
        counts = played[codec]
        different = len(set(numbers))
        row(
            TABLE,
            server=name,
            size=f"{self.box.width}x{self.box.height}",
            arrived=counts.arrived,
            late=counts.late,
            shown=counts.shown,
            dropped=counts.dropped,
            of_the_video=f"{different} of {self.frames}",
        )
        assert not client.unsupported
        assert counts.arrived >= self.frames // 4
        # A stream that ends has some frames on their way, which the last picture makes needless.
        assert counts.shown >= counts.arrived // 2
        return counts


@pytest.mark.parametrize("name", ALL)
async def test_each_codec_beside_the_reference_client(name: str, private: Path, row: Row) -> None:
    videos.needs_gstreamer()
    with Xspice(private, streaming="all", video_codecs=ALL[name], compression="auto_glz") as server:
        playing = Playing(private, server, 640, 360)
        with Reference(private, server.address()) as reference:
            async with await playing.connect() as client:
                await client.wait_frame()
                with videos.play(server, playing.path, X, Y):
                    await playing.driver.reached(MIDDLE)
                    streams = client.displays[0].streams
                    assert streams.codecs() == [name.split()[0]]
                    surface = client.screenshot()
                    assert playing.driver.error(surface) < MEAN_ERROR
                    ours = videos.patches_of(playing.driver.look(surface))
                    rows, columns = playing.box.slices()
                    theirs = videos.patches_of((await asyncio.to_thread(reference.picture))[rows, columns])
                    apart = np.abs(ours.astype(int) - theirs).max()
                    assert apart <= COLOUR_LEVELS, f"{ours.tolist()} here, {theirs.tolist()} there"
                    await playing.to_the_end(client)
                    await asyncio.to_thread(reference.rest, 1500)
                    assert not await videos.rested(server, client, playing.driver)
                    at_rest = await asyncio.to_thread(reference.picture)
                    assert not picture.difference(library.shown(client), at_rest)
                    assert not len(streams)
                playing.judge(client, name.split()[0], row, f"{name}, all")


@pytest.mark.parametrize("codec", ["mjpeg", "vp8"])
async def test_filter_streams_what_looks_like_a_video(codec: str, private: Path, row: Row) -> None:
    videos.needs_gstreamer()
    with Xspice(private, streaming="filter", video_codecs=ALL[codec], compression="auto_glz") as server:
        playing = Playing(private, server, 480, 360)
        async with await playing.connect() as client:
            await client.wait_frame()
            with videos.play(server, playing.path, X, Y):
                await playing.to_the_end(client)
                assert not await videos.rested(server, client, playing.driver)
            playing.judge(client, codec, row, f"{codec}, filter")


@pytest.mark.parametrize("codec", ["mjpeg", "h264"])
async def test_1280x720(codec: str, private: Path, row: Row) -> None:
    videos.needs_gstreamer()
    with Xspice(private, streaming="all", video_codecs=ALL[codec], compression="auto_glz", clients=False) as server:
        await asyncio.to_thread(server.run, "xrandr", "--output", "qxl-0", "--mode", "1400x1050")
        playing = Playing(private, server, 1280, 720)
        async with await playing.connect() as client:
            await client.wait_frame()
            with videos.play(server, playing.path, X, Y):
                await playing.driver.reached(MIDDLE)
                assert playing.driver.error(client.screenshot()) < MEAN_ERROR
                await playing.to_the_end(client)
                assert not await videos.rested(server, client, playing.driver)
            playing.judge(client, codec, row, f"{codec}, all")


async def test_the_preferred_codec_is_taken(private: Path, row: Row) -> None:
    videos.needs_gstreamer()
    offered = "gstreamer:vp8;gstreamer:h264;spice:mjpeg"
    with Xspice(private, streaming="all", video_codecs=offered, compression="auto_glz", clients=False) as server:
        playing = Playing(private, server, 320, 240, 60)
        async with await playing.connect("h264", "mjpeg") as client:
            await client.wait_frame()
            with videos.play(server, playing.path, X, Y):
                await playing.to_the_end(client)
            playing.judge(client, "h264", row, "h264 asked for, vp8 first")


async def test_without_pyav_the_server_sends_mjpeg(private: Path, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    videos.needs_gstreamer()
    monkeypatch.setattr(video, "available", lambda: frozenset((VideoCodecType.MJPEG,)))
    with Xspice(private, streaming="all", video_codecs=ALL["vp8"], compression="auto_glz", clients=False) as server:
        playing = Playing(private, server, 320, 240, 60)
        async with await playing.connect() as client:
            await client.wait_frame()
            with videos.play(server, playing.path, X, Y):
                await playing.to_the_end(client)
            playing.judge(client, "mjpeg", row, "vp8, without PyAV")


async def test_a_stream_that_fails_goes_on_as_pictures(
    private: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report that a stream cannot be played makes the server send it as ordinary images."""
    videos.needs_gstreamer()

    class Broken:
        def decode(self, data: bytes, size: tuple[int, int] | None = None) -> None:
            raise CodecError("made to fail")

        skip = decode

        def close(self) -> None:
            pass

    monkeypatch.setattr(video, "open_decoder", lambda codec, width, height: Broken())
    with Xspice(private, streaming="all", video_codecs=ALL["vp8"], compression="auto_glz", clients=False) as server:
        playing = Playing(private, server, 320, 240, 60)
        async with await playing.connect() as client:
            await client.wait_frame()
            with videos.play(server, playing.path, X, Y):
                await playing.to_the_end(client)
                assert not await videos.rested(server, client, playing.driver)
            numbers = playing.driver.numbers
            assert numbers == sorted(numbers)
            assert set(client.unsupported) == {"display:bad stream_vp8"}
            played = client.displays[0].streams.played()["vp8"]
            assert not played.shown
            assert len(set(numbers)) > 40  # it went on
            row(TABLE, server="vp8 that does not decode", size="320x240", arrived=played.arrived, shown=0)
