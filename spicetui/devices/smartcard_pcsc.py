"""Real card readers, by the system's PC/SC service (pcscd) and pyscard.

A reader that is unplugged stays the guest's, empty, until it is plugged in again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from ..diagnostics import logger
from ..errors import FeatureMissing, SmartcardError
from ..interfaces import SmartcardHost

T = TypeVar("T")

#: Milliseconds that the watching thread waits for a change before it looks whether it is to end.
WATCH_MS = 60_000

#: The same while the reader is unplugged.
UNPLUGGED_MS = 1_000

#: Seconds after which a thread that should have ended is told so again.
AGAIN_SECONDS = 0.05


class ReaderInfo(NamedTuple):
    """A reader of this computer; *atr*: the answer to reset of the card in it, empty without one."""

    name: str
    atr: bytes


def load() -> Any:
    """pyscard's functions, which are PC/SC's. Raises FeatureMissing."""
    try:
        return import_module("smartcard.scard")
    except ImportError as error:
        raise FeatureMissing(
            f"card readers need pyscard ({error}): pip install 'spicetui[smartcard]' (on Linux it is built with"
            " libpcsclite-dev), and the service pcscd"
        ) from error


def readers(api: Any = None) -> list[ReaderInfo]:
    """What the computer has. Raises FeatureMissing, and SmartcardError when the service does not answer."""
    api = api or load()
    context = _context(api)
    try:
        code, names = api.SCardListReaders(context, [])
        if code == api.SCARD_E_NO_READERS_AVAILABLE or (code == 0 and not names):
            return []
        _check(api, code, "the readers cannot be listed")
        code, states = api.SCardGetStatusChange(context, 0, [(name, api.SCARD_STATE_UNAWARE) for name in names])
        _check(api, code, "the readers cannot be asked")
        return [ReaderInfo(name, bytes(atr) if state & api.SCARD_STATE_PRESENT else b"") for name, state, atr in states]
    finally:
        api.SCardReleaseContext(context)


def choose(word: str, api: Any = None) -> PcscReader:
    """``auto``: the first reader with a card, or the first; else a name, or a part that only one has.

    Raises FeatureMissing, and SmartcardError when there is none.
    """
    found = readers(api)
    if not found:
        raise SmartcardError("this computer has no card reader; is it plugged in, and does pcscd run?")
    if word == "auto":
        name = next((one.name for one in found if one.atr), found[0].name)
        return PcscReader(name, api=api)
    fitting = [one.name for one in found if one.name == word] or [
        one.name for one in found if word.lower() in one.name.lower()
    ]
    if len(fitting) != 1:
        have = ", ".join(one.name for one in found)
        raise SmartcardError(
            f"{'no reader' if not fitting else 'more than one reader'} is called {word!r}; have: {have}"
        )
    return PcscReader(fitting[0], api=api)


class _WasReset(SmartcardError):
    pass


class PcscReader:
    """One reader. *exclusive*: no other program uses the card meanwhile, and the guest gets it freshly reset."""

    def __init__(self, name: str, *, exclusive: bool = True, api: Any = None) -> None:
        self.name = name
        self.exclusive = exclusive
        self._api = api or load()
        self._log = logger("devices.smartcard")
        self._host: SmartcardHost | None = None
        self._watching: Any = None  # the context in which the thread waits
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        # Every call that concerns the card comes from this one thread.
        self._worker: ThreadPoolExecutor | None = None
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0
        self._seen = b""  # the answer to reset of the card that is in it

    # --- SmartcardReader

    async def open(self, host: SmartcardHost) -> None:
        loop = asyncio.get_running_loop()
        self._host = host
        self._ending = threading.Event()
        self._worker = ThreadPoolExecutor(1, f"card reader {self.name}")
        known: asyncio.Future[None] = loop.create_future()
        self._watching = await asyncio.to_thread(_context, self._api)
        self._thread = threading.Thread(
            target=self._watch, args=(loop, known, self._watching, self._ending), daemon=True, name=f"watch {self.name}"
        )
        self._thread.start()
        try:
            await known
        except BaseException:
            await self.close()
            raise

    async def transmit(self, apdu: bytes) -> bytes:
        try:
            return await self._run(partial(self._transmit, apdu))
        except _WasReset:
            if self._host is not None and self._seen:
                self._host.card_inserted(self._seen)  # one that has forgotten the PIN
            raise

    async def _run(self, work: Callable[[], T]) -> T:
        if self._worker is None:
            raise SmartcardError("the reader is closed")
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def close(self) -> None:
        self._host = None
        self._ending.set()
        thread, self._thread = self._thread, None
        context, self._watching = self._watching, None
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.get_running_loop().run_in_executor(worker, self._release)
            worker.shutdown(wait=False)
        if context is not None:
            await asyncio.to_thread(self._stop_watching, thread, context)

    # --- the card, in the worker's thread

    def _transmit(self, apdu: bytes) -> bytes:
        api = self._api
        if self._card is None:
            self._connect()
        code, answer = api.SCardTransmit(self._card, self._protocol, list(apdu))
        if code == api.SCARD_W_RESET_CARD:
            self._drop(api.SCARD_LEAVE_CARD)
            raise _WasReset("another program has reset the card")
        if code != 0:
            self._drop(api.SCARD_RESET_CARD)
            raise SmartcardError(self._message(code))
        return bytes(octet & 0xFF for octet in answer)

    def _connect(self) -> None:
        api = self._api
        if self._context is None:
            self._context = _context(api)
        share = api.SCARD_SHARE_EXCLUSIVE if self.exclusive else api.SCARD_SHARE_SHARED
        protocols = api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1
        code, card, protocol = api.SCardConnect(self._context, self.name, share, protocols)
        if code == api.SCARD_E_SHARING_VIOLATION:
            raise SmartcardError("another program uses the card")
        if code == 0 and self.exclusive:
            code, protocol = api.SCardReconnect(card, share, protocols, api.SCARD_RESET_CARD)
        if code != 0:
            raise SmartcardError(self._message(code))
        self._card, self._protocol = card, protocol

    def _drop(self, disposition: int) -> None:
        card, self._card = self._card, None
        if card is not None:
            self._api.SCardDisconnect(card, disposition)

    def _release(self) -> None:
        self._drop(self._api.SCARD_RESET_CARD)
        context, self._context = self._context, None
        if context is not None:
            self._api.SCardReleaseContext(context)

    # --- what happens in the reader, in a thread of its own

    def _watch(
        self, loop: asyncio.AbstractEventLoop, known: asyncio.Future[None], context: Any, ending: threading.Event
    ) -> None:
        """Tells the first state at once and each change after it, until *ending*."""
        api = self._api
        state, seen = api.SCARD_STATE_UNAWARE, b""
        while not ending.is_set():
            wait = WATCH_MS if state != api.SCARD_STATE_UNAWARE else UNPLUGGED_MS
            code, states = api.SCardGetStatusChange(context, wait, [(self.name, state)])
            if ending.is_set() or code == api.SCARD_E_CANCELLED:
                continue
            if code == api.SCARD_E_TIMEOUT:
                continue
            if code in (api.SCARD_E_UNKNOWN_READER, api.SCARD_E_READER_UNAVAILABLE):
                if not self._tell(loop, partial(_fail, known, f"{self.name}: there is no such reader")):
                    return
                seen = self._tell_card(loop, ending, seen, b"")
                state = api.SCARD_STATE_UNAWARE
                ending.wait(UNPLUGGED_MS / 1000)
                continue
            if code != 0:
                text = self._message(code)
                self._tell(loop, partial(_fail, known, f"{self.name}: {text}"))
                self._tell(loop, partial(self._gone, ending, text))
                return
            _, now, atr = states[0]
            present = now & api.SCARD_STATE_PRESENT and not now & api.SCARD_STATE_MUTE and atr
            card = bytes(octet & 0xFF for octet in atr) if present else b""
            # The upper half counts the cards: one that was out for a moment is another one.
            if card and seen and (now ^ state) >> 16:
                seen = self._tell_card(loop, ending, seen, b"")
            seen = self._tell_card(loop, ending, seen, card)
            state = now & ~api.SCARD_STATE_CHANGED
            if not self._tell(loop, partial(_know, known)):
                return

    def _tell_card(self, loop: asyncio.AbstractEventLoop, ending: threading.Event, seen: bytes, card: bytes) -> bytes:
        if card != seen:
            self._tell(loop, partial(self._changed, ending, card))
        return card

    def _changed(self, ending: threading.Event, card: bytes) -> None:
        if self._host is None or ending.is_set():
            return
        self._seen = card
        if self._worker is not None:
            self._worker.submit(self._drop, self._api.SCARD_LEAVE_CARD)
        if card:
            self._host.card_inserted(card)
        else:
            self._host.card_removed()

    def _gone(self, ending: threading.Event, reason: str) -> None:
        if self._host is not None and not ending.is_set():
            self._host.gone(reason)

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> bool:
        try:
            loop.call_soon_threadsafe(work)
        except RuntimeError:  # the loop is closed, and with it the session
            return False
        return True

    def _stop_watching(self, thread: threading.Thread | None, context: Any) -> None:
        while thread is not None and thread.is_alive():
            self._api.SCardCancel(context)  # which is lost when the thread does not wait yet
            thread.join(AGAIN_SECONDS)
        self._api.SCardReleaseContext(context)

    def _message(self, code: int) -> str:
        return _message(self._api, code)


def _know(known: asyncio.Future[None]) -> None:
    if not known.done():
        known.set_result(None)


def _fail(known: asyncio.Future[None], text: str) -> None:
    if not known.done():
        known.set_exception(SmartcardError(text))


def _context(api: Any) -> Any:
    code, context = api.SCardEstablishContext(api.SCARD_SCOPE_USER)
    if code in (api.SCARD_E_NO_SERVICE, api.SCARD_E_SERVICE_STOPPED):
        raise SmartcardError("the PC/SC service does not answer; install and start pcscd")
    _check(api, code, "the PC/SC service does not answer")
    return context


def _check(api: Any, code: int, what: str) -> None:
    if code != 0:
        raise SmartcardError(f"{what}: {_message(api, code)}")


def _message(api: Any, code: int) -> str:
    return str(api.SCardGetErrorMessage(code)).strip().rstrip(".").lower()
