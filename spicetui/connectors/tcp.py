"""TCP: addresses tried side by side, keepalive, and errors that say what to do."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque
from typing import Any

from ..errors import ConnectError
from ..interfaces import ChannelKey
from .stream import SocketStream

TIMEOUT_SECONDS = 10.0
NEXT_ADDRESS_SECONDS = 0.25  #: head start of an address before the next is tried too (RFC 8305)
KEEPALIVE_IDLE_SECONDS, KEEPALIVE_INTERVAL_SECONDS, KEEPALIVE_COUNT = 30, 15, 3

Address = tuple[int, int, int, str, Any]  # what getaddrinfo gives


class TcpConnector:
    """Every channel over its own plain TCP connection to *host*:*port*."""

    def __init__(self, host: str, port: int, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> SocketStream:
        return await open_tcp(self.host, self.port, self.timeout)

    def __repr__(self) -> str:
        return f"TcpConnector({authority(self.host, self.port)})"


async def open_tcp(host: str, port: int, timeout: float) -> SocketStream:
    """A plain stream to *host*:*port*. Raises ConnectError."""
    sock = await open_socket(host, port, timeout)
    try:
        _, stream = await asyncio.get_running_loop().create_connection(SocketStream, sock=sock)
    except OSError as error:
        sock.close()
        raise connect_error(authority(host, port), error) from error
    return stream


async def open_socket(host: str, port: int, timeout: float) -> socket.socket:
    """A connected, non-blocking TCP socket; the first of the host's addresses that answers. Raises ConnectError."""
    try:
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            sock = await _race(_interleave(found))
    except TimeoutError as error:
        raise timeout_error(authority(host, port), timeout) from error
    except UnicodeError as error:
        raise ConnectError(f"cannot connect to {authority(host, port)}: not a host name; check the spelling") from error
    except OSError as error:
        raise connect_error(authority(host, port), error) from error
    _tune(sock)
    return sock


async def _race(addresses: list[Address]) -> socket.socket:
    """The socket of the first address that connects; the next one starts when one fails or takes long."""
    waiting = deque(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    first_error: OSError | None = None
    winner: socket.socket | None = None
    try:
        while winner is None and (waiting or running):
            if waiting:
                running.add(asyncio.create_task(_attempt(waiting.popleft())))
            done, running = await asyncio.wait(
                running,
                timeout=NEXT_ADDRESS_SECONDS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if isinstance(error, OSError):
                    first_error = first_error or error
                elif error is not None:
                    raise error
                elif winner is None:
                    winner = task.result()
                else:
                    task.result().close()
    finally:
        for task in running:
            task.cancel()
        for result in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(result, socket.socket):
                result.close()
    if winner is None:
        raise first_error or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    return winner


async def _attempt(address: Address) -> socket.socket:
    family, kind, proto, _, sockaddr = address
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def _interleave(addresses: list[Any]) -> list[Address]:
    """The families in turn, the resolver's first family first (RFC 8305, section 4)."""
    families: dict[int, deque[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], deque()).append(address)
    mixed: list[Address] = []
    while any(families.values()):
        mixed.extend(queue.popleft() for queue in families.values() if queue)
    return mixed


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # the second is macOS's name
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, KEEPALIVE_IDLE_SECONDS)
    if hasattr(socket, "TCP_KEEPINTVL"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)


def authority(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_REASONS: dict[int | None, tuple[str, str]] = {
    errno.ECONNREFUSED: ("connection refused", "check that the server runs and listens there"),
    errno.ECONNRESET: ("connection reset", "check that a SPICE server listens there"),
    errno.EHOSTUNREACH: ("no route to the host", "check the address and the network"),
    errno.ENETUNREACH: ("the network is unreachable", "check the address and the network"),
    errno.ETIMEDOUT: ("no answer", "check the address, the port and the firewall"),
    errno.EADDRNOTAVAIL: ("not an address to connect to", "check the address"),
    errno.EACCES: ("permission denied", "check the firewall, or the socket's owner and mode"),
    errno.EPERM: ("not permitted", "check the firewall"),
    errno.ENOENT: ("no such socket", "check the path and that the server runs"),
    errno.ENOTSOCK: ("not a socket", "check the path"),
    errno.EMFILE: ("too many open files", "close some, or raise the limit (ulimit -n)"),
}


def connect_error(where: str, error: OSError) -> ConnectError:
    """The ConnectError for a failed attempt: what, why, what to do."""
    if isinstance(error, socket.gaierror):
        return ConnectError(f"cannot connect to {where}: unknown host; check the name, or use an address")
    reason, advice = _REASONS.get(error.errno, ("", "check the address and that the server runs"))
    if not reason:
        reason = os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
    return ConnectError(f"cannot connect to {where}: {reason}; {advice}")


def timeout_error(where: str, timeout: float) -> ConnectError:
    """The ConnectError for an attempt that took too long."""
    return ConnectError(
        f"cannot connect to {where}: no answer within {timeout:g} s; check the address, the port and the firewall"
    )
