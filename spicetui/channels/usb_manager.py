"""``client.usb``: every slot for USB devices in the guest, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..diagnostics import printable
from ..errors import FeatureMissing, SpiceError, UsbError
from ..interfaces import DeviceInfo, InterfaceInfo, UsbDevice
from ..protocol import usbfilter
from ..wire.enums import ChannelType
from .usbredir import HELLO_SECONDS, Attachment, UsbredirChannel, UsbState

if TYPE_CHECKING:
    from ..session import Session


class Described(Protocol):
    """What filters look at: the part of a UsbDevice, or of a list's entry, that says what it is."""

    @property
    def info(self) -> DeviceInfo: ...
    def interfaces(self) -> Sequence[InterfaceInfo]: ...


D = TypeVar("D", bound=Described)
U = TypeVar("U", bound=UsbDevice)


def allowed(devices: Iterable[D], filter: str) -> list[D]:
    """Those that *filter* allows, in their order. Raises UsbError for a filter that is none."""
    rules = usbfilter.parse(filter)
    return [device for device in devices if usbfilter.check(rules, device.info, device.interfaces()).allowed]


class Usb:
    """The slots of one session. The driver's ``usb_changed`` says that something here is new."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def slots(self) -> list[UsbredirChannel]:
        """In order; each holds one device. Those whose channel was lost are ``closed``."""
        return [c for _, c in sorted(self._session.channels.items()) if isinstance(c, UsbredirChannel)]

    @property
    def free_slots(self) -> list[UsbredirChannel]:
        """Those whose guest's side answers come first."""
        return sorted((slot for slot in self.slots if slot.free), key=lambda slot: not slot.ready)

    @property
    def attachments(self) -> list[Attachment]:
        """What is in the slots now."""
        return [slot.attachment for slot in self.slots if slot.attachment is not None]

    def attachment(self, device: UsbDevice) -> Attachment | None:
        """Where a device is attached, if it is."""
        return next((found for found in self.attachments if found.device is device), None)

    async def attach(self, device: UsbDevice, timeout: float | None = HELLO_SECONDS) -> Attachment:
        """Gives a device to the guest, in any free slot; on return the guest has it or has at least not refused it.

        *timeout* in seconds is for a guest that does not answer, as QEMU does not while the machine is paused (None:
        wait for it). Raises UsbError with the reason (no slot is free, the
        filter of the server or the guest's controller refuses it, it cannot be opened), FeatureMissing for a read-only
        session, ChannelClosed. Then the device has been given back.
        """
        if self.attachment(device) is not None:
            raise UsbError(f"{printable(device.info.title)} is attached already")
        free = self.free_slots
        if not free:
            raise UsbError(self._why_full())
        slot = next((slot for slot in free if not slot.forbids(device)), free[0])  # each may have a filter of its own
        return await slot.attach(device, timeout)

    def _why_full(self) -> str:
        used = len(self.attachments)
        lost = sum(slot.closed for slot in self.slots)
        text = f"all {used} USB slots of the guest are in use" if used else "the guest has no USB slot"
        if lost:
            text += f", {lost} more were lost"
        return f"{text}: detach a device, or give the guest more (-device usb-redir)"

    async def detach(self, device: UsbDevice) -> None:
        """Takes a device back from the guest. Nothing happens for one that is not attached."""
        if (found := self.attachment(device)) is not None:
            await found.detach()

    async def redirect(
        self, devices: Iterable[U], filter: str = usbfilter.AUTO_CONNECT
    ) -> list[tuple[U, Attachment | SpiceError]]:
        """Attaches what *filter* allows, as far as there are slots; for each that was tried what has come of it.

        This is what auto-connect does with a device that was plugged in, and redirect-on-connect with all at first.
        """
        tried: list[tuple[U, Attachment | SpiceError]] = []
        for device in allowed(devices, filter):
            if not self.free_slots:
                break
            if self.attachment(device) is not None:
                continue
            try:
                tried.append((device, await self.attach(device)))
            except FeatureMissing:
                raise
            except SpiceError as error:
                tried.append((device, error))
        return tried

    async def detach_all(self) -> None:
        for attachment in self.attachments:
            await attachment.detach()


def find(session: Session) -> Usb | None:
    """None when the server offers no USB channel."""
    offered = any(key.type is ChannelType.USBREDIR for key in session.channels)
    return Usb(session) if offered else None


__all__ = ["Attachment", "Usb", "UsbState", "allowed", "find"]
