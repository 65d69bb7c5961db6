"""Choosing a part of the picture with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from ...geometry import Point, Rect
from ...term.scale import Mapping
from ...term.tokenizer import Mouse

if TYPE_CHECKING:
    from ..app import SpiceApp


class RegionFrame(Static):
    """The hint while a region is chosen, then a label that follows the corner that is dragged."""

    app: SpiceApp
    DEFAULT_CSS = """
    RegionFrame {
        layer: menu; display: none; width: auto; height: 1; padding: 0 1;
        background: $primary; color: $text;
    }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.active = False
        self._start: Point | None = None

    def begin(self) -> None:
        self.active = True
        self._start = None
        self.update("Drag over the part to enlarge; any key cancels")
        self.offset = (0, 0)
        self.display = True

    def cancel(self) -> None:
        self.active = False
        self.display = False

    def mouse(self, event: Mouse, mapping: Mapping, x: float, y: float) -> Rect | None:
        """The part that was chosen, in the picture's pixels, when the button goes up."""
        place = mapping.to_pixel(x, y)
        if event.kind == "down" and event.button == 1:
            self._start = place
        if self._start is None:
            return None
        left, right = sorted((self._start.x, place.x))
        top, bottom = sorted((self._start.y, place.y))
        part = Rect.from_edges(left, top, right + 1, bottom + 1)
        if event.kind == "up":
            self.cancel()
            return part
        self.update(f"{part.width}x{part.height}")
        self.offset = (max(0, int(x) + 1), max(0, int(y) - 1))
        return None
