"""The program itself on a terminal, showing the demo desktop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from terminal.terminal import Terminal

LEFT_BEHIND = (1049, 1000, 1003, 1006, 1016, 1004, 2004)


@asynccontextmanager
async def program(terminal: Terminal, *arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    base = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM", "TERM_PROGRAM")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "spicetui", *arguments),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=base | {"TERM": "xterm-256color"} | environment,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        terminal.close()


def shows_a_picture(terminal: Terminal) -> bool:
    cells: Any = terminal.screen.buffer
    with terminal.lock:
        colors = {cells[y][x].bg for y in range(0, 20, 3) for x in range(0, 80, 5)}
    return len(colors) > 4


def restored(terminal: Terminal) -> bool:
    return (
        not any(terminal.modes.get(mode) for mode in LEFT_BEHIND)
        and terminal.modes[7]
        and terminal.modes[25]
        and terminal.keyboard == []
        and termios.tcgetattr(terminal.slave) == terminal.settings
    )


async def test_the_demo_desktop_and_back_to_the_shell() -> None:
    terminal = Terminal()
    async with program(terminal) as process:
        await terminal.until(lambda: shows_a_picture(terminal), "a picture")
        terminal.type(b"\x1dq")
        assert await asyncio.wait_for(process.wait(), 20) == 0
        await terminal.until(lambda: restored(terminal), "restored")


async def test_terminated() -> None:
    terminal = Terminal()
    async with program(terminal) as process:
        await terminal.until(lambda: shows_a_picture(terminal), "a picture")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 143
        await terminal.until(lambda: restored(terminal), "restored")


async def test_terminated_while_the_terminal_reads_nothing() -> None:
    terminal = Terminal()
    async with program(terminal) as process:
        await terminal.until(lambda: shows_a_picture(terminal), "a picture")
        terminal.stall()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 143
        assert termios.tcgetattr(terminal.slave) == terminal.settings


async def test_a_refused_port_is_one_line() -> None:
    terminal = Terminal()
    async with program(terminal, "localhost:1") as process:
        assert await asyncio.wait_for(process.wait(), 20) == 3
        await terminal.until(lambda: "spicetui: " in terminal.text)
        assert not terminal.modes.get(1049)
        assert sum(bool(line.strip()) for line in terminal.screen.display) <= 3


@pytest.mark.parametrize(("term", "words"), [("dumb", "TERM"), ("", "TERM")])
async def test_a_terminal_that_can_show_nothing(term: str, words: str) -> None:
    terminal = Terminal()
    async with program(terminal, "localhost:1", TERM=term) as process:
        assert await asyncio.wait_for(process.wait(), 20) == 1
        await terminal.until(lambda: words in terminal.text)


async def test_no_terminal_at_all() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "spicetui", "localhost:1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ, TERM="xterm"),
    )
    _, error = await process.communicate()
    assert process.returncode == 1
    assert b"no terminal" in error
    assert error.count(b"\n") == 1


async def test_without_colours_the_picture_is_gray() -> None:
    terminal = Terminal()
    async with program(terminal, NO_COLOR="1"):
        await terminal.until(lambda: "gray" in terminal.text, "the word")
        await terminal.until(lambda: shows_a_picture(terminal), "a picture")
        cells: Any = terminal.screen.buffer
        with terminal.lock:
            colors = {cells[y][x].bg for y in range(20) for x in range(10, 70)} - {"default"}
        assert all(color[:2] == color[2:4] == color[4:] for color in colors if len(color) == 6)
