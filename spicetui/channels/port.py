"""The port channel: a character device of the guest, such as a serial console, known by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..diagnostics import printable
from ..errors import ChannelClosed, CodecError, FeatureMissing
from ..wire import port as wire
from ..wire import vmc
from ..wire.core import Buffer
from ..wire.enums import ChannelType
from .vmc import SpicevmcChannel

#: Bytes kept of a port that nobody reads, the latest ones: its guest must not wait for a reader that never comes.
UNREAD_BYTES = 64 << 10

#: Bytes that wait for a reader before the guest has to.
WAITING_BYTES = 1 << 20

#: Bytes of one message that is sent.
MESSAGE = 64 << 10


class PortChannel(SpicevmcChannel):
    """``client.ports[name]``. What the guest writes is kept for :meth:`read`, what is written is its input."""

    TYPE = ChannelType.PORT
    MESSAGES = wire.MESSAGES
    DAMAGED = CodecError  # what a port says goes on behind a message that is lost

    def __init__(self, session: Any, id: int = 0) -> None:
        super().__init__(session, id)
        self.name = ""  #: empty until the server has told it
        self.opened = False  #: whether something listens at the other end
        self.dropped_bytes = 0  #: that nobody had read in time
        self._received = bytearray()
        self._reading = False
        self._changed = asyncio.Event()

    # --- for programs

    async def read(self, max_bytes: int = WAITING_BYTES) -> bytes:
        """At least one byte of what the guest writes; empty when the channel is closed.

        From the first call on nothing is dropped: the guest waits for the reader, until :meth:`stop_reading`.
        """
        self._reading = True
        while not self._received:
            if self.closed:
                return b""
            await self._wait()
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        self._changed.set()
        return data

    def stop_reading(self) -> None:
        """Only the latest of what the guest writes is kept again."""
        self._reading = False
        self._changed.set()

    async def write(self, data: Buffer) -> None:
        """Waits until the connection takes more. Raises FeatureMissing when nobody listens, ChannelClosed."""
        self.require_writable()
        view = memoryview(data).cast("B")
        for at in range(0, len(view), MESSAGE):
            self.send_data(view[at : at + MESSAGE])
            await self.drain()

    def send_event(self, event: int = wire.PortEvent.BREAK) -> None:
        """Such as a break on a serial line. Raises as :meth:`write`."""
        self.require_writable()
        if event < wire.PortEvent.BREAK:
            raise ValueError("a port's state is told by the server alone")
        self.send(wire.SendEvent(event))

    async def wait_opened(self) -> None:
        """Until somebody listens at the other end. Raises ChannelClosed."""
        while not self.opened:
            if self.closed:
                raise ChannelClosed(f"{self.key}: closed before anybody listened")
            await self._wait()

    def require_writable(self) -> None:
        if self.session.options.read_only:
            raise FeatureMissing("the session is read-only: nothing is sent to the guest's ports")
        if self.closed:
            raise ChannelClosed(f"{self.key}: the channel is closed")
        if not self.opened:
            raise FeatureMissing(f"nobody in the guest listens on the port {printable(self.name)}")

    async def _wait(self) -> None:
        # Each who waits looks again after any change.
        self._changed.clear()
        await self._changed.wait()

    # --- sending

    def describe(self, message: Any) -> str:
        """Contents are passwords as often as not."""
        if isinstance(message, (vmc.Data, vmc.CompressedData)):
            return f"{type(message).__name__} for {printable(self.name)}"
        return super().describe(message)

    # --- messages

    def on_init(self, message: wire.Init) -> None:
        self.name = message.name.decode("utf-8", "replace")
        self._set_opened(bool(message.opened), tell=True)

    def on_event(self, message: wire.Event) -> None:
        if message.event in (wire.PortEvent.OPENED, wire.PortEvent.CLOSED):
            self._set_opened(message.event == wire.PortEvent.OPENED)
        else:
            self.log.info("port event %d", message.event)

    def _set_opened(self, opened: bool, tell: bool = False) -> None:
        if opened != self.opened or tell:
            self.opened = opened
            self._changed.set()
            self.opened_changed()
            self.session.driver.port_opened(self.name, opened)

    def opened_changed(self) -> None:
        """Before the driver is told."""

    def received(self, data: Buffer) -> Coroutine[Any, Any, None] | None:
        """What the guest wrote; a coroutine makes the guest wait."""
        if not self.opened:
            self._set_opened(True)
        self._received += data
        self._changed.set()
        if not self._reading:
            self._drop()
        elif len(self._received) > WAITING_BYTES:
            return self._until_read()
        return None

    def _drop(self) -> None:
        excess = len(self._received) - UNREAD_BYTES
        if excess > 0:
            del self._received[:excess]
            self.dropped_bytes += excess

    async def _until_read(self) -> None:
        while len(self._received) > WAITING_BYTES:
            if not self._reading:
                self._drop()
                return
            await self._wait()

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            was_opened, self.opened = self.opened, False
            self._changed.set()
            if was_opened:
                self.opened_changed()
                self.session.driver.port_opened(self.name, False)
