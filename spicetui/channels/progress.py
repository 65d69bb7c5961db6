"""How far each channel of a session has come, for messages that wait for another channel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ..interfaces import ChannelKey
from ..wire.common import WaitForChannel

#: Seconds after which a wait is given up: a server that names a serial which never comes must not stop a channel.
TIMEOUT = 10.0


class Progress:
    """The last serial that each open channel has handled."""

    def __init__(self) -> None:
        self._handled: dict[tuple[int, int], int] = {}
        self._changed: asyncio.Event | None = None

    def add(self, key: ChannelKey) -> None:
        self._handled[key] = 0

    def notify(self, key: ChannelKey, serial: int) -> None:
        self._handled[key] = serial
        self._wake()

    def forget(self, key: ChannelKey) -> None:
        """The channel is gone; nobody waits for it any longer."""
        self._handled.pop(key, None)
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def wait(self, channels: Iterable[WaitForChannel]) -> None:
        """Until every channel named has handled its serial, is not (any more) open, or the time is over."""
        wanted = list(channels)
        try:
            async with asyncio.timeout(TIMEOUT):
                while any(self._behind(one) for one in wanted):
                    if self._changed is None:
                        self._changed = asyncio.Event()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _behind(self, one: WaitForChannel) -> bool:
        return self._handled.get((one.channel_type, one.channel_id), one.message_serial) < one.message_serial
