"""The password prompt."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from .dialog import Dialog


class PasswordScreen(Dialog[str | None]):
    """Gives the password, or None when the user gives up.  What is typed is shown as dots and kept nowhere else."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,ctrl+c", "cancel", "Cancel")]

    def __init__(self, title: str, problem: str = "") -> None:
        super().__init__()
        self._title = title
        self._problem = problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Password"
            yield Static(self._title, markup=False)
            if self._problem:
                yield Static(self._problem, classes="space", markup=False)
            yield Input(password=True, placeholder="password")
            yield Static("Enter  connect    Esc  give up", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        password = event.value
        event.input.value = ""
        self.dismiss(password)

    def action_cancel(self) -> None:
        self.dismiss(None)
