"""The sound panel: what plays and how well, the microphone, a file to keep it in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from ...diagnostics import printable
from ..screens.sound_ways import SoundWaysScreen
from ..sound import STEP, SoundService, clock
from ..widgets.line import Line
from ..widgets.status import human_bytes
from .panel import Panel

FLOOR_DB = -48.0  # the left end of a meter
LOUD_DB = -6.0
METERS = 2  # channels with one


class Words(Static):
    """Some rows, or none where there is nothing to say."""

    def __init__(self, **options: str) -> None:
        super().__init__("", markup=False, **options)  # type: ignore[arg-type]
        self._told: str | None = None

    def tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self.display = bool(text)
            self.update(printable(text, 400))


class Switch(Button):
    """A button whose words say what it does next."""

    def tell(self, label: str, *, enabled: bool = True) -> None:
        if str(self.label) != label:
            self.label = label
        if self.disabled == enabled:
            self.disabled = not enabled


class SoundPanel(Panel):
    SERVICE = "sound"
    PERIOD = 0.25
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("minus", "volume(-1)", "", key_display="- +"),
        Binding("plus,equals_sign", "volume(1)", "volume", key_display="- +"),
        Binding("m", "mute", "mute"),
        Binding("d", "device", "device"),
        Binding("c", "microphone", "microphone"),
        Binding("t", "tone", "test tone"),
        Binding("r", "file", "record"),
    ]
    DEFAULT_CSS = """
    SoundPanel .row > Line, SoundPanel .row > Static { width: auto; margin-right: 1; }
    SoundPanel .row > .setting { width: 24; }
    SoundPanel Input { width: 1fr; }
    SoundPanel .first { margin-top: 0; }
    SoundPanel #mute, SoundPanel #mic-mute, SoundPanel #record { width: 10; }
    SoundPanel #mic { width: 14; }
    SoundPanel #sync { width: 16; }
    SoundPanel .row > Button { background: $primary 30%; }
    SoundPanel .row > Button:focus { background: $primary; }
    """

    @property
    def sound(self) -> SoundService:
        return cast("SoundService", self.service)

    def compose(self) -> ComposeResult:
        yield Words(id="problem", classes="problem")
        yield Static("What plays", classes="heading first")
        yield Line(id="playing")
        yield Line(id="delay", classes="quiet")
        yield Line(id="lost", classes="quiet")
        for channel in range(METERS):
            yield Line(id=f"level{channel}")
        with Horizontal(classes="row"):
            yield Line(id="volume", classes="setting")
            yield Button("-", id="softer", compact=True)
            yield Button("+", id="louder", compact=True)
            yield Switch("Mute", id="mute", compact=True)
        with Horizontal(classes="row"):
            yield Line(id="device", classes="setting")
            yield Button("Choose", id="choose", compact=True)
            yield Button("Test tone", id="tone", compact=True)
        with Horizontal(classes="row"):
            yield Line(id="machine", classes="setting")
            yield Switch("", id="sync", compact=True)
        yield Words(id="trouble", classes="problem")
        yield Words(id="reason", classes="quiet")
        yield Static("Microphone", classes="heading")
        yield Line(id="hearing")
        yield Line(id="heard")
        with Horizontal(classes="row"):
            yield Line(id="gain", classes="setting")
            yield Button("-", id="less", compact=True)
            yield Button("+", id="more", compact=True)
            yield Switch("Mute", id="mic-mute", compact=True)
        with Horizontal(classes="row"):
            yield Line(id="source", classes="setting")
            yield Button("Choose", id="choose-source", compact=True)
            yield Switch("Switch on", id="mic", compact=True)
        yield Words(id="mic-trouble", classes="problem")
        yield Static("Record to a file", classes="heading")
        yield Words(id="file", classes="quiet")
        with Horizontal(classes="row"):
            yield Switch("Record", id="record", compact=True)
            yield Input(str(self.sound.proposed_path()), id="path", compact=True)

    def _line(self, name: str) -> Line:
        return self.query_one(f"#{name}", Line)

    def _words(self, name: str) -> Words:
        return self.query_one(f"#{name}", Words)

    def _switch(self, name: str) -> Switch:
        return self.query_one(f"#{name}", Switch)

    # --- what is shown

    def show(self) -> None:
        self._show_playback()
        self._show_microphone()
        self._show_file()
        self._words("problem").tell(self.sound.problem)

    def _show_playback(self) -> None:
        sound = self.sound
        output, playback = sound.output, sound.playback
        playing = playback.sound if playback is not None else None
        if playback is None:
            said = "the server offers no sound" if sound.client is not None else "not connected"
        elif playing is None:
            said = "the machine plays nothing"
        else:
            said = f"{playing.codec}, {playing.rate} Hz, {count(playing.channels, 'channel')}"
        delay = lost = ""
        levels: tuple[float, ...] = ()
        if output is not None:
            status = output.status()
            if status.playing or status.backend:
                delay = f"{status.backend or 'no device'}: {status.delay_ms} ms late, {status.buffered_ms} ms buffered"
                lost = f"{count(status.underruns, 'underrun')}, {count(status.dropped_frames, 'frame')} dropped"
            if playback is not None and playback.failed_packets:
                lost += f", {count(playback.failed_packets, 'packet')} broken"
            levels = status.levels
        self._line("playing").tell(said)
        self._line("delay").tell(delay)
        self._line("lost").tell(lost)
        for channel in range(METERS):
            self._meter(f"level{channel}", levels[channel : channel + 1])
        mute = " muted" if sound.mute else ""
        self._line("volume").tell(f"Volume {sound.volume:.0%}{mute}" if sound.has_device else "Volume")
        self._switch("mute").tell("Unmute" if sound.mute else "Mute", enabled=sound.has_device)
        self._line("device").tell(f"Device: {printable(sound.way_title, 60)}")
        machine = sound.machine_volume
        muted = " muted" if playback is not None and playback.muted else ""
        self._line("machine").tell(f"The machine's {machine:.0%}{muted}" if machine is not None else "The machine's")
        self._switch("sync").tell(f"{'☑' if sound.sync else '☐'} one volume")
        self._words("trouble").tell(output.trouble if output is not None else "")
        reason = output.reason if output is not None else ""
        if sound.sync and sound.client is not None and not sound.can_sync:
            reason = "one volume needs the guest agent in the machine"
        self._words("reason").tell(reason)

    def _show_microphone(self) -> None:
        sound = self.sound
        recorder, source = sound.recorder, sound.source
        if recorder is None:
            said = "the server offers no microphone" if sound.client is not None else "not connected"
        elif source is None:
            said = "off; the machine listens" if recorder.listening else "off"
        elif recorder.wanted is None:
            said = "on; the machine does not listen now"
        else:
            wanted = recorder.wanted
            said = f"open: {recorder.codec}, {wanted.frequency} Hz, {count(wanted.channels, 'channel')}"
            if source.name:
                said += f", {printable(source.name, 30)}"
        self._line("hearing").tell(said)
        self._meter("heard", recorder.levels if recorder is not None else ())
        self._line("gain").tell(f"Gain {sound.gain:.0%}{' muted' if sound.microphone_mute else ''}")
        source_way = sound.source_way
        self._line("source").tell(f"Source: {printable('automatic' if source_way == 'auto' else source_way, 60)}")
        self._switch("mic-mute").tell("Unmute" if sound.microphone_mute else "Mute")
        self._switch("mic").tell("Switch off" if source is not None else "Switch on", enabled=recorder is not None)
        trouble = source.trouble if source is not None else ""
        if recorder is not None and recorder.dropped_frames:
            trouble = trouble or f"the network is too slow: {count(recorder.dropped_frames, 'frame')} lost"
        self._words("mic-trouble").tell(trouble)

    def _show_file(self) -> None:
        file = self.sound.file
        if file is not None and file.error is not None:
            self.sound.end_file()
            file = None
        said = ""
        if file is not None:
            said = f"● {clock(file.seconds)}, {human_bytes(file.bytes)} of sound"
            if file.lost_bytes:
                said += f", {human_bytes(file.lost_bytes)} lost: the disk is too slow"
        self._words("file").tell(said)
        path = self.query_one("#path", Input)
        if path.disabled and file is None:
            path.value = str(self.sound.proposed_path())
        if path.disabled != (file is not None):
            path.disabled = file is not None
        self._switch("record").tell("Stop" if file is not None else "Record", enabled=self.sound.playback is not None)

    def _meter(self, name: str, levels: Sequence[float]) -> None:
        line = self._line(name)
        line.tell(meter(max(levels, default=0.0), max(8, line.size.width)))

    def take_focus(self) -> None:
        self.query_one("#louder", Button).focus()

    # --- what the user does

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "softer":
                self.action_volume(-1)
            case "louder":
                self.action_volume(1)
            case "mute":
                self.action_mute()
            case "choose":
                self.action_device()
            case "tone":
                self.action_tone()
            case "sync":
                self.sound.toggle_sync()
            case "less":
                self.sound.gain -= 2 * STEP
            case "more":
                self.sound.gain += 2 * STEP
            case "mic-mute":
                self.sound.toggle_microphone_mute()
            case "choose-source":
                self.action_source()
            case "mic":
                self.action_microphone()
            case "record":
                self.action_file()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_file()

    def action_volume(self, steps: int) -> None:
        self.sound.volume += steps * STEP

    def action_mute(self) -> None:
        self.sound.toggle_mute()

    def action_tone(self) -> None:
        self.sound.play_tone()

    def action_device(self) -> None:
        self.app.push_screen(SoundWaysScreen("playback", self.sound.way or "auto"), self._use_way)

    def _use_way(self, spec: str | None) -> None:
        if spec is not None:
            self.sound.use_way(spec)

    def action_source(self) -> None:
        self.app.push_screen(SoundWaysScreen("capture", self.sound.source_way), self._use_source)

    def _use_source(self, spec: str | None) -> None:
        if spec is not None:
            self.sound.use_source(spec)

    def action_microphone(self) -> None:
        self.sound.toggle_microphone()

    def action_file(self) -> None:
        if self.sound.file is not None:
            self.sound.end_file()
        else:
            self.sound.begin_file(Path(self.query_one("#path", Input).value.strip()))


def count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def meter(level: float, width: int) -> Text:
    """A bar for a sample's height, 0 to 1, in decibels from FLOOR_DB to 0."""
    decibels = 20 * math.log10(level) if level > 0 else FLOOR_DB
    share = min(1.0, max(0.0, 1 - decibels / FLOOR_DB))
    room = width - 9
    full = round(share * room)
    loud = round((1 - LOUD_DB / FLOOR_DB) * room)
    line = Text(no_wrap=True)
    line.append("━" * min(full, loud), "green")
    line.append("━" * max(0, full - loud), "red")
    line.append("─" * (room - full), "dim")
    line.append(f"{decibels:6.0f} dB" if share else "", "dim")
    return line
