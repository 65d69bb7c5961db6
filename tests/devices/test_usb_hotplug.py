"""Devices that come and go, and those that go to the guest by themselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from spicetui.devices import usb_real
from spicetui.devices.usb_autoconnect import AutoConnect
from spicetui.devices.usb_hotplug import Hotplug, is_about_usb
from spicetui.devices.usb_real import Listed
from spicetui.errors import UsbError
from spicetui.interfaces import UsbDevice
from spicetui.protocol.usbfilter import AUTO_CONNECT

from .fake_pyusb import FakeBackend
from .fake_sys import FakeSystem
from .usb_host import device_of
from .usb_models import Keyboard, Model, Serial, Sound, Storage

SECONDS = 60.0
ADDED = b"add@/devices/pci/usb1/1-4\0ACTION=add\0DEVPATH=/devices\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0SEQNUM=1\0"


def test_only_the_kernels_words_about_usb_devices_count() -> None:
    assert is_about_usb(ADDED)
    assert is_about_usb(ADDED.replace(b"add@", b"remove@"))
    assert not is_about_usb(ADDED.replace(b"add@", b"bind@"))
    assert not is_about_usb(ADDED.replace(b"usb_device", b"usb_interface"))
    assert not is_about_usb(ADDED.replace(b"SUBSYSTEM=usb", b"SUBSYSTEM=block"))
    assert not is_about_usb(b"")


class Machine:
    """Whose devices come and go; *told* by messages as a kernel's, else they have to be looked for."""

    def __init__(self, root: Path, told: bool) -> None:
        self.fake = FakeSystem(root)
        self.backend = FakeBackend([])
        self.theirs: socket.socket | None = None
        self.told = told
        self.listings = 0

    def plug(self, model: Model) -> None:
        self.fake.plug(model)
        self.backend.models.append(model)
        self.tell()

    def unplug(self, model: Model) -> None:
        self.fake.unplug(model)
        model.unplug()
        self.tell()

    def tell(self) -> None:
        if self.theirs is not None:
            self.theirs.send(ADDED)

    def messages(self) -> socket.socket | None:
        if not self.told:
            return None
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        return ours

    def list(self) -> list[Listed]:
        self.listings += 1
        return usb_real.list_devices(self.backend, self.fake.system)

    def hotplug(self, arrived: Callable[[Listed], None], left: Callable[[Listed], None]) -> Hotplug:
        return Hotplug(
            arrived,
            left,
            devices=self.list,
            system=self.fake.system,
            messages=self.messages,
            look=3600 if self.told else 0.01,
            settle=0,
        )

    def close(self) -> None:
        if self.theirs is not None:
            self.theirs.close()


@pytest.fixture(params=[True, False], ids=["told", "looking"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, request.param)
    yield made
    made.close()


async def test_devices_that_come_and_go_are_told_once(machine: Machine) -> None:
    stick, serial = Storage(bytearray(512)), Serial(address=5)
    machine.plug(stick)
    news: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    hotplug = machine.hotplug(
        lambda one: news.put_nowait(("came", one.location)), lambda one: news.put_nowait(("left", one.location))
    )
    assert [one.location for one in await hotplug.start()] == ["1-2"]
    try:
        machine.plug(serial)
        assert await asyncio.wait_for(news.get(), SECONDS) == ("came", "1-5")
        machine.unplug(stick)
        assert await asyncio.wait_for(news.get(), SECONDS) == ("left", "1-2")
        assert [one.location for one in hotplug.devices] == ["1-5"]
    finally:
        await hotplug.close()
        await hotplug.close()
    assert news.empty()


async def test_another_device_in_the_same_place_is_one_that_left_and_one_that_came(tmp_path: Path) -> None:
    machine = Machine(tmp_path, told=True)
    stick = Storage(bytearray(512))
    machine.plug(stick)
    news: list[str] = []
    done = asyncio.Event()

    def came(one: Listed) -> None:
        news.append(f"came {one.info.numbers}")
        done.set()

    hotplug = machine.hotplug(came, lambda one: news.append(f"left {one.info.numbers}"))
    await hotplug.start()
    machine.fake.unplug(stick)
    stick.plugged = False
    machine.plug(Serial())
    await asyncio.wait_for(done.wait(), SECONDS)
    await hotplug.close()
    machine.close()
    assert news == ["left 0951:1666", "came 0403:6001"]


# --- auto-connect


class Slots:
    """As client.usb, with *count* slots."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.attached: asyncio.Queue[str] = asyncio.Queue()
        self.used = 0
        self.changed: Callable[[], None] = lambda: None

    @property
    def free_slots(self) -> list[int]:
        return list(range(self.used, self.count))

    async def attach(self, device: UsbDevice) -> str:
        if self.used >= self.count:
            raise UsbError("all slots are in use")
        self.used += 1
        self.attached.put_nowait(device.info.location)
        return device.info.location


@asynccontextmanager
async def connecting(
    machine: Machine, slots: Slots, auto_connect: str | None = AUTO_CONNECT, redirect_on_connect: str | None = None
) -> AsyncIterator[asyncio.Queue[str]]:
    notices: asyncio.Queue[str] = asyncio.Queue()

    def make(listed: Listed) -> UsbDevice:
        (model,) = [one for one in machine.backend.models if f"{one.bus}-{one.address}" == listed.location]
        return device_of(model, "usb1")

    auto = AutoConnect(
        slots,
        notices.put_nowait,
        auto_connect=auto_connect,
        redirect_on_connect=redirect_on_connect,
        make=make,
        hotplug=machine.hotplug,
    )
    await auto.start()
    slots.changed = auto.slots_changed
    try:
        yield notices
    finally:
        await auto.close()


async def test_what_is_plugged_in_goes_to_the_guest_but_no_keyboard(machine: Machine) -> None:
    machine.plug(Storage(bytearray(512)))  # there already: stays
    slots = Slots(4)
    async with connecting(machine, slots) as notices:
        machine.plug(Keyboard(address=8))
        machine.plug(Serial(address=9))
        assert await asyncio.wait_for(slots.attached.get(), SECONDS) == "1-9"
        assert await asyncio.wait_for(notices.get(), SECONDS) == "FTDI FT232R �[31mUART was given to the guest"
    assert slots.attached.empty()
    assert notices.empty()


async def test_what_is_there_at_first_goes_by_its_own_filter_as_slots_come_up(machine: Machine) -> None:
    for model in (Storage(bytearray(512)), Serial(address=5), Storage(bytearray(512), address=6)):
        machine.plug(model)
    slots = Slots(1)
    async with connecting(machine, slots, auto_connect=None, redirect_on_connect="8,-1,-1,-1,1"):
        assert await asyncio.wait_for(slots.attached.get(), SECONDS) == "1-2"
        slots.count = 4
        slots.changed()
        assert await asyncio.wait_for(slots.attached.get(), SECONDS) == "1-6"
    assert slots.attached.empty()


async def test_what_the_filter_allows_and_this_machine_uses_stays_with_a_word(machine: Machine) -> None:
    async with connecting(machine, Slots(4), auto_connect="-1,-1,-1,-1,1") as notices:
        machine.plug(Keyboard())
        assert "stays here: it is a keyboard" in await asyncio.wait_for(notices.get(), SECONDS)


async def test_a_device_that_finds_no_slot_is_told(machine: Machine) -> None:
    async with connecting(machine, Slots(0)) as notices:
        machine.plug(Serial())
        assert "was not given to the guest: all slots are in use" in await asyncio.wait_for(notices.get(), SECONDS)


async def test_sound_that_would_not_work_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_real, "has_usb1", lambda: False)
    machine = Machine(tmp_path, told=True)
    async with connecting(machine, Slots(4)) as notices:
        machine.plug(Sound())
        assert "needs isochronous transfers" in await asyncio.wait_for(notices.get(), SECONDS)
    machine.close()


def test_a_filter_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(UsbError):
        AutoConnect(Slots(1), print, auto_connect="nonsense")
