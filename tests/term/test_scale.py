"""Where the picture lies, and which cells damage touches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.geometry import Point, Rect, Size
from spicetui.term.cells import CellKind, CellPlane
from spicetui.term.scale import Mapping, Scale

SIZES = st.builds(Size, st.integers(1, 300), st.integers(1, 300))
VIEWS = st.builds(Size, st.integers(1, 60), st.integers(1, 40))
SUBS = st.sampled_from([kind.sub for kind in CellKind])
CELLS = st.sampled_from([Size(8, 16), Size(9, 18), Size(10, 20), Size(7, 15), Size(16, 16)])
PANS = st.builds(Point, st.integers(-50, 400), st.integers(-50, 400))
MAPPINGS = st.builds(
    lambda picture, view, sub, scale, cell, pan: Mapping(picture, view, sub, scale, cell_px=cell, pan=pan),
    SIZES, VIEWS, SUBS, st.sampled_from(list(Scale)), CELLS, PANS,
)  # fmt: skip


@given(MAPPINGS)
def test_the_picture_lies_inside_the_view(mapping: Mapping) -> None:
    view = Rect(0, 0, *mapping.view)
    assert view.contains(mapping.cells)
    assert not mapping.cells.empty
    assert Rect(0, 0, *mapping.picture).contains(mapping.shown)
    if mapping.scale in (Scale.FIT, Scale.INTEGER):
        assert mapping.shown == Rect(0, 0, *mapping.picture)


@given(MAPPINGS)
def test_every_shown_pixel_is_in_a_sub_cell(mapping: Mapping) -> None:
    for edges, span, sub in (
        (mapping.xs, mapping.columns, mapping.sub.width),
        (mapping.ys, mapping.rows, mapping.sub.height),
    ):
        first, last = span.cell * sub, (span.cell + span.cells) * sub
        starts, ends = edges[0, first:last].astype(int), edges[1, first:last].astype(int)
        assert (ends > starts).all()
        assert starts[0] == span.first
        assert ends[-1] == span.first + span.pixels
        assert (starts[1:] <= ends[:-1]).all()  # no gap
        assert (np.diff(starts) >= 0).all()


@given(MAPPINGS, st.integers(-10, 310), st.integers(-10, 310), st.integers(0, 100), st.integers(0, 100))
def test_damage_touches_exactly_the_cells_that_show_it(
    mapping: Mapping, x: int, y: int, width: int, height: int
) -> None:
    damage = Rect(x, y, width, height)
    found = mapping.damaged_cells(damage)
    sub = mapping.sub
    seen = set()
    for row in range(mapping.cells.y, mapping.cells.bottom):
        for column in range(mapping.cells.x, mapping.cells.right):
            for j in range(row * sub.height, (row + 1) * sub.height):
                for i in range(column * sub.width, (column + 1) * sub.width):
                    pixels = Rect.from_edges(
                        int(mapping.xs[0, i]), int(mapping.ys[0, j]), int(mapping.xs[1, i]), int(mapping.ys[1, j])
                    )
                    if not pixels.intersect(damage).empty:
                        seen.add((column, row))
    assert all(found.x <= c < found.right and found.y <= r < found.bottom for c, r in seen)
    if not found.empty:
        assert {c for c, _ in seen} == set(range(found.x, found.right))
        assert {r for _, r in seen} == set(range(found.y, found.bottom))


@given(MAPPINGS, st.floats(0, 0.999), st.floats(0, 0.999))
def test_places_there_and_back(mapping: Mapping, across: float, along: float) -> None:
    cells = mapping.cells
    x, y = cells.x + across * cells.width, cells.y + along * cells.height
    assert mapping.inside(x, y)
    pixel = mapping.to_pixel(x, y)
    assert mapping.shown.contains(Rect(*pixel, 1, 1))
    back = mapping.to_cell(pixel)
    if mapping.columns.step >= 1 and mapping.rows.step >= 1:
        # A pixel between two cells belongs to both.
        assert abs(back.x - int(x)) <= 1
        assert abs(back.y - int(y)) <= 1


def test_fit_keeps_proportions() -> None:
    mapping = Mapping(Size(1920, 1080), Size(200, 56), Size(2, 2))
    assert mapping.cells == Rect(0, 0, 200, 56)  # 199.1 columns would be exact
    mapping = Mapping(Size(1024, 768), Size(80, 23), Size(2, 2))
    assert (mapping.cells.width, mapping.cells.height) == (61, 23)
    assert mapping.cells.x == 9


def test_native_shows_a_text_console_cell_by_cell() -> None:
    mapping = Mapping(Size(720, 400), Size(160, 48), Size(2, 2), Scale.NATIVE, cell_px=Size(9, 16))
    assert (mapping.cells.width, mapping.cells.height) == (80, 25)


def test_integer_covers_whole_pixels() -> None:
    mapping = Mapping(Size(1920, 1080), Size(200, 56), Size(2, 2), Scale.INTEGER)
    steps = {(int(b), int(a)) for a, b in zip(np.diff(mapping.ys[0]), np.diff(mapping.xs[0]), strict=False)}
    assert len({step for step, _ in steps if step}) == 1
    assert mapping.columns.step * mapping.view.width >= 1920


def test_pixel_scale_pans() -> None:
    mapping = Mapping(Size(640, 480), Size(80, 23), Size(1, 2), Scale.PIXEL, pan=Point(600, 10))
    assert mapping.shown == Rect(560, 10, 80, 46)
    assert mapping.to_pixel(0.5, 0.5) == Point(560, 11)
    assert mapping.percent == 100


@pytest.mark.parametrize("picture", [Size(1, 1), Size(32766, 1), Size(1, 32766)])
def test_odd_pictures(picture: Size) -> None:
    for scale in Scale:
        mapping = Mapping(picture, Size(80, 23), Size(2, 2), scale)
        assert not mapping.cells.empty
        assert not mapping.damaged_cells(Rect(0, 0, *picture)).empty


@given(
    st.builds(Size, st.integers(1, 60), st.integers(1, 60)),
    st.builds(Size, st.integers(1, 20), st.integers(1, 12)),
    st.sampled_from(list(CellKind)),
    st.sampled_from(list(Scale)),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59), st.integers(1, 30), st.integers(1, 30)), max_size=5),
    st.integers(0, 2**32 - 1),
)
def test_drawing_the_damage_is_drawing_everything(
    picture: Size, view: Size, kind: CellKind, scale: Scale, rects: list[tuple[int, int, int, int]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (picture.height, picture.width, 4), dtype=np.uint8)
    whole = Rect(0, 0, *picture)
    planes = []
    for _ in range(2):
        plane = CellPlane(kind, backdrop=0x112233)
        plane.resize(view)
        plane.place(Mapping(picture, view, kind.sub, scale))
        planes.append(plane)
    planes[0].draw(pixels, [whole])
    damage = [Rect(*rect).intersect(whole) for rect in rects]
    for rect in damage:
        pixels[rect.slices()] = random.integers(0, 256, (rect.height, rect.width, 4), dtype=np.uint8)
    planes[0].draw(pixels, damage)
    planes[1].draw(pixels, [whole])
    assert np.array_equal(planes[0].wanted, planes[1].wanted)
