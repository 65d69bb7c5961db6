"""Servers that are not what a SPICE client hopes for, and a relay that cuts the line."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection; the event says that the test is over."""


def http(line: socket.socket, over: threading.Event) -> None:
    line.recv(4096)
    line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def ssh(line: socket.socket, over: threading.Event) -> None:
    line.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    line.recv(4096)


def vnc(line: socket.socket, over: threading.Event) -> None:
    line.sendall(b"RFB 003.008\n")
    over.wait()


def echo(line: socket.socket, over: threading.Event) -> None:
    while data := line.recv(4096):
        line.sendall(data)


def hang_up(line: socket.socket, over: threading.Event) -> None:
    line.recv(4096)


def hang_up_at_once(line: socket.socket, over: threading.Event) -> None:
    pass


def half_a_link_reply(line: socket.socket, over: threading.Event) -> None:
    line.recv(4096)
    line.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, 186) + bytes(40))


def huge_link_reply(line: socket.socket, over: threading.Event) -> None:
    line.recv(4096)
    line.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, 0xFFFFFFFF))
    over.wait()


def newer_version(line: socket.socket, over: threading.Event) -> None:
    line.recv(4096)
    line.sendall(struct.pack("<4sIII", b"REDQ", 9, 0, 186) + bytes(186))


def silence(line: socket.socket, over: threading.Event) -> None:
    over.wait()


class _Listener:
    """A loopback port; each connection is served by a thread until the test is over."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            _cut(line)
        while True:
            with self._lock:
                if not self._threads:
                    break
                thread = self._threads.pop()
            thread.join()
        self._listener.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _hold(self, line: socket.socket) -> None:
        with self._lock:
            self._lines.append(line)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._hold(line)
            self._run(self._connection, line)

    def _connection(self, line: socket.socket) -> None:
        with line:
            try:
                self.serve(line)
            except OSError:
                pass  # the client was quicker

    def serve(self, line: socket.socket) -> None:
        raise NotImplementedError


class Impostor(_Listener):
    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self._behaviour = behaviour

    def serve(self, line: socket.socket) -> None:
        self._behaviour(line, self._over)


class CuttingRelay(_Listener):
    """Passes bytes on to a real server and cuts every connection once the server has said so many bytes on one."""

    def __init__(self, port: int, after: int) -> None:
        super().__init__()
        self._port = port
        self._after = after

    def serve(self, line: socket.socket) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(socket.create_connection(("127.0.0.1", self._port)))
            self._hold(server)
            stack.callback(_cut, line)
            stack.callback(_cut, server)
            self._run(self._pass_on, line, server)
            left = self._after
            while left and (data := server.recv(min(left, 65536))):
                line.sendall(data)
                left -= len(data)
        with self._lock:
            others = list(self._lines)
        for other in others:
            _cut(other)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def _cut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
