"""``spicetui listen TARGET FILE``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FeatureMissing, SpiceError
from .exits import OK, UsageError, complain
from .options import add_common, add_target, seconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..client import Client
    from ..devices.audio_file import FileSink
    from ..interfaces import AudioFormat

USAGE = "TARGET FILE.{wav,ogg,raw}|- [options]"
EPILOG = """\
examples:
  spicetui listen localhost:5900 boot.wav --seconds 20
  spicetui listen localhost:5900 - | pacat --raw --rate=48000 --channels=2 --file-format=wav

Without --seconds it goes on until it is interrupted. Sound is kept as it comes, sample by sample: the guest's volume is
not applied and its pauses are left out. With - a WAV stream goes to standard output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "file", metavar="FILE", help="where to write it, ending in .wav, .ogg or .raw; - is standard output"
    )
    parser.add_argument(
        "--seconds", metavar="S", type=seconds, help="of sound to record; waits --timeout for its begin"
    )
    parser.add_argument("--codec", choices=("auto", "raw"), default="auto", help="raw: ask the server not to compress")
    parser.add_argument("--json", action="store_true", help="tell in the end what was recorded, one JSON object")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    from ..devices.audio_file import SUFFIXES

    path = Path(arguments.file)
    if arguments.file == "-":
        if arguments.json:
            raise UsageError("--json and the sound cannot both go to standard output; give a file")
    elif path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{arguments.file}: the file's name must end in {', '.join(SUFFIXES)}")
    elif path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{arguments.file}: there is no folder to write it to")
    start_log(arguments)
    return run_async(listen(arguments, path))


class Recording:
    """A file sink that ends after so many seconds of sound."""

    def __init__(self, file: FileSink, limit: float | None) -> None:
        self.file = file
        self.limit = limit
        self.frames = 0
        self.seconds = 0.0
        self.format: tuple[int, int] | None = None
        self.begun = asyncio.Event()
        self.full = asyncio.Event()

    def start(self, rate: int, channels: int, format: AudioFormat) -> None:
        self.format = (rate, channels)
        self.file.start(rate, channels, format)

    def push(self, pcm: bytes, mm_time: int) -> None:
        assert self.format is not None
        rate, channels = self.format
        if self.full.is_set():
            return
        count = len(pcm) // (2 * channels)
        if self.limit is not None:
            count = min(count, round((self.limit - self.seconds) * rate))
        self.file.push(pcm[: count * 2 * channels], mm_time)
        self.frames += count
        self.seconds += count / rate
        self.begun.set()
        if self.file.error is not None or (self.limit is not None and self.seconds >= self.limit - 0.5 / rate):
            self.full.set()

    def attach(self, notice: Callable[[str], None]) -> None:
        self.file.attach(notice)

    def stop(self) -> None:
        self.file.stop()

    def set_volume(self, volumes: Sequence[int]) -> None:
        pass

    def set_mute(self, muted: bool) -> None:
        pass

    def set_min_delay(self, ms: int) -> None:
        pass

    def delay_ms(self) -> int | None:
        return None

    def close(self) -> None:
        self.file.close()


async def listen(arguments: argparse.Namespace, path: Path) -> int:
    from ..devices.audio_file import FileSink
    from .session import session

    file = FileSink(os.fdopen(os.dup(sys.stdout.fileno()), "wb") if arguments.file == "-" else path)
    recording = Recording(file, arguments.seconds)
    arguments.audio, arguments.opus = recording, arguments.codec != "raw"
    codec = None
    try:
        async with session(arguments, only={"playback"}) as client:
            if client.playback is None:
                raise FeatureMissing("the server offers no sound (no playback channel)")
            await _record(client, recording, arguments.timeout)
            codec = client.playback.sound.codec if client.playback.sound is not None else None
            lost = client.playback.failed_packets
    finally:
        await asyncio.to_thread(recording.close)
        if file.error is not None:
            raise SpiceError(file.error)
    if lost:
        complain(f"warning: {lost} packets of sound could not be decoded")
    for extra in file.paths[1:]:
        complain(f"the guest changed rate or channels: see {extra} too")
    if arguments.json:
        rate, channels = recording.format or (0, 0)
        print(
            json.dumps(
                {
                    "files": [str(one) for one in file.paths],
                    "seconds": round(recording.seconds, 6),
                    "frames": recording.frames,
                    "rate": rate,
                    "channels": channels,
                    "codec": codec,
                    "lost_packets": lost,
                }
            )
        )
    return OK


async def _record(client: Client, recording: Recording, timeout: float) -> None:
    """Until enough was recorded; without a limit until the session ends. Raises SpiceError when nothing is played."""
    over = asyncio.ensure_future(client.wait_closed())
    begun = asyncio.ensure_future(recording.begun.wait())
    full = asyncio.ensure_future(recording.full.wait())
    try:
        if recording.limit is not None:
            await asyncio.wait((over, begun), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done() and not over.done():
                raise SpiceError(f"the guest has played nothing for {timeout:g} seconds; --timeout waits longer")
        await asyncio.wait((over, full), return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()
    finally:
        for task in (over, begun, full):
            task.cancel()
        await asyncio.gather(over, begun, full, return_exceptions=True)
