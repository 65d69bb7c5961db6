"""Xspice, a whole X server that speaks SPICE: started with a configuration of our own, judged by its root window.

The wrapper's --auto configuration crashes with Debian 12's X server (buffer sizes of 0), and the wrapper hangs on
TERM; so Xorg is started directly with the spiceqxl driver.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import needs, picture
from .certs import Certificates
from .process import DEADLINE, Process, ServerError, free_port
from .reference import Address

XORG = "/usr/lib/xorg/Xorg"

CONFIGURATION = """
Section "Device"
    Identifier "spice"
    Driver "spiceqxl"
    Option "SpiceAddr" "127.0.0.1"
    Option "NumHeads" "1"
    Option "SurfaceBufferSize" "128"
    Option "CommandBufferSize" "128"
    Option "FrameBufferSize" "16"
{options}
EndSection
Section "InputDevice"
    Identifier "pointer"
    Driver "xspice pointer"
EndSection
Section "InputDevice"
    Identifier "keyboard"
    Driver "xspice keyboard"
EndSection
Section "Monitor"
    Identifier "monitor"
EndSection
Section "Screen"
    Identifier "screen"
    Monitor "monitor"
    Device "spice"
    DefaultDepth 24
EndSection
Section "ServerLayout"
    Identifier "layout"
    Screen "screen"
    InputDevice "pointer"
    InputDevice "keyboard"
EndSection
Section "ServerFlags"
    Option "AutoAddDevices" "False"
    Option "BlankTime" "0"
EndSection
"""


class Xspice:
    """One X server of 1024x768 on a loopback port; `clients` allows several SPICE clients at once."""

    host = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        *,
        compression: str | None = None,
        jpeg_wan: str | None = None,
        zlib_wan: str | None = None,
        streaming: str = "off",
        video_codecs: str | None = None,
        password: str | None = None,
        tls: Certificates | None = None,
        surfaces: bool = True,
        clients: bool = True,
        sound: Path | None = None,
        agent: bool = False,
    ) -> None:
        """*sound*: a folder; what is written to a named pipe that is made there is played. *agent*: a port for one."""
        self.directory = directory
        self.password = password
        self.tls = tls
        self.port: int | None = None
        self.tls_port: int | None = None
        self.display = ""
        self._clients = clients
        self._options = {
            "SpiceImageCompression": compression,
            "SpiceJpegWanCompression": jpeg_wan,
            "SpiceZlibGlzWanCompression": zlib_wan,
            "SpiceStreamingVideo": streaming,
            "SpiceVideoCodecs": video_codecs,
            "SpicePassword": password,
            "SpiceDisableTicketing": "True" if password is None else None,
            "SpiceX509Dir": None if tls is None else str(tls.directory),
            "SpiceCacertFile": None if tls is None else str(tls.ca),
            "SpiceX509CertFile": None if tls is None else str(tls.server),
            "SpiceX509KeyFile": None if tls is None else str(tls.key),
            "EnableSurfaces": "True" if surfaces else "False",
            "SpicePlaybackFIFODir": None if sound is None else str(sound),
        }
        if agent:
            self._options |= {
                "SpiceVdagentEnabled": "True",
                "SpiceVdagentVirtioPath": str(directory / "virtio"),
                "SpiceVdagentUinputPath": str(directory / "uinput"),
                "SpiceVdagentUid": str(os.getuid()),
                "SpiceVdagentGid": str(os.getgid()),
            }

    def __enter__(self) -> Self:
        for _ in range(5):
            try:
                self._start()
            except ServerError as error:
                self.process.stop()
                if "binding socket to" in str(error) or "Address already in use" in str(error):
                    continue  # another process was quicker to the port
                raise
            return self
        raise ServerError("no free port in five attempts")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def _start(self) -> None:
        self.port = free_port()
        options = {**self._options, "SpicePort": str(self.port)}
        if self.tls is not None:
            self.tls_port = free_port()
            options["SpiceTlsPort"] = str(self.tls_port)
        lines = "\n".join(f'    Option "{name}" "{value}"' for name, value in options.items() if value is not None)
        configuration = self.directory / "xorg.conf"
        configuration.write_text(CONFIGURATION.format(options=lines))
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("XSPICE_", "QXL_", "DISPLAY"))}
        if self._clients:
            environment["SPICE_DEBUG_ALLOW_MC"] = "1"
        needs.xspice()
        ready, say = os.pipe()
        try:
            self.process = Process(
                [
                    XORG, "-config", str(configuration), "-logfile", str(self.directory / "xorg.log"),
                    "-noreset", "-nolisten", "tcp", "-novtswitch", "-sharevts", "-displayfd", str(say),
                    "-s", "0", "-dpms",
                ],
                self.directory / "xorg.out",
                environment,
                pass_fds=(say,),
            )  # fmt: skip
            os.close(say)
            say = -1
            self.display = ":" + self._read_number(ready)
        finally:
            os.close(ready)
            if say >= 0:
                os.close(say)

    def _read_number(self, ready: int) -> str:
        """X writes its display's number once it takes clients; the pipe ends when it dies before."""
        until = time.monotonic() + DEADLINE
        said = b""
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([ready], [], [], max(0.0, until - time.monotonic()))
            data = os.read(ready, 16) if readable else b""
            if not data:
                raise self.process.broken("X did not start")
            said += data
        return said.decode().strip()

    def address(self, *, tls: bool = False) -> Address:
        return Address(
            host=self.host,
            port=None if tls else self.port,
            tls_port=self.tls_port if tls else None,
            password=self.password,
            tls=self.tls if tls else None,
        )

    @property
    def environment(self) -> dict[str, str]:
        """For X clients."""
        return {**os.environ, "DISPLAY": self.display, "HOME": str(self.directory), "LC_ALL": "C.UTF-8"}

    def run(self, *words: str) -> str:
        """Runs an X client to its end; its output."""
        done = subprocess.run(
            [needs.program(words[0]), *words[1:]],
            env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words[0]} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def window(self, name: str) -> str:
        """The number of the visible window of that name, as soon as there is one.

        Asked again and again: a search fails when any window vanishes under it, and xdotool's own waiting is slow.
        """
        words = [needs.program("xdotool"), "search", "--onlyvisible", "--name", f"^{name}$"]
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout:
                return done.stdout.split()[0]
        raise self.process.broken(f"no window {name!r} came: {done.stderr}")

    def start(self, words: Sequence[str]) -> Process:
        """Starts an X client that stays."""
        return Process([needs.program(words[0]), *words[1:]], self.directory / f"{words[0]}.log", self.environment)

    def root(self) -> picture.Picture:
        """What X itself holds, without a pointer."""
        path = self.directory / "root.ppm"
        self.run("import", "-silent", "-window", "root", "-depth", "8", f"ppm:{path}")
        return picture.load(path)
