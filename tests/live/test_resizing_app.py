"""A new size of the terminal becomes the guest's, through the whole app and Debian's own guest agent."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from terminal.personality import KITTY

from .cli import target
from .conftest import Row
from .test_app_input import app
from .vdagent import VdAgent
from .xspice import Xspice

CELL = (8, 16)


async def becomes(server: Xspice, width: int, height: int) -> None:
    """The guest's screen has that size, to the next multiple of 8 below."""
    sizes = [f"current {width - cut} x {height}" for cut in range(8)]
    told = ""
    async with asyncio.timeout(60):
        while not any(size in told for size in sizes):
            told = await asyncio.to_thread(server.run, "xrandr")


async def test_the_terminals_size(private: Path, row: Row) -> None:
    with Xspice(private, agent=True) as server, VdAgent(server):
        async with app(target(server.address()), "--scale", "native", personality=KITTY) as running:
            for columns, rows in ((80, 24), (160, 48), (101, 31)):
                if (columns, rows) != (80, 24):
                    running.terminal.resize(columns, rows)
                    running.process.send_signal(signal.SIGWINCH)
                width, height = columns * CELL[0], (rows - 1) * CELL[1]
                await becomes(server, width, height)
                await running.until(f"x{height}")
                row(
                    "resizing through the app",
                    terminal=f"{columns}x{rows}",
                    asked=f"{width}x{height}",
                    xrandr="the same",
                )
            await running.leave()
