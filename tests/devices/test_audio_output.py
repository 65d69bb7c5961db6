"""Devices that work, fail, are lost and come back, as the session and the user see them."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from spicetui import AudioFormat
from spicetui.devices import audio, audio_file, audio_output, audio_pipe
from spicetui.devices.audio_buffer import JitterBuffer
from spicetui.devices.audio_null import NullBackend
from spicetui.devices.audio_output import DeviceError, Output
from spicetui.errors import FeatureMissing

DEADLINE = 20.0
TONE = np.full((480, 2), 1000, "<i2").tobytes()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "RETRY", 0.02)
    monkeypatch.setattr(audio_output, "LOOK", 0.01)
    monkeypatch.setattr(audio_output, "PROVEN", 0.05)


class Stream:
    name = "fake"
    delay_ms = 25.0

    def __init__(self, backend: Fake, buffer: JitterBuffer) -> None:
        self.backend = backend
        self.buffer = buffer
        self.lost: str | None = None
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class Fake:
    """*errors*: what opening raises, one after the other; then it opens."""

    name = "fake"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.opened: queue.Queue[Stream] = queue.Queue()
        self.formats: list[tuple[int, int]] = []

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        if self.errors:
            raise self.errors.pop(0)
        self.formats.append((rate, channels))
        stream = Stream(self, buffer)
        self.opened.put(stream)
        return stream

    def stream(self) -> Stream:
        return self.opened.get(timeout=DEADLINE)


class Notices:
    def __init__(self) -> None:
        self._queue: queue.Queue[str] = queue.Queue()

    def __call__(self, text: str) -> None:
        self._queue.put(text)

    def next(self) -> str:
        return self._queue.get(timeout=DEADLINE)

    @property
    def none(self) -> bool:
        return self._queue.empty()


Started = Callable[..., tuple[Output, Notices]]


@pytest.fixture
def started() -> Iterator[Started]:
    outputs = []

    def start(*backends: audio_output.Backend, rate: int = 48_000, channels: int = 2) -> tuple[Output, Notices]:
        output, notices = Output(backends), Notices()
        outputs.append(output)
        output.attach(notices)
        output.start(rate, channels, AudioFormat.S16)
        return output, notices

    yield start
    for output in outputs:
        output.close()


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_the_first_that_opens_plays(started: Started) -> None:
    other, fake = Fake(DeviceError("no server")), Fake()
    output, notices = started(other, fake)
    stream = fake.stream()
    until(lambda: output.status().backend == "fake")
    assert notices.none
    assert fake.formats == [(48_000, 2)]
    assert output.delay_ms() == 66 + 25
    output.close()
    assert stream.closed.is_set()


def test_none_opens_and_then_one_does(started: Started) -> None:
    fake = Fake(DeviceError("busy"), DeviceError("busy"), ValueError("a bug"))
    output, notices = started(fake)
    assert notices.next() == "no sound device: fake: busy; the session goes on without sound"
    fake.stream()
    assert notices.next() == "sound: fake plays again"
    assert notices.none
    assert output.status().trouble == ""


def test_without_a_device_sound_goes_by(started: Started) -> None:
    """The clock of video hangs on it."""
    output, notices = started(*[Fake(*[DeviceError("none")] * 10_000)])
    notices.next()
    for _ in range(40):
        output.push(TONE, 0)
    until(lambda: output.buffer.queued_ms == 0)
    assert output.status().trouble == "no sound device: fake: none"


def test_a_device_that_is_lost_is_opened_again(started: Started) -> None:
    fake = Fake()
    _, notices = started(fake)
    first = fake.stream()
    first.lost = "unplugged"
    assert notices.next() == "the sound device was lost (fake: unplugged); the session goes on without sound"
    assert first.closed.wait(DEADLINE)
    second = fake.stream()
    assert second is not first
    assert notices.next() == "sound: fake plays again"


def test_a_device_that_takes_nothing_counts_as_lost(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "STALLED", 0.05)
    fake = Fake()
    output, notices = started(fake)
    fake.stream()
    output.push(TONE, 0)
    assert "takes no sound any more" in notices.next()


def test_one_that_opens_but_never_plays_is_told_of_once(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "STALLED", 0.02)
    fake = Fake()
    output, notices = started(fake)
    for _ in range(5):
        fake.stream()
        output.push(TONE, 0)
    assert "takes no sound any more" in notices.next()
    assert notices.none


def test_another_format_opens_another_stream(started: Started) -> None:
    fake = Fake()
    output, _ = started(fake)
    first = fake.stream()
    output.start(44_100, 1, AudioFormat.S16)
    assert first.closed.wait(DEADLINE)
    fake.stream()
    assert fake.formats == [(48_000, 2), (44_100, 1)]


def test_the_device_is_given_back_some_time_after_the_end(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "LINGER", 0.05)
    fake = Fake()
    output, _ = started(fake)
    stream = fake.stream()
    output.stop()
    assert stream.closed.wait(DEADLINE)
    output.start(48_000, 2, AudioFormat.S16)
    fake.stream()


@pytest.mark.parametrize(
    ("guest", "user", "expected"),
    [([65535, 65535], 1.0, 1000), ([32768, 32768], 1.0, 500), ([65535, 65535], 0.25, 250), ([32768], 0.5, 250)],
)
def test_volumes_multiply(guest: list[int], user: float, expected: int) -> None:
    output = Output([Fake()])
    output.set_volume(guest)
    output.volume = user
    output.push(TONE, 0)
    assert np.frombuffer(bytes(output.buffer._data), "<i2").tolist() == [expected] * 960
    assert output.levels == pytest.approx((expected / 32768,) * 2)


@pytest.mark.parametrize("by", ["guest", "user"])
def test_either_may_mute(by: str) -> None:
    output = Output([Fake()])
    if by == "guest":
        output.set_mute(True)
    else:
        output.mute = True
    output.push(TONE, 0)
    assert not any(output.buffer._data)
    output.set_mute(False)
    output.mute = False
    output.push(TONE, 0)
    assert bytes(output.buffer._data).endswith(TONE)


def test_the_server_may_ask_for_more_delay() -> None:
    output = Output([Fake()], latency_ms=100)
    assert output.buffer.target_ms == 55
    output.set_min_delay(300)
    assert output.buffer.target_ms == 255
    output.set_min_delay(0)
    assert output.buffer.target_ms == 55


def test_a_test_tone(started: Started) -> None:
    blocks: list[bytes] = []
    output = Output([NullBackend(blocks.append)])
    output.play_tone(0.1)
    until(lambda: sum(any(block) for block in blocks) >= 8)
    output.close()
    assert output.buffer.target_ms == 66


def test_a_test_tone_while_the_guest_is_silent(started: Started) -> None:
    """Its device is opened and kept for a while; the guest's sound takes it over."""
    fake = Fake()
    output = Output([fake])
    output.attach(Notices())
    output.play_tone(0.1)
    stream = fake.stream()
    assert any(stream.buffer.pull(4800))
    output.start(48_000, 2, AudioFormat.S16)
    output.push(TONE, 0)
    output.play_tone()
    assert output.buffer.queued_ms < 200  # the guest plays: no tone in between
    output.close()
    assert fake.formats == [(48_000, 2)]


def test_a_test_tone_without_a_device(started: Started) -> None:
    fake = Fake(DeviceError("busy"))
    output, notices = Output([fake]), Notices()
    output.attach(notices)
    output.play_tone()
    assert notices.next() == "no sound device: fake: busy; the session goes on without sound"
    until(lambda: output.buffer.queued_ms == 0)
    assert output.status().trouble == "no sound device: fake: busy"
    output.play_tone()  # at once, however short ago it was tried
    fake.stream()
    until(lambda: output.status().backend == "fake")
    output.close()


def test_the_null_device_takes_all_by_the_clock(started: Started) -> None:
    blocks: list[bytes] = []
    output, _ = started(NullBackend(blocks.append))
    began = time.monotonic()
    for number in range(40):
        output.push(np.arange(1 + number * 480, 481 + number * 480, dtype=np.uint32).tobytes(), 0)
        time.sleep(max(0.0, began + (number + 1) / 100 - time.monotonic()))  # as a server paces it
    output.stop()
    until(lambda: output.buffer.queued_ms == 0)
    output.close()
    heard = np.frombuffer(b"".join(blocks), np.uint32)
    assert heard.max() == 40 * 480


# --- programs and pipes


def program(text: str) -> audio_pipe.ProgramBackend:
    return audio_pipe.ProgramBackend("python", [sys.executable, "-c", text])


def test_a_program_gets_every_frame(started: Started, tmp_path: Path) -> None:
    path = tmp_path / "heard"
    text = f"import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, open({str(path)!r}, 'wb'))"
    output, notices = started(program(text))
    until(lambda: output.status().backend == "python")
    sound = np.arange(1, 4801, dtype=np.uint32).reshape(10, 480)
    for packet in sound:
        output.push(packet.tobytes(), 0)
    output.stop()
    until(lambda: output.buffer.queued_ms == 0)
    output.close()
    assert np.array_equal(np.fromfile(path, np.uint32), sound.ravel())
    assert notices.none


def test_a_program_that_fails_says_why(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_pipe, "BIRTH", DEADLINE)
    _, notices = started(program("import sys; sys.exit('connection refused')"))
    assert notices.next() == "no sound device: python: connection refused; the session goes on without sound"


def test_a_program_that_fails_late_is_found_out_without_sound(started: Started) -> None:
    _, notices = started(program("import time, sys; time.sleep(0.6); sys.exit('no route to host')"))
    assert "(python: no route to host)" in notices.next()


def test_a_program_that_dies_is_lost(started: Started) -> None:
    text = "import sys; sys.stdin.buffer.read(4); sys.stdin.close(); sys.exit('cable cut')"
    output, notices = started(program(text))
    until(lambda: output.status().backend == "python")

    def cut() -> bool:
        output.push(TONE, 0)
        return not notices.none

    until(cut)
    assert "(python: cable cut)" in notices.next()


def test_a_program_that_reads_nothing_stops_nobody(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "STALLED", 0.2)
    output, notices = started(program("import time; time.sleep(60)"))
    until(lambda: output.status().backend == "python")

    def stuck() -> bool:
        output.push(TONE, 0)
        return not notices.none

    until(stuck)
    assert "takes no sound any more" in notices.next()


def test_a_program_that_is_not_there(started: Started) -> None:
    _, notices = started(audio_pipe.command("no-such-player --rate={rate}"))
    assert "no-such-player is not installed" in notices.next()


def test_a_command_gets_the_format() -> None:
    words = audio_pipe.filled(audio_pipe.command("play -r {rate} -c {channels} '{latency} ms' -").words, 44100, 2, 60)
    assert words == ["play", "-r", "44100", "-c", "2", "60 ms", "-"]


def test_a_named_pipe(started: Started, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    output, notices = started(audio_pipe.FifoBackend(str(path)))
    assert "nobody reads it" in notices.next()
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        until(lambda: output.status().backend == f"fifo:{path}")
        for number in range(10):
            output.push(np.arange(1 + number * 480, 481 + number * 480, dtype=np.uint32).tobytes(), 0)
        output.stop()
        until(lambda: output.buffer.queued_ms == 0)
        output.close()
        assert reader.stdout is not None
        heard = np.frombuffer(reader.stdout.read(), np.uint32)
    assert heard[-1] == 4800
    assert (np.diff(heard) == 1).all()


def test_a_file_is_no_named_pipe(started: Started, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")
    _, notices = started(audio_pipe.FifoBackend(str(path)))
    assert "is no named pipe" in notices.next()
    assert path.read_text() == "kept"


def test_simpleaudio_plays_block_by_block(tmp_path: Path) -> None:
    """Its child process, with a library that writes down what it is told to play."""
    (tmp_path / "simpleaudio.py").write_text(
        "import sys\n"
        "class Playing:\n"
        "    def wait_done(self): print('done', flush=True)\n"
        "def play_buffer(data, channels, width, rate):\n"
        "    print(len(data), channels, width, rate, flush=True)\n"
        "    return Playing()\n"
    )
    backend = audio_pipe.simpleaudio()
    words = audio_pipe.filled(backend.words, 48_000, 2, 60)
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", **(backend.environment or {})}
    done = subprocess.run(words, env=environment, input=bytes(120_000), capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["48000 2 2 48000", "done"] * 2 + ["24000 2 2 48000", "done"]
    assert environment["PYTHONMALLOC"] == "malloc"


def test_simpleaudio_that_is_not_installed(started: Started) -> None:
    _, notices = started(audio_pipe.simpleaudio())
    text = notices.next()
    assert "simpleaudio" in text


# --- the choice


def names(sink: object) -> list[str]:
    assert isinstance(sink, Output)
    return [backend.name for backend in sink.backends]


def test_specifications(tmp_path: Path) -> None:
    for spec, expected in {
        "miniaudio": "miniaudio",
        "miniaudio:HDMI": "miniaudio",
        "pacat": "pacat",
        "pw-cat": "pw-cat",
        "aplay": "aplay",
        "cmd:ssh box pacat": "cmd:ssh box pacat",
        "fifo:/tmp/x": "fifo:/tmp/x",
        "simpleaudio": "simpleaudio",
        "null": "null",
    }.items():
        assert names(audio.choose(spec, environment={})) == [expected]
        assert names(audio.choose(environment={"SPICETUI_AUDIO": spec})) == [expected]
    assert isinstance(audio.choose(f"file:{tmp_path}/x.wav"), audio_file.FileSink)


@pytest.mark.parametrize("spec", ["loud", "cmd:", "fifo:", "file:x.mp3", ""])
def test_what_means_nothing_is_refused(spec: str) -> None:
    if not spec:
        assert names(audio.choose(spec, environment={}))
        return
    with pytest.raises(FeatureMissing):
        audio.choose(spec, environment={})


def test_over_ssh_nothing_is_played_in_the_wrong_room() -> None:
    sink = audio.choose(environment={"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"})
    assert names(sink) == ["null"]
    assert isinstance(sink, Output)
    assert "PULSE_SERVER" in sink.reason
    told: list[str] = []
    sink.attach(told.append)
    for _ in range(2):
        sink.start(48_000, 2, AudioFormat.S16)
    sink.close()
    assert told == [sink.reason]
    forwarded = {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22", "PULSE_SERVER": "tcp:127.0.0.1:24713"}
    assert "null" not in names(audio.choose(environment=forwarded))


def test_the_order_of_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "package_version", lambda name: "1.71")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    sink = audio.choose("auto", environment={})
    assert names(sink) == ["miniaudio", "pacat", "pw-cat", "aplay"]
    assert isinstance(sink, Output)
    assert "miniaudio, pacat, pw-cat, aplay" in sink.reason


def test_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, started: Started) -> None:
    monkeypatch.setattr(audio, "package_version", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    sink = audio.choose("auto", environment={})
    assert isinstance(sink, Output)
    _, notices = started(*sink.backends)
    assert "pip install 'spicetui[audio]'" in notices.next()


def test_miniaudio_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, started: Started) -> None:
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    _, notices = started(*Output([], 1).backends, *_backends("miniaudio"))
    assert "pip install 'spicetui[audio]'" in notices.next()


def _backends(spec: str) -> tuple[audio_output.Backend, ...]:
    sink = audio.choose(spec, environment={})
    assert isinstance(sink, Output)
    return sink.backends
