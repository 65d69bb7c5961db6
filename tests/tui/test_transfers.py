"""Files to the guest in the app: added by path, by a tree and by dropping them; the panel's keys, and how it looks."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peer.fake_agent import with_agent
from peer.file_guest import FileGuest, taking
from terminal.terminal import Terminal
from textual.widgets import Input, OptionList

from spicetui.agent.files import TransferState
from spicetui.agent.queue import QueuedFile
from spicetui.interfaces import Driver
from spicetui.keymap.keys import Key
from spicetui.term.caps import Caps
from spicetui.tui import transfers as module
from spicetui.tui.panels.transfers import TransfersPanel
from spicetui.tui.screens.file_browser import FileBrowserScreen
from spicetui.tui.screens.send_files import SendFilesScreen
from spicetui.tui.transfers import Transfers, brief
from spicetui.tui.widgets.path_input import PathInput
from spicetui.wire.enums import FileXferResult

from .fake_client import Desktop, FakeClient
from .running import Running, running
from .snapshots import SIZES, check_panel
from .test_app import status

PREFIX = b"\x1d"
LARGE = 3 << 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "files"
    place.mkdir()
    for name, size in (("notes.txt", 1200), ("with space.bin", 300), ("large.iso", LARGE), ("other.iso", LARGE)):
        (place / name).write_bytes(bytes(size))
    (place / "photos" / "old").mkdir(parents=True)
    (place / "photos" / "1.jpg").write_bytes(b"1")
    (place / "photos" / "old" / "1.jpg").write_bytes(b"old")
    monkeypatch.chdir(place)
    return place


class Here:
    def __init__(self, run: Running, guest: FileGuest) -> None:
        self.run = run
        self.guest = guest

    @property
    def files(self) -> Transfers:
        return self.run.app.transfers

    def file(self, name: str) -> QueuedFile:
        return next(file for file in self.files.queue.files if file.name == name)

    @property
    def panel(self) -> TransfersPanel:
        panel = self.run.app.dock.panel
        assert isinstance(panel, TransfersPanel)
        return panel

    async def open_panel(self) -> None:
        self.run.type(PREFIX + b"e")
        await self.run.until(lambda: isinstance(self.run.app.dock.panel, TransfersPanel) and self.run.app.focused)
        await self.run.until(lambda: "Browse" in self.run.terminal.text)

    async def send(self, text: str) -> None:
        """By the panel's line."""
        self.panel.query_one(PathInput).focus()
        self.run.type(text.encode())
        await self.run.until(lambda: self.panel.query_one(PathInput).value == text, "typed")
        self.run.type(b"\r")

    async def choose(self, name: str) -> None:
        listed = self.panel.query_one("#files", OptionList)
        await self.run.until(lambda: self.file(name) in self.panel._listed, "listed")
        listed.focus()
        listed.highlighted = self.panel._listed.index(self.file(name))
        await self.run.until(lambda: self.panel._chosen is self.file(name), "chosen")

    async def paste(self, text: str) -> None:
        self.run.type(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    async def asked(self) -> SendFilesScreen:
        await self.run.until(lambda: isinstance(self.run.app.screen, SendFilesScreen), "a question")
        screen = self.run.app.screen
        assert isinstance(screen, SendFilesScreen)
        return screen

    async def answered(self) -> None:
        await self.run.until(lambda: self.run.app.screen is self.run.app.session_screen, "no question")

    @property
    def arrived(self) -> int:
        return sum(file.state is TransferState.DONE for file in self.files.queue.files)

    async def until(self, name: str, state: TransferState) -> None:
        await self.run.until(lambda: any(f.name == name and f.state is state for f in self.files.queue.files), name)


@asynccontextmanager
async def machine(terminal: Terminal | None = None) -> AsyncIterator[Here]:
    async with with_agent() as session:
        guest = FileGuest(session)

        def opener(driver: Driver, password: str | None) -> FakeClient:
            client = FakeClient(driver, Desktop(640, 480))
            main: Any = session.client.main
            client.main = main
            return client

        async with running(opener, terminal=terminal or Terminal(120, 40)) as run, taking(guest):
            run.app.transfers.queue.watch(run.terminal.changed)
            run.app.transfers.queue.watch(guest.notify)
            await run.until(lambda: not run.app.transfers.queue.blocked)
            await run.until_settled()
            yield Here(run, guest)


async def test_a_path_that_is_typed(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        assert "Nothing is being sent" in here.run.terminal.text
        here.run.type(b"not")
        await here.run.until(lambda: here.panel.query_one(PathInput).is_open)
        here.run.type(b"\t")
        await here.run.until(lambda: here.panel.query_one(PathInput).value == "notes.txt")
        here.run.type(b"\r")
        await here.until("notes.txt", TransferState.DONE)
        assert here.guest.received == {"notes.txt": bytes(1200)}
        assert here.panel.query_one(PathInput).value == ""
        await here.run.until(lambda: "1 of 1 sent" in here.run.terminal.text)
        await here.run.until(lambda: "✓ notes.txt" in here.run.terminal.text)
        await here.run.until(lambda: "notes.txt was sent" in here.run.terminal.text)


async def test_a_folder_a_pattern_and_nothing(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        await here.send("nothing.txt")
        await here.asked()
        await here.run.until(lambda: "nothing.txt: there is no such file" in here.run.terminal.text)
        here.run.type(b"\r")
        await here.answered()
        assert here.files.queue.files == []
        await here.send("photos")
        await here.asked()
        await here.run.until(lambda: "From photos: the guest's agent knows no folders" in here.run.terminal.text)
        await here.run.until(lambda: "1 has the name of another one" in here.run.terminal.text)
        here.run.type(b"\x1b")
        await here.answered()
        await here.send("*.txt")
        await here.until("notes.txt", TransferState.DONE)
        await here.send("photos")
        await here.asked()
        here.run.type(b"y")
        await here.run.until(lambda: len(here.files.queue.files) == 3 and not here.files.queue.waiting)
        assert here.guest.received["1.jpg"] in (b"1", b"old")


async def test_pause_cancel_retry_and_order(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        here.guest.hold()
        for name in ("large.iso", "other.iso", "notes.txt"):
            await here.send(name)
            await here.run.until(lambda: bool(here.files.queue.files) and here.files.queue.files[-1].path.name == name)  # noqa: B023
        await here.choose("large.iso")
        here.run.type(b"p")
        await here.until("large.iso", TransferState.PAUSED)
        await here.run.until(lambda: "paused" in here.run.terminal.text)
        await here.until("other.iso", TransferState.SENDING)
        await here.choose("other.iso")
        here.run.type(b"c")
        await here.until("other.iso", TransferState.CANCELLED)
        await here.until("notes.txt", TransferState.SENDING)
        here.guest.go()
        await here.until("notes.txt", TransferState.DONE)
        await here.choose("other.iso")
        here.run.type(b"[[")
        await here.run.until(lambda: here.files.queue.files[0].name == "other.iso")
        await here.choose("other.iso")
        here.run.type(b"]")
        await here.run.until(lambda: here.files.queue.files[1].name == "other.iso")
        here.run.type(b"r")
        await here.until("other.iso", TransferState.DONE)
        await here.choose("large.iso")
        here.run.type(b"p")
        await here.until("large.iso", TransferState.DONE)
        assert here.guest.received == {"large.iso": bytes(LARGE), "other.iso": bytes(LARGE), "notes.txt": bytes(1200)}
        here.run.type(b"x")
        await here.run.until(lambda: here.files.queue.files == [])
        await here.run.until(lambda: "Nothing is being sent" in here.run.terminal.text)


async def test_all_paused_and_the_limit(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        here.files.queue.pause()
        await here.send("notes.txt")
        await here.run.until(lambda: len(here.files.queue.files) == 1)
        await here.run.until(lambda: "1 file paused" in status(here.run.terminal))
        await here.choose("notes.txt")
        here.run.type(b"l")
        await here.run.until(lambda: here.run.app.focused is here.panel.query_one("#limit", Input))
        here.run.type(b"fast\r")
        await here.run.until(lambda: "is no rate such as" in here.run.terminal.text)
        here.panel.query_one("#limit", Input).value = ""
        here.run.type(b"500k\r")
        await here.run.until(lambda: here.files.queue.limit == 500_000)
        assert here.panel.query_one("#limit", Input).value == "500 kB/s"
        here.run.type(b"P")
        await here.until("notes.txt", TransferState.DONE)


async def test_why_it_was_refused(folder: Path) -> None:
    async with machine() as here:
        here.guest.refuse = lambda name: (FileXferResult.NOT_ENOUGH_SPACE, b"")
        here.files.add("notes.txt")
        await here.run.until(lambda: "1 file not sent" in status(here.run.terminal))
        await here.run.until(lambda: "notes.txt: the guest's disk is full" in here.run.terminal.text)
        await here.open_panel()
        await here.run.until(lambda: "the guest's disk is full; free some" in here.run.terminal.text)
        await here.run.until(lambda: "not sent" not in status(here.run.terminal))
        here.guest.refuse = lambda name: None
        await here.choose("notes.txt")
        here.run.type(b"r")
        await here.until("notes.txt", TransferState.DONE)


FORMS: list[Callable[[list[Path]], str]] = [
    lambda paths: " ".join(shlex.quote(str(path)) for path in paths) + " ",
    lambda paths: "\r\n".join("file://" + str(path).replace(" ", "%20") for path in paths),
    lambda paths: " ".join(str(path).replace(" ", "\\ ") for path in paths),
]


async def test_files_that_are_dropped(folder: Path) -> None:
    async with machine() as here:
        for turn, form in enumerate(FORMS):
            await here.paste(form([folder / "notes.txt", folder / "with space.bin"]))
            await here.asked()
            await here.run.until(lambda: "2 files, 1.5 kB" in here.run.terminal.text)
            assert len(here.files.queue.files) == 2 * turn  # nothing happens unasked
            here.run.type(b"\r")
            await here.answered()
            wanted = 2 * turn + 2
            await here.run.until(lambda: here.arrived == wanted)  # noqa: B023
        assert [call for call in here.run.inputs.calls if call[0] == "down"] == []


async def test_a_path_that_is_meant_as_text(folder: Path) -> None:
    path = str(folder / "notes.txt")
    async with machine() as here:

        def slashes() -> int:
            return here.run.inputs.calls.count(("up", Key.SLASH))

        await here.paste(path)
        await here.asked()
        here.run.type(b"t")
        await here.run.until(lambda: slashes() == path.count("/"))
        await here.run.until(lambda: not here.run.app.guest.typing)
        await here.paste(path)
        await here.asked()
        here.run.type(b"\x1b")
        await here.answered()
        await here.paste("/x")  # no file
        await here.run.until(lambda: slashes() == path.count("/") + 1)
        assert here.files.queue.files == []


async def test_dropped_on_the_panel(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        await here.paste(str(folder / "notes.txt"))
        await here.asked()
        here.run.type(b"s")
        await here.until("notes.txt", TransferState.DONE)
        await here.answered()
        await here.paste("no file")
        await here.run.until(lambda: here.panel.query_one(PathInput).value == "no file")


async def test_no_question_where_nothing_can_be_sent(folder: Path) -> None:
    async with running(terminal=Terminal(80, 24)) as run:
        await run.until_settled()
        run.type(b"\x1b[200~/\x1b[201~")
        await run.until(lambda: ("up", Key.SLASH) in run.inputs.calls)
        run.app.transfers.add("notes.txt")
        await run.until(lambda: "1 file waiting" in status(run.terminal))
        run.type(PREFIX + b"e")
        await run.until(lambda: "the guest runs no SPICE agent" in run.terminal.text)


async def test_the_tree(folder: Path) -> None:
    async with machine() as here:
        await here.open_panel()
        here.files.queue.add(folder / "notes.txt")
        await here.choose("notes.txt")
        here.run.type(b"b")
        await here.run.until(lambda: isinstance(here.run.app.screen, FileBrowserScreen))
        await here.run.until(lambda: "large.iso" in here.run.terminal.text and "photos/" in here.run.terminal.text)
        screen = here.run.app.screen
        assert isinstance(screen, FileBrowserScreen)
        tree = screen.tree_widget

        async def mark(name: str) -> None:
            node = next(node for node in tree.root.children if node.data is not None and node.data.path.name == name)
            tree.move_cursor(node)
            await here.run.until(lambda: tree.cursor_node is node)
            here.run.type(b" ")
            await here.run.until(lambda: folder / name in tree.marked)

        await mark("with space.bin")
        await mark("large.iso")
        await here.run.until(lambda: "2 marked" in here.run.terminal.text)
        here.run.type(b"s")
        await here.until("with space.bin", TransferState.DONE)
        await here.until("large.iso", TransferState.DONE)


async def test_a_session_that_ends_while_files_are_sent(folder: Path) -> None:
    async with machine() as here:
        here.guest.hold()
        here.files.add("large.iso")
        await here.until("large.iso", TransferState.SENDING)
        here.run.client.driver.closed(None)
        await here.until("large.iso", TransferState.WAITING)
        assert here.files.queue.blocked.startswith("no session")
        await here.run.until(lambda: "Connection lost" in here.run.terminal.text)
        here.guest.go()
        here.run.type(b"\r")  # connect again
        await here.until("large.iso", TransferState.DONE)
        assert here.guest.received["large.iso"] == bytes(LARGE)


async def test_how_far_it_is_in_the_status_line_and_the_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_SECONDS", 0.0)
    async with machine() as here:
        driver = here.run.app.terminal_driver
        assert driver is not None
        driver.caps = Caps(name="ghostty 1.2.0")
        here.guest.hold()
        here.files.add("large.iso")
        await here.run.until(lambda: "1 file, 0 %" in status(here.run.terminal))
        await here.run.until(lambda: b"\x1b]9;4;1;0\x1b\\" in here.run.terminal.received)
        here.guest.go()
        await here.run.until(
            lambda: b"\x1b]777;notify;Fake machine;large.iso was sent\x1b\\" in here.run.terminal.received
        )
        await here.run.until(lambda: b"\x1b]9;4;0;\x1b\\" in here.run.terminal.received)
        await here.run.until(lambda: "1 file" not in status(here.run.terminal))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def scene(transfers: Transfers) -> None:
    """Files in every state, whose rates stand still."""
    clock = Clock()
    queue = transfers.queue
    queue._clock = queue._rate._clock = clock
    channel: Any = SimpleNamespace(available=True)
    queue._channel = channel
    rows: list[tuple[str, int, TransferState, float, str, str, str]] = [
        ("Größe 🎈 日本.txt", 52_000, TransferState.DONE, 1.0, "", "", ""),
        ("debian-12.8.0-amd64-netinst.iso", 661_651_456, TransferState.SENDING, 0.43, "", "", ""),
        ("slow.tar", 80_000_000, TransferState.PAUSED, 0.2, "", "", ""),
        (
            *("backup.tar.zst", 9_000_000_000, TransferState.FAILED, 0.0),
            "the guest's disk is full: 9000000000 bytes are to be sent and 12345678 are free",
            *("free some space there", ""),
        ),
        ("no more.txt", 10, TransferState.CANCELLED, 0.0, "cancelled", "", ""),
        (
            *("again.bin", 4_000_000, TransferState.WAITING, 0.0, "", ""),
            "the guest's agent has gone: it begins anew; the first part may be left in the guest",
        ),
        ("a very long name that is cut somewhere, since no panel is as wide as that.pdf", 1, *_WAITS),
    ]
    for name, size, state, fraction, reason, advice, note in rows:
        file = QueuedFile(Path("/home/me") / name, size, clock)
        file.state, file.reason, file.advice, file.note = state, reason, advice, note
        if state is TransferState.SENDING:
            file.rate.saw(0)
            queue._rate.saw(0)
            queue._active.append(file)
        file.bytes_sent = int(fraction * size)
        queue.files.append(file)
        queue._unfinished += not file.finished
    clock.now += 4.0
    queue._bytes = 284_510_126
    queue._rate.saw(queue._bytes)


_WAITS = (TransferState.WAITING, 0.0, "", "", "")


@pytest.mark.parametrize("size", SIZES)
async def test_pictures(size: tuple[int, int], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(terminal=Terminal(*size)) as run:
        await run.until_settled()
        run.type(PREFIX + b"e")
        await run.until(lambda: isinstance(run.app.dock.panel, TransfersPanel))
        await check_panel(run, "files-empty")
        scene(run.app.transfers)
        run.app.transfers.changed()
        panel = run.app.dock.panel
        assert panel is not None
        panel.query_one("#files").focus()
        await run.until(lambda: "netinst" in run.terminal.text)
        await check_panel(run, "files")
        run.app.transfers.queue.files.clear()
        run.app.transfers.queue._active.clear()
        run.app.transfers.queue._unfinished = 0


async def test_a_long_queue_is_listed_in_part(tmp_path: Path) -> None:
    async with machine() as here:
        here.files.queue.pause()
        for number in range(1000):
            here.files.queue.add(tmp_path / f"{number}", 1)
        await here.open_panel()
        await here.run.until(lambda: len(here.panel._listed) == 300)
        here.panel.query_one("#files", OptionList).scroll_end(animate=False)
        await here.run.until(lambda: "… and 700 more" in here.run.terminal.text)
        here.files.queue.cancel_all()


def test_times() -> None:
    assert [brief(seconds) for seconds in (0.2, 12.4, 99, 100, 3500, 3600, 3900)] == [
        *("1 s", "12 s", "99 s", "2 min", "58 min", "1 h 0 min", "1 h 5 min"),
    ]
