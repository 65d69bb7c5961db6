"""The sound panel on a terminal: real channels and devices' stand-ins behind it, no server."""

from __future__ import annotations

import queue
import wave
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from terminal.terminal import Terminal
from textual.widgets import Static

from spicetui.channels.playback import PlaybackChannel
from spicetui.channels.record import RecordChannel
from spicetui.devices import audio, audio_output, audio_source
from spicetui.devices.audio_null import NullBackend
from spicetui.devices.audio_output import DeviceError, Output
from spicetui.errors import FeatureMissing
from spicetui.interfaces import Driver
from spicetui.session import MultimediaClock, Options
from spicetui.tui import sound
from spicetui.tui.panels.sound import meter
from spicetui.tui.sound import SoundService
from spicetui.wire import playback as playback_wire
from spicetui.wire import record as record_wire
from spicetui.wire.enums import AudioDataMode, AudioFormat

from .fake_client import Desktop, FakeClient, no_files
from .running import Running, running
from .snapshots import SIZES, check_panel
from .test_app import status

RATE = 48_000
PACKET = np.full((480, 2), 8192, "<i2").tobytes()  # -12 dB
HEARD = np.full((512, 2), 8192, "<i2").tobytes()  # as many frames as one message has


class Agent:
    """*can*: whether the guest sets its volume as it is told."""

    def __init__(self, can: bool) -> None:
        self.volume = SimpleNamespace(available=can)
        self.files = no_files()


class Main:
    def __init__(self, can_sync: bool) -> None:
        self.agent = Agent(can_sync)
        self.told: list[tuple[list[int], bool, bool]] = []

    def set_guest_volume(self, volumes: list[int], *, muted: bool = False, microphone: bool = False) -> None:
        if not self.agent.volume.available:
            raise FeatureMissing("no agent")
        self.told.append((volumes, muted, microphone))


class Guest(FakeClient):
    """A machine with sound; what it hears is in :attr:`sent`."""

    def __init__(self, driver: Driver, *, sink: Any = None, has_sound: bool = True, can_sync: bool = False) -> None:
        super().__init__(driver, Desktop(640, 480))
        session: Any = self.session
        session.options = Options(audio=sink)
        session.clock = MultimediaClock()
        session.audio_delay_ms = None
        session.driver = driver
        session.notice = driver.notice
        self.main: Any = Main(can_sync)
        self.sent: list[Any] = []
        if has_sound:
            self.playback = PlaybackChannel(session)
            self.audio_recorder = RecordChannel(session)
            self.audio_recorder.send = self.sent.append
            self.audio_recorder.drain = self._drain

    async def _drain(self) -> None:
        pass

    def play(self, packets: int = 1, *, rate: int = RATE) -> None:
        if self.playback.sound is None:
            self.playback.on_mode(playback_wire.Mode(0, AudioDataMode.RAW, b""))
            self.playback.on_start(playback_wire.Start(2, AudioFormat.S16, rate, 0))
        for _ in range(packets):
            self.playback.on_data(playback_wire.Data(0, PACKET))

    def listen(self) -> None:
        self.audio_recorder.on_start(record_wire.Start(2, AudioFormat.S16, RATE))

    def stop_listening(self) -> None:
        self.audio_recorder.on_stop(record_wire.Stop())

    @property
    def heard(self) -> bytes:
        return b"".join(bytes(one.data) for one in self.sent if isinstance(one, record_wire.Data))


class Microphone:
    """Hears what :meth:`say` gives it."""

    def __init__(self, name: str = "fake", *errors: str) -> None:
        self.name = name
        self.errors = list(errors)
        self.lost: str | None = None
        self.deliver: Callable[[bytes], None] = lambda block: None
        self.opened: queue.Queue[Microphone] = queue.Queue()
        self.closed = 0

    def open(self, rate: int, channels: int, deliver: Callable[[bytes], None]) -> Microphone:
        if self.errors:
            raise DeviceError(self.errors.pop(0))
        self.lost = None
        self.deliver = deliver
        self.opened.put(self)
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> Microphone:
    found = Microphone()
    known = audio_source.source

    def source(spec: str) -> audio_source.Source:
        return audio_source.Source([found]) if spec in ("auto", "other") else known(spec)

    monkeypatch.setattr(audio_source, "source", source)
    monkeypatch.setattr(audio_source, "RETRY", 0.02)
    monkeypatch.setattr(audio_source, "LOOK", 0.01)
    return found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_output, "RETRY", 0.02)
    monkeypatch.setattr(audio_output, "LOOK", 0.01)
    monkeypatch.setattr(audio_output, "PROVEN", 0.05)


def sounding(terminal: Terminal | None = None, *, settings: Any = None, **guest: Any) -> Any:
    sink = guest.pop("sink", None) or Output([NullBackend()], reason="it was asked for")
    return running(lambda driver, password: Guest(driver, sink=sink, **guest), terminal=terminal, **(settings or {}))


def service(run: Running) -> SoundService:
    return run.app.sound


def guest(run: Running) -> Guest:
    assert isinstance(run.client, Guest)
    return run.client


async def shown(run: Running, words: str) -> None:
    await run.until(lambda: words in run.terminal.text, words)


async def opened(run: Running) -> None:
    await run.until_settled()
    run.type(b"\x1dM")
    await shown(run, "What plays")
    await run.until(lambda: run.app.focused is not None, "the panel has the keys")


async def test_what_plays() -> None:
    async with sounding() as run:
        await opened(run)
        await shown(run, "the machine plays nothing")
        guest(run).play(20)
        await shown(run, "raw, 48000 Hz, 2 channels")
        await shown(run, "ms buffered")
        await shown(run, "frames dropped")
        await shown(run, "-12 dB")
        await shown(run, "it was asked for")
        guest(run).playback.on_stop(playback_wire.Stop())
        await shown(run, "the machine plays nothing")
        await run.until(lambda: "-12 dB" not in run.terminal.text)


async def test_a_machine_without_sound() -> None:
    async with sounding(has_sound=False) as run:
        await opened(run)
        await shown(run, "the server offers no sound")
        await shown(run, "the server offers no microphone")
        run.type(b"c")
        await run.until(lambda: service(run).problem == "the server offers no microphone")
        run.type(b"r")
        await shown(run, "the server offers no sound")


async def test_meters_do_not_paint_the_picture() -> None:
    """A new layout would: the panel shows levels four times a second."""
    async with sounding(Terminal(columns=160, rows=48)) as run:
        await opened(run)
        guest(run).play(20)
        await shown(run, "-12 dB")
        screen = run.app.session_screen
        layouts = []
        refresh = screen._refresh_layout
        screen._refresh_layout = lambda *a, **k: (layouts.append(1), refresh(*a, **k))  # type: ignore[func-returns-value]
        for level, words in ((4096, "-18 dB"), (2048, "-24 dB"), (16384, "-6 dB")):
            guest(run).playback.on_data(playback_wire.Data(0, np.full((480, 2), level, "<i2").tobytes()))
            await shown(run, words)
        assert not layouts


async def test_volume_and_mute_by_key_and_mouse() -> None:
    async with sounding() as run:
        await opened(run)
        run.type(b"--")
        await shown(run, "Volume 90%")
        output = service(run).output
        assert output is not None
        assert output.volume == pytest.approx(0.9)
        run.type(b"+")
        await shown(run, "Volume 95%")
        await click(run, " - ")
        await shown(run, "Volume 90%")
        run.type(b"m")
        await shown(run, "Volume 90% muted")
        assert output.mute
        await click(run, "Unmute")
        await run.until(lambda: not output.mute)
        await run.until(lambda: "muted" not in run.terminal.text)


async def click(run: Running, words: str) -> None:
    """In the middle of the words, wherever they are below the panels' names."""

    def place() -> tuple[int, int] | None:
        rows = enumerate(run.terminal.screen.display)
        return next(((row, line.index(words)) for row, line in rows if row > 0 and words in line), None)

    await run.until(lambda: place() is not None, words)
    row, column = place() or (0, 0)
    column += len(words) // 2
    run.type(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (column + 1, row + 1, column + 1, row + 1))


async def test_the_machines_volume_is_shown() -> None:
    async with sounding() as run:
        await opened(run)
        guest(run).playback.on_volume(playback_wire.Volume([32768, 32768]))
        await shown(run, "The machine's 50%")
        guest(run).playback.on_mute(playback_wire.Mute(1))
        await shown(run, "The machine's 50% muted")
        assert service(run).volume == 1.0  # ours is another one


async def test_settings_outlive_the_session() -> None:
    async with sounding() as run:
        await opened(run)
        run.type(b"-m")
        await shown(run, "Volume 95% muted")
        run.client.driver.closed(None)
        await shown(run, "Connection lost")
        first = guest(run)
        other = Output([NullBackend()])
        run._opener = lambda driver, password: Guest(driver, sink=other)
        run.type(b"\r")
        await run.until(lambda: run.client is not first and service(run).client is run.client)
        await run.until(lambda: (other.volume, other.mute) == (0.95, True))


# --- devices


async def test_another_device_while_it_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [audio.Way("auto", "automatic"), audio.Way("miniaudio:Kitchen", "Kitchen"), audio.Way("null", "nothing")]
    monkeypatch.setattr(audio, "found_ways", lambda kind: ways)
    first = Output([NullBackend()])
    async with sounding(sink=first) as run:
        await opened(run)
        guest(run).play(20)
        await shown(run, "ms buffered")
        run.type(b"-d")
        await shown(run, "Kitchen")
        run.type(b"noth")
        await run.until(lambda: "Kitchen" not in run.terminal.text)
        run.type(b"\r")
        await shown(run, "Device: null")
        second = service(run).output
        assert second is not None
        assert second is not first
        assert guest(run).playback.sinks == (second,)
        assert guest(run).session.options.audio is second
        assert second.volume == 0.95
        guest(run).play(20)
        await run.until(lambda: second.status().backend == "null")
        await run.until(lambda: first._closed)
        run.type(b"d")
        await shown(run, "Play sound by")
        run.type(b"nonsense\r")
        await shown(run, "no way to play sound")
        await run.until(lambda: "Play sound by" not in run.terminal.text)
        assert service(run).output is second
        run.type(b"d")
        await shown(run, "Play sound by")
        run.type(b"off\r")
        await shown(run, "Device: off")
        assert guest(run).playback.sinks == ()
        guest(run).play(1)


async def test_a_device_that_fails_and_comes_back() -> None:
    class Busy:
        name = "card"
        busy = True

        def open(self, *arguments: Any) -> Any:
            if self.busy:
                raise DeviceError("the device is busy")
            return NullBackend().open(*arguments)

    card = Busy()
    async with sounding(sink=Output([card])) as run:
        await opened(run)
        guest(run).play(20)
        await shown(run, "the device is busy")
        await run.until(lambda: line(run, "trouble") == "no sound device: card: the device is busy")
        card.busy = False
        output = service(run).output
        assert output is not None

        def recovered() -> bool:
            guest(run).play(2)
            return not output.trouble

        await run.until(recovered)
        await run.until(lambda: line(run, "trouble") == "")
        assert not run.task.done()


def line(run: Running, name: str) -> str:
    """What the panel says there; a notification may lie over it."""
    assert run.app.dock.panel is not None
    found = run.app.dock.panel.query_one(f"#{name}", Static)
    return str(found.content) if found.display else ""


async def test_a_test_tone() -> None:
    blocks: list[bytes] = []
    async with sounding(sink=Output([NullBackend(blocks.append)])) as run:
        await opened(run)
        run.type(b"t")
        await run.until(lambda: sum(any(block) for block in list(blocks)) > 20)
        guest(run).play(1)
        run.type(b"t")
        await shown(run, "no test tone now")


async def test_nothing_that_plays() -> None:
    async with running(lambda driver, password: Guest(driver)) as run:
        await opened(run)
        await shown(run, "Device: off")
        run.type(b"t")
        await shown(run, "choose a device")
        guest(run).play(2)
        await shown(run, "raw, 48000 Hz")


# --- the microphone


async def test_the_user_is_asked_when_the_machine_listens(microphone: Microphone) -> None:
    async with sounding() as run:
        await run.until_settled()
        guest(run).listen()
        await shown(run, "It would hear: auto")
        assert microphone.opened.empty()
        run.type(b"yaY \x1b[C\r")  # what was being typed does not allow it, the chosen button does
        await run.until(lambda: "MIC" in status(run.terminal))
        microphone.deliver(HEARD)
        await run.until(lambda: len(guest(run).heard) >= 2048)
        guest(run).stop_listening()
        await run.until(lambda: "MIC" not in status(run.terminal))
        guest(run).listen()
        await run.until(lambda: "MIC" in status(run.terminal))
        assert "It would hear" not in run.terminal.text


@pytest.mark.parametrize("keys", [b"\x1b", b"\r", b"ls -l\r"])
async def test_what_is_typed_when_the_question_comes_refuses(keys: bytes, microphone: Microphone) -> None:
    async with sounding() as run:
        await run.until_settled()
        guest(run).listen()
        await shown(run, "It would hear: auto")
        run.type(keys)
        await run.until_settled()
        guest(run).stop_listening()
        guest(run).listen()
        await opened(run)
        await shown(run, "off; the machine listens")
        assert microphone.opened.empty()
        assert not guest(run).sent
        run.type(b"c")
        await shown(run, "It would hear: auto")
        run.type(b"\t\r")
        await shown(run, "open: raw, 48000 Hz, 2 channels, fake")


async def test_switched_on_muted_louder_and_off(microphone: Microphone) -> None:
    async with sounding() as run:
        await opened(run)
        run.type(b"c")
        await shown(run, "It would hear: auto")
        run.type(b"\t\r")
        await shown(run, "on; the machine does not listen now")
        assert microphone.opened.empty()
        guest(run).listen()
        await shown(run, "open: raw")
        microphone.deliver(HEARD)
        await run.until(lambda: guest(run).audio_recorder.levels)
        await shown(run, "-12 dB")
        await click(run, "Gain")  # nothing, but the dock keeps the keys
        service(run).gain = 2.0
        await shown(run, "Gain 200%")
        microphone.deliver(HEARD)
        await shown(run, "-6 dB")
        service(run).toggle_microphone_mute()
        await shown(run, "Gain 200% muted")
        await run.until(lambda: "MIC muted" in run.app.status_line.status.services)
        guest(run).sent.clear()
        microphone.deliver(HEARD * 2)
        await run.until(lambda: len(guest(run).heard) == 4096)
        assert not any(guest(run).heard)
        run.type(b"c")
        await shown(run, "off; the machine listens")
        await run.until(lambda: microphone.closed == 1)
        run.type(b"c")  # consented already
        await shown(run, "open: raw")


async def test_a_microphone_that_is_lost_and_comes_back(microphone: Microphone) -> None:
    async with sounding(settings={"microphone": "on"}) as run:
        await opened(run)
        guest(run).listen()
        await shown(run, "open: raw")
        microphone.errors = ["no such device"] * 20
        microphone.lost = "unplugged"
        await run.until(lambda: "no microphone" in line(run, "mic-trouble") or "lost" in line(run, "mic-trouble"))
        microphone.errors.clear()
        await run.until(lambda: microphone.lost is None)
        await run.until(lambda: line(run, "mic-trouble") == "")


async def test_another_source_while_it_is_open(microphone: Microphone) -> None:
    async with sounding(settings={"microphone": "on"}) as run:
        await opened(run)
        guest(run).listen()
        await shown(run, "Source: automatic")
        microphone.opened.get(timeout=30)
        service(run).use_source("other")
        await shown(run, "Source: other")
        await run.until(lambda: microphone.closed == 1 and not microphone.opened.empty())
        service(run).use_source("nonsense")
        await run.until(lambda: "no microphone is called" in service(run).problem)
        assert service(run).source_way == "other"


async def test_off_means_not_asked_and_view_only_nothing(microphone: Microphone) -> None:
    for settings in ({"microphone": "off"}, {"view_only": True}):
        async with sounding(settings=settings) as run:
            await run.until_settled()
            guest(run).listen()
            await opened(run)
            await shown(run, "off; the machine listens")
            assert run.app.screen is run.app.session_screen
    async with sounding(settings={"view_only": True}) as run:
        await opened(run)
        run.type(b"c")
        await shown(run, "view only")
    assert microphone.opened.empty()


async def test_the_question_goes_with_the_session(microphone: Microphone) -> None:
    """And the next session asks anew."""
    async with sounding() as run:
        await run.until_settled()
        guest(run).listen()
        await shown(run, "It would hear: auto")
        run.client.driver.closed(None)
        await shown(run, "Connection lost")
        first = guest(run)
        run.type(b"\r")
        await run.until(lambda: run.client is not first)
        await run.until_settled()
        guest(run).listen()
        await shown(run, "It would hear: auto")
        assert microphone.opened.empty()


# --- one volume


async def test_one_volume_here_and_in_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "ECHO_SECONDS", 1e6)
    async with sounding(can_sync=True, settings={"volume_sync": True}) as run:
        await opened(run)
        await shown(run, "☑ one volume")
        run.client.driver.agent_ready(frozenset())
        main = guest(run).main
        await run.until(lambda: main.told == [([65535] * 2, False, False), ([65535] * 2, False, True)])
        main.told.clear()
        run.type(b"-")
        await run.until(lambda: main.told[:1] == [([62258] * 2, False, False)])
        output = service(run).output
        assert output is not None
        assert output.volume == 1.0  # the machine's sound is softer already
        main.told.clear()
        guest(run).playback.on_volume(playback_wire.Volume([65535, 65535]))  # as it was before
        await shown(run, "The machine's 100%")
        assert service(run).volume == 0.95
        monkeypatch.setattr(sound, "ECHO_SECONDS", -1e6)
        guest(run).playback.on_volume(playback_wire.Volume([32768, 32768]))
        await shown(run, "Volume 50%")
        assert main.told == []
        run.type(b"m")
        await run.until(lambda: main.told[:1] == [([32768] * 2, True, False)])
        await click(run, "☑ one volume")
        await shown(run, "☐ one volume")
        assert output.volume == 0.5


async def test_one_volume_without_an_agent() -> None:
    async with sounding() as run:
        await opened(run)
        await click(run, "☐ one volume")
        await shown(run, "needs the guest agent")
        run.type(b"-")
        output = service(run).output
        assert output is not None
        await run.until(lambda: output.volume == 0.95)


# --- into a file


async def test_sound_is_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.wav"
    async with sounding() as run:
        await opened(run)
        service(run).begin_file(path)
        guest(run).play(200)
        await shown(run, "● 0:02, 384 kB of sound")
        await run.until(lambda: "REC 0:02" in run.app.status_line.status.services)
        run.type(b"r")
        await run.until(lambda: "Saved" in run.terminal.text)
        assert guest(run).playback.sinks == (service(run).output,)
        with wave.open(str(path)) as file:
            assert file.readframes(1 << 20) == PACKET * 200
        service(run).begin_file(path)
        await run.until(lambda: "is there already" in service(run).problem)
        service(run).begin_file(tmp_path / "x.mp3")
        await run.until(lambda: "no sound file ends so" in service(run).problem)
        service(run).begin_file(tmp_path / "no" / "x.wav")
        await run.until(lambda: "is no folder" in service(run).problem)


async def test_the_app_ends_while_sound_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with sounding() as run:
        await run.until_settled()
        service(run).begin_file(path)
        guest(run).play(10)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 4800


async def test_a_disk_that_fails(tmp_path: Path) -> None:
    async with sounding() as run:
        await opened(run)
        service(run).begin_file(tmp_path / "x.wav")
        (tmp_path / "x.wav").mkdir()
        guest(run).play(1)
        await run.until(lambda: "is a directory" in service(run).problem)
        assert service(run).file is None
        await shown(run, "is a directory")


# --- how it looks


@pytest.mark.parametrize(("columns", "rows"), SIZES)
async def test_how_it_looks(columns: int, rows: int, microphone: Microphone, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output([NullBackend()], reason="the first that works of miniaudio, pacat, pw-cat")
    monkeypatch.setattr(
        Output,
        "status",
        lambda self: audio_output.Status("miniaudio, PulseAudio", "", True, RATE, 2, 118, 62, 1, 480, (0.5, 0.25)),
    )
    monkeypatch.setattr(SoundService, "proposed_path", lambda self: Path("spicetui-machine.ogg"))
    async with sounding(Terminal(columns=columns, rows=rows), sink=output, settings={"microphone": "on"}) as run:
        await opened(run)
        run.app.sound.volume = 0.8
        guest(run).playback.on_volume(playback_wire.Volume([65535, 65535]))
        guest(run).play(1)
        guest(run).listen()
        await shown(run, "open: raw")
        microphone.deliver(HEARD)
        await run.until(lambda: guest(run).audio_recorder.levels)
        await check_panel(run, "sound")


def test_a_meter() -> None:
    assert meter(0, 20).plain == "─" * 11
    assert meter(1, 20).plain == "━" * 11 + "    -0 dB".replace("-0", " 0")
    assert meter(0.001, 20).plain == "─" * 11
    assert meter(0.5, 20).plain.count("━") == 10
