"""The app on a terminal, and a real server with two devices of which one has two monitors: each is shown and chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from terminal.terminal import Terminal
from tui.test_program import program

from spicetui.geometry import Rect

from .cli import target
from .scene_server.qxl import Draw, Fill, Head, Solid
from .scene_server.server import SceneServer
from .test_scenes import scene_program

__all__ = ["scene_program"]

FIRST, SECOND = (800, 300), (640, 480)
HEADS = [Head(0, 0, 0, 400, 300), Head(1, 400, 0, 400, 300)]
RED, GREEN, BLUE, YELLOW = 0xC81E1E, 0x1EB43C, 0x283CDC, 0xDCC83C
COLOURS = (RED, GREEN, BLUE)


def fill(colour: int, area: Rect) -> Draw:
    return Draw(Fill(Solid(colour)), area)


@asynccontextmanager
async def machine(program_path: Path, directory: Path) -> AsyncIterator[SceneServer]:
    with SceneServer(program_path, directory, devices=2, unix=True) as server:
        server.primary(*FIRST)
        server.primary(*SECOND, device=1)
        server.monitors(HEADS)
        server.draw([fill(RED, Rect(0, 0, 400, 300)), fill(GREEN, Rect(400, 0, 400, 300))])
        server.draw([fill(BLUE, Rect(0, 0, *SECOND))], 1)
        yield server


def colour_at(terminal: Terminal, x: int, y: int) -> str:
    with terminal.lock:
        return terminal.cell_at(x, y)[2]


async def until_shown(terminal: Terminal, number: int, colour: int) -> None:
    """That display, and no other, fills the picture."""
    words = f"[{number + 1}/3]"
    await terminal.until(
        lambda: words in terminal.text.splitlines()[-1] and colour_at(terminal, 40, 11) == f"{colour:06x}", words
    )


async def test_displays_are_switched_by_key_and_by_thumbnail(scene_program: Path, private: Path) -> None:
    async with machine(scene_program, private) as server:
        terminal = Terminal()
        async with program(terminal, target(server.address())) as process:
            await until_shown(terminal, 0, RED)
            for number in (1, 2, 0):
                terminal.type(b"\x1d\t")
                await until_shown(terminal, number, COLOURS[number])
            terminal.type(b"\x1dt")
            for words in ("1  400x300", "2  400x300", "3  640x480"):
                await terminal.until(partial(tells, terminal, words), words)
            colours = {f"{colour:06x}" for colour in COLOURS}
            await terminal.until(lambda: colours <= shown(terminal), "all three")
            await asyncio.to_thread(server.draw, [fill(YELLOW, Rect(0, 0, *SECOND))], 1)
            await terminal.until(lambda: f"{YELLOW:06x}" in shown(terminal), "the third has changed")
            assert f"{BLUE:06x}" not in shown(terminal)
            terminal.type(b"\x1b[F\r")
            await until_shown(terminal, 2, YELLOW)
            terminal.type(b"\x1dt2")
            await until_shown(terminal, 1, GREEN)
            await asyncio.to_thread(server.monitors, HEADS[:1])  # the second monitor is unplugged
            await terminal.until(lambda: "[2/2]" in terminal.text and colour_at(terminal, 40, 11) == f"{YELLOW:06x}")
            terminal.type(b"\x1dq")
            assert await asyncio.wait_for(process.wait(), 20) == 0


def tells(terminal: Terminal, words: str) -> bool:
    return words in terminal.text


def shown(terminal: Terminal) -> set[str]:
    """The colours of the cells' backgrounds."""
    with terminal.lock:
        buffer = terminal.screen.buffer
        return {buffer[y][x].bg for y in range(24) for x in range(80)}


async def test_it_begins_with_the_display_asked_for(scene_program: Path, private: Path) -> None:
    async with machine(scene_program, private) as server:
        for number, colour in enumerate(COLOURS):
            terminal = Terminal()
            async with program(terminal, "view", target(server.address()), "--display", str(number)) as process:
                await until_shown(terminal, number, colour)
                terminal.type(b"\x1dq")
                assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_display_that_is_not_there(scene_program: Path, private: Path) -> None:
    async with machine(scene_program, private) as server:
        terminal = Terminal()
        async with program(terminal, "view", target(server.address()), "--display", "3") as process:
            await terminal.until(lambda: "There is no display 3" in terminal.text)
            await until_shown(terminal, 0, RED)
            terminal.type(b"\x1dq")
            assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_picture_that_becomes_a_texture_is_told(scene_program: Path, private: Path) -> None:
    with SceneServer(scene_program, private, unix=True) as server:
        server.primary(*SECOND)
        server.draw([fill(BLUE, Rect(0, 0, *SECOND))])
        terminal = Terminal()
        async with program(terminal, target(server.address())) as process:
            await terminal.until(lambda: colour_at(terminal, 40, 11) == f"{BLUE:06x}")
            await asyncio.to_thread(server.gl_scanout, *SECOND)
            await terminal.until(lambda: "Connection lost" in terminal.text and "gl=off" in terminal.text)
            terminal.type(b"q")
            assert await asyncio.wait_for(process.wait(), 20) == 1
            await terminal.until(lambda: "gl=off" in terminal.text)
