"""The clipboard in the app: what goes where, what may not, and how it looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from terminal.personality import FOOT, KITTY, LINUX, PLAIN, TMUX_IN_KITTY, Personality
from terminal.terminal import Terminal
from textual.widgets import Input, OptionList

from spicetui.agent import file_list
from spicetui.devices.clipboard_tool import ToolError
from spicetui.devices.folder import SharedFolder
from spicetui.errors import AgentError
from spicetui.interfaces import ClipboardFormat, ClipboardSelection, Driver
from spicetui.keymap.keys import Key
from spicetui.term.clipboard import MAX_BYTES as TERMINAL_BYTES
from spicetui.tui.clipboard import ClipboardService
from spicetui.tui.clipboard_history import Policy, Way
from spicetui.tui.panels.clipboard import ClipboardPanel
from spicetui.tui.widgets.path_input import PathInput
from spicetui.tui.widgets.picture import Picture
from spicetui.wire.enums import AgentCap

from .fake_client import Desktop, FakeClient, FakeMain
from .running import Running, running
from .snapshots import SIZES, check_panel
from .test_folder import Link as FolderLink

CLIPBOARD, PRIMARY, _ = ClipboardSelection
FILES = ClipboardFormat.FILE_LIST
TEXT, PNG, BMP = ClipboardFormat.TEXT, ClipboardFormat.PNG, ClipboardFormat.BMP
FROM, TO = Way.FROM_GUEST, Way.TO_GUEST
CAPS = frozenset((AgentCap.CLIPBOARD_BY_DEMAND, AgentCap.CLIPBOARD_SELECTION))
HOSTILE = "\x1b]52;c;AAAA\x07\x1b[2J\x9b31m\x9d0;owned\x9c\u202eevil\u2066\x00\x7f\ttab\r\nend"
PREFIX = b"\x1d"


def picture() -> bytes:
    image = Image.new("RGB", (320, 200), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 159, 199), fill=(200, 30, 30))
    draw.ellipse((200, 40, 300, 140), fill=(20, 60, 200))
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class GuestMain(FakeMain):
    """A guest with an agent; *driver* is told what happens there."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self.driver = driver
        self.has: dict[tuple[ClipboardSelection, ClipboardFormat], bytes] = {}
        self.requests: list[tuple[ClipboardSelection, ClipboardFormat]] = []
        self.offered: dict[ClipboardSelection, tuple[ClipboardFormat, ...]] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    def copy(self, data: bytes, format: ClipboardFormat = TEXT, selection: ClipboardSelection = CLIPBOARD) -> None:
        """Something is copied in the guest."""
        self.has = {place: held for place, held in self.has.items() if place[0] is not selection}
        self.has[selection, format] = data
        self.offered.pop(selection, None)
        self.driver.clipboard_grabbed(selection, [format])

    async def paste(self, format: ClipboardFormat = TEXT, selection: ClipboardSelection = CLIPBOARD) -> bytes:
        assert format in self.offered[selection]
        return await self.driver.clipboard_fetch(selection, format)

    # what the app uses

    def grab_clipboard(self, selection: ClipboardSelection, types: Iterable[ClipboardFormat]) -> None:
        self.offered[selection] = tuple(types)

    def release_clipboard(self, selection: ClipboardSelection) -> None:
        self.offered.pop(selection, None)

    async def request_clipboard(
        self, selection: ClipboardSelection, format: ClipboardFormat, timeout: float = 30.0
    ) -> bytes:
        self.requests.append((selection, format))
        await self.gate.wait()
        if (selection, format) not in self.has:
            raise AgentError("the guest's clipboard has nothing as that")
        return self.has[selection, format]


class FakeDesktop:
    """A desktop of this side."""

    name = "a desktop"
    images = True

    def __init__(self) -> None:
        self.held: dict[ClipboardSelection, dict[ClipboardFormat, bytes]] = {}
        self.writes = 0
        self.broken = False

    def copy(self, data: bytes, format: ClipboardFormat = TEXT) -> None:
        self.held[CLIPBOARD] = {format: data}

    def has(self, selection: ClipboardSelection) -> bool:
        return True

    async def formats(self, selection: ClipboardSelection) -> tuple[ClipboardFormat, ...]:
        return tuple(self.held.get(selection, {}))

    async def read(self, selection: ClipboardSelection, format: ClipboardFormat, max_bytes: int = 0) -> bytes:
        return self.held[selection][format]

    async def write(self, selection: ClipboardSelection, format: ClipboardFormat, data: bytes) -> None:
        if self.broken:
            raise ToolError("the desktop has gone")
        self.writes += 1
        self.held[selection] = {format: data}


class Session:
    def __init__(self, run: Running) -> None:
        self.run = run
        self.clipboard: ClipboardService = run.app.shared_clipboard
        self.terminal = run.terminal

    @property
    def guest(self) -> GuestMain:
        main: Any = self.run.client.main
        assert isinstance(main, GuestMain)
        return main

    async def until(self, condition: Any, what: str = "") -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)

    async def outcome(self, way: Way, words: str) -> None:
        def told() -> bool:
            entry = self.clipboard.last.get(way)
            return entry is not None and words in entry.outcome

        await self.until(told, words)

    def paste(self, text: str) -> None:
        self.terminal.type(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    async def open(self) -> ClipboardPanel:
        self.terminal.type(PREFIX + b"b")
        await self.until(lambda: isinstance(self.run.app.dock.panel, ClipboardPanel) and self.panel.is_mounted)
        await self.until(lambda: self.run.app.focused is not None)
        return self.panel

    @property
    def panel(self) -> ClipboardPanel:
        panel = self.run.app.dock.panel
        assert isinstance(panel, ClipboardPanel)
        return panel


@asynccontextmanager
async def session(
    *,
    personality: Personality = KITTY,
    size: tuple[int, int] = (80, 24),
    caps: frozenset[int] | None = CAPS,
    desktop: FakeDesktop | None = None,
    tmux: bool = False,
    **settings: Any,
) -> AsyncIterator[Session]:
    patch = pytest.MonkeyPatch()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "SSH_CONNECTION", "SSH_TTY", "TERM_PROGRAM"):
        patch.delenv(name, raising=False)
    for name, value in personality.environment.items():
        if name != "TMUX":  # the real tmux is nobody's business here
            patch.setenv(name, value)

    def opener(driver: Driver, password: str | None) -> FakeClient:
        client = FakeClient(driver, Desktop(640, 480))
        client.main = GuestMain(driver)
        return client

    try:
        async with running(opener, terminal=Terminal(*size, personality=personality), **settings) as run:
            found = Session(run)
            found.clipboard.desktop = desktop  # type: ignore[assignment]
            found.clipboard.now = Clock()
            await run.until(lambda: run.app.client is not None and run.app.link.size is not None)
            await run.until(lambda: run.app.caps.answered or personality is LINUX)
            await run.until(lambda: run.app.guest_has_keys)
            if caps is not None:
                run.client.driver.agent_ready(caps)
            yield found
    finally:
        patch.undo()


class Clock:
    """Time of which each look takes a second."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 14, 3, 11)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


# --- from the guest


async def test_text_reaches_the_terminal_and_no_part_of_it_is_a_sequence() -> None:
    async with session() as here:
        here.guest.copy(HOSTILE.encode())
        await here.run.until(lambda: here.terminal.clipboard == HOSTILE.encode())
        await here.outcome(FROM, "to the terminal")
        assert here.terminal.clipboards == {"c": HOSTILE.encode()}
        here.guest.copy(b"of the mouse", selection=PRIMARY)
        await here.run.until(lambda: here.terminal.clipboards.get("p") == b"of the mouse")
        panel = await here.open()
        await here.until(lambda: panel.query_one("#history", OptionList).option_count == 2)
        here.terminal.type(b"\x1b[B")  # to the hostile one
        for part in ("␛]52;c;AAAA␇␛[2J<U+009B>31m", "<U+202E>evil<U+2066>␀␡"):
            await here.run.until(lambda part=part: part in "".join(here.terminal.text.split()), part)  # type: ignore[misc]
        assert "owned" not in here.terminal.title
        sent = bytes(here.terminal.received)
        assert b"\x1b]52;c;AAAA" not in sent
        assert "\x9b31m".encode() not in sent
        assert "\u202e".encode() not in sent
        assert here.terminal.clipboards["c"] == HOSTILE.encode()
        assert not here.terminal.problems


async def test_a_terminal_that_takes_nothing_gets_nothing() -> None:
    async with session(personality=LINUX) as here:
        here.guest.copy(b"for the panel")
        await here.outcome(FROM, "not copied: no place")
        assert b"\x1b]52" not in here.terminal.received
        assert [entry.text for entry in here.clipboard.history] == ["for the panel"]
        here.guest.copy(b"selected", selection=PRIMARY)  # not even asked for
        here.guest.copy(b"again")
        await here.until(lambda: len(here.clipboard.history) == 2)
        assert (PRIMARY, TEXT) not in here.guest.requests


async def test_through_tmux() -> None:
    async with session(personality=TMUX_IN_KITTY) as here:
        here.guest.copy(b"through")
        await here.run.until(lambda: here.terminal.clipboard == b"through")
        assert not here.terminal.problems
        assert b"\x1bPtmux;\x1b\x1b]52;c;" in here.terminal.received


async def test_too_much_for_a_terminal_is_kept_for_a_file(tmp_path: Path) -> None:
    async with session() as here:
        data = b"0123456789abcde\n" * (TERMINAL_BYTES // 16 + 1)
        here.guest.copy(data)
        await here.outcome(FROM, "too much for a terminal")
        assert b"\x1b]52" not in here.terminal.received
        [entry] = here.clipboard.history
        assert await here.clipboard.save(entry, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == data
        assert not await here.clipboard.save(entry, tmp_path / "a")
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
        assert not await here.clipboard.save(entry, tmp_path / "none" / "a")


async def test_the_desktop_goes_before_the_terminal() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop) as here:
        here.guest.copy(b"text")
        await here.outcome(FROM, "to the desktop")
        here.guest.copy(picture(), PNG)
        await here.until(lambda: desktop.held[CLIPBOARD] == {PNG: picture()})
        assert b"\x1b]52" not in here.terminal.received
        desktop.broken = True
        here.guest.copy(b"anyway")
        await here.run.until(lambda: here.terminal.clipboard == b"anyway")
        here.guest.copy(picture(), BMP)
        await here.outcome(FROM, "not copied: the desktop has gone")


async def test_off_holds() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop, clipboard_from_guest="off", clipboard_to_guest="off") as here:
        desktop.copy(b"secret")
        here.guest.copy(b"text")
        here.terminal.type(b"\x1b[I")
        here.paste("typed")
        await here.until(lambda: ("down", Key.T) in here.run.inputs.calls)
        panel = await here.open()
        panel.action_copy()
        panel.action_desktop()
        panel.action_terminal()
        here.clipboard.offer(b"text")
        assert not await here.clipboard.give_file(Path(__file__))
        await here.outcome(FROM, "not taken: off")
        assert here.guest.requests == []
        assert here.guest.offered == {}
        assert desktop.held == {CLIPBOARD: {TEXT: b"secret"}}
        assert b"\x1b]52" not in here.terminal.received
        with pytest.raises(AgentError):
            await here.run.client.driver.clipboard_fetch(CLIPBOARD, TEXT)


async def test_off_in_the_middle() -> None:
    async with session() as here:
        here.guest.gate.clear()
        here.guest.copy(b"on its way")
        await here.until(lambda: here.guest.requests)
        here.clipboard.set_policy(FROM, Policy.OFF)
        here.guest.gate.set()
        assert here.clipboard.offer(b"given")
        assert await here.guest.paste() == b"given"
        here.clipboard.set_policy(TO, Policy.OFF)
        assert here.guest.offered == {}
        with pytest.raises(AgentError):
            await here.run.client.driver.clipboard_fetch(CLIPBOARD, TEXT)
        assert b"\x1b]52" not in here.terminal.received


async def test_ask_waits_for_a_word() -> None:
    async with session(clipboard_from_guest="ask") as here:
        here.guest.copy(b"first")
        await here.run.until(lambda: "copied in the guest: text" in here.terminal.text)
        assert here.guest.requests == []
        await here.open()
        await here.run.until(lambda: "Take it?" in here.terminal.text)
        here.terminal.type(b"n")
        await here.outcome(FROM, "not wanted")
        here.guest.copy(b"second")
        await here.run.until(lambda: "Take it?" in here.terminal.text)
        here.terminal.type(b"y")
        await here.run.until(lambda: here.terminal.clipboard == b"second")
        assert [entry.text for entry in here.clipboard.history] == ["second"]
        here.guest.copy(b"third")
        assert FROM in here.clipboard.waiting
        here.run.client.driver.clipboard_release(CLIPBOARD)
        assert FROM not in here.clipboard.waiting
        here.guest.copy(b"fourth")
        here.clipboard.set_policy(FROM, Policy.ON)
        await here.run.until(lambda: here.terminal.clipboard == b"fourth")


async def test_what_the_guest_refuses_and_forgets() -> None:
    async with session() as here:
        here.guest.copy(b"x")
        here.guest.has.clear()
        await here.outcome(FROM, "not taken: the guest's clipboard has nothing")
        here.run.client.driver.clipboard_grabbed(CLIPBOARD, [])
        here.run.client.driver.clipboard_grabbed(CLIPBOARD, [ClipboardFormat.FILE_LIST])
        await here.outcome(FROM, "files: not copied here")
        here.run.client.driver.agent_changed(False)
        assert not here.clipboard.available
        assert here.clipboard.guest == {}
        assert not here.clipboard.offer(b"nobody takes it")


async def test_a_guest_that_copies_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session() as here:
        for number in range(200):
            here.guest.copy(b"%d" % number)
        await here.run.until(lambda: here.terminal.clipboard == b"199")
        assert len(here.guest.requests) == 1
        monkeypatch.setattr("spicetui.tui.writer.FrameWriter.backlog", 2 << 20)  # the terminal is slow
        here.guest.copy(b"late")
        await here.until(lambda: len(here.guest.requests) == 2)
        await here.until(lambda: any(entry.text == "late" for entry in here.clipboard.history))
        assert here.terminal.clipboard == b"199"
        monkeypatch.setattr("spicetui.tui.writer.FrameWriter.backlog", 0)
        await here.run.until(lambda: here.terminal.clipboard == b"late")


async def test_nothing_leaves_the_clipboard_here_alone() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop) as here:
        desktop.copy(b"kept")
        here.guest.copy(b"")
        await here.outcome(FROM, "empty, not copied")
        assert (desktop.held[CLIPBOARD], here.terminal.clipboards) == ({TEXT: b"kept"}, {})


async def test_what_is_copied_in_the_app_goes_to_the_desktop_too() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop) as here:
        here.run.app.copy_to_clipboard("of the console")
        await here.until(lambda: desktop.held == {CLIPBOARD: {TEXT: b"of the console"}})
        await here.run.until(lambda: here.terminal.clipboard == b"of the console")


# --- to the guest


async def test_a_paste_becomes_the_guests_clipboard_and_is_pasted() -> None:
    async with session() as here:
        here.paste("Grüße 🎈\r\nsecond line")
        await here.until(lambda: here.run.inputs.calls)
        expected = [("down", Key.LEFT_SHIFT), ("down", Key.INSERT), ("up", Key.INSERT), ("up", Key.LEFT_SHIFT)]
        await here.until(lambda: len(here.run.inputs.calls) >= 4)
        assert here.run.inputs.calls == expected
        for selection in (CLIPBOARD, PRIMARY):
            assert await here.guest.paste(selection=selection) == "Grüße 🎈\nsecond line".encode()
        await here.outcome(TO, "pasted in the guest as text")
        here.guest.copy("Grüße 🎈\nsecond line".encode())  # by its clipboard manager
        await here.outcome(FROM, "the same as here")
        assert here.terminal.clipboards == {}


@pytest.mark.parametrize(
    ("settings", "caps", "calls"),
    [
        ({"paste": "ctrl+v"}, CAPS, [("down", Key.LEFT_CTRL), ("down", Key.V), ("up", Key.V), ("up", Key.LEFT_CTRL)]),
        ({"paste": "type"}, CAPS, [("down", Key.A), ("up", Key.A)]),
        ({"clipboard_to_guest": "off"}, CAPS, [("down", Key.A), ("up", Key.A)]),
        ({}, frozenset(), [("down", Key.A), ("up", Key.A)]),
        ({}, None, [("down", Key.A), ("up", Key.A)]),
    ],
)
async def test_how_a_paste_gets_there(
    settings: dict[str, Any], caps: frozenset[int] | None, calls: Sequence[Any]
) -> None:
    async with session(caps=caps, **settings) as here:
        here.paste("a")
        await here.until(lambda: len(here.run.inputs.calls) >= len(calls))
        assert here.run.inputs.calls == list(calls)
        assert bool(here.guest.offered) is (settings.get("paste") == "ctrl+v")


async def test_a_paste_that_only_waits() -> None:
    async with session(paste="off") as here:
        here.paste("a")
        await here.until(lambda: here.guest.offered)
        await here.run.until(lambda: "paste it there" in here.terminal.text)
        assert await here.guest.paste() == b"a"
        assert here.run.inputs.calls == []


async def test_view_only_takes_and_gives_nothing() -> None:
    async with session(view_only=True) as here:
        here.paste("a")
        here.guest.copy(b"text")
        await here.run.until(lambda: here.terminal.clipboard == b"text")
        assert here.guest.offered == {}
        assert not here.clipboard.offer(b"x")


async def test_the_desktop_is_offered_when_this_terminal_is_used() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop) as here:
        await here.until(lambda: here.clipboard._looking is None or here.clipboard._looking.done())
        desktop.copy(b"of the desktop")
        here.terminal.type(b"\x1b[I")
        await here.until(lambda: here.guest.offered == {CLIPBOARD: (TEXT,)})
        assert here.clipboard.history.size == 0  # read when it is wanted
        assert await here.guest.paste() == b"of the desktop"
        here.terminal.type(b"\x1b[O")
        await here.until(lambda: not here.clipboard.focused)
        desktop.copy(b"password")  # for somewhere else; nobody has come back
        with pytest.raises(AgentError, match="something else was copied"):
            await here.guest.paste()
        assert here.guest.offered == {}
        assert len(here.clipboard.history) == 1
        here.terminal.type(b"\x1b[I")
        await here.until(lambda: len(here.clipboard.history) == 2)
        assert await here.guest.paste() == b"password"
        desktop.copy(b"by a program")  # while this terminal has the focus
        with pytest.raises(AgentError, match="something else was copied"):
            await here.guest.paste()
        await here.until(lambda: len(here.clipboard.history) == 3)
        assert await here.guest.paste() == b"by a program"
        # What came from the guest does not go back, and what was offered is not offered again.
        here.guest.copy(b"of the guest")
        await here.outcome(FROM, "to the desktop")
        here.terminal.type(b"\x1b[O\x1b[I")
        await here.clipboard._look(here.clipboard._grabs)
        assert here.guest.offered == {}
        desktop.copy(picture(), PNG)
        here.terminal.type(b"\x1b[O\x1b[I")
        await here.until(lambda: here.guest.offered == {CLIPBOARD: (PNG,)})
        assert await here.guest.paste(PNG) == picture()


async def test_the_desktop_with_ask() -> None:
    desktop = FakeDesktop()
    async with session(desktop=desktop, clipboard_to_guest="ask") as here:
        desktop.copy(b"of the desktop")
        here.terminal.type(b"\x1b[I")
        await here.run.until(lambda: "copied here: text" in here.terminal.text)
        assert here.guest.offered == {}
        await here.open()
        await here.run.until(lambda: "Offer it?" in here.terminal.text)
        here.terminal.type(b"y")
        await here.until(lambda: here.guest.offered)
        assert await here.guest.paste() == b"of the desktop"


async def test_another_session_gets_the_offer_too() -> None:
    async with session() as here:
        assert here.clipboard.offer(b"kept")
        here.guest.offered.clear()
        here.clipboard.disconnected()
        client: Any = here.run.client
        here.clipboard.connected(client)
        assert here.guest.offered == {}  # its agent has said nothing yet
        here.run.client.driver.agent_ready(CAPS)
        assert here.guest.offered == {CLIPBOARD: (TEXT,)}
        assert await here.guest.paste() == b"kept"


# --- the terminal's own clipboard


async def test_the_terminal_is_asked_by_the_user_only() -> None:
    async with session(personality=FOOT) as here:
        here.terminal.clipboard = b"of the terminal"
        here.terminal.type(b"\x1b[I")
        here.terminal.type(b"\x1b]52;c;ZXZpbA==\x1b\\")  # nobody asked
        with pytest.raises(AgentError):
            await here.run.client.driver.clipboard_fetch(CLIPBOARD, TEXT)
        await here.open()
        assert here.terminal.clipboard_queries == 0
        here.terminal.type(b"r")
        await here.until(lambda: here.guest.offered == {CLIPBOARD: (TEXT,)})
        assert here.terminal.clipboard_queries == 1
        assert await here.guest.paste() == b"of the terminal"
        assert here.terminal.clipboard_queries == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x1b]52;c;\x1b\\", "clipboard is empty"),
        (b"\x1b]52;c;a=b\x1b\\", "makes no sense"),
        (b"", "does not tell its clipboard"),
    ],
)
async def test_terminals_that_do_not_tell(answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not answer:
        monkeypatch.setattr("spicetui.tui.clipboard.ANSWER_SECONDS", 0.2)
    async with session() as here:  # kitty asks its user, who says no
        here.clipboard.start(here.clipboard.give_terminal())
        await here.run.until(lambda: here.terminal.clipboard_queries)
        if answer:
            with pytest.raises(Exception, match="has not answered yet"):
                await here.clipboard._read_terminal()
            here.terminal.type(answer)
        await here.run.until(lambda: words in here.terminal.text)
        await here.until(lambda: not here.clipboard.asking)
        assert here.guest.offered == {}


# --- the panel


async def test_files_and_text_from_the_panel(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(picture())
    (tmp_path / "note.txt").write_text("Grüße")
    (tmp_path / "other.bin").write_bytes(b"\xff\x00")
    async with session(size=(160, 48)) as here:
        panel = await here.open()
        here.terminal.type(b"t")
        await here.until(lambda: isinstance(here.run.app.focused, Input) and here.run.app.focused.id == "typed")
        here.terminal.type("typed Grüße\r".encode())
        await here.until(lambda: here.guest.offered)
        assert await here.guest.paste() == "typed Grüße".encode()
        line = panel.query_one("#file", PathInput)
        for name, format in (("shot.png", PNG), ("note.txt", TEXT)):
            here.guest.offered.clear()
            line.value = str(tmp_path / name)
            line.focus()
            await here.until(lambda: here.run.app.focused is line.line)
            here.terminal.type(b"\r")
            await here.until(lambda format=format: here.guest.offered == {CLIPBOARD: (format,)})
            assert await here.guest.paste(format) == (tmp_path / name).read_bytes()
        assert not await here.clipboard.give_file(tmp_path / "other.bin")
        assert not await here.clipboard.give_file(tmp_path / "none")
        await here.run.until(lambda: "neither text nor a picture" in here.terminal.text)
        assert here.run.inputs.calls == []


async def test_files_are_copied_through_the_shared_folder(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"\xff\xfe\0")
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    async with session() as here:
        folder = SharedFolder(FolderLink())
        here.run.client.shared_folder = folder
        try:
            assert await here.clipboard.give_file(tmp_path / "other.bin")
            assert here.guest.offered == {CLIPBOARD: (FILES,)}
            [place] = file_list.read(await here.guest.paste(FILES)).places
            assert place.endswith("/other.bin")
            assert folder.path is None  # nothing else is shown

            here.guest.copy(b"copy\0/report.pdf\0", FILES)
            await here.until(lambda: "none is shared" in here.clipboard.guest[CLIPBOARD].outcome)
            await folder.share(tmp_path)
            here.guest.copy(b"copy\0/report.pdf\0", FILES)
            await here.until(lambda: "report.pdf" in here.clipboard.guest[CLIPBOARD].outcome)
            assert here.clipboard.guest[CLIPBOARD].text == "/report.pdf"
            here.guest.copy(b"copy\0/../passwd\0", FILES)
            await here.until(lambda: "leaves the shared folder" in here.clipboard.guest[CLIPBOARD].outcome)
        finally:
            await folder.stop()


async def test_a_picture_is_shown_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with session(size=(160, 48)) as here:
        here.guest.copy(picture(), PNG)
        await here.outcome(FROM, "for the panel")
        assert here.guest.requests == []  # nobody looks
        panel = await here.open()
        await here.run.until(lambda: "PNG, 320x200 pixels" in here.terminal.text)
        await here.until(lambda: panel.query_one(Picture)._plane is not None)
        assert here.guest.requests == [(CLIPBOARD, PNG)]
        here.terminal.type(b"s")
        await here.until(lambda: isinstance(here.run.app.focused, Input))
        here.terminal.type(b"\r")
        await here.run.until(lambda: "Saved" in here.terminal.text)
        [saved] = tmp_path.glob("clipboard-*.png")
        assert saved.read_bytes() == picture()
        here.terminal.type(b"c")
        await here.outcome(FROM, "no desktop here that takes pictures")
        here.guest.copy(b"\x89PNG broken", PNG)
        await here.run.until(lambda: "this is no PNG" in here.terminal.text)


async def test_history_and_policies_by_keys_and_mouse() -> None:
    async with session(size=(160, 48), personality=PLAIN) as here:
        for text in ("one", "two", "three"):
            here.guest.copy(text.encode())
            await here.run.until(lambda text=text: here.terminal.clipboard == text.encode())  # type: ignore[misc]
        panel = await here.open()
        history = panel.query_one("#history", OptionList)
        await here.until(lambda: history.option_count == 3)
        here.terminal.type(b"\x1b[B\x1b[B")
        await here.until(lambda: panel.entry is not None and panel.entry.text == "one")
        here.terminal.type(b"c")
        await here.run.until(lambda: here.terminal.clipboard == b"one")
        here.terminal.type(b"g")
        await here.until(lambda: here.guest.offered)
        assert await here.guest.paste() == b"one"
        for key, way in ((b"1", FROM), (b"2", TO)):
            here.terminal.type(key)
            await here.until(lambda way=way: here.clipboard.policies[way] is Policy.OFF)
            region = panel.query_one(f"#{way.name}").region
            place = b"%d;%d" % (region.x + 3, region.y + 1)
            here.terminal.type(b"\x1b[<0;" + place + b"M\x1b[<0;" + place + b"m")
            await here.until(lambda way=way: here.clipboard.policies[way] is Policy.ASK)
        here.terminal.type(b"x")
        await here.until(lambda: not len(here.clipboard.history))
        assert here.clipboard.last == {}
        await here.run.until(lambda: "History: empty" in here.terminal.text)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_how_it_looks(size: tuple[int, int]) -> None:
    async with session(size=size, personality=PLAIN) as here:
        await here.open()
        await check_panel(here.run, "clipboard-empty")
        here.guest.copy(b"ssh-keygen -t ed25519\n")
        await here.until(lambda: len(here.clipboard.history) == 1)
        here.clipboard.offer("Grüße aus dem Terminal 🎈".encode())
        here.guest.copy(HOSTILE.encode())
        await here.until(lambda: len(here.clipboard.history) == 3)
        await here.outcome(FROM, "to the terminal")
        await check_panel(here.run, "clipboard-text")
        here.guest.copy(picture(), PNG)
        await here.until(lambda: here.panel.query_one(Picture)._plane is not None)
        await check_panel(here.run, "clipboard-picture")


async def test_how_a_question_looks() -> None:
    async with session(clipboard_from_guest="ask", personality=PLAIN) as here:
        await here.open()
        here.guest.copy(b"secret")
        await check_panel(here.run, "clipboard-question")


async def test_opened_while_the_app_comes_up() -> None:
    async with running(terminal=Terminal(96, 30, personality=PLAIN)) as run:
        while not run.app.screen_stack:
            await asyncio.sleep(0)
        run.app.dock.open("clipboard")
        await run.until(lambda: "History: empty" in run.terminal.text)
        await run.until(lambda: run.app.dock.active and run.app.focused is not None)
