"""A card reader of this computer that programs take for real: pcscd with the virtual reader of vsmartcard.

pcscd has its socket in a folder of its own, by a mount namespace; programs find it by PCSCLITE_CSOCK_NAME.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from spicetui.devices.smartcard_software import Card

from . import needs
from .process import DEADLINE, Process, free_port

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
NAME = "Virtual test reader"

#: The system's folder for it is fixed in the program: another one lies over it, for this process only.
START = """\
set -e
mount -t tmpfs run /run
mkdir /run/pcscd
mount --bind "$1" /run/pcscd
exec "$2" --foreground --config "$3"
"""


class VirtualReader:
    """*folder* is private to it, and short enough for a socket."""

    def __init__(self, folder: Path) -> None:
        needs.pyscard()
        if not DRIVER.exists():
            needs.missing("pcscd's virtual reader", "vsmartcard-vpcd")
        self.folder = folder / "pcsc"
        self._config = self.folder / "readers"
        self._run = self.folder / "run"
        for path in (self.folder, self._config, self._run):
            path.mkdir()
        self._plugged: _Plugged | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"PCSCLITE_CSOCK_NAME": str(self._run / "pcscd.comm")}

    def __enter__(self) -> Self:
        for _ in range(5):
            self._port = free_port()
            self._start()
            if self._wait_listening():
                return self
            self._process.stop()
        raise self._process.broken("pcscd's virtual reader does not listen")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        self._process.stop()

    def _start(self) -> None:
        # Two slots: one on this port, another on the next.
        (self._config / "vpcd").write_text(
            f'FRIENDLYNAME "{NAME}"\nDEVICENAME /dev/null:{self._port}\nLIBPATH {DRIVER}\nCHANNELID {self._port}\n'
        )
        for path in self._run.iterdir():
            path.unlink()
        unshare = [needs.program("unshare"), *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]
        words = ["sh", "-c", START, "sh", str(self._run), needs.program("pcscd"), str(self._config)]
        self._process = Process([*unshare, *words], self.folder / "pcscd.log")

    def _wait_listening(self) -> bool:
        """Until programs can connect to the service and cards to the reader."""
        until = time.monotonic() + DEADLINE
        while self._process.running and time.monotonic() < until:
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.environment["PCSCLITE_CSOCK_NAME"])
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def plug(self, card: Card) -> None:
        """Puts a card in."""
        self._plugged = _Plugged(socket.create_connection(("127.0.0.1", self._port), DEADLINE), card)

    def unplug(self) -> None:
        plugged, self._plugged = self._plugged, None
        if plugged is not None:
            plugged.close()


class _Plugged:
    """The reader's end of a card: each message behind its length, one byte of them is power or a question."""

    def __init__(self, line: socket.socket, card: Card) -> None:
        self._line = line
        self._card = card
        line.settimeout(None)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                (size,) = struct.unpack(">H", self._read(2))
                message = self._read(size)
                if len(message) > 1:
                    answer = self._card.process(message)
                elif message == b"\4":
                    answer = self._card.atr
                else:  # off, on, reset
                    self._card.reset()
                    continue
                self._line.sendall(struct.pack(">H", len(answer)) + answer)
        except (OSError, EOFError):
            pass

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            # The reader sends a length and its message apart, and waits for the first one's acknowledgement: 40 ms.
            self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._line.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def close(self) -> None:
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._line.close()
