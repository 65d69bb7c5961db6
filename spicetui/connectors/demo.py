"""``demo``: the embedded demo desktop, served by a child process on a private unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import ConnectError
from ..interfaces import ChannelKey
from .stream import SocketStream
from .targets import Target, TargetSettings
from .tcp import TIMEOUT_SECONDS
from .unix import UnixConnector

END_SECONDS = 2.0  #: how long the child may take to end by itself


class DemoConnector:
    """Starts the server at the first connection; :meth:`aclose` ends it, and so does the end of this process.

    The socket listens before the child runs, so that clients need not wait for its start: they queue.
    """

    def __init__(self, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._folder: str | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> UnixConnector:
        """Starts the server if it does not run yet. Raises ConnectError."""
        if self._folder is None:
            folder = tempfile.mkdtemp(prefix="spicetui-demo-")  # mode 0700: nobody else can connect
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                    listener.bind(os.path.join(folder, "spice"))  # noqa: PTH118
                    listener.listen(64)
                    self._child = subprocess.Popen(
                        # -P: the folder that the command runs in has no say in what is imported
                        [sys.executable, "-P", "-m", "spicetui", "demo", "--listen", f"fd:{listener.fileno()}"],
                        stdin=subprocess.PIPE,  # its end tells the child that this process is gone
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        env=_environment(),
                        pass_fds=(listener.fileno(),),
                        start_new_session=True,  # ctrl+c in the terminal is not for it
                    )
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise ConnectError(f"cannot start the demo desktop: {error}") from error
            self._folder = folder
        return UnixConnector(os.path.join(self._folder, "spice"), timeout=self._timeout)  # noqa: PTH118

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> SocketStream:
        connector = self.start()
        if self._child is not None and (status := self._child.poll()) is not None:
            raise ConnectError(f"the demo desktop ended with status {status}; run spicetui demo to see why")
        return await connector.spice_connect(channel, compress)

    async def aclose(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(_end, child)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _end(child: subprocess.Popen[bytes]) -> None:
    with child:  # closes its standard input
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


def _environment() -> dict[str, str]:
    """The child finds this very package, wherever it was imported from."""
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": package_parent if not path else f"{package_parent}{os.pathsep}{path}"}


def parse(text: str, settings: TargetSettings) -> Target:
    return Target(DemoConnector(timeout=settings.timeout), "demo desktop")
