"""A driver of one's own: prints what happens in a session for some seconds.

python demos/own_driver.py localhost:5900 10
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import spicetui
from spicetui.connectors.targets import parse_target


class Reporter(spicetui.BaseDriver):
    """Each method is called on the event loop and must be short."""

    def display_init(self, surface: spicetui.Surface) -> None:
        print(f"display {surface.display}: {surface.width}x{surface.height}", flush=True)

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        pixels = sum(rect.area for rect in damage)
        print(f"display {surface.display}: {len(damage)} rectangles, {pixels} pixels", flush=True)

    def set_cursor(self, cursor: spicetui.Cursor | None, x: int, y: int) -> None:
        shape = f"{cursor.width}x{cursor.height}" if cursor is not None else "hidden"
        print(f"pointer: {shape} at {x},{y}", flush=True)

    def mouse_mode_changed(self, client_mode: bool) -> None:
        print(f"pointer is {'placed' if client_mode else 'moved by differences'}", flush=True)

    def name_changed(self, name: str) -> None:
        print(f"machine: {name}", flush=True)

    def closed(self, error: Exception | None) -> None:
        print(f"closed: {error or 'in order'}", flush=True)


async def main(address: str, seconds: str = "10") -> None:
    target = parse_target(address)
    try:
        async with await spicetui.connect(target.connector, Reporter(), password=target.password):
            await asyncio.sleep(float(seconds))
    finally:
        await target.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
