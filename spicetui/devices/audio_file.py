"""Sound kept in a file: WAV, raw samples, or Opus in Ogg. A thread writes, so a slow disk never stops the session."""

from __future__ import annotations

import contextlib
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from ..errors import FeatureMissing, SpiceError
from ..interfaces import AudioFormat

#: Sound that waits for the disk; beyond it the newest is lost, which is told.
MAX_WAITING = 64 << 20

SUFFIXES = (".wav", ".ogg", ".opus", ".raw", ".pcm")


class Encoding(Protocol):
    """One file in one format."""

    def write(self, pcm: bytes) -> None: ...

    def close(self) -> None: ...


class WavFile:
    """RIFF/WAVE with 16 bits; its header is right after every write where the file can be rewound."""

    HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
    ENDLESS = 0xFFFFFFFF

    def __init__(self, file: IO[bytes], rate: int, channels: int) -> None:
        self._file = file
        self._rate = rate
        self._channels = channels
        self._bytes = 0
        self._seekable = file.seekable()
        self._header(0 if self._seekable else self.ENDLESS - 36)

    def _header(self, size: int) -> None:
        frame = 2 * self._channels
        self._file.write(
            self.HEADER.pack(
                b"RIFF",
                size + 36,
                b"WAVE",
                b"fmt ",
                16,
                1,
                self._channels,
                self._rate,
                self._rate * frame,
                frame,
                16,
                b"data",
                size,
            )
        )

    def write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self._bytes += len(pcm)
        if self._seekable:
            self._file.seek(0)
            self._header(min(self._bytes, self.ENDLESS - 36))
            self._file.seek(0, 2)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class RawFile:
    """The samples and nothing else."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, pcm: bytes) -> None:
        self._file.write(pcm)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class OggFile:
    """Opus in Ogg, by PyAV. Raises FeatureMissing."""

    BIT_RATE = 96_000

    def __init__(self, path: Path, rate: int, channels: int) -> None:
        from ..codecs import audio

        if not audio.available():
            raise FeatureMissing("Ogg files need PyAV with libopus: pip install 'spicetui[audio]'; or write a .wav")
        import av

        self._av: Any = av
        self._layout = "mono" if channels == 1 else "stereo"
        if channels > 2:
            raise FeatureMissing(f"Ogg files take one or two channels, the guest plays {channels}; write a .wav")
        self._rate = rate
        self._channels = channels
        self._container = av.open(str(path), "w", format="ogg")
        self._stream: Any = self._container.add_stream("libopus", rate=audio.OPUS_RATE, layout=self._layout)
        self._stream.bit_rate = self.BIT_RATE
        self._resampler = av.AudioResampler("s16", self._layout, audio.OPUS_RATE, frame_size=960)
        self._frames = 0

    def write(self, pcm: bytes) -> None:
        frame = self._av.AudioFrame(format="s16", layout=self._layout, samples=len(pcm) // (2 * self._channels))
        frame.sample_rate = self._rate
        frame.pts = self._frames
        self._frames += frame.samples
        frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
        self._encode(frame)

    def _encode(self, frame: Any) -> None:
        for part in self._resampler.resample(frame):
            self._container.mux(self._stream.encode(part))

    def close(self) -> None:
        if self._frames:
            self._encode(None)
            self._container.mux(self._stream.encode(None))
        self._container.close()


class FileSink:
    """Writes what is played, frame by frame as it comes; the guest's volume is not applied, pauses are left out.

    When the guest changes rate or channels a further file follows: NAME-2.wav.
    """

    def __init__(self, path: Path | IO[bytes], kind: str | None = None) -> None:
        """*kind*: a suffix of SUFFIXES, by default the path's. Raises FeatureMissing for another one."""
        self._target = path
        self._kind = kind or (path.suffix.lower() if isinstance(path, Path) else ".wav")
        if self._kind not in SUFFIXES:
            raise FeatureMissing(f"{path}: no sound file ends so; there is {', '.join(SUFFIXES)}")
        self.paths: list[Path] = []
        self.bytes = 0  #: of samples that were pushed
        self.seconds = 0.0  #: of them
        self.lost_bytes = 0
        self.error: str | None = None
        self._notice: Callable[[str], None] = lambda text: None
        self._format: tuple[int, int] | None = None
        self._work: deque[tuple[int, int] | bytes | None] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    # --- what the session calls

    def attach(self, notice: Callable[[str], None]) -> None:
        self._notice = notice

    def start(self, rate: int, channels: int, format: AudioFormat) -> None:
        if (rate, channels) != self._format:
            self._format = (rate, channels)
            self._put((rate, channels))

    def push(self, pcm: bytes, mm_time: int) -> None:
        self.bytes += len(pcm)
        if self._format is not None:
            rate, channels = self._format
            self.seconds += len(pcm) / (2 * channels * rate)
        self._put(pcm)

    def _put(self, item: tuple[int, int] | bytes) -> None:
        with self._changed:
            if self._closed or self.error is not None:
                return
            if isinstance(item, bytes):
                if self._waiting + len(item) > MAX_WAITING:
                    if not self.lost_bytes:
                        self._notice(f"{self._target}: the disk is too slow, sound is lost")
                    self.lost_bytes += len(item)
                    return
                self._waiting += len(item)
            self._work.append(item)
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spice sound file", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        pass

    def set_volume(self, volumes: Sequence[int]) -> None:
        pass

    def set_mute(self, muted: bool) -> None:
        pass

    def set_min_delay(self, ms: int) -> None:
        pass

    def delay_ms(self) -> int | None:
        return None

    def close(self) -> None:
        """Returns when everything is written."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._work.append(None)
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    # --- the thread

    def _run(self) -> None:
        file: Encoding | None = None
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._work)
                    item = self._take()
                if item is None:
                    break
                if isinstance(item, tuple):
                    if file is not None:
                        file.close()
                    file = self._open(*item)
                elif file is not None:
                    file.write(item)
            if file is not None:
                file.close()
        except Exception as error:
            reason = (getattr(error, "strerror", None) or str(error)) or type(error).__name__
            self.error = str(error) if isinstance(error, SpiceError) else f"{self._target}: {reason.lower()}"
            self._notice(self.error)
            with contextlib.suppress(Exception):
                if file is not None:
                    file.close()

    def _take(self) -> tuple[int, int] | bytes | None:
        """The next thing to do; sound that has piled up comes in one piece."""
        item = self._work.popleft()
        if not isinstance(item, bytes):
            return item
        self._waiting -= len(item)
        parts = [item]
        while self._work and isinstance(self._work[0], bytes):
            part = self._work.popleft()
            assert isinstance(part, bytes)
            self._waiting -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _open(self, rate: int, channels: int) -> Encoding:
        if not isinstance(self._target, Path):
            file = self._target
        else:
            path = self._target
            if self.paths:
                path = path.with_stem(f"{path.stem}-{len(self.paths) + 1}")
            self.paths.append(path)
            if self._kind in (".ogg", ".opus"):
                return OggFile(path, rate, channels)
            file = path.open("wb")
        if self._kind == ".wav":
            return WavFile(file, rate, channels)
        return RawFile(file)
