"""Panels in their dock: beside the picture or over it, and whose the keys are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from terminal.terminal import Terminal
from textual.app import ComposeResult
from textual.widgets import Input, Static

from spicetui.keymap.keys import Key
from spicetui.tui.panels import BY_ID, PANELS, PanelEntry, dock
from spicetui.tui.panels.panel import Panel

from .running import Running, running


class Example(Panel):
    SERVICE = "resizing"

    def compose(self) -> ComposeResult:
        yield Static("an example")
        yield Input()


class Entry(PanelEntry):
    def load(self) -> type[Panel]:
        return Example


EXAMPLE = Entry("example", "Example", "", "", "")


@pytest.fixture(autouse=True)
def example() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dock, "PANELS", (*PANELS, EXAMPLE))
        patch.setitem(BY_ID, "example", EXAMPLE)
        yield


def typed(run: Running) -> str:
    return run.app.query_one(Input).value


def keys(run: Running) -> list[Key]:
    return [call[1] for call in run.inputs.calls if call[0] == "down"]


async def open_example(run: Running) -> None:
    run.app.call_later(run.app.dock.open, "example")
    await run.until(lambda: "an example" in run.terminal.text)
    await run.until(lambda: run.app.focused is not None)


def click(run: Running, x: int, y: int) -> None:
    run.type(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (x + 1, y + 1, x + 1, y + 1))


async def test_on_a_narrow_terminal_the_panel_lies_over_the_picture() -> None:
    async with running() as run:
        await run.until_settled()
        await open_example(run)
        assert run.app.dock.region.width == 80
        run.type(b"a")
        await run.until(lambda: typed(run) == "a")
        click(run, 40, 12)
        run.type(b"b")
        await run.until(lambda: typed(run) == "ab")
        run.type(b"\x1b[27u")
        await run.until(lambda: not run.app.dock.is_open)
        run.type(b"c")
        await run.until(lambda: keys(run) == [Key.C])
        await run.until_settled()
        assert [call for call in run.inputs.calls if call[0] == "press"] == []


async def test_on_a_wide_terminal_it_lies_beside() -> None:
    async with running(terminal=Terminal(160, 48)) as run:
        await run.until_settled()
        await open_example(run)
        left = run.app.dock.region.x
        await run.until(lambda: run.app.view.plane.size.width == left)
        await run.until_settled()
        assert (left, run.app.dock.region.right) == (107, 160)
        run.type(b"a")
        await run.until(lambda: typed(run) == "a")
        click(run, left // 2, 20)  # hands the keys to the machine, and is nothing more
        await run.until(lambda: not run.app.dock.active)
        assert run.app.dock.is_open
        run.type(b"b")
        await run.until(lambda: keys(run) == [Key.B])
        assert typed(run) == "a"
        click(run, left // 2, 20)
        await run.until(lambda: [call[0] for call in run.inputs.calls if "re" in call[0]] == ["press", "release"])
        click(run, left + 5, 20)
        await run.until(lambda: run.app.dock.active)
        run.type(b"c")
        await run.until(lambda: typed(run).endswith("c"))
        assert keys(run) == [Key.B]


async def test_a_click_closes_it() -> None:
    async with running(terminal=Terminal(160, 48)) as run:
        await run.until_settled()
        await open_example(run)
        click(run, 158, 0)
        await run.until(lambda: not run.app.dock.is_open)
        await run.until(lambda: run.app.view.plane.size.width == 160)
        await run.until_settled()


async def test_the_menu_comes_over_a_panel() -> None:
    async with running() as run:
        await run.until_settled()
        await open_example(run)
        run.type(b"\x1d")
        await run.until(lambda: "Send to the machine" in run.terminal.text)
        run.type(b"\x1b[27u")
        await run.until(lambda: not run.app.menu.is_open)
        run.type(b"x")
        await run.until(lambda: typed(run) == "x")
