"""TARGET, what a user types, turned into a connector; each form has one file and one row here."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

from ..diagnostics import printable
from ..errors import SpiceError
from ..interfaces import Connector
from .tcp import TIMEOUT_SECONDS
from .tls import TlsPolicy


class TargetError(SpiceError, ValueError):
    """A TARGET that cannot be understood, or whose form is not built yet."""


@dataclass(frozen=True)
class TargetSettings:
    """What applies to every TARGET besides what it says itself."""

    timeout: float = TIMEOUT_SECONDS  #: seconds for each connection
    tls: TlsPolicy = field(default_factory=TlsPolicy)
    secure_channels: frozenset[str] = frozenset()  #: channel type names in lower case, or ``all``


@dataclass
class Target:
    """Where to connect, and what the TARGET said besides. *title* holds no secrets."""

    connector: Connector
    title: str
    password: str | None = None
    username: str | None = None
    warnings: tuple[str, ...] = ()

    async def aclose(self) -> None:
        """Ends what the connector has started (the demo's server)."""
        close = getattr(self.connector, "aclose", None)
        if close is not None:
            await close()


@dataclass(frozen=True)
class Form:
    """One form of TARGET: how it is told from the others, and the module whose ``parse(text, settings)`` reads it."""

    module: str
    matches: Callable[[str], bool]


def _begins(*prefixes: str) -> Callable[[str], bool]:
    return lambda text: text.lower().startswith(prefixes)


def _is_path(text: str) -> bool:
    """A path, by its slash or because there is a socket of that name."""
    if "/" in text:
        return True
    try:
        return stat.S_ISSOCK(os.stat(text).st_mode)  # noqa: PTH116 - a name with a NUL byte raises ValueError
    except (OSError, ValueError):
        return False


#: The first form that matches reads the text.
FORMS: tuple[Form, ...] = (
    Form("demo", lambda text: text == "demo"),
    Form("unix", _begins("spice+unix://")),
    Form("spiceuri", _begins("spice://", "spice+tls://")),
    Form("websocket", _begins("ws://", "wss://")),
    Form("unix", lambda text: "://" not in text and not text.lower().endswith(".vv") and _is_path(text)),
    Form("spiceuri", lambda text: ":" in text and "://" not in text),
)

#: Forms that are agreed on but not built; a form that gets its file moves up.
_LATER: tuple[tuple[Callable[[str], bool], str], ...] = (
    (_begins("ssh://", "qemu+ssh://"), "SSH tunnels"),
    (_begins("libvirt:", "qemu:"), "libvirt domains"),
    (_begins("pve://"), "Proxmox VE machines"),
    (lambda text: text == "-" or text.lower().endswith(".vv"), "virt-viewer files"),
)


def parse_target(text: str, settings: TargetSettings | None = None) -> Target:
    """Understands a TARGET; nothing is connected yet. Raises TargetError, ConnectError or TlsError."""
    settings = settings or TargetSettings()
    for matches, what in _LATER:
        if matches(text):
            raise TargetError(f"{printable(text)}: {what} are not built yet; use HOST:PORT or a unix socket")
    for form in FORMS:
        if form.matches(text):
            parse: Callable[[str, TargetSettings], Target] = import_module(f".{form.module}", __package__).parse
            return parse(text, settings)
    scheme, found, _ = text.partition("://")
    if found:
        raise TargetError(f"{printable(scheme)}:// is not a scheme known here; use spice://, spice+tls:// or ws://")
    raise TargetError(f"{printable(text)!r} is no address; write HOST:PORT, spice://HOST:PORT or the path of a socket")
