"""The server program as a test sees it: devices, surfaces, commands, and what the server itself renders."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .. import picture
from ..certs import Certificates
from ..process import DEADLINE, Callback, Process, ServerError, free_port
from ..reference import Address
from .qxl import CursorCommand, Head, Memory, QxlCommand, SurfaceFormat, put_heads

COMPRESSIONS = {"off": 1, "auto_glz": 2, "auto_lz": 3, "quic": 4, "glz": 5, "lz": 6, "lz4": 7}
WAN = {"auto": 1, "always": 2, "never": 3}
STREAMING = {"off": 1, "all": 2, "filter": 3}
DISPLAY_CHANNEL = 2
Event = dict[str, Any]
Sound = npt.NDArray[np.int16]


class SceneServer:
    """One server. Commands go out when a client is connected, else the server renders them for whoever comes."""

    host = "127.0.0.1"

    def __init__(
        self,
        program: Path,
        directory: Path,
        *,
        compression: str = "off",
        jpeg_wan: str = "never",
        zlib_wan: str = "never",
        streaming: str = "off",
        video_codecs: str | None = None,
        password: str | None = None,
        tls: Certificates | None = None,
        unix: bool = False,
        devices: int = 1,
        clients: bool = False,
        sound: int | None = None,
    ) -> None:
        """*sound*: the rate of a sound card, without which there is none."""
        self.directory = directory
        self.password = password
        self.tls = tls
        self.port: int | None = None
        self.tls_port: int | None = None
        self.unix_path = directory / "scenes.sock" if unix else None
        self.devices = devices
        self.events: list[Event] = []
        self._program = program
        self._clients = clients
        self._options: dict[str, object] = {
            "devices": devices,
            "name": "scenes",
            "compression": COMPRESSIONS[compression],
            "jpeg_wan": WAN[jpeg_wan],
            "zlib_wan": WAN[zlib_wan],
            "streaming": STREAMING[streaming],
        }
        if sound is not None:
            self._options["sound"] = sound
        if video_codecs is not None:
            self._options["video_codecs"] = video_codecs
        if password is not None:
            self._options["password"] = password
        self._primaries: dict[int, tuple[int, int, SurfaceFormat, int, bool]] = {}
        self._number = 0

    def __enter__(self) -> Self:
        self.memory = Memory()
        try:
            for _ in range(5):
                try:
                    self._start()
                except ServerError as error:
                    self._end()
                    if "cannot listen" in str(error):
                        continue  # another process was quicker to the port
                    raise
                return self
            raise ServerError("no free port in five attempts")
        except BaseException:
            self.memory.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self.memory.close()

    def _start(self) -> None:
        callback = Callback(self.directory / "scene-server.line")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPICE_", "G_MESSAGES"))}
        if self._clients:
            environment["SPICE_DEBUG_ALLOW_MC"] = "1"
        self.process = Process(
            [str(self._program), str(callback.path), str(self.memory.fd)],
            self.directory / "scene-server.log",
            environment,
            pass_fds=(self.memory.fd,),
        )
        try:
            self._line = callback.accept(self.process)
        finally:
            callback.close()
        options = dict(self._options)
        if self.unix_path is not None:
            options["unix_path"] = self.unix_path
        else:
            self.port = options["port"] = free_port()
        if self.tls is not None:
            self.tls_port = options["tls_port"] = free_port()
            options["tls_directory"] = self.tls.directory
        for name, value in options.items():
            self._ask("set", name, value)
        self._ask("start")

    def _end(self) -> None:
        if hasattr(self, "_line"):
            self._line.close()
        self.process.stop()

    def address(self, *, tls: bool = False) -> Address:
        return Address(
            host=self.host,
            port=None if tls else self.port,
            tls_port=self.tls_port if tls else None,
            unix_path=self.unix_path,
            password=self.password,
            tls=self.tls if tls else None,
        )

    # the line

    def _read(self, seconds: float) -> Event:
        message: Event = json.loads(self._line.read_through(b"\n", seconds))
        return message

    def _ask(self, *words: object, seconds: float = DEADLINE) -> None:
        self._number += 1
        line = " ".join(map(str, (self._number, *words)))
        self._line.send(line.encode() + b"\n")
        while True:
            message = self._read(seconds)
            if message.get("id") != self._number:
                self.events.append(message)
            elif "error" in message:
                raise ServerError(f"{line}: {message['error']}; {self.process.log()}")
            else:
                return

    def wait_event(self, matches: Callable[[Event], bool], seconds: float = DEADLINE) -> Event:
        """The first report that matches, of those to come and those that nobody took yet."""
        for at, event in enumerate(self.events):
            if matches(event):
                return self.events.pop(at)
        while not matches(event := self._read(seconds)):
            self.events.append(event)
        return event

    def wait_client(self, device: int = 0) -> Event:
        """Until a client's display channel is there; its `caps` are the first bytes of what it can do."""
        return self.wait_event(lambda e: e["event"] == "client" and e["device"] == device and e["present"] == 1)

    def wait_no_client(self, device: int = 0) -> None:
        """Until the server knows that the display channel is gone."""
        gone = {"event": "channel", "what": "disconnected", "type": DISPLAY_CHANNEL, "number": device}
        self.wait_event(lambda e: e == gone)
        # The server tells the device of its client once more while that one leaves.
        self.events = [e for e in self.events if (e["event"], e.get("device")) != ("client", device)]

    # sound: frames of two samples, int16 (n, 2)

    def play(self, frames: Sound, marks: Mapping[int, QxlCommand] | None = None, device: int = 0) -> None:
        """From now on, at the rate of the sound card; a mark's drawing is done at the moment of its frame.

        The same command may be drawn again and again, and takes its place in the memory once.
        """
        address = self.memory.put(frames.astype("<i2").tobytes())
        places: dict[int, int] = {}
        for frame, command in (marks or {}).items():
            if id(command) not in places:
                places[id(command)] = command.put(self.memory)
            self._ask("sound", "mark", frame, device, places[id(command)])
        self._ask("sound", "play", address, len(frames))

    def wait_played(self) -> None:
        self.wait_event(lambda e: e["event"] == "played")

    def record(self, frames: int) -> int:
        """Starts to record so many; what :meth:`recorded` wants."""
        address = self.memory.reserve(4 * frames)
        self._ask("sound", "record", address, frames)
        return address

    def recorded(self, address: int, seconds: float = DEADLINE) -> tuple[Sound, int]:
        """What was recorded, and how often it came too late."""
        event = self.wait_event(lambda e: e["event"] == "recorded", seconds)
        samples = np.frombuffer(self.memory.map, "<i2", 2 * event["frames"], address)
        return samples.reshape(-1, 2).copy(), event["short"]

    def sound(self, verb: str, *words: int) -> None:
        """stop, volume, mute, compress, record_volume or record_mute, as sound.c has them."""
        self._ask("sound", verb, *words)

    def wait_channel(self, type: int) -> None:
        """Until a client's channel of that type is there."""
        wanted = {"event": "channel", "what": "initialized", "type": type, "number": 0}
        self.wait_event(lambda e: e == wanted)

    # requests

    def set(self, name: str, value: str) -> None:
        """compression, jpeg_wan, zlib_wan, streaming or video_codecs of a running server."""
        tables = {"compression": COMPRESSIONS, "jpeg_wan": WAN, "zlib_wan": WAN, "streaming": STREAMING}
        self._ask("set", name, tables[name][value] if name in tables else value)

    def primary(
        self,
        width: int,
        height: int,
        format: SurfaceFormat = SurfaceFormat.XRGB,
        device: int = 0,
        *,
        upright: bool = True,
    ) -> None:
        """A new primary surface, black; `upright` False stores it bottom row first, as a negative stride says."""
        if device in self._primaries:
            self._ask("destroy_primary", device)
        stride = (width * (16 if format in (SurfaceFormat.RGB555, SurfaceFormat.RGB565) else 32) + 31) // 32 * 4
        address = self.memory.reserve(stride * height)
        self._ask("primary", device, width, height, stride if upright else -stride, format.value, address)
        self._primaries[device] = (width, height, format, address, upright)

    def destroy_primary(self, device: int = 0) -> None:
        self._ask("destroy_primary", device)
        del self._primaries[device]

    def draw(self, commands: Iterable[QxlCommand], device: int = 0) -> None:
        """Returns when the server has taken them all."""
        lines = [f"draw {device} {command.command} {command.put(self.memory)}\n" for command in commands]
        self._line.send("".join(lines).encode())
        self.flush(device)

    def cursor(self, *commands: CursorCommand, device: int = 0) -> None:
        lines = [f"cursor {device} {command.put(self.memory)}\n" for command in commands]
        self._line.send("".join(lines).encode())
        self.flush(device)

    def flush(self, device: int = 0) -> None:
        self._ask("flush", device)

    def monitors(self, heads: Sequence[Head], device: int = 0) -> None:
        self._ask("monitors", device, put_heads(heads, self.memory))

    def wait_released(self, surface: int) -> None:
        """After a DestroySurface: the surface's number may be used again."""
        self.wait_event(lambda e: e["event"] == "released" and e["number"] == surface)

    def reset_cursor(self, device: int = 0) -> None:
        self._ask("reset_cursor", device)

    def reset_images(self, device: int = 0) -> None:
        self._ask("reset_images", device)

    def destroy_surfaces(self, device: int = 0) -> None:
        self._ask("destroy_surfaces", device)
        self._primaries.pop(device, None)

    def gl_scanout(self, width: int, height: int, device: int = 0) -> None:
        """The display's picture is a GPU's texture from now on."""
        self._ask("gl_scanout", device, width, height)

    def gl_draw(self, width: int, height: int, device: int = 0) -> None:
        """The texture has changed; returns when the clients that can take one have."""
        self._ask("gl_draw", device, 0, 0, width, height)

    def rendered(self, device: int = 0) -> picture.Picture:
        """What the server's own canvas makes of everything drawn so far."""
        width, height, format, address, upright = self._primaries[device]
        self._ask("update", device, 0, 0, 0, width, height)
        size = 4 if format in (SurfaceFormat.XRGB, SurfaceFormat.ARGB) else 2
        stride = -(-width * size // 4) * 4
        rows = np.frombuffer(self.memory.map, np.uint8, stride * height, address).reshape(height, stride)
        rows = rows[:: 1 if upright else -1, : width * size].copy()
        if size == 4:
            return rows.reshape(height, width, 4)[:, :, 2::-1]
        assert format is SurfaceFormat.RGB555, "no such primary surface"
        words = rows.view("<u2")
        parts = np.dstack((words >> 10 & 31, words >> 5 & 31, words & 31))
        return (parts << 3 | parts >> 2).astype(np.uint8)
