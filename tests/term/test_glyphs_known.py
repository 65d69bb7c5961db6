"""Which terminals are known to draw octants and sextants."""

from __future__ import annotations

import pytest

from spicetui.term import glyphs_known


@pytest.mark.parametrize(
    ("name", "program", "vte", "sextants", "octants"),
    [
        ("kitty(0.40.0)", "", 0, True, True),
        ("kitty(0.39.1)", "", 0, True, False),
        ("kitty(0.18.3)", "", 0, False, False),
        ("kitty(1.0.0)", "", 0, True, True),
        ("ghostty 1.2.0", "", 0, True, True),
        ("ghostty 1.1.0", "", 0, True, False),
        ("ghostty 1.1.1", "", 0, True, True),
        ("foot(1.20.0)", "", 0, True, True),
        ("foot(1.19.0)", "", 0, True, False),
        ("foot(1.13.1)", "", 0, True, False),
        ("WezTerm 20240203-110809-5046fc22", "", 0, True, False),
        ("WezTerm 20250209-182623-44866cc1", "", 0, True, True),
        ("Konsole 22.12.3", "", 0, True, False),
        ("Konsole 21.12.0", "", 0, False, False),
        ("iTerm2 3.6.7", "", 0, True, False),
        ("iTerm2 3.5.14", "", 0, False, False),
        ("VTE(7800)", "", 7800, True, True),
        ("VTE(7603)", "", 7603, True, False),
        ("", "", 7802, True, True),
        ("", "", 5800, False, False),
        ("", "iTerm.app 3.6.10", 0, True, False),
        ("", "WezTerm 20220101-133340-7edc5b5a", 0, True, False),
        ("XTerm(379)", "", 7802, False, False),  # started from a GNOME Terminal
        ("tmux 3.4", "WezTerm 20250209-182623-44866cc1", 7802, False, False),
        ("", "tmux 3.4", 7802, False, False),
        ("", "", 0, False, False),
        ("kitty", "", 0, False, False),
        ("a terminal", "vscode 1.95.0", 0, False, False),
    ],
)
def test_what_is_known(name: str, program: str, vte: int, sextants: bool, octants: bool) -> None:
    assert glyphs_known.sextants(name, program, vte) is sextants
    assert glyphs_known.octants(name, program, vte) is octants
