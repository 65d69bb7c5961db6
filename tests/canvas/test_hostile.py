"""What no sane server sends: a clean error or a clipped result, and never more memory than the limits allow."""

from __future__ import annotations

import random
import struct
from typing import Any

import numpy as np
import pytest

from spicetui.canvas.blend import plane
from spicetui.canvas.canvas import MAX_BYTES, Canvas, Unsupported
from spicetui.canvas.surface import MAX_PIXELS, MAX_SIDE, Surface
from spicetui.errors import CodecError, WireError
from spicetui.geometry import Point, Rect
from spicetui.wire import display as wire
from spicetui.wire.core import read
from spicetui.wire.enums import BitmapFmt, ImageType, LineFlags, MaskFlags, PathFlags, Ropd, SurfaceFmt
from spicetui.wire.image import BitmapData, Image, ImageDescriptor, SurfaceData

from .golden import NAMES, Player, scenes

NO_MASK = wire.QMask(0, Point(0, 0), None)
PUT = int(Ropd.OP_PUT)
FAR = 1 << 31


def bitmap(width: int, height: int, fmt: BitmapFmt = BitmapFmt.FMT_32BIT) -> Image:
    stride = width * 4
    data = BitmapData(fmt, 4, width, height, stride, None, bytes(stride * height))
    return Image(ImageDescriptor(1, ImageType.BITMAP, 0, width, height), data)


def surface_image(id: int) -> Image:
    return Image(ImageDescriptor(0, ImageType.SURFACE, 0, 0, 0), SurfaceData(id))


def base(box: Rect, clip: list[Rect] | None = None, surface: int = 0) -> wire.DisplayBase:
    return wire.DisplayBase(surface, box, wire.Clip(clip))


@pytest.fixture
def player() -> Player:
    player = Player()
    player.canvas.surface_create(wire.SurfaceCreate(0, 64, 48, SurfaceFmt.FMT_32_xRGB, 1))
    player.canvas.surface_create(wire.SurfaceCreate(1, 16, 16, SurfaceFmt.FMT_32_ARGB, 0))
    return player


def draw(player: Player, message: Any) -> list[Rect]:
    pixmaps = {id(image): player.decoder.decode(image) for image in player.canvas.images(message)}
    return player.canvas.draw(message, pixmaps)[1]


def all_of(player: Player) -> bytes:
    return b"".join(surface.data.tobytes() for surface in player.canvas.surfaces.values())


@pytest.mark.parametrize("name", NAMES)
def test_mutated_messages(name: str) -> None:
    """Every byte may be wrong: what is not understood is refused and leaves the pixels alone."""
    chance = random.Random(name)
    numbers = (0, 1, -1, 7, 255, 256, 0x7FFF, 0xFFFF, 1 << 20, 0x7FFFFFFF, -0x80000000)
    refused = drawn = 0
    for scene in list(scenes(name))[:16]:
        player = Player()
        for number, body, _ in scene:
            player.play(number, body)
            kind = wire.MESSAGES.from_server[number]
            for _ in range(3):
                wrong = bytearray(body)
                for _ in range(chance.choice((1, 1, 2, 6))):
                    at = chance.randrange(min(len(wrong), chance.choice((60, 120, 100_000))))
                    if chance.random() < 0.5 and at + 4 <= len(wrong):
                        struct.pack_into("<i", wrong, at, chance.choice(numbers))
                    else:
                        wrong[at] = chance.randrange(256)
                before = all_of(player)
                try:
                    message: Any = read(kind, wrong[: chance.choice((len(wrong), chance.randrange(len(wrong) + 1)))])
                    if kind is wire.SurfaceCreate:
                        Canvas(0).surface_create(message)
                    else:
                        draw(player, message)
                    drawn += 1
                except (WireError, CodecError, Unsupported):
                    refused += 1
                    assert all_of(player) == before
    assert refused > 100
    assert drawn > 100


@pytest.mark.parametrize(
    "size", [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (20000, 20000), (2**32 - 1,) * 2]
)
def test_impossible_surfaces(size: tuple[int, int]) -> None:
    canvas = Canvas(0)
    with pytest.raises(CodecError):
        canvas.surface_create(wire.SurfaceCreate(0, *size, SurfaceFmt.FMT_32_xRGB, 1))
    assert not canvas.surfaces
    assert canvas.primary is None


def test_unknown_surface_format() -> None:
    with pytest.raises(CodecError):
        Surface(0, 4, 4, 33)


def test_surfaces_are_bounded_in_all() -> None:
    canvas = Canvas(0)
    side = 1 << 13
    assert side * side == MAX_PIXELS
    for id_ in range(MAX_BYTES // (4 * MAX_PIXELS)):
        canvas.surface_create(wire.SurfaceCreate(id_, side, side, SurfaceFmt.FMT_32_ARGB, 0))
    with pytest.raises(CodecError):
        canvas.surface_create(wire.SurfaceCreate(1000, side, side, SurfaceFmt.FMT_32_ARGB, 0))
    canvas.surface_destroy(wire.SurfaceDestroy(0))
    canvas.surface_create(wire.SurfaceCreate(1000, side, side, SurfaceFmt.FMT_32_ARGB, 0))


def test_a_surface_replaces_the_one_of_its_id() -> None:
    canvas = Canvas(0)
    for width in range(1, 40):
        canvas.surface_create(wire.SurfaceCreate(5, 8000 + width, 8000, SurfaceFmt.FMT_32_ARGB, 0))
    assert canvas.surfaces[5].width == 8039


@pytest.mark.parametrize(
    "box",
    [
        Rect(-FAR, -FAR, 2 * FAR - 1, 2 * FAR - 1),
        Rect(-5, -5, 10, 10),
        Rect(60, 40, FAR, FAR),
        Rect(64, 0, 10, 10),
        Rect(FAR - 10, FAR - 10, 10, 10),
        Rect(10, 10, -5, 7),
        Rect(10, 10, 0, 0),
        Rect(-FAR, 5, FAR + 3, 1),
    ],
)
def test_boxes_beyond_the_surface(player: Player, box: Rect) -> None:
    whole = Rect(0, 0, 64, 48)
    expected = np.zeros((48, 64), np.uint32)
    expected[whole.intersect(box).slices()] = 0x123456
    damage = draw(player, wire.DrawFill(base(box), wire.Brush(0x123456), PUT, NO_MASK))
    assert np.array_equal(player.canvas.surfaces[0].data, expected)
    assert damage == ([] if whole.intersect(box).empty else [whole.intersect(box)])
    for message in (
        wire.DrawBlackness(base(box), NO_MASK),
        wire.DrawInvers(base(box), NO_MASK),
        wire.CopyBits(base(box), Point(3, 3)),
        wire.CopyBits(base(box), Point(-FAR, FAR - 1)),
        wire.DrawCopy(base(box), bitmap(8, 8), box, PUT, 0, NO_MASK),
        wire.DrawCopy(base(box), bitmap(8, 8), Rect(0, 0, box.width, box.height), PUT, 0, NO_MASK),
        wire.DrawTransparent(base(box), bitmap(8, 8), Rect(-4, -4, box.width, box.height), 0, 0),
        wire.DrawAlphaBlend(base(box), 0, 128, bitmap(8, 8), Rect(0, 0, box.width, box.height)),
    ):
        assert all(whole.contains(rect) for rect in draw(player, message))


@pytest.mark.parametrize("area", [Rect(100, 100, 8, 8), Rect(-FAR, 0, 8, 8), Rect(0, 0, 0, 0), Rect(2, 2, -4, 4)])
def test_sources_outside_of_the_picture(player: Player, area: Rect) -> None:
    for mode in (0, 1):
        for scaled in (Rect(4, 4, area.width, area.height), Rect(4, 4, 20, 20)):
            for make in (
                lambda b, m: wire.DrawCopy(b, bitmap(8, 8), area, PUT, m, NO_MASK),
                lambda b, m: wire.DrawOpaque(b, bitmap(8, 8), area, wire.Brush(7), PUT, m, NO_MASK),
                lambda b, m: wire.DrawRop3(b, bitmap(8, 8), area, wire.Brush(7), 0x5A, m, NO_MASK),
                lambda b, m: wire.DrawTransparent(b, bitmap(8, 8), area, 0, 0),
                lambda b, m: wire.DrawAlphaBlend(b, 0, 200, bitmap(8, 8), area),
            ):
                try:
                    draw(player, make(base(scaled), mode))
                except CodecError:
                    pass


def test_a_million_clip_rectangles(player: Player) -> None:
    rng = np.random.default_rng(1)
    rects = [Rect(*r) for r in rng.integers(-(1 << 20), 1 << 20, (300_000, 4)).tolist()]
    rects += [Rect(x % 60, x % 40, 5, 5) for x in range(700_000)]
    damage = draw(player, wire.DrawFill(base(Rect(0, 0, 64, 48), rects), wire.Brush(1), PUT, NO_MASK))
    assert len(damage) <= 16
    painted = player.canvas.surfaces[0].data
    assert painted[0, 0] == painted[43, 43] == 1


def test_clip_rectangles_without_an_area(player: Player) -> None:
    clip = [Rect(0, 0, 0, 5), Rect(5, 5, -3, 4), Rect(70, 0, 5, 5)]
    assert draw(player, wire.DrawFill(base(Rect(0, 0, 64, 48), clip), wire.Brush(1), PUT, NO_MASK)) == []
    assert not player.canvas.surfaces[0].data.any()


def test_scaling_beyond_fixed_point_is_refused(player: Player) -> None:
    before = all_of(player)
    for dest, area in (
        (Rect(-FAR, 0, 2 * FAR - 1, 10), Rect(0, 0, 8, 8)),
        (Rect(0, 0, 10, 10), Rect(0, 0, FAR - 1, 8)),
        (Rect(0, 0, 10, 10), Rect(FAR - 9, 0, 8, 8)),
    ):
        with pytest.raises(CodecError):
            draw(player, wire.DrawCopy(base(dest), bitmap(8, 8), area, PUT, 0, NO_MASK))
    assert all_of(player) == before


def test_surfaces_that_do_not_exist(player: Player) -> None:
    box = Rect(0, 0, 8, 8)
    for message in (
        wire.DrawFill(base(box, surface=9), wire.Brush(1), PUT, NO_MASK),
        wire.DrawCopy(base(box), surface_image(9), box, PUT, 0, NO_MASK),
        wire.DrawFill(base(box), wire.Brush(wire.Pattern(surface_image(9), Point(0, 0))), PUT, NO_MASK),
        wire.DrawFill(base(box), wire.Brush(1), PUT, wire.QMask(0, Point(0, 0), surface_image(9))),
        wire.DrawCopy(base(box), None, box, PUT, 0, NO_MASK),
    ):
        with pytest.raises(CodecError):
            draw(player, message)
    player.canvas.surface_destroy(wire.SurfaceDestroy(9))


def test_masks_must_have_one_bit(player: Player) -> None:
    box = Rect(0, 0, 8, 8)
    with pytest.raises(CodecError):
        draw(player, wire.DrawFill(base(box), wire.Brush(1), PUT, wire.QMask(0, Point(0, 0), bitmap(8, 8))))
    mask = wire.QMask(MaskFlags.INVERS, Point(0, 0), surface_image(1))
    with pytest.raises(Unsupported) as caught:
        draw(player, wire.DrawFill(base(box), wire.Brush(1), PUT, mask))
    assert caught.value.key == "display:mask_surface_format"
    assert not player.canvas.surfaces[0].data.any()


def stroke(points: list[tuple[int, int]], flags: int = PathFlags.BEGIN, style: tuple[int, ...] = ()) -> wire.DrawStroke:
    attr = wire.LineAttr(LineFlags.STYLED if style else 0, style)
    path = wire.Path([wire.PathSegment(flags, points)])
    return wire.DrawStroke(base(Rect(0, 0, 64, 48)), path, attr, wire.Brush(1), PUT, PUT)


@pytest.mark.parametrize(
    "message",
    [
        stroke([]),
        stroke([(0, 0), (1, 1)], PathFlags.BEZIER),
        stroke([(0, 0), (1, 1), (2, 2)], PathFlags.BEGIN | PathFlags.BEZIER),
        stroke([(0, 0), (800, 800)], style=(0, 0)),
        stroke([(0, 0), (0x7FFFFFFF, 0x7FFFFFFF)], style=(16, 16)),
        stroke([(0, 0), (0x7FFFFFFF, 0), (0, 0x7FFFFFFF)] * 1000, style=(4000, 16)),
    ],
)
def test_strokes_that_are_refused(player: Player, message: wire.DrawStroke) -> None:
    with pytest.raises(CodecError):
        draw(player, message)
    assert not player.canvas.surfaces[0].data.any()


@pytest.mark.parametrize(
    "message",
    [
        stroke([(5, 5)]),
        stroke([(-0x80000000, -0x80000000), (0x7FFFFFFF, 0x7FFFFFF0)]),
        stroke([(0, 0)] * 4, PathFlags.BEGIN | PathFlags.BEZIER),
        stroke([(16, 16), (16, 16), (17, 16), (16, 16)], PathFlags.BEGIN | PathFlags.BEZIER),
        stroke([(0, 0)] * 5, PathFlags.BEGIN | PathFlags.END | PathFlags.CLOSE, (16, 16)),
        stroke([(0, 0), (0x7FFFFFFF, 0x100), (-0x80000000, 0x7FFFFFF), (160, 160)], PathFlags.BEGIN | PathFlags.BEZIER),
    ],
)
def test_strokes_that_are_drawn_or_refused_in_time(player: Player, message: wire.DrawStroke) -> None:
    try:
        draw(player, message)
    except CodecError:
        assert not player.canvas.surfaces[0].data.any()


def test_text_far_away(player: Player) -> None:
    far = wire.RasterGlyph(Point(FAR - 1, -FAR), Point(FAR - 1, -FAR), 8, 8, bytes(8))
    near = wire.RasterGlyph(Point(3, 3), Point(0, 0), 8, 1, b"\xff")
    for glyphs in ([far], [far, near], []):
        text = wire.DrawText(
            base(Rect(0, 0, 64, 48)), wire.String(1, glyphs), Rect(0, 0, 0, 0), wire.Brush(5), wire.Brush(None), PUT, 0
        )
        draw(player, text)
    assert int((player.canvas.surfaces[0].data & 0xFFFFFF == 5).sum()) == 8


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
@pytest.mark.parametrize("width", [1, 3])
def test_kernels_get_whole_addresses(offset: int, width: int) -> None:
    """Images lie in messages at any byte; a load of four bytes elsewhere than at a multiple of four is undefined."""
    body = np.arange(offset + width * 5 * 4, dtype=np.uint8).tobytes()
    pixels = np.frombuffer(body, np.uint32, width * 5, offset).reshape(5, width)
    assert pixels.flags.c_contiguous
    for given in (pixels, pixels[::-1], np.broadcast_to(pixels[:1, :1], (4, 4)), pixels[:1, :1]):
        view, row, step = plane(given)
        words = np.asarray(view)
        assert words.ctypes.data % 4 == 0
        assert words[-1, -1] == given[-1, -1]
        assert (row, step) == ((0, 0) if given.size == 1 else (given.shape[1], 1)) or given is not pixels
