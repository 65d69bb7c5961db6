"""Regions against a bitmap painted rectangle by rectangle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui.canvas.region import MAX_RECTS, Region, region
from spicetui.geometry import Rect

WIDTH, HEIGHT = 23, 17
edges = st.integers(-6, 30)
rects = st.builds(Rect, edges, edges, st.integers(-2, 14), st.integers(-2, 14))


def painted(part: Region) -> npt.NDArray[np.int64]:
    """How often each pixel is drawn."""
    out = np.zeros((HEIGHT, WIDTH), np.int64)
    for (x1, y1, x2, y2), mask in part:
        assert 0 <= x1 < x2 <= WIDTH
        assert 0 <= y1 < y2 <= HEIGHT
        out[y1:y2, x1:x2] += 1 if mask is None else mask
    return out


def expected(box: Rect, clip: list[Rect] | None) -> npt.NDArray[np.int64]:
    whole = Rect(0, 0, WIDTH, HEIGHT)
    out = np.zeros((HEIGHT, WIDTH), np.int64)
    for rect in [whole] if clip is None else clip:
        out[rect.intersect(box).intersect(whole).slices()] = 1
    return out


@given(rects, st.none() | st.lists(rects, max_size=12))
def test_box_and_clip(box: Rect, clip: list[Rect] | None) -> None:
    part = region(WIDTH, HEIGHT, box, clip)
    assert np.array_equal(painted(part), expected(box, clip))
    assert bool(part) == bool(painted(part).any())
    cover = np.zeros((HEIGHT, WIDTH), np.bool_)
    for rect in part.rects:
        cover[rect.slices()] = True
    assert not (painted(part).astype(np.bool_) & ~cover).any()


@settings(max_examples=8)
@given(st.lists(rects, min_size=MAX_RECTS + 1, max_size=MAX_RECTS + 3))
def test_many_rectangles(clip: list[Rect]) -> None:
    box = Rect(0, 0, WIDTH, HEIGHT)
    assert np.array_equal(painted(region(WIDTH, HEIGHT, box, clip)), expected(box, clip))


@given(rects, st.lists(rects, max_size=5), rects)
def test_within(box: Rect, clip: list[Rect], other: Rect) -> None:
    part = region(WIDTH, HEIGHT, box, clip).within((other.x, other.y, other.right, other.bottom))
    assert np.array_equal(painted(part), expected(box, clip) & expected(other, None))


@given(rects, st.lists(rects, max_size=5), st.integers(-5, 20), st.integers(-5, 20), st.integers(0, 1 << 60))
def test_masked(box: Rect, clip: list[Rect], x: int, y: int, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 2, (9, 11)).astype(np.bool_)
    part = region(WIDTH, HEIGHT, box, clip).masked(mask, x, y)
    allowed = np.zeros((HEIGHT + 40, WIDTH + 40), np.int64)
    allowed[y + 10 : y + 19, x + 10 : x + 21] = mask
    assert np.array_equal(painted(part), expected(box, clip) & allowed[10 : 10 + HEIGHT, 10 : 10 + WIDTH])


def test_bands_stay_rectangles() -> None:
    bands = [Rect(x, y, 3, 2) for y in (0, 4, 8) for x in (0, 5, 10)]
    part = region(WIDTH, HEIGHT, Rect(0, 0, WIDTH, HEIGHT), bands)
    assert part.mask is None
    assert part.rects == bands
