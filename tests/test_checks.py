"""The project's own rules: style, types, layers. They are part of the one test command."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["importlinter.cli", "lint"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_check(name: str) -> None:
    tool, *arguments = CHECKS[name]
    command = [sys.executable, "-m", tool, *arguments]
    if name == "layers":
        command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


def test_the_kernels_are_compiled() -> None:
    """Elsewhere they may run uncompiled; where the compiler is installed for it, a build that failed must show."""
    kernels = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["spicetui"]["kernels"]
    uncompiled = [name for name in kernels if not import_module(name).COMPILED]
    assert not uncompiled or not os.environ.get("CI")
