"""The files panel: what goes to the guest, how far it is, and why something has not come."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import ClassVar, cast

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from ...agent.files import TransferState
from ...agent.queue import QueuedFile, parse_rate
from ...diagnostics import printable
from ..screens.file_browser import FileBrowserScreen
from ..transfers import Transfers, brief
from ..widgets.line import Line
from ..widgets.path_input import PathInput
from ..widgets.status import human_bytes
from .panel import Panel

#: Files of a long queue that are listed.
LISTED = 300

_ICONS = {
    TransferState.WAITING: ("·", ""),
    TransferState.SENDING: ("▸", "bold"),
    TransferState.PAUSED: ("‖", "yellow"),
    TransferState.DONE: ("✓", "green"),
    TransferState.FAILED: ("✗", "red"),
    TransferState.CANCELLED: ("–", "dim"),
}
_AGAIN = (TransferState.FAILED, TransferState.CANCELLED)


class TransfersPanel(Panel):
    SERVICE = "transfers"
    PERIOD = 0.5
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "add"),
        Binding("b", "browse", "browse"),
        Binding("p", "pause", "pause"),
        Binding("c,delete", "cancel", "cancel"),
        Binding("r", "retry", "retry"),
        Binding("left_square_bracket", "move(-1)", "", key_display="[\u00a0]"),
        Binding("right_square_bracket", "move(1)", "order", key_display="[\u00a0]"),
        Binding("P", "pause_all", "pause all"),
        Binding("l", "limit", "limit"),
        Binding("x", "clear", "clear"),
    ]
    DEFAULT_CSS = """
    TransfersPanel .row > .name { width: 5; color: $text-muted; }
    TransfersPanel #total { margin-top: 1; }
    TransfersPanel #files {
        height: 1fr; min-height: 4; border: none; padding: 0; margin-top: 1; background: $surface;
    }
    TransfersPanel #files:focus { border: none; }
    TransfersPanel .last { margin-top: 1; }
    TransfersPanel #limit { width: 12; background: $boost; }
    TransfersPanel .row > #limited { width: 8; color: $text-muted; }
    TransfersPanel Button { background: $panel; }
    TransfersPanel Button:hover, TransfersPanel Button:focus { background: $accent; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._listed: list[QueuedFile] = []
        self._prompts: list[Text] = []

    @property
    def transfers(self) -> Transfers:
        return cast("Transfers", self.service)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Static("Send", classes="name")
            yield PathInput(id="path", placeholder="file, folder or pattern; or drop files here")
            yield Button("Browse", id="browse", compact=True)
        yield Line(id="total")
        yield Line(id="rate")
        yield OptionList(id="files", compact=True, markup=False)
        with Horizontal(classes="row last"):
            yield Button("Pause", id="pause", compact=True)
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Retry", id="retry", compact=True)
            yield Button("↑", id="up", compact=True)
            yield Button("↓", id="down", compact=True)
        with Horizontal(classes="row"):
            yield Button("Pause all", id="pause-all", compact=True)
            yield Button("Clear finished", id="clear", compact=True)
            yield Static("at most", id="limited")
            yield Input(id="limit", compact=True, placeholder="no limit")

    def take_focus(self) -> None:
        if self.transfers.queue.files:
            self._list.focus()
        else:
            self.query_one(PathInput).focus()

    @property
    def _list(self) -> OptionList:
        return self.query_one("#files", OptionList)

    # what is shown

    def show(self) -> None:
        transfers, queue = self.transfers, self.transfers.queue
        transfers.seen()
        self.query_one("#total", Line).tell(self._total())
        self.query_one("#rate", Line).tell(self._how_fast())
        self._show_files()
        self._label("pause-all", "Resume all" if queue.paused else "Pause all")
        file = self._chosen
        self._label("pause", "Resume" if file is not None and file.state is TransferState.PAUSED else "Pause")
        unfinished = file is not None and not file.finished
        self._enable("pause", unfinished)
        self._enable("cancel", unfinished)
        self._enable("retry", file is not None and file.state in _AGAIN)
        for name in ("up", "down"):
            self._enable(name, len(queue.files) > 1 and file is not None)
        self._enable("clear", any(one.finished for one in queue.files))

    def on_resize(self) -> None:
        self._prompts = []
        self.call_after_refresh(self.show)

    def _label(self, name: str, label: str) -> None:
        button = self.query_one(f"#{name}", Button)
        if str(button.label) != label:
            button.label = label

    def _enable(self, name: str, enabled: bool) -> None:
        button = self.query_one(f"#{name}", Button)
        if button.disabled == enabled:
            button.disabled = not enabled

    def _total(self) -> Text:
        transfers, queue = self.transfers, self.transfers.queue
        if transfers.looking:
            return Text("looking for files …")
        if not queue.files:
            return Text("Nothing is being sent.", "dim")
        done = sum(file.state is TransferState.DONE for file in queue.files)
        failed = sum(file.state is TransferState.FAILED for file in queue.files)
        text = Text(f"{done} of {len(queue.files)} sent")
        if queue.waiting:
            text.append(f" · {human_bytes(queue.bytes_sent)} of {human_bytes(queue.total_size)}")
        if failed:
            text.append(f" · {failed} failed", "red")
        return text

    def _how_fast(self) -> Text:
        queue = self.transfers.queue
        if queue.blocked and (queue.waiting or not queue.files):
            return Text(queue.blocked, "yellow")
        if not queue.waiting:
            return Text("")
        words = "paused" if queue.paused else _rate(queue.bytes_per_second, queue.seconds_left)
        return _bar(self.transfers.fraction, 20).append(f"  {words}")

    def _show_files(self) -> None:
        queue, listed = self.transfers.queue, self._list
        files = queue.files
        if len(files) > LISTED:  # what has been sent is told by its number
            files = [file for file in files if file.state is not TransferState.DONE]
        more = max(0, len(files) - LISTED)
        files = files[:LISTED]
        width = max(20, listed.size.width - 2)
        prompts = [self._prompt(file, width) for file in files]
        if more:
            prompts.append(Text(f"… and {more} more", "dim"))
        if files != self._listed or len(prompts) != len(self._prompts):
            chosen = self._chosen
            listed.clear_options()
            listed.add_options([Option(prompt) for prompt in prompts])
            if more:
                listed.disable_option_at_index(len(files))
            if chosen in files:
                listed.highlighted = files.index(chosen)
            elif files:
                listed.highlighted = 0
        else:
            for index, (before, now) in enumerate(zip(self._prompts, prompts, strict=True)):
                if before != now:
                    listed.replace_option_prompt_at_index(index, now)
        self._listed, self._prompts = list(files), prompts

    def _prompt(self, file: QueuedFile, width: int) -> Text:
        icon, style = _ICONS[file.state]
        size = human_bytes(file.size)
        name = Text(printable(file.name, 200), no_wrap=True)
        name.truncate(max(6, width - len(size) - 4), overflow="ellipsis", pad=True)
        text = Text.assemble((f"{icon} ", style), name, "  ", (size, "dim"))
        more = self._more(file, width)
        if more.plain:
            text.append("\n").append(more)
        return text

    def _more(self, file: QueuedFile, width: int) -> Text:
        """The rows below the name."""
        if file.state is TransferState.FAILED:
            return _rows(file.reason + (f"; {file.advice}" if file.advice else ""), width, "red")
        if file.state is TransferState.CANCELLED:
            return _rows(file.reason, width, "dim")
        rows = []
        if file.state in (TransferState.SENDING, TransferState.PAUSED):
            paused = file.state is TransferState.PAUSED
            words = "paused" if paused else _rate(file.bytes_per_second, file.seconds_left)
            rows.append(Text("  ").append(_bar(file.fraction, 16)).append(f"  {words}", "yellow" if paused else ""))
        if file.note:
            rows.append(_rows(file.note, width, "dim"))
        return Text("\n").join(rows)

    # what is done

    @property
    def _chosen(self) -> QueuedFile | None:
        at = self._list.highlighted
        return self._listed[at] if at is not None and at < len(self._listed) else None

    def on_option_list_option_highlighted(self) -> None:
        self.show()

    def on_path_input_submitted(self, event: PathInput.Submitted) -> None:
        event.stop()
        self.transfers.add(str(event.control.path))
        event.control.clear()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._set_limit(event.value)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        name = event.button.id or ""
        if name in ("up", "down"):
            self.action_move(-1 if name == "up" else 1)
        else:
            getattr(self, f"action_{name.replace('-', '_')}")()

    def action_add(self) -> None:
        self.query_one(PathInput).focus()

    @work(name="browse")
    async def action_browse(self) -> None:
        chosen = await self.app.push_screen_wait(FileBrowserScreen(Path.cwd()))
        if chosen:
            self.transfers.add(*chosen)
        self.take_focus()

    def action_pause(self) -> None:
        file = self._chosen
        if file is None:
            return
        if file.state is TransferState.PAUSED:
            self.transfers.queue.resume(file)
        else:
            self.transfers.queue.pause(file)

    def action_pause_all(self) -> None:
        queue = self.transfers.queue
        if queue.paused:
            queue.resume()
        else:
            queue.pause()

    def action_cancel(self) -> None:
        if (file := self._chosen) is not None:
            self.transfers.queue.cancel(file)

    def action_retry(self) -> None:
        if (file := self._chosen) is not None:
            self.transfers.queue.retry(file)

    def action_move(self, step: int) -> None:
        if (file := self._chosen) is not None:
            self.transfers.queue.move(file, step)
            self.show()

    def action_clear(self) -> None:
        self.transfers.queue.clear_finished()
        self.show()

    def action_limit(self) -> None:
        self.query_one("#limit", Input).focus()

    def _set_limit(self, text: str) -> None:
        field = self.query_one("#limit", Input)
        try:
            self.transfers.queue.limit = parse_rate(text) if text.strip() else None
        except ValueError as error:
            self.app.say(str(error), severity="warning")
            return
        limit = self.transfers.queue.limit
        field.value = f"{human_bytes(limit)}/s" if limit is not None else ""
        self.take_focus()


def _rows(text: str, width: int, style: str) -> Text:
    """Indented below the name."""
    return Text("\n".join(wrap(printable(text, 500), width, initial_indent="  ", subsequent_indent="  ")), style)


def _bar(fraction: float, width: int) -> Text:
    done = min(width, int(fraction * width))
    text = Text().append("━" * done, "green")
    return text.append("─" * (width - done), "dim").append(f" {int(fraction * 100):>3} %")


def _rate(rate: float, left: float | None) -> str:
    words = f"{human_bytes(rate)}/s" if rate else ""
    return words + (f", {brief(left)} left" if left is not None else "")
