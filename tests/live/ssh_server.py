"""OpenSSH's server on a port of its own, for one user and one key, all of it in one folder."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from . import needs
from .process import DEADLINE, Process, free_port

_SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
"""


class SshServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._client = needs.program("ssh")
        server = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        if server is None:
            server = needs.program("sshd")
        for name in ("host", "user"):
            command = [needs.program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it insists; Debian makes it when the service starts
        self.port = free_port()
        (folder / "sshd_config").write_text(_SETTINGS.format(port=self.port, folder=folder))
        self.process = Process([server, "-D", "-e", "-f", str(folder / "sshd_config")], folder / "sshd.log")

    def __enter__(self) -> Self:
        until = time.monotonic() + DEADLINE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and probe.recv(4) == b"SSH-":
                    return self
            if time.monotonic() > until or not self.process.running:
                raise self.process.broken("no greeting")
            time.sleep(0.02)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def command(self, *words: str) -> list[str]:
        """Runs words of the remote shell on a terminal."""
        options = {
            "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "ERROR",
            "IdentitiesOnly": "yes", "EscapeChar": "none", "ConnectTimeout": "10",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return [
            *(self._client, "-tt", "-F", "none", "-i", str(self.folder / "user"), "-p", str(self.port), *settings),
            *(f"{getpass.getuser()}@127.0.0.1", *words),
        ]
