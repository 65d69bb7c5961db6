"""``spicetui usb list|attach``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from ..diagnostics import printable
from ..errors import FeatureMissing, SpiceError, UsbError
from ..interfaces import BaseDriver
from . import usb_auto
from .control import ControlLines
from .exits import OK, UsageError, complain
from .options import add_common, seconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.usb_manager import Attachment
    from ..client import Client
    from ..devices.usb_storage import MassStorage
    from ..interfaces import UsbDevice

#: Of a line from standard input.
MAX_LINE = 8192

USAGE = "list | attach TARGET VID:PID|BUS-ADDR|--disk IMAGE|--cd ISO... [options]"
EPILOG = """\
examples:
  spicetui usb list
  spicetui usb attach localhost:5900 --cd debian.iso
  spicetui usb attach localhost:5900 --disk stick.img --writable
  spicetui usb attach localhost:5900 0951:1666
  spicetui usb attach localhost:5900 1-4 --seconds 60
  spicetui usb attach localhost:5900 --auto-connect

Without --seconds it goes on until it is interrupted; then the guest sees its devices unplugged, and what it has written
is safe. A guest's firmware looks for drives when it starts: to boot from one, attach it and reset the machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=("list", "attach"), help="list: the devices of this computer; attach: give the guest some"
    )
    parser.add_argument("target", metavar="TARGET", nargs="?", help="the machine; spicetui --help lists the forms")
    parser.add_argument(
        "devices",
        metavar="DEVICE",
        nargs="*",
        default=[],
        help="a device of this computer: VID:PID, BUS-ADDRESS or part of a name",
    )
    drives = parser.add_argument_group("drives that files become; each may be given several times")
    drives.add_argument(
        "--disk", dest="drives", metavar="IMAGE", action=Drive, default=[], help="a raw image as a memory stick"
    )
    drives.add_argument("--cd", dest="drives", metavar="ISO", action=Drive, help="an ISO file in a CD or DVD drive")
    drives.add_argument("--writable", action="store_true", help="let the guest write to the images")
    drives.add_argument(
        "--usb3", action="store_true", help="as SuperSpeed devices: several times as fast, for xHCI controllers only"
    )
    drives.add_argument(
        "--control", action="store_true", help="take 'eject N' and 'insert N FILE' from standard input, one a line"
    )
    real = parser.add_argument_group("devices of this computer")
    real.add_argument("--helper", action="store_true", help="open what this user may not with root's help (pkexec)")
    real.add_argument("--yes", action="store_true", help="take a device although this computer seems to use it")
    usb_auto.add_arguments(real)
    parser.add_argument("--seconds", metavar="S", type=seconds, help="end after so many")
    parser.add_argument("--json", action="store_true", help="one JSON object for each device or event")
    add_common(parser)


class Drive(argparse.Action):
    """Keeps disks and CDs in the order that they are given in: the guest's firmware counts them so."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        assert option is not None
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), (option.removeprefix("--"), values)])


def run(arguments: argparse.Namespace) -> int:
    start_log(arguments)
    if arguments.action == "list":
        if arguments.target is not None or arguments.drives:
            raise UsageError("list tells of this computer's devices; it takes no TARGET")
        return list_devices(arguments.json)
    if arguments.target is None:
        raise UsageError("attach needs a TARGET; see spicetui usb --help")
    if arguments.read_only:
        raise UsageError("--read-only keeps devices from being attached; leave it out")
    if not usb_auto.wanted(arguments) and not arguments.devices and not arguments.drives:
        raise UsageError("attach what? name a DEVICE of spicetui usb list, --disk IMAGE or --cd ISO")
    if arguments.writable and not any(kind == "disk" for kind, _ in arguments.drives):
        raise UsageError("--writable is for --disk")
    if arguments.control and not arguments.drives:
        raise UsageError("--control is for --disk and --cd")
    return run_async(attach(arguments))


def list_devices(as_json: bool) -> int:
    from ..devices.usb_real import list_devices

    found = list_devices()
    for one in found:
        if as_json:
            print(json.dumps(one.row()))
            continue
        print(f"{one.location:<8}{one.info.numbers}  {one.state:<20}{printable(one.info.title)}")
        for remark in one.remarks:
            print(f"{'':<19}{printable(remark, 1000)}")
    if not found and not as_json:
        complain("this computer has no USB device that could be redirected")
    return OK


async def attach(arguments: argparse.Namespace) -> int:
    from .session import session

    devices: list[UsbDevice] = []
    try:
        await _open_devices(arguments, devices)
        events = Events(arguments.json, devices)
        events.more_to_come = usb_auto.wanted(arguments)
        async with session(arguments, events, only={"usbredir"}) as client:
            if client.usb is None:
                raise FeatureMissing("the server offers no USB redirection (no usbredir channel)")
            async with (
                _attached(client, devices, arguments.timeout, events),
                usb_auto.connecting(arguments, client.usb, events.add, events.notice) as events.on_slots,
            ):
                with Control(arguments.control, events):
                    await _stay(client, events, arguments.seconds)
    finally:
        for device in devices:  # those that never came to be attached are open all the same
            await device.close()
    for device in devices:
        if lost := getattr(device, "lost", ""):
            raise UsbError(lost)
    return OK


async def _open_devices(arguments: argparse.Namespace, found: list[UsbDevice]) -> None:
    """Checked before anything is connected. Raises UsbError, FeatureMissing."""
    for kind, path in arguments.drives:
        from ..devices.usb_storage import MassStorage

        if kind == "cd":
            drive = MassStorage.cd(path, usb3=arguments.usb3)
        else:
            drive = MassStorage.disk(path, writable=arguments.writable, usb3=arguments.usb3)
        assert drive.medium is not None
        found.append(drive)
        await asyncio.to_thread(drive.medium.open)
    if arguments.devices:
        from ..devices.usb_device import make_device
        from ..devices.usb_real import find_device

        for name in arguments.devices:
            listed = await asyncio.to_thread(find_device, name)
            try:
                found.append(make_device(listed, helper=arguments.helper, confirmed=arguments.yes))
            except UsbError as error:
                final = any(one.final for one in listed.objections)
                raise UsbError(f"{error}{'' if final else '; --yes takes it all the same'}") from None


class Events(BaseDriver):
    """Prints what the guest gets, does and loses."""

    def __init__(self, as_json: bool, devices: list[UsbDevice]) -> None:
        self.as_json = as_json
        self.devices = devices
        self.attachments: list[Attachment] = []
        self.ended = asyncio.Event()  #: no device is left
        self.more_to_come = False
        self.on_slots: Callable[[], None] = lambda: None
        self._told: dict[int, str] = {}
        self._media = {number: _medium_of(device) for number, device in enumerate(devices)}
        for number, device in enumerate(devices):
            if (drive := _drive(device)) is not None:
                drive.on_change = self._medium_changed(number, drive)

    def usb_changed(self) -> None:
        for number, attachment in enumerate(self.attachments):
            if number not in self._told:
                self._told[number] = "attached"  # the guest may be quicker to use it than this is told
                self.tell("attached", number, slot=attachment.slot)
            if self._told[number] != attachment.state:
                self._told[number] = attachment.state
                more = {"reason": attachment.reason} if attachment.ended else {"slot": attachment.slot}
                self.tell(attachment.state.value.replace(" ", "_"), number, **more)
        self.on_slots()
        if self.attachments and not self.more_to_come and all(attachment.ended for attachment in self.attachments):
            self.ended.set()

    def add(self, device: UsbDevice, attachment: Attachment) -> None:
        """One more that a filter gave to the guest."""
        self._media[len(self.devices)] = ""
        self.devices.append(device)
        self.attachments.append(attachment)
        self.usb_changed()

    def _medium_changed(self, number: int, drive: MassStorage) -> Callable[[], None]:
        def changed() -> None:
            self.tell("ejected" if drive.ejected_by_guest else "inserted" if drive.medium else "removed", number)

        return changed

    def tell(self, event: str, number: int, **more: object) -> None:
        device = self.devices[number]
        drive = _drive(device)
        medium = _medium_of(device) or self._media[number]
        self._media[number] = medium
        if self.as_json:
            row = {"event": event, "number": number, "device": device.info.title, **more}
            if drive is not None:
                row |= {"kind": drive.kind.value, "image": medium, "serial": drive.serial}
                row |= {"bytes_read": drive.bytes_read, "bytes_written": drive.bytes_written}
            else:
                row |= {"kind": "device", "location": device.info.location, "id": device.info.numbers}
            print(json.dumps(row), flush=True)
        else:
            name = device.info.title if drive is None else f"{drive.kind} {medium}"
            words = "".join(f", {key} {printable(str(value))}" for key, value in more.items() if value != event)
            print(f"{event.replace('_', ' ')}: {printable(name)}{words}", flush=True)

    def notice(self, text: str) -> None:
        complain(text)


def _drive(device: UsbDevice) -> MassStorage | None:
    storage = sys.modules.get("spicetui.devices.usb_storage")
    return device if storage is not None and isinstance(device, storage.MassStorage) else None


def _medium_of(device: UsbDevice) -> str:
    drive = _drive(device)
    return drive.medium.name if drive is not None and drive.medium is not None else ""


@contextlib.asynccontextmanager
async def _attached(client: Client, devices: list[UsbDevice], timeout: float, events: Events) -> AsyncIterator[None]:
    """All of them, or none; in the end each is taken from the guest and given back."""
    assert client.usb is not None
    try:
        for device in devices:
            attachment = await client.usb.attach(device, timeout)
            events.attachments.append(attachment)
            events.usb_changed()
        yield
    finally:
        await client.usb.detach_all()
        events.usb_changed()


async def _stay(client: Client, events: Events, limit: float | None) -> None:
    """Until the time is over. Raises SpiceError when the session is over before, or every device is lost."""
    over = asyncio.ensure_future(client.wait_closed())
    ended = asyncio.ensure_future(events.ended.wait())
    try:
        await asyncio.wait((over, ended), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()
            raise SpiceError("the server has closed the session")
        if ended.done():
            raise UsbError(events.attachments[-1].reason)
    finally:
        for task in (over, ended):
            task.cancel()
        await asyncio.gather(over, ended, return_exceptions=True)


class Control(ControlLines):
    """Does what standard input says with the media of the drives."""

    def __init__(self, wanted: bool, events: Events) -> None:
        super().__init__(wanted, MAX_LINE)
        self._events = events
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[str] = []

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self._task is not None:
            self._task.cancel()

    def take(self, line: bytes) -> None:
        self._waiting.append(os.fsdecode(line).strip())
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while self._waiting:
            line = self._waiting.pop(0)
            try:
                await self.obey(line)
            except SpiceError as error:
                complain(str(error))
        self._task = None

    async def obey(self, line: str) -> None:
        if not line:
            return
        word, _, rest = line.partition(" ")
        number, _, path = rest.strip().partition(" ")
        devices = self._events.devices
        drive = _drive(devices[int(number)]) if number.isdecimal() and int(number) < len(devices) else None
        if drive is None or word not in ("eject", "insert") or bool(path) is not (word == "insert"):
            raise UsageError(f"{printable(line)!r} is neither 'eject N' nor 'insert N FILE' with the number of a drive")
        if word == "eject":
            await drive.eject()
        else:
            await drive.insert(path.strip(), writable=drive.writable)
