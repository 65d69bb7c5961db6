"""The line for paths: what Tab, the arrows, Enter, Escape and the mouse do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from spicetui.tui.widgets.path_input import PathInput


class Form(App[None]):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.paths = PathInput(placeholder="a path", **options)
        self.submitted: list[tuple[str, Path]] = []

    def compose(self) -> ComposeResult:
        yield self.paths
        yield Input(id="next")

    def on_path_input_submitted(self, event: PathInput.Submitted) -> None:
        self.submitted.append((event.value, event.control.path))


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Documents", "Downloads"):
        (tmp_path / name).mkdir()
    (tmp_path / "Documents" / "deep").mkdir()
    for name in ("Documents/a letter.txt", "Documents/a list.txt", "data.bin", "new\nline"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Typing:
    def __init__(self, form: Form, pilot: Pilot[None]) -> None:
        self.form = form
        self.pilot = pilot
        self.paths = form.paths

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.form.workers.wait_for_complete()
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        names = {" ": "space", "/": "slash", ".": "full_stop", "~": "tilde"}
        await self.press(*(names.get(c, c) for c in text))

    @property
    def offered(self) -> list[str]:
        if not self.paths.is_open:
            return []
        return [str(option.prompt) for option in self.paths.list.options]


@asynccontextmanager
async def typing(**options: Any) -> AsyncIterator[Typing]:
    form = Form(**options)
    async with form.run_test() as pilot:
        form.paths.focus()
        await pilot.pause()
        yield Typing(form, pilot)


async def test_tab_completes_as_far_as_it_is_clear() -> None:
    async with typing() as run:
        await run.type("d")
        assert run.offered == ["data.bin"]
        await run.press("tab")
        assert run.paths.value == "data.bin"
        assert run.offered == []
        await run.press("enter")
        assert run.form.submitted == [("data.bin", Path("data.bin"))]


async def test_tab_shows_the_choice_and_goes_through_it() -> None:
    async with typing() as run:
        await run.type("D")
        assert run.offered == ["Documents/", "Downloads/"]
        await run.press("tab")
        assert run.paths.value == "Do"
        assert run.offered == ["Documents/", "Downloads/"]
        await run.press("tab", "tab")
        assert run.paths.list.highlighted == 1
        await run.press("up")
        await run.press("enter")
        assert run.paths.value == "Documents/"
        assert run.offered == ["deep/", "a letter.txt", "a list.txt"]
        assert run.form.submitted == []
        await run.type("a")
        await run.press("tab")
        assert run.paths.value == "Documents/a l"
        await run.press("down", "enter")
        assert run.paths.value == "Documents/a letter.txt"
        assert run.offered == []
        await run.press("enter")
        assert run.form.submitted == [("Documents/a letter.txt", Path("Documents/a letter.txt"))]


async def test_any_case_where_no_other_fits() -> None:
    async with typing() as run:
        await run.type("doc")
        await run.press("tab")
        assert run.paths.value == "Documents/"


async def test_escape_closes_the_list_only() -> None:
    async with typing() as run:
        await run.type("D")
        await run.press("escape")
        assert (run.offered, run.paths.value) == ([], "D")
        assert run.paths.line.has_focus


async def test_tab_goes_on_where_there_is_nothing_to_complete() -> None:
    async with typing() as run:
        await run.press("tab")
        assert run.form.focused is run.form.query_one("#next")
        await run.press("shift+tab")
        await run.type("zzz")
        await run.press("tab")
        assert run.form.focused is run.form.query_one("#next")
        run.paths.focus()
        run.paths.value = "data.bin"
        await run.press("tab")
        assert run.form.focused is run.form.query_one("#next")
        assert run.offered == []


async def test_a_click_takes_one() -> None:
    async with typing() as run:
        await run.type("D")
        await run.pilot.click(run.paths.list, offset=(2, 1))
        await run.press()
        assert run.paths.value == "Downloads/"
        assert run.paths.line.has_focus


async def test_leaving_closes_the_list() -> None:
    async with typing() as run:
        await run.type("D")
        run.form.query_one("#next").focus()
        await run.press()
        assert run.offered == []


async def test_home_and_why_a_folder_cannot_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    async with typing() as run:
        await run.type("~/da")
        await run.press("tab", "enter")
        assert run.form.submitted == [("~/data.bin", tree / "data.bin")]
        run.paths.clear()
        await run.type("none/x")
        assert run.offered == ["No such file or directory"]
        await run.press("down", "enter")
        assert run.form.submitted[1:] == [("none/x", Path("none/x"))]


async def test_a_name_with_a_line_feed() -> None:
    async with typing() as run:
        await run.type("new")
        assert run.offered == ["new line"]
        await run.press("tab")
        assert run.paths.value == "new\nline"
        assert run.paths.line._value.plain == "new�line"
        await run.press("enter")
        assert run.form.submitted == [("new\nline", Path("new\nline"))]


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"folders_only": True}, ["Documents/", "Downloads/"]),
    ({"accept": lambda name: name.endswith(".bin")}, ["Documents/", "Downloads/", "data.bin"]),
]


@pytest.mark.parametrize(("options", "wanted"), FILTERS)
async def test_what_is_offered(options: dict[str, Callable[[str], bool]], wanted: list[str], tree: Path) -> None:
    async with typing(**options) as run:
        await run.type("./")
        assert run.offered == wanted
