"""The kitty backend on the real thing: kitty under Xvfb, and tmux before a terminal that decodes placeholders."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from live import needs
from terminal.personality import KITTY
from terminal.terminal import Terminal

from spicetui.geometry import Point, Rect, Size
from spicetui.term.kitty import KittyPlane
from spicetui.term.scale import Mapping, Scale
from spicetui.term.shared_files import SharedFile

from .kitty_window import KittyWindow
from .relay import Relay

pytestmark = pytest.mark.live

BOX = (200, 30, 30)


class Screen:
    """What the compositor and the guest do, on the terminal of a relay."""

    def __init__(self, relay: Relay, plane: KittyPlane, cell_px: Size) -> None:
        self.relay, self.plane = relay, plane
        self.random = np.random.default_rng(7)
        size = relay.size
        plane.resize(size, cell_px)
        shape = (size.height * cell_px.height, size.width * cell_px.width, 4)
        y, x = np.indices(shape[:2])
        self.pixels = np.stack((x * 255 // shape[1], y * 255 // shape[0], (x ^ y) & 255, x * 0), axis=2).astype(
            np.uint8
        )
        plane.place(Mapping(Size(*shape[1::-1]), size, plane.sub, Scale.PIXEL, cell_px=cell_px))
        plane.draw(self.pixels, [Rect(0, 0, *shape[1::-1])])
        self.layout(Rect(0, 0, 0, 0))

    def layout(self, box: Rect) -> None:
        self.box = box
        self.plane.disown()
        width, height = self.plane.size
        for y in range(height):
            covered = (box.x, box.right) if box.y <= y < box.bottom else (width, width)
            spans = self.plane.span(y, 0, covered[0]), self.plane.span(y, covered[1], width)
            paint = "\x1b[48;2;" + ";".join(map(str, BOX)) + "m" + " " * (covered[1] - covered[0]) + "\x1b[m"
            self.relay.write(f"\x1b[{y + 1};1H{spans[0]}{paint}{spans[1]}".encode())

    def damage(self, width: int, height: int) -> None:
        y = int(self.random.integers(0, self.pixels.shape[0] - height))
        x = int(self.random.integers(0, self.pixels.shape[1] - width))
        self.pixels[y : y + height, x : x + width, :3] = self.random.integers(0, 256, (height, width, 3))
        self.plane.draw(self.pixels, [Rect(x, y, width, height)])

    def update(self) -> bytes:
        """Sends one, and what was answered."""
        update = self.plane.update(Point(0, 0))
        if update is None:
            return b""
        frame = update.encode()
        self.relay.write(frame.upload + b"\x1b[?2026h" + frame.show + b"\x1b[?2026l")
        answers = self.relay.finish()
        for answer in re.findall(rb"\x1b_G([^\x1b]*)\x1b\\", answers):
            self.plane.answered(answer)
        self.plane.acknowledged(update)
        return answers

    @property
    def wanted(self) -> npt.NDArray[np.uint8]:
        result = self.pixels[..., 2::-1].copy()
        across, down = self.plane.cell_px
        box = self.box
        result[box.y * down : box.bottom * down, box.x * across : box.right * across] = BOX
        return result


@pytest.mark.parametrize("edits", [True, False], ids=["edits", "whole images"])
@pytest.mark.parametrize("shared_files", [True, False], ids=["files", "line"])
def test_kitty_shows_the_framebuffer_pixel_for_pixel(tmp_path: Path, shared_files: bool, edits: bool) -> None:
    window = KittyWindow(tmp_path)
    with window as relay:
        plane = KittyPlane(shared_files=shared_files, edits=edits)
        with contextlib.closing(plane):
            screen = Screen(relay, plane, relay.cell_px)
            assert screen.update() == b""
            window.until_shows(screen.wanted)
            for box in (Rect(19, 4, 30, 10), Rect(5, 2, 20, 6), Rect(0, 0, 0, 0)):
                screen.layout(box)
                for size in ((9, 20), (50, 60), (200, 150)):
                    screen.damage(*size)
                    assert screen.update() == b""
                screen.update()
                window.until_shows(screen.wanted)
            assert (plane.shared_files, plane.edits) == (shared_files, edits)
            relay.write(plane.leave())
            window.until_shows(np.zeros_like(screen.wanted))


def test_kitty_tells_of_a_file_that_it_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = KittyWindow(tmp_path)
    with window as relay:
        plane = KittyPlane(shared_files=True)
        with contextlib.closing(plane):
            nowhere = property(lambda file: Path("/nowhere/else"), lambda file, path: None)
            monkeypatch.setattr(SharedFile, "path", nowhere, raising=False)
            screen = Screen(relay, plane, relay.cell_px)
            assert b"EBADF" in screen.update()
            assert not plane.shared_files
            assert screen.update() == b""
            window.until_shows(screen.wanted)


def test_kitty_may_lose_the_images(tmp_path: Path) -> None:
    window = KittyWindow(tmp_path)
    with window as relay:
        plane = KittyPlane()
        screen = Screen(relay, plane, relay.cell_px)
        screen.update()
        relay.write(b"\x1b_Ga=d,d=A\x1b\\")
        screen.damage(9, 20)
        assert b"ENOENT" in screen.update()
        assert screen.update() == b""
        window.until_shows(screen.wanted)


@pytest.mark.parametrize("edits", [True, False], ids=["edits", "whole images"])
async def test_placeholders_go_through_tmux(tmp_path: Path, edits: bool) -> None:
    tmux = needs.program("tmux")
    settings = tmp_path / "tmux.conf"
    settings.write_text("set -g allow-passthrough on\nset -g status off\nset -g default-terminal tmux-256color\n")
    terminal = Terminal(40, 12, personality=KITTY)
    server = [tmux, "-S", str(tmp_path / "tmux"), "-f", str(settings)]
    environment = {key: value for key, value in os.environ.items() if key != "TMUX"} | {"TERM": "xterm-kitty"}
    with contextlib.ExitStack() as ends:
        ends.callback(terminal.close)
        relay = Relay(tmp_path, ends)
        client = subprocess.Popen(
            [*server, "-u", "new-session", *relay.command], stdin=terminal.slave, stdout=terminal.slave,
            stderr=terminal.slave, env=environment | dict(KITTY.environment), start_new_session=True,
        )  # fmt: skip
        ends.callback(client.wait, 20)
        ends.callback(subprocess.run, [*server, "kill-server"], check=False, capture_output=True)
        await asyncio.to_thread(relay.accept)
        plane = KittyPlane(placeholders=True, tmux=True, edits=edits)
        screen = await asyncio.to_thread(Screen, relay, plane, Size(*terminal.cell))

        def shows(wanted: npt.NDArray[np.uint8]) -> Callable[[], bool]:
            return lambda: np.array_equal(terminal.pixels(), wanted)

        for box in (Rect(0, 0, 0, 0), Rect(8, 3, 20, 5), Rect(0, 0, 0, 0)):
            screen.layout(box)
            for size in ((9, 20), (50, 60), (100, 90)):
                screen.damage(*size)
                assert await asyncio.to_thread(screen.update) == b""
            await terminal.until(shows(screen.wanted), "the picture")
        assert not terminal.graphics.errors
        relay.write(plane.leave())
        await terminal.until(lambda: not terminal.images, "no image")
