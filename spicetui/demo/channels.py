"""The demo server's channels: what a client is told of the guest, and what it tells the guest."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ..geometry import Point, Rect
from ..interfaces import ChannelKey
from ..wire import common
from ..wire import cursor as cursor_wire
from ..wire import display as display_wire
from ..wire import inputs as inputs_wire
from ..wire import main as main_wire
from ..wire.enums import (
    ChannelType,
    CursorFlags,
    CursorType,
    DisplayCap,
    ImageCompression,
    InputsCap,
    KeyboardModifierFlags,
    MainCap,
    MouseMode,
    SurfaceFlags,
    SurfaceFmt,
)
from .encode import SURFACE, Encoder
from .scancodes import ScancodeReader
from .screen import Operation, Screen, join
from .server import Server, ServerChannel


@dataclass(frozen=True)
class PointerShape:
    """*pixels*: premultiplied BGRA, row by row; *id* is the key in the clients' caches."""

    id: int
    width: int
    height: int
    hot: Point
    pixels: bytes


class Guest(Protocol):
    """What the server shows and drives; whoever changes *locks*, *shape* or *pointer* calls `GuestServer.poke`."""

    name: str
    uuid: UUID
    screen: Screen
    locks: KeyboardModifierFlags
    shape: PointerShape
    pointer: Point

    def key(self, key: int, down: bool) -> None: ...

    def set_locks(self, locks: KeyboardModifierFlags) -> None: ...

    def pointer_to(self, x: int, y: int) -> None: ...

    def pointer_by(self, dx: int, dy: int) -> None: ...

    def button(self, button: int, down: bool) -> None: ...


class GuestServer(Server):
    """A SPICE server with one display, for *guest*."""

    def __init__(self, guest: Guest, *, password: str = "") -> None:
        super().__init__({ChannelKey(kind.TYPE): kind for kind in CHANNELS}, password=password)
        self.guest = guest

    def display_opening(self) -> None:
        """A client is about to get its first picture."""

    def poke(self) -> None:
        """The guest's lock states or pointer have changed."""
        for session in self.sessions.values():
            for channel in session.channels.values():
                if isinstance(channel, (InputsServer, CursorServer)):
                    channel.update()


class GuestChannel(ServerChannel):
    @property
    def server(self) -> GuestServer:
        server = self.session.server
        assert isinstance(server, GuestServer)
        return server

    @property
    def guest(self) -> Guest:
        return self.server.guest

    @property
    def main(self) -> MainServer:
        main = self.session.channels[ChannelKey(ChannelType.MAIN)]
        assert isinstance(main, MainServer)
        return main


class MainServer(GuestChannel):
    TYPE = ChannelType.MAIN
    MESSAGES = main_wire.MESSAGES
    CAPS = frozenset((MainCap.NAME_AND_UUID,))

    mouse_mode = MouseMode.CLIENT
    round_trip: float | None = None  # seconds
    _ping_id = 0
    _ping_sent = 0.0

    def on_linked(self) -> None:
        both = MouseMode.CLIENT | MouseMode.SERVER
        now_ms = time.monotonic_ns() // 1_000_000 & 0xFFFF_FFFF
        self.send(main_wire.Init(self.session.id, 1, both, self.mouse_mode, 0, 0, now_ms, 0))
        if MainCap.NAME_AND_UUID in self.linked.channel_caps:
            self.send(main_wire.Name(self.guest.name.encode() + b"\0"))
            self.send(main_wire.Uuid(self.guest.uuid.bytes))
        self.ping()

    def on_attach_channels(self, message: main_wire.AttachChannels) -> None:
        others = [main_wire.ChannelId(kind.TYPE, 0) for kind in CHANNELS if kind is not MainServer]
        self.send(main_wire.ChannelsList(others))

    def on_mouse_mode_request(self, message: main_wire.MouseModeRequest) -> None:
        self.mouse_mode = MouseMode.CLIENT if message.mode & MouseMode.CLIENT else MouseMode.SERVER
        self.send(main_wire.MouseMode(MouseMode.CLIENT | MouseMode.SERVER, self.mouse_mode))
        self.server.poke()

    def ping(self) -> None:
        """Measures the round trip, unless a measurement is under way."""
        if self._ping_sent:
            return
        self._ping_id += 1
        self._ping_sent = time.monotonic()
        self.send(common.Ping(self._ping_id, time.monotonic_ns() // 1000, b""))

    def on_pong(self, message: common.Pong) -> None:
        if message.id == self._ping_id and self._ping_sent:
            self.round_trip = time.monotonic() - self._ping_sent
            self._ping_sent = 0.0


class InputsServer(GuestChannel):
    TYPE = ChannelType.INPUTS
    MESSAGES = inputs_wire.MESSAGES
    CAPS = frozenset((InputsCap.KEY_SCANCODE,))

    ACK_BUNCH = 4  # motions between two acknowledgements, fixed by the protocol

    def on_linked(self) -> None:
        self._locks = self.guest.locks
        self._motions = 0
        self._buttons = 0
        self._keys: set[int] = set()
        self._scancodes = ScancodeReader()
        self.send(inputs_wire.InputsInit(self._locks))

    def update(self) -> None:
        if self.guest.locks != self._locks:
            self._locks = self.guest.locks
            self.send(inputs_wire.LedModifiers(self._locks))

    def ended(self) -> None:
        """What the client held down is let go."""
        for key in self._keys:
            self.guest.key(key, False)
        for button in range(1, 8):
            if self._buttons >> button - 1 & 1:
                self.guest.button(button, False)

    # --- keyboard

    def on_key_down(self, message: inputs_wire.KeyDown) -> None:
        self._scan(message.code.to_bytes(4, "little").rstrip(b"\0"))

    def on_key_up(self, message: inputs_wire.KeyUp) -> None:
        self._scan(message.code.to_bytes(4, "little").rstrip(b"\0"))

    def on_key_scancode(self, message: inputs_wire.KeyScancode) -> None:
        self._scan(bytes(message.data))

    def _scan(self, codes: bytes) -> None:
        for key, down in self._scancodes.read(codes):
            if down:
                self._keys.add(key)
            else:
                self._keys.discard(key)
            self.guest.key(key, down)

    def on_key_modifiers(self, message: inputs_wire.KeyModifiers) -> None:
        self.guest.set_locks(KeyboardModifierFlags(message.modifiers & 7))

    # --- pointer

    def on_mouse_motion(self, message: inputs_wire.MouseMotion) -> None:
        self.guest.pointer_by(message.dx, message.dy)
        self._moved()

    def on_mouse_position(self, message: inputs_wire.MousePosition) -> None:
        if self.main.mouse_mode is MouseMode.CLIENT:
            self.guest.pointer_to(message.x, message.y)
        self._moved()

    def _moved(self) -> None:
        self._motions += 1
        if self._motions % self.ACK_BUNCH == 0:
            self.send(inputs_wire.MouseMotionAck())

    def on_mouse_press(self, message: inputs_wire.MousePress) -> None:
        self._button(message.button, True)

    def on_mouse_release(self, message: inputs_wire.MouseRelease) -> None:
        self._button(message.button, False)

    def _button(self, button: int, down: bool) -> None:
        if 1 <= button <= 7:
            bit = 1 << button - 1
            self._buttons = self._buttons | bit if down else self._buttons & ~bit
            self.guest.button(button, down)


class CursorServer(GuestChannel):
    """Keeps the client's pointer as the guest has it; what changed while the client was slow is sent once."""

    TYPE = ChannelType.CURSOR
    MESSAGES = cursor_wire.MESSAGES

    def on_linked(self) -> None:
        self._known: set[int] = set()
        self._shape = self.guest.shape
        self._pointer = self.guest.pointer
        self.send(cursor_wire.CursorInit(self._pointer, 0, 0, 1, self._wire_shape()))

    def made_room(self) -> None:
        self.update()

    def update(self) -> None:
        if not self.has_room:
            return
        shape, pointer = self.guest.shape, self.guest.pointer
        if shape is not self._shape:
            self._shape, self._pointer = shape, pointer
            self.send(cursor_wire.CursorSet(pointer, 1, self._wire_shape()))
        elif pointer != self._pointer and self.main.mouse_mode is MouseMode.SERVER:
            self._pointer = pointer
            self.send(cursor_wire.CursorMove(pointer))

    def _wire_shape(self) -> cursor_wire.CursorShape:
        shape = self._shape
        known = shape.id in self._known
        self._known.add(shape.id)
        header = cursor_wire.CursorHeader(
            shape.id, CursorType.ALPHA, shape.width, shape.height, shape.hot.x, shape.hot.y
        )
        flags = CursorFlags.FROM_CACHE if known else CursorFlags.CACHE_ME
        return cursor_wire.CursorShape(flags, header, b"" if known else shape.pixels)


class DisplayServer(GuestChannel):
    """Sends the screen's operations; while the client does not keep up, places that changed are only remembered and
    then sent as they are at that time."""

    TYPE = ChannelType.DISPLAY
    MESSAGES = display_wire.MESSAGES
    CAPS = frozenset((DisplayCap.MONITORS_CONFIG, DisplayCap.PREF_COMPRESSION, DisplayCap.LZ4_COMPRESSION))
    ACK_WINDOW = 40

    encoder: Encoder | None = None
    _stale: list[Rect]

    def on_display_init(self, message: display_wire.DisplayInit) -> None:
        if self.encoder is not None:
            return
        caps = self.linked.channel_caps
        self.encoder = Encoder(max(0, message.pixmap_cache_size), lz4=DisplayCap.LZ4_COMPRESSION in caps)
        self.server.display_opening()
        screen = self.guest.screen
        width, height = screen.rect.width, screen.rect.height
        self.send(display_wire.SurfaceCreate(SURFACE, width, height, SurfaceFmt.FMT_32_xRGB, SurfaceFlags.PRIMARY))
        if DisplayCap.MONITORS_CONFIG in caps:
            head = display_wire.Head(0, SURFACE, width, height, 0, 0, 0)
            self.send(display_wire.MonitorsConfig(1, [head]))
        self._stale = []
        self._send(screen.copy(screen.rect))
        self.send(display_wire.Mark())
        screen.sinks.append(self)

    def on_preferred_compression(self, message: display_wire.PreferredCompression) -> None:
        if self.encoder is not None and message.image_compression == ImageCompression.OFF:
            self.encoder.lz4 = False
        elif self.encoder is not None:
            self.encoder.lz4 = DisplayCap.LZ4_COMPRESSION in self.linked.channel_caps

    def draw(self, operation: Operation) -> None:
        if self._stale or not self.has_room:
            self._stale = join([*self._stale, operation.rect])
        else:
            self._send(operation)

    def made_room(self) -> None:
        if self.encoder is None:
            return
        stale, self._stale = self._stale, []
        for rect in stale:
            self._send(self.guest.screen.copy(rect))

    def _send(self, operation: Operation) -> None:
        assert self.encoder is not None
        for message in self.encoder.messages(operation):
            self.send(message)

    async def settle(self) -> None:
        """Acknowledgements are always listened to: they are what makes room."""

    def ended(self) -> None:
        if self in self.guest.screen.sinks:
            self.guest.screen.sinks.remove(self)


CHANNELS: tuple[type[GuestChannel], ...] = (MainServer, DisplayServer, InputsServer, CursorServer)
