"""The usbredir channel: one slot for a USB device of this side in the guest."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..diagnostics import printable
from ..errors import ChannelClosed, FeatureMissing, ProtocolError, SpiceError, UsbError
from ..interfaces import IsoPacket, Transfer, TransferStatus, UsbDevice
from ..protocol import usbfilter
from ..protocol.usbredir import MAX_QUEUED, UsbredirHost
from ..protocol.usbredir_actions import Action, Cancel, Event, Operation, OperationKind, State, Submit
from ..wire.core import Buffer
from ..wire.enums import ChannelType
from .vmc import MESSAGE, SpicevmcChannel

if TYPE_CHECKING:
    from ..session import Session

#: How long the guest has to say hello, and then to refuse a device, seconds.
HELLO_SECONDS = 10.0
REFUSAL_SECONDS = 1.0

VERSION = "spicetui"


class UsbState(StrEnum):
    """Of an attachment, in the order that it goes through them; the last three are ends."""

    OPENING = "opening"  # waiting for the guest and the device
    ATTACHED = "attached"  # offered to the guest, which has not refused it
    IN_USE = "in use"  # a driver of the guest works with it
    REFUSED = "refused"  # by the guest, its filter or the device itself
    DETACHED = "detached"
    LOST = "lost"  # unplugged, or the channel was lost


ENDS = frozenset((UsbState.REFUSED, UsbState.DETACHED, UsbState.LOST))


class Attachment:
    """A device in a slot: what the channel's machine sees of it, and what the device sees of the channel."""

    def __init__(self, channel: UsbredirChannel, device: UsbDevice) -> None:
        self.channel = channel
        self.device = device
        self.state = UsbState.OPENING
        self.reason = ""  #: why it ended
        self.closed = asyncio.Event()  #: ended, and the device is given back
        self._changed = asyncio.Event()

    @property
    def slot(self) -> int:
        return self.channel.key.id

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    def move(self, state: UsbState, reason: str = "") -> None:
        self.state, self.reason = state, reason
        self._changed.set()
        self.channel.session.driver.usb_changed()

    async def wait_in_use(self) -> None:
        """Until a driver of the guest works with the device. Raises UsbError when it ends before."""
        while self.state is not UsbState.IN_USE:
            if self.ended:
                raise UsbError(self.reason)
            await self.wait_changed()

    async def wait_changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def detach(self) -> None:
        """Takes the device away from the guest; on return it is given back to this machine."""
        self.channel.end(self, UsbState.DETACHED, "detached")
        await self.closed.wait()

    # --- as UsbHost

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        self.channel.completed(self, transfer, status, data, length, packets)

    def gone(self, reason: str) -> None:
        self.channel.end(self, UsbState.LOST, reason)


class UsbredirChannel(SpicevmcChannel):
    """One slot; ``client.usb`` manages all of them."""

    TYPE = ChannelType.USBREDIR

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.host = UsbredirHost(VERSION)
        self.attachment: Attachment | None = None
        self.last: Attachment | None = None  #: the one that ended here last, for its reason
        self._rules: list[usbfilter.Rule] = []  # of the guest's filter
        self._ready = asyncio.Event()  # the guest's hello, or the channel's end
        self._idle = asyncio.Event()
        self._operating: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._pumping = False
        self._failure: SpiceError | None = None

    @property
    def free(self) -> bool:
        return self.attachment is None and not self.closed and self._failure is None

    @property
    def ready(self) -> bool:
        """The guest's side answers."""
        return self.host.state is not State.OPENING and not self.closed

    @property
    def guest_filter(self) -> str | None:
        """What the server's own configuration allows; None when it has told nothing."""
        return self.host.peer_filter

    # --- attaching

    async def attach(self, device: UsbDevice, timeout: float | None = HELLO_SECONDS) -> Attachment:
        """Offers a device to the guest; a guest that does not refuse it at once may still do so later.

        *timeout* in seconds is for the guest to answer at all, None: no matter when. Raises UsbError with the reason,
        FeatureMissing for a read-only session, ChannelClosed.
        """
        if self.session.options.read_only:
            raise FeatureMissing("the session is read-only: no USB device is attached")
        if self.closed:
            raise ChannelClosed(f"{self.key}: the channel is closed")
        if self.attachment is not None:
            raise UsbError(f"USB slot {self.key.id} is in use")
        attachment = self.attachment = Attachment(self, device)
        self.session.driver.usb_changed()
        try:
            await self._open(attachment, timeout)
        except BaseException as error:
            given_up = not isinstance(error, Exception)
            self.end(attachment, *((UsbState.DETACHED, "given up") if given_up else (UsbState.REFUSED, str(error))))
            await asyncio.shield(attachment.closed.wait())
            raise
        return attachment

    async def _open(self, attachment: Attachment, timeout: float | None) -> None:
        device = attachment.device
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise UsbError(
                f"the guest's USB slot {self.key.id} has not answered for {timeout:g} s: is the machine paused?"
            ) from None
        self._check(attachment)
        if reason := self.forbids(device):  # what the guest would refuse need not be taken into use
            raise UsbError(reason)
        await device.open(attachment)
        self._check(attachment)
        self.host.connect(device)
        attachment.move(UsbState.ATTACHED)
        self._pump()
        try:
            async with asyncio.timeout(REFUSAL_SECONDS):
                while attachment.state is UsbState.ATTACHED:
                    await attachment.wait_changed()
        except TimeoutError:
            pass
        self._check(attachment)

    def _check(self, attachment: Attachment) -> None:
        if attachment.ended:
            raise UsbError(attachment.reason)
        if self.closed:
            raise ChannelClosed(f"{self.key}: the channel is closed")

    def forbids(self, device: UsbDevice) -> str:
        """Why the server's filter does not allow a device here; empty when it does."""
        if not self._rules:
            return ""
        verdict = usbfilter.check(self._rules, device.info, device.interfaces())
        return "" if verdict.allowed else f"the server's USB filter does not allow this device: {verdict.reason}"

    def end(self, attachment: Attachment, state: UsbState, reason: str) -> None:
        """The device is taken from the guest and given back; nothing happens for one that has ended."""
        if attachment.ended:
            return
        if self.attachment is attachment:
            self.attachment, self.last = None, attachment
            self.host.disconnect()
        attachment.move(state, reason)
        task = asyncio.ensure_future(self._give_back(attachment))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self._pump()

    async def _give_back(self, attachment: Attachment) -> None:
        try:
            await attachment.device.close()
        except SpiceError as error:
            self.session.notice(f"{attachment.device.info.title}: {error}")
        except Exception as error:
            self.log.error("closing a device failed", exc_info=error)
        finally:
            attachment.closed.set()

    # --- the machine

    def received(self, data: Buffer) -> Coroutine[Any, Any, None] | None:
        self.host.receive(data)
        self._pump()
        if self._failure is not None:
            raise self._failure
        return None if self._is_idle else self._until_idle()

    @property
    def _is_idle(self) -> bool:
        return self._operating is None and self.host.queued_bytes <= MAX_QUEUED

    async def _until_idle(self) -> None:
        while not self._is_idle and self._failure is None:
            self._idle.clear()
            await self._idle.wait()
        if self._failure is not None:
            raise self._failure

    def completed(
        self,
        attachment: Attachment,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes,
        length: int,
        packets: Sequence[IsoPacket],
    ) -> None:
        if attachment is self.attachment:
            self.host.completed(transfer, status, data, length, packets)
            self._pump()

    def _pump(self) -> None:
        """Does what the machine says, up to an operation of the device that takes time."""
        if self._pumping or self._failure is not None:
            return
        self._pumping = True
        try:
            while self._operating is None and (action := self.host.next_action()) is not None:
                self._act(action)
        except ProtocolError as error:
            self._fail(error)
        finally:
            self._pumping = False
        self._idle.set()
        if self._writing is None and self.host.queued_bytes and not self.closed:
            self._writing = asyncio.ensure_future(self._write_out())

    def _act(self, action: Action) -> None:
        attachment = self.attachment
        if isinstance(action, Event):
            self._on_event(action, attachment)
        elif attachment is None:
            return
        elif isinstance(action, Operation):
            self._operating = asyncio.ensure_future(self._operate(action, attachment.device))
        else:
            try:
                self._transfer(action, attachment.device)
            except Exception as error:
                self.log.error("the device failed", exc_info=error)
                self.end(attachment, UsbState.LOST, f"internal error: {type(error).__name__}: {error}")

    @staticmethod
    def _transfer(action: Submit | Cancel, device: UsbDevice) -> None:
        if isinstance(action, Submit):
            device.submit(action.transfer)
        else:
            device.cancel(action.transfer)

    def _on_event(self, event: Event, attachment: Attachment | None) -> None:
        self.log.info("%s", event.name.lower())
        match event:
            case Event.READY:
                self.log.info("the guest's side is %s", printable(self.host.peer_version))
                self._ready.set()
            case Event.FILTER:
                try:
                    self._rules = usbfilter.parse(self.guest_filter or "")
                except UsbError as error:
                    self._rules = []
                    self.gap("bad filter", printable(str(error)))
            case Event.USED if attachment is not None and attachment.state is UsbState.ATTACHED:
                attachment.move(UsbState.IN_USE)
                return
            case Event.REJECTED if attachment is not None:
                self.end(attachment, UsbState.REFUSED, "the guest refuses the device: its filter or USB controller")
                return
            case Event.FAILED if attachment is not None:
                self.end(attachment, UsbState.LOST, "the device could not be reset")
                return
        self.session.driver.usb_changed()

    async def _operate(self, operation: Operation, device: UsbDevice) -> None:
        status = TransferStatus.SUCCESS
        try:
            match operation.kind:
                case OperationKind.RESET:
                    await device.reset()
                case OperationKind.CLEAR_HALT:
                    await device.clear_halt(operation.number)
                case OperationKind.SET_CONFIGURATION:
                    await device.set_configuration(operation.number)
                case OperationKind.SET_ALT_SETTING:
                    await device.set_alt_setting(operation.number, operation.alt)
        except UsbError as error:
            self.log.info("%s: %s", operation, error)
            status = TransferStatus(error.status) if error.status is not None else TransferStatus.IOERROR
        except Exception as error:
            self.log.error("%s failed", operation, exc_info=error)
            status = TransferStatus.IOERROR
        self._operating = None
        self.host.performed(operation, status)
        self._pump()

    async def _write_out(self) -> None:
        try:
            while not self.closed and (data := self.host.data_to_send()):
                self.compress = not self.host.streams_iso
                view = memoryview(data)
                for at in range(0, len(view), MESSAGE):
                    self.send_data(view[at : at + MESSAGE])
                    await self.drain()
                if self.host.queued_bytes <= MAX_QUEUED:
                    self._pump()
        except ChannelClosed:
            pass  # said by the read loop
        finally:
            self._writing = None

    # --- life

    def _fail(self, error: SpiceError) -> None:
        """The stream is of no use any more, whoever was told."""
        self._failure = error
        self._idle.set()
        if self.attachment is not None:
            self.end(self.attachment, UsbState.LOST, str(error))
        closing = asyncio.ensure_future(self.stream.aclose())  # the read loop ends by it
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def on_linked(self) -> None:
        super().on_linked()
        self._pump()

    async def run(self) -> None:
        try:
            await super().run()
        except ChannelClosed as error:
            if self._failure is not None:
                raise self._failure from None
            self._failure = error
            raise
        except SpiceError as error:
            self._failure = error
            raise
        finally:
            self.closed = True
            self._ready.set()
            if self._operating is not None:
                self._operating.cancel()
            if self._writing is not None:
                self._writing.cancel()
            if self.attachment is not None:
                self.end(self.attachment, UsbState.LOST, str(self._failure or "the session is over"))
            if self._closing:
                await asyncio.wait([*self._closing])
            self.session.driver.usb_changed()
