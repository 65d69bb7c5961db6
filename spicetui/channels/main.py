"""The main channel: the session's identity, the list of channels, mouse mode, agent presence, the clock."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from ..agent.hub import Agent
from ..errors import FeatureMissing
from ..interfaces import ChannelKey, ClipboardFormat, ClipboardSelection, Driver, Monitor
from ..wire import main as wire
from ..wire.core import Buffer
from ..wire.enums import ChannelType, MainCap, MouseMode
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session


class Main(Channel):
    TYPE = ChannelType.MAIN
    MESSAGES = wire.MESSAGES
    CAPS = frozenset((MainCap.NAME_AND_UUID, MainCap.AGENT_CONNECTED_TOKENS))
    IGNORED: ClassVar[dict[type, str]] = {
        wire.MigrateCancel: "no migration is ever under way",
        wire.MigrateDstSeamlessAck: "seamless migration is not announced",
        wire.MigrateDstSeamlessNack: "seamless migration is not announced",
    }

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.init: asyncio.Future[wire.Init] = asyncio.get_running_loop().create_future()
        self.channel_list: asyncio.Future[list[ChannelKey]] = asyncio.get_running_loop().create_future()
        self.name = ""
        self.uuid: uuid.UUID | None = None
        self.supported_mouse_modes = MouseMode(0)
        self.mouse_mode = MouseMode.SERVER
        self.agent = Agent(self)

    def set_mouse_mode(self, mode: MouseMode) -> None:
        """Asks the server for a mouse mode. Raises FeatureMissing when it does not offer it now."""
        if not mode & self.supported_mouse_modes:
            raise FeatureMissing(f"the server does not offer {mode.name} mouse mode now")
        self.send(wire.MouseModeRequest(mode))

    # --- the guest agent, for programs

    @property
    def agent_connected(self) -> bool:
        return self.agent.connected

    @property
    def agent_caps(self) -> frozenset[int]:
        """What the guest agent says that it can do (AgentCap); empty before it has."""
        return self.agent.caps

    async def wait_agent(self, timeout: float) -> None:
        """Until the guest agent has told what it can do. Raises FeatureMissing without one, AgentError."""
        await self.agent.wait_ready(timeout)

    def grab_clipboard(self, selection: ClipboardSelection, types: Iterable[ClipboardFormat]) -> None:
        """Offers something to the guest, which the driver's ``clipboard_fetch`` then gives.

        It is offered again to an agent that restarts. Raises AgentError without an agent, FeatureMissing.
        """
        self.agent.clipboard.grab(selection, types)

    def release_clipboard(self, selection: ClipboardSelection) -> None:
        """Offers nothing more."""
        self.agent.clipboard.release(selection)

    async def request_clipboard(
        self, selection: ClipboardSelection, format: ClipboardFormat, timeout: float = 30.0
    ) -> bytes:
        """What the guest has in its clipboard; text as UTF-8 with ``\\n``. Raises AgentError, FeatureMissing."""
        return await self.agent.clipboard.request(selection, format, timeout)

    def set_monitors(self, monitors: Sequence[Monitor]) -> None:
        """Asks the guest for these monitors, and every agent that comes later. Raises AgentError, FeatureMissing."""
        self.agent.monitors.set(monitors)

    def set_display_effects(
        self, *, wallpaper: bool = True, font_smooth: bool = True, animation: bool = True, depth: int = 0
    ) -> None:
        """Asks the guest to do without effects that cost bandwidth. Raises AgentError, FeatureMissing."""
        self.agent.display_effects.set(wallpaper=wallpaper, font_smooth=font_smooth, animation=animation, depth=depth)

    def set_guest_volume(self, volumes: Sequence[int], *, muted: bool = False, microphone: bool = False) -> None:
        """Sets the guest's mixer, its loudspeaker's or its *microphone*'s; one volume for each channel, 65535 is full.

        What the guest sets itself comes as the driver's ``volume_changed``. Raises AgentError, FeatureMissing.
        """
        self.agent.volume.set(volumes, muted=muted, microphone=microphone)

    # --- the guest agent's way to the server

    @property
    def driver(self) -> Driver:
        return self.session.driver

    @property
    def read_only(self) -> bool:
        return self.session.options.read_only

    def notice(self, text: str) -> None:
        self.session.notice(text)

    def start_agent(self, tokens: int) -> None:
        self.send(wire.AgentStart(tokens))

    def give_agent_tokens(self, tokens: int) -> None:
        self.send(wire.AgentToken(tokens))

    def send_agent_data(self, chunks: Iterable[Buffer]) -> None:
        if self.closed:
            return
        for chunk in chunks:
            self.machine.send_body(wire.AgentData, chunk)
        self._flush()

    # --- messages

    def on_init(self, message: wire.Init) -> None:
        if self.init.done():
            return
        self.session.clock.set(message.multi_media_time)
        self.init.set_result(message)
        self._mouse_modes(message.supported_mouse_modes, message.current_mouse_mode)
        self.agent.machine.tokens = message.agent_tokens
        if message.agent_connected:
            self._agent_came()

    def on_channels_list(self, message: wire.ChannelsList) -> None:
        known = []
        for channel in message.channels:
            try:
                known.append(ChannelKey(ChannelType(channel.type), channel.id))
            except ValueError:
                self.log.info("channel type %d is not known", channel.type)
        if not self.channel_list.done():
            self.channel_list.set_result(known)

    def on_mouse_mode(self, message: wire.MouseMode) -> None:
        self._mouse_modes(message.supported_modes, message.current_mode)

    def _mouse_modes(self, supported: int, current: int) -> None:
        self.supported_mouse_modes = MouseMode(supported & 3)
        self.mouse_mode = MouseMode.CLIENT if current & MouseMode.CLIENT else MouseMode.SERVER
        self.session.driver.mouse_mode_changed(self.mouse_mode is MouseMode.CLIENT)
        wanted = self.session.wanted_mouse_mode
        if wanted & self.supported_mouse_modes and wanted is not self.mouse_mode:
            self.send(wire.MouseModeRequest(wanted))

    def on_multi_media_time(self, message: wire.MultiMediaTime) -> None:
        self.session.clock.set(message.time)

    def on_agent_connected(self, message: wire.AgentConnected) -> None:
        self._agent_came()

    def on_agent_connected_tokens(self, message: wire.AgentConnectedTokens) -> None:
        self._agent_came(message.num_tokens)

    def on_agent_disconnected(self, message: wire.AgentDisconnected) -> None:
        was_connected = self.agent.connected
        self.agent.stop()
        if was_connected:
            self.session.driver.agent_changed(False)

    def _agent_came(self, tokens: int | None = None) -> None:
        was_connected = self.agent.connected
        self.agent.start(tokens)
        if not was_connected:
            self.session.driver.agent_changed(True)

    def on_agent_data(self, message: wire.AgentData) -> None:
        self.agent.receive(message.data)

    def on_agent_token(self, message: wire.AgentToken) -> None:
        self.agent.give(message.num_tokens)

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self.agent.close()

    def on_name(self, message: wire.Name) -> None:
        self.name = wire.text(message.name)
        self.session.driver.name_changed(self.name)

    def on_uuid(self, message: wire.Uuid) -> None:
        self.uuid = uuid.UUID(bytes=message.uuid) if any(message.uuid) else None

    def on_migrate_begin(self, message: wire.MigrateBegin) -> None:
        # Not announced, so not expected; the server waits for an answer before it goes on.
        self.send(wire.MigrateConnectError())

    def on_migrate_begin_seamless(self, message: wire.MigrateBeginSeamless) -> None:
        self.send(wire.MigrateConnectError())

    def on_migrate_switch_host(self, message: wire.MigrateSwitchHost) -> None:
        target = message.dst_info
        host = target.host.decode("utf-8", "replace")
        self.session.notice(f"the machine has moved to {host}:{target.port or target.sport}; connect there")

    def on_migrate_end(self, message: wire.MigrateEnd) -> None:
        self.session.notice("the machine has moved to another host; connect again")


def openable(keys: Sequence[ChannelKey], types: Sequence[ChannelType]) -> list[ChannelKey]:
    """The channels of *types* in the server's list, each once."""
    return [key for key in dict.fromkeys(keys) if key.type in types]
