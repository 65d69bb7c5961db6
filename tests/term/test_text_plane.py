"""The text plane: the terminal has the guest's characters, cell for cell, with pictures where there is no text."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from terminal.cells import mismatches
from terminal.terminal import Terminal

from spicetui.geometry import Point, Rect, Size
from spicetui.term.cells import CellKind, CellPlane, Colors
from spicetui.term.plane import Pointer
from spicetui.term.scale import Mapping, Scale
from spicetui.term.screentext import Recognizer
from spicetui.term.text_plane import GridMapping, TextPlane

from . import consoles

EVERYTHING = Rect(0, 0, 1 << 15, 1 << 15)
WORDS = "The quick brown fox jumps over the lazy dog"


def lay(plane: TextPlane, pixels: np.ndarray, pan: Point = Point(0, 0)) -> GridMapping:
    return plane.map(Size(pixels.shape[1], pixels.shape[0]), Scale.FIT, Size(8, 16), pan, 1.0)


class View:
    """A recognizer and its plane, fed as the app feeds them."""

    def __init__(
        self, pixels: np.ndarray, size: Size = Size(80, 25), pan: Point = Point(0, 0), **options: object
    ) -> None:
        self.recognizer = Recognizer(frames=1)
        self.recognizer.feed(pixels, [EVERYTHING])
        self.plane = TextPlane(self.recognizer, backdrop=0x010203, **options)  # type: ignore[arg-type]
        self.plane.resize(size)
        self.plane.place(lay(self.plane, pixels, pan))
        self.plane.draw(pixels, [EVERYTHING])
        self.plane.owned[:] = 1

    def feed(self, pixels: np.ndarray, *damage: Rect, pointer: Pointer | None = None) -> None:
        self.recognizer.feed(pixels, damage)
        self.plane.draw(pixels, damage, pointer)

    def lines(self) -> list[str]:
        return ["".join(map(chr, row)).rstrip() for row in self.plane.wanted[..., 0].tolist()]


def replayed(plane: TextPlane, *frames: bytes) -> Terminal:
    """A terminal of the plane's size that was sent these frames."""

    async def run() -> Terminal:
        terminal = Terminal(plane.size.width, plane.size.height)
        for frame in frames:
            terminal.feed(frame)
        terminal.close()
        return terminal

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["linux-vga-own", "linux-framebuffer-own", "uefi"])
def test_the_terminal_shows_the_console(name: str) -> None:
    pixels, lines = consoles.recorded(name)
    recognizer = Recognizer(frames=1)
    recognizer.feed(pixels, [EVERYTHING])
    assert recognizer.screen is not None
    view = View(pixels, Size(recognizer.screen.columns, recognizer.screen.rows))
    view.plane.draws_cursor = False
    view.plane.place(lay(view.plane, pixels))
    view.plane.draw(pixels, [EVERYTHING])
    terminal = replayed(view.plane, view.plane.difference(Point(0, 0)))
    assert [line.rstrip() for line in terminal.screen.display] == [line.rstrip() for line in lines]
    assert not mismatches(terminal, view.plane)


def test_every_sign_reaches_the_terminal() -> None:
    pixels, _ = consoles.recorded("vga-all-signs")
    view = View(pixels)
    terminal = replayed(view.plane, view.plane.difference(Point(0, 0)))
    assert not mismatches(terminal, view.plane)
    for y in range(25):
        assert terminal.screen.display[y] == "".join(terminal.cell_at(x, y)[0] for x in range(80))
    assert not terminal.errors


def test_only_what_changed_is_sent() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    view = View(console.pixels)
    first = view.plane.difference(Point(0, 0))
    view.feed(console.pixels, console.write(44, 0, "x"))
    second = view.plane.difference(Point(0, 0))
    assert b"x" in second
    assert len(second) < 60
    assert not mismatches(replayed(view.plane, first, second), view.plane)
    assert view.plane.difference(Point(0, 0)) == b""


def test_what_is_no_glyph_is_a_picture() -> None:
    """Its cells are those of the other backend at the same scale; the text around them stays."""
    console = consoles.framebuffer()
    for y in range(25):
        console.write(0, y, WORDS)
    photo = Rect(400, 32, 80, 48)
    console.words[photo.slices()] = np.random.default_rng(1).integers(0, 1 << 24, (48, 80), np.uint32)
    view = View(console.pixels)
    cells = CellPlane(CellKind.QUADRANT)
    cells.resize(Size(80, 25))
    cells.place(Mapping(Size(640, 400), Size(80, 25), cells.sub, Scale.FIT))
    cells.draw(console.pixels, [EVERYTHING])
    assert np.array_equal(view.plane.wanted[2:5, 50:60], cells.wanted[2:5, 50:60])
    assert view.lines()[2].startswith(WORDS)
    assert view.lines()[0] == WORDS


def test_without_text_all_is_a_picture() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    view = View(console.pixels)
    noise = np.random.default_rng(1).integers(0, 256, console.pixels.shape, np.uint8)
    view.feed(noise, EVERYTHING)
    assert view.recognizer.screen is None
    assert set(np.unique(view.plane.wanted[..., 0])) <= {0x20, *range(0x2580, 0x25A0)}
    with pytest.raises(ValueError, match="no text console"):
        lay(view.plane, noise)


@pytest.mark.parametrize(
    ("size", "pan", "corner"),
    [
        (Size(40, 10), Point(0, 0), Point(0, 0)),
        (Size(40, 10), Point(16, 40), Point(2, 2)),
        (Size(40, 10), Point(9999, 9999), Point(40, 15)),
        (Size(100, 30), Point(50, 50), Point(-10, -2)),
        (Size(60, 31), Point(-5, -5), Point(0, -3)),
    ],
)
def test_a_view_of_another_size(size: Size, pan: Point, corner: Point) -> None:
    """*corner*: the guest's cell at the view's top left."""
    console = consoles.framebuffer()
    for y in range(25):
        console.write(y, y, WORDS)
    view = View(console.pixels, size, pan)
    for y, line in enumerate(view.lines()):
        at = y + corner.y
        whole = (" " * at + WORDS if 0 <= at < 25 else "").ljust(80)
        whole = " " * 30 + whole + " " * 60
        assert line == whole[30 + corner.x :][: size.width].rstrip()
    mapping = view.plane.mapping
    assert isinstance(mapping, GridMapping)
    inside = Point(max(0, -corner.x), max(0, -corner.y))
    pixel = Point((inside.x + corner.x) * 8, (inside.y + corner.y) * 16)
    assert mapping.to_pixel(*inside) == pixel
    assert mapping.to_cell(pixel) == inside


def test_the_mapping_knows_where_edk2_draws() -> None:
    pixels, _ = consoles.recorded("uefi")
    view = View(pixels, Size(100, 31))
    mapping = view.plane.mapping
    assert mapping is not None
    assert mapping.shown == Rect(240, 105, 800, 589)
    assert mapping.to_pixel(0, 0) == (240, 105)
    assert mapping.to_cell(Point(248, 124)) == (1, 1)
    assert view.lines()[0].startswith("UEFI Interactive Shell")


def test_another_views_mapping_is_refused() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    view = View(console.pixels)
    with pytest.raises(ValueError, match="another view"):
        view.plane.place(Mapping(Size(640, 400), Size(80, 25), view.plane.sub, Scale.FIT))
    with pytest.raises(ValueError, match="another picture"):
        view.plane.draw(np.zeros((10, 10, 4), np.uint8), [EVERYTHING])


def test_the_cursor() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    console.words[5 * 16 + 14 : 5 * 16 + 16, 56:64] = 0xAAAAAA
    view = View(console.pixels)
    assert view.plane.cursor == Point(7, 5)
    assert view.plane.wanted[5, 7].tolist() == [ord("_"), 0xAAAAAA, 0]
    old = console.write(7, 5, " ")
    place = console.grid.pixels(4, 0)
    console.words[place.slices()][14:16] ^= 0xAAAAAA
    view.feed(console.pixels, place, old)
    assert view.plane.cursor == Point(4, 0)
    assert view.plane.wanted[0, 4].tolist() == [ord("q"), 0, 0xAAAAAA]
    assert view.plane.wanted[5, 7].tolist() == [0x20, 0, 0]
    view.plane.draws_cursor = False
    view.plane.draw(console.pixels, [EVERYTHING])
    assert view.plane.wanted[0, 4].tolist() == [ord("q"), 0xAAAAAA, 0]


def test_a_cursor_outside_the_view_is_none() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    console.words[20 * 16 + 14 : 20 * 16 + 16, 56:64] = 0xAAAAAA
    assert View(console.pixels, Size(80, 10)).plane.cursor is None
    assert View(console.pixels, Size(80, 10), Point(0, 9999)).plane.cursor == Point(7, 5)


class Square:
    """A pointer's shape of one colour."""

    width = height = 8
    hot_x = hot_y = 0

    def paint(self, pixels: np.ndarray, x: int, y: int) -> None:
        pixels[max(y, 0) : max(y + 8, 0), max(x, 0) : max(x + 8, 0), :3] = (0, 0, 255)


def test_the_pointer_lies_over_the_text() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS)
    view = View(console.pixels)
    pointer = Pointer(Square(), 8, 0)
    view.feed(console.pixels, pointer=pointer)
    assert view.plane.wanted[0, 1].tolist()[0] in range(0x2580, 0x25A0)
    assert view.lines()[0][2:] == WORDS[2:]
    view.feed(console.pixels, pointer.rect)
    assert view.lines()[0] == WORDS


def test_few_colours_stay_legible() -> None:
    console = consoles.framebuffer()
    console.write(0, 0, WORDS, 0x0000AA, 0x0000A8)
    for colors in (Colors.PALETTE, Colors.ANSI16, Colors.GRAY):
        plane = View(console.pixels, colors=colors).plane
        assert all(front != back for _, front, back in plane.wanted[0, :3].tolist()), colors
        assert not mismatches(replayed(plane, plane.difference(Point(0, 0))), plane)


def test_ascii_alone() -> None:
    pixels, _ = consoles.recorded("linux-framebuffer-own")
    view = View(pixels, Size(128, 48), kind=CellKind.ASCII, colors=Colors.MONO)
    text = "\n".join(view.lines())
    assert text.isascii()
    assert "+------+--+" in text
    assert "| {}|~ |@#|" in text
