"""The clipboard of the guest and the one here: what is copied on one side can be pasted on the other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..devices import clipboard_desktop, clipboard_tmux
from ..devices.clipboard_desktop import Desktop
from ..devices.clipboard_tool import ToolError
from ..errors import AgentError, SpiceError
from ..interfaces import ClipboardFormat, ClipboardSelection
from ..term import clipboard as osc52
from ..term.tokenizer import Reply
from ..wire.enums import AgentCap
from .clipboard_history import IMAGES, Entry, History, Policy, Way, looks, names
from .service import Service
from .widgets.status import human_bytes

if TYPE_CHECKING:
    from ..channels.main import Main
    from ..client import Client
    from .app import SpiceApp

CLIPBOARD, PRIMARY = ClipboardSelection.CLIPBOARD, ClipboardSelection.PRIMARY
MAX_NAMES = 3  # of copied files that are told
TEXT, FILES = ClipboardFormat.TEXT, ClipboardFormat.FILE_LIST

MAX_BYTES = 64 << 20  # of one piece of contents that is kept or given
ANSWER_SECONDS = 30.0  # for the terminal, which may ask its user
SETTLE_SECONDS = 0.1  # what the guest has replaced by then is not asked for
BACKLOG = 1 << 20  # bytes that wait for the terminal, from which on it gets no more
CHORD_SECONDS = 0.25  # for the guest's desktop, to learn of what is offered before it is told to paste

_LETTERS = {CLIPBOARD: "c", PRIMARY: "p"}
_SUFFIXES = {
    ".png": ClipboardFormat.PNG,
    ".bmp": ClipboardFormat.BMP,
    ".tif": ClipboardFormat.TIFF,
    ".tiff": ClipboardFormat.TIFF,
    ".jpg": ClipboardFormat.JPG,
    ".jpeg": ClipboardFormat.JPG,
}


@dataclass(eq=False)
class Offer:
    """What the guest can have of this side: either :attr:`entry` has the data, or *fetch* gets it when it is wanted."""

    entry: Entry
    fetch: Callable[[ClipboardFormat], Awaitable[bytes]] | None = None
    automatic: bool = False  #: nobody has asked for it


class ClipboardService(Service):
    """What may go where is a matter of :attr:`policies`; what the user asks for by name is no question of ``ask``.

    Automatic are: what is copied in the guest goes to the desktop here, to tmux, or to the terminal; what is copied on
    the desktop here is offered to the guest when this terminal has the focus.  The terminal's own clipboard is never
    read but by the user's order.
    """

    def __init__(self, app: SpiceApp, desktop: Desktop | None = None) -> None:
        super().__init__(app)
        self.policies = {
            Way.FROM_GUEST: Policy(app.settings.clipboard_from_guest),
            Way.TO_GUEST: Policy(app.settings.clipboard_to_guest),
        }
        self.desktop = desktop if desktop is not None else clipboard_desktop.find(os.environ)
        self.now: Callable[[], datetime] = datetime.now
        self.tmux = clipboard_tmux.available(os.environ)
        self.history = History()
        self.last: dict[Way, Entry] = {}  #: what happened last
        self.guest: dict[ClipboardSelection, Entry] = {}  #: what the guest has
        self.offers: dict[ClipboardSelection, Offer] = {}  #: what the guest can have of this side
        self.waiting: dict[Way, Entry] = {}  #: what waits for the user's word (policy ask)
        self._caps: frozenset[int] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._taking: dict[ClipboardSelection, asyncio.Task[None]] = {}
        self._answer: asyncio.Future[osc52.Answer] | None = None
        self._seen: dict[ClipboardSelection, bytes] = {}  # digests of what this side is known to have
        self._looking: asyncio.Task[None] | None = None
        self._look_from: int | None = None  # how many there were when somebody wanted a look
        self._grabs = 0  # of the guest
        self.focused = True  #: as far as the terminal tells

    # --- state, for the panel and the status line

    @property
    def available(self) -> bool:
        """Whether the guest takes part."""
        return self.client is not None and AgentCap.CLIPBOARD_BY_DEMAND in self._caps

    @property
    def primary(self) -> bool:
        return self.available and AgentCap.CLIPBOARD_SELECTION in self._caps

    @property
    def gives(self) -> bool:
        """Whether the guest may have anything of this side."""
        return self.available and self.policies[Way.TO_GUEST] is not Policy.OFF and not self.app.guest.view_only

    @property
    def words(self) -> str:
        if entry := self.waiting.get(Way.FROM_GUEST):
            return f"copied in the guest: {entry.kinds}, take it?"
        if entry := self.waiting.get(Way.TO_GUEST):
            return f"copied here: {entry.kinds}, offer it?"
        return ""

    def way_out(self, selection: ClipboardSelection = CLIPBOARD) -> str:
        """Where what the guest copies goes, in words; empty when there is only the panel."""
        ways = []
        if self.desktop is not None and self.desktop.has(selection):
            ways.append(f"the desktop here ({self.desktop.name})")
        if self.tmux and selection is CLIPBOARD:
            ways.append("tmux")
        elif not ways and self._terminal_takes(selection):
            ways.append("the terminal" if osc52.sure(self.app.caps) else "the terminal, if it takes it")
        return ", ".join(ways)

    def _terminal_takes(self, selection: ClipboardSelection) -> bool:
        caps = self.app.caps
        return osc52.possible(caps) if selection is CLIPBOARD else osc52.has_primary(caps)

    def set_policy(self, way: Way, policy: Policy) -> None:
        """What is on its way, or was offered without a word of the user, is taken back where it is forbidden now."""
        self.policies[way] = policy
        if policy is Policy.OFF:
            self.waiting.pop(way, None)
        if way is Way.TO_GUEST and policy is Policy.OFF:
            for selection in tuple(self.offers):
                self._withdraw(selection)
        elif way is Way.FROM_GUEST and policy is Policy.OFF:
            for task in self._taking.values():
                task.cancel()
        elif policy is Policy.ON and (entry := self.waiting.pop(way, None)) is not None:
            self._accept(way, entry)
        if way is Way.TO_GUEST and policy is not Policy.OFF:
            self.look_at_desktop()
        self.changed()

    def answer(self, way: Way, yes: bool) -> None:
        """The user's word on what waits for it."""
        entry = self.waiting.pop(way, None)
        if entry is not None and yes:
            self._accept(way, entry)
        elif entry is not None:
            self._note(entry, "not wanted")
        self.changed()

    def _accept(self, way: Way, entry: Entry) -> None:
        if way is Way.FROM_GUEST:
            self._start(self._pass_on(entry, asked=True))
        else:
            self._offer_desktop(entry)

    def clear(self) -> None:
        """Forgets what was copied; what the guest has and can paste stays its."""
        self.history.clear()
        for entry in self.guest.values():
            entry.data.clear()
            entry.tried = False
        self.last.clear()
        self.changed()

    # --- what the session tells

    def connected(self, client: Client) -> None:
        super().connected(client)
        self._offer_again()
        for selection in tuple(self.guest):
            self._guest_has(selection)
        self.look_at_desktop()

    def disconnected(self) -> None:
        self._caps = frozenset()
        self._forget_guest()
        super().disconnected()

    def agent_ready(self, caps: frozenset[int]) -> None:
        self._caps = caps
        if self.client is not None:
            self._offer_again()
            self.look_at_desktop()
        self.changed()

    def agent_changed(self, connected: bool) -> None:
        if not connected:
            self._caps = frozenset()
            self._forget_guest()
        self.changed()

    def _forget_guest(self) -> None:
        self.guest.clear()
        self.waiting.pop(Way.FROM_GUEST, None)

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        self._grabs += 1
        self.offers.pop(selection, None)
        if task := self._taking.pop(selection, None):
            task.cancel()
        self.guest[selection] = Entry(Way.FROM_GUEST, selection, tuple(types), self.now())
        if self.client is not None:
            self._guest_has(selection)
        self.changed()

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        entry = self.guest.pop(selection, None)
        if entry is not None and self.waiting.get(Way.FROM_GUEST) is entry:
            del self.waiting[Way.FROM_GUEST]
        self.changed()

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        """The guest pastes what was offered."""
        offer = self.offers.get(selection)
        if offer is None or type not in offer.entry.formats or not self.gives:
            raise AgentError("nothing is offered")
        entry = offer.entry
        data = entry.data.get(type)
        if data is None and offer.fetch is not None:
            try:
                data = await offer.fetch(type)
            except SpiceError as error:
                self._note(entry, f"not given: {error}")
                raise
            if self.offers.get(selection) is not offer or not self.gives:
                raise AgentError("it is no longer offered")
        if data is None:
            raise AgentError("it is no longer kept")
        self._note(entry, f"pasted in the guest as {names((type,))[0]}, {human_bytes(len(data))}")
        return data

    # --- from the guest

    def _guest_has(self, selection: ClipboardSelection) -> None:
        """Something was copied in the guest: it comes here, or waits for a word, or nothing happens."""
        entry = self.guest[selection]
        policy = self.policies[Way.FROM_GUEST]
        if policy is Policy.OFF or selection not in _LETTERS or not entry.formats:
            return
        if selection is PRIMARY and not self.way_out(PRIMARY):
            return  # no place for it, and with each word that is selected the panel would have another entry
        if policy is Policy.ASK:
            if selection is CLIPBOARD:
                self.waiting[Way.FROM_GUEST] = entry
                if self.app.dock.panel_id != "clipboard":
                    self.app.say(f"The guest has copied {entry.kinds}; take it in the clipboard panel")
            return
        task = self._start(self._pass_on(entry, asked=False))
        self._taking[selection] = task

    async def fetch(self, entry: Entry, format: ClipboardFormat | None = None) -> bytes | None:
        """What the guest has, kept in *entry* from then on; None when it does not give it, which is noted.

        It is the user's wish, so only the policy ``off`` stands against it.
        """
        format = format or entry.format
        if format is None:
            self._note(entry, "nothing that can be shown")
            return None
        entry.tried = True
        if format in entry.data:
            return entry.data[format]
        if entry.way is Way.TO_GUEST or self.guest.get(entry.selection) is not entry or self.client is None:
            self._note(entry, "no longer there")
            return None
        if self.policies[Way.FROM_GUEST] is Policy.OFF:
            self._note(entry, "not taken: off")
            return None
        try:
            data = await self.client.main.request_clipboard(entry.selection, format)
            if len(data) > MAX_BYTES:
                raise AgentError(f"{human_bytes(len(data))}, more than {human_bytes(MAX_BYTES)}")
        except SpiceError as error:
            self._note(entry, f"not taken: {error}")
            return None
        entry.data[format] = data
        self._remember(entry)
        self.history.bound()
        if format is entry.format:
            self._note(entry, "in the panel")
        self.changed()
        return data

    def look_into(self, entry: Entry) -> None:
        """Somebody looks at it: gets what is not here yet, once."""
        there = self.guest.get(entry.selection) is entry and self.client is not None
        if there and not entry.tried and not entry.data and self.policies[Way.FROM_GUEST] is Policy.ON:
            self.start(self.fetch(entry))

    async def _pass_on(self, entry: Entry, *, asked: bool) -> None:
        """From the guest to where it can be pasted here."""
        desktop = self.desktop is not None and self.desktop.images and self.desktop.has(entry.selection)
        if not asked and entry.format in IMAGES and not desktop:
            self._note(entry, "a picture, for the panel")  # which gets it when it is looked at
            self._remember(entry)
            return
        if entry.format is None:
            self._note(entry, f"{entry.kinds}: not copied here")
            return
        if entry.format is FILES:
            await self._files_copied(entry)
            return
        if not asked:
            await asyncio.sleep(SETTLE_SECONDS)
        data, format = await self.fetch(entry), entry.format
        if data is not None and format is not None:
            if not asked and self._seen.get(entry.selection) == _digest((format,), data):
                self._note(entry, "the same as here")  # a clipboard manager took over what was pasted
            else:
                await self.copy_here(entry)

    async def _files_copied(self, entry: Entry) -> None:
        """The guest copies files by their places in the shared folder: they are here already."""
        folder = self.client.shared_folder if self.client is not None else None
        if folder is None:
            self._note(entry, "files: not copied here, no folder is shared")
            return
        data = await self.fetch(entry, FILES)
        if data is None:
            return
        try:
            paths, _ = folder.copied(data)
        except SpiceError as error:
            self._note(entry, f"files: not copied here, {error}")
            return
        self._note(entry, f"in the shared folder: {', '.join(looks(path.name) for path in paths[:MAX_NAMES])}")

    async def copy_here(self, entry: Entry) -> bool:
        """Puts an entry into the clipboard of this side; whether any place took it."""
        format = entry.format
        if format is FILES:
            await self._files_copied(entry)
            return False
        data = await self.fetch(entry, format)
        if data is None or format is None:
            return False
        if not data:
            self._note(entry, "empty, not copied")
            return False
        taken: list[str] = []
        refused: list[str] = []
        if self.desktop is not None and self.desktop.has(entry.selection):
            try:
                await self.desktop.write(entry.selection, format, data)
                taken.append(f"the desktop ({self.desktop.name})")
            except ToolError as error:
                refused.append(str(error))
        if format is TEXT:
            await self._to_terminal(entry.selection, data, taken, refused)
        elif not taken and not refused:
            refused.append("no desktop here that takes pictures; save it to a file")
        if taken:
            self._seen[entry.selection] = _digest((format,), data)
        self._note(entry, f"to {', '.join(taken)}" if taken else f"not copied: {'; '.join(refused) or 'no place'}")
        return bool(taken)

    async def _to_terminal(
        self, selection: ClipboardSelection, data: bytes, taken: list[str], refused: list[str]
    ) -> None:
        driver, caps = self.app.terminal_driver, self.app.caps
        if selection is CLIPBOARD and self.tmux:
            try:
                await clipboard_tmux.load(data)
            except ToolError as error:
                refused.append(str(error))
            else:
                taken.append("tmux")
                return
        if taken or driver is None or not self._terminal_takes(selection):
            return
        if len(data) > osc52.MAX_BYTES:
            refused.append(f"{human_bytes(len(data))} are too much for a terminal; save it to a file")
            return
        while driver.writer.backlog > BACKLOG:
            await asyncio.sleep(SETTLE_SECONDS)
        driver.writer.control(osc52.write(data, caps, _LETTERS[selection]))
        taken.append("the terminal" if osc52.sure(caps) else "the terminal, if it takes it")

    def copy_own(self, text: str) -> None:
        """What was copied in the app itself, and has gone to the terminal already."""
        data = text.encode("utf-8", "replace")

        async def copy() -> None:
            with contextlib.suppress(ToolError):
                if self.desktop is not None:
                    await self.desktop.write(CLIPBOARD, TEXT, data)
            with contextlib.suppress(ToolError):
                if self.tmux:
                    await clipboard_tmux.load(data)

        self._seen[CLIPBOARD] = _digest((TEXT,), data)
        self._start(copy())

    # --- to the guest

    def offer(
        self,
        data: bytes,
        format: ClipboardFormat = TEXT,
        outcome: str = "offered to the guest",
        selections: Sequence[ClipboardSelection] = (CLIPBOARD,),
    ) -> bool:
        """The guest can paste *data* from now on; False, with a word to the user, when it cannot."""
        problem = self._why_not(len(data))
        if problem:
            self.app.say(problem, severity="warning")
            return False
        entry = Entry(Way.TO_GUEST, selections[0], (format,), self.now(), {format: data})
        return self._give(Offer(entry), outcome, selections)

    def _why_not(self, size: int) -> str:
        """Why the user's contents cannot go to the guest; empty when they can."""
        if not self.available:
            return "The guest has no agent that takes a clipboard (spice-vdagent)"
        if self.policies[Way.TO_GUEST] is Policy.OFF:
            return "Nothing goes to the guest's clipboard: its direction is off"
        if self.app.guest.view_only:
            return "View only: nothing goes to the guest"
        if size > MAX_BYTES:
            return f"{human_bytes(size)} are too much for the clipboard; at most {human_bytes(MAX_BYTES)}"
        return ""

    def _give(self, offer: Offer, outcome: str, selections: Sequence[ClipboardSelection]) -> bool:
        main = self._main
        assert main is not None
        try:
            for selection in selections:
                if selection is CLIPBOARD or self.primary:
                    main.grab_clipboard(selection, offer.entry.formats)
                    self.offers[selection] = offer
                    self.guest.pop(selection, None)
        except SpiceError as error:
            self.app.say(str(error), severity="warning")
            return False
        self.waiting.pop(Way.TO_GUEST, None)
        self._note(offer.entry, outcome)
        self._remember(offer.entry)
        self.changed()
        return True

    def _withdraw(self, selection: ClipboardSelection) -> None:
        if self.offers.pop(selection, None) is not None and self._main is not None:
            with contextlib.suppress(SpiceError):
                self._main.release_clipboard(selection)

    def _offer_again(self) -> None:
        """To another session, or an agent that came back without knowing anything."""
        main = self._main
        if not self.gives or main is None:
            return
        for selection, offer in self.offers.items():
            with contextlib.suppress(SpiceError):
                main.grab_clipboard(selection, offer.entry.formats)

    @property
    def _main(self) -> Main | None:
        return self.client.main if self.client is not None else None

    async def give_file(self, path: Path) -> bool:
        """A file's contents, a picture by its name or else text; anything else as a file to be pasted in a folder."""
        format = _SUFFIXES.get(path.suffix.lower(), TEXT)

        def read() -> bytes:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)

        try:
            data = await asyncio.to_thread(read)
            if format is TEXT:
                data.decode()
        except IsADirectoryError:
            return await self._give_as_file(path, "a folder")
        except OSError as error:
            self.app.say(f"Cannot read {path}: {error.strerror}", severity="error")
            return False
        except UnicodeDecodeError:
            return await self._give_as_file(path, "neither text nor a picture")
        return self.offer(data, format, f"offered to the guest, from {looks(path.name)}")

    async def _give_as_file(self, path: Path, what: str) -> bool:
        """The guest pastes it in a folder, and gets it by its WebDAV daemon."""
        folder = self.client.shared_folder if self.client is not None else None
        if folder is None:
            self.app.say(f"{path} is {what}; send it as a file", severity="error")
            return False
        try:
            data = await folder.offer([path])
        except (SpiceError, OSError) as error:
            self.app.say(f"Cannot offer {path}: {error}", severity="error")
            return False
        return self.offer(data, FILES, f"offered to the guest as a file: {looks(path.name)}")

    async def save(self, entry: Entry, path: Path) -> bool:
        """An entry as a file, which must not be there yet; readable for the user alone."""
        format = entry.format
        data = await self.fetch(entry, format)
        if data is None:
            self.app.say(f"Not saved: {entry.outcome}", severity="warning")
            return False

        def write() -> None:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)

        try:
            await asyncio.to_thread(write)
        except FileExistsError:
            self.app.say(f"{path} is there already; choose another name", severity="warning")
        except OSError as error:
            self.app.say(f"Cannot write {path}: {error.strerror}", severity="error")
        else:
            self._note(entry, f"saved to {looks(path.name)}")
            self.app.say(f"Saved {path}")
            return True
        return False

    def give_again(self, entry: Entry) -> bool:
        """An entry's contents to the guest once more."""
        format = entry.format
        if format is None or format not in entry.data:
            self.app.say("Its contents are not here any more", severity="warning")
            return False
        return self.offer(entry.data[format], format)

    def take_paste(self, text: str) -> bool:
        """A paste of the terminal becomes the guest's clipboard; False where it is better typed."""
        chord = self.app.settings.paste
        if not self.gives or chord == "type" or self.app.view.grid is not None:
            return False  # a text console has no clipboard
        if not text:  # terminals paste nothing where there is a picture
            if self.desktop is not None:
                self.start(self.give_desktop())
            return self.desktop is not None
        # Shift+Insert takes the one in a terminal and the other everywhere else.
        selections = (CLIPBOARD, PRIMARY)
        data = text.replace("\r\n", "\n").replace("\r", "\n").encode()
        if not self.offer(data, outcome="pasted here, offered to the guest", selections=selections):
            return False
        self._seen[CLIPBOARD] = _digest((TEXT,), data)
        if chord == "off":
            self.app.say("In the guest's clipboard now; paste it there")
        else:
            self._start(self._press(chord))
        return True

    async def _press(self, chord: str) -> None:
        from ..keymap.keys import parse_combo

        await asyncio.sleep(CHORD_SECONDS)
        self.app.guest.press([parse_combo(chord)])

    # --- the desktop here

    def focus(self, gained: bool) -> None:
        """This terminal has the focus, or no more."""
        self.focused = gained
        if gained:
            self.look_at_desktop()

    def look_at_desktop(self) -> None:
        """Offers the guest what is new in the desktop's clipboard, as its policy says."""
        if self.desktop is None or not self.gives:
            return
        self._look_from = self._grabs
        if self._looking is None or self._looking.done():
            self._looking = self._start(self._look_on())

    async def _look_on(self) -> None:
        while self._look_from is not None:
            grabs, self._look_from = self._look_from, None
            await self._look(grabs)

    async def _look(self, grabs: int) -> None:
        entry = await self._desktop_has(CLIPBOARD)
        if entry is None or not self.gives or grabs != self._grabs:
            return  # what the guest has copied meanwhile is newer
        if self.policies[Way.TO_GUEST] is Policy.ON:
            self._offer_desktop(entry)
        else:
            self.waiting[Way.TO_GUEST] = entry
            self.changed()

    async def _desktop_has(self, selection: ClipboardSelection, *, anyway: bool = False) -> Entry | None:
        """What the desktop has, None when that is nothing or nothing new."""
        assert self.desktop is not None
        try:
            formats = await self.desktop.formats(selection)
            data = await self.desktop.read(selection, formats[0], MAX_BYTES) if formats else b""
        except ToolError as error:
            if anyway:
                self.app.say(str(error), severity="warning")
            return None
        digest = _digest(formats[:1], data)
        known = self._seen.get(selection) == digest
        self._seen[selection] = digest
        if not formats or not data or (known and not anyway):
            return None
        return Entry(Way.TO_GUEST, selection, formats, self.now())

    def _offer_desktop(self, entry: Entry) -> None:
        """The contents stay where they are until the guest wants them."""
        digest = self._seen.get(entry.selection)

        async def fetch(format: ClipboardFormat) -> bytes:
            if self.desktop is None:
                raise AgentError("there is no desktop any more")
            data = await self.desktop.read(entry.selection, entry.formats[0], MAX_BYTES)
            if _digest(entry.formats[:1], data) != digest:
                self._withdraw(entry.selection)
                if self.focused:  # it was quicker than the desktop
                    self.look_at_desktop()
                raise AgentError("something else was copied here meanwhile; it is offered when this terminal is used")
            return data if format is entry.formats[0] else await self.desktop.read(entry.selection, format, MAX_BYTES)

        if not self._why_not(0):
            self._give(Offer(entry, fetch, automatic=True), "copied here, offered to the guest", (entry.selection,))

    async def give_desktop(self) -> None:
        """The user's order."""
        if self.desktop is None:
            self.app.say("There is no desktop here whose clipboard could be read", severity="warning")
        elif problem := self._why_not(0):
            self.app.say(problem, severity="warning")
        elif (entry := await self._desktop_has(CLIPBOARD, anyway=True)) is None:
            self.app.say("The desktop's clipboard is empty", severity="warning")
        else:
            self._offer_desktop(entry)

    # --- the terminal here

    @property
    def can_ask_terminal(self) -> bool:
        return osc52.possible(self.app.caps)

    async def give_terminal(self) -> None:
        """The user's order: asks the terminal (or tmux) for its clipboard, and gives it to the guest."""
        if problem := self._why_not(0):
            self.app.say(problem, severity="warning")
            return
        try:
            data = await self._read_terminal()
        except SpiceError as error:
            self.app.say(str(error), severity="warning")
            return
        if not data:
            self.app.say("The terminal's clipboard is empty")
        else:
            self.offer(data.decode("utf-8", "replace").encode(), outcome="from the terminal, offered to the guest")

    async def _read_terminal(self) -> bytes:
        driver = self.app.terminal_driver
        if self.tmux:
            return await clipboard_tmux.show(MAX_BYTES)
        if driver is None or not self.can_ask_terminal:
            raise AgentError("This terminal has no clipboard that could be asked for")
        if self._answer is not None:
            raise AgentError("The terminal was asked and has not answered yet")
        self._answer = asyncio.get_running_loop().create_future()
        driver.writer.control(osc52.query())
        self.changed()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._answer
        except TimeoutError:
            raise AgentError("The terminal does not tell its clipboard; paste into this window instead") from None
        finally:
            self._answer = None
            self.changed()
        if answer.data is None:
            raise AgentError("The terminal's answer makes no sense")
        return answer.data

    @property
    def asking(self) -> bool:
        """Whether the terminal has been asked."""
        return self._answer is not None

    def terminal_answered(self, reply: Reply) -> None:
        """What nobody asked for is passed over."""
        found = osc52.answer(reply)
        if found is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(found)

    # --- common

    def _note(self, entry: Entry, outcome: str) -> None:
        entry.outcome = outcome
        self.last[entry.way] = entry
        self.changed()

    def _remember(self, entry: Entry) -> None:
        if entry not in self.history:
            self.history.add(entry)

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Does something for the panel, which may be gone before it is done."""

        async def run() -> None:
            await work

        self._start(run())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _digest(formats: Sequence[ClipboardFormat], data: bytes) -> bytes:
    return hashlib.blake2b(data, key=bytes(formats)).digest()
