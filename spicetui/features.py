"""Which parts this installation has, found without importing the heavy ones."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

#: Why display channels do not announce GL_SCANOUT, and so get no dmabufs over unix sockets: the message that brings one
#: has no format modifier.
GL_SCANOUT_MISSING = "the server does not tell how a GPU's texture lies in memory, so it cannot be read as pixels"

#: All that a client without GL_SCANOUT sees of a machine that has textures only: spice-server 0.15 closes the display
#: channel at the next scanout or draw, over every transport, without a message.
GL_SCANOUT_SUSPECTED = (
    "perhaps the picture is only a GPU's texture now, which cannot be shown here: run QEMU with gl=off"
)


@cache
def sharing_missing() -> str | None:
    """What keeps folders from being shared with guests, in one line; None when nothing does."""
    missing = [name for name in ("wsgidav", "h11") if find_spec(name) is None]
    return f"no {' and no '.join(missing)} here: pip install 'spicetui[share]'" if missing else None


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
