"""Where panels are shown: beside the picture where the terminal is wide enough, else over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from . import BY_ID, PANELS
from .panel import Panel

if TYPE_CHECKING:
    from ..app import SpiceApp

WIDE = 100  # columns from which the picture keeps room beside a panel
WIDTH = 48  # of a panel beside it; a third of very wide terminals


class PanelTabs(Static):
    """The panels' names in one row; a click opens one, the cross closes."""

    app: SpiceApp
    DEFAULT_CSS = """
    PanelTabs { height: 1; background: $panel; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self) -> None:
        super().__init__("")
        self._places: list[tuple[int, int, str]] = []

    def show(self, open_id: str, active: bool) -> None:
        line = Text(no_wrap=True)
        self._places = []
        for entry in PANELS:
            start = line.cell_len
            style = ("reverse bold" if active else "bold underline") if entry.id == open_id else "dim"
            line.append(f" {entry.title} ", style)
            self._places.append((start, line.cell_len, entry.id))
        room = max(1, self.size.width - line.cell_len - 3)
        line.append(" " * room)
        self._places.append((line.cell_len, line.cell_len + 3, ""))
        line.append(" ✕ ", "bold")
        self.update(line, layout=False)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        for start, end, panel_id in self._places:
            if start <= event.x < end:
                if panel_id:
                    self.app.dock.open(panel_id)
                else:
                    self.app.dock.close()


class PanelDock(Vertical):
    """Shows one panel or none.  While it is *active* the keys are the panel's, else the guest's."""

    app: SpiceApp
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close_panel", "Close", priority=False),
        Binding("ctrl+right", "step(1)", "Next panel"),
        Binding("ctrl+left", "step(-1)", "Panel before"),
    ]
    DEFAULT_CSS = f"""
    PanelDock {{ dock: right; width: {WIDTH}; display: none; background: $surface; }}
    PanelDock.-over {{ layer: panel; width: 100%; }}
    PanelDock > .hint {{ dock: bottom; height: auto; color: $text-muted; padding: 0 1; background: $panel; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self.tabs = PanelTabs()
        self._hint = Static("", classes="hint", markup=False)
        self.panel_id = ""
        self._panel: Panel | None = None
        self._active = False
        self._had_focus: Widget | None = None

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self._hint

    @property
    def is_open(self) -> bool:
        return bool(self.panel_id)

    @property
    def active(self) -> bool:
        """Whether the keys are the panel's."""
        return self._active and self.is_open

    @property
    def panel(self) -> Panel | None:
        return self._panel

    def open(self, panel_id: str) -> None:
        """Shows a panel and gives it the keys."""
        if not self.is_mounted:  # a key that was typed ahead
            self.call_later(self.open, panel_id)
            return
        self.app.guest.release()
        if panel_id != self.panel_id:
            if self._panel is not None:
                self._panel.remove()
            self.panel_id = panel_id
            self._panel = BY_ID[panel_id].load()()
            self.display = True
            self.fit()
            self.mount(self._panel, after=self.tabs)
        self._active = True
        self.call_after_refresh(self._focus_panel)
        self._redraw()
        self.app.update_status()

    def close(self) -> None:
        panel, self._panel = self._panel, None
        self.panel_id = ""
        self._active = False
        self.display = False
        self.screen.set_focus(None)
        if panel is not None:
            panel.remove()
        self.app.update_status()

    def leave(self) -> None:
        """The keys go to the guest; where the panel is beside the picture it stays."""
        if self.has_class("-over"):
            self.close()
        elif self._active:
            self._active = False
            self._had_focus = self.screen.focused
            self.screen.set_focus(None)
            self._redraw()
            self.app.update_status()

    def enter(self) -> None:
        """The keys are the panel's."""
        if self.is_open and not self._active:
            self.app.guest.release()
            self._active = True
            self._focus_panel()
            self._redraw()
            self.app.update_status()

    def fit(self) -> None:
        """To the terminal's size; the status line stays below."""
        width, height = self.app.size
        self.set_class(width < WIDE, "-over")
        self.styles.width = "100%" if width < WIDE else max(WIDTH, width // 3)
        self.styles.height = max(1, height - 1)

    def covers(self, x: int, y: int) -> bool:
        """Whether a cell of the terminal is the dock's."""
        return self.is_open and self.region.contains(x, y)

    def _focus_panel(self) -> None:
        focused = self.screen.focused
        if self._panel is not None and self.active and (focused is None or self not in focused.ancestors):
            if self._had_focus is not None and self._panel in self._had_focus.ancestors:
                self._had_focus.focus()
            else:
                self._panel.take_focus()
        self._redraw()

    def _redraw(self) -> None:
        self.tabs.show(self.panel_id, self._active)
        self._hint.update(self._hints())

    def _hints(self) -> Text:
        if not self._active:
            return Text("click here to use the panel")
        hints: list[tuple[str, str]] = []
        if self._panel is not None:
            for binding in self._panel.BINDINGS:
                if isinstance(binding, Binding) and binding.show and binding.description:
                    hints.append((binding.key_display or binding.key.split(",")[0], binding.description))
        hints.append(("Esc", "close"))
        if not self.has_class("-over"):
            hints.append(("click the picture", "to drive the machine"))
        return flow([Text.assemble((key, "bold"), f" {words}") for key, words in hints], self.size.width - 2)

    def on_resize(self) -> None:
        self._redraw()

    def on_mouse_down(self) -> None:
        self.enter()

    def action_close_panel(self) -> None:
        self.close()

    def action_step(self, step: int) -> None:
        names = [entry.id for entry in PANELS]
        self.open(names[(names.index(self.panel_id) + step) % len(names)])


def flow(parts: Sequence[Text], width: int) -> Text:
    """*parts* in lines of *width* cells, none of them in two lines."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + 3 + part.cell_len <= width:
            lines[-1].append("   ").append_text(part)
        else:
            lines.append(part.copy())
    return Text("\n").join(lines)
