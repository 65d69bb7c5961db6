"""Surfaces, damage, and what the canvas asks to be decoded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.canvas.canvas import Canvas, Unsupported
from spicetui.canvas.damage import MAX_RECTS, Damage
from spicetui.canvas.surface import Surface
from spicetui.errors import CodecError
from spicetui.geometry import Point, Rect
from spicetui.wire import display as wire
from spicetui.wire.enums import CompositeFlags, ImageType, Ropd, SurfaceFmt
from spicetui.wire.image import Image, ImageDescriptor, SurfaceData

NO_MASK = wire.QMask(0, Point(0, 0), None)


def image(id: int, kind: ImageType = ImageType.FROM_CACHE, size: tuple[int, int] = (3, 5)) -> Image:
    data = SurfaceData(id) if kind == ImageType.SURFACE else None
    return Image(ImageDescriptor(id, kind, 0, *size), data)


def base(surface: int = 0) -> wire.DisplayBase:
    return wire.DisplayBase(surface, Rect(0, 0, 4, 4), wire.Clip(None))


def pattern(id: int) -> wire.Brush:
    return wire.Brush(wire.Pattern(image(id), Point(0, 0)))


def test_pixels_of_all_formats() -> None:
    for fmt, value, expected in (
        (SurfaceFmt.FMT_32_xRGB, 0x11223344, (0x44, 0x33, 0x22, 0x11)),
        (SurfaceFmt.FMT_32_ARGB, 0x11223344, (0x44, 0x33, 0x22, 0x11)),
        (SurfaceFmt.FMT_16_555, 0x7C10, (0x84, 0, 0xFF, 0xFF)),
        (SurfaceFmt.FMT_16_565, 0xF830, (0x84, 0x04, 0xFF, 0xFF)),
        (SurfaceFmt.FMT_8_A, 0x80, (0, 0, 0, 0x80)),
        (SurfaceFmt.FMT_1_A, 1, (0, 0, 0, 0xFF)),
    ):
        surface = Surface(3, 5, 4, fmt, display=2)
        assert surface.pixels.shape == (4, 5, 4)
        assert not surface.data.any()
        surface.data[2, 3] = value
        assert tuple(surface.pixels[2, 3]) == expected
        copy = surface.copy()
        surface.data[2, 3] = 0
        assert tuple(copy.pixels[2, 3]) == expected
        assert (copy.id, copy.width, copy.height, copy.format, copy.display) == (3, 5, 4, fmt, 2)


def test_the_pixels_of_32_bits_are_the_storage() -> None:
    surface = Surface(0, 4, 4, SurfaceFmt.FMT_32_xRGB)
    surface.pixels[1, 2] = (1, 2, 3, 4)
    assert surface.data[1, 2] == 0x04030201


def test_primary_surfaces() -> None:
    canvas = Canvas(1)
    canvas.surface_create(wire.SurfaceCreate(0, 8, 8, SurfaceFmt.FMT_32_xRGB, 1))
    canvas.surface_create(wire.SurfaceCreate(4, 8, 8, SurfaceFmt.FMT_32_ARGB, 0))
    first = canvas.primary
    assert first is not None
    assert first.display == 1
    first.data[...] = 7
    canvas.surface_create(wire.SurfaceCreate(0, 8, 8, SurfaceFmt.FMT_32_xRGB, 1))
    assert canvas.primary is first
    assert first.data.all()
    canvas.reset()
    assert not first.data.any()
    canvas.mode(wire.Mode(20, 10, 16))
    second = canvas.primary
    assert second is not None
    assert (second.width, second.height, second.format) == (20, 10, SurfaceFmt.FMT_16_555)
    canvas.mode(wire.Mode(20, 10, 32))
    assert canvas.primary is not None
    assert canvas.primary.format is SurfaceFmt.FMT_32_xRGB
    canvas.surface_destroy(wire.SurfaceDestroy(0))
    assert canvas.primary is None
    assert list(canvas.surfaces) == [4]
    canvas.clear()
    assert not canvas.surfaces


def test_images_come_in_the_order_of_their_decoding() -> None:
    canvas = Canvas(0)
    mask, source, brush, other = image(1), image(2), pattern(3), pattern(4)
    qmask = wire.QMask(0, Point(0, 0), mask)
    area = Rect(0, 0, 4, 4)
    string = wire.String(1, [])
    path = wire.Path([])
    composite = wire.Composite(CompositeFlags.HAS_MASK, source, mask, None, None, Point(0, 0), Point(0, 0))
    for message, ids in (
        (wire.DrawFill(base(), brush, 8, qmask), [1, 3]),
        (wire.DrawOpaque(base(), source, area, brush, 8, 0, qmask), [1, 2, 3]),
        (wire.DrawCopy(base(), source, area, 8, 0, qmask), [1, 2]),
        (wire.DrawBlend(base(), source, area, 8, 0, qmask), [1, 2]),
        (wire.DrawBlackness(base(), qmask), [1]),
        (wire.DrawWhiteness(base(), qmask), [1]),
        (wire.DrawInvers(base(), NO_MASK), []),
        (wire.DrawRop3(base(), source, area, brush, 0x5A, 0, qmask), [1, 2, 3]),
        (wire.DrawStroke(base(), path, wire.LineAttr(0, ()), brush, 8, 8), [3]),
        (wire.DrawText(base(), string, area, brush, other, 8, 8), [4, 3]),
        (wire.DrawTransparent(base(), source, area, 0, 0), [2]),
        (wire.DrawAlphaBlend(base(), 0, 255, source, area), [2]),
        (wire.DrawComposite(base(), composite), [2, 1]),
        (wire.CopyBits(base(), Point(0, 0)), []),
        (wire.DrawCopy(base(), image(9, ImageType.SURFACE), area, 8, 0, NO_MASK), []),
        (wire.DrawFill(base(), wire.Brush(5), 8, NO_MASK), []),
        (wire.DrawFill(base(), wire.Brush(None), 8, NO_MASK), []),
    ):
        assert [found.descriptor.id for found in canvas.images(message)] == ids, type(message).__name__


def test_cost_counts_what_is_to_be_decoded() -> None:
    canvas = Canvas(0)
    area = Rect(0, 0, 4, 4)
    for kind, cost in ((ImageType.QUIC, 1000), (ImageType.FROM_CACHE, 0), (ImageType.FROM_CACHE_LOSSLESS, 0)):
        message = wire.DrawCopy(base(), image(1, kind, (20, 50)), area, 8, 0, NO_MASK)
        assert canvas.cost(canvas.images(message)) == cost


def test_unsupported_operations_have_a_stable_key() -> None:
    canvas = Canvas(0)
    canvas.surface_create(wire.SurfaceCreate(0, 8, 8, SurfaceFmt.FMT_32_xRGB, 1))
    with pytest.raises(Unsupported) as caught:
        canvas.draw(wire.Mark(), {})
    assert caught.value.key == "display:mark"
    source = image(2, ImageType.SURFACE)
    unknown = wire.DrawComposite(base(), wire.Composite(0x0E, source, None, None, None, Point(0, 0), Point(0, 0)))
    with pytest.raises(Unsupported) as caught:
        canvas.draw(unknown, {})
    assert caught.value.key == "display:draw_composite:operator_0x0e"


def test_an_image_that_was_not_decoded_is_an_error() -> None:
    canvas = Canvas(0)
    canvas.surface_create(wire.SurfaceCreate(0, 8, 8, SurfaceFmt.FMT_32_xRGB, 1))
    with pytest.raises(CodecError):
        canvas.draw(wire.DrawCopy(base(), image(1), Rect(0, 0, 4, 4), 8, 0, NO_MASK), {})


@pytest.mark.parametrize("dx", [-3, -1, 0, 2, 5])
@pytest.mark.parametrize("dy", [-3, -1, 0, 2, 4])
@pytest.mark.parametrize("bands", [False, True])
@pytest.mark.parametrize("rop", [Ropd.OP_PUT, Ropd.OP_XOR])
def test_a_surface_copied_onto_itself(dx: int, dy: int, bands: bool, rop: Ropd) -> None:
    canvas = Canvas(0)
    canvas.surface_create(wire.SurfaceCreate(0, 26, 20, SurfaceFmt.FMT_32_ARGB, 1))
    surface = canvas.surfaces[0]
    surface.data[...] = np.random.default_rng(1).integers(0, 1 << 32, surface.data.shape, np.uint32)
    before = surface.data.copy()
    clip = [Rect(x, y, 4, 3) for y in (4, 8, 12) for x in (5, 10, 15)] if bands else [Rect(5, 4, 14, 11)]
    box = Rect(5, 4, 14, 11)
    target = wire.DisplayBase(0, box, wire.Clip(clip))
    expected = before.copy()
    for rect in clip:
        rect = rect.intersect(box)
        moved = before[rect.translate(-dx, -dy).slices()]
        expected[rect.slices()] = moved if rop is Ropd.OP_PUT else moved ^ before[rect.slices()]
    if rop is Ropd.OP_PUT:
        canvas.draw(wire.CopyBits(target, Point(box.x - dx, box.y - dy)), {})
        assert np.array_equal(surface.data, expected)
        surface.data[...] = before
    area = box.translate(-dx, -dy)
    canvas.draw(wire.DrawCopy(target, image(0, ImageType.SURFACE), area, int(rop), 0, NO_MASK), {})
    assert np.array_equal(surface.data, expected)


@given(st.lists(st.builds(Rect, *[st.integers(0, 40)] * 2, *[st.integers(0, 12)] * 2), max_size=120))
def test_damage_holds_all_that_was_added(rects: list[Rect]) -> None:
    damage = Damage()
    for rect in rects:
        damage.add(rect)
    assert bool(damage) == any(not rect.empty for rect in rects)
    taken = damage.take()
    assert not damage
    assert len(taken) <= MAX_RECTS
    held = np.zeros((60, 60), np.bool_)
    for rect in taken:
        held[rect.slices()] = True
    for rect in rects:
        assert held[rect.slices()].all()


def test_damage_joins_neighbours() -> None:
    damage = Damage()
    for y in range(100):
        damage.add(Rect(0, y, 50, 1))
    damage.add(Rect(10, 10, 5, 5))
    assert damage.take() == [Rect(0, 0, 50, 100)]
    damage.add_all(Surface(0, 30, 20, SurfaceFmt.FMT_32_xRGB))
    damage.add(Rect(3, 3, 3, 3))
    assert damage.take() == [Rect(0, 0, 30, 20)]
