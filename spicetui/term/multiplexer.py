"""What tmux tells of the terminal around it: its answers do not come through, so tmux itself is asked."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from .caps import Caps, split_name

_SECONDS = 0.5


def ask_tmux(caps: Caps) -> Caps:
    """*caps* with what is known of the terminal that the tmux client runs in; unchanged outside tmux."""
    if not caps.tmux:
        return caps
    try:
        answer = subprocess.run(
            ["tmux", "display-message", "-p", "#{client_termname}|#{allow-passthrough}|#{client_termtype}"],
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return caps
    return learn_tmux(caps, answer.decode("ascii", "replace"))


def learn_tmux(caps: Caps, answer: str) -> Caps:
    """*answer*: $TERM of the terminal around tmux, tmux's allow-passthrough, and what that terminal calls itself."""
    term, passes, name = [*answer.strip().split("|"), "", ""][:3]
    around = (name or term).lower()
    if not around.isprintable() or len(around) > 64:
        around = ""
    passing = passes in ("on", "all", "1", "2")
    kind, version = split_name(around)
    known = (kind == "kitty" and version >= (0, 28)) or "ghostty" in around or (not name and "kitty" in term.lower())
    return replace(
        caps,
        around=around,
        passthrough=passing,
        kitty_graphics=known and passing,
        kitty_edits=kind == "kitty" and version >= (0, 28),
    )
