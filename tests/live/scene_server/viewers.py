"""Who looks at the scenes: the reference client, and this project's library; both wait for a mark in the picture."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

import spicetui

from .. import library, picture
from ..process import DEADLINE
from ..reference import Address, Reference

T = TypeVar("T")
Colour = tuple[int, int, int]


class Viewer(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def until(self, x: int, y: int, colour: Colour, display: int = 0) -> picture.Picture:
        """The picture as soon as that pixel has the colour."""
        ...


class ReferenceViewer:
    name = "reference"

    def __init__(self, directory: Path, address: Address) -> None:
        self._reference = Reference(directory, address)

    def __enter__(self) -> Self:
        self._reference.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reference.__exit__(kind, error, trace)

    def until(self, x: int, y: int, colour: Colour, display: int = 0) -> picture.Picture:
        self._reference.pixel(x, y, colour, display)
        return self._reference.picture(display)


class OurViewer(library.ThreadedClient):
    """The library."""

    name = "ours"

    def __init__(self, directory: Path, address: Address) -> None:
        super().__init__(2 * DEADLINE)
        self._address = address

    async def begin(self) -> None:
        self.watcher = library.Watcher()
        self.client = await library.connect(self._address, self.watcher)

    def until(self, x: int, y: int, colour: Colour, display: int = 0) -> picture.Picture:
        return self.run(self._until(x, y, colour, display))

    async def _until(self, x: int, y: int, colour: Colour, display: int) -> picture.Picture:
        def marked() -> bool:
            shown = self._shown(display)
            if shown is None or x >= shown.width or y >= shown.height:
                return False
            return tuple(shown.pixels[y, x, 2::-1]) == colour

        over = asyncio.ensure_future(self.client.wait_closed())
        waiting = asyncio.ensure_future(self.watcher.until(marked, DEADLINE))
        try:
            await asyncio.wait((over, waiting), return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not waiting.done():
                over.result()
                raise ConnectionError("the session ended")
            if not waiting.result():
                raise TimeoutError(f"no {colour} at {x},{y}; not drawn: {dict(self.unsupported)}")
        finally:
            over.cancel()
            waiting.cancel()
            await asyncio.gather(over, waiting, return_exceptions=True)
        surface = self._shown(display)
        assert surface is not None
        rgb: picture.Picture = surface.pixels[:, :, 2::-1].copy()
        return rgb

    def wait_lost(self, key: spicetui.ChannelKey) -> None:
        """Until the session has lost that channel."""
        self.run(self._lost(key))

    async def _lost(self, key: spicetui.ChannelKey) -> None:
        session = self.client.session
        while key not in session.lost:
            await asyncio.wait(session.running(key.type))

    def _shown(self, display: int) -> spicetui.Surface | None:
        """The whole surface of a display channel, whatever heads there are on it."""
        channel = self.client.displays.get(display)
        return None if channel is None else channel.shown

    @property
    def unsupported(self) -> Counter[str]:
        return self.client.unsupported


VIEWERS: tuple[type[ReferenceViewer] | type[OurViewer], ...] = (ReferenceViewer, OurViewer)
