"""Compiles the server program; the test ends here where the compiler or the library is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .. import needs

SOURCE = Path(__file__).with_name("server.c")
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread")


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        needs.missing(name, package)
        raise AssertionError(name)
    return path


def build(directory: Path) -> Path:
    compiler = _program("gcc", "gcc")
    asked = subprocess.run(
        [_program("pkg-config", "pkg-config"), "--cflags", "--libs", "spice-server"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        needs.missing("libspice-server's headers", "libspice-server-dev")
    program = directory / "scene-server"
    done = subprocess.run(
        [compiler, *FLAGS, str(SOURCE), "-o", str(program), *asked.stdout.split()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return program
