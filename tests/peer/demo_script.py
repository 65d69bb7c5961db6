"""What a user may do on the demo desktop, step by step; after each step screen and clients must agree."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from spicetui.demo.channels import DisplayServer
from spicetui.demo.desktop import BAR_HEIGHT, LEFT, Desktop
from spicetui.geometry import Point, Rect
from spicetui.keymap.keys import Key
from spicetui.keymap.text import strokes
from spicetui.wire import common

NOON = time.struct_time((2024, 5, 17, 12, 0, 0, 4, 138, 0))


def press_keys(desktop: Desktop, text: str) -> None:
    for stroke in strokes(text):
        for key in stroke.keys:
            desktop.key(key, True)
        for key in reversed(stroke.keys):
            desktop.key(key, False)


def centre(rect: Rect) -> Point:
    return Point(rect.x + rect.width // 2, rect.y + rect.height // 2)


def window_rect(desktop: Desktop, name: str) -> Rect:
    return next(window for window in desktop.windows if window.name == name).rect


def click(desktop: Desktop, at: Point) -> None:
    desktop.pointer_to(*at)
    desktop.button(LEFT, True)
    desktop.button(LEFT, False)


def drag(desktop: Desktop, start: Point, *way: tuple[int, int]) -> None:
    desktop.pointer_to(*start)
    desktop.button(LEFT, True)
    at = start
    for dx, dy in way:
        at = Point(at.x + dx, at.y + dy)
        desktop.pointer_to(*at)
    desktop.button(LEFT, False)


def drag_window(desktop: Desktop, name: str, *way: tuple[int, int]) -> None:
    rect = window_rect(desktop, name)
    drag(desktop, Point(rect.x + rect.width // 2, rect.y + 12), *way)


def press_button(desktop: Desktop, window_name: str, label: str) -> None:
    window = next(window for window in desktop.windows if window.name == window_name)
    button = next(button for button in window.buttons if button.label == label)
    click(desktop, centre(button.rect.translate(window.rect.x, window.rect.y)))


def icon(desktop: Desktop, name: str) -> Point:
    return centre(desktop.dock._place(name).translate(desktop.dock.rect.x, desktop.dock.rect.y))


def close_window(desktop: Desktop, name: str) -> None:
    rect = window_rect(desktop, name)
    click(desktop, Point(rect.x + 19, rect.y + 15))


def close_windows(desktop: Desktop) -> None:
    for name in ("welcome", "terminal"):
        close_window(desktop, name)


def press_locks(desktop: Desktop) -> None:
    for key in (Key.CAPS_LOCK, Key.SCROLL_LOCK):
        desktop.key(key, True)


def let_time_pass(desktop: Desktop, seconds: float, start: float = 100.0) -> None:
    """Time as the server's clock would give it, twenty pictures a second."""
    for i in range(int(seconds * 20)):
        desktop.step(start + i / 20, NOON)


def scroll_terminal(desktop: Desktop) -> None:
    for word in ("one", "two", "three", "four", "five", "six"):
        press_keys(desktop, f"echo {word}\n")


def steps() -> Iterator[tuple[str, Callable[[Desktop], None]]]:
    """Names and actions, to be done in this order."""
    yield "nothing", lambda d: None
    yield "hovering over the dock", lambda d: d.pointer_to(*icon(d, "paint"))
    yield "hovering over a window", lambda d: d.pointer_to(*centre(window_rect(d, "welcome")))
    yield "typing", lambda d: press_keys(d, "echo Hello, World! {}[]|\\\n")
    yield "typing a long line", lambda d: press_keys(d, "x" * 90)
    yield "rubbing it out", lambda d: press_keys(d, "\b" * 90)
    yield "scrolling", scroll_terminal
    yield "drawing", lambda d: drag(d, centre(window_rect(d, "paint")), (40, 30), (-90, -10), (300, 0), (0, -400))
    yield "moving a window up", lambda d: drag_window(d, "keys", (0, -9), (-7, -30))
    yield "moving a window over others", lambda d: drag_window(d, "welcome", (200, 60), (33, 90), (-50, 4))
    yield "typing behind a window", lambda d: press_keys(d, "help\n")
    yield "letting a ball bounce", lambda d: let_time_pass(d, 6.5)
    yield "moving a window off the left edge", lambda d: drag_window(d, "paint", (-900, 100))
    yield "moving a window off the corner", lambda d: drag_window(d, "monitor", (900, 900))
    yield "moving a window under the bar", lambda d: drag_window(d, "motion", (-300, -400))
    yield "letting time pass", lambda d: let_time_pass(d, 3.0, 200.0)
    yield "closing windows", close_windows
    yield "typing into a closed window", lambda d: press_keys(d, "echo closed\n")
    yield "opening it again", lambda d: click(d, icon(d, "terminal"))
    yield "scrolling again", scroll_terminal
    yield "tidying up", lambda d: d.tidy()
    yield "other colours", lambda d: d.next_theme()
    yield "opening the welcome window", lambda d: click(d, icon(d, "welcome"))
    yield "pressing a button", lambda d: press_button(d, "welcome", "Other colours")
    yield "clearing the paint pad", lambda d: press_button(d, "paint", "Clear")
    yield "the locks", press_locks
    yield "leaving with the pointer", lambda d: d.pointer_to(0, BAR_HEIGHT // 2)


async def settle(display: DisplayServer) -> None:
    """Until the client has drawn all that was sent, and nothing waits for it to keep up."""
    while True:
        answered = asyncio.Event()
        display.on_pong = lambda _, answered=answered: answered.set()  # type: ignore[attr-defined]
        display.send(common.Ping(1, 0, b""))
        stale = bool(display._stale)
        await answered.wait()
        if not stale:
            return


def run(desktop: Desktop) -> Iterator[str]:
    """Does one step after the other and brings the screen up to date after each; nobody else does."""
    desktop.wake = lambda: None
    for name, action in steps():
        action(desktop)
        desktop.step(0.0, NOON, animate=False)
        yield name
