"""What is learnt of the terminal."""

from __future__ import annotations

import pytest

from spicetui.geometry import Size
from spicetui.term.backends import choose
from spicetui.term.caps import Caps, split_name
from spicetui.term.cells import Colors
from spicetui.term.environment import unusable
from spicetui.term.multiplexer import learn_tmux
from spicetui.term.tokenizer import Reply, Tokenizer


def learn(data: bytes, caps: Caps | None = None) -> Caps:
    caps = caps or Caps()
    for event in Tokenizer().feed(data):
        assert isinstance(event, Reply)
        caps = caps.learn(event)
    return caps


def test_what_kitty_answers() -> None:
    caps = learn(
        b"\x1b[?31u\x1b[?1016;2$y\x1b[?2026;2$y\x1bP>|kitty(0.26.5)\x1b\\\x1b[6;17;8t\x1b[4;816;1280t\x1b[?62;c"
    )
    assert caps.key_releases
    assert caps.pixel_mouse
    assert caps.synchronized
    assert caps.cell_px == Size(8, 17)
    assert caps.text_px == Size(1280, 816)
    assert caps.name == "kitty(0.26.5)"
    assert caps.answered


def test_what_a_plain_terminal_answers() -> None:
    caps = learn(b"\x1b[?2026;0$y\x1b[?1;2c")
    assert not caps.key_releases
    assert not caps.synchronized
    assert caps.answered


def test_an_answer_that_tells_nothing_changes_nothing() -> None:
    caps = Caps()
    assert caps.learn(Reply("status", (0,))) is caps
    assert caps.learn(Reply("window", (6, 0, 0))) is caps
    assert caps.learn(Reply("mode", ())) is caps


def test_names_are_made_harmless() -> None:
    assert learn(b"\x1bP>|a\x07b\x1b\\").name == "ab"


def test_device_attributes_are_asked_last() -> None:
    assert Caps().queries("/tmp/pixel").endswith(b"\x1b[c")


def test_terminals_that_print_strings_are_asked_for_none() -> None:
    for term in ("linux", "screen-256color"):
        assert b"\x1b_" not in Caps.from_environment({"TERM": term}).queries()
    assert b"\x1b_Ga=q" in Caps.from_environment({"TERM": "xterm-256color"}).queries()


def test_tmux_itself_is_asked_of_the_terminal_around_it() -> None:
    caps = Caps.from_environment({"TERM": "tmux-256color", "TMUX": "/tmp/socket,1,0"})
    assert b"\x1b_" not in caps.queries("/tmp/pixel")
    assert learn_tmux(caps, "xterm-kitty|on|kitty(0.36.4)\n").placeholders
    assert learn_tmux(caps, "xterm-kitty|on|kitty(0.36.4)\n").kitty_edits
    assert learn_tmux(caps, "xterm-kitty|on|\n").kitty_graphics  # a tmux that does not know the version
    assert learn_tmux(caps, "xterm-ghostty|1|ghostty 1.2.0\n").kitty_graphics
    for answer in (
        "xterm-kitty|on|kitty(0.26.5)",
        "|||||",
        "xterm-kitty|off",
        "xterm-kitty|0",
        "xterm-256color|on",
        "",
        "|on",
        "\x1b[31m|on",
    ):
        assert not learn_tmux(caps, answer).kitty_graphics


def test_graphics_answers() -> None:
    caps = learn(
        b"\x1b[?1;0;1024S\x1b[?2;0;1000;728S\x1b_Gi=1572929505;OK\x1b\\"
        b"\x1b_Gi=1572929506;EBADF:cannot read\x1b\\\x1b_Gi=1572929507,r=1;OK\x1b\\\x1b[?62;4c"
    )
    assert (caps.kitty_graphics, caps.kitty_files, caps.kitty_edits) == (True, False, True)
    assert caps.sixel
    assert caps.sixel_registers == 1024
    assert caps.sixel_max == Size(1000, 728)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("kitty(0.36.4)", ("kitty", (0, 36, 4))),
        ("ghostty 1.2.0", ("ghostty", (1, 2, 0))),
        ("WezTerm 20240203-110809-5046fc22", ("wezterm", (20240203,))),
        ("iTerm2 3.5.0", ("iterm2", (3, 5, 0))),
        ("XTerm(379)", ("xterm", (379,))),
        ("foot(1.20.1)", ("foot", (1, 20, 1))),
        ("", ("", ())),
    ],
)
def test_names_and_versions(name: str, parts: tuple[str, tuple[int, ...]]) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Colors.TRUE),
        ({"TERM": "xterm-kitty"}, Colors.TRUE),
        ({"TERM": "tmux-256color"}, Colors.TRUE),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Colors.PALETTE),
        ({"TERM": "linux"}, Colors.ANSI16),
        ({"TERM": "vt220"}, Colors.MONO),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, Colors.GRAY),
        ({"TERM": "xterm", "NO_COLOR": ""}, Colors.TRUE),
    ],
)
def test_colours_by_the_environment(environment: dict[str, str], colors: Colors) -> None:
    assert Caps.from_environment(environment).colors is colors


def test_a_name_can_tell_of_more_colours() -> None:
    palette = Caps(colors=Colors.PALETTE)
    assert learn(b"\x1bP>|WezTerm 2024\x1b\\", palette).colors is Colors.TRUE
    assert learn(b"\x1bP>|other\x1b\\", palette).colors is Colors.PALETTE


def test_a_terminal_that_can_show_nothing() -> None:
    assert unusable({"TERM": "xterm"}) is None
    reason = unusable({"TERM": "dumb"})
    assert reason is not None
    assert "TERM" in reason
    assert unusable({})


def test_pictures_in_tmux_over_ssh_are_asked_for() -> None:
    environment = {"TERM": "tmux-256color", "TMUX": "/tmp/socket,1,0"}
    here = learn_tmux(Caps.from_environment(environment), "xterm-kitty|on|kitty(0.36.4)")
    there = learn_tmux(Caps.from_environment(environment | {"SSH_TTY": "/dev/pts/1"}), "xterm-kitty|on|kitty(0.36.4)")
    assert choose(here).name == "kitty"
    assert choose(there).name != "kitty"
    assert choose(there, "kitty").name == "kitty"
