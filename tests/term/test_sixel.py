"""The sixel encoder: loops and their numpy twin agree; decoders of others give back what was encoded."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import needs
from PIL import Image

from spicetui.geometry import Size
from spicetui.term import _sixel, sixel, sixel_fallback, sixel_palette
from spicetui.term.sixel_palette import Palette, Palettes

from .sixel_canvas import Canvas, percent, pictures, rounded

CURSOR = b"\x1b[1;1H"


def interpreted() -> ModuleType:
    """The kernel's source, whether or not it is compiled."""
    path = Path(sixel.__file__).with_name("_sixel.py")
    spec = importlib.util.spec_from_file_location("spicetui.term._interpreted_sixel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


LOOPS = [_sixel, interpreted(), sixel_fallback]


@pytest.fixture
def each_loops() -> Iterator[list[ModuleType]]:
    before = sixel_palette.loops
    yield LOOPS
    sixel_palette.loops = before


def words(seed: int, width: int, height: int) -> np.ndarray:
    """Few or many colours, noise or shapes."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    kind = seed % 5
    rgb: np.ndarray
    if kind == 0:
        rgb = random.integers(0, 256, (height, width, 3))
    elif kind == 1:
        colors = random.integers(0, 256, (int(random.integers(1, 12)), 3))
        rgb = colors[random.integers(0, len(colors), (height, width))]
    elif kind == 2:
        rgb = np.stack((x * 255 // width, y * 255 // height, (x + y) % 256), axis=-1)
    elif kind == 3:
        colors = random.integers(0, 256, (5, 3))
        rgb = colors[((x // 7 + y // 5) % 3 + (x * y % 13 == 0)) % 5]
    else:
        rgb = np.stack((x * 2 + y, x + y, y * 3), axis=-1) + random.normal(0, 4, (height, width, 3))
    red, green, blue = np.moveaxis(rgb.clip(0, 255).astype(np.uint32), 2, 0)
    result: np.ndarray = red << 16 | green << 8 | blue
    return result


def encoded(picture: np.ndarray, limit: int, calm: int = 0) -> tuple[bytes, np.ndarray]:
    """The sequence, and the picture in the palette's colours."""
    indexed = Palettes().index([picture], limit, calm)
    return sixel.encode(indexed.pictures[0], indexed.colors), indexed.colors[indexed.pictures[0]]


def read(data: bytes) -> Canvas:
    """By the fake terminal's decoder."""
    ((_, pixels),) = pictures(CURSOR + data)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def read_libsixel(data: bytes) -> Canvas:
    command = [needs.program("sixel2png"), "-o", "-"]
    png = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 25),
    limit=st.sampled_from((1, 2, 16, 200, 256)),
    calm=st.sampled_from((0, 400, 5000)),
    seed=st.integers(0, 1000),
)
def test_all_loops_give_the_same(width: int, height: int, limit: int, calm: int, seed: int) -> None:
    picture, other = words(seed, width, height), words(seed + 5, width, height)
    results = []
    before = sixel_palette.loops, sixel_palette.SMALL
    for loops in LOOPS:
        sixel_palette.loops, sixel_palette.SMALL = loops, 100
        try:
            palettes = Palettes()
            frames = [palettes.index([part], limit, calm) for part in (picture, other, picture)]
        finally:
            sixel_palette.loops, sixel_palette.SMALL = before
        results.append([(sixel.encode(frame.pictures[0], frame.colors), frame.approximate) for frame in frames])
    assert results[0] == results[1]
    assert results[0] == results[2]


def blots(seed: int) -> np.ndarray:
    """Spots of few colours over a ground of stripes: runs with gaps of all widths."""
    random = np.random.default_rng(seed)
    picture = np.zeros((12, 300), np.uint32) + np.arange(12, dtype=np.uint32)[:, np.newaxis] // 5 * 0x404040
    for _ in range(int(random.integers(5, 60))):
        x, y, width, height = (int(random.integers(0, most)) for most in (300, 12, 50, 6))
        picture[y : y + height, x : x + width] = random.integers(0, 6) * 0x281810
    return picture


@pytest.mark.parametrize("seed", range(20))
def test_the_fallback_writes_the_same(seed: int, each_loops: list[ModuleType]) -> None:
    results = []
    for loops in (each_loops[0], each_loops[2]):
        sixel_palette.loops = loops
        results.append([encoded(picture, 256, 400) for picture in (blots(seed), words(seed, 150, 20))])
    for one, other in zip(*results, strict=True):
        assert one[0] == other[0]
        assert np.array_equal(read(one[0]), rounded(other[1]))


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 300), height=st.integers(1, 60), limit=st.integers(1, 256), seed=st.integers(0, 1000))
def test_decoded_it_is_the_palette_picture(width: int, height: int, limit: int, seed: int) -> None:
    data, shown = encoded(words(seed, width, height), limit)
    assert np.array_equal(read(data), rounded(shown))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 6), (8, 13), (333, 45), (640, 97)])
def test_libsixel_decodes_the_palette_picture(seed: int, width: int, height: int) -> None:
    data, shown = encoded(words(seed, width, height), 256)
    assert np.array_equal(read_libsixel(data), (percent(shown).astype(int) * 255 + 50) // 100)  # halves go up


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 4000), (4000, 1), (3, 7), (2, 5), (5, 6), (6, 12), (1200, 2)]
)
def test_degenerate_sizes(width: int, height: int, each_loops: list[ModuleType]) -> None:
    for loops in each_loops[::2]:
        sixel_palette.loops = loops
        data, shown = encoded(words(1, width, height), 256)
        assert np.array_equal(read(data), rounded(shown))


def test_a_wide_picture() -> None:
    data, shown = encoded(words(3, 120_000, 7), 256)
    assert len(data) < 1_000_000
    ((_, pixels),) = pictures(CURSOR + data, largest=Size(120_000, 7))
    assert np.array_equal(pixels[..., :3], rounded(shown))


def test_few_colours_are_exact() -> None:
    random = np.random.default_rng(2)
    bins = random.choice(1 << 15, 256, replace=False).astype(np.uint32)  # 15-bit colours, ...
    rest = random.integers(0, 8, (256, 3)).astype(np.uint32)  # ... one colour of each
    colors = (bins >> 10) << 19 | rest[:, 0] << 16 | (bins >> 5 & 31) << 11 | rest[:, 1] << 8 | (bins & 31) << 3
    colors |= rest[:, 2]
    picture = colors[random.integers(0, 256, (200, 300))]
    data, shown = encoded(picture, 256, calm=400)
    assert np.array_equal(shown, picture)
    source = np.stack((picture >> 16 & 255, picture >> 8 & 255, picture & 255), axis=-1).astype(int)
    assert abs(read(data) - source).max() <= 1  # whole percents


def test_many_colours_are_near() -> None:
    y, x = np.mgrid[0:256, 0:256].astype(np.uint32)
    picture = (x << 16 | y << 8 | (x + y) // 2).astype(np.uint32)
    _, shown = encoded(picture, 256)
    apart = [(picture >> shift & 255).astype(int) - (shown >> shift & 255).astype(int) for shift in (16, 8, 0)]
    assert np.sqrt(np.mean(np.square(apart))) < 6
    assert len(np.unique(shown)) == 256


def test_colours_that_are_close_do_not_bleed() -> None:
    picture = np.full((60, 60), 0x101010, np.uint32)
    picture[20:40, 20:40] = 0x181818
    data, _ = encoded(picture, 256, calm=5000)
    assert len(np.unique(read(data).reshape(-1, 3), axis=0)) == 2


def test_only_the_colours_used_are_defined() -> None:
    palettes = Palettes()
    palettes.index([words(2, 20, 20)], 256)
    picture = np.full((10, 10), 0xFF0000, np.uint32)
    indexed = palettes.index([picture], 256)
    data = sixel.encode(indexed.pictures[0], indexed.colors)
    assert data == b'\x1bP7;1q"1;1;10;10#0;2;100;0;0#0!10~-#0!10N\x1b\\'


def test_a_ground_is_one_run() -> None:
    picture = np.zeros((6, 100), np.uint32)
    picture[2, 10:90:10] = 0xFFFFFF
    data, shown = encoded(picture, 256)
    assert data.count(b"~") == 1
    assert b"#0!100~$#1" in data
    assert np.array_equal(read(data), rounded(shown))


def test_colours_beside_each_other_share_a_pass() -> None:
    picture = np.repeat(np.array([0xFF0000, 0xFF00, 0xFF], np.uint32), 10)[np.newaxis].repeat(6, axis=0)
    data, _ = encoded(picture, 256)
    assert data.endswith(b"#0!10~#1!10~#2!10~\x1b\\")


def test_a_palette_is_kept_until_the_scene_changes() -> None:
    palettes = Palettes()
    video = words(4, 400, 300)
    other = words(0, 400, 300)
    first = palettes.index([video], 256)
    again = palettes.index([np.roll(video, 40, axis=1)], 256)
    assert again.approximate
    assert np.array_equal(first.colors, again.colors)
    changed = palettes.index([other], 256)
    assert not np.array_equal(first.colors, changed.colors)
    best = palettes.index([video], 256, fresh=True)
    assert not best.approximate


def test_slopes_are_not_calmed() -> None:
    y, x = np.mgrid[0:300, 0:400].astype(np.uint32)
    picture = ((x >> 1) << 16 | (y >> 1) << 8 | (x + y) >> 2).astype(np.uint32)
    indexed = Palettes().index([picture], 256, calm=600)
    best = Palettes().index([picture], 256, fresh=True)
    assert not indexed.approximate
    assert np.array_equal(indexed.pictures[0], best.pictures[0])


def test_a_small_picture_of_few_colours_is_always_exact() -> None:
    palettes = Palettes()
    for seed in (0, 2, 4, 0):
        palettes.index([words(seed, 100, 100)], 256)
    for seed in range(100):
        picture = words(1 + 5 * seed, 40, 40)
        indexed = palettes.index([picture], 256)
        assert not indexed.approximate
        apart = [
            (picture >> shift & 255).astype(int) - (indexed.colors[indexed.pictures[0]] >> shift & 255).astype(int)
            for shift in (16, 8, 0)
        ]
        assert np.abs(apart).max() <= 7  # within five bits a channel


def test_a_huge_picture_is_counted_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sixel, "MOST_PIXELS", 1000)
    picture = words(0, 100, 100)
    palette = Palette.of([picture], 64)
    assert palette.known == 64
    indexes, _, _ = palette.indexes([picture])
    assert indexes[0].max() < 64
