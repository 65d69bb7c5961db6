"""A session on the fake server for the tests of single channels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from peer.driver import RecordingDriver
from peer.fake_server import STANDARD, FakeChannel, FakeServer

import spicetui
from spicetui import ChannelKey
from spicetui.client import Client


class Opened(NamedTuple):
    client: Client
    driver: RecordingDriver
    server: FakeServer
    channel: FakeChannel


@asynccontextmanager
async def opened(
    key: ChannelKey, channels: Iterable[ChannelKey] = STANDARD, *, client: dict[str, Any] | None = None, **server: Any
) -> AsyncIterator[Opened]:
    """A session of which the test speaks for the channel *key*."""
    driver = RecordingDriver()
    async with FakeServer(channels, **server) as fake:
        session = await spicetui.connect(fake, driver, **(client or {}))
        try:
            channel = await fake.channel(key)
            await channel.settled()
            yield Opened(session, driver, fake, channel)
        finally:
            await session.aclose()
