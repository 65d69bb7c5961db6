"""The choice of what plays the guest's sound, and of what it hears.

A specification is one of::

    auto                     the first that works of miniaudio, pacat, pw-cat, aplay; none over SSH without PULSE_SERVER
    miniaudio[:DEVICE]       DEVICE: a part of its name
    pacat | pw-cat | aplay   programs of PulseAudio, PipeWire and ALSA
    cmd:COMMAND              any program that plays raw samples from its standard input; {rate} and {channels} in it
    fifo:PATH                a named pipe
    file:PATH                a .wav, .ogg or .raw file
    simpleaudio              by name only: it cannot stream, so there are gaps and a delay of half a second
    null                     keeps time, plays nothing
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import FeatureMissing
from ..features import package_version
from ..interfaces import AudioSink

if TYPE_CHECKING:
    from ..interfaces import AudioSource
    from .audio_buffer import JitterBuffer
    from .audio_output import Backend, Stream

VARIABLE = "SPICETUI_AUDIO"

#: Milliseconds between the arrival of sound and its being heard.
LATENCY_MS = 110

SSH_HINT = (
    "the guest plays sound, which SSH does not carry: forward PulseAudio with ssh -R 24713:127.0.0.1:4713 and "
    f"PULSE_SERVER=tcp:127.0.0.1:24713, or set {VARIABLE}=cmd:COMMAND"
)


def choose(
    spec: str | None = None, *, latency_ms: int = LATENCY_MS, environment: Mapping[str, str] = os.environ
) -> AudioSink:
    """What plays as *spec* says, else as $SPICETUI_AUDIO, else ``auto``. No device is opened yet.

    Raises FeatureMissing for a specification that means nothing.
    """
    from .audio_output import Output

    spec = spec or environment.get(VARIABLE) or "auto"
    if spec.startswith("file:"):
        from .audio_file import FileSink

        return FileSink(Path(spec.removeprefix("file:")))
    backends, reason = _backends(spec, environment)
    return Output(backends, latency_ms, reason, reason if reason is SSH_HINT else "")


def _backends(spec: str, environment: Mapping[str, str]) -> tuple[list[Backend], str]:
    from . import audio_pipe
    from .audio_null import NullBackend

    kind, _, rest = spec.partition(":")
    if spec == "auto":
        if "SSH_CONNECTION" in environment and "PULSE_SERVER" not in environment:
            return [NullBackend()], SSH_HINT
        return _automatic()
    if kind == "miniaudio":
        from .audio_miniaudio import MiniaudioBackend

        return [MiniaudioBackend(rest)], "it was asked for"
    if spec in audio_pipe.PLAYERS:
        return [audio_pipe.player(spec)], "it was asked for"
    if kind == "cmd" and rest:
        return [audio_pipe.command(rest)], "it was asked for"
    if kind == "fifo" and rest:
        return [audio_pipe.FifoBackend(rest)], "it was asked for"
    if spec == "simpleaudio":
        return [audio_pipe.simpleaudio()], "it was asked for; it cannot stream, so there are gaps between its blocks"
    if spec == "null":
        return [NullBackend()], "it was asked for"
    raise FeatureMissing(
        f"no way to play sound is called {spec!r}; there is auto, miniaudio[:DEVICE], {', '.join(audio_pipe.PLAYERS)}, "
        "cmd:COMMAND, fifo:PATH, file:PATH, simpleaudio and null"
    )


def _automatic() -> tuple[list[Backend], str]:
    from . import audio_pipe

    found: list[Backend] = []
    if package_version("miniaudio") is not None:
        from .audio_miniaudio import MiniaudioBackend

        found.append(MiniaudioBackend())
    found += [audio_pipe.player(name) for name in audio_pipe.PLAYERS if shutil.which(name) is not None]
    if not found:
        return [Missing()], "nothing that plays sound is installed"
    return found, "the first that works of " + ", ".join(backend.name for backend in found)


class Missing:
    """Stands for what is not installed."""

    name = "miniaudio"

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        from .audio_output import DeviceError

        raise DeviceError("not installed: pip install 'spicetui[audio]', or install pacat, pw-cat or aplay")


class Way(NamedTuple):
    """Something that plays or hears; *title* may come from the sound server."""

    spec: str
    title: str


def found_ways(kind: str = "playback") -> list[Way]:
    """What this machine has to play or, with *kind* ``capture``, to hear. Asks the sound server: for a thread."""
    from . import audio_miniaudio, audio_pipe
    from .audio_output import DeviceError

    found = [Way("auto", "automatic")]
    if package_version("miniaudio") is not None:
        try:
            found += [Way(f"miniaudio:{name}", name) for name in audio_miniaudio.devices(kind)]
        except DeviceError:
            pass  # what is wrong is told by what plays or hears
    programs = audio_pipe.PLAYERS if kind == "playback" else audio_pipe.HEARERS
    found += [Way(name, f"the program {name}") for name in programs if shutil.which(name) is not None]
    if kind == "playback":
        if package_version("simpleaudio") is not None:
            found.append(Way("simpleaudio", "simpleaudio (cannot stream: gaps, half a second late)"))
        found.append(Way("null", "nothing: keeps time, plays nothing"))
    return found


def choose_source(spec: str | None = None) -> AudioSource:
    """What the guest's microphone hears: ``auto``, ``miniaudio[:DEVICE]``, ``parec``, ``pw-cat``, ``arecord``,
    ``cmd:COMMAND``, ``file:PATH`` (once). Raises FeatureMissing for a specification that means nothing."""
    from .audio_source import source

    return source(spec or "auto")
