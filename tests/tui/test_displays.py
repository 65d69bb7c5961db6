"""All displays as small pictures: what is drawn, what is chosen, and what becomes of a display that is not there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from terminal.terminal import Terminal

from spicetui.canvas.surface import Surface
from spicetui.errors import ChannelClosed
from spicetui.geometry import Rect, Size
from spicetui.interfaces import ChannelKey, Driver, Head
from spicetui.tui.screens.displays import MAX_DISPLAYS, MIN_HEIGHT, MIN_WIDTH, DisplaysScreen, arrange, names
from spicetui.tui.widgets.thumbnail import Thumbnail
from spicetui.wire.enums import ChannelType, SurfaceFmt

from .fake_client import Desktop, FakeClient, FakeDisplay
from .running import Opener, Running, running
from .test_app import status

Channels = Sequence[tuple[Size, Sequence[Rect]]]
MENU_KEY = b"\x1dt"

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 60), (40, 60, 220), (250, 250, 250)
COLORS = [RED, GREEN, BLUE, WHITE, *((10 * n % 256, -9 * n % 256, 70 * n % 256) for n in range(1, 100))]

# One device with three monitors, and one with a picture of its own.
FOUR: Channels = (
    (Size(1280, 400), (Rect(0, 0, 640, 400), Rect(640, 0, 320, 400), Rect(960, 0, 320, 400))),
    (Size(800, 600), ()),
)


class SeveralClient(FakeClient):
    """Display channels with monitors, each in a colour of its own."""

    def __init__(self, driver: Driver, channels: Channels) -> None:
        super().__init__(driver, Desktop(64, 48))
        self.surfaces: list[Surface] = []
        self.heads = []
        for number, (size, areas) in enumerate(channels):
            surface = Surface(0, *size, SurfaceFmt.FMT_32_xRGB, number)
            self.surfaces.append(surface)
            for monitor, area in enumerate(areas or [Rect(0, 0, *size)]):
                self.paint(area, COLORS[len(self.heads)], number)
                self.heads.append(Head(number, monitor, area))
        self.displays = {number: FakeDisplay(number) for number in range(len(channels))}

    def paint(self, area: Rect, color: tuple[int, int, int], channel: int = 0) -> None:
        self.surfaces[channel].pixels[area.slices()][..., :3] = color[::-1]

    def changed(self, area: Rect, color: tuple[int, int, int], channel: int = 0) -> None:
        self.paint(area, color, channel)
        self.driver.display_refresh(self.surfaces[channel], [area])

    def show(self, channel: int) -> None:
        self.driver.heads_changed(channel, [head for head in self.heads if head.display == channel])
        self.driver.display_init(self.surfaces[channel])

    def open(self) -> None:
        driver: Any = self.driver
        driver.name_changed(self.name)
        driver.mouse_mode_changed(True)
        driver.set_main_target(object())
        driver.set_events_target(self.inputs)
        for channel in range(len(self.surfaces)):
            self.show(channel)


def several(channels: Channels = FOUR) -> Opener:
    return lambda driver, password: SeveralClient(driver, channels)


def one_device(count: int) -> Channels:
    return ((Size(160 * count, 100), [Rect(160 * n, 0, 160, 100) for n in range(count)]),)


async def gallery(run: Running) -> DisplaysScreen:
    """Opened by the menu, with every thumbnail in sight drawn."""
    await run.until_settled()
    run.type(MENU_KEY)
    await run.until(lambda: isinstance(run.app.screen, DisplaysScreen) and run.app.screen.selected, "the displays")
    screen = run.app.screen
    assert isinstance(screen, DisplaysScreen)
    await run.until(lambda: drawn(screen), "the thumbnails")
    return screen


def in_sight(screen: DisplaysScreen) -> list[Thumbnail]:
    return [tile for tile in screen.tiles if screen.gallery.region.contains_region(tile.region)]


def drawn(screen: DisplaysScreen) -> bool:
    return bool(in_sight(screen)) and all(tile.plane.mapping is not None for tile in in_sight(screen))


def color_of(run: Running, tile: Thumbnail) -> str:
    """What the terminal shows in the middle of a thumbnail."""
    place = tile.content_region
    return run.terminal.cell_at(place.x + place.width // 2, place.y + place.height // 2)[2]


def hexed(color: tuple[int, int, int]) -> str:
    return "{:02x}{:02x}{:02x}".format(*color)


async def shows(run: Running, tile: Thumbnail, color: tuple[int, int, int]) -> None:
    await run.until(lambda: color_of(run, tile) == hexed(color), f"the colour of thumbnail {tile.number}")


def selected(screen: DisplaysScreen) -> int | None:
    return screen.selected.number if screen.selected is not None else None


async def chosen(run: Running, number: int) -> None:
    await run.until(lambda: run.app.link.display == number and run.app.screen is run.app.session_screen)
    await run.until_settled()


# what is drawn


async def test_every_display_is_shown_with_its_number_and_size() -> None:
    async with running(several()) as run:
        screen = await gallery(run)
        assert len(screen.tiles) == 4
        for tile, color in zip(screen.tiles, COLORS, strict=False):
            await shows(run, tile, color)
        for words in ("device 1, monitor 1", "device 1, monitor 3", "device 2", "2  320x400", "4  800x600"):
            await run.until(partial(lambda words: words in run.terminal.text, words), words)
        await run.until(lambda: "● 1  640x400" in run.terminal.text)
        await run.until(lambda: "640x400+0+0 · --display 0" in run.terminal.text)
        run.type(b"\x1b")
        await chosen(run, 0)
        await run.until(lambda: run.app.link.follower is None)


async def test_thumbnails_live_and_only_what_changed_is_drawn() -> None:
    async with running(several()) as run:
        screen = await gallery(run)
        client = run.client
        assert isinstance(client, SeveralClient)
        rows: list[tuple[int, int]] = []
        for tile in screen.tiles:
            render_line = tile.render_line

            def counted(y: int, tile: Thumbnail = tile, render_line: Callable[[int], Any] = render_line) -> Any:
                rows.append((tile.number, y))
                return render_line(y)

            tile.render_line = counted  # type: ignore[method-assign]
        await run.until(lambda: color_of(run, screen.tiles[3]) == hexed(WHITE))
        rows.clear()
        client.changed(Rect(660, 0, 300, 40), BLUE)  # the upper tenth of the second
        tile = screen.tiles[1]
        top = tile.content_region
        await run.until(lambda: run.terminal.cell_at(top.x + top.width // 2, top.y)[2] == hexed(BLUE))
        assert {number for number, _ in rows} == {1}
        assert {y for _, y in rows} <= {0, 1}
        client.changed(Rect(0, 0, 800, 600), RED, channel=1)
        await run.until(lambda: color_of(run, screen.tiles[3]) == hexed(RED))
        assert {number for number, _ in rows} == {1, 3}


async def test_the_rate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes between two turns is drawn at once."""
    async with running(several(one_device(2))) as run:
        screen = await gallery(run)
        client = run.client
        assert isinstance(client, SeveralClient)
        drawings: list[list[Rect]] = []
        plane = screen.tiles[1].plane
        draw = plane.draw

        def counted(pixels: Any, damage: list[Rect]) -> None:
            drawings.append(damage)
            draw(pixels, damage)

        monkeypatch.setattr(plane, "draw", counted)
        for number in range(400):
            client.changed(Rect(160 + number % 160, 0, 1, 100), BLUE)
        await run.until(lambda: color_of(run, screen.tiles[1]) == hexed(BLUE))
        assert 1 <= len(drawings) <= 2
        assert all(len(damage) <= 16 for damage in drawings)


async def test_displays_come_and_go() -> None:
    async with running(several(one_device(3))) as run:
        screen = await gallery(run)
        client = run.client
        assert isinstance(client, SeveralClient)
        client.driver.heads_changed(0, client.heads[:2])
        await run.until(lambda: len(screen.tiles) == 2 and "monitor 3" not in run.terminal.text)
        second = Surface(0, 300, 500, SurfaceFmt.FMT_32_xRGB, 1)
        second.pixels[:] = 0x50
        client.driver.display_init(second)
        await run.until(lambda: len(screen.tiles) == 3 and color_of(run, screen.tiles[2]) == "505050")
        assert "device 2" in run.terminal.text
        assert "300x500" in run.terminal.text
        client.driver.display_closed(client.surfaces[0])
        await run.until(lambda: "no picture" in run.terminal.text)
        await shows(run, screen.tiles[1], (0x50, 0x50, 0x50))
        client.show(0)
        await run.until(lambda: color_of(run, screen.tiles[0]) == hexed(RED))


@pytest.mark.parametrize(
    ("count", "size"),
    [(1, (80, 24)), (2, (80, 24)), (16, (80, 24)), (5, (40, 12)), (2, (20, 6)), (5, (200, 50))],
)
async def test_it_works_at_every_size(count: int, size: tuple[int, int]) -> None:
    async with running(several(one_device(count)), terminal=Terminal(*size)) as run:
        screen = await gallery(run)
        for tile in in_sight(screen):
            await shows(run, tile, COLORS[tile.number])
        run.type(b"\x1b[F")
        await run.until(lambda: selected(screen) == count - 1)
        last = screen.tiles[-1]
        await run.until(lambda: last in in_sight(screen) and color_of(run, last) == hexed(COLORS[count - 1]))
        run.type(b"\r")
        await chosen(run, count - 1)


async def test_another_size_of_the_terminal() -> None:
    async with running(several(one_device(16))) as run:
        screen = await gallery(run)
        run.terminal.resize(160, 50)
        os.kill(os.getpid(), signal.SIGWINCH)
        await run.until(lambda: screen.size.width == 160 and len(in_sight(screen)) == 16 and drawn(screen))
        for tile in screen.tiles:
            await shows(run, tile, COLORS[tile.number])


async def test_a_server_with_countless_monitors() -> None:
    count = MAX_DISPLAYS + 20
    channels = ((Size(count, 4), [Rect(n, 0, 1, 4) for n in range(count)]),)
    async with running(several(channels)) as run:
        screen = await gallery(run)
        assert len(screen.tiles) == MAX_DISPLAYS
        assert f"the first {MAX_DISPLAYS} of {count}" in run.terminal.text


async def test_gray_and_half_blocks_as_in_the_picture() -> None:
    async with running(several(), graphics="half") as run:
        screen = await gallery(run)
        codes = {int(code) for tile in screen.tiles for code in np.unique(tile.plane.wanted[..., 0])}
        assert codes <= {0x20, 0x2580, 0x2584}


# what is chosen


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        (b"\x1b[C\r", 1),
        (b"\x1b[B\r", 2),
        (b"\x1b[B\x1b[C\r", 3),
        (b"\x1b[B\x1b[C\x1b[A\x1b[D\x1b[D\r", 0),
        (b"\t\t ", 2),
        (b"\x1b[Z\r", 3),
        (b"3", 2),
        (b"8\x1b", 0),
    ],
)
async def test_keys(keys: bytes, number: int) -> None:
    async with running(several()) as run:
        await gallery(run)
        run.type(keys[:-1])
        run.type(keys[-1:])
        await chosen(run, number)
        words = f"[{number + 1}/4]"
        await run.until(lambda: words in status(run.terminal))
        assert run.inputs.calls == []


async def test_a_click_chooses_and_nothing_of_it_reaches_the_guest() -> None:
    async with running(several()) as run:
        screen = await gallery(run)
        place = screen.tiles[2].content_region
        at = (place.x + 2, place.y + 2)
        run.type(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (*at, *at))
        await chosen(run, 2)
        assert run.inputs.calls == []
        run.type(b"x")
        await run.until(lambda: run.inputs.calls)


async def test_next_display_leaves_out_those_without_a_picture() -> None:
    async with running(several((FOUR[1], FOUR[1], FOUR[1]))) as run:
        await run.until_settled()
        client = run.client
        assert isinstance(client, SeveralClient)
        client.driver.display_closed(client.surfaces[1])
        run.type(b"\x1d\t")
        await chosen(run, 2)
        run.type(b"\x1d\t")
        await chosen(run, 0)


# which is there at all


async def test_it_begins_with_the_display_that_is_asked_for() -> None:
    async with running(several(), display=3) as run:
        await run.until_settled()
        assert run.app.link.head == Head(1, 0, Rect(0, 0, 800, 600))
        await run.until(lambda: "[4/4]" in status(run.terminal) and "800x600" in status(run.terminal))


async def test_a_display_that_does_not_exist_is_told() -> None:
    async with running(several(), display=7) as run:
        await run.until(lambda: "There is no display 7: there are displays 0 to 3." in flat(run.terminal))
        await run.until(lambda: "This is display 0." in flat(run.terminal))
        assert run.app.link.display == 0
        run.app.clear_notifications()
        await run.until_settled()


async def test_a_display_without_a_picture_is_told() -> None:
    class Dark(SeveralClient):
        def open(self) -> None:
            super().open()
            self.driver.display_closed(self.surfaces[1])
            self.heads[3] = Head(1, 0, Rect(0, 0, 0, 0))

    async with running(lambda driver, password: Dark(driver, FOUR), display=3) as run:
        await run.until(lambda: "Display 3 has no picture; Ctrl+] t shows all displays" in flat(run.terminal))
        run.app.clear_notifications()
        run.type(MENU_KEY)
        await run.until(lambda: "2  320x400" in run.terminal.text and "device 2" in run.terminal.text)
        await run.until(lambda: "4  no picture" in run.terminal.text)
        run.type(b"1")
        await chosen(run, 0)


async def test_the_only_display_lost_ends_the_session() -> None:
    async with running() as run:
        await run.until_settled()
        run.client.session.lost[ChannelKey(ChannelType.DISPLAY)] = ChannelClosed("display:0: closed; run with gl=off")
        await run.until(lambda: "Connection lost" in run.terminal.text and "gl=off" in run.terminal.text)
        run.type(b"r")
        await run.until(lambda: len(run.clients) == 2)
        await run.until_settled()


def flat(terminal: Terminal) -> str:
    """The words on the terminal without frames and ends of lines."""
    return " ".join(terminal.text.replace("▌", " ").replace("▐", " ").split())


# arithmetic


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 16, 64])
@pytest.mark.parametrize("space", [Size(80, 22), Size(200, 48), Size(40, 10), Size(19, 4), Size(3, 1)])
@pytest.mark.parametrize("aspect", [1.0, 2.7, 3.6, 5.0])
def test_arrangements_fit_across_and_are_of_use(count: int, space: Size, aspect: float) -> None:
    found = arrange(space, [aspect] * count)
    assert 1 <= found.columns <= count
    assert found.columns * found.width <= space.width or found.columns == 1
    rows = -(-count // found.columns)
    if count > 1 and rows * found.height > space.height:  # they scroll
        assert found.height >= min(MIN_HEIGHT, space.height, (found.width - 2) / aspect + 1)
        assert found.width >= MIN_WIDTH or found.columns == 1
    assert found.width >= 3
    assert found.height >= 3


def test_names_tell_devices_only_where_there_are_several() -> None:
    area = Rect(0, 0, 1, 1)
    assert names([Head(0, 0, area)]) == ["monitor 1"]
    assert names([Head(0, 0, area), Head(0, 2, area)]) == ["monitor 1", "monitor 3"]
    assert names([Head(0, 0, area), Head(1, 0, area)]) == ["device 1", "device 2"]
    assert names([Head(0, 0, area), Head(0, 1, area), Head(3, 0, area)])[1:] == ["device 1, monitor 2", "device 4"]
