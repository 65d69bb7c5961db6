"""Text consoles in the app: real characters while the guest shows one, pixels when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from terminal.terminal import Terminal
from textual.widgets import Input, TextArea

from spicetui.geometry import Rect

from .fake_client import Desktop
from .running import Running, running

PICTURE = Path(__file__).parent / "data" / "seabios.png"  # QEMU's, 720x400


class Console(Desktop):
    """SeaBIOS and iPXE, as QEMU's VGA showed them."""

    def __init__(self) -> None:
        self.picture = np.asarray(Image.open(PICTURE).convert("RGB"))
        super().__init__(self.picture.shape[1], self.picture.shape[0])
        self.show_text()

    def show_text(self) -> Rect:
        self.surface.pixels[..., :3] = self.picture[:, :, ::-1]
        return Rect(0, 0, self.surface.width, self.surface.height)

    def show_pictures(self) -> Rect:
        random = np.random.default_rng(1)
        self.surface.pixels[..., :3] = random.integers(0, 255, self.picture.shape, np.uint8)
        return Rect(0, 0, self.surface.width, self.surface.height)


def shows_text(run: Running) -> bool:
    return "Press ESC for boot menu." in run.terminal.text


async def test_a_text_console_is_text() -> None:
    async with running(desktop=Console(), terminal=Terminal(100, 30)) as run:
        await run.until(lambda: shows_text(run), "text")
        await run.until(lambda: "text 80x25" in run.terminal.text, "the status")
        line = next(line for line in run.terminal.text.splitlines() if "Press ESC" in line)
        assert line == "          Press ESC for boot menu.".ljust(100)


async def test_every_row_of_it_in_a_terminal_of_its_size() -> None:
    desktop = Console()
    async with running(desktop=desktop, terminal=Terminal(80, 25)) as run:
        await run.until(lambda: shows_text(run), "text")
        view = run.app.view
        await run.until(lambda: view.size.height == 25, "no status line")
        await run.until(lambda: run.terminal.text.splitlines()[4].startswith("Press ESC"), "from the first row on")
        run.client.refresh(desktop.show_pictures())
        await run.until(lambda: view.size.height == 24, "the status line again")


async def test_it_ends_and_comes_back_with_what_the_guest_shows() -> None:
    desktop = Console()
    async with running(desktop=desktop, terminal=Terminal(100, 30)) as run:
        await run.until(lambda: shows_text(run), "text")
        run.client.refresh(desktop.show_pictures())
        await run.until(lambda: not shows_text(run) and "fit" in run.terminal.text, "a picture")
        await run.until_settled()
        run.client.refresh(desktop.show_text())
        await run.until(lambda: shows_text(run), "text again")


async def test_a_console_larger_than_the_terminal_is_panned() -> None:
    async with running(desktop=Console(), terminal=Terminal(40, 12)) as run:
        await run.until(lambda: "Boot failed" in run.terminal.text or "iPXE" in run.terminal.text, "text")
        run.type(b"\x1d" + b"\x1b[A" * 10 + b"\x1b[D" * 10 + b"\x1b")
        await run.until(lambda: shows_text(run), "the top")


async def test_a_way_of_drawing_that_was_asked_for_is_kept() -> None:
    async with running(desktop=Console(), terminal=Terminal(100, 30), graphics="half") as run:
        await run.until_settled()
        assert not shows_text(run)
        plane: Any = run.app.view.plane
        assert plane.kind.value == "half"


async def test_its_text_is_searched_and_copied() -> None:
    async with running(desktop=Console(), terminal=Terminal(100, 30)) as run:
        await run.until(lambda: shows_text(run), "text")
        run.type(b"\x1dy")
        await run.until(lambda: "/ search" in run.terminal.text, "the dialog")
        run.type(b"/")
        await run.until(lambda: isinstance(run.app.focused, Input), "the field")
        run.type(b"floppy\r")
        await run.until(lambda: isinstance(run.app.focused, TextArea) and run.app.focused.selected_text, "found")
        run.type(b"y")
        await run.until(lambda: run.terminal.clipboard == b"Floppy", "the selection on the clipboard")
        run.type(b"\x1b")
        await run.until(lambda: "/ search" not in run.terminal.text, "closed")
        run.type(b"\x1dy")
        await run.until(lambda: "/ search" in run.terminal.text, "the dialog")
        run.type(b"y")
        await run.until(lambda: run.terminal.clipboard.strip().startswith(b"Press ESC"), "all of it")
        assert not [call for call in run.inputs.calls if call[0] == "down"]
