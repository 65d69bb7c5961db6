"""The clipboard through the whole app: Debian's guest agent on one side, real clipboards on the other."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from terminal.personality import FOOT, KITTY, PLAIN, Personality
from terminal.terminal import Terminal

from . import needs
from .cli import target
from .conftest import Row
from .process import DEADLINE
from .vdagent import VdAgent
from .windows import XServer, environment
from .xspice import Xspice

TABLE = "clipboard in the app, spice-vdagent in the guest"
SECONDS = 60.0
AGAIN_SECONDS = 5.0  # the agent forgets what is copied before it knows of the session, and that cannot be seen
HOSTILE = "Grüße 🎈\r\n\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9d0;evil\x9c\u202e\ttab".encode()
COPY = b"\x1b[99;;99u"  # and other keys of the panel, in the kitty protocol's form
PREFIX = b"\x1d"


@pytest.fixture(scope="module")
def server() -> Iterator[Xspice]:
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        with Xspice(folder, agent=True) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def guest(server: Xspice) -> Iterator[VdAgent]:
    with VdAgent(server) as running:
        yield running


@pytest.fixture
def screen(private: Path) -> Iterator[XServer]:
    with XServer(private) as running:
        yield running


class App:
    def __init__(self, terminal: Terminal, guest: VdAgent) -> None:
        self.terminal = terminal
        self.guest = guest

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Polled, for what is waited for need not be seen in the terminal."""
        try:
            async with asyncio.timeout(SECONDS):
                while not await asyncio.to_thread(condition):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"never: {what or condition}\n{self.terminal.text}") from None

    async def shows(self, words: str) -> None:
        await self.until(lambda: words in self.terminal.text, words)

    async def open(self) -> None:
        """The panel, once the agent has told what it can do."""
        await self.until(lambda: self.terminal.text.splitlines()[-1].strip(), "the status line")
        await self.until(lambda: "no input" not in self.terminal.text.splitlines()[-1], "the inputs channel")
        self.terminal.type(PREFIX + b"b")
        await self.until(lambda: "guest's clipboard: " in self.terminal.text, "the panel")
        await self.until(lambda: "no agent" not in self.terminal.text, "the agent")

    async def copied(self, data: bytes, arrived: Callable[[], Any], **how: str) -> None:
        """Something is copied in the guest, until it has come."""
        async with asyncio.timeout(SECONDS):
            while True:
                await asyncio.to_thread(lambda: self.guest.copy(data, **how))
                try:
                    async with asyncio.timeout(AGAIN_SECONDS):
                        while not await asyncio.to_thread(arrived):
                            await asyncio.sleep(0.05)
                        return
                except TimeoutError:
                    continue

    def paste(self, data: bytes) -> None:
        self.terminal.type(b"\x1b[200~" + data + b"\x1b[201~")


@asynccontextmanager
async def program(
    guest: VdAgent, folder: Path, *options: str, personality: Personality = PLAIN, around: tuple[str, ...] = (),
    **variables: str,
) -> AsyncIterator[App]:  # fmt: skip
    """The app, *around* it the command that runs it, and a user without a configuration."""
    terminal = Terminal(96, 40, personality=personality)
    command = (sys.executable, "-m", "spicetui", "view", target(guest.server.address()), *options)
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", "--wait", *around, *command),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=environment(folder) | personality.environment | variables,
    )
    try:
        yield App(terminal, guest)
        terminal.type(PREFIX + b"q")
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0, terminal.text
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()


def picture() -> bytes:
    command = [needs.program("convert"), "-size", "300x200", "plasma:red-blue", "png:-"]
    return subprocess.check_output(command, timeout=DEADLINE)


async def test_the_terminal(guest: VdAgent, private: Path, row: Row) -> None:
    async with program(guest, private, personality=replace(KITTY, graphics=None)) as app:
        await app.open()
        terminal = app.terminal
        await app.copied(HOSTILE, lambda: terminal.clipboards.get("c") == HOSTILE)
        assert set(terminal.clipboards.values()) == {HOSTILE}
        row(TABLE, way="guest to terminal", by="OSC 52 c", contents="hostile text", bytes=len(HOSTILE), result="equal")
        await app.shows("␛]52;c;ZXZpbA==␇␛[2J<U+009D>0;evil<U+009C><U+202E>")
        assert "evil" not in terminal.title
        row(TABLE, way="guest to panel", by="preview", contents="hostile text", result="shown, not obeyed")
        await app.copied(b"of the mouse", lambda: terminal.clipboards.get("p") == b"of the mouse", selection="primary")
        row(TABLE, way="guest to terminal", by="OSC 52 p", contents="primary", bytes=12, result="equal")

        terminal.type(b"\x1b[27u")  # back to the guest
        await app.until(lambda: "guest's clipboard" not in terminal.text, "the panel closed")
        text = "Grüße 🎈\nsecond line".encode()
        app.paste(text)
        for selection in ("clipboard", "primary"):
            await app.until(lambda selection=selection: guest.paste(selection=selection) == text)  # type: ignore[misc]
        row(TABLE, way="terminal to guest", by="bracketed paste", contents="emoji, 2 lines", bytes=len(text),
            result="equal in clipboard and primary")  # fmt: skip
        assert not terminal.errors


async def test_a_terminal_that_answers(guest: VdAgent, private: Path, row: Row) -> None:
    async with program(guest, private, personality=FOOT) as app:
        app.terminal.clipboard = HOSTILE
        await app.open()
        before = app.terminal.clipboard_queries
        assert before == 0
        app.terminal.type(b"r")
        wanted = HOSTILE
        await app.until(lambda: guest.paste() == wanted)
        assert app.terminal.clipboard_queries == before + 1
        row(TABLE, way="terminal to guest", by="OSC 52 read", contents="hostile text", bytes=len(HOSTILE),
            result="equal, asked once by the user")  # fmt: skip


async def test_pictures_in_the_panel(guest: VdAgent, private: Path, row: Row) -> None:
    data = await asyncio.to_thread(picture)
    async with program(guest, private) as app:
        await app.open()
        shown = lambda: "PNG, 300x200 pixels" in app.terminal.text  # noqa: E731
        await app.copied(data, shown, type="image/png")
        path = private / "saved picture.png"
        app.terminal.type(b"s")
        await app.shows("Save ›")
        await app.shows("clipboard-2")  # a name is offered
        app.terminal.type(b"\x15")
        await app.until(lambda: "clipboard-2" not in app.terminal.text, "the line is empty")
        app.terminal.type(str(path).encode())
        await app.shows("saved picture.png")
        app.terminal.type(b"\r")
        await app.until(path.exists)
        await app.until(lambda: path.read_bytes() == data)
        row(TABLE, way="guest to file", by="panel", contents="PNG 300x200", bytes=len(data), result="equal")

        other = private / "other.png"
        other.write_bytes(data[::-1])  # whether it is one is the guest's matter
        await app.shows("Saved")
        app.terminal.type(b"f")
        await app.shows("File ›")
        app.terminal.type(str(other).encode())
        await app.shows("other.png")
        app.terminal.type(b"\r")
        await app.until(lambda: guest.paste(type="image/png") == data[::-1])
        row(TABLE, way="file to guest", by="panel", contents="PNG", bytes=len(data), result="equal")


async def test_a_desktop(guest: VdAgent, screen: XServer, private: Path, row: Row) -> None:
    here = {**os.environ, "DISPLAY": screen.display, "LC_ALL": "C.UTF-8"}
    file = private / "copied here"

    def xclip(*words: str) -> bytes:
        command = [needs.program("xclip"), "-selection", *words]
        return subprocess.run(command, env=here, capture_output=True, timeout=DEADLINE, check=False).stdout

    def copy(data: bytes, type: str) -> None:
        file.write_bytes(data)
        command = [needs.program("xclip"), "-i", "-selection", "clipboard", "-t", type, str(file)]
        nothing = subprocess.DEVNULL
        subprocess.run(command, env=here, stdout=nothing, stderr=nothing, timeout=DEADLINE, check=True)

    image = await asyncio.to_thread(picture)
    async with program(guest, private, DISPLAY=screen.display) as app:
        await app.open()
        large = "0123456789 Grüße\n".encode() * 580_000
        for data, type in ((HOSTILE, "UTF8_STRING"), (large, "UTF8_STRING"), (image, "image/png")):
            await app.copied(data, lambda data=data, type=type: xclip("clipboard", "-o", "-t", type) == data, type=type)  # type: ignore[misc]
            row(TABLE, way="guest to desktop", by="xclip under Xvfb", contents=type, bytes=len(data), result="equal")
        assert not app.terminal.clipboards
        for data, type in (
            (b"copied on the desktop", "UTF8_STRING"),
            (large[::-1].decode("latin-1").encode(), "UTF8_STRING"),
            (image[::-1], "image/png"),
        ):
            await asyncio.to_thread(copy, data, type)
            app.terminal.type(b"\x1b[O\x1b[I")  # the user comes back to this window
            await app.until(lambda data=data, type=type: guest.paste(type=type) == data)  # type: ignore[misc]
            row(TABLE, way="desktop to guest", by="xclip under Xvfb", contents=type, bytes=len(data), result="equal")


async def test_tmux(guest: VdAgent, private: Path, row: Row) -> None:
    """As it comes: set-clipboard is external, and nothing is passed through."""
    settings = private / "tmux.conf"
    settings.write_text("set -g status off\nset -g default-terminal tmux-256color\nset -g exit-empty on\n")
    tmux = (needs.program("tmux"), "-S", str(private / "tmux"), "-f", str(settings), "-u")

    def ask(*words: str, given: bytes | None = None) -> bytes:
        done = subprocess.run([*tmux, *words], input=given, capture_output=True, timeout=DEADLINE, check=False)
        return done.stdout

    async with program(guest, private, personality=replace(KITTY, graphics=None), around=(*tmux, "new-session")) as app:
        await app.open()
        large = b"0123456789abcde\n" * (1 << 17)
        for data, what in ((HOSTILE, "hostile text"), (large, "2 MiB")):
            await app.copied(data, lambda data=data: ask("show-buffer") == data)  # type: ignore[misc]
            row(TABLE, way="guest to tmux", by="tmux show-buffer", contents=what, bytes=len(data), result="equal")
            if data is HOSTILE:
                await app.until(lambda: app.terminal.clipboard == HOSTILE)
                row(TABLE, way="guest to terminal", by="OSC 52 through tmux", contents=what, bytes=len(data),
                    result="equal")  # fmt: skip
        ask("load-buffer", "-", given=b"of tmux")
        app.terminal.type(b"r")
        await app.until(lambda: guest.paste() == b"of tmux")
        row(TABLE, way="tmux to guest", by="tmux load-buffer", contents="text", bytes=7, result="equal")
        app.terminal.type(b"\x1b")
        await app.until(lambda: "guest's clipboard" not in app.terminal.text, "the panel closed")
        app.paste(b"pasted in tmux")
        await app.until(lambda: guest.paste() == b"pasted in tmux")
        row(TABLE, way="terminal to guest", by="paste through tmux", contents="text", bytes=14, result="equal")


async def test_off(guest: VdAgent, screen: XServer, private: Path, row: Row) -> None:
    options = ("--clipboard-to-guest", "off", "--clipboard-from-guest", "off")
    async with program(guest, private, *options, DISPLAY=screen.display) as app:
        await app.open()
        shown = lambda: "guest's clipboard: text" in app.terminal.text  # noqa: E731
        await app.copied(b"of the guest", shown)
        app.terminal.type(b"\x1b[O\x1b[I")
        app.terminal.type(b"c")
        await app.shows("not taken: off")
        app.terminal.type(b"t")
        await app.shows("Text ›")
        app.terminal.type(b"not for you\r")
        await app.shows("Nothing goes to")
        assert await asyncio.to_thread(guest.paste) == b"of the guest"
        assert not app.terminal.clipboards
        assert b"\x1b]52" not in app.terminal.received
        held = subprocess.run(
            [needs.program("xclip"), "-o", "-selection", "clipboard"],
            env={**os.environ, "DISPLAY": screen.display}, capture_output=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert held.returncode != 0
    row(TABLE, way="both", by="off", contents="text", result="nothing went anywhere")
