"""The question whether the machine may hear this side's microphone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from .dialog import Dialog


class MicrophoneScreen(Dialog[bool | None]):
    """Gives the user's answer.

    It may come up while the user types: what is pressed then must not allow anything, so that no letter answers and
    Enter refuses until the other button is chosen.
    """

    DEFAULT_CSS = """
    MicrophoneScreen Horizontal { height: 1; margin-top: 1; }
    MicrophoneScreen Button { height: 1; min-width: 12; border: none; margin-right: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,ctrl+c", "answer(False)", "Not now"),
        ("right,down", "app.focus_next", "Next"),
        ("left,up", "app.focus_previous", "Previous"),
    ]

    def __init__(self, machine: str, source: str, *, asks: bool) -> None:
        """*asks*: whether it is the machine that has begun."""
        super().__init__()
        self._question = (
            f"{machine} listens to its microphone. May it hear yours until this session ends?"
            if asks
            else f"May {machine} hear your microphone until this session ends, whenever it listens?"
        )
        self._source = source

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Microphone"
            yield Static(self._question, markup=False)
            yield Static(f"It would hear: {self._source}", classes="quiet space", markup=False)
            with Horizontal():
                yield Button("Not now", id="no", compact=True)
                yield Button("Allow", id="yes", compact=True)
            yield Static("Tab  choose    Enter  answer    Esc  not now", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
