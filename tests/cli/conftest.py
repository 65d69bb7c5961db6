"""For tests of the commands: each run is one call of main(), at home in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from spicetui.cli import main


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("spicetui: ")
        assert lines[0].isprintable()
        return lines[0].removeprefix("spicetui: ")


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SPICETUI_PASSWORD", raising=False)

    def run(*words: str) -> Result:
        capsys.readouterr()
        status = main(words)
        return Result(status, *capsys.readouterr())

    return run
