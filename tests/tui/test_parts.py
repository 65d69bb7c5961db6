"""The app's smaller parts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from textual.strip import Strip

from spicetui.canvas.surface import Surface
from spicetui.errors import ConnectError
from spicetui.geometry import Point, Rect, Size
from spicetui.interfaces import Head
from spicetui.term.cells import CellKind, CellPlane
from spicetui.term.scale import Mapping
from spicetui.term.tokenizer import KeyPress, Tokenizer
from spicetui.tui.commands import BY_KEY, COMMANDS
from spicetui.tui.driver import textual_form
from spicetui.tui.link import MAX_NOTICES, MAX_RECTS, Link
from spicetui.tui.strips import CellStrip
from spicetui.tui.widgets.menu import key_name
from spicetui.tui.widgets.status import Status, compose_line, human_bytes
from spicetui.wire.enums import SurfaceFmt


class Told:
    """Remembers which of the listener's methods were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.calls.append(name)


def surface(display: int = 0) -> Surface:
    return Surface(0, 64, 48, SurfaceFmt.FMT_32_xRGB, display)


def test_the_link_keeps_what_came_before_anybody_listened() -> None:
    link = Link()
    picture = surface()
    link.display_init(picture)
    link.display_refresh(picture, [Rect(0, 0, 4, 4)])
    link.name_changed("vm")
    link.mouse_mode_changed(True)
    link.notice("hello")
    assert link.size == (64, 48)
    assert np.shares_memory(link.pixels, picture.pixels)
    assert link.take_damage() == [Rect(0, 0, 4, 4)]
    assert link.take_damage() == []
    assert (link.name, link.client_mouse, list(link.notices)) == ("vm", True, ["hello"])
    link.closed(ConnectError("gone"))
    assert link.over
    link.reset()
    assert not link.over
    assert link.size is None


def test_the_link_is_bounded() -> None:
    link = Link()
    picture = surface()
    link.display_init(picture)
    for number in range(10 * MAX_RECTS):
        link.display_refresh(picture, [Rect(number % 60, number % 40, 1, 1)])
        link.notice(str(number))
    assert len(link.damage) <= MAX_RECTS
    assert len(link.notices) == MAX_NOTICES


def test_only_the_shown_display_counts() -> None:
    link = Link(display=1)
    told = Told()
    link.listener = told
    first, second = surface(0), surface(1)
    link.display_init(first)
    link.display_refresh(first, [Rect(0, 0, 1, 1)])
    assert told.calls == []
    link.display_init(second)
    link.display_refresh(second, [Rect(0, 0, 1, 1)])
    assert told.calls == ["picture_replaced", "picture_damaged"]
    link.show_display(0)
    assert link.size == (64, 48)
    link.display_closed(first)
    assert link.size is None
    assert told.calls[2:] == ["picture_replaced", "picture_replaced"]


def several(count: int, display: int = 0) -> list[Head]:
    return [Head(display, number, Rect(16 * number, 0, 16, 48)) for number in range(count)]


def test_the_shown_monitor_stays_while_others_come_and_go() -> None:
    link = Link(display=1)
    link.display_init(surface(1))
    assert link.head == Head(1, 0, Rect(0, 0, 64, 48))  # the first channel is still to come
    link.heads_changed(0, several(3))
    link.display_init(surface(0))
    assert link.head == several(3)[1]
    link.show_display(3)
    link.heads_changed(0, several(2))
    assert (link.display, link.head) == (2, Head(1, 0, Rect(0, 0, 64, 48)))
    link.show_display(1)
    link.display_closed(link.surfaces[0])
    assert link.head is None  # and not the other channel's monitor, which has this number now
    link.heads_changed(0, several(2))
    link.display_init(surface(0))
    assert (link.display, link.head) == (1, several(2)[1])
    link.heads_changed(0, several(1))
    assert (link.display, link.head) == (1, Head(1, 0, Rect(0, 0, 64, 48)))


def test_a_follower_is_told_of_every_display() -> None:
    link = Link()
    link.display_init(surface(0))
    link.follower = told = Told()
    link.display_init(surface(1))
    link.display_refresh(link.surfaces[1], [Rect(0, 0, 1, 1)])
    link.heads_changed(0, several(2))
    link.display_closed(link.surfaces[1])
    link.reset()
    assert told.calls == ["displays_changed", "display_damaged", *["displays_changed"] * 3]
    assert link.take_damage() == []


@pytest.mark.parametrize("width", [0, 1, 10, 40, 80, 200])
def test_the_status_line_fits(width: int) -> None:
    status = Status(
        "machine",
        "1024x768",
        "fit 23%",
        "click for mouse",
        "30 fps",
        "0.4 ms",
        "1.2 MB",
        "2 not shown",
        "Caps",
        "Ctrl+]  menu",
    )
    line = compose_line(status, width)
    if width >= 40:
        assert cell_len(line.plain) <= width
        assert line.plain.startswith(" machine")
        assert line.plain.endswith("Ctrl+]  menu")
    if width == 200:
        assert all(part in line.plain for part in ("30 fps", "0.4 ms", "1.2 MB", "2 not shown", "Caps"))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (123456, "123 kB"), (5.2e6, "5.2 MB"), (7e9, "7.0 GB")],
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert human_bytes(count) == text


def test_commands_have_their_own_ids_and_keys() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)
    assert {key for command in COMMANDS for key in command.keys} == set(BY_KEY)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"q", "q"),
        (b"?", "?"),
        (b"\x1b[63;2;63u", "?"),
        (b"\x1b[47:63;2;63u", "?"),
        (b"\x0c", "ctrl+l"),
        (b"\x1b[108;5u", "ctrl+l"),
        (b"\x1b[D", "left"),
        (b"\x1bOQ", "f2"),
        (b"\t", "tab"),
        (b"\x1b[3~", "delete"),
        (b"\x1b[27u", "esc"),
        (b"1", "1"),
    ],
)
def test_names_of_keys_in_the_menu(data: bytes, name: str) -> None:
    (event,) = Tokenizer().feed(data)
    assert isinstance(event, KeyPress)
    assert key_name(event) == name


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a", ["a"]),
        (b"\x1b[97;1:3u", []),
        (b"\x1b[97;1:2;97u", ["a"]),
        (b"\x1b[97:65;66;65u", ["A"]),
        (b"\x1b[99;5u", ["ctrl+c"]),
        (b"\x03", ["ctrl+c"]),
        (b"\r", ["enter"]),
        (b"\x1b[13u", ["enter"]),
        (b"\t", ["tab"]),
        (b"\x1b[Z", ["shift+tab"]),
        (b"\x7f", ["backspace"]),
        (b"\x1b[1;1:1A", ["up"]),
        (b"\x1bOB", ["down"]),
        (b"\x1b[1;5C", ["ctrl+right"]),
        (b"\x1b[5~", ["pageup"]),
        (b"\x1bOP", ["f1"]),
        ("é".encode(), ["é"]),
    ],
)
def test_keys_as_textual_takes_them(data: bytes, names: list[str]) -> None:
    from textual._xterm_parser import XTermParser

    (event,) = Tokenizer().feed(data)
    assert isinstance(event, KeyPress)
    form = textual_form(event)
    found = [message.key for message in XTermParser().feed(form)] if form else []  # type: ignore[attr-defined]
    expected = [{"é": "latin_small_letter_e_with_acute"}.get(name, name) for name in names]
    assert found in (names, expected)


def strip_of(plane: CellPlane, y: int = 0) -> CellStrip:
    return CellStrip(plane, y, 0, plane.size.width)


def plane() -> CellPlane:
    plane = CellPlane(CellKind.QUADRANT)
    plane.resize(Size(20, 5))
    plane.place(Mapping(Size(80, 40), plane.size, plane.kind.sub))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 80, 4), dtype=np.uint8)
    plane.draw(pixels, [Rect(0, 0, 80, 40)])
    return plane


def test_strips_are_segments_where_somebody_insists() -> None:
    cells = plane()
    strip = strip_of(cells, 2)
    assert strip.cell_length == strip.cell_count == 20
    assert bool(strip)
    text = "".join(segment.text for segment in strip)
    assert text == "".join(chr(code) for code in cells.wanted[2, :, 0].tolist())
    assert not cells.owned.any()  # looking is not painting
    joined = Strip.join([strip.crop(3, 7), Strip.blank(2), strip.crop(7)])
    assert joined.cell_length == 4 + 2 + 13
    assert joined.text[:4] == text[3:7]
    for segment in strip:
        assert segment.style is not None
        assert segment.style.bgcolor is not None


def test_strips_own_what_they_render() -> None:
    cells = plane()
    first, second, third = strip_of(cells, 1).divide([5, 12, 20])
    assert [part.cell_length for part in (first, second, third)] == [5, 7, 8]
    rendered = second.render(None)  # type: ignore[arg-type]
    assert rendered.endswith("\x1b[m")
    assert cells.owned[1].tolist() == [0] * 5 + [1] * 7 + [0] * 8
    assert cells.owned.sum() == 7
    assert cells.difference(Point(0, 0)) == b""
    assert second.crop(2, 4).render(None) in rendered or second.crop(2, 4).cell_length == 2  # type: ignore[arg-type]


def test_strips_of_another_size_are_blank_outside() -> None:
    cells = plane()
    assert CellStrip(cells, 9, 0, 4).render(None) == "    "  # type: ignore[arg-type]
    assert CellStrip(cells, 0, 18, 24).render(None).endswith("    ")  # type: ignore[arg-type]
    assert CellStrip(cells, 9, 0, 4).text == "    "
    assert strip_of(cells).adjust_cell_length(25).cell_length == 25
    assert strip_of(cells).adjust_cell_length(5).cell_length == 5


def test_starting_imports_nothing_heavy() -> None:
    """Connecting begins before these are loaded."""
    code = "import sys, spicetui.tui.start; print([m for m in ('textual', 'rich', 'numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
