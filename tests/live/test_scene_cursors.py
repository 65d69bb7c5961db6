"""Pointers of every type from libspice-server: our shape, hot spot and place equal the reference's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import spicetui

from . import library
from .conftest import Row
from .reference import Reference
from .scene_server.qxl import HideCursor, MoveCursor, SetCursor, TrailCursor
from .scene_server.server import SceneServer
from .scenes.cursors import Pixels, Pointer, pointers
from .test_scenes import scene_program

__all__ = ["scene_program"]

PLACES = (spicetui.Point(0, 0), spicetui.Point(40, 30), spicetui.Point(-5, 600))
ARROW = next(pointers())


class CursorWatcher(library.Watcher):
    """Keeps what the driver was told of the pointer, every time."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[spicetui.Cursor | None, int, int]] = []

    def set_cursor(self, cursor: spicetui.Cursor | None, x: int, y: int) -> None:
        self.told.append((cursor, x, y))
        self._changed.set()

    async def after(self, count: int) -> tuple[spicetui.Cursor | None, int, int]:
        """What was told at that time, the first being 1."""
        assert await self.until(lambda: len(self.told) >= count), f"{len(self.told)} of {count} pointers"
        return self.told[count - 1]


def differences(cursor: spicetui.Cursor | None, width: int, height: int, hot: tuple[int, int], pixels: Pixels) -> str:
    if cursor is None:
        return "no pointer"
    if (cursor.width, cursor.height) != (width, height):
        return f"{cursor.width}x{cursor.height} instead of {width}x{height}"
    if (cursor.hot_x, cursor.hot_y) != hot:
        return f"hot spot {cursor.hot_x},{cursor.hot_y} instead of {hot}"
    ours = cursor.plain[:, :, [2, 1, 0, 3]]
    wrong = (ours != pixels).any(axis=2)
    if not wrong.any():
        return ""
    y, x = np.argwhere(wrong)[0]
    return f"{wrong.sum()} pixels, first at {x},{y}: {ours[y, x].tolist()} instead of {pixels[y, x].tolist()}"


def of_reference(state: dict[str, Any]) -> tuple[int, int, tuple[int, int], Pixels]:
    width, height, hot_x, hot_y, data = state["shape"]
    return width, height, (hot_x, hot_y), np.frombuffer(bytes.fromhex(data), np.uint8).reshape(height, width, 4)


def from_the_reference(program: Path, directory: Path, shown: list[Pointer]) -> list[dict[str, Any]]:
    states = []
    with SceneServer(program, directory) as server:
        server.primary(640, 480)
        server.cursor(ARROW.command)
        with Reference(directory, server.address()) as reference:
            states.append(reference.ask("cursor", events=1))
            for count, pointer in enumerate(shown, 2):
                server.cursor(pointer.command)
                states.append(reference.ask("cursor", events=count))
    return states


async def test_pointers_equal_the_references(scene_program: Path, private: Path, row: Row) -> None:
    every = list(pointers())
    known = [pointer for pointer in every if pointer.expected is None]
    states = iter(from_the_reference(scene_program, private, known))
    wrong: list[str] = []
    with SceneServer(scene_program, private) as server:
        server.primary(640, 480)
        server.cursor(ARROW.command)
        watcher = CursorWatcher()
        async with await library.connect(server.address(), watcher):
            for count, pointer in enumerate([ARROW, *every], 1):
                if count > 1:
                    server.cursor(pointer.command)
                cursor, _, _ = await watcher.after(count)
                if pointer.expected is None:
                    truth = of_reference(next(states))
                else:
                    shape = pointer.command
                    hot = (min(shape.hot.x, shape.width), min(shape.hot.y, shape.height))
                    truth = (shape.width, shape.height, hot, pointer.expected)
                found = differences(cursor, *truth)
                if found:
                    wrong.append(f"{pointer.name}: {found}")
                    row("pointers that differ", pointer=pointer.name, difference=found)
    row("pointers", shapes=len(every) + 1, differing=len(wrong))
    assert not wrong, f"{len(wrong)} pointers differ: " + "; ".join(wrong[:8])


async def test_pointers_move_hide_and_come_back(scene_program: Path, private: Path) -> None:
    with SceneServer(scene_program, private) as server:
        server.primary(640, 480)
        watcher = CursorWatcher()
        async with await library.connect(server.address(), watcher):
            assert (await watcher.after(1))[0] is None, "a pointer before the first"
            server.cursor(SetCursor(*_arrow(), position=PLACES[1]))
            cursor, x, y = await watcher.after(2)
            assert cursor is not None
            assert (x, y) == PLACES[1]
            for count, place in enumerate(PLACES, 3):
                server.cursor(MoveCursor(place))
                assert await watcher.after(count) == (cursor, *place)
            server.cursor(HideCursor())
            assert (await watcher.after(6))[0] is None
            server.cursor(MoveCursor(PLACES[0]))
            assert await watcher.after(7) == (cursor, *PLACES[0])
            server.cursor(TrailCursor(5, 20), SetCursor(*_arrow(), position=PLACES[1], visible=False))
            assert (await watcher.after(8))[0] is None, "set but not visible"
            server.cursor(MoveCursor(PLACES[1]))
            shown, x, y = await watcher.after(9)
            assert shown is not None
            assert (x, y) == PLACES[1]
            server.reset_cursor()
            assert (await watcher.after(10))[0] is None, "after the reset"
            server.cursor(SetCursor(*_arrow(), position=PLACES[0]))
            assert (await watcher.after(11))[0] is not None, "set after the reset"


def _arrow() -> tuple[Any, int, int, bytes]:
    command = ARROW.command
    return command.type, command.width, command.height, command.data
