"""The shared folder as programs in the guest use it: real HTTP over the mux, from the first byte to the files."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import threading
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spicetui
from spicetui import FolderAction, FolderEvent, Options
from spicetui import features as features_module
from spicetui.devices.folder import SharedFolder
from spicetui.devices.folder_http import WAITING
from spicetui.devices.folder_tree import PART, Limits
from spicetui.errors import ChannelClosed, FeatureMissing
from spicetui.interfaces import FolderHost
from spicetui.wire import vmc

from .webdav_guest import guest, until

DAV = "{DAV:}"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    (made / "docs").mkdir(parents=True)
    (made / "a.txt").write_text("hello")
    (made / "docs" / "b.txt").write_text("bb")
    (tmp_path / "secret").write_text("secret")
    return made


def hrefs(xml: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(xml).iter(f"{DAV}href")]


def deeds(folder: SharedFolder) -> list[tuple[FolderAction, str, str]]:
    """What the guest did, the oldest first."""
    return [(event.action, event.path, event.to) for event in reversed(folder.events)]


def writing(folder: SharedFolder) -> list[FolderEvent]:
    return [event for event in folder.activity.now if event.action is FolderAction.WROTE]


def left_over(shared: Path) -> list[Path]:
    return list(shared.rglob(f"{PART}*"))


# --- requests


async def test_the_requests_of_webdav(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        options = await program.ask("OPTIONS", "/")
        assert (options.status, options.headers["dav"]) == (200, "1,2")
        assert (await program.ask("GET", "/a.txt")).text == "hello"
        head = await program.ask("HEAD", "/a.txt")
        assert (head.status, head.headers["content-length"], head.body) == (200, "5", b"")
        part = await program.ask("GET", "/a.txt", {"Range": "bytes=1-3"})
        assert (part.status, part.text, part.headers["content-range"]) == (206, "ell", "bytes 1-3/5")
        assert (await program.ask("GET", "/a.txt", {"If-None-Match": head.headers["etag"]})).status == 304
        assert (await program.ask("PUT", "/new.txt", body=b"new")).status == 201
        assert (await program.ask("PUT", "/new.txt", body=b"newer")).status == 204
        assert (shared / "new.txt").read_bytes() == b"newer"
        assert (await program.ask("MKCOL", "/sub")).status == 201
        assert (await program.ask("MKCOL", "/sub")).status == 405
        assert (await program.ask("MKCOL", "/no/sub")).status == 409
        to = {"Destination": "http://localhost:9843/sub/moved.txt"}
        assert (await program.ask("MOVE", "/new.txt", to)).status == 201
        assert (await program.ask("COPY", "/a.txt", {**to, "Overwrite": "F"})).status == 412
        assert (await program.ask("COPY", "/a.txt", to)).status == 204
        assert (await program.ask("COPY", "/sub", {"Destination": "/sub2"})).status == 201
        assert (shared / "sub2" / "moved.txt").read_text() == "hello"
        for depth, count in (("0", 1), ("1", 5), ("infinity", 8)):
            found = await program.ask("PROPFIND", "/", {"Depth": depth})
            assert found.status == 207
            assert len(hrefs(found.body)) == count
        assert (await program.ask("DELETE", "/sub")).status == 204
        assert (await program.ask("DELETE", "/sub")).status == 404
        assert (await program.ask("POST", "/a.txt", body=b"x")).status == 405
        assert (await program.ask("BREW", "/a.txt")).status == 405
        assert sorted(os.listdir(shared)) == ["a.txt", "docs", "sub2"]
        assert one.folder.connections == 1


async def test_locks_and_properties(shared: Path) -> None:
    lock = (
        b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
        b"<D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>"
    )
    patch = (
        b'<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:colour xmlns:x="urn:x">red'
        b"</x:colour><w:Win32LastModifiedTime xmlns:w='urn:schemas-microsoft-com:'>Wed, 01 Jan 2020 00:00:00 GMT"
        b"</w:Win32LastModifiedTime></D:prop></D:set></D:propertyupdate>"
    )
    ask = b'<D:propfind xmlns:D="DAV:"><D:prop><x:colour xmlns:x="urn:x"/></D:prop></D:propfind>'
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        locked = await program.ask("LOCK", "/docs", {"Timeout": "Second-100"}, lock)
        assert locked.status == 200
        token = locked.headers["lock-token"]
        assert (await program.ask("PUT", "/docs/b.txt", body=b"x")).status == 423
        assert (await program.ask("DELETE", "/docs")).status == 423
        assert (await program.ask("MOVE", "/docs", {"Destination": "/d"})).status == 423
        assert (await program.ask("PUT", "/docs/b.txt", {"If": f"({token})"}, b"x")).status == 204
        assert (await program.ask("UNLOCK", "/docs", {"Lock-Token": token})).status == 204
        assert (await program.ask("LOCK", "/docs/b.txt", {}, lock)).status == 200
        assert (await program.ask("DELETE", "/docs")).status == 423  # a part of it is locked
        assert (shared / "docs" / "b.txt").read_text() == "x"
        assert (await program.ask("PROPPATCH", "/a.txt", body=patch)).status == 207
        assert (shared / "a.txt").stat().st_mtime == 1577836800
        assert b">red<" in (await program.ask("PROPFIND", "/a.txt", {"Depth": "0"}, ask)).body
        assert (await program.ask("MOVE", "/a.txt", {"Destination": "/c.txt"})).status == 201
        assert b">red<" in (await program.ask("PROPFIND", "/c.txt", {"Depth": "0"}, ask)).body


async def test_what_the_guest_does_is_told(shared: Path) -> None:
    async with guest() as one:
        told = []
        one.folder.on_change.append(lambda: told.append(one.folder.events[:1]))
        await one.folder.share(shared)
        await one.ask("PROPFIND", "/", {"Depth": "1"})
        await one.ask("PROPFIND", "/", {"Depth": "1"})
        await one.ask("GET", "/a.txt")
        await one.ask("PUT", "/new.txt", body=bytes(100))
        await one.ask("MKCOL", "/sub")
        await one.ask("MOVE", "/new.txt", {"Destination": "/sub/x"})
        await one.ask("COPY", "/sub/x", {"Destination": "/sub/y"})
        await one.ask("DELETE", "/sub/x")
        assert deeds(one.folder) == [
            (FolderAction.LISTED, "", ""),
            (FolderAction.READ, "a.txt", ""),
            (FolderAction.WROTE, "new.txt", ""),
            (FolderAction.MADE_FOLDER, "sub", ""),
            (FolderAction.RENAMED, "new.txt", "sub/x"),
            (FolderAction.COPIED, "sub/x", "sub/y"),
            (FolderAction.DELETED, "sub/x", ""),
        ]
        activity = one.folder.activity
        await until(lambda: activity.now == [])
        assert (activity.bytes_read, activity.bytes_written) == (5, 100)
        assert (activity.files_read, activity.files_written, activity.deleted) == (1, 1, 1)
        await until(lambda: told)


async def test_reading_in_pieces_is_one_event(shared: Path) -> None:
    (shared / "big").write_bytes(data := Random(1).randbytes(1000))
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        came = b""
        for at in range(0, 1000, 100):
            came += (await program.ask("GET", "/big", {"Range": f"bytes={at}-{at + 99}"})).body
        assert came == data
        await until(lambda: not one.folder.activity.now)
        (event,) = one.folder.events
        assert (event.bytes, event.size, event.finished) == (1000, 1000, True)
        assert one.folder.activity.files_read == 1


# --- HTTP


async def test_pipelined_requests_are_answered_in_order(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        program.send(
            b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
            b"PUT /n HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            b"GET /n HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        came = await program.until_closed()
        statuses = re.findall(rb"HTTP/1.1 (\d+)", came)
        assert statuses == [b"200", b"201", b"200", b"404"]
        assert came.index(b"hello") < came.index(b"\r\n\r\nabc")


async def test_a_request_may_come_byte_by_byte(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        for byte in b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            program.send(bytes([byte]))
        assert (await program.until_closed()).endswith(b"hello")


async def test_chunked_bodies(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        chunked = {"Transfer-Encoding": "chunked"}
        assert (await program.ask("PUT", "/c", chunked, b"chunk by chunk")).status == 201
        assert (shared / "c").read_bytes() == b"chunk by chunk"
        assert (await program.ask("PUT", "/empty", chunked)).status == 201
        assert (shared / "empty").read_bytes() == b""
        ask = b'<D:propfind xmlns:D="DAV:"><D:prop><D:getcontentlength/></D:prop></D:propfind>'
        found = await program.ask("PROPFIND", "/c", {**chunked, "Depth": "0"}, ask)
        assert b">14<" in found.body
        assert b"getetag" not in found.body


async def test_who_waits_for_a_100_gets_it_when_the_body_is_wanted(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        program.begin("PUT", "/n", {"Expect": "100-continue", "Content-Length": "5"})
        assert (await program.answer()).status == 100
        program.send_body(b"whole")
        assert (await program.answer()).status == 201
        assert (shared / "n").read_bytes() == b"whole"
        program.begin("PUT", "/docs", {"Expect": "100-continue", "Content-Length": "5"})
        refused = await program.answer()
        assert (refused.status, refused.headers["connection"]) == (405, "close")
        assert program.informed == [100]
        assert await program.until_closed() == b""


async def test_a_refused_body_is_passed_over_and_the_connection_goes_on(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared, read_only=True)
        program = one.program()
        program.begin("PUT", "/n", {"Content-Length": str(3 << 20)})
        assert (await program.answer()).status == 403
        program.send_body(bytes(3 << 20))
        program._http.start_next_cycle()
        assert (await program.ask("GET", "/a.txt")).text == "hello"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"PROPFIND / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", b"413"),
        (b"PROPFIND / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         + (b"10000\r\n" + bytes(65536) + b"\r\n") * 17, b"413"),
        (b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(40), b"400"),
    ],
)  # fmt: skip
async def test_bad_requests_end_their_connection_only(shared: Path, request_: bytes, status: bytes) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program, other = one.program(), one.program()
        assert (await other.ask("GET", "/a.txt")).text == "hello"
        program.send(request_)
        came = await program.until_closed()
        assert came[9:12] == status or (status == b"400" and came[9:12] == b"501")
        assert (await other.ask("GET", "/a.txt")).text == "hello"
        assert sorted(os.listdir(shared)) == ["a.txt", "docs"]


async def test_a_bomb_of_entities_is_refused(shared: Path) -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
        b'<D:propfind xmlns:D="DAV:"><D:prop><x>&c;&f;</x></D:prop></D:propfind>'
    )
    async with guest() as one:
        await one.folder.share(shared)
        answer = await one.ask("PROPFIND", "/", {"Depth": "0"}, bomb)
        assert answer.status >= 400
        assert b"root:" not in answer.body


# --- what the guest must not


@pytest.mark.parametrize(
    "target",
    [
        "/../secret",
        "/docs/../../secret",
        "/%2e%2e/secret",
        "/docs/%2e%2e/%2e%2e/secret",
        "/..%2fsecret",
        "/docs/..%2f..%2fsecret",
        "//../secret",
        "/way",
        "/way-folder/secret",
        "/relative",
        "/docs/up/relative",
        "http://localhost/../secret",
        "/%2e%2e%5csecret",
        "/a.txt/../../secret",
    ],
)
async def test_nothing_outside_is_read_or_changed(shared: Path, target: str) -> None:
    (shared / "way").symlink_to(shared.parent / "secret")
    (shared / "way-folder").symlink_to(shared.parent)
    (shared / "relative").symlink_to("../secret")
    (shared / "docs" / "up").symlink_to("..")
    before = sorted(os.listdir(shared.parent))
    async with guest() as one:
        await one.folder.share(shared)
        for method, headers in (
            ("GET", {}),
            ("PROPFIND", {"Depth": "infinity"}),
            ("COPY", {"Destination": "/copied"}),
            ("PUT", {}),
        ):
            answer = await one.ask(method, target, headers, b"bad" if method == "PUT" else b"")
            # A backslash is a letter like any other here.
            assert answer.status in ((400, 403, 404, 405, 409) if "5c" not in target else (201, 204, 404, 409))
            assert b"secret\n" not in answer.body
            assert answer.body != b"secret"
        for method in ("COPY", "MOVE"):
            await one.ask(method, "/a.txt", {"Destination": target})
        if "way" not in target and "relative" not in target:
            await one.ask("DELETE", target)
        assert (shared.parent / "secret").read_text() == "secret"
        assert sorted(os.listdir(shared.parent)) == before


async def test_a_listing_shows_nothing_that_leads_out(shared: Path) -> None:
    (shared / "way").symlink_to("/etc")
    os.mkfifo(shared / "fifo")
    (shared / b"not-utf8-\xff".decode("utf-8", "surrogateescape")).touch()
    (shared / "ünï cödé 文件 %41&<x>.txt").write_text("u")
    async with guest() as one:
        await one.folder.share(shared)
        found = await one.ask("PROPFIND", "/", {"Depth": "infinity"})
        names = hrefs(found.body)
        assert len(names) == 5
        assert not any("way" in name or "fifo" in name or "utf8" in name for name in names)
        odd = next(name for name in names if "%25" in name)
        assert (await one.ask("GET", odd)).text == "u"
        page = await one.ask("GET", "/")
        assert "&lt;x&gt;" in page.text
        assert "<x>" not in page.text
        assert (await one.ask("GET", "/docs/")).status == 200


async def test_read_only_holds(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared, read_only=True)
        assert (await one.ask("OPTIONS", "/")).headers["dav"] == "1"
        for method, target, headers in (
            ("PUT", "/a.txt", {}),
            ("PUT", "/new", {}),
            ("DELETE", "/a.txt", {}),
            ("MKCOL", "/sub", {}),
            ("MOVE", "/a.txt", {"Destination": "/b.txt"}),
            ("COPY", "/a.txt", {"Destination": "/b.txt"}),
            ("PROPPATCH", "/a.txt", {}),
            ("LOCK", "/a.txt", {}),
        ):
            answer = await one.ask(method, target, headers, b"x" if method == "PUT" else b"")
            assert (method, answer.status) == (method, 403)
        assert (await one.ask("GET", "/a.txt")).text == "hello"
        assert sorted(os.listdir(shared)) == ["a.txt", "docs"]
        assert one.folder.activity.refused == 8
        assert one.folder.events[1].error == "the folder is shared read-only"


async def test_bounds(shared: Path) -> None:
    for count in range(20):
        (shared / f"f{count}").touch()
    async with guest() as one:
        one.folder.limits = Limits(entries=12, file_bytes=1000, locks=3, properties=2, property_bytes=100)
        await one.folder.share(shared)
        program = one.program()
        assert (await program.ask("PROPFIND", "/", {"Depth": "1"})).status == 507
        assert (await program.ask("PROPFIND", "/", {"Depth": "infinity"})).status == 507
        assert (await program.ask("PUT", "/big", {}, bytes(2000))).status == 413
        assert not (shared / "big").exists()
        assert (await program.ask("PUT", "/a.txt", {"Transfer-Encoding": "chunked"}, bytes(2000))).status == 413
        assert (shared / "a.txt").read_text() == "hello"
        lock = (
            b'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>'
            b"</D:lockinfo>"
        )
        statuses = [(await program.ask("LOCK", f"/f{count}", {}, lock)).status for count in range(8)]
        assert statuses[:3] == [200] * 3
        assert statuses[-1] == 507

        def patch(name: str, size: int) -> bytes:
            return (
                f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><{name} xmlns="urn:x">{"v" * size}</{name}></D:prop>'
                "</D:set></D:propertyupdate>"
            ).encode()

        answers = [(await program.ask("PROPPATCH", "/a.txt", {}, patch(f"p{i}", 5))).body for i in range(3)]
        assert [b"507" in answer for answer in answers] == [False, False, True]
        assert b"507" in (await program.ask("PROPPATCH", "/docs", {}, patch("long", 200))).body


async def test_links_in_circles_end(shared: Path) -> None:
    (shared / "docs" / "round").symlink_to("..")
    (shared / "x").symlink_to("y")
    (shared / "y").symlink_to("x")
    async with guest() as one:
        await one.folder.share(shared)
        found = hrefs((await one.ask("PROPFIND", "/", {"Depth": "infinity"})).body)
        assert len(found) == 5
        assert (await one.ask("COPY", "/docs", {"Destination": "/copy"})).status == 201
        assert (await one.ask("GET", "/x")).status == 403
        assert (await one.ask("DELETE", "/docs")).status == 204
        assert (shared / "a.txt").exists()


# --- large files, and ends in the middle


async def test_large_files_both_ways_stay_out_of_memory(shared: Path) -> None:
    data = Random(2).randbytes(16 << 20)
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program()
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                for connection in one.folder._connections.values():
                    most = max(most, connection._waiting_bytes)
                await asyncio.sleep(0)

        watching = asyncio.ensure_future(watch())
        assert (await program.ask("PUT", "/big", {}, data)).status == 201
        watching.cancel()
        assert 0 < most <= WAITING + 65535
        assert (shared / "big").read_bytes() == data
        assert (await program.ask("GET", "/big")).body == data
        assert one.folder.activity.bytes_read == one.folder.activity.bytes_written == len(data)


class StoppedLink:
    """A way to the guest that takes nothing until it is let."""

    opened = True
    read_only = False

    def __init__(self) -> None:
        self.host: FolderHost | None = None
        self.sent = 0
        self.let = asyncio.Event()
        self.gone = False
        self.ended: list[int] = []

    def attach(self, host: FolderHost | None) -> None:
        self.host = host

    async def send_to(self, connection: int, data: bytes | bytearray | memoryview) -> None:
        self.sent += len(data)
        await self.let.wait()
        if self.gone:
            raise ChannelClosed("gone")

    def end(self, connection: int) -> None:
        self.ended.append(connection)


async def test_a_guest_that_takes_nothing_gets_no_more(shared: Path) -> None:
    (shared / "big").write_bytes(bytes(8 << 20))
    link = StoppedLink()
    folder = SharedFolder(link)
    await folder.share(shared)
    await folder.received(1, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: link.sent)
    await folder.received(2, b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: link.sent > 300)
    assert link.sent < 1 << 20
    assert folder.activity.bytes_read <= (256 << 10) + 5
    link.gone = True
    link.let.set()
    await until(lambda: not folder.activity.now)
    await folder.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("spicetui share") and _busy(t)]


def _busy(thread: threading.Thread) -> bool:
    thread.join(10)
    return thread.is_alive()


async def test_an_upload_that_is_broken_off_leaves_what_was_there(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        for target in ("/a.txt", "/new.txt"):
            program = one.program()
            program.begin("PUT", target, {"Content-Length": "1000000"})
            program.send(bytes(300_000))
            await until(lambda: [event.bytes for event in writing(one.folder)] == [300_000])
            program.close()
            await until(lambda: not one.folder.activity.now)
            await until(lambda: not left_over(shared))
            assert one.folder.events[0].error == "the guest stopped in the middle"
        await until(lambda: sorted(os.listdir(shared)) == ["a.txt", "docs"])
        assert (shared / "a.txt").read_text() == "hello"
        assert one.folder.connections == 0
        assert one.folder.activity.files_written == 0


async def test_the_daemon_may_be_started_again_in_the_middle(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program, idle = one.program(), one.program()
        assert (await idle.ask("GET", "/a.txt")).text == "hello"
        program.begin("PUT", "/new.txt", {"Content-Length": "1000000"})
        program.send(bytes(100_000))
        await until(lambda: writing(one.folder))
        assert one.folder.connections == 2
        one.channel.send(vmc.Data(b"\x01\x02\x03"))  # and half a piece
        one.restart()
        await until(lambda: one.folder.connections == 0 and not one.folder.activity.now)
        assert (await one.ask("GET", "/a.txt")).text == "hello"
        await until(lambda: sorted(os.listdir(shared)) == ["a.txt", "docs"])
        assert one.folder.guest_ready


async def test_stop_ends_what_is_on_its_way(shared: Path) -> None:
    (shared / "big").write_bytes(bytes(8 << 20))
    async with guest() as one:
        await one.folder.share(shared)
        program, idle = one.program(), one.program()
        assert (await idle.ask("GET", "/a.txt")).text == "hello"
        program.begin("PUT", "/new.txt", {"Content-Length": "1000000"})
        program.send(bytes(100_000))
        await until(lambda: writing(one.folder))
        await one.folder.stop()
        assert await idle.until_closed() == b""
        assert not one.folder.shared
        assert sorted(os.listdir(shared)) == ["a.txt", "big", "docs"]
        refused = await one.ask("GET", "/a.txt")
        assert (refused.status, refused.text) == (503, "No folder is shared now.\r\n")
        await one.folder.share(shared)
        assert (await one.ask("GET", "/a.txt")).text == "hello"


async def test_numbers_of_connections_are_given_again(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        program = one.program(0x77)
        program.send(b"nonsense\r\n\r\n")
        assert (await program.until_closed())[9:12] == b"400"
        program.send(b"the rest of the nonsense")  # is passed over
        again = one.program(0x77)  # after an end that the daemon did not tell
        assert (await again.ask("GET", "/a.txt")).text == "hello"
        again.close()
        third = one.program(0x77)
        assert (await third.ask("GET", "/a.txt")).text == "hello"


async def test_too_many_connections_push_idle_ones_out(shared: Path) -> None:
    async with guest() as one:
        one.folder.limits = Limits(connections=3)
        await one.folder.share(shared)
        programs = [one.program() for _ in range(3)]
        for program in programs:
            assert (await program.ask("GET", "/a.txt")).text == "hello"
        await until(lambda: not any(c.busy for c in one.folder._connections.values()))
        fourth = one.program()
        assert (await fourth.ask("GET", "/a.txt")).text == "hello"
        assert await programs[0].until_closed() == b""
        assert one.folder.connections == 3
        for program in (*programs[1:], fourth):
            program.begin("PUT", f"/new{program.number}", {"Content-Length": "10"})
        await until(lambda: len(writing(one.folder)) == 3)
        refused = await one.ask("GET", "/a.txt")
        assert (refused.status, refused.text) == (503, "Too many connections.\n")
        for program in (*programs[1:], fourth):
            program.send_body(b"0123456789")
            assert (await program.answer()).status == 201


# --- sharing


async def test_nothing_is_shared_before_it_is_asked_for(shared: Path) -> None:
    async with guest() as one:
        assert (await one.ask("GET", "/")).status == 503
        assert not one.folder.shared
        with pytest.raises(NotADirectoryError):
            await one.folder.share(shared / "a.txt")
        with pytest.raises(FileNotFoundError):
            await one.folder.share(shared / "none")
        assert not one.folder.shared
        await one.folder.share(shared)
        assert one.folder.path == shared
        await one.folder.share(shared / "docs", read_only=True)
        assert (await one.ask("GET", "/b.txt")).text == "bb"
        assert one.folder.read_only
        with pytest.raises(FileNotFoundError):
            await one.folder.share(shared / "none")
        assert (await one.ask("GET", "/b.txt")).text == "bb"  # what was shared stays


async def test_files_can_be_shared_alone(shared: Path) -> None:
    (shared / "docs" / "a.txt").write_text("another")
    async with guest() as one:
        names = await one.folder.share_files([shared / "a.txt", shared / "docs" / "a.txt", shared / "docs"])
        assert names == ["a.txt", "a (2).txt", "docs"]
        assert (await one.ask("GET", "/a%20(2).txt")).text == "another"
        assert (await one.ask("GET", "/docs/b.txt")).text == "bb"
        found = hrefs((await one.ask("PROPFIND", "/", {"Depth": "1"})).body)
        assert len(found) == 4
        for target in ("/a.txt", "/docs/b.txt", "/new"):
            assert (await one.ask("PUT", target, {}, b"x")).status == 403
        assert (await one.ask("GET", "/secret")).status == 404


async def test_published_files_stay_beside_what_is_shared(shared: Path) -> None:
    async with guest() as one:
        await one.folder.publish("/.spice-clipboard/1/a.txt", shared / "a.txt")
        assert (await one.ask("GET", "/.spice-clipboard/1/a.txt")).text == "hello"
        assert one.folder.path is None
        await one.folder.share(shared / "docs")
        assert (await one.ask("GET", "/.spice-clipboard/1/a.txt")).text == "hello"
        assert (await one.ask("PUT", "/new", {}, b"x")).status == 201
        assert (await one.ask("PUT", "/.spice-clipboard/1/a.txt", {}, b"x")).status == 403
        assert len(hrefs((await one.ask("PROPFIND", "/", {"Depth": "1"})).body)) == 3
        one.folder.withdraw("/.spice-clipboard/1/a.txt")
        assert (await one.ask("GET", "/.spice-clipboard/1/a.txt")).status == 404


async def test_a_read_only_session_shares_nothing(shared: Path) -> None:
    async with guest(client={"options": Options(read_only=True)}) as one:
        with pytest.raises(FeatureMissing, match="read-only"):
            await one.folder.share(shared)


async def test_without_the_packages_the_channel_stays_closed(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from peer.fake_server import MAIN, WEBDAV, FakeServer

    features_module.sharing_missing.cache_clear()
    monkeypatch.setattr(features_module, "find_spec", lambda name: None)
    try:
        async with FakeServer((MAIN, WEBDAV)) as server:
            async with await spicetui.connect(server) as client:
                assert client.shared_folder is None
                assert WEBDAV not in client.channels
        missing = features_module.sharing_missing()
        assert missing is not None
        assert "spicetui[share]" in missing
    finally:
        features_module.sharing_missing.cache_clear()


async def test_what_is_not_offered_is_none() -> None:
    from peer.fake_server import FakeServer

    async with FakeServer() as server, await spicetui.connect(server) as client:
        assert client.shared_folder is None


async def test_the_session_may_end_in_the_middle(shared: Path) -> None:
    async with guest() as one:
        await one.folder.share(shared)
        folder = one.folder
        program = one.program()
        program.begin("PUT", "/new.txt", {"Content-Length": "1000000"})
        program.send(bytes(100_000))
        await until(lambda: writing(folder))
        await one.client.aclose()
        await until(lambda: not folder.activity.now)
        assert sorted(os.listdir(shared)) == ["a.txt", "docs"]


async def test_errors_of_the_disk_are_told(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with guest() as one:
        await one.folder.share(shared)
        monkeypatch.setattr(os, "write", full)
        assert (await one.ask("PUT", "/new", {}, b"x")).status == 507
        monkeypatch.undo()
        assert one.folder.events[0].error == "no space left on device"
        assert sorted(os.listdir(shared)) == ["a.txt", "docs"]


# --- anything


REQUESTS = st.sampled_from(
    [
        b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd",
        b"PUT /g HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        b"PROPFIND / HTTP/1.1\r\nHost: x\r\nDepth: 1\r\n\r\n",
        b"MOVE /f HTTP/1.1\r\nHost: x\r\nDestination: /h\r\n\r\n",
        b"COPY /a.txt HTTP/1.1\r\nHost: x\r\nDestination: http://[x\r\nOverwrite: Q\r\n\r\n",
        b"LOCK /f HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTimeout: q\r\n\r\n<a>",
        b"DELETE /h HTTP/1.1\r\nHost: x\r\nIf: (<a>\r\n\r\n",
        b"GET /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=9-1,-,x\r\n\r\n",
        b"GET /a.txt HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: never\r\n\r\n",
    ]
)


def mutated(data: bytes, places: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, byte in places:
        changed[place % len(changed)] = byte
    return bytes(changed)


BROKEN = st.builds(mutated, REQUESTS, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(1, 3), BROKEN | st.binary(max_size=200) | st.just(b"")), max_size=12))
def test_anything_may_come(tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, bytes]]) -> None:
    shared = tmp_path_factory.mktemp("fuzz")
    (shared / "a.txt").write_text("hello")
    (shared.parent / "secret").write_text("secret")

    class Errors(logging.Handler):
        seen: list[str] = []  # noqa: RUF012

        def emit(self, record: logging.LogRecord) -> None:
            self.seen.append(record.getMessage())

    async def run() -> None:
        async with guest() as one:
            await one.folder.share(shared)
            for number, data in pieces:
                program = one.program(number)
                program.send(data) if data else program.close()
            answer = await one.ask("GET", "/a.txt")
            assert answer.status in (200, 404)
            await one.folder.stop()

    handler = Errors(logging.ERROR)
    log = logging.getLogger("spicetui")
    log.addHandler(handler)
    try:
        asyncio.run(run())
    finally:
        log.removeHandler(handler)
    assert Errors.seen == []
    assert not left_over(shared)
