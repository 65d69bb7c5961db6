"""Microphones: programs and files, lost and found."""

from __future__ import annotations

import queue
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spicetui import AudioFormat
from spicetui.devices import audio, audio_source
from spicetui.devices.audio_source import FileHearer, ProgramHearer, Source
from spicetui.errors import FeatureMissing

DEADLINE = 20.0


class Listener:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.blocks: queue.Queue[bytes] = queue.Queue()
        self.notices: queue.Queue[str] = queue.Queue()

    def start(self, rate: int = 48_000, channels: int = 2) -> None:
        self.source.start(rate, channels, AudioFormat.S16, self.blocks.put, self.notices.put)

    def hear(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.blocks.get(timeout=DEADLINE)
        return data

    def notice(self) -> str:
        return self.notices.get(timeout=DEADLINE)


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Listener]]:
    monkeypatch.setattr(audio_source, "RETRY", 0.02)
    monkeypatch.setattr(audio_source, "LOOK", 0.01)
    made: list[Listener] = []
    yield made
    for one in made:
        one.source.stop()
        if one.source._thread is not None:
            one.source._thread.join(DEADLINE)


def listening(listeners: list[Listener], source: Source, rate: int = 48_000, channels: int = 2) -> Listener:
    listener = Listener(source)
    listeners.append(listener)
    listener.start(rate, channels)
    return listener


def program(text: str) -> ProgramHearer:
    return ProgramHearer("python", [sys.executable, "-c", text])


def test_a_program_is_heard(listeners: list[Listener]) -> None:
    text = "import sys, time; sys.stdout.buffer.write(bytes(range(1, 129)) * 150); sys.stdout.flush(); time.sleep(60)"
    listener = listening(listeners, Source([program(text)]))
    assert listener.hear(19_200) == bytes(range(1, 129)) * 150
    assert listener.source.name == "python"


def test_one_that_ends_is_told_and_started_again(listeners: list[Listener]) -> None:
    text = "import sys; sys.stdout.buffer.write(bytes(1920)); sys.stdout.flush(); sys.exit('unplugged')"
    listener = listening(listeners, Source([program(text)]))
    listener.hear(1920)
    assert listener.notice() == "the microphone was lost (python: unplugged)"
    listener.hear(1920)


def test_the_first_that_opens_is_heard(listeners: list[Listener]) -> None:
    missing = ProgramHearer("arecord", ["no-such-program"])
    text = "import sys, time; sys.stdout.buffer.write(bytes(1920)); sys.stdout.flush(); time.sleep(60)"
    listener = listening(listeners, Source([missing, program(text)]))
    listener.hear(1920)
    assert listener.notices.empty()


def test_none_is_told_once(listeners: list[Listener]) -> None:
    listener = listening(listeners, Source([ProgramHearer("arecord", ["no-such-program"])]))
    assert listener.notice() == "no microphone: arecord: no-such-program is not installed"
    assert listener.notices.empty()


def test_nothing_is_delivered_after_stop(listeners: list[Listener]) -> None:
    text = "import sys\nwhile True: sys.stdout.buffer.write(bytes(1920))"
    listener = listening(listeners, Source([program(text)]))
    listener.hear(1920)
    listener.source.stop()
    assert listener.source._thread is not None
    listener.source._thread.join(DEADLINE)
    while not listener.blocks.empty():
        listener.blocks.get()
    assert listener.blocks.empty()


def test_a_file_is_heard_at_its_own_pace(listeners: list[Listener], tmp_path: Path) -> None:
    sound = np.arange(1, 1921, dtype="<i2").tobytes()
    path = tmp_path / "x.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(sound)
    listener = listening(listeners, Source([FileHearer(path)]), channels=1)
    assert listener.hear(len(sound)) == sound


@pytest.mark.parametrize("content", [None, b"", b"RIFF....", b"no wave at all"])
def test_what_is_no_file_is_told(content: bytes | None, listeners: list[Listener], tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    listener = listening(listeners, Source([FileHearer(path)]))
    assert listener.notice().startswith(f"no microphone: {path}: {path}: ")


def test_specifications(tmp_path: Path) -> None:
    for spec, name in {
        "miniaudio:USB": "miniaudio",
        "parec": "parec",
        "arecord": "arecord",
        "cmd:cat /dev/zero": "cmd:cat /dev/zero",
        f"file:{tmp_path}/x.wav": f"{tmp_path}/x.wav",
    }.items():
        source = audio.choose_source(spec)
        assert isinstance(source, Source)
        assert [hearer.name for hearer in source.hearers] == [name]
    assert audio.choose_source()
    with pytest.raises(FeatureMissing):
        audio.choose_source("ear")
