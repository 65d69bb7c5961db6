"""Real terminals on an X server of their own, with a program in them: what is on the screen, and keys."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from . import needs
from .picture import Picture
from .process import DEADLINE, Process

SCREEN = 1400, 900

# Tells the size of its terminal, and becomes the program.
_STARTER = """
import fcntl, os, sys, termios
size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
with open(sys.argv[1] + ".new", "wb") as file:
    file.write(size)
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""


class XServer:
    """Xvfb; its number is its own choice."""

    def __init__(self, folder: Path) -> None:
        reader, writer = os.pipe()
        command = [needs.program("Xvfb"), "-displayfd", str(writer), "-nolisten", "tcp", "-noreset"]
        command += ["-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24"]
        try:
            self.process = Process(command, folder / "xvfb.log", pass_fds=[writer])
        finally:
            os.close(writer)
        with os.fdopen(reader) as numbers:
            self.display = f":{int(numbers.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()


class Window:
    """One terminal window that covers the X server's screen, and runs *command*."""

    def __init__(self, folder: Path, server: XServer, terminal: Sequence[str], command: Sequence[str]) -> None:
        self._server = server
        self._size = folder / "size"
        self._size.unlink(missing_ok=True)
        starter = [sys.executable, "-c", _STARTER, str(self._size), *command]
        self.environment = environment(folder) | {"DISPLAY": server.display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.process = Process([*terminal, *starter], folder / "terminal.log", environment=self.environment)

    def __enter__(self) -> Self:
        self.xdotool("mousemove", str(SCREEN[0] - 1), str(SCREEN[1] - 1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def xdotool(self, *words: str) -> None:
        subprocess.run([needs.program("xdotool"), *words], env=self.environment, check=True, capture_output=True)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", "20", text)

    def key(self, *names: str) -> None:
        self.xdotool("key", "--delay", "20", *names)

    def size(self) -> tuple[int, int, int, int]:
        """Columns, rows, and a cell's width and height, once the program has started."""
        until = time.monotonic() + DEADLINE
        while not self._size.exists():
            assert time.monotonic() < until, self.process.log()
            assert self.process.running, self.process.log()
            time.sleep(0.05)
        rows, columns, width, height = np.frombuffer(self._size.read_bytes(), np.uint16).tolist()
        return columns, rows, width // columns, height // rows

    def photo(self) -> Picture:
        """The whole screen."""
        command = [needs.program("import"), "-silent", "-window", "root", "-depth", "8", "rgb:-"]
        data = subprocess.run(command, env=self.environment, check=True, capture_output=True).stdout
        return np.frombuffer(data, np.uint8).reshape(SCREEN[1], SCREEN[0], 3)

    def keep(self, path: Path) -> None:
        """For somebody to look at."""
        with contextlib.suppress(OSError):
            Image.fromarray(self.photo()).save(path)


def environment(folder: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name in kept} | {
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "SHELL": "/bin/sh",
    }


def kitty(folder: Path) -> list[str]:
    options = {
        "font_size": "10", "remember_window_size": "no", "initial_window_width": str(SCREEN[0]),
        "initial_window_height": str(SCREEN[1]), "window_padding_width": "0", "update_check_interval": "0",
        "cursor_blink_interval": "0", "sync_to_monitor": "no", "background": "#000000",
        "placement_strategy": "top-left",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [needs.program("kitty"), "--config", "NONE", *words]


def xterm(folder: Path, *, sixel: bool = True) -> list[str]:
    resources = [
        "XTerm*borderWidth: 0",
        "XTerm*scrollBar: false",
        "XTerm*internalBorder: 0",
        "XTerm*cursorBlink: false",
    ]
    resources += [f"XTerm*maxGraphicSize: {SCREEN[0]}x{SCREEN[1]}"]
    words = [word for resource in resources for word in ("-xrm", resource)]
    kind = ["-ti", "vt340"] if sixel else []
    font = ["-fa", "DejaVu Sans Mono", "-fs", "9", "-fg", "white", "-bg", "black"]
    return [needs.program("xterm"), *kind, *words, *font, "-geometry", "190x60+0+0", "-e"]


def tmux(folder: Path) -> list[str]:
    """Goes between a terminal and a command."""
    settings = folder / "tmux.conf"
    settings.write_text(
        "set -g status off\nset -g allow-passthrough on\nset -g default-terminal tmux-256color\n"
        "set -ga terminal-overrides ',*:Tc'\nset -g exit-empty on\n"
    )
    socket = str(folder / "tmux")
    return [needs.program("tmux"), "-S", socket, "-f", str(settings), "-u", "new-session"]
