"""``spicetui probe``."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from .exits import FAILED, OK, complain

if TYPE_CHECKING:
    from ..geometry import Size
    from ..term.caps import Caps

USAGE = "[--json]"
DESCRIPTION = "Tell what this terminal can do, how the picture would be drawn on it and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")


def run(arguments: argparse.Namespace) -> int:
    import termios

    from ..geometry import Size
    from ..term.caps import PROBE_SECONDS, Caps
    from ..term.environment import unusable
    from ..term.multiplexer import ask_tmux
    from ..term.probe import cell_px, probe

    reason = unusable(os.environ)
    if reason is not None:
        complain(reason)
        return FAILED
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        complain("there is no terminal to ask; run it inside one")
        return FAILED
    try:
        caps, seconds = probe(terminal, terminal, ask_tmux(Caps.from_environment(os.environ)))
        cell = cell_px(terminal, Size(*os.get_terminal_size(terminal)), caps)
    except (OSError, termios.error) as error:
        complain(f"the terminal cannot be asked: {error}")
        return FAILED
    finally:
        os.close(terminal)
    facts = collect(caps, seconds, cell)
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else describe(facts, PROBE_SECONDS))
    return OK


def collect(caps: Caps, seconds: float | None, cell: Size | None) -> dict[str, Any]:
    from ..term.backends import choose, judge

    return {
        "terminal": caps.name or None,
        "term": caps.term,
        "program": caps.program or None,
        "answered_ms": round(seconds * 1000, 1) if seconds is not None else None,
        "tmux": caps.tmux,
        "around_tmux": caps.around or None,
        "ssh": caps.ssh,
        "colors": caps.colors.value,
        "cell_px": list(cell) if cell else None,
        "keyboard_protocol": caps.keyboard,
        "pixel_mouse": caps.pixel_mouse,
        "synchronized_output": caps.synchronized,
        "in_band_resize": caps.in_band_resize,
        "kitty_graphics": caps.kitty_graphics,
        "kitty_shared_files": caps.kitty_files,
        "kitty_edits": caps.kitty_edits,
        "kitty_placeholders": caps.placeholders,
        "sixel": caps.sixel,
        "sixel_registers": caps.sixel_registers or None,
        "sixel_max_px": list(caps.sixel_max) if caps.sixel_max else None,
        "iterm2_images": caps.iterm2,
        "graphics": choose(caps).name,
        "ranking": [
            {"name": found.backend.name, "usable": found.usable, "reason": found.reason or None}
            for found in judge(caps)
        ],
    }


_WORDS = {
    "keyboard_protocol": "kitty keyboard protocol",
    "pixel_mouse": "mouse places in pixels (1016)",
    "synchronized_output": "synchronised output (2026)",
    "in_band_resize": "in-band resize (2048)",
    "kitty_graphics": "kitty graphics",
    "kitty_shared_files": "  reads files of this machine",
    "kitty_edits": "  edits parts of an image",
    "kitty_placeholders": "  unicode placeholders",
    "sixel": "sixel",
    "iterm2_images": "iTerm2 images",
}


def describe(facts: dict[str, Any], patience: float) -> str:
    """The facts for people."""
    answered = facts["answered_ms"]
    tmux = f"in tmux in {facts['around_tmux'] or 'an unnamed terminal'}"
    where = [word for word, is_so in ((tmux, facts["tmux"]), ("over SSH", facts["ssh"])) if is_so]
    name = facts["terminal"] or facts["program"] or "unnamed"
    lines = [
        f"terminal          {name} (TERM={facts['term']}){', ' + ', '.join(where) if where else ''}",
        "answered          "
        + (f"in {answered} ms" if answered is not None else f"not within {patience * 1000:.0f} ms: little is known"),
        f"colours           {facts['colors']}",
        "cell              " + ("{}x{} px".format(*facts["cell_px"]) if facts["cell_px"] else "size unknown"),
        "",
    ]
    for key, word in _WORDS.items():
        more = ""
        if key == "sixel" and facts["sixel"]:
            parts = []
            if facts["sixel_registers"]:
                parts.append(f"{facts['sixel_registers']} registers")
            if facts["sixel_max_px"]:
                parts.append("up to {}x{} px".format(*facts["sixel_max_px"]))
            more = f" ({', '.join(parts)})" if parts else ""
        lines.append(f"{'yes' if facts[key] else 'no ':4} {word}{more}")
    lines += ["", "ranking"]
    for index, entry in enumerate(facts["ranking"], 1):
        mark = "  <- chosen" if entry["name"] == facts["graphics"] else ""
        reason = f"  {entry['reason']}" if entry["reason"] else ""
        lines.append(f"{index:2} {entry['name']:10}{mark}{reason}")
    lines += ["", f"spicetui draws with {facts['graphics']} here; --graphics NAME takes another."]
    return "\n".join(lines)
