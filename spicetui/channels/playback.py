"""The playback channel: decodes what the guest plays, hands it to the sinks, and keeps the multimedia clock by them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from ..codecs import audio
from ..errors import CodecError, FeatureMissing
from ..interfaces import AudioFormat, AudioSink
from ..wire import playback as wire
from ..wire.core import Buffer
from ..wire.enums import AudioDataMode, ChannelType, PlaybackCap
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session

#: Milliseconds between the arrival of sound and the time by the clock when nothing plays it; room for video streams.
SILENT_DELAY = 120

#: A server may ask for more delay than any network needs.
MAX_DELAY = 2000

MAX_CHANNELS = 8
RATES = range(4000, 192_001)
FULL_VOLUME = 65535


class Sound(NamedTuple):
    """What is played: frames a second, channels, and whether it comes as ``raw`` or ``opus``."""

    rate: int
    channels: int
    codec: str


class PlaybackChannel(Channel):
    TYPE = ChannelType.PLAYBACK
    MESSAGES = wire.MESSAGES
    CAPS = frozenset((PlaybackCap.VOLUME, PlaybackCap.LATENCY))

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.mode = AudioDataMode.RAW
        self.sound: Sound | None = None  #: None while the guest plays nothing
        self.volume: tuple[int, ...] = ()  #: as the guest set it, one for each channel; empty: not told
        self.muted = False  #: by the guest
        self.min_delay_ms = 0  #: what the server asks for, so that video streams come in time
        self.packets = 0
        self.frames = 0  #: of all sound so far
        self.failed_packets = 0
        self._start: wire.Start | None = None
        self._decoder: audio.OpusDecoder | None = None
        self._sinks: list[AudioSink] = []
        if session.options.audio is not None:
            self.attach(session.options.audio)

    def announced(self) -> frozenset[int]:
        opus = {PlaybackCap.OPUS} if self.session.options.opus and audio.available() else frozenset()
        return super().announced() | opus

    # --- sinks

    @property
    def sinks(self) -> tuple[AudioSink, ...]:
        return tuple(self._sinks)

    def attach(self, sink: AudioSink) -> None:
        """Sound goes to *sink* too, from now on. The first one's delay is what video streams are shown by."""
        loop = asyncio.get_running_loop()

        def notice(text: str) -> None:
            try:
                loop.call_soon_threadsafe(self.session.notice, text)
            except RuntimeError:
                pass  # the loop is closed, and with it the session

        self._sinks.append(sink)
        sink.attach(notice)
        sink.set_min_delay(self.min_delay_ms)
        if self.volume:
            sink.set_volume(self.volume)
        sink.set_mute(self.muted)
        if self.sound is not None:
            sink.start(self.sound.rate, self.sound.channels, AudioFormat.S16)

    def detach(self, sink: AudioSink) -> None:
        """*sink* gets no more sound. It is not closed: whoever made it does that."""
        self._sinks.remove(sink)
        if self.sound is not None:
            sink.stop()

    # --- messages

    def on_start(self, message: wire.Start) -> Coroutine[Any, Any, None] | None:
        self._start = message
        self.min_delay_ms = 0
        for sink in self._sinks:
            sink.set_min_delay(0)
        return self._begin()

    def on_mode(self, message: wire.Mode) -> Coroutine[Any, Any, None] | None:
        try:
            self.mode = AudioDataMode(message.mode)
        except ValueError:
            self._end()
            raise FeatureMissing(f"sound in a mode that is not known ({message.mode})") from None
        return self._begin() if self._start is not None else None

    def _begin(self) -> Coroutine[Any, Any, None] | None:
        """Starts to play as START and MODE say; libraries are loaded beside the loop."""
        self._decoder = None
        if self.mode is AudioDataMode.OPUS and "av" not in sys.modules:
            return self._load_and_begin()
        self._begin_now()
        return None

    async def _load_and_begin(self) -> None:
        await asyncio.to_thread(_load)
        self._begin_now()

    def _begin_now(self) -> None:
        start = self._start
        assert start is not None
        if start.format != AudioFormat.S16 or not 1 <= start.channels <= MAX_CHANNELS or start.frequency not in RATES:
            self._end()
            raise CodecError(f"sound of {start.channels} channels at {start.frequency} Hz in format {start.format}")
        if self.mode is AudioDataMode.OPUS:
            try:
                self._decoder = audio.OpusDecoder(start.channels)
            except (CodecError, FeatureMissing):
                self._end()
                raise
            sound = Sound(audio.OPUS_RATE, start.channels, "opus")
        elif self.mode is AudioDataMode.RAW:
            sound = Sound(start.frequency, start.channels, "raw")
        else:
            self._end()
            raise FeatureMissing(f"sound in mode {self.mode.name.lower()}, which is not announced")
        before, self.sound = self.sound, sound
        if before is None or before[:2] != sound[:2]:
            self.log.info("playing %s, %d Hz, %d channels", sound.codec, sound.rate, sound.channels)
            for sink in self._sinks:
                sink.start(sound.rate, sound.channels, AudioFormat.S16)

    def on_data(self, message: wire.Data) -> None:
        if self.sound is None:
            return
        pcm = self._samples(message.data)
        if not pcm:
            return
        self.packets += 1
        self.frames += len(pcm) // (2 * self.sound.channels)
        for sink in self._sinks:
            sink.push(pcm, message.time)
        self._keep_time(message.time)

    def _samples(self, data: Buffer) -> bytes:
        """Whole frames of signed 16 bits. Raises CodecError."""
        assert self.sound is not None
        try:
            if self._decoder is not None:
                return self._decoder.decode(data)
            if len(data) % (2 * self.sound.channels):
                raise CodecError(f"{len(data)} bytes are no whole number of frames of {self.sound.channels} channels")
        except CodecError:
            self.failed_packets += 1
            raise
        return bytes(data)

    def on_stop(self, message: wire.Stop) -> None:
        self._start = None
        self._end()

    def on_volume(self, message: wire.Volume) -> None:
        if not message.volume or len(message.volume) > MAX_CHANNELS:
            raise CodecError(f"the volume of {len(message.volume)} channels")
        self.volume = tuple(message.volume)
        for sink in self._sinks:
            sink.set_volume(self.volume)
        self.session.driver.volume_changed(False, self.volume, self.muted)

    def on_mute(self, message: wire.Mute) -> None:
        self.muted = bool(message.mute)
        for sink in self._sinks:
            sink.set_mute(self.muted)
        self.session.driver.volume_changed(False, self.volume, self.muted)

    def on_latency(self, message: wire.Latency) -> None:
        self.min_delay_ms = min(message.latency_ms, MAX_DELAY)
        for sink in self._sinks:
            sink.set_min_delay(self.min_delay_ms)

    # --- time

    @property
    def delay_ms(self) -> int:
        """Milliseconds until what arrives now is heard."""
        heard = [delay for sink in self._sinks if (delay := sink.delay_ms()) is not None]
        return heard[0] if heard else max(SILENT_DELAY, self.min_delay_ms)

    def _keep_time(self, time: int) -> None:
        """The clock is at the time of what is heard now: while sound plays, the server leaves the clock to it."""
        delay = self.delay_ms
        self.session.audio_delay_ms = delay
        self.session.clock.follow(time - delay)

    # --- the end

    def _end(self) -> None:
        self._decoder = None
        self.session.audio_delay_ms = None
        if self.sound is not None:
            self.sound = None
            for sink in self._sinks:
                sink.stop()

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self._end()


def _load() -> None:
    try:
        import av  # noqa: F401
    except ImportError:
        pass  # said when the decoder is made
