"""Our client as a process of its own, for the replay bench: shows whatever comes.

Usage: replay_client.py HOST PORT. For a line that it is sent it writes one line of JSON: a hash of the picture, the
updates that the driver was told of, and the bytes that surfaces and caches hold.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import Any

import spicetui


class Counter(spicetui.BaseDriver):
    updates = 0

    def display_init(self, surface: spicetui.Surface) -> None:
        self.updates += 1

    def display_refresh(self, surface: spicetui.Surface, damage: Any) -> None:
        self.updates += 1


async def main(host: str, port: int) -> None:
    driver = Counter()
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    async with await spicetui.connect(spicetui.TcpConnector(host, port), driver) as client:
        await requests.readline()
        display, session = client.displays[0], client.session
        surface = display.surface
        assert surface is not None
        rgb = surface.pixels[:, :, 2::-1].tobytes()
        told = {
            "sha256": hashlib.sha256(rgb).hexdigest(),
            "updates": driver.updates,
            "unsupported": dict(client.unsupported),
            "surfaces": [
                len(display.canvas.surfaces),
                sum(one.data.nbytes for one in display.canvas.surfaces.values()),
            ],
            "pixmaps": [len(session.pixmaps), 4 * session.pixmaps.pixels],
            "glz": [len(session.glz), 4 * session.glz.pixels],
        }
        print(json.dumps(told), flush=True)
        await requests.readline()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
