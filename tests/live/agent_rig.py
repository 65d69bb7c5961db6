"""A server with Debian's own guest agent, for the tests that need nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .vdagent import VdAgent
from .xspice import Xspice


@pytest.fixture
def server(private: Path) -> Iterator[Xspice]:
    with Xspice(private, agent=True) as running:
        yield running


@pytest.fixture
def guest(server: Xspice) -> Iterator[VdAgent]:
    with VdAgent(server) as running:
        yield running


@pytest.fixture
def files(private: Path) -> Path:
    folder = private / "files"
    folder.mkdir()
    return folder
