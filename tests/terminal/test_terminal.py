"""The terminal itself: what it answers as which terminal, text over pictures, the alternate screen, slow links."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from .glyphs import OCTANTS, coverage
from .link import Link
from .personality import (
    ALACRITTY,
    ALL,
    FOOT,
    GHOSTTY,
    KITTY,
    KITTY_026,
    KONSOLE,
    LINUX,
    TMUX,
    TMUX_IN_KITTY,
    WEZTERM,
    XTERM,
    XTERM_SIXEL,
    Personality,
)
from .terminal import Terminal

SIXEL = b'\x1bP0;1q"1;1;16;16#1;2;100;0;0#1!16~-!16~-!16N\x1b\\'  # 16 by 16, red
PIXEL = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"


@asynccontextmanager
async def opened(personality: Personality | None = None, **options: Any) -> AsyncIterator[Terminal]:
    terminal = Terminal(40, 10, personality=personality, **options)
    os.set_blocking(terminal.slave, False)
    import tty

    tty.setraw(terminal.slave)
    try:
        yield terminal
    finally:
        terminal.close()


async def asked(terminal: Terminal, *questions: bytes) -> bytes:
    """All answers up to the one to DA1."""
    os.write(terminal.slave, b"".join(questions) + b"\x1b[c")
    answers = b""
    async with asyncio.timeout(10):
        while not (answers.endswith(b"c") and b"\x1b[?" in answers[-60:]):
            await readable(terminal)
            answers += os.read(terminal.slave, 4096)
    return answers


async def readable(terminal: Terminal) -> None:
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal.slave, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(terminal.slave)


QUESTIONS = (
    *(b"\x1b[?u", b"\x1b[?1016$p", b"\x1b[?2026$p", b"\x1b[?2048$p", b"\x1b[>q", b"\x1b[16t", b"\x1b[14t"),
    *(b"\x1b[?1;1;0S", b"\x1b[?2;1;0S", PIXEL),
)


@pytest.mark.parametrize(
    ("personality", "has", "has_not"),
    [
        (KITTY_026, [b"kitty(0.26.5)", b"?2026;2$y", b"?2048;0$y", b"[6;16;8t", b"Gi=31;OK", b"[?0u"], [b"S"]),
        (KITTY, [b"kitty(0.42.2)", b"?2048;2$y", b"Gi=31;OK"], []),
        (GHOSTTY, [b"ghostty 1.3.2", b"?1016;2$y", b"?62;22;52c", b"Gi=31;OK"], []),
        (WEZTERM, [b"WezTerm 20240203", b"?2048;0$y", b"[?1;0;65536S", b"[?2;0;320;160S", b"Gi=31;OK"], [b"[?0u"]),
        (FOOT, [b"foot(1.27.0)", b"[?1;0;1024S", b"?62;4;22;28;52c"], [b"_G"]),
        (XTERM, [b"XTerm(379)", b"?1016;2$y", b"?2026;0$y"], [b"_G", b"S", b"[6;", b"[?0u"]),
        (XTERM_SIXEL, [b"?63;1;2;4;", b"[?2;0;1000;1000S"], [b"_G"]),
        (KONSOLE, [b"Konsole 25.08.0", b"?62;1;4c", b"Gi=31;OK"], [b"$y"]),
        (ALACRITTY, [b"?2026;2$y", b"?6c", b"[4;160;320t"], [b"P>|", b"[6;", b"_G"]),
        (LINUX, [b"\x1b[?6c"], [b"P>|", b"$y", b"t", b"_G"]),
        (TMUX, [b"tmux 3.3a", b"?1;2c"], [b"$y", b"[6;", b"_G"]),
        (TMUX_IN_KITTY, [b"tmux 3.7", b"?2026;2$y", b"?1016;0$y", b"[6;16;8t"], [b"_G"]),
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_answered(personality: Personality, has: list[bytes], has_not: list[bytes]) -> None:
    async with opened(personality) as terminal:
        answers = await asked(terminal, *QUESTIONS)
        assert all(part in answers for part in has), answers
        assert not any(part in answers.replace(b"xterm", b"").replace(b"\x1b[?1;2c", b"") for part in has_not), answers


@pytest.mark.parametrize("personality", ALL, ids=str)
async def test_every_terminal_ends_with_its_attributes(personality: Personality) -> None:
    async with opened(personality) as terminal:
        answers = await asked(terminal, *QUESTIONS, b"\x1b[5n")
        assert answers.endswith(b"\x1b[0n\x1b[?%sc" % personality.da1.encode())


async def test_passed_through_tmux() -> None:
    async with opened(TMUX_IN_KITTY) as terminal:
        inner = PIXEL.replace(b"\x1b", b"\x1b\x1b")
        assert b"Gi=31;OK" in await asked(terminal, b"\x1bPtmux;" + inner + b"\x1b\\")
        assert terminal.errors == []


async def test_text_takes_sixels_away() -> None:
    async with opened(XTERM_SIXEL) as terminal:
        os.write(terminal.slave, b"\x1b[3;5H" + SIXEL + b"\x1b[3;6H \x1b[5n")
        await readable(terminal)
        shown = terminal.pixels()
        red = (shown == (255, 0, 0)).all(axis=2)
        wanted = np.zeros_like(red)
        wanted[32:48, 32:40] = True
        assert np.array_equal(red, wanted)


async def test_sixels_scroll_at_the_bottom_and_move_the_cursor() -> None:
    async with opened(XTERM_SIXEL) as terminal:
        tall = SIXEL.replace(b"16;16#", b"16;40#").replace(b"!16N", b"!16~-" * 4 + b"!16~")
        os.write(terminal.slave, b"top\x1b[9;5H" + tall + b"\x1b[6n")
        await readable(terminal)
        assert os.read(terminal.slave, 100) == b"\x1b[10;5R"
        assert "top" not in terminal.text
        assert (terminal.pixels()[112:154, 32:48] == (255, 0, 0)).all()
        os.write(terminal.slave, b"\x1b[?80h\x1b[9;5H" + SIXEL + b"\x1b[6n")
        await readable(terminal)
        assert os.read(terminal.slave, 100) == b"\x1b[9;5R"
        assert (terminal.pixels()[:16, :16] == (255, 0, 0)).all()


async def test_the_alternate_screen_has_its_own_pictures() -> None:
    async with opened(KITTY) as terminal:
        image = b"\x1b_Ga=T,i=%d,s=1,v=1,f=24,q=2,c=2,r=2;%s\x1b\\"
        os.write(terminal.slave, b"main" + image % (1, b"/wAA") + b"\x1b[?1049h\x1b[H" + image % (2, b"AP8A"))
        await terminal.until(lambda: "main" not in terminal.text and len(terminal.images) == 2)
        assert terminal.pixels()[0, 0].tolist() == [0, 255, 0]
        os.write(terminal.slave, b"\x1b[?1049l")
        await terminal.until(lambda: "main" in terminal.text)
        assert [image.identity for image in terminal.images] == [1]
        os.write(terminal.slave, b"\x1b[2J")
        await terminal.until(lambda: not terminal.images)


async def test_pieces_of_any_size() -> None:
    async with opened(KITTY, link=Link(piece=1)) as terminal:
        os.write(terminal.slave, "é\x1b[38:2::1:2:3mx\x1b]2;títle\x1b\\".encode() + PIXEL + b"\x1b[5n")
        await terminal.until(lambda: terminal.title == "títle" and terminal.graphics.commands)
        assert terminal.cell_at(1, 0)[:2] == ("x", "010203")
        assert terminal.text.startswith("éx ")
        assert terminal.errors == []


async def test_what_is_broken_is_told() -> None:
    async with opened(KITTY) as terminal:
        os.write(terminal.slave, b"\x1b_Gi=1,s=1,v=1;AA\x1b[31mred\x1b_Ga=p,i=9\x1b\\")
        await terminal.until(lambda: len(terminal.errors) == 2)
        assert terminal.screen.buffer[0][0].fg == "red"


async def test_a_slow_line() -> None:
    async with opened(link=Link(rate=100_000, delay=0.1)) as terminal:
        start = time.monotonic()
        os.set_blocking(terminal.slave, True)
        await asyncio.to_thread(os.write, terminal.slave, b"x" * 30_000 + b"\x1b[5n")
        await readable(terminal)
        assert time.monotonic() - start >= 0.4
        assert len(terminal.received) == 30_004


async def test_acknowledgements_that_wait() -> None:
    async with opened(acknowledges=False) as terminal:
        os.write(terminal.slave, b"\x1b[5n" * 3)
        await terminal.until(lambda: terminal.withheld == 3)
        with pytest.raises(BlockingIOError):
            os.read(terminal.slave, 100)
        terminal.release(2)
        await readable(terminal)
        assert os.read(terminal.slave, 100) == b"\x1b[0n" * 2
        assert terminal.withheld == 1


async def test_resizes_are_told_in_band() -> None:
    async with opened(KITTY) as terminal:
        os.write(terminal.slave, b"\x1b[?2048h")
        await readable(terminal)
        assert os.read(terminal.slave, 100) == b"\x1b[48;10;40;160;320t"
        terminal.resize(50, 12)
        await readable(terminal)
        assert os.read(terminal.slave, 100) == b"\x1b[48;12;50;192;400t"


def test_octants_are_numbered_as_in_unicode() -> None:
    assert len(OCTANTS) == 240
    names = {
        0x1CD00: "3",
        0x1CD01: "23",
        0x1CD02: "123",
        0x1CD03: "4",
        0x1CD06: "34",
        0x1CD08: "234",
        0x1CDE5: "2345678",
    }
    assert {code: OCTANTS[chr(code)] for code in names} == names
    cover = coverage("\U0001cd00", 8, 16)
    assert cover is not None
    assert cover.nonzero()[0].min() == 4
    assert cover.sum() == 255 * 4 * 4
    assert coverage("A", 8, 16) is not coverage("B", 8, 16)
