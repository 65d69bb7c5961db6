"""The child process of the simpleaudio backend: samples from standard input, played in blocks one after another.

    python -m spicetui.devices.audio_simpleaudio RATE CHANNELS

simpleaudio plays whole buffers only; between two of them is a gap of some milliseconds. Nothing else is to be had.
"""

from __future__ import annotations

import sys

BLOCK_MS = 250


def main(rate: int, channels: int) -> int:
    try:
        import simpleaudio  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        print("simpleaudio is not installed: pip install 'spicetui[audio-simple]'", file=sys.stderr)  # noqa: T201
        return 1
    size = rate * BLOCK_MS // 1000 * 2 * channels
    playing = None
    while block := sys.stdin.buffer.read(size):
        block = block[: len(block) // (2 * channels) * 2 * channels]
        if playing is not None:
            playing.wait_done()
        playing = simpleaudio.play_buffer(block, channels, 2, rate)
    if playing is not None:
        playing.wait_done()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
