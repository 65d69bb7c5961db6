"""Our client as a process of its own, for the bench of video: shows whatever comes and counts what it cost.

Usage: video_client.py HOST PORT. Writes one line of JSON once frames of a stream are shown, and one for each line that
it is sent: the frames by codec, and how late each was shown after its time.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import spicetui
from spicetui.channels import streams as module
from spicetui.protocol.frames import Frame, Schedule, between

STREAMING = 10


class Timed(Schedule[Any]):
    """Notes how many milliseconds after its time each frame is taken to be shown."""

    late_ms: list[int] = []  # noqa: RUF012

    def due(self, now: int) -> Frame[Any] | None:
        frame = super().due(now)
        if frame is not None:
            self.late_ms.append(between(frame.time, now))
        return frame


class Watcher(spicetui.BaseDriver):
    def __init__(self) -> None:
        self.shown = asyncio.Event()
        self.client: spicetui.Client | None = None

    def display_refresh(self, surface: spicetui.Surface, damage: Any) -> None:
        if len(Timed.late_ms) >= STREAMING:
            self.shown.set()


async def main(host: str, port: int) -> None:
    setattr(module, "Schedule", Timed)  # noqa: B010 - it is not the module's own name
    watcher = Watcher()
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    async with await spicetui.connect(spicetui.TcpConnector(host, port), watcher) as client:
        await watcher.shown.wait()
        tell(client)
        while await requests.readline():
            tell(client)


def tell(client: spicetui.Client) -> None:
    played = {
        codec: {"arrived": one.arrived, "late": one.late, "shown": one.shown, "dropped": one.dropped}
        for codec, one in client.displays[0].streams.played().items()
    }
    print(json.dumps({"played": played, "late_ms": Timed.late_ms}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
