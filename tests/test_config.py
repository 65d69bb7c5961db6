"""The configuration file: what is taken from it, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui import config
from spicetui.config import Config, ConfigError, Macro

PATH = Path("/home/user/.config/spicetui/config.toml")

WHOLE = """\
# mine
[keys]
prefix = "ctrl+g"
layout = "de"
unicode = "ctrl-shift-u"

[mouse]
horizontal_wheel = "shift"

[sound]
volume_sync = "on"

[macros]
terminal = "ctrl+alt+t"
"run: notes" = ["super+r", "n", "enter"]
"""


def test_all_of_it() -> None:
    found = config.parse(WHOLE, PATH)
    assert found.word("keys", "prefix") == "ctrl+g"
    assert found.word("keys", "layout") == "de"
    assert found.word("keys", "unicode") == "ctrl-shift-u"
    assert found.word("mouse", "horizontal_wheel") == "shift"
    assert found.word("sound", "volume_sync") == "on"
    assert found.macros == (Macro("terminal", ("ctrl+alt+t",)), Macro("run: notes", ("super+r", "n", "enter")))
    assert str(found.wrong("keys", "prefix", "no such key")) == f"{PATH}, line 3: keys.prefix: no such key"
    assert str(found.wrong("macros", "run: notes", "what?")) == f"{PATH}, line 15: macros.run: notes: what?"


def test_none_of_it(tmp_path: Path) -> None:
    found = config.load(tmp_path / "none.toml")
    assert found.word("keys", "prefix") is None
    assert found.macros == ()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[keys]\nprefix = \n", 2, "invalid value"),
        ("\n[key]\n", 2, "'key' is no section; there are [keys], [mouse], [clipboard], [sound], [macros]"),
        ("prefix = 'f12'\n", 1, "'prefix' is no section"),
        ("[keys]\n\nprefx = 'f12'\n", 3, "[keys] has no 'prefx'; it has prefix, layout, unicode"),
        ("[keys]\nprefix = 5\n", 2, "keys.prefix must be text in quotes"),
        ("keys.prefix = 5\n", 1, "keys.prefix must be text in quotes"),
        ("[mouse]\nhorizontal_wheel = 'on'\n", 2, '"off" or "shift"'),
        ("[macros]\na = 'b'\nc = []\n", 3, 'macros.c must be like "ctrl+alt+t"'),
        ("[macros]\n'' = 'b'\n", 2, "1 to 40 characters"),
        ("[macros]\n'" + "x" * 41 + "' = 'b'\n", 2, "1 to 40 characters"),
        ("[macros]\na = " + str(["b"] * 65) + "\n", 2, "more than 64 combinations"),
        ("[macros]\n" + "".join(f"m{n} = 'b'\n" for n in range(65)), 66, "more than 64 macros"),
    ],
)
def test_errors_name_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, PATH)
    assert str(caught.value).startswith(f"{PATH}, line {line}: ")
    assert words in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        config.load(tmp_path)
    path = tmp_path / "config.toml"
    path.write_bytes(b"# " + b"x" * config.MAX_BYTES)
    with pytest.raises(ConfigError, match="longer than 64 KiB"):
        config.load(path)
    path.write_bytes(b"[keys]\n\xff")
    with pytest.raises(ConfigError, match="line 2: is not UTF-8 text"):
        config.load(path)
    path.write_text("a = " + "[" * 30_000)
    with pytest.raises(ConfigError):
        config.load(path)


def test_where_it_is() -> None:
    assert config.default_path({"HOME": "/home/user"}) == PATH
    assert config.default_path({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}) == Path("/x/spicetui/config.toml")
    assert config.default_path({"HOME": "/home/user", "XDG_CONFIG_HOME": "relative"}) == PATH


@given(st.text(max_size=200) | st.lists(st.sampled_from(WHOLE.splitlines()), max_size=12).map("\n".join))
def test_anything_is_a_configuration_or_a_clear_error(text: str) -> None:
    found: Config | ConfigError
    try:
        found = config.parse(text, PATH)
    except ConfigError as error:
        found = error
    assert isinstance(found, Config) or str(found).startswith(str(PATH))
