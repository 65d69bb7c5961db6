"""The session could not be opened, or has ended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from .dialog import Dialog


class FailureScreen(Dialog[bool]):
    """True: try again; False: quit."""

    BINDINGS: ClassVar[list[BindingType]] = [("r,enter", "retry", "Try again"), ("q,escape,ctrl+c", "quit", "Quit")]

    def __init__(self, heading: str, reason: str, advice: str) -> None:
        super().__init__()
        self._heading = heading
        self._reason = reason
        self._advice = advice

    def compose(self) -> ComposeResult:
        with Vertical(classes="box -problem") as box:
            box.border_title = self._heading
            yield Static(self._reason, id="reason", markup=False)
            if self._advice:
                yield Static(self._advice, id="advice", classes="quiet space", markup=False)
            yield Static("r  try again    q  quit", classes="space", markup=False)

    def action_retry(self) -> None:
        self.dismiss(True)

    def action_quit(self) -> None:
        self.dismiss(False)
