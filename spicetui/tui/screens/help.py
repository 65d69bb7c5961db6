"""All commands and how keys and mouse reach the guest."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ..commands import COMMANDS
from .dialog import Dialog


class HelpScreen(Dialog[None]):
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter,ctrl+c,question_mark", "close", "Close")]

    def compose(self) -> ComposeResult:
        prefix = self.app.prefix_label
        with VerticalScroll(classes="box") as box:
            box.border_title = "Help"
            yield Static(
                f"Every key goes to the machine, Ctrl+C, Ctrl+Q, Tab and the function keys included, but for {prefix}: "
                f"it opens the menu, and the next key is a command. {prefix} twice sends it to the machine.",
                markup=False,
            )
            yield Static(self._mouse(), classes="space", markup=False)
            yield Static(self._table(prefix), classes="space")
            yield Static("Esc  close", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def _mouse(self) -> str:
        if self.app.link.client_mouse:
            return "The mouse points where it is over the picture. Pasted text is typed."
        return (
            "The machine only takes mouse movements: click into the picture to hand the mouse over, "
            "and release it from the menu. Pasted text is typed."
        )

    def _table(self, prefix: str) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", no_wrap=True, style="bold")
        table.add_column()
        group = ""
        for command in COMMANDS:
            if command.id.startswith("send-caf"):
                if command.label == "F1":
                    table.add_row("F1 … F12", "Ctrl+Alt+F1 … Ctrl+Alt+F12")
                continue
            if command.group != group:
                group = command.group
                table.add_row("", f"[bold underline]{group}[/]")
            keys = (
                [command.label]
                if command.label
                else [key.capitalize() if len(key) > 1 else key for key in command.keys]
            )
            label = prefix if command.label == "prefix" else " or ".join(keys)
            table.add_row(label.replace("[", r"\["), command.title)
        return table

    def action_close(self) -> None:
        self.dismiss(None)
