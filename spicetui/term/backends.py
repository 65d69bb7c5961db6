"""The backends in one list, best first, and the choice among them.

A new one is a row in BACKENDS: why a terminal cannot take it, and how its plane is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .caps import Caps, split_name

if TYPE_CHECKING:
    from .plane import Plane


@dataclass(frozen=True, slots=True)
class Backend:
    """*why_not* tells why a terminal cannot show it, empty when it can; *why_not_auto* why it is not chosen unasked."""

    name: str
    title: str
    why_not: Callable[[Caps], str]
    make: Callable[[Caps, int], Plane]
    why_not_auto: Callable[[Caps], str] = lambda caps: ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A backend on one terminal: *reason* is why it is not taken, empty for those that would do."""

    backend: Backend
    usable: bool
    reason: str


def _no_kitty(caps: Caps) -> str:
    if caps.kitty_graphics:
        return ""
    if caps.tmux:
        if not caps.passthrough:
            return "tmux hands nothing on (set -g allow-passthrough on)"
        return "the terminal around tmux is not known to have unicode placeholders"
    return "the terminal did not answer the kitty graphics query"


def _make_kitty(caps: Caps, backdrop: int) -> Plane:
    from .kitty import KittyPlane

    return KittyPlane(
        backdrop,
        shared_files=caps.kitty_files,
        edits=caps.kitty_edits and split_name(caps.name)[0] != "wezterm",  # it takes each chunk for a whole edit
        placeholders=caps.placeholders,
        tmux=caps.tmux,
    )


def _make_iterm2(caps: Caps, backdrop: int) -> Plane:
    from .iterm2 import ITerm2Plane

    return ITerm2Plane(backdrop)


def _no_sixel(caps: Caps) -> str:
    return "" if caps.sixel else "the terminal's attributes (DA1) have no 4"


def _make_sixel(caps: Caps, backdrop: int) -> Plane:
    from .sixel import SixelPlane

    return SixelPlane(backdrop, registers=caps.sixel_registers or 256, max_px=caps.sixel_max)


def _cells(kind: str) -> Callable[[Caps, int], Plane]:
    def make(caps: Caps, backdrop: int) -> Plane:
        from .cells import CellKind, CellPlane

        return CellPlane(CellKind(kind), caps.colors, backdrop)

    return make


def _never(caps: Caps) -> str:
    return ""


BACKENDS: tuple[Backend, ...] = (
    Backend(
        "kitty",
        "kitty graphics",
        _no_kitty,
        _make_kitty,
        # tmux throws away what a terminal does not take in time, and says of nothing when it has been read.
        lambda caps: "tmux loses pictures on slow lines" if caps.tmux and caps.ssh else "",
    ),
    Backend(
        "iterm2",
        "iTerm2 images",
        lambda caps: "" if caps.iterm2 else "the terminal is none of those that take iTerm2's images",
        _make_iterm2,
    ),
    Backend("sixel", "sixel", _no_sixel, _make_sixel),
    Backend(
        "octant",
        "octants (2x4)",
        _never,
        _cells("octant"),
        lambda caps: "" if caps.octants else "not known to have octants",
    ),
    Backend(
        "sextant",
        "sextants (2x3)",
        _never,
        _cells("sextant"),
        lambda caps: "" if caps.sextants else "not known to have sextants",
    ),
    Backend(
        "quadrant",
        "quadrants (2x2)",
        _never,
        _cells("quadrant"),
        lambda caps: "" if caps.quadrants else "the fonts of such a terminal have none",
    ),
    Backend(
        "half",
        "half blocks (1x2)",
        _never,
        _cells("half"),
        lambda caps: "" if caps.half_blocks else "the fonts of such a terminal have none",
    ),
    Backend("ascii", "characters", _never, _cells("ascii")),
)
CELLS = ("octant", "sextant", "quadrant", "half", "ascii")
BY_NAME = {backend.name: backend for backend in BACKENDS}


def judge(caps: Caps) -> list[Judgement]:
    """All of them, best first."""
    found = []
    for backend in BACKENDS:
        reason = backend.why_not(caps)
        found.append(Judgement(backend, not reason, reason or backend.why_not_auto(caps)))
    return found


def choose(caps: Caps, wanted: str = "auto") -> Backend:
    """The backend that was asked for, whatever the terminal says of it.

    ``auto``: the best that is known to work; ``text``: likewise of the cells, for what is no text console.
    """
    if wanted in BY_NAME:
        return BY_NAME[wanted]
    found = [judgement.backend for judgement in judge(caps) if not judgement.reason]
    return next(backend for backend in found if wanted != "text" or backend.name in CELLS)
