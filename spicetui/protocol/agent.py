"""The agent's messages inside the main channel's agent data: chunks, tokens and bounds, free of I/O.

Either side may send as many chunks as it was given tokens.  A message begins in a chunk of its own, since the server
reads no further header in a chunk; what comes from the agent is a plain stream of bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct

from ..errors import ProtocolError
from ..wire.agent import PROTOCOL
from ..wire.core import Buffer

HEADER = Struct("<IIQI")  #: protocol, type, opaque, size

#: Bytes of one chunk; the server refuses larger ones.
CHUNK = 2048

#: Chunks that the server may send ahead, and how many are used up before it gets new tokens.
WINDOW = 512
RENEW = 128

#: Of a message whose type has no bound of its own, bytes.
MAX_BODY = 64 << 10

#: No more tokens are kept, whatever the server gives.
MAX_TOKENS = 0xFFFF_FFFF


@dataclass(slots=True)
class AgentBody:
    """A whole message of the agent."""

    number: int
    body: bytearray


@dataclass(slots=True)
class Refused:
    """A message that is passed over, and why; said as soon as its header has come."""

    number: int
    size: int
    reason: str


class AgentMachine:
    """One agent's connection after the other; *limits*: bytes of a body, by message number."""

    def __init__(self, limits: Mapping[int, int] | None = None) -> None:
        self.limits = dict(limits or {})
        self.tokens = 0  #: chunks that may be sent now
        self.queued = 0  #: bytes that wait for tokens
        self._out: deque[tuple[bool, memoryview]] = deque()  # whether a message begins with that chunk
        self._used = 0
        self._reset_in()

    def _reset_in(self) -> None:
        self._header = bytearray()
        self._number = 0
        self._left = 0
        self._body: bytearray | None = None

    def reset(self) -> list[memoryview]:
        """The agent has gone or is a new one: half a message on either side is of no use.

        What is returned has to be sent at once, before the next agent is started, and takes no tokens.  The reference
        server throws it away, but does not see the next message's beginning before the end of one that has begun.
        """
        rest = []
        while self._out and not self._out[0][0]:
            rest.append(self._out.popleft()[1])
        self._out.clear()
        self.queued = 0
        self._used = 0
        self._reset_in()
        return rest

    # --- sending

    def give(self, tokens: int) -> None:
        """The server allows so many more chunks."""
        self.tokens = min(self.tokens + tokens, MAX_TOKENS)

    def send(self, number: int, body: Buffer) -> None:
        """Queues a message. Raises ProtocolError for one that no header can hold."""
        if len(body) > 0xFFFF_FFFF:
            raise ProtocolError(f"an agent message of {len(body)} bytes is too large")
        view = memoryview(HEADER.pack(PROTOCOL, number, 0, len(body)) + bytes(body))
        for at in range(0, len(view), CHUNK):
            self._out.append((at == 0, view[at : at + CHUNK]))
        self.queued += len(view)

    def data_to_send(self) -> Iterator[memoryview]:
        """The chunks that may go now."""
        while self._out and self.tokens:
            self.tokens -= 1
            _, chunk = self._out.popleft()
            self.queued -= len(chunk)
            yield chunk

    # --- receiving

    def used(self) -> int:
        """Counts a chunk of the server's; how many new tokens it is to get, mostly 0."""
        self._used += 1
        if self._used < RENEW:
            return 0
        renewed, self._used = self._used, 0
        return renewed

    def receive(self, data: Buffer) -> Iterator[AgentBody | Refused]:
        """The messages that *data* completes."""
        view = memoryview(data)
        while len(view):
            if len(self._header) < HEADER.size:
                need = HEADER.size - len(self._header)
                self._header += view[:need]
                view = view[need:]
                if len(self._header) < HEADER.size:
                    return
                protocol, self._number, _, self._left = HEADER.unpack(self._header)
                self._body = bytearray()
                if reason := self._refusal(protocol):
                    self._body = None
                    yield Refused(self._number, self._left, reason)
            taken = view[: self._left]
            if self._body is not None:
                self._body += taken
            self._left -= len(taken)
            view = view[len(taken) :]
            if not self._left:
                number, body = self._number, self._body
                self._reset_in()
                if body is not None:
                    yield AgentBody(number, body)

    def _refusal(self, protocol: int) -> str:
        limit = self.limits.get(self._number, MAX_BODY)
        if protocol != PROTOCOL:
            return f"protocol {protocol} is not known"
        if self._left > limit:
            return f"{self._left} bytes, at most {limit} are taken"
        return ""
