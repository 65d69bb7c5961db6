"""Types a line into a machine's console, as a person at its keyboard would, and presses a combination.

python demos/type_into_console.py localhost:5900 'root' ctrl+l
"""

from __future__ import annotations

import asyncio
import sys

import spicetui
from spicetui.channels.inputs import Inputs
from spicetui.connectors.targets import parse_target
from spicetui.keymap.keys import parse_combo
from spicetui.keymap.text import strokes

PAUSE = 0.004  # seconds; an emulated keyboard holds 16 bytes and loses what comes on top


async def press(inputs: Inputs, keys: tuple[spicetui.Key, ...]) -> None:
    for key in keys:
        inputs.key_down(key)
        await asyncio.sleep(PAUSE)
    for key in reversed(keys):
        inputs.key_up(key)
        await asyncio.sleep(PAUSE)


async def main(address: str, line: str, *combinations: str) -> None:
    typed = strokes(line + "\n", layout="us")  # raises for characters that the layout lacks
    target = parse_target(address)
    options = spicetui.Options(disable_channels=frozenset({"display", "cursor"}))
    try:
        async with await spicetui.connect(target.connector, password=target.password, options=options) as client:
            if client.inputs is None:
                raise SystemExit("this server takes no keys")
            for keys in [stroke.keys for stroke in typed] + [parse_combo(name) for name in combinations]:
                await press(client.inputs, keys)
    finally:
        await target.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
