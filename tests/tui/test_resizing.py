"""The guest is asked for the terminal's size, once for each, and what it does with that is said."""

from __future__ import annotations

import os
import signal
from typing import Any

from spicetui.canvas.surface import Surface
from spicetui.geometry import Rect, Size
from spicetui.interfaces import Head, Monitor
from spicetui.tui import resizing
from spicetui.wire.enums import SurfaceFmt

from .running import Running, running


def become(app: Running, width: int, height: int) -> None:
    """The guest takes another size."""
    surface = Surface(0, width, height, SurfaceFmt.FMT_32_xRGB)
    app.client.heads = [Head(0, 0, Rect(0, 0, width, height))]
    app.client.driver.display_init(surface)


def resize(app: Running, columns: int, rows: int) -> None:
    app.terminal.resize(columns, rows)
    os.kill(os.getpid(), signal.SIGWINCH)


async def test_each_size_of_the_terminal_is_asked_for_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(resizing, "REST_SECONDS", 0.05)
    async with running(scale="native") as app:
        await app.until_settled()
        asked = app.client.main.asked
        assert asked == []  # there is no agent yet
        app.client.driver.agent_ready(frozenset())
        await app.until(lambda: asked == [[Monitor(640, 368)]], "the terminal's size")
        become(app, 640, 368)
        resize(app, 100, 30)
        await app.until(lambda: asked[1:] == [[Monitor(800, 464)]], "the new size")
        become(app, 1024, 768)  # it does as it likes
        await app.until(lambda: app.app.link.size == Size(1024, 768), "the guest's own size")
        resize(app, 100, 31)
        await app.until(lambda: len(asked) == 3, "only the terminal counts")
        assert asked[2] == [Monitor(800, 480)]


async def test_dragging_a_window_asks_for_its_last_size_only(monkeypatch: Any) -> None:
    monkeypatch.setattr(resizing, "REST_SECONDS", 0.5)
    async with running(scale="native") as app:
        await app.until_settled()
        app.client.driver.agent_ready(frozenset())
        for columns in range(81, 120):
            resize(app, columns, 24)
        await app.until(lambda: bool(app.client.main.asked), "a size")
        assert app.client.main.asked == [[Monitor(119 * 8, 368)]]


async def test_what_a_guest_makes_of_it_is_said(monkeypatch: Any) -> None:
    monkeypatch.setattr(resizing, "REST_SECONDS", 0.05)
    monkeypatch.setattr(resizing, "ANSWER_SECONDS", 0.05)
    async with running() as app:
        await app.until_settled()
        app.type(b"\x1d" + b"n")
        await app.until(lambda: "it has no agent" in app.terminal.text, "why nothing happens")
        app.client.driver.agent_ready(frozenset())
        await app.until(lambda: "shows 640x480 pixels; 640x368 was asked for" in app.terminal.text, "refused")


async def test_who_only_looks_asks_for_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr(resizing, "REST_SECONDS", 0.01)
    async with running(scale="native", view_only=True) as app:
        await app.until_settled()
        app.client.driver.agent_ready(frozenset())
        resize(app, 90, 30)
        await app.until_settled()
        assert app.app.resizing._rest is None
        assert app.client.main.asked == []
