"""text: the screen's text, when it is taken, and what is said when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from term import consoles

from spicetui.geometry import Rect
from spicetui.wire.enums import ChannelType

from .conftest import Run
from .server import Connection, Server
from .text_screens import console, put, show

DISPLAY = ChannelType.DISPLAY


def test_the_text_line_by_line(run: Run, tmp_path: Path) -> None:
    screen = console()
    with Server(tmp_path, greetings={DISPLAY: lambda c: show(c, screen.pixels)}) as server:
        result = run("text", server.target, "--settle", "10")
        assert server.opened() == ["display:0", "main:0"]
    assert result == (0, "The quick brown fox\n\n    jumps over the lazy dog\n", "")


def test_json(run: Run, tmp_path: Path) -> None:
    screen = console()
    screen.words[4 * 16 + 14 : 4 * 16 + 16, 16:24] = 0xAAAAAA  # a cursor
    screen.words[300:330, 400:430] = np.random.default_rng(1).integers(0, 1 << 24, (30, 30), np.uint32)
    with Server(tmp_path, greetings={DISPLAY: lambda c: show(c, screen.pixels)}) as server:
        result = run("text", server.target, "--settle", "10", "--json", "--colors")
    assert (result.status, result.err) == (0, "")
    assert result.out.count("\n") == 1
    facts = json.loads(result.out)
    assert (facts["rows"], facts["columns"]) == (25, 80)
    assert (facts["cell_width"], facts["cell_height"]) == (8, 16)
    assert facts["cursor"] == {"row": 4, "column": 2}
    assert facts["matched"] == 1 - 12 / 2000
    assert facts["lines"][:3] == ["The quick brown fox", "", "    jumps over the lazy dog"]
    assert facts["lines"][19] == " " * 50 + "\N{REPLACEMENT CHARACTER}" * 4
    assert facts["colors"][2] == [
        {"column": 0, "columns": 4, "foreground": None, "background": "#000000"},
        {"column": 4, "columns": 23, "foreground": "#ffff55", "background": "#0000aa"},
        {"column": 27, "columns": 53, "foreground": None, "background": "#000000"},
    ]
    assert all(sum(part["columns"] for part in row) == 80 for row in facts["colors"])


def test_it_waits_until_the_text_rests(run: Run, tmp_path: Path) -> None:
    screen = console()
    written = 0

    def slowly(connection: Connection) -> None:
        show(connection, screen.pixels)

        def step() -> None:
            nonlocal written
            if written < 8:
                put(connection, screen.pixels, screen.write(written, 9, "fox"))
                written += 3

        connection.every(0.01, step)

    with Server(tmp_path, greetings={DISPLAY: slowly}) as server:
        result = run("text", server.target, "--settle", "600")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[9] == "foxfoxfox"


def test_a_blinking_cursor_does_not_count(run: Run, tmp_path: Path) -> None:
    screen = console()

    def blink(connection: Connection) -> None:
        show(connection, screen.pixels)
        place = Rect(0, 9 * 16 + 14, 8, 2)

        def step() -> None:
            screen.words[place.slices()] ^= 0xAAAAAA
            put(connection, screen.pixels, place)

        connection.every(0.02, step)

    with Server(tmp_path, greetings={DISPLAY: blink}) as server:
        result = run("text", server.target, "--settle", "300")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("The quick brown fox\n")


def test_text_that_never_rests_is_printed_at_the_timeout(run: Run, tmp_path: Path) -> None:
    screen = console()
    count = 0

    def count_up(connection: Connection) -> None:
        show(connection, screen.pixels)

        def step() -> None:
            nonlocal count
            count += 1
            put(connection, screen.pixels, screen.write(0, 9, f"{count % 10}"))

        connection.every(0.03, step)

    with Server(tmp_path, greetings={DISPLAY: count_up}) as server:
        result = run("text", server.target, "--settle", "2000", "--timeout", "0.5")
    assert result.status == 0
    assert "warning: the text did not rest for 2000 ms within 0.5 s" in result.error
    assert result.out.startswith("The quick brown fox\n")


def test_a_picture_is_refused(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 200, 4), np.uint8)
    with Server(tmp_path, greetings={DISPLAY: lambda c: show(c, noise)}) as server:
        result = run("text", server.target, "--settle", "0")
    assert (result.status, result.out) == (1, "")
    assert result.error == "display 0 shows no text console (200x60 pixels); take its picture with screenshot"


def test_a_display_that_shows_nothing(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("text", server.target, "--timeout", "0.3")
        assert (result.status, result.out) == (1, "")
        assert "display 0 shows nothing within 0.3 s; check" in result.error


def test_a_display_that_is_not_there(run: Run, tmp_path: Path) -> None:
    screen = console()
    with Server(tmp_path, greetings={DISPLAY: lambda c: show(c, screen.pixels)}) as server:
        result = run("text", server.target, "--display", "2")
    assert (result.status, result.error) == (6, "the server has no display 2 (it has: 0)")


def test_nothing_but_text_is_printed(run: Run, tmp_path: Path) -> None:
    """Every sign that a VGA has, and none that a terminal would take for a command."""
    pixels, _ = consoles.recorded("vga-all-signs")
    with Server(tmp_path, greetings={DISPLAY: lambda c: show(c, pixels)}) as server:
        result = run("text", server.target, "--settle", "0")
    assert result.status == 0
    lines = result.out.split("\n")
    assert len(lines) == 26
    assert all(line.isprintable() for line in lines)
