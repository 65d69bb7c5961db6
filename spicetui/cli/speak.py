"""``spicetui speak TARGET FILE``."""

from __future__ import annotations

import argparse
import asyncio
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FeatureMissing, SpiceError
from .exits import OK, UsageError
from .options import add_common, add_target, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.record import RecordChannel

#: Frames of the guest's that are sent ahead of their time. The reference server keeps 8192 and loses the oldest; it
#: gives the guest none before it has 4096.
AHEAD = 5500

#: Silence after the end, so that the guest hears all of it before the channel is closed.
TAIL_MS = 200

BLOCK_MS = 10

USAGE = "TARGET FILE.wav [options]"
EPILOG = """\
examples:
  spicetui speak localhost:5900 hello.wav

The guest must listen, as a recorder or a call does; --timeout says how long to wait for it. The file has 16 bits; rate
and channels become those of the guest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("file", metavar="FILE", help="a WAV file with samples of 16 bits")
    parser.add_argument("--codec", choices=("raw", "opus"), default="raw", help="opus: compress (default raw)")
    parser.add_argument("--json", action="store_true", help="tell in the end what was sent, one JSON object")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.read_only:
        raise UsageError("--read-only keeps sound from being sent; leave it out")
    start_log(arguments)
    with open_wave(arguments.file) as file:
        return run_async(speak(arguments, file))


def open_wave(name: str) -> wave.Wave_read:
    """Raises UsageError for what is no WAV file with 16 bits, OSError for what cannot be read."""
    try:
        file: wave.Wave_read = wave.open(str(Path(name)), "rb")  # noqa: SIM115 - a context of the caller's
    except (wave.Error, EOFError) as error:
        raise UsageError(f"{name}: no WAV file that can be read ({str(error) or 'it is empty'})") from None
    if file.getsampwidth() != 2:
        bits = 8 * file.getsampwidth()
        file.close()
        raise UsageError(f"{name}: samples of {bits} bits; convert it to 16 bits")
    return file


async def speak(arguments: argparse.Namespace, file: wave.Wave_read) -> int:
    from .session import session

    async with session(arguments, only={"record"}) as client:
        recorder = client.audio_recorder
        if recorder is None:
            raise FeatureMissing("the server offers no microphone (no record channel)")
        compress = arguments.codec == "opus"
        await recorder.start(channels=file.getnchannels(), rate=file.getframerate(), compress=compress)
        try:
            async with asyncio.timeout(arguments.timeout):
                await recorder.wait_listening()
        except TimeoutError:
            raise SpiceError(
                f"the guest has not listened for {arguments.timeout:g} seconds; let it record, or see --timeout"
            ) from None
        codec = recorder.codec
        frames = await send(recorder, file)
        await recorder.stop()
    if arguments.json:
        told = {"frames": frames, "seconds": round(frames / file.getframerate(), 6), "codec": codec}
        print(json.dumps(told))
    return OK


async def send(recorder: RecordChannel, file: wave.Wave_read) -> int:
    """The whole file at its own pace; how many frames. Raises SpiceError when the guest stops to listen."""
    loop = asyncio.get_running_loop()
    rate, frame = file.getframerate(), 2 * file.getnchannels()
    assert recorder.wanted is not None
    ahead = AHEAD / recorder.wanted.frequency
    began = loop.time()
    sent = 0
    for data in blocks(file):
        if not recorder.send_samples(data):
            raise SpiceError(f"the guest has stopped to listen after {sent / rate:.1f} seconds")
        sent += len(data) // frame
        await recorder.drain()
        await asyncio.sleep(max(0.0, began + sent / rate - ahead - loop.time()))
    await asyncio.sleep(ahead)
    return file.getnframes()


def blocks(file: wave.Wave_read) -> Iterator[bytes]:
    """The file, and silence after it."""
    rate, frame = file.getframerate(), 2 * file.getnchannels()
    while data := file.readframes(rate * BLOCK_MS // 1000):
        yield data
    for _ in range(TAIL_MS // BLOCK_MS):
        yield bytes(rate * BLOCK_MS // 1000 * frame)
