"""The picture in the app: a widget whose cells a backend fills.

Textual's compositor decides which cells are the picture's: it asks :class:`~.strips.CellStrip` to render exactly
those that nothing covers.  They are *owned* from then on, and frames are written to owned cells only, past the
compositor.  A change of layout takes all ownership away until the compositor has painted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..geometry import Point, Rect, Size
from ..term.plane import Plane, Pointer
from ..term.scale import Mapping, Scale
from ..term.screentext import Grid, Recognizer, TextScreen, read_screen
from ..term.text_plane import GridMapping, TextPlane
from .presenter import Presenter
from .strips import CellStrip

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from textual.screen import Screen
    from textual.timer import Timer

    from .app import SpiceApp
    from .link import Link

_CELL_PX = Size(8, 16)  # where the terminal tells no cell size
MAX_ZOOM = 16.0
REPEAT_SECONDS = 0.5  # after which a picture that may have got lost is sent again


class VMView(Widget):
    """Shows the link's picture.  No border, no padding: its cells are all picture."""

    ALLOW_SELECT = False
    can_focus = False
    app: SpiceApp

    def __init__(self, link: Link, *, plane: Plane, scale: Scale, fps: int) -> None:
        super().__init__()
        self.link = link
        self.plane = plane
        self.scale_mode = scale
        self.zoom = 1.0
        self.pan = Point(0, 0)
        self.origin = Point(0, 0)  # on the terminal, as the compositor painted last
        self.layouts = 0  #: how often anything may have come to lie over the picture, or gone
        self.draws_pointer = True
        self.presenter = Presenter(self, 1 / max(1, fps))
        self.recognizer: Recognizer | None = None  #: text consoles are shown as text while there is one
        self._picture: Plane | None = None  # what draws when it is no text, while it is
        self._pointer: Pointer | None = None
        self._cursor: Point | None = None  # of the text console, in its cells
        self._pending_damage: list[Rect] = []
        self._repetition: Timer | None = None

    # life

    def on_mount(self) -> None:
        self.screen.screen_layout_refresh_signal.subscribe(self, self._on_layout_painted, immediate=True)

    def on_unmount(self) -> None:
        self.presenter.stop()

    def _on_layout_painted(self, screen: Screen[Any]) -> None:
        # It has just painted, perhaps something over us; what it lets us paint next is ours again.
        self.layouts += 1
        self.plane.disown()
        self.refresh()

    # what is shown

    @property
    def mapping(self) -> Mapping | None:
        return self.plane.mapping

    @property
    def cell_px(self) -> Size:
        return self.app.cell_px or _CELL_PX

    @property
    def fps(self) -> float:
        """Frames of the last second."""
        return self.presenter.fps

    def shows(self, x: int, y: int) -> bool:
        """Whether nothing covers a cell.  While a layout is being painted that is not known, and assumed."""
        owned = self.plane.owned
        return bool(owned[y, x]) or not owned.any()

    def use(self, plane: Plane) -> None:
        """Another backend draws pictures from now on."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None
            self.app.text_shown(None)
        self._change(plane).close()

    def close(self) -> None:
        """Gives back what the backends hold outside this process; once the terminal has read all."""
        for plane in (self.plane, self._picture):
            if plane is not None:
                plane.close()

    def read_text(self, enabled: bool) -> None:
        """Whether text consoles are shown as text."""
        self.recognizer = Recognizer() if enabled else None
        if not enabled:
            self._leave_text()
        self.remap()

    @property
    def grid(self) -> Grid | None:
        """The text console that is shown as text."""
        mapping = self.mapping
        return mapping.grid if isinstance(mapping, GridMapping) else None

    def console_text(self) -> str | None:
        """The text of the console that the guest shows, None when it shows none."""
        recognizer, pixels = self.recognizer, self.link.pixels
        screen = recognizer.screen if recognizer is not None else None
        if screen is None and pixels is not None:
            screen = read_screen(pixels)
        return screen.text() if screen is not None else None

    def _recognize(self, pixels: npt.NDArray[np.uint8], damage: list[Rect]) -> bool:
        """Becomes text, or a picture again, as the guest does; whether that has changed anything."""
        recognizer = self.recognizer
        if recognizer is None:
            return False
        recognizer.feed(pixels, damage)
        screen = recognizer.screen
        if recognizer.undecided:
            self.presenter.schedule()
        if screen is None:
            return self._leave_text()
        if self._picture is not None:
            if screen.grid != self.grid:
                self._change_grid(screen.grid)
                return True
            return self._follow_cursor(screen)
        # Where it does not fit, pixels show all of it at least.
        if self.plane.graphics and (screen.columns > self.app.size.width or screen.rows > self.app.size.height):
            return False
        kind, colors = self.app.cell_style
        self._picture = self._change(TextPlane(recognizer, kind, colors, self.plane.backdrop))
        self._change_grid(screen.grid)
        return True

    def _leave_text(self) -> bool:
        if self._picture is None:
            return False
        picture, self._picture = self._picture, None
        self.app.text_shown(None)
        self._change(picture).close()
        return True

    def _change_grid(self, grid: Grid) -> None:
        self.pan = Point(0, 0)
        self.app.text_shown(grid)
        self.remap()

    def _follow_cursor(self, screen: TextScreen) -> bool:
        """Where only a part of a console is shown, the part with its cursor is."""
        mapping, cursor = self.mapping, screen.cursor
        if not isinstance(mapping, GridMapping) or cursor is None or cursor == self._cursor:
            return False
        self._cursor = cursor
        shown = mapping.guest
        if shown.contains(Rect(*cursor, 1, 1)):
            return False
        left = max(0, cursor.x - shown.width + 1) if cursor.x >= shown.right else min(shown.x, cursor.x)
        top = max(0, cursor.y - shown.height + 1) if cursor.y >= shown.bottom else min(shown.y, cursor.y)
        self.pan = Point(left * screen.grid.cell.width, top * screen.grid.cell.height)
        self.remap()
        return True

    def _change(self, plane: Plane) -> Plane:
        """Another plane is drawn; returns the one that was."""
        old, self.plane = self.plane, plane
        self.layouts += 1
        self.presenter.change(old)
        if old.size.width:
            plane.resize(old.size, self.cell_px)
        plane.forget()
        self.remap()
        if self.is_attached:
            self.refresh()
            self._plan_repetition()
        return old

    def _plan_repetition(self) -> None:
        """tmux passes nothing on while it has yet to redraw its window, and says nothing of it: all is sent again.

        That is so after its start and after each resize (tty_client_ready and screen_write_set_client_cb of 3.3a;
        from 3.4 on not with ``allow-passthrough all``).
        """
        if self._repetition is not None:
            self._repetition.stop()
        self._repetition = self.set_timer(REPEAT_SECONDS, self._repeat) if self.plane.lossy else None

    def _repeat(self) -> None:
        self._repetition = None
        self.plane.forget()
        self.refresh()

    def set_scale(self, scale: Scale) -> None:
        self.scale_mode = scale
        self.zoom = 1.0
        self.pan = Point(0, 0)
        self.remap()

    def pan_by(self, columns: float, rows: float) -> None:
        """Moves the part that is shown by cells."""
        mapping = self.mapping
        if mapping is not None:
            shown = mapping.shown
            self.pan_to(shown.x + round(columns * mapping.columns.step), shown.y + round(rows * mapping.rows.step))

    def pan_to(self, x: int, y: int) -> None:
        """Has a pixel of the picture at the top left corner, as far as the picture reaches."""
        before = self.mapping.shown if self.mapping is not None else None
        self.pan = Point(x, y)
        if before is None:
            return
        wanted = self._map()
        if wanted is not None and wanted.shown != before:
            self.remap()
        if self.mapping is not None:
            self.pan = Point(self.mapping.shown.x, self.mapping.shown.y)

    def zoom_by(self, factor: float, center: Point | None = None) -> None:
        """Enlarges; the pixel *center* of the picture stays where it is as far as that is possible."""
        mapping = self.mapping
        if mapping is None:
            return
        zoom = min(max(self.zoom * factor, 1.0), MAX_ZOOM)
        if zoom == self.zoom:
            return
        shown = mapping.shown
        center = center or Point(shown.x + shown.width // 2, shown.y + shown.height // 2)
        part = self.zoom / zoom
        self.zoom = zoom
        self.pan = Point(
            center.x - round((center.x - shown.x) * part),
            center.y - round((center.y - shown.y) * part),
        )
        self.remap()

    def zoom_to(self, part: Rect) -> None:
        """Shows a part of the picture as large as it gets."""
        size = self.link.size
        part = part.intersect(Rect(0, 0, *size)) if size is not None else part
        if size is None or part.width < 4 or part.height < 4:
            return
        self.scale_mode = Scale.FIT
        self.zoom = 1.0
        whole = self._map()
        if whole is None:
            return
        view = whole.view
        self.zoom = min(
            MAX_ZOOM,
            max(
                1.0,
                min(view.width * whole.columns.step / part.width, view.height * whole.rows.step / part.height),
            ),
        )
        self.pan = Point(part.x, part.y)
        enlarged = self._map()
        if enlarged is not None:  # the part lies in the middle where there is more room than it needs
            room = enlarged.shown
            self.pan = Point(part.x - (room.width - part.width) // 2, part.y - (room.height - part.height) // 2)
        self.remap()

    def _map(self) -> Mapping | None:
        plane, size = self.plane, self.link.size
        if size is None or not plane.size.width or not plane.size.height:
            return None
        if isinstance(plane, TextPlane) and plane.grid is None:
            return None  # the picture is another, and has not been looked at
        return plane.map(size, self.scale_mode, self.cell_px, self.pan, self.zoom)

    def remap(self) -> None:
        """The picture's size, the view's or how the one lies in the other has changed."""
        if self.plane.size.width:
            self.plane.resize(self.plane.size, self.cell_px)
        mapping = self._map()
        if mapping is None:
            self.plane.clear()
        else:
            self.plane.place(mapping)
            self.link.take_damage()
            self._pending_damage = [Rect(0, 0, *mapping.picture)]
        if self.is_attached and self.plane.graphics:
            self.refresh()  # the cells beside the picture are the compositor's
        self.presenter.schedule()

    def pointer_moved(self) -> None:
        if self._wanted_pointer() != self._pointer:
            self.presenter.schedule()

    def _wanted_pointer(self) -> Pointer | None:
        cursor = self.link.cursor
        if cursor is None or not self.draws_pointer:
            return None
        return Pointer(cursor, *self.link.pointer)

    def draw(self) -> None:
        """Brings the plane up to date with the surface."""
        pixels = self.link.pixels
        damage = self._pending_damage + self.link.take_damage()
        self._pending_damage = []
        pointer = self._wanted_pointer()
        if self._pointer is not None and pointer != self._pointer:
            damage.append(self._pointer.rect)
        elif pointer == self._pointer and not damage and not (self.recognizer and self.recognizer.undecided):
            return
        if pixels is not None and self._recognize(pixels, damage):
            damage = [Rect(0, 0, *self.link.size)] if self.link.size is not None else []
            self._pending_damage = []
        self._pointer = pointer
        if pixels is not None and self.mapping is not None:
            self.plane.draw(pixels, damage, pointer)

    # what the compositor asks

    def render_lines(self, crop: Region) -> list[Strip]:
        size = Size(*self.size)
        if size != self.plane.size:
            self.plane.resize(size, self.cell_px)
            self.remap()
            self.draw()
            self._plan_repetition()
        self.origin = Point(*self.region.offset)
        self.presenter.painted = True
        if self.plane.graphics:
            self.presenter.schedule()  # what is painted now is only the text under the picture
        return [CellStrip(self.plane, y, crop.x, crop.right) for y in range(crop.y, crop.bottom)]
