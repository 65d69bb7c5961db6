"""The question before files are sent that were dropped on the terminal, lie in folders, or are many."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from ...agent.gather import Gathered
from ...diagnostics import printable
from ..widgets.status import human_bytes
from .dialog import Dialog

SHOWN = 4  # names in the dialog


class Answer(Enum):
    SEND = "send"
    TEXT = "text"  #: it is a text to be pasted, not files
    NO = "no"


class SendFilesScreen(Dialog[Answer]):
    """*dropped*: it was pasted, and may be meant as text."""

    DEFAULT_CSS = """
    SendFilesScreen .buttons { height: auto; margin-top: 1; }
    SendFilesScreen Button { margin-right: 2; }
    SendFilesScreen .problem { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter,y,s", "answer('send')", "Send"),
        ("t", "answer('text')", "Text"),
        ("escape,n,q,ctrl+c", "answer('no')", "Cancel"),
    ]

    def __init__(self, found: Gathered, *, dropped: bool = False) -> None:
        super().__init__()
        self._found = found
        self._dropped = dropped

    def compose(self) -> ComposeResult:
        found = self._found
        count = len(found.files)
        with Vertical(classes="box") as box:
            box.border_title = "Send to the guest?" if count else "Nothing to send"
            if count:
                files = "1 file" if count == 1 else f"{count} files"
                yield Static(f"{files}, {human_bytes(found.size)}", markup=False)
                names = ", ".join(printable(path.name, 40) for path, _ in found.files[:SHOWN])
                more = count - SHOWN
                yield Static(names + (f" and {more} more" if more > 0 else ""), classes="quiet", markup=False)
            if found.folders and count:
                folders = ", ".join(printable(path.name or str(path), 30) for path in found.folders[:3])
                words = f"From {folders}: the guest's agent knows no folders, so the files arrive without. "
                yield Static(words + "Share the folder to keep it.", classes="space", markup=False)
            if found.same_names:
                count = found.same_names
                words = "1 has the name of another one" if count == 1 else f"{count} have the name of another one"
                words += "; the guest finds new names."
                yield Static(words, classes="space", markup=False)
            if found.problems:
                yield Static("\n".join(self._problems()), classes="problem space", markup=False)
            with Horizontal(classes="buttons"):
                if found.files:
                    yield Button("Send", id="send", compact=True)
                if self._dropped:
                    yield Button("Paste as text", id="text", compact=True)
                yield Button("Cancel" if found.files else "Close", id="no", compact=True)
            keys = "Enter  send    " * bool(found.files) + "t  paste as text    " * self._dropped
            yield Static(f"{keys}Esc  {'cancel' if found.files else 'close'}", classes="quiet space", markup=False)

    def _problems(self) -> list[str]:
        problems = self._found.problems
        lines = [
            f"{printable(path.name or str(path), 40)}: {reason}" + (f"; {advice}" if advice else "")
            for path, reason, advice in problems[:2]
        ]
        if not problems[2:]:
            return lines
        return [*lines, f"… and {len(problems) - 2} more that cannot be sent"]

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_answer(event.button.id or "no")

    def action_answer(self, answer: str) -> None:
        chosen = Answer(answer)
        if chosen is Answer.TEXT and not self._dropped:
            return
        if chosen is Answer.SEND and not self._found.files:
            chosen = Answer.NO
        self.dismiss(chosen)
