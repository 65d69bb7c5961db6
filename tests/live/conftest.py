"""Fixtures of the live tests. Every test in this folder carries the marker `live`."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import certs, guest
from .cli import Cli

Row = Callable[..., None]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("live")


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder of the test's own whose path is short enough for unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def _session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def certificates(_session_folder: Path) -> certs.Certificates:
    return certs.make(_session_folder / "certificates")


@pytest.fixture(scope="session")
def scancode_disk(_session_folder: Path) -> Path:
    return guest.build("scancode_echo", _session_folder)


@pytest.fixture(scope="session")
def scenes_disk(_session_folder: Path) -> Path:
    return guest.build("scenes", _session_folder)


@pytest.fixture
def cli(private: Path) -> Cli:
    """The command line, with a home folder of its own."""
    return Cli(private)


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Row:
    """row(table, column=value, ...) adds a line to a table that is printed before the summary."""

    def add(table: str, **columns: object) -> None:
        cells = {name.replace("_", " "): str(value) for name, value in columns.items()}
        request.node.user_properties.append(("table row", json.dumps([table, cells])))

    return add
