"""The picture with the status line and, when asked for, the menu and a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen

from ..panels.dock import PanelDock
from ..viewport import VMView
from ..widgets.menu import CommandMenu
from ..widgets.region import RegionFrame
from ..widgets.status import StatusLine

if TYPE_CHECKING:
    from ..app import SpiceApp


class SessionScreen(Screen[None]):
    app: SpiceApp
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    SessionScreen { layers: base panel menu; overflow: hidden; }
    SessionScreen VMView { width: 1fr; height: 1fr; }
    """

    def __init__(
        self, view: VMView, menu: CommandMenu, region: RegionFrame, dock: PanelDock, status: StatusLine
    ) -> None:
        super().__init__()
        self._dock = dock
        self._parts = (view, menu, region, status, dock)

    def on_screen_suspend(self) -> None:
        self.app.guest.release()  # what comes up from now on is another screen's

    def on_resize(self) -> None:
        self._dock.fit()
        self.app.resizing.consider()

    def compose(self) -> ComposeResult:
        yield from self._parts
