"""The question before the app is left although something is still going on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from ...diagnostics import printable
from .dialog import Dialog


class LeaveScreen(Dialog[bool]):
    """Gives whether to leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter,y", "answer(True)", "Leave"),
        ("escape,n,ctrl+c", "answer(False)", "Stay"),
    ]

    def __init__(self, unfinished: Sequence[str]) -> None:
        super().__init__()
        self._unfinished = unfinished

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Leave?"
            for what in self._unfinished:
                yield Static(printable(what, 300), markup=False)
            yield Static("Enter  leave all the same    Esc  stay", classes="quiet space", markup=False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
