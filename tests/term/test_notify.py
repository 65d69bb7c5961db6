"""Progress and notifications: only terminals that are known to show them are sent any."""

from __future__ import annotations

import pytest

from spicetui.term.caps import Caps
from spicetui.term.notify import notification, progress

KNOWN = [
    ({"TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.2.0"}, True, b"\x1b]777;notify;"),
    ({"TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.1.3"}, False, b"\x1b]777;notify;"),
    ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.9"}, True, b"\x1b]9;spicetui: "),
    ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.0"}, False, b"\x1b]9;spicetui: "),
    ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809-5046fc22"}, False, b"\x1b]777;"),
    ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20250814-000000-0"}, True, b"\x1b]777;"),
    ({"TERM": "xterm-kitty"}, False, b"\x1b]99;i=spicetui:d=0;spicetui\x1b\\"),
    ({"TERM": "foot"}, False, b"\x1b]777;"),
    ({"TERM": "xterm-256color", "VTE_VERSION": "8003"}, True, b""),
    ({"TERM": "xterm-256color", "VTE_VERSION": "7006"}, False, b""),
    ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True, b""),
    ({"TERM": "xterm-256color"}, False, b""),
    ({"TERM": "linux"}, False, b""),
    ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "tmux"}, False, b""),
    ({}, False, b""),
]


@pytest.mark.parametrize(("environment", "shows", "notifies"), KNOWN, ids=[str(row[0]) for row in KNOWN])
def test_who_is_sent_what(environment: dict[str, str], shows: bool, notifies: bytes) -> None:
    caps = Caps.from_environment(environment)
    assert progress(caps, 0.5) == (b"\x1b]9;4;1;50\x1b\\" if shows else b"")
    assert progress(caps, None) == (b"\x1b]9;4;0;\x1b\\" if shows else b"")
    told = notification(caps, "spicetui", "done")
    assert told.startswith(notifies) if notifies else told == b""


def test_a_terminal_that_has_answered() -> None:
    assert progress(Caps(name="Konsole 26.04.1"), 0.1) == b"\x1b]9;4;1;10\x1b\\"
    assert progress(Caps(name="Konsole 25.12.3"), 0.1) == b""
    assert progress(Caps(name="ghostty 1.3.1"), 1.7, failed=True) == b"\x1b]9;4;2;100\x1b\\"
    assert progress(Caps(name="ghostty 1.3.1"), -1, paused=True) == b"\x1b]9;4;4;0\x1b\\"


def test_through_tmux() -> None:
    caps = Caps(tmux=True, passthrough=True, around="ghostty 1.2.0")
    assert progress(caps, 0.5) == b"\x1bPtmux;\x1b\x1b]9;4;1;50\x1b\x1b\\\x1b\\"


def test_nothing_in_a_text_is_a_sequence() -> None:
    told = notification(Caps(name="ghostty 1.2.0"), "a;b\x1b", "x\x07\x1b]0;evil\x1b\\y\u009c")
    assert told == b"\x1b]777;notify;a,b;x]0;evil\\y\x1b\\"
