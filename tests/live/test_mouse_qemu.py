"""Relative motion, buttons and the wheel against a boot sector that tells what its PS/2 mouse gets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spicetui import Button

from . import library
from .conftest import Row
from .guest import MousePacket, ScancodeLog
from .qemu import Qemu

BUTTONS = {Button.LEFT: 1, Button.RIGHT: 2, Button.MIDDLE: 4, Button.SIDE: 8, Button.EXTRA: 16}


@pytest.mark.parametrize(
    "movement", [(5, 0), (0, 5), (-7, 3), (127, -127), (300, 0), (-1000, 700), (1, -1)], ids=lambda m: f"{m[0]},{m[1]}"
)
async def test_motion(movement: tuple[int, int], private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert not client.mouse_mode_client
            assert client.inputs is not None
            client.inputs.mouse_motion(*movement)
            moved = (0, 0)
            while moved != movement:
                packet = await asyncio.to_thread(log.mouse_packet)
                moved = (moved[0] + packet.dx, moved[1] + packet.dy)
                assert packet.buttons == 0
                assert abs(moved[0]) <= abs(movement[0])
                assert abs(moved[1]) <= abs(movement[1])
            assert not log.pending()


async def test_buttons(private: Path, scancode_disk: Path, row: Row) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for button, bit in BUTTONS.items():
                client.inputs.mouse_down(button)
                assert await asyncio.to_thread(log.mouse_packet) == MousePacket(bit, 0, 0, 0), button
                client.inputs.mouse_up(button)
                assert await asyncio.to_thread(log.mouse_packet) == MousePacket(0, 0, 0, 0), button
            held = 0
            for button, bit in BUTTONS.items():
                held |= bit
                client.inputs.mouse_down(button)
                assert await asyncio.to_thread(log.mouse_packet) == MousePacket(held, 0, 0, 0), button
    row("keyboard and mouse", test="mouse buttons pressed and released", arrived=f"{len(BUTTONS)} of {len(BUTTONS)}")


async def test_drag(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            client.inputs.mouse_down(Button.LEFT)
            client.inputs.mouse_motion(10, 20)
            client.inputs.mouse_up(Button.LEFT)
            packets = [await asyncio.to_thread(log.mouse_packet) for _ in range(3)]
            assert packets == [MousePacket(1, 0, 0, 0), MousePacket(1, 10, 20, 0), MousePacket(0, 0, 0, 0)]


@pytest.mark.parametrize("clicks", [-1, 1, -3, 4])
async def test_wheel(clicks: int, private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            client.inputs.mouse_scroll(0, clicks)
            turned = 0
            while turned != clicks:
                packet = await asyncio.to_thread(log.mouse_packet)
                assert (packet.buttons, packet.dx, packet.dy) == (0, 0, 0)
                turned += packet.wheel
                assert abs(turned) <= abs(clicks)


async def test_many_motions_are_summed(private: Path, scancode_disk: Path) -> None:
    """More than the server's window of unacknowledged motions: none is lost."""
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for _ in range(200):
                client.inputs.mouse_motion(3, -1)
            moved = (0, 0)
            while moved != (600, -200):
                packet = await asyncio.to_thread(log.mouse_packet)
                moved = (moved[0] + packet.dx, moved[1] + packet.dy)
                assert moved[0] <= 600
                assert moved[1] >= -200
