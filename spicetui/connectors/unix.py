"""Unix sockets: ``spice+unix:///PATH``, or the path itself."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import unquote

from ..errors import ConnectError
from ..interfaces import ChannelKey
from .stream import SocketStream
from .targets import Target, TargetError, TargetSettings
from .tcp import TIMEOUT_SECONDS, connect_error, timeout_error


class UnixConnector:
    """Every channel over its own connection to the socket at *path*."""

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.path = os.fspath(path)
        self.timeout = timeout

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> SocketStream:
        try:
            async with asyncio.timeout(self.timeout):
                loop = asyncio.get_running_loop()
                _, stream = await loop.create_unix_connection(SocketStream, self.path)
        except TimeoutError as error:
            raise timeout_error(self.path, self.timeout) from error
        except OSError as error:
            if "too long" in str(error):  # the limit of sockaddr_un comes without a number
                raise ConnectError(
                    f"cannot connect to {self.path}: the path is too long for a socket; use a shorter one"
                ) from error
            raise connect_error(self.path, error) from error
        return stream

    def __repr__(self) -> str:
        return f"UnixConnector({self.path})"


def parse(text: str, settings: TargetSettings) -> Target:
    scheme, found, path = text.partition("://")
    path = unquote(path) if found else scheme
    if not path:
        raise TargetError("the address has no path; write spice+unix:///PATH")
    return Target(UnixConnector(path, timeout=settings.timeout), path)
