"""Programs that show pictures, run in a terminal until they end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from live import needs

from .personality import Personality
from .terminal import Terminal


@asynccontextmanager
async def finished(personality: Personality, name: str, *arguments: str, **options: Any) -> AsyncIterator[Terminal]:
    """The terminal after the program has ended well and all that it wrote has been read."""
    path = needs.program(name)
    terminal = Terminal(personality=personality, **options)
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", "--wait", path, *arguments),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=inherited | {"LC_ALL": "C.UTF-8"} | personality.environment,
    )
    try:
        assert await asyncio.wait_for(process.wait(), 30) == 0, terminal.text
        os.write(terminal.slave, b"\x1b]2;finished\x07")
        await terminal.until(lambda: terminal.title == "finished")
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()
