"""Where the picture lies on the cells: sizes, places and damage, both ways.

*Sub-cells* are the parts of a cell that get their own colour: 1x2 for half blocks, 2x2 for quadrants.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size


class Scale(Enum):
    """How large the picture is shown."""

    FIT = "fit"  #: as large as the view, proportions kept
    INTEGER = "integer"  #: as FIT, but a sub-cell covers a whole number of pixels, or a pixel of square sub-cells
    NATIVE = "native"  #: as large as on a monitor with the terminal's pixels
    PIXEL = "1:1"  #: one sub-cell shows one pixel


class Span(NamedTuple):
    """One axis: the picture begins at *cell* of the view with *cells* cells, which show *pixels* from *first* on.

    Each cell shows *step* pixels; the last one may have fewer.
    """

    cell: int
    cells: int
    first: int
    pixels: int
    step: float


class Mapping:
    """How a picture of *picture* pixels lies in a view of *view* cells.

    *cell_px* is a cell's size in the terminal's pixels; only the proportions count, but for NATIVE.  *pan* is the
    pixel wished for at the view's top left corner; it counts where the picture is larger than the view.  *zoom*
    enlarges what *scale* gives.
    """

    def __init__(
        self,
        picture: Size,
        view: Size,
        sub: Size,
        scale: Scale = Scale.FIT,
        *,
        cell_px: Size = Size(8, 16),
        pan: Point = Point(0, 0),
        zoom: float = 1.0,
    ) -> None:
        self.picture = picture
        self.view = view
        self.sub = sub
        self.scale = scale
        self.zoom = zoom
        per_cell_x, per_cell_y = _pixels_per_cell(picture, view, sub, scale, cell_px)
        whole = scale is Scale.FIT and zoom == 1
        self.columns = _span(picture.width, view.width, per_cell_x / zoom, pan.x, whole)
        self.rows = _span(picture.height, view.height, per_cell_y / zoom, pan.y, whole)

    @property
    def cells(self) -> Rect:
        """The cells of the view that show the picture."""
        return Rect(self.columns.cell, self.rows.cell, self.columns.cells, self.rows.cells)

    @property
    def shown(self) -> Rect:
        """The pixels of the picture that are shown."""
        return Rect(self.columns.first, self.rows.first, self.columns.pixels, self.rows.pixels)

    @property
    def percent(self) -> int:
        """The picture's width as shown, in sub-cells, of its width in pixels."""
        return round(100 * self.columns.cells * self.sub.width / max(self.columns.pixels, 1))

    @cached_property
    def xs(self) -> npt.NDArray[np.uint32]:
        """For each sub-cell of the view its first pixel column, then for each the column behind its last: (2, n).

        Sub-cells beside the picture have none.
        """
        return _edges(self.columns, self.view.width, self.sub.width)

    @cached_property
    def ys(self) -> npt.NDArray[np.uint32]:
        return _edges(self.rows, self.view.height, self.sub.height)

    def damaged_cells(self, damage: Rect) -> Rect:
        """The cells of the view that show any pixel of *damage*."""
        damage = damage.intersect(self.shown)
        if damage.empty:
            return Rect(0, 0, 0, 0)
        x0, x1 = _touched(self.xs, damage.x, damage.right, self.sub.width)
        y0, y1 = _touched(self.ys, damage.y, damage.bottom, self.sub.height)
        return Rect.from_edges(x0, y0, x1, y1).intersect(self.cells)

    def to_pixel(self, x: float, y: float) -> Point:
        """The pixel under a place of the view, in cells; places outside the picture give its nearest pixel."""
        return Point(_pixel(self.columns, x), _pixel(self.rows, y))

    def to_cell(self, point: Point) -> Point:
        """The cell of the view that shows a pixel; it may lie outside the view."""
        return Point(_cell(self.columns, point.x), _cell(self.rows, point.y))

    def inside(self, x: float, y: float) -> bool:
        """Whether a place of the view shows a part of the picture."""
        cells = self.cells
        return cells.x <= x < cells.right and cells.y <= y < cells.bottom


def _pixels_per_cell(picture: Size, view: Size, sub: Size, scale: Scale, cell_px: Size) -> tuple[float, float]:
    """How many pixels of the picture a cell shows, across and down."""
    if scale is Scale.PIXEL:
        return sub.width, sub.height
    if scale is Scale.NATIVE:
        return cell_px.width, cell_px.height
    zoom = max(
        picture.width / max(view.width * cell_px.width, 1), picture.height / max(view.height * cell_px.height, 1), 1e-6
    )
    if scale is Scale.FIT:
        return zoom * cell_px.width, zoom * cell_px.height
    # The sub-cell's proportions, as near as whole numbers come; the narrower side decides.
    across, down = cell_px.width / sub.width, cell_px.height / sub.height
    enlarged = int(
        min(view.width * sub.width / max(picture.width, 1), view.height * sub.height / max(picture.height, 1))
    )
    if across == down and enlarged > 1:
        return sub.width / enlarged, sub.height / enlarged
    factor = max(1, math.ceil(zoom * min(across, down) - 1e-9))
    while True:
        x = factor * max(1, round(across / down)) if across >= down else factor
        y = factor * max(1, round(down / across)) if down > across else factor
        if x * sub.width * view.width >= picture.width and y * sub.height * view.height >= picture.height:
            return x * sub.width, y * sub.height
        factor += 1


def _span(picture: int, view: int, per_cell: float, pan: int, fit: bool) -> Span:
    """*fit*: the picture fills whole cells, so that nothing is cut off and nothing is left over."""
    if picture <= 0 or view <= 0:
        return Span(0, 0, 0, 0, 1.0)
    if fit:
        cells = min(view, max(1, round(picture / per_cell)))
        if view - cells == 1 and cells >= 40:  # better filled than exact
            cells = view
        return Span((view - cells) // 2, cells, 0, picture, picture / cells)
    need = math.ceil(picture / per_cell - 1e-9)
    if need <= view:
        return Span((view - need) // 2, need, 0, picture, per_cell)
    pixels = max(1, min(picture, int(view * per_cell)))
    return Span(0, view, min(max(pan, 0), picture - pixels), pixels, per_cell)


def _edges(span: Span, view: int, sub: int) -> npt.NDArray[np.uint32]:
    bounds = np.floor(np.arange(span.cells * sub + 1) * (span.step / sub) + 1e-6).astype(np.int64)
    starts = np.minimum(bounds[:-1], max(span.pixels - 1, 0))
    ends = np.minimum(np.maximum(bounds[1:], starts + 1), span.pixels)
    edges = np.empty((2, view * sub), np.uint32)
    first, last = span.cell * sub, (span.cell + span.cells) * sub
    edges[:, :first] = span.first
    edges[0, first:last] = starts + span.first
    edges[1, first:last] = ends + span.first
    edges[:, last:] = span.first + span.pixels
    return edges


def _touched(edges: npt.NDArray[np.uint32], first: int, end: int, sub: int) -> tuple[int, int]:
    start = int(np.searchsorted(edges[1], first, side="right"))
    stop = int(np.searchsorted(edges[0], end, side="left"))
    return start // sub, -(-stop // sub)


def _pixel(span: Span, place: float) -> int:
    offset = int((place - span.cell) * span.step)
    return span.first + min(max(offset, 0), max(span.pixels - 1, 0))


def _cell(span: Span, pixel: int) -> int:
    return span.cell + math.floor((pixel - span.first) / span.step + 1e-6)
