"""While the session is being opened."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from .dialog import Dialog

HINT_SECONDS = 5


class ConnectingScreen(Dialog[None]):
    """Says how far it has come; Escape gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,ctrl+c", "cancel", "Cancel")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._start = time.monotonic()

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Connecting"
            yield Static(self._title, markup=False)
            yield Static(self._progress(), id="progress", classes="quiet", markup=False)
            yield Static("Esc  give up", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.set_interval(1.0, self.tell)

    def tell(self) -> None:
        self.query_one("#progress", Static).update(self._progress())

    def _progress(self) -> str:
        link = self.app.link
        if link.main is None:
            step = "opening the connection"
        elif link.inputs is None:
            step = "opening the display and input channels"
        else:
            step = "waiting for the first picture"
        seconds = int(time.monotonic() - self._start)
        text = f"{step} … {seconds} s" if seconds else f"{step} …"
        if link.inputs is not None and seconds >= HINT_SECONDS:
            text += (
                "\nThe server is there, but has no picture: the machine may be off, or show nothing but"
                " a GPU's texture (QEMU's gl=on), which a terminal cannot get."
            )
        return text

    def action_cancel(self) -> None:
        self.app.leave()
