"""Text consoles: milliseconds to read a frame, to reject a picture, and to bring the terminal up to date.

    python tests/bench/bench_text.py

Each row is the best of several rounds.  The goal is 0.5 ms for a whole frame of 80x25; *typing* is one character.
"""

# ruff: noqa: E402

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from term import consoles
from tui.fake_client import Desktop

from spicetui.geometry import Point, Rect, Size
from spicetui.term import _glyphs, glyph_fallback, screentext
from spicetui.term.scale import Scale
from spicetui.term.screentext import Grid, Recognizer
from spicetui.term.text_plane import TextPlane

GOAL_MS = 0.5
ROUNDS = 60
SCREENS = (
    ("80x25 VGA 9x16", Size(720, 400), Grid(Point(0, 0), Size(9, 16), 80, 25), "linux-vga-own"),
    ("80x25 8x16", Size(640, 400), Grid(Point(0, 0), Size(8, 16), 80, 25), "linux-framebuffer-own"),
    ("128x48 8x16", Size(1024, 768), Grid(Point(0, 0), Size(8, 16), 128, 48), "linux-framebuffer-own"),
    ("240x67 8x16", Size(1920, 1080), Grid(Point(0, 0), Size(8, 16), 240, 67), "linux-framebuffer-own"),
)


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found) * 1e3


def full_screen(size: Size, grid: Grid, font: str) -> consoles.Screen:
    """Two thirds of each line are text, in several colours."""
    screen = consoles.Screen(size, grid, consoles.glyphs(font, grid.cell))
    words = "The quick brown fox jumps over the lazy dog 0123456789 ┌─┐│{}"
    for y in range(grid.rows):
        text = (words[y % 17 :] + " " + words * 4)[: grid.columns * 2 // 3]
        screen.write(0, y, text, (0xAAAAAA, 0xFFFF55, 0x55FF55)[y % 3], (0, 0, 0x0000AA)[y % 3])
    return screen


def main() -> None:
    print(
        f"{'screen':<18}{'loops':<9}{'whole':>8}{'to goal':>9}{'typing':>8}{'first look':>12}{'plane':>8}{'kB':>7}  ms"
    )
    for title, size, grid, font in SCREENS:
        screen = full_screen(size, grid, font)
        whole = Rect(0, 0, *size)
        one = screen.write(3, 3, "x")
        for loops, name in ((_glyphs, "kernel"), (glyph_fallback, "numpy")):
            if loops is _glyphs and not _glyphs.COMPILED:
                continue
            screentext._loops = loops
            recognizer = Recognizer(frames=1)
            recognizer.feed(screen.pixels, [whole])
            assert recognizer.screen is not None
            assert recognizer.screen.matched == 1.0
            rounds = ROUNDS if loops is _glyphs else 8
            frame = best(lambda r=recognizer, p=screen.pixels, w=whole: r.feed(p, [w]), rounds)  # type: ignore[misc]
            typing = best(lambda r=recognizer, p=screen.pixels, d=one: r.feed(p, [d]), rounds)  # type: ignore[misc]
            look = best(lambda p=screen.pixels: screentext.read_screen(p), rounds)  # type: ignore[misc]
            plane = TextPlane(recognizer)
            plane.resize(Size(grid.columns, grid.rows))
            plane.place(plane.map(size, Scale.PIXEL, Size(8, 16), Point(0, 0), 1.0))

            def show(plane: TextPlane = plane, pixels: np.ndarray = screen.pixels, whole: Rect = whole) -> int:
                plane.owned[:] = 1
                plane.draw(pixels, [whole])
                plane.forget()
                plane.owned[:] = 1
                return len(plane.difference(Point(0, 0)))

            shown = best(show, rounds)
            goal = f"{frame / GOAL_MS:.2f}" if grid.columns == 80 else ""
            print(f"{title:<18}{name:<9}{frame:8.3f}{goal:>9}{typing:8.3f}{look:12.3f}{shown:8.3f}{show() / 1000:7.1f}")
    print()
    print(f"{'no text':<28}{'loops':<9}{'rejected in':>12}  ms")
    random = np.random.default_rng(1)
    pictures = {
        "desktop 1920x1080": Desktop(1920, 1080).surface.pixels,
        "noise 1920x1080": random.integers(0, 256, (1080, 1920, 4), np.uint8),
        "black 1920x1080": np.zeros((1080, 1920, 4), np.uint8),
        "desktop 1024x768": Desktop(1024, 768).surface.pixels,
    }
    for title, pixels in pictures.items():
        for loops, name in ((_glyphs, "kernel"), (glyph_fallback, "numpy")):
            if loops is _glyphs and not _glyphs.COMPILED:
                continue
            screentext._loops = loops
            recognizer = Recognizer()
            whole = Rect(0, 0, pixels.shape[1], pixels.shape[0])
            ms = best(
                lambda r=recognizer, p=pixels, w=whole: r.feed(p, [w]),  # type: ignore[misc]
                ROUNDS if loops is _glyphs else 8,
            )
            assert recognizer.screen is None
            print(f"{title:<28}{name:<9}{ms:12.3f}")


if __name__ == "__main__":
    main()
