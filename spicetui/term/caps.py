"""What the terminal can do: what the environment tells, and what it answers when asked.

To learn something new: a field of Caps, its query in QUERIES, its reply in :meth:`Caps.learn`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..geometry import Size
from .cells import Colors
from .tokenizer import Reply

PUSH_KEYBOARD = b"\x1b[>31u"  # all of the kitty protocol: releases, places, text
POP_KEYBOARD = b"\x1b[<u"
STATUS = b"\x1b[5n"  # answered by "status" once everything before it has been read
PIXEL_MOUSE = 1016
SYNCHRONIZED = 2026

# Device attributes come last: every terminal answers them, so that what has not been answered before never will be.
QUERIES = b"\x1b[?u\x1b[?1016$p\x1b[?2026$p\x1b[>q\x1b[16t\x1b[14t\x1b[c"

_RELEASES = 2  # the kitty flag "report event types"
_TRUE_COLOR_TERMS = ("kitty", "ghostty", "alacritty", "foot", "wezterm", "direct", "truecolor", "iterm")


@dataclass(frozen=True, slots=True)
class Caps:
    """Everything is the less able until the terminal has answered."""

    colors: Colors = Colors.TRUE
    key_releases: bool = False
    pixel_mouse: bool = False  #: mouse places can be had in pixels
    synchronized: bool = False  #: an update can be shown as a whole
    cell_px: Size | None = None
    text_px: Size | None = None  #: the size of the text area
    name: str = ""  #: the terminal's name and version, as it says
    attributes: frozenset[int] = field(default_factory=frozenset)  #: of DA1; 4 is sixel
    answered: bool = False  #: all answers are in

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Caps:
        return cls(colors=_colors(environment))

    def learn(self, reply: Reply) -> Caps:
        """What is known with *reply*; the same object when it tells nothing."""
        args = reply.args
        if reply.kind == "keyboard" and args:
            return replace(self, key_releases=bool(args[0] & _RELEASES))
        if reply.kind == "mode" and len(args) == 2:
            known = args[1] in (1, 2, 3)
            if args[0] == PIXEL_MOUSE:
                return replace(self, pixel_mouse=known)
            if args[0] == SYNCHRONIZED:
                return replace(self, synchronized=known)
        if reply.kind == "window" and len(args) == 3 and args[1] > 0 and args[2] > 0:
            size = Size(args[2], args[1])
            if args[0] == 6:
                return replace(self, cell_px=size)
            if args[0] == 4:
                return replace(self, text_px=size)
        if reply.kind == "dcs" and reply.data.startswith(b">|"):
            name = "".join(c for c in reply.data[2:66].decode("utf-8", "ignore") if c.isprintable())
            colors = Colors.TRUE if self.colors is Colors.PALETTE and _names_true(name) else self.colors
            return replace(self, name=name, colors=colors)
        if reply.kind == "da1":
            return replace(self, attributes=frozenset(args), answered=True)
        return self


def _colors(environment: Mapping[str, str]) -> Colors:
    if environment.get("NO_COLOR"):
        return Colors.GRAY
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Colors.TRUE
    term = environment.get("TERM", "").lower()
    if _names_true(term):
        return Colors.TRUE
    if environment.get("TERM_PROGRAM") == "Apple_Terminal" or term in ("linux", "vt100", "vt220", "ansi", "screen"):
        return Colors.PALETTE
    # Of the others nearly all take 24-bit colours, xterm and tmux among them, and say so nowhere.
    return Colors.TRUE


def _names_true(name: str) -> bool:
    lower = name.lower()
    return any(known in lower for known in _TRUE_COLOR_TERMS)
