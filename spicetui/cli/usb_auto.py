"""``spicetui usb attach --auto-connect --redirect-on-connect``: devices that a filter gives to the guest."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import UsbError
from ..protocol import usbfilter
from .exits import UsageError

if TYPE_CHECKING:
    from ..channels.usb_manager import Attachment, Usb
    from ..interfaces import UsbDevice


def add_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--auto-connect",
        metavar="FILTER",
        nargs="?",
        const=usbfilter.AUTO_CONNECT,
        help=f"give the guest what is plugged in later and FILTER allows; without one {usbfilter.AUTO_CONNECT}",
    )
    group.add_argument(
        "--redirect-on-connect",
        metavar="FILTER",
        help="give it what is plugged in already and FILTER allows, as long as there are slots; rules of "
        "class,vendor,product,version,allow with | between them, -1 is any",
    )


def wanted(arguments: argparse.Namespace) -> bool:
    """Raises UsageError for a filter that is none."""
    filters = [text for text in (arguments.auto_connect, arguments.redirect_on_connect) if text is not None]
    for text in filters:
        try:
            usbfilter.parse(text)
        except UsbError as error:
            raise UsageError(str(error)) from None
    return bool(filters)


class Slots:
    """The guest's, and whoever wants to know what came into them."""

    def __init__(self, usb: Usb, attached: Callable[[UsbDevice, Attachment], None]) -> None:
        self._usb = usb
        self._attached = attached

    @property
    def free_slots(self) -> Sequence[object]:
        return self._usb.free_slots

    async def attach(self, device: UsbDevice) -> Attachment:
        attachment = await self._usb.attach(device)
        self._attached(device, attachment)
        return attachment


@contextlib.asynccontextmanager
async def connecting(
    arguments: argparse.Namespace,
    usb: Usb,
    attached: Callable[[UsbDevice, Attachment], None],
    notice: Callable[[str], None],
) -> AsyncIterator[Callable[[], None]]:
    """While it lasts, devices go to the guest by the filters; to be called when a slot has changed."""
    if not wanted(arguments):
        yield lambda: None
        return
    from ..devices.usb_autoconnect import AutoConnect

    auto = AutoConnect(
        Slots(usb, attached),
        notice,
        auto_connect=arguments.auto_connect,
        redirect_on_connect=arguments.redirect_on_connect,
        helper=arguments.helper,
    )
    await auto.start()
    try:
        yield auto.slots_changed
    finally:
        await auto.close()
