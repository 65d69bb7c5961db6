"""The user's configuration, ``~/.config/spicetui/config.toml``: read, checked for its shape, never written.

What the words mean (key names, layouts) is checked by who uses them, who calls :meth:`Config.wrong` for an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .errors import SpiceError

MAX_BYTES = 64 << 10
MAX_MACROS = 64
MAX_CHORDS = 64  # of one macro
MAX_NAME = 40

_WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("keys", "prefix"): (),
    ("keys", "layout"): (),
    ("keys", "unicode"): ("off", "ctrl-shift-u", "alt-code"),
    ("mouse", "horizontal_wheel"): ("off", "shift"),
    ("clipboard", "to_guest"): ("off", "ask", "on"),
    ("clipboard", "from_guest"): ("off", "ask", "on"),
    ("clipboard", "paste"): (),
    ("sound", "volume_sync"): ("off", "on"),
}
_TABLE = "[]"  # where a section begins
_SECTIONS = (*dict.fromkeys(section for section, _ in _WORDS), "macros")


class ConfigError(SpiceError):
    """The configuration cannot be used; the text names the file and, where there is one, the line."""


class Macro(NamedTuple):
    """Combinations that are pressed one after the other, as the user has written them."""

    name: str
    chords: tuple[str, ...]


class Config:
    """*words* are the settings that are given, by section and name."""

    def __init__(
        self,
        path: Path,
        words: Mapping[tuple[str, str], str] | None = None,
        macros: tuple[Macro, ...] = (),
        lines: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self.path = path
        self.macros = macros
        self._words = words or {}
        self._lines = lines or {}

    def word(self, section: str, name: str) -> str | None:
        assert (section, name) in _WORDS
        return self._words.get((section, name))

    def wrong(self, section: str, name: str, problem: object) -> ConfigError:
        """The error for a value that is no good."""
        return _error(self.path, f"{section}.{name}: {problem}", self._lines.get((section, name), 0))


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    base = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path(environment.get("HOME", "") or "~").expanduser() / ".config"
    return folder / "spicetui" / "config.toml"


def load(path: Path | None = None) -> Config:
    """The configuration; an empty one when there is no file. Raises ConfigError."""
    path = path or default_path()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Config(path)
    except OSError as error:
        raise _error(path, f"cannot be read: {(error.strerror or '').lower()}") from error
    if len(data) > MAX_BYTES:
        raise _error(path, f"is longer than {MAX_BYTES >> 10} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _error(path, "is not UTF-8 text", data[: error.start].count(b"\n") + 1) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Raises ConfigError."""
    import tomllib

    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r" \(at line (\d+), .*\)", str(error))
        raise _error(
            path, str(error).partition(" (at ")[0].lower() or "nests too deep", int(found[1]) if found else 0
        ) from error
    lines = _find_lines(text)
    words: dict[tuple[str, str], str] = {}
    macros: list[Macro] = []
    for section, table in tables.items():
        if section not in _SECTIONS or not isinstance(table, dict):
            known = ", ".join(f"[{name}]" for name in _SECTIONS)
            raise _error(path, f"{section!r} is no section; there are {known}", lines.get((section, _TABLE), 0))
        for name, value in table.items():
            place = section, name
            if section == "macros":
                macros.append(Macro(name, _chords(path, name, value, lines.get(place, 0))))
            elif place not in _WORDS:
                known = ", ".join(one for where, one in _WORDS if where == section)
                raise _error(path, f"[{section}] has no {name!r}; it has {known}", lines.get(place, 0))
            elif not isinstance(value, str) or (_WORDS[place] and value not in _WORDS[place]):
                choice = " or ".join(f'"{word}"' for word in _WORDS[place]) or "text in quotes"
                raise _error(path, f"{section}.{name} must be {choice}", lines.get(place, 0))
            else:
                words[place] = value
    if len(macros) > MAX_MACROS:
        raise _error(path, f"has more than {MAX_MACROS} macros", lines.get(("macros", macros[MAX_MACROS].name), 0))
    return Config(path, words, tuple(macros), lines)


def _chords(path: Path, name: str, value: Any, line: int) -> tuple[str, ...]:
    chords = [value] if isinstance(value, str) else value
    if not (isinstance(chords, list) and chords and all(isinstance(chord, str) for chord in chords)):
        raise _error(path, f'macros.{name} must be like "ctrl+alt+t" or ["super+r", "enter"]', line)
    if len(chords) > MAX_CHORDS:
        raise _error(path, f"macros.{name} has more than {MAX_CHORDS} combinations", line)
    if not (0 < len(name) <= MAX_NAME and name.isprintable()):
        raise _error(path, f"a macro's name has 1 to {MAX_NAME} characters that can be shown", line)
    return tuple(chords)


def _error(path: Path, problem: str, line: int = 0) -> ConfigError:
    return ConfigError(f"{path}{f', line {line}' if line else ''}: {problem}")


_HEADER = re.compile(r"\s*\[\s*([\w-]+)\s*\]")
_NAME = re.compile(r"""\s*(?:([\w-]+)\s*\.\s*)?("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)\s*=""")


def _find_lines(text: str) -> dict[tuple[str, str], int]:
    """Where each name is set, for messages: a valid file, so a look at the beginnings of lines will do."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header[1]
            found.setdefault((section, _TABLE), number)
        elif name := _NAME.match(line):
            found.setdefault((name[1] or section, name[2].strip("\"'")), number)
            if not section and not name[1]:
                found.setdefault((name[2].strip("\"'"), _TABLE), number)
    return found
