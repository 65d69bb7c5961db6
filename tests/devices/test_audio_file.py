"""Sound kept in files."""

from __future__ import annotations

import io
import os
import queue
import wave
from pathlib import Path

import numpy as np
import pytest

from spicetui import AudioFormat
from spicetui.devices import audio_file
from spicetui.devices.audio_file import FileSink
from spicetui.errors import FeatureMissing

SOUND = (np.arange(9600) * 7 % 20_000).astype("<i2").tobytes()


def keep(path: Path, *, rate: int = 48_000, channels: int = 2, sound: bytes = SOUND) -> FileSink:
    sink = FileSink(path)
    sink.attach(lambda text: None)
    sink.start(rate, channels, AudioFormat.S16)
    for at in range(0, len(sound), 1920):
        sink.push(sound[at : at + 1920], 0)
    sink.stop()
    sink.close()
    sink.close()
    return sink


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (8_000, 1), (44_100, 6)])
def test_wav(rate: int, channels: int, tmp_path: Path) -> None:
    sink = keep(tmp_path / "x.wav", rate=rate, channels=channels)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, channels, 2)
        assert file.readframes(1 << 20) == SOUND
    assert (sink.error, sink.lost_bytes, sink.bytes) == (None, 0, len(SOUND))


def test_raw(tmp_path: Path) -> None:
    keep(tmp_path / "x.raw")
    assert (tmp_path / "x.raw").read_bytes() == SOUND


def test_a_stream_that_cannot_be_rewound_has_an_endless_header() -> None:
    read, write = os.pipe()
    sink = FileSink(os.fdopen(write, "wb"))
    sink.start(48_000, 2, AudioFormat.S16)
    sink.push(SOUND[:1920], 0)
    sink.close()
    with os.fdopen(read, "rb") as file:
        data = file.read()
    assert data[:4] == b"RIFF"
    assert data[4:8] == b"\xff\xff\xff\xff"
    assert data[44:] == SOUND[:1920]


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_ogg(rate: int, tmp_path: Path) -> None:
    import av

    times = np.arange(rate) / rate
    tone = np.repeat(np.round(9000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")[:, None], 2, axis=1)
    keep(tmp_path / "x.ogg", rate=rate, sound=tone.tobytes())
    with av.open(str(tmp_path / "x.ogg")) as file:
        assert file.streams.audio[0].codec_context.name in ("opus", "libopus")
        samples = np.concatenate([np.asarray(frame.to_ndarray()) for frame in file.decode(audio=0)], axis=1)
    assert abs(samples.shape[1] - 48_000) < 100
    spectrum = np.abs(np.fft.rfft(samples[0][:48_000]))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_another_format_goes_to_another_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "x.wav")
    for rate in (48_000, 48_000, 8_000):
        sink.start(rate, 2, AudioFormat.S16)
        sink.push(SOUND[:400], 0)
    sink.close()
    assert [path.name for path in sink.paths] == ["x.wav", "x-2.wav"]
    with wave.open(str(tmp_path / "x.wav")) as first, wave.open(str(tmp_path / "x-2.wav")) as second:
        assert (first.getnframes(), second.getnframes()) == (200, 100)


def test_nothing_played_leaves_no_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "x.wav")
    sink.close()
    assert not (tmp_path / "x.wav").exists()


def test_other_suffixes_are_refused() -> None:
    with pytest.raises(FeatureMissing, match=r"there is \.wav, \.ogg"):
        FileSink(Path("x.mp3"))


def test_a_disk_that_fails_is_told_once(tmp_path: Path) -> None:
    notices: queue.Queue[str] = queue.Queue()
    sink = FileSink(tmp_path / "no" / "x.wav")
    sink.attach(notices.put)
    sink.start(48_000, 2, AudioFormat.S16)
    text = notices.get(timeout=20)
    sink.push(SOUND, 0)
    sink.close()
    assert text == sink.error
    assert "no such file" in text
    assert notices.empty()


def test_a_disk_that_is_too_slow_costs_sound_not_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_file, "MAX_WAITING", 4000)
    notices: list[str] = []

    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.go: queue.Queue[None] = queue.Queue()
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.go.get(timeout=20)
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    file = Slow()
    sink = FileSink(file, ".raw")  # type: ignore[arg-type]
    sink.attach(notices.append)
    sink.start(48_000, 2, AudioFormat.S16)
    for _ in range(10):
        sink.push(bytes(1000), 0)
    assert sink.lost_bytes >= 4000
    assert len(notices) == 1
    for _ in range(10):
        file.go.put(None)
    sink.close()
    assert len(file.data) + sink.lost_bytes == 10_000
