"""The common look of the app's dialogs: a box in the middle, the last picture or nothing behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.screen import ModalScreen

if TYPE_CHECKING:
    from ..app import SpiceApp

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    app: SpiceApp

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > .box {
        width: 64; max-width: 96%; height: auto; max-height: 96%; padding: 1 2;
        background: $surface; border: round $primary; border-title-style: bold;
    }
    Dialog .box.-problem { border: round $error; }
    Dialog .box > Static { width: 100%; height: auto; }
    Dialog .quiet { color: $text-muted; }
    Dialog .space { margin-top: 1; }
    Dialog Input { margin-top: 1; }
    """
