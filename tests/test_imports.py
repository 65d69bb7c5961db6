"""What importing costs: nothing heavy before it is used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("textual", "rich", "PIL", "av", "numpy", "cryptography", "websockets", "simplejpeg", "lz4")


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_of_the_package_loads_nothing() -> None:
    assert loaded_by("import spicetui") == set()


def test_names_load_only_their_layer() -> None:
    assert loaded_by("from spicetui import TcpConnector, Key, Driver, SpiceError") == set()


def test_the_library_stays_clear_of_the_app() -> None:
    assert not {"textual", "rich", "PIL", "av"} & loaded_by("from spicetui import connect, Client")
