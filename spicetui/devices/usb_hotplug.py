"""USB devices that come and go: the kernel's own messages where there are such, and a look now and then."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Sequence

from ..diagnostics import logger
from ..errors import SpiceError
from .usb_real import Listed, list_devices
from .usb_system import System

log = logger("devices.usb")

#: Seconds from the kernel's message to the look: udev sets the node's rights meanwhile.
SETTLE = 0.4

#: Looks after news: libusb keeps a list of its own, which may come later.
TRIES = 3

#: Seconds between two looks where the kernel sends nothing, as in containers; the list of names is all that is read.
LOOK = 3.0

NETLINK_KOBJECT_UEVENT = 15
KERNEL = 1  #: the group of the kernel's own messages; udev's are another

_MAX_MESSAGE = 16384


def kernel_messages() -> socket.socket | None:
    """Where the kernel tells of devices, None where it does not."""
    try:
        line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)
    except (OSError, AttributeError):
        return None
    try:
        line.bind((0, KERNEL))
    except OSError:
        line.close()
        return None
    return line


def is_about_usb(message: bytes) -> bool:
    """Whether a kernel's message tells of a USB device that came or went."""
    words = message.split(b"\0")
    return words[0].startswith((b"add@", b"remove@")) and b"SUBSYSTEM=usb" in words and b"DEVTYPE=usb_device" in words


def _identity(device: Listed) -> tuple[object, ...]:
    return (device.location, device.info.numbers, device.info.serial)


class Hotplug:
    """Keeps :attr:`devices`, and calls *arrived* and *left* on the event loop for each that comes or goes."""

    def __init__(
        self,
        arrived: Callable[[Listed], None],
        left: Callable[[Listed], None] = lambda device: None,
        *,
        devices: Callable[[], Sequence[Listed]] = list_devices,
        system: System | None = None,
        messages: Callable[[], socket.socket | None] = kernel_messages,
        look: float = LOOK,
        settle: float = SETTLE,
    ) -> None:
        self.devices: list[Listed] = []
        self._arrived = arrived
        self._left = left
        self._list = devices
        self._system = system or System()
        self._messages = messages
        self._look_seconds = look
        self._settle = settle
        self._line: socket.socket | None = None
        self._present: frozenset[str] = frozenset()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> list[Listed]:
        """The devices that are there already; *arrived* is called for none. Raises FeatureMissing and UsbError."""
        self._present = self._system.present()
        self._line = self._messages()
        try:
            self.devices = list(await asyncio.to_thread(self._list))
        except BaseException:
            self._close_line()
            raise
        if self._line is not None:
            asyncio.get_running_loop().add_reader(self._line.fileno(), self._read)
        self._watching = asyncio.ensure_future(self._watch())
        return list(self.devices)

    async def close(self) -> None:
        self._close_line()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None

    def _close_line(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line.fileno())
            self._line.close()
            self._line = None

    def _read(self) -> None:
        assert self._line is not None
        while True:
            try:
                message = self._line.recv(_MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                self._news.set()  # more came than the socket holds
                return
            if not message:
                self._close_line()
                return
            if is_about_usb(message):
                self._news.set()

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._news.wait()
            told = self._news.is_set()
            present = await asyncio.to_thread(self._system.present)
            if not told and present == self._present and sys.platform == "linux":
                continue
            self._present = present
            for _ in range(TRIES if told or sys.platform == "linux" else 1):
                await asyncio.sleep(self._settle)
                self._news.clear()
                if await self._compare():
                    break

    async def _compare(self) -> bool:
        """Whether something is new."""
        try:
            found = list(await asyncio.to_thread(self._list))
        except SpiceError as error:
            log.info("the USB devices cannot be listed: %s", error)
            return False
        before = {_identity(device): device for device in self.devices}
        now = {_identity(device): device for device in found}
        self.devices = found
        for call, devices in (
            (self._left, [before[key] for key in before.keys() - now.keys()]),
            (self._arrived, [now[key] for key in now.keys() - before.keys()]),
        ):
            for device in sorted(devices, key=lambda one: one.location):
                call(device)
        return before.keys() != now.keys()
