"""The clipboard of the terminal, OSC 52: what is sent to set it or to ask for it, and what the answer holds.

Sources: XTerm control sequences (OSC 52), tmux(1) on ``set-clipboard`` and ``allow-passthrough``.
"""

from __future__ import annotations

import binascii
from typing import NamedTuple

from .caps import Caps, split_name
from .tmux import passthrough
from .tokenizer import Reply

#: Bytes that are sent: with base64 less than the 1 MiB at which tmux drops a control string.
MAX_BYTES = 750_000

_NO_STRINGS = ("linux", "vt1", "vt2", "vt3", "vt4", "vt5", "ansi", "cons25", "cygwin", "sun")
_TAKE = ("kitty", "ghostty", "foot", "wezterm", "alacritty", "contour", "rio")
_PRIMARY = ("kitty", "ghostty", "foot", "wezterm", "alacritty")
_ANNOUNCED = 52  # in the answer to DA1


class Answer(NamedTuple):
    """What the terminal has in *selection* (its letters); *data* is None where it is no base64."""

    selection: str
    data: bytes | None


def possible(caps: Caps) -> bool:
    """Whether the terminal can be sent it at all; others would print it."""
    if caps.term.startswith("screen") and not caps.tmux:
        return False  # GNU screen keeps it for itself
    return bool(caps.term) and not caps.term.startswith(_NO_STRINGS)


def sure(caps: Caps) -> bool:
    """Whether the terminal is known to set its clipboard unless its user forbids it."""
    name = split_name(caps.name or caps.program)[0] or caps.term
    return possible(caps) and (_ANNOUNCED in caps.attributes or name.startswith(_TAKE))


def has_primary(caps: Caps) -> bool:
    """Whether the terminal keeps the primary selection apart; others would set the clipboard."""
    name = split_name(caps.name or caps.program)[0]
    known = name == "xterm" or (name or caps.term).startswith(_PRIMARY)  # TERM=xterm is everybody's
    return possible(caps) and not caps.tmux and known


def write(data: bytes, caps: Caps, selection: str = "c") -> bytes:
    """Sets the terminal's clipboard (``c``) or primary selection (``p``); nothing in *data* is seen as a sequence."""
    sequence = b"\x1b]52;%s;%s\x1b\\" % (selection.encode("ascii"), binascii.b2a_base64(data, newline=False))
    if caps.tmux:
        # Which of both tmux takes is a matter of set-clipboard and allow-passthrough; what it does not take it drops.
        return sequence + passthrough(sequence)
    return sequence


def query(selection: str = "c") -> bytes:
    """Asks what the terminal has; most do not answer, some ask their user before."""
    return b"\x1b]52;%s;?\x1b\\" % selection.encode("ascii")


def answer(reply: Reply) -> Answer | None:
    """What *reply* tells of the clipboard; None when it is about something else."""
    if reply.kind != "osc" or not reply.data.startswith(b"52;"):
        return None
    selection, _, encoded = reply.data[3:].partition(b";")
    letters = "".join(chr(c) for c in selection[:16] if chr(c).isalnum())
    try:
        return Answer(letters, binascii.a2b_base64(encoded, strict_mode=True) if encoded else b"")
    except binascii.Error:
        return Answer(letters, None)
