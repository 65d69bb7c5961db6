"""Text consoles are read as the guest has them; anything else is not; and only what is damaged is read again."""

from __future__ import annotations

import importlib.util
import unicodedata
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from tui.fake_client import Desktop

from spicetui.geometry import Point, Rect, Size
from spicetui.term import _glyphs, glyph_fallback, glyph_table, screentext
from spicetui.term.glyph_table import UNDER_CURSOR, WHOLE
from spicetui.term.screentext import Grid, Recognizer, TextScreen, read_screen

from . import consoles

EVERYTHING = Rect(0, 0, 1 << 15, 1 << 15)
WORDS = "The quick brown fox jumps over the lazy dog"


def interpreted() -> ModuleType:
    """The kernel's source, whether or not it is compiled."""
    path = Path(screentext.__file__).with_name("_glyphs.py")
    spec = importlib.util.spec_from_file_location("spicetui.term._interpreted_glyphs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


def trimmed(lines: list[str]) -> list[str]:
    return [line.rstrip() for line in lines]


def read(pixels: np.ndarray) -> TextScreen:
    screen = read_screen(pixels)
    assert screen is not None
    return screen


# --- what is read


@pytest.mark.parametrize("name", [name for name in consoles.names() if name != "vga-all-signs"])
@pytest.mark.parametrize("loops", [_glyphs, glyph_fallback], ids=["kernel", "numpy"])
def test_a_console_is_read_character_for_character(
    name: str, loops: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loops is _glyphs and not _glyphs.COMPILED:
        pytest.skip("the kernel is not compiled")
    monkeypatch.setattr(screentext, "_loops", loops)
    pixels, lines = consoles.recorded(name)
    screen = read(pixels)
    assert screen.lines() == trimmed(lines)
    assert screen.matched == 1.0
    if screen.cursor is not None:  # recorded while it was seen
        row = screen.cursor.y
        assert screen.cursor.x == len(trimmed(lines)[row]) + 1


def test_the_cursor_is_found() -> None:
    seen = [read(consoles.recorded(name).pixels).cursor for name in consoles.names()]
    assert sum(cursor is not None for cursor in seen) >= 4


def test_every_sign_of_the_vga() -> None:
    """In every pair of colours; a sign of one colour is a blank, and some have a twin of exchanged colours."""
    pixels, lines = consoles.recorded("vga-all-signs")
    screen = read(pixels)
    assert screen.grid == Grid(Point(0, 0), Size(9, 16), 80, 25)
    twins = {frozenset(pair) for pair in ("░▓", "▀▄", "▌▐", "∙·")}
    seen = set()
    for y, line in enumerate(lines):
        for x, sign in enumerate(line):
            code, front, back = screen.cells[y, x].tolist()
            if front != back and sign not in " █":
                assert sign == chr(code) or frozenset((sign, chr(code))) in twins
                seen.add(sign)
    assert len(seen) > 240


def test_colours_are_the_guests() -> None:
    console = consoles.framebuffer()
    console.write(3, 2, "bright", 0xFFFFFF, 0x0000AA)
    console.write(3, 3, "inverse", 0x000000, 0xAAAAAA)
    console.write(0, 9, WORDS)
    screen = read(console.pixels)
    assert screen.line(2) == "   bright"
    assert set(map(tuple, screen.cells[2, 3:9, 1:].tolist())) == {(0xFFFFFF, 0x0000AA)}
    assert screen.line(3) == "   inverse"
    assert set(map(tuple, screen.cells[3, 3:10, 1:].tolist())) == {(0x000000, 0xAAAAAA)}


@pytest.mark.parametrize("extra", [Size(0, 0), Size(6, 8), Size(7, 15)])
def test_pixels_are_left_over(extra: Size) -> None:
    console = consoles.framebuffer(160, 50, extra)
    console.write(100, 49, WORDS)
    console.write(0, 0, WORDS)
    screen = read(console.pixels)
    assert (screen.columns, screen.rows) == (160, 50)
    assert screen.text() == f"{WORDS}\n" + "\n" * 48 + " " * 100 + f"{WORDS}\n"


@pytest.mark.parametrize(("columns", "rows"), [(80, 25), (100, 31), (128, 40), (160, 42)])
def test_edk2_centres_its_text(columns: int, rows: int) -> None:
    """The modes may have cells in common; what lies around tells which it is."""
    size, cell = Size(1280, 800), Size(8, 19)
    grid = Grid(Point((1280 - columns * 8) // 2, (800 - rows * 19) // 2), cell, columns, rows)
    font = consoles.glyphs("uefi", cell, Point(240, 105))
    console = consoles.Screen(size, grid, font)
    line = "UEFI Interactive Shell"
    console.write(0, 0, line)
    console.write(columns - len(line), rows - 1, line)
    screen = read(console.pixels)
    assert screen.grid == grid
    assert screen.lines()[0] == line
    assert screen.line(rows - 1) == " " * (columns - len(line)) + line


def test_a_larger_mode_of_edk2_is_seen_when_text_comes_outside() -> None:
    size, cell = Size(1280, 800), Size(8, 19)
    small, large = Grid(Point(320, 162), cell, 80, 25), Grid(Point(240, 105), cell, 100, 31)
    font = consoles.glyphs("uefi", cell, Point(240, 105))
    console = consoles.Screen(size, small, font)
    console.write(0, 0, "Shell Shell Shell")
    recognizer = Recognizer(frames=1)
    recognizer.feed(console.pixels, [EVERYTHING])
    assert recognizer.screen is not None
    assert recognizer.screen.grid == small
    console.grid = large
    recognizer.feed(console.pixels, [console.write(0, 0, "UEFI")])
    assert recognizer.screen is not None
    assert recognizer.screen.grid == large
    assert recognizer.screen.line(0) == "UEFI"


def test_the_text_modes_need_no_text() -> None:
    """Their size says what they are; elsewhere black is nothing."""
    blank = np.zeros((400, 720, 4), np.uint8)
    screen = read(blank)
    assert (screen.columns, screen.rows, screen.text()) == (80, 25, "")
    assert read_screen(np.zeros((768, 1024, 4), np.uint8)) is None


def test_no_picture_is_taken_for_text() -> None:
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (400, 720, 4), np.uint8)
    assert read_screen(noise) is None
    assert read_screen((noise > 127).astype(np.uint8) * 255) is None
    assert read_screen(np.repeat(np.repeat(noise[:50, :90], 8, 0), 8, 1)) is None
    for width, height in ((800, 600), (1280, 800), (1920, 1080)):
        assert read_screen(Desktop(width, height).surface.pixels) is None
    for shape in ((1, 1), (3, 5000), (5000, 3), (16, 160)):
        assert read_screen(np.zeros((*shape, 4), np.uint8)) is None


def test_memory_is_bounded() -> None:
    for side in (1, 20, 1000, 8192, 32766):
        for grid in screentext.grids(Size(side, min(side, (1 << 26) // side))):
            assert grid.columns * grid.rows <= screentext.MOST_CELLS
            assert Rect(0, 0, side, side).contains(grid.area)


def test_the_table_has_no_sign_that_could_harm_a_terminal() -> None:
    found = set()
    for cell in glyph_table.sizes():
        for kind in (WHOLE, UNDER_CURSOR):
            try:
                table = glyph_table.table(cell, kind)
            except KeyError:
                continue
            found |= {entry & 0xFFFFFF for entry in table.slots[:, 2].tolist() if entry}
    assert len(found) > 900
    for code in found:
        assert code > 0x20
        assert chr(code).isprintable()
        assert cell_len(chr(code)) == 1, hex(code)
        assert unicodedata.bidirectional(chr(code)) not in ("R", "AL", "AN"), hex(code)


# --- the loops


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(sorted(glyph_table.sizes())),
    columns=st.integers(1, 9),
    rows=st.integers(1, 4),
    origin=st.builds(Point, st.integers(0, 5), st.integers(0, 5)),
    limit=st.sampled_from((0, 3, 1000)),
    seed=st.integers(0, 1 << 16),
)
def test_all_loops_give_the_same(cell: Size, columns: int, rows: int, origin: Point, limit: int, seed: int) -> None:
    """Cells of one, two and more colours, known glyphs and others, both ways round."""
    random = np.random.default_rng(seed)
    table = glyph_table.table(cell)
    height, width = origin.y + rows * cell.height + 2, origin.x + columns * cell.width + 3
    words = random.integers(0, 2, (height, width), np.uint32) * np.uint32(0xAA5500) + np.uint32(0x7F000011)
    words[: height // 2] &= random.integers(0, 2, (height // 2, width), np.uint32) * np.uint32(0xFFFFFFFF)
    words[:, : cell.width + origin.x] = 0x123456
    # make what is drawn known: a table that has some of the random cells, in both directions
    entries = []
    for x in range(1, columns):
        block = words[origin.y : origin.y + cell.height, origin.x + x * cell.width :][:, : cell.width] & 0xFFFFFF
        key = glyph_table.bitmap_hash(block == (block.max() if x % 2 else block.min()))
        entries.append((key & 0xFFFFFFFF, key >> 32, (0x40 + x) | (x % 3) << 24))
    if entries:
        table = glyph_table.build(cell, np.array(entries, np.uint32))
    results = []
    for loops in (_glyphs, interpreted(), glyph_fallback):
        out = np.full((rows, columns, 3), 7, np.uint32)
        unknown = loops.match(
            words.data, width, tuple(origin), tuple(cell), columns, (0, 0, columns, rows),
            glyph_table.weights().data, table.slots.data, table.totals, limit, out.data,
        )  # fmt: skip
        results.append((unknown, out.tolist()))
    assert results[0] == results[1] == results[2]


# --- the state


def test_two_frames_must_agree() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer()
    recognizer.feed(console.pixels, [EVERYTHING])
    assert recognizer.screen is None
    assert recognizer.undecided
    recognizer.feed(console.pixels, [])
    assert recognizer.screen is not None
    assert not recognizer.undecided
    assert recognizer.screen.line(0) == WORDS


def test_a_frame_between_that_is_no_text() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer()
    recognizer.feed(console.pixels, [EVERYTHING])
    recognizer.feed(np.random.default_rng(1).integers(0, 256, console.pixels.shape, np.uint8), [EVERYTHING])
    assert not recognizer.undecided
    recognizer.feed(console.pixels, [EVERYTHING])
    assert recognizer.screen is None
    recognizer.feed(console.pixels, [EVERYTHING])
    assert recognizer.screen is not None


def test_only_damaged_cells_are_read_again() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer(frames=1)
    recognizer.feed(console.pixels, [EVERYTHING])
    damage = console.write(5, 7, "seen")
    console.write(5, 8, "hidden")
    recognizer.feed(console.pixels, [damage, Rect(-20, 5000, 3, 3), Rect(0, 0, 0, 0)])
    assert recognizer.screen is not None
    assert recognizer.screen.text().split() == [*WORDS.split(), "seen"]
    recognizer.feed(console.pixels, [EVERYTHING])
    assert recognizer.screen.text().split() == [*WORDS.split(), "seen", "hidden"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 24), st.sampled_from(("guest", "BROWN", "  "))), max_size=8)
)
def test_bit_by_bit_is_the_same_as_at_once(writes: list[tuple[int, int, str]]) -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer(frames=1)
    recognizer.feed(console.pixels, [EVERYTHING])
    for x, y, word in writes:
        recognizer.feed(console.pixels, [console.write(x, y, word, 0xFFFF55, 0x5555FF)])
    assert recognizer.screen is not None
    at_once = read(console.pixels)
    assert np.array_equal(recognizer.screen.cells, at_once.cells)
    assert (recognizer.screen.unknown, recognizer.screen.glyphs) == (at_once.unknown, at_once.glyphs)


def test_a_picture_ends_it_and_a_small_one_does_not() -> None:
    console = consoles.framebuffer()
    for y in range(25):
        console.write(0, y, WORDS)
    recognizer = Recognizer(frames=1)
    recognizer.feed(console.pixels, [EVERYTHING])
    photo = np.random.default_rng(1).integers(0, 1 << 24, (160, 640), np.uint32)
    small = Rect(400, 0, 80, 32)
    console.words[small.slices()] = photo[:32, :80]
    recognizer.feed(console.pixels, [small])
    assert recognizer.screen is not None
    assert recognizer.screen.unknown == 20
    assert recognizer.screen.line(0) == WORDS + " " * 7 + "�" * 10
    large = Rect(0, 0, 640, 160)
    console.words[large.slices()] = photo
    recognizer.feed(console.pixels, [large])
    assert recognizer.screen is None
    assert not recognizer.undecided


def test_another_size_is_another_screen() -> None:
    recognizer = Recognizer(frames=1)
    for columns in (80, 100):
        console = consoles.framebuffer(columns)
        console.write(0, 0, WORDS)
        recognizer.feed(console.pixels, [EVERYTHING])
        assert recognizer.screen is not None
        assert recognizer.screen.columns == columns
    recognizer.feed(np.zeros((10, 10, 4), np.uint8), [EVERYTHING])
    assert recognizer.screen is None


# --- the cursor


@pytest.mark.parametrize("character", [" ", "a", "g", "Q", "│", "┘"])
@pytest.mark.parametrize("rows", [slice(13, 15), slice(14, 16)], ids=["above the last row", "last rows"])
def test_what_is_under_a_vga_cursor(character: str, rows: slice) -> None:
    """Its rows are solid: what was there is lost."""
    cell = Size(9, 16)
    console = consoles.Screen(
        Size(720, 400), Grid(Point(0, 0), cell, 80, 25), consoles.glyphs("linux-vga-own", cell)
    )  # fmt: skip
    console.write(0, 0, WORDS)
    console.write(4, 3, "(" + character + ")")
    console.words[48:64, 45:54][rows] = 0xAAAAAA
    screen = read(console.pixels)
    assert screen.unknown == 0
    assert screen.cursor == Point(5, 3)
    assert screen.line(3) == f"    ({character})"


@pytest.mark.parametrize("character", [" ", "a", "g", "Q", "│", "┘"])
@pytest.mark.parametrize(("front", "back"), [(0xAAAAAA, 0), (0xFFFF55, 0x0000AA), (0, 0xAAAAAA)])
def test_what_is_under_a_framebuffers_cursor(character: str, front: int, back: int) -> None:
    """The two colours are exchanged."""
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    console.write(4, 3, "(" + character + ")", front, back)
    band = console.words[48 + 14 : 48 + 16, 40:48]
    band[:] = np.where(band == back, front, back)
    screen = read(console.pixels)
    assert screen.unknown == 0
    assert screen.cursor == Point(5, 3)
    assert screen.line(3) == f"    ({character})"


def test_a_cursor_moves_and_blinks() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer(frames=1)

    def feed(x: int, y: int, on: bool) -> Point | None:
        console.write(x, y, " ")
        place = console.grid.pixels(x, y)
        if on:
            console.words[place.y + 13 : place.y + 15, place.x : place.right] = 0xAAAAAA
        recognizer.feed(console.pixels, [place])
        assert recognizer.screen is not None
        assert recognizer.screen.unknown == 0
        return recognizer.screen.cursor

    assert feed(0, 2, True) == (0, 2)
    assert feed(0, 2, False) == (0, 2), "it blinks"
    assert feed(0, 2, True) == (0, 2)
    feed(0, 2, False)
    assert feed(7, 5, True) == (7, 5)


def test_a_block_that_blinks_is_a_cursor() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    recognizer = Recognizer(frames=1)
    recognizer.feed(console.pixels, [EVERYTHING])
    recognizer.feed(console.pixels, [console.write(4, 0, "q", 0x000000, 0xAAAAAA)])
    assert recognizer.screen is not None
    assert recognizer.screen.cursor == (4, 0)
    recognizer.feed(console.pixels, [console.write(9, 9, " ", 0, 0xAAAAAA)])
    assert recognizer.screen.cursor == (9, 9)
    recognizer.feed(console.pixels, [console.write(20, 9, "no cursor")])
    assert recognizer.screen.cursor == (9, 9)
