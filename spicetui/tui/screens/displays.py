"""All displays as small live pictures, to choose one from."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid
from textual.screen import Screen
from textual.widgets import Static

from ...geometry import Rect, Size
from ...interfaces import Head
from ...term.cells import CellPlane
from ..widgets.thumbnail import Thumbnail

if TYPE_CHECKING:
    from ..app import SpiceApp
    from ..link import Link

BACKDROP = 0x101418
FPS = 4
MAX_DISPLAYS = 64  # that get a thumbnail
# Of a thumbnail with its frame, in cells; where not all of them fit, they scroll.
MIN_WIDTH, MIN_HEIGHT = 19, 6
MAX_WIDTH = 66
USUAL_ASPECT = 3.2
_FRAME = 2
_CELL_PX = Size(8, 16)  # where the terminal tells no cell size


class Arrangement(NamedTuple):
    """*width* and *height* are of one thumbnail with its frame, in cells."""

    columns: int
    width: int
    height: int


def arrange(space: Size, aspects: Sequence[float]) -> Arrangement:
    """The thumbnails that show most in *space* cells, or handy ones that scroll.

    *aspects*: how many cells wide each picture is for each cell of its height.
    """
    count = len(aspects)

    def shown(columns: int, width: int, height: int) -> tuple[float, Arrangement]:
        """How many cells the pictures get, and thumbnails that are no larger than the pictures need."""
        across, down = max(1, min(width, MAX_WIDTH) - _FRAME), max(1, height - _FRAME)
        heights = [min(down, across / aspect) for aspect in aspects]
        cells = sum(h * h * aspect for h, aspect in zip(heights, aspects, strict=True))
        return cells, Arrangement(columns, across + _FRAME, max(1, math.ceil(max(heights) - 0.4)) + _FRAME)

    fitting = (shown(n, space.width // n, space.height // math.ceil(count / n)) for n in range(1, count + 1))
    _, best = max(fitting)
    if (best.width >= MIN_WIDTH and best.height >= MIN_HEIGHT) or count == 1:
        return best
    room = space.width - 1  # beside the scroll bar
    columns = max(1, min(count, room // MIN_WIDTH))
    return shown(columns, room // columns, space.height)[1]


def names(heads: Sequence[Head], *, short: bool = False) -> list[str]:
    """What to call the monitors; numbers begin with 1."""
    monitors = Counter(head.display for head in heads)
    several = len(monitors) > 1
    device, monitor = ("dev", "mon") if short else ("device", "monitor")

    def name(head: Head) -> str:
        parts = [f"{device} {head.display + 1}"] if several else []
        if not several or monitors[head.display] > 1:
            parts.append(f"{monitor} {head.id + 1}")
        return ", ".join(parts)

    return [name(head) for head in heads]


class Gallery(Grid):
    """The thumbnails; only the mouse scrolls it, and whatever has the focus is in sight."""

    can_focus = False


class DisplaysScreen(Screen[None]):
    """Escape goes back to the display that was shown."""

    app: SpiceApp
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,t,ctrl+c", "close", "Back"),
        ("left,h", "step(-1)", "Before"),
        ("right,l", "step(1)", "Next"),
        ("up,k", "row(-1)", "Above"),
        ("down,j", "row(1)", "Below"),
        ("home", "first", "First"),
        ("end", "last", "Last"),
        *((str(digit % 10), f"choose({digit - 1})", f"Display {digit}") for digit in range(1, 11)),
    ]
    DEFAULT_CSS = """
    DisplaysScreen { layout: vertical; overflow: hidden; }
    DisplaysScreen > Static { height: 1; background: $panel; color: $text; text-wrap: nowrap; }
    DisplaysScreen Gallery {
        width: 1fr; height: 1fr; align: center middle; overflow-x: hidden; overflow-y: auto;
        scrollbar-size-vertical: 1; grid-gutter: 0;
    }
    """

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link
        self.gallery = Gallery()
        self.tiles: list[Thumbnail] = []
        self._columns = 1  # of thumbnails
        self._heads: list[Head] = []
        self._names: list[str] = []
        self._stale = True  # the displays are others than those that the thumbnails are of
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield self.gallery
        yield Static("", id="about", markup=False)

    # life

    def on_mount(self) -> None:
        self.link.follower = self
        self._update()
        self.watch(self.gallery, "scroll_y", self._schedule, init=False)
        if self.tiles:
            self._select(min(self.link.display, len(self.tiles) - 1))

    def on_unmount(self) -> None:
        if self.link.follower is self:
            self.link.follower = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # what the link tells

    def displays_changed(self) -> None:
        self._stale = True
        self._schedule()

    def display_damaged(self, channel: int, damage: Sequence[Rect]) -> None:
        seen = 0
        for tile in self.tiles:
            seen += tile.damaged(channel, damage)
        if seen:
            self._schedule()

    # drawing

    def _schedule(self) -> None:
        """The thumbnails are drawn as soon as the rate allows."""
        if self._timer is None and self.is_attached:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next, loop.time()), self._present)

    def _present(self) -> None:
        self._timer = None
        if not self.is_attached or not self.app.is_running or not self.is_current:
            return  # it is done when this screen is to be seen again
        self._next = asyncio.get_running_loop().time() + 1 / FPS
        if self._stale:
            self._update()
        seen = self.gallery.region
        for tile in self.tiles:
            if tile.region.overlaps(seen):
                tile.draw()

    def on_screen_resume(self) -> None:
        self._schedule()

    def _update(self) -> None:
        """As many thumbnails as there are displays, each with its own."""
        self._stale = False
        self._heads = self._all_heads()
        self._names = names(self._heads)
        count = min(len(self._heads), MAX_DISPLAYS)
        for tile in self.tiles[count:]:
            tile.remove()
        del self.tiles[count:]
        new = [
            Thumbnail(self.link, number, self._heads[number], self._plane()) for number in range(len(self.tiles), count)
        ]
        self.tiles += new
        if new:
            self.gallery.mount(*new)
        for tile, head in zip(self.tiles, self._heads, strict=False):
            tile.look_at(head)
        self._lay_out()
        self._tell()

    def _all_heads(self) -> list[Head]:
        """Those of channels that have never had a picture too; the link has not heard of the last of them."""
        heads, client = self.link.heads, self.app.client
        dark = client.heads[len(heads) :] if client is not None else []
        return heads + [head for head in dark if head.area.empty]

    def _plane(self) -> CellPlane:
        """As the picture is drawn, where that is with cells."""
        return CellPlane(*self.app.cell_style, BACKDROP)

    def _lay_out(self) -> None:
        space = Size(self.size.width, self.size.height - 2)
        if not self.tiles or space.width <= 0 or space.height <= 0:
            return
        cell = self.app.cell_px or _CELL_PX
        areas = [self.link.area_of(tile.head) for tile in self.tiles]
        aspects = [
            area.width / area.height * cell.height / cell.width if area is not None else USUAL_ASPECT for area in areas
        ]
        found = arrange(space, [min(max(aspect, 1.0), 5.0) for aspect in aspects])
        self._columns = found.columns
        for tile, name, short in zip(self.tiles, self._names, names(self._heads, short=True), strict=False):
            tile.label(name if len(name) <= found.width - 6 else short, shown=tile.head == self.link.head)
        styles = self.gallery.styles
        styles.grid_size_columns = found.columns
        styles.grid_columns = str(found.width)
        styles.grid_rows = str(found.height)

    def on_resize(self) -> None:
        self._lay_out()
        self._tell()

    # words

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._tell()

    @property
    def selected(self) -> Thumbnail | None:
        return self.focused if isinstance(self.focused, Thumbnail) else None

    def _tell(self) -> None:
        """What the lines at the top and at the bottom say."""
        total = len(self._heads)
        more = f"the first {len(self.tiles)} of {total}" if total > len(self.tiles) else f"{total}"
        keys = "1…9  show at once" if total > 1 else ""
        self.query_one("#title", Static).update(self._bar(f" Displays  {more}", keys))
        tile, about = self.selected, " no display" if not total else ""
        if tile is not None and tile.number < total:
            area = self.link.area_of(tile.head)
            size = f"{area.width}x{area.height}+{area.x}+{area.y}" if area is not None else "no picture"
            about = f" {self._names[tile.number]} · {size} · --display {tile.number}"
        self.query_one("#about", Static).update(self._bar(about, "Enter  show    Esc  back"))

    def _bar(self, left: str, right: str) -> Text:
        """The right part only where there is room for all of it."""
        line = Text(left, no_wrap=True, overflow="crop")
        space = self.size.width - cell_len(left) - cell_len(right) - 1
        if space > 1:
            line.append(" " * space).append(right, "dim")
        return line

    # what the user does

    def action_step(self, by: int) -> None:
        self._select(self._at() + by)

    def action_row(self, by: int) -> None:
        at, last = self._at(), len(self.tiles) - 1
        wanted = at + by * self._columns
        if wanted < 0 or (wanted > last and at // self._columns == last // self._columns):
            return
        self._select(min(wanted, last))

    def action_first(self) -> None:
        self._select(0)

    def action_last(self) -> None:
        self._select(len(self.tiles) - 1)

    def _at(self) -> int:
        return self.selected.number if self.selected is not None else 0

    def _select(self, number: int) -> None:
        if 0 <= number < len(self.tiles):
            self.set_focus(self.tiles[number])  # at once, before the next key
            self.gallery.scroll_to_widget(self.tiles[number], animate=False)

    def action_choose(self, number: int) -> None:
        if 0 <= number < len(self._heads):
            self.app.choose_display(number)
            self.dismiss(None)
        else:
            self.app.bell()

    def on_thumbnail_chosen(self, message: Thumbnail.Chosen) -> None:
        self.action_choose(message.number)

    def action_close(self) -> None:
        self.dismiss(None)
