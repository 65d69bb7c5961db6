"""The panels of the app, in one list: the dock, the menu, the palette and the help are made from it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .panel import Panel


class PanelEntry(NamedTuple):
    """A panel before its module is loaded. *key* opens it from the menu."""

    id: str
    title: str
    key: str
    module: str
    name: str

    def load(self) -> type[Panel]:
        found: type[Panel] = getattr(import_module(f".{self.module}", __package__), self.name)
        return found


PANELS: tuple[PanelEntry, ...] = (
    PanelEntry("clipboard", "Clipboard", "b", "clipboard", "ClipboardPanel"),
    PanelEntry("transfers", "Files", "e", "transfers", "TransfersPanel"),
    PanelEntry("folder", "Folder", "O", "folder", "FolderPanel"),
    PanelEntry("sound", "Sound", "M", "sound", "SoundPanel"),
    PanelEntry("usb", "USB", "u", "usb", "UsbPanel"),
)

BY_ID = {entry.id: entry for entry in PANELS}
