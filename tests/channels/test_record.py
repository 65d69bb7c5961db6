"""The record channel: nothing without consent, everything as the guest wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from peer.fake_server import DEADLINE, MAIN, RECORD

from spicetui import AudioFormat, ChannelType, Options
from spicetui.channels import record as module
from spicetui.channels.record import RAW_PACKET, RecordChannel
from spicetui.codecs import audio
from spicetui.errors import ChannelClosed, CodecError, FeatureMissing
from spicetui.wire import record as wire
from spicetui.wire.enums import AudioDataMode, RecordCap

from .support import Opened, opened

KEYS = (MAIN, RECORD)
START = wire.Start(2, AudioFormat.S16, 48_000)
OPUS_SERVER: dict[str, Any] = {"channel_caps": {ChannelType.RECORD: frozenset((RecordCap.VOLUME, RecordCap.OPUS))}}


def recorder(session: Opened) -> RecordChannel:
    assert session.client.audio_recorder is not None
    return session.client.audio_recorder


async def listen(session: Opened, *messages: object) -> None:
    session.channel.send(*(messages or (START,)))
    await session.channel.settled()
    session.channel.skipped.clear()


async def sent(session: Opened) -> list[Any]:
    """What the client has sent so far, without the answers to settling."""
    await session.channel.settled()
    found = [m for m in session.channel.skipped if isinstance(m, wire.Mode | wire.StartMark | wire.Data)]
    session.channel.skipped.clear()
    return found


def heard(messages: list[Any]) -> np.ndarray[Any, Any]:
    data = b"".join(bytes(m.data) for m in messages if isinstance(m, wire.Data))
    return np.frombuffer(data, "<i2").reshape(-1, 2)


def numbers(count: int, first: int = 1) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.arange(first, first + 2 * count, dtype=np.int16).reshape(-1, 2)


async def test_samples_arrive_bit_exact_in_packets() -> None:
    async with opened(RECORD, KEYS) as session:
        await recorder(session).start(AudioFormat.S16, channels=2, rate=48_000)
        await listen(session)
        sound = numbers(2000)
        for at in range(0, 2000, 300):
            assert recorder(session).send_samples(sound[at : at + 300])
            await asyncio.sleep(0)
        await recorder(session).stop()
        messages = await sent(session)
        assert [type(m) for m in messages[:2]] == [wire.Mode, wire.StartMark]
        assert messages[0].mode == AudioDataMode.RAW
        assert {len(m.data) for m in messages[2:]} == {4 * RAW_PACKET}
        assert np.array_equal(heard(messages)[:2000], sound)
        assert not heard(messages)[2000:].any()
        assert not recorder(session).send_samples(sound)


async def test_nothing_is_sent_before_both_sides_have_begun() -> None:
    async with opened(RECORD, KEYS) as session:
        one = recorder(session)
        assert not one.send_samples(bytes(4096))
        await one.start()
        assert not one.send_samples(bytes(4096))
        assert (one.listening, one.recording) == (False, False)
        await listen(session)
        assert (one.listening, one.recording) == (True, True)
        assert session.driver.named("microphone_wanted") == []  # this driver does not care
        assert await sent(session) == []
        await listen(session, wire.Stop())
        assert not one.send_samples(bytes(4096))
        assert await sent(session) == []


async def test_without_start_a_listening_guest_hears_nothing() -> None:
    async with opened(RECORD, KEYS) as session:
        await listen(session)
        assert not recorder(session).send_samples(bytes(40960))
        assert await sent(session) == []


async def test_each_start_of_the_guest_gets_its_mark() -> None:
    async with opened(RECORD, KEYS) as session:
        await recorder(session).start()
        for _ in range(2):
            await listen(session, wire.Stop(), START)
            recorder(session).send_samples(numbers(RAW_PACKET))
            assert [type(m) for m in await sent(session)] == [wire.Mode, wire.StartMark, wire.Data]


@pytest.mark.parametrize("compress", [False, True])
async def test_opus_is_used_when_asked_for(compress: bool) -> None:
    async with opened(RECORD, KEYS, **OPUS_SERVER) as session:
        await recorder(session).start(compress=compress)
        await listen(session)
        recorder(session).send_samples(bytes(4 * 4800))
        messages = await sent(session)
        assert messages[0].mode == (AudioDataMode.OPUS if compress else AudioDataMode.RAW)
        assert recorder(session).codec == ("opus" if compress else "raw")
        if compress:
            decoder = audio.OpusDecoder(2)
            assert sum(len(decoder.decode(m.data)) for m in messages[2:]) == 4 * 4800


@pytest.mark.parametrize(("start", "caps"), [(START, frozenset()), (wire.Start(1, 1, 48_000), {RecordCap.OPUS})])
async def test_raw_where_opus_does_not_go(start: wire.Start, caps: frozenset[int]) -> None:
    async with opened(RECORD, KEYS, channel_caps={ChannelType.RECORD: frozenset(caps)}) as session:
        await recorder(session).start(compress=True)
        await listen(session, start)
        assert recorder(session).codec == "raw"


async def test_rate_and_channels_become_the_guests() -> None:
    async with opened(RECORD, KEYS) as session:
        await recorder(session).start(channels=1, rate=44_100)
        await listen(session)
        wave = np.round(8000 * np.sin(np.arange(44_100) * 2 * np.pi * 441 / 44_100)).astype(np.int16)
        for at in range(0, 44_100, 441):
            recorder(session).send_samples(wave[at : at + 441])
            await asyncio.sleep(0)
        sound = heard(await sent(session))
        assert abs(len(sound) - 48_000) < 2 * RAW_PACKET
        assert np.array_equal(sound[:, 0], sound[:, 1])
        spectrum = np.abs(np.fft.rfft(sound[:, 0]))
        assert spectrum.argmax() * 48_000 / len(sound) == pytest.approx(441, abs=1)


async def test_volume_and_mute() -> None:
    async with opened(RECORD, KEYS) as session:
        one = recorder(session)
        await one.start()
        await listen(session, START, wire.Volume([65535, 32768]))
        sound = np.full((RAW_PACKET, 2), 1000, np.int16)
        one.send_samples(sound)
        assert set(map(tuple, heard(await sent(session)).tolist())) == {(1000, 500)}
        await listen(session, wire.Mute(1))
        one.send_samples(sound)
        assert not heard(await sent(session)).any()
        await listen(session, wire.Mute(0))
        one.mute = True
        one.send_samples(sound)
        assert not heard(await sent(session)).any()
        await listen(session, wire.Volume([]))
        assert session.client.unsupported == {"record:bad volume": 1}


@pytest.mark.parametrize(
    "start", [wire.Start(2, 7, 48_000), wire.Start(0, 1, 48_000), wire.Start(2, 1, 3), wire.Start(900, 1, 48_000)]
)
async def test_absurd_formats_are_refused(start: wire.Start) -> None:
    async with opened(RECORD, KEYS) as session:
        await listen(session, START, start)
        assert not recorder(session).listening
        assert session.client.unsupported == {"record:bad start": 1}


async def test_what_the_program_gives_must_fit() -> None:
    async with opened(RECORD, KEYS) as session:
        one = recorder(session)
        with pytest.raises(CodecError):
            await one.start(channels=99)
        with pytest.raises(CodecError):
            await one.start(rate=1)
        await one.start()
        await listen(session)
        for wrong in (b"123", np.zeros((4, 3), np.int16), np.zeros((4, 2), np.float64)):
            with pytest.raises(CodecError):
                one.send_samples(wrong)  # type: ignore[arg-type]


async def test_a_read_only_session_has_no_microphone() -> None:
    async with opened(RECORD, KEYS, client={"options": Options(read_only=True)}) as session:
        with pytest.raises(FeatureMissing, match="read-only"):
            await recorder(session).start()


async def test_a_network_that_takes_nothing_costs_sound_not_memory() -> None:
    async with opened(RECORD, KEYS, limit=4096) as session:
        one = recorder(session)
        await one.start()
        await listen(session)
        taken = asyncio.Event()
        one.drain = taken.wait  # type: ignore[assignment, method-assign]
        for _ in range(50):
            one.send_samples(numbers(RAW_PACKET))
        assert one.frames // 48 <= module.UNDRAINED_MS + 11
        assert one.frames + one.dropped_frames == 50 * RAW_PACKET
        before = one.frames
        taken.set()
        await session.channel.settled()
        one.send_samples(numbers(RAW_PACKET))
        assert one.frames == before + RAW_PACKET


async def test_waiting_for_the_guest() -> None:
    async with opened(RECORD, KEYS) as session:
        waiting = asyncio.ensure_future(recorder(session).wait_listening())
        await asyncio.sleep(0)
        session.channel.send(START)
        await asyncio.wait_for(waiting, DEADLINE)


async def test_waiting_for_a_guest_that_leaves() -> None:
    async with opened(RECORD, KEYS) as session:
        waiting = asyncio.ensure_future(recorder(session).wait_listening())
        await asyncio.sleep(0)
        await session.channel.close()
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(waiting, DEADLINE)


class Microphone:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.deliver: Callable[[bytes], None]
        self.notice: Callable[[str], None]

    def start(
        self, rate: int, channels: int, format: AudioFormat, deliver: Callable[[bytes], None], notice: Any
    ) -> None:
        self.calls.append(("start", rate, channels))
        self.deliver, self.notice = deliver, notice

    def stop(self) -> None:
        self.calls.append(("stop",))


async def test_a_source_is_heard_while_the_guest_listens() -> None:
    source = Microphone()
    async with opened(RECORD, KEYS) as session:
        one = recorder(session)
        await one.attach(source)
        assert source.calls == []
        await listen(session)
        assert source.calls == [("start", 48_000, 2)]
        await asyncio.to_thread(source.deliver, numbers(RAW_PACKET).tobytes())
        assert np.array_equal(heard(await sent(session)), numbers(RAW_PACKET))
        source.notice("the microphone is gone")
        await listen(session, wire.Stop())
        assert source.calls[1:] == [("stop",)]
        assert session.driver.notices == ["the microphone is gone"]
        await listen(session)
        assert source.calls[2:] == [("start", 48_000, 2)]
        await one.stop()
        assert source.calls[3:] == [("stop",)]
        source.deliver(bytes(4096))
        assert await sent(session) == []


async def test_a_microphone_that_outruns_the_loop_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    source = Microphone()
    async with opened(RECORD, KEYS) as session:
        await recorder(session).attach(source)
        await listen(session)
        for _ in range(10):
            source.deliver(numbers(RAW_PACKET).tobytes())
        assert recorder(session).frames == 0
        await session.channel.settled()
        assert recorder(session).frames + recorder(session).dropped_frames == 3 * RAW_PACKET


async def test_the_users_gain_multiplies_the_guests_volume() -> None:
    async with opened(RECORD, KEYS) as session:
        one = recorder(session)
        await one.start()
        one.gain = 9.0
        assert one.gain == module.MAX_GAIN
        assert not one.levels
        await listen(session, wire.Volume([65535, 32768]), START)
        one.send_samples(np.full((RAW_PACKET, 2), 10_000, np.int16))
        assert set(map(tuple, heard(await sent(session)).tolist())) == {(32767, 20_000)}
        assert one.levels == pytest.approx((1.0, 0.61), abs=0.01)
        one.gain = 0.0
        one.send_samples(np.full((RAW_PACKET, 2), 10_000, np.int16))
        assert not heard(await sent(session)).any()
        assert one.levels == (0.0, 0.0)
        await one.stop()
        assert not one.levels


async def test_the_guests_volume_is_an_event() -> None:
    told: list[tuple[object, ...]] = []
    async with opened(RECORD, KEYS) as session:
        session.client.session.driver.volume_changed = lambda *what: told.append(what)  # type: ignore[method-assign]
        await listen(session, wire.Volume([7, 8]), wire.Mute(1))
    assert told == [(True, (7, 8), False), (True, (7, 8), True)]
