"""The menu behind the prefix key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from textual.widgets import Static

from ...keymap.keys import MODIFIERS, Key
from ...term.keys import place
from ...term.tokenizer import Action, KeyPress, Mod
from ..commands import BY_KEY, COMMANDS, STAYS

if TYPE_CHECKING:
    from ..app import SpiceApp

_HEADINGS = {"Send": "Send to the machine", "Picture": "Picture", "App": "Session"}
_MORE = {
    "Send": [("F1…F12", "Ctrl+Alt+F1…F12")],
    "Picture": [("arrows", "pan"), ("Tab", "next display")],
    "App": [("p", "find a command"), ("Esc", "close")],
}


class CommandMenu(Static):
    """Lies over the lower part of the picture, which goes on behind it; takes the next key."""

    app: SpiceApp
    DEFAULT_CSS = """
    CommandMenu {
        layer: menu; dock: bottom; offset-y: -1; height: auto; width: 100%; display: none;
        padding: 0 1; background: $surface; color: $text; border-top: tall $primary;
    }
    """

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self) -> None:
        self.update(self._table())
        self.display = True

    def close(self) -> None:
        self.display = False

    def _table(self) -> Table:
        columns: dict[str, list[tuple[str, str, bool]]] = {"Send": [], "Picture": [], "App": []}
        for command in COMMANDS:
            if command.listed:
                label = self.app.prefix_label if command.label == "prefix" else command.key_label
                columns[command.group].append((label, command.title, command.enabled(self.app)))
        for group, more in _MORE.items():
            enabled = group != "Send" or self.app.guest.live
            columns[group] += [(label, title, enabled) for label, title in more]
        table = Table.grid(padding=(0, 1), expand=True)
        for _ in columns:
            table.add_column(justify="right", no_wrap=True)
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_row(*(part for group in columns for part in ("", f"[bold underline]{_HEADINGS[group]}[/]")))
        for index in range(max(map(len, columns.values()))):
            row: list[str] = []
            for entries in columns.values():
                label, title, enabled = entries[index] if index < len(entries) else ("", "", True)
                row += [f"[bold]{_escape(label)}[/]" if enabled else f"[dim]{_escape(label)}[/]"]
                row += [_escape(title) if enabled else f"[dim]{_escape(title)}[/]"]
            table.add_row(*row)
        return table

    def take(self, event: KeyPress) -> None:
        """A key while the menu is open: it closes it, and runs a command if it is one's."""
        if event.action is Action.RELEASE or place(event) in _NOT_YET:
            return
        command = BY_KEY.get(key_name(event))
        if command is None or command.id not in STAYS:
            self.close()
        if command is not None:
            self.app.run_command(command)


# A modifier on its own, as the kitty protocol reports it, is not yet the next key.
_NOT_YET = MODIFIERS | {Key.CAPS_LOCK, Key.NUM_LOCK, Key.SCROLL_LOCK}


def key_name(event: KeyPress) -> str:
    """The key as commands name it: its character, or its name; with ``ctrl+`` in front."""
    key = place(event)
    if event.mods & Mod.CTRL:
        name = chr(event.code) if 32 < event.code < 127 else ""
        return f"ctrl+{name}"
    if event.code < 57344:
        return event.text or chr(event.shifted or event.code)
    return key.name.lower() if key is not None else ""


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
