"""A real kitty on an X server of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from live import needs

from spicetui.geometry import Size

from .relay import TIMEOUT, Relay

_OPTIONS = (
    *("allow_remote_control=no", "update_check_interval=0", "remember_window_size=no", "window_padding_width=0"),
    *("cursor_blink_interval=0", "background=#000000", "sync_to_monitor=no", "repaint_delay=1", "input_delay=0"),
)


class KittyWindow:
    """*columns* x *rows* cells in the corner of the screen; a context manager that gives the terminal's relay."""

    def __init__(self, folder: Path, columns: int = 60, rows: int = 20) -> None:
        self._programs = {name: needs.program(name) for name in ("kitty", "Xvfb", "import")}
        self._folder = folder
        self._wish = Size(columns, rows)
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Relay:
        with self._ends:
            self._environment = os.environ | {
                "LIBGL_ALWAYS_SOFTWARE": "1",
                "KITTY_CONFIG_DIRECTORY": str(self._folder),
                "KITTY_CACHE_DIRECTORY": str(self._folder),
            }
            self._environment["DISPLAY"] = f":{self._start_x()}"
            sizes = f"initial_window_width={self._wish.width}c", f"initial_window_height={self._wish.height}c"
            options = [part for option in (*_OPTIONS, *sizes) for part in ("-o", option)]
            self.relay = Relay(self._folder, self._ends)
            self._process([self._programs["kitty"], "--config=NONE", *options, *self.relay.command])
            self.relay.accept()
            self.relay.write(b"\x1b[?25l\x1b[?1049h\x1b[2J")
            self.relay.finish()
            self._ends = self._ends.pop_all()
        return self.relay

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    def _start_x(self) -> int:
        reader, writer = os.pipe()
        command = [self._programs["Xvfb"], "-displayfd", str(writer), "-screen", "0", "1600x1000x24"]
        self._process([*command, "-nolisten", "tcp"], writer)
        os.close(writer)
        with os.fdopen(reader) as numbers:
            return int(numbers.readline())

    def _process(self, command: list[str], *handles: int) -> None:
        null = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=self._environment, pass_fds=handles, stdin=null, stdout=null, stderr=null
        )
        self._ends.callback(process.wait, TIMEOUT)
        self._ends.callback(process.terminate)

    def shot(self) -> npt.NDArray[np.uint8]:
        """The terminal's pixels: (h, w, 3) RGB."""
        size, cell = self.relay.size, self.relay.cell_px
        width, height = size.width * cell.width, size.height * cell.height
        crop = ["-window", "root", "-depth", "8", "-crop", f"{width}x{height}+0+0", "rgb:-"]
        command = [self._programs["import"], "-silent", *crop]
        data = subprocess.run(command, env=self._environment, check=True, capture_output=True).stdout
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def until_shows(self, wanted: npt.NDArray[np.uint8]) -> None:
        """Waits until the screen is what is *wanted*."""
        end = time.monotonic() + TIMEOUT
        while not np.array_equal(shot := self.shot(), wanted):
            assert time.monotonic() < end, f"{(shot != wanted).any(axis=2).mean():.2%} of the pixels differ"
