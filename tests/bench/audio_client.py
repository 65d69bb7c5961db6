"""Our client as a process of its own, for the bench of sound.

Usage: audio_client.py HOST PORT PLAYER LATENCY-MS [busy]. With *busy* a thread of pure Python works all the time beside
it, harder than any picture: sound has to get through. A line of JSON for each line that it is sent: what it says of its
sound.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import threading

import spicetui
from spicetui.devices import audio
from spicetui.devices.audio_output import Output


def work() -> None:
    number = 0
    while True:
        number = (number * 31 + 7) % 1_000_003


async def main(host: str, port: int, player: str, latency_ms: int, busy: bool) -> None:
    sink = audio.choose(player, latency_ms=latency_ms)
    assert isinstance(sink, Output)
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    options = spicetui.Options(audio=sink, opus=False)
    async with await spicetui.connect(spicetui.TcpConnector(host, port), options=options):
        if busy:
            threading.Thread(target=work, daemon=True).start()
        while await requests.readline():
            print(json.dumps(dataclasses.asdict(sink.status())), flush=True)
    sink.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), "busy" in sys.argv[5:]))
