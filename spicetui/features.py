"""Which parts this installation has, found without importing the heavy ones."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def package_version(name: str) -> str | None:
    """The installed version of a distribution; None when it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def brings_its_libraries(name: str) -> bool:
    """Whether a package comes from a wheel that holds its shared libraries, and not from a build against others."""
    spec = find_spec(name)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec is not None else []
    return any((folder.parent / f"{name}.libs").is_dir() or (folder / ".dylibs").is_dir() for folder in folders)


def python_version() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"
