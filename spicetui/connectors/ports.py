"""A host with a plain port, a TLS port or both, and the choice between them for each channel."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ConnectError, TlsError
from ..interfaces import ChannelKey
from .stream import SocketStream
from .tcp import TIMEOUT_SECONDS, open_tcp
from .tls import TlsPolicy, open_tls


class PortsConnector:
    """Plain TCP where a port for it is known, except for *secure_channels* (names, or ``all``).

    A channel that the server wants secured moves to the TLS port by :meth:`secure`.
    """

    def __init__(
        self,
        host: str,
        port: int | None,
        tls_port: int | None,
        *,
        tls: TlsPolicy | None = None,
        secure_channels: Iterable[str] = (),
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        if port is None and tls_port is None:
            raise ConnectError(f"no port of {host} is known; give one as {host}:5900")
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self.tls = tls or TlsPolicy()
        self.secure_channels = frozenset(secure_channels)
        self.timeout = timeout
        self._secured: set[ChannelKey] = set()

    def uses_tls(self, channel: ChannelKey) -> bool:
        return (
            self.port is None
            or channel in self._secured
            or "all" in self.secure_channels
            or channel.type.name.lower() in self.secure_channels
        )

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> SocketStream:
        if not self.uses_tls(channel):
            assert self.port is not None
            return await open_tcp(self.host, self.port, self.timeout)
        if self.tls_port is None:
            raise TlsError(
                f"the {channel.type.name.lower()} channel must be secure, but no TLS port of {self.host} is known;"
                f" give it as spice://{self.host}?tls-port=PORT"
            )
        return await open_tls(self.host, self.tls_port, self.tls, self.timeout)

    def secure(self, channel: ChannelKey) -> bool:
        """Uses TLS for *channel* from now on; False when no TLS port is known or TLS is in use already."""
        if self.tls_port is None or self.uses_tls(channel):
            return False
        self._secured.add(channel)
        return True

    def __repr__(self) -> str:
        return f"PortsConnector({self.host}, port={self.port}, tls_port={self.tls_port})"
