"""The contract with Textual's compositor: whatever lies over the picture and moves, the terminal ends up right.

The viewport writes past the compositor, so this is what a new version of Textual may break.
"""

from __future__ import annotations

import os
import random
import signal
from functools import partial

import pytest
from terminal.terminal import Terminal
from textual.widgets import Static

from spicetui.geometry import Rect
from spicetui.term.scale import Scale
from spicetui.tui.screens.help import HelpScreen

from .running import Running, running


class Chaos:
    """Random doings, of the guest and of the user."""

    def __init__(self, run: Running, seed: int) -> None:
        self.run = run
        self.random = random.Random(seed)
        self.boxes: list[Static] = []

    def paint(self) -> None:
        pick = self.random.randrange
        rect = Rect(pick(640), pick(480), 1 + pick(300), 1 + pick(200)).intersect(Rect(0, 0, 640, 480))
        desktop = self.run.client.desktop
        self.run.client.refresh(desktop.fill(rect, (pick(256), pick(256), pick(256))), desktop.type_character())

    def toast(self) -> None:
        self.run.app.say(f"message {self.random.random()}")

    def menu(self) -> None:
        self.run.type(b"\x1d")

    def key(self) -> None:
        self.run.type(self.random.choice([b"a", b"\x1b[A", b"\r"]))

    def box(self) -> None:
        """An overlay somewhere on the picture, or one that moves or goes."""
        app = self.run.app
        if self.boxes and self.random.random() < 0.6:
            box = self.random.choice(self.boxes)
            if self.random.random() < 0.4:
                self.boxes.remove(box)
                box.remove()
            else:
                box.styles.offset = (self.random.randrange(60), self.random.randrange(20))
            return
        box = Static("box\nbox")
        box.styles.layer = "menu"
        box.styles.width, box.styles.height = self.random.randrange(3, 30), self.random.randrange(1, 8)
        box.styles.offset = (self.random.randrange(60), self.random.randrange(20))
        box.styles.background = "red"
        self.boxes.append(box)
        app.session_screen.mount(box)

    def dialog(self) -> None:
        app = self.run.app
        if isinstance(app.screen, HelpScreen) and app.screen.is_mounted:
            app.screen.dismiss(None)
        elif app.screen is app.session_screen:
            app.push_screen(HelpScreen())

    def palette(self) -> None:
        app = self.run.app
        if app.screen is app.session_screen:
            app.action_command_palette()

    def shape(self) -> None:
        view = self.run.app.view
        if self.random.random() < 0.5:
            self.run.app.use_backend(self.random.choice(("half", "quadrant")))
        else:
            view.set_scale(self.random.choice(list(Scale)))

    def resize(self) -> None:
        self.run.terminal.resize(self.random.choice((60, 80, 100)), self.random.choice((16, 24, 30)))
        os.kill(os.getpid(), signal.SIGWINCH)

    def step(self) -> None:
        doings = [self.paint] * 12 + [self.toast, self.menu, self.key, self.box, self.box, self.shape]
        doings += [self.dialog, self.palette, self.resize]
        with self.run.app._context():
            self.random.choice(doings)()

    async def clear(self) -> None:
        """Takes everything away again."""
        app = self.run.app
        app.clear_notifications()
        for box in self.boxes:
            box.remove()
        self.boxes.clear()
        while app.screen is not app.session_screen:
            await self.run.until(lambda: app.screen.is_mounted)
            await app.pop_screen()
        app.menu.close()
        await self.run.until(lambda: not app.session_screen.query("Toast"))


@pytest.mark.parametrize("seed", range(2))
async def test_the_terminal_ends_up_right(seed: int) -> None:
    async with running(terminal=Terminal(synchronized=seed % 2 == 0)) as run:
        await run.until_settled()
        chaos = Chaos(run, seed)
        plane = run.app.view.plane
        for step in range(50):
            chaos.step()
            if step % 5 == 4:
                color = (chaos.random.randrange(256), 4 * step, 100)
                run.client.refresh(run.client.desktop.fill(Rect(0, 0, 640, 480), color))
                await run.until(lambda: not run.app.link.damage, "drawn")
        await chaos.clear()
        plane = run.app.view.plane
        assert plane.size.width
        await run.until_settled()


async def test_covered_cells_are_never_written() -> None:
    """While an overlay stands still, frames go around it."""
    async with running() as run:
        await run.until_settled()
        box = Static("")
        box.styles.layer, box.styles.width, box.styles.height = "menu", 20, 5
        box.styles.offset, box.styles.background = (10, 4), "#123456"
        await run.app.session_screen.mount(box)
        await run.until(lambda: run.terminal.cell_at(15, 6)[2] == "123456")
        await run.until(lambda: run.app.view.plane.owned[0].all())
        owned = run.app.view.plane.owned
        assert not owned[4:9, 10:30].any()
        assert owned.sum() == owned.size - 100
        colors = []
        for number in range(10):
            color = (20 * number, 255 - 20 * number, 77)
            run.client.refresh(run.client.desktop.fill(Rect(0, 0, 640, 480), color))
            word = "{:02x}{:02x}{:02x}".format(*color)
            await run.until(partial(lambda word: run.terminal.cell_at(40, 2)[2] == word, word))
            colors.append(run.terminal.cell_at(15, 6)[2])
            await run.until(lambda: not [(x, y) for x, y in run.differences() if owned[y, x]])
        assert set(colors) == {"123456"}
