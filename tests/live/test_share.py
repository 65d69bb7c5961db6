"""A folder of this side in a Linux guest with Debian's spice-webdavd, used there by curl and cadaver."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from spicetui import FolderAction
from spicetui.devices.folder import SharedFolder

from . import library
from .cli import Cli, target
from .conftest import Row
from .reference import Address
from .share_guest import ShareGuest

T = TypeVar("T")
DEADLINE = 120.0
URL = "http://localhost:9843"
BIG = 100 << 20


@pytest.fixture(scope="module")
def guest() -> Iterator[ShareGuest]:
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        with ShareGuest(folder) as machine:
            machine.start_daemon()
            yield machine
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def shared(private: Path) -> Path:
    made = private / "shared"
    (made / "docs").mkdir(parents=True)
    (made / "a.txt").write_text("hello guest\n")
    (made / "docs" / "b.txt").write_text("bb\n")
    return made


class Sharing(library.ThreadedClient):
    """Shares a folder with the guest while its context is open."""

    def __init__(self, address: Address, path: Path, read_only: bool = False) -> None:
        super().__init__()
        self._address = address
        self._path = path
        self._read_only = read_only

    async def begin(self) -> None:
        self.client = await library.connect(self._address)
        await self.folder.share(self._path, read_only=self._read_only)

    @property
    def folder(self) -> SharedFolder:
        assert self.client.shared_folder is not None
        return self.client.shared_folder

    def deeds(self) -> set[tuple[FolderAction, str, str]]:
        return {(event.action, event.path, event.to) for event in self.folder.events}


def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def status(guest: ShareGuest, words: str, path: str) -> int:
    """What the server answers to curl."""
    return int(guest.text(f"curl -s -o /dev/null -w '%{{http_code}}' --path-as-is {words} '{URL}{path}'"))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_the_guest_reads_writes_renames_and_deletes(guest: ShareGuest, shared: Path, row: Row) -> None:
    with Sharing(guest.qemu.address(), shared) as sharing:
        guest.wait_serving()
        assert guest.text(f"curl -sS {URL}/a.txt") == "hello guest\n"
        assert (
            guest.text(f"echo from the guest | curl -sS -T - {URL}/new.txt -o /dev/null -w '%{{http_code}}'") == "201"
        )
        assert (shared / "new.txt").read_text() == "from the guest\n"
        script = "\\n".join(
            (
                "ls",
                "mkcol made",
                "get a.txt /tmp/got.txt",
                "put /tmp/got.txt made/put.txt",
                "move made/put.txt made/moved.txt",
                "copy made/moved.txt made/copied.txt",
                "delete made/moved.txt",
                "lock new.txt",
                "unlock new.txt",
                "propset a.txt colour red",
                "propget a.txt colour",
                "delete new.txt",
            )
        )
        said = guest.text(f"printf '{script}\\n' | cadaver {URL}/ 2>&1")
        assert "failed" not in said, said
        assert "red" in said
        assert sorted(os.listdir(shared)) == ["a.txt", "docs", "made"]
        assert {path.name: path.read_text() for path in (shared / "made").iterdir()} == {"copied.txt": "hello guest\n"}
        assert sharing.deeds() >= {
            (FolderAction.READ, "a.txt", ""),
            (FolderAction.WROTE, "new.txt", ""),
            (FolderAction.MADE_FOLDER, "made", ""),
            (FolderAction.RENAMED, "made/put.txt", "made/moved.txt"),
            (FolderAction.COPIED, "made/moved.txt", "made/copied.txt"),
            (FolderAction.DELETED, "new.txt", ""),
        }
        row("shared folder", what="curl and cadaver", result="reads, writes, renames, copies, locks, deletes")


def test_names_of_all_kinds(guest: ShareGuest, shared: Path) -> None:
    names = ["Größe.txt", "文件.txt", "🎈 balloon.txt", "a b+c&d%41#e?.txt", "-x", "quo'te\".txt", "…"]
    for name in names:
        (shared / "docs" / name).write_text(name)
    with Sharing(guest.qemu.address(), shared):
        guest.wait_serving()
        listing = guest.text(f"curl -sS -X PROPFIND -H 'Depth: 1' {URL}/docs/")
        hrefs = re.findall(r"<ns0:href>(.*?)</ns0:href>|<(?:D:)?href>(.*?)</", listing)
        found = [first or second for first, second in hrefs]
        assert len(found) == len(names) + 2
        for href in found:
            if not href.endswith(("/", "b.txt")):
                assert guest.text(f'curl -sS "{URL}{href}"') in names
        guest.text("printf unicode >'/tmp/naïve ☃.txt'")
        assert guest.text(f"curl -sS -T '/tmp/naïve ☃.txt' {URL}/docs/ -o /dev/null -w '%{{http_code}}'") == "201"
        assert (shared / "docs" / "naïve ☃.txt").read_text() == "unicode"


def test_100_mib_both_ways(guest: ShareGuest, shared: Path, row: Row) -> None:
    (shared / "big").write_bytes(Random(1).randbytes(1 << 20) * 100)
    with (shared / "big").open("r+b") as file:  # no two parts alike at the same place of a piece
        for place in range(0, BIG, 1 << 20):
            file.seek(place)
            file.write(place.to_bytes(8, "big"))
    digest = sha256(shared / "big")
    with Sharing(guest.qemu.address(), shared) as sharing:
        guest.wait_serving()
        timed = "-w '%{time_total}'"
        began = time.monotonic()
        down = float(guest.text(f"curl -sS {URL}/big -o /tmp/big {timed}"))
        assert guest.text("sha256sum /tmp/big").split()[0] == digest
        up = float(guest.text(f"curl -sS -T /tmp/big {URL}/back -o /dev/null {timed}"))
        guest.text("rm /tmp/big")
        assert sha256(shared / "back") == digest
        activity = sharing.folder.activity
        assert (activity.bytes_read, activity.bytes_written) == (BIG, BIG)
    for way, seconds in (("to the guest", down), ("from the guest", up)):
        row("shared folder", what=f"100 MiB {way}", result="sha256 equal", MiB_per_s=f"{100 / seconds:.1f}")
    print(f"{time.monotonic() - began:.1f} s in all")


def test_500_small_files(guest: ShareGuest, shared: Path, row: Row) -> None:
    (shared / "small").mkdir()
    with Sharing(guest.qemu.address(), shared) as sharing:
        guest.wait_serving()
        guest.text("mkdir /tmp/out; n=1; while [ $n -le 500 ]; do echo file $n >/tmp/out/$n; n=$((n+1)); done")
        began = time.monotonic()
        guest.text(f"curl -sS -T '/tmp/out/[1-500]' {URL}/small/ >/dev/null; rm -r /tmp/out")
        up = time.monotonic() - began
        assert len(list((shared / "small").iterdir())) == 500
        assert all((shared / "small" / str(n)).read_text() == f"file {n}\n" for n in range(1, 501))
        began = time.monotonic()
        said = guest.text(f"curl -sS '{URL}/small/[1-500]' | sha256sum")
        down = time.monotonic() - began
        wanted = hashlib.sha256("".join(f"file {n}\n" for n in range(1, 501)).encode()).hexdigest()
        assert said.split()[0] == wanted
        assert (sharing.folder.activity.files_read, sharing.folder.activity.files_written) == (500, 500)
    row("shared folder", what="500 small files", result=f"{up:.1f} s from, {down:.1f} s to the guest")


def test_nothing_outside_and_nothing_read_only_is_changed(guest: ShareGuest, shared: Path, row: Row) -> None:
    secret = shared.parent / "secret"
    secret.write_text("secret\n")
    (shared / "way").symlink_to(secret)
    (shared / "folder-way").symlink_to(shared.parent)
    with Sharing(guest.qemu.address(), shared):
        guest.wait_serving()
        for path in ("/../secret", "/docs/..%2f..%2fsecret", "/way", "/folder-way/secret"):
            for words in ("", "-T /init", f"-X COPY -H 'Destination: {URL}/copied'"):
                assert status(guest, words, path) in (400, 403, 404), (words, path)
        for path in ("/../secret", "/folder-way/secret"):
            assert status(guest, "-X DELETE", path) == 403
            assert status(guest, f"-X COPY -H 'Destination: {URL}{path}'", "/a.txt") in (400, 403, 409, 502)
        assert "secret" not in guest.text(f"curl -s -X PROPFIND -H 'Depth: infinity' {URL}/")
        assert secret.read_text() == "secret\n"
        assert sorted(path.name for path in shared.parent.iterdir() if path.name != "home") == ["secret", "shared"]
    before = sorted(str(path) for path in shared.rglob("*"))
    with Sharing(guest.qemu.address(), shared, read_only=True) as sharing:
        guest.wait_serving()
        for words in ("-T /init", "-X DELETE", "-X MKCOL", "-X LOCK", f"-X MOVE -H 'Destination: {URL}/x'"):
            assert status(guest, words, "/docs/b.txt") == 403
        assert status(guest, "", "/docs/b.txt") == 200
        assert sharing.folder.activity.refused >= 5
    assert sorted(str(path) for path in shared.rglob("*")) == before
    row("shared folder", what="escapes and read-only", result="refused")


def test_two_programs_at_once(guest: ShareGuest, shared: Path) -> None:
    (shared / "one").write_bytes(one := Random(2).randbytes(8 << 20))
    with Sharing(guest.qemu.address(), shared):
        guest.wait_serving()
        guest.text(f"curl -sS {URL}/one -o /tmp/one")
        said = guest.text(
            f"(curl -sS {URL}/one -o /tmp/got & curl -sS -T /tmp/one {URL}/two -o /dev/null & "
            f"curl -sS -T /tmp/one {URL}/three -o /dev/null & wait); cmp /tmp/one /tmp/got && echo equal; "
            "rm /tmp/one /tmp/got"
        )
        assert said == "equal\n"
        assert (shared / "two").read_bytes() == one
        assert (shared / "three").read_bytes() == one


def test_the_daemon_ends_in_the_middle(guest: ShareGuest, shared: Path, row: Row) -> None:
    with Sharing(guest.qemu.address(), shared) as sharing:
        guest.wait_serving()
        guest.text("head -c 20000000 /dev/zero >/tmp/zero")
        guest.text(f"(curl -s --limit-rate 1M -T /tmp/zero {URL}/a.txt -o /dev/null; echo $? >/tmp/ended) &")
        until(lambda: any(e.action is FolderAction.WROTE and e.bytes for e in sharing.folder.activity.now), "no upload")
        guest.text("killall spice-webdavd")
        until(lambda: not sharing.folder.activity.now, "the upload did not end")
        assert guest.text("while [ ! -s /tmp/ended ]; do usleep 50000; done; cat /tmp/ended; rm /tmp/ended") != "0\n"
        guest.wait_serving()
        assert guest.text(f"curl -sS {URL}/a.txt") == "hello guest\n"
        assert sorted(os.listdir(shared)) == ["a.txt", "docs"]
    row("shared folder", what="daemon killed in an upload", result="the old file stays, works again")


def test_the_client_leaves_in_the_middle(guest: ShareGuest, shared: Path, row: Row) -> None:
    with Sharing(guest.qemu.address(), shared) as sharing:
        guest.wait_serving()
        guest.text("head -c 20000000 /dev/zero >/tmp/zero")
        guest.text(f"(curl -s --limit-rate 1M -T /tmp/zero {URL}/new -o /dev/null; echo $? >/tmp/ended) &")
        until(lambda: any(e.action is FolderAction.WROTE and e.bytes for e in sharing.folder.activity.now), "no upload")
    assert sorted(os.listdir(shared)) == ["a.txt", "docs"]
    guest.text("killall curl")  # whose daemon would keep it for the next client
    assert guest.text("while [ ! -s /tmp/ended ]; do usleep 50000; done; cat /tmp/ended; rm /tmp/ended") != "0\n"
    with Sharing(guest.qemu.address(), shared):
        guest.wait_serving()
        assert guest.text(f"curl -sS {URL}/a.txt") == "hello guest\n"
        guest.text(f"curl -sS -T /tmp/zero {URL}/new; rm /tmp/zero")
        assert (shared / "new").read_bytes() == bytes(20_000_000)
    row("shared folder", what="client gone in an upload", result="nothing is left, works with the next one")


def test_the_commands(guest: ShareGuest, shared: Path, cli: Cli) -> None:
    command = [sys.executable, "-m", "spicetui", "share", target(guest.qemu.address()), str(shared), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=cli.environment()) as child:
        try:
            guest.wait_serving()
            assert guest.text(f"curl -sS {URL}/docs/b.txt") == "bb\n"
            assert child.stdout is not None
            for line in child.stdout:
                told = json.loads(line)
                if told["event"] == "read":
                    break
            assert (told["path"], told["bytes"]) == ("docs/b.txt", 3)
        finally:
            child.terminate()
            child.communicate(timeout=DEADLINE)
    sending = [
        sys.executable,
        "-m",
        "spicetui",
        "send",
        target(guest.qemu.address()),
        "--to-share",
        "--json",
        str(shared),
    ]
    with subprocess.Popen(
        sending, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=cli.environment()
    ) as child:
        try:
            guest.wait_serving()
            assert guest.text(f"curl -sS {URL}/shared/a.txt {URL}/shared/docs/b.txt") == "hello guest\nbb\n"
            out, _ = child.communicate(timeout=DEADLINE)
        finally:
            child.kill()
    assert child.returncode == 0
    told = {one["place"]: one["sha256"] for one in map(json.loads, out.splitlines())}
    assert told == {"shared/a.txt": sha256(shared / "a.txt"), "shared/docs/b.txt": sha256(shared / "docs" / "b.txt")}
