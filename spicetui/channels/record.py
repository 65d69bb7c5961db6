"""The record channel: what the guest's microphone hears. Nothing is sent before :meth:`RecordChannel.start`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..codecs import audio
from ..codecs.resample import Resampler, with_channels
from ..errors import ChannelClosed, CodecError, FeatureMissing
from ..interfaces import AudioFormat, AudioSource
from ..wire import record as wire
from ..wire.core import Buffer
from ..wire.enums import AudioDataMode, ChannelType, RecordCap
from .base import Channel
from .playback import FULL_VOLUME, MAX_CHANNELS, RATES

if TYPE_CHECKING:
    from ..session import Session

#: Frames of one message. The reference server (0.15) keeps 8192 frames in a ring, and of a message that goes over its
#: end it takes the wrong part: raw ones go in without a rest. Those of Opus cannot, so it is used on request only.
RAW_PACKET = 512

#: What the reference server's Opus decoder is made for.
OPUS_CHANNELS = 2

#: How much louder the user can make the microphone.
MAX_GAIN = 4.0

#: Milliseconds of sound that may wait for the network; beyond it the newest is lost.
UNDRAINED_MS = 250

#: Blocks that wait for their turn on the loop when a microphone delivers; beyond them the newest is lost.
MAX_WAITING = 32

Samples = npt.NDArray[np.int16]


class RecordChannel(Channel):
    """``client.audio_recorder``."""

    TYPE = ChannelType.RECORD
    MESSAGES = wire.MESSAGES
    CAPS = frozenset((RecordCap.VOLUME,))

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.wanted: wire.Start | None = None  #: the guest listens, and to what
        self.volume: tuple[int, ...] = ()  #: as the guest set it, one for each channel
        self.muted = False  #: by the guest
        self.mute = False  #: by the user
        self._gain = 1.0
        self._newest: Samples | None = None
        self.codec = ""  #: ``raw`` or ``opus`` while something is sent
        self.frames = 0  #: sent so far
        self.dropped_frames = 0  #: that the network did not take
        self._given: tuple[int, int] | None = None  # rate and channels of what send_samples() gets
        self._source: AudioSource | None = None
        self._resampler: Resampler | None = None
        self._encoder: audio.OpusEncoder | None = None
        self._gains: npt.NDArray[np.float32] | None = None
        self._held = np.zeros((0, 1), np.int16)
        self._packet = RAW_PACKET
        self._compress = False
        self._marked = False
        self._changed = asyncio.Event()
        self._undrained = 0  # frames that were sent since the network took all
        self._draining: asyncio.Task[None] | None = None

    def announced(self) -> frozenset[int]:
        opus = {RecordCap.OPUS} if self.session.options.opus and audio.available() else frozenset()
        return super().announced() | opus

    # --- what a program does

    @property
    def gain(self) -> float:
        """The user's own, 0 to MAX_GAIN; multiplies the guest's volume. What becomes too loud is cut off."""
        return self._gain

    @gain.setter
    def gain(self, value: float) -> None:
        self._gain = min(MAX_GAIN, max(0.0, value))
        self._set_gains()

    @property
    def levels(self) -> tuple[float, ...]:
        """The loudest sample of each channel that was sent last, 0 to 1; empty while nothing is sent."""
        if self._newest is None or not self.recording:
            return ()
        loudest: list[float] = (np.abs(self._newest.astype(np.int32)).max(axis=0) / 32768).tolist()
        return tuple(loudest)

    @property
    def listening(self) -> bool:
        """Whether the guest listens now."""
        return self.wanted is not None

    @property
    def recording(self) -> bool:
        """Whether sound goes to the guest: both sides have begun."""
        return self.wanted is not None and self._given is not None

    async def wait_listening(self) -> None:
        """Until the guest listens. Raises ChannelClosed."""
        while self.wanted is None:
            if self.closed:
                raise ChannelClosed(f"{self.key}: closed before the guest listened")
            self._changed.clear()
            await self._changed.wait()

    async def start(
        self,
        format: AudioFormat = AudioFormat.S16,
        *,
        channels: int = 2,
        rate: int = 48_000,
        compress: bool = False,
    ) -> None:
        """What :meth:`send_samples` gets from now on may be heard by the guest, whenever it listens.

        *compress* uses Opus where both sides can; servers up to 0.15 damage some of it. Raises FeatureMissing for a
        read-only session, CodecError for a format that makes no sense.
        """
        if self.session.options.read_only:
            raise FeatureMissing("the session is read-only: nothing is sent to the guest's microphone")
        if format is not AudioFormat.S16 or not 1 <= channels <= MAX_CHANNELS or rate not in RATES:
            raise CodecError(f"a microphone of {channels} channels at {rate} Hz in format {format}")
        self._given = (rate, channels)
        self._compress = compress
        self._prepare()

    def send_samples(self, samples: Samples | Buffer) -> bool:
        """Frames (n, channels) of int16, or their bytes; in time, or the guest loses some. False: nobody listens.

        Rate and channels become those that the guest wants. Raises CodecError for the wrong number of channels.
        """
        if self._given is None or self.wanted is None or self.closed:
            return False
        frames = self._as_frames(samples, self._given[1])
        if self._undrained > self.wanted.frequency * UNDRAINED_MS // 1000:
            self.dropped_frames += len(frames)
            return True
        if self.mute or self.muted:
            frames = np.zeros_like(frames)
        frames = with_channels(frames, self.wanted.channels)
        if self._resampler is not None:
            frames = self._resampler.convert(frames)
        if self._gains is not None:
            frames = np.clip(np.round(frames * self._gains), -32768, 32767).astype(np.int16)
        if len(frames):
            self._newest = frames
        held = np.concatenate((self._held, frames)) if len(self._held) else frames
        whole = len(held) // self._packet * self._packet
        for at in range(0, whole, self._packet):
            self._send_packet(held[at : at + self._packet])
        self._held = held[whole:].copy()
        self._undrained += whole
        if whole and (self._draining is None or self._draining.done()):
            self._draining = asyncio.ensure_future(self._drain())
        return True

    async def stop(self) -> None:
        """Nothing is sent any more but what waits for a whole packet."""
        if self.recording and len(self._held):
            rest = self._packet - len(self._held)
            self._send_packet(np.concatenate((self._held, np.zeros((rest, self._held.shape[1]), np.int16))))
        self.detach()
        self._given = None
        self._newest = None
        self._held = self._held[:0]
        if self._draining is not None:
            await self._draining

    async def attach(self, source: AudioSource) -> None:
        """The guest hears *source* whenever it listens, until :meth:`stop`. Ask the user before."""
        await self.start()
        self._source = source
        if self.wanted is not None:
            self._hear()

    def detach(self) -> None:
        """*source* is stopped and not heard any more."""
        source, self._source = self._source, None
        if source is not None:
            source.stop()

    # --- inside

    @staticmethod
    def _as_frames(samples: Samples | Buffer, channels: int) -> Samples:
        if isinstance(samples, np.ndarray):
            frames = samples[:, None] if samples.ndim == 1 and channels == 1 else samples
            if frames.ndim != 2 or frames.shape[1] != channels or frames.dtype != np.int16:
                raise CodecError(f"samples {frames.shape} of {frames.dtype}, int16 (n, {channels}) are wanted")
            return frames
        if len(samples) % (2 * channels):
            raise CodecError(f"{len(samples)} bytes are no whole number of frames of {channels} channels")
        return np.frombuffer(samples, "<i2").reshape(-1, channels)

    def _prepare(self) -> None:
        """Once both sides have said what they have: how the one becomes the other."""
        if self.wanted is None or self._given is None:
            return
        rate, channels = self.wanted.frequency, self.wanted.channels
        both = self._compress and RecordCap.OPUS in self.channel_caps and RecordCap.OPUS in self.announced()
        opus = both and rate == audio.OPUS_RATE and channels == OPUS_CHANNELS
        self._packet = audio.OPUS_FRAMES if opus else RAW_PACKET
        self._encoder = audio.OpusEncoder(channels) if opus else None
        self.codec = "opus" if opus else "raw"
        self._resampler = Resampler(self._given[0], rate, channels) if self._given[0] != rate else None
        self._held = np.zeros((0, channels), np.int16)
        self._newest = None
        self._marked = False
        self._set_gains()

    def _set_gains(self) -> None:
        count = self.wanted.channels if self.wanted is not None else 0
        gains = [self._gain * value / FULL_VOLUME for value in self.volume[:count]]
        gains += [gains[-1] if gains else self._gain] * (count - len(gains))
        self._gains = None if all(gain == 1 for gain in gains) else np.array(gains, np.float32)

    def _send_packet(self, frames: npt.NDArray[Any]) -> None:
        time = self.session.clock.now()
        if not self._marked:
            self._marked = True
            mode = AudioDataMode.RAW if self._encoder is None else AudioDataMode.OPUS
            self.send(wire.Mode(time, mode, b""))
            self.send(wire.StartMark(time))
        pcm = frames.astype("<i2").tobytes()
        for data in [pcm] if self._encoder is None else self._encoder.encode(pcm):
            self.send(wire.Data(time, data))
        self.frames += len(frames)

    async def _drain(self) -> None:
        try:
            await self.drain()
            self._undrained = 0
        except ChannelClosed:
            pass  # said by the read loop

    def _hear(self) -> None:
        source, given = self._source, self._given
        if source is None or given is None:
            return
        loop = asyncio.get_running_loop()
        waiting: deque[bytes] = deque()

        def take() -> None:
            data = waiting.popleft()
            if self._source is source:
                self.send_samples(data)

        def deliver(data: bytes) -> None:
            if len(waiting) < MAX_WAITING:
                waiting.append(data)
                _call(loop, take)

        def notice(text: str) -> None:
            _call(loop, partial(self.session.notice, text))

        source.start(*given, AudioFormat.S16, deliver, notice)

    # --- messages

    def on_start(self, message: wire.Start) -> None:
        if (
            message.format != AudioFormat.S16
            or not 1 <= message.channels <= MAX_CHANNELS
            or message.frequency not in RATES
        ):
            self._end()
            raise CodecError(
                f"a microphone of {message.channels} channels at {message.frequency} Hz in format {message.format}"
            )
        self.wanted = message
        self._prepare()
        self._hear()
        self._changed.set()
        self.session.driver.microphone_wanted(True)

    def on_stop(self, message: wire.Stop) -> None:
        self._end()

    def _end(self) -> None:
        if self._source is not None:
            self._source.stop()
        if self.wanted is not None:
            self.wanted = None
            self.session.driver.microphone_wanted(False)
        self._changed.set()

    def on_volume(self, message: wire.Volume) -> None:
        if not message.volume or len(message.volume) > MAX_CHANNELS:
            raise CodecError(f"the volume of {len(message.volume)} channels")
        self.volume = tuple(message.volume)
        self._set_gains()
        self.session.driver.volume_changed(True, self.volume, self.muted)

    def on_mute(self, message: wire.Mute) -> None:
        self.muted = bool(message.mute)
        self.session.driver.volume_changed(True, self.volume, self.muted)

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self._end()
            if self._draining is not None:
                self._draining.cancel()


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        pass  # the loop is closed, and with it the session
