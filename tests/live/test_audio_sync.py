"""Picture and sound together: a clip whose flashes and beeps are made at the same moment of the server's clock.

libspice-server plays both: each frame of the video is drawn at the moment when a frame of the sound is played. What is
measured is when our client shows the flash and when its device plays the beep.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import spicetui
from spicetui.devices import audio
from spicetui.devices.audio_null import NullBackend
from spicetui.devices.audio_output import Output
from spicetui.geometry import Rect

from . import library, needs, tones, videos
from .conftest import Row
from .pulse import Monitor, Pulse
from .scene_server import bitmaps
from .scene_server.build import build
from .scene_server.qxl import Copy, Draw, Effect, Image
from .scene_server.server import SceneServer
from .xspice import Xspice

TABLE = "picture and sound of a flash and a beep"
LIMIT_MS = 40
RATE = 48_000
FRAME = RATE // 25
WIDTH, HEIGHT = 320, 240
BOX = Rect(40, 30, WIDTH, HEIGHT)
SECONDS = 9
FLASHES = (3.0, 3.8, 4.6, 5.4, 6.2, 7.0, 7.8)
"""Seconds; before them the server finds out that this is a video, and the encoder its pace."""
FLASH_SECONDS = 0.2

Pixels = npt.NDArray[np.uint8]
CODECS = {"mjpeg": "spice:mjpeg", "vp8": "gstreamer:vp8", "h264": "gstreamer:h264"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("scene-server"))


def clip() -> tuple[tones.Sound, dict[int, Draw]]:
    """The sound, and the frames of the video by the frame of the sound that they come with."""
    sound = np.zeros((SECONDS * RATE, 2), np.int16)
    beep = tones.tone(FLASH_SECONDS, RATE, 1000.0)
    beep[:2] = 12_000  # its first frame is loud
    rng = np.random.default_rng(3)
    dark = [rng.integers(0, 90, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(8)]
    pictures = {}
    for number in range(SECONDS * 25):
        at = number / 25
        pixels = dark[number % len(dark)].copy()
        if any(flash <= at < flash + FLASH_SECONDS for flash in FLASHES):
            pixels[:, :] = 255
        write_number(pixels, number)
        image = Image(bitmaps.true_colour(pixels))
        pictures[number * FRAME] = Draw(Copy(image, Rect(0, 0, WIDTH, HEIGHT)), BOX, effect=Effect.OPAQUE)
    for flash in FLASHES:
        begin = round(flash * RATE)
        sound[begin : begin + len(beep)] = beep
    return sound, pictures


BLOCK, BITS = 16, 9


def write_number(pixels: Pixels, number: int) -> None:
    """In black and white blocks at the top left, which every codec keeps."""
    for bit in range(BITS):
        pixels[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 if number >> bit & 1 else 0


def read_number(pixels: Pixels) -> int:
    middle = BLOCK // 2
    return sum(1 << bit for bit in range(BITS) if pixels[middle, bit * BLOCK + middle].mean() > 127)


class Watcher(library.Watcher):
    """Notes when the picture turns white in the middle of a box.

    A server's encoder that has no time leaves frames out. Where it was the first of a flash, the one that is shown
    says by its number how much later it belongs.
    """

    def __init__(self, box: Rect = BOX, flashes: Sequence[float] = FLASHES) -> None:
        super().__init__()
        self.flashes: list[float] = []
        self._begins = flashes
        self._box = box
        self._white = False
        self._row, self._column = box.y + box.height // 2, box.x + box.width // 2

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[Rect]) -> None:
        now = time.monotonic()
        white = bool(surface.pixels[self._row, self._column, :3].min() > 180)
        if white and not self._white:
            rows, columns = self._box.slices()
            at = read_number(surface.pixels[rows, columns, :3]) / 25
            begin = min(self._begins, key=lambda flash: abs(flash - at))
            assert 0 <= at - begin < FLASH_SECONDS, f"a flash at {at} s"
            self.flashes.append(now - (at - begin))
        self._white = white
        super().display_refresh(surface, damage)


class Ear:
    """Notes when a device that keeps time by the clock plays a beep."""

    def __init__(self) -> None:
        self.beeps: list[float] = []
        self._quiet = RATE

    def heard(self, block: bytes) -> None:
        now = time.monotonic()  # from now on the block is played
        loud = np.flatnonzero(np.abs(np.frombuffer(block, "<i2").astype(int)[::2]) > 4000)
        if len(loud) and self._quiet + loud[0] > RATE // 20:
            self.beeps.append(now + loud[0] / RATE)
        self._quiet = len(block) // 4 - loud[-1] if len(loud) else self._quiet + len(block) // 4


# --- ffplay in Xspice

PLAYER_BUFFER = 2048 / RATE
"""Seconds of sound that ffplay gives to its device at once. It takes the device to be one more behind than SDL's disk
driver is, which writes it out at once; so it shows its pictures by so much too late, and this clip beeps later."""
PACE_MS = "43"
"""Milliseconds that SDL waits for each buffer: a bit more than it holds, so that none piles up in the pipe."""
MOVIE_FLASHES = tuple(3.0 + n for n in range(8))
MOVIE = Rect(100, 100, 640, 360)


def write_movie(path: Path) -> Path:
    """Moving blocks at 25 frames a second with white flashes, and the beeps."""
    import av

    rng = np.random.default_rng(1)
    coarse = (MOVIE.height // 8, MOVIE.width // 8, 3)
    dark = [rng.integers(0, 90, coarse, np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(8)]
    seconds = int(MOVIE_FLASHES[-1]) + 2
    times = np.arange(seconds * RATE) / RATE - PLAYER_BUFFER
    loud = np.any([(flash <= times) & (times < flash + FLASH_SECONDS) for flash in MOVIE_FLASHES], axis=0)
    sound = (12_000 * np.cos(2 * np.pi * 1000 * times) * loud).astype("<i2").repeat(2)
    with av.open(str(path), "w") as file:
        video = file.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt, video.bit_rate = MOVIE.width, MOVIE.height, "yuvj420p", 20_000_000
        track = file.add_stream("pcm_s16le", rate=RATE)
        track.layout = "stereo"
        for number in range(seconds * 25):
            at = number / 25
            flash = any(one <= at < one + FLASH_SECONDS for one in MOVIE_FLASHES)
            pixels = np.full_like(dark[0], 255) if flash else dark[number % len(dark)].copy()
            write_number(pixels, number)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
            picture.pts = number
            file.mux(video.encode(picture))
            block = av.AudioFrame.from_ndarray(sound[None, number * 2 * FRAME : (number + 1) * 2 * FRAME], format="s16")
            block.sample_rate, block.pts = RATE, number * FRAME
            file.mux(track.encode(block))
    return path


@pytest.mark.parametrize("codec", ["mjpeg", "h264"])
async def test_ffplay_in_xspice(codec: str, private: Path, row: Row) -> None:
    """A player that keeps its picture with its sound, through the X server's named pipe.

    Single flashes of it may be late: on a busy machine the player shows a frame when it comes to it.
    """
    videos.needs_gstreamer()
    movie = write_movie(private / "movie.mkv")
    pipes = private / "pipes"
    pipes.mkdir()
    ear, watcher = Ear(), Watcher(MOVIE, MOVIE_FLASHES)
    sink = Output([NullBackend(ear.heard)])
    with Xspice(
        private, streaming="all", video_codecs=CODECS[codec], compression="auto_glz", clients=False, sound=pipes
    ) as server:
        connector = library.connector(server.address())
        async with await spicetui.connect(connector, watcher, options=spicetui.Options(audio=sink)) as client:
            await client.wait_frame()
            os.mkfifo(pipes / "sound")
            words = [
                "env", "SDL_AUDIODRIVER=disk", f"SDL_DISKAUDIOFILE={pipes / 'sound'}", f"SDL_DISKAUDIODELAY={PACE_MS}",
                needs.program("ffplay"), "-v", "error", "-noborder", "-left", str(MOVIE.x), "-top", str(MOVIE.y),
                "-autoexit", str(movie),
            ]  # fmt: skip
            with server.start(words) as player:
                await asyncio.to_thread(player.wait)
            sink.close()
    pairs = [(flash, min(ear.beeps, key=lambda beep: abs(beep - flash), default=0.0)) for flash in watcher.flashes]
    assert len(pairs) > len(MOVIE_FLASHES) // 2
    flashes, beeps = (list(one) for one in zip(*pairs, strict=True))
    judge(row, "ffplay in Xspice, clock", flashes, beeps, client, late=len(pairs) // 2)


def beeps_of(monitor: Monitor) -> list[float]:
    loud = np.flatnonzero(np.abs(monitor.frames[:, 0].astype(int)) > 4000)
    firsts = loud[np.concatenate(([True], np.diff(loud) > RATE // 20))] if len(loud) else loud
    return [monitor.time_of(int(frame)) for frame in firsts]


@contextmanager
def playing(program: Path, private: Path, codec: str, compressed: bool) -> Iterator[SceneServer]:
    with SceneServer(program, private, streaming="all", video_codecs=CODECS[codec], sound=RATE) as server:
        server.primary(640, 480)
        server.sound("compress", int(compressed))
        yield server


async def play(server: SceneServer, sink: spicetui.AudioSink) -> tuple[Watcher, spicetui.Client]:
    sound, pictures = clip()
    watcher = Watcher()
    connector = library.connector(server.address())
    async with await spicetui.connect(connector, watcher, options=spicetui.Options(audio=sink)) as client:
        await client.wait_frame()
        await asyncio.to_thread(server.wait_client)
        await asyncio.to_thread(server.play, sound, pictures)
        assert await watcher.until(lambda: len(watcher.flashes) == len(FLASHES)), watcher.flashes
        await asyncio.to_thread(server.wait_played)
        assert set(client.displays[0].streams.played()), "no video was streamed"
    return watcher, client


def judge(
    row: Row,
    name: str,
    flashes: list[float],
    beeps: list[float],
    client: spicetui.Client,
    late: int = 1,
) -> None:
    """*late*: so many may be further apart, as the machine did something else."""
    assert len(flashes) == len(beeps), f"{len(flashes)} flashes, {len(beeps)} beeps"
    apart = [(flash - beep) * 1000 for flash, beep in zip(flashes, beeps, strict=True)]
    ((codec, counts),) = client.displays[0].streams.played().items()
    row(
        TABLE,
        device=name,
        video=codec,
        picture_after_sound_ms=f"{statistics.median(apart):+.1f}",
        worst_ms=f"{max(apart, key=abs):+.1f}",
        frames=counts.shown,
        late=counts.late,
        dropped=counts.dropped,
    )
    assert abs(statistics.median(apart)) <= LIMIT_MS, apart
    assert sorted(map(abs, apart))[-1 - late] <= LIMIT_MS, apart


@pytest.mark.parametrize("codec", CODECS)
async def test_a_device_that_keeps_the_clock(codec: str, program: Path, private: Path, row: Row) -> None:
    if codec != "mjpeg":
        videos.needs_gstreamer()
    ear = Ear()
    with playing(program, private, codec, compressed=codec != "mjpeg") as server:
        sink = Output([NullBackend(ear.heard)])
        watcher, client = await play(server, sink)
        sink.close()
    judge(row, f"clock, {'Opus' if codec != 'mjpeg' else 'raw'}", watcher.flashes, ear.beeps, client)


@pytest.mark.parametrize("backend", ["miniaudio", "pacat"])
async def test_a_sound_server(
    backend: str, program: Path, private: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PulseAudio's monitor hears, and when."""
    with playing(program, private, "mjpeg", compressed=True) as server, Pulse(private) as pulse:
        for name in ("XDG_RUNTIME_DIR", "HOME", "PULSE_SERVER"):
            monkeypatch.setenv(name, pulse.environment[name])
        with Monitor(pulse) as monitor:
            sink = audio.choose(backend)
            watcher, client = await play(server, sink)
            sink.close()
        beeps = beeps_of(monitor)
    judge(row, f"PulseAudio by {backend}", watcher.flashes, beeps, client)
