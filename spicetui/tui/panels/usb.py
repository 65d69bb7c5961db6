"""The USB panel: what the machine has of this computer's devices, and drives that files become."""

from __future__ import annotations

from typing import ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from ...diagnostics import printable
from ..usb import CD_SUFFIXES, Row, UsbService
from ..widgets.line import Line
from ..widgets.path_input import PathInput
from .panel import Panel

STATE_CELLS = 10
MARKS = {"in use": "●", "attached": "●", "free": "○", "not given": "○", "opening": "…", "leaving": "…"}


class UsbPanel(Panel):
    SERVICE = "usb"
    PERIOD = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,g", "give", "give / take back", key_display="Space"),
        Binding("i", "image", "add a file"),
        Binding("e", "eject", "eject / insert"),
        Binding("k", "kind", "CD / disk"),
        Binding("w", "writable", "writable"),
        Binding("x", "remove", "remove"),
        Binding("y", "answer(True)", "", show=False),
        Binding("n", "answer(False)", "", show=False),
    ]
    DEFAULT_CSS = """
    UsbPanel #devices {
        height: auto; min-height: 1; max-height: 14; border: none; padding: 0; background: $surface;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    UsbPanel #devices:focus { border: none; }
    UsbPanel #details { color: $text-muted; }
    UsbPanel #asking { display: none; background: $warning 20%; }
    UsbPanel #asking > Static { width: 1fr; }
    UsbPanel .titled { margin-top: 1; }
    UsbPanel Button.-style-default { background: $primary 30%; }
    UsbPanel Button.-style-default:hover, UsbPanel Button.-style-default:focus { background: $primary; }
    UsbPanel #give { width: 23; }
    UsbPanel #eject, UsbPanel #remove { width: 10; }
    UsbPanel #kind { width: 8; }
    UsbPanel #writable { width: auto; }
    UsbPanel #target { color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._listed: list[Row] = []
        self._told: list[Text] = []
        self._chosen = ""
        self._marked: int | None = None  # the place in the list that was highlighted here, not by the user
        self._cd: bool | None = None  # as the user said; None: by the file's name
        self._writable = False
        self._insert_into = ""  # the drive that the next file is for

    @property
    def usb(self) -> UsbService:
        return cast("UsbService", self.service)

    def compose(self) -> ComposeResult:
        yield Line(id="slots")
        yield Static("", id="filter", classes="quiet", markup=False)
        yield Static("", id="problem", classes="problem", markup=False)
        with Horizontal(id="asking", classes="row"):
            yield Static("", id="question", markup=False)
            yield Button("Yes", id="yes", compact=True)
            yield Button("No", id="no", compact=True)
        yield OptionList(id="devices", compact=True, classes="titled")
        yield Static("", id="none", classes="quiet", markup=False)
        yield Static("", id="details", classes="titled", markup=False)
        yield Static("", id="reason", classes="problem", markup=False)
        with Horizontal(classes="row"):
            yield Button("Give to the machine", id="give", compact=True)
            yield Button("Eject", id="eject", compact=True)
            yield Button("Remove", id="remove", compact=True)
        yield Static("", id="target", classes="titled", markup=False)
        with Horizontal(classes="row"):
            yield Button("auto", id="kind", compact=True)
            yield PathInput(id="path", placeholder="an ISO file or a raw image")
        with Horizontal(classes="row"):
            yield Button("", id="writable", compact=True)

    def take_focus(self) -> None:
        # Not the line for a path as long as there is no device: the keys of the panel would be typed into it.
        self.query_one("#devices" if self.usb.rows else "#kind").focus()

    # --- what is shown

    @property
    def row(self) -> Row | None:
        """The one that the keys are for."""
        rows = self._listed
        return next((row for row in rows if row.key == self._chosen), rows[0] if rows else None)

    def show(self) -> None:
        usb = self.usb
        usb.look()
        self.query_one("#slots", Line).tell(Text(usb.slots_text, "bold"))
        self._say("filter", usb.filter_text)
        self._show_rows()
        row = self.row
        self._say("problem", usb.problem if row is None or usb.problem not in row.reason else "")
        self._say("question", usb.question.text if usb.question is not None else "")
        self.query_one("#asking").display = usb.question is not None
        self._show_row(row)
        self._show_adding()

    def _say(self, name: str, text: str) -> None:
        line = self.query_one(f"#{name}", Static)
        line.display = bool(text)
        line.update("\n".join(printable(part, 1000) for part in text.split("\n")))

    def _show_rows(self) -> None:
        usb = self.usb
        rows = usb.rows
        if usb.no_devices:
            none = f"this computer's devices: {usb.no_devices}"
        else:
            none = "" if rows or usb.usb is None else "this computer has no USB device that could be redirected"
        self._say("none", none)
        told = [_line(row) for row in rows]
        if told == self._told and [row.key for row in rows] == [row.key for row in self._listed]:
            self._listed = rows
            return
        before, self._listed, self._told = self._listed, rows, told
        box = self.query_one("#devices", OptionList)
        if box.highlighted not in (None, self._marked) and box.highlighted < len(before):
            self._chosen = before[box.highlighted].key  # the event of that may be on its way
        row = self.row
        with self.prevent(OptionList.OptionHighlighted):
            box.clear_options()
            box.add_options([Option(line) for line in told])
            self._marked = box.highlighted = rows.index(row) if row is not None else None
        first = bool(rows) and not box.display
        box.display = bool(rows)
        if first and self.query_one("#kind").has_focus:
            box.focus()

    def _show_row(self, row: Row | None) -> None:
        self._say("details", "\n".join(row.details) if row is not None else "")
        self._say("reason", row.reason if row is not None else "")
        toggle, eject = self.query_one("#give", Button), self.query_one("#eject", Button)
        remove = self.query_one("#remove", Button)
        given = row is not None and row.given
        _label(toggle, "Take back" if given else "Give to the machine")
        toggle.disabled = row is None or (self.usb.usb is None and not given)
        drive = row.drive if row is not None else None
        eject.display = remove.display = drive is not None
        if drive is not None:
            _label(eject, "Eject" if drive.medium is not None else "Insert")

    def _show_adding(self) -> None:
        row = self.usb.row(self._insert_into) if self._insert_into else None
        if row is None:
            self._insert_into = ""
        self._say("target", f"Insert into {row.title}" if row is not None else "Add a drive with this file in it")
        kind, writable = self.query_one("#kind", Button), self.query_one("#writable", Button)
        kind.display = writable.display = row is None
        _label(kind, "CD" if self._as_cd else "Disk")
        writable.disabled = self._as_cd
        _label(writable, f"{'☑' if self._writable and not self._as_cd else '☐'} the machine may write to it")

    @property
    def _as_cd(self) -> bool:
        if self._cd is not None:
            return self._cd
        value = self.query_one("#path", PathInput).value.lower().rstrip("'\" ")
        return not value or value.endswith(CD_SUFFIXES)

    # --- what the user does

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_list.id == "devices" and event.option_index < len(self._listed):
            event.stop()
            self._chosen = self._listed[event.option_index].key
            self.show()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click on the one that is chosen already."""
        if event.option_list.id == "devices":
            event.stop()
            self.action_give()

    def on_input_changed(self) -> None:
        self._show_adding()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        name = event.button.id or ""
        if name in ("yes", "no"):
            self.action_answer(name == "yes")
        else:
            getattr(self, f"action_{name}")()

    def on_path_input_submitted(self, event: PathInput.Submitted) -> None:
        event.stop()
        row = self.usb.row(self._insert_into) if self._insert_into else None
        path = event.input.path
        if row is not None and row.drive is not None:
            self.usb.start(self.usb.insert(row.drive, path))
        else:
            self.usb.start(self.usb.add(path, cd=self._as_cd, writable=self._writable))
        event.input.clear()
        self._insert_into, self._cd, self._writable = "", None, False
        self.show()
        self.take_focus()

    def action_give(self) -> None:
        if (row := self.row) is not None:
            self.usb.start(self.usb.toggle(row.key))

    def action_image(self) -> None:
        self._insert_into = ""
        self.query_one("#path", PathInput).focus()
        self.show()

    def action_eject(self) -> None:
        row = self.row
        if row is None or row.drive is None:
            return
        if row.drive.medium is not None:
            self.usb.start(self.usb.eject(row.drive))
        else:
            self._insert_into = row.key
            self.query_one("#path", PathInput).focus()
            self.show()

    def action_remove(self) -> None:
        row = self.row
        if row is not None and row.drive is not None:
            self.usb.start(self.usb.remove(row.drive))

    def action_kind(self) -> None:
        self._cd = not self._as_cd
        self._show_adding()

    def action_writable(self) -> None:
        self._writable = not self._writable
        self._show_adding()

    def action_answer(self, yes: bool) -> None:
        self.usb.answer(yes)
        self.show()


def _label(button: Button, text: str) -> None:
    if str(button.label) != text:
        button.label = text


def _line(row: Row) -> Text:
    mark = MARKS.get(row.state, "!")
    line = Text(f"{mark} {row.short_state:<{STATE_CELLS}}", "bold" if row.given else "", no_wrap=True)
    line.append(row.title)
    line.truncate(200, overflow="ellipsis")
    return line
