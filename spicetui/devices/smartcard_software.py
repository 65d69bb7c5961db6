"""A reader that is not there, and the software card in it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..errors import SmartcardError
from ..interfaces import SmartcardHost

NAME = "spicetui software card"


class Card(Protocol):
    """What a software reader takes."""

    @property
    def atr(self) -> bytes: ...

    def reset(self) -> None: ...

    def process(self, apdu: bytes) -> bytes: ...


class SoftwareReader:
    """Holds *card*; :meth:`insert` and :meth:`remove` are what a hand does with a real one."""

    def __init__(self, card: Card, name: str = NAME, *, inserted: bool = True) -> None:
        self.card = card
        self.name = name
        self.inserted = inserted
        self._host: SmartcardHost | None = None

    async def open(self, host: SmartcardHost) -> None:
        self._host = host
        self.card.reset()
        if self.inserted:
            host.card_inserted(self.card.atr)

    def insert(self) -> None:
        if not self.inserted:
            self.inserted = True
            self.card.reset()
            if self._host is not None:
                self._host.card_inserted(self.card.atr)

    def remove(self) -> None:
        if self.inserted:
            self.inserted = False
            self.card.reset()
            if self._host is not None:
                self._host.card_removed()

    async def transmit(self, apdu: bytes) -> bytes:
        if not self.inserted:
            raise SmartcardError("there is no card in the reader")
        return await asyncio.to_thread(self.card.process, apdu)

    async def close(self) -> None:
        self._host = None
        self.card.reset()
