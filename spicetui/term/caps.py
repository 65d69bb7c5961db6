"""What the terminal can do: what the environment tells, and what it answers when asked.

To learn something new: a field of Caps, its query in :meth:`Caps.queries`, its reply in :meth:`Caps.learn`.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..geometry import Size
from .cells import Colors
from .tokenizer import Reply

PUSH_KEYBOARD = b"\x1b[>31u"  # all of the kitty protocol: releases, places, text
POP_KEYBOARD = b"\x1b[<u"
# For terminals without it: xterm's modifyOtherKeys, and the keypad's keys by their own codes.  The end takes back
# what a terminal makes of this that takes it for colours.
MODIFIED_KEYS = b"\x1b[>4;2m\x1b=\x1b[m"
PLAIN_KEYS = b"\x1b[>4m\x1b>\x1b[m"
STATUS = b"\x1b[5n"  # answered by "status" once everything before it has been read
PIXEL_MOUSE = 1016
SYNCHRONIZED = 2026
IN_BAND_RESIZE = 2048

PROBE_SECONDS = 0.3  # after this long a terminal that has not answered is taken not to

# The images of the graphics queries; high numbers, so that they are nobody else's.
_DIRECT, _FILE, _EDIT = 0x5DC0FFE1, 0x5DC0FFE2, 0x5DC0FFE3

_RELEASES = 2  # the kitty flag "report event types"
_TRUE_COLOR_TERMS = ("kitty", "ghostty", "alacritty", "foot", "wezterm", "direct", "truecolor", "iterm")
_MONOCHROME = ("vt1", "vt2", "vt3", "vt4", "vt5")
_SIXTEEN = ("linux", "ansi", "cons25", "cygwin", "sun")
_NO_STRINGS = ("linux", "vt100", "vt220", "ansi", "cons25", "sun", "screen")  # may print control strings


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
    keyboard: bool = False  #: has the kitty keyboard protocol
    in_band_resize: bool = False
    kitty_graphics: bool = False
    kitty_files: bool = False  #: reads images from files of this machine
    kitty_edits: bool = False  #: changes a part of an image
    sixel_registers: int = 0
    sixel_max: Size | None = None  #: the largest sixel picture
    term: str = ""  #: $TERM
    program: str = ""  #: $TERM_PROGRAM and its version, for what the terminal itself does not tell
    vte: int = 0  #: $VTE_VERSION
    tmux: bool = False
    around: str = ""  #: $TERM of the terminal around tmux
    passthrough: bool = False  #: tmux hands on what is wrapped for the terminal around it
    ssh: bool = False
    answered: bool = False  #: all answers are in

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Caps:
        term = environment.get("TERM", "").lower()
        tmux = bool(environment.get("TMUX")) or term.startswith("tmux")
        program = " ".join((environment.get("TERM_PROGRAM", ""), environment.get("TERM_PROGRAM_VERSION", ""))).strip()
        if not program and environment.get("WT_SESSION"):
            program = "Windows Terminal"
        vte = environment.get("VTE_VERSION", "")
        return cls(
            colors=_colors(environment),
            term=term,
            program=program,
            vte=int(vte) if vte.isascii() and vte.isdigit() and len(vte) < 8 else 0,
            tmux=tmux,
            ssh=bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY")),
        )

    @property
    def sixel(self) -> bool:
        return 4 in self.attributes

    @property
    def placeholders(self) -> bool:
        """Kitty's unicode placeholders: no query tells, so the names do that are known to have them."""
        name, version = split_name(self.name)
        if self.tmux:
            return self.kitty_graphics
        return self.kitty_graphics and ((name == "kitty" and version >= (0, 28)) or name == "ghostty")

    @property
    def iterm2(self) -> bool:
        name, _ = split_name(self.name or self.program)
        return name in ("iterm2", "iterm.app", "wezterm", "mintty") and not self.tmux

    @property
    def octants(self) -> bool:
        from . import glyphs_known

        return glyphs_known.octants(self.name, self.program, self.vte)

    @property
    def sextants(self) -> bool:
        from . import glyphs_known

        return glyphs_known.sextants(self.name, self.program, self.vte)

    @property
    def half_blocks(self) -> bool:
        """Block characters that divide a cell in two: every PC font has them."""
        return not self.term.startswith(_MONOCHROME)

    @property
    def quadrants(self) -> bool:
        return self.half_blocks and not self.term.startswith(_SIXTEEN)

    @property
    def modified_keys(self) -> bool:
        """Whether MODIFIED_KEYS may be asked for; who knows nothing of it passes it over."""
        return not self.keyboard and not self.term.startswith((*_NO_STRINGS, *_MONOCHROME))

    def queries(self, file: str = "") -> bytes:
        """What the terminal is asked, in one write.  *file* holds one RGB pixel, for whether it can read it.

        Device attributes come last: every terminal answers them, so that what has not been answered before never
        will be.
        """
        asked = b"\x1b[?u\x1b[?1016$p\x1b[?2026$p\x1b[?2048$p\x1b[>q\x1b[16t\x1b[14t"
        if not self.tmux and not self.term.startswith(_NO_STRINGS):
            asked += b"\x1b[?1;1;0S\x1b[?2;1;0S"
            graphics = [b"a=q,i=%d,s=1,v=1,t=d,f=24;AAAA" % _DIRECT]
            if file:
                graphics.append(b"a=q,i=%d,s=1,v=1,t=f,f=24;%s" % (_FILE, b2a_base64(file.encode(), newline=False)))
            graphics += [
                b"a=t,i=%d,s=1,v=1,t=d,f=24,q=2;AAAA" % _EDIT,
                b"a=f,i=%d,r=1,x=0,y=0,s=1,v=1,t=d,f=24;AAAA" % _EDIT,
                b"a=d,d=I,i=%d,q=2" % _EDIT,
            ]
            asked += b"".join(b"\x1b_G" + command + b"\x1b\\" for command in graphics)
        return asked + b"\x1b[c"

    def learn(self, reply: Reply) -> Caps:
        """What is known with *reply*; the same object when it tells nothing."""
        args = reply.args
        if reply.kind == "keyboard" and args:
            return replace(self, keyboard=True, key_releases=bool(args[0] & _RELEASES))
        if reply.kind == "mode" and len(args) == 2:
            known = args[1] in (1, 2, 3)
            if args[0] == PIXEL_MOUSE:
                return replace(self, pixel_mouse=known)
            if args[0] == SYNCHRONIZED:
                return replace(self, synchronized=known)
            if args[0] == IN_BAND_RESIZE:
                return replace(self, in_band_resize=known)
        if reply.kind == "window" and len(args) == 3 and args[1] > 0 and args[2] > 0:
            size = Size(args[2], args[1])
            if args[0] == 6:
                return replace(self, cell_px=size)
            if args[0] == 4:
                return replace(self, text_px=size)
        if reply.kind == "graphics" and len(args) >= 3 and args[1] == 0:
            if args[0] == 1 and args[2] > 0:
                return replace(self, sixel_registers=min(args[2], 1 << 16))
            if args[0] == 2 and len(args) == 4 and min(args[2:]) > 0:
                return replace(self, sixel_max=Size(args[2], args[3]))
        if reply.kind == "apc" and reply.data.startswith(b"G"):
            return self._learn_image(reply.data)
        if reply.kind == "dcs" and reply.data.startswith(b">|"):
            name = "".join(c for c in reply.data[2:66].decode("utf-8", "ignore") if c.isprintable())
            colors = Colors.TRUE if self.colors not in (Colors.TRUE, Colors.GRAY) and _names_true(name) else self.colors
            return replace(self, name=name, colors=colors)
        if reply.kind == "da1":
            return replace(self, attributes=frozenset(args), answered=True)
        return self

    def _learn_image(self, data: bytes) -> Caps:
        keys, _, message = data[1:].partition(b";")
        fine = message == b"OK"
        for key in keys.split(b","):
            if key == b"i=%d" % _DIRECT:
                return replace(self, kitty_graphics=fine)
            if key == b"i=%d" % _FILE:
                return replace(self, kitty_files=fine)
            if key == b"i=%d" % _EDIT:
                return replace(self, kitty_edits=fine)
        return self


def split_name(name: str) -> tuple[str, tuple[int, ...]]:
    """``kitty(0.36.4)`` as ``("kitty", (0, 36, 4))``; also ``WezTerm 20240203-110809`` and the like."""
    match = re.match(r"\s*([^\s(\d]+(?:\d(?=[\s(]|$))?)[\s(]*([\d.]*)", name)
    if match is None:
        return name.strip().lower(), ()
    version = tuple(int(part) for part in match[2].split(".") if part and len(part) < 10)
    return match[1].lower(), version


def _colors(environment: Mapping[str, str]) -> Colors:
    if environment.get("NO_COLOR"):
        return Colors.GRAY
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Colors.TRUE
    term = environment.get("TERM", "").lower()
    if _names_true(term):
        return Colors.TRUE
    if term.startswith(_MONOCHROME):
        return Colors.MONO
    if term.startswith(_SIXTEEN) or term.endswith(("-16color", "-8color", "-color")):
        return Colors.ANSI16
    if environment.get("TERM_PROGRAM") == "Apple_Terminal" or term == "screen":
        return Colors.PALETTE
    # Of the others nearly all take 24-bit colours, xterm and tmux among them, and say so nowhere.
    return Colors.TRUE


def _names_true(name: str) -> bool:
    lower = name.lower()
    return any(known in lower for known in _TRUE_COLOR_TERMS)
