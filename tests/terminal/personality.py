"""What each terminal answers when it is asked, and what it sets in the environment.

Sources are named at each; "unknown" is said where none was found.  Versions matter: what is here was read from the
source of that version, or of the newest one at hand (August 2026) where the name has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .kitty import Rules

# Modes whose state DECRQM tells in every terminal here that answers it at all.
_MOUSE = frozenset({25, 1000, 1002, 1003, 1004, 1006, 1049, 2004})


@dataclass(frozen=True)
class Personality:
    name: str
    environment: dict[str, str]
    da1: str  #: between ``CSI ?`` and ``c``
    da2: str = ""  #: between ``CSI >`` and ``c``; "" for no answer
    version: str = ""  #: of XTVERSION; "" for no answer
    modes: frozenset[int] | None = None  #: known to DECRQM (others: 0); None: no answer at all
    windows: frozenset[int] = frozenset()  #: of CSI 14 t, 16 t, 18 t: those that are answered
    pixels: bool = True  #: the window's size in pixels is in TIOCGWINSZ
    keyboard: bool = False  #: the kitty keyboard protocol
    graphics: Rules | None = None  #: the kitty graphics protocol
    sixel: bool = False
    registers: int | None = None  #: XTSMGRAPHICS 1; None: no answer
    largest: tuple[int, int] | None = None  #: XTSMGRAPHICS 2; (0, 0) stands for the window's size
    iterm: bool = False  #: OSC 1337 File
    clipboard: str = "write"  #: OSC 52: "", "write", "read"
    passthrough: bool = False  #: DCS tmux ; …
    outer: Personality | None = field(default=None, repr=False)  #: the terminal around tmux
    tells_colors: bool = True  #: OSC 10 and 11 with ``?``

    def __str__(self) -> str:
        return self.name


# kitty/screen.c, kitty/graphics.c of v0.26.5; kitty itself under Xvfb.
KITTY_026 = Personality(
    "kitty 0.26",
    {"TERM": "xterm-kitty", "COLORTERM": "truecolor", "KITTY_WINDOW_ID": "1"},
    da1="62;",
    da2="1;4000;26",
    version="kitty(0.26.5)",
    modes=_MOUSE | {7, 1016, 2026},
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    graphics=Rules(placeholders=False, deletes="aincfpqxyz", greedy=True),
)
# kitty/screen.c, kitty/graphics.c and docs/changelog.rst: placeholders since 0.28, mode 2048 since 0.36.
KITTY = Personality(
    "kitty 0.42",
    KITTY_026.environment,
    da1="62;",
    da2="1;4000;42",
    version="kitty(0.42.2)",
    modes=_MOUSE | {7, 1016, 2026, 2048},
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    graphics=Rules(),
)
# src/termio/stream_handler.zig, src/termio/Exec.zig, src/terminal/modes.zig, src/terminal/kitty/graphics_*.zig.  The
# DA1 of a configuration that lets programs write the clipboard, which is the default.
GHOSTTY = Personality(
    "Ghostty",
    {"TERM": "xterm-ghostty", "COLORTERM": "truecolor", "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.3.2"},
    da1="62;22;52",
    da2="1;10;0",
    version="ghostty 1.3.2",
    modes=_MOUSE | {7, 1016, 2026, 2048},
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    graphics=Rules(chunks="action"),
)
# The same before frames came (August 2026): a=f is an unimplemented action there.
GHOSTTY_12 = Personality(
    "Ghostty 1.2",
    GHOSTTY.environment | {"TERM_PROGRAM_VERSION": "1.2.3"},
    da1="62;22;52",
    da2="1;10;0",
    version="ghostty 1.2.3",
    modes=GHOSTTY.modes,
    windows=GHOSTTY.windows,
    keyboard=True,
    graphics=Rules(frames=False),
)
# term/src/terminalstate/{mod,kitty}.rs, termwiz/src/escape/apc.rs, mux/src/lib.rs (mode 2026).  The keyboard protocol
# is off unless enable_kitty_keyboard is set.
WEZTERM = Personality(
    "WezTerm",
    {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203"},
    da1="65;4;6;18;22",
    da2="1;277;0",
    version="WezTerm 20240203",
    modes=_MOUSE | {7, 1016, 2026},
    windows=frozenset({14, 16, 18}),
    graphics=Rules(placeholders=False, chunks="none", deletes="ai"),
    sixel=True,
    registers=65536,
    largest=(0, 0),
    iterm=True,
)
# csi.c, sixel.c and sixel.h of foot 1.27; TERM and COLORTERM: doc/foot.1.scd.
FOOT = Personality(
    "foot",
    {"TERM": "foot", "COLORTERM": "truecolor"},
    da1="62;4;22;28;52",
    da2="1;012700;0",
    version="foot(1.27.0)",
    modes=_MOUSE | {7, 1016, 2026, 2048},
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    sixel=True,
    registers=1024,
    largest=(10_000, 10_000),
    clipboard="read",
)
# sources/VT100/VT100Output.m, VT100Terminal.m (its DECRQM knows pixels as mode 10016, a slip, so 1016 counts as
# permanently reset there); CSI 14 t and 16 t: unknown, taken as answered.  Kitty graphics: passed over here, since the
# stored source does not show which media it takes.
ITERM2 = Personality(
    "iTerm2",
    {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.10"},
    da1="64;1;2;4;6;17;18;21;22",
    da2="64;2500;0",
    version="iTerm2 3.5.10",
    modes=_MOUSE | {7, 2026, 2048},
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    sixel=True,
    registers=256,
    largest=(4096, 4096),
    iterm=True,
)
# charproc.c of xterm 379, and xterm itself: it answers no CSI 14 t and 16 t as Debian configures it.
XTERM = Personality(
    "xterm",
    {"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"},
    da1="64;1;2;6;9;15;16;17;18;21;22;28",
    da2="41;379;0",
    version="XTerm(379)",
    modes=_MOUSE | {7, 1016},
    windows=frozenset({18}),
    clipboard="",
)
XTERM_SIXEL = Personality(
    "xterm -ti vt340",
    XTERM.environment,
    da1="63;1;2;4;6;9;15;16;22;28",
    da2="19;379;0",
    version="XTerm(379)",
    modes=_MOUSE | {7, 1016},
    windows=frozenset({18}),
    sixel=True,
    registers=1024,
    largest=(1000, 1000),
    clipboard="",
)
# src/terminal/adapter/adaptDispatch.cpp; XTVERSION has no handler there; CSI 14 t and 16 t: WindowManipulation.
WINDOWS_TERMINAL = Personality(
    "Windows Terminal",
    {"TERM": "xterm-256color", "COLORTERM": "truecolor", "WT_SESSION": "5c1a64e7-9f0b-4f0f-8a0e-6b0f0d5f2d11"},
    da1="61;4;6;7;14;21;22;23;24;28;32;42;52",
    da2="0;10;1",
    modes=_MOUSE | {7, 2026},
    windows=frozenset({14, 16, 18}),
    pixels=False,
    keyboard=True,
    sixel=True,
)
# src/vteseq.cc and src/modes.py of VTE 0.85 (1016 and 2026 are listed as not implemented).
GNOME_TERMINAL = Personality(
    "GNOME Terminal",
    {"TERM": "xterm-256color", "COLORTERM": "truecolor", "VTE_VERSION": "8500"},
    da1="61;1;21;22;28",
    da2="61;8500;1",
    version="VTE(8500)",
    modes=_MOUSE | {7},
    windows=frozenset({14, 18}),
)
# src/Vt102Emulation.cpp: no DECRQM; kitty graphics without files, frames and placeholders; a=f is passed over.
KONSOLE = Personality(
    "Konsole",
    {"TERM": "xterm-256color", "COLORTERM": "truecolor", "KONSOLE_VERSION": "250800"},
    da1="62;1;4",
    da2="1;115;0",
    version="Konsole 25.08.0",
    windows=frozenset({14, 16, 18}),
    keyboard=True,
    graphics=Rules(media="d", frames=False, placeholders=False, silent="fac"),
    sixel=True,
    registers=256,
    largest=(16384, 16384),
    iterm=True,
)
# alacritty_terminal/src/term/mod.rs; no XTVERSION there.
ALACRITTY = Personality(
    "Alacritty",
    {"TERM": "alacritty", "COLORTERM": "truecolor"},
    da1="6",
    da2="0;2600;1",
    modes=_MOUSE | {7, 2026},
    windows=frozenset({14, 18}),
    keyboard=True,
)
# drivers/tty/vt/vt.c of Linux (respond_ID: VT102ID; no DECRQM, no XTVERSION); console_codes(4).
LINUX = Personality(
    "Linux console",
    {"TERM": "linux"},
    da1="6",
    pixels=False,
    clipboard="",
    tells_colors=False,
)
# input.c of tmux 3.3a: no DECRQM of private modes, of CSI t only 18.
TMUX = Personality(
    "tmux 3.3a",
    {
        "TERM": "tmux-256color",
        "TMUX": "/tmp/tmux-0/default,1,0",
        "TERM_PROGRAM": "tmux",
        "TERM_PROGRAM_VERSION": "3.3a",
    },
    da1="1;2",
    da2="84;0;0",
    version="tmux 3.3a",
    windows=frozenset({18}),
    pixels=False,
)
# input.c of tmux 3.7 with allow-passthrough on, in a kitty.
TMUX_IN_KITTY = Personality(
    "tmux 3.7 in kitty",
    TMUX.environment | {"TERM_PROGRAM_VERSION": "3.7", "COLORTERM": "truecolor"},
    da1="1;2",
    da2="84;0;0",
    version="tmux 3.7",
    modes=_MOUSE | {7, 2026},
    windows=frozenset({14, 16, 18}),
    passthrough=True,
    outer=KITTY,
)

ALL = (
    KITTY_026, KITTY, GHOSTTY, GHOSTTY_12, WEZTERM, FOOT, ITERM2, XTERM, XTERM_SIXEL, WINDOWS_TERMINAL, GNOME_TERMINAL,
    KONSOLE, ALACRITTY, LINUX, TMUX, TMUX_IN_KITTY,
)  # fmt: skip

# No terminal in particular: cells, true colour, and what the app likes to have.
PLAIN = Personality(
    "plain",
    {"TERM": "xterm-256color"},
    da1="62;22",
    version="test terminal(1.0)",
    modes=frozenset({2026}),
    windows=frozenset({16}),
    keyboard=True,
)
