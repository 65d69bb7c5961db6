"""The menu behind the prefix key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from textual import events
from textual.widgets import Static

from ..commands import BY_KEY, COMMANDS, STAYS, Command

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
    can_focus = True
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
        self.focus()

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

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        command = BY_KEY.get(event.key)
        if command is None:
            if event.key not in _MODIFIERS:
                self.app.close_menu()
            return
        self.run(command)

    def run(self, command: Command) -> None:
        if command.id not in STAYS:
            self.app.close_menu()
        self.app.run_command(command)

    def on_blur(self) -> None:
        self.app.close_menu()


# A modifier on its own, as the kitty protocol reports it, is not yet the next key.
_MODIFIERS = frozenset(
    f"{side}{name}"
    for side in ("left_", "right_", "")
    for name in ("shift", "control", "alt", "super", "hyper", "meta")
) | {"caps_lock", "num_lock", "scroll_lock", "iso_level3_shift", "iso_level5_shift"}


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
