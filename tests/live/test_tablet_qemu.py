"""The pointer placed (client mode): what a Linux guest's input devices get of QEMU's tablets, and what its agent's port
gets when there are several displays.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Sequence
from pathlib import Path

from terminal.personality import KITTY, PLAIN

from spicetui import Button, Client
from spicetui.term.scale import Scale

from . import library, linux_guest
from .cli import target
from .conftest import Row
from .linux_guest import Shell
from .qemu import Qemu
from .test_app_input import App, app, shown

TABLE = "keyboard and mouse"
SIZE = (1024, 768)
FULL = 0x7FFF  # of a tablet's axes
Report = list[tuple[int, int, int]]

# Of Linux' input-event-codes.h.
KEY, REL, ABS, MSC = 1, 2, 3, 4
REL_WHEEL, REL_WHEEL_HI_RES = 8, 11
CODES = {Button.LEFT: 0x110, Button.RIGHT: 0x111, Button.MIDDLE: 0x112, Button.SIDE: 0x113, Button.EXTRA: 0x114}
USB_BUTTONS = (Button.LEFT, Button.MIDDLE, Button.RIGHT)  # QEMU's USB tablet has no more
SGR = {Button.LEFT: 0, Button.MIDDLE: 1, Button.RIGHT: 2, Button.SIDE: 128, Button.EXTRA: 129}


class Modes(library.Watcher):
    def mouse_mode_changed(self, client_mode: bool) -> None:
        self._changed.set()

    def agent_changed(self, connected: bool) -> None:
        self._changed.set()


class Guest:
    """A shell on the machine, and what the device that it reads last tells, in hexadecimal lines."""

    def __init__(self, machine: Qemu) -> None:
        self.line = machine.com1
        self.shell = Shell(machine.com1)
        self.shell.run("dmesg -n 1")  # nothing else may speak on this line

    def insert(self, modules: Sequence[str]) -> None:
        assert self.shell.run("; ".join(f"insmod /{name}" for name in modules)) == b""

    def wait(self, condition: str) -> None:
        self.shell.run(f"until {condition}; do usleep 10000; done")

    def read_device(self, path: str, octets: int) -> None:
        self.shell.run(f"exec 3<{path}")
        self.shell.run(f"""{{ hexdump -v -e '{octets}/1 "%02x" "\\n"' <&3 & }}""")

    def read_tablet(self, name: str) -> None:
        find = f"event=$(grep -A 4 '{name}' /proc/bus/input/devices | grep -o 'event[0-9]*')"
        self.wait(f"{find} && test -e /dev/input/$event")
        self.read_device("/dev/input/$event", 24)

    def octets(self) -> bytes:
        return bytes.fromhex(self.line.read_through(b"\n").decode())

    async def report(self) -> Report:
        """What the device tells at once, without scancodes and fractions of the wheel."""
        events: Report = []
        while True:
            kind, code, value = struct.unpack("16xHHi", await asyncio.to_thread(self.octets))
            if kind == 0:
                return events
            if kind != MSC and (kind, code) != (REL, REL_WHEEL_HI_RES):
                events.append((kind, code, value))


class Pointer:
    """Where the guest has it; an axis that has not moved is not told."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.place = [-1, -1]

    async def moved(self) -> tuple[int, int]:
        """The place of the next report, of the tablet's axes."""
        report = await self.guest.report()
        assert report
        for kind, axis, value in report:
            assert kind == ABS, report
            self.place[axis] = value
        return self.place[0], self.place[1]

    async def pixel(self) -> tuple[int, int]:
        """The same on the screen."""
        x, y = await self.moved()
        return round(x * SIZE[0] / FULL), round(y * SIZE[1] / FULL)


def places(seed: int) -> list[tuple[int, int]]:
    """Corners, the middle and others."""
    right, bottom = SIZE[0] - 1, SIZE[1] - 1
    numbers = random.Random(seed)
    some = [(numbers.randrange(SIZE[0]), numbers.randrange(SIZE[1])) for _ in range(40)]
    return list(dict.fromkeys([(right, bottom), (0, 0), (right, 0), (0, bottom), (512, 384), (1, 1), *some]))


async def move_by_library(client: Client, guest: Guest, seed: int) -> float:
    """The largest error, of the tablet's units."""
    assert client.inputs is not None
    pointer = Pointer(guest)
    worst = 0.0
    for place in places(seed):
        client.inputs.mouse_move(*place)
        found = await pointer.moved()
        for axis in (0, 1):
            worst = max(worst, abs(found[axis] - place[axis] * FULL / SIZE[axis]))
    assert worst <= 1
    return worst


async def press_by_library(client: Client, guest: Guest, buttons: Sequence[Button]) -> None:
    assert client.inputs is not None
    for button in buttons:
        client.inputs.mouse_down(button)
        assert await guest.report() == [(KEY, CODES[button], 1)], button
        client.inputs.mouse_up(button)
        assert await guest.report() == [(KEY, CODES[button], 0)], button
    for turn in (-1, -1, 1, -1, 1, 1, 1):
        client.inputs.mouse_scroll(0, turn)
        assert await guest.report() == [(REL, REL_WHEEL, -turn)]


async def drag_by_library(client: Client, guest: Guest) -> None:
    """All at once: the place is there before the button."""
    assert client.inputs is not None
    pointer = Pointer(guest)
    client.inputs.mouse_move(100, 200)
    client.inputs.mouse_down(Button.LEFT)
    for step in range(1, 100):
        client.inputs.mouse_move(100 + 5 * step, 200 + 3 * step)
    client.inputs.mouse_up(Button.LEFT)
    assert await pointer.pixel() == (100, 200)
    assert await guest.report() == [(KEY, CODES[Button.LEFT], 1)]
    way = [(100, 200)]
    while way[-1] != (595, 497):
        way.append(await pointer.pixel())
    assert way == sorted(way)
    assert await guest.report() == [(KEY, CODES[Button.LEFT], 0)]


async def move_by_cells(running: App, guest: Guest) -> float:
    """The largest error, of a cell: of the guest's pixel from any pixel of the cell where the mouse is."""
    mapping = shown(SIZE, PLAIN, (80, 24), Scale.FIT)
    area = mapping.cells
    pointer = Pointer(guest)
    worst = 0.0
    columns = [*range(area.x, area.right, 13), area.right - 1]
    lines = [*range(area.y, area.bottom, 5), area.bottom - 1]
    for column in columns:
        for line in lines:
            running.type(b"\x1b[<35;%d;%dM" % (column + 1, line + 1))
            found = await pointer.pixel()
            axes = ((mapping.columns.step, column - area.x), (mapping.rows.step, line - area.y))
            for pixel, (step, cell) in zip(found, axes, strict=True):
                first, last = cell * step, (cell + 1) * step - 1
                worst = max(worst, abs(pixel - first) / step, abs(last - pixel) / step)
    assert worst <= 0.5 + 1e-6
    return worst


async def move_by_pixels(running: App, guest: Guest, left: int, top: int) -> int:
    """kitty at 1:1; how many places are exact."""
    pointer = Pointer(guest)
    chosen = places(9)
    for x, y in chosen:
        running.type(b"\x1b[<35;%d;%dM" % (left + x + 1, top + y + 1))
        assert await pointer.pixel() == (x, y)
    return len(chosen)


async def press_by_app(running: App, guest: Guest, left: int, top: int) -> None:
    here = b"%d;%d" % (left + 301, top + 201)
    running.type(b"\x1b[<35;%sM" % here)
    assert await Pointer(guest).pixel() == (300, 200)
    for button, code in SGR.items():
        for _ in range(2):  # a double click
            running.type(b"\x1b[<%d;%sM\x1b[<%d;%sm" % (code, here, code, here))
            assert await guest.report() == [(KEY, CODES[button], 1)], button
            assert await guest.report() == [(KEY, CODES[button], 0)], button
    for code, turn in ((64, 1), (65, -1), (65, -1), (64, 1)):
        running.type(b"\x1b[<%d;%sM" % (code, here))
        assert await guest.report() == [(REL, REL_WHEEL, turn)]


async def test_tablets(private: Path, row: Row) -> None:
    """One boot: QEMU's USB tablet by the library, then the virtio one by the library and through the app."""
    usb = linux_guest.modules("xhci_pci", "usbhid", "hid_generic", "evdev")
    virtio = linux_guest.modules("virtio_pci", "virtio_input")
    extra = [
        *linux_guest.arguments(private, linux_guest.VESA_1024_768, usb | virtio),
        *("-device", "qemu-xhci", "-device", "usb-tablet", "-device", "virtio-tablet-pci"),
    ]
    driver = Modes()
    with Qemu(private, extra=extra) as machine:
        guest = await asyncio.to_thread(Guest, machine)
        async with await library.connect(machine.address(), driver) as client:
            assert not client.mouse_mode_client, "no driver has the tablet yet"
            await asyncio.to_thread(guest.insert, list(usb))
            await asyncio.to_thread(guest.read_tablet, "QEMU USB Tablet")
            assert await driver.until(lambda: client.mouse_mode_client)
            usb_worst = await move_by_library(client, guest, 1)
            await press_by_library(client, guest, USB_BUTTONS)
            await asyncio.to_thread(guest.insert, list(virtio))
            await asyncio.to_thread(guest.read_tablet, "QEMU Virtio Tablet")
            virtio_worst = await move_by_library(client, guest, 2)
            await press_by_library(client, guest, list(CODES))
            await drag_by_library(client, guest)
        address = target(machine.address())
        async with app(address, "--scale", "fit", "--graphics", "quadrant", personality=PLAIN) as running:
            cells_worst = await move_by_cells(running, guest)
            await running.leave()
        async with app(address, "--scale", "native", personality=KITTY, size=(132, 50)) as running:
            await running.terminal.until(lambda: running.terminal.modes.get(1016), "mouse places in pixels")
            area = shown(SIZE, KITTY, (132, 50), Scale.NATIVE).cells
            exact = await move_by_pixels(running, guest, area.x * 8, area.y * 16)
            await press_by_app(running, guest, area.x * 8, area.y * 16)
            await running.leave()
    for name, worst in (("USB", usb_worst), ("virtio", virtio_worst)):
        row(TABLE, test=f"pointer on QEMU's {name} tablet", arrived=f"{worst:.2f} of {FULL} off at most")
    row(TABLE, test="pointer by cells, QEMU's tablet", arrived=f"{cells_worst:.2f} cells off at most")
    row(TABLE, test="pointer by pixels 1:1, QEMU's tablet", arrived=f"{exact} of {exact} places exact")


class AgentPort:
    """The guest's end of the agent's port: chunks of a head (port, size) and a part of the messages."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def _take(self, count: int) -> bytes:
        return b"".join(self.guest.octets() for _ in range(count))

    def mouse_state(self) -> tuple[int, int, int, int]:
        """x, y, buttons and the display of the next VD_AGENT_MOUSE_STATE."""
        while True:
            _, size = struct.unpack("<II", self._take(8))
            message = self._take(size)
            if struct.unpack_from("<II", message) == (1, 1):
                x, y, buttons, display = struct.unpack_from("<IIIB", message, 20)
                return x, y, buttons, display


async def test_the_agent_hears_which_display(private: Path, row: Row) -> None:
    """Two cards, so that the server places the pointer by the agent only."""
    modules = linux_guest.modules("virtio_pci", "virtio_console")
    extra = [
        *linux_guest.arguments(private, linux_guest.VESA_1024_768, modules),
        *("-device", "bochs-display", "-device", "virtio-serial-pci", "-chardev", "spicevmc,id=agent,name=vdagent"),
        *("-device", "virtserialport,chardev=agent,name=com.redhat.spice.0"),
    ]
    driver = Modes()
    with Qemu(private, extra=extra) as machine:
        guest = await asyncio.to_thread(Guest, machine)
        port = AgentPort(guest)
        async with await library.connect(machine.address(), driver) as client:
            assert client.inputs is not None
            assert not client.mouse_mode_client
            await asyncio.to_thread(guest.insert, list(modules))
            await asyncio.to_thread(guest.wait, "test -e /dev/vport0p1")
            await asyncio.to_thread(guest.read_device, "/dev/vport0p1", 1)
            assert await driver.until(lambda: client.mouse_mode_client and client.main.agent_connected)
            assert await driver.until(lambda: len(client.heads) == 2)
            asked = [(5, 7, 0), (639, 479, 1), (0, 0, 1), (1023, 767, 0), (320, 200, 1)]
            for x, y, display in asked:
                client.inputs.mouse_move(x, y, display)
                assert await asyncio.to_thread(port.mouse_state) == (x, y, 0, display)
        size = (80, 24)
        for display, surface in enumerate((SIZE, (640, 480))):
            options = ("--display", str(display), "--scale", "fit", "--graphics", "quadrant")
            async with app(target(machine.address()), *options) as running:
                await running.until(f"{surface[0]}x{surface[1]}")
                wanted = shown(surface, PLAIN, size, Scale.FIT).to_pixel(40.5, 10.5)
                running.type(b"\x1b[<35;41;11M")
                assert await asyncio.to_thread(port.mouse_state) == (wanted.x, wanted.y, 0, display)
                await running.leave()
    row(TABLE, test="display told to the agent", arrived=f"{len(asked) + 2} of {len(asked) + 2}")
