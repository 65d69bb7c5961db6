"""The folder panel: sharing by keys and mouse, what the machine does there, and how it looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from terminal.terminal import Terminal
from textual.widgets import Button

from spicetui.devices.folder import SharedFolder
from spicetui.devices.folder_activity import FolderAction, FolderEvent
from spicetui.interfaces import Driver, FolderHost
from spicetui.tui.folder import FolderService
from spicetui.tui.widgets.path_input import PathInput

from .fake_client import Desktop, FakeClient
from .running import Running, running
from .snapshots import SIZES, check_panel
from .test_app import status

NOON = time.mktime((2026, 3, 1, 12, 0, 0, 0, 0, -1))
HOSTILE = "bad\x1b]52;c;AAAA\x07\x9b31m\u202e\n.txt"


class Link:
    """A guest's daemon of which the test speaks; its answers are kept."""

    read_only = False

    def __init__(self) -> None:
        self.opened = True
        self.host: FolderHost | None = None
        self.answers: dict[int, bytes] = {}

    def attach(self, host: FolderHost | None) -> None:
        self.host = host

    async def send_to(self, connection: int, data: bytes | bytearray | memoryview) -> None:
        self.answers[connection] = self.answers.get(connection, b"") + bytes(data)

    def end(self, connection: int) -> None:
        pass


class Machine(FakeClient):
    def __init__(self, driver: Driver) -> None:
        super().__init__(driver, Desktop(640, 480))
        self.link = Link()
        self.shared_folder: SharedFolder | None = SharedFolder(self.link)

    async def aclose(self) -> None:
        if self.shared_folder is not None:
            await self.shared_folder.stop()
        await super().aclose()


def service(run: Running) -> FolderService:
    return run.app.folder


def folder(run: Running) -> SharedFolder:
    found: Any = run.client
    assert isinstance(found.shared_folder, SharedFolder)
    return found.shared_folder


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "Public"
    (made / "docs").mkdir(parents=True)
    (made / "a.txt").write_text("hello")
    (tmp_path / "Other").mkdir()
    monkeypatch.chdir(tmp_path)
    return made


@asynccontextmanager
async def panel(opener: Any = None, **options: Any) -> AsyncIterator[Running]:
    async with running(opener or (lambda driver, _: Machine(driver)), **options) as run:
        await run.until_settled()
        run.type(b"\x1d")
        await run.until(lambda: "Send to the machine" in run.terminal.text)
        run.type(b"O")
        await run.until(lambda: "read-only for the machine" in run.terminal.text)
        await run.until(lambda: run.app.focused is not None)
        yield run


async def shown(run: Running, text: str) -> None:
    await run.until(lambda: text in run.terminal.text, text)


async def share(run: Running, typed: bytes = b"Public\r") -> None:
    run.type(typed)
    await run.until(lambda: folder(run).path is not None)


async def press(run: Running, name: str) -> None:
    """A click on a button, which takes no other one while it still shows the last."""
    button = run.app.query_one(f"FolderPanel #{name}", Button)
    await run.until(lambda: button.region.width > 0 and not button.disabled and not button.has_class("-active"))
    x, y = button.region.x + 2, button.region.y + 1
    run.type(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (x, y, x, y))


async def test_a_folder_is_shared_and_stopped_by_keys(shared: Path) -> None:
    async with panel() as run:
        await shown(run, "no folder is shared")
        await share(run)
        assert folder(run).path == Path("Public")
        assert not folder(run).read_only
        await run.until(lambda: "folder" in status(run.terminal))
        await folder(run).received(1, b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        await shown(run, "read a.txt")
        await shown(run, "1 file, 5 B")
        await shown(run, "shared, 1 connection of the machine")
        run.type(b"r")
        await run.until(lambda: folder(run).read_only)
        await folder(run).received(2, b"DELETE /a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        await shown(run, "refused a.txt")
        await shown(run, "1 refused")
        run.type(b"s")
        await run.until(lambda: not folder(run).shared)
        await shown(run, "no folder is shared")
        assert service(run).path is None
        assert (shared / "a.txt").exists()


async def test_it_works_by_mouse_and_by_completion(shared: Path) -> None:
    async with panel() as run:
        await press(run, "read_only")
        await shown(run, "☑ read-only")
        path = run.app.query_one("FolderPanel #path", PathInput)
        path.focus()
        run.type(b"Pub\t")
        await run.until(lambda: path.value.startswith("Public"))
        await press(run, "share")
        await run.until(lambda: folder(run).path is not None)
        assert folder(run).read_only
        await press(run, "read_only")
        await run.until(lambda: not folder(run).read_only)
        await press(run, "share")
        await run.until(lambda: not folder(run).shared)


async def test_what_cannot_be_shared_is_said(shared: Path) -> None:
    async with panel() as run:
        run.type(b"Public/a.txt\r")
        await shown(run, "not a folder")
        assert not folder(run).shared
        run.app.query_one("FolderPanel #path", PathInput).value = "Other"
        run.app.query_one("FolderPanel #path", PathInput).focus()
        run.type(b"\r")
        await run.until(lambda: folder(run).path == Path("Other"))
        await run.until(lambda: "not a folder" not in run.terminal.text)


async def test_without_a_port_or_a_daemon(shared: Path) -> None:
    def without(driver: Driver, _: str | None) -> FakeClient:
        return FakeClient(driver, Desktop(640, 480))

    async with panel(without) as run:
        await shown(run, "no WebDAV port")
        assert run.app.query_one("FolderPanel #share", Button).disabled
    async with panel() as run:
        link: Any = run.client
        link.link.opened = False
        await share(run)
        await shown(run, "no WebDAV daemon")
        link.link.opened = True
        run.app.link.port_opened("org.spice-space.webdav.0", True)
        await run.until(lambda: "no WebDAV daemon" not in run.terminal.text)


async def test_without_the_packages_it_is_said(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spicetui.tui.folder.sharing_missing", lambda: "no wsgidav here: pip install 'spicetui[share]'")
    async with panel() as run:
        await shown(run, "no wsgidav here")


async def test_the_next_session_gets_the_folder_again(shared: Path) -> None:
    async with panel() as run:
        await share(run)
        service(run).disconnected()
        assert "will be shared again" in service(run).state
        another: Any = Machine(run.app.link)
        service(run).connected(another)
        await run.until(lambda: another.shared_folder.path == Path("Public"))
        await another.shared_folder.stop()


async def test_a_folder_of_the_command_line_is_known(shared: Path) -> None:
    async with running(lambda driver, _: Machine(driver)) as run:
        await run.until_settled()
        machine: Any = Machine(run.app.link)
        await machine.shared_folder.share(shared, read_only=True)
        service(run).connected(machine)
        assert (service(run).path, service(run).read_only) == (shared, True)
        service(run).disconnected()
        await machine.shared_folder.stop()


async def test_names_of_the_guest_are_made_harmless(shared: Path) -> None:
    async with panel() as run:
        await share(run)
        events = folder(run).activity.events
        events.append(FolderEvent(FolderAction.RENAMED, HOSTILE, NOON, to=HOSTILE, number=1))
        events.append(FolderEvent(FolderAction.WROTE, HOSTILE, NOON, bytes=5, size=10, finished=False, number=2))
        folder(run).activity._changed()
        await shown(run, "renamed bad")
        await shown(run, "50%")
        assert "\u202e" not in run.terminal.text
        assert "52;c" in run.terminal.text  # as letters


def happened() -> list[FolderEvent]:
    action = FolderAction
    found = [
        FolderEvent(action.LISTED, "", NOON),
        FolderEvent(action.READ, "debian.iso", NOON + 4, bytes=104_857_600, size=104_857_600, seconds=8),
        FolderEvent(action.MADE_FOLDER, "from the guest", NOON + 9),
        FolderEvent(action.WROTE, "from the guest/Größe.txt", NOON + 10, bytes=12_345, size=12_345),
        FolderEvent(action.RENAMED, "a.txt", NOON + 11, to="docs/b.txt"),
        FolderEvent(action.COPIED, "docs/b.txt", NOON + 12, to="docs/c.txt"),
        FolderEvent(action.DELETED, "docs/c.txt", NOON + 13),
        FolderEvent(action.REFUSED, "way/passwd", NOON + 14, error="a link out of the shared folder"),
        FolderEvent(action.WROTE, "broken.bin", NOON + 15, bytes=500_000, size=2_000_000, seconds=1.0),
        FolderEvent(action.WROTE, "movie.mkv", NOON + 16, bytes=300_000_000, size=700_000_000, seconds=30.0),
        FolderEvent(action.READ, "a.txt", NOON + 17, bytes=1000, size=4000, seconds=2.0),
    ]
    found[-3].error = "the guest stopped in the middle"
    found[-1].finished = found[-2].finished = False
    for number, event in enumerate(found, 1):
        event.number = number
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_its_picture(size: tuple[int, int], shared: Path) -> None:
    async with panel(terminal=Terminal(*size)) as run:
        await check_panel(run, "folder-first")
        await share(run)
        activity = folder(run).activity
        activity.bytes_read, activity.files_read = 104_857_600, 3
        activity.bytes_written, activity.files_written, activity.refused = 2_500_000, 12, 1
        activity.events.extend(happened())
        activity._changed()
        await shown(run, "movie.mkv")
        await asyncio.sleep(0)
        await check_panel(run, "folder-used")
