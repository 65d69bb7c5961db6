"""Relative motion, buttons and the wheel against a boot sector that tells what its PS/2 mouse gets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spicetui import Button
from spicetui.channels.inputs import Inputs

from . import library
from .conftest import Row
from .guest import MousePacket, ScancodeLog
from .process import ServerError
from .qemu import Qemu

BUTTONS = {Button.LEFT: 1, Button.RIGHT: 2, Button.MIDDLE: 4, Button.SIDE: 8, Button.EXTRA: 16}


async def arrive(log: ScancodeLog, inputs: Inputs, wanted: tuple[int, int]) -> list[MousePacket]:
    """Reads packets until the pointer has moved as far as wanted.

    The machine's PS/2 queue holds four packets; what does not fit stays in the mouse until its next event. So a
    pointer that stands still is nudged by one pixel, which then is wanted too.
    """
    packets: list[MousePacket] = []
    moved = (0, 0)
    nudges = 0
    while moved != wanted:
        try:
            packet = await asyncio.to_thread(log.mouse_packet, 0.3)
        except ServerError:
            assert nudges < 20, f"moved {moved} of {wanted}"
            nudges += 1
            inputs.mouse_motion(1, 0)
            wanted = (wanted[0] + 1, wanted[1])
            continue
        packets.append(packet)
        moved = (moved[0] + packet.dx, moved[1] + packet.dy)
    return packets


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
            packets = await arrive(log, client.inputs, movement)
            assert not any(packet.buttons or packet.wheel for packet in packets)
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


async def test_wheel(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for click in (-1, 1, 1, -1, -1):
                client.inputs.mouse_scroll(0, click)
                turned = 0
                for _ in range(2):  # the server turns the wheel's press and its release into a packet each
                    packet = await asyncio.to_thread(log.mouse_packet)
                    assert (packet.buttons, packet.dx, packet.dy) == (0, 0, 0)
                    turned += packet.wheel
                assert turned == click


async def test_many_motions_are_summed(private: Path, scancode_disk: Path) -> None:
    """More than the server's window of unacknowledged motions: none is lost."""
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for _ in range(200):
                client.inputs.mouse_motion(3, -1)
            await arrive(log, client.inputs, (600, -200))
