"""A reader that is not there, and the software card in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ..errors import SmartcardError
from ..interfaces import SmartcardHost
from .smartcard_keys import CardKey, Passphrase, load_key
from .smartcard_piv import SLOTS, PivCard

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


def card_from_files(files: Sequence[str], pin: str, passphrase: Passphrase = lambda name: None) -> PivCard:
    """A PIV card of certificate files, each ``[SLOT=]FILE[,KEYFILE]``; see :func:`keys_from_files`."""
    return PivCard(keys_from_files(files, passphrase), pin)


def keys_from_files(files: Sequence[str], passphrase: Passphrase) -> dict[int, CardKey]:
    """Keys by slot: 9a (log in), 9c (sign), 9d (decrypt), 9e; files without a slot get them in this order.

    Raises SmartcardError.
    """
    keys: dict[int, CardKey] = {}
    for words in files:
        slot, file = _slot(words)
        if slot is None:
            slot = next((one for one in SLOTS if one not in keys), None)
        if slot is None or slot in keys:
            raise SmartcardError(f"{words}: a card has one certificate in each of the slots {_names()}")
        keys[slot] = load_key(file, passphrase)
    return keys


def _slot(words: str) -> tuple[int | None, str]:
    name, equals, rest = words.partition("=")
    slots = {f"{slot:02x}": slot for slot in SLOTS}
    if equals and name.lower() in slots:
        return slots[name.lower()], rest
    return None, words


def _names() -> str:
    return ", ".join(f"{slot:02x}" for slot in SLOTS)
