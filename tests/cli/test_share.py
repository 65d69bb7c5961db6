"""share and send --to-share: what a guest does is told, and what it fetches ends the command."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from devices.webdav_guest import NAME, Guest, guest
from peer.driver import RecordingDriver
from peer.fake_server import MAIN, WEBDAV, FakeServer

import spicetui
from spicetui.cli import view
from spicetui.client import Client
from spicetui.devices.folder_activity import FolderAction, FolderEvent
from spicetui.wire import port as wire
from spicetui.wire.enums import ChannelType

from .conftest import Run
from .server import Connection, Server

Script = Callable[[Guest], Awaitable[None]]


class GuestServer(Server):
    """Does what *script* says once something is shared, and closes the session then unless it is to *stay*."""

    def __init__(self, folder: Path, script: Script, *, stay: bool = False) -> None:
        super().__init__(folder, greetings={ChannelType.WEBDAV: self.greet}, channels=(MAIN, WEBDAV))
        self.script = script
        self.stay = stay
        self.failure: BaseException | None = None

    def greet(self, connection: Connection) -> None:
        connection.send(wire.Init(NAME, 1))
        self._tasks.add(self._loop.create_task(self._play(connection)))

    async def _play(self, connection: Connection) -> None:
        guest = Guest(cast("Client", None), RecordingDriver(), connection)
        running = asyncio.ensure_future(guest.run())
        try:
            while (await guest.ask("OPTIONS", "/")).status == 503:
                await asyncio.sleep(0.01)
            await self.script(guest)
        except Exception as error:
            self.failure = error
        finally:
            running.cancel()
        if not self.stay:
            for one in self.connections:
                await one.stream.aclose()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("hello")
    (made / "sub" / "b.txt").write_text("bb")
    return made


async def works(guest: Guest) -> None:
    assert (await guest.ask("GET", "/a.txt")).text == "hello"
    assert (await guest.ask("PUT", "/new\x1b[31m".replace("\x1b", "%1b"), {}, bytes(2048))).status == 201
    assert (await guest.ask("MOVE", "/sub", {"Destination": "/moved"})).status == 201
    assert (await guest.ask("GET", "/../secret")).status == 403


def test_what_the_guest_does_is_told(run: Run, tmp_path: Path, shared: Path) -> None:
    with GuestServer(tmp_path, works) as server:
        result = run("share", server.target, str(shared))
        assert server.opened() == ["main:0", "webdav:0"]
    assert server.failure is None
    assert result.status == 1
    assert "closed" in result.err
    lines = result.out.splitlines()
    assert lines[:2] == [f"sharing {shared}", "the guest's WebDAV daemon is there"]
    assert "read a.txt (5 B)" in lines
    assert any(line.startswith("wrote new�[31m (2.0 KiB") for line in lines)
    assert "renamed sub to moved" in lines
    assert "refused ../secret: no name of a file" in lines
    assert (shared / "moved" / "b.txt").exists()


def test_json_for_machines(run: Run, tmp_path: Path, shared: Path) -> None:
    async def writes(guest: Guest) -> None:
        assert (await guest.ask("PUT", "/new", {}, b"x")).status == 403
        assert (await guest.ask("GET", "/a.txt")).status == 200

    with GuestServer(tmp_path, writes) as server:
        result = run("share", server.target, str(shared), "--read-only", "--json")
    assert server.failure is None
    told = [json.loads(line) for line in result.out.splitlines()]
    assert told[0] == {"event": "shared", "path": str(shared), "read_only": True}
    assert {"event": "guest", "ready": True} in told
    assert {"event": "refused", "path": "new", "error": "the folder is shared read-only"} in told
    read = next(one for one in told if one["event"] == "read")
    assert (read["path"], read["bytes"], read["size"]) == ("a.txt", 5, 5)


def test_it_ends_after_some_seconds(run: Run, tmp_path: Path, shared: Path) -> None:
    async def nothing(guest: Guest) -> None:
        pass

    with GuestServer(tmp_path, nothing, stay=True) as server:
        result = run("share", server.target, str(shared), "--seconds", "0.2")
    assert result.status == 0
    assert result.error == "the guest has read 0 files (0 B in all) and written 0 files (0 B)"


def test_what_cannot_be_shared(run: Run, tmp_path: Path, shared: Path) -> None:
    assert run("share", "demo", str(tmp_path / "none")).status == 2
    assert run("share", "demo", str(shared / "a.txt")).status == 2
    assert run("view", "demo", "--share", str(tmp_path / "none")).status == 2
    with Server(tmp_path, channels=(MAIN,)) as server:
        result = run("share", server.target, str(shared))
    assert result.status == 6
    assert "WebDAV port" in result.error


def test_send_to_share_ends_when_all_is_fetched(run: Run, tmp_path: Path, shared: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_bytes(data := bytes(range(256)) * 1000)
    (shared / "empty").touch()
    (shared / "way").symlink_to("/etc/passwd")

    async def fetches(guest: Guest) -> None:
        assert (await guest.ask("GET", "/shared/way")).status == 403
        for target in ("/a.txt", "/shared/a.txt", "/shared/sub/b.txt", "/shared/empty"):
            assert (await guest.ask("GET", target)).status == 200

    with GuestServer(tmp_path, fetches, stay=True) as server:
        result = run("send", server.target, "--to-share", str(shared), str(tmp_path / "other" / "a.txt"), "--json")
    assert server.failure is None
    assert result.status == 0
    told = {one["place"]: one for one in map(json.loads, result.out.splitlines())}
    assert sorted(told) == ["a.txt", "shared/a.txt", "shared/empty", "shared/sub/b.txt"]
    assert told["a.txt"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert all(one["error"] is None for one in told.values())
    assert result.err.splitlines()[-1].startswith("spicetui: 4 of 4 files fetched")


def test_send_to_share_says_what_is_left(run: Run, tmp_path: Path, shared: Path) -> None:
    async def fetches(guest: Guest) -> None:
        assert (await guest.ask("GET", "/a.txt", {"Range": "bytes=0-1"})).status == 206

    with GuestServer(tmp_path, fetches, stay=True) as server:
        result = run("send", server.target, "--to-share", str(shared / "a.txt"), "--seconds", "0.5", "--quiet")
    assert result.status == 1
    assert result.error == f"{shared / 'a.txt'}: the guest has not fetched it"
    assert run("send", "demo", "--to-share", str(tmp_path / "none")).status == 2


def test_words_for_events() -> None:
    from spicetui.cli.share import words_for

    def event(action: FolderAction, path: str, **more: Any) -> FolderEvent:
        return FolderEvent(action, path, 0.0, **more)

    assert words_for(event(FolderAction.LISTED, "")) == "listed /"
    half = event(FolderAction.WROTE, "x", bytes=1024, size=2048, seconds=2.0, error="the disk is full")
    assert words_for(half) == "wrote x (1.0 KiB of 2.0 KiB, 512 B/s): the disk is full"
    assert words_for(event(FolderAction.COPIED, "x", to="y")) == "copied x to y"


async def test_view_shares_from_the_start_or_says_why_not(shared: Path) -> None:
    async with guest() as one:
        await view.share(one.client, one.driver, str(shared), True)
        assert (await one.ask("GET", "/a.txt")).text == "hello"
        assert (await one.ask("DELETE", "/a.txt")).status == 403
        await view.share(one.client, one.driver, str(shared / "gone"), False)
        assert one.driver.notices[-1].startswith(f"{shared / 'gone'} is not shared: ")
    async with FakeServer() as server, await spicetui.connect(server) as client:
        driver = RecordingDriver()
        await view.share(client, driver, str(shared), False)
        assert driver.notices == [
            f"{shared} is not shared: the server has no WebDAV port for the guest (spicetui share --help tells what "
            "it needs)"
        ]
