"""``spicetui screenshot TARGET FILE``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SpiceError
from ..interfaces import BaseDriver
from .exits import OK, UsageError, complain
from .options import add_common, add_target, display_number, milliseconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..canvas.cursor import Cursor
    from ..canvas.surface import Surface
    from ..client import Client
    from ..geometry import Rect

POINTER_SECONDS = 1.0  #: how long the server may take to tell of the pointer

USAGE = "TARGET FILE.{png,ppm} [options]"
EPILOG = """\
The picture is taken when the screen has rested for --settle milliseconds; a screen that never rests, such as one with
a blinking text cursor, is taken when --timeout is over."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("file", metavar="FILE", help="where to write it, ending in .png or .ppm")
    parser.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    parser.add_argument(
        "--settle", metavar="MS", type=milliseconds, default=250, help="how long it must rest (default 250)"
    )
    parser.add_argument("--cursor", action="store_true", help="with the pointer painted in")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    path = Path(arguments.file)
    if path.suffix.lower() not in (".png", ".ppm"):
        raise UsageError(f"{arguments.file}: the picture's name must end in .png or .ppm")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{arguments.file}: there is no folder to write it to")
    start_log(arguments)
    return run_async(screenshot(arguments, path))


class Watch(BaseDriver):
    """Remembers when each display channel changed last."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._changed: dict[int, float] = {}
        self._begun = self._now()
        self.channel = 0  #: the one that is looked at
        self.pointer_told = asyncio.Event()

    @property
    def changed_at(self) -> float:
        return self._changed.get(self.channel, self._begun)

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        self.pointer_told.set()

    def display_init(self, surface: Surface) -> None:
        self.display_refresh(surface, ())

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        self._changed[surface.display] = self._now()

    async def rest(self, seconds: float, deadline: float) -> bool:
        """Waits until nothing has changed for so long; False when *deadline* comes first."""
        while (rested_at := self.changed_at + seconds) > self._now():
            if rested_at > deadline:
                await asyncio.sleep(deadline - self._now())
                if self.changed_at + seconds > deadline:
                    return False
            await asyncio.sleep(rested_at - self._now())
        return True


async def screenshot(arguments: argparse.Namespace, path: Path) -> int:
    from .session import session

    deadline = asyncio.get_running_loop().time() + arguments.timeout
    watch = Watch()
    only = {"display", "cursor"} if arguments.cursor else {"display"}
    preparing = asyncio.create_task(asyncio.to_thread(_prepare, path))  # while the server is at work
    try:
        async with session(arguments, watch, only=only) as client:
            try:
                async with asyncio.timeout_at(deadline):
                    await client.wait_frame(arguments.display)
            except TimeoutError:
                raise SpiceError(
                    f"display {arguments.display} shows nothing within {arguments.timeout:g} s;"
                    " check that the machine runs"
                ) from None
            watch.channel = client.heads[arguments.display].display
            if arguments.cursor and client.cursors:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POINTER_SECONDS):
                        await watch.pointer_told.wait()
            rested = await watch.rest(arguments.settle / 1000, deadline)
            picture = _picture(client, arguments.display, arguments.cursor)
            gaps = sorted(client.unsupported.items())
    finally:
        await preparing
    _write(picture, path)
    for gap, count in gaps:
        complain(f"warning: {gap} is not supported ({count} times), so the picture may differ there")
    if not rested:
        complain(f"warning: the screen did not rest for {arguments.settle} ms within {arguments.timeout:g} s")
    return OK


def _picture(client: Client, display: int, with_cursor: bool) -> Surface:
    surface = client.screenshot(display)
    head = client.heads[display]
    cursor = client.cursors.get(head.display)
    if with_cursor and cursor is not None and cursor.visible and cursor.cursor is not None:
        cursor.cursor.paint(surface.pixels, cursor.x - head.area.x, cursor.y - head.area.y)
    return surface


def _prepare(path: Path) -> None:
    """Imports what the writing needs."""
    if path.suffix.lower() == ".png":
        import PIL.PngImagePlugin  # noqa: F401


def _write(surface: Surface, path: Path) -> None:
    size = (surface.width, surface.height)
    if path.suffix.lower() == ".ppm":
        rgb = surface.pixels[:, :, 2::-1].tobytes()
        path.write_bytes(b"P6\n%d %d\n255\n" % size + rgb)
        return
    from PIL import Image

    image = Image.frombuffer("RGB", size, surface.pixels.tobytes(), "raw", "BGRX", 0, 1)
    image.save(path, "PNG", compress_level=3)
