"""The smartcard channel: card readers of this side as readers of the guest."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..diagnostics import printable
from ..errors import ChannelClosed, FeatureMissing, SmartcardError, SpiceError
from ..interfaces import SmartcardReader, SmartcardState
from ..wire import smartcard as wire
from ..wire.enums import ChannelType
from ..wire.smartcard import MAX_APDU, MAX_ATR, UNDEFINED_READER, VscError, VscType
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session

#: Commands that wait for one card. A guest sends one and waits; the reference device keeps up to 128. When they are
#: more, no message is read any more.
MAX_COMMANDS = 128

#: Seconds between the last answer to a command and the word that the card is gone. At that word QEMU's reader throws
#: away an answer that the guest has not fetched yet, and the guest then waits for it for minutes.
FETCH_SECONDS = 0.5

#: How long commands that still come, and are refused, may put that word off.
REFUSE_SECONDS = 2.0

#: How long the end of the channel waits for a real card that is still at work.
CLOSE_SECONDS = 5.0

#: Of a reader's name, bytes of UTF-8.
MAX_NAME = 127


class SmartcardChannel(Channel):
    """``client.smartcard``. The reference server takes one reader of one client; more are refused by it or here."""

    TYPE = ChannelType.SMARTCARD
    MESSAGES = wire.MESSAGES
    GREETED = False

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self._slots: list[_Slot] = []
        self._asked: tuple[_Slot, VscType] | None = None  # the server answers one request before the next is sent
        self._closing: set[asyncio.Task[None]] = set()

    # --- what a program does

    @property
    def readers(self) -> Sequence[SmartcardState]:
        """What the guest has now."""
        return [slot.state for slot in self._slots if slot.id is not None]

    async def add_reader(self, reader: SmartcardReader) -> SmartcardState:
        """Gives the guest a reader, and the card in it. On return the server has taken it.

        Raises SmartcardError when the reader cannot be used or the server does not take it, FeatureMissing for a
        read-only session, ChannelClosed.
        """
        if self.session.options.read_only:
            raise FeatureMissing("the session is read-only: no card is shared")
        if any(slot.reader is reader for slot in self._slots):
            raise SmartcardError(f"{reader.name}: the guest has this reader already")
        if self.closed:
            raise ChannelClosed(f"{self.key}: the channel is closed")
        slot = _Slot(self, reader)
        self._slots.append(slot)
        self.step()
        try:
            await slot.added
            await reader.open(slot)
            if slot.id is None:
                raise ChannelClosed(f"{self.key}: the channel is closed")
        except BaseException:
            slot.leave()
            if slot not in self._slots:  # closed before it was open
                self.close_reader(reader)
            raise
        return slot.state

    async def remove_reader(self, reader: SmartcardReader) -> None:
        """Takes a reader back; on return the server has told the guest's device. Nothing happens for an unknown one."""
        for slot in self._slots:
            if slot.reader is reader:
                slot.leave()
                await asyncio.shield(slot.left)
                return

    # --- requests, one after the other

    def step(self) -> None:
        """Sends the next request, if there is one and none waits for its answer.

        What each slot holds is compared with what the server was told: however fast cards come and go, nothing piles
        up, and a card that was out for a moment is taken out and put in for the guest too.
        """
        while self._asked is None and not self.closed:
            for slot in self._slots:
                request = slot.next_request()
                if request is not None:
                    kind, data = request
                    self._asked = (slot, kind)
                    self.send(wire.Data(kind, UNDEFINED_READER if slot.id is None else slot.id, data))
                    break
            else:
                return

    def asks(self, slot: _Slot, *kinds: VscType) -> bool:
        """Whether one of these requests waits for its answer."""
        return self._asked is not None and self._asked[0] is slot and self._asked[1] in kinds

    def on_data(self, message: wire.Data) -> Coroutine[Any, Any, None] | None:
        kind = message.type
        if kind == VscType.ERROR:
            self._answered(message.reader_id, wire.error_code(message.data))
        elif kind in (VscType.APDU, VscType.FLUSH):
            slot = next((one for one in self._slots if one.id is not None and one.id == message.reader_id), None)
            if slot is None:
                self.gap("unknown reader", f"the server asks for reader {message.reader_id}")
            else:
                return slot.command(bytes(message.data) if kind == VscType.APDU else None)
        elif kind != VscType.INIT:  # which tells a version, and nothing that matters
            self.gap(f"unknown message type {kind}")
        return None

    def _answered(self, reader_id: int, code: int) -> None:
        """The server's word on the last request. One that nobody waits for is of the client before this one."""
        if self._asked is None:
            self.log.info("an answer to nothing, code %d", code)
            return
        (slot, kind), self._asked = self._asked, None
        if kind is VscType.READER_ADD:
            self._added(slot, reader_id, code)
        else:
            slot.answered(kind, code)
        self.step()

    def _added(self, slot: _Slot, reader_id: int, code: int) -> None:
        if code == VscError.SUCCESS and reader_id != UNDEFINED_READER:
            if all(other.id != reader_id for other in self._slots):
                slot.take(reader_id)
                return
            code = VscError.CANNOT_ADD_MORE_READERS  # QEMU has one, and takes a second one for the same
        reason = "the server takes no more card readers" if code == VscError.CANNOT_ADD_MORE_READERS else "refused"
        slot.refuse(SmartcardError(f"{slot.reader.name}: {reason}"))

    # --- what the slots do

    def changed(self) -> None:
        self.session.driver.smartcards_changed(self.readers)

    def forget(self, slot: _Slot) -> None:
        if slot in self._slots:
            self._slots.remove(slot)

    def close_reader(self, reader: SmartcardReader) -> None:
        """In a task of its own: real ones take their time."""
        task = asyncio.ensure_future(self._close_reader(reader))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_reader(self, reader: SmartcardReader) -> None:
        try:
            await reader.close()
        except SpiceError as error:
            self.log.info("closing %s: %s", reader.name, error)

    # --- life

    async def farewell(self) -> None:
        """The server takes the card from the guest when the channel closes: no command may be without an answer."""
        if not self.closed:
            await asyncio.sleep(max((slot.give_up() for slot in self._slots if slot.id is not None), default=0.0))

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            await self._end()

    async def aclose(self) -> None:
        await super().aclose()
        await self._end()

    async def _end(self) -> None:
        """The server takes the readers from the guest when the channel closes."""
        for slot in self._slots[:]:
            slot.refuse(ChannelClosed(f"{self.key}: the channel is closed"))
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=CLOSE_SECONDS)


class _Command(NamedTuple):
    turn: int
    apdu: bytes | None  # None: a flush


class _Slot:
    """One reader, as the server knows it. It is the reader's SmartcardHost."""

    def __init__(self, channel: SmartcardChannel, reader: SmartcardReader) -> None:
        self.channel = channel
        self.reader = reader
        self.id: int | None = None
        self.commands = 0
        loop = asyncio.get_running_loop()
        self.added: asyncio.Future[None] = loop.create_future()
        self.left: asyncio.Future[None] = loop.create_future()
        self._held: bytes | None = None  # the answer to reset of the card that is in the reader
        self._told: bytes | None = None  # of the card that the server was told of
        self._refused: bytes | None = None
        self._swapped = False  # the card was out since the server was told of it
        self._leaving = False
        self._turn = 0  # changes with each card that comes or goes; commands of another turn are not answered
        self._waiting: asyncio.Queue[_Command] = asyncio.Queue(MAX_COMMANDS)
        self._working: _Command | None = None  # what the card has not answered yet
        self._answered_at = loop.time() - FETCH_SECONDS
        self._removed_at: float | None = None  # that long the card is gone, and the server not told
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> SmartcardState:
        return SmartcardState(
            self.reader.name, -1 if self.id is None else self.id, self._told is not None, self.commands
        )

    # --- what the reader tells

    def card_inserted(self, atr: bytes) -> None:
        if not 2 <= len(atr) <= MAX_ATR:
            self.channel.gap("bad answer to reset", f"{self.reader.name}: {len(atr)} bytes")
            return
        self._swapped = self._told is not None
        self._held, self._refused = bytes(atr), None
        self.channel.step()

    def card_removed(self) -> None:
        self._held = self._refused = None
        self.channel.step()

    def gone(self, reason: str) -> None:
        if not self._leaving:
            self.channel.session.notice(f"{self.reader.name}: {reason}")
            self.leave()

    # --- what the channel does

    def next_request(self) -> tuple[VscType, bytes] | None:
        if self.id is None:
            if self._leaving:
                self.refuse(SmartcardError(f"{self.reader.name}: taken back"))
                return None
            return VscType.READER_ADD, _name(self.reader.name)
        if self._told is not None and (self._leaving or self._swapped or self._held is None):
            if self.give_up() > 0:
                return None
            self._told, self._swapped, self._removed_at = None, False, None
            return VscType.CARD_REMOVE, b""
        if self._leaving:
            return VscType.READER_REMOVE, b""
        if self._held is not None and self._told is None and self._held != self._refused:
            self._told, self._swapped = self._held, False
            self._turn += 1
            return VscType.ATR, self._held
        return None

    def take(self, id: int) -> None:
        """The server has given the reader a number."""
        self.id = id
        self._task = asyncio.create_task(self._work(), name=f"smartcard {id}")
        if not self.added.done():
            self.added.set_result(None)
        self.channel.changed()

    def refuse(self, error: SpiceError) -> None:
        """The reader is not, or no longer, the guest's."""
        had = self.id is not None
        self.channel.forget(self)
        self._leaving = True
        self.id = self._told = None
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        if not self.added.done():
            self.added.set_exception(error)
            self.added.exception()  # whoever asked may have gone
        if not self.left.done():
            self.left.set_result(None)
        if had:
            self.channel.changed()
        self.channel.close_reader(self.reader)

    def leave(self) -> None:
        self._leaving = True
        self.channel.step()

    def answered(self, kind: VscType, code: int) -> None:
        if kind is VscType.READER_REMOVE:
            self.refuse(SmartcardError(f"{self.reader.name}: taken back"))
            return
        if kind is VscType.ATR and code != VscError.SUCCESS:
            self._refused, self._told = self._told, None
            self.channel.gap("card refused", f"{self.reader.name}: the server does not take the card (code {code})")
        self.channel.changed()

    # --- commands of the guest

    def command(self, apdu: bytes | None) -> Coroutine[Any, Any, None] | None:
        """Answers in order; None is a flush. A coroutine when too many wait."""
        command = _Command(self._turn, apdu)
        if self._removed_at is not None:
            self._refuse_command(command)
            return None
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull:
            return self._waiting.put(command)
        return None

    def give_up(self) -> float:
        """Seconds until the guest has fetched the last answer; what still waits is refused at the first call."""
        loop = asyncio.get_running_loop()
        if self._removed_at is None:
            self._removed_at = loop.time()
            if self._working is not None and self._working.turn == self._turn:
                self._refuse_command(self._working)
            while not self._waiting.empty():
                self._refuse_command(self._waiting.get_nowait())
            self._turn += 1
        ready = min(self._answered_at + FETCH_SECONDS, self._removed_at + REFUSE_SECONDS)
        seconds = max(0.0, ready - loop.time())
        if seconds > 0 and self._timer is None:
            self._timer = loop.call_at(ready, self._fetched)
        return seconds

    def _fetched(self) -> None:
        self._timer = None
        self.channel.step()

    def _refuse_command(self, command: _Command) -> None:
        assert self.id is not None
        if command.apdu is None:
            self._send(wire.Data(VscType.FLUSH_COMPLETE, self.id, b""))
        else:
            self._send(wire.error(self.id, VscError.GENERAL_ERROR))

    def _send(self, answer: wire.Data) -> None:
        self._answered_at = asyncio.get_running_loop().time()
        self.channel.send(answer)

    async def _work(self) -> None:
        while True:
            self._working = command = await self._waiting.get()
            answer = await self._answer(command.apdu) if command.turn == self._turn else None
            self._working = None
            if command.turn == self._turn and answer is not None:
                self._send(answer)
                try:
                    await self.channel.drain()
                except ChannelClosed:
                    return

    async def _answer(self, apdu: bytes | None) -> wire.Data | None:
        assert self.id is not None
        if apdu is None:
            return wire.Data(VscType.FLUSH_COMPLETE, self.id, b"")
        if self._told is None:
            # Sent before the server has heard of the removal, which answers it.
            removing = self.channel.asks(self, VscType.CARD_REMOVE, VscType.READER_REMOVE)
            return None if removing else wire.error(self.id, VscError.GENERAL_ERROR)
        try:
            if len(apdu) > MAX_APDU:
                raise SmartcardError(f"a command of {len(apdu)} bytes")
            answer = await self.reader.transmit(apdu)
            if not 2 <= len(answer) <= MAX_APDU:
                raise SmartcardError(f"an answer of {len(answer)} bytes")
        except SmartcardError as error:
            self.channel.log.info("%s: %s", self.reader.name, error)
            self.channel.gap("no answer of the card", f"{printable(self.reader.name)}: {error}")
            return wire.error(self.id, VscError.GENERAL_ERROR)
        except Exception as error:
            # Its text may hold what the card was told.
            self.channel.log.error("%s: internal error: %s", self.reader.name, type(error).__name__)
            self.channel.gap("no answer of the card", f"internal error: {type(error).__name__}")
            return wire.error(self.id, VscError.GENERAL_ERROR)
        self.commands += 1
        return wire.Data(VscType.APDU, self.id, answer)


def _name(name: str) -> bytes:
    octets = name.encode("utf-8", "replace")[:MAX_NAME]
    return octets.decode("utf-8", "ignore").encode() + b"\0"
