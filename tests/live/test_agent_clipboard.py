"""The clipboard both ways with Debian's own guest agent; X programs copy and paste on the other side."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import spicetui
from spicetui.errors import AgentError
from spicetui.interfaces import ClipboardFormat, ClipboardSelection, Monitor

from . import library, needs
from .agent_rig import guest, server
from .cli import Cli, target
from .conftest import Row
from .vdagent import VdAgent
from .xspice import Xspice

__all__ = ["guest", "server"]

TABLE = "clipboard with spice-vdagent"
CLIPBOARD, PRIMARY, SECONDARY = ClipboardSelection
TEXT, PNG = ClipboardFormat.TEXT, ClipboardFormat.PNG
SECONDS = 20.0

TEXTS = {
    "short": b"hello",
    "empty": b"",
    "CRLF": b"one\r\ntwo\nthree\r\n",
    "emoji": "Grüße 🎈👩‍👩‍👧 \u202e\x1b[31m".encode(),
    "one chunk": bytes(range(32, 127)) * 21,
    "10 MiB": ("0123456789abcde\n" * (10 << 16)).encode(),
}


class User(library.Watcher):
    """Holds what is offered to the guest, and notes what the guest offers."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.fetched = 0
        self.grabs: list[tuple[ClipboardSelection, tuple[ClipboardFormat, ...]]] = []
        self.releases: list[ClipboardSelection] = []
        self.agent: list[bool] = []
        self.notices: list[str] = []

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        self.fetched += 1
        return self.data

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        self.grabs.append((selection, tuple(types)))
        self._changed.set()

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        self.releases.append(selection)
        self._changed.set()

    def agent_changed(self, connected: bool) -> None:
        self.agent.append(connected)
        self._changed.set()

    def notice(self, text: str) -> None:
        self.notices.append(text)


@asynccontextmanager
async def connected(server: Xspice) -> AsyncIterator[tuple[spicetui.Client, User]]:
    user = User()
    async with await library.connect(server.address(), user) as client:
        await client.main.wait_agent(SECONDS)
        yield client, user


async def offered(guest: VdAgent, selection: ClipboardSelection, holds: Callable[[set[str]], bool]) -> set[str]:
    """The types that the guest's programs see, once they see what is waited for."""
    async with asyncio.timeout(SECONDS):
        while not holds(types := await asyncio.to_thread(guest.offered, selection=selection.name.lower())):
            pass
    return types


@pytest.mark.parametrize("selection", [CLIPBOARD, PRIMARY], ids=lambda one: one.name.lower())
async def test_text_and_pictures_both_ways(
    selection: ClipboardSelection, server: Xspice, guest: VdAgent, row: Row
) -> None:
    name = selection.name.lower()
    picture = await asyncio.to_thread(
        subprocess.check_output, [needs.program("convert"), "-size", "300x200", "plasma:red-blue", "png:-"]
    )
    cases = [(TEXT, "UTF8_STRING", what, data) for what, data in TEXTS.items()] + [(PNG, "image/png", "PNG", picture)]
    async with connected(server) as (client, user):
        for format, type, what, data in cases:
            clock = asyncio.get_running_loop().time
            user.grabs.clear()
            await asyncio.to_thread(guest.copy, data, selection=name, type=type)
            assert await user.until(lambda: bool(user.grabs))
            assert user.grabs == [(selection, (format,))]
            began = clock()
            assert await client.main.request_clipboard(selection, format, SECONDS) == data
            from_guest = clock() - began

            user.data, user.fetched = data, 0
            client.main.grab_clipboard(selection, [format])
            other = "UTF8_STRING" if format is PNG else "image/png"
            async with asyncio.timeout(SECONDS):
                while not user.fetched:  # until the grab has reached the guest's desktop
                    began = clock()
                    pasted = await asyncio.to_thread(guest.paste, selection=name, type=type)
            assert pasted == data
            types = await asyncio.to_thread(guest.offered, selection=name)
            assert type in types
            assert other not in types
            row(
                TABLE,
                selection=name,
                contents=what,
                bytes=len(data),
                from_guest=f"{from_guest:.2f} s",
                to_guest=f"{clock() - began:.2f} s",
                result="equal",
            )
        assert user.notices == []


async def test_grabs_that_come_to_nothing(server: Xspice, guest: VdAgent, row: Row) -> None:
    async with connected(server) as (client, user):
        with pytest.raises(AgentError, match="secondary selection has nothing as text"):
            await client.main.request_clipboard(SECONDARY, TEXT, SECONDS)
        await asyncio.to_thread(guest.copy, b"only text")
        assert await user.until(lambda: bool(user.grabs))
        with pytest.raises(AgentError, match="clipboard has nothing as png"):
            await client.main.request_clipboard(CLIPBOARD, PNG, SECONDS)
        row(TABLE, selection="clipboard", contents="text, asked for as PNG", result="refused, said")

        async def refuse(selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
            raise AgentError("not today")

        client.main.session.driver.clipboard_fetch = refuse  # type: ignore[method-assign]
        client.main.grab_clipboard(CLIPBOARD, [PNG])
        await offered(guest, CLIPBOARD, lambda types: "image/png" in types)
        assert not await asyncio.to_thread(guest.paste, type="image/png")
        assert user.notices == ["the guest cannot have the clipboard: not today"]
        row(TABLE, selection="clipboard", contents="PNG, refused here", result="nothing pasted, said")

        client.main.release_clipboard(CLIPBOARD)
        await offered(guest, CLIPBOARD, lambda types: "image/png" not in types)
        row(TABLE, selection="clipboard", contents="released here", result="gone in the guest")

        user.grabs.clear()
        with guest.owner(b"again"):
            assert await user.until(lambda: bool(user.grabs))
        assert await user.until(lambda: CLIPBOARD in user.releases)
        row(TABLE, selection="clipboard", contents="released in the guest", result="said")


async def test_a_new_size(server: Xspice, guest: VdAgent, row: Row) -> None:
    async with connected(server) as (client, user):
        assert await user.until(lambda: bool(user.frames))
        for width, height in ((1280, 800), (640, 480), (1024, 768)):
            shape = (height, width, 4)
            client.main.set_monitors([Monitor(width, height)])
            assert await user.until(lambda shape=shape: client.screenshot().pixels.shape == shape)  # type: ignore[misc]
            assert f"current {width} x {height}" in await asyncio.to_thread(server.run, "xrandr")
            row("resizing with spice-vdagent", asked=f"{width}x{height}", xrandr=f"{width}x{height}")
        assert user.notices == []


async def agent_is_up(server: Xspice) -> None:
    async with connected(server):
        pass


def test_the_commands(server: Xspice, guest: VdAgent, cli: Cli, private: Path, row: Row) -> None:
    asyncio.run(agent_is_up(server))
    at = target(server.address())
    path = private / "got.txt"
    for _ in range(10):
        # Whether the agent has noticed yet cannot be seen, and it forgets with each session what was copied before.
        guest.copy("Grüße 🎈".encode())
        got = cli.run("clipboard", "get", at, str(path), "--json", "--timeout", "20")
        if got.status == 0:
            break
    assert got.status == 0, got.stderr
    assert json.loads(got.stdout) == {"selection": "clipboard", "type": "text", "bytes": 12}
    assert path.read_text() == "Grüße 🎈"
    row(TABLE, selection="clipboard", contents="spicetui clipboard get", bytes=12, result="equal")

    data = private / "set.txt"
    data.write_bytes(TEXTS["CRLF"])
    words = ["clipboard", "set", at, str(data), "--selection", "primary", "--timeout", "20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "spicetui", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=cli.environment(),
    )  # fmt: skip
    try:
        while guest.paste(selection="primary") != TEXTS["CRLF"]:
            assert process.poll() is None, process.communicate()
        out, _ = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (0, b"")
    finally:
        process.kill()
        process.communicate()
    row(TABLE, selection="primary", contents="spicetui clipboard set", bytes=len(TEXTS["CRLF"]), result="equal")


async def test_the_agent_is_killed_in_the_middle(server: Xspice, guest: VdAgent, row: Row) -> None:
    async with connected(server) as (client, user):
        user.data = b"kept"
        client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await offered(guest, CLIPBOARD, lambda types: "UTF8_STRING" in types)
        await asyncio.to_thread(guest.copy, TEXTS["10 MiB"] * 4, selection="primary")
        assert await user.until(lambda: bool(user.grabs))
        asked = asyncio.ensure_future(client.main.request_clipboard(PRIMARY, TEXT, SECONDS))
        received = client.bytes_in
        async with asyncio.timeout(SECONDS):
            while client.bytes_in < received + (1 << 20):
                await asyncio.sleep(0)
        guest.kill()
        with pytest.raises(AgentError, match="agent has gone"):
            await asked
        assert not client.agent_connected
        row(TABLE, selection="primary", contents="40 MiB, agent killed", result="AgentError")

        await guest.start_next(client)
        await offered(guest, CLIPBOARD, lambda types: "UTF8_STRING" in types)
        assert await asyncio.to_thread(guest.paste) == b"kept"
        assert user.agent[:3] == [True, False, True]
        row(TABLE, selection="clipboard", contents="held here, agent restarted", result="offered again, equal")
