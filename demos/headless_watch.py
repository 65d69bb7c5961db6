"""Watches a screen without showing it: prints how much of it changes each second, and beeps when it comes to rest.

python demos/headless_watch.py localhost:5900 30
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import spicetui
from spicetui.connectors.targets import parse_target


class Watch(spicetui.BaseDriver):
    def __init__(self) -> None:
        self.changed = 0  # pixels since the last look

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        self.changed += sum(rect.area for rect in damage)


async def main(address: str, seconds: str = "30") -> None:
    target = parse_target(address)
    watch = Watch()
    options = spicetui.Options(disable_channels=frozenset({"inputs", "cursor"}))
    try:
        async with await spicetui.connect(target.connector, watch, password=target.password, options=options) as client:
            size = await client.wait_frame()
            moving = False
            for second in range(int(seconds)):
                await asyncio.sleep(1)
                share = watch.changed / (size.width * size.height)
                print(f"{second + 1:4} s  {share:7.1%} of the screen changed", flush=True)
                if moving and not watch.changed:
                    print("the screen rests\a", flush=True)
                moving, watch.changed = watch.changed > 0, 0
    finally:
        await target.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
