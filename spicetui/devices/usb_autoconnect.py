"""Devices that go to the guest by themselves: those that are there at first, and those that are plugged in later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ..diagnostics import printable
from ..errors import SpiceError
from ..interfaces import UsbDevice
from ..protocol import usbfilter
from .usb_device import make_device
from .usb_hotplug import Hotplug
from .usb_real import Listed


class Slots(Protocol):
    """The part of ``client.usb`` that is needed."""

    @property
    def free_slots(self) -> Sequence[object]: ...
    def attach(self, device: UsbDevice) -> Awaitable[object]: ...


class AutoConnect:
    """Filters are as in :mod:`spicetui.protocol.usbfilter`.

    *redirect_on_connect* is for the devices that are there when it starts, one for each slot as they come up;
    *auto_connect* for those that are plugged in later. None switches either off. What this machine uses itself never
    goes by itself. *notice* takes one line for the user for each device that a filter allows.
    """

    def __init__(
        self,
        slots: Slots,
        notice: Callable[[str], None],
        *,
        auto_connect: str | None = usbfilter.AUTO_CONNECT,
        redirect_on_connect: str | None = None,
        helper: bool = False,
        make: Callable[[Listed], UsbDevice] | None = None,
        hotplug: Callable[[Callable[[Listed], None], Callable[[Listed], None]], Hotplug] = Hotplug,
    ) -> None:
        self._slots = slots
        self._notice = notice
        self._later = None if auto_connect is None else usbfilter.parse(auto_connect)
        self._first = None if redirect_on_connect is None else usbfilter.parse(redirect_on_connect)
        self._helper = helper
        self._make = make or (lambda listed: make_device(listed, helper=helper))
        self._hotplug = hotplug(self._on_arrived, self._on_left)
        self._waiting: list[Listed] = []  # for slots to come up
        self._arrived: list[Listed] = []
        self._changed = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    @property
    def devices(self) -> list[Listed]:
        """Those of this machine, kept up to date."""
        return self._hotplug.devices

    async def start(self) -> None:
        """Raises FeatureMissing and UsbError, when the devices of this machine cannot be listed at all."""
        found = await self._hotplug.start()
        if self._first is not None:
            self._waiting = [device for device in found if self._goes(device, self._first)]
        self._working = asyncio.ensure_future(self._work())

    async def close(self) -> None:
        """Watches no more; what is attached stays so."""
        await self._hotplug.close()
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
            self._working = None

    def slots_changed(self) -> None:
        """To be called from the driver's ``usb_changed``: a slot may have come up."""
        self._changed.set()

    def _goes(self, device: Listed, rules: Sequence[usbfilter.Rule]) -> bool:
        """Whether a filter allows it and nothing else speaks against it."""
        if not usbfilter.check(rules, device.info, device.interfaces()).allowed:
            return False
        reasons = [objection.reason for objection in device.objections]
        if not device.permission and not self._helper:
            reasons.append("this user may not open it (see spicetui usb list)")
        if device.description.needs_iso and not device.iso_works:
            reasons.append("it needs isochronous transfers: pip install 'spicetui[usb]'")
        if reasons:
            self._notice(f"{printable(device.info.title)} stays here: {'; '.join(reasons)}")
        return not reasons

    def _on_arrived(self, device: Listed) -> None:
        if self._later is not None and self._goes(device, self._later):
            self._arrived.append(device)
            self._changed.set()

    def _on_left(self, device: Listed) -> None:
        for devices in (self._waiting, self._arrived):
            devices[:] = [one for one in devices if one.location != device.location]

    async def _work(self) -> None:
        while True:
            self._changed.clear()
            while self._arrived:
                await self._attach(self._arrived.pop(0))
            while self._waiting and self._slots.free_slots:
                await self._attach(self._waiting.pop(0))
            await self._changed.wait()

    async def _attach(self, device: Listed) -> None:
        name = printable(device.info.title)
        try:
            await self._slots.attach(self._make(device))
        except SpiceError as error:
            self._notice(f"{name} was not given to the guest: {error}")
        else:
            self._notice(f"{name} was given to the guest")
