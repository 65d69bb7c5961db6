"""PC/SC as pyscard has it, with readers that a test fills and empties."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from live.needs import in_ci

try:
    from smartcard import scard
except ImportError:
    if in_ci():
        raise
    pytest.skip("pyscard is missing: install libpcsclite-dev and pyscard", allow_module_level=True)

__all__ = ["DEADLINE", "FakePcsc", "scard"]

DEADLINE = 20.0


class FakePcsc:
    """Its functions are those of ``smartcard.scard``, and so are all constants."""

    def __init__(self, *names: str) -> None:
        self.cards: dict[str, bytes] = dict.fromkeys(names, b"")
        self.counts: dict[str, int] = dict.fromkeys(names, 0)
        self.service = True
        self.contexts = 0
        self.handles: dict[int, str] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.next_code = 0  #: of the next SCardTransmit
        self.connect_code = 0
        self._changed = threading.Condition()
        self._made = 0
        self._cancelled: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(scard, name)

    # --- what the test does

    def put(self, name: str, card: bytes) -> None:
        """Puts a card in, or takes it out with b""."""
        with self._changed:
            self.cards[name] = card
            self.counts[name] += 1
            self._changed.notify_all()

    def unplug(self, name: str) -> None:
        with self._changed:
            del self.cards[name]
            self._changed.notify_all()

    def plug(self, name: str) -> None:
        with self._changed:
            self.cards[name] = b""
            self.counts.setdefault(name, 0)
            self._changed.notify_all()

    def stop_service(self) -> None:
        with self._changed:
            self.service = False
            self._changed.notify_all()

    # --- PC/SC

    def SCardEstablishContext(self, scope: int) -> tuple[int, int]:
        if not self.service:
            return scard.SCARD_E_NO_SERVICE, 0
        self.contexts += 1
        self._made += 1
        return 0, self._made

    def SCardReleaseContext(self, context: int) -> int:
        self.contexts -= 1
        return 0

    def SCardListReaders(self, context: int, groups: list[str]) -> tuple[int, list[str]]:
        return (0, list(self.cards)) if self.cards else (scard.SCARD_E_NO_READERS_AVAILABLE, [])

    def _state(self, name: str) -> int:
        state = scard.SCARD_STATE_PRESENT if self.cards[name] else scard.SCARD_STATE_EMPTY
        return int(state | self.counts[name] << 16)

    def SCardGetStatusChange(self, context: int, wait_ms: int, asked: Any) -> tuple[int, list[Any]]:
        def differs() -> bool:
            return (
                context in self._cancelled
                or not self.service
                or any(name not in self.cards or self._state(name) != state for name, state in asked)
            )

        with self._changed:
            if not self._changed.wait_for(differs, wait_ms / 1000):
                return scard.SCARD_E_TIMEOUT, []
            if context in self._cancelled:
                return scard.SCARD_E_CANCELLED, []
            if not self.service:
                return scard.SCARD_E_NO_SERVICE, []
            if any(name not in self.cards for name, _ in asked):
                return scard.SCARD_E_UNKNOWN_READER, []
            changed = scard.SCARD_STATE_CHANGED
            return 0, [(name, self._state(name) | changed, list(self.cards[name])) for name, _ in asked]

    def SCardCancel(self, context: int) -> int:
        with self._changed:
            self._cancelled.add(context)
            self._changed.notify_all()
        return 0

    def SCardConnect(self, context: int, name: str, share: int, protocols: int) -> tuple[int, int, int]:
        self.calls.append(("connect", name, share))
        if self.connect_code:
            return self.connect_code, 0, 0
        self.handles[len(self.calls)] = name
        return 0, len(self.calls), scard.SCARD_PROTOCOL_T0

    def SCardReconnect(self, card: int, share: int, protocols: int, initialization: int) -> tuple[int, int]:
        self.calls.append(("reconnect", initialization))
        return 0, scard.SCARD_PROTOCOL_T0

    def SCardTransmit(self, card: int, protocol: int, apdu: list[int]) -> tuple[int, list[int]]:
        assert card in self.handles
        code, self.next_code = self.next_code, 0
        return code, [] if code else [*apdu, 0x90, 0]

    def SCardDisconnect(self, card: int, disposition: int) -> int:
        del self.handles[card]
        self.calls.append(("disconnect", disposition))
        return 0

    def SCardGetErrorMessage(self, code: int) -> str:
        return f"Error {code & 0xFF:02x}."
