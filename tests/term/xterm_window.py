"""A real xterm with sixel graphics, on an X server of its own."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from live import needs

from spicetui.geometry import Size

from .relay import TIMEOUT, Relay

_OPTIONS = ("-ti", "vt340", "-b", "0", "+sb", "-fa", "DejaVu Sans Mono", "-fs", "10", "-bg", "black", "-fg", "white")
_RESOURCES = ("XTerm*allowWindowOps: true", "XTerm*borderWidth: 0", "XTerm*cursorBlink: false")


class XtermWindow:
    """*columns* x *rows* cells in the corner of the screen; a context manager."""

    def __init__(self, folder: Path, columns: int = 100, rows: int = 40) -> None:
        self._programs = {name: needs.program(name) for name in ("xterm", "Xvfb", "import", "xdotool")}
        self._folder = folder
        self._wish = Size(columns, rows)
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> XtermWindow:
        with self._ends:
            self._environment = dict(os.environ)
            self._environment["DISPLAY"] = f":{self._start_x()}"
            self.relay = Relay(self._folder, self._ends)
            geometry = f"{self._wish.width}x{self._wish.height}+0+0"
            resources = [part for resource in _RESOURCES for part in ("-xrm", resource)]
            self.command = [self._programs["xterm"], *_OPTIONS, *resources, "-geometry", geometry, "-e"]
            self._process([*self.command, *self.relay.command])
            self.relay.accept()
            self.relay.write(b"\x1b[?25l\x1b[2J\x1b[16t\x1b[?1;1;0S\x1b[?2;1;0S")
            answers = self.relay.finish()
            self.cell = Size(*self._numbers(rb"\x1b\[6;(\d+);(\d+)t", answers)[::-1])
            self.registers = self._numbers(rb"\x1b\[\?1;0;(\d+)S", answers)[0]
            self.largest = Size(*self._numbers(rb"\x1b\[\?2;0;(\d+);(\d+)S", answers))
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    @staticmethod
    def _numbers(pattern: bytes, answers: bytes) -> tuple[int, ...]:
        match = re.search(pattern, answers)
        assert match is not None, answers
        return tuple(int(number) for number in match.groups())

    def _start_x(self) -> int:
        reader, writer = os.pipe()
        command = [self._programs["Xvfb"], "-displayfd", str(writer), "-screen", "0", "1600x1000x24"]
        self._process([*command, "-nolisten", "tcp"], writer)
        os.close(writer)
        with os.fdopen(reader) as numbers:
            return int(numbers.readline())

    def _process(self, command: list[str], *handles: int) -> subprocess.Popen[bytes]:
        null = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=self._environment, pass_fds=handles, stdin=null, stdout=null, stderr=null
        )
        self._ends.callback(process.wait, TIMEOUT)
        self._ends.callback(process.terminate)
        return process

    def redraw(self) -> None:
        """Has the window taken off the screen and put back, so that all of it is to be drawn again."""
        xdotool = self._programs["xdotool"]
        found = subprocess.run(
            [xdotool, "search", "--class", "xterm"], env=self._environment, check=True, capture_output=True
        )
        window = found.stdout.split()[0].decode()
        for verb in ("windowunmap", "windowmap"):
            subprocess.run([xdotool, verb, "--sync", window], env=self._environment, check=True)
        self.relay.finish()

    def shot(self) -> npt.NDArray[np.uint8]:
        """The terminal's pixels: (h, w, 3) RGB."""
        width, height = self.relay.size.width * self.cell.width, self.relay.size.height * self.cell.height
        crop = ["-window", "root", "-depth", "8", "-crop", f"{width}x{height}+0+0", "rgb:-"]
        command = [self._programs["import"], "-silent", *crop]
        data = subprocess.run(command, env=self._environment, check=True, capture_output=True).stdout
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def until_shows(self, wanted: npt.NDArray[np.uint8], tolerance: int = 0) -> None:
        """Waits until the upper part of the screen is what is *wanted*, but for *tolerance* a channel."""
        end = time.monotonic() + TIMEOUT
        while True:
            shot = self.shot()[: wanted.shape[0], : wanted.shape[1]]
            wrong = (np.abs(shot.astype(int) - wanted) > tolerance).any(axis=2)
            if not wrong.any():
                return
            assert time.monotonic() < end, f"{wrong.mean():.2%} of the pixels differ"
