"""What the channels of the spicevmc kind share: a stream of bytes in messages, compressed where that pays."""

from __future__ import annotations

import socket
from collections.abc import Coroutine
from typing import Any, ClassVar

from lz4.block import LZ4BlockError, compress, decompress

from ..errors import ProtocolError, SpiceError
from ..wire import vmc as wire
from ..wire.core import Buffer
from ..wire.enums import SpicevmcCap
from .base import Channel

#: Bytes of one message that is sent.
MESSAGE = 256 << 10

#: Of one that comes; the server sends at most some 64 KiB.
MAX_MESSAGE = 8 << 20

#: Shorter messages are not worth compressing; and after one that did not shrink, so many are not tried.
COMPRESS_FROM = 1000
SKIP = 31


class SpicevmcChannel(Channel):
    """Subclasses have ``received(data)``."""

    MESSAGES = wire.MESSAGES
    #: Raised for a message that cannot be undone. This one ends the channel: nothing that follows would make sense.
    DAMAGED: ClassVar[type[SpiceError]] = ProtocolError
    CAPS = frozenset((SpicevmcCap.DATA_COMPRESS_LZ4,))

    def __init__(self, session: Any, id: int = 0) -> None:
        super().__init__(session, id)
        self.compress = True  #: off for streams that must not wait
        self._skip = 0
        self._network = True

    def on_linked(self) -> None:
        transport = getattr(self.stream, "transport", None)
        connection = transport.get_extra_info("socket") if transport is not None else None
        self._network = connection is None or connection.family != getattr(socket, "AF_UNIX", None)

    @property
    def compresses(self) -> bool:
        """Whether what is sent is compressed where it pays: not to this machine's own memory."""
        return self.compress and self._network and SpicevmcCap.DATA_COMPRESS_LZ4 in self.channel_caps

    def send_data(self, data: Buffer) -> None:
        """Queues one message."""
        if len(data) >= COMPRESS_FROM and self.compresses:
            if self._skip:
                self._skip -= 1
            else:
                short = compress(data, store_size=False)
                if len(short) < len(data) * 7 // 8:
                    self.send(wire.CompressedData(wire.DataCompressionType.LZ4, len(data), short))
                    return
                self._skip = SKIP
        self.send(wire.Data(data))

    def describe(self, message: Any) -> str:
        """Contents are the user's files as often as not."""
        if isinstance(message, wire.Data):
            return f"Data of {len(message.data)} bytes"
        if isinstance(message, wire.CompressedData):
            return f"CompressedData of {message.uncompressed_size} bytes in {len(message.compressed_data)}"
        return super().describe(message)

    def on_data(self, message: wire.Data) -> Coroutine[Any, Any, None] | None:
        return self.received(message.data)

    def on_compressed_data(self, message: wire.CompressedData) -> Coroutine[Any, Any, None] | None:
        size = message.uncompressed_size
        if message.type == wire.DataCompressionType.NONE:
            return self.received(message.compressed_data)
        if message.type != wire.DataCompressionType.LZ4 or not 0 < size <= MAX_MESSAGE:
            raise self.DAMAGED(f"{self.key}: {size} bytes compressed by method {message.type}")
        try:
            data = decompress(message.compressed_data, uncompressed_size=size)
        except LZ4BlockError as error:
            raise self.DAMAGED(f"{self.key}: LZ4 block: {error}") from None
        if len(data) != size:
            raise self.DAMAGED(f"{self.key}: LZ4 block of {len(data)} bytes that says {size}")
        return self.received(data)

    def received(self, data: Buffer) -> Coroutine[Any, Any, None] | None:
        """What the server's side wrote; a coroutine makes it wait."""
        raise NotImplementedError
