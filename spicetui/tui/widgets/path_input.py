"""A line to type a path into, which offers what it may become."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from rich.text import Text
from textual import events, work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ...diagnostics import printable
from ..paths import Candidate, Completion, complete, typed_path


class PathLine(Input):
    """The line itself.  A path may hold any character but the zero; those that have no shape are shown as �."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", show=False),
        Binding("down", "move(1)", "Next", show=False),
        Binding("up", "move(-1)", "Before", show=False),
        Binding("escape", "close_list", "Close the list", show=False),
    ]

    @property
    def _value(self) -> Text:
        shown = "".join(c if c.isprintable() else "�" for c in self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    @property
    def _around(self) -> PathInput:
        around = self.parent
        assert isinstance(around, PathInput)
        return around

    async def action_submit(self) -> None:
        if not self._around.accept():
            await super().action_submit()

    async def action_complete(self) -> None:
        if not await self._around.complete():
            raise SkipAction  # the screen goes on to the next widget

    def action_move(self, step: int) -> None:
        if not self._around.move(step):
            raise SkipAction

    def action_close_list(self) -> None:
        if not self._around.close():
            raise SkipAction

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self._around.close()


class PathInput(Vertical):
    """Tab completes, the arrows choose from the list below, Enter takes what is chosen or submits what is typed.

    *folders_only* offers no files; *accept* says by its name which files are offered.
    """

    DEFAULT_CSS = """
    PathInput { height: auto; width: 1fr; }
    PathInput > PathLine { width: 1fr; height: 1; border: none; padding: 0; background: $boost; }
    PathInput > PathLine:focus { border: none; }
    PathInput > OptionList {
        width: 1fr; height: auto; max-height: 8; display: none;
        border: none; padding: 0; background: $panel;
    }
    """

    class Submitted(Message):
        """Enter: *value* is what was typed, ``input.path`` the path that it means."""

        def __init__(self, input: PathInput, value: str) -> None:
            super().__init__()
            self.input = input
            self.value = value

        @property
        def control(self) -> PathInput:
            return self.input

    def __init__(
        self,
        *,
        placeholder: str = "",
        folders_only: bool = False,
        accept: Callable[[str], bool] = lambda name: True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._folders_only = folders_only
        self._accept = accept
        self.line = PathLine(placeholder=placeholder, compact=True, select_on_focus=False)
        self.list = OptionList(compact=True)
        self.list.can_focus = False
        self.completion = Completion()
        self._offered: tuple[Candidate, ...] = ()
        self._filled = ""  # by ourselves: no news to be completed

    def compose(self) -> ComposeResult:
        yield self.line
        yield self.list

    @property
    def value(self) -> str:
        return self.line.value

    @value.setter
    def value(self, text: str) -> None:
        self._fill(text)
        self.close()

    @property
    def path(self) -> Path:
        return typed_path(self.line.value)

    def clear(self) -> None:
        self.value = ""

    def focus(self, scroll_visible: bool = True) -> Self:
        self.line.focus(scroll_visible)
        return self

    # the list

    @property
    def is_open(self) -> bool:
        return bool(self.list.display)

    def close(self) -> bool:
        """Whether there was a list to be closed."""
        was_open = self.is_open
        self.list.display = False
        self._offered = ()
        return was_open

    def _open(self, completion: Completion) -> None:
        self.completion = completion
        self._offered = completion.candidates
        self.list.clear_options()
        options = [Option(Text(printable(c.name, 300) + "/" * c.folder, no_wrap=True)) for c in self._offered]
        if completion.more:
            options.append(Option(Text("… and more; type on", "dim"), disabled=True))
        if completion.reason:
            options.append(Option(Text(completion.reason, "dim"), disabled=True))
        self.list.add_options(options)
        self.list.display = bool(options)

    def move(self, step: int) -> bool:
        """Another one of the list is chosen; whether there is a list."""
        if not self._offered:
            return False
        if step > 0:
            self.list.action_cursor_down()
        else:
            self.list.action_cursor_up()
        return True

    def accept(self) -> bool:
        """Takes what is chosen; whether something is."""
        chosen = self.list.highlighted
        if not self.is_open or chosen is None or chosen >= len(self._offered):
            return False
        self._take(self._offered[chosen])
        return True

    def _take(self, candidate: Candidate) -> None:
        self._fill(candidate.text)
        self.close()
        if candidate.folder:
            self._look()

    def _fill(self, text: str) -> None:
        if text != self.line.value:
            self._filled = text
            self.line.value = text
        self.line.cursor_position = len(text)

    # completing

    async def complete(self) -> bool:
        """Tab: as far as it is clear what is meant, then through the list.  Whether there was something to do."""
        if not self.line.value and not self.is_open:
            return False
        if self.is_open and self.list.highlighted is not None:
            return self.move(1)
        typed = self.line.value
        found = await asyncio.to_thread(self._candidates, typed)
        if self.line.value != typed:
            return True
        if len(found.candidates) == 1 and not found.more:
            only = found.candidates[0]
            if only.text == typed:
                return self.close()
            self._take(only)
            return True
        further = len(found.common) > len(typed)
        if further:
            self._fill(found.common)
        self._open(found)
        if not further:
            self.move(1)
        return bool(found.candidates or found.reason)

    def _candidates(self, typed: str) -> Completion:
        return complete(typed, folders_only=self._folders_only, accept=self._accept)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        filled, self._filled = self._filled, ""
        if event.value and event.value == filled:
            return
        if event.value and self.line.has_focus:
            self._look()
        else:
            self.close()

    def _look(self) -> None:
        self._offer(self.line.value)

    @work(name="completion", exclusive=True)
    async def _offer(self, typed: str) -> None:
        found = await asyncio.to_thread(self._candidates, typed)
        if self.line.value != typed or not self.line.has_focus:
            return
        only = found.candidates[0].text if len(found.candidates) == 1 else None
        if only == typed:
            self.close()
        else:
            self._open(found)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        if event.value:
            self.post_message(self.Submitted(self, event.value))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._offered):
            self._take(self._offered[event.option_index])
        self.line.focus()
