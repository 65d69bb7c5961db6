"""What the guest plays comes out of `listen`: from libspice-server's sound card and from QEMU's PC speaker."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from spicetui.wire.enums import ChannelType

from . import guest, library, tones
from .cli import Cli, target
from .conftest import Row
from .process import DEADLINE
from .qemu import Qemu
from .scene_server.build import build
from .scene_server.server import SceneServer

TABLE = "sound"
RATE = 48_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("scene-server"))


@contextmanager
def listening(cli: Cli, where: str, path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`listen` as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "spicetui", "listen", where, str(path), "--json", *words],
        env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> dict[str, object]:
    """What it told in the end."""
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert err == ""
    told: dict[str, object] = json.loads(out)
    return told


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000])
def test_a_counter_is_bit_exact(rate: int, program: Path, private: Path, cli: Cli, row: Row) -> None:
    """Raw sound, every frame another one: none is lost, changed or put in."""
    seconds = 3.0
    sound = tones.counter(round(seconds * rate))
    path = private / "counter.wav"
    with SceneServer(program, private, sound=rate) as server:
        words = ("--codec", "raw", "--seconds", str(seconds))
        with listening(cli, target(server.address()), path, *words) as process:
            server.wait_channel(ChannelType.PLAYBACK)
            server.play(sound)
            told = ended(process)
    came, came_rate = tones.read(path)
    assert came_rate == rate
    assert np.array_equal(came, sound)
    assert (told["codec"], told["frames"], told["rate"]) == ("raw", len(sound), rate)
    row(TABLE, test=f"counter, raw, {rate} Hz", frames=len(came), lost=0, correlation=1, gap_ms=0)


def test_opus(program: Path, private: Path, cli: Cli, row: Row) -> None:
    """440 Hz compressed: the pitch, no gap, no frame too few, and nearly the same wave."""
    seconds = 4.0
    sound = tones.tone(seconds)
    path = private / "tone.wav"
    with SceneServer(program, private, sound=RATE) as server:
        with listening(cli, target(server.address()), path, "--seconds", str(seconds)) as process:
            server.wait_channel(ChannelType.PLAYBACK)
            server.play(sound)
            told = ended(process)
    came, _ = tones.read(path)
    assert (told["codec"], told["lost_packets"], len(came)) == ("opus", 0, len(sound))
    alike, late = tones.correlation(came, sound)
    assert alike > 0.999
    assert 0 <= late <= 480  # the encoder looks ahead 6.5 ms
    heard = tones.pitch(came, RATE)
    assert abs(heard - 440) < 0.5
    gap = tones.longest_silence(came[late + 480 :])
    assert gap < RATE / 440  # around a zero of the wave
    row(
        TABLE,
        test="440 Hz, Opus",
        frames=len(came),
        lost=0,
        correlation=f"{alike:.5f}",
        pitch_Hz=f"{heard:.2f}",
        gap_ms=0,
    )


def test_the_mode_changes_while_it_plays(program: Path, private: Path, cli: Cli) -> None:
    """Opus, then raw, then Opus: one file without a frame too few."""
    sound = tones.tone(3.0)
    path = private / "tone.wav"
    with SceneServer(program, private, sound=RATE) as server:
        with listening(cli, target(server.address()), path, "--seconds", "2.9") as process:
            server.wait_channel(ChannelType.PLAYBACK)
            for compressed, part in enumerate((sound[:48_000], sound[48_000:96_000], sound[96_000:])):
                if compressed:
                    server.wait_played()
                server.sound("compress", 1 - compressed % 2)
                server.play(part)
            told = ended(process)
    came, _ = tones.read(path)
    assert told["frames"] == len(came) == round(2.9 * RATE)
    assert abs(tones.pitch(came, RATE) - 440) < 1


def test_ogg(program: Path, private: Path, cli: Cli) -> None:
    sound = tones.tone(2.0)
    path = private / "tone.ogg"
    with SceneServer(program, private, sound=RATE) as server:
        with listening(cli, target(server.address()), path, "--seconds", "2") as process:
            server.wait_channel(ChannelType.PLAYBACK)
            server.play(sound)
            ended(process)
    import av

    with av.open(str(path)) as file:
        frames = [np.asarray(frame.to_ndarray(), np.float32) for frame in file.decode(audio=0)]
    samples = np.concatenate(frames, axis=1)
    assert samples.shape == (2, len(sound))
    came = np.round(samples.T * 32767).astype(np.int16)
    assert abs(tones.pitch(came, RATE) - 440) < 0.5
    assert tones.correlation(came, sound)[0] > 0.999


@pytest.mark.parametrize("codec", ["raw", "auto"])
def test_qemu_beeps(codec: str, private: Path, cli: Cli, row: Row) -> None:
    """The PC speaker of a guest of one sector, through QEMU's mixer: a square wave of 1193182 / 2712 Hz."""
    disk = guest.build("speaker", private)
    path = private / "beep.wav"
    extra = ("-audiodev", "spice,id=sound", "-machine", "pcspk-audiodev=sound")
    with Qemu(private, disk=disk, extra=extra) as machine:
        words = ("--codec", codec, "--seconds", "3", "--timeout", str(DEADLINE))
        with listening(cli, target(machine.address()), path, *words) as process:
            told = ended(process)
    came, rate = tones.read(path)
    assert len(came) == 3 * rate == told["frames"]
    heard = tones.trimmed(came)
    assert len(heard) > 2 * rate
    assert abs(tones.pitch(heard, rate) - 1193182 / 2712) < 1
    gap = tones.longest_silence(heard)
    assert gap < rate / 440
    name = f"QEMU's speaker, {told['codec']}"
    row(TABLE, test=name, frames=len(came), lost=0, pitch_Hz=f"{tones.pitch(heard, rate):.2f}", gap_ms=0)


def test_an_interrupted_recording_is_whole(program: Path, private: Path, cli: Cli) -> None:
    """Without --seconds it goes on until ctrl+c."""
    path = private / "tone.wav"
    with SceneServer(program, private, sound=RATE) as server:
        with listening(cli, target(server.address()), path) as process:
            server.wait_channel(ChannelType.PLAYBACK)
            server.play(tones.tone(1.0))
            server.wait_played()
            until = time.monotonic() + DEADLINE
            while not path.exists() or path.stat().st_size < 44 + 4 * RATE:
                assert time.monotonic() < until
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out, err) == (130, "", "")
    came, _ = tones.read(path)
    assert len(came) == RATE
    assert abs(tones.pitch(came, RATE) - 440) < 1


def test_a_pipe_on_standard_output(program: Path, private: Path, cli: Cli) -> None:
    sound = tones.counter(RATE // 2)
    with SceneServer(program, private, sound=RATE) as server:
        words = [sys.executable, "-m", "spicetui", "listen", target(server.address()), "-"]
        with subprocess.Popen(
            [*words, "--seconds", "0.5", "--codec", "raw"], env=cli.environment(), stdout=subprocess.PIPE
        ) as process:
            server.wait_channel(ChannelType.PLAYBACK)
            server.play(sound)
            out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert out[:4] == b"RIFF"
    assert out[44:] == sound.astype("<i2").tobytes()


async def test_the_guest_sets_volume_and_mute(program: Path, private: Path) -> None:
    with SceneServer(program, private, sound=RATE) as server:
        server.sound("volume", 1000, 65535)
        server.sound("mute", 1)
        server.sound("record_volume", 7, 8)
        async with await library.connect(server.address()) as client:
            playback, recorder = client.playback, client.audio_recorder
            assert playback is not None
            assert recorder is not None

            def told() -> bool:
                return (playback.volume, playback.muted, recorder.volume) == ((1000, 65535), True, (7, 8))

            async with asyncio.timeout(DEADLINE):
                while not told():
                    await asyncio.sleep(0.01)
                server.sound("mute", 0)
                while playback.muted:
                    await asyncio.sleep(0.01)


def test_a_guest_that_plays_nothing(program: Path, private: Path, cli: Cli) -> None:
    with SceneServer(program, private, sound=RATE) as server:
        result = cli.at(server.address(), "listen", str(private / "x.wav"), "--seconds", "1", "--timeout", "1")
    assert result.status == 1
    assert result.error_lines == ["spicetui: the guest has played nothing for 1 seconds; --timeout waits longer"]


def test_a_server_without_sound(program: Path, private: Path, cli: Cli) -> None:
    with SceneServer(program, private) as server:
        result = cli.at(server.address(), "listen", str(private / "x.wav"), "--seconds", "1")
    assert result.status == 6
    assert result.error_lines == ["spicetui: the server offers no sound (no playback channel)"]


# --- the microphone


class Spoken(NamedTuple):
    heard: tones.Sound
    short: int
    told: dict[str, object]


def spoken(
    program: Path, private: Path, cli: Cli, sound: tones.Sound, rate: int, guest_rate: int, *words: str
) -> Spoken:
    """A file played into the guest's microphone, which listens for half a second more."""
    path = private / "speech.wav"
    tones.write(path, sound, rate)
    seconds = len(sound) / rate + 0.1
    with SceneServer(program, private, sound=guest_rate) as server:
        command = [sys.executable, "-m", "spicetui", "speak", target(server.address()), str(path), "--json", *words]
        with subprocess.Popen(
            command, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            server.wait_channel(ChannelType.RECORD)
            place = server.record(round(seconds * guest_rate))
            heard, short = server.recorded(place)
            told = ended(process)
    return Spoken(heard, short, told)


def test_a_spoken_counter_is_bit_exact(program: Path, private: Path, cli: Cli, row: Row) -> None:
    sound = tones.counter(2 * RATE)
    heard, short, told = spoken(program, private, cli, sound, RATE, RATE, "--codec", "raw")
    numbers = tones.numbers(heard)
    assert np.array_equal(numbers[: len(sound)], tones.numbers(sound))
    assert not numbers[len(sound) :].any()
    assert (told["codec"], told["frames"]) == ("raw", len(sound))
    row(TABLE, test="spoken counter, raw", frames=len(sound), lost=0, correlation=1, late_reads=short)


@pytest.mark.parametrize(
    ("codec", "rate", "guest_rate", "least"),
    [("raw", 48_000, 48_000, 0.9999), ("opus", 48_000, 48_000, 0.9), ("raw", 44_100, 48_000, 0.99)],
)
def test_speech(
    codec: str, rate: int, guest_rate: int, least: float, program: Path, private: Path, cli: Cli, row: Row
) -> None:
    sound = tones.speech(3.0, rate)
    heard, short, told = spoken(program, private, cli, sound, rate, guest_rate, "--codec", codec)
    expected = sound if rate == guest_rate else tones.resampled(sound, rate, guest_rate)
    alike, late = tones.correlation(heard, expected)
    assert alike >= least
    assert 0 <= late < guest_rate // 50
    name = f"speech, {told['codec']}, {rate} to {guest_rate} Hz"
    row(TABLE, test=name, frames=len(heard), correlation=f"{alike:.5f}", late_reads=short)


def test_a_guest_that_does_not_listen(program: Path, private: Path, cli: Cli) -> None:
    tones.write(private / "x.wav", tones.tone(0.1), RATE)
    with SceneServer(program, private, sound=RATE) as server:
        result = cli.at(server.address(), "speak", str(private / "x.wav"), "--timeout", "1")
    assert result.status == 1
    assert result.error_lines[0].startswith("spicetui: the guest has not listened for 1 seconds")
