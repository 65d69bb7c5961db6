"""A guest with an agent for the tests of commands: runs in the server's thread, answers as spice-vdagent does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peer.fake_agent import LINUX
from peer.fake_server import MAIN, session_init

from spicetui.protocol.agent import MAX_TOKENS, AgentBody, AgentMachine
from spicetui.wire import agent, main
from spicetui.wire.enums import ChannelType, ClipboardFormat, ClipboardSelection, FileXferResult

from .server import Connection, Server

Contents = Mapping[tuple[ClipboardSelection, ClipboardFormat], bytes]


class Guest:
    """*has*: its clipboard; *pastes*: how often it asks for what the client offers; *copies*: it copies
    something when the client has; *copies_later*: text that it copies once it runs; *refuses*: results by file name.
    """

    def __init__(
        self,
        has: Contents | None = None,
        *,
        caps: frozenset[int] = LINUX,
        pastes: int = 1,
        copies: bool = False,
        copies_later: bytes | None = None,
        refuses: Mapping[str, int] | None = None,
    ) -> None:
        self.has = dict(has or {})
        self.caps = caps
        self.pastes = pastes
        self.copies = copies
        self.copies_later = copies_later
        self.refuses = dict(refuses or {})
        self.got: dict[tuple[int, int], bytes] = {}  #: what it has pasted
        self.files: dict[str, bytes] = {}
        self._coming: dict[int, tuple[str, int]] = {}

    def serve(self, folder: Path, *, connected: bool = True) -> Server:
        init = session_init(agent_connected=int(connected), agent_tokens=10)
        return Server(folder, greetings={ChannelType.MAIN: self.greet}, channels=(MAIN,), init=init)

    def greet(self, connection: Connection) -> None:
        self._in = AgentMachine(dict.fromkeys(range(32), 1 << 28))
        self._out = AgentMachine()
        self._out.give(MAX_TOKENS)
        answer = connection.answer

        def hear(message: Any) -> None:
            answer(message)
            if isinstance(message, main.AgentData):
                connection.send(main.AgentToken(1))
                for event in self._in.receive(message.data):
                    assert isinstance(event, AgentBody)
                    kind = agent.MESSAGES.from_client[event.number]
                    self._hear(connection, agent.read(kind, event.body, self.caps))

        connection.answer = hear  # type: ignore[method-assign]

    def _say(self, connection: Connection, *messages: Any) -> None:
        for message in messages:
            self._out.send(agent.MESSAGES.server_number[type(message)], agent.write(message, self.caps))
        connection.send(*(main.AgentData(bytes(chunk)) for chunk in self._out.data_to_send()))

    def _hear(self, connection: Connection, message: Any) -> None:
        match message:
            case agent.AnnounceCapabilities():
                self._say(connection, agent.AnnounceCapabilities(0, agent.cap_words(self.caps)))
                if self.copies_later is not None:
                    self.has[ClipboardSelection.CLIPBOARD, ClipboardFormat.TEXT] = self.copies_later
                    self._say(connection, agent.ClipboardGrab(ClipboardSelection.CLIPBOARD, 0, [1]))
            case agent.ClipboardRequest():
                data = self.has.get((ClipboardSelection(message.selection), ClipboardFormat(message.type)))
                kind = ClipboardFormat.NONE if data is None else message.type
                self._say(connection, agent.Clipboard(message.selection, kind, data or b""))
            case agent.ClipboardGrab() if self.copies:
                self._say(connection, agent.ClipboardGrab(message.selection, message.serial + 1, [1]))
            case agent.ClipboardGrab():
                request = agent.ClipboardRequest(message.selection, message.types[0])
                self._say(connection, *[request] * self.pastes)
            case agent.Clipboard():
                self.got[message.selection, message.type] = bytes(message.data)
            case agent.FileXferStart():
                text = bytes(message.data).decode()
                name, size = (text.split(key + "=")[1].split("\n")[0] for key in ("name", "size"))
                result = self.refuses.get(name, FileXferResult.CAN_SEND_DATA)
                self._coming[message.id] = (name, int(size))
                self._say(connection, agent.FileXferStatus(message.id, result, b""))
            case agent.FileXferData():
                name, whole = self._coming[message.id]
                self.files[name] = self.files.get(name, b"") + bytes(message.data)
                if len(self.files[name]) == whole:
                    self._say(connection, agent.FileXferStatus(message.id, FileXferResult.SUCCESS, b""))
