"""The reference client as a judge: SpiceClientGLib in a child process, and spicy-screenshot."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import needs, picture
from .certs import Certificates
from .process import DEADLINE, Callback, Process, ServerError

SCRIPT = Path(__file__).with_name("reference_client.py")
SERVER_MODE, CLIENT_MODE = 1, 2
COMPRESSIONS = {"off": 1, "auto_glz": 2, "auto_lz": 3, "quic": 4, "glz": 5, "lz": 6, "lz4": 7}


class ReferenceError(Exception):
    """The reference client could not do what was asked."""


@dataclass(frozen=True)
class Address:
    """Where a server listens and what it takes to get in."""

    host: str = "127.0.0.1"
    port: int | None = None
    tls_port: int | None = None
    unix_path: Path | None = None
    password: str | None = None
    tls: Certificates | None = None

    def properties(self) -> dict[str, Any]:
        """SpiceClientGLib's names for it."""
        found: dict[str, Any] = {}
        if self.unix_path is not None:
            found["unix-path"] = str(self.unix_path)
        else:
            found["host"] = self.host
        if self.port is not None:
            found["port"] = str(self.port)
        if self.tls_port is not None:
            found["tls-port"] = str(self.tls_port)
        if self.password is not None:
            found["password"] = self.password
        if self.tls is not None:
            found["ca-file"] = str(self.tls.ca)
        return found


class Reference:
    """One session of the reference client."""

    def __init__(
        self,
        directory: Path,
        address: Address,
        *,
        compression: str | None = None,
        verify: str | None = None,
        **properties: Any,
    ) -> None:
        self.directory = directory
        self._verify = verify
        self._properties = address.properties() | {k.replace("_", "-"): v for k, v in properties.items()}
        if compression is not None:
            self._properties["preferred-compression"] = COMPRESSIONS[compression]
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self.patience = DEADLINE  #: seconds until an answer

    def __enter__(self) -> Self:
        callback = Callback(self.directory / "reference.sock")
        self.process = Process(
            [needs.reference_python(), "-I", str(SCRIPT), str(callback.path)],
            self.directory / "reference.log",
            {**os.environ, "GIO_USE_VFS": "local", "GSETTINGS_BACKEND": "memory", "NO_AT_BRIDGE": "1"},
        )
        try:
            self._line = callback.accept(self.process)
        finally:
            callback.close()
        try:
            answer = self.ask("open", properties=self._properties, verify=self._verify)
            if answer["state"] != "opened":
                raise ReferenceError(f"{answer['state']}: {answer['error']}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._line.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.stop()

    def ask(self, operation: str, **arguments: Any) -> Any:
        self._number += 1
        self._line.send(json.dumps({"id": self._number, "op": operation, **arguments}).encode() + b"\n")
        while True:
            message = json.loads(self._line.read_through(b"\n", self.patience))
            if message.get("id") != self._number:
                self.events.append(message)
            elif "error" in message:
                raise ReferenceError(message["error"])
            else:
                return message["ok"]

    def rest(self, ms: int = 250, display: int = 0) -> int:
        """Waits until the display is marked and nothing was drawn for so long; the number of updates so far."""
        updates: int = self.ask("rest", ms=ms, display=display)
        return updates

    def pixel(self, x: int, y: int, rgb: tuple[int, int, int], display: int = 0) -> None:
        """Waits until the display shows that colour there."""
        self.ask("pixel", x=x, y=y, rgb=list(rgb), display=display)

    def picture(self, display: int = 0) -> picture.Picture:
        path = self.directory / "reference.ppm"
        self.ask("save", path=str(path), display=display)
        return picture.load(path)

    def key(self, scancode: int, down: bool) -> None:
        self.ask("key", scancode=scancode, down=down)


def spicy_screenshot(directory: Path, address: Address) -> tuple[picture.Picture, float]:
    """The picture at the first update after the surface appeared, and the seconds the whole command took."""
    path = directory / "spicy.ppm"
    path.unlink(missing_ok=True)
    words = [needs.program("spicy-screenshot"), f"--out-file={path}", *_options(address)]
    environment = dict(os.environ)
    if address.tls is not None:  # it has no option for the CA, but OpenSSL's default paths count
        environment["SSL_CERT_FILE"] = str(address.tls.ca)
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE, check=False, env=environment)
    took = time.perf_counter() - start
    if not path.exists():
        raise ServerError(f"spicy-screenshot wrote nothing: {done.stderr!r}")
    return picture.load(path), took


def _options(address: Address) -> list[str]:
    words = [f"--host={address.host}" if address.unix_path is None else f"--uri=spice+unix://{address.unix_path}"]
    for name, value in (("port", address.port), ("secure-port", address.tls_port), ("password", address.password)):
        if value is not None:
            words.append(f"--{name}={value}")
    return words
