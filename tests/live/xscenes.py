"""Scenes for Xspice: X clients that draw text, images, scrolling and window moves, and are at rest when they return."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from .process import DEADLINE
from .xspice import Xspice

TESTS = Path(__file__).parents[1]
PAINTERS = {
    "xlib_painter": ("shapes", "functions", "patterns", "images", "copies", "text"),
    "xrender_painter": ("lines", "trapezoids", "gradients", "composites", "glyphs"),
}
PAINTER_OF = {step: painter for painter, steps in PAINTERS.items() for step in steps} | {
    "pointer_shape": "xlib_painter"
}

EMPTY_BITMAP = """
#define empty_width 8
#define empty_height 1
#define empty_x_hot 0
#define empty_y_hot 0
static unsigned char empty_bits[] = {
0x00};
"""
CORE_FONT = ("-fn", "fixed")
SCALED_FONT = ("-fa", "DejaVu Sans Mono", "-fs", "11")
COLOURS = "for c in 30 31 32 33 34 35 36 37 90 91 92 93 94 95 96 97; do printf '\\033[%sm%s The quick brown fox \\033[7m jumps over \\033[0m\\033[1;4;%sm the lazy dog\\033[0m\\n' $c $c $c; done"  # noqa: E501
SCROLL = "for i in $(seq 400); do printf 'line %d, indented %*d\\n' $i $((i % 37 + 1)) $i; done"


class Listener:
    """The reading end of a fifo."""

    def __init__(self, fifo: Path) -> None:
        self._fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read_through(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        while end not in self._held:
            ready, _, _ = select.select([self._fd], [], [], DEADLINE)
            assert ready, f"waited for {end!r}, got {self._held!r}"
            data = os.read(self._fd, 65536)
            assert data, f"the terminal ended before {end!r}, after {self._held!r}"
            self._held += data
        taken, self._held = (
            self._held[: self._held.index(end) + len(end)],
            self._held[self._held.index(end) + len(end) :],
        )
        return taken


class Desktop:
    """The windows of one test on one X server."""

    def __init__(self, server: Xspice, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        self._terminals = 0
        empty = server.directory / "empty.xbm"
        empty.write_text(EMPTY_BITMAP)
        server.run("xsetroot", "-cursor", str(empty), str(empty))
        self.hide_pointer(1024, 768)

    def hide_pointer(self, width: int, height: int) -> None:
        """Into the corner, where no window has a shape for it: it would be painted into SPICE's picture only."""
        self.server.run("xdotool", "mousemove", str(width - 1), str(height - 1))

    def terminal(self, script: str, place: str, *options: str) -> str:
        """An xterm that runs a shell script; returns its window when everything it printed is on the screen."""
        self._terminals += 1
        name = f"terminal{self._terminals}"
        fifo = self.server.directory / f"{name}.fifo"
        os.mkfifo(fifo)
        # The terminal answers the position report only after all that came before it is drawn.
        asked = f"{script}; stty -icanon -echo; printf '\\033[6n'; dd bs=1 count=1 >'{fifo}' 2>/dev/null; read wait"
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            words = ["xterm", "-T", name, "-geometry", place, *options, "+bc", "-e", "sh", "-c", asked]
            process = self._stack.enter_context(self.server.start(words))
            ready, _, _ = select.select([reader], [], [], DEADLINE)
            if not ready:
                raise process.broken("xterm drew nothing")
        finally:
            os.close(reader)
        return self.server.window(name)

    def listener(self, place: str, setup: str) -> Listener:
        """An xterm that prints `setup` and from then on hands over every byte that its keyboard and mouse send."""
        fifo = self.server.directory / "listener.fifo"
        os.mkfifo(fifo)
        listener = self._stack.enter_context(Listener(fifo))
        script = f"stty raw -echo; exec >/dev/tty; printf '{setup}\\033[6n'; exec cat >'{fifo}'"
        words = ["xterm", "-T", "listener", "-geometry", place, *CORE_FONT, "-e", "sh", "-c", script]
        self._stack.enter_context(self.server.start(words))
        listener.read_through(b"R")  # the position report: set up and drawn
        return listener

    def image(self, path: Path, place: str) -> str:
        """A window of ImageMagick's display with the picture."""
        words = ["display", "-immutable", "-title", path.stem, "-geometry", place, str(path)]
        self._stack.enter_context(self.server.start(words))
        return self.server.window(path.stem)

    def move(self, window: str, *places: tuple[int, int]) -> None:
        for x, y in places:
            self.server.run("xdotool", "windowmove", "--sync", window, str(x), str(y))

    def paint(self, step: str) -> None:
        done = subprocess.run(
            [sys.executable, "-s", "-m", f"live.{PAINTER_OF[step]}", step],
            cwd=TESTS, env=self.server.environment, capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@contextmanager
def desktop(server: Xspice) -> Iterator[Desktop]:
    with ExitStack() as stack:
        yield Desktop(server, stack)


def photo(path: Path, width: int = 360, height: int = 260) -> Path:
    """Something like a photograph: slow slopes, soft blobs and fine noise, always the same."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    layers = []
    for _ in range(3):
        level = 100 + 60 * np.sin(x / random.uniform(30, 90)) + 50 * np.cos(y / random.uniform(20, 70))
        for _ in range(6):
            cx, cy, size = random.uniform(0, width), random.uniform(0, height), random.uniform(10, 60)
            level += 90 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size * size))
        layers.append(level + random.normal(0, 3, level.shape))
    Image.fromarray(np.clip(np.dstack(layers), 0, 255).astype(np.uint8)).save(path)
    return path


def drawing(path: Path, width: int = 300, height: int = 200) -> Path:
    """Flat areas with hard edges, as icons and diagrams have."""
    y, x = np.mgrid[0:height, 0:width]
    index = (x // 25 + y // 20) % 5 + 5 * ((x - 150) ** 2 + (y - 100) ** 2 < 4900)
    colours = np.random.default_rng(3).integers(0, 256, (10, 3), dtype=np.uint8)
    Image.fromarray(colours[index]).save(path)
    return path


def _pattern(desk: Desktop) -> None:
    desk.server.run("xsetroot", "-mod", "16", "16", "-fg", "#405060", "-bg", "#c0a080")


def _text(desk: Desktop) -> None:
    desk.terminal(COLOURS, "80x20+10+10", *CORE_FONT)
    desk.terminal(COLOURS, "60x20+450+330", *SCALED_FONT)


def _scrolling(desk: Desktop) -> None:
    desk.terminal(SCROLL, "70x30+300+40", *CORE_FONT)


def _images(desk: Desktop) -> None:
    desk.image(photo(desk.server.directory / "photo.png"), "+40+420")
    desk.image(drawing(desk.server.directory / "drawing.png"), "+640+60")


def _moves(desk: Desktop) -> None:
    photograph = desk.image(photo(desk.server.directory / "moved.png"), "+100+100")
    terminal = desk.terminal(COLOURS, "60x12+500+500", *CORE_FONT, "-bg", "#002b36", "-fg", "#eee8d5")
    desk.move(photograph, (130, 140), (160, 110), (400, 300), (390, 310), (900, 700))
    desk.move(terminal, (490, 480), (380, 200), (-100, 50), (200, 420))


def _size(width: int, height: int) -> Callable[[Desktop], None]:
    def draw(desk: Desktop) -> None:
        desk.server.run("xrandr", "--output", "qxl-0", "--mode", f"{width}x{height}")
        desk.hide_pointer(width, height)
        desk.paint("shapes")

    return draw


def _painting(step: str) -> Callable[[Desktop], None]:
    return lambda desk: desk.paint(step)


SIZES = ((800, 600), (1280, 800), (1024, 768))  # and back
SCENES: dict[str, Callable[[Desktop], None]] = {
    "pattern": _pattern,
    "text": _text,
    "scrolling": _scrolling,
    "images": _images,
    "window moves": _moves,
    **{f"painted {step}": _painting(step) for steps in PAINTERS.values() for step in steps},
    **{f"resolution {width}x{height}": _size(width, height) for width, height in SIZES},
}
