"""probe: what a terminal answers, in a pty of our own."""

from __future__ import annotations

import json
import os
import sys

import pexpect  # type: ignore[import-untyped]

KITTY = (
    b"\x1b[?0u\x1b[?1016;2$y\x1b[?2026;2$y\x1b[?2048;0$y\x1bP>|kitty(0.36.4)\x1b\\\x1b[6;20;10t"
    b"\x1b_Gi=1572929505;OK\x1b\\\x1b_Gi=1572929506;OK\x1b\\\x1b_Gi=1572929507,r=1;OK\x1b\\\x1b[?62;c"
)


def ask(answer: bytes, *words: str, term: str = "xterm-256color") -> tuple[str, bytes, int]:
    """What the command prints, what it asked, and its exit status."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("TMUX", "TERM_PROGRAM", "NO_COLOR")
    }
    child = pexpect.spawn(
        sys.executable, ["-m", "spicetui", "probe", *words], env=environment | {"TERM": term}, dimensions=(40, 200)
    )
    try:
        child.expect_exact(b"\x1b[c")
        asked = child.before
        child.send(answer)
        child.expect(pexpect.EOF)
        shown = child.before.decode()
    finally:
        child.close()
    return shown, asked, child.exitstatus


def test_what_kitty_answers_makes_kitty_graphics_win() -> None:
    shown, asked, status = ask(KITTY, "--json")
    assert status == 0
    assert b"t=f" in asked
    facts = json.loads(shown.strip().splitlines()[-1])
    assert facts["terminal"] == "kitty(0.36.4)"
    assert (facts["graphics"], facts["kitty_shared_files"], facts["kitty_edits"]) == ("kitty", True, True)
    assert facts["cell_px"] == [10, 20]
    assert facts["answered_ms"] is not None
    assert facts["ranking"][0]["name"] == "kitty"


def test_for_people_with_a_terminal_that_says_little() -> None:
    shown, _, status = ask(b"\x1b[?1;2c")
    assert status == 0
    assert "no   kitty graphics" in shown
    assert "the terminal did not answer the kitty graphics query" in shown
    assert "spicetui draws with quadrant here" in shown


def test_a_terminal_that_answers_nothing_is_given_up() -> None:
    shown, _, status = ask(b"")
    assert status == 0
    assert "not within 300 ms" in shown


def test_sixel() -> None:
    shown, _, _ = ask(b"\x1b[?1;0;1024S\x1b[?2;0;1000;728S\x1b[?64;4c")
    assert "sixel (1024 registers, up to 1000x728 px)" in shown


def test_a_dumb_terminal_gets_a_clear_word() -> None:
    environment = os.environ | {"TERM": "dumb"}
    shown = pexpect.run(f"{sys.executable} -m spicetui probe", env=environment).decode()
    assert "TERM is 'dumb'" in shown
