"""Pointer and text in a whole system: what a terminal on Xspice's desktop gets from our commands."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from spicetui import Button

from . import library, xscenes
from .cli import Cli
from .xspice import Xspice

MOUSE_REPORTS = "\\033[?1003h\\033[?1006h"
CELL = (6, 13)
"""Pixels of a cell of the core font."""


def pointer(server: Xspice) -> tuple[int, int]:
    x, y = re.findall(r"\d+", server.run("xdotool", "getmouselocation"))[:2]
    return int(x), int(y)


@pytest.mark.parametrize("place", [(0, 0), (300, 200), (1023, 767), (511, 1)], ids=lambda p: f"{p[0]},{p[1]}")
def test_move(place: tuple[int, int], private: Path, cli: Cli) -> None:
    with Xspice(private) as server:
        server.run("xdotool", "mousemove", "700", "600")
        result = cli.at(server.address(), "mouse", "move", *map(str, place))
        assert result.status == 0, result.stderr
        assert pointer(server) == place


async def test_moves_by_the_library_arrive_in_order(private: Path) -> None:
    """A burst is thinned out, but the last place is reached, and a click happens where the pointer was put."""
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = await asyncio.to_thread(desktop.listener, "80x40+0+0", MOUSE_REPORTS)
        async with await library.connect(server.address()) as client:
            assert client.inputs is not None
            assert client.mouse_mode_client
            for step in range(100):
                client.inputs.mouse_move(10 + 3 * step, 20 + 4 * step)
            client.inputs.mouse_click(Button.LEFT)
            said = await asyncio.to_thread(listener.read_through, b"m")
        reports = [tuple(map(int, report)) for report in re.findall(rb"<(\d+);(\d+);(\d+)", said)]
        assert [button for button, _, _ in reports[-2:]] == [0, 0], "press and release"
        places = [place for _, *place in reports]
        assert places == sorted(places)
        x, y = places[-1]
        assert abs((x - 1) * CELL[0] - 307) <= 2 * CELL[0]
        assert abs((y - 1) * CELL[1] - 416) <= 2 * CELL[1]
        assert pointer(server) == (307, 416)


@pytest.mark.parametrize(("button", "number"), [("left", 0), ("middle", 1), ("right", 2)])
def test_click(button: str, number: int, private: Path, cli: Cli) -> None:
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = desktop.listener("80x40+0+0", MOUSE_REPORTS)
        result = cli.at(server.address(), "mouse", "click", "200", "100", button, "--count", "2")
        assert result.status == 0, result.stderr
        said = b"".join(listener.read_through(b"m") for _ in range(2))
        assert pointer(server) == (200, 100)
        assert re.findall(rb"<(\d+);\d+;\d+([Mm])", said)[-4:] == [(b"%d" % number, b"M"), (b"%d" % number, b"m")] * 2


def test_drag(private: Path, cli: Cli) -> None:
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = desktop.listener("80x40+0+0", MOUSE_REPORTS)
        result = cli.at(server.address(), "mouse", "drag", "60", "60", "240", "200")
        assert result.status == 0, result.stderr
        said = listener.read_through(b"m")
        reports = [(int(b), int(x), int(y), end) for b, x, y, end in re.findall(rb"<(\d+);(\d+);(\d+)([Mm])", said)]
        press = next(i for i, report in enumerate(reports) if report[0] == 0)
        assert all(report[0] in (0, 32) for report in reports[press:]), "the button stays down to the end"
        (_, x1, y1, _), (_, x2, y2, _) = reports[press], reports[-1]
        assert (x2 - x1, y2 - y1) == pytest.approx((180 / CELL[0], 140 / CELL[1]), abs=1)
        assert pointer(server) == (240, 200)


@pytest.mark.parametrize(("turns", "number"), [("-3", 64), ("2", 65)])
def test_scroll(turns: str, number: int, private: Path, cli: Cli) -> None:
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = desktop.listener("80x40+0+0", MOUSE_REPORTS)
        server.run("xdotool", "mousemove", "100", "100")
        result = cli.at(server.address(), "mouse", "scroll", turns)
        assert result.status == 0, result.stderr
        said = b""
        while said.count(b"<%d;" % number) < abs(int(turns)):
            said += listener.read_through(b"M")
        assert re.findall(rb"<(\d+);", said).count(b"%d" % number) == abs(int(turns))


def test_typed_text(private: Path, cli: Cli) -> None:
    """All printable characters, with Enter as the last: X's own US layout reads them."""
    text = "".join(map(chr, range(0x20, 0x7F)))
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = desktop.listener("80x40+0+0", "")
        server.run("xdotool", "mousemove", "100", "100")  # the keyboard follows the pointer
        result = cli.at(server.address(), "type", text + "\n")
        assert result.status == 0, result.stderr
        assert listener.read_through(b"\r").decode() == text + "\r"
