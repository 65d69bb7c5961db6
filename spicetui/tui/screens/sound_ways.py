"""The choice of what plays the machine's sound, or of what its microphone hears."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...devices import audio
from ...diagnostics import printable
from .dialog import Dialog

_OTHERS = {
    "playback": "or type cmd:COMMAND, fifo:PATH, file:PATH.wav, off",
    "capture": "or type cmd:COMMAND, file:PATH.wav",
}


class SoundWaysScreen(Dialog[str | None]):
    """Gives a specification as :mod:`spicetui.devices.audio` has them.  What is typed narrows the list or is one."""

    DEFAULT_CSS = """
    SoundWaysScreen OptionList { height: auto; max-height: 12; border: none; padding: 0; margin-top: 1; }
    SoundWaysScreen Input, SoundWaysScreen Input:focus { border: none; height: 1; padding: 0; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,ctrl+c", "cancel", "Cancel"),
        ("down", "move(1)", "Down"),
        ("up", "move(-1)", "Up"),
    ]

    def __init__(self, kind: str, chosen: str) -> None:
        """*kind*: ``playback`` or ``capture``."""
        super().__init__()
        self._kind = kind
        self._chosen = chosen
        self._ways: list[audio.Way] = []
        self._shown: list[audio.Way] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Play sound by" if self._kind == "playback" else "Hear the microphone by"
            yield Input(placeholder=_OTHERS[self._kind], compact=True)
            yield OptionList()
            yield Static("Enter  choose    Esc  close", classes="quiet space", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self.run_worker(self._look(), name="sound devices")

    async def _look(self) -> None:
        self._ways = await asyncio.to_thread(audio.found_ways, self._kind)
        self._narrow(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        words = text.lower().split()
        self._shown = [way for way in self._ways if all(word in f"{way.title} {way.spec}".lower() for word in words)]
        if text.strip() and not self._shown:
            self._shown = [audio.Way(text.strip(), text.strip())]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._line(way)) for way in self._shown])
        chosen = [at for at, way in enumerate(self._shown) if way.spec == self._chosen]
        options.highlighted = (chosen or [0])[0] if self._shown else None

    def _line(self, way: audio.Way) -> Text:
        mark = "● " if way.spec == self._chosen else "  "
        return Text(mark + printable(way.title, 60), no_wrap=True, overflow="ellipsis")

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self.dismiss(self._shown[index].spec)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._shown[event.option_index].spec)

    def action_cancel(self) -> None:
        self.dismiss(None)
