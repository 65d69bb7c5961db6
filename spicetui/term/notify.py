"""What a terminal shows outside its text: progress in its tab or in the task bar (OSC 9;4), and notifications.

Who does not know them may print them, or take one for the other, so only terminals that are known to have them are sent
any.  Sources: ConEmu's ANSI escape codes; the release notes of Ghostty 1.2, iTerm2 3.6.6, VTE 0.80 and Konsole 26.04;
Windows Terminal's tutorial on the progress bar; kitty's desktop notifications; foot-ctlseqs(7); WezTerm's escape
sequences.
"""

from __future__ import annotations

from .caps import Caps, split_name
from .tmux import passthrough

#: First versions that show progress.
_PROGRESS: dict[str, tuple[int, ...]] = {
    "ghostty": (1, 2),
    "iterm2": (3, 6, 6),
    "iterm.app": (3, 6, 6),
    "konsole": (26, 4),
    "wezterm": (20240204,),  # builds after that release
    "vte": (8000,),
    "windows": (),
}

#: The sequence by which a notification is shown.
_NOTIFY = {"kitty": 99, "ghostty": 777, "foot": 777, "wezterm": 777, "iterm2": 9, "iterm.app": 9}

_TERMS = {
    "xterm-kitty": "kitty",
    "foot": "foot",
    "foot-extra": "foot",
    "xterm-ghostty": "ghostty",
    "wezterm": "wezterm",
}


def _who(caps: Caps) -> tuple[str, tuple[int, ...]]:
    if caps.tmux:
        return split_name(caps.around) if caps.passthrough else ("", ())
    name, version = split_name(caps.name or caps.program)
    if not name and caps.vte:
        return "vte", (caps.vte,)
    return (name, version) if name else (_TERMS.get(caps.term, ""), ())


def progress(caps: Caps, fraction: float | None, *, failed: bool = False, paused: bool = False) -> bytes:
    """Shows how far something is, from 0 to 1; None takes it away.  Nothing where it is not known to be shown."""
    name, version = _who(caps)
    first = _PROGRESS.get(name)
    if first is None or version < first:
        return b""
    if fraction is None:
        return _wrap(caps, b"\x1b]9;4;0;\x1b\\")
    state = 2 if failed else 4 if paused else 1
    return _wrap(caps, b"\x1b]9;4;%d;%d\x1b\\" % (state, round(100 * min(max(fraction, 0.0), 1.0))))


def notification(caps: Caps, title: str, text: str) -> bytes:
    """Tells the user, who may look at something else.  Nothing where it is not known to be shown."""
    sequence = _NOTIFY.get(_who(caps)[0])
    heading, body = _plain(title), _plain(text)
    if sequence == 99:
        parts = b"\x1b]99;i=spicetui:d=0;%s\x1b\\" % heading, b"\x1b]99;i=spicetui:d=1:p=body;%s\x1b\\" % body
        return b"".join(_wrap(caps, part) for part in parts)
    if sequence == 777:
        return _wrap(caps, b"\x1b]777;notify;%s;%s\x1b\\" % (heading.replace(b";", b","), body))
    if sequence == 9:
        # A number in front would be one of ConEmu's commands.
        return _wrap(caps, b"\x1b]9;%s: %s\x1b\\" % (heading, body))
    return b""


def _plain(text: str) -> bytes:
    return "".join(c for c in text if c.isprintable())[:200].encode("utf-8", "replace")


def _wrap(caps: Caps, sequence: bytes) -> bytes:
    return passthrough(sequence) if caps.tmux else sequence
