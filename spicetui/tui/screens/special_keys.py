"""Macros, SysRq and other combinations, to be chosen from a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..special_keys import SpecialKeys
from .dialog import Dialog


class SpecialKeysScreen(Dialog[SpecialKeys | None]):
    """Gives what was chosen.  What is typed narrows the list."""

    DEFAULT_CSS = """
    SpecialKeysScreen OptionList { height: auto; max-height: 14; border: none; padding: 0; margin-top: 1; }
    SpecialKeysScreen Input, SpecialKeysScreen Input:focus { border: none; height: 1; padding: 0; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,ctrl+c", "cancel", "Cancel"),
        ("down", "move(1)", "Down"),
        ("up", "move(-1)", "Up"),
    ]

    def __init__(self, choice: Sequence[SpecialKeys]) -> None:
        super().__init__()
        self._choice = choice
        self._shown: list[SpecialKeys] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Send keys"
            yield Input(placeholder="find", compact=True)
            yield OptionList()
            yield Static("Enter  send    Esc  close", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._narrow("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, words: str) -> None:
        wanted = words.lower().split()
        found = [keys for keys in self._choice if all(word in keys.title.lower() for word in wanted)]
        self._shown = sorted(found, key=lambda keys: " ".join(wanted) not in keys.title.lower())
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Text(keys.title)) for keys in self._shown])
        options.highlighted = 0 if self._shown else None

    def action_move(self, step: int) -> None:
        found = self.query_one(OptionList)
        if step > 0:
            found.action_cursor_down()
        else:
            found.action_cursor_up()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self.dismiss(self._shown[index])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._shown[event.option_index])

    def action_cancel(self) -> None:
        self.dismiss(None)
