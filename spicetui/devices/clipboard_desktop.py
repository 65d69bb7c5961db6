"""The clipboard of the desktop that this program runs on, by the tools that desktops bring for it.

Programs of their own rather than a library: they hold contents after this program has ended, pass pictures on byte by
byte, reach Wayland as well as X, and a display that does not answer costs no more than a process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ..interfaces import ClipboardFormat, ClipboardSelection
from .clipboard_tool import ToolError, run

MAX_BYTES = 64 << 20
MAX_TYPES = 1 << 16  # bytes of a list of types

_MIME = {
    ClipboardFormat.TEXT: "text/plain;charset=utf-8",
    ClipboardFormat.PNG: "image/png",
    ClipboardFormat.BMP: "image/bmp",
    ClipboardFormat.TIFF: "image/tiff",
    ClipboardFormat.JPG: "image/jpeg",
}
_TEXTS = ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING")
_POWERSHELL = "[Console]::OutputEncoding=[Text.Encoding]::UTF8;Get-Clipboard -Raw"


@dataclass(frozen=True)
class Tool:
    """One pair of programs; ``{selection}`` and ``{type}`` in their words become what is asked for."""

    name: str
    write: tuple[str, ...]
    read: tuple[str, ...]
    types: tuple[str, ...] = ()  #: lists the types there are; without it there is only text
    text: str = "UTF8_STRING"  #: the type under which text is written
    primary: tuple[str, str] | None = ("clipboard", "primary")  #: what ``{selection}`` becomes; None: no primary one
    encoding: str = "utf-8"  #: of text that is written


XCLIP = Tool(
    "xclip",
    ("xclip", "-i", "-selection", "{selection}", "-t", "{type}"),
    ("xclip", "-o", "-selection", "{selection}", "-t", "{type}"),
    ("xclip", "-o", "-selection", "{selection}", "-t", "TARGETS"),
)
XSEL = Tool("xsel", ("xsel", "-i", "{selection}"), ("xsel", "-o", "{selection}"), primary=("-b", "-p"))
WAYLAND = Tool(
    "wl-clipboard",
    ("wl-copy", "{selection}", "--type", "{type}"),
    ("wl-paste", "{selection}", "--no-newline", "--type", "{type}"),
    ("wl-paste", "{selection}", "--list-types"),
    text="text/plain;charset=utf-8",
    primary=("", "--primary"),
)
MAC = Tool("pbcopy", ("pbcopy",), ("pbpaste",), primary=None)
WINDOWS = Tool(
    "clip.exe",
    ("clip.exe",),
    ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL),
    primary=None,
    encoding="utf-16",
)


def find(environment: Mapping[str, str]) -> Desktop | None:
    """The desktop's clipboard; None without one, and over SSH, where a desktop would be in another room."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return None
    candidates: list[Tool] = []
    if environment.get("WAYLAND_DISPLAY"):
        candidates.append(WAYLAND)
    if environment.get("DISPLAY"):
        candidates += [XCLIP, XSEL]
    if sys.platform == "darwin":
        candidates.append(MAC)
    if environment.get("WSL_DISTRO_NAME") or environment.get("WSL_INTEROP"):
        candidates.append(WINDOWS)
    path = environment.get("PATH")
    for tool in candidates:
        if shutil.which(tool.write[0], path=path) and shutil.which(tool.read[0], path=path):
            return Desktop(tool, environment)
    return None


class Desktop:
    """Its methods raise ToolError."""

    def __init__(self, tool: Tool, environment: Mapping[str, str]) -> None:
        self.tool = tool
        self._environment = dict(environment)
        if tool is MAC:
            self._environment.setdefault("LC_CTYPE", "UTF-8")  # else pbcopy takes Mac Roman

    @property
    def name(self) -> str:
        return self.tool.name

    @property
    def images(self) -> bool:
        return bool(self.tool.types)

    def has(self, selection: ClipboardSelection) -> bool:
        return selection is ClipboardSelection.CLIPBOARD or (
            selection is ClipboardSelection.PRIMARY and self.tool.primary is not None
        )

    async def formats(self, selection: ClipboardSelection) -> tuple[ClipboardFormat, ...]:
        """What it can be had as, text first; none when it is empty."""
        types = await self._types(selection)
        if types is None:
            return (ClipboardFormat.TEXT,) if await self._get(selection, "", 1) else ()
        found = [ClipboardFormat.TEXT] if any(one in types for one in _TEXTS) else []
        return (*found, *(one for one, mime in _MIME.items() if mime in types and one is not ClipboardFormat.TEXT))

    async def read(self, selection: ClipboardSelection, format: ClipboardFormat, max_bytes: int = MAX_BYTES) -> bytes:
        """Its contents. Raises ToolError too when they are longer than *max_bytes*."""
        type = _MIME[format]
        if format is ClipboardFormat.TEXT:
            types = await self._types(selection)
            type = next((one for one in _TEXTS if types and one in types), self.tool.text)
        data = await self._get(selection, type, max_bytes + 1)
        if len(data) > max_bytes:
            raise ToolError(f"the desktop's clipboard has more than {max_bytes} bytes")
        return data.replace(b"\r\n", b"\n") if self.tool is WINDOWS else data

    async def write(self, selection: ClipboardSelection, format: ClipboardFormat, data: bytes) -> None:
        """Sets it; the tool holds the contents from now on."""
        if format is not ClipboardFormat.TEXT and not self.images:
            raise ToolError(f"{self.name} takes text only")
        type = self.tool.text if format is ClipboardFormat.TEXT else _MIME[format]
        if self.tool.encoding != "utf-8":
            data = data.decode("utf-8", "replace").encode(self.tool.encoding)
        status, _ = await run(self._words(self.tool.write, selection, type), data, 0, self._environment)
        if status != 0:
            raise ToolError(f"{self.name} cannot reach the desktop's clipboard")

    async def _types(self, selection: ClipboardSelection) -> set[str] | None:
        """None where the tool knows no types."""
        if not self.tool.types:
            return None
        status, out = await run(self._words(self.tool.types, selection, ""), None, MAX_TYPES, self._environment)
        return set(out.decode("utf-8", "replace").split("\n")) if status == 0 else set()

    async def _get(self, selection: ClipboardSelection, type: str, most: int) -> bytes:
        status, out = await run(self._words(self.tool.read, selection, type), None, most, self._environment)
        if status > 0 and not out and type:
            raise ToolError(f"the desktop's clipboard is empty ({self.name})")
        return out

    def _words(self, words: tuple[str, ...], selection: ClipboardSelection, type: str) -> list[str]:
        if not self.has(selection):
            raise ToolError(f"{self.name} has no {selection.name.lower()} selection")
        names = self.tool.primary or ("", "")
        name = names[0] if selection is ClipboardSelection.CLIPBOARD else names[1]
        return [word for one in words if (word := one.replace("{selection}", name).replace("{type}", type))]
