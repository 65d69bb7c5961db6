"""The common part of the app's panels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll

if TYPE_CHECKING:
    from ..app import SpiceApp
    from ..service import Service


class Panel(VerticalScroll):
    """What the dock shows of one service.

    A subclass composes its widgets and says in :meth:`show` what they show; that is called when the panel appears and,
    at most ten times a second, after its service has changed.  Its bindings are listed at its lower edge: give them
    short descriptions.
    """

    SERVICE: ClassVar[str]  #: the app's attribute that holds the service
    PERIOD: ClassVar[float] = 0.0  #: seconds after which :meth:`show` is called anyway; 0: never

    app: SpiceApp
    can_focus = False

    DEFAULT_CSS = """
    Panel { height: 1fr; padding: 0 1; }
    Panel Static { width: 100%; height: auto; }
    Panel .quiet { color: $text-muted; }
    Panel .problem { color: $text-error; }
    Panel .heading { text-style: bold; margin-top: 1; }
    Panel Input { height: 1; border: none; padding: 0; }
    Panel Input:focus { border: none; background: $boost; }
    Panel Button { height: 1; min-width: 4; border: none; padding: 0 1; margin-right: 1; }
    Panel .row { height: auto; width: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._stop_watching: Callable[[], None] = lambda: None
        self._waiting = False

    @property
    def service(self) -> Service:
        found: Service = getattr(self.app, self.SERVICE)
        return found

    def on_mount(self) -> None:
        self._stop_watching = self.service.watch(self._changed)
        if self.PERIOD:
            self.set_interval(self.PERIOD, self.show)
        self.show()

    def on_unmount(self) -> None:
        self._stop_watching()

    def _changed(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.call_later(self.set_timer, 0.1, self._show_later)  # in the panel's own task

    def _show_later(self) -> None:
        self._waiting = False
        if self.is_attached:
            self.show()

    def show(self) -> None:
        """Brings the widgets in step with the service."""

    def take_focus(self) -> None:
        """The keys are this panel's: the widget that they are for most likely gets them."""
        for widget in self.query("*").results():
            if widget.focusable:
                widget.focus()
                return
