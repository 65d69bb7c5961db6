"""Which parts this installation has, found without importing the heavy ones."""

from __future__ import annotations

import platform
from importlib import metadata


def package_version(name: str) -> str | None:
    """The installed version of a distribution; None when it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def python_version() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"
