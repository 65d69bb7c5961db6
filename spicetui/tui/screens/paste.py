"""The question before a text is typed that is long, has several lines, or characters that cannot be typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from ..typist import PastePlan
from .dialog import Dialog


class PasteScreen(Dialog[bool]):
    """Gives whether to type it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter,y", "answer(True)", "Type"),
        ("escape,n,q,ctrl+c", "answer(False)", "Cancel"),
    ]

    def __init__(self, plan: PastePlan) -> None:
        super().__init__()
        self._plan = plan

    def compose(self) -> ComposeResult:
        plan = self._plan
        lines = f" in {plan.lines} lines" if plan.lines > 1 else ""
        with Vertical(classes="box") as box:
            box.border_title = "Type the pasted text?"
            if plan.characters:
                yield Static(
                    f"{plan.characters} characters{lines}, about {max(1, round(plan.seconds))} s "
                    f"on the {plan.layout} layout.",
                    markup=False,
                )
            if plan.spelling.missing:
                yield Static(f"Left out, for that layout lacks them: {plan.missing}", classes="space", markup=False)
            if plan.cut:
                yield Static(f"{plan.cut} more characters are too many and left out.", classes="space", markup=False)
            keys = "Enter  type    Esc  cancel" if plan.characters else "Esc  close"
            yield Static(keys, classes="quiet space", markup=False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes and bool(self._plan.characters))
