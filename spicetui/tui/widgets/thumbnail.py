"""A small live picture of one monitor, drawn with cells through the compositor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ...geometry import Rect, Size, bounding
from ...term.cells import CellPlane
from ...term.scale import Mapping, Scale
from ..strips import CellStrip

if TYPE_CHECKING:
    from ...interfaces import Head
    from ..app import SpiceApp
    from ..link import Link

MAX_RECTS = 16  # of damage, before they are taken together
_CELL_PX = Size(8, 16)  # where the terminal tells no cell size


class Thumbnail(Widget):
    """One monitor in a frame; Enter or a click chooses it.  It draws when it is told to, and then only what changed."""

    app: SpiceApp
    can_focus = True
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [("enter,space", "choose", "Show")]
    DEFAULT_CSS = """
    Thumbnail {
        border: round $foreground 30%; border-title-color: $foreground; border-subtitle-color: $foreground 70%;
        background: #101418; color: $foreground 60%;
    }
    Thumbnail:hover { border: round $foreground 70%; }
    Thumbnail:focus { border: heavy $accent; border-title-color: $accent; border-title-style: bold; }
    """

    class Chosen(Message):
        """The user wants to see this one."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, link: Link, number: int, head: Head, plane: CellPlane) -> None:
        super().__init__()
        self.link = link
        self.number = number  #: as ``--display`` counts, from 0
        self.head = head
        self.plane = plane
        self._damage: list[Rect] = []

    # what is shown

    def look_at(self, head: Head) -> None:
        """All of it is drawn again."""
        self.head = head
        self.plane.clear()

    def label(self, name: str, *, shown: bool) -> None:
        """*name* is the app's own text; *shown*: the app shows this one."""
        area = self.link.area_of(self.head)
        size = f"{area.width}x{area.height}" if area is not None else "no picture"
        self.border_title = f"{'● ' if shown else ''}{self.number + 1}  {size}"
        self.border_subtitle = name

    def damaged(self, channel: int, damage: Iterable[Rect]) -> bool:
        """Whether any of what changed on a display channel is to be seen here."""
        area = self.link.area_of(self.head) if channel == self.head.display else None
        if area is None:
            return False
        parts = [rect.intersect(area).translate(-area.x, -area.y) for rect in damage]
        parts = [part for part in parts if not part.empty]
        self._damage += parts
        if len(self._damage) > MAX_RECTS:
            self._damage = [bounding(self._damage)]
        return bool(parts)

    def draw(self) -> None:
        """Brings the cells up to date with the picture."""
        plane, pixels = self.plane, self.link.pixels_of(self.head)
        damage, self._damage = self._damage, []
        size = Size(*self.size)
        if size != plane.size:
            plane.resize(size)
        if pixels is None or not size.width or not size.height:
            if plane.mapping is not None:
                plane.clear()
            self.refresh()
            return
        picture = Size(pixels.shape[1], pixels.shape[0])
        if plane.mapping is None or plane.mapping.picture != picture:
            plane.place(Mapping(picture, size, plane.kind.sub, Scale.FIT, cell_px=self.app.cell_px or _CELL_PX))
            plane.draw(pixels, [Rect(0, 0, *picture)])
            self.refresh()
        elif damage:
            plane.draw(pixels, damage)
            self.refresh(*(Region(*plane.mapping.damaged_cells(rect)) for rect in damage))

    def on_resize(self) -> None:
        self.draw()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self.plane.mapping is not None and self.plane.size == Size(*self.size):
            return Strip(list(CellStrip(self.plane, y, 0, width)), width)
        text = "no picture" if y == self.size.height // 2 else ""
        return Strip([Segment(text[:width].center(width), self.rich_style)], width)

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.number))

    def on_click(self) -> None:
        self.action_choose()
