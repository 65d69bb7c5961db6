"""The machine's sound and its microphone, as the user sees and sets them."""

from __future__ import annotations

import asyncio
import datetime
import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import SpiceError
from ..features import package_version
from .screens.microphone import MicrophoneScreen
from .service import Service

if TYPE_CHECKING:
    from ..channels.playback import PlaybackChannel
    from ..channels.record import RecordChannel
    from ..client import Client
    from ..devices.audio_file import FileSink
    from ..devices.audio_output import Output
    from ..devices.audio_source import Source
    from ..interfaces import AudioSink
    from .app import SpiceApp

FULL_VOLUME = 65535
STEP = 0.05  # of a volume, at a key
MAX_GAIN = 4.0  # of the microphone
ECHO_SECONDS = 1.0  # in which the machine tells what it was told, perhaps something older already
LOOK_SECONDS = 0.1  # between two looks whether the user can be asked


class SoundService(Service):
    """What the user has set outlives a session; the consent to the microphone does not."""

    def __init__(self, app: SpiceApp) -> None:
        super().__init__(app)
        mode, _, source = app.settings.microphone.partition(":")
        self.asks = mode == "ask"  #: the user, when the machine listens
        self.starts_on = mode == "on"  #: the user has consented beforehand
        self.way = ""  #: what plays, as it was chosen in the app; empty: as the app was started
        self.source_way = source or "auto"
        self.sync = app.settings.volume_sync  #: one volume here and in the machine
        self.problem = ""  #: why the last thing that the user wanted did not work
        self.file: FileSink | None = None  #: where sound is kept now
        self.listening = False  #: the machine listens to its microphone
        self._volume = 1.0
        self._mute = False
        self._gain = 1.0
        self._mic_mute = False
        self._told_at = -ECHO_SECONDS  # when the machine was told a volume
        self._consent: bool | None = None
        self._question: MicrophoneScreen | None = None
        self._source: Source | None = None
        self._closing: set[asyncio.Task[None]] = set()

    # --- the session

    @property
    def playback(self) -> PlaybackChannel | None:
        return self.client.playback if self.client is not None else None

    @property
    def recorder(self) -> RecordChannel | None:
        return self.client.audio_recorder if self.client is not None else None

    @property
    def sink(self) -> AudioSink | None:
        """What plays, or None."""
        return self.client.session.options.audio if self.client is not None else None

    @property
    def output(self) -> Output | None:
        """What plays, where it plays on a device."""
        from ..devices.audio_output import Output

        sink = self.sink
        return sink if isinstance(sink, Output) else None

    def connected(self, client: Client) -> None:
        self.client = client
        if self.way:
            self._use(self.way)
        self._set_up()
        # Looking through all that the app is made of takes longer than a device's buffer lasts.
        gc.freeze()
        if self.starts_on:
            self._consent = True
            self.app.run_worker(self._open_microphone(), name="microphone")
        elif self.listening:
            self._ask_for_the_machine()
        super().connected(client)

    def disconnected(self) -> None:
        if self.file is not None:
            self.end_file()
        if self.sink is not None:
            self._close(self.sink)
        if self._source is not None:
            self._close(self._source)
            self._source = None
        self._consent = None
        self.listening = False
        self.problem = ""
        question, self._question = self._question, None
        if question is not None and question.is_current:
            question.dismiss(None)
        super().disconnected()

    async def aclose(self) -> None:
        if self.file is not None:
            self.end_file()
        for device in (self.sink, self._source):
            if device is not None:
                self._close(device)
        while self._closing:
            await asyncio.wait(self._closing)

    def _close(self, device: AudioSink | Source) -> None:
        """In a thread: a device may take its time, a file has to be written."""
        task = asyncio.ensure_future(asyncio.to_thread(device.close))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @property
    def words(self) -> str:
        parts = []
        recorder = self.recorder
        if self.microphone_on and recorder is not None and recorder.listening:
            parts.append("MIC muted" if recorder.mute else "MIC")
        if self.file is not None and self.file.error is None:
            parts.append(f"REC {clock(self.file.seconds)}")
        if self.has_device and self.mute:
            parts.append("muted")
        return ", ".join(parts)

    # --- what plays

    @property
    def has_device(self) -> bool:
        return self.output is not None

    @property
    def way_title(self) -> str:
        """How what plays was chosen."""
        if not self.way:
            return "off" if self.sink is None else "as started"
        return "automatic" if self.way == "auto" else self.way

    def use_way(self, spec: str) -> None:
        """Something else plays from now on; ``off`` for nothing."""
        self.problem = ""
        if self._use(spec):
            self.way = spec
            self._set_up()
        self.changed()

    def _use(self, spec: str) -> bool:
        from ..devices import audio

        client = self.client
        try:
            new = None if spec == "off" else audio.choose(spec)
        except SpiceError as error:
            self.problem = str(error)
            return False
        if client is None:
            return True
        old, client.session.options.audio = client.session.options.audio, new
        if client.playback is not None:
            if old is not None and old in client.playback.sinks:
                client.playback.detach(old)
            if new is not None:
                client.playback.attach(new)
        if old is not None:
            self._close(old)
        return True

    def play_tone(self) -> None:
        output, playback = self.output, self.playback
        self.problem = ""
        if output is None:
            self.problem = "nothing plays here: choose a device"
        elif playback is not None and playback.sound is not None:
            self.problem = "the machine plays: no test tone now"
        else:
            output.play_tone()
        self.changed()

    # --- volume

    @property
    def can_sync(self) -> bool:
        """Whether the machine's agent sets its volume."""
        return self.client is not None and self.client.main.agent.volume.available

    @property
    def synced(self) -> bool:
        return self.sync and self.can_sync and not self.app.guest.view_only

    @property
    def volume(self) -> float:
        """The user's own, 0 to 1; the machine's too where they are one."""
        return self._volume

    @volume.setter
    def volume(self, value: float) -> None:
        self._volume = round(min(1.0, max(0.0, value)), 2)
        self._set_up(tell=True)
        self.changed()

    @property
    def mute(self) -> bool:
        output = self.output
        return output.mute if output is not None else self._mute

    def toggle_mute(self) -> None:
        self._mute = not self.mute
        self._set_up(tell=True)
        self.changed()

    @property
    def gain(self) -> float:
        """The microphone's, 0 to MAX_GAIN."""
        return self._gain

    @gain.setter
    def gain(self, value: float) -> None:
        self._gain = round(min(MAX_GAIN, max(0.0, value)), 2)
        self._set_up(tell=True)
        self.changed()

    @property
    def microphone_mute(self) -> bool:
        return self._mic_mute

    def toggle_microphone_mute(self) -> None:
        self._mic_mute = not self._mic_mute
        self._set_up(tell=True)
        self.changed()

    def toggle_sync(self) -> None:
        self.sync = not self.sync
        self._set_up(tell=True)
        self.changed()

    def _set_up(self, *, tell: bool = False) -> None:
        """What the user has set, where it belongs now; *tell*: the machine too, where there is one volume.

        The machine's own volume is in its sound already, so that ours would count twice.
        """
        synced = self.synced
        if (output := self.output) is not None:
            output.volume = 1.0 if synced else self._volume
            output.mute = self._mute
        if (recorder := self.recorder) is not None:
            recorder.gain = max(1.0, self._gain) if synced else self._gain
            recorder.mute = self._mic_mute
        if tell and synced:
            self._tell()

    def _tell(self) -> None:
        assert self.client is not None
        self._told_at = time.monotonic()
        playback, recorder = self.playback, self.recorder
        try:
            if playback is not None:
                channels = playback.sound.channels if playback.sound is not None else 2
                level = round(self._volume * FULL_VOLUME)
                self.client.main.set_guest_volume([level] * channels, muted=self._mute)
            if recorder is not None:
                channels = recorder.wanted.channels if recorder.wanted is not None else 2
                level = round(min(1.0, self._gain) * FULL_VOLUME)
                self.client.main.set_guest_volume([level] * channels, muted=self._mic_mute, microphone=True)
        except SpiceError as error:
            self.problem = str(error)

    def agent_ready(self, caps: frozenset[int]) -> None:
        self._set_up(tell=True)
        self.changed()

    def agent_changed(self, connected: bool) -> None:
        self._set_up()
        self.changed()

    def volume_changed(self, microphone: bool, volumes: Sequence[int], muted: bool) -> None:
        if volumes and self.synced and time.monotonic() > self._told_at + ECHO_SECONDS:
            mean = round(sum(volumes) / len(volumes) / FULL_VOLUME, 2)
            if microphone:
                self._gain = mean if self._gain <= 1 else self._gain
            else:
                self._volume = mean
        self.changed()

    @property
    def machine_volume(self) -> float | None:
        """As the machine has set it; None where it has not told."""
        playback = self.playback
        if playback is None or not playback.volume:
            return None
        return sum(playback.volume) / len(playback.volume) / FULL_VOLUME

    # --- the microphone

    @property
    def microphone_on(self) -> bool:
        """The user has switched it on: the machine hears it whenever it listens."""
        return self._source is not None

    @property
    def source(self) -> Source | None:
        return self._source

    def microphone_wanted(self, wanted: bool) -> None:
        self.listening = wanted
        if wanted and self.client is not None:
            self._ask_for_the_machine()
        self.changed()

    def _ask_for_the_machine(self) -> None:
        if self.asks and self._consent is None and not self.microphone_on and not self.app.guest.view_only:
            self.app.run_worker(self._switch_on(asks=True), name="microphone")

    def toggle_microphone(self) -> None:
        self.problem = ""
        if self.microphone_on:
            self.app.run_worker(self._close_microphone(), name="microphone")
        elif self.recorder is None:
            self.problem = "the server offers no microphone"
        elif self.app.guest.view_only:
            self.problem = "view only: nothing is sent to the machine"
        else:
            self.app.run_worker(self._switch_on(asks=False), name="microphone")
        self.changed()

    async def _switch_on(self, *, asks: bool) -> None:
        if self._consent or await self._allowed(asks=asks):
            await self._open_microphone()

    async def _allowed(self, *, asks: bool) -> bool:
        """Asks the user, once no other question is open; *asks*: for the machine, which may have ended by then."""
        client = self.client
        if self._question is not None:
            return False
        name = printable(self.app.link.name or self.app.settings.title, 40)
        question = self._question = MicrophoneScreen(name, self.source_way, asks=asks)
        try:
            while self.app.sessions.waiting or self.app.screen is not self.app.session_screen:
                await asyncio.sleep(LOOK_SECONDS)
                if self.client is not client:
                    return False
            if asks and not self.listening:
                return False
            self.app.guest.release()
            answer = await self.app.push_screen_wait(question)
        finally:
            if self._question is question:
                self._question = None
        if answer is None or self.client is not client:
            return False
        self._consent = answer
        return answer

    async def _open_microphone(self) -> None:
        from ..devices import audio_source

        recorder = self.recorder
        if recorder is None or self.microphone_on:
            return
        try:
            source = audio_source.source(self.source_way)
            await recorder.attach(source)
        except SpiceError as error:
            self.problem = str(error)
        else:
            self._source = source
        self._set_up()
        self.changed()

    async def _close_microphone(self) -> None:
        source, self._source = self._source, None
        self.changed()
        if (recorder := self.recorder) is not None:
            await recorder.stop()
        if source is not None:
            self._close(source)

    def use_source(self, spec: str) -> None:
        """Something else is heard from now on, at once where the microphone is on."""
        from ..devices import audio_source

        self.problem = ""
        try:
            audio_source.source(spec)
        except SpiceError as error:
            self.problem = str(error)
        else:
            self.source_way = spec
            if self.microphone_on:
                self.app.run_worker(self._change_source(), name="microphone")
        self.changed()

    async def _change_source(self) -> None:
        await self._close_microphone()
        await self._open_microphone()

    # --- into a file

    def proposed_path(self) -> Path:
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in self.app.link.name or "sound")[:60]
        stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        return Path.cwd() / f"spicetui-{name}-{stamp}.{'ogg' if package_version('av') is not None else 'wav'}"

    def begin_file(self, path: Path) -> None:
        """What the machine plays is kept there too, until :meth:`end_file`."""
        from ..devices.audio_file import FileSink

        self.problem = ""
        playback = self.playback
        path = path.expanduser()
        try:
            if playback is None:
                raise SpiceError("the server offers no sound")
            if path.exists():
                raise SpiceError(f"{path} is there already")
            if not path.parent.is_dir():
                raise SpiceError(f"{path.parent} is no folder")
            self.file = FileSink(path)
        except SpiceError as error:
            self.problem = str(error)
        else:
            playback.attach(self.file)
        self.changed()

    def end_file(self) -> None:
        file, self.file = self.file, None
        if file is None:
            return
        playback = self.playback
        if playback is not None and file in playback.sinks:
            playback.detach(file)
        task = asyncio.ensure_future(self._finish(file))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self.changed()

    async def _finish(self, file: FileSink) -> None:
        await asyncio.to_thread(file.close)
        if file.error is not None:
            self.problem = file.error
        elif file.paths:
            self.app.say(f"Saved {', '.join(str(path) for path in file.paths)} ({clock(file.seconds)})")
        else:
            self.app.say("The machine has played nothing: no file was written")
        self.changed()


def clock(seconds: float) -> str:
    """75.3 as ``1:15``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
