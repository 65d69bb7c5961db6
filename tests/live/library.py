"""The library as a program uses it, against the servers of these tests."""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest

import spicetui
from spicetui.codecs.image import ImageDecoder
from spicetui.codecs.pixmap import Pixmap
from spicetui.wire.enums import ImageType
from spicetui.wire.image import Image

from . import picture
from .process import DEADLINE
from .reference import Address

T = TypeVar("T")


def connector(address: Address) -> spicetui.Connector:
    if address.unix_path is not None:
        return spicetui.UnixConnector(str(address.unix_path))
    if address.port is not None:
        return spicetui.TcpConnector(address.host, address.port)
    assert address.tls is not None
    assert address.tls_port is not None
    context = ssl.create_default_context(cafile=str(address.tls.ca))
    return spicetui.TlsConnector(address.host, address.tls_port, ssl_context=context)


class Watcher(spicetui.BaseDriver):
    """Counts what arrives; `until` waits for the next event that makes a condition true."""

    def __init__(self) -> None:
        self.frames = 0
        self.refreshes = 0
        self.damage: list[spicetui.Rect] = []
        self.leds: tuple[bool, bool, bool] | None = None
        self._changed = asyncio.Event()

    def display_init(self, surface: spicetui.Surface) -> None:
        self.frames += 1
        self._changed.set()

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        self.refreshes += 1
        self.damage.extend(damage)
        self._changed.set()

    def heads_changed(self, display: int, heads: Sequence[spicetui.Head]) -> None:
        self._changed.set()

    def leds_changed(self, scroll_lock: bool, num_lock: bool, caps_lock: bool) -> None:
        self.leds = (scroll_lock, num_lock, caps_lock)
        self._changed.set()

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Whether the condition came true; it is looked at after every event."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True


async def connect(
    address: Address, driver: spicetui.Driver | None = None, *, compression: str | None = None
) -> spicetui.Client:
    options = spicetui.Options(compression=compression)
    return await spicetui.connect(connector(address), driver, password=address.password, options=options)


def shown(client: spicetui.Client) -> picture.Picture:
    """What the client's display 0 shows, as RGB."""
    rgb: picture.Picture = client.screenshot().pixels[:, :, 2::-1].copy()
    return rgb


class ImageCount:
    """Counts the images of every type that any client of this process decodes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.types: Counter[str] = Counter()
        decode = ImageDecoder.decode

        def counting(decoder: ImageDecoder, image: Image) -> Pixmap:
            self.types[ImageType(image.descriptor.type).name] += 1
            return decode(decoder, image)

        monkeypatch.setattr(ImageDecoder, "decode", counting)

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in sorted(self.types.items()))


class ThreadedClient(ABC):
    """A client on an event loop of its own thread while its context is open; *seconds* bound each call into it."""

    def __init__(self, seconds: float = DEADLINE) -> None:
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ours", daemon=True)
        self.client: spicetui.Client

    @abstractmethod
    async def begin(self) -> None:
        """Connects :attr:`client`."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.begin())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self.client.aclose())
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
