"""`python -m spicetui` as a user runs it: its own process, a home folder of its own, no configuration."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import picture
from .reference import Address

LIMIT = 60.0


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def error_lines(self) -> list[str]:
        return self.stderr.splitlines()


def target(address: Address) -> str:
    """The TARGET that leads there."""
    if address.unix_path is not None:
        return f"spice+unix://{address.unix_path}"
    if address.port is None:
        return f"spice+tls://{address.host}:{address.tls_port}"
    if address.tls_port is None:
        return f"{address.host}:{address.port}"
    return f"spice://{address.host}?port={address.port}&tls-port={address.tls_port}"


def options(address: Address) -> list[str]:
    return ["--ca-file", str(address.tls.ca)] if address.tls is not None else []


class Cli:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        home = directory / "home"
        home.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPICE", "XDG_", "PYTHON"))}
        self._environment = {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}

    def environment(self, password: str | None = None) -> dict[str, str]:
        return self._environment | ({} if password is None else {"SPICETUI_PASSWORD": password})

    def run(self, *words: str, password: str | None = None, stdin: str = "") -> Result:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "spicetui", *words],
            cwd=self.directory, env=self.environment(password), input=stdin,
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr, time.perf_counter() - start)

    def at(self, address: Address, command: str, *words: str, stdin: str = "") -> Result:
        """Runs a command against a server with all it takes to get in."""
        return self.run(command, target(address), *words, *options(address), password=address.password, stdin=stdin)

    def screenshot(self, address: Address, *words: str, kind: str = "png") -> tuple[picture.Picture, Result]:
        path = self.directory / f"shot.{kind}"
        path.unlink(missing_ok=True)
        result = self.at(address, "screenshot", str(path), *words)
        assert result.status == 0, f"exit status {result.status}: {result.stderr}"
        return picture.load(path), result
