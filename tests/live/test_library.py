"""The library against a real server: what a Driver hears, in which order, and how a session ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spicetui
from spicetui import Key

from . import library, picture, xscenes
from .certs import Certificates
from .guest import ScancodeLog, Scenes
from .qemu import Qemu
from .xlib_painter import POINTER_HEIGHT, POINTER_WIDTH, pointer_pixel
from .xspice import Xspice

NAME = "a machine, by name"
UUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")


class Recorder(library.Watcher):
    """Every event by name, with what it brought."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, Any]] = []

    def _note(self, name: str, *value: Any) -> None:
        self.heard.append((name, value[0] if len(value) == 1 else value))
        self._changed.set()

    def of(self, name: str) -> list[Any]:
        return [value for heard, value in self.heard if heard == name]

    def display_init(self, surface: spicetui.Surface) -> None:
        super().display_init(surface)
        self._note("display_init", (surface.width, surface.height))

    def display_refresh(self, surface: spicetui.Surface, damage: Sequence[spicetui.Rect]) -> None:
        super().display_refresh(surface, damage)
        self._note("display_refresh", list(damage))

    def set_events_target(self, inputs: Any) -> None:
        self._note("set_events_target", inputs)

    def set_main_target(self, main: Any) -> None:
        self._note("set_main_target", main)

    def set_cursor(self, cursor: Any, x: int, y: int) -> None:
        self._note("set_cursor", cursor, x, y)

    def mouse_mode_changed(self, client_mode: bool) -> None:
        self._note("mouse_mode_changed", client_mode)

    def name_changed(self, name: str) -> None:
        self._note("name_changed", name)

    def notice(self, text: str) -> None:
        self._note("notice", text)

    def closed(self, error: Exception | None) -> None:
        self._note("closed", error)


async def test_events_of_a_session(private: Path, scenes_disk: Path) -> None:
    driver = Recorder()
    with Qemu(private, disk=scenes_disk, extra=("-name", NAME.replace(",", ",,"), "-uuid", str(UUID))) as machine:
        scenes = await asyncio.to_thread(Scenes, machine)
        await asyncio.to_thread(scenes.draw, Scenes.TEXT, 1)
        async with await library.connect(machine.address(), driver) as client:
            frame = await client.wait_frame()
            assert (frame.width, frame.height) == (720, 400)
            assert frame.pixels.shape == (400, 720, 4)
            assert frame.pixels.dtype == np.uint8
            assert await driver.until(lambda: bool(driver.of("set_events_target")))
            assert driver.of("set_main_target") == [client.main]
            assert driver.of("set_events_target") == [client.inputs]
            assert await driver.until(lambda: bool(driver.of("name_changed")))
            assert driver.of("name_changed")[-1] == client.name == NAME
            assert client.uuid == UUID
            assert set(driver.of("mouse_mode_changed")) <= {False}

            await asyncio.to_thread(scenes.draw, Scenes.FLAT, 1)
            assert await driver.until(lambda: driver.of("display_init")[-1] == (800, 600))
            assert client.bytes_in > 0
            assert client.bytes_out > 0
            assert client.round_trip is None or client.round_trip < 10
        assert driver.of("closed") == [None]
        assert machine.process.running


async def test_damage_covers_what_changed(private: Path, scenes_disk: Path) -> None:
    """What is reported as changed is all that changed, and not the whole screen."""
    driver = Recorder()
    with Qemu(private, disk=scenes_disk) as machine:
        scenes = await asyncio.to_thread(Scenes, machine)
        await asyncio.to_thread(scenes.draw, Scenes.FLAT, 1)
        before = await asyncio.to_thread(machine.screendump)
        async with await library.connect(machine.address(), driver) as client:
            await client.wait_frame()
            assert await driver.until(lambda: not picture.difference(library.shown(client), before))
            for seed in (3, 40, 111):
                driver.damage.clear()
                await asyncio.to_thread(scenes.draw, Scenes.SQUARE, seed)
                after = await asyncio.to_thread(machine.screendump)

                def same(after: picture.Picture = after) -> bool:
                    return not picture.difference(library.shown(client), after)

                assert await driver.until(same)
                reported = np.zeros(after.shape[:2], dtype=bool)
                for rect in driver.damage:
                    reported[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width] = True
                assert not ((before != after).any(axis=2) & ~reported).any(), "a change was not reported"
                assert reported.sum() < 0.2 * reported.size, "more than the neighbourhood was reported"
                before = after


async def test_screenshot_is_a_copy(private: Path, scenes_disk: Path) -> None:
    driver = library.Watcher()
    with Qemu(private, disk=scenes_disk) as machine:
        scenes = await asyncio.to_thread(Scenes, machine)
        await asyncio.to_thread(scenes.draw, Scenes.FLAT, 1)
        async with await library.connect(machine.address(), driver) as client:
            await client.wait_frame()
            first = client.screenshot()
            kept = first.pixels.copy()
            await asyncio.to_thread(scenes.draw, Scenes.NOISE, 1)
            truth = await asyncio.to_thread(machine.screendump)
            assert await driver.until(lambda: not picture.difference(library.shown(client), truth))
            assert (first.pixels == kept).all()
            with pytest.raises(spicetui.FeatureMissing):
                client.screenshot(display=5)


@pytest.mark.parametrize("how", ["quit", "kill"])
async def test_the_server_goes_away(how: str, private: Path) -> None:
    driver = Recorder()
    with Qemu(private, boot_menu=True) as machine:
        async with await library.connect(machine.address(), driver) as client:
            await client.wait_frame()
            if how == "quit":
                machine.qmp("quit")
            else:
                machine.process.kill()
            with pytest.raises(spicetui.SpiceError):
                async with asyncio.timeout(20):
                    await client.wait_closed()
            assert isinstance(driver.of("closed")[0], spicetui.SpiceError)
        assert len(driver.of("closed")) == 1


@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
async def test_many_sessions_one_after_the_other(
    way: str, private: Path, scancode_disk: Path, certificates: Certificates
) -> None:
    """Connect, press a key, leave: the server survives it, and nothing is left behind on our side."""
    tls = certificates if way == "tls" else None
    with Qemu(private, disk=scancode_disk, tls=tls, unix=way == "unix", password="p") as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        address = machine.address(tls=way == "tls")
        for key in (Key.A, Key.B, Key.C, Key.UP) * 3:
            async with await library.connect(address) as client:
                assert client.inputs is not None
                client.inputs.key_press(key)
                expected = key.make + key.release
                assert await asyncio.to_thread(log.keyboard, len(expected)) == expected
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, "tasks of closed sessions still run"
        assert machine.process.running


async def test_keys_sent_before_closing_arrive(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for key in (Key.H, Key.I, Key.ENTER):
                client.inputs.key_press(key)
        assert await asyncio.to_thread(log.keyboard, 6) == bytes.fromhex("23 a3 17 97 1c 9c")


async def refused(connect: Callable[[], Any], error: type[spicetui.SpiceError]) -> None:
    with pytest.raises(error):
        await connect()
    assert not asyncio.all_tasks() - {asyncio.current_task()}


async def test_errors_have_their_types(private: Path, certificates: Certificates) -> None:
    with Qemu(private, boot_menu=True, tls=certificates, password="right") as machine:
        assert machine.port is not None
        assert machine.tls_port is not None
        plain = spicetui.TcpConnector("127.0.0.1", machine.port)
        await refused(lambda: spicetui.connect(plain, password="wrong"), spicetui.AuthError)
        await refused(lambda: spicetui.connect(plain), spicetui.AuthError)
        nobody = spicetui.TcpConnector("127.0.0.1", 1)
        await refused(lambda: spicetui.connect(nobody), spicetui.ConnectError)
        untrusted = spicetui.TlsConnector("127.0.0.1", machine.tls_port)
        await refused(lambda: spicetui.connect(untrusted, password="right"), spicetui.TlsError)


async def test_the_pointer_of_a_desktop(private: Path) -> None:
    """A pointer with colours and transparency, as X clients set it: shape, hot spot and place."""
    driver = Recorder()
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        async with await library.connect(server.address(), driver) as client:
            await client.wait_frame()
            await asyncio.to_thread(desktop.paint, "pointer_shape")
            assert await driver.until(lambda: any(cursor for cursor, _, _ in driver.of("set_cursor")))

            def told() -> bool:
                cursor, _, _ = driver.of("set_cursor")[-1]
                return cursor is not None and (cursor.width, cursor.height) == (POINTER_WIDTH, POINTER_HEIGHT)

            assert await driver.until(told), driver.of("set_cursor")[-3:]
            cursor, _, _ = driver.of("set_cursor")[-1]
            assert (cursor.hot_x, cursor.hot_y) == (5, 7)
            for y in range(POINTER_HEIGHT):
                for x in range(POINTER_WIDTH):
                    blue, green, red, alpha = map(int, cursor.pixels[y, x])
                    assert alpha << 24 | red << 16 | green << 8 | blue == pointer_pixel(x, y), (x, y)
