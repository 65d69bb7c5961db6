"""Typing by meaning into a system whose X server is set to the layout: every character that its table can type."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from keymap.test_layouts import LISTED, typable
from keymap.xkb_guest import xkb_names

import spicetui
from spicetui.keymap.text import LAYOUTS, Stroke, Typed, load_layout, spell

from . import library, needs
from .cli import Cli
from .conftest import Row
from .process import DEADLINE
from .xscenes import TESTS
from .xspice import Xspice

# Xspice's keyboard gives X the scancode plus 8, without a table for the two keys that the kernel numbers anew.
KEYCODES = 'xkb_keycodes { include "evdev+aliases(qwerty)" override <AB11> = 123; override <AE13> = 133; };'
CHUNK = 60
"""Characters under way at once; X's queue holds 512 events."""


class Reader:
    """A program that says what is typed into it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._fd = process.stdout.fileno()
        self._held = b""

    def read_through(self, end: bytes) -> str:
        while end not in self._held:
            ready, _, _ = select.select([self._fd], [], [], DEADLINE)
            assert ready, f"waited for {end!r}, got {self._held.decode()!r}"
            data = os.read(self._fd, 65536)
            assert data, f"the reader ended, after {self._held!r}"
            self._held += data
        said, self._held = self._held.split(end, 1)
        return said.decode()


@contextmanager
def reader(server: Xspice, program: str = "xlib_reader") -> Iterator[Reader]:
    """One of this folder, with the keyboard; it knows the layout that is set when it starts."""
    words = [sys.executable, "-s", "-m", f"live.{program}"]
    environment = {**server.environment, "GTK_IM_MODULE": "gtk-im-context-simple", "NO_AT_BRIDGE": "1"}
    with subprocess.Popen(words, cwd=TESTS, env=environment, stdout=subprocess.PIPE) as process:
        try:
            found = Reader(process)
            found.read_through(b"\n")
            yield found
        finally:
            process.kill()


def set_layout(server: Xspice, layout: str, options: str = "") -> None:
    """As setxkbmap does, with Xspice's keycodes."""
    pairs = [xkb_names()[one] for one in layout.split(",")]
    words = ["-layout", ",".join(one for one, _ in pairs), "-variant", ",".join(one for _, one in pairs)]
    words += ["-option", "", *(("-option", options) if options else ())]
    lines = server.run("setxkbmap", "-rules", "evdev", "-model", "pc105", *words, "-print").splitlines()
    keymap = "\n".join(KEYCODES if line.strip().startswith("xkb_keycodes") else line for line in lines)
    subprocess.run(
        [needs.program("xkbcomp"), "-w", "0", "-", server.display],
        input=keymap, text=True, env=server.environment, check=True, timeout=DEADLINE, capture_output=True,
    )  # fmt: skip


async def differences(client: spicetui.Client, reader: Reader, typed: Sequence[Typed]) -> list[tuple[str, str]]:
    """Types, each bunch when the one before it has come; what was typed and what came, where it is not the same."""
    assert client.inputs is not None
    wrong: list[tuple[str, str]] = []
    enter = spell("\n").typed
    for start in range(0, len(typed), CHUNK):
        bunch = typed[start : start + CHUNK]
        for one in (*bunch, *enter):
            for stroke in one.strokes:
                for key, down in stroke.switches:
                    (client.inputs.key_down if down else client.inputs.key_up)(key)
        said = await asyncio.to_thread(reader.read_through, b"\r")
        wanted = "".join(one.text for one in bunch)
        if said != wanted:
            wrong.append((wanted, said))
    return wrong


async def test_every_character_of_every_layout(private: Path, row: Row) -> None:
    """All levels and all that the dead keys compose; then the levels again with the guest's Caps Lock on."""
    wrong = {}
    with Xspice(private) as server:
        driver = library.Watcher()
        async with await library.connect(server.address(), driver) as client:
            assert client.inputs is not None
            for layout in LISTED:
                set_layout(server, layout)
                table = load_layout(layout)
                plain = spell("".join(typable(layout)), layout)
                direct = "".join(one for one in typable(layout, True) if one in table.direct(True))
                caps = spell(direct, layout, caps_lock=True)
                assert not plain.missing
                assert not caps.missing
                with reader(server) as found:
                    wrong[layout] = await differences(client, found, plain.typed)
                    if table.caps_keys:
                        await differences(client, found, [Typed("", (Stroke(table.caps_keys),))])
                        wrong[layout] += await differences(client, found, caps.typed)
                        await differences(client, found, [Typed("", (Stroke(table.caps_keys),))])
                row(
                    "typed by meaning into an X client, the guest set to the layout",
                    layout=layout,
                    title=LAYOUTS[layout],
                    characters=len(plain.typed),
                    by_dead_keys=sum(len(one.strokes) > 1 for one in plain.typed),
                    under_caps_lock=len(caps.typed) if table.caps_keys else "",
                    arrived="all" if not wrong[layout] else f"not: {wrong[layout]}",
                )
    assert {layout: found for layout, found in wrong.items() if found} == {}


def test_the_command_in_two_alphabets(private: Path, cli: Cli, row: Row) -> None:
    text = "cd Загрузки; echo 'привет, world' | wc -c № 5"
    with Xspice(private) as server:
        set_layout(server, "us,ru", "grp:alt_shift_toggle")
        with reader(server) as found:
            result = cli.at(server.address(), "type", "--layout", "us,ru", text + "\n")
            assert result.status == 0, result.stderr
            assert found.read_through(b"\r") == text


@pytest.mark.parametrize("layout", ["us", "fr", "cz", "us-dvorak"])
def test_any_unicode_into_gtk(layout: str, private: Path, cli: Cli) -> None:
    if not list(Path("/usr").glob("lib/*/libgtk-3.so.0")):
        needs.missing("GTK 3", "libgtk-3-0")
    text = "naïve ☃ 😀 ∀x∈ℝ x\u0302 日本語 \u00ad\u200d."
    with Xspice(private) as server:
        set_layout(server, layout)
        with reader(server, "gtk_reader") as found:
            result = cli.at(server.address(), "type", "--layout", layout, "--unicode", "ctrl-shift-u", text + "\n")
            assert result.status == 0, result.stderr
            assert found.read_through(b"\r") == text
