"""Which terminals draw which block characters themselves, so that they fit without seams whatever the font is.

No query tells; these are the first versions, each from the terminal's source or changelog.  A terminal that is not
known here may still have a font with them, so they can be asked for by name.
"""

from __future__ import annotations

from typing import NamedTuple

Version = tuple[int, ...]

NEVER: Version = (1 << 30,)


class First(NamedTuple):
    """The first versions that draw them."""

    sextants: Version
    octants: Version


#: By the name that XTVERSION answers, or TERM_PROGRAM has, in lower case.
KNOWN = {
    # changelog: 0.19.0, 0.40.0.  U+1CEA0 … come with 0.47 only, so blocks.OCTANTS does without them.
    "kitty": First((0, 19), (0, 40)),
    # src/font/sprite/Box.zig of 1.0.0 and 1.1.1
    "ghostty": First((1, 0), (1, 1, 1)),
    # box-drawing.c of 1.7.0; changelog of 1.20.0
    "foot": First((1, 7), (1, 20)),
    # docs/changelog.md: 20210814-124438; octants since the builds of 2025-02-08
    "wezterm": First((20210814,), (20250209,)),
    # src/characters/LineBlockCharacters.h of 22.04.0
    "konsole": First((22, 4), NEVER),
    # iTermBoxDrawingBezierCurveFactory.m of 3.6.7
    "iterm2": First((3, 6, 7), NEVER),
    "iterm.app": First((3, 6, 7), NEVER),
    # CHANGELOG.md of 0.13.2
    "alacritty": First((0, 13, 2), NEVER),
    # src/vtedraw.cc of 0.60.0, src/minifont.cc of 0.78.0; both write 0.78.1 as 7801
    "vte": First((6000,), (7800,)),
}


def octants(name: str, program: str, vte: int) -> bool:
    """*name*: what XTVERSION answered; *program*: TERM_PROGRAM and its version; *vte*: VTE_VERSION, 0 for none."""
    return _draws(name, program, vte, "octants")


def sextants(name: str, program: str, vte: int) -> bool:
    return _draws(name, program, vte, "sextants")


def _draws(name: str, program: str, vte: int, what: str) -> bool:
    # The environment is inherited by terminals that are started from others, and by tmux; an answer counts more.
    if not name and not program and vte:
        name = f"VTE({vte})"
    who, version = _split(name or program)
    first: Version = getattr(KNOWN.get(who, First(NEVER, NEVER)), what)
    return version >= first


def _split(name: str) -> tuple[str, Version]:
    from .caps import split_name

    return split_name(name)
