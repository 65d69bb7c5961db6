"""A picture that stands still, drawn with cells through the compositor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from ...geometry import Rect, Size
from ...term.cells import CellPlane
from ...term.scale import Mapping, Scale
from ..strips import CellStrip

if TYPE_CHECKING:
    from ..app import SpiceApp

BACKDROP = 0x202428
_CELL_PX = Size(8, 16)  # where the terminal tells no cell size


class Picture(Widget):
    """Fits what it is given to show; *words* stand there without a picture."""

    app: SpiceApp
    ALLOW_SELECT = False
    DEFAULT_CSS = "Picture { width: 100%; height: 8; }"

    def __init__(self) -> None:
        super().__init__()
        self._pixels: npt.NDArray[np.uint8] | None = None
        self._plane: CellPlane | None = None
        self._words = ""

    def tell(self, pixels: npt.NDArray[np.uint8] | None, words: str = "") -> None:
        """(H, W, 4) BGRX, or None and what is said instead."""
        if pixels is not self._pixels or words != self._words:
            self._pixels, self._words = pixels, words
            self._draw()

    def _draw(self) -> None:
        size = Size(*self.size)
        self._plane = None
        if self._pixels is not None and size.width and size.height:
            plane = CellPlane(*self.app.cell_style, BACKDROP)
            plane.resize(size)
            picture = Size(self._pixels.shape[1], self._pixels.shape[0])
            scale = Scale.FIT
            plane.place(Mapping(picture, size, plane.kind.sub, scale, cell_px=self.app.cell_px or _CELL_PX))
            plane.draw(self._pixels, [Rect(0, 0, *picture)])
            self._plane = plane
        self.refresh()

    def on_resize(self) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._plane is not None and self._plane.size == Size(*self.size):
            return Strip(list(CellStrip(self._plane, y, 0, width)), width)
        text = self._words if y == 0 else ""
        return Strip([Segment(text[:width].ljust(width), self.rich_style)], width)
