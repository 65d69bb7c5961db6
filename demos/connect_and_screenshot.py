"""Connects to a machine, waits for its picture, and writes it as a PNG file.

python demos/connect_and_screenshot.py localhost:5900 shot.png
"""

from __future__ import annotations

import asyncio
import sys

from PIL import Image

import spicetui
from spicetui.connectors.targets import parse_target


async def main(address: str, file: str) -> None:
    target = parse_target(address)  # or spicetui.TcpConnector("localhost", 5900)
    try:
        async with await spicetui.connect(target.connector, password=target.password) as client:
            surface = await client.wait_frame()
            print(f"{client.name or target.title}: {surface.width}x{surface.height}")
        # pixels: uint8 (height, width, 4), blue first
        Image.fromarray(surface.pixels[:, :, 2::-1]).save(file)
    finally:
        await target.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
