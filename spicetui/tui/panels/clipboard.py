"""The clipboard panel: what the guest has, what went where, and what may."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from ...diagnostics import printable
from ...interfaces import ClipboardSelection
from ..clipboard import ClipboardService
from ..clipboard_history import SUFFIXES, Entry, Policy, Way, looks, visible
from ..pictures import PictureError, decode, measure
from ..widgets.line import Line
from ..widgets.path_input import PathInput
from ..widgets.picture import Picture
from ..widgets.status import human_bytes
from .panel import Panel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LINES = 5  # of a text that is shown

_NAMES = {"path": "Save", "typed": "Text", "file": "File"}  # of the lines to type into, by their ids

_SELECTIONS = (
    (ClipboardSelection.CLIPBOARD, "clipboard"),
    (ClipboardSelection.PRIMARY, "selection"),
)


class ClipboardPanel(Panel):
    SERVICE = "shared_clipboard"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "copy here"),
        Binding("s", "save", "save"),
        Binding("g", "give", "to guest"),
        Binding("t", "text", "text"),
        Binding("f", "file", "file"),
        Binding("d", "desktop", "from desktop"),
        Binding("r", "terminal", "from terminal"),
        Binding("1", "policy('FROM_GUEST')", "", key_display="1 2"),
        Binding("2", "policy('TO_GUEST')", "directions", key_display="1 2"),
        Binding("x", "clear", "clear"),
        Binding("y", "answer(True)", "", show=False),
        Binding("n", "answer(False)", "", show=False),
    ]
    DEFAULT_CSS = """
    ClipboardPanel #waiting { background: $warning 20%; display: none; }
    ClipboardPanel #waiting > Line { width: 1fr; }
    ClipboardPanel #text { max-height: 5; background: $boost; }
    ClipboardPanel #history {
        height: auto; min-height: 1; max-height: 20; border: none; padding: 0; background: $surface;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    ClipboardPanel #history:focus { border: none; }
    ClipboardPanel .direction > Line { width: 1fr; }
    ClipboardPanel .direction > Button { width: 5; min-width: 5; padding: 0; }
    ClipboardPanel .row > .name { width: 7; color: $text-muted; }
    ClipboardPanel .row > Input { width: 1fr; background: $boost; }
    ClipboardPanel Button { background: $panel !important; }
    ClipboardPanel Button:hover, ClipboardPanel Button:focus { background: $accent !important; }
    ClipboardPanel #old { width: 1fr; text-style: bold; }
    ClipboardPanel .titled { margin-top: 1; }
    ClipboardPanel #saving { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chosen: Entry | None = None  # of the history, by the user
        self._listed: list[Entry] = []
        self._told: list[str] = []
        self._pictured: tuple[Entry, int] | None = None  # whose picture is shown or being made
        self._pixels: npt.NDArray[np.uint8] | None = None

    @property
    def clipboard(self) -> ClipboardService:
        return cast("ClipboardService", self.service)

    def compose(self) -> ComposeResult:
        for _, name in _SELECTIONS:
            yield Line(id=f"has-{name}")
        with Horizontal(id="waiting", classes="row"):
            yield Line(id="question")
            yield Button("Yes", id="yes", compact=True)
            yield Button("No", id="no", compact=True)
        yield Line(id="what", classes="titled")
        yield Static("", id="text", markup=False)
        yield Picture()
        with Horizontal(classes="row"):
            yield Button("Copy here", id="copy", compact=True)
            yield Button("Save", id="save", compact=True)
            yield Button("To guest", id="give", compact=True)
        with Horizontal(classes="row", id="saving"):
            yield Line(id="name-path", classes="name")
            yield PathInput(id="path")
        with Horizontal(classes="row titled"):
            yield Line(id="name-typed", classes="name")
            yield Input(id="typed", compact=True, placeholder="for the guest")
        with Horizontal(classes="row"):
            yield Line(id="name-file", classes="name")
            yield PathInput(id="file", placeholder="a text or a picture for the guest")
        with Horizontal(classes="row"):
            yield Button("From the desktop", id="desktop", compact=True)
            yield Button("From the terminal", id="terminal", compact=True)
        for way in Way:
            first = " titled" if way is Way.FROM_GUEST else ""
            with Horizontal(classes=f"row direction{first}"):
                yield Button("", id=way.name, compact=True)
                yield Line(id=f"last-{way.name}")
        with Horizontal(classes="row titled"):
            yield Line(id="old")
            yield Button("Clear", id="clear", compact=True)
        yield OptionList(id="history", compact=True)

    def take_focus(self) -> None:
        self.query_one("#history").focus()

    def on_mount(self) -> None:
        super().on_mount()
        self._point()

    def on_resize(self) -> None:
        self.query_one(Picture).styles.height = 5 if self.app.size.height < 32 else 10

    def on_descendant_focus(self) -> None:
        self._point()

    def on_descendant_blur(self) -> None:
        self._point()

    def _point(self) -> None:
        """Shows which line what is typed goes into, where colors do not."""
        focused = self.screen.focused
        ids = {widget.id for widget in focused.ancestors_with_self} if focused is not None else set()
        for name, label in _NAMES.items():
            self.query_one(f"#name-{name}", Line).tell(f"{label} ›" if name in ids else label)

    # what is shown

    @property
    def entry(self) -> Entry | None:
        """The one that the buttons are for: chosen in the history, or the newest."""
        clipboard = self.clipboard
        if self._chosen is not None and self._chosen in clipboard.history:
            return self._chosen
        now = clipboard.guest.get(ClipboardSelection.CLIPBOARD)
        newest = next(iter(clipboard.history), None)
        return max((one for one in (now, newest) if one is not None), key=lambda one: one.time, default=None)

    def show(self) -> None:
        clipboard = self.clipboard
        for selection, name in _SELECTIONS:
            self.query_one(f"#has-{name}", Line).tell(f"The guest's {name}: {self._has(selection)}")
        self._show_question()
        entry = self.entry
        if entry is not None:
            clipboard.look_into(entry)
        self._show_entry(entry)
        for way in Way:
            button = self.query_one(f"#{way.name}", Button)
            if str(button.label) != (label := clipboard.policies[way].value):
                button.label = label
            self.query_one(f"#last-{way.name}", Line).tell(self._last(way))
        self._show_history()
        self._enable("desktop", clipboard.desktop is not None and clipboard.gives)
        self._enable("terminal", clipboard.can_ask_terminal and clipboard.gives and not clipboard.asking)

    def _enable(self, name: str, enabled: bool) -> None:
        button = self.query_one(f"#{name}", Button)
        if button.disabled == enabled:
            button.disabled = not enabled

    def _has(self, selection: ClipboardSelection) -> str:
        clipboard = self.clipboard
        if not clipboard.available:
            return "the guest has no agent for it" if clipboard.client is not None else "no session"
        if selection is ClipboardSelection.PRIMARY and not clipboard.primary:
            return "the guest's agent does not tell"
        if entry := clipboard.guest.get(selection):
            return f"{entry.kinds}, since {_clock(entry.time)}"
        if offer := clipboard.offers.get(selection):
            return f"{offer.entry.kinds}, from here"
        return "empty"

    def _show_question(self) -> None:
        waiting = self.clipboard.waiting
        way = next((way for way in Way if way in waiting), None)
        row = self.query_one("#waiting")
        row.display = way is not None
        if way is not None:
            kinds = waiting[way].kinds
            words = (
                f"Copied in the guest: {kinds}. Take it? y/n"
                if way is Way.FROM_GUEST
                else f"Copied here: {kinds}. Offer it? y/n"
            )
            self.query_one("#question", Line).tell(words)

    def _show_entry(self, entry: Entry | None) -> None:
        text, picture = self.query_one("#text", Static), self.query_one(Picture)
        for name in ("copy", "save"):
            self._enable(name, entry is not None and entry.format in SUFFIXES)
        self._enable("give", entry is not None and bool(entry.data) and self.clipboard.gives)
        found = entry.text if entry is not None else None
        image = entry.image if entry is not None and found is None else None
        text.display = found is not None
        picture.display = image is not None
        words = "Nothing was copied yet" if entry is None else f"{entry.kinds}: {entry.outcome or 'in the guest'}"
        if found is not None:
            shown = visible(found).split("\n")
            text.update("\n".join([*shown[:LINES]]))
            assert entry is not None
            count = found.count("\n") + 1
            words = f"Text, {human_bytes(entry.size)}" + (f", {count} lines" if count > 1 else "")
        elif entry is not None and image is not None:
            format, data = image
            words = f"{format.name}, {human_bytes(len(data))}"
            try:
                size = measure(format, data)
            except PictureError as error:
                self._pictured, self._pixels = None, None
                picture.tell(None, str(error))
            else:
                words = f"{format.name}, {size.width}x{size.height} pixels, {human_bytes(len(data))}"
                if self._pictured != (entry, int(format)):
                    self._pictured, self._pixels = (entry, int(format)), None
                    picture.tell(None, "…")
                    self._make_picture(entry)
        self.query_one("#what", Line).tell(Text(printable(words), "bold" if entry is not None else "dim"))

    @work(exclusive=True, group="picture", exit_on_error=False)
    async def _make_picture(self, entry: Entry) -> None:
        image = entry.image
        if image is None:
            return
        try:
            self._pixels = await asyncio.to_thread(decode, *image)
        except PictureError as error:
            self.query_one(Picture).tell(None, printable(str(error)))
        else:
            self.query_one(Picture).tell(self._pixels)

    def _last(self, way: Way) -> Text:
        entry = self.clipboard.last.get(way)
        line = Text(way.value, no_wrap=True)
        if self.clipboard.policies[way] is Policy.OFF:
            line.append("  off", "dim")
        elif entry is None:
            out = self.clipboard.way_out() if way is Way.FROM_GUEST else ""
            line.append(f"  to {out}" if out else "", "dim")
        if entry is not None:
            size = f" {human_bytes(entry.size)}" if entry.data else ""
            line.append(f"  {_clock(entry.time)} {entry.kinds}{size}: {printable(entry.outcome)}", "dim")
        return line

    def _show_history(self) -> None:
        history = self.clipboard.history
        entries = list(history)
        count = f"{len(entries)}, {human_bytes(history.size)}, in memory only" if entries else "empty"
        self.query_one("#old", Line).tell(f"History: {count}")
        told = [_row(entry) for entry in entries]
        if told == self._told and entries == self._listed:
            return
        box = self.query_one("#history", OptionList)
        chosen = self.entry
        self._listed, self._told = entries, told
        with self.prevent(OptionList.OptionHighlighted):
            box.clear_options()
            box.add_options([Option(Text(row, no_wrap=True, overflow="ellipsis")) for row in told])
            if chosen in entries:
                box.highlighted = entries.index(chosen)

    # what the user does

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_list.id == "history" and event.option_index < len(self._listed):
            entry = self._listed[event.option_index]
            newest = self._listed[0]
            self._chosen = entry if entry is not newest else None
            self.show()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        name = event.button.id or ""
        if name in ("yes", "no"):
            self.action_answer(name == "yes")
        elif name in Way.__members__:
            self.action_policy(name)
        else:
            getattr(self, f"action_{name}")()

    def action_copy(self) -> None:
        if (entry := self.entry) is not None:
            self.clipboard.start(self.clipboard.copy_here(entry))

    def action_give(self) -> None:
        if (entry := self.entry) is not None:
            self.clipboard.give_again(entry)

    def action_text(self) -> None:
        self.query_one("#typed").focus()

    def action_file(self) -> None:
        self.query_one("#file").focus()

    def action_desktop(self) -> None:
        self.clipboard.start(self.clipboard.give_desktop())

    def action_terminal(self) -> None:
        self.clipboard.start(self.clipboard.give_terminal())

    def action_policy(self, name: str) -> None:
        way = Way[name]
        self.clipboard.set_policy(way, self.clipboard.policies[way].following)
        self.show()

    def action_answer(self, yes: bool) -> None:
        way = next((way for way in Way if way in self.clipboard.waiting), None)
        if way is not None:
            self.clipboard.answer(way, yes)

    def action_clear(self) -> None:
        self._chosen = None
        self._pictured, self._pixels = None, None
        self.clipboard.clear()

    def action_save(self) -> None:
        entry = self.entry
        if entry is None or entry.format not in SUFFIXES:
            return
        line = self.query_one("#path", PathInput)
        self.query_one("#saving").display = True
        self.screen.set_focus(line.line)
        line.value = str(Path.cwd() / f"clipboard-{entry.time:%Y%m%d-%H%M%S}{SUFFIXES[entry.format]}")

    def on_path_input_submitted(self, event: PathInput.Submitted) -> None:
        event.stop()
        if event.input.id == "path":
            if (entry := self.entry) is not None:
                self.clipboard.start(self.clipboard.save(entry, event.input.path))
            self.query_one("#saving").display = False
            self.take_focus()
        elif event.value:
            self.clipboard.start(self.clipboard.give_file(event.input.path))
            event.input.clear()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "typed" and event.value and self.clipboard.offer(event.value.encode()):
            event.input.value = ""


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S}"


def _row(entry: Entry) -> str:
    """An entry in one line."""
    source = "guest" if entry.way is Way.FROM_GUEST else "here "
    size = human_bytes(entry.size) if entry.data else "not here"
    about = looks(entry.text) if entry.text is not None else printable(entry.outcome)
    return f"{_clock(entry.time)} {source} {entry.kinds} {size}  {about}"
