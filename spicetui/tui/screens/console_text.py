"""A text console's text, to be searched, selected and copied."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, TextArea

from .dialog import Dialog


class ConsoleTextScreen(Dialog[None]):
    """Copies by OSC 52, which most terminals take, also over SSH."""

    DEFAULT_CSS = """
    ConsoleTextScreen > .box { width: 90; height: 96%; padding: 0 1; }
    ConsoleTextScreen TextArea, ConsoleTextScreen TextArea:focus { height: 1fr; border: none; padding: 0; }
    ConsoleTextScreen Input, ConsoleTextScreen Input:focus { border: none; height: 1; padding: 0; }
    ConsoleTextScreen .quiet { color: $text-muted; height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "close", "Close"),
        ("ctrl+c,y", "copy", "Copy"),
        ("slash,ctrl+f", "search", "Search"),
        ("n", "next", "Next"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Text"
            yield TextArea(self._text, read_only=True, soft_wrap=False, show_line_numbers=False)
            yield Input(placeholder="search", compact=True)
            yield Label("/ search   n next   y copy   Esc close", classes="quiet", markup=False)

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_search(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_submitted(self) -> None:
        self.set_focus(self.query_one(TextArea))
        self.action_next()

    def action_next(self) -> None:
        """Selects the next place, from the selection on and round again."""
        wanted = self.query_one(Input).value.lower()
        area = self.query_one(TextArea)
        if not wanted:
            return
        lines = self._text.lower().split("\n")
        row, column = max(area.selection)
        order = [(row, column), *((y % len(lines), 0) for y in range(row + 1, row + len(lines) + 1))]
        for y, start in order:
            if y < len(lines) and (x := lines[y].find(wanted, start)) >= 0:
                area.selection = area.selection._replace(start=(y, x), end=(y, x + len(wanted)))
                area.scroll_cursor_visible()
                return
        self.app.say(f"{wanted!r} is not on the screen")

    def action_copy(self) -> None:
        """The selection, or all of it."""
        chosen = self.query_one(TextArea).selected_text
        text = chosen or self._text
        self.app.copy_to_clipboard(text)
        lines = text.count("\n") + (not text.endswith("\n"))
        self.app.say(f"Copied {'the selection' if chosen else 'all'}: {lines} line{'s' if lines != 1 else ''}")
