"""The menu behind the prefix key."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.table import Table
from textual.widgets import Static

from ...keymap.keys import MODIFIERS, Key
from ...term.keys import place
from ...term.tokenizer import Action, KeyPress, Mod
from ..commands import BY_KEY, COMMANDS, STAYS

if TYPE_CHECKING:
    from ..app import SpiceApp

_HEADINGS = {"Send": "Send to the machine", "Panels": "Panels", "Picture": "Picture", "App": "Session"}
_COLUMNS = (("Send", "Panels"), ("Picture",), ("App",))
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
        table = Table.grid(padding=(0, 1), expand=True)
        columns = [[row for group in groups for row in self._rows(group)] for groups in _COLUMNS]
        for _ in columns:
            table.add_column(justify="right", no_wrap=True)
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for rows in zip_longest(*columns, fillvalue=("", "")):
            table.add_row(*(part for row in rows for part in row))
        return table

    def _rows(self, group: str) -> Iterator[tuple[str, str]]:
        """The keys and titles of a group under its heading, as markup."""
        entries = [
            (self.app.prefix_label if command.label == "prefix" else command.key_label, command.title, command)
            for command in COMMANDS
            if command.listed and command.group == group
        ]
        if not entries:
            return
        yield "", f"[bold underline]{_HEADINGS[group]}[/]"
        for label, title, command in entries:
            yield _entry(label, title, command.enabled(self.app))
        for label, title in _MORE.get(group, ()):
            yield _entry(label, title, group != "Send" or self.app.guest.live)

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


def _entry(label: str, title: str, enabled: bool) -> tuple[str, str]:
    label, title = _escape(label), _escape(title)
    return (f"[bold]{label}[/]", title) if enabled else (f"[dim]{label}[/]", f"[dim]{title}[/]")


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
