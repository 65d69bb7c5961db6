"""The folder panel: what the machine is shown of this computer, and what it does there."""

from __future__ import annotations

import time
from typing import ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from ...devices.folder_activity import FolderAction, FolderEvent
from ...diagnostics import printable
from ..folder import FolderService
from ..widgets.line import Line
from ..widgets.path_input import PathInput
from ..widgets.status import human_bytes
from .panel import Panel

#: Events that are listed, and files on their way that have a line of their own.
LISTED = 200
MOVING = 4

BAR = 8
NAME = 24

_MARKS = {
    FolderAction.READ: "↑",
    FolderAction.WROTE: "↓",
    FolderAction.LISTED: "·",
    FolderAction.MADE_FOLDER: "+",
    FolderAction.RENAMED: "→",
    FolderAction.COPIED: "=",
    FolderAction.DELETED: "✗",
    FolderAction.REFUSED: "!",
}


class FolderPanel(Panel):
    SERVICE = "folder"
    PERIOD = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "choose", "choose a folder"),
        Binding("r", "read_only", "read-only"),
        Binding("s", "share", "share / stop"),
    ]
    DEFAULT_CSS = """
    FolderPanel .row > .name { width: 8; color: $text-muted; }
    FolderPanel #moving { display: none; margin-top: 1; }
    FolderPanel #events {
        height: 1fr; min-height: 4; border: none; padding: 0; margin-top: 1; background: $surface;
    }
    FolderPanel #events:focus { border: none; }
    FolderPanel Button { background: $panel; }
    FolderPanel Button:hover, FolderPanel Button:focus { background: $accent; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._listed: list[tuple[int, Text]] = []

    @property
    def folder(self) -> FolderService:
        return cast("FolderService", self.service)

    def compose(self) -> ComposeResult:
        yield Line(id="state")
        with Horizontal(classes="row"):  # above the path, whose list moves what is below it
            yield Button("Share", id="share", compact=True)
            yield Button("", id="read_only", compact=True)
        with Horizontal(classes="row"):
            yield Static("Folder", classes="name")
            yield PathInput(id="path", placeholder="a folder of this computer", folders_only=True)
        yield Static("", id="problem", classes="problem", markup=False)
        yield Static("", id="moving", markup=False)
        yield OptionList(id="events", compact=True, markup=False)
        yield Line(id="totals", classes="quiet")

    def on_mount(self) -> None:
        if self.folder.path is not None:
            self.query_one("#path", PathInput).value = str(self.folder.path)
        super().on_mount()

    def take_focus(self) -> None:
        self.query_one("#events" if self.folder.sharing else "#path PathLine").focus()

    # --- what is shown

    def show(self) -> None:
        service = self.folder
        sharing = service.sharing
        share, read_only = self.query_one("#share", Button), self.query_one("#read_only", Button)
        _label(share, "Stop" if sharing else "Share")
        share.disabled = not service.possible
        _label(read_only, f"{'☑' if service.read_only else '☐'} read-only for the machine")
        self.query_one("#state", Line).tell(Text(printable(service.state, 500), "bold" if sharing else ""))
        problem = self.query_one("#problem", Static)
        problem.display = bool(service.problem)
        problem.update(service.problem)
        folder = service.folder
        events = folder.events[:LISTED] if folder is not None else []
        self._show_moving([event for event in events if not event.finished])
        self._show_events([event for event in events if event.finished])
        if folder is not None and (folder.shared or events):
            activity = folder.activity
            text = (
                f"↑ {_files(activity.files_read)}, {human_bytes(activity.bytes_read)}  "
                f"↓ {_files(activity.files_written)}, {human_bytes(activity.bytes_written)}"
            )
            text += f"  {activity.refused} refused" if activity.refused else ""
            self.query_one("#totals", Line).tell(text)

    def _show_moving(self, events: list[FolderEvent]) -> None:
        box = self.query_one("#moving", Static)
        box.display = bool(events)
        lines = [self._moving_line(event) for event in events[:MOVING]]
        if len(events) > MOVING:
            lines.append(Text(f"and {len(events) - MOVING} more"))
        box.update(Text("\n").join(lines))

    def _moving_line(self, event: FolderEvent) -> Text:
        mark = _MARKS[event.action]
        done = human_bytes(event.bytes)
        if event.size:
            share = min(event.bytes / event.size, 1.0)
            bar = "█" * round(share * BAR)
            done = f"{bar:░<{BAR}} {share:4.0%} of {human_bytes(event.size)}"
        done = f"  {done}, {human_bytes(event.rate)}/s"
        name = Text(printable(event.path))
        room = max(self.size.width - 4 - len(done), 8)
        name.truncate(room, overflow="ellipsis")
        name.pad_right(min(room, NAME) - name.cell_len)
        return Text(f"{mark} ", "bold", no_wrap=True).append_text(name).append(done)

    def _show_events(self, events: list[FolderEvent]) -> None:
        listed = [(event.number, _event_line(event)) for event in events]
        if listed == self._listed:
            return
        box = self.query_one("#events", OptionList)
        chosen = self._listed[box.highlighted][0] if box.highlighted is not None and self._listed else None
        self._listed = listed
        box.clear_options()
        box.add_options([Option(line) for _, line in listed])
        numbers = [number for number, _ in listed]
        # The list stays with the line that was chosen, and with the latest while that is the first.
        if chosen in numbers[1:]:
            box.highlighted = numbers.index(chosen)

    # --- what the user does

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        getattr(self, f"action_{event.button.id}")()

    def on_path_input_submitted(self, event: PathInput.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.folder.share(event.input.path)
            self.query_one("#events").focus()

    def action_share(self) -> None:
        if self.folder.sharing:
            self.folder.stop()
            return
        path = self.query_one("#path", PathInput)
        if path.value.strip():
            self.folder.share(path.path)
        else:
            path.focus()

    def action_read_only(self) -> None:
        self.folder.toggle_read_only()

    def action_choose(self) -> None:
        self.query_one("#path", PathInput).focus()


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _label(button: Button, text: str) -> None:
    if str(button.label) != text:
        button.label = text


def _event_line(event: FolderEvent) -> Text:
    """The guest chose the names: they are made harmless."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.time))
    bad = bool(event.error) or event.action is FolderAction.REFUSED
    line = Text(f"{clock} {_MARKS[event.action]} ", no_wrap=True)
    line.append(f"{event.action.value} ", "red" if bad else "dim")
    line.append(printable(event.path or "/"))
    if event.to:
        line.append(f" → {printable(event.to)}")
    if event.action in (FolderAction.READ, FolderAction.WROTE):
        speed = f", {human_bytes(event.rate)}/s" if event.seconds >= 0.1 else ""
        part = "" if event.size is None or event.bytes >= event.size else f" of {human_bytes(event.size)}"
        line.append(f"  {human_bytes(event.bytes)}{part}{speed}", "dim")
    if event.error:
        line.append(f": {printable(event.error)}", "red")
    line.truncate(300, overflow="ellipsis")
    return line
