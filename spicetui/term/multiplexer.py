"""What tmux tells of the terminal around it: its answers do not come through, so tmux itself is asked."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from .caps import Caps

_SECONDS = 0.5
_WITH_PLACEHOLDERS = ("kitty", "ghostty")


def ask_tmux(caps: Caps) -> Caps:
    """*caps* with what is known of the terminal that the tmux client runs in; unchanged outside tmux."""
    if not caps.tmux:
        return caps
    try:
        answer = subprocess.run(
            ["tmux", "display-message", "-p", "#{client_termname}|#{allow-passthrough}"],
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return caps
    return learn_tmux(caps, answer.decode("ascii", "replace"))


def learn_tmux(caps: Caps, answer: str) -> Caps:
    """*answer*: the name of the terminal around tmux, and its option allow-passthrough."""
    name, _, passes = answer.strip().partition("|")
    around = name.lower() if name.isprintable() and len(name) < 64 else ""
    passing = passes in ("on", "all", "1", "2")
    known = any(kind in around for kind in _WITH_PLACEHOLDERS)
    return replace(caps, around=around, passthrough=passing, kitty_graphics=known and passing)
