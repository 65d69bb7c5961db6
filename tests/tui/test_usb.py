"""The USB panel on a terminal: real slots with a guest in memory behind it, real drives, made-up devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peer.usbredir_guest import Guest, ScriptedDevice
from terminal.terminal import Terminal
from textual.widgets import Button, OptionList

from spicetui import ChannelKey, ChannelType, DeviceInfo, Options, UsbError
from spicetui.channels import usbredir
from spicetui.channels.usb_manager import Usb
from spicetui.channels.usbredir import UsbredirChannel
from spicetui.devices import usb_device, usb_hotplug
from spicetui.devices.usb_description import AltSetting, Configuration, Description
from spicetui.devices.usb_real import Listed
from spicetui.devices.usb_system import Objection
from spicetui.interfaces import Driver
from spicetui.tui.usb import UsbService
from spicetui.tui.widgets.path_input import PathInput
from spicetui.wire import usbredir as wire
from spicetui.wire.usb import Speed

from .fake_client import Desktop, FakeClient
from .running import Running, running
from .snapshots import SIZES, check_panel
from .test_app import status


class Machine(FakeClient):
    """A machine with USB slots; what it refuses is said by *refuse*, its product's name."""

    def __init__(self, driver: Driver, *, slots: int = 2, filter: str = "", read_only: bool = False) -> None:
        super().__init__(driver, Desktop(640, 480))
        session: Any = self.session
        session.options = Options(read_only=read_only)
        session.driver = driver
        session.notice = driver.notice
        session.gap = lambda key, detail="": None
        session.channels = {}
        self.refuse: set[int] = set()  #: slots whose guest refuses
        self.filter = filter
        self.guests: list[Guest] = []
        for number in range(slots):
            self._add_slot(session, number)
        self.usb = Usb(session) if slots else None

    def _add_slot(self, session: Any, number: int) -> None:
        channel = UsbredirChannel(session, number)
        guest = Guest()
        loop = asyncio.get_running_loop()

        async def drain() -> None:
            pass

        def flush() -> None:
            while data := guest.stream.data_to_send():
                channel.received(data)

        def send_data(data: Any) -> None:
            guest.feed(bytes(data))
            while guest.received:
                self._answer(number, guest, guest.received.pop(0)[1])
            loop.call_soon(flush)

        channel.send_data, channel.drain = send_data, drain  # type: ignore[method-assign]
        session.channels[ChannelKey(ChannelType.USBREDIR, number)] = channel
        self.guests.append(guest)
        flush()
        channel._pump()

    def _answer(self, number: int, guest: Guest, packet: Any) -> None:
        match packet:
            case wire.Hello() if self.filter:
                guest.stream.send(wire.FilterFilter(self.filter.encode() + b"\0"))
            case wire.DeviceConnect():
                guest.stream.send(wire.FilterReject() if number in self.refuse else wire.GetConfiguration())
            case wire.DeviceDisconnect():
                guest.stream.send(wire.DeviceDisconnectAck())

    async def aclose(self) -> None:
        if self.usb is not None:
            await self.usb.detach_all()
        await super().aclose()


class Plugged:
    """Stands in for what watches the computer's devices."""

    devices: list[Listed]

    def __init__(self, listed: list[Listed] | UsbError) -> None:
        self._listed = listed
        self.devices = []
        self.arrived: Callable[[Listed], None]
        self.left: Callable[[Listed], None]
        self.closed = 0

    def __call__(self, arrived: Callable[[Listed], None], left: Callable[[Listed], None]) -> Plugged:
        self.arrived, self.left = arrived, left
        return self

    async def start(self) -> list[Listed]:
        if isinstance(self._listed, UsbError):
            raise self._listed
        self.devices = [*self._listed]
        return self.devices

    async def close(self) -> None:
        self.closed += 1

    def plug(self, listed: Listed) -> None:
        self.devices.append(listed)
        self.arrived(listed)

    def unplug(self, listed: Listed) -> None:
        self.devices.remove(listed)
        self.left(listed)


def listed(
    product: str, address: int, interface_class: int = 8, *objections: Objection, permission: bool = True
) -> Listed:
    info = DeviceInfo(0x0951, 0x1600 + address, 0x0110, speed=Speed.HIGH, product=product, location=f"1-{address}")
    setting = AltSetting(0, 0, interface_class, 6, 0x50)
    return Listed(Description(info, 1, address, (address,), (Configuration(1, (setting,)),), 1), permission, objections)


STICK = listed("DataTraveler 3.0", 4)
DISK = listed("Portable SSD T7", 5, 8, Objection("it is mounted at /home/user/backup"))
KEYBOARD = listed("USB Keyboard", 6, 3, Objection("it is the keyboard that you type on", final=True))
SCANNER = listed("CanoScan LiDE 210", 7, 0xFF, permission=False)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Plugged:
    found = Plugged([STICK, DISK, KEYBOARD, SCANNER])
    monkeypatch.setattr(usb_hotplug, "Hotplug", found)
    return found


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedDevice]:
    """The devices that were opened."""
    devices: list[ScriptedDevice] = []

    def make(one: Listed, *, helper: bool = False, confirmed: bool = False) -> ScriptedDevice:
        usb_device.require_free(one, confirmed)
        devices.append(ScriptedDevice(one.info))
        return devices[-1]

    from spicetui.devices import usb_autoconnect

    monkeypatch.setattr(usb_device, "make_device", make)
    monkeypatch.setattr(usb_autoconnect, "make_device", make)
    return devices


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(usbredir, "REFUSAL_SECONDS", 0.05)
    Path("debian-12.iso").write_bytes(bytes(2048 * 300))
    Path("stick.img").write_bytes(bytes(512 * 4000))
    Path("photos").mkdir()


def panel(*, terminal: Terminal | None = None, settings: Any = None, **machine: Any) -> Any:
    return running(lambda driver, password: Machine(driver, **machine), terminal=terminal, **(settings or {}))


def service(run: Running) -> UsbService:
    return run.app.usb


def machine(run: Running) -> Machine:
    assert isinstance(run.client, Machine)
    return run.client


async def shown(run: Running, *words: str) -> None:
    for one in words:
        await run.until(lambda one=one: one in run.terminal.text, one)  # type: ignore[misc]


async def gone(run: Running, words: str) -> None:
    await run.until(lambda: words not in run.terminal.text, f"no {words}")


async def opened(run: Running) -> None:
    await run.until_settled()
    run.type(b"\x1du")
    await shown(run, "slots in use")
    await run.until(lambda: run.app.focused is not None, "the panel has the keys")


async def choose(run: Running, title: str) -> None:
    """With the arrow keys."""
    box = run.app.query_one("#devices", OptionList)
    run.app.call_later(box.focus)
    await run.until(lambda: run.app.focused is box)
    await run.until(lambda: 0 < box.option_count == len(service(run).rows), "the devices")
    wanted = next(at for at, row in enumerate(service(run).rows) if title in row.title)
    run.type(b"\x1b[H" + b"\x1b[B" * wanted)
    await run.until(lambda: box.highlighted == wanted, title)


def place(run: Running, words: str) -> tuple[int, int] | None:
    rows = enumerate(run.terminal.screen.display)
    return next(((row, line.index(words)) for row, line in rows if row > 0 and words in line), None)


async def click(run: Running, words: str) -> None:
    """A button that was just pressed takes no click for a moment."""
    await run.until(lambda: place(run, words) is not None and not run.app.query("Button.-active"), words)
    row, column = place(run, words) or (0, 0)
    column += len(words) // 2
    run.type(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (column + 1, row + 1, column + 1, row + 1))


def path_input(run: Running) -> PathInput:
    return run.app.query_one("#path", PathInput)


async def begin(run: Running, path: str, key: bytes = b"i") -> None:
    """Types a part of a path, by the key that goes there."""
    run.type(key)
    await run.until(lambda: run.app.focused is path_input(run).line, "the line for a path")
    run.type(path.encode())
    await run.until(lambda: path_input(run).value == path, path)


async def add(run: Running, path: str) -> None:
    await begin(run, path)
    run.type(b"\r")


async def given(run: Running, count: int) -> None:
    await run.until(lambda: f"{count} of" in run.terminal.text and len(service(run)._attachments) == count)


def kind(run: Running) -> str:
    return str(run.app.query_one("#kind", Button).label)


# --- drives


async def test_a_cd_is_added_ejected_and_filled_again(plugged: Plugged) -> None:
    async with panel() as run:
        await opened(run)
        await begin(run, "./deb")
        await run.until(lambda: path_input(run).is_open)
        run.type(b"\t")  # completes
        await run.until(lambda: path_input(run).value == "./debian-12.iso")
        await shown(run, "CD ")
        run.type(b"\r")
        await shown(run, "in use", "CD debian-12.iso", "1 of 2 slots in use", "614 kB, read-only")
        assert service(run).words == "USB 1"
        await choose(run, "debian")
        run.type(b"e")
        await shown(run, "CD empty", "nothing is in it", "Insert")
        await begin(run, "debian-12.iso", b"e")
        await shown(run, "Insert into CD empty")
        run.type(b"\r")
        await shown(run, "CD debian-12.iso")
        assert service(run).drives[0].medium is not None
        await gone(run, "Insert into")
        run.type(b"x")
        await shown(run, "0 of 2 slots in use")
        await gone(run, "CD debian-12.iso")
        assert service(run).drives == []


async def test_a_writable_disk(plugged: Plugged) -> None:
    async with panel() as run:
        await opened(run)
        await add_after(run, b"kw", "stick.img")
        await shown(run, "Disk stick.img", "2.0 MB, writable")
        [drive] = service(run).drives
        assert drive.medium is not None
        assert drive.medium.writable
        run.type(b" ")
        await shown(run, "not given", "0 of 2")
        run.type(b" ")
        await given(run, 1)


async def add_after(run: Running, keys: bytes, path: str) -> None:
    run.type(keys)
    await run.until(lambda: "☑ the machine may write to it" in run.terminal.text)
    await add(run, path)


async def test_by_its_name_a_file_is_a_cd_or_a_disk(plugged: Plugged) -> None:
    async with panel() as run:
        await opened(run)
        await begin(run, "stick.img")
        await shown(run, "☐ the machine may write to it")
        await run.until(lambda: kind(run) == "Disk")
        await click(run, "Disk ")
        await run.until(lambda: kind(run) == "CD")


async def test_what_is_no_file_is_refused(plugged: Plugged) -> None:
    async with panel() as run:
        await opened(run)
        await add(run, "photos/missing.iso")
        await run.until(lambda: service(run).problem != "")
        await shown(run, service(run).problem[:30])
        assert service(run).drives == []
        assert run.app.focused is not None


async def test_a_drive_waits_for_a_slot(plugged: Plugged) -> None:
    async with panel(slots=1) as run:
        await opened(run)
        await add(run, "debian-12.iso")
        await given(run, 1)
        await add(run, "stick.img")
        await shown(run, "it waits for a free USB slot", "Disk stick.img")
        await choose(run, "debian")
        run.type(b" ")
        await given(run, 0)
        await choose(run, "stick")
        run.type(b"\r")
        await given(run, 1)
        await shown(run, "in use    Disk stick.img")


async def test_drives_outlive_the_session(plugged: Plugged) -> None:
    async with panel() as run:
        await opened(run)
        await add(run, "debian-12.iso")
        await given(run, 1)
        first = machine(run)
        assert first.usb is not None
        await first.usb.detach_all()
        first.driver.closed(None)
        await shown(run, "Connection lost")
        assert plugged.closed == 1
        run.type(b"\r")
        await run.until(lambda: run.client is not first and service(run).client is run.client)
        await shown(run, "not given CD debian-12.iso", "0 of 2")
        run.type(b" ")
        await given(run, 1)


# --- this computer's devices


async def test_a_device_is_given_and_taken_back_by_mouse(plugged: Plugged, made: list[ScriptedDevice]) -> None:
    async with panel() as run:
        await opened(run)
        await shown(run, "free      DataTraveler 3.0", "used here", "no access CanoScan LiDE 210")
        await click(run, "DataTraveler")
        await shown(run, "0951:1604 at 1-4, high speed: storage")
        await click(run, "Give to the machine")
        await shown(run, "in use    DataTraveler 3.0")
        assert made[0].opened == 1
        await click(run, "Take back")
        await shown(run, "free      DataTraveler 3.0")
        await run.until(lambda: made[0].closed == 1)


async def test_what_is_used_here_needs_a_yes(plugged: Plugged, made: list[ScriptedDevice]) -> None:
    async with panel() as run:
        await opened(run)
        await choose(run, "Portable")
        run.type(b" ")
        await shown(run, "mounted at /home/user/backup. Give it", "Yes", "No")
        run.type(b"n")
        await gone(run, "Give it")
        assert not made
        run.type(b" ")
        await click(run, "Yes")
        await shown(run, "in use    Portable SSD T7")
        assert len(made) == 1


async def test_what_may_not_be_given_says_why(plugged: Plugged, made: list[ScriptedDevice]) -> None:
    async with panel() as run:
        await opened(run)
        await choose(run, "Keyboard")
        run.type(b" ")
        await shown(run, "is not redirected: it is the keyboard that you")
        assert not made
        await choose(run, "CanoScan")
        await shown(run, "udev")


async def test_the_servers_filter_and_the_guests_refusal(plugged: Plugged, made: list[ScriptedDevice]) -> None:
    async with panel(filter="0xff,-1,-1,-1,0|-1,-1,-1,-1,1") as run:
        await opened(run)
        await shown(run, "The server allows: 0xff,-1,-1,-1,0|-1,-1,-1,-1,1")
        machine(run).refuse = {0, 1}
        await choose(run, "DataTraveler")
        run.type(b" ")
        await shown(run, "refused   DataTraveler", "the guest refuses the device")
        assert made[0].closed == 1
        machine(run).refuse.clear()
        run.type(b" ")
        await shown(run, "in use    DataTraveler")
        await gone(run, "the guest refuses")
        assert made[1].host is not None
        made[1].host.gone("the device was unplugged")
        await shown(run, "lost: the device was unplugged")


async def test_devices_come_and_go(plugged: Plugged, made: list[ScriptedDevice]) -> None:
    settings = {"usb_auto_connect": "0x08,-1,-1,-1,1", "usb_redirect": "0xff,-1,-1,-1,1"}
    async with panel(settings=settings) as run:
        await shown(run, "CanoScan LiDE 210 stays")
        await run.until(lambda: service(run)._watch is not None)
        new = listed("New stick", 9)
        plugged.plug(new)
        await run.until(lambda: "USB 1" in status(run.terminal))
        await opened(run)
        await shown(run, "in use    New stick")
        assert made[0].host is not None
        made[0].host.gone("unplugged")
        plugged.unplug(new)
        await gone(run, "New stick")
        await run.until(lambda: "USB 1" not in status(run.terminal))


async def test_without_the_optional_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_hotplug, "Hotplug", Plugged(UsbError("install spicetui[usb]")))
    async with panel() as run:
        await opened(run)
        await shown(run, "this computer's devices: install spicetui[usb]")
        await add(run, "debian-12.iso")  # which need none of them
        await given(run, 1)


@pytest.mark.parametrize("slots", [0])
async def test_a_server_without_usb(slots: int, plugged: Plugged) -> None:
    async with panel(slots=slots) as run:
        await run.until_settled()
        run.type(b"\x1du")
        await shown(run, "the server offers no USB redirection")
        await add(run, "debian-12.iso")
        await shown(run, "not given CD debian-12.iso")
        await run.until(lambda: run.app.query_one("#give").disabled)


async def test_a_read_only_session(plugged: Plugged) -> None:
    async with panel(read_only=True) as run:
        await opened(run)
        await add(run, "debian-12.iso")
        await shown(run, "the session is read-only")


# --- its picture


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_its_picture(size: tuple[int, int], plugged: Plugged, made: list[ScriptedDevice]) -> None:
    columns, rows = size
    terminal = Terminal(columns=columns, rows=rows)
    async with panel(terminal=terminal, filter="0xe0,-1,-1,-1,0|-1,-1,-1,-1,1") as run:
        await opened(run)
        await check_panel(run, "usb-first")
        await add(run, "debian-12.iso")
        await given(run, 1)
        machine(run).refuse = {1}
        await choose(run, "DataTraveler")
        run.type(b" ")
        await shown(run, "the guest refuses")
        await check_panel(run, "usb-refused")
        await choose(run, "Portable")
        run.type(b" ")
        await shown(run, "Give it")
        await check_panel(run, "usb-question")
        run.type(b"n")
        await choose(run, "debian")
        await begin(run, "./")
        await run.until(lambda: path_input(run).is_open)
        await check_panel(run, "usb-adding")
