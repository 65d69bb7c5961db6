"""Where the demo server listens, and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable

DEFAULT_LISTEN = "127.0.0.1:5900"
BACKLOG = 64

LINGER_SECONDS = 2.0  #: how long a server without clients goes on when it was started for one program
FIRST_CLIENT_SECONDS = 30.0
PARENT_SECONDS = 2.0  #: between two looks whether the program that started the server is still there

INTERRUPTED = 130


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    path: str | None = None,
    sock: socket.socket | None = None,
    password: str | None = None,
    ready: Callable[[str], None] | None = None,
    linger: float | None = None,
) -> None:
    """Serves the demo desktop on TCP, on the unix socket *path*, or on *sock*, which listens already.

    *ready* is called with the address, as a client takes it, once clients can connect. Ends when cancelled, or when
    *linger* seconds have passed without a client. Raises OSError when it cannot listen.
    """
    listener = sock or (listen_unix(path) if path is not None else listen_tcp(host, port))
    try:
        if ready is not None:
            ready(_address(listener))
        from .demo_server import DemoServer  # after ready: this takes a while

        server = DemoServer(password=password or "")
        await server.listen_on(listener)
        try:
            await server.deserted(linger, FIRST_CLIENT_SECONDS)
        finally:
            await server.aclose()
    finally:
        listener.close()
        if path is not None and sock is None:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108


def listen_tcp(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def listen_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _address(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"spice+unix://{os.fsdecode(name)}"
    host, port = name[:2]
    return f"spice://[{host}]:{port}" if ":" in host else f"spice://{host}:{port}"


def run(
    listen: str | None = None,
    unix_path: str | None = None,
    ready_fd: int | None = None,
    *,
    password: str | None = None,
    announce: Callable[[str], None] | None = None,
) -> int:
    """Serves until it is interrupted; the exit status.

    *listen*: ``HOST:PORT``, a port, the path of a unix socket, or ``fd:N``: a listening socket handed over by the
    program that started this one; then the end of standard input ends the server. With *ready_fd* the address is
    written there as a line, and the server ends with the program that started it or when its clients have gone.
    """
    try:
        return asyncio.run(_run(listen, unix_path, ready_fd, password, announce))
    except (OSError, ValueError) as error:
        where = unix_path or listen or DEFAULT_LISTEN
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        sys.stderr.write(f"spicetui: cannot listen on {where}: {reason}; choose another with --listen\n")
        return 1


async def _run(
    listen: str | None,
    unix_path: str | None,
    ready_fd: int | None,
    password: str | None,
    announce: Callable[[str], None] | None,
) -> int:
    loop = asyncio.get_running_loop()
    status = 0
    serving: asyncio.Task[None] | None = None

    def stop(with_status: int) -> None:
        nonlocal status
        status = with_status
        if serving is not None:
            serving.cancel()

    def ready(address: str) -> None:
        if announce is not None:
            announce(address)
        if ready_fd is not None:
            os.write(ready_fd, f"{address}\n".encode())
            os.close(ready_fd)

    linger = LINGER_SECONDS if ready_fd is not None else None
    listen = listen or DEFAULT_LISTEN
    if unix_path is not None or "/" in listen:
        work = serve(path=unix_path or listen, password=password, ready=ready, linger=linger)
    elif listen.startswith("fd:"):
        handed = socket.socket(fileno=int(listen.removeprefix("fd:")))
        work = serve(sock=handed, password=password, ready=ready)
        _watch_input(loop, lambda: stop(0))
    else:
        host, port = parse_listen(listen)
        work = serve(host=host, port=port, password=password, ready=ready, linger=linger)
    if ready_fd is not None:
        _watch_parent(loop, os.getppid(), lambda: stop(0))
    serving = asyncio.create_task(work)
    loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    try:
        await serving
    except asyncio.CancelledError:
        pass
    return status


def parse_listen(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[V6]:PORT``, ``:PORT`` or a port alone. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("an address is HOST:PORT, a port, or the path of a socket")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def _watch_input(loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
    """Calls *ended* when standard input does."""

    def look() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            ended()

    loop.add_reader(0, look)


def _watch_parent(loop: asyncio.AbstractEventLoop, parent: int, ended: Callable[[], None]) -> None:
    def look() -> None:
        if os.getppid() != parent:
            ended()
        else:
            loop.call_later(PARENT_SECONDS, look)

    look()
