"""OSC 52 as the terminals take it."""

from __future__ import annotations

import os
import termios
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminal.personality import (
    ALL,
    FOOT,
    GHOSTTY,
    KITTY,
    LINUX,
    TMUX,
    TMUX_IN_KITTY,
    WINDOWS_TERMINAL,
    XTERM,
    Personality,
)
from terminal.terminal import Terminal

from spicetui.term import clipboard
from spicetui.term.caps import Caps
from spicetui.term.tokenizer import Event, Reply, Tokenizer

HOSTILE = "\x1b]52;c;AAAA\x07\x9d0;title\x9c\x1b[2J\x1bPq\x1b\\\u202eevil\u2066\r\n\0🎈".encode()


def caps(personality: Personality) -> Caps:
    """What the app has learnt of it once it has answered."""
    found = Caps.from_environment(personality.environment)
    attributes = [int(number) for number in personality.da1.split(";") if number]
    found = found.learn(Reply("da1", tuple(attributes)))
    return found.learn(Reply("dcs", (), b">|" + personality.version.encode())) if personality.version else found


@pytest.mark.parametrize("personality", ALL, ids=str)
async def test_every_terminal_gets_it_whole_or_shows_nothing(personality: Personality) -> None:
    known = caps(personality)
    terminal = Terminal(personality=personality)
    try:
        if clipboard.possible(known):
            os.write(terminal.slave, clipboard.write(HOSTILE, known))
        os.write(terminal.slave, b"\x1b]2;done\x07")
        await terminal.until(lambda: terminal.title == "done")
        takes = personality.clipboard or (personality.outer and personality.passthrough and personality.outer.clipboard)
        assert terminal.clipboards == ({"c": HOSTILE} if takes else {})
        assert not terminal.text.strip()
        assert not terminal.problems
    finally:
        terminal.close()


def test_who_is_known_to_take_it() -> None:
    taking = [str(one) for one in ALL if clipboard.sure(caps(one))]
    assert taking == [
        "kitty 0.26", "kitty 0.42", "Ghostty", "Ghostty 1.2", "WezTerm", "foot", "Windows Terminal", "Alacritty",
    ]  # fmt: skip
    assert not clipboard.possible(caps(LINUX))
    assert not clipboard.possible(Caps())
    assert not clipboard.possible(Caps.from_environment({"TERM": "screen.xterm-256color"}))
    assert clipboard.possible(Caps.from_environment({"TERM": "screen", "TMUX": "/tmp/x,1,0"}))
    assert [one for one in (KITTY, GHOSTTY, FOOT, XTERM) if not clipboard.has_primary(caps(one))] == []
    assert [one for one in (LINUX, TMUX, TMUX_IN_KITTY, WINDOWS_TERMINAL) if clipboard.has_primary(caps(one))] == []


def test_tmux_gets_it_for_itself_and_for_the_terminal_around_it() -> None:
    known = replace(caps(TMUX), passthrough=False)
    plain = b"\x1b]52;p;aGk=\x1b\\"
    assert clipboard.write(b"hi", known, "p") == plain + b"\x1bPtmux;\x1b" + plain[:-2] + b"\x1b\x1b\\\x1b\\"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x1b]52;c;aGk=\x1b\\", clipboard.Answer("c", b"hi")),
        (b"\x1b]52;c;aGk=\x07", clipboard.Answer("c", b"hi")),
        (b"\x1b]52;;aGk=\x07", clipboard.Answer("", b"hi")),
        (b"\x1b]52;c;\x07", clipboard.Answer("c", b"")),
        (b"\x1b]52;c;?\x07", clipboard.Answer("c", None)),
        (b"\x1b]52;c;aGk\x07", clipboard.Answer("c", None)),
        (b"\x1b]52;c;a=k=\x07", clipboard.Answer("c", None)),
        (b"\x1b]53;c;aGk=\x07", None),
        (b"\x1bP52;c;aGk=\x1b\\", None),
    ],
)
def test_answers(sent: bytes, expected: clipboard.Answer | None) -> None:
    [event] = Tokenizer().feed(sent)
    assert isinstance(event, Reply)
    assert clipboard.answer(event) == expected


async def test_a_terminal_answers() -> None:
    terminal = Terminal(personality=FOOT)
    try:
        terminal.clipboard = HOSTILE
        os.write(terminal.slave, clipboard.query())
        await terminal.until(lambda: terminal.clipboard_queries)
        tokenizer, events = Tokenizer(), list[Event]()

        settings = termios.tcgetattr(terminal.slave)
        settings[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(terminal.slave, termios.TCSANOW, settings)
        while not events:
            events = tokenizer.feed(os.read(terminal.slave, 4096))
        assert isinstance(events[0], Reply)
        assert clipboard.answer(events[0]) == clipboard.Answer("c", HOSTILE)
    finally:
        terminal.close()


def test_an_endless_answer_is_nothing() -> None:
    tokenizer = Tokenizer()
    events = tokenizer.feed(b"\x1b]52;c;")
    for _ in range(40):
        events += tokenizer.feed(b"A" * (1 << 16))
    assert events + tokenizer.feed(b"\x1b\\") == []


@given(st.binary(max_size=300), st.sampled_from("cp"), st.booleans())
def test_nothing_in_it_is_a_sequence(data: bytes, letter: str, tmux: bool) -> None:
    sequence = clipboard.write(data, Caps(term="xterm", tmux=tmux), letter)
    first = sequence.partition(b"\x1b\\")[0]
    assert first.startswith(b"\x1b]52;")
    assert all(32 <= byte < 127 for byte in first[1:])
    [event] = Tokenizer().feed(first + b"\x1b\\")
    assert isinstance(event, Reply)
    assert clipboard.answer(event) == clipboard.Answer(letter, data)
