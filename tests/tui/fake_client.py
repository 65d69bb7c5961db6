"""A client without a server: a small desktop that moves, and a record of what reaches the inputs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from spicetui.agent.files import FileTransfer
from spicetui.canvas.surface import Surface
from spicetui.errors import SpiceError
from spicetui.geometry import Rect
from spicetui.interfaces import ChannelKey, Driver, Head, Monitor
from spicetui.session import Options
from spicetui.wire.enums import ChannelType, KeyboardModifierFlags, SurfaceFmt


class FakeInputs:
    """Records calls as tuples; *notify* is called after each."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.notify: Callable[[], None] = lambda: None
        self.down: list[Any] = []
        self.leds = KeyboardModifierFlags(0)

    def _record(self, call: tuple[Any, ...]) -> None:
        self.calls.append(call)
        self.notify()

    def key_down(self, key: Any) -> None:
        self._record(("down", key))
        self.down.append(key)

    def key_up(self, key: Any) -> None:
        self._record(("up", key))
        if key in self.down:
            self.down.remove(key)

    def release_all(self) -> None:
        for key in list(reversed(self.down)):
            self.key_up(key)

    def key_press(self, *keys: Any) -> None:
        for key in keys:
            self.key_down(key)
        for key in reversed(keys):
            self.key_up(key)

    async def drain(self) -> None:
        pass

    def set_modifiers(self, flags: KeyboardModifierFlags) -> None:
        self._record(("locks", flags))

    def mouse_move(self, x: int, y: int, display: int = 0) -> None:
        self._record(("move", x, y))

    def mouse_motion(self, dx: int, dy: int) -> None:
        self._record(("motion", dx, dy))

    def mouse_down(self, button: Any) -> None:
        self._record(("press", button))

    def mouse_up(self, button: Any) -> None:
        self._record(("release", button))

    def mouse_scroll(self, dx: int, dy: int) -> None:
        self._record(("scroll", dx, dy))


@lru_cache(4)
def wallpaper(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    back = np.stack((90 + 80 * y // height, 60 + 60 * x // width, 40 + 30 * (x + y) // (width + height)), axis=2)
    image = Image.fromarray(back[:, :, ::-1].astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 24), fill=(40, 44, 52))
    draw.text((10, 6), "Activities   Files   Terminal", fill=(230, 230, 230))
    draw.rectangle((60, 80, 560, 460), fill=(24, 26, 31), outline=(90, 90, 90))
    draw.rectangle((60, 60, 560, 80), fill=(70, 80, 110))
    draw.text((70, 64), "user@guest: ~", fill=(255, 255, 255))
    for line in range(14):
        draw.text((70, 90 + 20 * line), f"$ make test  # line {line}: all 128 tests passed", fill=(120, 220, 130))
    draw.rectangle((600, 200, 960, 640), fill=(246, 246, 246))
    draw.rectangle((600, 180, 960, 200), fill=(200, 120, 60))
    for row in range(10):
        draw.rectangle((630, 230 + 36 * row, 650, 250 + 36 * row), fill=(80 + 15 * row, 120, 220 - 15 * row))
        draw.text((670, 234 + 36 * row), f"Document {row}.txt", fill=(30, 30, 30))
    return image


class Desktop:
    """Windows over a gradient, with text; *step* types a character and moves a window."""

    def __init__(self, width: int = 1024, height: int = 768) -> None:
        self.surface = Surface(0, width, height, SurfaceFmt.FMT_32_xRGB)
        self.count = 0
        self._image = wallpaper(width, height).copy()
        self._flush(Rect(0, 0, width, height))

    def _flush(self, rect: Rect) -> None:
        part = np.asarray(self._image.crop((rect.x, rect.y, rect.right, rect.bottom)))
        self.surface.pixels[rect.slices()][..., :3] = part[:, :, ::-1]

    def type_character(self) -> Rect:
        draw = ImageDraw.Draw(self._image)
        x, y = 70 + 8 * (self.count % 58), 380
        rect = Rect(x, y, 8, 14).intersect(Rect(0, 0, self.surface.width, self.surface.height))
        if self.count % 58 == 0:
            draw.rectangle((70, 380, 550, 396), fill=(24, 26, 31))
            rect = Rect(70, 380, 481, 17).intersect(Rect(0, 0, self.surface.width, self.surface.height))
        draw.text((x, y), chr(97 + self.count % 26), fill=(240, 240, 240))
        self.count += 1
        if not rect.empty:
            self._flush(rect)
        return rect

    def fill(self, rect: Rect, color: tuple[int, int, int]) -> Rect:
        self.surface.pixels[rect.slices()][..., :3] = color[::-1]
        return rect


class FakeSession:
    def __init__(self) -> None:
        self.lost: dict[ChannelKey, SpiceError] = {}
        self.options = Options()


class FakeDisplay:
    def __init__(self, number: int) -> None:
        self.key = ChannelKey(ChannelType.DISPLAY, number)


def no_files() -> FileTransfer:
    """What takes files where there is no agent."""
    agent: Any = SimpleNamespace(caps=frozenset(), connected=False, announced=False)
    agent.link = SimpleNamespace(read_only=False)
    return FileTransfer(agent)


class FakeMain:
    name = "Fake machine"

    def __init__(self) -> None:
        self.agent = SimpleNamespace(files=no_files())
        self.asked: list[Sequence[Monitor]] = []

    def set_monitors(self, monitors: Sequence[Monitor]) -> None:
        self.asked.append(monitors)


class FakeClient:
    """What the app uses of a client."""

    def __init__(
        self, driver: Driver, desktop: Desktop, *, client_mouse: bool = True, name: str = "Fake machine"
    ) -> None:
        self.driver = driver
        self.desktop = desktop
        self.inputs = FakeInputs()
        self.main = FakeMain()
        self.unsupported: Counter[str] = Counter()
        self.round_trip: float | None = 0.0004
        self.bytes_in = 0
        self.closed = False
        self.held = False
        self.holds = 0
        self.name = name
        self.client_mouse = client_mouse
        self.session = FakeSession()
        self.playback: Any = None
        self.shared_folder: Any = None
        self.audio_recorder: Any = None
        self.displays = {0: FakeDisplay(0)}
        self.heads = [Head(0, 0, Rect(0, 0, desktop.surface.width, desktop.surface.height))]

    def open(self) -> None:
        driver: Any = self.driver
        driver.set_main_target(self.main)
        driver.name_changed(self.name)
        driver.mouse_mode_changed(self.client_mouse)
        driver.set_events_target(self.inputs)
        driver.display_init(self.desktop.surface)

    def refresh(self, *damage: Rect) -> None:
        self.bytes_in += sum(rect.area for rect in damage)
        self.driver.display_refresh(self.desktop.surface, damage)

    def hold_displays(self, seconds: float, late_ms: int = 0) -> None:
        self.held = True
        self.holds += 1

    def release_displays(self) -> None:
        self.held = False

    def screenshot(self, display: int = 0) -> Surface:
        return self.desktop.surface.copy()

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            self.driver.closed(None)


async def animate(client: FakeClient, seconds: float = 1 / 15) -> None:
    """For looking at it by hand."""
    while not client.closed:
        client.refresh(client.desktop.type_character())
        await asyncio.sleep(seconds)
