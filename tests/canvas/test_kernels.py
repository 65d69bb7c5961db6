"""The compiled kernels, the same sources interpreted, and numpy: three ways to the same pixels."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import spicetui.canvas
from spicetui.canvas import _kernels, draw_text, sampler, scale
from spicetui.canvas.blend import FACTORS, Operator, combine, plane
from spicetui.canvas.convert import from_argb
from spicetui.canvas.draw_rop3 import ternary
from spicetui.codecs.pixmap import PixelFormat, view
from spicetui.errors import CodecError
from spicetui.geometry import Point
from spicetui.wire.display import RasterGlyph, String, Transform

from .golden import NAMES, Player, digest, scenes

Words = npt.NDArray[np.uint32]


def interpreted() -> ModuleType:
    path = Path(spicetui.canvas.__file__).with_name("_kernels.py")
    spec = importlib.util.spec_from_loader("interpreted", SourceFileLoader("interpreted", str(path)))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


@pytest.fixture(params=["compiled", "interpreted"])
def kernels(request: pytest.FixtureRequest) -> Any:
    if request.param == "interpreted":
        return interpreted()
    if not _kernels.COMPILED:
        pytest.skip("this installation has no compiled kernels")
    return _kernels


@pytest.fixture
def numpy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernels, "COMPILED", False)


def pictures(seed: int, shape: tuple[int, int]) -> Iterator[Words]:
    """Any words, premultiplied ones, and those with the alphas at both ends."""
    rng = np.random.default_rng(seed)
    any_ = rng.integers(0, 1 << 32, shape, np.uint32)
    yield any_
    alpha = any_ >> 24
    colours = sum(((any_ >> s & 255) * alpha // 255) << s for s in (0, 8, 16))
    yield np.asarray(colours | alpha << 24, np.uint32)
    ends = rng.choice(np.array((0, 255, 254, 1, 128), np.uint8), (*shape, 4))
    yield np.ascontiguousarray(ends).view(np.uint32)[:, :, 0]


@pytest.mark.parametrize("operator", list(Operator))
@pytest.mark.parametrize("shape", [(6, 5), (2, 19)])
def test_combine(kernels: Any, operator: Operator, shape: tuple[int, int]) -> None:
    height, width = shape
    inside = (slice(2, 2 + height), slice(1, 1 + width))
    all_of_it = (height + 3, width + 3)
    one = np.full((1, 1), 0x7F405060, np.uint32)
    for seed, (source, mask, dest) in enumerate(
        zip(pictures(1, shape), pictures(2, shape), pictures(3, shape), strict=True)
    ):
        for s in (source, source[::-1], one):
            for m in (None, mask, one):
                for component in (False, True) if m is not None else (False,):
                    for opaque in (False, True):
                        under = dest | np.uint32(0xFF000000) if opaque else dest
                        expected = combine(operator, np.broadcast_to(s, shape), m, under, component)
                        if opaque:
                            expected = expected & np.uint32(0xFFFFFF)
                        surface = np.full(all_of_it, seed, np.uint32)
                        surface[inside] = dest
                        masked = plane(np.ascontiguousarray(m)) if m is not None else (None, 0, 0)
                        kernels.combine(
                            view(surface),
                            2 * (width + 3) + 1,
                            width + 3,
                            *plane(np.ascontiguousarray(s)),
                            *masked,
                            (width, height),
                            FACTORS[operator],
                            component,
                            opaque,
                        )
                        whole = np.full(all_of_it, seed, np.uint32)
                        whole[inside] = expected
                        assert np.array_equal(surface, whole)


def test_ternary(kernels: Any, numpy_only: None) -> None:
    pattern, source, dest = (next(pictures(seed, (3, 4))) for seed in (1, 2, 3))
    for code in range(256):
        for p in (pattern, pattern[1:2, 1:2]):
            out = np.empty((3, 4), np.uint32)
            kernels.ternary(view(out), view(dest), 0, 4, view(source), 0, 4, *plane(p.copy()), 4, 3, code)
            assert np.array_equal(out, ternary(code, p, source, dest)), hex(code)


@pytest.mark.parametrize("fmt", [PixelFormat.ARGB, PixelFormat.XRGB])
def test_bilinear(kernels: Any, numpy_only: None, fmt: PixelFormat) -> None:
    rng = np.random.default_rng(5)
    for pixels in pictures(6, (7, 9)):
        for _ in range(6):
            step_x, step_y = (int(v) for v in rng.integers(-100_000, 200_000, 2))
            first_x, first_y = (int(v) for v in rng.integers(-200_000, 500_000, 2))
            x = first_x + step_x * np.arange(6, dtype=np.int64)
            y = first_y + step_y * np.arange(5, dtype=np.int64)
            out = np.empty((5, 6), np.uint32)
            places = (first_x - 0x8000, step_x, first_y - 0x8000, step_y)
            kernels.bilinear(view(out), view(pixels.copy()), 9, 9, 7, *places, 6, 5, fmt is PixelFormat.XRGB)
            assert np.array_equal(out, scale.bilinear(pixels, fmt, x, y))


@pytest.mark.parametrize("filter_", [sampler.Filter.NEAREST, sampler.Filter.BILINEAR])
@pytest.mark.parametrize("fmt", [PixelFormat.ARGB, PixelFormat.XRGB])
def test_transformed(
    kernels: Any, numpy_only: None, monkeypatch: pytest.MonkeyPatch, fmt: PixelFormat, filter_: sampler.Filter
) -> None:
    monkeypatch.setattr(sampler, "_kernels", kernels)
    assert not kernels.COMPILED
    rng = np.random.default_rng(8)
    nearest = filter_ is sampler.Filter.NEAREST
    for pixels in pictures(9, (7, 9)):
        wide = np.zeros((7, 11), np.uint32)
        wide[:, 1:10] = pixels
        strided = (wide[:, 1:10], pixels[::-1]) if kernels is _kernels else ()  # which memoryviews cannot cast
        for source in (pixels, pixels[:1, :1], *strided):
            for repeat in sampler.Repeat:
                turn = [int(v) for v in rng.integers(-200_000, 200_000, 4)]
                move = [int(v) for v in rng.integers(-3_000_000, 3_000_000, 2)]
                for matrix in (
                    Transform(turn[0], turn[1], move[0], turn[2], turn[3], move[1]),
                    Transform(turn[0], 0, move[0], 0, turn[3], move[1]),
                    Transform(1 << 16, 0, 0, 0, 1 << 16, 0),
                ):
                    origin = (int(rng.integers(-9, 9)), int(rng.integers(-9, 9)))
                    expected = sampler.fetch(source, fmt, (6, 5), origin, matrix, filter_, repeat)
                    got = sampler._transformed(source, fmt, (6, 5), origin, matrix, nearest, repeat)
                    assert np.array_equal(got, expected), (matrix, origin, repeat)


def test_transformations_beyond_fixed_point(kernels: Any, numpy_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_kernels", kernels)
    pixels = np.zeros((4, 4), np.uint32)
    limit = (1 << 31) - 2 * (1 << 16)
    size, origin, none = (6, 2), (0, 0), sampler.Repeat.NONE
    last = limit - 1 - 0x8000 - (5 << 16)  # five pixels further it is just within
    fits, beyond = (Transform(1 << 16, 0, start, 0, 1 << 16, 0) for start in (last, last + 1))
    assert not sampler._transformed(pixels, PixelFormat.ARGB, size, origin, fits, True, none).any()
    assert not sampler.fetch(pixels, PixelFormat.ARGB, size, origin, fits, sampler.Filter.NEAREST, none).any()
    with pytest.raises(CodecError):
        sampler._transformed(pixels, PixelFormat.ARGB, size, origin, beyond, True, none)
    with pytest.raises(CodecError):
        sampler.fetch(pixels, PixelFormat.ARGB, size, origin, beyond, sampler.Filter.NEAREST, none)


@pytest.mark.parametrize(("bits", "flag"), [(1, 1), (4, 2), (8, 4)])
def test_glyphs(kernels: Any, numpy_only: None, bits: int, flag: int) -> None:
    rng = np.random.default_rng(bits)
    glyphs = []
    for _ in range(12):
        width, height = (int(v) for v in rng.integers(1, 12, 2))
        data = rng.choice(np.array((0, 255, 0xF0, 0x0F, 0x35), np.uint8), (width * bits + 7) // 8 * height)
        place = Point(*(int(v) for v in rng.integers(-6, 20, 2)))
        glyphs.append(RasterGlyph(place, Point(0, 0), width, height, data.tobytes()))
    box = (0, 0, 18, 16)
    expected = draw_text.coverage(String(flag, glyphs), box)
    out = np.zeros((16, 18), np.uint8)
    for glyph in glyphs:
        x, y = glyph.render_pos
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + glyph.width, 18), min(y + glyph.height, 16)
        if x1 < x2 and y1 < y2:
            row = (glyph.width * bits + 7) // 8
            part = (x1 - x, y1 - y, x2 - x1, y2 - y1)
            kernels.glyph(view(out), y1 * 18 + x1, 18, memoryview(glyph.data), row, bits, *part, glyph.height)
    assert np.array_equal(out, expected)
    assert out.any()


@pytest.mark.parametrize("name", NAMES)
def test_golden_scenes_with_numpy_alone(numpy_only: None, name: str) -> None:
    for at, scene in enumerate(scenes(name)):
        if at % 3:
            continue
        player = Player()
        for step, (number, body, expected) in enumerate(scene):
            surface = player.play(number, body)
            if surface is not None:
                assert digest(surface) == expected, f"scene {at}, step {step}"


def test_the_formats_of_alpha_are_not_confused() -> None:
    words = np.array([[0x80402010]], np.uint32)
    assert from_argb(words, PixelFormat.A8).tolist() == [[0x80]]
    assert from_argb(words, PixelFormat.A1).tolist() == [[1]]
