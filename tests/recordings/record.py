"""Records short sessions: QEMU and Xspice as servers, spice-gtk as a client of the demo desktop."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live import xscenes
from live.qemu import Qemu
from live.reference import Address, Reference
from live.xspice import Xspice
from peer.fake_server import CURSOR, DISPLAY, FULL_HEADERS, INPUTS, MAIN, MINI_HEADERS
from peer.raw_client import RawChannel

from spicetui import ChannelKey, TcpConnector
from spicetui.demo import server as demo_server_module
from spicetui.demo.demo_server import DemoServer
from spicetui.demo.serving import listen_tcp
from spicetui.interfaces import ByteStream
from spicetui.wire import display, inputs, main
from spicetui.wire.enums import DisplayCap, ImageCompression, MainCap

from . import Recording

LIMITS = {"display": 60_000, "main": 4_000, "inputs": 2_000, "cursor": 12_000}
CAPS = {
    MAIN: frozenset((MainCap.NAME_AND_UUID, MainCap.AGENT_CONNECTED_TOKENS)),
    DISPLAY: frozenset(
        (
            DisplayCap.SIZED_STREAM,
            DisplayCap.MONITORS_CONFIG,
            DisplayCap.COMPOSITE,
            DisplayCap.A8_SURFACE,
            DisplayCap.LZ4_COMPRESSION,
            DisplayCap.PREF_COMPRESSION,
        )
    ),
}


class Listening:
    """A channel whose bytes are kept while a task answers pings and windows."""

    def __init__(self, channel: RawChannel) -> None:
        self.channel = channel
        self.data = bytearray(channel._first)
        self.messages: list[Any] = []
        stream = channel.stream
        read = stream.read

        async def keep(max_bytes: int) -> bytes:
            data = await read(max_bytes)
            self.data += data
            return data

        stream.read = keep  # type: ignore[method-assign]
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                self.messages += await self.channel.read()
            except TimeoutError:
                continue  # a channel may have nothing to say for long

    async def have(self, kind: type) -> Any:
        while not any(isinstance(message, kind) for message in self.messages):
            await asyncio.sleep(0.01)
        return next(message for message in self.messages if isinstance(message, kind))

    async def rest(self) -> None:
        """Until nothing has come for a second, but not for long: a text cursor blinks."""
        size = -1
        for _ in range(5):
            if len(self.data) == size:
                break
            size = len(self.data)
            await asyncio.sleep(1.0)


async def record(
    name: str,
    program: str,
    port: int,
    common_caps: frozenset[int],
    compression: ImageCompression | None,
    play: Callable[[], None] | None,
) -> None:
    connector = TcpConnector("127.0.0.1", port)
    heard: dict[ChannelKey, Listening] = {}
    first = Listening(await RawChannel.open(connector, MAIN, caps=CAPS[MAIN], common_caps=common_caps))
    heard[MAIN] = first
    session_id = (await first.have(main.Init)).session_id
    first.channel.send(main.AttachChannels())
    await first.have(main.ChannelsList)
    for key in (DISPLAY, INPUTS, CURSOR):
        caps = CAPS.get(key, frozenset())
        channel = await RawChannel.open(connector, key, session_id, caps=caps, common_caps=common_caps)
        heard[key] = Listening(channel)
    pictures = heard[DISPLAY].channel
    pictures.send(display.DisplayInit(1, 1 << 22, 1, 1 << 20))
    if compression is not None:
        pictures.send(display.PreferredCompression(compression))
    await heard[DISPLAY].rest()
    keys = heard[INPUTS].channel
    for _ in range(4):
        keys.send(inputs.MouseMotion(7, 5, 0))
    for code in (0x3A, 0xBA):
        keys.send(inputs.KeyDown(code) if code < 0x80 else inputs.KeyUp(code))
    if play is not None:
        await asyncio.to_thread(play)
    await heard[DISPLAY].rest()
    for key, listening in heard.items():
        listening.task.cancel()
        kind = key.type.name.lower()
        mini = listening.channel.linked.mini_header
        Recording(f"{name}-{kind}", program, kind, True, mini, bytes(listening.data)).save(LIMITS[kind])
    await asyncio.sleep(1.5)
    for listening in heard.values():
        await listening.channel.close()


def qemu(folder: Path) -> None:
    with Qemu(folder, vga="std", boot_menu=True, compression="auto_glz") as machine:
        assert machine.port is not None
        asyncio.run(record("qemu-std", "QEMU, SeaBIOS on std VGA", machine.port, MINI_HEADERS, None, None))
    with Qemu(folder, vga="qxl", nic=True) as machine:
        assert machine.port is not None
        work = record("qemu-qxl", "QEMU, iPXE on qxl", machine.port, FULL_HEADERS, ImageCompression.LZ, None)
        asyncio.run(work)


def xspice(folder: Path) -> None:
    for compression in (ImageCompression.QUIC, ImageCompression.GLZ):
        own = folder / compression.name
        own.mkdir()
        with Xspice(own, compression="auto_glz") as server, xscenes.desktop(server) as desktop:

            def play(desktop: xscenes.Desktop = desktop) -> None:
                script = "printf '\\033[31mred\\033[0m and plain\\n'"
                window = desktop.terminal(script, "40x8+30+40", *xscenes.CORE_FONT)
                desktop.move(window, (120, 90))
                for step in ("text", "copies", "patterns", "images", "shapes"):
                    desktop.paint(step)

            name = f"xspice-{compression.name.lower()}"
            assert server.port is not None
            asyncio.run(record(name, "Xspice", server.port, MINI_HEADERS, compression, play))


def spice_gtk(folder: Path) -> None:
    """What the reference client says to the demo desktop."""
    said: dict[str, bytearray] = {}

    class Keeping(demo_server_module.Server):
        async def _link(self, stream: ByteStream) -> Any:
            channel, first = await super()._link(stream)
            kind = channel.key.type.name.lower()
            said[kind] = kept = bytearray(first)
            read = stream.read

            async def keep(max_bytes: int) -> bytes:
                data = await read(max_bytes)
                kept.extend(data)
                return data

            stream.read = keep  # type: ignore[method-assign]
            return channel, first

    class KeepingDemo(DemoServer, Keeping):
        pass

    async def serve() -> None:
        listener = listen_tcp("127.0.0.1", 0)
        port = listener.getsockname()[1]
        server = KeepingDemo(animate=False)
        await server.listen_on(listener)
        await asyncio.to_thread(play, port)
        await server.aclose()

    def play(port: int) -> None:
        with Reference(folder, Address(port=port), compression="lz4") as reference:
            reference.rest()
            for code in (0x1E, 0x11D, 0x3A):
                reference.ask("key", scancode=code, down=True)
                reference.ask("key", scancode=code, down=False)
            reference.ask("position", x=100, y=200)
            for down in (True, False):
                reference.ask("button", button=1, down=down, buttons=int(down))
            reference.rest()

    asyncio.run(serve())
    for kind, data in said.items():
        Recording(f"spice-gtk-{kind}", "spice-gtk 0.42", kind, False, True, bytes(data)).save(LIMITS[kind])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="rec-") as name:
        for part in (qemu, xspice, spice_gtk):
            if len(sys.argv) == 1 or part.__name__ in sys.argv:
                part(Path(name))
