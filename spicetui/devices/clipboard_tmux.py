"""tmux's buffers, which it passes on to the terminal that it is seen in: more than a terminal takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from .clipboard_tool import ToolError, run


def available(environment: Mapping[str, str]) -> bool:
    """Whether this program runs in a tmux of this machine."""
    return bool(environment.get("TMUX")) and shutil.which("tmux") is not None


async def load(data: bytes) -> None:
    """Makes *data* the newest buffer and the terminal's clipboard. Raises ToolError."""
    if data and (await run(("tmux", "load-buffer", "-w", "-"), data))[0] != 0:
        raise ToolError("tmux did not take it")


async def show(max_bytes: int) -> bytes:
    """The newest buffer, nothing when there is none. Raises ToolError."""
    _, data = await run(("tmux", "save-buffer", "-"), None, max_bytes + 1)
    if len(data) > max_bytes:
        raise ToolError(f"tmux's buffer has more than {max_bytes} bytes")
    return data
