"""The desktop: what the user does, and that every way of bringing it to the screen ends in the same picture."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from peer import demo_script
from peer.demo_script import NOON, click, drag, press_keys, window_rect

from spicetui.demo.desktop import BAR_HEIGHT, HEIGHT, LEFT, WHEEL_DOWN, WIDTH, Desktop
from spicetui.demo.screen import Copy, Operation
from spicetui.geometry import Point, Rect
from spicetui.keymap.keys import Key
from spicetui.wire.enums import KeyboardModifierFlags


class Sink:
    """What clients would be told."""

    def __init__(self, desktop: Desktop) -> None:
        self.operations: list[Operation] = []
        desktop.screen.sinks.append(self)

    def draw(self, operation: Operation) -> None:
        self.operations.append(operation)

    def kinds(self) -> Counter[str]:
        return Counter(type(operation).__name__ for operation in self.operations)

    def copied_pixels(self) -> int:
        return sum(one.rect.area for one in self.operations if isinstance(one, Copy))


@pytest.fixture
def desktop() -> Desktop:
    desktop = Desktop()
    desktop.step(0.0, NOON, animate=False)
    return desktop


def assert_current(desktop: Desktop, after: str = "") -> None:
    """The screen is what painting everything anew gives."""
    wanted = np.asarray(desktop.compose(desktop.screen.rect))
    wrong = (wanted != np.asarray(desktop.screen.image)).any(axis=2)
    rows, columns = np.nonzero(wrong)
    assert not wrong.any(), f"{wrong.sum()} pixels from {columns.min()},{rows.min()} on, after {after}"


def test_every_step_leaves_the_screen_as_it_should_be(desktop: Desktop) -> None:
    for name in demo_script.run(desktop):
        assert_current(desktop, name)


def test_each_kind_of_operation_is_used(desktop: Desktop) -> None:
    sink = Sink(desktop)
    for _ in demo_script.run(desktop):
        pass
    assert set(sink.kinds()) == {"Fill", "Invert", "Move", "Show", "Indexed", "Copy"}


def test_nothing_changes_by_itself(desktop: Desktop) -> None:
    sink = Sink(desktop)
    for now in range(5):
        desktop.step(float(now), NOON, animate=False)
    assert not sink.operations


def test_the_clock_ticks(desktop: Desktop) -> None:
    sink = Sink(desktop)
    later = time.struct_time((*NOON[:5], 7, *NOON[6:]))
    desktop.step(1.0, later, animate=False)
    (copy,) = sink.operations
    assert copy.rect.bottom <= BAR_HEIGHT
    assert_current(desktop)


# --- typing


def test_typing_is_echoed(desktop: Desktop) -> None:
    press_keys(desktop, "echo Hello, World! ~|{}\"'\n")
    assert desktop.terminal.text.endswith("demo:~$ echo Hello, World! ~|{}\"'\nHello, World! ~|{}\"'\ndemo:~$ ")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("help", "echo"),
        ("date", "2024-05-17 12:00:00"),
        ("whoami", "a guest"),
        ("uname -a", "Python"),
        ("nonsense", "nonsense: no such command"),
    ],
)
def test_commands(desktop: Desktop, command: str, answer: str) -> None:
    press_keys(desktop, f"{command}\n")
    assert answer in desktop.terminal.text


def test_clear(desktop: Desktop) -> None:
    press_keys(desktop, "clear\n")
    assert desktop.terminal.text == "demo:~$ "
    desktop.step(0.0, NOON, animate=False)
    assert_current(desktop)


def test_rubbing_out_stops_at_the_prompt(desktop: Desktop) -> None:
    before = desktop.terminal.text
    press_keys(desktop, "ab" + "\b" * 5)
    assert desktop.terminal.text == before
    press_keys(desktop, "z" * 77 + "\b" * 90)
    assert desktop.terminal.text.endswith("demo:~$ ")


def test_lines_that_scroll_away_take_their_rubbing_out_along(desktop: Desktop) -> None:
    press_keys(desktop, "y" * 400 + "\b" * 400 + "whoami\n")
    assert "a guest" in desktop.terminal.text


def test_scrolling_moves_what_is_there(desktop: Desktop) -> None:
    press_keys(desktop, "echo 1\necho 2\necho 3\necho 4\necho 5\n")
    desktop.step(0.0, NOON, animate=False)
    sink = Sink(desktop)
    press_keys(desktop, "echo 6\n")
    desktop.step(0.0, NOON, animate=False)
    assert sink.kinds()["Move"] >= 1
    assert sink.kinds()["Indexed"] < 12
    assert_current(desktop)


def test_shift_and_caps(desktop: Desktop) -> None:
    desktop.key(Key.CAPS_LOCK, True)
    desktop.key(Key.CAPS_LOCK, True)  # a repeat does not switch
    desktop.key(Key.CAPS_LOCK, False)
    assert KeyboardModifierFlags.CAPS_LOCK in desktop.locks
    press_keys(desktop, "aB1!")
    assert desktop.terminal.text.endswith("$ Ab1!")


def test_the_keypad_follows_num_lock(desktop: Desktop) -> None:
    for key in (Key.KP_1, Key.NUM_LOCK, Key.KP_2, Key.KP_PLUS):
        desktop.key(key, True)
        desktop.key(key, False)
    assert desktop.terminal.text.endswith("$ 1+")


# --- the pointer


def test_the_pointer_stays_on_the_screen(desktop: Desktop) -> None:
    desktop.pointer_to(100000, 5)
    assert desktop.pointer == (WIDTH - 1, 5)
    desktop.pointer_by(-100000, 100000)
    assert desktop.pointer == (0, HEIGHT - 1)


def test_a_window_follows_its_title_bar(desktop: Desktop) -> None:
    before = window_rect(desktop, "welcome")
    demo_script.drag_window(desktop, "welcome", (30, 40))
    desktop.step(0.0, NOON, animate=False)
    assert window_rect(desktop, "welcome") == before.translate(30, 40)
    assert desktop.windows[-1].name == "welcome"


def test_a_moved_window_is_moved_on_the_client_s_side(desktop: Desktop) -> None:
    demo_script.drag_window(desktop, "terminal", (1, 1))
    desktop.step(0.0, NOON, animate=False)
    sink = Sink(desktop)
    demo_script.drag_window(desktop, "terminal", (3, -20))
    desktop.step(0.0, NOON, animate=False)
    assert sink.kinds()["Move"] == 1
    area = window_rect(desktop, "terminal").area
    assert sink.copied_pixels() < area
    assert_current(desktop)


def test_windows_cannot_be_lost(desktop: Desktop) -> None:
    for way in ((-5000, 0), (5000, 5000), (0, -5000)):
        demo_script.drag_window(desktop, "keys", way)
        desktop.step(0.0, NOON, animate=False)
        rect = window_rect(desktop, "keys")
        visible = rect.intersect(Rect(0, BAR_HEIGHT, WIDTH, HEIGHT - BAR_HEIGHT))
        assert visible.width >= 60
        assert visible.y == rect.y
        desktop.tidy()
        desktop.step(0.0, NOON, animate=False)


def test_a_click_raises_and_activates(desktop: Desktop) -> None:
    at = window_rect(desktop, "paint")
    click(desktop, Point(at.x + 200, at.bottom - 3))
    assert [window.name for window in desktop.windows if window.active] == ["paint"]
    assert desktop.windows[-1].name == "paint"


def test_closing_and_opening(desktop: Desktop) -> None:
    demo_script.close_window(desktop, "welcome")
    assert not next(w for w in desktop.windows if w.name == "welcome").open
    click(desktop, demo_script.icon(desktop, "welcome"))
    assert desktop.windows[-1].name == "welcome"
    assert desktop.windows[-1].open
    desktop.step(0.0, NOON, animate=False)
    assert_current(desktop)


def test_every_window_closed(desktop: Desktop) -> None:
    for name in ("welcome", "terminal", "paint", "monitor", "motion", "keys"):
        demo_script.close_window(desktop, name)
    sink = Sink(desktop)
    desktop.step(0.0, NOON, animate=False)
    assert sink.kinds()["Show"] > 0
    assert not any(window.open for window in desktop.windows)
    click(desktop, Point(300, 300))
    press_keys(desktop, "x")
    desktop.step(0.0, NOON)
    assert_current(desktop)


def test_drawing(desktop: Desktop) -> None:
    rect = window_rect(desktop, "paint")
    at = Point(rect.x + 300, rect.y + 200)
    drag(desktop, at, (50, 0))
    desktop.step(0.0, NOON, animate=False)
    paper = next(w for w in desktop.windows if w.name == "paint")
    assert desktop.screen.image.getpixel((at.x + 25, at.y)) == paper.INKS[1]  # type: ignore[attr-defined]


def test_drawing_ends_with_the_button(desktop: Desktop) -> None:
    rect = window_rect(desktop, "paint")
    drag(desktop, Point(rect.x + 300, rect.y + 200), (5, 0))
    desktop.step(0.0, NOON, animate=False)
    before = desktop.screen.image.crop((rect.x + 320, rect.y + 190, rect.x + 400, rect.y + 210)).tobytes()
    desktop.pointer_to(rect.x + 390, rect.y + 200)
    desktop.step(0.0, NOON, animate=False)
    assert desktop.screen.image.crop((rect.x + 320, rect.y + 190, rect.x + 400, rect.y + 210)).tobytes() == before


def test_another_colour(desktop: Desktop) -> None:
    rect = window_rect(desktop, "paint")
    paper = next(w for w in desktop.windows if w.name == "paint")
    swatch = paper._swatch(3)  # type: ignore[attr-defined]
    click(desktop, demo_script.centre(swatch.translate(rect.x, rect.y)))
    drag(desktop, Point(rect.x + 300, rect.y + 200), (9, 0))
    desktop.step(0.0, NOON, animate=False)
    assert desktop.screen.image.getpixel((rect.x + 305, rect.y + 200)) == paper.INKS[3]  # type: ignore[attr-defined]


def test_a_button_acts_when_it_is_let_go_on_it(desktop: Desktop) -> None:
    window = next(w for w in desktop.windows if w.name == "welcome")
    button = window.buttons[0]
    at = demo_script.centre(button.rect.translate(window.rect.x, window.rect.y))
    desktop.pointer_to(*at)
    desktop.button(LEFT, True)
    assert button.pressed
    desktop.pointer_to(at.x, at.y - 100)
    desktop.button(LEFT, False)
    assert desktop._theme == 0
    click(desktop, at)
    assert desktop._theme == 1


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (lambda d: Point(5, 100), "arrow"),
        (lambda d: Point(d.terminal.rect.x + 50, d.terminal.rect.y + 50), "text"),
        (lambda d: Point(window_rect(d, "paint").x + 300, window_rect(d, "paint").y + 100), "cross"),
        (lambda d: Point(window_rect(d, "welcome").x + 15, window_rect(d, "welcome").y + 15), "hand"),
        (lambda d: demo_script.icon(d, "keys"), "hand"),
    ],
)
def test_the_pointer_s_shape(desktop: Desktop, place: Callable[[Desktop], Point], name: str) -> None:
    desktop.pointer_to(*place(desktop))
    assert desktop.shape is desktop._shapes[name]


def test_other_buttons_do_no_harm(desktop: Desktop) -> None:
    for button in (2, 3, WHEEL_DOWN, 6, 7):
        desktop.button(button, True)
        desktop.button(button, False)
    desktop.button(LEFT, False)
    desktop.step(0.0, NOON, animate=False)
    assert_current(desktop)


# --- motion


def test_the_ball_comes_to_rest_and_starts_again(desktop: Desktop) -> None:
    moving = []
    for i in range(20 * 40):
        desktop.step(i / 20, NOON)
        moving.append(desktop.moving)
    assert moving[0]
    assert False in moving
    assert True in moving[moving.index(False) :]
    assert_current(desktop)


def test_a_kick(desktop: Desktop) -> None:
    i = 0
    while desktop.moving:
        desktop.step(i / 20, NOON)
        i += 1
    demo_script.press_button(desktop, "welcome", "Bounce")
    assert desktop.moving


def test_the_ball_costs_little(desktop: Desktop) -> None:
    demo_script.let_time_pass(desktop, 1.0)
    sink = Sink(desktop)
    desktop.step(101.5, NOON)
    desktop.step(101.55, NOON)
    assert sink.copied_pixels() < 20_000


def test_the_load_is_measured_each_second(desktop: Desktop) -> None:
    sent = 0
    desktop.traffic = lambda: sent
    desktop.step(10.0, NOON)
    before = np.asarray(desktop.screen.image).copy()
    sent = 50_000
    desktop.step(11.0, NOON)
    rect = window_rect(desktop, "monitor")
    rows, columns = rect.slices()
    assert (before[rows, columns] != np.asarray(desktop.screen.image)[rows, columns]).any()
    assert_current(desktop)
