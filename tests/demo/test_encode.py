"""Screen operations as messages, within what a client keeps; screen, rectangles, scancodes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spicetui.demo.desktop import _without
from spicetui.demo.encode import MAX_PALETTES, Encoder
from spicetui.demo.scancodes import ScancodeReader, text_of
from spicetui.demo.screen import Colours, Copy, Fill, Indexed, Invert, Move, Operation, Picture, Screen, Show, join
from spicetui.geometry import Point, Rect
from spicetui.keymap.keys import Key
from spicetui.wire import core, display
from spicetui.wire.enums import BitmapFlags, ImageFlags, ImageType, KeyboardModifierFlags

AREA = Rect(2, 3, 4, 5)


def picture(id: int, side: int = 10) -> Picture:
    return Picture(id, Image.new("RGB", (side, side), (id % 256, 2, 3)))


def encoded(encoder: Encoder, operation: Operation) -> list[Any]:
    """The messages, each of which the writer takes."""
    messages = list(encoder.messages(operation))
    for message in messages:
        core.write(message)
    return messages


def image_type(messages: list[Any]) -> ImageType:
    return ImageType(messages[-1].src_bitmap.descriptor.type)


def test_plain_operations() -> None:
    encoder = Encoder(0, lz4=False)
    (fill,) = encoded(encoder, Fill(AREA, (0x12, 0x34, 0x56)))
    assert isinstance(fill, display.DrawFill)
    assert fill.brush.fill == 0x123456
    assert fill.base.box == AREA
    (move,) = encoded(encoder, Move(AREA, Point(7, 8)))
    assert isinstance(move, display.CopyBits)
    assert move.src_pos == (7, 8)
    (invert,) = encoded(encoder, Invert(AREA))
    assert isinstance(invert, display.DrawInvers)


@pytest.mark.parametrize(("lz4", "kind"), [(True, ImageType.LZ4), (False, ImageType.BITMAP)])
def test_copies(lz4: bool, kind: ImageType) -> None:
    messages = encoded(Encoder(0, lz4=lz4), Copy(AREA, Image.new("RGB", (4, 5), (1, 2, 3))))
    assert image_type(messages) is kind
    assert messages[0].src_area == Rect(0, 0, 4, 5)
    if kind is ImageType.BITMAP:
        assert bytes(messages[0].src_bitmap.data.data) == b"\x03\x02\x01\x00" * 20


def test_what_lz4_makes_larger_goes_raw() -> None:
    noise = Image.frombytes("RGB", (2, 2), bytes(range(12)))
    assert image_type(encoded(Encoder(0, lz4=True), Copy(Rect(0, 0, 2, 2), noise))) is ImageType.BITMAP


def test_passing_images_have_ids_of_their_own() -> None:
    encoder = Encoder(1000, lz4=False)
    image = Image.new("RGB", (4, 5))
    ids = [encoded(encoder, Copy(AREA, image))[0].src_bitmap.descriptor.id for _ in range(3)]
    assert len(set(ids)) == 3
    assert min(ids) > 1 << 32


def test_pictures_are_sent_once() -> None:
    encoder = Encoder(1000, lz4=False)
    first = encoded(encoder, Show(AREA, picture(7), Point(1, 2)))
    again = encoded(encoder, Show(AREA, picture(7), Point(3, 4)))
    assert first[-1].src_bitmap.descriptor.flags == ImageFlags.CACHE_ME
    assert first[-1].src_area == Rect(1, 2, 4, 5)
    assert image_type(again) is ImageType.FROM_CACHE
    assert again[-1].src_bitmap.descriptor.id == 7
    assert again[-1].src_area == Rect(3, 4, 4, 5)


def test_a_full_cache_forgets_the_longest_unused() -> None:
    encoder = Encoder(250, lz4=False)
    for id in (1, 2, 1):
        encoded(encoder, Show(AREA, picture(id), Point(0, 0)))
    messages = encoded(encoder, Show(AREA, picture(3), Point(0, 0)))
    assert [type(message) for message in messages] == [display.InvalList, display.DrawCopy]
    assert [resource.id for resource in messages[0].resources] == [2]
    assert image_type(encoded(encoder, Show(AREA, picture(1), Point(0, 0)))) is ImageType.FROM_CACHE
    assert image_type(encoded(encoder, Show(AREA, picture(2), Point(0, 0)))) is ImageType.BITMAP


def test_a_picture_too_large_for_the_cache_is_sent_in_part() -> None:
    encoder = Encoder(99, lz4=False)
    for _ in range(2):
        (message,) = encoded(encoder, Show(AREA, picture(1), Point(1, 1)))
        descriptor = message.src_bitmap.descriptor
        assert (descriptor.width, descriptor.height, descriptor.flags) == (4, 5, 0)


def test_pictures_that_are_jpeg_files() -> None:
    jpeg = Picture(1, Image.new("RGB", (10, 10)), b"\xff\xd8file")
    messages = encoded(Encoder(1000, lz4=True), Show(AREA, jpeg, Point(0, 0)))
    assert image_type(messages) is ImageType.JPEG
    assert messages[0].src_bitmap.data.data == b"\xff\xd8file"


def test_palettes_are_sent_once() -> None:
    encoder = Encoder(0, lz4=True)
    operation = Indexed(AREA, bytes(20), Colours(9, ((1, 2, 3), (4, 5, 6))))
    first, again = (encoded(encoder, operation)[0].src_bitmap.data for _ in range(2))
    assert first.flags == BitmapFlags.TOP_DOWN | BitmapFlags.PAL_CACHE_ME
    assert list(first.palette.ents) == [0x010203, 0x040506]
    assert again.flags == BitmapFlags.TOP_DOWN | BitmapFlags.PAL_FROM_CACHE
    assert again.palette == 9


def test_too_many_palettes() -> None:
    encoder = Encoder(0, lz4=True)
    for id in range(MAX_PALETTES):
        encoded(encoder, Indexed(AREA, bytes(20), Colours(id, ((0, 0, 0),))))
    messages = encoded(encoder, Indexed(AREA, bytes(20), Colours(999, ((0, 0, 0),))))
    assert messages[0] == display.InvalPalette(0)


# --- the screen


class Sink:
    def __init__(self, screen: Screen) -> None:
        self.operations: list[Operation] = []
        screen.sinks.append(self)

    def draw(self, operation: Operation) -> None:
        self.operations.append(operation)


def test_operations_stay_on_the_screen() -> None:
    screen = Screen(20, 10)
    sink = Sink(screen)
    screen.fill(Rect(-5, -5, 10, 10), (1, 2, 3))
    screen.invert(Rect(15, 5, 100, 100))
    screen.show(Rect(-2, -3, 10, 10), picture(1))
    screen.put(Rect(18, 8, 10, 10), Image.new("RGB", (10, 10)))
    assert [one.rect for one in sink.operations] == [
        Rect(0, 0, 5, 5),
        Rect(15, 5, 5, 5),
        Rect(0, 0, 8, 7),
        Rect(18, 8, 2, 2),
    ]
    shown = sink.operations[2]
    assert isinstance(shown, Show)
    assert shown.source == (2, 3)


def test_what_is_outside_is_nothing() -> None:
    screen = Screen(20, 10)
    sink = Sink(screen)
    for rect in (Rect(30, 0, 5, 5), Rect(0, -9, 5, 5), Rect(3, 3, 0, 5)):
        screen.fill(rect, (0, 0, 0))
        screen.invert(rect)
        screen.show(rect, picture(1))
    assert not sink.operations


@settings(deadline=None)
@given(st.integers(-25, 25), st.integers(-15, 15), st.integers(-25, 25), st.integers(-15, 15))
def test_moves(x: int, y: int, dx: int, dy: int) -> None:
    screen = Screen(20, 10)
    screen.image = Image.frombytes("RGB", (20, 10), bytes(i % 251 for i in range(600)))
    before = screen.image.copy()
    sink = Sink(screen)
    where = screen.move(Rect(x, y, 8, 6), dx, dy)
    if where.empty:
        assert not sink.operations
        return
    (move,) = sink.operations
    assert isinstance(move, Move)
    assert screen.rect.contains(where)
    assert screen.rect.contains(Rect(*move.source, where.width, where.height))
    for column in range(where.width):
        for row in range(where.height):
            was = before.getpixel((move.source.x + column, move.source.y + row))
            assert screen.image.getpixel((where.x + column, where.y + row)) == was


rects = st.builds(Rect, st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30))


def cells(*several: Rect) -> set[tuple[int, int]]:
    return {(x, y) for r in several for x in range(r.x, r.right) for y in range(r.y, r.bottom)}


@settings(deadline=None)
@given(st.lists(rects, max_size=12))
def test_joined_rectangles_cover_all(several: list[Rect]) -> None:
    joined = join(several, 4)
    assert len(joined) <= 4
    assert cells(*several) <= cells(*joined)


@settings(deadline=None)
@given(rects, rects)
def test_a_rectangle_less_another(rect: Rect, hole: Rect) -> None:
    parts = _without(rect, hole)
    assert cells(*parts) == cells(rect) - cells(hole)
    assert sum(part.area for part in parts) == len(cells(*parts))


# --- scancodes


def keys_of(codes: bytes) -> list[tuple[int, bool]]:
    return list(ScancodeReader().read(codes))


@pytest.mark.parametrize("key", Key, ids=lambda key: key.name)
def test_every_key_goes_down_and_up(key: Key) -> None:
    assert keys_of(key.make) == [(key, True)]
    assert keys_of(key.release) == [(key, False)]


def test_codes_cut_in_two() -> None:
    reader = ScancodeReader()
    assert not list(reader.read(b"\xe1"))
    assert not list(reader.read(b"\x1d"))
    assert list(reader.read(b"\x45\xe0")) == [(Key.PAUSE, True)]
    assert list(reader.read(b"\x48")) == [(Key.UP, True)]


def test_shifts_around_navigation_keys_are_no_keys() -> None:
    assert keys_of(b"\xe0\x2a\xe0\x52\xe0\xd2\xe0\xaa") == [(Key.INSERT, True), (Key.INSERT, False)]


@given(st.binary(max_size=60))
def test_any_bytes_are_taken(codes: bytes) -> None:
    for key, _ in keys_of(codes):
        assert 0 < key < 1 << 24


NONE, CAPS, NUM = KeyboardModifierFlags(0), KeyboardModifierFlags.CAPS_LOCK, KeyboardModifierFlags.NUM_LOCK


@pytest.mark.parametrize(
    ("key", "shift", "locks", "text"),
    [
        (Key.A, False, NONE, "a"),
        (Key.A, True, NONE, "A"),
        (Key.A, False, CAPS, "A"),
        (Key.A, True, CAPS, "a"),
        (Key.DIGIT_1, False, CAPS, "1"),
        (Key.DIGIT_1, True, NONE, "!"),
        (Key.ENTER, False, NONE, "\n"),
        (Key.KP_ENTER, False, NONE, "\n"),
        (Key.KP_7, False, NUM, "7"),
        (Key.KP_7, True, NUM, ""),
        (Key.KP_7, False, NONE, ""),
        (Key.F1, False, NONE, ""),
        (Key.LEFT_SHIFT, True, NONE, ""),
        (0x7C, False, NONE, ""),
    ],
)
def test_text(key: int, shift: bool, locks: KeyboardModifierFlags, text: str) -> None:
    assert text_of(key, shift, locks) == text
