"""A driver that writes down what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spicetui.canvas.cursor import Cursor
from spicetui.canvas.surface import Surface
from spicetui.channels.inputs import Inputs
from spicetui.channels.main import Main
from spicetui.geometry import Rect
from spicetui.interfaces import BaseDriver, ClipboardFormat, ClipboardSelection


class RecordingDriver(BaseDriver):
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.notices: list[str] = []

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of that method, in order."""
        return [call[1:] for call in self.calls if call[0] == name]

    def display_init(self, surface: Surface) -> None:
        self.calls.append(("display_init", surface))

    def port_opened(self, name: str, opened: bool) -> None:
        self.calls.append(("port_opened", name, opened))

    def usb_changed(self) -> None:
        self.calls.append(("usb_changed",))

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        self.calls.append(("display_refresh", surface, list(damage)))

    def display_closed(self, surface: Surface) -> None:
        self.calls.append(("display_closed", surface))

    def set_events_target(self, inputs: Inputs) -> None:
        self.calls.append(("set_events_target", inputs))

    def set_main_target(self, main: Main) -> None:
        self.calls.append(("set_main_target", main))

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        self.calls.append(("set_cursor", cursor, x, y))

    def mouse_mode_changed(self, client_mode: bool) -> None:
        self.calls.append(("mouse_mode_changed", client_mode))

    def agent_changed(self, connected: bool) -> None:
        self.calls.append(("agent_changed", connected))

    def agent_ready(self, caps: frozenset[int]) -> None:
        self.calls.append(("agent_ready", caps))

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        self.calls.append(("clipboard_grabbed", selection, tuple(types)))

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        self.calls.append(("clipboard_release", selection))

    def leds_changed(self, scroll_lock: bool, num_lock: bool, caps_lock: bool) -> None:
        self.calls.append(("leds_changed", scroll_lock, num_lock, caps_lock))

    def name_changed(self, name: str) -> None:
        self.calls.append(("name_changed", name))

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def closed(self, error: Exception | None) -> None:
        self.calls.append(("closed", error))
