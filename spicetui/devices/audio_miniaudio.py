"""Devices by miniaudio: PulseAudio, PipeWire's PulseAudio, ALSA, CoreAudio, WASAPI, each loaded when it is there."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

from .audio_buffer import JitterBuffer
from .audio_output import DeviceError, Stream

#: Names of miniaudio's ways to a device on Linux; JACK's library writes to the terminal where no server runs.
LINUX = ("PULSEAUDIO", "ALSA")

APP_NAME = "spicetui"

#: Milliseconds between a device's end of its buffer and the ear.
OWN_MS = 10


def library() -> Any:
    """Raises DeviceError where it is not installed."""
    try:
        import miniaudio  # type: ignore[import-untyped,unused-ignore]
    except (ImportError, OSError) as error:
        raise DeviceError(f"not installed ({error}): pip install 'spicetui[audio]'") from None
    _silence_alsa()
    return miniaudio


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_silent = _HANDLER(lambda *_: None)
_silencing = threading.Lock()


def _silence_alsa() -> None:
    """ALSA's library writes its errors to the terminal, into the picture."""
    if sys.platform != "linux":
        return
    with _silencing:
        try:
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_silent)
        except (OSError, AttributeError):
            pass  # there is none


def ways(miniaudio: Any) -> list[Any]:
    """The ways to a device, the best first."""
    if sys.platform == "linux":
        return [getattr(miniaudio.Backend, name) for name in LINUX]
    return [way for way in miniaudio.Backend if way.name not in ("NULL", "CUSTOM", "JACK")]


def reason(error: Exception) -> str:
    """A MiniaudioError in words."""
    text = str(error.args[0] if error.args else error)
    code = error.args[1] if len(error.args) > 1 else None
    known = {
        -401: "no sound server or card answers",
        -301: "the device was lost",
        -15: "the device is busy",
        -1: "the sound server has no device for it",
    }
    return known.get(code, f"{text} ({code})") if isinstance(code, int) else text


def devices(kind: str = "playback") -> list[str]:
    """Names of what can play, or of what can hear with *kind* ``capture``. Raises DeviceError."""
    return [device["name"] for _, device in _devices(library(), kind)]


def _devices(miniaudio: Any, kind: str) -> list[tuple[Any, dict[str, Any]]]:
    for way in ways(miniaudio):
        try:
            found = miniaudio.Devices([way])
            listed = found.get_playbacks() if kind == "playback" else found.get_captures()
        except miniaudio.MiniaudioError:
            continue
        return [(way, device) for device in listed]
    raise DeviceError("no sound server or card answers")


def find(miniaudio: Any, name: str, kind: str) -> tuple[list[Any], Any]:
    """The way to the device whose name contains *name*, and its id. Raises DeviceError."""
    if not name:
        return ways(miniaudio), None
    found = _devices(miniaudio, kind)
    part = name.lower()
    for way, device in sorted(found, key=lambda one: one[1]["name"].lower() != part):  # the whole name first
        if part in device["name"].lower():
            return [way], device["id"]
    raise DeviceError(f"no device is called {name!r}; there is {', '.join(device['name'] for _, device in found)}")


class MiniaudioStream:
    def __init__(self, miniaudio: Any, buffer: JitterBuffer, rate: int, channels: int, ms: int, device: str) -> None:
        chosen, id = find(miniaudio, device, "playback")
        self.lost: str | None = None
        try:
            self._device = miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=channels,
                sample_rate=rate,
                buffersize_msec=ms,
                device_id=id,
                backends=chosen,
                app_name=APP_NAME,
            )
            self._device.stop_callback = self._stopped
            feeding = _feed(buffer, 2 * channels)
            next(feeding)
            self._device.start(feeding)
        except miniaudio.MiniaudioError as error:
            raise DeviceError(reason(error)) from None
        self.name = f"miniaudio, {self._device.backend}"
        self.delay_ms = float(ms + OWN_MS)

    def _stopped(self) -> None:
        self.lost = "the device was taken away"

    def close(self) -> None:
        self._device.stop_callback = None
        self._device.close()


def _feed(buffer: JitterBuffer, frame: int) -> Generator[bytes, int, None]:
    """Runs in the device's own thread: no call of it may fail or wait."""
    count = yield b""
    while True:
        count = yield buffer.pull(count * frame)


class MiniaudioBackend:
    """*device*: a part of its name, empty for the default one."""

    name = "miniaudio"

    def __init__(self, device: str = "") -> None:
        self.device = device

    def open(self, buffer: JitterBuffer, rate: int, channels: int, latency_ms: int) -> Stream:
        return MiniaudioStream(library(), buffer, rate, channels, latency_ms, self.device)


class MiniaudioCapture:
    """Hears a device; *deliver* takes whole frames in the device's own thread. Raises DeviceError."""

    def __init__(self, rate: int, channels: int, deliver: Callable[[bytes], None], device: str = "") -> None:
        miniaudio = library()
        self.lost: str | None = None
        chosen, id = find(miniaudio, device, "capture")
        try:
            self._device = miniaudio.CaptureDevice(
                input_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=channels,
                sample_rate=rate,
                buffersize_msec=10,
                device_id=id,
                backends=chosen,
                app_name=APP_NAME,
            )
            self._device.stop_callback = self._stopped
            taking = _deliver(deliver)
            next(taking)
            self._device.start(taking)
        except miniaudio.MiniaudioError as error:
            raise DeviceError(reason(error)) from None
        self.name = f"miniaudio, {self._device.backend}"

    def _stopped(self) -> None:
        self.lost = "the device was taken away"

    def close(self) -> None:
        self._device.stop_callback = None
        self._device.close()


def _deliver(deliver: Callable[[bytes], None]) -> Generator[None, bytes, None]:
    while True:
        data = yield
        if data:
            deliver(bytes(data))
