"""Sound on a real sound server: PulseAudio with a sink whose monitor says what was heard, and when."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import spicetui
from spicetui.devices import audio, audio_output
from spicetui.devices.audio_output import Output
from spicetui.wire.enums import ChannelType

from . import library, tones
from .conftest import Row
from .pulse import RATE, SINK, Monitor, Pulse
from .scene_server.build import build
from .scene_server.server import SceneServer

TABLE = "sound on PulseAudio"
SECONDS = 6
SETTLED = 2 * RATE
"""Frames after which the device runs evenly: a null sink takes a second to start."""
WHOLE = RATE
"""Frames that come exactly on a machine that is busy with other things; the bench of sound measures more of them."""
LATENCY_MS = 150
ATTEMPTS = 3
PLAYERS = ("miniaudio", "pacat")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("scene-server"))


@pytest.fixture
def pulse(private: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    with Pulse(private) as server:
        for name in ("XDG_RUNTIME_DIR", "HOME", "PULSE_SERVER"):
            monkeypatch.setenv(name, server.environment[name])
        yield server


class Watcher(library.Watcher):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)
        self._changed.set()


@asynccontextmanager
async def connected(program: Path, private: Path, sink: spicetui.AudioSink) -> AsyncIterator[Connected]:
    with SceneServer(program, private, sound=RATE) as server:
        watcher = Watcher()
        options = spicetui.Options(audio=sink, opus=False)
        async with await spicetui.connect(library.connector(server.address()), watcher, options=options) as client:
            await asyncio.to_thread(server.wait_channel, ChannelType.PLAYBACK)
            try:
                yield Connected(server, client, watcher)
            finally:
                sink.close()


class Connected:
    def __init__(self, server: SceneServer, client: spicetui.Client, watcher: Watcher) -> None:
        self.server, self.client, self.watcher = server, client, watcher

    async def play(self, sound: tones.Sound) -> None:
        await asyncio.to_thread(self.server.play, sound)


class Timed:
    """A sink that notes when each packet came, and for when it was promised; by the number of its first frame."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.came: dict[int, float] = {}
        self.promised: dict[int, int] = {}

    def push(self, pcm: bytes, mm_time: int) -> None:
        self.output.push(pcm, mm_time)
        number = int.from_bytes(pcm[:4], "little")
        self.came[number] = asyncio.get_running_loop().time()
        self.promised[number] = self.output.delay_ms() or 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.output, name)


@dataclass
class Heard:
    """*steps* and *gaps* between the frames heard: all 1 when nothing is missing, doubled or late."""

    frames: int
    steps: list[int]
    gaps: list[int]
    latencies: list[float]
    errors: list[float]
    underruns: int

    @property
    def whole(self) -> int:
        """Of how many frames one after the other none is missing, doubled or late, at most."""
        wrong = [at for at, pair in enumerate(zip(self.steps, self.gaps, strict=True)) if pair != (1, 1)]
        return int(np.diff([-1, *wrong, len(self.steps)]).max())


async def heard(player: str, pulse: Pulse, program: Path, private: Path) -> Heard:
    """Every frame is another one; what counts is what the monitor hears once the device runs."""
    output = audio.choose(player)
    assert isinstance(output, Output)
    sink = Timed(output)
    with Monitor(pulse) as monitor:
        async with connected(program, private, sink) as session:  # type: ignore[arg-type]
            await session.play(tones.counter(SECONDS * RATE))
            await asyncio.to_thread(session.server.wait_played)
            await asyncio.to_thread(monitor.wait, len(monitor.frames) + RATE // 2)
            assert session.watcher.notices == []
            underruns = output.status().underruns
        numbers = tones.numbers(monitor.frames)
        late = np.flatnonzero(numbers > SETTLED)
        latencies, errors = [], []
        for number in [one for one in sink.came if one > SETTLED][::10]:
            for found in np.flatnonzero(numbers == number)[:1]:
                latencies.append((monitor.time_of(int(found)) - sink.came[number]) * 1000)
                errors.append(latencies[-1] - sink.promised[number])
    steps, gaps = (np.diff(one.astype(np.int64)).tolist() for one in (numbers[late], late))
    return Heard(len(late), steps, gaps, latencies, errors, underruns)


@pytest.mark.parametrize("player", PLAYERS)
async def test_no_gap_and_little_delay(player: str, pulse: Pulse, program: Path, private: Path, row: Row) -> None:
    """A machine that is busy with other things gets another chance."""
    for attempt in range(1, ATTEMPTS + 1):
        found = await heard(player, pulse, program, private)
        row(
            TABLE,
            player=f"{player}, attempt {attempt}",
            frames=found.frames,
            missing=sum(step - 1 for step in found.steps if step > 1),
            gaps=sum(gap > 1 for gap in found.gaps),
            latency_ms=f"{statistics.median(found.latencies):.0f}",
            worst_ms=f"{max(found.latencies):.0f}",
            told_too_little_ms=f"{statistics.median(found.errors):+.0f}",
            underruns=found.underruns,
        )
        if found.whole >= WHOLE:
            break
    assert found.whole >= WHOLE
    assert statistics.median(found.latencies) <= LATENCY_MS
    assert abs(statistics.median(found.errors)) <= 30  # pictures go by what is told


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_sound_server_that_goes_and_comes(
    player: str, pulse: Pulse, program: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end costs a line and some sound; the session goes on, and when it is back so is the sound."""
    monkeypatch.setattr(audio_output, "RETRY", 0.3)
    monkeypatch.setattr(audio_output, "STALLED", 0.7)
    sink = audio.choose(player)
    async with connected(program, private, sink) as session:
        notices = session.watcher.notices
        await session.play(tones.tone(25))
        assert isinstance(sink, Output)
        await until(lambda: bool(sink.status().backend))
        await asyncio.to_thread(pulse.stop)
        assert await session.watcher.until(lambda: len(notices) == 1), notices
        assert notices[0].startswith("the sound device was lost (")
        assert notices[0].endswith("; the session goes on without sound")
        came = session.client.bytes_in
        await until(lambda: session.client.bytes_in > came)
        await asyncio.to_thread(pulse.start)
        assert await session.watcher.until(lambda: len(notices) == 2), notices
        assert notices[1].endswith(" plays again")
        with Monitor(pulse) as monitor:
            await until(lambda: len(tones.trimmed(monitor.frames)) > RATE // 2)
            heard = tones.trimmed(monitor.frames)
        assert abs(tones.pitch(heard[-RATE // 4 :], RATE) - 440) < 8


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_device_that_is_unplugged(
    player: str, pulse: Pulse, program: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only sink goes while it plays and comes back: a line each, and the session goes on meanwhile."""
    monkeypatch.setattr(audio_output, "RETRY", 0.3)
    monkeypatch.setattr(audio_output, "STALLED", 0.7)
    sink = audio.choose(player)
    assert isinstance(sink, Output)
    async with connected(program, private, sink) as session:
        notices = session.watcher.notices
        await session.play(tones.tone(40))
        await until(lambda: bool(sink.status().backend))
        await asyncio.to_thread(pulse.control, "unload-module", "module-null-sink")
        assert await session.watcher.until(lambda: len(notices) == 1), notices
        assert notices[0].startswith("the sound device was lost (")
        await until(lambda: sink.trouble == f"no sound device: {player}: the sound server has no device for it")
        came = session.client.bytes_in
        await until(lambda: session.client.bytes_in > came)
        await asyncio.to_thread(pulse.control, "load-module", "module-null-sink", f"sink_name={SINK}", f"rate={RATE}")
        assert await session.watcher.until(lambda: len(notices) == 2), notices
        assert notices[1].endswith(" plays again")
        assert sink.trouble == ""
        with Monitor(pulse) as monitor:
            await until(lambda: len(tones.trimmed(monitor.frames)) > RATE // 2)


async def test_a_device_that_is_busy(
    pulse: Pulse, program: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A player that one may use at a time: the second waits for the first."""
    monkeypatch.setattr(audio_output, "RETRY", 0.3)
    lock = private / "lock"
    script = private / "card"
    script.write_text(
        f"#!/bin/sh\nexec 9>{lock}\nflock -n 9 || {{ echo Device or resource busy >&2; exit 1; }}\n"
        "exec pacat --raw --rate=$1 --channels=$2\n"
    )
    script.chmod(0o700)
    way = f"cmd:{script} {{rate}} {{channels}}"
    first, second = audio.choose(way), audio.choose(way)
    assert isinstance(first, Output)
    assert isinstance(second, Output)
    async with connected(program, private, first) as session:
        notices = session.watcher.notices
        await session.play(tones.tone(30))
        await until(lambda: bool(first.status().backend))
        playback = session.client.playback
        assert playback is not None
        playback.attach(second)
        try:
            assert await session.watcher.until(lambda: len(notices) == 1), notices
            assert notices[0].endswith(": the device is busy; the session goes on without sound")
            assert first.trouble == ""
            playback.detach(first)
            await asyncio.to_thread(first.close)
            assert await session.watcher.until(lambda: len(notices) == 2), notices
            assert notices[1].endswith(" plays again")
        finally:
            await asyncio.to_thread(second.close)


async def test_no_sound_server(program: Path, private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, and video and everything else go on by the clock."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(private))
    monkeypatch.setenv("HOME", str(private))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{private}/nobody")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/dev/null")
    sink = audio.choose("auto")
    assert isinstance(sink, Output)
    async with connected(program, private, sink) as session:
        await session.play(tones.tone(3))
        assert await session.watcher.until(lambda: bool(session.watcher.notices))
        assert session.watcher.notices[0].startswith("no sound device: miniaudio: ")
        await asyncio.to_thread(session.server.wait_played)
        assert len(session.watcher.notices) == 1
        assert sink.status().trouble
        playback = session.client.playback
        assert playback is not None
        await until(lambda: playback.frames == 3 * RATE)
        assert sink.buffer.queued_ms < 500


async def test_a_device_by_name(pulse: Pulse, program: Path, private: Path) -> None:
    pulse.control("load-module", "module-null-sink", "sink_name=second", "sink_properties=device.description=Kitchen")
    sink = audio.choose("miniaudio:kitchen")
    other = audio.choose("miniaudio:bathroom")
    assert isinstance(sink, Output)
    async with connected(program, private, sink) as session:
        playback = session.client.playback
        assert playback is not None
        playback.attach(other)
        await session.play(tones.tone(5))
        assert await session.watcher.until(lambda: bool(session.watcher.notices))
        assert "no device is called 'bathroom'; there is " in session.watcher.notices[0]
        assert "Kitchen" in session.watcher.notices[0]
        await until(lambda: bool(sink.status().backend))
        other.close()


@pytest.mark.parametrize("hearer", ["miniaudio", "parec"])
async def test_the_guest_hears_the_microphone(
    hearer: str, pulse: Pulse, program: Path, private: Path, row: Row
) -> None:
    """What is played on the sink is recorded from its monitor and comes to the guest."""
    pulse.control("set-default-source", f"{SINK}.monitor")
    speech = tones.speech(6)
    path = private / "speech.wav"
    tones.write(path, speech, RATE)
    with SceneServer(program, private, sound=RATE) as server:
        async with await spicetui.connect(library.connector(server.address())) as client:
            recorder = client.audio_recorder
            assert recorder is not None
            await recorder.attach(audio.choose_source(hearer))
            await asyncio.to_thread(server.wait_channel, ChannelType.RECORD)
            speaker = await asyncio.create_subprocess_exec(
                "pacat", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=2", "/dev/stdin",
                stdin=asyncio.subprocess.PIPE, env=pulse.environment,
            )  # fmt: skip
            assert speaker.stdin is not None
            speaker.stdin.write(speech.tobytes())
            speaker.stdin.close()
            place = await asyncio.to_thread(server.record, 4 * RATE)
            heard, _ = await asyncio.to_thread(server.recorded, place)
            await recorder.stop()
            await speaker.wait()
    best = max(tones.correlation(heard[at : at + RATE // 2], speech)[0] for at in range(RATE, 3 * RATE, RATE // 2))
    row(TABLE, player=f"microphone, {hearer}", frames=len(heard), correlation=f"{best:.4f}")
    assert best >= 0.99


async def until(holds: object, seconds: float = 60.0) -> None:
    assert callable(holds)
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
