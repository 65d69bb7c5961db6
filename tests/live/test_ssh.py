"""The app over a real ssh, with each backend, on terminals that decode what comes out at this end."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shlex
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from terminal.personality import FOOT, GHOSTTY, ITERM2, KITTY, KITTY_026, XTERM, XTERM_SIXEL, Personality
from terminal.terminal import Terminal

from .cli import target
from .ssh_server import SshServer
from .test_demo_server import Hosted

SIZE = 130, 49  # cells: the demo desktop fits 1:1
CELL = 8, 16
MODES = (1049, 1000, 1003, 1006, 1016, 1004, 2004, 2026, 2048)


@pytest.fixture
def hosted(private: Path) -> Iterator[Hosted]:
    with Hosted(private / "demo.sock") as server:
        yield server


@pytest.fixture
def ssh(private: Path) -> Iterator[SshServer]:
    with SshServer(private) as server:
        yield server


def elsewhere(personality: Personality) -> Personality:
    """On a computer that does not share files with the one at the other end of ssh."""
    assert personality.graphics is not None
    return replace(personality, graphics=replace(personality.graphics, media="d"))


def difference(terminal: Terminal, hosted: Hosted) -> Any:
    """By how much each pixel of the desktop is off on the terminal, without the pointer; None while it is black."""
    truth = hosted.truth()
    if truth.std() < 10:
        return None
    height, width = truth.shape[:2]
    left = (SIZE[0] - -(-width // CELL[0])) // 2 * CELL[0]
    top = (SIZE[1] - 1 - -(-height // CELL[1])) // 2 * CELL[1]
    found = terminal.pixels()[top : top + height, left : left + width]
    off = np.abs(found.astype(int) - truth).max(axis=2)
    x, y = hosted.do(lambda: hosted.server.desktop.pointer)
    off[max(0, y - 8) : y + 32, max(0, x - 8) : x + 32] = 0
    return off


def shared_files(terminal: Terminal) -> set[Path]:
    """Those that the terminal was told to read pictures from."""
    named = re.findall(rb"\x1b_G[^;]*,t=f[^;]*;([A-Za-z0-9+/=]+)\x1b", bytes(terminal.received))
    paths = {Path(os.fsdecode(base64.b64decode(name))) for name in named}
    return {path for path in paths if "probe" not in path.name}


CASES = [
    ("auto", "kitty", KITTY_026, 0, 0.0),
    ("auto", "kitty", elsewhere(KITTY_026), 0, 0.0),
    ("auto", "kitty", elsewhere(KITTY), 0, 0.0),
    ("auto", "kitty", elsewhere(GHOSTTY), 0, 0.0),
    ("auto", "iterm2", ITERM2, 0, 0.0),
    ("auto", "sixel", XTERM_SIXEL, 60, 3.0),
    ("auto", "sixel", FOOT, 60, 3.0),
    *((kind, kind, XTERM, 255, 14.0) for kind in ("octant", "sextant", "quadrant", "half")),
]


def name(chosen: str, personality: Personality) -> str:
    far = personality.graphics is not None and personality.graphics.media == "d"
    return f"{chosen} in {personality}{' elsewhere' if far else ''}"


@pytest.mark.parametrize(
    ("graphics", "chosen", "personality", "worst", "mean"),
    CASES,
    ids=[name(chosen, personality) for _, chosen, personality, _, _ in CASES],
)
async def test_the_app_over_ssh(
    graphics: str, chosen: str, personality: Personality, worst: int, mean: float,
    hosted: Hosted, ssh: SshServer, private: Path,
) -> None:  # fmt: skip
    terminal = Terminal(*SIZE, personality=personality, cell=CELL)
    log = private / "app.log"
    program = [sys.executable, "-m", "spicetui", "view", target(hosted.address), "--scale", "native"]
    program += ["--graphics", graphics, "-v", "--log", str(log)]
    process = await asyncio.create_subprocess_exec(
        *ssh.command(shlex.join(program)),
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env={"PATH": os.environ["PATH"], "HOME": str(private)} | personality.environment,
    )
    last: list[float] = []
    received = 0

    def right() -> bool:
        nonlocal received
        before, received = received, len(terminal.received)
        if before != received:
            return False  # more may be coming, and looking takes a while
        off = difference(terminal, hosted)
        if off is None:
            return False
        last[:] = [float(off.max()), float(off.mean())]
        return bool(off.max() <= worst and off.mean() <= mean)

    try:
        await shows(terminal, right, last)
        terminal.type(b"echo" if not personality.keyboard else b"\x1b[101u\x1b[99u\x1b[104u\x1b[111u")
        await terminal.until(lambda: "demo:~$ echo" in hosted.do(lambda: hosted.server.desktop.terminal.text), "typed")
        await shows(terminal, right, last)
        terminal.type(b"\x1dq")
        assert await asyncio.wait_for(process.wait(), 20) == 0, terminal.text
        await terminal.until(lambda: not any(terminal.modes.get(mode) for mode in MODES), "modes")
        assert termios.tcgetattr(terminal.slave) == terminal.settings
        assert terminal.images == []
        assert terminal.keyboard == []
        files = shared_files(terminal)
        assert bool(files) == (personality is KITTY_026)
        assert not any(path.exists() or path.parent.name in os.listdir("/dev/shm") for path in files)
        assert (terminal.sixels > 0) == (chosen == "sixel")
        assert (terminal.graphics.commands > 6 or bool(terminal._graphics[True].commands > 6)) == (chosen == "kitty")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.close()


async def shows(terminal: Terminal, right: Any, last: list[float]) -> None:
    try:
        await terminal.until(right, "the desktop")
    except AssertionError as error:
        raise AssertionError(f"off by (worst, mean) {last}; {terminal.errors[-3:]}; {error}") from None
