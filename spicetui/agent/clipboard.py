"""The clipboard both ways: who has something grabs a selection, and the other side asks for it when it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import AgentError, SpiceError
from ..interfaces import ClipboardFormat, ClipboardSelection
from ..wire import agent as wire
from ..wire.enums import AgentCap, AgentMessage
from .feature import Feature

if TYPE_CHECKING:
    from .hub import Agent

#: Bytes of one piece of contents, either way; the reference client's default too.
MAX_BYTES = 100 << 20

#: Contents that the guest may ask for at a time; what is beyond is refused.
MAX_FETCHES = 16

#: Requests for one selection that wait for the guest.
MAX_REQUESTS = 64

#: Formats of one grab that are looked at.
MAX_FORMATS = 64

REQUEST_SECONDS = 30.0


class _Pending:
    __slots__ = ("answer", "format")

    def __init__(self, format: ClipboardFormat) -> None:
        self.format = format
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()


class Clipboard(Feature):
    CAPS = frozenset(
        (
            AgentCap.CLIPBOARD_BY_DEMAND,
            AgentCap.CLIPBOARD_SELECTION,
            AgentCap.CLIPBOARD_NO_RELEASE_ON_REGRAB,
            AgentCap.CLIPBOARD_GRAB_SERIAL,
        )
    )
    MESSAGES = (wire.Clipboard, wire.ClipboardGrab, wire.ClipboardRequest, wire.ClipboardRelease)

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.max_bytes = MAX_BYTES
        self.guest: dict[ClipboardSelection, tuple[ClipboardFormat, ...]] = {}  #: what the guest offers
        self.ours: dict[ClipboardSelection, tuple[ClipboardFormat, ...]] = {}  #: what this side offers
        self._serials = dict.fromkeys(ClipboardSelection, 0)
        # An answer does not say which request it answers, but the agent answers in order.
        self._pending: dict[ClipboardSelection, list[_Pending]] = {one: [] for one in ClipboardSelection}
        self._fetches: set[asyncio.Task[None]] = set()

    def limits(self) -> dict[int, int]:
        return {AgentMessage.CLIPBOARD: MAX_BYTES + 8}

    # --- for programs

    def grab(self, selection: ClipboardSelection, formats: Iterable[ClipboardFormat]) -> None:
        """This side has something, which the driver's ``clipboard_fetch`` gives. Raises AgentError, FeatureMissing."""
        self._require(selection)
        formats = tuple(dict.fromkeys(formats))
        held = self.ours.get(selection)
        self.ours[selection] = formats
        self.guest.pop(selection, None)
        if self.agent.announced:
            if held is not None and AgentCap.CLIPBOARD_NO_RELEASE_ON_REGRAB not in self.agent.caps:
                self.send(wire.ClipboardRelease(selection))
            self._send_grab(selection)

    def release(self, selection: ClipboardSelection) -> None:
        """This side has nothing more; nothing happens when it had nothing."""
        if self.ours.pop(selection, None) is not None and self.agent.announced:
            self.send(wire.ClipboardRelease(selection))

    async def request(
        self, selection: ClipboardSelection, format: ClipboardFormat, timeout: float = REQUEST_SECONDS
    ) -> bytes:
        """What the guest has. Raises AgentError when it has nothing in that format, or does not answer in time."""
        self._require(selection, changes=False)
        if not self.agent.announced:
            await self.agent.wait_ready(timeout)
            self._require(selection, changes=False)
        waiting = self._pending[selection]
        if len(waiting) >= MAX_REQUESTS:
            waiting[:] = [one for one in waiting if not one.answer.done()]
            if len(waiting) >= MAX_REQUESTS:
                raise AgentError(f"{MAX_REQUESTS} requests for the {_name(selection)} wait already")
        pending = _Pending(format)
        waiting.append(pending)
        self.send(wire.ClipboardRequest(selection, format))
        try:
            async with asyncio.timeout(timeout):
                data = await pending.answer
        except TimeoutError:
            if pending in waiting:
                waiting.remove(pending)
            raise AgentError(f"the guest has not sent its {_name(selection)} within {timeout:g} seconds") from None
        return _from_guest(data, format, self.agent.caps)

    def _require(self, selection: ClipboardSelection, *, changes: bool = True) -> None:
        caps = [AgentCap.CLIPBOARD_BY_DEMAND]
        if selection is not ClipboardSelection.CLIPBOARD:
            caps.append(AgentCap.CLIPBOARD_SELECTION)
        self.agent.require(f"the {_name(selection)}", *caps, changes=changes)

    # --- the agent's life

    def ready(self) -> None:
        if AgentCap.MAX_CLIPBOARD in self.agent.caps:
            self.send(wire.MaxClipboard(self.max_bytes))
        if AgentCap.CLIPBOARD_BY_DEMAND in self.agent.caps:
            for selection in self.ours:
                if selection is ClipboardSelection.CLIPBOARD or AgentCap.CLIPBOARD_SELECTION in self.agent.caps:
                    self._send_grab(selection)

    def gone(self, error: AgentError) -> None:
        self._serials = dict.fromkeys(ClipboardSelection, 0)
        for task in self._fetches:
            task.cancel()
        for waiting in self._pending.values():
            for pending in waiting:
                _fail(pending, error)
            waiting.clear()
        for selection in list(self.guest):
            del self.guest[selection]
            self.driver.clipboard_release(selection)

    def closed(self) -> None:
        self.ours.clear()

    def refused(self, number: int, reason: str) -> None:
        """Contents that are too large; whose they are cannot be known, so the oldest request ends."""
        if number != AgentMessage.CLIPBOARD:
            return
        for waiting in self._pending.values():
            if waiting:
                _fail(waiting.pop(0), AgentError(f"the guest's contents are too large: {reason}"))
                return

    # --- messages

    def _send_grab(self, selection: ClipboardSelection) -> None:
        serial = self._serials[selection]
        self._serials[selection] = (serial + 1) & 0xFFFF_FFFF
        self.send(wire.ClipboardGrab(selection, serial, [int(format) for format in self.ours[selection]]))

    def on_clipboard_grab(self, message: wire.ClipboardGrab) -> None:
        selection = _selection(message.selection)
        if AgentCap.CLIPBOARD_GRAB_SERIAL in self.agent.caps:
            if message.serial != self._serials[selection]:
                return  # it crossed a grab of ours on its way, and ours counts
            self._serials[selection] = (message.serial + 1) & 0xFFFF_FFFF
        known = ClipboardFormat._value2member_map_
        formats = tuple(
            ClipboardFormat(one) for one in dict.fromkeys(message.types[:MAX_FORMATS]) if one in known and one
        )
        self.ours.pop(selection, None)
        self.guest[selection] = formats
        self.driver.clipboard_grabbed(selection, formats)

    def on_clipboard_release(self, message: wire.ClipboardRelease) -> None:
        selection = _selection(message.selection)
        if self.guest.pop(selection, None) is not None:
            self.driver.clipboard_release(selection)

    def on_clipboard(self, message: wire.Clipboard) -> None:
        selection = _selection(message.selection)
        waiting = self._pending[selection]
        for at, pending in enumerate(waiting):
            if message.type in (pending.format, ClipboardFormat.NONE):
                del waiting[at]
                if message.type == ClipboardFormat.NONE:
                    name = pending.format.name.lower()
                    _fail(pending, AgentError(f"the guest's {_name(selection)} has nothing as {name}"))
                elif not pending.answer.done():
                    pending.answer.set_result(bytes(message.data))
                return
        self.agent.log.info("clipboard contents that nobody asked for, %d bytes", len(message.data))

    def on_clipboard_request(self, message: wire.ClipboardRequest) -> None:
        selection = _selection(message.selection)
        offered = self.ours.get(selection, ())
        format = next((one for one in offered if one == message.type), None)
        if format is None or len(self._fetches) >= MAX_FETCHES:
            self._refuse(selection, message.type)
            return
        task = asyncio.ensure_future(self._fetch(selection, format))
        self._fetches.add(task)
        task.add_done_callback(self._fetches.discard)

    async def _fetch(self, selection: ClipboardSelection, format: ClipboardFormat) -> None:
        try:
            data = _to_guest(await self.driver.clipboard_fetch(selection, format), format, self.agent.caps)
            if len(data) > self.max_bytes:
                raise AgentError(f"{len(data)} bytes, at most {self.max_bytes} are sent")
        except Exception as error:
            if not isinstance(error, (SpiceError, OSError)):
                self.agent.log.error("clipboard_fetch failed", exc_info=error)
            self.agent.link.notice(f"the guest cannot have the {_name(selection)}: {error}")
            self._refuse(selection, format)
        else:
            self.send(wire.Clipboard(selection, format, data))

    def _refuse(self, selection: ClipboardSelection, type: int) -> None:
        # Not NONE, which spice-vdagent takes for no answer at all: the program that pastes would wait for ever.
        self.send(wire.Clipboard(selection, type, b""))


def _fail(pending: _Pending, error: AgentError) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)


def _selection(number: int) -> ClipboardSelection:
    try:
        return ClipboardSelection(number)
    except ValueError:
        raise AgentError(f"selection {number} is not known") from None


def _name(selection: ClipboardSelection) -> str:
    return "clipboard" if selection is ClipboardSelection.CLIPBOARD else f"{selection.name.lower()} selection"


def _from_guest(data: bytes, format: ClipboardFormat, caps: Iterable[int]) -> bytes:
    if format is ClipboardFormat.TEXT and AgentCap.GUEST_LINEEND_CRLF in caps:
        return data.replace(b"\r\n", b"\n")
    return data


def _to_guest(data: bytes, format: ClipboardFormat, caps: Iterable[int]) -> bytes:
    if format is ClipboardFormat.TEXT and AgentCap.GUEST_LINEEND_CRLF in caps:
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return data
