"""Rows of a panel that change often."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


class Line(Static):
    """One row: it never asks for a new layout, which would paint the whole picture anew."""

    DEFAULT_CSS = "Line { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, **options: str) -> None:
        super().__init__("", markup=False, **options)  # type: ignore[arg-type]
        self._told: Text | str = ""

    def tell(self, text: Text | str) -> None:
        if text != self._told:
            self._told = text
            self.update(text, layout=False)
