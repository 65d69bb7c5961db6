"""The playback channel: what reaches the sinks, what is refused, and the clock that sound keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from peer.fake_server import MAIN, PLAYBACK

from spicetui import AudioFormat, Options
from spicetui.channels.playback import MAX_DELAY, SILENT_DELAY, PlaybackChannel
from spicetui.codecs import audio
from spicetui.session import MultimediaClock
from spicetui.wire import playback as wire
from spicetui.wire.enums import AudioDataMode, PlaybackCap

from .support import Opened, opened

KEYS = (MAIN, PLAYBACK)
START = wire.Start(2, AudioFormat.S16, 44100, 1000)
RAW = wire.Mode(0, AudioDataMode.RAW, b"")
OPUS = wire.Mode(0, AudioDataMode.OPUS, b"")


class Sink:
    """Writes down what it is told; its delay is set by the test."""

    def __init__(self, delay: int | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.delay = delay

    def attach(self, notice: Callable[[str], None]) -> None:
        self.notice = notice

    def start(self, rate: int, channels: int, format: AudioFormat) -> None:
        self.calls.append(("start", rate, channels))

    def push(self, pcm: bytes, mm_time: int) -> None:
        self.calls.append(("push", pcm, mm_time))

    def stop(self) -> None:
        self.calls.append(("stop",))

    def set_volume(self, volumes: Sequence[int]) -> None:
        self.calls.append(("volume", *volumes))

    def set_mute(self, muted: bool) -> None:
        self.calls.append(("mute", muted))

    def set_min_delay(self, ms: int) -> None:
        self.calls.append(("min_delay", ms))

    def delay_ms(self) -> int | None:
        return self.delay

    def close(self) -> None:
        self.calls.append(("close",))

    def named(self, *names: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] in names]

    @property
    def heard(self) -> bytes:
        return b"".join(call[1] for call in self.named("push"))


def options(sink: Sink, **more: Any) -> dict[str, Any]:
    return {"options": Options(audio=sink, **more)}


def channel(session: Opened) -> PlaybackChannel:
    assert session.client.playback is not None
    return session.client.playback


async def send(session: Opened, *messages: object) -> None:
    session.channel.send(*messages)
    await session.channel.settled()


async def test_raw_sound_arrives_as_it_is() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, START, wire.Data(1000, b"abcd"), wire.Data(1010, b"efghijkl"), wire.Stop())
        assert sink.named("start", "push", "stop") == [
            ("start", 44100, 2),
            ("push", b"abcd", 1000),
            ("push", b"efghijkl", 1010),
            ("stop",),
        ]
        assert (channel(session).packets, channel(session).frames) == (2, 3)
        assert channel(session).sound is None


async def test_opus_is_decoded_at_48_khz() -> None:
    times = np.arange(4800) / 48000
    wave = (np.sin(2 * np.pi * 440 * times) * 9000).astype("<i2")
    stereo = np.stack((wave, -wave), axis=1)
    encoder = audio.OpusEncoder(2)
    packets = [packet for at in range(0, 4800, 480) for packet in encoder.encode(stereo[at : at + 480].tobytes())]
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, OPUS, wire.Start(2, AudioFormat.S16, 24000, 0), *(wire.Data(1, one) for one in packets))
        assert sink.named("start") == [("start", 48000, 2)]
        sound = channel(session).sound
        assert sound is not None
        assert sound.codec == "opus"
    heard = np.frombuffer(sink.heard, "<i2").reshape(-1, 2)
    assert heard.shape == (4800, 2)
    late = 312  # libopus' encoder looks ahead
    assert np.corrcoef(heard[late + 480 :, 0], stereo[480:-late, 0])[0, 1] > 0.99


async def test_a_packet_that_does_not_decode_costs_only_itself() -> None:
    encoder = audio.OpusEncoder(2)
    good = encoder.encode(bytes(1920))[0]
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(
            session, OPUS, START, wire.Data(1, good), wire.Data(1, b"\xff" * 99), wire.Data(1, b""), wire.Data(1, good)
        )
        assert len(sink.heard) == 2 * 1920
        assert session.client.unsupported == {"playback:bad data": 1}
        assert channel(session).failed_packets == 1


async def test_the_mode_may_change_while_it_plays() -> None:
    packet = audio.OpusEncoder(2).encode(bytes(1920))[0]
    sink = Sink()
    start = wire.Start(2, AudioFormat.S16, 48000, 0)
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, start, wire.Data(1, b"1234"), OPUS, wire.Data(2, packet), RAW, wire.Data(3, b"5678"))
        assert sink.named("start") == [("start", 48000, 2)]
        assert sink.heard == b"1234" + bytes(1920) + b"5678"


async def test_a_restart_with_the_same_format_goes_on() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, START, START, wire.Data(1, b"1234"))
        assert len(sink.named("start")) == 1
        await send(session, wire.Start(1, AudioFormat.S16, 8000, 0))
        assert sink.named("start")[1:] == [("start", 8000, 1)]


@pytest.mark.parametrize(
    "start",
    [
        wire.Start(2, 2, 48000, 0),
        wire.Start(0, 1, 48000, 0),
        wire.Start(0xFFFFFFFF, 1, 48000, 0),
        wire.Start(2, 1, 0, 0),
        wire.Start(2, 1, 0xFFFFFFFF, 0),
    ],
)
async def test_absurd_formats_are_refused(start: wire.Start) -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, START, start, wire.Data(1, b"1234"))
        assert sink.named("start", "push", "stop") == [("start", 44100, 2), ("stop",)]
        assert session.client.unsupported == {"playback:bad start": 1}
        await send(session, START, wire.Data(1, b"1234"))
        assert sink.heard == b"1234"


@pytest.mark.parametrize("mode", [AudioDataMode.CELT_0_5_1, 0, 77])
async def test_modes_that_are_not_announced_are_named(mode: int) -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, START, wire.Mode(0, mode, b""), wire.Data(1, b"1234"))
        assert sink.heard == b""
        assert session.client.unsupported == {"playback:mode": 1}


async def test_half_a_frame_is_refused() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, START, wire.Data(1, b"12345"))
        assert sink.heard == b""
        assert session.client.unsupported == {"playback:bad data": 1}


async def test_sound_before_start_and_after_stop_is_ignored() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, wire.Data(1, b"1234"), wire.Stop(), START, wire.Stop(), wire.Data(1, b"1234"))
        assert sink.heard == b""
        assert not session.client.unsupported


async def test_volume_mute_and_latency() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, wire.Volume([1, 65535]), wire.Mute(1), wire.Latency(150), wire.Latency(1 << 31))
        assert sink.named("volume", "mute", "min_delay")[2:] == [
            ("volume", 1, 65535),
            ("mute", True),
            ("min_delay", 150),
            ("min_delay", MAX_DELAY),
        ]
        await send(session, wire.Volume([]), wire.Volume([1] * 200))
        assert channel(session).volume == (1, 65535)
        assert session.client.unsupported == {"playback:bad volume": 2}


async def test_a_sink_that_comes_later_is_told_everything() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS) as session:
        await send(session, RAW, START, wire.Volume([5, 6]), wire.Mute(1), wire.Latency(99), wire.Data(1, b"1234"))
        channel(session).attach(sink)
        assert sink.calls == [("min_delay", 99), ("volume", 5, 6), ("mute", True), ("start", 44100, 2)]
        await send(session, wire.Data(2, b"5678"))
        channel(session).detach(sink)
        await send(session, wire.Data(3, b"9999"))
        assert sink.calls[4:] == [("push", b"5678", 2), ("stop",)]
        assert channel(session).sinks == ()


async def test_the_end_of_the_session_stops_the_sinks() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        await send(session, RAW, START)
    assert sink.calls[-1] == ("stop",)
    assert not sink.named("close")


async def test_a_notice_of_a_sink_reaches_the_user() -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        sink.notice("the device is gone")
        await session.channel.settled()
        assert session.driver.notices == ["the device is gone"]


@pytest.mark.parametrize(("wanted", "available"), [(True, True), (False, True), (True, False)])
async def test_opus_is_announced_where_it_is_there(
    wanted: bool, available: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "available", lambda: available)
    async with opened(PLAYBACK, KEYS, client={"options": Options(opus=wanted)}) as session:
        message = session.channel.link_message
        expected = {PlaybackCap.VOLUME, PlaybackCap.LATENCY} | ({PlaybackCap.OPUS} if wanted and available else set())
        assert message.channel_caps == expected


async def test_opus_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Sink()
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        monkeypatch.setattr(audio, "available", lambda: False)
        await send(session, OPUS, START, wire.Data(1, b"1234"))
        assert session.client.unsupported == {"playback:start": 1}
        assert "pip install 'spicetui[audio]'" in session.driver.notices[0]
        assert sink.heard == b""


# --- the clock


class Clock(MultimediaClock):
    """The local time is in the test's hand."""

    local = 0.0

    @classmethod
    def _local(cls) -> float:
        return cls.local


async def test_the_clock_is_at_what_is_heard() -> None:
    sink = Sink(delay=70)
    async with opened(PLAYBACK, KEYS, client=options(sink)) as session:
        session.client.session.clock = Clock()
        await send(session, RAW, START, wire.Data(5000, b"1234"))
        assert session.client.session.clock.now() == 5000 - 70
        assert session.client.session.audio_delay_ms == 70
        sink.delay = None  # a file: nobody hears it
        await send(session, wire.Data(9000, b"1234"))
        assert session.client.session.clock.now() == 9000 - SILENT_DELAY
        await send(session, wire.Latency(500), wire.Data(20_000, b"1234"))
        assert session.client.session.clock.now() == 20_000 - 500
        await send(session, wire.Stop())
        assert session.client.session.audio_delay_ms is None


def test_readings_that_scatter_are_smoothed() -> None:
    clock = Clock()
    clock.set(10_000)
    shown = []
    for step in range(400):
        Clock.local = step * 10.0
        clock.follow(10_000 + step * 10 + 5 + (8 if step % 2 else -8))
        shown.append(clock.now() - step * 10 - 10_000)
    Clock.local = 0.0
    assert {4, 5, 6} >= set(shown[200:])


def test_a_reading_far_off_is_taken_at_once() -> None:
    clock = Clock()
    clock.set(10_000)
    clock.follow(10_000 - 300)
    assert clock.now() == 9_700
    clock.follow(0xFFFFFFFF - 5)
    assert clock.now() == 0xFFFFFFFF - 5
    clock.follow(10)  # the clock wraps: 16 ms ahead, not four billion back
    assert clock.now() in (0xFFFFFFFF - 5, 0xFFFFFFFF - 4)


async def test_a_server_without_sound() -> None:
    async with opened(MAIN, (MAIN,)) as session:
        assert session.client.playback is None
