"""What users of the library implement, as protocols: where bytes come from and where events go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from .geometry import Rect
from .wire.enums import AudioFormat as AudioFormat
from .wire.enums import ChannelType
from .wire.enums import ClipboardFormat as ClipboardFormat
from .wire.enums import ClipboardSelection as ClipboardSelection
from .wire.usb import DeviceInfo as DeviceInfo
from .wire.usb import EndpointInfo as EndpointInfo
from .wire.usb import InterfaceInfo as InterfaceInfo
from .wire.usb import IsoPacket as IsoPacket
from .wire.usb import Transfer as Transfer
from .wire.usb import TransferStatus as TransferStatus

if TYPE_CHECKING:
    from .canvas.cursor import Cursor
    from .canvas.surface import Surface
    from .channels.inputs import Inputs
    from .channels.main import Main


class ChannelKey(NamedTuple):
    """One channel of a session: its type and its number (0, 1 … for several displays)."""

    type: ChannelType
    id: int = 0

    def __str__(self) -> str:
        return f"{self.type.name.lower()}:{self.id}"


class Head(NamedTuple):
    """One monitor of the machine: the part *area* of a display channel's primary surface."""

    display: int  #: number of the display channel
    id: int  #: number of the monitor on that channel
    area: Rect

    @property
    def display_id(self) -> int:
        """How the pointer's messages and the guest agent name it: several monitors are only known on channel 0."""
        return self.id if self.display == 0 else self.display


class Monitor(NamedTuple):
    """A monitor that the guest is asked for, pixels; its physical size in millimetres, 0 when it is not known."""

    width: int
    height: int
    x: int = 0
    y: int = 0
    width_mm: int = 0
    height_mm: int = 0

    @property
    def enabled(self) -> bool:
        """A monitor of no size holds the place of one that is off."""
        return self.width > 0 and self.height > 0


class TransferProgress(NamedTuple):
    """How far a file has come; *error* says why it will come no further."""

    file_name: str
    bytes_sent: int
    total_size: int
    percentage: float
    error: Exception | None = None


class ByteStream(Protocol):
    """A connected, reliable, ordered stream of bytes."""

    async def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most *max_bytes*; empty when the peer has closed. Raises OSError."""
        ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queues *data*; the stream keeps no reference to a mutable buffer after the call."""
        ...

    async def drain(self) -> None:
        """Waits until the queue is short enough to write more. Raises OSError."""
        ...

    async def aclose(self) -> None:
        """Sends what is queued, as far as the peer takes it at once, and closes."""
        ...


class Connector(Protocol):
    """Gives one byte stream per channel. Raises ConnectError or TlsError."""

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> ByteStream:
        """*compress*: whether compressing the transport would pay (False for streams that are compressed already)."""
        ...


@runtime_checkable
class SecurableConnector(Connector, Protocol):
    """A connector that can go over to TLS when the server answers NEED_SECURED."""

    def secure(self, channel: ChannelKey) -> bool:
        """Uses TLS for *channel* from now on; False when no TLS port is known or TLS is in use already."""
        ...


class AudioSink(Protocol):
    """Plays sound or keeps it. Every call is on the event loop and returns at once; devices are opened elsewhere."""

    def attach(self, notice: Callable[[str], None]) -> None:
        """Comes first. *notice* takes one line for the user, from any thread."""
        ...

    def start(self, rate: int, channels: int, format: AudioFormat) -> None:
        """Sound follows: *rate* frames a second of *channels* samples each. May come again without a stop."""
        ...

    def push(self, pcm: bytes, mm_time: int) -> None:
        """Whole frames, interleaved, little endian. *mm_time*: the server's clock when they were made, milliseconds."""
        ...

    def stop(self) -> None:
        """The guest plays no more; what was pushed is still to be heard."""
        ...

    def set_volume(self, volumes: Sequence[int]) -> None:
        """The guest's volume, one for each channel, 65535 is full."""
        ...

    def set_mute(self, muted: bool) -> None: ...

    def set_min_delay(self, ms: int) -> None:
        """The least delay that the server asks for, so that video streams come in time for their sound."""
        ...

    def delay_ms(self) -> int | None:
        """Milliseconds until what is pushed now is heard; None when nobody listens, as with a file."""
        ...

    def close(self) -> None:
        """Gives the device back; may be called twice."""
        ...


class AudioSource(Protocol):
    """Hears something, such as a microphone."""

    def start(
        self,
        rate: int,
        channels: int,
        format: AudioFormat,
        deliver: Callable[[bytes], None],
        notice: Callable[[str], None],
    ) -> None:
        """Returns at once. *deliver* takes whole frames and *notice* one line for the user, both from any thread."""
        ...

    def stop(self) -> None:
        """Nothing is heard any more; may be called twice."""
        ...


class UsbHost(Protocol):
    """Who uses a USB device: the channel that redirects it. Every call is on the event loop."""

    def completed(
        self,
        transfer: Transfer,
        status: TransferStatus,
        data: bytes = b"",
        length: int = 0,
        packets: Sequence[IsoPacket] = (),
    ) -> None:
        """*transfer* has ended: what came (IN), how many bytes went out (OUT), or each of an iso transfer's packets."""
        ...

    def gone(self, reason: str) -> None:
        """The device is unplugged or of no use any more; ``close`` follows."""
        ...


class UsbDevice(Protocol):
    """A USB device, real or emulated. Every call is on the event loop; a device with threads of its own comes back by
    ``call_soon_threadsafe``.

    What streams (iso, interrupt-in, bulk receiving) is several transfers kept in flight by the host, so a device needs
    no more than :meth:`submit` for it. The coroutines raise UsbError with the TransferStatus that the guest is told.
    """

    @property
    def info(self) -> DeviceInfo:
        """Known before :meth:`open`."""
        ...

    @property
    def has_iso(self) -> bool:
        """Whether iso transfers work; otherwise none is submitted and the guest is told so."""
        ...

    async def open(self, host: UsbHost) -> None:
        """Takes the device into use, from the kernel's drivers too. Raises UsbError, in words for the user."""
        ...

    async def close(self) -> None:
        """Ends every transfer and gives the device back; *host* hears nothing afterwards.

        May be called twice, and after an open that failed.
        """
        ...

    def interfaces(self) -> Sequence[InterfaceInfo]:
        """Of the current configuration, each with its current alternate setting; known before :meth:`open`."""
        ...

    def endpoints(self) -> Sequence[EndpointInfo]:
        """Of the current alternate settings, without endpoint 0."""
        ...

    def submit(self, transfer: Transfer) -> None:
        """Starts a transfer, which ends in exactly one ``host.completed``: never inside this call, or a later one.

        Errors are a status there, never an exception here. Transfers of one endpoint end in order.
        """
        ...

    def cancel(self, transfer: Transfer) -> None:
        """Ends a submitted transfer as soon as can be, with CANCELLED or with what it had come to."""
        ...

    async def clear_halt(self, endpoint: int) -> None:
        """The endpoint works again after a stall."""
        ...

    async def reset(self) -> None:
        """A USB port reset; configuration and alternate settings are as before. An error means: it is gone."""
        ...

    def get_configuration(self) -> int: ...

    async def set_configuration(self, value: int) -> None: ...

    def get_alt_setting(self, interface: int) -> int:
        """Raises UsbError with INVAL when there is no such interface."""
        ...

    async def set_alt_setting(self, interface: int, alt: int) -> None: ...


class FolderHost(Protocol):
    """Answers the HTTP connections that the guest's WebDAV daemon brings."""

    async def received(self, connection: int, data: bytes) -> None:
        """The next bytes of a connection, which begins with its first; none at its end. The guest waits meanwhile."""
        ...

    def reset(self) -> None:
        """The guest's daemon has gone, and every connection with it."""
        ...


class FolderLink(Protocol):
    """The way to the guest's WebDAV daemon."""

    @property
    def opened(self) -> bool:
        """Whether the daemon is there."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether nothing may be done to the guest."""
        ...

    def attach(self, host: FolderHost | None) -> None:
        """*host* gets the connections from now on; None: each is told that there is nothing."""
        ...

    async def send_to(self, connection: int, data: bytes | bytearray | memoryview) -> None:
        """Waits until the way to the guest takes more. Raises ChannelClosed."""
        ...

    def end(self, connection: int) -> None:
        """Closes a connection from this side."""
        ...


class SmartcardHost(Protocol):
    """Who uses a card reader: the channel that shares it. Every call is on the event loop."""

    def card_inserted(self, atr: bytes) -> None:
        """A card was put in, or was reset; *atr*: its answer to reset (ISO 7816-3)."""
        ...

    def card_removed(self) -> None: ...

    def gone(self, reason: str) -> None:
        """The reader is unplugged or of no use any more; ``close`` follows."""
        ...


class SmartcardReader(Protocol):
    """A card reader, real or emulated, with one slot. A reader with threads of its own comes back by
    ``call_soon_threadsafe``.
    """

    @property
    def name(self) -> str: ...

    async def open(self, host: SmartcardHost) -> None:
        """Tells *host* from now on what happens, a card that is in it already first. Raises SmartcardError."""
        ...

    async def transmit(self, apdu: bytes) -> bytes:
        """What the card answers to a command (ISO 7816-4), its status word last; one at a time.

        Raises SmartcardError when there is no answer, in words for the user. Neither may be logged: there are PINs.
        """
        ...

    async def close(self) -> None:
        """Gives the reader back and lets the card forget the PIN; *host* hears nothing afterwards. May come twice."""
        ...


class SmartcardState(NamedTuple):
    """A reader that the guest has: its number there, whether it knows of a card in it, the commands answered so far."""

    name: str
    id: int
    card: bool
    commands: int


class Driver(Protocol):
    """Gets what happens in the session; every call is on the event loop and must be short.

    A driver may lack events that it does not care for; :class:`BaseDriver` has them all.
    """

    def display_init(self, surface: Surface) -> None:
        """A display's first frame, or its new size. *surface* stays the same object until the next call."""
        ...

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        """The pixels inside *damage* have changed; only complete updates are reported."""
        ...

    def set_events_target(self, inputs: Inputs) -> None:
        """The inputs channel is ready for keys and pointer."""
        ...

    def set_main_target(self, main: Main) -> None:
        """The main channel is ready."""
        ...

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        """The pointer's picture (None: hidden) and place, in pixels of the display; the hot spot is at (x, y)."""
        ...

    def cursor_changed(self, display: int, cursor: Cursor | None, x: int, y: int) -> None:
        """As set_cursor, for those who care which display channel's pointer it is; both are called."""
        ...

    def display_closed(self, surface: Surface) -> None:
        """The display shows nothing any more (its surface is destroyed)."""
        ...

    def heads_changed(self, display: int, heads: Sequence[Head]) -> None:
        """The monitors that a display channel shows now; reported before the frame that shows them."""
        ...

    def mouse_mode_changed(self, client_mode: bool) -> None:
        """Whether the pointer is placed (client mode) or moved by differences (server mode)."""
        ...

    def agent_changed(self, connected: bool) -> None:
        """The guest agent came or went."""
        ...

    def agent_ready(self, caps: frozenset[int]) -> None:
        """The guest agent has told its capabilities (AgentCap): from now on it does what is asked."""
        ...

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        """Something was copied in the guest; ``main.request_clipboard`` gets it in one of *types*."""
        ...

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        """The guest wants what ``main.grab_clipboard`` has offered. An error refuses it."""
        ...

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        """The guest has nothing in its clipboard any more."""
        ...

    def leds_changed(self, scroll_lock: bool, num_lock: bool, caps_lock: bool) -> None:
        """The guest's lock keys."""
        ...

    def name_changed(self, name: str) -> None:
        """The server told the machine's name."""
        ...

    def microphone_wanted(self, wanted: bool) -> None:
        """The guest begins or ends to listen to its microphone; nothing is sent before the recorder is started."""
        ...

    def volume_changed(self, microphone: bool, volumes: Sequence[int], muted: bool) -> None:
        """The guest has set the volume of what it plays, or of its *microphone*: one a channel, 65535 is full."""
        ...

    def usb_changed(self) -> None:
        """A USB slot came up, or what is in one has another state; ``client.usb.slots`` has them all."""
        ...

    def port_opened(self, name: str, opened: bool) -> None:
        """A port became known, or somebody at its other end came or went; ``client.ports`` has them all."""
        ...

    def smartcards_changed(self, readers: Sequence[SmartcardState]) -> None:
        """The guest got or lost a card reader, or a card in one."""
        ...

    def notice(self, text: str) -> None:
        """One line for the user: the server's notification, or something that could not be shown."""
        ...

    def closed(self, error: Exception | None) -> None:
        """The session is over; *error* is None when this side closed it."""
        ...


class BaseDriver:
    """Every event as a no-op, to be inherited from."""

    def display_init(self, surface: Surface) -> None:
        pass

    def display_refresh(self, surface: Surface, damage: Sequence[Rect]) -> None:
        pass

    def display_closed(self, surface: Surface) -> None:
        pass

    def set_events_target(self, inputs: Inputs) -> None:
        pass

    def set_main_target(self, main: Main) -> None:
        pass

    def set_cursor(self, cursor: Cursor | None, x: int, y: int) -> None:
        pass

    def cursor_changed(self, display: int, cursor: Cursor | None, x: int, y: int) -> None:
        pass

    def heads_changed(self, display: int, heads: Sequence[Head]) -> None:
        pass

    def mouse_mode_changed(self, client_mode: bool) -> None:
        pass

    def agent_changed(self, connected: bool) -> None:
        pass

    def agent_ready(self, caps: frozenset[int]) -> None:
        pass

    def clipboard_grabbed(self, selection: ClipboardSelection, types: Sequence[ClipboardFormat]) -> None:
        pass

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        return b""

    def clipboard_release(self, selection: ClipboardSelection) -> None:
        pass

    def leds_changed(self, scroll_lock: bool, num_lock: bool, caps_lock: bool) -> None:
        pass

    def name_changed(self, name: str) -> None:
        pass

    def microphone_wanted(self, wanted: bool) -> None:
        pass

    def volume_changed(self, microphone: bool, volumes: Sequence[int], muted: bool) -> None:
        pass

    def usb_changed(self) -> None:
        pass

    def port_opened(self, name: str, opened: bool) -> None:
        pass

    def smartcards_changed(self, readers: Sequence[SmartcardState]) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def closed(self, error: Exception | None) -> None:
        pass


class CompleteDriver(BaseDriver):
    """A driver's events, and no-ops where it has none."""

    def __init__(self, driver: object) -> None:
        for name in vars(BaseDriver):
            event = getattr(driver, name, None)
            if not name.startswith("_") and event is not None:
                setattr(self, name, event)
