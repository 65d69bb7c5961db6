"""``HOST:PORT``, ``spice://…`` and ``spice+tls://…``, as remote-viewer understands them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from ..diagnostics import printable
from .ports import PortsConnector
from .targets import Target, TargetError, TargetSettings
from .tcp import authority

PASSWORD_WARNING = (
    "a password in the address can be seen by other users of this computer; use --password-file or SPICETUI_PASSWORD"
)
_EXAMPLE = "write spice://HOST:PORT, or spice://HOST?port=PORT&tls-port=PORT"


def parse(text: str, settings: TargetSettings) -> Target:
    """Raises TargetError; its text shows no password."""
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "spice", text
    tls_only = scheme.lower() == "spice+tls"
    place, query = _split_query(rest)
    user, at, place = place.rpartition("@")
    place, _, path = place.partition("/")
    warnings = []
    if path:
        warnings.append(f"the path /{printable(path)} of the address means nothing to SPICE and is ignored")

    host, port_text = _split_port(place)
    values = _query_values(query)
    if tls_only and ("port" in values or "tls-port" in values):
        raise TargetError("spice+tls:// takes its one port after the host; write spice+tls://HOST:PORT")
    if port_text and "port" in values:
        raise TargetError("the address names the port twice; leave out one")
    if at and "username" in values:
        raise TargetError("the address names the user twice; leave out one")
    port = _port(port_text or values.get("port", ""))
    tls_port = _port(values.get("tls-port", ""))
    if tls_only:
        port, tls_port = None, port
    if not host:
        raise TargetError(f"the address has no host; {_EXAMPLE}")
    if port is None and tls_port is None:
        raise TargetError(f"the address {printable(host)} has no port; {_EXAMPLE}")

    password = values.get("password")
    username = unquote(user) if at else values.get("username")
    if username is not None and ":" in username and password is None:
        username, _, password = username.partition(":")
    if password is not None:
        warnings.append(PASSWORD_WARNING)
    connector = PortsConnector(
        host,
        port,
        tls_port,
        tls=settings.tls,
        secure_channels=settings.secure_channels,
        timeout=settings.timeout,
    )
    shown = port if port is not None else tls_port
    assert shown is not None
    return Target(connector, authority(host, shown), password, username or None, tuple(warnings))


def _split_query(text: str) -> tuple[str, str]:
    """The part before the first ``?`` or ``;`` (both begin a query), and the rest."""
    found = re.search(r"[?;]", text)
    return (text, "") if found is None else (text[: found.start()], text[found.end() :])


def _split_port(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, closed, rest = place[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise TargetError(f"{printable(place)}: an IPv6 address stands in brackets; write [::1]:5900")
        return host, rest[1:]
    host, _, port = place.partition(":")
    if ":" in port:
        raise TargetError(f"{printable(place)}: an IPv6 address stands in brackets; write [::1]:5900")
    return unquote(host), port


_KEYS = frozenset({"port", "tls-port", "password", "username"})


def _query_values(query: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in re.split("[&;]", query):
        if not pair:
            continue
        key, _, value = pair.partition("=")
        if key not in _KEYS:
            raise TargetError(f"{printable(key)!r} is not known in an address; there is {', '.join(sorted(_KEYS))}")
        if key in values:
            raise TargetError(f"the address names {key} twice; leave out one")
        if value:
            values[key] = unquote(value)
    return values


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise TargetError(f"{printable(text)!r} is not a port; it is a number from 1 to 65535")
    return int(text)
